"""Load balancers with their attributes, target groups, listeners and rules.

Sources: Template Reference, AWS::ElasticLoadBalancingV2::LoadBalancer, TargetGroup, Listener, ListenerRule.
"""

from __future__ import annotations

from typing import Any

from .api import parameters
from .client import client
from .registry import Created, Properties, ResourceType, generated, pick, register, tag_list


def _name(properties: Properties, stack: str, logical_id: str) -> str:
    return str(properties.get("Name") or generated(stack, logical_id, 32))


def _attributes(properties: Properties, key: str) -> list[dict[str, str]]:
    return [{"Key": one["Key"], "Value": _text(one["Value"])} for one in properties.get(key) or []]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


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
    elb = client("elbv2")
    named = {**properties, "Name": _name(properties, stack, logical_id)}
    balancer = elb.create_load_balancer(**parameters("elbv2", "CreateLoadBalancer", named))["LoadBalancers"][0]
    arn = balancer["LoadBalancerArn"]
    if attributes := _attributes(properties, "LoadBalancerAttributes"):
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)
    return arn, _balancer_answer(balancer)


def _update_balancer(arn: str, old: Properties, new: Properties) -> dict[str, Any]:
    elb = client("elbv2")
    if new.get("Subnets") != old.get("Subnets") and new.get("Subnets"):
        elb.set_subnets(LoadBalancerArn=arn, Subnets=new["Subnets"])
    if new.get("SecurityGroups") != old.get("SecurityGroups") and new.get("SecurityGroups"):
        elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=new["SecurityGroups"])
    attributes = _attributes(new, "LoadBalancerAttributes")
    if attributes and attributes != _attributes(old, "LoadBalancerAttributes"):
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)
    return _balancer_answer(elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0])


def _create_target_group(logical_id: str, properties: Properties, stack: str) -> Created:
    elb = client("elbv2")
    named = {**properties, "Name": _name(properties, stack, logical_id)}
    named.pop("Targets", None)
    group = elb.create_target_group(**parameters("elbv2", "CreateTargetGroup", named))["TargetGroups"][0]
    arn = group["TargetGroupArn"]
    if attributes := _attributes(properties, "TargetGroupAttributes"):
        elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)
    _targets(arn, [], properties.get("Targets") or [])
    return arn, _target_group_answer(group)


def _targets(arn: str, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    elb = client("elbv2")
    if gone := [one for one in before if one not in after]:
        elb.deregister_targets(**parameters("elbv2", "DeregisterTargets", {"TargetGroupArn": arn, "Targets": gone}))
    if added := [one for one in after if one not in before]:
        elb.register_targets(**parameters("elbv2", "RegisterTargets", {"TargetGroupArn": arn, "Targets": added}))


def _target_group_answer(group: dict[str, Any]) -> dict[str, Any]:
    arn = group["TargetGroupArn"]
    balancers = group.get("LoadBalancerArns", [])
    return {
        "TargetGroupArn": arn,
        "TargetGroupName": group["TargetGroupName"],
        "TargetGroupFullName": arn.split(":", 5)[-1],
        "LoadBalancerArns": balancers,
    }


def _update_target_group(arn: str, old: Properties, new: Properties) -> dict[str, Any]:
    elb = client("elbv2")
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    health = {key: value for key, value in changed.items() if key.startswith("HealthCheck") or key == "Matcher"}
    if health:
        elb.modify_target_group(**parameters("elbv2", "ModifyTargetGroup", {**health, "TargetGroupArn": arn}))
    if attributes := _attributes(changed, "TargetGroupAttributes"):
        elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)
    _targets(arn, old.get("Targets") or [], new.get("Targets") or [])
    return _target_group_answer(elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0])


def _create_listener(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    listener = client("elbv2").create_listener(**parameters("elbv2", "CreateListener", properties))["Listeners"][0]
    return listener["ListenerArn"], {"ListenerArn": listener["ListenerArn"]}


def _update_listener(arn: str, old: Properties, new: Properties) -> dict[str, Any]:
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    if wanted := parameters("elbv2", "ModifyListener", changed):
        client("elbv2").modify_listener(**{**wanted, "ListenerArn": arn})
    return {"ListenerArn": arn}


def _create_rule(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    rule = client("elbv2").create_rule(**parameters("elbv2", "CreateRule", properties))["Rules"][0]
    return rule["RuleArn"], {"RuleArn": rule["RuleArn"], "IsDefault": False}


def _update_rule(arn: str, old: Properties, new: Properties) -> dict[str, Any]:
    elb = client("elbv2")
    changed = pick({key: value for key, value in new.items() if old.get(key) != value}, "Actions", "Conditions")
    if wanted := parameters("elbv2", "ModifyRule", changed):
        elb.modify_rule(**{**wanted, "RuleArn": arn})
    if str(new.get("Priority")) != str(old.get("Priority")):
        elb.set_rule_priorities(RulePriorities=[{"RuleArn": arn, "Priority": int(new["Priority"])}])
    return {"RuleArn": arn, "IsDefault": False}


def _retag(arn: str, gone: list[str], changed: dict[str, str]) -> None:
    if gone:
        client("elbv2").remove_tags(ResourceArns=[arn], TagKeys=gone)
    if changed:
        client("elbv2").add_tags(ResourceArns=[arn], Tags=tag_list(changed))


def register_types() -> None:
    """Register the types of this file."""
    balancing = "AWS::ElasticLoadBalancingV2::"
    register(
        f"{balancing}LoadBalancer",
        ResourceType(
            _create_balancer,
            lambda arn, _: client("elbv2").delete_load_balancer(LoadBalancerArn=arn),
            _update_balancer,
            replaced_by=("Name", "Scheme", "Type"),
            retag=_retag,
        ),
    )
    register(
        f"{balancing}TargetGroup",
        ResourceType(
            _create_target_group,
            lambda arn, _: client("elbv2").delete_target_group(TargetGroupArn=arn),
            _update_target_group,
            replaced_by=("IpAddressType", "Name", "Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId"),
            retag=_retag,
        ),
    )
    register(
        f"{balancing}Listener",
        ResourceType(
            _create_listener,
            lambda arn, _: client("elbv2").delete_listener(ListenerArn=arn),
            _update_listener,
            replaced_by=("LoadBalancerArn",),
            tagged=False,
        ),
    )
    register(
        f"{balancing}ListenerRule",
        ResourceType(
            _create_rule,
            lambda arn, _: client("elbv2").delete_rule(RuleArn=arn),
            _update_rule,
            replaced_by=("ListenerArn",),
            tagged=False,
        ),
    )
