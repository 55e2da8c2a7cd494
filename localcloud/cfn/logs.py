"""Log groups made by stacks: never over one that exists, retention changed only by who declares it, and on record.

Sources: AWS::Logs::LogGroup (Template Reference); CloudFormation User Guide, "Update behaviors" (only properties that
the template changes are updated) and "Troubleshooting" (a resource of that name already exists, as a retained log group
does when its stack is made again); CloudTrail User Guide, userIdentity `invokedBy`.
"""

from __future__ import annotations

import json
from typing import Any

from .. import hooks
from ..caller import CLOUDFORMATION, access_key, invoked_by
from ..cloudtrail import recorder

TYPE = "AWS::Logs::LogGroup"


def _record(action: str, request: dict[str, Any]) -> None:
    from ministack.core.responses import get_account_id

    token = invoked_by.set(CLOUDFORMATION)
    try:
        headers = {"x-amz-target": f"Logs_20140328.{action}", "user-agent": CLOUDFORMATION}
        key = access_key.get() or get_account_id()
        recorder.record("logs", headers, json.dumps(request).encode(), {}, key, (200, {}, b"{}"))
    finally:
        invoked_by.reset(token)


def _record_retention(name: str, days: Any) -> None:
    if days:
        _record("PutRetentionPolicy", {"logGroupName": name, "retentionInDays": int(days)})
    else:
        _record("DeleteRetentionPolicy", {"logGroupName": name})


def _created(original: Any) -> Any:
    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        from ministack.services import cloudwatch_logs

        name = properties.get("LogGroupName")
        if name and name in cloudwatch_logs._log_groups:
            raise ValueError(
                f"Resource handler returned message: \"Resource of type '{TYPE}' with identifier "
                f'\'{{"/properties/LogGroupName":"{name}"}}\' already exists." (HandlerErrorCode: AlreadyExists)'
            )
        physical_id, attributes = original(logical_id, properties, stack)
        _record("CreateLogGroup", {"logGroupName": physical_id})
        if properties.get("RetentionInDays"):
            _record_retention(physical_id, properties["RetentionInDays"])
        return physical_id, attributes

    return create


def _updated(original: Any) -> Any:
    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any, **named: Any) -> Any:
        from ministack.services import cloudwatch_logs

        group = cloudwatch_logs._log_groups.get(physical_id)
        if group is None:
            raise ValueError(f"Resource of type '{TYPE}' with identifier '{physical_id}' was not found.")
        kept = group["retentionInDays"]
        answer = original(physical_id, old, new, *rest, **named)
        if str(old.get("RetentionInDays") or "") == str(new.get("RetentionInDays") or ""):
            group["retentionInDays"] = kept
        else:
            _record_retention(physical_id, new.get("RetentionInDays"))
        return answer

    return update


def _deleted(original: Any) -> Any:
    def delete(physical_id: str, properties: dict[str, Any], *rest: Any, **named: Any) -> Any:
        from ministack.services import cloudwatch_logs

        there = physical_id in cloudwatch_logs._log_groups
        answer = original(physical_id, properties, *rest, **named)
        if there:
            _record("DeleteLogGroup", {"logGroupName": physical_id})
        return answer

    return delete


def install() -> None:
    """Wrap the emulator's own type, which keeps tags and policies."""
    from ministack.services import cloudwatch_logs
    from ministack.services.cloudformation import provisioners

    hooks.require(cloudwatch_logs, "_log_groups")
    handler = hooks.require(provisioners, "_RESOURCE_HANDLERS")[TYPE]
    handler["create"] = _created(handler["create"])
    handler["update"] = _updated(handler["update"])
    handler["delete"] = _deleted(handler["delete"])
