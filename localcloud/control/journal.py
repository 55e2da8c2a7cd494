"""Every API call that came in: who, what, whether the policies allowed it, how it ended.

Tests hold the calls that a function really made against what its role allows, and show that observing writes nothing.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

from .. import auth, hooks

_KEPT = 200_000
READ_ONLY = re.compile(r"^(Describe|Get|List|Search|Lookup|BatchGet|Head|Query|Scan|Filter|Receive|Test)")
_DENIALS = re.compile(
    r"^(UnauthorizedOperation|AccessDenied|AccessDeniedException|AuthorizationError|AuthFailure|InvalidClientTokenId|"
    r"UnrecognizedClientException|SignatureDoesNotMatch|ExpiredToken\w*|MissingAuthenticationToken\w*|NotAuthorized\w*)$"
)
_XML_CODE = re.compile(rb"<Code>([^<]+)</Code>")


@dataclass(frozen=True)
class Call:
    """One call."""

    seq: int
    time: float
    service: str
    action: str
    caller: str
    account: str
    region: str
    status: int
    error: str | None
    allowed: bool
    read_only: bool
    dry_run: bool
    request_id: str
    # what the policies were asked: action, resource, allowed
    decisions: list[dict[str, Any]]


_calls: deque[Call] = deque(maxlen=_KEPT)
_numbers = itertools.count(1)
_lock = threading.Lock()
_active = 0
_last = 0


def active() -> int:
    """Calls being answered now, long polls of queues not counted."""
    return _active


def last() -> int:
    """The number of the newest call: pass it as `since` to see later ones only."""
    return _last


def clear() -> None:
    """Forget the calls; numbers go on."""
    with _lock:
        _calls.clear()


def calls(since: int = 0, **filters: str) -> Iterator[dict[str, Any]]:
    """Calls after number `since`; `service` and `action` match exactly, `caller` anywhere in the ARN."""
    with _lock:
        found = [call for call in _calls if call.seq > since]
    for call in found:
        if filters.get("service") not in (None, call.service) or filters.get("action") not in (None, call.action):
            continue
        if filters.get("caller") and filters["caller"] not in call.caller:
            continue
        if filters.get("write") and (call.read_only or call.dry_run):
            continue
        yield asdict(call)


def error_code(status: int, body: bytes) -> str | None:
    """The error code of an answer in any of AWS's protocols."""
    if status < 400:
        return None
    if match := _XML_CODE.search(body):
        return match[1].decode()
    try:
        fault = json.loads(body or b"{}")
    except ValueError:
        return str(status)
    kind = fault.get("__type") or fault.get("code") or fault.get("Code") if isinstance(fault, dict) else None
    return str(kind).rsplit("#", 1)[-1] if kind else str(status)


def _by_the_service(code: str, asked: list[dict[str, Any]]) -> bool:
    """EC2 also answers AuthFailure for a resource that is not the caller's to take, after the policies said yes."""
    return code == "AuthFailure" and bool(asked) and all(decision["allowed"] for decision in asked)


def install(app: ModuleType) -> None:
    """Wrap the front door's dispatcher."""
    from ministack.core import iam_actions, iam_evaluator
    from ministack.core.responses import get_account_id, get_region
    from ministack.core.router import extract_access_key_id

    dispatch = hooks.require(app, "_dispatch_service_request")
    detect_service, routing_params = hooks.require(app, "detect_service"), hooks.require(app, "_routing_params")
    hooks.require(iam_actions, "extract_iam_action")
    hooks.require(iam_evaluator, "resolve_caller_identity")
    hooks.require_parameters(dispatch, "method", "path", "headers", "body", "query_params", "request_id")

    async def noted(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any], request_id: str
    ) -> Any:
        global _active, _last
        began = time.time()
        parameters = routing_params(method, path, headers, body, query_params)
        service = detect_service(method, path, headers, parameters)
        named = iam_actions.extract_iam_action(service, method, path, headers, body, parameters)
        action = named.partition(":")[2] if named else ""
        counted = not (service == "sqs" and action == "ReceiveMessage")
        asked: list[dict[str, Any]] = []
        auth.decisions.set(asked)
        _active += counted
        try:
            response = await dispatch(method, path, headers, body, query_params, request_id)
        finally:
            _active -= counted
        status, answer = response[0], response[2] if isinstance(response[2], bytes) else b""
        code = error_code(status, answer)
        who = iam_evaluator.resolve_caller_identity(extract_access_key_id(headers, query_params) or "test")
        dry_run = str(parameters.get("DryRun", [""])[0]).lower() == "true"
        with _lock:
            _last = next(_numbers)
            _calls.append(
                Call(
                    seq=_last,
                    time=began,
                    service=service,
                    action=action,
                    caller=(who or {}).get("userArn", "unknown"),
                    account=get_account_id(),
                    region=get_region(),
                    status=status,
                    error=code,
                    allowed=not (code and _DENIALS.match(code)) or _by_the_service(code, asked),
                    read_only=bool(READ_ONLY.match(action)),
                    dry_run=dry_run,
                    request_id=request_id,
                    decisions=asked,
                )
            )
        return response

    hooks.replace(app, "_dispatch_service_request", noted)
