"""Asynchronous invocation: retries, then the function's dead-letter queue or on-failure destination.

Sources: Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation" (two more attempts
on a function error, one minute and two minutes later; throttled events are kept for up to six hours), "Adding a
dead-letter queue" (the original event, with the attributes RequestID, ErrorCode and ErrorMessage), "Capturing records
of Lambda asynchronous invocations" (destinations get a record around it). Minutes are seconds here, set by
`LOCALCLOUD_ASYNC_RETRY_SECONDS`; `POST /_localcloud/due` runs what waits at once.
"""

from __future__ import annotations

import contextvars
import json
import logging
import os
import threading
import time
import uuid
from typing import Any

from . import lineage
from .activity import activity

log = logging.getLogger("localcloud.lambda")

_DEFAULT_RETRIES = 2
_DEFAULT_AGE_SECONDS = 21600


def retry_seconds() -> float:
    """The delay before the first retry; the second waits twice as long."""
    return float(os.environ.get("LOCALCLOUD_ASYNC_RETRY_SECONDS", "1"))


def invoke(function: dict[str, Any], event: Any) -> None:
    """Queue an event for a function and return."""
    token = object()
    with activity.lock:
        activity.asynchronous[token] = 0.0
        generation = activity.generation
    context = contextvars.copy_context()
    thread = threading.Thread(
        target=context.run, args=(_run, function, event, token, generation), daemon=True, name="localcloud-async"
    )
    thread.start()


def _run(function: dict[str, Any], event: Any, token: object, generation: int) -> None:
    from ministack.core.responses import request_scope
    from ministack.services import lambda_svc

    config = function.get("config") or function
    account, region = lambda_svc._account_region_from_function_config(config)
    try:
        with request_scope(account, region):
            result = _attempts(function, config, event, token)
            if result is not None and activity.generation == generation:
                _give_up(function, config, event, result)
    finally:
        with activity.lock:
            activity.asynchronous.pop(token, None)


def _settings(function: dict[str, Any]) -> dict[str, Any]:
    per_qualifier = function.get("event_invoke_configs") or {}
    return function.get("event_invoke_config") or per_qualifier.get("$LATEST") or {}


def _attempts(function: dict[str, Any], config: dict[str, Any], event: Any, token: object) -> dict[str, Any] | None:
    """Invoke until success; the last failure, or nothing."""
    from ministack.services import lambda_svc

    settings = _settings(function)
    retries = settings.get("MaximumRetryAttempts", _DEFAULT_RETRIES)
    oldest = time.time() + int(settings.get("MaximumEventAgeInSeconds", _DEFAULT_AGE_SECONDS))
    base = lambda_svc._functions.get(config.get("FunctionName", "")) or function
    if lineage.exhausted(lineage.current.get(), config.get("FunctionArn", ""), base.get("recursive_loop")):
        log.warning("%s: recursive loop stopped after %d", config.get("FunctionName"), lineage.MAX_INVOCATIONS)
        return {"body": {"errorType": "RecursiveInvocationException", "errorMessage": "recursive loop"}, "attempts": 0}
    failures = throttles = 0
    while True:
        result = lambda_svc._execute_function(function, event)
        if not result.get("error"):
            return None
        if result.get("throttle"):
            throttles += 1
            pause = min(retry_seconds() * throttles, 5.0)
        else:
            failures += 1
            if failures > retries:
                return {**result, "attempts": failures}
            pause = retry_seconds() * failures
        if time.time() + pause > oldest:
            return {**result, "attempts": failures}
        if not activity.wait_for_attempt(token, pause):
            return None


def _give_up(function: dict[str, Any], config: dict[str, Any], event: Any, result: dict[str, Any]) -> None:
    body = result.get("body") if isinstance(result.get("body"), dict) else {}
    destination = ((_settings(function).get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    dead_letters = (config.get("DeadLetterConfig") or {}).get("TargetArn")
    request_id = str(uuid.uuid4())
    if destination:
        record = {
            "version": "1.0",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
            "requestContext": {
                "requestId": request_id,
                "functionArn": f"{config.get('FunctionArn', '')}:{config.get('Version', '$LATEST')}",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": result.get("attempts", 1),
            },
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": body,
        }
        _send(destination, json.dumps(record), {})
    if dead_letters:
        attributes = {
            "RequestID": {"DataType": "String", "StringValue": request_id},
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": str(body.get("errorMessage", ""))[:1024]},
        }
        _send(dead_letters, json.dumps(event), attributes)
    if not destination and not dead_letters:
        name = config.get("FunctionName")
        log.warning("%s: event discarded after %d attempts: %s", name, result.get("attempts", 1), body)


def _send(target_arn: str, body: str, attributes: dict[str, Any]) -> None:
    from ministack.services import lambda_svc, sns

    from ..messaging import sqs_messages

    service = target_arn.split(":")[2]
    if service == "sqs":
        if not sqs_messages.put(target_arn, body, attributes):
            log.warning("no queue %s for a failed event", target_arn)
    elif service == "sns":
        sns.publish_internal(target_arn, body, message_attributes=attributes)
    elif service == "lambda":
        function, config, _ = lambda_svc._get_func_record_for_ref(target_arn)
        if function and config:
            invoke(lambda_svc._execution_record_for_config(function, config), json.loads(body))
