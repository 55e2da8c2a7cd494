"""What may be changed of VPC endpoints while the local cloud runs: how long things take, and the buckets of calls.

Sources: Amazon EC2 Developer Guide, "Request throttling for the Amazon EC2 API" (CreateVpcEndpoint, ModifyVpcEndpoint,
DeleteVpcEndpoints: a bucket of 4 that refills at 0.3 a second, for an account and Region and each of these calls);
PrivateLink guide, "Interface endpoint properties" (pending → available, deleting → deleted).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

CAPACITY, REFILL = 4.0, 0.3


@dataclass
class Settings:
    """Seconds, and whether calls are counted."""

    # How long an interface endpoint is `pending`.
    pending: float = 0.0
    # How long a deleted endpoint is still described, as `deleting`; its private name is taken meanwhile.
    deleting: float = 2.0
    # Whether the buckets are enforced. Off by default: a stack with many endpoints would wait for them.
    throttle: bool = False

    def update(self, values: Mapping[str, Any]) -> None:
        """Change some settings, all or nothing; `ValueError` says what is wrong."""
        known = {one.name for one in fields(Settings)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown setting {', '.join(unknown)}: known are {', '.join(sorted(known))}")
        for name, value in values.items():
            if name == "throttle":
                if not isinstance(value, bool):
                    raise ValueError("throttle is true or false")
            elif isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name} is a number of seconds, 0 or more")
        if "throttle" in values:
            state.buckets.clear()
        self.__dict__.update(values)

    def as_dict(self) -> dict[str, Any]:
        """The settings in the form that `update` takes."""
        return asdict(self)

    def reset(self) -> None:
        """Back to what needs no test."""
        self.__dict__.update(Settings().__dict__)


class State:
    """The buckets, by account, Region and call: what each holds, and since when."""

    def __init__(self) -> None:
        """Every bucket is full."""
        self.buckets: dict[tuple[str, str, str], tuple[float, float]] = {}

    def clear(self) -> None:
        """Fill every bucket."""
        self.buckets.clear()


settings = Settings()
state = State()


def admits(account: str, region: str, call: str) -> bool:
    """Take a token; false when the bucket is empty."""
    if not settings.throttle:
        return True
    now, key = time.monotonic(), (account, region, call)
    held, since = state.buckets.get(key, (CAPACITY, now))
    held = min(CAPACITY, held + REFILL * (now - since))
    enough = held >= 1
    state.buckets[key] = (held - 1 if enough else held, now)
    return enough
