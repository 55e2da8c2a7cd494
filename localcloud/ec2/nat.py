"""NAT gateways: their life cycle over time, failures that come after a successful create, regional availability.

Sources: EC2 API Reference, NatGateway (State, FailureCode, AvailabilityMode), CreateNatGateway, DeleteNatGateway, EC2
"Error codes" (NatGatewayLimitExceeded); VPC User Guide, "Troubleshoot NAT gateways" (a failed gateway "is automatically
deleted after a short period, usually about an hour"; a deleted one stays visible about an hour), "Delete a NAT gateway"
(its address is disassociated, not released), "Regional NAT gateways".
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.models.nat_gateways import NatGateway
from moto.ec2.utils import add_tag_specification

from .. import bridge, hooks
from . import addresses
from .common import apply_filters, check_id, refuse, replace_action
from .nat_settings import FAILURES, settings

_FILTERS = {
    "nat-gateway-id": lambda gateway: gateway.id,
    "state": lambda gateway: gateway.state,
    "subnet-id": lambda gateway: gateway.subnet_id,
    "vpc-id": lambda gateway: gateway.vpc_id,
}


@dataclass
class Life:
    """When a gateway's states change; absolute times."""

    created: float
    available_at: float
    deleted_from: float | None = None
    gone_at: float | None = None
    failure: tuple[str, str] | None = None
    # The end has come and what the gateway held is free.
    let_go: bool = False

    def end(self) -> float | None:
        """When it is deleted or failed, if it is going to be."""
        if self.gone_at is not None:
            return self.gone_at
        return self.available_at if self.failure else None


def life_of(gateway: Any) -> Life | None:
    """The gateway's times."""
    life: Life | None = gateway.__dict__.get("life")
    return life


def state_of(gateway: Any) -> str:
    """pending, failed, available, deleting or deleted, by the clock."""
    life = life_of(gateway)
    if life is None:
        return gateway.__dict__.get("shown_state", "available")
    now = time.time()
    if life.gone_at is not None:
        return "deleting" if now < life.gone_at else "deleted"
    if now < life.available_at:
        return "pending"
    return "failed" if life.failure else "available"


def routable(gateway: Any) -> bool:
    """Whether route calls know the gateway: it is not dead, and has been there long enough for all of AWS to know."""
    life = life_of(gateway)
    fresh = life is not None and time.time() < life.created + settings.unroutable
    return not fresh and state_of(gateway) not in ("failed", "deleting", "deleted")


def _state(self: Any) -> str:
    return state_of(self)


def _set_state(self: Any, value: str) -> None:
    self.__dict__["shown_state"] = value


