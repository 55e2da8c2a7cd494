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
    instances,
    interfaces,
    nat,
    privatelink,
    route_tables,
    routes,
    security_groups,
    service_interfaces,
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
    route_tables,
    routes,
    flow_logs,
    instances,
    service_interfaces,
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
