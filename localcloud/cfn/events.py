"""CloudFormation's own EventBridge events: status changes of stacks and of their resources.

Source: CloudFormation User Guide, "Managing events with EventBridge", the event detail reference of "CloudFormation
Stack Status Change" and "CloudFormation Resource Status Change".
"""

from __future__ import annotations

from typing import Any

from .. import hooks
from ..cloudtrail import delivery

_STACK = "AWS::CloudFormation::Stack"


def _announce(
    stack_id: str, stack_name: str, logical_id: str, resource_type: str, status: str, reason: str, physical_id: str
) -> None:
    details = {"status": status, "status-reason": reason or ""}
    if resource_type == _STACK and logical_id == stack_name:
        delivery.send(
            "aws.cloudformation",
            "CloudFormation Stack Status Change",
            {"stack-id": stack_id, "status-details": details},
            [stack_id],
        )
        return
    delivery.send(
        "aws.cloudformation",
        "CloudFormation Resource Status Change",
        {
            "stack-id": stack_id,
            "logical-resource-id": logical_id,
            "physical-resource-id": physical_id or "",
            "status-details": details,
            "resource-type": resource_type,
        },
        [stack_id],
    )


class NoSuchStack(Exception):
    """No stack of that name."""


def set_status(name: str, status: str, account: str | None = None, region: str | None = None) -> int:
    """Put the stacks of a name in a status, as an operation on them would; returns how many there are.

    An operation of the engine is over in milliseconds; a real one keeps a stack in `UPDATE_IN_PROGRESS` for minutes.
    The event comes as with every change of status.
    """
    from ministack.core.responses import request_scope
    from ministack.services import cloudformation
    from ministack.services.cloudformation import stacks

    found = 0
    for (owner, place, _), stack in list(cloudformation._stacks._data.items()):
        if stack["StackName"] != name or account not in (None, owner) or region not in (None, place):
            continue
        found += 1
        with request_scope(owner, place):
            stack["StackStatus"] = status
            stacks._add_event(stack["StackId"], name, name, _STACK, status, "", stack["StackId"])
    if not found:
        raise NoSuchStack(f"no stack {name!r}")
    return found


def install() -> None:
    """Announce every event that the engine adds to a stack's list."""
    from ministack.services.cloudformation import changesets, handlers, stacks

    original = hooks.require(stacks, "_add_event")
    hooks.require_parameters(original, "stack_id", "stack_name", "logical_id", "resource_type", "status", "reason")

    def add_event(
        stack_id: str,
        stack_name: str,
        logical_id: str,
        resource_type: str,
        status: str,
        reason: str = "",
        physical_id: str = "",
        detailed_status: str = "",
    ) -> Any:
        added = original(stack_id, stack_name, logical_id, resource_type, status, reason, physical_id, detailed_status)
        _announce(stack_id, stack_name, logical_id, resource_type, status, reason, physical_id)
        return added

    for module in (stacks, changesets, handlers):
        hooks.replace(module, "_add_event", add_event)
