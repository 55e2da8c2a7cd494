"""Drift detection of what runs in a network: databases, services, load balancers, instances, records.

Source: CloudFormation User Guide, "Detect unmanaged configuration changes": explicitly set properties are compared; a
resource that is gone is DELETED. Read is what somebody would change by hand to make a thing reachable.
"""

from __future__ import annotations

from collections.abc import Callable

from botocore.exceptions import ClientError

from .. import hooks
from . import records
from .client import client
from .registry import Properties

Reader = Callable[[str, Properties], Properties | None]


def _reader(read: Callable[[str], Properties | None]) -> Reader:
    def guarded(physical_id: str, properties: Properties) -> Properties | None:
        try:
            current = read(physical_id)
        except (ClientError, IndexError):
            return None
        return None if current is None else _as_declared(current, properties)

    return guarded


def _as_declared(current: Properties, declared: Properties) -> Properties:
    """Of what there is, what the template sets, at every depth."""
    answer = {}
    for name, value in current.items():
        if name in declared:
            inner = declared[name]
            both = isinstance(value, dict) and isinstance(inner, dict)
            answer[name] = _as_declared(value, inner) if both else value
    return answer


def _instance(identifier: str) -> Properties:
    found = client("rds").describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
    return {
        "PubliclyAccessible": found.get("PubliclyAccessible", False),
        "DeletionProtection": found.get("DeletionProtection", False),
        "VPCSecurityGroups": [group["VpcSecurityGroupId"] for group in found.get("VpcSecurityGroups", [])],
    }


def _service(arn: str) -> Properties | None:
    cluster = arn.split("/")[-2]
    found = client("ecs").describe_services(cluster=cluster, services=[arn])["services"][0]
    if found["status"] == "INACTIVE":
        return None
    network = found.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    return {
        "TaskDefinition": found["taskDefinition"],
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "AssignPublicIp": network.get("assignPublicIp", "DISABLED"),
                "SecurityGroups": network.get("securityGroups", []),
                "Subnets": network.get("subnets", []),
            }
        },
    }


def _balancer(arn: str) -> Properties:
    found = client("elbv2").describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
    return {
        "Scheme": found["Scheme"],
        "SecurityGroups": found.get("SecurityGroups", []),
        "Subnets": [zone["SubnetId"] for zone in found["AvailabilityZones"]],
    }


def _ec2_instance(instance_id: str) -> Properties | None:
    [found] = client().describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
    if found["State"]["Name"] in ("shutting-down", "terminated"):
        return None
    return {
        "InstanceType": found["InstanceType"],
        "SecurityGroupIds": [group["GroupId"] for group in found.get("SecurityGroups", [])],
        "SubnetId": found.get("SubnetId"),
    }


def _group(name: str) -> Properties:
    found = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
    return {
        "MinSize": str(found["MinSize"]),
        "MaxSize": str(found["MaxSize"]),
        "VPCZoneIdentifier": found.get("VPCZoneIdentifier", "").split(","),
    }


def _cache(name: str) -> Properties:
    client("elasticache").describe_replication_groups(ReplicationGroupId=name)
    return {}


def _record(resource_type: str) -> Reader:
    def read(physical_id: str, properties: Properties) -> Properties | None:
        del properties
        return records.state.records.get(records.key(resource_type, physical_id))

    return read


_READERS: dict[str, tuple[Callable[[str], Properties | None], tuple[str, ...]]] = {
    "AWS::RDS::DBInstance": (_instance, ("PubliclyAccessible", "DeletionProtection", "VPCSecurityGroups")),
    "AWS::ECS::Service": (_service, ("TaskDefinition", "NetworkConfiguration")),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (_balancer, ("Scheme", "SecurityGroups", "Subnets")),
    "AWS::EC2::Instance": (_ec2_instance, ("InstanceType", "SecurityGroupIds", "SubnetId")),
    "AWS::AutoScaling::AutoScalingGroup": (_group, ("MinSize", "MaxSize", "VPCZoneIdentifier")),
    "AWS::ElastiCache::ReplicationGroup": (_cache, ()),
}


def install() -> None:
    """Register the readers."""
    from ministack.services.cloudformation import drift

    readers = hooks.require(drift, "_DRIFT_READERS")
    for name, (read, compared) in _READERS.items():
        readers[name] = (_reader(read), frozenset(compared))
    for name in records.names():
        readers[name] = (_record(name), frozenset())
