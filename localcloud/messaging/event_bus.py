"""EventBridge targets: permission to deliver, dead-letter queues, the asynchronous path to Lambda, schedules on demand.

Sources, Amazon EventBridge User Guide:

- "Using resource-based policies for Amazon EventBridge": SQS, SNS and Lambda targets need a policy that lets
  `events.amazonaws.com` in; a rule has no identity of its own for them.
- "How EventBridge retries delivering events" and "Using dead-letter queues to process undelivered events": an event
  whose target is gone or denies it is not retried and goes to the target's dead-letter queue, with the attributes
  RULE_ARN, TARGET_ARN, ERROR_CODE, ERROR_MESSAGE, RETRY_ATTEMPTS and EXHAUSTED_RETRY_CONDITION; that queue needs
  permission too.
- Lambda Developer Guide, "Invoking a Lambda function with EventBridge": asynchronously.
- API Reference, PutEvents: sources that begin with `aws.` are refused (`NotAuthorizedForSourceException`); the emulator
  does that already, and a test holds it to it.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from types import ModuleType
from typing import Any

from .. import hooks
from . import sqs_messages

log = logging.getLogger("localcloud.events")

PRINCIPAL = "events.amazonaws.com"


def _refusal(target_arn: str, rule: dict[str, Any]) -> tuple[str, str] | None:
    """Why a target cannot be delivered to, as an error code and message; None if it can."""
    from ministack.core.responses import get_account_id
    from ministack.services import lambda_svc, sns, sqs

    service = (target_arn.split(":") + [""] * 3)[2]
    rule_arn, account = rule.get("Arn", ""), get_account_id()
    if service == "sqs":
        if sqs._queue_by_arn(target_arn) is None:
            return "RESOURCE_NOT_FOUND", "The specified queue does not exist."
        allowed = sqs.queue_policy_allows(target_arn, PRINCIPAL, rule_arn, account)
    elif service == "lambda":
        function, _, name = lambda_svc._get_func_record_for_ref(target_arn)
        if not function:
            return "RESOURCE_NOT_FOUND", f"Function not found: {name}"
        allowed = policy_allows(function.get("policy"), "lambda:InvokeFunction", target_arn, rule_arn, account)
    elif service == "sns":
        if sns.topic_policy_for_arn(target_arn) is None:
            return "RESOURCE_NOT_FOUND", "Topic does not exist"
        allowed = sns.topic_policy_allows(target_arn, PRINCIPAL, rule_arn, account)
    else:
        return None
    return None if allowed else ("NO_PERMISSIONS", f"{PRINCIPAL} is not allowed to deliver to {target_arn}")


def policy_allows(
    policy: Any, action: str, resource: str, source_arn: str, account: str, service: str = PRINCIPAL
) -> bool:
    """Whether a resource's policy lets an AWS service in, on behalf of a resource of this account."""
    from ministack import app
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_region

    if not app.AUTH:
        return True
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": account},
    )
    return iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow"


def _to_dead_letters(target: dict[str, Any], rule: dict[str, Any], payload: str, code: str, message: str) -> None:
    from ministack.core.responses import get_account_id
    from ministack.services import sqs

    dead_letters = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not dead_letters:
        log.warning("event lost: %s to %s: %s", rule.get("Name"), target.get("Arn"), message)
        return
    if not sqs.queue_policy_allows(dead_letters, PRINCIPAL, rule.get("Arn", ""), get_account_id()):
        log.warning("event lost: the dead-letter queue %s lets nobody in from %s", dead_letters, rule.get("Arn"))
        return
    values = {
        "RULE_ARN": rule.get("Arn", ""),
        "TARGET_ARN": target.get("Arn", ""),
        "ERROR_CODE": code,
        "ERROR_MESSAGE": message,
        "RETRY_ATTEMPTS": "0",
        "EXHAUSTED_RETRY_CONDITION": "NonRetryableError",
    }
    attributes = {
        name: {"DataType": "Number" if name == "RETRY_ATTEMPTS" else "String", "StringValue": value}
        for name, value in values.items()
    }
    sqs_messages.put(dead_letters, payload, attributes)


def _deliver(original: Any) -> Any:
    def invoke_target(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> Any:
        from ministack.services import eventbridge

        refusal = _refusal(target.get("Arn", ""), rule)
        if refusal is None:
            return original(target, event, rule, view)
        view = view or eventbridge._pattern_event_view(event)
        _to_dead_letters(target, rule, json.dumps(view.event_with_detail()), *refusal)
        return None

    return invoke_target


def _to_lambda(arn: str, payload: str) -> None:
    from ministack.services import lambda_svc

    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        log.warning("no function %s", name)
        return
    try:
        event = json.loads(payload)
    except ValueError:
        event = payload
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), event)


class NoSuchRule(LookupError):
    """The named rule does not exist or has no schedule."""


def fire(name: str, bus: str = "default", account: str | None = None, region: str | None = None) -> int:
    """Fire a scheduled rule now, in every account and Region that has it; returns how many targets it has.

    The event is the one of the clock ("Scheduled Event" of `aws.events`).
    """
    from ministack.core.responses import request_scope
    from ministack.services import eventbridge

    delivered, found = 0, False
    for (owner, place, key), rule in list(eventbridge._rules._data.items()):
        if rule["Name"] != name or rule.get("EventBusName", "default") != bus or not rule.get("ScheduleExpression"):
            continue
        if account not in (None, owner) or region not in (None, place):
            continue
        found = True
        if rule.get("State") != "ENABLED":
            continue
        with request_scope(owner, place):
            event = {
                "EventId": str(uuid.uuid4()),
                "Source": "aws.events",
                "DetailType": "Scheduled Event",
                "Detail": "{}",
                "EventBusName": bus,
                "Time": int(time.time()),
                "Resources": [rule["Arn"]],
                "Account": owner,
                "Region": place,
            }
            for target in list(eventbridge._targets._data.get((owner, place, key), [])):
                eventbridge._invoke_target(target, event, rule)
                delivered += 1
    if not found:
        raise NoSuchRule(f"no scheduled rule {name!r} on bus {bus!r}")
    return delivered


def stop_clock() -> None:
    """Scheduled rules fire when `fire` says so, and not by themselves any more."""
    from ministack.services import eventbridge

    hooks.replace(eventbridge, "_tick_scheduled_rules", _no_tick)


def clock_is_stopped() -> bool:
    """Whether scheduled rules fire when `fire` says so only."""
    from ministack.services import eventbridge

    return eventbridge._tick_scheduled_rules is _no_tick


def _no_tick() -> None:
    pass


def install(app: ModuleType) -> None:
    """Hook the emulator's delivery."""
    from ministack.services import eventbridge, lambda_svc, sns, sqs

    for owner, name in (
        (sqs, "queue_policy_allows"),
        (sns, "topic_policy_allows"),
        (sns, "topic_policy_for_arn"),
        (lambda_svc, "_get_func_record_for_ref"),
        (lambda_svc, "_execution_record_for_config"),
        (eventbridge, "_pattern_event_view"),
        (eventbridge, "_rules"),
        (eventbridge, "_targets"),
    ):
        hooks.require(owner, name)
    hooks.require_parameters(eventbridge._invoke_target, "target", "event", "rule", "view")
    hooks.require_parameters(eventbridge._put_events, "data", "allow_aws_source")
    hooks.replace(eventbridge, "_invoke_target", _deliver(eventbridge._invoke_target))
    hooks.replace(eventbridge, "_dispatch_to_lambda", _to_lambda)
