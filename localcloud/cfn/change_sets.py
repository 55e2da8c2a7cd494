"""Drift-aware change sets, imports of EC2 resources, service roles of stacks.

Sources: CloudFormation User Guide, "Using drift-aware change sets" (a comparison with the actual state at the time of
creation; what was deleted outside the stack is made again) and "Import AWS resources into a CloudFormation stack
manually" (tags of the stack are put on what is imported); CreateChangeSet, DescribeChangeSet and ResourceChange in the
API Reference (DeploymentMode, StackDriftStatus, ResourceDriftStatus); DescribeStacks (RoleARN: "CloudFormation uses
this role for all future operations on the stack").
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from .. import hooks
from .client import client

_NO_CHANGES = "didn't contain changes"
_STACK_TAGS = "aws:cloudformation:"


def _find(reader: Callable[[str], list[Any]]) -> Callable[[str], str | None]:
    """The StatusReason of an import of something that is not there."""

    def problem(physical_id: str) -> str | None:
        try:
            if reader(physical_id):
                return None
        except ClientError:
            pass
        return f"Resource with identifier '{physical_id}' was not found."

    return problem


def _endpoints(endpoint_id: str) -> list[Any]:
    found = client().describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"]
    return [endpoint for endpoint in found if endpoint["State"].lower() not in ("deleted", "deleting")]


def _associations(association_id: str) -> list[Any]:
    by = [{"Name": "association.route-table-association-id", "Values": [association_id]}]
    return client().describe_route_tables(Filters=by)["RouteTables"]


def _import_endpoint(identifier: dict[str, str]) -> tuple[str, dict[str, Any]]:
    [endpoint] = _endpoints(identifier["Id"])
    return endpoint["VpcEndpointId"], {"Id": endpoint["VpcEndpointId"]}


def _import_association(identifier: dict[str, str]) -> tuple[str, dict[str, Any]]:
    return identifier["Id"], {"Id": identifier["Id"]}


# Type: the lookup of an id, the adoption, whether it can carry tags.
_IMPORTS: dict[str, tuple[Callable[[str], list[Any]], Callable[[dict[str, str]], tuple[str, dict[str, Any]]], bool]] = {
    "AWS::EC2::VPCEndpoint": (_endpoints, _import_endpoint, True),
    "AWS::EC2::SubnetRouteTableAssociation": (_associations, _import_association, False),
}


def _install_imports() -> None:
    from ministack.services.cloudformation import changesets, provisioners

    handlers = hooks.require(provisioners, "_RESOURCE_HANDLERS")
    lookups = hooks.require(changesets, "_IMPORT_LOOKUPS")
    for name, (reader, adopt, _) in _IMPORTS.items():
        handlers[name]["import"] = adopt
        lookups[name] = (("Id",), _find(reader))
    original = hooks.require(changesets, "_import_resources_async")
    hooks.require_parameters(original, "cs", "stack", "new_stack")

    async def import_resources(cs: dict[str, Any], stack: dict[str, Any], new_stack: bool) -> None:
        await original(cs, stack, new_stack)
        if stack["StackStatus"] != "IMPORT_COMPLETE":
            return
        for entry in cs["_resources_to_import"]:
            if not _IMPORTS.get(entry["ResourceType"], (None, None, False))[2]:
                continue
            tags = {
                "stack-name": stack["StackName"],
                "stack-id": stack["StackId"],
                "logical-id": entry["LogicalResourceId"],
            }
            client().create_tags(
                Resources=[entry["ResourceIdentifier"]["Id"]],
                Tags=[{"Key": _STACK_TAGS + key, "Value": value} for key, value in tags.items()],
            )

    hooks.replace(changesets, "_import_resources_async", import_resources)


def _drifts(stack: dict[str, Any], template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What of the stack's resources that the new template keeps differs from what is there."""
    from ministack.services.cloudformation import drift

    found = {}
    for logical_id, record in stack.get("_resources", {}).items():
        kept = logical_id in template.get("Resources", {})
        if kept and drift.supports_drift(record.get("ResourceType", "")):
            found[logical_id] = drift.detect_resource_drift(stack, logical_id, record, "")
    return found


def _revert(change_set: dict[str, Any], stack: dict[str, Any]) -> None:
    """Put the actual state into a change set that was made by comparing templates."""
    drifts = _drifts(stack, change_set["_template"])
    changes = {change["ResourceChange"]["LogicalResourceId"]: change for change in change_set["Changes"]}
    for logical_id, drift in drifts.items():
        status, kind = drift["StackResourceDriftStatus"], drift["ResourceType"]
        base = {"LogicalResourceId": logical_id, "ResourceType": kind, "ResourceDriftStatus": status}
        if status == "DELETED":
            changes[logical_id] = {"ResourceChange": {**base, "Action": "Add"}}
        elif status == "MODIFIED":
            details = [
                {
                    "Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": "Never"},
                    "Evaluation": "Static",
                    "ChangeSource": "DirectModification",
                }
                for name in sorted({it["PropertyPath"].split("/")[1] for it in drift["PropertyDifferences"]})
            ]
            changes[logical_id] = {
                "ResourceChange": {
                    **base,
                    "Action": "Modify",
                    "PhysicalResourceId": drift["PhysicalResourceId"],
                    "Replacement": "False",
                    "Scope": ["Properties"],
                    "Details": details,
                }
            }
        elif logical_id in changes:
            changes[logical_id]["ResourceChange"]["ResourceDriftStatus"] = status
    drifted = any(drift["StackResourceDriftStatus"] in ("DELETED", "MODIFIED") for drift in drifts.values())
    change_set |= {
        "Changes": list(changes.values()),
        "DeploymentMode": "REVERT_DRIFT",
        "StackDriftStatus": "DRIFTED" if drifted else "IN_SYNC",
        "_drift": drifts,
    }


