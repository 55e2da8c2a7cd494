"""Serves EC2 and its neighbours from `moto`, in process, behind the front door of `ministack`.

What every EC2 action shares on AWS is added here, once: `DryRun`, `ClientToken` idempotency and pagination.

Sources: Amazon EC2 API Reference, "Common query parameters" (DryRun), "Ensuring idempotency in Amazon EC2 API
requests" (ClientToken), "Pagination" and the error-code table (DryRunOperation, IdempotentParameterMismatch,
InvalidNextToken).
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import logging
import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from . import hooks

log = logging.getLogger("localcloud.bridge")

# (status, headers, body)
Response = tuple[int, dict[str, str], bytes]

SERVICES = ("ec2", "elasticloadbalancing", "rds", "ecs", "elasticache", "autoscaling")
READ_ONLY = re.compile(r"^(Describe|Get|List|Search|Lookup)")
# "DryRun exists on all of these but ModifySubnetAttribute and ModifyVpcAttribute": their API models lack the member.
WITHOUT_DRY_RUN = frozenset({"ModifySubnetAttribute", "ModifyVpcAttribute"})
_PAGES_KEPT = 256
_EXCLUDED_HEADERS = frozenset({"content-length", "transfer-encoding", "content-encoding", "host"})


@dataclass
class State:
    """What the bridge remembers between calls; part of a snapshot of the local cloud."""

    # (account, region, action, token) -> (fingerprint of the parameters, the first answer)
    tokens: dict[tuple[str, str, str, str], tuple[str, Response]] = field(default_factory=dict)
    # page token -> (items not yet served, the document around them)
    pages: OrderedDict[str, _Page] = field(default_factory=OrderedDict)

    def clear(self) -> None:
        """Forget everything, as after a reset."""
        self.tokens.clear()
        self.pages.clear()


@dataclass(frozen=True)
class _Page:
    action: str
    shell: bytes  # the answer with its list emptied
    list_tag: str
    items: tuple[bytes, ...]


state = State()
# Called with account and Region before each EC2 call, under the lock: what the clock has brought about meanwhile.
before_each_ec2_call: list[Callable[[str, str], None]] = []
# moto's stores are plain dictionaries: one call at a time.
lock = threading.RLock()
_moto: Any = None


def error(status: int, code: str, message: str) -> Response:
    """An EC2 error answer."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f"<Response><Errors><Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error></Errors>"
        f"<RequestID>{uuid.uuid4()}</RequestID></Response>"
    )
    return status, {"Content-Type": "text/xml;charset=UTF-8"}, body.encode()


def call_moto(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], account: str
) -> Response:
    """One request to moto, in this thread."""
    from werkzeug.test import EnvironBuilder, run_wsgi_app

    passed = {name: value for name, value in headers.items() if name not in _EXCLUDED_HEADERS}
    passed["x-moto-account-id"] = account
    environ = EnvironBuilder(
        method=method, path=path, query_string=urlencode(query, doseq=True), headers=passed, data=body
    ).get_environ()
    with lock:
        try:
            chunks, status, answer_headers = run_wsgi_app(_moto, environ, buffered=True)
            answer = b"".join(chunks)
        except NotImplementedError as missing:
            return error(400, "InvalidAction", f"The action is not valid for this web service: {missing}")
    code = int(status.split()[0])
    if code == 500 and answer.lstrip().lower().startswith(b"<!doctype"):
        log.error("moto failed on %s %s: %s", method, path, body[:500])
        return error(500, "InternalError", "An internal error has occurred")
    return code, {"Content-Type": answer_headers.get("Content-Type", "text/xml")}, answer


