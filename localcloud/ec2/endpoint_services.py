"""Endpoint services: filters, principals, load balancers, deletion, and the services that AWS makes in an account.

Sources: EC2 API Reference (DescribeVpcEndpointServiceConfigurations, DescribeVpcEndpointServicePermissions,
ModifyVpcEndpointServiceConfiguration, DeleteVpcEndpointServiceConfigurations, AllowedPrincipal, ServiceConfiguration);
PrivateLink guide, "Delete an endpoint service" (not while connections are available or pending acceptance); API Gateway
Developer Guide, "Set up API Gateway private integrations" (a VPC link makes an endpoint service in the account).
"""

from __future__ import annotations

import re
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.vpc_service_configuration import VPCServiceConfiguration
from moto.moto_api._internal import mock_random

from .. import bridge, hooks
from . import privatelink
from .common import apply_filters, refuse, replace_action, unsuccessful

_SERVICE_FILTERS = {
    "service-id": lambda service: service.id,
    "service-name": lambda service: service.service_name,
    "service-state": lambda service: service.service_state,
    "supported-ip-address-types": lambda service: "ipv4",
}
_PRINCIPAL_FILTERS = {
    "principal": lambda allowed: allowed["Principal"],
    "principal-type": lambda allowed: allowed["PrincipalType"],
}
# Stands for an account of AWS's own.
_APIGATEWAY_ACCOUNT = "444455556666"


def _with_long_id(original: Any) -> Any:
    """Ids have 17 digits, as everywhere in EC2 (EC2 User Guide, "Resource IDs")."""

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        short, self.id = self.id, f"vpce-svc-{mock_random.get_random_hex(17)}"
        self.service_name = self.service_name.replace(short, self.id)
        self.endpoint_dns_name = self.endpoint_dns_name.replace(short, self.id)

    return init


def _describe_services(self: Any) -> ActionResult:
    found = self.ec2_backend.describe_vpc_endpoint_service_configurations(self._get_param("ServiceIds", []))
    chosen = apply_filters(found, self._filters_from_querystring(), _SERVICE_FILTERS)
    return ActionResult({"ServiceConfigurations": chosen})


def _principal_type(principal: str) -> str:
    if principal == "*":
        return "All"
    if re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:root", principal):
        return "Account"
    kind = re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/.+", principal)
    return kind[1].capitalize() if kind else "Service"


def _describe_principals(self: Any) -> ActionResult:
    service_id = self._get_param("ServiceId")
    allowed = [
        {"Principal": principal, "PrincipalType": _principal_type(principal), "ServiceId": service_id}
        for principal in sorted(self.ec2_backend.describe_vpc_endpoint_service_permissions(service_id))
    ]
    return ActionResult(
        {"AllowedPrincipals": apply_filters(allowed, self._filters_from_querystring(), _PRINCIPAL_FILTERS)}
    )


def _modify_permissions(original: Any) -> Any:
    def modify(self: Any, service_id: str, add_principals: list[str], remove_principals: list[str]) -> Any:
        for principal in add_principals:
            known = _principal_type(principal) != "Service" or re.fullmatch(r"[a-z0-9.-]+\.amazonaws\.com", principal)
            if not known:
                refuse("InvalidPrincipal", f"Invalid Principal: '{principal}'")
        return original(self, service_id, add_principals, remove_principals)

    return modify


def _modify_configuration(original: Any) -> Any:
    def modify(self: Any, service_id: str, *args: Any, **kwargs: Any) -> Any:
        service = self.describe_vpc_endpoint_service_configurations([service_id])[0]
        added, removed = kwargs.get("add_network_lbs") or [], kwargs.get("remove_network_lbs") or []
        if added:
            self.elbv2_backend.describe_load_balancers(arns=added, names=None)
        attached = set(service.network_load_balancer_arns)
        if not set(removed) <= attached:
            refuse("InvalidParameter", "A load balancer to remove does not belong to the endpoint service")
        if removed and not (attached | set(added)) - set(removed) and not service.gateway_load_balancer_arns:
            refuse("InvalidParameter", "An endpoint service needs at least one load balancer")
        kwargs["add_network_lbs"] = [arn for arn in added if arn not in attached]
        return original(self, service_id, *args, **kwargs)

    return modify


def _delete_services(original: Any) -> Any:
    def delete(self: Any) -> Any:
        backend = self.ec2_backend
        failed, free = [], []
        for service_id in self._get_param("ServiceIds", []):
            states = {one.state for key, one in privatelink.connections(backend).items() if key[0] == service_id}
            if service_id not in backend.configurations:
                message = f"The VpcEndpointService Id '{service_id}' does not exist"
                failed.append(unsuccessful(service_id, "InvalidVpcEndpointService.NotFound", message))
            elif states & {"available", "pending", "pendingAcceptance"}:
                message = f"The service {service_id} has existing VPC endpoint connections"
                failed.append(unsuccessful(service_id, "ExistingVpcEndpointConnections", message))
            else:
                free.append(service_id)
        backend.delete_vpc_endpoint_service_configurations(free)
        for service_id in free:
            backend.tags.pop(service_id, None)
        return ActionResult({"Unsuccessful": failed})

    del original
    return delete


class _Elsewhere:
    """An endpoint in a VPC of AWS's own."""

    def __init__(self) -> None:
        self.id = f"vpce-{mock_random.get_random_hex(17)}"
        self.state = "available"


def vpc_link(account: str, region: str, load_balancer: str) -> dict[str, str]:
    """What a VPC link of API Gateway leaves in the account: an endpoint service of its own, and a connection to it."""
    with bridge.lock:
        backend = ec2_backends[account][region]
        try:
            service = backend.create_vpc_endpoint_service_configuration([load_balancer], True, None, [], [])
        except Exception as error:
            raise ValueError(f"no load balancer {load_balancer} in {account}, {region}") from error
        service.manages_vpc_endpoints = True
        service.principals = ["apigateway.amazonaws.com"]
        connection = privatelink.connect(backend, service, _APIGATEWAY_ACCOUNT, _Elsewhere())
        connection.become("available")
        return {"service": service.id, "endpoint": connection.endpoint_id, "owner": connection.owner}


def remove_vpc_link(backend: EC2Backend, service_id: str) -> None:
    """The VPC link is gone, and with it its endpoint service and the connection."""
    with bridge.lock:
        backend.configurations.pop(service_id, None)
        connections = privatelink.connections(backend)
        for place in [place for place in connections if place[0] == service_id]:
            del connections[place]


def install() -> None:
    """Replace what moto answers without looking."""
    from moto.ec2.responses import EC2Response

    hooks.require_parameters(VPCServiceConfiguration.__init__, "load_balancers", "region", "acceptance_required")
    VPCServiceConfiguration.__init__ = _with_long_id(VPCServiceConfiguration.__init__)  # type: ignore[method-assign]
    replace_action("describe_vpc_endpoint_service_configurations", _describe_services)
    replace_action("describe_vpc_endpoint_service_permissions", _describe_principals)
    name = "delete_vpc_endpoint_service_configurations"
    replace_action(name, _delete_services(hooks.require(EC2Response, name)))
    for name, wrap, parameters in (
        ("modify_vpc_endpoint_service_permissions", _modify_permissions, ("add_principals", "remove_principals")),
        ("modify_vpc_endpoint_service_configuration", _modify_configuration, ("add_network_lbs", "remove_network_lbs")),
    ):
        original = hooks.require(EC2Backend, name)
        hooks.require_parameters(original, "service_id", *parameters)
        hooks.replace(EC2Backend, name, wrap(original))
