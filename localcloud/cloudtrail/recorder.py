"""Turns the calls that pass the front door, and those that CloudFormation makes inside, into CloudTrail records."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

from .. import hooks
from ..caller import access_key as current_access_key
from ..caller import invoked_by
from . import delivery, ec2_encoding, query_encoding, trails
from .identity import user_identity

log = logging.getLogger("localcloud.cloudtrail")

# Management events of these services are recorded. The rest of the local cloud's services make no events.
_QUERY = frozenset({"elasticloadbalancing", "rds", "elasticache", "autoscaling"})
_JSON = frozenset({"ecs", "logs"})
# "Describe, List and Get calls are not delivered" unless a trail logs read events and a rule asks for them.
_READ_ONLY = re.compile(r"^(Describe|Get|List|Search|Lookup|Filter|StartQuery|StopQuery|Test)")
# Data events are not management events.
_DATA = frozenset({"PutLogEvents", "SubmitContainerStateChange", "SubmitTaskStateChange", "DiscoverPollEndpoint"})
_ERROR = re.compile(rb"<Code>([^<]+)</Code>\s*(?:<Message>([^<]*)</Message>)?")
# "requestParameters and responseElements are truncated at 100 KB" (CloudTrail record contents)
_FIELD_LIMIT = 100 * 1024

Response = tuple[int, Any, Any]


def action_of(headers: dict[str, str], body: bytes, query: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The action's name, and the parameters of the request where it is not JSON."""
    target = headers.get("x-amz-target", "")
    if target:
        return target.rsplit(".", 1)[-1], {}
    if body:
        parameters = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    else:
        parameters = {key: value[0] if isinstance(value, list) else value for key, value in query.items()}
    return parameters.pop("Action", ""), parameters


def record(
    service: str, headers: dict[str, str], body: bytes, query: dict[str, Any], access_key: str, response: Response
) -> None:
    """Record one call, if it is one that CloudTrail would deliver. Never fails the call itself."""
    if service != "ec2" and service not in _QUERY | _JSON:
        return
    try:
        action, parameters = action_of(headers, body, query)
        if not action or _READ_ONLY.match(action) or action in _DATA:
            return
        detail = _detail(service, action, parameters, headers, body, access_key, response)
        if detail is not None and trails.announces(service, detail["recipientAccountId"], detail["awsRegion"]):
            delivery.send_api_call(f"aws.{service}", action, detail)
    except Exception:
        log.exception("no CloudTrail record for a call of %s", service)


def _detail(
    service: str,
    action: str,
    parameters: dict[str, str],
    headers: dict[str, str],
    body: bytes,
    access_key: str,
    response: Response,
) -> dict[str, Any] | None:
    from ministack.core.responses import get_account_id, get_region

    account = get_account_id()
    identity = user_identity(access_key, account)
    if identity is None:
        return None
    status, _, answer = response
    on_behalf = invoked_by.get()
    detail = {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": action,
        "awsRegion": get_region(),
        "sourceIPAddress": on_behalf or "127.0.0.1",
        "userAgent": on_behalf or headers.get("user-agent", ""),
        **_error(service, status, answer),
        **_payload(service, action, parameters, body, status, answer),
        "requestID": _request_id(answer),
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    if not on_behalf:
        detail["tlsDetails"] = {"clientProvidedHostHeader": headers.get("host", "")}
    return detail


def _request_id(answer: bytes) -> str:
    match = re.search(rb"<[rR]equest(?:Id|ID)>([^<]+)<", answer)
    return match[1].decode() if match else str(uuid.uuid4())


def _error(service: str, status: int, answer: bytes) -> dict[str, str]:
    """`errorCode` and `errorMessage`; EC2 puts `Client.` or `Server.` before its codes."""
    if status < 400:
        return {}
    match = _ERROR.search(answer)
    if match:
        code, message = match[1].decode(), (match[2] or b"").decode()
    else:
        fault = json.loads(answer or b"{}")
        code = str(fault.get("__type", "InternalFailure")).rsplit("#", 1)[-1]
        message = str(fault.get("message", fault.get("Message", "")))
    if service == "ec2":
        code = f"{'Server' if status >= 500 else 'Client'}.{code}"
    return {"errorCode": code, "errorMessage": message}


def _payload(
    service: str, action: str, parameters: dict[str, str], body: bytes, status: int, answer: bytes
) -> dict[str, Any]:
    ok = status < 400
    version = parameters.get("Version", "")
    dry_run = parameters.get("DryRun", "").lower() == "true"
    asked = {name: value for name, value in parameters.items() if name not in ("Version", "DryRun")}
    response: Any = None
    if service == "ec2":
        request: Any = ec2_encoding.request_parameters(action, asked)
        if dry_run and request is not None and not ec2_encoding.uses_wrapper(action):
            request["dryRun"] = True
        elif dry_run and request is not None:
            request[f"{action}Request"]["DryRun"] = True
        response = ec2_encoding.response_elements(action, answer) if ok else None
    elif service in _QUERY:
        request = query_encoding.request_parameters(service, action, {**asked, "Version": version})
        response = query_encoding.response_elements(service, action, version, answer) if ok else None
    else:
        request = json.loads(body or b"{}")
        response = (json.loads(answer or b"{}") or None) if ok else None
    return {"requestParameters": _bounded(request), "responseElements": _bounded(response)}


def _bounded(value: Any) -> Any:
    if value is None or len(json.dumps(value, default=str)) <= _FIELD_LIMIT:
        return value
    return {"omitted": True, "originalSize": len(json.dumps(value, default=str)), "reason": "field size exceeds limit"}


def install(app: ModuleType) -> None:
    """Wrap the dispatcher of the front door, so that refused calls are recorded too."""
    from ministack.core import iam_evaluator
    from ministack.core.router import extract_access_key_id
    from ministack.services import eventbridge, iam

    hooks.require_parameters(hooks.require(eventbridge, "_put_events"), "data", "allow_aws_source")
    hooks.require(iam_evaluator, "resolve_caller_identity")
    hooks.require(iam, "_roles")
    detect_service = hooks.require(app, "detect_service")
    routing_params = hooks.require(app, "_routing_params")
    dispatch: Callable[..., Awaitable[Response]] = hooks.require(app, "_dispatch_service_request")
    hooks.require_parameters(dispatch, "method", "path", "headers", "body", "query_params", "request_id")

    async def recorded(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any], request_id: str
    ) -> Response:
        key = extract_access_key_id(headers, query_params) or ""
        current_access_key.set(key)
        response = await dispatch(method, path, headers, body, query_params, request_id)
        if isinstance(response[2], bytes):
            service = detect_service(method, path, headers, routing_params(method, path, headers, body, query_params))
            record(service, headers, body, query_params, key, response)
        return response

    hooks.replace(app, "_dispatch_service_request", recorded)

    def reset_all_state(*args: Any, **kwargs: Any) -> Any:
        delivery.clear()
        return original(*args, **kwargs)

    original = hooks.replace(app, "_reset_all_state", reset_all_state)
