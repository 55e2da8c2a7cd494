"""AWS Config rules on a function: what makes Config invoke it, with what, and the events that Config puts on the bus.

Sources, AWS Config Developer Guide: "Example Events for AWS Config Rules" (the event of a rule; `ruleParameters` is
absent where the rule has none), "Components of an AWS Config Rule" (trigger types; a rule's scope), "Managing Deleted
Resources for AWS Config Custom Lambda Rules", "Monitoring AWS Config with Amazon EventBridge" (item changes and
compliance changes), "Using AWS Config Rules with service-linked roles" (the function's policy lets
`config.amazonaws.com` in). An item that is larger than EventBridge and Lambda take comes as a summary. The emulator
records nothing by itself: `POST /_localcloud/config/record` says what Config saw.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from ..cloudtrail import delivery

PRINCIPAL = "config.amazonaws.com"
ITEM, OVERSIZED = "ConfigurationItemChangeNotification", "OversizedConfigurationItemChangeNotification"
SCHEDULED = "ScheduledNotification"
# ConfigurationItem, configurationItemStatus.
_STATUSES = ("OK", "ResourceDiscovered", "ResourceDeleted", "ResourceDeletedNotRecorded", "ResourceNotRecorded")


@dataclass
class State:
    """The result tokens that rules were given, and the refusals on order; part of a snapshot."""

    # token -> (account, region, rule)
    tokens: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    # PutEvaluations does not take the next evaluations of these: [{"resource": id or None, "count": n}]
    refuse: list[dict[str, Any]] = field(default_factory=list)

    def clear(self) -> None:
        """Forget everything, as after a reset."""
        self.tokens.clear()
        self.refuse.clear()


state = State()


class NotInvoked(ValueError):
    """Config would not invoke the function, and why."""


def order_refusals(refuse: Any) -> list[dict[str, Any]]:
    """Replace the refusals on order."""
    wanted = 'the body is {"refuse": [{"resource": "sg-…", "count": 1}]}: without `resource`, any evaluation'
    if not isinstance(refuse, list) or not all(isinstance(one, dict) for one in refuse):
        raise ValueError(wanted)
    for one in refuse:
        if set(one) - {"resource", "count"} or not isinstance(one.get("count", 1), int):
            raise ValueError(wanted)
    state.refuse = [{"resource": one.get("resource"), "count": one.get("count", 1)} for one in refuse]
    return state.refuse


def not_taken(evaluations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that PutEvaluations answers in `FailedEvaluations`, as ordered."""
    failed = []
    for evaluation in evaluations:
        for order in state.refuse:
            if order["count"] > 0 and order["resource"] in (None, evaluation["ComplianceResourceId"]):
                order["count"] -= 1
                failed.append(evaluation)
                break
    return failed


def _now() -> str:
    seconds = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03}Z"


def item(given: dict[str, Any], oversized: bool) -> dict[str, Any]:
    """What Config says of a resource: the message of the bus, and of an invoking event."""
    from ministack.core.responses import get_account_id, get_region

    kind, resource = given.get("resourceType"), given.get("resourceId")
    if not isinstance(kind, str) or not isinstance(resource, str):
        raise ValueError('an item is {"resourceType": "AWS::EC2::VPC", "resourceId": "vpc-…"}')
    status = given.get("configurationItemStatus", "OK")
    if status not in _STATUSES:
        raise ValueError(f"configurationItemStatus is one of {', '.join(_STATUSES)}")
    deleted, now = status.startswith("ResourceDeleted"), _now()
    common = {
        "configurationItemVersion": "1.3",
        "configurationItemCaptureTime": now,
        "configurationStateId": int(time.time() * 1000),
        "awsAccountId": get_account_id(),
        "configurationItemStatus": status,
        "resourceType": kind,
        "resourceId": resource,
        "resourceName": given.get("resourceName"),
        "ARN": given.get("ARN"),
        "awsRegion": get_region(),
        "availabilityZone": "Not Applicable",
        "configurationStateMd5Hash": "",
        "resourceCreationTime": None,
    }
    change = "DELETE" if deleted else "CREATE" if status == "ResourceDiscovered" else "UPDATE"
    if oversized:
        summary = {"changeType": change, **common}
        where = {"s3BucketLocation": "config-bucket/oversized.json.gz", "errorCode": None, "errorMessage": None}
        message = {"messageType": OVERSIZED, "configurationItemSummary": summary, "s3DeliverySummary": where}
    else:
        whole = {
            "relatedEvents": [],
            "relationships": given.get("relationships", []),
            "configuration": None if deleted else given.get("configuration", {}),
            "supplementaryConfiguration": {},
            "tags": {},
            **common,
        }
        diff = {"changeType": change, "changedProperties": {}}
        message = {"messageType": ITEM, "configurationItemDiff": diff, "configurationItem": whole}
    return {"recordVersion": "1.3", "notificationCreationTime": now, **message}


