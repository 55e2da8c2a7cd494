"""VPC endpoints: services that exist, filters, the whole of ModifyVpcEndpoint, deletion, states, and what AWS refuses.

Sources: CreateVpcEndpoint, DescribeVpcEndpoints, ModifyVpcEndpoint and DeleteVpcEndpoints API Reference;
"AWS services that integrate with AWS PrivateLink"; PrivateLink guide, "Access an AWS service using an interface VPC
endpoint" (one subnet an Availability Zone; private DNS needs both DNS attributes of the VPC, and is one a VPC and
service) and "Gateway endpoints" (one a service in a route table); EC2 error codes (RequestLimitExceeded).
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ec2.responses import EC2Response
from moto.ec2.utils import random_private_ip

from .. import bridge
from . import privatelink
from .common import apply_filters, refuse, replace_action, unsuccessful
from .endpoint_settings import admits, settings

GATEWAY_SERVICES = frozenset({"s3", "dynamodb"})
INTERFACE_SERVICES = frozenset(
    """
    athena autoscaling cloudformation cloudtrail codebuild config dynamodb ec2 ec2messages ecr.api
    ecr.dkr ecs ecs-agent ecs-telemetry elasticache elasticfilesystem elasticloadbalancing events
    execute-api glue guardduty-data kinesis-firehose kinesis-streams kms lambda logs monitoring rds rds-
    data s3 s3express secretsmanager sns sqs ssm ssmmessages states sts xray
    """.split()
)
_AWS_SERVICE = re.compile(r"com\.amazonaws\.[a-z0-9-]+\.(?P<service>.+)")
_FILTERS = {
    "vpc-id": lambda endpoint: endpoint.vpc_id,
    "service-name": lambda endpoint: endpoint.service_name,
    "vpc-endpoint-type": lambda endpoint: endpoint.vpc_endpoint_type,
    "vpc-endpoint-state": lambda endpoint: endpoint.state,
    "vpc-endpoint-id": lambda endpoint: endpoint.id,
}


def check_service(service_name: str, kind: str) -> None:
    """Refuse a service of AWS's that does not exist or has no endpoint of this kind."""
    match = _AWS_SERVICE.fullmatch(service_name)
    known = GATEWAY_SERVICES if kind == "Gateway" else INTERFACE_SERVICES
    if match is None or match["service"] not in known:
        refuse("InvalidServiceName", f"The Vpc Endpoint Service '{service_name}' does not exist")


def _throttle(self: Any, call: str) -> None:
    backend = self.ec2_backend
    if not admits(backend.account_id, backend.region_name, call):
        refuse("RequestLimitExceeded", "Request limit exceeded.")


def _settle(account: str, region: str) -> None:
    """What the clock has brought about: endpoints that came up, and those that are gone for good."""
    now = time.time()
    for endpoint in ec2_backends[account][region].vpc_end_points.values():
        due = getattr(endpoint, "localcloud_due", None)
        if due is not None and now >= due:
            endpoint.localcloud_due = None
            endpoint.state = "available" if endpoint.state == "pending" else "deleted"


def arrive() -> int:
    """Let every endpoint that is pending or being deleted arrive now; returns how many did."""
    arrived = 0
    with bridge.lock:
        for regions in list(ec2_backends.values()):
            for backend in list(regions.values()):
                for endpoint in backend.vpc_end_points.values():
                    if getattr(endpoint, "localcloud_due", None) is not None:
                        endpoint.localcloud_due = None
                        endpoint.state = "available" if endpoint.state == "pending" else "deleted"
                        arrived += 1
    return arrived


def _is_true(value: Any) -> bool:
    """moto keeps what it was given: a boolean, or a word."""
    return str(value).lower() == "true"


def _gone(endpoint: Any) -> bool:
    return endpoint.state in ("deleting", "deleted")


def _check_zones(backend: Any, subnets: Any) -> None:
    zones: set[str] = set()
    for subnet_id in subnets:
        zone = backend.get_subnet(subnet_id).availability_zone
        if zone in zones:
            message = f"Found another VPC endpoint subnet in the availability zone of {subnet_id}"
            refuse("DuplicateSubnetsInSameZone", message)
        zones.add(zone)


