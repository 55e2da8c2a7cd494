"""Public addresses of network interfaces, as DescribeNetworkInterfaces shows them.

Sources: EC2 API Reference, NetworkInterfaceAssociation (IpOwnerId: "The ID of the Elastic IP address owner", `amazon`
for an address that AWS assigned) and AssociateAddress ("This is an idempotent operation. If you perform the operation
more than once, Amazon EC2 doesn't return an error"); Amazon EC2 User Guide, "Network interface attributes" and
"Public IPv4 addresses" (an assigned address goes when an Elastic IP address comes).
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface

from .. import hooks


def make(backend: Any, subnet: str, groups: list[str], description: str, *, managed: bool = False) -> Any:
    """An interface that a service makes: in use, described in its words, changed by nobody else if `managed`."""
    interface = backend.create_network_interface(
        subnet=backend.get_subnet(subnet), private_ip_address="", group_ids=groups, description=description
    )
    interface.requester_managed = managed
    interface.status = "in-use"
    return interface


def open_or_close(interface: Any, public: bool) -> None:
    """Give an interface an address of AWS's, or take it away."""
    from moto.ec2.utils import random_public_ip

    interface.public_ip = (interface.public_ip or random_public_ip()) if public else None


def _association(original: Any) -> Any:
    def association(self: Any) -> dict[str, Any]:
        shown = original.fget(self)
        if shown and not shown.get("allocationId"):
            shown["ipOwnerId"] = "amazon"
        return shown

    return property(association)


def _associate(original: Any) -> Any:
    def associate_address(
        self: Any,
        instance: Any = None,
        eni: Any = None,
        address: str | None = None,
        allocation_id: str | None = None,
        reassociate: bool = False,
    ) -> Any:
        target = eni or (instance.nics[0] if instance else None)
        for one in self.addresses:
            named = (allocation_id and one.allocation_id == allocation_id) or (address and one.public_ip == address)
            if named and one.association_id and one.eni is not None and one.eni is target:
                return one
        return original(
            self, instance=instance, eni=eni, address=address, allocation_id=allocation_id, reassociate=reassociate
        )

    return associate_address


def install() -> None:
    """Show whose an address is; the same association twice is one."""
    hooks.require_parameters(EC2Backend.create_network_interface, "subnet", "group_ids", "description")
    hooks.require_parameters(EC2Backend.associate_address, "instance", "eni", "allocation_id", "reassociate")
    # moto gives a name only in a VPC with DNS host names, and reads it everywhere.
    NetworkInterface.private_dns_name = None
    hooks.replace(NetworkInterface, "association", _association(hooks.require(NetworkInterface, "association")))
    hooks.replace(EC2Backend, "associate_address", _associate(hooks.require(EC2Backend, "associate_address")))
