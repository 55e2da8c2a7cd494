"""Route tables: client tokens, associations, the local route, and where an internet gateway may be attached.

Sources: EC2 API Reference, CreateRouteTable ("ClientToken"), AssociateRouteTable (a subnet has one table),
DeleteRouteTable ("you can't delete the main route table"), ReplaceRoute ("LocalTarget", which puts a local route back),
CreateRoute and AttachInternetGateway; VPC User Guide, "Route tables" (a local route cannot be deleted, its target can
be replaced) and "Internet gateways" (one a VPC); EC2 error codes (Resource.AlreadyAssociated, RouteAlreadyExists,
DependencyViolation, InvalidParameterValue).
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.route_tables import Route
from moto.ec2.responses import EC2Response

from .. import hooks
from .common import refuse, replace_action

_TARGETS = (
    "gateway",
    "instance",
    "nat_gateway",
    "egress_only_igw",
    "transit_gateway",
    "interface",
    "vpc_pcx",
    "carrier_gateway",
    "vpc_endpoint_id",
)


def _create_route_table(self: Any) -> ActionResult:
    """The same token gives the same table, as long as that is there."""
    backend, token = self.ec2_backend, self._get_param("ClientToken")
    made = (table for table in backend.route_tables.values() if token and getattr(table, "token", None) == token)
    table = next(made, None)
    if table is None:
        tags = self._get_param("TagSpecifications", [])
        table = backend.create_route_table(self._get_param("VpcId"), tags[0].get("Tags") or [] if tags else [])
        table.token = token
    return ActionResult({"RouteTable": table, "ClientToken": token})


def _associate(original: Any) -> Any:
    @functools.wraps(original)
    def associate_route_table(
        self: Any, route_table_id: str, gateway_id: str | None = None, subnet_id: str | None = None
    ) -> Any:
        for table in self.route_tables.values():
            if subnet_id and table.id != route_table_id and subnet_id in table._associations.values():
                refuse(
                    "Resource.AlreadyAssociated",
                    f"the specified association for route table {route_table_id} conflicts with an existing one",
                )
        return original(self, route_table_id, gateway_id, subnet_id)

    return associate_route_table


def _delete_route_table(original: Any) -> Any:
    """Refused by the action only: deleting a VPC takes its main table along."""

    def delete_route_table(self: Any) -> Any:
        table = self.ec2_backend.route_tables.get(self._get_param("RouteTableId"))
        if table is not None and table.main_association_id:
            refuse("DependencyViolation", f"The routeTable '{table.id}' has dependencies and cannot be deleted.")
        return original(self)

    return delete_route_table


def _find(backend: Any, arguments: dict[str, Any]) -> Any:
    """The route that a call names; `None` if its table has none."""
    table = backend.route_tables.get(arguments["route_table_id"])
    names = ("destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id")
    wanted = next((arguments[name] for name in names if arguments.get(name)), None)
    for route in table._routes.values() if table else ():
        if wanted is not None and wanted in (getattr(route, name) for name in names):
            return route
    return None


def _create_route(original: Any) -> Any:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def create_route(self: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = signature.bind(self, *args, **kwargs).arguments
        if not arguments.get("local"):
            _reachable(self, arguments)
            if _find(self, arguments) is not None:
                destination = arguments.get("destination_cidr_block") or arguments.get("destination_ipv6_cidr_block")
                refuse("RouteAlreadyExists", f"The route identified by {destination} already exists.")
        return original(self, *args, **kwargs)

    return create_route


def _reachable(backend: Any, arguments: dict[str, Any]) -> None:
    gateway = backend.internet_gateways.get(arguments.get("gateway_id"))
    table = backend.route_tables.get(arguments["route_table_id"])
    if gateway is None or table is None:
        return
    if gateway.vpc is None or gateway.vpc.id != table.vpc_id:
        refuse(
            "InvalidParameterValue",
            f"route table {table.id} and network gateway {gateway.id} belong to different networks",
        )


def _replace_route(original: Any) -> Any:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def replace_route(self: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = signature.bind(self, *args, **kwargs).arguments
        _reachable(self, arguments)
        route = _find(self, arguments)
        if route is not None and route.local:
            route.local, route.was_local = False, True
        return original(self, *args, **kwargs)

    return replace_route


def _replace_route_action(original: Any) -> Any:
    @functools.wraps(original)
    def replace_route(self: Any) -> ActionResult:
        if self._get_bool_param("LocalTarget") is not True:
            return original(self)
        arguments = {
            "route_table_id": self._get_param("RouteTableId"),
            "destination_cidr_block": self._get_param("DestinationCidrBlock"),
            "destination_ipv6_cidr_block": self._get_param("DestinationIpv6CidrBlock"),
        }
        route = _find(self.ec2_backend, arguments)
        if route is None or not (route.local or getattr(route, "was_local", False)):
            refuse("InvalidParameterValue", "The local target is for the local route of a route table.")
        for name in _TARGETS:
            setattr(route, name, None)
        route.local = True
        return EmptyResult()

    return replace_route


def _delete_route(original: Any) -> Any:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def delete_route(self: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = signature.bind(self, *args, **kwargs).arguments
        route = _find(self, arguments)
        if route is not None and (route.local or getattr(route, "was_local", False)):
            cidr = route.destination_cidr_block or route.destination_ipv6_cidr_block
            refuse(
                "InvalidParameterValue",
                f"cannot remove local route {cidr} in route table {arguments['route_table_id']}",
            )
        return original(self, *args, **kwargs)

    return delete_route


def _origin(route: Any) -> str:
    return "CreateRouteTable" if route.local or getattr(route, "was_local", False) else "CreateRoute"


def _attach(original: Any) -> Any:
    @functools.wraps(original)
    def attach_internet_gateway(self: Any, internet_gateway_id: str, vpc_id: str) -> Any:
        others = (gateway for gateway in self.internet_gateways.values() if gateway.id != internet_gateway_id)
        taken = any(gateway.vpc is not None and gateway.vpc.id == vpc_id for gateway in others)
        if taken and internet_gateway_id in self.internet_gateways:
            refuse("InvalidParameterValue", f"Network {vpc_id} already has an internet gateway attached")
        return original(self, internet_gateway_id, vpc_id)

    return attach_internet_gateway


def install() -> None:
    """Replace CreateRouteTable, guard the rest."""
    wrapped = {
        "associate_route_table": (_associate, ("route_table_id", "gateway_id", "subnet_id")),
        "create_route": (_create_route, ("route_table_id", "gateway_id", "local")),
        "replace_route": (_replace_route, ("route_table_id", "gateway_id")),
        "delete_route": (_delete_route, ("route_table_id", "destination_cidr_block")),
        "attach_internet_gateway": (_attach, ("internet_gateway_id", "vpc_id")),
    }
    for name, (wrap, parameters) in wrapped.items():
        original = hooks.require(EC2Backend, name)
        hooks.require_parameters(original, *parameters)
        hooks.replace(EC2Backend, name, wrap(original))
    hooks.replace(Route, "origin", property(_origin))
    replace_action("create_route_table", _create_route_table)
    replace_action("delete_route_table", _delete_route_table(EC2Response.delete_route_table))
    replace_action("replace_route", _replace_route_action(EC2Response.replace_route))
