"""Drift detection of the EC2 types: what the rest of the local cloud's EC2 says now.

Source: CloudFormation User Guide, "Detect unmanaged configuration changes": explicitly set properties are compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from .. import hooks
from ..cloudtrail import delivery
from .client import client
from .registry import Properties


def _rules(permissions: list[dict[str, Any]]) -> list[Properties]:
    """The rules of a group in a template's form."""
    rules = []
    for permission in permissions:
        base: Properties = {"IpProtocol": permission["IpProtocol"]}
        if "FromPort" in permission:
            base |= {"FromPort": permission["FromPort"], "ToPort": permission["ToPort"]}
        for key, name, target in (
            ("IpRanges", "CidrIp", "CidrIp"),
            ("Ipv6Ranges", "CidrIpv6", "CidrIpv6"),
            ("UserIdGroupPairs", "GroupId", "SourceSecurityGroupId"),
            ("PrefixListIds", "PrefixListId", "SourcePrefixListId"),
        ):
            for item in permission.get(key, []):
                described = {"Description": item["Description"]} if item.get("Description") else {}
                rules.append({**base, target: item[name], **described})
    return rules


def _key(rule: Properties) -> str:
    return json.dumps({name: str(value) for name, value in rule.items()}, sort_keys=True)


def _security_group(group_id: str, properties: Properties) -> Properties | None:
    try:
        group = client().describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
    except ClientError:
        return None
    declared = {_key(rule): rule for rule in properties.get("SecurityGroupIngress") or []}
    order = list(declared)
    present = [declared.get(_key(rule), rule) for rule in _rules(group["IpPermissions"])]
    present.sort(key=lambda rule: order.index(_key(rule)) if _key(rule) in declared else len(order))
    return {"SecurityGroupIngress": present}


def _exists(describe: Callable[[str], Any]) -> Callable[[str, Properties], Properties | None]:
    def read(physical_id: str, properties: Properties) -> Properties | None:
        del properties
        try:
            return {} if describe(physical_id) else None
        except ClientError:
            return None

    return read


def _nat_gateway(gateway_id: str) -> Any:
    gateways = client().describe_nat_gateways(NatGatewayIds=[gateway_id])["NatGateways"]
    return [gateway for gateway in gateways if gateway["State"] not in ("deleting", "deleted")]


def _vpc(vpc_id: str, properties: Properties) -> Properties | None:
    del properties
    try:
        attributes = {
            f"E{name[1:]}": client().describe_vpc_attribute(VpcId=vpc_id, Attribute=name)[f"E{name[1:]}"]["Value"]
            for name in ("enableDnsSupport", "enableDnsHostnames")
        }
    except ClientError:
        return None
    return attributes


def _subnet(subnet_id: str, properties: Properties) -> Properties | None:
    del properties
    try:
        [subnet] = client().describe_subnets(SubnetIds=[subnet_id])["Subnets"]
    except ClientError:
        return None
    return {"MapPublicIpOnLaunch": subnet["MapPublicIpOnLaunch"], "CidrBlock": subnet["CidrBlock"]}


def _in_order_of(declared: Any, actual: list[str]) -> list[str]:
    """Lists that are sets on AWS compare as sets."""
    order = list(declared or [])
    return sorted(actual, key=lambda item: order.index(item) if item in order else len(order))


def _endpoint(endpoint_id: str, properties: Properties) -> Properties | None:
    try:
        found = client().describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"]
    except ClientError:
        return None
    live = [endpoint for endpoint in found if endpoint["State"].lower() not in ("deleted", "deleting")]
    if not live:
        return None
    [endpoint] = live
    groups = [group["GroupId"] for group in endpoint.get("Groups", [])]
    return {
        "ServiceName": endpoint["ServiceName"],
        "PrivateDnsEnabled": endpoint.get("PrivateDnsEnabled", False),
        "SubnetIds": _in_order_of(properties.get("SubnetIds"), endpoint.get("SubnetIds", [])),
        "RouteTableIds": _in_order_of(properties.get("RouteTableIds"), endpoint.get("RouteTableIds", [])),
        "SecurityGroupIds": _in_order_of(properties.get("SecurityGroupIds"), groups),
    }


def _association(association_id: str) -> Any:
    by = [{"Name": "association.route-table-association-id", "Values": [association_id]}]
    return client().describe_route_tables(Filters=by)["RouteTables"]


