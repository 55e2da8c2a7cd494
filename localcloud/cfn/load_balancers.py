"""Load balancers, as far as an endpoint service needs one: the balancer, its target group, its listener."""

from __future__ import annotations

from typing import Any

from .client import client
from .registry import Created, Properties, ResourceType, pick, register


def _tags(properties: Properties) -> dict[str, Any]:
    tags = [{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in properties.get("Tags") or []]
    return {"Tags": tags} if tags else {}


def _name(properties: Properties, stack: str, logical_id: str) -> str:
    return str(properties.get("Name") or f"{stack}-{logical_id}"[:32].strip("-"))


def _balancer_answer(balancer: dict[str, Any]) -> dict[str, Any]:
    arn = balancer["LoadBalancerArn"]
    return {
        "LoadBalancerArn": arn,
        "LoadBalancerFullName": arn.split(":loadbalancer/")[-1],
        "LoadBalancerName": balancer["LoadBalancerName"],
        "DNSName": balancer["DNSName"],
        "CanonicalHostedZoneID": balancer.get("CanonicalHostedZoneId", ""),
        "SecurityGroups": balancer.get("SecurityGroups", []),
    }


def _create_balancer(logical_id: str, properties: Properties, stack: str) -> Created:
    balancer = client("elbv2").create_load_balancer(
        Name=_name(properties, stack, logical_id),
        **pick(properties, "Type", "Scheme", "Subnets", "SubnetMappings", "SecurityGroups", "IpAddressType"),
        **_tags(properties),
    )["LoadBalancers"][0]
    return balancer["LoadBalancerArn"], _balancer_answer(balancer)


def _update_balancer(arn: str, old: Properties, new: Properties) -> dict[str, Any]:
    elb = client("elbv2")
    if new.get("Subnets") != old.get("Subnets") and new.get("Subnets"):
        elb.set_subnets(LoadBalancerArn=arn, Subnets=new["Subnets"])
    if new.get("SecurityGroups") != old.get("SecurityGroups") and new.get("SecurityGroups"):
        elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=new["SecurityGroups"])
    return _balancer_answer(elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0])


def _create_target_group(logical_id: str, properties: Properties, stack: str) -> Created:
    wanted = pick(properties, "Protocol", "VpcId", "TargetType", "HealthCheckProtocol", "HealthCheckPath")
    if "Port" in properties:
        wanted["Port"] = int(properties["Port"])
    group = client("elbv2").create_target_group(
        Name=_name(properties, stack, logical_id), **wanted, **_tags(properties)
    )["TargetGroups"][0]
    arn = group["TargetGroupArn"]
    return arn, {"TargetGroupArn": arn, "TargetGroupName": group["TargetGroupName"], "TargetGroupFullName": arn}


def _create_listener(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    listener = client("elbv2").create_listener(
        LoadBalancerArn=properties["LoadBalancerArn"],
        Protocol=properties["Protocol"],
        Port=int(properties["Port"]),
        DefaultActions=[pick(action, "Type", "TargetGroupArn") for action in properties["DefaultActions"]],
    )["Listeners"][0]
    return listener["ListenerArn"], {"ListenerArn": listener["ListenerArn"]}


def register_types() -> None:
    """Register the types of this file. Their tags are set on creation and not changed later."""
    register(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        ResourceType(
            _create_balancer,
            lambda arn, _: client("elbv2").delete_load_balancer(LoadBalancerArn=arn),
            _update_balancer,
            replaced_by=("Name", "Scheme", "Type"),
            tagged=False,
        ),
    )
    register(
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        ResourceType(
            _create_target_group,
            lambda arn, _: client("elbv2").delete_target_group(TargetGroupArn=arn),
            replaced_by=("Name", "Port", "Protocol", "TargetType", "VpcId"),
            tagged=False,
        ),
    )
    register(
        "AWS::ElasticLoadBalancingV2::Listener",
        ResourceType(
            _create_listener,
            lambda arn, _: client("elbv2").delete_listener(ListenerArn=arn),
            replaced_by=("LoadBalancerArn", "Port", "Protocol"),
            tagged=False,
        ),
    )
