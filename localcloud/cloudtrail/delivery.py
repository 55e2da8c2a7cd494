"""One thread that hands events to the default bus when they are due."""

from __future__ import annotations

import contextvars
import heapq
import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from .settings import Delivery, settings

log = logging.getLogger("localcloud.cloudtrail")

ORDERS = ("recorded", "reverse", "shuffle")


@dataclass(order=True)
class _Due:
    at: float
    number: int
    context: contextvars.Context = field(compare=False)
    entry: dict[str, Any] = field(compare=False)


_wake = threading.Condition()
_queue: list[_Due] = []
_held: list[_Due] = []
_numbers = count()
_handing_over = 0
_thread: threading.Thread | None = None


def in_flight() -> int:
    """Events recorded and not yet handed to the bus; what is held back by `settings.paused` is not in flight."""
    with _wake:
        return len(_queue) + _handing_over


def held() -> int:
    """Events that wait for `release`."""
    with _wake:
        return len(_held)


def clear() -> None:
    """Forget what has not been delivered, as after a reset."""
    with _wake:
        _queue.clear()
        _held.clear()


def release(order: str = "recorded") -> int:
    """Deliver what is held, at once, in the order asked for; returns how many. While paused, later events are held."""
    if order not in ORDERS:
        raise ValueError(f"order is one of {', '.join(ORDERS)}, not {order!r}")
    with _wake:
        events = list(_held)
        _held.clear()
        if order == "reverse":
            events.reverse()
        elif order == "shuffle":
            settings.random.shuffle(events)
        now = time.monotonic()
        for event in events:
            heapq.heappush(_queue, _Due(now, next(_numbers), event.context, event.entry))
        _wake.notify()
    return len(events)


def send(
    source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str] | None = None, after: float = 0.0
) -> None:
    """Put an event of AWS's own on the default bus of the current account and Region, once, so many seconds later."""
    _enqueue([after], _entry(source, detail_type, detail, resources), paused=False)


def send_api_call(source: str, event_name: str, detail: Mapping[str, Any]) -> None:
    """Deliver a CloudTrail record as the settings say: late, twice, out of order, or never."""
    how = settings.for_event(event_name)
    _enqueue(_times(how), _entry(source, "AWS API Call via CloudTrail", detail, None), paused=settings.paused)


def _times(how: Delivery) -> list[float]:
    draw = settings.random
    copies = 1 + int(how.duplicates) + (1 if draw.random() < how.duplicates % 1 else 0)
    if draw.random() < how.loss:
        return []
    late = how.reorder_by if draw.random() < how.reorder else 0.0
    return [draw.uniform(*how.delay) + late for _ in range(copies)]


def _entry(source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str] | None) -> dict[str, Any]:
    return {
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail, default=str),
        "Resources": resources or [],
    }


def _enqueue(delays: list[float], entry: dict[str, Any], paused: bool) -> None:
    context = contextvars.copy_context()  # the emulator keeps the account and the Region there
    now = time.monotonic()
    with _wake:
        for delay in delays:
            due = _Due(now + delay, next(_numbers), context.copy(), entry)
            if paused:
                _held.append(due)
            else:
                heapq.heappush(_queue, due)
        _start()
        _wake.notify()


def _start() -> None:
    global _thread
    if _thread is None or not _thread.is_alive():
        _thread = threading.Thread(target=_run, name="cloudtrail", daemon=True)
        _thread.start()


def _run() -> None:
    global _handing_over
    from ministack.services import eventbridge

    while True:
        with _wake:
            while not _queue or _queue[0].at > time.monotonic():
                _wake.wait(_queue[0].at - time.monotonic() if _queue else None)
            due = heapq.heappop(_queue)
            _handing_over += 1
        try:
            due.context.run(eventbridge._put_events, {"Entries": [due.entry]}, True)
        except Exception:
            log.exception("could not put %s on the bus", due.entry.get("DetailType"))
        finally:
            with _wake:
                _handing_over -= 1
