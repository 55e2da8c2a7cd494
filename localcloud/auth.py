"""IAM enforcement: what the emulator's evaluator lacks.

The evaluator of `ministack` decides with identity policies, permission boundaries, session policies and resource
policies once `AUTH=true`, which is how the local cloud runs. Each Lambda function gets a session of its own role,
`arn:aws:sts::<account>:assumed-role/<role>/<function>`, so the policies of a template are the ones that count. Added
here:

- EC2 calls are authorised on each resource they touch, with the condition keys of that resource (`ec2_authorization`);
- a denied EC2 call answers as EC2 does: 403 `UnauthorizedOperation`, naming the resource (Amazon EC2 API Reference,
  "Error codes"; IAM User Guide, "Troubleshoot access denied error messages");
- `dynamodb:LeadingKeys` (Amazon DynamoDB Developer Guide, "Using IAM policy conditions for fine-grained access
  control"): the partition-key values that a request names;
- calls on log groups are authorised on `log-group:<name>:log-stream:`, as CloudWatch Logs does;
- calls of RDS and ECS are authorised on the instance or service that they name (`service_authorization`);
- PutEvents is authorised entry by entry, with `events:source` and `events:detail-type` (Amazon EventBridge User Guide,
  "Using IAM policy conditions in Amazon EventBridge");
- `aws:SecureTransport` is true: the local cloud speaks plain HTTP on loopback, where AWS is called over TLS and its
  services call each other so; a policy that denies plain HTTP denies nothing here, as on AWS.

Identities for the demo and the tests, all shown by `sts get-caller-identity`:

- the account root: access key `test`, or the account id itself, any secret: `arn:aws:iam::<account>:root`;
- an IAM user: `iam create-user`, `iam create-access-key`: `arn:aws:iam::<account>:user/<name>`;
- an assumed role: `sts assume-role`: `arn:aws:sts::<account>:assumed-role/<role>/<session>`.
"""

from __future__ import annotations

import contextvars
import json
import re
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from . import ec2_authorization, hooks, proxy, service_authorization

# The call being decided: set where the front door resolves its resource, read where it asks the evaluator.
_ec2_call: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar("localcloud_ec2_call", default=None)
# The body of the PutEvents call being decided.
_put_events: contextvars.ContextVar[bytes | None] = contextvars.ContextVar("localcloud_put_events", default=None)
# What denied it, for the message.
_ec2_denied: contextvars.ContextVar[ec2_authorization.Check | None] = contextvars.ContextVar(
    "localcloud_ec2_denied", default=None
)
# AccessDeniedException of these is a 400 (Amazon DynamoDB API Reference and Amazon EventBridge API Reference,
# "Common errors").
_DENIED_WITH_400 = frozenset({"dynamodb", "events"})


# What the policies were asked during the current call, for the journal of calls.
decisions: contextvars.ContextVar[list[dict[str, Any]] | None] = contextvars.ContextVar(
    "localcloud_decisions", default=None
)


def note_decision(action: str, resource_arn: str, denied: Any) -> None:
    """Add one decision to those of the current call."""
    asked = decisions.get()
    if asked is not None:
        asked.append({"action": action, "resource": resource_arn, "allowed": not denied})


@dataclass(frozen=True)
class MotoResources:
    """The EC2 resources of one account and Region, as `moto` holds them."""

    account: str
    region: str

    @property
    def _backend(self) -> Any:
        from moto.ec2.models import ec2_backends

        return ec2_backends[self.account][self.region]

    def tags(self, resource_id: str) -> dict[str, str]:
        """The tags of a resource; none if it does not exist."""
        return dict(self._backend.tags.get(resource_id) or {})

    def vpc(self, resource_id: str) -> str | None:
        """The id of the VPC that holds a group, subnet, route table, interface or ACL."""
        backend = self._backend
        kind = resource_id.split("-", 1)[0]
        if kind == "sg":
            holder = next((found[resource_id] for found in list(backend.groups.values()) if resource_id in found), None)
        elif kind == "subnet":
            holder = next((zone[resource_id] for zone in list(backend.subnets.values()) if resource_id in zone), None)
        elif kind == "rtb":
            holder = backend.route_tables.get(resource_id)
        elif kind == "acl":
            holder = backend.network_acls.get(resource_id)
        elif kind == "eni":
            interface = backend.enis.get(resource_id)
            holder = interface.subnet if interface is not None else None
        else:
            return None
        return getattr(holder, "vpc_id", None)

    def group_id(self, name: str) -> str | None:
        """The id of the group of that name in the default VPC."""
        group = self._backend.get_security_group_by_name_or_id(name, None)
        return group.id if group is not None else None

    def association(self, association_id: str) -> tuple[str | None, str | None]:
        """The route table of an association, and the subnet or gateway that it is of."""
        for table in list(self._backend.route_tables.values()):
            if association_id in table.all_associations_ids:
                return table.id, table._associations.get(association_id)
        return None, None

    def addressed(self, association_id: str) -> tuple[str | None, str | None]:
        """The Elastic IP address and the interface of an association."""
        for address in self._backend.addresses:
            if address.association_id == association_id:
                return address.allocation_id, address.eni.id if address.eni is not None else None
        return None, None


