"""VPCs, subnets, gateways, route tables and routes, addresses, NAT gateways, flow logs."""

from __future__ import annotations

import time
from typing import Any

from .client import client
from .registry import Created, Properties, ResourceType, boolean, pick, register, tag_specification

_NAT_TIMEOUT = 600.0
_ROUTE_KEY = ("RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
_ROUTE_TARGET = (
    "GatewayId",
    "NatGatewayId",
    "EgressOnlyInternetGatewayId",
    "TransitGatewayId",
    "VpcEndpointId",
    "VpcPeeringConnectionId",
    "NetworkInterfaceId",
    "InstanceId",
)


def _vpc_attributes(vpc_id: str, properties: Properties) -> None:
    for name in ("EnableDnsSupport", "EnableDnsHostnames"):
        if name in properties:
            client().modify_vpc_attribute(VpcId=vpc_id, **{name: {"Value": boolean(properties[name])}})


def _vpc_answer(vpc_id: str) -> dict[str, Any]:
    only_here = [{"Name": "vpc-id", "Values": [vpc_id]}]
    default_group = client().describe_security_groups(
        Filters=[*only_here, {"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"]
    acls = client().describe_network_acls(Filters=[*only_here, {"Name": "default", "Values": ["true"]}])["NetworkAcls"]
    vpc = client().describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]
    return {
        "VpcId": vpc_id,
        "CidrBlock": vpc["CidrBlock"],
        "DefaultSecurityGroup": default_group[0]["GroupId"] if default_group else "",
        "DefaultNetworkAcl": acls[0]["NetworkAclId"] if acls else "",
        "CidrBlockAssociations": [one["AssociationId"] for one in vpc.get("CidrBlockAssociationSet", [])],
        "Ipv6CidrBlocks": [one["Ipv6CidrBlock"] for one in vpc.get("Ipv6CidrBlockAssociationSet", [])],
    }


def _create_vpc(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    vpc_id = client().create_vpc(
        CidrBlock=properties["CidrBlock"],
        **pick(properties, "InstanceTenancy"),
        **tag_specification("vpc", properties),
    )["Vpc"]["VpcId"]
    _vpc_attributes(vpc_id, properties)
    return vpc_id, _vpc_answer(vpc_id)


def _update_vpc(vpc_id: str, old: Properties, new: Properties) -> dict[str, Any]:
    changed = {name: value for name, value in new.items() if old.get(name) != value}
    _vpc_attributes(vpc_id, changed)
    return _vpc_answer(vpc_id)


def _subnet_answer(subnet: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: subnet[name] for name in ("SubnetId", "AvailabilityZone", "VpcId", "CidrBlock")},
        "AvailabilityZoneId": subnet.get("AvailabilityZoneId", ""),
    }


def _create_subnet(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    subnet = client().create_subnet(
        VpcId=properties["VpcId"],
        **pick(properties, "CidrBlock", "Ipv6CidrBlock", "AvailabilityZone", "AvailabilityZoneId"),
        **tag_specification("subnet", properties),
    )["Subnet"]
    _set_public_ip(subnet["SubnetId"], {}, properties)
    return subnet["SubnetId"], _subnet_answer(subnet)


def _set_public_ip(subnet_id: str, old: Properties, new: Properties) -> None:
    wanted = boolean(new.get("MapPublicIpOnLaunch", False))
    if wanted != boolean(old.get("MapPublicIpOnLaunch", False)):
        client().modify_subnet_attribute(SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": wanted})


def _update_subnet(subnet_id: str, old: Properties, new: Properties) -> dict[str, Any]:
    _set_public_ip(subnet_id, old, new)
    return _subnet_answer(client().describe_subnets(SubnetIds=[subnet_id])["Subnets"][0])


def _create_internet_gateway(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    gateway = client().create_internet_gateway(**tag_specification("internet-gateway", properties))
    gateway_id = gateway["InternetGateway"]["InternetGatewayId"]
    return gateway_id, {"InternetGatewayId": gateway_id}


def _create_attachment(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    if "InternetGatewayId" not in properties:
        raise ValueError("AWS::EC2::VPCGatewayAttachment without InternetGatewayId is not served by the local cloud")
    client().attach_internet_gateway(InternetGatewayId=properties["InternetGatewayId"], VpcId=properties["VpcId"])
    return f"IGW|{properties['VpcId']}", {"AttachmentType": "IGW"}


def _create_route_table(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    table = client().create_route_table(VpcId=properties["VpcId"], **tag_specification("route-table", properties))
    table_id = table["RouteTable"]["RouteTableId"]
    return table_id, {"RouteTableId": table_id}


def _create_association(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    association = client().associate_route_table(
        RouteTableId=properties["RouteTableId"], SubnetId=properties["SubnetId"]
    )["AssociationId"]
    return association, {"Id": association}


def _route_id(properties: Properties) -> str:
    destination = next(properties[name] for name in _ROUTE_KEY[1:] if name in properties)
    return f"{properties['RouteTableId']}|{destination}"


def _create_route(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    client().create_route(**pick(properties, *_ROUTE_KEY, *_ROUTE_TARGET))
    return _route_id(properties), {"CidrBlock": properties.get("DestinationCidrBlock", "")}


def _update_route(route_id: str, old: Properties, new: Properties) -> dict[str, Any]:
    del route_id, old
    client().replace_route(**pick(new, *_ROUTE_KEY, *_ROUTE_TARGET))
    return {"CidrBlock": new.get("DestinationCidrBlock", "")}


def _create_address(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    address = client().allocate_address(Domain="vpc", **tag_specification("elastic-ip", properties))
    return address["PublicIp"], {"AllocationId": address["AllocationId"], "PublicIp": address["PublicIp"]}


def _allocation_of(public_ip: str) -> str:
    addresses = client().describe_addresses(PublicIps=[public_ip])["Addresses"]
    return addresses[0]["AllocationId"]


def _delete_address(public_ip: str, properties: Properties) -> None:
    del properties
    client().release_address(AllocationId=_allocation_of(public_ip))


def _create_nat_gateway(logical_id: str, properties: Properties, stack: str) -> Created:
    """Complete only when the gateway is available, as CloudFormation does; a failed one fails the resource."""
    del logical_id, stack
    gateway_id = client().create_nat_gateway(
        **pick(properties, "SubnetId", "AllocationId", "ConnectivityType", "VpcId", "AvailabilityMode"),
        **tag_specification("natgateway", properties),
    )["NatGateway"]["NatGatewayId"]
    deadline = time.monotonic() + _NAT_TIMEOUT
    while time.monotonic() < deadline:
        gateway = client().describe_nat_gateways(NatGatewayIds=[gateway_id])["NatGateways"][0]
        if gateway["State"] == "available":
            return gateway_id, {"NatGatewayId": gateway_id}
        if gateway["State"] != "pending":
            raise ValueError(f"NatGateway {gateway_id} is in state {gateway['State']}: {gateway.get('FailureMessage')}")
        time.sleep(0.05)
    raise ValueError(f"NatGateway {gateway_id} did not stabilize")


def _delete_nat_gateway(gateway_id: str, properties: Properties) -> None:
    del properties
    client().delete_nat_gateway(NatGatewayId=gateway_id)
    deadline = time.monotonic() + _NAT_TIMEOUT
    while time.monotonic() < deadline:
        gateways = client().describe_nat_gateways(NatGatewayIds=[gateway_id])["NatGateways"]
        if all(gateway["State"] != "deleting" for gateway in gateways):
            return
        time.sleep(0.05)


_FLOW_LOG = (
    "ResourceType",
    "TrafficType",
    "LogDestinationType",
    "LogDestination",
    "LogGroupName",
    "DeliverLogsPermissionArn",
    "LogFormat",
    "MaxAggregationInterval",
    "DestinationOptions",
)


def _create_flow_log(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    wanted = pick(properties, *_FLOW_LOG)
    if "MaxAggregationInterval" in wanted:
        wanted["MaxAggregationInterval"] = int(wanted["MaxAggregationInterval"])
    if "DestinationOptions" in wanted:
        options = dict(wanted["DestinationOptions"])
        for name in ("HiveCompatiblePartitions", "PerHourPartition"):
            if name in options:
                options[name] = boolean(options[name])
        wanted["DestinationOptions"] = options
    answer = client().create_flow_logs(
        ResourceIds=[properties["ResourceId"]], **wanted, **tag_specification("vpc-flow-log", properties)
    )
    if answer.get("Unsuccessful"):
        raise ValueError(answer["Unsuccessful"][0]["Error"]["Message"])
    return answer["FlowLogIds"][0], {"Id": answer["FlowLogIds"][0]}


def register_types() -> None:
    """Register the types of this file."""
    register(
        "AWS::EC2::VPC",
        ResourceType(
            _create_vpc,
            lambda vpc_id, _: client().delete_vpc(VpcId=vpc_id),
            _update_vpc,
            replaced_by=("CidrBlock", "Ipv4IpamPoolId", "Ipv4NetmaskLength"),
        ),
    )
    register(
        "AWS::EC2::Subnet",
        ResourceType(
            _create_subnet,
            lambda subnet_id, _: client().delete_subnet(SubnetId=subnet_id),
            _update_subnet,
            replaced_by=("VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId"),
        ),
    )
    register(
        "AWS::EC2::InternetGateway",
        ResourceType(
            _create_internet_gateway,
            lambda gateway_id, _: client().delete_internet_gateway(InternetGatewayId=gateway_id),
            lambda gateway_id, _old, _new: {"InternetGatewayId": gateway_id},
        ),
    )
    register(
        "AWS::EC2::VPCGatewayAttachment",
        ResourceType(
            _create_attachment,
            lambda _, properties: client().detach_internet_gateway(
                InternetGatewayId=properties["InternetGatewayId"], VpcId=properties["VpcId"]
            ),
            replaced_by=("VpcId", "InternetGatewayId", "VpnGatewayId"),
            tagged=False,
        ),
    )
    register(
        "AWS::EC2::RouteTable",
        ResourceType(
            _create_route_table,
            lambda table_id, _: client().delete_route_table(RouteTableId=table_id),
            lambda table_id, _old, _new: {"RouteTableId": table_id},
            replaced_by=("VpcId",),
        ),
    )
    register(
        "AWS::EC2::SubnetRouteTableAssociation",
        ResourceType(
            _create_association,
            lambda association, _: client().disassociate_route_table(AssociationId=association),
            replaced_by=("RouteTableId", "SubnetId"),
            tagged=False,
        ),
    )
    register(
        "AWS::EC2::Route",
        ResourceType(
            _create_route,
            lambda _, properties: client().delete_route(**pick(properties, *_ROUTE_KEY)),
            _update_route,
            replaced_by=_ROUTE_KEY,
            tagged=False,
        ),
    )
    register(
        "AWS::EC2::EIP",
        ResourceType(
            _create_address,
            _delete_address,
            lambda public_ip, _old, _new: {"PublicIp": public_ip, "AllocationId": _allocation_of(public_ip)},
            replaced_by=("Domain", "NetworkBorderGroup", "TransferAddress"),
            tag_target=_allocation_of,
        ),
    )
    register(
        "AWS::EC2::NatGateway",
        ResourceType(
            _create_nat_gateway,
            _delete_nat_gateway,
            lambda gateway_id, _old, _new: {"NatGatewayId": gateway_id},
            replaced_by=("SubnetId", "AllocationId", "ConnectivityType", "AvailabilityMode", "VpcId"),
        ),
    )
    register(
        "AWS::EC2::FlowLog",
        ResourceType(
            _create_flow_log,
            lambda log_id, _: client().delete_flow_logs(FlowLogIds=[log_id]),
            lambda log_id, _old, _new: {"Id": log_id},
            replaced_by=("ResourceId", *_FLOW_LOG),
        ),
    )
