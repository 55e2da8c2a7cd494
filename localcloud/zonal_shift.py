"""ARC zonal shift, as far as an observer of autoshifts needs it: `ListAutoshifts`, and the events that announce one.

Sources: ARC Zonal Shift API Reference, ListAutoshifts (one list for the Region, whoever asks; an item has awayFrom, an
Availability Zone id, startTime, endTime and a status, ACTIVE or COMPLETED); EventBridge Events Reference, "Amazon
Application Recovery Controller events" ("Autoshift In Progress", "Autoshift Completed"). AWS starts autoshifts; here
the admin API does.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from . import hooks
from .cloudtrail import delivery

SERVICE = "arc-zonal-shift"
_PAGE = 100  # "maxResults: maximum value of 100"
_ZONE_ID = re.compile(r"^[a-z]{2,5}\d-az\d+$")

Response = tuple[int, dict[str, str], bytes]


@dataclass
class _Autoshift:
    away_from: str
    started: float
    ended: float | None = None

    @property
    def status(self) -> str:
        return "ACTIVE" if self.ended is None else "COMPLETED"

    def shown(self) -> dict[str, Any]:
        ended = {} if self.ended is None else {"endTime": self.ended}
        return {"awayFrom": self.away_from, "startTime": self.started, "status": self.status, **ended}


@dataclass
class State:
    """The autoshifts of each Region, oldest first; part of a snapshot."""

    autoshifts: dict[str, list[_Autoshift]] = field(default_factory=dict)

    def clear(self) -> None:
        """AWS shifts nothing."""
        self.autoshifts.clear()


state = State()


def away(region: str) -> list[str]:
    """The ids of the zones that AWS shifts traffic away from now."""
    return sorted(shift.away_from for shift in state.autoshifts.get(region, []) if shift.ended is None)


def shift(zones: Any, account: str, region: str) -> list[str]:
    """Start and end autoshifts so that traffic is shifted away from these zones, and announce each change."""
    from ministack.core.responses import request_scope

    if not isinstance(zones, list) or not all(isinstance(zone, str) and _ZONE_ID.match(zone) for zone in zones):
        raise ValueError('the body is {"away": ["eun1-az1", …]}: ids of Availability Zones')
    now, known = time.time(), state.autoshifts.setdefault(region, [])
    changes = [(zone, "Autoshift In Progress") for zone in zones if zone not in away(region)]
    for running in known:
        if running.ended is None and running.away_from not in zones:
            running.ended = now
            changes.append((running.away_from, "Autoshift Completed"))
    known.extend(_Autoshift(zone, now) for zone, kind in changes if kind == "Autoshift In Progress")
    with request_scope(account, region):
        for zone, kind in changes:
            metadata = {"awayFrom": zone, "notes": ""}
            delivery.send("aws.arc-zonal-shift", kind, {"version": "0.0.1", "data": "", "metadata": metadata}, [])
    return away(region)


def _error(status: int, code: str, message: str) -> Response:
    return (
        status,
        {"Content-Type": "application/json", "x-amzn-ErrorType": code},
        json.dumps({"message": message}).encode(),
    )


def _first(query: dict[str, Any], name: str) -> str | None:
    value = query.get(name)
    return value[0] if isinstance(value, list) else value


def list_autoshifts(region: str, query: dict[str, Any]) -> Response:
    """`GET /autoshifts?status=&maxResults=&nextToken=`."""
    status, size, token = (_first(query, name) for name in ("status", "maxResults", "nextToken"))
    if status not in (None, "ACTIVE", "COMPLETED"):
        return _error(400, "ValidationException", f"{status} is not a status")
    if size is not None and not (size.isdigit() and 1 <= int(size) <= _PAGE):
        return _error(400, "ValidationException", f"maxResults is between 1 and {_PAGE}")
    if token is not None and not token.isdigit():
        return _error(400, "ValidationException", "the token is invalid")
    found = [shift for shift in state.autoshifts.get(region, []) if status in (None, shift.status)]
    begin, length = int(token or 0), int(size or _PAGE)
    answer: dict[str, Any] = {"items": [shift.shown() for shift in found[begin : begin + length]]}
    if begin + length < len(found):
        answer["nextToken"] = str(begin + length)
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


async def _handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
    from ministack.core.responses import get_region

    if (method, path.rstrip("/")) == ("GET", "/autoshifts"):
        return list_autoshifts(get_region(), query)
    return _error(400, "ValidationException", f"{method} {path} is not served here")


def install(app: ModuleType) -> None:
    """Route the service here, and let the evaluator know its actions."""
    from ministack.core import iam_actions, router

    hooks.require(app, "SERVICE_HANDLERS")[SERVICE] = _handle
    hooks.require(router, "SERVICE_PATTERNS").setdefault(SERVICE, {})
    hooks.require(iam_actions, "SERVICE_TO_IAM_NAMESPACE")[SERVICE] = SERVICE
    hooks.require(iam_actions, "_BOTOCORE_SERVICE_MAP")[SERVICE] = [SERVICE]