def _flat(parameters: dict[str, Any]) -> dict[str, str]:
    return {name: value[0] if isinstance(value, list) else value for name, value in parameters.items()}


def _remember_call(original: Any) -> Any:
    def extract_resource_arn(
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, Any],
        region: str,
        account_id: str,
    ) -> str:
        if service == "ec2":
            _ec2_call.set(_flat(query_params))
            _ec2_denied.set(None)
            return "*"
        _put_events.set(body if service == "events" else None)
        known = None
        if service == "rds":
            known = service_authorization.rds(_flat(query_params), region, account_id)
        elif service == "ecs":
            known = service_authorization.ecs(headers.get("x-amz-target", ""), body, region, account_id)
        if known is not None:
            return known
        return original(service, method, path, headers, body, query_params, region, account_id)

    return extract_resource_arn


_LOGS_BY_NAME = re.compile(r"^arn:aws[a-z-]*:logs:[^:]+:\d{12}:log-group:[^:*]+$")
# "Use this version [without :*] … for TagResource, UntagResource and ListTagsForResource".
_LOGS_WITHOUT_STREAM = frozenset({"logs:TagResource", "logs:UntagResource", "logs:ListTagsForResource"})


def log_resource(action: str, arn: str, region: str) -> str:
    """The ARN that a call on a log group is authorised on: with the (empty) stream behind the group's name.

    A policy therefore has to name `log-group:<name>:*` (CloudWatch Logs User Guide, "Overview of managing access
    permissions", log group ARNs), as denials say: "on resource: arn:…:log-group:<name>:log-stream:". DescribeLogGroups
    is authorised on `log-group::log-stream:`, whatever it asks for.
    """
    from ministack.core.responses import get_account_id

    if action == "logs:DescribeLogGroups":
        return f"arn:aws:logs:{region}:{get_account_id()}:log-group::log-stream:"
    if action in _LOGS_WITHOUT_STREAM or not _LOGS_BY_NAME.match(arn):
        return arn
    return f"{arn}:log-stream:"


def event_checks(body: bytes, region: str, account: str) -> list[ec2_authorization.Check]:
    """The checks of a PutEvents request: each entry on its bus, with its source and detail type."""
    try:
        entries = json.loads(body or b"{}").get("Entries") or []
    except (ValueError, AttributeError):
        entries = []
    found = []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        bus = str(entry.get("EventBusName") or "default")
        arn = bus if bus.startswith("arn:") else f"arn:aws:events:{region}:{account}:event-bus/{bus}"
        keys = {"events:source": entry.get("Source"), "events:detail-type": entry.get("DetailType")}
        context = {key: value for key, value in keys.items() if isinstance(value, str)}
        found.append(ec2_authorization.Check("events:PutEvents", arn, context))
    return found or [ec2_authorization.Check("events:PutEvents", "*")]


def _enforce_each(original: Any) -> Any:
    def each_entry(access_key_id: str, region: str, shared: dict[str, Any]) -> Any:
        from ministack.core.responses import get_account_id

        for check in event_checks(_put_events.get() or b"", region, get_account_id()):
            denied = original(access_key_id, check.action, "events", region, check.arn, {**shared, **check.context})
            note_decision(check.action, check.arn, denied)
            if denied:
                return denied
        return None

    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        call = _ec2_call.get() if service == "ec2" else None
        if iam_action == "events:PutEvents":
            return each_entry(access_key_id, region, service_context or {})
        if call is None:
            if service == "logs":
                resource_arn = log_resource(iam_action, resource_arn, region)
            denied = original(access_key_id, iam_action, service, region, resource_arn, service_context)
            note_decision(iam_action, resource_arn, denied)
            return denied
        from ministack.core.responses import get_account_id

        account = get_account_id()
        needed = ec2_authorization.checks(
            iam_action.partition(":")[2], call, account, region, MotoResources(account, region)
        )
        for check in needed:
            denied = original(access_key_id, check.action, service, region, check.arn, check.context)
            note_decision(check.action, check.arn, denied)
            if denied:
                _ec2_denied.set(check)
                return denied
        return None

    return enforce


def _denied_as_on_aws(original: Any) -> Any:
    def access_denied_response(
        service: str, action: str, principal_arn: str, request_id: str, **rest: Any
    ) -> tuple[int, dict[str, str], bytes]:
        check = _ec2_denied.get() if service == "ec2" else None
        if check is not None and not rest.get("error_code") and not rest.get("message"):
            why = (
                "with an explicit deny in an identity-based policy"
                if rest.get("explicit_deny")
                else f"because no identity-based policy allows the {check.action} action"
            )
            rest["message"] = (
                "You are not authorized to perform this operation. "
                f"User: {principal_arn} is not authorized to perform: {check.action} on resource: {check.arn} {why}"
            )
        status, headers, body = original(service, action, principal_arn, request_id, **rest)
        if status == 403 and service in _DENIED_WITH_400 and not rest.get("error_code"):
            status = 400
        return status, headers, body

    return access_denied_response


