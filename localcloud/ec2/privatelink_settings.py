"""What may be changed of PrivateLink while the local cloud runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

STATES = (
    "pendingAcceptance",
    "pending",
    "available",
    "deleting",
    "deleted",
    "rejected",
    "failed",
    "expired",
    "partial",
)


@dataclass
class Refusal:
    """Endpoints that the next accepts or rejects name in `Unsuccessful`."""

    code: str = "InternalError"
    message: str = "An internal error has occurred"
    count: int = 1
    # accept or reject; absent: both
    call: str | None = None
    endpoint: str | None = None

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if self.call not in (None, "accept", "reject"):
            raise ValueError("call is accept or reject")


@dataclass
class Settings:
    """How connections behave."""

    # Seconds that a connection is in flight (`pending`) once it may come up.
    pending: float = 0.0
    # Seconds that a connection which its consumer deleted is still described, as `deleted`.
    deleted: float = 0.0
    refuse: list[Refusal] = field(default_factory=list)

    def update(self, values: Mapping[str, Any]) -> None:
        """Change some settings, all or nothing; `ValueError` says what is wrong."""
        known = {one.name for one in fields(Settings)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown setting {', '.join(unknown)}: known are {', '.join(sorted(known))}")
        clean: dict[str, Any] = {}
        for name, value in values.items():
            if name == "refuse":
                clean[name] = _refusals(value)
            elif isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name} is a number of seconds")
            else:
                clean[name] = value
        self.__dict__.update(clean)

    def as_dict(self) -> dict[str, Any]:
        """The settings in the form that `update` takes."""
        return asdict(self)

    def reset(self) -> None:
        """Back to what needs no test."""
        self.__dict__.update(Settings().__dict__)


def _refusals(value: Any) -> list[Refusal]:
    given = [] if value is None else [value] if isinstance(value, Mapping) else value
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise ValueError("refuse is an object, a list of objects, or null")
    try:
        return [Refusal(**one) for one in given]
    except TypeError as error:
        raise ValueError(f"refuse: {error}") from error


settings = Settings()
