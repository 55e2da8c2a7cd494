"""EventBridge, SQS, SNS, AWS Config and alarms: delivery as AWS does it, each file with its sources."""

from __future__ import annotations

from types import ModuleType

from . import alarms, config_evaluations, connection_notices, event_bus, sqs_messages


def install(app: ModuleType) -> None:
    """Put this package's parts into the emulator."""
    sqs_messages.install(app)
    event_bus.install(app)
    config_evaluations.install(app)
    alarms.install(app)
    connection_notices.install(app)
