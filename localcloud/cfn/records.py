"""Resource types that nothing in the local cloud looks at: kept as what the template says of them, and no more.

Their properties are checked against the type's schema like all others, a name is taken once, Ref and Fn::GetAtt are
what the Template Reference says, changes and deletions are kept. No API shows them.
"""

from __future__ import annotations

import copy
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .registry import Created, Properties, ResourceType, generated, register

Key = tuple[str, str, str, str]  # account, Region, type, physical id


@dataclass
class State:
    """The records there are; part of a snapshot of the local cloud."""

    records: dict[Key, Properties] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget everything, as after a reset."""
        self.records.clear()


state = State()


def _place() -> tuple[str, str]:
    from ministack.core.responses import get_account_id, get_region

    return get_account_id(), get_region()


def key(resource_type: str, physical_id: str) -> Key:
    """The place of a record, in the account and Region of the stack that is being worked on."""
    return (*_place(), resource_type, physical_id)


@dataclass(frozen=True)
class _Identity:
    """How a resource is called: what Ref gives, and what Fn::GetAtt does."""

    ref: Callable[[str, Properties, str], str]
    attributes: Callable[[str, Properties], dict[str, Any]] = lambda ref, properties: {}


def _joined(*names: str) -> Callable[[str, Properties, str], str]:
    return lambda logical_id, properties, stack: "|".join(str(properties[name]) for name in names)


def _named(name: str, longest: int = 128) -> Callable[[str, Properties, str], str]:
    return lambda logical_id, properties, stack: str(properties.get(name) or generated(stack, logical_id, longest))


def _unique(logical_id: str, properties: Properties, stack: str) -> str:
    del logical_id, properties, stack
    return str(uuid.uuid4())


def _arn(service: str, kind: str, name: str) -> Callable[[str, Properties, str], str]:
    def ref(logical_id: str, properties: Properties, stack: str) -> str:
        account, region = _place()
        return f"arn:aws:{service}:{region}:{account}:{kind}{properties.get(name) or generated(stack, logical_id, 64)}"

    return ref


def _scaling_policy(logical_id: str, properties: Properties, stack: str) -> str:
    del logical_id, stack
    account, region = _place()
    target = properties.get("ScalingTargetId") or f"{properties.get('ResourceId')}"
    resource = target.split("|")[0]
    namespace = properties.get("ServiceNamespace") or target.split("|")[-1]
    return (
        f"arn:aws:autoscaling:{region}:{account}:scalingPolicy:{uuid.uuid4()}:resource/"
        f"{namespace}/{resource}:policyName/{properties['PolicyName']}"
    )


def _is(name: str) -> Callable[[str, Properties], dict[str, Any]]:
    return lambda ref, properties: {name: ref}


_TYPES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": _Identity(
        _joined("ResourceId", "ScalableDimension", "ServiceNamespace"), _is("Id")
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": _Identity(_scaling_policy, _is("Arn")),
    "AWS::Athena::NamedQuery": _Identity(_unique, _is("NamedQueryId")),
    "AWS::Budgets::Budget": _Identity(
        lambda logical_id, properties, stack: str(
            properties["Budget"].get("BudgetName") or generated(stack, logical_id, 100)
        )
    ),
    "AWS::CloudWatch::CompositeAlarm": _Identity(
        _named("AlarmName"),
        lambda ref, properties: {"Arn": "arn:aws:cloudwatch:{1}:{0}:alarm:{2}".format(*_place(), ref)},
    ),
    "AWS::ECS::ClusterCapacityProviderAssociations": _Identity(_joined("Cluster")),
    "AWS::IAM::ServiceLinkedRole": _Identity(
        lambda logical_id, properties, stack: f"AWSServiceRoleFor{properties['AWSServiceName'].split('.')[0]}",
        _is("RoleName"),
    ),
    "AWS::Logs::QueryDefinition": _Identity(_unique, _is("QueryDefinitionId")),
    "AWS::Route53::HealthCheck": _Identity(_unique, _is("HealthCheckId")),
    "AWS::SNS::TopicInlinePolicy": _Identity(_joined("TopicArn")),
    "AWS::SQS::QueueInlinePolicy": _Identity(_joined("Queue")),
    "AWS::SSM::Association": _Identity(_unique, _is("AssociationId")),
    "AWS::SSM::Document": _Identity(_named("Name")),
    "AWS::SecretsManager::ResourcePolicy": _Identity(_joined("SecretId"), _is("Id")),
    "AWS::SecretsManager::RotationSchedule": _Identity(_joined("SecretId"), _is("Id")),
    "AWS::WAFv2::LoggingConfiguration": _Identity(_joined("ResourceArn")),
    "AWS::WAFv2::WebACLAssociation": _Identity(_joined("ResourceArn", "WebACLArn")),
}


def names() -> tuple[str, ...]:
    """The types that are records only."""
    return tuple(_TYPES)


def create(resource_type: str, ref: str, properties: Properties) -> None:
    """Keep a record, under a name that is free."""
    place = key(resource_type, ref)
    if place in state.records:
        raise ValueError(
            f"Resource handler returned message: \"Resource of type '{resource_type}' with identifier '{ref}' already "
            'exists." (HandlerErrorCode: AlreadyExists)'
        )
    state.records[place] = copy.deepcopy(properties)


def _type(resource_type: str, identity: _Identity) -> ResourceType:
    def make(logical_id: str, properties: Properties, stack: str) -> Created:
        ref = identity.ref(logical_id, properties, stack)
        create(resource_type, ref, properties)
        return ref, identity.attributes(ref, properties)

    def update(ref: str, old: Properties, new: Properties) -> dict[str, Any]:
        del old
        place = key(resource_type, ref)
        if place not in state.records:
            raise ValueError(f"Resource of type '{resource_type}' with identifier '{ref}' was not found.")
        state.records[place] = copy.deepcopy(new)
        return identity.attributes(ref, new)

    def delete(ref: str, properties: Properties) -> None:
        del properties
        state.records.pop(key(resource_type, ref), None)

    return ResourceType(make, delete, update, tagged=False)


def hexadecimal(digits: int) -> str:
    """The end of an id."""
    return os.urandom(digits).hex()[:digits]


def register_types() -> None:
    """Register the types of this file."""
    for name, identity in _TYPES.items():
        register(name, _type(name, identity))