def _check_tables(backend: Any, service: str, tables: Any, own: str | None = None) -> None:
    for other in backend.vpc_end_points.values():
        mine = other.id != own and other.service_name == service and not _gone(other)
        if mine and other.vpc_endpoint_type == "Gateway" and set(other.route_table_ids or []) & set(tables):
            table = sorted(set(other.route_table_ids) & set(tables))[0]
            refuse("RouteAlreadyExists", f"route table {table} already has a route to the endpoint {other.id}")


def _check_private_dns(backend: Any, vpc_id: str, service: str, own: str | None = None) -> None:
    vpc = backend.get_vpc(vpc_id)
    if not (_is_true(vpc.enable_dns_support) and _is_true(vpc.enable_dns_hostnames)):
        needs = "both enableDnsSupport and enableDnsHostnames VPC attributes set to true"
        refuse("InvalidParameter", f"Enabling private DNS requires {needs} for {vpc_id}")
    for other in backend.vpc_end_points.values():
        same = other.id != own and other.vpc_id == vpc_id and other.service_name == service
        if same and other.state != "deleted" and other.private_dns_enabled is True:
            refuse(
                "InvalidParameter",
                "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
                f"{service} in the VPC {vpc_id}",
            )


def _create_vpc_endpoint(original: Any) -> Any:
    def create_vpc_endpoint(self: Any) -> Any:
        _throttle(self, "CreateVpcEndpoint")
        backend, get = self.ec2_backend, self._get_param
        service, kind = get("ServiceName"), get("VpcEndpointType") or "Gateway"
        backend.get_vpc(get("VpcId"))
        if kind == "Interface":
            _check_zones(backend, get("SubnetIds", []))
            # "Default: true", for services of AWS's.
            if ".vpce-svc-" not in service and self._get_bool_param("PrivateDnsEnabled", if_none=True):
                check_service(service, kind)
                _check_private_dns(backend, get("VpcId"), service)
        elif kind == "Gateway":
            _check_tables(backend, service, get("RouteTableIds", []))
        answer = original(self)
        endpoint = list(backend.vpc_end_points.values())[-1]
        if kind == "Interface" and settings.pending and endpoint.state == "available":
            endpoint.state, endpoint.localcloud_due = "pending", time.time() + settings.pending
        return answer

    return create_vpc_endpoint


def _describe_vpc_endpoints(self: Any) -> ActionResult:
    backend, ids = self.ec2_backend, self._get_param("VpcEndpointIds", [])
    live = [endpoint for endpoint in backend.vpc_end_points.values() if endpoint.state != "deleted"]
    known = {endpoint.id for endpoint in live}
    for endpoint_id in ids:
        if endpoint_id not in known:
            refuse("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{endpoint_id}' does not exist")
    chosen = [endpoint for endpoint in live if not ids or endpoint.id in ids]
    return ActionResult({"VpcEndpoints": apply_filters(chosen, self._filters_from_querystring(), _FILTERS)})


def _modify_vpc_endpoint(original: Any) -> Any:
    def modify_vpc_endpoint(self: Any) -> Any:
        _throttle(self, "ModifyVpcEndpoint")
        backend, endpoint_id = self.ec2_backend, self._get_param("VpcEndpointId")
        endpoint = backend.vpc_end_points.get(endpoint_id)
        if endpoint is None or _gone(endpoint):
            refuse("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{endpoint_id}' does not exist")
        if endpoint.state == "pending":
            refuse("IncorrectState", f"The VPC endpoint {endpoint_id} is pending")
        _check_modify(self, endpoint)
        before = set(endpoint.route_table_ids or [])
        answer = original(self)
        private_dns = self._get_param("PrivateDnsEnabled")
        if private_dns is not None:
            endpoint.private_dns_enabled = str(private_dns).lower() == "true"
        if str(self._get_param("ResetPolicy", "false")).lower() == "true":
            endpoint.policy_document = json.dumps(type(endpoint).DEFAULT_POLICY)
        _move_routes(backend, endpoint, before, set(endpoint.route_table_ids or []))
        _move_interfaces(backend, endpoint)
        return answer

    return modify_vpc_endpoint


