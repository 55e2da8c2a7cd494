"""Resources with a name of their own are never taken over: what a deleted stack left behind fails the next one.

Sources: CloudFormation User Guide, "Troubleshooting CloudFormation" (a resource of that name already exists), and
"DeletionPolicy attribute" (what is retained continues to exist without a stack).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import hooks


def _refusing(type_name: str, key: str, known: Callable[[], Mapping[str, Any]], original: Any) -> Any:
    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name = properties.get(key)
        if name and name in known():
            raise ValueError(
                f"Resource handler returned message: \"Resource of type '{type_name}' with identifier '{name}' already "
                'exists." (HandlerErrorCode: AlreadyExists)'
            )
        return original(logical_id, properties, stack)

    return create


def install() -> None:
    """Wrap the emulator's types, which write over what is there."""
    from ministack.services import dynamodb, iam
    from ministack.services.cloudformation import provisioners

    stores = {
        "AWS::DynamoDB::Table": ("TableName", lambda: hooks.require(dynamodb, "_tables")),
        "AWS::IAM::Role": ("RoleName", lambda: hooks.require(iam, "_roles")),
    }
    handlers = hooks.require(provisioners, "_RESOURCE_HANDLERS")
    for type_name, (key, known) in stores.items():
        known()
        handlers[type_name]["create"] = _refusing(type_name, key, known, handlers[type_name]["create"])
