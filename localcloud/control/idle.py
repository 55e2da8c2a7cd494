"""Whether anything is still going to happen without a new call from outside."""

from __future__ import annotations

import time
from typing import Any

from .. import cloudtrail, faults
from ..lambdas import environments, event_source
from ..lambdas.activity import activity
from . import journal


def breakdown(ignore_delayed: bool = False, ignore_retries: bool = False) -> dict[str, Any]:
    """What is under way. `idle` is true when nothing is.

    A queue counts if a function consumes it. Its messages are *visible* (about to be processed), *processing*,
    *delayed* (sent with a delay, with the times they are due) or *retrying* (received, failed, and hidden until their
    visibility time-out ends). `ignore_delayed` and `ignore_retries` call idle what only waits for such a time.
    """
    # In the order in which work goes on: what has left one place by now is in a later one, or was seen in the earlier.
    report: dict[str, Any] = {
        "cloudtrail": cloudtrail.in_flight(),
        "cloudtrail_held": cloudtrail.held(),
        "requests": journal.active(),
        "faults": faults.in_flight(),
        "invocations": invocations(),
    }
    # The poller takes messages from a queue and only then counts their batch: not in between.
    with event_source.poll_lock:
        mapped = sorted({mapping["EventSourceArn"] for _, _, mapping in _enabled_mappings()})
        queues = [queue for queue in map(_queue, mapped) if queue]
        with activity.lock:
            batches = sum(activity.batches.values())
            running = sum(1 for due in activity.asynchronous.values() if not due)
            waiting = sorted(due for due in activity.asynchronous.values() if due)
    report |= {
        "batches": batches,
        "asynchronous": {"running": running, "waiting": waiting},
        "queues": queues,
        "environments": environments(),
        "time": time.time(),
    }
    busy = report["cloudtrail"] or report["requests"] or report["faults"] or report["invocations"]
    busy = busy or batches or running
    busy = busy or any(queue["visible"] or queue["processing"] for queue in report["queues"])
    if not ignore_retries:
        busy = busy or waiting or any(queue["retrying"] for queue in report["queues"])
    if not ignore_delayed:
        busy = busy or any(queue["delayed"] for queue in report["queues"])
    return {"idle": not busy, **report}


def invocations() -> int:
    """Functions running now."""
    from ministack.services import lambda_svc

    return int(lambda_svc.executions_in_flight()[0])


def _enabled_mappings() -> list[tuple[str, str, dict[str, Any]]]:
    return [found for found in event_source.sqs_mappings() if found[2].get("Enabled", True)]


def _queue(arn: str) -> dict[str, Any] | None:
    from ministack.services import sqs

    queue = sqs._queue_by_arn(arn)
    if queue is None:
        return None
    now = time.time()
    visible, processing = 0, 0
    delayed: list[float] = []
    retrying: list[float] = []
    for message in list(queue["messages"]):
        if message["id"] in activity.held_messages:
            processing += 1
        elif message["visible_at"] <= now:
            visible += 1
        elif message["receive_count"] == 0:
            delayed.append(message["visible_at"])
        else:
            retrying.append(message["visible_at"])
    return {
        "queue": arn.rsplit(":", 1)[-1],
        "visible": visible,
        "processing": processing,
        "delayed": sorted(delayed),
        "retrying": sorted(retrying),
    }