def leading_keys(body: bytes, partition_key_of: Any) -> list[str]:
    """The partition-key values that a DynamoDB request names; `partition_key_of` maps a table name to its key."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return []
    found: list[str] = []

    def item(table: Any, attributes: Any) -> None:
        key = partition_key_of(table) if isinstance(table, str) else None
        value = attributes.get(key) if key and isinstance(attributes, dict) else None
        if isinstance(value, dict):
            found.extend(str(part) for part in value.values())

    def query(table: Any, names: dict[str, str], values: dict[str, Any], expression: str) -> None:
        key = partition_key_of(table) if isinstance(table, str) else None
        for condition in expression.replace("(", " ").replace(")", " ").split(" AND "):
            name, separator, value = (part.strip() for part in condition.partition("="))
            if separator and names.get(name, name) == key and value in values:
                item(table, {key: values[value]})

    if not isinstance(request, dict):
        return []
    table = request.get("TableName")
    for member in ("Key", "Item"):
        item(table, request.get(member))
    if isinstance(request.get("KeyConditionExpression"), str):
        query(
            table,
            request.get("ExpressionAttributeNames") or {},
            request.get("ExpressionAttributeValues") or {},
            request["KeyConditionExpression"],
        )
    for part in request.get("TransactItems") or []:
        for operation in part.values() if isinstance(part, dict) else ():
            for member in ("Key", "Item"):
                item(operation.get("TableName"), operation.get(member))
    batch = request.get("RequestItems")
    for name, entries in batch.items() if isinstance(batch, dict) else ():
        if isinstance(entries, dict):
            for key in entries.get("Keys") or []:
                item(name, key)
        for entry in entries if isinstance(entries, list) else []:
            item(name, (entry.get("PutRequest") or {}).get("Item"))
            item(name, (entry.get("DeleteRequest") or {}).get("Key"))
    return list(dict.fromkeys(found))


def _partition_key(table: str) -> str | None:
    from ministack.services import dynamodb

    record = dynamodb._tables.get(table.rsplit("/", 1)[-1])
    return record.get("pk_name") if record else None


def _with_leading_keys(original: Any) -> Any:
    def dynamodb_service_context(body: bytes) -> dict[str, Any]:
        context = original(body)
        if keys := leading_keys(body, _partition_key):
            context["dynamodb:LeadingKeys"] = keys
        return context

    return dynamodb_service_context


def _or_for_proxy(original: Any) -> Any:
    """A signature for the proxy's Host is as good as one for the server's."""

    def failure(
        signature: Any,
        secret: str,
        method: str,
        path: str,
        query: Any,
        headers: dict[str, str],
        *rest: Any,
        **named: Any,
    ) -> Any:
        found = original(signature, secret, method, path, query, headers, *rest, **named)
        host = proxy.host()
        if not found or host is None:
            return found
        return original(signature, secret, method, path, query, {**headers, "host": host}, *rest, **named)

    return failure


def _secure(original: Any) -> Any:
    def resolve(key: str, context: Any) -> Any:
        return "true" if key.lower() == "aws:securetransport" else original(key, context)

    return resolve


def install(app: ModuleType) -> None:
    """Hook the evaluator. The front door imports these names anew for each request, so replacing them suffices."""
    from ministack.core import iam_actions, iam_evaluator, sigv4
    from ministack.services import dynamodb
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.route_tables import RouteTable

    hooks.require(app, "AUTH")
    hooks.require(RouteTable, "all_associations_ids")
    hooks.require(dynamodb, "_tables")
    hooks.require(EC2Backend, "get_security_group_by_name_or_id")
    hooks.require_parameters(iam_actions.extract_resource_arn, "service", "query_params", "region", "account_id")
    hooks.require_parameters(iam_evaluator.enforce, "access_key_id", "iam_action", "resource_arn", "service_context")
    hooks.require_parameters(iam_actions.access_denied_response, "principal_arn", "message", "explicit_deny")
    failure = hooks.require(sigv4, "header_signature_failure")
    hooks.require_parameters(failure, "headers", "secret")
    hooks.replace(sigv4, "header_signature_failure", _or_for_proxy(failure))
    resolve = hooks.require(iam_evaluator, "_resolve_condition_key")
    hooks.replace(iam_evaluator, "_resolve_condition_key", _secure(resolve))
    extract_resource_arn = hooks.require(iam_actions, "extract_resource_arn")
    hooks.replace(iam_actions, "extract_resource_arn", _remember_call(extract_resource_arn))
    hooks.replace(iam_evaluator, "enforce", _enforce_each(hooks.require(iam_evaluator, "enforce")))
    denied = hooks.require(iam_actions, "access_denied_response")
    hooks.replace(iam_actions, "access_denied_response", _denied_as_on_aws(denied))
    context = hooks.require(iam_actions, "dynamodb_service_context")
    hooks.replace(iam_actions, "dynamodb_service_context", _with_leading_keys(context))
