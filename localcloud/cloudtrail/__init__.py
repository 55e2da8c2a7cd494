"""CloudTrail through EventBridge: each mutating call becomes "AWS API Call via CloudTrail" on the default bus.

Sources: EventBridge User Guide, "AWS service events delivered via AWS CloudTrail"; CloudTrail User Guide, "CloudTrail
record contents" and "CloudTrail userIdentity element". Delivery on AWS is best effort, at least once and unordered;
`settings` makes the local one as bad as a test wants it.

For the rest of the package: `settings` (see `Settings.update`), `in_flight()` (events recorded and not yet handed to
the bus), `held()` and `release()` (while `settings.paused`), `clear()`.
"""

from __future__ import annotations

from types import ModuleType

from . import recorder, trails
from .delivery import clear, held, in_flight, release, send
from .settings import Settings, settings

__all__ = ["Settings", "clear", "held", "in_flight", "install", "release", "send", "settings"]


def install(app: ModuleType) -> None:
    """Record every call that passes the front door."""
    trails.install()
    recorder.install(app)
