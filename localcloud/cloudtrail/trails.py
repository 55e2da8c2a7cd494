"""Trails: without one that logs an event, EventBridge does not get it.

Sources: EventBridge User Guide, "AWS service events delivered via AWS CloudTrail" (a trail with logging is needed);
CloudTrail User Guide, "Logging management events"; API Reference, EventSelector, AdvancedFieldSelector, CreateTrail (a
trail does not log until StartLogging). The emulator's own CloudTrail keeps the trails; here they take effect.

An account that never had a trail is treated as if it had one that logs everything, so that whoever tests something else
need not make one. From its first CreateTrail on, its trails decide, also when all of them are deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .. import hooks


@dataclass
class State:
    """The accounts that had a trail at some time; part of a snapshot."""

    accounts: set[str] = field(default_factory=set)

    def clear(self) -> None:
        """No account ever had one."""
        self.accounts.clear()


state = State()

# The operators of an advanced field selector, and whether they let a value through that matches.
_POSITIVE = {"Equals": str.__eq__, "StartsWith": str.startswith, "EndsWith": str.endswith}
_NEGATIVE = {"NotEquals": str.__eq__, "NotStartsWith": str.startswith, "NotEndsWith": str.endswith}


def _admits(selector: dict[str, Any], value: str) -> bool:
    """One of the positive operators must match if there are any; none of the negative ones may."""
    wanted = [test(value, one) for name, test in _POSITIVE.items() for one in selector.get(name) or []]
    refused = [test(value, one) for name, test in _NEGATIVE.items() for one in selector.get(name) or []]
    return (any(wanted) if wanted else True) and not any(refused)


def _selected(selector: dict[str, Any], event: dict[str, str]) -> bool:
    fields = selector.get("FieldSelectors")
    if fields is not None:
        known = [one for one in fields if one.get("Field") in event]
        return any(one.get("Field") == "eventCategory" for one in fields) and all(
            _admits(one, event[one["Field"]]) for one in known
        )
    return (
        selector.get("IncludeManagementEvents", True)
        and selector.get("ReadWriteType", "All") in ("All", "WriteOnly")
        and event["eventSource"] not in (selector.get("ExcludeManagementEventSources") or [])
    )


def _logging(account: str, region: str) -> Iterator[tuple[str, str]]:
    """Home Region and name of each trail that logs in this Region now."""
    from ministack.services import cloudtrail

    for (owner, home, name), trail in cloudtrail._trails.all_items():
        covers = home == region or trail.get("IsMultiRegionTrail")
        if owner == account and covers and trail.get("IsLogging"):
            yield home, name


def announces(service: str, account: str, region: str) -> bool:
    """Whether a management write of a service is logged by any trail of the account, and so reaches EventBridge."""
    from ministack.services import cloudtrail

    if account not in state.accounts:
        return True
    event = {"eventCategory": "Management", "readOnly": "false", "eventSource": f"{service}.amazonaws.com"}
    return any(
        _selected(selector, event)
        for home, name in _logging(account, region)
        for selector in cloudtrail._event_selectors.get_scoped(account, home, name, cloudtrail._DEFAULT_EVENT_SELECTORS)
    )


def install() -> None:
    """Notice the first trail of each account."""
    from ministack.core.responses import get_account_id
    from ministack.services import cloudtrail

    for name in ("_trails", "_event_selectors", "_DEFAULT_EVENT_SELECTORS"):
        hooks.require(cloudtrail, name)
    dispatch = hooks.require(cloudtrail, "_DISPATCH")
    create = dispatch["CreateTrail"]

    def create_trail(body: dict[str, Any]) -> Any:
        answer = create(body)
        if answer[0] < 400:
            state.accounts.add(get_account_id())
        return answer

    dispatch["CreateTrail"] = create_trail
