"""Auto Scaling groups with their policies, schedules and hooks.

Sources: Template Reference, AWS::AutoScaling::AutoScalingGroup (Ref is the name), AWS::AutoScaling::ScalingPolicy
(Ref is the ARN), AWS::AutoScaling::ScheduledAction, AWS::AutoScaling::LifecycleHook; Auto Scaling User Guide, "Auto
Scaling benefits for application architecture" (instances are spread evenly over the Availability Zones).
"""

from __future__ import annotations

from typing import Any

from .api import parameters
from .client import client
from .registry import Created, Properties, ResourceType, generated, pick, register


def _shaped(properties: Properties, name: str) -> Properties:
    shaped = {**properties, "AutoScalingGroupName": name}
    if isinstance(shaped.get("VPCZoneIdentifier"), list):
        shaped["VPCZoneIdentifier"] = ",".join(shaped["VPCZoneIdentifier"])
    shaped["Tags"] = [
        {
            "ResourceId": name,
            "ResourceType": "auto-scaling-group",
            "Key": tag["Key"],
            "Value": str(tag["Value"]),
            "PropagateAtLaunch": tag.get("PropagateAtLaunch", True),
        }
        for tag in properties.get("Tags") or []
    ]
    return shaped


def _create_group(logical_id: str, properties: Properties, stack: str) -> Created:
    name = str(properties.get("AutoScalingGroupName") or generated(stack, logical_id, 255))
    wanted = parameters("autoscaling", "CreateAutoScalingGroup", _shaped(properties, name))
    client("autoscaling").create_auto_scaling_group(**wanted)
    for collection in properties.get("MetricsCollection") or []:
        client("autoscaling").enable_metrics_collection(
            AutoScalingGroupName=name, **pick(collection, "Granularity", "Metrics")
        )
    return name, _answer(name)


def _answer(name: str) -> dict[str, Any]:
    [group] = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    return {"AutoScalingGroupARN": group["AutoScalingGroupARN"]}


def _update_group(name: str, old: Properties, new: Properties) -> dict[str, Any]:
    changed = {key: value for key, value in new.items() if old.get(key) != value and key != "Tags"}
    wanted = parameters("autoscaling", "UpdateAutoScalingGroup", {**_shaped(changed, name)})
    if len(wanted) > 1:
        client("autoscaling").update_auto_scaling_group(**wanted)
    return _answer(name)


def _retag(name: str, gone: list[str], changed: dict[str, str]) -> None:
    scaling = client("autoscaling")
    whose = {"ResourceId": name, "ResourceType": "auto-scaling-group"}
    if gone:
        scaling.delete_tags(Tags=[{**whose, "Key": key} for key in gone])
    if changed:
        scaling.create_or_update_tags(
            Tags=[{**whose, "Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in changed.items()]
        )


def _delete_group(name: str, properties: Properties) -> None:
    del properties
    client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)


def _create_policy(logical_id: str, properties: Properties, stack: str) -> Created:
    name = generated(stack, logical_id, 255)
    shaped = {"PolicyType": "SimpleScaling", **properties, "PolicyName": name}
    return _put_policy(shaped)


def _put_policy(shaped: Properties) -> Created:
    made = client("autoscaling").put_scaling_policy(**parameters("autoscaling", "PutScalingPolicy", shaped))
    return made["PolicyARN"], {"Arn": made["PolicyARN"], "PolicyName": shaped["PolicyName"]}


def _update_policy(arn: str, old: Properties, new: Properties) -> dict[str, Any]:
    del old
    return _put_policy({"PolicyType": "SimpleScaling", **new, "PolicyName": arn.split("policyName/")[-1]})[1]


def _delete_policy(arn: str, properties: Properties) -> None:
    client("autoscaling").delete_policy(
        AutoScalingGroupName=properties["AutoScalingGroupName"], PolicyName=arn.split("policyName/")[-1]
    )


def _create_schedule(logical_id: str, properties: Properties, stack: str) -> Created:
    name = generated(stack, logical_id, 255)
    shaped = {**properties, "ScheduledActionName": name}
    client("autoscaling").put_scheduled_update_group_action(
        **parameters("autoscaling", "PutScheduledUpdateGroupAction", shaped)
    )
    return name, {"ScheduledActionName": name}


def _update_schedule(name: str, old: Properties, new: Properties) -> dict[str, Any]:
    del old
    shaped = {**new, "ScheduledActionName": name}
    client("autoscaling").put_scheduled_update_group_action(
        **parameters("autoscaling", "PutScheduledUpdateGroupAction", shaped)
    )
    return {"ScheduledActionName": name}


def _create_hook(logical_id: str, properties: Properties, stack: str) -> Created:
    name = str(properties.get("LifecycleHookName") or generated(stack, logical_id, 255))
    shaped = {**properties, "LifecycleHookName": name}
    client("autoscaling").put_lifecycle_hook(**parameters("autoscaling", "PutLifecycleHook", shaped))
    return name, {}


def register_types() -> None:
    """Register the types of this file."""
    scaling = "AWS::AutoScaling::"
    register(f"{scaling}AutoScalingGroup", ResourceType(_create_group, _delete_group, _update_group, retag=_retag))
    register(f"{scaling}ScalingPolicy", ResourceType(_create_policy, _delete_policy, _update_policy, tagged=False))
    register(
        f"{scaling}ScheduledAction",
        ResourceType(
            _create_schedule,
            lambda name, properties: client("autoscaling").delete_scheduled_action(
                AutoScalingGroupName=properties["AutoScalingGroupName"], ScheduledActionName=name
            ),
            _update_schedule,
            tagged=False,
        ),
    )
    register(
        f"{scaling}LifecycleHook",
        ResourceType(
            _create_hook,
            lambda name, properties: client("autoscaling").delete_lifecycle_hook(
                AutoScalingGroupName=properties["AutoScalingGroupName"], LifecycleHookName=name
            ),
            tagged=False,
        ),
    )
