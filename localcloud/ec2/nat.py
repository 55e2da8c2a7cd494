"""NAT gateways: their life cycle over time, failures that come after a successful create, regional availability.

Sources: EC2 API Reference, NatGateway (State, FailureCode), CreateNatGateway, DeleteNatGateway; VPC User Guide,
"Troubleshoot NAT gateways" (a failed gateway "is automatically deleted after a short period, usually about an hour";
a deleted one stays visible about an hour), "Regional NAT gateways".
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.nat_gateways import NatGateway
from moto.ec2.utils import add_tag_specification

from .. import hooks
from .common import apply_filters, check_id, refuse, replace_action

VISIBLE_AFTER_END = 3600.0


@dataclass
class Settings:
    """How long the states last, in seconds, and the quota; both may be changed while the local cloud runs."""

    pending: float = 0.0
    deleting: float = 0.0
    # "NAT gateways per Availability Zone: 5" by default and adjustable; pending, active and deleting ones count.
    per_zone: int | None = None


settings = Settings()

_FILTERS = {
    "nat-gateway-id": lambda gateway: gateway.id,
    "state": lambda gateway: gateway.state,
    "subnet-id": lambda gateway: gateway.subnet_id,
    "vpc-id": lambda gateway: gateway.vpc_id,
}


@dataclass
class _Life:
    """When a gateway's states change; absolute times."""

    created: float
    available_at: float
    deleted_from: float | None = None
    gone_at: float | None = None
    failure: tuple[str, str] | None = None


def state_of(gateway: Any) -> str:
    """pending, failed, available, deleting or deleted, by the clock."""
    life: _Life | None = gateway.__dict__.get("life")
    if life is None:
        return gateway.__dict__.get("shown_state", "available")
    now = time.time()
    if life.gone_at is not None:
        return "deleting" if now < life.gone_at else "deleted"
    if now < life.available_at:
        return "pending"
    return "failed" if life.failure else "available"


def _state(self: Any) -> str:
    return state_of(self)


def _set_state(self: Any, value: str) -> None:
    self.__dict__["shown_state"] = value


