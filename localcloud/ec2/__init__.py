"""EC2 behaviour that moto lacks or gets wrong: one concern a module, each with `install()`."""

from __future__ import annotations

from types import ModuleType

from . import (
    addresses,
    block_public_access,
    connection_notifications,
    endpoint_services,
    endpoints,
    flow_logs,
    interfaces,
    nat,
    privatelink,
    routes,
    security_groups,
    tags,
    vpcs,
)

_PARTS = (
    tags,
    vpcs,
    security_groups,
    addresses,
    interfaces,
    nat,
    routes,
    flow_logs,
    endpoints,
    connection_notifications,
    privatelink,
    endpoint_services,
    block_public_access,
)


def install(app: ModuleType) -> None:
    """Patch moto's EC2; `app` is unused, the signature is that of every module of the package."""
    del app
    for module in _PARTS:
        module.install()