def _create(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def create_change_set(params: Any) -> Any:
        from ministack.services.cloudformation import _change_sets
        from ministack.services.cloudformation.handlers import _resolve_stack
        from ministack.services.cloudformation.helpers import _error, _p

        mode = _p(params, "DeploymentMode")
        if mode not in ("", None, "REVERT_DRIFT"):
            return _error("ValidationError", f"Value '{mode}' at 'deploymentMode' failed to satisfy constraint")
        before = set(_change_sets)
        answer = original(params)
        made = [change_set for key, change_set in _change_sets.items() if key not in before]
        if not made:
            return answer
        [change_set] = made
        stack = _resolve_stack(change_set["StackId"]) or {}
        change_set["_role"] = _p(params, "RoleARN")
        if mode and change_set["ChangeSetType"] == "UPDATE":
            _revert(change_set, stack)
        # Outputs are a part of the stack: an update that changes nothing else is one, with an empty list of changes.
        outputs = change_set["_template"].get("Outputs") != stack.get("_template", {}).get("Outputs")
        empty = change_set["Status"] == "FAILED" and _NO_CHANGES in change_set["StatusReason"]
        if change_set["ChangeSetType"] == "UPDATE" and empty and (outputs or change_set["Changes"]):
            change_set |= {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "StatusReason": ""}
        return answer

    return create_change_set


def _described(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def describe_change_set(params: Any) -> Any:
        from ministack.services.cloudformation.changesets import _find_change_set
        from ministack.services.cloudformation.helpers import _p

        status, headers, body = original(params)
        _, change_set = _find_change_set(_p(params, "ChangeSetName"), _p(params, "StackName"))
        if status != 200 or not change_set or not change_set.get("DeploymentMode"):
            return status, headers, body
        text = body.decode() if isinstance(body, bytes) else body
        for change in change_set["Changes"]:
            resource = change["ResourceChange"]
            at = f"<LogicalResourceId>{resource['LogicalResourceId']}</LogicalResourceId>"
            drift = resource.get("ResourceDriftStatus")
            if drift:
                text = text.replace(at, f"{at}<ResourceDriftStatus>{drift}</ResourceDriftStatus>")
        mode = (
            f"<DeploymentMode>{change_set['DeploymentMode']}</DeploymentMode>"
            f"<StackDriftStatus>{change_set['StackDriftStatus']}</StackDriftStatus>"
        )
        text = text.replace("<DescribeChangeSetResult>", f"<DescribeChangeSetResult>{mode}", 1)
        return status, headers, text.encode() if isinstance(body, bytes) else text

    return describe_change_set


def _execute(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def execute_change_set(params: Any) -> Any:
        from ministack.services.cloudformation.changesets import _find_change_set
        from ministack.services.cloudformation.handlers import _resolve_stack
        from ministack.services.cloudformation.helpers import _p

        _, change_set = _find_change_set(_p(params, "ChangeSetName"), _p(params, "StackName"))
        stack = _resolve_stack(change_set["StackId"]) if change_set else None
        if stack and change_set and change_set["ExecutionStatus"] == "AVAILABLE":
            if change_set.get("_role"):
                stack["_role"] = change_set["_role"]
            for logical_id, drift in change_set.get("_drift", {}).items():
                record = stack["_resources"].get(logical_id)
                if record is None:
                    continue
                if drift["StackResourceDriftStatus"] == "DELETED":
                    # Nothing to update: it is made.
                    del stack["_resources"][logical_id]
                elif drift["StackResourceDriftStatus"] == "MODIFIED":
                    # What is there is what the update starts from.
                    record["Properties"] = {**record["Properties"], **json.loads(drift["ActualProperties"])}
        return original(params)

    return execute_change_set


def _with_role(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def operation(params: Any) -> Any:
        from ministack.services.cloudformation.handlers import _resolve_stack
        from ministack.services.cloudformation.helpers import _p

        answer = original(params)
        stack = _resolve_stack(_p(params, "StackName"))
        role = _p(params, "RoleARN")
        if answer[0] == 200 and stack and role:
            stack["_role"] = role
        return answer

    return operation


def _stacks_with_roles(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def describe_stacks(params: Any) -> Any:
        from ministack.services.cloudformation import _stacks

        status, headers, body = original(params)
        text = body.decode() if isinstance(body, bytes) else body
        for stack in _stacks.values():
            if stack.get("_role"):
                at = f"<StackId>{stack['StackId']}</StackId>"
                text = text.replace(at, f"{at}<RoleARN>{stack['_role']}</RoleARN>")
        return status, headers, text.encode() if isinstance(body, bytes) else text

    return describe_stacks


def install() -> None:
    """Serve `DeploymentMode: REVERT_DRIFT`, imports of the types above, and service roles."""
    from ministack.services.cloudformation import handlers

    _install_imports()
    actions = hooks.require(handlers, "_ACTION_HANDLERS")
    for name, wrap in (
        ("CreateChangeSet", _create),
        ("DescribeChangeSet", _described),
        ("ExecuteChangeSet", _execute),
        ("CreateStack", _with_role),
        ("UpdateStack", _with_role),
        ("DescribeStacks", _stacks_with_roles),
    ):
        actions[name] = wrap(actions[name])
