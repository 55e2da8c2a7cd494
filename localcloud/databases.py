"""Database instances: public access that takes its time, and the interfaces that instances have.

Sources: Amazon RDS API Reference, ModifyDBInstance ("Changes to the PubliclyAccessible parameter are applied
immediately regardless of the value of the ApplyImmediately parameter"; InvalidDBInstanceState) and DBInstance; Amazon
RDS User Guide, "Viewing DB instance status" (`modifying`) and "Working with a DB instance in a VPC": an instance has an
interface in one subnet of its group, and a public address when it is publicly accessible. The interface is described
as `RDSNetworkInterface` and managed by its requester.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

from . import bridge, hooks

_DESCRIPTION = "RDSNetworkInterface"


@dataclass
class Settings:
    """How long things take, in seconds."""

    # From ModifyDBInstance to `available`.
    modifying: float = 0.0

    def update(self, values: Mapping[str, Any]) -> None:
        """Change some settings, all or nothing; `ValueError` says what is wrong."""
        if unknown := sorted(set(values) - {"modifying"}):
            raise ValueError(f"unknown setting {', '.join(unknown)}: known is modifying")
        value = values.get("modifying", self.modifying)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e6:
            raise ValueError("modifying is a number of seconds, 0 or more")
        self.modifying = value

    def as_dict(self) -> dict[str, Any]:
        """The settings in the form that `update` takes."""
        return asdict(self)

    def reset(self) -> None:
        """Back to what they are at the start."""
        self.modifying = 0.0


settings = Settings()


def backends_of(registry: Any, account: str, region: str) -> Iterator[Any]:
    """The backend of an account and Region, if anything was ever made there."""
    regions = dict(registry.items()).get(account)
    backend = dict(regions.items()).get(region) if regions is not None else None
    if backend is not None:
        yield backend


def _rds(account: str, region: str) -> Iterator[Any]:
    from moto.rds.models import rds_backends

    return backends_of(rds_backends, account, region)


def _bring_about(backend: Any, now: float | None = None) -> int:
    """End the modifications that are due."""
    ended = 0
    for database in backend.databases.values():
        due = database.__dict__.get("modified_at")
        if due is not None and (now is None or due <= now):
            database.__dict__.pop("modified_at")
            database.publicly_accessible = database.__dict__.pop("public_then")
            database.status = "available"
            ended += 1
    return ended


def end_transitions() -> int:
    """End every modification now; returns how many."""
    from moto.rds.models import rds_backends

    with bridge.lock:
        accounts = [regions for _, regions in list(rds_backends.items())]
        return sum(_bring_about(backend) for regions in accounts for _, backend in list(regions.items()))


def _interfaces(account: str, region: str) -> None:
    """Each instance with its interface; those of instances that are gone are gone."""
    from moto.ec2.models import ec2_backends

    from .ec2 import interfaces

    for backend in _rds(account, region):
        _bring_about(backend, time.time())
        ec2 = ec2_backends[account][region]
        kept = set()
        for database in backend.databases.values():
            shown = getattr(getattr(database, "db_subnet_group", None), "subnets", [])
            subnets = [subnet["SubnetIdentifier"] for subnet in shown]
            held = ec2.enis.get(database.__dict__.get("interface_id"))
            if held is None and subnets and subnets[0] in {one.id for one in ec2.describe_subnets()}:
                groups = list(database.vpc_security_group_ids)
                held = interfaces.make(ec2, subnets[0], groups, _DESCRIPTION, managed=True)
                database.__dict__["interface_id"] = held.id
            if held is not None:
                groups = [ec2.get_security_group_from_id(group) for group in database.vpc_security_group_ids]
                if known := [group for group in groups if group is not None]:
                    held._group_set = known
                interfaces.open_or_close(held, bool(database.publicly_accessible))
                kept.add(held.id)
        for interface in [one for one in ec2.enis.values() if one.description == _DESCRIPTION]:
            if interface.requester_managed and interface.id not in kept:
                ec2.delete_network_interface(interface.id)


def _modify(original: Any) -> Any:
    def modify_db_instance(self: Any, db_instance_identifier: str, db_kwargs: dict[str, Any]) -> Any:
        from moto.rds.exceptions import RDSClientError

        _bring_about(self, time.time())
        database = self.describe_db_instances(db_instance_identifier)[0]
        if database.status not in ("available", "storage-optimization"):
            raise RDSClientError(
                "InvalidDBInstanceState",
                f"Instance {db_instance_identifier} is currently {database.status} - try again later",
            )
        if not settings.modifying:
            return original(self, db_instance_identifier, db_kwargs)
        later = dict(db_kwargs)
        public = later.pop("publicly_accessible", None)
        answer = original(self, db_instance_identifier, later)
        answer.__dict__["public_then"] = answer.publicly_accessible if public is None else public
        answer.__dict__["modified_at"] = time.time() + settings.modifying
        answer.status = "modifying"
        return answer

    return modify_db_instance


def _describe(original: Any) -> Any:
    def describe_db_instances(self: Any, *args: Any, **kwargs: Any) -> Any:
        _bring_about(self, time.time())
        return original(self, *args, **kwargs)

    return describe_db_instances


def install(app: ModuleType) -> None:
    """Patch moto's RDS, and let EC2 know the interfaces."""
    del app
    from moto.rds.models import RDSBackend

    hooks.require_parameters(RDSBackend.modify_db_instance, "db_instance_identifier", "db_kwargs")
    hooks.replace(RDSBackend, "modify_db_instance", _modify(hooks.require(RDSBackend, "modify_db_instance")))
    hooks.replace(RDSBackend, "describe_db_instances", _describe(hooks.require(RDSBackend, "describe_db_instances")))
    bridge.before_each_ec2_call.append(_interfaces)
