"""AWS Config evaluations: PutEvaluations and PutExternalEvaluation, and reading them back.

Source: AWS Config API Reference, PutEvaluations (at most 100 evaluations, annotations of at most 256 characters),
PutExternalEvaluation, GetComplianceDetailsByConfigRule, DescribeComplianceByConfigRule. A result token is opaque on
AWS; here it is the name of the rule.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from .. import hooks

_MOST = 100
_LONGEST_ANNOTATION = 256
_COMPLIANCE = frozenset({"COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE", "INSUFFICIENT_DATA"})


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
        if len(evaluation.get("Annotation", "")) > _LONGEST_ANNOTATION:
            return f"annotation must have length less than or equal to {_LONGEST_ANNOTATION}"
    return None


def _store(rule: str, evaluations: list[dict[str, Any]]) -> None:
    for evaluation in evaluations:
        key = (*_scope(), rule, evaluation["ComplianceResourceType"], evaluation["ComplianceResourceId"])
        state.evaluations[key] = {**evaluation, "recorded": int(time.time())}


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
        if not token:
            return error_response_json("InvalidResultTokenException", "The specified ResultToken is not valid.", 400)
        if problem := _refused(evaluations):
            return error_response_json("InvalidParameterValueException", problem, 400)
        if not data.get("TestMode"):
            _store(token, evaluations)
        return json_response({"FailedEvaluations": []})
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