def _triggers(rule: dict[str, Any], message: str, kind: str | None) -> bool:
    source = rule.get("Source") or {}
    listens = any(detail.get("MessageType") == message for detail in source.get("SourceDetails") or [])
    scope = (rule.get("Scope") or {}).get("ComplianceResourceTypes")
    return source.get("Owner") == "CUSTOM_LAMBDA" and listens and (kind is None or not scope or kind in scope)


def _function(rule: dict[str, Any]) -> dict[str, Any]:
    from ministack.core.responses import get_account_id
    from ministack.services import lambda_svc

    from . import event_bus

    arn = rule["Source"]["SourceIdentifier"]
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        raise NotInvoked(f"no function {name}")
    allowed = event_bus.policy_allows(
        function.get("policy"), "lambda:InvokeFunction", arn, rule["ConfigRuleArn"], get_account_id(), PRINCIPAL
    )
    if not allowed:
        raise NotInvoked(f"the policy of {name} does not let {PRINCIPAL} in")
    return lambda_svc._execution_record_for_config(function, config)


def check(rule: dict[str, Any]) -> None:
    """Raises what keeps Config from invoking a rule's function (PutConfigRule: InsufficientPermissionsException)."""
    _function(rule)


def _invoke(rule: dict[str, Any], message: dict[str, Any], left_scope: bool) -> dict[str, Any]:
    from ministack.core.responses import get_account_id, get_region

    from ..lambdas import asynchronous

    function = _function(rule)
    role = f"arn:aws:iam::{get_account_id()}:role/aws-service-role/{PRINCIPAL}/AWSServiceRoleForConfig"
    token = uuid.uuid4().hex * 2
    state.tokens[token] = (get_account_id(), get_region(), rule["ConfigRuleName"])
    event = {
        "version": "1.0",
        "invokingEvent": json.dumps(message),
        "resultToken": token,
        "eventLeftScope": left_scope,
        "executionRoleArn": role,
        "configRuleArn": rule["ConfigRuleArn"],
        "configRuleName": rule["ConfigRuleName"],
        "configRuleId": rule["ConfigRuleId"],
        "accountId": get_account_id(),
    }
    if rule.get("InputParameters"):
        parameters = rule["InputParameters"]
        event["ruleParameters"] = parameters if isinstance(parameters, str) else json.dumps(parameters)
    # Lambda Developer Guide, "Using AWS Lambda with AWS Config": asynchronously.
    asynchronous.invoke(function, event)
    return {"rule": rule["ConfigRuleName"], "token": token}


def record(given: dict[str, Any], oversized: bool, left_scope: bool) -> dict[str, Any]:
    """Config records an item: an event on the bus, and an invocation of each rule that listens for it."""
    from ministack.services import config

    message = item(given, oversized)
    delivery.send("aws.config", "Config Configuration Item Change", message, [])
    rules = list(config._config_rules.values())
    due = [rule for rule in rules if _triggers(rule, message["messageType"], given["resourceType"])]
    return {"invoked": [_invoke(rule, message, left_scope) for rule in due], "message": message}


def schedule(name: str) -> dict[str, Any]:
    """The time of a periodic rule has come."""
    from ministack.core.responses import get_account_id
    from ministack.services import config

    rule = config._config_rules.get(name)
    if rule is None:
        raise LookupError(f"no Config rule {name!r}")
    if not _triggers(rule, SCHEDULED, None):
        raise NotInvoked(f"{name} is not a periodic rule of a function")
    message = {
        "awsAccountId": get_account_id(),
        "notificationCreationTime": _now(),
        "messageType": SCHEDULED,
        "recordVersion": "1.0",
    }
    return {"invoked": [_invoke(rule, message, False)], "message": message}


def announce(rule: str, evaluation: dict[str, Any], before: dict[str, Any] | None) -> None:
    """The event of a compliance that changed; the first one of a resource has no old result."""
    from ministack.core.responses import get_account_id, get_region

    kind, resource = evaluation["ComplianceResourceType"], evaluation["ComplianceResourceId"]

    def result(one: dict[str, Any]) -> dict[str, Any]:
        return {
            "evaluationResultIdentifier": {
                "evaluationResultQualifier": {
                    "configRuleName": rule,
                    "resourceType": kind,
                    "resourceId": resource,
                    "evaluationMode": "DETECTIVE",
                },
                "orderingTimestamp": one.get("OrderingTimestamp"),
            },
            "complianceType": one["ComplianceType"],
            "resultRecordedTime": _now(),
            "annotation": one.get("Annotation"),
        }

    detail = {
        "resourceId": resource,
        "awsRegion": get_region(),
        "awsAccountId": get_account_id(),
        "configRuleName": rule,
        "recordVersion": "1.0",
        "configRuleARN": f"arn:aws:config:{get_region()}:{get_account_id()}:config-rule/{rule}",
        "messageType": "ComplianceChangeNotification",
        "newEvaluationResult": result(evaluation),
        "notificationCreationTime": _now(),
        "resourceType": kind,
    }
    if before is not None:
        detail["oldEvaluationResult"] = result(before)
    delivery.send("aws.config", "Config Rules Compliance Change", detail, [])
