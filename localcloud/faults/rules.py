"""The faults that tests ask for, as rules of `microburst`.

A rule here names what goes wrong ("throttle", "lost"), and `microburst` learns the error code and the status that each
service answers with. Sources: EC2 API Reference, "Error codes"
(RequestLimitExceeded, Unavailable: HTTP 503); the "Common errors" of each other service's API Reference
(ThrottlingException, Throttling, TooManyRequestsException, SlowDown, ServiceUnavailable).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

KINDS = ("throttle", "unavailable", "reset", "lost", "slow")
_MIX = ("throttle", "unavailable", "reset", "lost")
_LATE_SECONDS = 15.0

# service as signatures name it -> (code, status) of a throttled call
_THROTTLED: dict[str, tuple[str, int]] = {
    "ec2": ("RequestLimitExceeded", 503),
    "dynamodb": ("ThrottlingException", 400),
    "sqs": ("ThrottlingException", 400),
    "events": ("ThrottlingException", 400),
    "logs": ("ThrottlingException", 400),
    "elasticloadbalancing": ("Throttling", 400),
    "rds": ("Throttling", 400),
    "ecs": ("ThrottlingException", 400),
    "sns": ("Throttled", 429),
    "lambda": ("TooManyRequestsException", 429),
    "cloudformation": ("Throttling", 400),
    "monitoring": ("Throttling", 400),
    "config": ("ThrottlingException", 400),
    "arc-zonal-shift": ("ThrottlingException", 429),
    "s3": ("SlowDown", 503),
    "sts": ("Throttling", 400),
    "iam": ("Throttling", 400),
}
_UNAVAILABLE: dict[str, tuple[str, int]] = {
    "ec2": ("Unavailable", 503),
    "dynamodb": ("ServiceUnavailable", 503),
    "logs": ("ServiceUnavailableException", 503),
}
# What microburst calls a service by another name than its signatures do.
_ALIASES = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch"}
_KNOWN = frozenset(
    {"service", "operation", "function", "kind", "kinds", "share", "times", "seconds", "body", "code", "status"}
)
Rule = dict[str, Any]


def compile_rules(given: list[Any], access_key: Callable[[str], str]) -> list[Rule]:
    """`microburst` rules for these; `ValueError` says what is wrong. `access_key` maps a function's name to its key."""
    compiled: list[Rule] = []
    for number, rule in enumerate(given, 1):
        if not isinstance(rule, Mapping):
            raise ValueError(f"rule {number} is not an object")
        unknown = sorted(set(rule) - _KNOWN)
        if unknown:
            raise ValueError(f"rule {number}: unknown {', '.join(unknown)}: known are {', '.join(sorted(_KNOWN))}")
        try:
            compiled += _compile(rule, access_key)
        except (TypeError, ValueError) as error:
            raise ValueError(f"rule {number}: {error}") from error
    return compiled


def _texts(value: Any, name: str) -> list[str | None]:
    if value is None:
        return [None]
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(one, str) and one for one in values):
        raise ValueError(f"{name} is a text or a list of texts")
    return list(values)


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError("share is above 0 and at most 1")
    return float(value)


def _compile(rule: Mapping[str, Any], access_key: Callable[[str], str]) -> list[Rule]:
    if ("kind" in rule) == ("kinds" in rule):
        raise ValueError(f'one of kind and kinds: {", ".join(KINDS)}; kinds may be "mix"')
    kinds = [rule["kind"]] if "kind" in rule else list(_MIX) if rule["kinds"] == "mix" else rule["kinds"]
    if not isinstance(kinds, list) or not kinds or not set(kinds) <= set(KINDS):
        raise ValueError(f"kinds are among {', '.join(KINDS)}")
    times = rule.get("times")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise ValueError("times is a whole number from 1")
    share = _share(rule.get("share", 1.0))
    found: list[Rule] = []
    for function in _texts(rule.get("function"), "function"):
        for operation in _texts(rule.get("operation"), "operation"):
            base: Rule = {"operation": operation} if operation else {}
            if function:
                base["headers"] = {"authorization": f"Credential={access_key(function)}/"}
            if "body" in rule:
                base["body"] = rule["body"]
            if times is not None:
                base["times"] = times
            for service in _texts(rule.get("service"), "service"):
                found += _of_kinds(rule, base, service, kinds, share)
    return found


def _of_kinds(rule: Mapping[str, Any], base: Rule, service: str | None, kinds: list[str], share: float) -> list[Rule]:
    """Rules are tried in order until one fires, so each one's probability is conditional on those before it."""
    found: list[Rule] = []
    part = share / len(kinds)
    for index, kind in enumerate(kinds):
        probability = min(1.0, part / (1 - part * index))
        for named, effect in _effects(rule, service, kind):
            found.append({**base, "service": _ALIASES.get(named, named), "probability": probability, **effect})
    return found


def _effects(rule: Mapping[str, Any], service: str | None, kind: str) -> list[tuple[str, Rule]]:
    name = service or "*"
    if kind == "reset":
        return [(name, {"reset": True})]
    if kind == "lost":
        return [(name, {"response": {"abort_bytes": 0}})]
    if kind == "slow":
        seconds = rule.get("seconds", _LATE_SECONDS)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= 600:
            raise ValueError("seconds is a number up to 600")
        return [(name, {"latency": seconds * 1000})]
    if "code" in rule:
        return [(name, _error(str(rule["code"]), int(rule.get("status", 400)), kind))]
    table, common = (
        (_THROTTLED, ("ThrottlingException", 400))
        if kind == "throttle"
        else (_UNAVAILABLE, ("ServiceUnavailable", 503))
    )
    if service:
        return [(service, _error(*table.get(service, common), kind))]
    return [(one, _error(*table.get(one, common), kind)) for one in _THROTTLED]


def _error(code: str, status: int, kind: str) -> Rule:
    message = "Rate exceeded" if kind == "throttle" else "The service cannot handle the request right now."
    return {"error": {"code": code, "status": status, "message": message}}
