"""ECS: clusters, task definitions, services.

Sources: Template Reference, AWS::ECS::Cluster, AWS::ECS::TaskDefinition (every change makes a new revision; Ref is
its ARN), AWS::ECS::Service (Ref is the ARN; scaled to zero and drained before it is deleted),
AWS::ECS::CapacityProvider.
"""

from __future__ import annotations

from typing import Any

from .api import parameters
from .client import client
from .registry import Created, Properties, ResourceType, generated, pick, register

_SPELLED = {"ClusterSettings": "settings"}


def _create_cluster(logical_id: str, properties: Properties, stack: str) -> Created:
    name = str(properties.get("ClusterName") or generated(stack, logical_id, 255))
    wanted = parameters("ecs", "CreateCluster", {**properties, "ClusterName": name}, **_SPELLED)
    cluster = client("ecs").create_cluster(**wanted)["cluster"]
    return name, {"Arn": cluster["clusterArn"]}


def _update_cluster(name: str, old: Properties, new: Properties) -> dict[str, Any]:
    del old
    changed = parameters("ecs", "UpdateCluster", pick(new, "ClusterSettings", "Configuration"), **_SPELLED)
    if changed:
        client("ecs").update_cluster(cluster=name, **changed)
    return {"Arn": client("ecs").describe_clusters(clusters=[name])["clusters"][0]["clusterArn"]}


def _create_task_definition(logical_id: str, properties: Properties, stack: str) -> Created:
    family = str(properties.get("Family") or f"{stack}{logical_id}")
    wanted = parameters("ecs", "RegisterTaskDefinition", {**properties, "Family": family})
    arn = client("ecs").register_task_definition(**wanted)["taskDefinition"]["taskDefinitionArn"]
    return arn, {"TaskDefinitionArn": arn}


def _create_service(logical_id: str, properties: Properties, stack: str) -> Created:
    name = str(properties.get("ServiceName") or generated(stack, logical_id, 255))
    wanted = parameters("ecs", "CreateService", {**properties, "ServiceName": name})
    service = client("ecs").create_service(**wanted)["service"]
    return service["serviceArn"], {"ServiceArn": service["serviceArn"], "Name": service["serviceName"]}


_UPDATED = (
    "DesiredCount",
    "TaskDefinition",
    "NetworkConfiguration",
    "DeploymentConfiguration",
    "PlatformVersion",
    "HealthCheckGracePeriodSeconds",
    "EnableExecuteCommand",
    "LoadBalancers",
    "CapacityProviderStrategy",
)


def _update_service(arn: str, old: Properties, new: Properties) -> dict[str, Any]:
    changed = {name: new[name] for name in _UPDATED if name in new and new[name] != old.get(name)}
    ecs = client("ecs")
    if changed:
        ecs.update_service(cluster=_cluster_of(arn), service=arn, **parameters("ecs", "UpdateService", changed))
    service = ecs.describe_services(cluster=_cluster_of(arn), services=[arn])["services"][0]
    return {"ServiceArn": arn, "Name": service["serviceName"]}


def _cluster_of(service_arn: str) -> str:
    return service_arn.split("/")[-2]


def _delete_service(arn: str, properties: Properties) -> None:
    del properties
    client("ecs").delete_service(cluster=_cluster_of(arn), service=arn, force=True)


def _retag(arn: str, gone: list[str], changed: dict[str, str]) -> None:
    if gone:
        client("ecs").untag_resource(resourceArn=arn, tagKeys=gone)
    if changed:
        client("ecs").tag_resource(
            resourceArn=arn, tags=[{"key": key, "value": value} for key, value in changed.items()]
        )


def _cluster_arn(name: str) -> str:
    from ministack.core.responses import get_account_id, get_region

    return f"arn:aws:ecs:{get_region()}:{get_account_id()}:cluster/{name}"


def register_types() -> None:
    """Register the types of this file."""
    register(
        "AWS::ECS::Cluster",
        ResourceType(
            _create_cluster,
            lambda name, _: client("ecs").delete_cluster(cluster=name),
            _update_cluster,
            tag_target=_cluster_arn,
            retag=_retag,
        ),
    )
    register(
        "AWS::ECS::TaskDefinition",
        ResourceType(
            _create_task_definition,
            lambda arn, _: client("ecs").deregister_task_definition(taskDefinition=arn),
            lambda arn, _old, _new: {"TaskDefinitionArn": arn},
            retag=_retag,
        ),
    )
    register("AWS::ECS::Service", ResourceType(_create_service, _delete_service, _update_service, retag=_retag))
