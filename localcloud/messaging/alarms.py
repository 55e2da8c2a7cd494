"""CloudWatch alarms on the metrics that Plumbline alarms on.

The emulator mixes the points of all dimensions and ignores missing data; SQS tells it nothing. Here an alarm looks at
its own dimensions, period by period, treats missing data as it says, and reads queue depths from the queues.

Source: Amazon CloudWatch User Guide, "Using Amazon CloudWatch alarms" (evaluation, datapoints to alarm, treatment of
missing data), "Available CloudWatch metrics for Amazon SQS". AWS evaluates once a minute; here an alarm is evaluated
when one of its metrics gets a point and when alarms are described, so that nobody waits for a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .. import hooks

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


def _queue_value(metric: str, dimensions: dict[str, str]) -> float | None:
    from ministack.services import sqs

    queue = sqs._queues.get(sqs._queue_url(dimensions.get("QueueName", "")))
    if queue is None:
        return None
    now, messages = time.time(), list(queue["messages"])
    visible = [message for message in messages if message["visible_at"] <= now]
    hidden = [message for message in messages if message["visible_at"] > now]
    values = {
        "ApproximateNumberOfMessagesVisible": len(visible),
        "ApproximateNumberOfMessagesNotVisible": sum(1 for message in hidden if message["receive_count"]),
        "ApproximateNumberOfMessagesDelayed": sum(1 for message in hidden if not message["receive_count"]),
        "ApproximateAgeOfOldestMessage": max((now - message["sent_at"] for message in visible), default=0.0),
    }
    return float(values[metric]) if metric in values else None


def _dimensions(alarm: dict[str, Any]) -> dict[str, str]:
    given = alarm.get("Dimensions") or []
    return dict(given) if isinstance(given, dict) else {part["Name"]: part["Value"] for part in given}


def _datapoints(alarm: dict[str, Any]) -> list[float | None]:
    """The statistic of each of the last periods, newest first; None where there is no data."""
    from ministack.services import cloudwatch

    dimensions, count = _dimensions(alarm), int(alarm.get("EvaluationPeriods", 1))
    if alarm["Namespace"] == "AWS/SQS":
        return [_queue_value(alarm["MetricName"], dimensions)] + [None] * (count - 1)
    key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    points = list(cloudwatch._metrics.get(key) or [])
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    period, now = float(alarm.get("Period", 60)), time.time()
    found: list[float | None] = []
    for index in range(count):
        newest, oldest = now - index * period, now - (index + 1) * period
        inside = [point for point in points if oldest < point["Timestamp"] <= newest]
        stats = cloudwatch._calc_stats(inside) if inside else {}
        found.append(cloudwatch._stat_value(stats, statistic, inside) if stats else None)
    return found


def state_of(alarm: dict[str, Any], datapoints: list[float | None]) -> str | None:
    """The state that these datapoints put an alarm in; None to leave it as it is."""
    compare = _COMPARE.get(alarm.get("ComparisonOperator", ""))
    if compare is None:
        return None
    threshold, missing = float(alarm.get("Threshold", 0)), alarm.get("TreatMissingData") or "missing"
    present = [compare(value, threshold) for value in datapoints if value is not None]
    gaps = len(datapoints) - len(present)
    if not present and missing in ("missing", "ignore"):
        return "INSUFFICIENT_DATA" if missing == "missing" else None
    breaching = sum(present) + (gaps if missing == "breaching" else 0)
    return "ALARM" if breaching >= int(alarm.get("DatapointsToAlarm") or len(datapoints)) else "OK"


def evaluate(alarm: dict[str, Any]) -> None:
    """Put one alarm in the state that its metric asks for, and run its actions on a change."""
    from ministack.services import cloudwatch

    if not alarm.get("Namespace") or not alarm.get("MetricName"):
        return
    datapoints = _datapoints(alarm)
    old, new = alarm["StateValue"], state_of(alarm, datapoints)
    if new is None or new == old:
        return
    reason = f"Threshold Crossed: datapoints {datapoints} {alarm['ComparisonOperator']} {alarm.get('Threshold')}"
    alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
    cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def _evaluate_where(wanted: Callable[[dict[str, Any]], bool]) -> None:
    from ministack.services import cloudwatch

    for alarm in list(cloudwatch._alarms.values()):
        if wanted(alarm):
            evaluate(alarm)


def _recording(original: Any) -> Any:
    def record_metric(namespace: str, metric_name: str, *rest: Any, **named: Any) -> None:
        original(namespace, metric_name, *rest, **named)
        _evaluate_where(lambda alarm: (alarm.get("Namespace"), alarm.get("MetricName")) == (namespace, metric_name))

    return record_metric


def _fresh(original: Any) -> Any:
    def describe(*arguments: Any, **named: Any) -> Any:
        _evaluate_where(lambda alarm: True)
        return original(*arguments, **named)

    return describe


def install(app: ModuleType) -> None:
    """Replace the emulator's evaluation."""
    from ministack.services import cloudwatch

    needed = ("_alarms", "_metrics", "_dims_key", "_calc_stats", "_stat_value", "_record_history")
    for name in (*needed, "_dispatch_alarm_actions", "_evaluate_parent_alarms"):
        hooks.require(cloudwatch, name)
    hooks.require_parameters(cloudwatch.record_metric, "namespace", "metric_name", "value", "unit", "dimensions")
    hooks.replace(cloudwatch, "_evaluate_alarm", evaluate)
    hooks.replace(cloudwatch, "record_metric", _recording(cloudwatch.record_metric))
    for name in ("_describe_alarms", "_describe_alarms_for_metric"):
        hooks.replace(cloudwatch, name, _fresh(hooks.require(cloudwatch, name)))