def _delete_time(self: Any) -> str | None:
    life: _Life | None = self.__dict__.get("life")
    if life is None or life.deleted_from is None:
        return None
    return datetime.fromtimestamp(life.deleted_from, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _failure(index: int) -> property:
    def read(self: Any) -> str | None:
        life: _Life | None = self.__dict__.get("life")
        return life.failure[index] if life and life.failure and state_of(self) == "failed" else None

    return property(read)


def _visible(gateway: Any) -> bool:
    life: _Life | None = gateway.__dict__.get("life")
    if life is None:
        return True
    end = life.gone_at if life.gone_at is not None else life.available_at if life.failure else None
    return end is None or time.time() < end + VISIBLE_AFTER_END


def _later_failure(backend: Any, subnet: Any, allocation: str | None, connectivity: str) -> tuple[str, str] | None:
    """What AWS finds wrong only after it has answered the create."""
    if connectivity != "public":
        return None
    if not any(igw.vpc is not None and igw.vpc.id == subnet.vpc_id for igw in backend.internet_gateways.values()):
        return "Gateway.NotAttached", f"Network {subnet.vpc_id} has no Internet gateway attached"
    for address in backend.addresses.values() if isinstance(backend.addresses, dict) else backend.addresses:
        if address.allocation_id == allocation and (address.association_id or address.eni):
            return "Resource.AlreadyAssociated", f"Elastic IP address [{allocation}] is already associated"
    return None


def _check_zone_quota(backend: Any, zone: str) -> None:
    if settings.per_zone is None:
        return
    counted = 0
    for gateway in backend.nat_gateways.values():
        subnet = backend.get_subnet(gateway.subnet_id) if gateway.subnet_id else None
        if subnet and subnet.availability_zone == zone and state_of(gateway) in ("pending", "available", "deleting"):
            counted += 1
    if counted >= settings.per_zone:
        refuse(
            "NatGatewayLimitExceeded",
            f"Performing this operation would exceed the limit of {settings.per_zone} NAT gateways",
        )


def _create_nat_gateway(self: Any) -> ActionResult:
    backend, get = self.ec2_backend, self._get_param
    connectivity, allocation = get("ConnectivityType") or "public", get("AllocationId")
    regional = get("AvailabilityMode") == "regional"
    tags = add_tag_specification(get("TagSpecifications", []))
    failure = None
    if regional:
        if get("SubnetId"):
            refuse("InvalidParameterCombination", "SubnetId cannot be specified with AvailabilityMode regional")
        if not get("VpcId"):
            refuse("MissingParameter", "The request must contain the parameter VpcId")
        backend.get_vpc(get("VpcId"))
        subnets = [subnet for subnet in backend.describe_subnets() if subnet.vpc_id == get("VpcId")]
        if not subnets:
            refuse("InvalidVpcState", f"The VPC {get('VpcId')} has no subnet")
        gateway = backend.create_nat_gateway(
            subnet_id=subnets[0].id, allocation_id=None, tags=tags, connectivity_type=connectivity
        )
        # In automatic mode AWS owns the addresses: the caller sees the gateway without a subnet.
        gateway.subnet_id, gateway.address_set = None, []
        gateway.auto_scaling_ips = gateway.auto_provision_zones = "enabled"
    else:
        if not get("SubnetId"):
            refuse("MissingParameter", "The request must contain the parameter SubnetId")
        if connectivity == "public" and not allocation:
            refuse("MissingParameter", "The request must contain the parameter AllocationId")
        subnet = backend.get_subnet(get("SubnetId"))
        _check_zone_quota(backend, subnet.availability_zone)
        if allocation:
            backend.address_by_allocation([allocation])
        failure = _later_failure(backend, subnet, allocation, connectivity)
        gateway = backend.create_nat_gateway(
            subnet_id=subnet.id,
            allocation_id=None if failure else allocation,
            tags=tags,
            connectivity_type=connectivity,
        )
    gateway.availability_mode = "regional" if regional else "zonal"
    now = time.time()
    gateway.__dict__["life"] = _Life(created=now, available_at=now + settings.pending, failure=failure)
    answered = copy.copy(gateway)  # the answer to a create always says pending
    answered.__dict__["life"] = None
    answered.__dict__["shown_state"] = "pending"
    return ActionResult({"NatGateway": answered, "ClientToken": get("ClientToken")})


def _find(backend: Any, gateway_id: str) -> Any:
    check_id(gateway_id, "nat", "NatGatewayMalformed", f"The NatGateway ID '{gateway_id}' is malformed")
    gateway = backend.nat_gateways.get(gateway_id)
    if gateway is None or not _visible(gateway):
        refuse("NatGatewayNotFound", f"NAT gateway {gateway_id} was not found")
    return gateway


def _delete_nat_gateway(self: Any) -> ActionResult:
    """The address is let go but not released, and the routes stay, black-holed."""
    backend, gateway_id = self.ec2_backend, self._get_param("NatGatewayId") or ""
    gateway = _find(backend, gateway_id)
    if state_of(gateway) in ("deleting", "deleted"):
        return ActionResult({"NatGatewayId": gateway_id})
    now = time.time()
    life = gateway.__dict__.get("life") or _Life(created=now, available_at=now)
    life.deleted_from, life.gone_at = now, now + settings.deleting
    gateway.__dict__["life"] = life
    for address in gateway.address_set:
        if address.get("associationId"):
            backend.disassociate_address(association_id=address["associationId"])
    backend.enis.pop(gateway._eni.id, None)
    return ActionResult({"NatGatewayId": gateway_id})


def _describe_nat_gateways(self: Any) -> ActionResult:
    backend, ids = self.ec2_backend, self._get_param("NatGatewayIds", [])
    for gateway_id in ids:
        _find(backend, gateway_id)
    gateways = [gateway for gateway in backend.nat_gateways.values() if _visible(gateway)]
    gateways = [gateway for gateway in gateways if not ids or gateway.id in ids]
    return ActionResult({"NatGateways": apply_filters(gateways, self._filters_from_querystring(), _FILTERS)})


def install() -> None:
    """Replace the NAT gateway actions and give a gateway a state that depends on the clock."""
    hooks.require_parameters(NatGateway.__init__, "subnet_id", "allocation_id", "connectivity_type")
    NatGateway.state = property(_state, _set_state)  # type: ignore[assignment, method-assign]
    NatGateway.delete_time = property(_delete_time)  # type: ignore[attr-defined]
    NatGateway.failure_code = _failure(0)  # type: ignore[attr-defined]
    NatGateway.failure_message = _failure(1)  # type: ignore[attr-defined]
    replace_action("create_nat_gateway", _create_nat_gateway)
    replace_action("delete_nat_gateway", _delete_nat_gateway)
    replace_action("describe_nat_gateways", _describe_nat_gateways)
