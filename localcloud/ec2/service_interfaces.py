"""Network interfaces that AWS services keep in their customers' subnets.

Sources: EC2 User Guide, "Requester-managed network interfaces" (they are described like others, and cannot be
detached or deleted by the customer); EC2 API Reference, NetworkInterface (`RequesterManaged`, `RequesterId`,
`InterfaceType`), NetworkInterfaceAssociation (`IpOwnerId`: the service, where the address is the service's).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.utils import generate_dns_from_ip, random_public_ip

from .. import hooks
from .common import refuse


class _Attachment:
    """An attachment to something that is no instance of the customer's."""

    def __init__(self, interface: ServiceInterface) -> None:
        self.attach_time = interface.attach_time
        self.attachment_id = f"ela-attach-{interface.id[4:]}"
        self.delete_on_termination = False
        self.device_index = 1
        self.instance_owner_id = interface.requester_id
        self.status = "attached"


class ServiceInterface(NetworkInterface):
    """The interface of a service: who keeps it is `kept_by`, an ARN."""

    kept_by = ""
    # Whose public address it is: `amazon`, or the service's own name.
    address_owner = "amazon"

    @property
    def attachment(self) -> Any:
        """Always there; what it is attached to belongs to the service."""
        return _Attachment(self)

    @property
    def association(self) -> dict[str, Any]:  # type: ignore[misc]
        """The public address, which is no Elastic IP of the customer's."""
        if not self.public_ip or self.ec2_backend.address_by_ip([self.public_ip], fail_if_not_found=False):
            return super().association
        return {
            "ipOwnerId": self.address_owner,
            "publicIp": self.public_ip,
            "publicDnsName": generate_dns_from_ip(self.public_ip),
        }


def kept_by(backend: EC2Backend, owner: str) -> list[ServiceInterface]:
    """The interfaces that something keeps, by its ARN."""
    return [one for one in backend.enis.values() if isinstance(one, ServiceInterface) and one.kept_by == owner]


def keep(
    backend: EC2Backend,
    owner: str,
    subnets: Iterable[str],
    groups: Iterable[str],
    *,
    requester: str,
    description: str,
    kind: str = "interface",
    public: bool = False,
    address_owner: str = "amazon",
) -> list[ServiceInterface]:
    """Make the owner keep one interface in each of these subnets and no other; those that stay keep their id."""
    wanted, groups = list(dict.fromkeys(subnets)), list(groups)
    members = [backend.get_security_group_from_id(group) for group in groups]
    for group, found in zip(groups, members, strict=True):
        if found is None:
            refuse("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
    there = {one.subnet.id: one for one in kept_by(backend, owner)}
    for subnet_id, interface in there.items():
        if subnet_id not in wanted:
            backend.enis.pop(interface.id)
    for subnet_id in wanted:
        if subnet_id not in there:
            interface = ServiceInterface(backend, backend.get_subnet(subnet_id), [], description=description)
            interface.kept_by = owner
            interface.requester_managed, interface.requester_id = True, requester
            interface.interface_type, interface.status = kind, "in-use"
            interface.attach_time = utcnow()
            interface.address_owner = address_owner
            backend.enis[interface.id] = interface
            there[subnet_id] = interface
        interface = there[subnet_id]
        interface._group_set = list(members)
        if public != bool(interface.public_ip):
            interface.public_ip = random_public_ip() if public else None
    return [there[subnet_id] for subnet_id in wanted]


def release(backend: EC2Backend, owner: str) -> None:
    """The owner is gone, and its interfaces with it."""
    for interface in kept_by(backend, owner):
        backend.enis.pop(interface.id)


def _delete(original: Any) -> Any:
    def delete_network_interface(self: Any, eni_id: str) -> Any:
        if isinstance(self.enis.get(eni_id), ServiceInterface):
            refuse("InvalidParameterValue", f"Network interface '{eni_id}' is currently in use.")
        return original(self, eni_id)

    return delete_network_interface


def install() -> None:
    """Customers cannot delete what a service keeps."""
    original = hooks.require(EC2Backend, "delete_network_interface")
    hooks.require_parameters(original, "eni_id")
    hooks.replace(EC2Backend, "delete_network_interface", _delete(original))