def _delete_time(self: Any) -> str | None:
    life = life_of(self)
    if life is None or life.deleted_from is None:
        return None
    return datetime.fromtimestamp(life.deleted_from, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _failure(index: int) -> property:
    def read(self: Any) -> str | None:
        life = life_of(self)
        # "If the NAT gateway could not be created, specifies the error code": while it is shown, in whatever state.
        return life.failure[index] if life and life.failure and state_of(self) != "pending" else None

    return property(read)


def visible(gateway: Any) -> bool:
    """Whether describing calls show the gateway: not yet everywhere known, or ended long ago, it is not."""
    life = life_of(gateway)
    if life is None:
        return True
    now, end = time.time(), life.end()
    return now >= life.created + settings.unseen and (end is None or now < end + settings.visible)


def settle(backend: Any) -> None:
    """Free what gateways held whose end has come: a deleting one keeps its address until it is deleted."""
    now = time.time()
    for gateway in backend.nat_gateways.values():
        life = life_of(gateway)
        end = life.end() if life else None
        if life is None or life.let_go or end is None or now < end:
            continue
        life.let_go = True
        for address in list(backend.addresses):
            if address.eni is not None and address.eni.id == gateway._eni.id:
                address.eni.public_ip = None
                address.eni = address.instance = address.association_id = None
                if addresses.managed(address):
                    backend.addresses.remove(address)
        for shown in gateway.address_set:
            shown.pop("associationId", None)
            if life.failure:
                shown["status"], shown["failureMessage"] = "failed", life.failure[1]
                shown.pop("networkInterfaceId", None)
        backend.enis.pop(gateway._eni.id, None)
        if table := gateway.__dict__.get("route_table_id"):
            backend.route_tables.pop(table, None)


def end_transitions() -> int:
    """Let every pending and deleting gateway arrive now; returns how many did."""
    from moto.ec2.models import ec2_backends

    now, arrived = time.time(), 0
    with bridge.lock:
        for regions in list(ec2_backends.values()):
            for backend in list(regions.values()):
                for gateway in backend.nat_gateways.values():
                    life = life_of(gateway)
                    if life is None or state_of(gateway) not in ("pending", "deleting"):
                        continue
                    arrived += 1
                    life.available_at = min(life.available_at, now)
                    life.gone_at = min(life.gone_at, now) if life.gone_at is not None else None
                settle(backend)
    return arrived


def _settle_before_each_call(account: str, region: str) -> None:
    from moto.ec2.models import ec2_backends

    settle(ec2_backends[account][region])


def _wanted_failure(backend: Any, subnet: Any) -> tuple[str, str | None] | None:
    """The failure that somebody asked for on demand."""
    for wanted in settings.fail_next:
        scope = (
            (wanted.account, (backend.account_id,)),
            (wanted.vpc, (subnet.vpc_id,)),
            (wanted.subnet, (subnet.id,)),
            (wanted.zone, (subnet.availability_zone, subnet.availability_zone_id)),
        )
        if wanted.count > 0 and all(asked is None or asked in names for asked, names in scope):
            wanted.count -= 1
            return wanted.code, wanted.message
    return None


def _later_failure(
    backend: Any, subnet: Any, allocation: str | None, connectivity: str
) -> tuple[str, str | None] | None:
    """What AWS finds wrong only after it has answered the create."""
    if wanted := _wanted_failure(backend, subnet):
        return wanted
    if connectivity != "public":
        return None
    if not any(igw.vpc is not None and igw.vpc.id == subnet.vpc_id for igw in backend.internet_gateways.values()):
        return "Gateway.NotAttached", None
    if any(one.allocation_id == allocation and (one.association_id or one.eni) for one in backend.addresses):
        return "Resource.AlreadyAssociated", None
    return None


def _check_zone_quota(backend: Any, zone: str) -> None:
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


def _create_zonal(backend: Any, get: Any, tags: Any, connectivity: str) -> Any:
    allocation = get("AllocationId")
    if not get("SubnetId"):
        refuse("MissingParameter", "The request must contain the parameter SubnetId")
    if connectivity == "public" and not allocation:
        refuse("MissingParameter", "The request must contain the parameter AllocationId")
    if connectivity != "public" and allocation:
        refuse("InvalidParameterCombination", "AllocationId cannot be specified for a private NAT gateway")
    subnet = backend.get_subnet(get("SubnetId"))
    _check_zone_quota(backend, subnet.availability_zone)
    if allocation:
        backend.address_by_allocation([allocation])
    failure = _later_failure(backend, subnet, allocation, connectivity)
    free = allocation and not any(one.allocation_id == allocation and one.association_id for one in backend.addresses)
    gateway = backend.create_nat_gateway(
        subnet_id=subnet.id, allocation_id=allocation if free else None, tags=tags, connectivity_type=connectivity
    )
    gateway.address_set[0] |= {"isPrimary": True, "status": "succeeded"}
    if allocation and not free:
        gateway.address_set[0]["allocationId"] = allocation
    gateway.availability_mode = "zonal"
    if failure is not None:
        code, message = failure
        known = {"vpc": subnet.vpc_id, "subnet": subnet.id, "allocation": allocation, "interface": gateway._eni.id}
        gateway.__dict__["failure"] = (code, message or FAILURES[code].format(**known))
    return gateway


def _create_regional(backend: Any, get: Any, tags: Any, connectivity: str) -> Any:
    """Automatic mode: AWS owns the addresses, one or more a zone, and a route table; the caller names only the VPC."""
    if get("SubnetId") or get("AllocationId"):
        refuse(
            "InvalidParameterCombination", "SubnetId and AllocationId cannot be specified for a regional NAT gateway"
        )
    if connectivity != "public":
        refuse("InvalidParameterCombination", "A regional NAT gateway is public")
    if not get("VpcId"):
        refuse("MissingParameter", "The request must contain the parameter VpcId")
    vpc = backend.get_vpc(get("VpcId"))
    subnets = [subnet for subnet in backend.describe_subnets() if subnet.vpc_id == vpc.id]
    if not subnets:
        refuse("InvalidVpcState", f"The VPC {vpc.id} has no subnet")
    failure = _wanted_failure(backend, subnets[0])
    internet = next(
        (one for one in backend.internet_gateways.values() if one.vpc is not None and one.vpc.id == vpc.id), None
    )
    if failure is None and internet is None:
        failure = "Gateway.NotAttached", None
    gateway = backend.create_nat_gateway(
        subnet_id=subnets[0].id, allocation_id=None, tags=tags, connectivity_type=connectivity
    )
    gateway.subnet_id, gateway.address_set = None, []
    gateway.availability_mode = "regional"
    gateway.auto_scaling_ips = gateway.auto_provision_zones = "enabled"
    if failure is not None:
        code, message = failure
        known = {"vpc": vpc.id, "subnet": subnets[0].id, "allocation": "", "interface": gateway._eni.id}
        gateway.__dict__["failure"] = (code, message or FAILURES[code].format(**known))
        return gateway
    for zone, zone_id in sorted({(subnet.availability_zone, subnet.availability_zone_id) for subnet in subnets}):
        address = ElasticAddress(backend, domain="vpc")
        address.__dict__[addresses.MANAGED_BY] = "rnat"
        address.eni, address.association_id = gateway._eni, f"eipassoc-{address.allocation_id.split('-')[1]}"
        backend.addresses.append(address)
        gateway.address_set.append(
            {
                "allocationId": address.allocation_id,
                "publicIp": address.public_ip,
                "associationId": address.association_id,
                "availabilityZone": zone,
                "availabilityZoneId": zone_id,
                "status": "succeeded",
            }
        )
    table = backend.create_route_table(vpc.id)
    backend.create_route(table.id, "0.0.0.0/0", gateway_id=internet.id if internet else None)
    gateway.route_table_id = table.id
    return gateway


def _create_nat_gateway(self: Any) -> ActionResult:
    backend, get = self.ec2_backend, self._get_param
    create = _create_regional if get("AvailabilityMode") == "regional" else _create_zonal
    tags = add_tag_specification(get("TagSpecifications", []))
    gateway = create(backend, get, tags, get("ConnectivityType") or "public")
    gateway._eni.description, gateway._eni.requester_managed = f"Interface for NAT Gateway {gateway.id}", True
    now = time.time()
    gateway.__dict__["life"] = Life(now, now + settings.pending, failure=gateway.__dict__.pop("failure", None))
    # The answer to a create always says pending, and of the address no more than which it is.
    answered = copy.copy(gateway)
    answered.__dict__["life"] = None
    answered.__dict__["shown_state"] = "pending"
    answered.address_set = [
        {"allocationId": one["allocationId"], "isPrimary": True, "status": "associating"}
        for one in gateway.address_set
        if one.get("allocationId") and gateway.availability_mode == "zonal"
    ]
    return ActionResult({"NatGateway": answered, "ClientToken": get("ClientToken")})


def _find(backend: Any, gateway_id: str) -> Any:
    check_id(gateway_id, "nat", "NatGatewayMalformed", f"The NatGateway ID '{gateway_id}' is malformed")
    gateway = backend.nat_gateways.get(gateway_id)
    if gateway is None or not visible(gateway):
        refuse("NatGatewayNotFound", f"NAT gateway {gateway_id} was not found")
    return gateway


def _delete_nat_gateway(self: Any) -> ActionResult:
    """The address is let go when the gateway is deleted, and not released; the routes stay, black-holed."""
    backend, gateway_id = self.ec2_backend, self._get_param("NatGatewayId") or ""
    gateway = _find(backend, gateway_id)
    if state_of(gateway) in ("deleting", "deleted"):
        return ActionResult({"NatGatewayId": gateway_id})
    now = time.time()
    life = life_of(gateway) or Life(now, now)
    life.deleted_from, life.gone_at = now, now + settings.deleting
    gateway.__dict__["life"] = life
    settle(backend)
    return ActionResult({"NatGatewayId": gateway_id})


def _describe_nat_gateways(self: Any) -> ActionResult:
    backend, ids = self.ec2_backend, self._get_param("NatGatewayIds", [])
    for gateway_id in ids:
        _find(backend, gateway_id)
    gateways = [gateway for gateway in backend.nat_gateways.values() if visible(gateway)]
    gateways = [gateway for gateway in gateways if not ids or gateway.id in ids]
    return ActionResult({"NatGateways": apply_filters(gateways, self._filters_from_querystring(), _FILTERS)})


def install() -> None:
    """Replace the NAT gateway actions and give a gateway a state that depends on the clock."""
    hooks.require_parameters(NatGateway.__init__, "subnet_id", "allocation_id", "connectivity_type")
    hooks.require_parameters(EC2Backend.create_route, "route_table_id", "destination_cidr_block", "gateway_id")
    NatGateway.state = property(_state, _set_state)  # type: ignore[assignment, method-assign]
    NatGateway.delete_time = property(_delete_time)  # type: ignore[attr-defined]
    NatGateway.failure_code = _failure(0)  # type: ignore[attr-defined]
    NatGateway.failure_message = _failure(1)  # type: ignore[attr-defined]
    replace_action("create_nat_gateway", _create_nat_gateway)
    replace_action("delete_nat_gateway", _delete_nat_gateway)
    replace_action("describe_nat_gateways", _describe_nat_gateways)
    bridge.before_each_ec2_call.append(_settle_before_each_call)
