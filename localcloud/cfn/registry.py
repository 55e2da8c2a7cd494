"""How a resource type is described to the emulator's CloudFormation engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from botocore.exceptions import ClientError

from . import schema
from .client import client

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]

TYPES: dict[str, ResourceType] = {}


def _unchanged(physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
    del physical_id, old, new
    return {}


@dataclass(frozen=True)
class ResourceType:
    """One type: how to create, change and delete it, and which properties need a new one ("Update requires")."""

    # (logical id, properties, stack name) -> (physical id, attributes)
    create: Callable[[str, Properties, str], Created]
    delete: Callable[[str, Properties], Any]
    # (physical id, old, new) -> attributes
    update: Callable[[str, Properties, Properties], dict[str, Any]] = field(default=_unchanged)
    # what the type's schema says, unless told
    replaced_by: tuple[str, ...] | None = None
    tagged: bool = True
    # the id to tag, where it is not the physical id
    tag_target: Callable[[str], str] = field(default=lambda physical_id: physical_id)
    # (id to tag, tags that go, tags that are set); EC2's CreateTags and DeleteTags unless told
    retag: Callable[[str, list[str], dict[str, str]], Any] | None = None
    # what `DeletionPolicy: Snapshot` does first, for the types that have it
    snapshot: Callable[[str, Properties], Any] | None = None

    def delete_quietly(self, physical_id: str, properties: Properties) -> None:
        """Delete; what is gone already is deleted."""
        try:
            self.delete(physical_id, properties)
        except ClientError as error:
            if "NotFound" not in error.response["Error"]["Code"]:
                raise


def register(name: str, resource: ResourceType) -> None:
    """Serve a resource type."""
    if resource.replaced_by is None:
        resource = replace(resource, replaced_by=schema.replaced_by(name))
    TYPES[name] = resource


def boolean(value: Any) -> bool:
    """A template's boolean, which YAML may carry as a string."""
    return str(value).lower() == "true"


def pick(properties: Properties, *names: str) -> Properties:
    """The named properties that are set."""
    return {name: properties[name] for name in names if name in properties}


def tag_specification(resource_type: str, properties: Properties) -> dict[str, Any]:
    """`TagSpecifications` from a template's `Tags` (CloudFormation's own three among them)."""
    tags = [{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in properties.get("Tags") or []]
    return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": tags}]} if tags else {}


def reconcile_tags(resource: ResourceType, physical_id: str, old: Properties, new: Properties) -> None:
    """Make the resource's tags follow the template's."""
    before = {tag["Key"]: str(tag["Value"]) for tag in old.get("Tags") or []}
    after = {tag["Key"]: str(tag["Value"]) for tag in new.get("Tags") or []}
    gone = [key for key in before if key not in after]
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    if gone or changed:
        (resource.retag or _retag)(resource.tag_target(physical_id), gone, changed)


def _retag(resource_id: str, gone: list[str], changed: dict[str, str]) -> None:
    if gone:
        client().delete_tags(Resources=[resource_id], Tags=[{"Key": key} for key in gone])
    if changed:
        client().create_tags(Resources=[resource_id], Tags=tag_list(changed))


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """Tags as most services take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def generated(stack: str, logical_id: str, longest: int) -> str:
    """The name that CloudFormation makes up: the stack's, the resource's, and something random, cut to fit."""
    suffix = os.urandom(6).hex()
    room = longest - len(suffix) - 1
    return f"{f'{stack}-{logical_id}'[:room].strip('-')}-{suffix}"
