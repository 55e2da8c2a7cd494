"""SQS event source mappings: from queue to function.

Replaces the emulator's poller, which ignores batching windows, batches above ten and the loop lineage, and can sleep
through a delayed message's due time. This one is woken by every send and otherwise sleeps exactly until the next
message, window or deadline is due.

Source: Lambda Developer Guide, "Using Lambda with Amazon SQS", "Creating and configuring an Amazon SQS event source
mapping", "Handling errors for an SQS event source in Lambda".
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import lineage
from .activity import activity

log = logging.getLogger("localcloud.lambda")

_MOST_PER_RECEIVE = 10
_LONGEST_SLEEP = 1.0
_STREAM_POLL = 0.5

# Held by a pass of the poller, and by whoever replaces the state under it.
poll_lock = threading.RLock()
# mapping id -> when its batching window began
_windows: dict[str, float] = {}


@dataclass(frozen=True)
class _Source:
    mapping: dict[str, Any]
    function: dict[str, Any]
    config: dict[str, Any]
    queue: dict[str, Any]
    queue_url: str
    base_function: dict[str, Any]

    @property
    def id(self) -> str:
        return self.mapping["UUID"]

    @property
    def queue_arn(self) -> str:
        return self.mapping["EventSourceArn"]

    @property
    def recursive_loop(self) -> str | None:
        return self.base_function.get("recursive_loop")


def forget() -> None:
    """Start batching windows anew."""
    with poll_lock:
        _windows.clear()


def sqs_mappings() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every SQS mapping of every account and Region."""
    from ministack.services import lambda_svc

    for account, region, mapping in lambda_svc._iter_all_esms():
        if ":sqs:" in mapping.get("EventSourceArn", ""):
            yield account, region, mapping


def _source(mapping: dict[str, Any]) -> _Source | None:
    from ministack.services import lambda_svc, sqs

    if not mapping.get("Enabled", True):
        return None
    queue = sqs._queue_by_arn(mapping["EventSourceArn"])
    function, config = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    if queue is None or function is None or config is None:
        return None
    url = sqs._queue_url(mapping["EventSourceArn"].rsplit(":", 1)[-1])
    base = lambda_svc._functions.get(mapping["FunctionName"]) or function
    return _Source(mapping, function, config, queue, url, base)


def poll_once() -> tuple[bool, float]:
    """One pass over all mappings: whether any work was started, and the seconds until something is due."""
    from ministack.core.responses import request_scope

    started, due = False, time.time() + _LONGEST_SLEEP
    with poll_lock:
        for account, region, mapping in list(sqs_mappings()):
            with request_scope(account, region):
                source = _source(mapping)
                if source is None:
                    continue
                took, next_due = _poll(source)
                started = started or took
                due = min(due, next_due)
    return started, max(0.0, due - time.time())


def _poll(source: _Source) -> tuple[bool, float]:
    from ministack.services import lambda_svc

    never = time.time() + _LONGEST_SLEEP
    free = lambda_svc._sqs_esm_concurrency(source.mapping, source.base_function, source.config, source.queue)
    if activity.batches.get(source.id, 0) >= free:
        return False, never  # the end of a batch wakes the poller
    now = time.time()
    visible = sum(1 for message in list(source.queue["messages"]) if message["visible_at"] <= now)
    later = [m["visible_at"] for m in list(source.queue["messages"]) if m["visible_at"] > now]
    next_due = min([never, *later])
    if not visible:
        _windows.pop(source.id, None)
        return False, next_due
    size = int(source.mapping.get("BatchSize", 10))
    window = float(source.mapping.get("MaximumBatchingWindowInSeconds") or 0)
    if window and visible < size:
        began = _windows.setdefault(source.id, now)
        if now < began + window:
            return False, min(next_due, began + window)
    if not _role_may_read(source):
        source.mapping["LastProcessingResult"] = (
            "PROBLEM: The provided execution role does not have permissions to call ReceiveMessage on SQS"
        )
        return False, never
    _windows.pop(source.id, None)
    batch = _receive(source, size)
    if not batch:
        return False, next_due
    _start(source, batch)
    return True, time.time()


