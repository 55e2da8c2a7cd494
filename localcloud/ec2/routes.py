"""Routes: black holes, and targets that do not exist.

Sources: EC2 API Reference, Route ("blackhole indicates that the route's target isn't available: the specified gateway
isn't attached to the VPC, or the specified NAT instance has been terminated"), CreateRoute; EC2 error codes
(InvalidNatGatewayID.NotFound).
"""

from __future__ import annotations

import inspect
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.route_tables import Route

from .. import hooks
from .common import refuse
from .nat import routable, state_of


def _state(route: Any) -> str:
    if route.nat_gateway is not None and state_of(route.nat_gateway) in ("failed", "deleting", "deleted"):
        return "blackhole"
    if route.gateway is not None and hasattr(route.gateway, "vpc"):
        attached = route.gateway.vpc
        if attached is None or attached.id != route.route_table.vpc_id:
            return "blackhole"
    return "active"


def _to_a_gateway_that_is_there(original: Any) -> Any:
    signature = inspect.signature(original)

    def change_route(self: Any, *args: Any, **kwargs: Any) -> Any:
        gateway_id = signature.bind(self, *args, **kwargs).arguments.get("nat_gateway_id")
        if gateway_id is not None:
            gateway = self.nat_gateways.get(gateway_id)
            if gateway is None or not routable(gateway):
                refuse("InvalidNatGatewayID.NotFound", f"The natGateway ID '{gateway_id}' does not exist")
        return original(self, *args, **kwargs)

    return change_route


def install() -> None:
    """Give routes a state, and refuse routes to NAT gateways that are not there."""
    hooks.replace(Route, "state", property(_state))
    for name in ("create_route", "replace_route"):
        original = hooks.require(EC2Backend, name)
        hooks.require_parameters(original, "nat_gateway_id", "gateway_id")
        hooks.replace(EC2Backend, name, _to_a_gateway_that_is_there(original))
