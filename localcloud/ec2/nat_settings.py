"""What may be changed of NAT gateways and addresses while the local cloud runs: how long things take, quotas, failures.

Sources: EC2 API Reference, NatGateway (FailureCode and the message of each); Amazon VPC User Guide, "Amazon VPC quotas"
(NAT gateways per Availability Zone: 5; Elastic IP addresses per Region: 5; both adjustable).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

FAILURES = {
    "InsufficientFreeAddressesInSubnet": "Subnet has insufficient free addresses to create this NAT gateway",
    "Gateway.NotAttached": "Network {vpc} has no Internet gateway attached",
    "InvalidAllocationID.NotFound": "Elastic IP address {allocation} could not be associated with this NAT gateway",
    "Resource.AlreadyAssociated": "Elastic IP address {allocation} is already associated",
    "InternalError": (
        "Network interface {interface}, created and used internally by this NAT gateway is in an invalid state. "
        "Please try again."
    ),
    "InvalidSubnetID.NotFound": "The specified subnet {subnet} does not exist or could not be found.",
}
_IN_USE = ("AuthFailure", "InvalidIPAddress.InUse")


@dataclass
class Failure:
    """Gateways that will fail: which, how, how many."""

    code: str
    count: int = 1
    message: str | None = None
    account: str | None = None
    vpc: str | None = None
    subnet: str | None = None
    # name or id
    zone: str | None = None

    def __post_init__(self) -> None:
        """Refuse what AWS never answers."""
        if self.code not in FAILURES:
            raise ValueError(f"code is one of {', '.join(FAILURES)}")
        if isinstance(self.count, bool) or not isinstance(self.count, int) or self.count < 0:
            raise ValueError("count is a whole number")


@dataclass
class Settings:
    """Seconds and quotas."""

    pending: float = 0.0
    deleting: float = 0.0
    # How long an ended gateway is still described: "usually about an hour".
    visible: float = 3600.0
    # After a create: how long describing calls do not know the gateway, and route calls answer NotFound (the API is
    # eventually consistent).
    unseen: float = 0.0
    unroutable: float = 0.0
    # Pending, active and deleting gateways count.
    per_zone: int = 5
    addresses: int = 5
    # How ReleaseAddress answers for an address that a gateway holds: both codes are seen on AWS.
    release_in_use: str = "AuthFailure"
    fail_next: list[Failure] = field(default_factory=list)

    def update(self, values: Mapping[str, Any]) -> None:
        """Change some settings, all or nothing; `ValueError` says what is wrong."""
        known = {one.name for one in fields(Settings)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown setting {', '.join(unknown)}: known are {', '.join(sorted(known))}")
        clean: dict[str, Any] = {}
        for name, value in values.items():
            if name == "fail_next":
                clean[name] = _failures(value)
            elif name == "release_in_use":
                if value not in _IN_USE:
                    raise ValueError(f"release_in_use is one of {', '.join(_IN_USE)}")
                clean[name] = value
            else:
                whole = name in ("per_zone", "addresses")
                good = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
                if not good or not 0 <= value <= 1e6:
                    raise ValueError(f"{name} is {'a whole number' if whole else 'a number of seconds'}, 0 or more")
                clean[name] = value
        self.__dict__.update(clean)

    def as_dict(self) -> dict[str, Any]:
        """The settings in the form that `update` takes."""
        return asdict(self)

    def reset(self) -> None:
        """Back to what the server was started with."""
        self.__dict__.update(Settings(**_started_with).__dict__)

    def start_with(self, **values: float) -> None:
        """The settings of this server's command line."""
        _started_with.update(values)
        self.reset()


def _failures(value: Any) -> list[Failure]:
    given = [] if value is None else [value] if isinstance(value, Mapping) else value
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise ValueError('fail_next is {"code": "…", "count": 1, …}, a list of them, or null')
    try:
        return [Failure(**one) for one in given]
    except TypeError as error:
        raise ValueError(f"fail_next: {error}") from error


_started_with: dict[str, Any] = {}
settings = Settings()
