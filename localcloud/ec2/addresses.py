"""Elastic IP addresses: the quota, and what a NAT gateway holds cannot be taken from it.

Sources: Amazon VPC User Guide, "Amazon VPC quotas" (Elastic IP addresses per Region: 5); EC2 API Reference, "Error
codes" (AddressLimitExceeded; InvalidIPAddress.InUse: "The specified IP address is already in use. If you are trying to
release an address, you must first disassociate it from the instance"; AuthFailure), ReleaseAddress, Address
(ServiceManaged). Controllers that delete gateways and then release retry on both AuthFailure and InvalidIPAddress.InUse
(Cluster API's provider for AWS): AWS answers either while a gateway is deleting.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_ip_addresses import ElasticAddress

from .. import hooks
from .common import refuse
from .nat_settings import settings

MANAGED_BY = "service_managed"
_NOT_YOURS = "You do not have permission to access the specified resource."


def managed(address: Any) -> bool:
    """Whether AWS itself owns the address (a regional NAT gateway's, for example)."""
    return bool(address.__dict__.get(MANAGED_BY))


def _allocate(original: Any) -> Any:
    def allocate_address(self: Any, *args: Any, **kwargs: Any) -> Any:
        if sum(not managed(address) for address in self.addresses) >= settings.addresses:
            refuse("AddressLimitExceeded", "The maximum number of addresses has been reached.")
        return original(self, *args, **kwargs)

    return allocate_address


def _held_by_gateway(backend: Any, address: Any) -> bool:
    interface = address.eni.id if address.eni is not None else None
    return interface is not None and any(gateway._eni.id == interface for gateway in backend.nat_gateways.values())


def _find(backend: Any, address: str | None, allocation_id: str | None, association_id: str | None = None) -> Any:
    for one in backend.addresses:
        if (
            (address and one.public_ip == address)
            or (allocation_id and one.allocation_id == allocation_id)
            or (association_id and one.association_id == association_id)
        ):
            return one
    return None


def _release(original: Any) -> Any:
    def release_address(self: Any, address: str | None = None, allocation_id: str | None = None) -> Any:
        found = _find(self, address, allocation_id)
        if found is not None and managed(found):
            refuse("AuthFailure", _NOT_YOURS)
        if found is not None and (found.association_id or found.eni or found.instance):
            if _held_by_gateway(self, found) and settings.release_in_use == "AuthFailure":
                refuse("AuthFailure", _NOT_YOURS)
            refuse("InvalidIPAddress.InUse", f"Address {found.public_ip} is in use.")
        return original(self, address=address, allocation_id=allocation_id)

    return release_address


def _disassociate(original: Any) -> Any:
    def disassociate_address(self: Any, address: str | None = None, association_id: str | None = None) -> Any:
        found = _find(self, address, None, association_id)
        if found is not None and (managed(found) or _held_by_gateway(self, found)):
            refuse("AuthFailure", _NOT_YOURS)
        return original(self, address=address, association_id=association_id)

    return disassociate_address


def install() -> None:
    """Guard the calls on addresses."""
    for name, wrap in (
        ("allocate_address", _allocate),
        ("release_address", _release),
        ("disassociate_address", _disassociate),
    ):
        hooks.replace(EC2Backend, name, wrap(hooks.require(EC2Backend, name)))
    hooks.require_parameters(ElasticAddress.__init__, "domain", "tags")
