"""SQS queues whose messages are changed in place.

The emulator removes messages by building a new list and assigning it, from several threads: a message appended in
between would be lost, and SQS loses nothing ("Amazon SQS standard queues: at-least-once delivery", Amazon SQS Developer
Guide). Here removals and moves go message by message on the one list, which a concurrent append survives.

Also here: `put`, the in-process way to send a message that the other modules share, and due times: what waits (delayed,
or received and not deleted), and making it due at once.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from .. import hooks

LONGEST_DELAY = 900


def put(
    queue_arn: str, body: str, attributes: dict[str, Any] | None = None, system: dict[str, str] | None = None
) -> bool:
    """Send a message as an AWS service does; false if there is no such queue."""
    from ministack.core.concurrency import esm_wake
    from ministack.services import sqs

    queue = sqs._queue_by_arn(queue_arn)
    if queue is None:
        return False
    now = time.time()
    attributes = attributes or {}
    message = {
        "id": str(uuid.uuid4()),
        "body": body,
        "md5_body": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "md5_attrs": sqs._md5_msg_attrs(attributes),
        "receipt_handle": None,
        "sent_at": now,
        "visible_at": now + sqs.queue_delay(queue),
        "receive_count": 0,
        "first_receive_at": None,
        "message_attributes": attributes,
        "sys": {"SenderId": queue_arn.split(":")[4], "SentTimestamp": str(int(now * 1000)), **(system or {})},
    }
    sqs._ensure_msg_fields(message)
    queue["messages"].append(message)
    esm_wake.set()
    return True


def _remove(queue: dict[str, Any], unwanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Remove messages in place; returns them."""
    messages = queue["messages"]
    removed = [message for message in list(messages) if unwanted(message)]
    for message in removed:
        for index, candidate in enumerate(messages):
            if candidate is message:
                del messages[index]
                break
    return removed


def _delete_for_mapping(queue_url: str, receipt_handles: set[str]) -> None:
    from ministack.services import sqs

    if receipt_handles:
        with sqs._queues_lock:
            _remove(sqs._get_q(queue_url), lambda message: message.get("receipt_handle") in receipt_handles)


def _delete_message(data: dict[str, Any], queue_url: str) -> dict[str, Any]:
    """DeleteMessage (Amazon SQS API Reference): the handle must be one that was given out."""
    from ministack.services import sqs

    queue = sqs._get_q(data.get("QueueUrl", queue_url), "sqs:DeleteMessage")
    handle = data.get("ReceiptHandle")
    if not handle:
        raise sqs._Err("MissingParameter", "The request must contain the parameter ReceiptHandle.")
    with sqs._queues_lock:
        if not _remove(queue, lambda message: message.get("receipt_handle") == handle):
            raise sqs._Err("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
    return {}


def _checked_delay(original: Callable[[dict[str, Any], str], dict[str, Any]]) -> Any:
    """SendMessage: DelaySeconds from 0 to 900 (Amazon SQS API Reference)."""

    def send_message(data: dict[str, Any], queue_url: str) -> dict[str, Any]:
        from ministack.services import sqs

        delay = data.get("DelaySeconds")
        if delay is not None and not 0 <= int(delay) <= LONGEST_DELAY:
            raise sqs._Err(
                "InvalidParameterValue",
                f"Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
            )
        return original(data, queue_url)

    return send_message


def _delete_batch(data: dict[str, Any], queue_url: str) -> dict[str, Any]:
    """DeleteMessageBatch: each entry on its own."""
    from ministack.services import sqs

    entries = data.get("Entries") or []
    sqs._validate_batch_entries(entries, "DeleteMessageBatchRequestEntry")
    done, failed = [], []
    for entry in entries:
        try:
            _delete_message({**data, "ReceiptHandle": entry.get("ReceiptHandle")}, queue_url)
            done.append({"Id": entry["Id"]})
        except sqs._Err as error:
            failed.append({"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": True})
    return {"Successful": done, "Failed": failed}


def _expire(queue: dict[str, Any]) -> None:
    """MessageRetentionPeriod, measured from the time of sending."""
    oldest = time.time() - int(queue["attributes"].get("MessageRetentionPeriod", "345600"))
    _remove(queue, lambda message: message.get("enqueued_at", message.get("sent_at", oldest + 1)) <= oldest)


def _redrive(queue: dict[str, Any]) -> None:
    """Move what was received maxReceiveCount times to the dead-letter queue (Developer Guide, "dead-letter queues")."""
    from ministack.core.concurrency import esm_wake
    from ministack.services import sqs

    policy = json.loads(queue["attributes"].get("RedrivePolicy") or "null")
    if not isinstance(policy, dict) or not policy.get("maxReceiveCount"):
        return
    target = sqs._queue_by_arn(policy.get("deadLetterTargetArn", ""))
    if target is None:
        return
    now, most = time.time(), int(policy["maxReceiveCount"])
    for message in _remove(queue, lambda m: m["receive_count"] >= most and m["visible_at"] <= now):
        system = {"DeadLetterQueueSourceArn": queue["attributes"].get("QueueArn", ""), **message.get("sys", {})}
        moved = {**message, "receipt_handle": None, "visible_at": now, "sys": system}
        if target.get("is_fifo"):
            moved["enqueued_at"] = now
        target["messages"].append(moved)
        esm_wake.set()


def queues() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every queue of every account and Region, with its ARN."""
    from ministack.services import sqs

    for queue in list(sqs._queues._data.values()):
        yield queue["attributes"].get("QueueArn", ""), queue


def make_due(queue: str | None, in_flight: bool, held: set[str]) -> int:
    """Make delayed messages visible now, and with `in_flight` those received and not deleted too.

    `queue` is a name or an ARN, all queues if none. Messages in `held` are being processed and are left alone.
    """
    from ministack.core.concurrency import esm_wake

    now, count = time.time(), 0
    for arn, found in queues():
        if queue and queue not in (arn, arn.rsplit(":", 1)[-1]):
            continue
        for message in list(found["messages"]):
            if message["visible_at"] <= now or message["id"] in held:
                continue
            if message["receive_count"] == 0 or in_flight:
                message["visible_at"] = now
                count += 1
    esm_wake.set()
    return count


def install(app: ModuleType) -> None:
    """Replace the emulator's removals."""
    from ministack.services import sqs

    for name in ("_queues", "_queues_lock", "_get_q", "_Err", "_md5_msg_attrs", "_ensure_msg_fields"):
        hooks.require(sqs, name)
    for name in ("queue_delay", "_validate_batch_entries"):
        hooks.require(sqs, name)
    hooks.replace(sqs, "_delete_messages_for_esm", _delete_for_mapping)
    hooks.replace(sqs, "_expire_retained", _expire)
    hooks.replace(sqs, "_dlq_sweep", _redrive)
    hooks.replace(sqs, "_act_delete_message", _delete_message)
    send_message = _checked_delay(sqs._act_send_message)
    hooks.replace(sqs, "_act_send_message", send_message)
    handlers = hooks.require(sqs, "_HANDLERS")
    ours = {"SendMessage": send_message, "DeleteMessage": _delete_message, "DeleteMessageBatch": _delete_batch}
    for action, handler in ours.items():
        if action not in handlers:
            raise hooks.HookMissing(f"ministack no longer answers SQS {action}")
        handlers[action] = handler