def _check_modify(self: Any, endpoint: Any) -> None:
    """Everything is refused before anything is changed."""
    backend, get = self.ec2_backend, self._get_param

    def after(now: Any, part: str) -> list[str]:
        removed, added = get(f"Remove{part}", []), get(f"Add{part}", [])
        return [one for one in now or [] if one not in removed] + [one for one in added if one not in (now or [])]

    for group in get("AddSecurityGroupIds", []):
        if backend.get_security_group_from_id(group) is None:
            refuse("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
    if get("AddSubnetIds", []):
        _check_zones(backend, after(endpoint.subnet_ids, "SubnetIds"))
    if get("AddRouteTableIds", []):
        _check_tables(backend, endpoint.service_name, after(endpoint.route_table_ids, "RouteTableIds"), endpoint.id)
    switched_on = _is_true(get("PrivateDnsEnabled")) and endpoint.private_dns_enabled is not True
    if switched_on and ".vpce-svc-" not in endpoint.service_name:
        _check_private_dns(backend, endpoint.vpc_id, endpoint.service_name, endpoint.id)


def _move_routes(backend: Any, endpoint: Any, before: set[str], after: set[str]) -> None:
    """A gateway endpoint keeps one prefix-list route in each of its route tables."""
    prefix_list = endpoint.destination_prefix_list_id
    if not prefix_list:
        return
    for table_id in before - after:
        _drop_route(backend, table_id, prefix_list)
    for table_id in after - before:
        backend.create_route(table_id, None, gateway_id=endpoint.id, destination_prefix_list_id=prefix_list)


def _move_interfaces(backend: Any, endpoint: Any) -> None:
    """An interface endpoint has one network interface in each of its subnets."""
    if endpoint.vpc_endpoint_type != "Interface":
        return
    enis = [eni for eni in endpoint.network_interface_ids if eni in backend.enis]
    # moto keeps the id of the subnet where other network interfaces have the subnet.
    there = {getattr(backend.enis[eni].subnet, "id", backend.enis[eni].subnet): eni for eni in enis}
    for subnet, eni in there.items():
        if subnet not in endpoint.subnet_ids:
            backend.enis.pop(eni)
    made = [
        backend.create_network_interface(backend.get_subnet(subnet), random_private_ip()).id
        for subnet in endpoint.subnet_ids
        if subnet not in there
    ]
    kept = [eni for subnet, eni in there.items() if subnet in endpoint.subnet_ids]
    endpoint.network_interface_ids = kept + made


def _drop_route(backend: Any, table_id: str, prefix_list: str) -> None:
    table = backend.route_tables.get(table_id)
    for route in list(table.routes) if table else []:
        if route.destination_prefix_list_id == prefix_list:
            del table._routes[route.id]


def _delete_vpc_endpoints(self: Any) -> ActionResult:
    _throttle(self, "DeleteVpcEndpoints")
    backend, failed = self.ec2_backend, []
    for endpoint_id in self._get_param("VpcEndpointIds", []):
        endpoint = backend.vpc_end_points.get(endpoint_id)
        if endpoint is None or _gone(endpoint):
            message = f"The Vpc Endpoint Id '{endpoint_id}' does not exist"
            failed.append(unsuccessful(endpoint_id, "InvalidVpcEndpoint.NotFound", message))
            continue
        _move_routes(backend, endpoint, set(endpoint.route_table_ids or []), set())
        for eni_id in endpoint.network_interface_ids or []:
            backend.enis.pop(eni_id, None)
        if settings.deleting:
            endpoint.state, endpoint.localcloud_due = "deleting", time.time() + settings.deleting
        else:
            endpoint.state, endpoint.localcloud_due = "deleted", None
            backend.tags.pop(endpoint_id, None)
        privatelink.consumer_deleted(endpoint_id)
    return ActionResult({"Unsuccessful": failed})


def install() -> None:
    """Replace the endpoint actions; what creation makes is in `privatelink`, which shares it."""
    bridge.before_each_ec2_call.append(_settle)
    replace_action("create_vpc_endpoint", _create_vpc_endpoint(EC2Response.create_vpc_endpoint))
    replace_action("describe_vpc_endpoints", _describe_vpc_endpoints)
    replace_action("modify_vpc_endpoint", _modify_vpc_endpoint(EC2Response.modify_vpc_endpoint))
    replace_action("delete_vpc_endpoints", _delete_vpc_endpoints)