def _route(_: str, properties: Properties) -> Properties | None:
    """CloudFormation knows a route by its table and destination: one that was made again is the same."""
    try:
        [table] = client().describe_route_tables(RouteTableIds=[properties["RouteTableId"]])["RouteTables"]
    except ClientError:
        return None
    for route in table["Routes"]:
        if route.get("DestinationCidrBlock") == properties.get("DestinationCidrBlock"):
            return {"GatewayId": route.get("GatewayId", "")}
    return None


def _attachment(_: str, properties: Properties) -> Properties | None:
    try:
        found = client().describe_internet_gateways(InternetGatewayIds=[properties["InternetGatewayId"]])
    except ClientError:
        return None
    attached = [one["VpcId"] for gateway in found["InternetGateways"] for one in gateway.get("Attachments", [])]
    return {} if properties.get("VpcId") in attached else None


# A detection takes its time at AWS, minutes for a large stack: whoever began it has noted that long before it ends.
_DETECTING = 0.4


def _announced(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The events of a detection (User Guide, "Drift Detection Status Change event detail")."""

    def detect_stack_drift(params: Any) -> Any:
        from ministack.services.cloudformation.handlers import _resolve_stack
        from ministack.services.cloudformation.helpers import _p

        answer = original(params)
        stack = _resolve_stack(_p(params, "StackName"))
        if answer[0] != 200 or not stack:
            return answer
        *_, detection = stack["_drift_detections"].values()
        for status in ("DETECTION_IN_PROGRESS", detection["DetectionStatus"]):
            over = status != "DETECTION_IN_PROGRESS"
            delivery.send(
                "aws.cloudformation",
                "CloudFormation Drift Detection Status Change",
                {
                    "stack-id": stack["StackId"],
                    "stack-drift-detection-id": detection["StackDriftDetectionId"],
                    "status-details": {
                        "stack-drift-status": detection["StackDriftStatus"] if over else "NOT_CHECKED",
                        "detection-status": status,
                    },
                    # -1 while the detection is under way.
                    "drift-detection-details": {
                        "drifted-stack-resource-count": detection.get("DriftedStackResourceCount", -1) if over else -1
                    },
                },
                [stack["StackId"]],
                after=_DETECTING if over else 0.0,
            )
        return answer

    return detect_stack_drift


def install() -> None:
    """Register the readers, and announce detections."""
    from ministack.services.cloudformation import drift, handlers

    readers = hooks.require(drift, "_DRIFT_READERS")
    readers["AWS::EC2::SecurityGroup"] = (_security_group, frozenset({"SecurityGroupIngress"}))
    readers["AWS::EC2::VPC"] = (_vpc, frozenset({"EnableDnsSupport", "EnableDnsHostnames"}))
    readers["AWS::EC2::Subnet"] = (_subnet, frozenset({"MapPublicIpOnLaunch", "CidrBlock"}))
    lists = frozenset({"ServiceName", "PrivateDnsEnabled", "SubnetIds", "RouteTableIds", "SecurityGroupIds"})
    readers["AWS::EC2::VPCEndpoint"] = (_endpoint, lists)
    readers["AWS::EC2::Route"] = (_route, frozenset({"GatewayId"}))
    readers["AWS::EC2::VPCGatewayAttachment"] = (_attachment, frozenset())
    for name, describe in (
        ("AWS::EC2::RouteTable", lambda i: client().describe_route_tables(RouteTableIds=[i])["RouteTables"]),
        ("AWS::EC2::InternetGateway", lambda i: client().describe_internet_gateways(InternetGatewayIds=[i])),
        ("AWS::EC2::SubnetRouteTableAssociation", _association),
        (
            "AWS::EC2::VPCEndpointConnectionNotification",
            lambda i: client().describe_vpc_endpoint_connection_notifications(ConnectionNotificationId=i)[
                "ConnectionNotificationSet"
            ],
        ),
        ("AWS::EC2::NatGateway", _nat_gateway),
        ("AWS::EC2::FlowLog", lambda i: client().describe_flow_logs(FlowLogIds=[i])["FlowLogs"]),
    ):
        readers[name] = (_exists(describe), frozenset())
    # An import is an operation after which AWS recommends drift detection ("Import … automatically").
    detectable = hooks.require(drift, "DRIFT_DETECTABLE_STATUSES")
    hooks.replace(drift, "DRIFT_DETECTABLE_STATUSES", detectable | {"IMPORT_COMPLETE"})
    actions = hooks.require(handlers, "_ACTION_HANDLERS")
    actions["DetectStackDrift"] = _announced(actions["DetectStackDrift"])