def _receive(source: _Source, size: int) -> list[dict[str, Any]]:
    from ministack.services import sqs

    batch: list[dict[str, Any]] = []
    while len(batch) < size:
        got = sqs._receive_messages_for_esm(source.queue_url, min(_MOST_PER_RECEIVE, size - len(batch)))
        batch += got
        if not got:
            break
    return batch


def _role_may_read(source: _Source) -> bool:
    """An execution role needs ReceiveMessage, DeleteMessage and GetQueueAttributes on the queue."""
    from ministack import app
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_account_id, get_region

    if not app.AUTH:
        return True
    role = source.config.get("Role", "").rsplit("/", 1)[-1]
    policies = iam_evaluator._gather_role_policies(role, get_account_id())
    arn = f"arn:aws:sts::{get_account_id()}:assumed-role/{role}/{source.mapping['FunctionName']}"

    def allowed(action: str) -> bool:
        context = iam_evaluator.EvalContext(
            principal_arn=arn,
            principal_type="AssumedRole",
            principal_account=get_account_id(),
            action=action,
            resource_arn=source.queue_arn,
            region=get_region(),
        )
        return iam_evaluator.evaluate(context, policies).decision == "Allow"

    return all(allowed(f"sqs:{verb}") for verb in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"))


def _start(source: _Source, batch: list[dict[str, Any]]) -> None:
    from ministack.core.concurrency import spawn_background
    from ministack.services import lambda_svc, sqs

    stopped = [m for m in batch if lineage.exhausted(_trace(m), _function_arn(source), source.recursive_loop)]
    if stopped:
        _stop_loop(source, stopped)
        batch = [message for message in batch if message not in stopped]
    wanted = {
        record["messageId"]
        for record in lambda_svc._apply_filter_criteria([_record(source, m) for m in batch], source.mapping)
    }
    filtered = [message for message in batch if message["id"] not in wanted]
    if filtered:
        # "messages that don't match are deleted from the queue" (event filtering with SQS).
        sqs._delete_messages_for_esm(source.queue_url, {m["receipt_handle"] for m in filtered})
        batch = [message for message in batch if message["id"] in wanted]
    if batch:
        ids = [message["id"] for message in batch]
        generation = activity.start_batch(source.id, ids)
        spawn_background(_process, source, batch, generation, thread_name="localcloud-batch")


def _trace(message: dict[str, Any]) -> str:
    return (message.get("sys") or {}).get("AWSTraceHeader", "")


def _function_arn(source: _Source) -> str:
    return source.config.get("FunctionArn", "")


def _record(source: _Source, message: dict[str, Any]) -> dict[str, Any]:
    """One record of the event (Developer Guide, "Example standard queue message event")."""
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import lambda_svc

    attributes = {
        "ApproximateReceiveCount": str(message.get("receive_count", 1)),
        "SentTimestamp": str(int(message["sent_at"] * 1000)),
        "SenderId": (message.get("sys") or {}).get("SenderId", get_account_id()),
        "ApproximateFirstReceiveTimestamp": str(int((message.get("first_receive_at") or time.time()) * 1000)),
    }
    optional = {
        "AWSTraceHeader": _trace(message),
        "MessageGroupId": message.get("group_id"),
        "MessageDeduplicationId": message.get("dedup_id"),
        "SequenceNumber": message.get("seq"),
        "DeadLetterQueueSourceArn": (message.get("sys") or {}).get("DeadLetterQueueSourceArn"),
    }
    attributes |= {name: str(value) for name, value in optional.items() if value}
    sent_attributes = message.get("message_attributes") or {}
    return {
        "messageId": message["id"],
        "receiptHandle": message["receipt_handle"],
        "body": message["body"],
        "attributes": attributes,
        "messageAttributes": lambda_svc._sqs_message_attributes_to_camel_case(sent_attributes),
        "md5OfBody": message.get("md5_body") or message.get("md5") or "",
        "eventSource": "aws:sqs",
        "eventSourceARN": source.queue_arn,
        "awsRegion": get_region(),
    }


def _stop_loop(source: _Source, messages: list[dict[str, Any]]) -> None:
    """Keep messages of a recursive loop from the function: to the queue's dead-letter queue, if it has one."""
    from ministack.services import cloudwatch, sqs

    redrive = source.queue["attributes"].get("RedrivePolicy")
    target = sqs._queue_by_arn(json.loads(redrive).get("deadLetterTargetArn", "")) if redrive else None
    sqs._delete_messages_for_esm(source.queue_url, {message["receipt_handle"] for message in messages})
    for message in messages:
        log.warning("%s: recursive loop stopped after %d", source.mapping["FunctionName"], lineage.MAX_INVOCATIONS)
        cloudwatch.record_metric(
            "AWS/Lambda",
            "RecursiveInvocationsDropped",
            1,
            "Count",
            {"FunctionName": source.mapping["FunctionName"]},
        )
        if target is not None:
            system = {**(message.get("sys") or {}), "DeadLetterQueueSourceArn": source.queue_arn}
            target["messages"].append({**message, "receipt_handle": None, "visible_at": time.time(), "sys": system})


def _process(source: _Source, batch: list[dict[str, Any]], generation: int) -> None:
    from ministack.core.concurrency import esm_wake
    from ministack.services import lambda_svc, sqs

    ids = [message["id"] for message in batch]
    arn = _function_arn(source)
    # One invocation has one header: the longest chain of the batch.
    lineage.current.set(max((_trace(m) for m in batch), key=lambda header: lineage.invocations(header, arn)))
    try:
        event = {"Records": [_record(source, message) for message in batch]}
        result = lambda_svc._execute_function(source.function, event)
        if activity.generation != generation:
            return
        failed = failed_ids(result, source.mapping.get("FunctionResponseTypes") or [], ids)
        done = {m["receipt_handle"] for m in batch if m["id"] not in failed and m.get("receipt_handle")}
        if done:
            sqs._delete_messages_for_esm(source.queue_url, done)
        source.mapping["LastProcessingResult"] = "OK" if not failed else "PROBLEM: Function call failed"
        if failed:
            log.warning(
                "%s: %d of %d messages failed: %s",
                source.mapping["FunctionName"],
                len(failed),
                len(batch),
                json.dumps(result.get("body"), default=str)[:500],
            )
    finally:
        activity.finish_batch(source.id, ids, generation)
        esm_wake.set()


def failed_ids(result: dict[str, Any], response_types: list[str], ids: list[str]) -> set[str]:
    """The messages that stay on the queue until their visibility time-out ends.

    With `ReportBatchItemFailures` an answer that names failures keeps those; an answer that is not JSON of that shape,
    or has an empty or null identifier, fails the whole batch (Developer Guide, "Implementing partial batch responses").
    """
    if result.get("error"):
        return set(ids)
    if "ReportBatchItemFailures" not in response_types:
        return set()
    body = result.get("body")
    if isinstance(body, str):
        try:
            body = json.loads(body) if body else None
        except ValueError:
            return set(ids)
    if body is None:
        return set()
    if not isinstance(body, dict):
        return set(ids)
    failures = body.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return set(ids)
    failed = set()
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not identifier:
            return set(ids)
        failed.add(identifier)
    return failed & set(ids)


def poll_forever() -> None:
    """The poller's thread."""
    from ministack.core.concurrency import esm_wake
    from ministack.services import lambda_svc

    streams_due = 0.0
    while True:
        esm_wake.clear()
        started, wait = False, _LONGEST_SLEEP
        try:
            started, wait = poll_once()
        except Exception:  # a broken mapping must not end the poller
            log.exception("polling failed")
        if time.monotonic() >= streams_due:
            streams_due = time.monotonic() + _STREAM_POLL
            with contextlib.suppress(Exception):
                lambda_svc._poll_kinesis()
                lambda_svc._poll_dynamodb_streams()
        if not started:
            esm_wake.wait(max(wait, 0.001))