def ec2(
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, Any],
    account: str,
    region: str,
) -> Response:
    """One EC2 call with what all EC2 actions share; blocking, safe from any thread."""
    if body:
        parameters = dict(parse_qsl(body.decode(), keep_blank_values=True))
    else:
        parameters = {name: value[0] if isinstance(value, list) else value for name, value in query.items()}
    action = parameters.get("Action", "")
    if parameters.pop("DryRun", "false").lower() == "true":
        if action in WITHOUT_DRY_RUN:
            return error(400, "UnknownParameter", "The parameter DryRun is not recognized")
        return error(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")

    size, page_token = parameters.pop("MaxResults", None), parameters.pop("NextToken", None)
    if size is not None and (refusal := _refused_page_size(size, parameters)):
        return refusal
    if page_token:
        return _next_page(action, page_token, int(size or 1000))

    token = parameters.get("ClientToken")
    key = (account, region, action, token or "")
    fingerprint = hashlib.sha256(repr(sorted(parameters.items())).encode()).hexdigest()
    idempotent = bool(token) and not READ_ONLY.match(action)
    with lock:
        for bring_about in before_each_ec2_call:
            bring_about(account, region)
        if idempotent and key in state.tokens:
            first_fingerprint, first_answer = state.tokens[key]
            if first_fingerprint != fingerprint:
                return error(
                    400,
                    "IdempotentParameterMismatch",
                    "The request uses the same client token as a previous, but non-identical request.",
                )
            return first_answer
        encoded = urlencode(parameters).encode()
        answer = call_moto(method, path, headers, encoded if body else b"", {} if body else parameters, account)
        if idempotent and answer[0] == 200:
            state.tokens[key] = (fingerprint, answer)
    if size and answer[0] == 200 and READ_ONLY.match(action):
        return answer[0], answer[1], _first_page(action, answer[2], int(size))
    return answer


def _refused_page_size(size: str, parameters: dict[str, str]) -> Response | None:
    """DescribeSecurityGroups and its like: MaxResults from 5 to 1000, and not together with ids."""
    if not size.isdigit() or not 5 <= int(size) <= 1000:
        return error(400, "InvalidParameterValue", f"Value ( {size} ) for parameter maxResults is invalid.")
    ids = ("GroupId.1", "SecurityGroupRuleId.1", "VpcId.1", "SubnetId.1", "RouteTableId.1")
    if any(name in parameters for name in ids):
        return error(
            400,
            "InvalidParameterCombination",
            "The parameter maxResults cannot be used with the parameter that lists ids",
        )
    return None


def _first_page(action: str, answer: bytes, size: int) -> bytes:
    root = ElementTree.fromstring(answer)
    namespace = root.tag[1:].partition("}")[0] if root.tag.startswith("{") else ""
    if namespace:
        ElementTree.register_namespace("", namespace)
    prefix = f"{{{namespace}}}" if namespace else ""
    for child in root:
        items = child.findall(f"{prefix}item")
        if not items:
            continue
        for stale in root.findall(f"{prefix}nextToken"):
            root.remove(stale)
        if len(items) <= size:
            return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
        for item in items:
            child.remove(item)
        page = _Page(
            action=action,
            shell=ElementTree.tostring(root, encoding="utf-8"),
            list_tag=child.tag,
            items=tuple(ElementTree.tostring(item, encoding="utf-8") for item in items),
        )
        return _serve_page(page, size)
    return answer


def _next_page(action: str, token: str, size: int) -> Response:
    with lock:
        page = state.pages.get(token)
    if page is None or page.action != action:
        return error(400, "InvalidNextToken", "The token is invalid.")
    return 200, {"Content-Type": "text/xml;charset=UTF-8"}, _serve_page(page, size)


def _serve_page(page: _Page, size: int) -> bytes:
    root = ElementTree.fromstring(page.shell)
    parent = root.find(page.list_tag)
    if parent is None:
        raise RuntimeError(f"a page of {page.action} lost its list {page.list_tag}")
    for item in page.items[:size]:
        parent.append(ElementTree.fromstring(item))
    rest = page.items[size:]
    if rest:
        token = uuid.uuid4().hex
        prefix = page.list_tag.partition("}")[0] + "}" if page.list_tag.startswith("{") else ""
        ElementTree.SubElement(root, f"{prefix}nextToken").text = token
        with lock:
            state.pages[token] = _Page(page.action, page.shell, page.list_tag, rest)
            while len(state.pages) > _PAGES_KEPT:
                state.pages.popitem(last=False)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Response]]


def handler(service: str) -> Handler:
    """An emulator handler that runs the call on a worker thread, in the caller's account and Region."""
    from ministack.core.responses import get_account_id, get_region

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Response:
        account, region = get_account_id(), get_region()

        def call() -> Response:
            if service == "ec2":
                return ec2(method, path, headers, body, query_params, account, region)
            return call_moto(method, path, headers, body, query_params, account)

        context = contextvars.copy_context()
        status, answer_headers, answer = await asyncio.get_running_loop().run_in_executor(None, context.run, call)
        return status, dict(answer_headers), answer  # the front door adds headers: never the remembered mapping

    return handle


def reset_moto() -> None:
    """Empty every store that moto serves, and what the bridge remembers."""
    from moto.core.base_backend import BackendDict
    from moto.core.model_instances import reset_model_data

    with lock:
        BackendDict.reset()
        reset_model_data()
        state.clear()


def install(app: ModuleType) -> None:
    """Route the services that moto serves to it, and make the front door's reset empty moto too."""
    global _moto
    from moto.core.base_backend import BackendDict
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    hooks.require(BackendDict, "reset")
    _moto = DomainDispatcherApplication(create_backend_app)
    registry = hooks.require(app, "SERVICE_REGISTRY")
    handlers = hooks.require(app, "SERVICE_HANDLERS")
    for service in SERVICES:
        if service not in handlers:
            raise hooks.HookMissing(f"ministack no longer routes {service!r}")
        handle = handler(service)
        for name in (service, *registry.get(service, {}).get("aliases", ())):
            handlers[name] = handle

    def reset_all_state(*args: Any, **kwargs: Any) -> Any:
        reset_moto()
        return original(*args, **kwargs)

    original = hooks.replace(app, "_reset_all_state", reset_all_state)
