"""Routes: black holes, and targets that do not exist.

Sources: EC2 API Reference, Route ("blackhole indicates that the route's target isn't available: the specified gateway
isn't attached to the VPC, or the specified NAT instance has been terminated"), CreateRoute; EC2 error codes
(InvalidNatGatewayID.NotFound).
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.route_tables import Route

from .. import hooks
from .common import refuse
from .nat import state_of


def _state(route: Any) -> str:
    if route.nat_gateway is not None and state_of(route.nat_gateway) in ("failed", "deleting", "deleted"):
        return "blackhole"
    if route.gateway is not None and hasattr(route.gateway, "vpc"):
        attached = route.gateway.vpc
        if attached is None or attached.id != route.route_table.vpc_id:
            return "blackhole"
    return "active"


def _create_route(original: Any) -> Any:
    def create_route(self: Any, *args: Any, **kwargs: Any) -> Any:
        gateway_id = kwargs.get("nat_gateway_id")
        if gateway_id is not None:
            gateway = self.nat_gateways.get(gateway_id)
            if gateway is None or state_of(gateway) in ("failed", "deleting", "deleted"):
                refuse("InvalidNatGatewayID.NotFound", f"The natGateway ID '{gateway_id}' does not exist")
        return original(self, *args, **kwargs)

    return create_route


def install() -> None:
    """Give routes a state, and refuse routes to NAT gateways that are not there."""
    hooks.replace(Route, "state", property(_state))
    hooks.require_parameters(EC2Backend.create_route, "nat_gateway_id", "gateway_id")
    hooks.replace(EC2Backend, "create_route", _create_route(EC2Backend.create_route))
