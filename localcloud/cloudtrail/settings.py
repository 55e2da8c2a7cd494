"""How events are delivered; changeable while the local cloud runs."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any


@dataclass(frozen=True)
class Delivery:
    """What happens to an event between the call and the bus."""

    # Seconds from the call to the bus, drawn evenly from this range.
    delay: tuple[float, float] = (0.02, 0.05)
    # Extra copies on average: 1 delivers each event twice, 0.25 one event in four twice.
    duplicates: float = 0.0
    # The share of events that never arrive.
    loss: float = 0.0
    # The share of events that are overtaken: they come `reorder_by` seconds later than the delay says.
    reorder: float = 0.0
    reorder_by: float = 0.5

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        low, high = self.delay
        if not 0 <= low <= high:
            raise ValueError(f"delay is [from, to] in seconds with 0 <= from <= to, not {list(self.delay)}")
        for name in ("loss", "reorder"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share between 0 and 1, not {getattr(self, name)}")
        for name in ("duplicates", "reorder_by"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} cannot be negative")

    def changed(self, values: Mapping[str, Any]) -> Delivery:
        """These settings with some of them replaced; `ValueError` names what is wrong."""
        known = {one.name for one in fields(Delivery)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"unknown setting {', '.join(unknown)}: known are {', '.join(sorted(known))}")
        clean: dict[str, Any] = {}
        for name, value in values.items():
            if name == "delay":
                pair = [value, value] if isinstance(value, int | float) else value
                if not isinstance(pair, list | tuple) or len(pair) != 2:
                    raise ValueError("delay is a number of seconds or [from, to]")
                clean[name] = (float(pair[0]), float(pair[1]))
            elif isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} is a number, not {value!r}")
            else:
                clean[name] = float(value)
        return replace(self, **clean)


@dataclass
class Settings:
    """The settings of the whole trail, and what differs for single event names."""

    default: Delivery = field(default_factory=Delivery)
    # event name -> the settings that differ from the default
    per_event: dict[str, dict[str, Any]] = field(default_factory=dict)
    # While paused nothing is delivered; `delivery.release` lets it go in the order asked for.
    paused: bool = False
    seed: int = 0
    random: random.Random = field(default_factory=lambda: random.Random(0), repr=False)

    def for_event(self, name: str) -> Delivery:
        """What holds for events of this name."""
        return self.default.changed(self.per_event.get(name, {}))

    def update(self, values: Mapping[str, Any]) -> None:
        """Change some settings: those of `Delivery`, `per_event`, `paused`, `seed`. All or nothing.

        `per_event` replaces the whole mapping; `{"RevokeSecurityGroupIngress": {"loss": 1}}` loses every revoke.
        """
        rest = dict(values)
        per_event = rest.pop("per_event", self.per_event)
        paused = rest.pop("paused", self.paused)
        seed = rest.pop("seed", None)
        default = self.default.changed(rest)
        if not isinstance(per_event, Mapping):
            raise ValueError("per_event maps event names to settings")
        if not isinstance(paused, bool):
            raise ValueError("paused is true or false")
        for name, different in per_event.items():
            try:
                default.changed(different)
            except (ValueError, TypeError) as error:
                raise ValueError(f"per_event {name}: {error}") from error
        if seed is not None:
            self.seed = int(seed)
            self.random = random.Random(self.seed)
        self.default, self.per_event, self.paused = default, {n: dict(d) for n, d in per_event.items()}, paused

    def as_dict(self) -> dict[str, Any]:
        """The settings in the form that `update` takes."""
        delivery = asdict(self.default)
        delivery["delay"] = list(self.default.delay)
        return {**delivery, "per_event": self.per_event, "paused": self.paused, "seed": self.seed}

    def reset(self) -> None:
        """Back to prompt, complete, ordered delivery."""
        self.default, self.per_event, self.paused = Delivery(), {}, False
        self.seed, self.random = 0, random.Random(0)


settings = Settings()
