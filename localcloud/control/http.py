"""The requests of the admin API."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import re
import time
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .. import cloudtrail, faults, lambdas, proxy
from ..cfn import events as stack_events
from ..lambdas import event_source
from ..lambdas.activity import activity
from ..messaging import event_bus, sqs_messages
from . import idle, journal, state, switches
from .refusal import Refused

PREFIX = "/_localcloud/"
_PAUSE = 0.005
_QUIET_CHECKS = 2
_LONGEST_WAIT = 300.0
_SETTLE_SECONDS = 30.0

Query = dict[str, str]
Body = dict[str, Any]


def _flag(query: Query, name: str) -> bool:
    return query.get(name, "").lower() in ("1", "true", "yes")


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Refused(400, f"{name} is a number, not {text!r}") from None


def _name(body: Body) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise Refused(400, 'the body is {"name": "…"}')
    return name


async def _until_idle(seconds: float, ignore_delayed: bool, ignore_retries: bool) -> dict[str, Any]:
    """Wait for idleness. It must hold twice: work in between two places is in neither for an instant."""
    end = time.monotonic() + min(seconds, _LONGEST_WAIT)
    quiet = 0
    while True:
        report = idle.breakdown(ignore_delayed, ignore_retries)
        quiet = quiet + 1 if report["idle"] else 0
        if quiet >= _QUIET_CHECKS or time.monotonic() >= end:
            return report
        await asyncio.sleep(_PAUSE)


async def _get_ready(app: ModuleType, query: Query, body: Body) -> Any:
    return {
        "ready": True,
        "endpoint": os.environ.get("AWS_ENDPOINT_URL"),
        "auth": app.AUTH,
        "schedules_by_hand": event_bus.clock_is_stopped(),
        "pid": os.getpid(),
        "logs": str(lambdas.log_directory()),
        "snapshots": state.names(),
        "calls": journal.last(),
    }


async def _get_idle(app: ModuleType, query: Query, body: Body) -> Any:
    seconds = _number(query.get("timeout", "10"), "timeout")
    return await _until_idle(seconds, _flag(query, "ignore_delayed"), _flag(query, "ignore_retries"))


async def _get_calls(app: ModuleType, query: Query, body: Body) -> Any:
    since = int(_number(query.get("since", "0"), "since"))
    filters = {name: query[name] for name in ("service", "action", "caller", "write") if query.get(name)}
    return {"calls": list(journal.calls(since, **filters)), "last": journal.last()}


async def _stop_everything() -> int:
    """End what runs, so that nothing of the old state reaches the new one; refuse if something does not end."""
    stopped = lambdas.stop_all()
    await asyncio.get_running_loop().run_in_executor(None, faults.clear, False)
    cloudtrail.clear()
    end = time.monotonic() + _SETTLE_SECONDS
    while journal.active() or cloudtrail.in_flight() or idle.invocations():
        if time.monotonic() > end:
            raise Refused(409, "something of the old state does not end", idle=idle.breakdown())
        await asyncio.sleep(_PAUSE)
        cloudtrail.clear()
        stopped += lambdas.stop_all()
    return stopped


async def _post_reset(app: ModuleType, query: Query, body: Body) -> Any:
    stopped = await _stop_everything()
    app._reset_all_state()
    for _, own in state.own_states():
        for method in ("clear", "reset"):
            if hasattr(own, method):
                getattr(own, method)()
                break
    journal.clear()
    if _flag(query, "snapshots"):
        state.forget()
    return {"reset": True, "processes_ended": stopped, "calls": journal.last()}


async def _post_snapshot(app: ModuleType, query: Query, body: Body) -> Any:
    name = _name(body)
    report = await _until_idle(_number(query.get("timeout", "10"), "timeout"), True, True)
    if not report["idle"]:
        raise Refused(409, "something is still under way", idle=report)
    try:
        seconds = state.snapshot(name)
    except state.SnapshotError as error:
        raise Refused(500, str(error)) from error
    return {"name": name, "seconds": round(seconds, 4), "calls": journal.last()}


async def _post_restore(app: ModuleType, query: Query, body: Body) -> Any:
    name = _name(body)
    if name not in state.names():
        raise Refused(404, f"no snapshot {name!r}", snapshots=state.names())
    began = time.perf_counter()
    stopped = await _stop_everything()
    seconds = state.restore(name)
    return {
        "name": name,
        "seconds": round(time.perf_counter() - began, 4),
        "copy_seconds": round(seconds, 4),
        "processes_ended": stopped,
        "calls": journal.last(),
    }


async def _post_due(app: ModuleType, query: Query, body: Body) -> Any:
    """Make what waits due now: `{"queue": name or ARN, "in_flight": true}`, both optional."""
    queue, in_flight = body.get("queue"), bool(body.get("in_flight", False))
    known = {name for arn, _ in sqs_messages.queues() for name in (arn, arn.rsplit(":", 1)[-1])}
    if queue is not None and queue not in known:
        raise Refused(404, f"no queue {queue!r}")
    # What the poller has taken and not yet counted as being processed looks as if it had failed.
    with event_source.poll_lock:
        messages = sqs_messages.make_due(queue, in_flight, set(activity.held_messages))
    attempts = activity.make_due() if queue is None else 0
    return {"messages": messages, "asynchronous": attempts}


async def _post_schedule(app: ModuleType, query: Query, body: Body) -> Any:
    """Fire a scheduled rule: `{"rule": "…", "bus": "…", "account": "…", "region": "…"}`, all but `rule` optional."""
    rule = body.get("rule")
    if not isinstance(rule, str) or not rule:
        raise Refused(400, 'the body is {"rule": "…"}')
    try:
        targets = event_bus.fire(rule, body.get("bus", "default"), body.get("account"), body.get("region"))
    except event_bus.NoSuchRule as error:
        raise Refused(404, str(error)) from error
    return {"rule": rule, "targets": targets}


async def _put_stack(app: ModuleType, query: Query, body: Body) -> Any:
    """Put a stack in a status: `{"stack": "…", "status": "…"}`, with `account` and `region` in that one only."""
    stack, status = body.get("stack"), body.get("status")
    if not isinstance(stack, str) or not isinstance(status, str) or not re.fullmatch(r"[A-Z]+(_[A-Z]+)+", status):
        raise Refused(400, 'the body is {"stack": "…", "status": "UPDATE_IN_PROGRESS"}')
    try:
        return {"stacks": stack_events.set_status(stack, status, body.get("account"), body.get("region"))}
    except stack_events.NoSuchStack as error:
        raise Refused(404, str(error)) from error


async def _get_cloudtrail(app: ModuleType, query: Query, body: Body) -> Any:
    return {**cloudtrail.settings.as_dict(), "in_flight": cloudtrail.in_flight(), "held": cloudtrail.held()}


async def _put_cloudtrail(app: ModuleType, query: Query, body: Body) -> Any:
    try:
        cloudtrail.settings.update(body)
    except (ValueError, TypeError) as error:
        raise Refused(400, str(error)) from error
    return cloudtrail.settings.as_dict()


async def _post_release(app: ModuleType, query: Query, body: Body) -> Any:
    """Deliver the events that `paused` held: `{"order": "recorded" | "reverse" | "shuffle"}`."""
    try:
        return {"released": cloudtrail.release(body.get("order", "recorded"))}
    except ValueError as error:
        raise Refused(400, str(error)) from error


async def _put_proxy(app: ModuleType, query: Query, body: Body) -> Any:
    """Name the proxy in front: `{"endpoint": "http://127.0.0.1:4567"}`, or null for none."""
    if "endpoint" not in body or not isinstance(body["endpoint"], str | None):
        raise Refused(400, 'the body is {"endpoint": "http://127.0.0.1:…"}, or null for no proxy')
    try:
        proxy.use(body["endpoint"])
    except ValueError as error:
        raise Refused(400, str(error)) from error
    return {"endpoint": body["endpoint"], "functions_call": proxy.function_endpoint()}


_ROUTES: dict[tuple[str, str], Callable[[ModuleType, Query, Body], Awaitable[Any]]] = {
    ("GET", "ready"): _get_ready,
    ("GET", "idle"): _get_idle,
    ("GET", "calls"): _get_calls,
    ("POST", "reset"): _post_reset,
    ("POST", "snapshot"): _post_snapshot,
    ("POST", "restore"): _post_restore,
    ("POST", "due"): _post_due,
    ("POST", "schedule"): _post_schedule,
    ("PUT", "stack"): _put_stack,
    ("GET", "cloudtrail"): _get_cloudtrail,
    ("PUT", "cloudtrail"): _put_cloudtrail,
    ("POST", "cloudtrail/release"): _post_release,
    ("PUT", "proxy"): _put_proxy,
    **switches.ROUTES,
}


def _from_loopback(scope: dict[str, Any]) -> bool:
    client = scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


def _to_loopback(scope: dict[str, Any]) -> bool:
    """Whether the Host is a loopback name: a page in a browser that reaches us by a name of its own does not pass."""
    given = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    name = urlsplit(f"//{given}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


async def _answer(app: ModuleType, scope: dict[str, Any], receive: Any) -> tuple[int, Any]:
    name, method = scope["path"][len(PREFIX) :], scope["method"]
    if not _from_loopback(scope):
        return 403, {"error": "loopback clients only"}
    if not _to_loopback(scope):
        return 403, {"error": "the Host is not this machine"}
    raw = b""
    more = True
    while more:
        message = await receive()
        raw += message.get("body", b"")
        more = message.get("more_body", False)
    handle = _ROUTES.get((method, name))
    if handle is None:
        known = sorted({verb for verb, path in _ROUTES if path == name})
        if known:
            return 405, {"error": f"{method} is not one of {', '.join(known)}"}
        return 404, {"error": f"no {name!r}", "known": sorted(f"{verb} {path}" for verb, path in _ROUTES)}
    query = {key: values[0] for key, values in parse_qs(scope.get("query_string", b"").decode()).items()}
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        return 400, {"error": "the body is not JSON"}
    if not isinstance(body, dict):
        return 400, {"error": "the body is a JSON object"}
    try:
        return 200, await handle(app, query, body)
    except Refused as refused:
        return refused.status, refused.answer


def wrap(app: ModuleType, application: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The ASGI application with the admin API before it."""

    async def wrapped(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await application(scope, receive, send)
            return
        status, answer = await _answer(app, scope, receive)
        payload = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(payload)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": payload})

    return wrapped
