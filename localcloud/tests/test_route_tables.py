"""Route tables. Sources: CreateRouteTable, AssociateRouteTable, ReplaceRoute, DeleteRoute, DeleteRouteTable and
AttachInternetGateway API Reference; VPC User Guide, "Route tables", "Internet gateways"."""

from __future__ import annotations

import pytest

from .conftest import refused


@pytest.fixture
def table(ec2, vpc):
    return ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]


@pytest.fixture
def gateway(ec2):
    return ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]


def routes(ec2, table):
    found = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    return {one.get("DestinationCidrBlock") or one.get("DestinationIpv6CidrBlock"): one for one in found}


def test_the_same_token_gives_the_same_table(ec2, vpc):
    """CreateRouteTable, ClientToken: "Unique, case-sensitive identifier … to ensure the idempotency of the request"."""
    made = [ec2.create_route_table(VpcId=vpc, ClientToken="one")["RouteTable"]["RouteTableId"] for _ in range(2)]
    assert made[0] == made[1]
    other = ec2.create_route_table(VpcId=vpc, ClientToken="two")["RouteTable"]["RouteTableId"]
    assert other != made[0]


def test_a_subnet_has_one_table(ec2, vpc, subnet, table):
    """AssociateRouteTable on a subnet with a table of its own; ReplaceRouteTableAssociation is the way."""
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    other = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    assert refused(ec2.associate_route_table, RouteTableId=other, SubnetId=subnet) == "Resource.AlreadyAssociated"
    new = ec2.replace_route_table_association(AssociationId=association, RouteTableId=other)["NewAssociationId"]
    assert new != association


def test_the_main_table_is_not_deleted_by_itself(ec2, vpc):
    """ "You can't delete the main route table"; it goes with its VPC."""
    by = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    main = ec2.describe_route_tables(Filters=by)["RouteTables"][0]["RouteTableId"]
    assert refused(ec2.delete_route_table, RouteTableId=main) == "DependencyViolation"


def test_a_local_route_is_led_elsewhere_and_back_and_never_deleted(ec2, vpc, subnet, table):
    """ReplaceRoute, LocalTarget: "Specifies whether to reset the local route to its default target (local)"."""
    own = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlock"]
    local = {"RouteTableId": table, "DestinationCidrBlock": own}
    assert refused(ec2.delete_route, **local) == "InvalidParameterValue"
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    ec2.replace_route(**local, NetworkInterfaceId=interface)
    led = routes(ec2, table)[own]
    assert (led["NetworkInterfaceId"], led["Origin"]) == (interface, "CreateRouteTable")
    assert refused(ec2.delete_route, **local) == "InvalidParameterValue"
    ec2.replace_route(**local, LocalTarget=True)
    back = routes(ec2, table)[own]
    assert back["GatewayId"] == "local"
    assert "NetworkInterfaceId" not in back


def test_ipv6_routes_are_told_apart(ec2, vpc, table, gateway):
    """RouteAlreadyExists, whatever the kind of range."""
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    six = {"RouteTableId": table, "DestinationIpv6CidrBlock": "::/0", "GatewayId": gateway}
    ec2.create_route(**six)
    assert refused(ec2.create_route, **six) == "RouteAlreadyExists"


def test_a_gateway_must_be_attached_to_be_routed_to(ec2, vpc, table, gateway):
    """CreateRoute to a gateway of another network, or of none."""
    route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway}
    assert refused(ec2.create_route, **route) == "InvalidParameterValue"
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.create_route(**route)


def test_a_vpc_has_one_internet_gateway(ec2, vpc, gateway):
    """ "You can attach one internet gateway to a VPC at a time"."""
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    other = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    assert refused(ec2.attach_internet_gateway, InternetGatewayId=other, VpcId=vpc) == "InvalidParameterValue"
