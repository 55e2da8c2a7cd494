"""AWS Config evaluations: PutEvaluations and PutExternalEvaluation, and reading them back.

Source: AWS Config API Reference, PutEvaluations (at most 100 evaluations, annotations of at most 256 characters),
Evaluation (INSUFFICIENT_DATA is refused; an annotation has at least one character), PutExternalEvaluation,
GetComplianceDetailsByConfigRule, DescribeComplianceByConfigRule. A result token is one that Config gave the function
(`config_rules`), or anything in test mode.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from .. import hooks
from . import config_rules

_MOST = 100
_LONGEST_ANNOTATION = 256
_LONGEST_TYPE = 256
_LONGEST_ID = 768
_COMPLIANCE = frozenset({"COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE"})


@dataclass
class State:
    """The newest evaluation of each resource by each rule; part of a snapshot."""

    # (account, region, rule, resource type, resource id) -> evaluation
    evaluations: dict[tuple[str, str, str, str, str], dict[str, Any]] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget everything, as after a reset."""
        self.evaluations.clear()


state = State()


def _scope() -> tuple[str, str]:
    from ministack.core.responses import get_account_id, get_region

    return get_account_id(), get_region()


def _refused(evaluations: list[dict[str, Any]]) -> str | None:
    if len(evaluations) > _MOST:
        return f"Member must have length less than or equal to {_MOST}"
    for evaluation in evaluations:
        if evaluation.get("ComplianceType") not in _COMPLIANCE:
            return f"complianceType must be one of {sorted(_COMPLIANCE)}"
        if not 1 <= len(evaluation.get("Annotation", "-")) <= _LONGEST_ANNOTATION:
            return f"annotation must have length between 1 and {_LONGEST_ANNOTATION}"
        if not 1 <= len(evaluation.get("ComplianceResourceType", "")) <= _LONGEST_TYPE:
            return f"complianceResourceType must have length between 1 and {_LONGEST_TYPE}"
        if not 1 <= len(evaluation.get("ComplianceResourceId", "")) <= _LONGEST_ID:
            return f"complianceResourceId must have length between 1 and {_LONGEST_ID}"
        if "OrderingTimestamp" not in evaluation:
            return "orderingTimestamp must not be null"
    return None


def _store(rule: str, evaluations: list[dict[str, Any]]) -> None:
    for evaluation in evaluations:
        key = (*_scope(), rule, evaluation["ComplianceResourceType"], evaluation["ComplianceResourceId"])
        before = state.evaluations.get(key)
        state.evaluations[key] = {**evaluation, "recorded": int(time.time())}
        if before is None or before["ComplianceType"] != evaluation["ComplianceType"]:
            config_rules.announce(rule, evaluation, before)


def _of_rule(rule: str) -> list[dict[str, Any]]:
    return [found for key, found in state.evaluations.items() if key[:3] == (*_scope(), rule)]


def _compliance(rule: str) -> dict[str, Any]:
    types = [evaluation["ComplianceType"] for evaluation in _of_rule(rule)]
    bad = types.count("NON_COMPLIANT")
    kind = "NON_COMPLIANT" if bad else "COMPLIANT" if "COMPLIANT" in types else "INSUFFICIENT_DATA"
    compliance: dict[str, Any] = {"ComplianceType": kind}
    if bad:
        compliance["ComplianceContributorCount"] = {"CappedCount": min(bad, 25), "CapExceeded": bad > 25}
    return {"ConfigRuleName": rule, "Compliance": compliance}


def _details(data: dict[str, Any]) -> dict[str, Any]:
    rule, wanted = data.get("ConfigRuleName", ""), data.get("ComplianceTypes")
    return {
        "EvaluationResults": [
            {
                "EvaluationResultIdentifier": {
                    "EvaluationResultQualifier": {
                        "ConfigRuleName": rule,
                        "ResourceType": evaluation["ComplianceResourceType"],
                        "ResourceId": evaluation["ComplianceResourceId"],
                    }
                },
                "ComplianceType": evaluation["ComplianceType"],
                "Annotation": evaluation.get("Annotation", ""),
                "ResultRecordedTime": evaluation["recorded"],
            }
            for evaluation in _of_rule(rule)
            if not wanted or evaluation["ComplianceType"] in wanted
        ]
    }


def _answer(action: str, data: dict[str, Any]) -> Any:
    from ministack.core.responses import error_response_json, json_response

    if action == "PutEvaluations":
        evaluations, token = data.get("Evaluations") or [], data.get("ResultToken", "")
        account, region, rule = config_rules.state.tokens.get(token, ("", "", ""))
        known = (account, region) == _scope()
        if not token or not (known or data.get("TestMode")):
            return error_response_json("InvalidResultTokenException", "The specified ResultToken is not valid.", 400)
        if problem := _refused(evaluations):
            return error_response_json("InvalidParameterValueException", problem, 400)
        failed = config_rules.not_taken(evaluations)
        if not data.get("TestMode"):
            _store(rule, [evaluation for evaluation in evaluations if evaluation not in failed])
        return json_response({"FailedEvaluations": failed})
    if action == "PutExternalEvaluation":
        evaluation = data.get("ExternalEvaluation") or {}
        if problem := _refused([evaluation]):
            return error_response_json("InvalidParameterValueException", problem, 400)
        _store(data.get("ConfigRuleName", ""), [evaluation])
        return json_response({})
    return json_response(_details(data))


def install(app: ModuleType) -> None:
    """Answer the evaluation calls before the emulator sees them."""
    from ministack.services import config

    original = hooks.require(config, "handle_request")

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Any:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action in ("PutEvaluations", "PutExternalEvaluation", "GetComplianceDetailsByConfigRule"):
            return _answer(action, json.loads(body or b"{}"))
        return await original(method, path, headers, body, query_params)

    hooks.replace(config, "handle_request", handle_request)
    hooks.replace(config, "_compliance_by_rule", _compliance)
