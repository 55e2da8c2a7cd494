"""Elastic Load Balancing: network interfaces, what stands in the way of a deletion, certificates.

Sources: ELB API Reference, CreateLoadBalancer (`InvalidSecurityGroup`, `InvalidConfigurationRequest`),
DeleteLoadBalancer (`OperationNotPermitted` under deletion protection; `ResourceInUse`: "cannot be deleted because it
is currently associated with another service", which an endpoint service or a VPC link is), CreateListener
(`CertificateNotFound`), DescribeLoadBalancers (`LoadBalancerNotFound`); EC2 User Guide, "Requester-managed network
interfaces" (one in each subnet, "ELB app/…" or "ELB net/…"; a public address if the balancer faces the internet).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NoReturn

from moto.ec2.exceptions import EC2ClientError
from moto.elbv2.exceptions import ELBClientError, LoadBalancerNotFoundError
from moto.elbv2.models import ELBv2Backend

from . import hooks
from .ec2 import service_interfaces


def _refuse(code: str, message: str) -> NoReturn:
    raise ELBClientError(code, message)


def _hold(backend: Any, balancer: Any) -> None:
    """The interfaces follow the balancer."""
    name = balancer.arn.split(":loadbalancer/")[-1]
    network = balancer.type == "network"
    try:
        service_interfaces.keep(
            backend.ec2_backend,
            balancer.arn,
            [subnet.id for subnet in balancer.subnets],
            balancer.security_groups or [],
            requester="amazon-elb",
            description=f"ELB {name}",
            kind="network_load_balancer" if network else "interface",
            public=balancer.scheme == "internet-facing",
            address_owner="amazon-elb",
        )
    except EC2ClientError as error:
        _refuse("InvalidSecurityGroup", str(error))


def _create(original: Any) -> Any:
    def create_load_balancer(self: Any, *arguments: Any, **named: Any) -> Any:
        name = str(named.get("name"))
        if any(one.name == name for one in self.load_balancers.values()):
            _refuse("DuplicateLoadBalancerName", "A load balancer with the same name already exists")
        named["scheme"] = named.get("scheme") or "internet-facing"
        kind = named.get("loadbalancer_type") or "application"
        groups = named.get("security_groups") or []
        balancer_subnets = list(named.get("subnet_ids") or [])
        balancer_subnets += [one["SubnetId"] for one in named.get("subnet_mappings") or []]
        if kind == "application":
            zones = {self.ec2_backend.get_subnet(one).availability_zone for one in balancer_subnets}
            if len(zones) < 2:
                _refuse(
                    "ValidationError",
                    "At least two subnets in two different Availability Zones must be specified",
                )
        for group in groups:
            if self.ec2_backend.get_security_group_from_id(group) is None:
                _refuse("InvalidSecurityGroup", f"Security group {group} does not exist")
        tags = named.pop("tags", None)
        balancer = original(self, *arguments, **named)
        if kind == "application" and not groups:
            default = self.ec2_backend.get_default_security_group(balancer.vpc_id)
            balancer.security_groups = [default.id] if default else []
        _call(self, balancer)
        self.tagging_service.tag_resource(balancer.arn, tags)
        _hold(self, balancer)
        return balancer

    return create_load_balancer


def _call(backend: Any, balancer: Any) -> None:
    """Its ARN and its DNS name say what it is; moto calls every one an application's."""
    kind = {"network": "net", "gateway": "gwy"}.get(balancer.type, "app")
    name, identity = balancer.arn.split("/")[-2:]
    region = backend.region_name
    del backend.load_balancers[balancer.arn]
    balancer.arn = balancer.arn.replace(":loadbalancer/app/", f":loadbalancer/{kind}/")
    backend.load_balancers[balancer.arn] = balancer
    if kind == "app":
        internal = "internal-" if balancer.scheme == "internal" else ""
        balancer.dns_name = f"{internal}{name}-{int(identity, 16) % 10**10}.{region}.elb.amazonaws.com"
    else:
        balancer.dns_name = f"{name}-{identity}.elb.{region}.amazonaws.com"


def _change(original: Any) -> Any:
    def change(self: Any, arn: str, *arguments: Any, **named: Any) -> Any:
        answer = original(self, arn, *arguments, **named)
        _hold(self, self.load_balancers[arn])
        return answer

    return change


def _delete(original: Any) -> Any:
    def delete_load_balancer(self: Any, arn: str) -> Any:
        balancer = self.load_balancers.get(arn)
        if balancer is None:
            return original(self, arn)  # DeleteLoadBalancer: "If the load balancer does not exist … the call succeeds"
        if balancer.attrs.get("deletion_protection.enabled") == "true":
            _refuse(
                "OperationNotPermitted",
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
            )
        services = self.ec2_backend.configurations.values()
        if any(arn in one.network_load_balancer_arns + one.gateway_load_balancer_arns for one in services):
            _refuse(
                "ResourceInUse",
                f"Load balancer '{arn}' cannot be deleted because it is currently associated with another service",
            )
        answer = original(self, arn)
        service_interfaces.release(self.ec2_backend, arn)
        return answer

    return delete_load_balancer


def _describe(original: Any) -> Any:
    def describe_load_balancers(self: Any, arns: list[str] | None, names: list[str] | None) -> Any:
        # moto answers the balancer before, when one of several is not there.
        there = {one.name for one in self.load_balancers.values()}
        if any(arn not in self.load_balancers for arn in arns or []) or any(name not in there for name in names or []):
            raise LoadBalancerNotFoundError
        return original(self, arns, names)

    return describe_load_balancers


def _register_certificate(account_id: str, region: str, arn_certificate: str, arn_user: str) -> None:
    """The certificate of a listener is one of ACM's, which is not moto's here."""
    from ministack.services import acm

    del arn_user
    if (account_id, region, arn_certificate) not in acm._certificates._data:
        _refuse("CertificateNotFound", f"Certificate ARN '{arn_certificate}' is not valid")


def install(app: ModuleType) -> None:
    """Complete moto's load balancers."""
    del app
    from ministack.services import acm
    from moto.elbv2 import models

    hooks.require(acm, "_certificates")
    hooks.require_parameters(ELBv2Backend.create_load_balancer, "subnet_ids", "subnet_mappings", "loadbalancer_type")
    hooks.replace(ELBv2Backend, "create_load_balancer", _create(ELBv2Backend.create_load_balancer))
    for name in ("set_subnets", "set_security_groups"):
        original = hooks.require(ELBv2Backend, name)
        hooks.require_parameters(original, "arn")
        hooks.replace(ELBv2Backend, name, _change(original))
    hooks.replace(ELBv2Backend, "delete_load_balancer", _delete(ELBv2Backend.delete_load_balancer))
    hooks.replace(ELBv2Backend, "describe_load_balancers", _describe(ELBv2Backend.describe_load_balancers))
    hooks.require_parameters(models.register_certificate, "account_id", "region", "arn_certificate", "arn_user")
    hooks.replace(models, "register_certificate", _register_certificate)
