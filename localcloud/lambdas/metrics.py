"""Metrics of functions: those that Lambda counts, and those that functions write as lines of their log.

Sources: Lambda Developer Guide, "Types of metrics for Lambda functions" (Invocations, Errors, Throttles, Duration, by
FunctionName, for every kind of invocation); Amazon CloudWatch User Guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

import json
from typing import Any


def count(name: str, seconds: float, failed: bool) -> None:
    """Count one invocation."""
    from ministack.services import cloudwatch

    dimensions = {"FunctionName": name}
    cloudwatch.record_metric("AWS/Lambda", "Invocations", 1, "Count", dimensions)
    cloudwatch.record_metric("AWS/Lambda", "Errors", int(failed), "Count", dimensions)
    cloudwatch.record_metric("AWS/Lambda", "Duration", seconds * 1000, "Milliseconds", dimensions)


def throttles_only(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
    """In place of the emulator's own count, which sees direct invocations only."""
    from ministack.services import cloudwatch

    if throttle:
        cloudwatch.record_metric("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": name})


def embedded(text: str) -> None:
    """Record the metrics of each line in embedded metric format; lines of any other form are no concern of this."""
    from ministack.services import cloudwatch

    for line in text.splitlines():
        if not line.startswith("{") or '"_aws"' not in line:
            continue
        try:
            document = json.loads(line)
            directives = document["_aws"]["CloudWatchMetrics"]
            found = [datum for directive in directives for datum in _data(directive, document)]
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        for namespace, name, value, unit, dimensions in found:
            cloudwatch.record_metric(namespace, name, value, unit, dimensions)


def _data(directive: dict[str, Any], document: dict[str, Any]) -> list[tuple[str, str, float, str, dict[str, str]]]:
    found = []
    for names in directive.get("Dimensions") or [[]]:
        dimensions = {name: str(document[name]) for name in names}
        for metric in directive["Metrics"]:
            values = document.get(metric["Name"])
            for value in values if isinstance(values, list) else [values]:
                if isinstance(value, int | float) and not isinstance(value, bool):
                    unit = metric.get("Unit", "None")
                    found.append((directive["Namespace"], metric["Name"], float(value), unit, dimensions))
    return found
