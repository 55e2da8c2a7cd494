"""The admin API under `/_localcloud/`: readiness, reset, snapshots, idleness, the journal of calls, faults.

It has no authentication and answers loopback clients only. README.md lists the requests.
"""

from __future__ import annotations

from types import ModuleType

from .. import hooks
from . import http, journal


def install(app: ModuleType) -> None:
    """Wrap the application, last of all modules."""
    journal.install(app)
    hooks.replace(app, "app", http.wrap(app, hooks.require(app, "app")))
