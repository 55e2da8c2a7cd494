"""VPC endpoints: services that exist, filters, the whole of ModifyVpcEndpoint, deletion.

Sources: CreateVpcEndpoint, DescribeVpcEndpoints, ModifyVpcEndpoint and DeleteVpcEndpoints API Reference;
"AWS services that integrate with AWS PrivateLink".
"""

from __future__ import annotations

import json
import re
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from . import privatelink
from .common import apply_filters, refuse, replace_action, unsuccessful

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
        backend, endpoint_id = self.ec2_backend, self._get_param("VpcEndpointId")
        endpoint = backend.vpc_end_points.get(endpoint_id)
        if endpoint is None or endpoint.state == "deleted":
            refuse("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{endpoint_id}' does not exist")
        before = set(endpoint.route_table_ids or [])
        answer = original(self)
        private_dns = self._get_param("PrivateDnsEnabled")
        if private_dns is not None:
            endpoint.private_dns_enabled = str(private_dns).lower() == "true"
        if str(self._get_param("ResetPolicy", "false")).lower() == "true":
            endpoint.policy_document = json.dumps(type(endpoint).DEFAULT_POLICY)
        _move_routes(backend, endpoint, before, set(endpoint.route_table_ids or []))
        return answer

    return modify_vpc_endpoint


def _move_routes(backend: Any, endpoint: Any, before: set[str], after: set[str]) -> None:
    """A gateway endpoint keeps one prefix-list route in each of its route tables."""
    prefix_list = endpoint.destination_prefix_list_id
    if not prefix_list:
        return
    for table_id in before - after:
        _drop_route(backend, table_id, prefix_list)
    for table_id in after - before:
        backend.create_route(table_id, None, gateway_id=endpoint.id, destination_prefix_list_id=prefix_list)


def _drop_route(backend: Any, table_id: str, prefix_list: str) -> None:
    table = backend.route_tables.get(table_id)
    for route in list(table.routes) if table else []:
        if route.destination_prefix_list_id == prefix_list:
            del table._routes[route.id]


def _delete_vpc_endpoints(self: Any) -> ActionResult:
    backend, failed = self.ec2_backend, []
    for endpoint_id in self._get_param("VpcEndpointIds", []):
        endpoint = backend.vpc_end_points.get(endpoint_id)
        if endpoint is None or endpoint.state == "deleted":
            message = f"The Vpc Endpoint Id '{endpoint_id}' does not exist"
            failed.append(unsuccessful(endpoint_id, "InvalidVpcEndpoint.NotFound", message))
            continue
        _move_routes(backend, endpoint, set(endpoint.route_table_ids or []), set())
        for eni_id in endpoint.network_interface_ids or []:
            backend.enis.pop(eni_id, None)
        endpoint.state = "deleted"
        backend.tags.pop(endpoint_id, None)
        privatelink.consumer_deleted(endpoint_id)
    return ActionResult({"Unsuccessful": failed})


def install() -> None:
    """Replace the endpoint actions; creation is in `privatelink`, which shares it."""
    replace_action("describe_vpc_endpoints", _describe_vpc_endpoints)
    replace_action("modify_vpc_endpoint", _modify_vpc_endpoint(EC2Response.modify_vpc_endpoint))
    replace_action("delete_vpc_endpoints", _delete_vpc_endpoints)
