"""VPCs: ids that do not exist, filters, and what stands in the way of a deletion.

Sources: DescribeVpcs and DeleteVpc API Reference ("You must detach or delete all gateways and resources that are
associated with the VPC before you can delete it… all security groups (except the default one)"); DeleteSubnet (network
interfaces in it); DetachInternetGateway, DependencyViolation ("Network … has some mapped public address(es)", which the
address of a NAT gateway is, and one that a subnet assigned).
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend

from .. import hooks
from .common import apply_filters, refuse, replace_action

_FILTERS = {
    "vpc-id": lambda vpc: vpc.id,
    "cidr": lambda vpc: vpc.cidr_block,
    "cidr-block-association.cidr-block": lambda vpc: [
        one["cidr_block"] for one in vpc.get_cidr_block_association_set(ipv6=False)
    ],
    "is-default": lambda vpc: vpc.is_default,
    "owner-id": lambda vpc: vpc.owner_id,
    "state": lambda vpc: vpc.state,
    "dhcp-options-id": lambda vpc: vpc.dhcp_options.id if vpc.dhcp_options else "default",
}


def _describe_vpcs(self: Any) -> ActionResult:
    backend, ids = self.ec2_backend, self._get_param("VpcIds", [])
    for vpc_id in ids:
        if vpc_id not in backend.vpcs:
            refuse("InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist")
    vpcs = [vpc for vpc in backend.vpcs.values() if not ids or vpc.id in ids]
    return ActionResult({"Vpcs": apply_filters(vpcs, self._filters_from_querystring(), _FILTERS)})


def _delete_vpc(original: Any) -> Any:
    def delete_vpc(self: Any) -> Any:
        backend, vpc_id = self.ec2_backend, self._get_param("VpcId")
        if vpc_id in backend.vpcs:
            gateways = any(igw.vpc is not None and igw.vpc.id == vpc_id for igw in backend.internet_gateways.values())
            groups = any(not group.is_default for group in backend.groups[vpc_id].values())
            if gateways or groups:
                refuse("DependencyViolation", f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
            default = backend.get_default_security_group(vpc_id)
            answer = original(self)
            backend.groups.pop(vpc_id, None)
            for rule in [*default.ingress_rules, *default.egress_rules] if default else []:
                backend.tags.pop(rule.id, None)
            return answer
        return original(self)

    return delete_vpc


def _delete_subnet(original: Any) -> Any:
    def delete_subnet(self: Any, subnet_id: str) -> Any:
        if any(interface.subnet is not None and interface.subnet.id == subnet_id for interface in self.enis.values()):
            refuse("DependencyViolation", f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
        return original(self, subnet_id)

    return delete_subnet


def _detach_internet_gateway(original: Any) -> Any:
    def detach_internet_gateway(self: Any, internet_gateway_id: str, vpc_id: str) -> Any:
        attached = self.internet_gateways.get(internet_gateway_id)
        if attached is not None and attached.vpc is not None and attached.vpc.id == vpc_id:
            mapped = [address.eni for address in self.addresses if address.eni is not None]
            mapped += [interface for interface in self.enis.values() if interface.public_ip]
            if any(interface.subnet.vpc_id == vpc_id for interface in mapped):
                refuse(
                    "DependencyViolation",
                    f"Network {vpc_id} has some mapped public address(es). "
                    "Please unmap those public address(es) before detaching the gateway.",
                )
        return original(self, internet_gateway_id, vpc_id)

    return detach_internet_gateway


def install() -> None:
    """Replace DescribeVpcs, guard deletions."""
    hooks.require_parameters(EC2Backend.delete_subnet, "subnet_id")
    hooks.require_parameters(EC2Backend.detach_internet_gateway, "internet_gateway_id", "vpc_id")
    hooks.replace(EC2Backend, "delete_subnet", _delete_subnet(EC2Backend.delete_subnet))
    hooks.replace(EC2Backend, "detach_internet_gateway", _detach_internet_gateway(EC2Backend.detach_internet_gateway))
    replace_action("describe_vpcs", _describe_vpcs)
    from moto.ec2.responses import EC2Response

    replace_action("delete_vpc", _delete_vpc(EC2Response.delete_vpc))
