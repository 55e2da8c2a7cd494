"""NAT gateways and routes. Sources: NatGateway, CreateNatGateway, DeleteNatGateway, Route, CreateRoute, ReplaceRoute
API Reference; VPC User Guide, "Troubleshoot NAT gateways"."""

from __future__ import annotations

import types

import pytest

from .conftest import REGION, make_client, refused, start, stop


@pytest.fixture
def internet(ec2, vpc):
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    return gateway


@pytest.fixture
def address(ec2):
    return ec2.allocate_address(Domain="vpc")["AllocationId"]


@pytest.fixture
def nat(ec2, subnet, internet, address):
    answer = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)
    assert answer["NatGateway"]["State"] == "pending"
    return answer["NatGateway"]["NatGatewayId"]


def described(ec2, nat):
    return ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]


def route(ec2, table, destination="0.0.0.0/0"):
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    return next((one for one in routes if one.get("DestinationCidrBlock") == destination), None)


def test_an_available_gateway_has_its_address(ec2, nat, address):
    """NatGatewayAddress; DescribeAddresses shows the association."""
    gateway = described(ec2, nat)
    assert gateway["State"] == "available"
    assert gateway["NatGatewayAddresses"][0]["AllocationId"] == address
    assert gateway["NatGatewayAddresses"][0]["NetworkInterfaceId"].startswith("eni-")
    assert ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]["AssociationId"]


def test_deletion_keeps_the_address_and_leaves_a_black_hole(ec2, vpc, nat, address):
    """ "Deleting a NAT gateway disassociates its Elastic IP address, but does not release the address"; its routes turn
    blackhole; it stays visible for about an hour."""
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    assert route(ec2, table)["State"] == "active"
    ec2.delete_nat_gateway(NatGatewayId=nat)
    gateway = described(ec2, nat)
    assert gateway["State"] == "deleted"
    assert gateway["DeleteTime"]
    assert "AssociationId" not in ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]
    assert route(ec2, table)["State"] == "blackhole"
    wanted = {"RouteTableId": table, "DestinationCidrBlock": "10.99.0.0/16", "NatGatewayId": nat}
    assert refused(ec2.create_route, **wanted) == "InvalidNatGatewayID.NotFound"


def test_a_create_can_fail_later(ec2, subnet):
    """ "FailureCode: Gateway.NotAttached: Network vpc-xxxxxxxx has no Internet gateway attached"."""
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    assert nat["State"] == "pending"
    gateway = described(ec2, nat["NatGatewayId"])
    assert (gateway["State"], gateway["FailureCode"]) == ("failed", "Gateway.NotAttached")


def test_an_address_in_use_fails_later(ec2, subnet, nat, address):
    """FailureCode Resource.AlreadyAssociated."""
    second = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
    gateway = described(ec2, second)
    assert (gateway["State"], gateway["FailureCode"]) == ("failed", "Resource.AlreadyAssociated")
    assert described(ec2, nat)["State"] == "available"


def test_wrong_creates(ec2, subnet):
    """CreateNatGateway: AllocationId is required for a public gateway; NatGatewayNotFound."""
    assert refused(ec2.create_nat_gateway, SubnetId=subnet) == "MissingParameter"
    assert refused(ec2.delete_nat_gateway, NatGatewayId="nat-0123456789abcdead") == "NatGatewayNotFound"
    assert refused(ec2.describe_nat_gateways, NatGatewayIds=["nat-0123456789abcdead"]) == "NatGatewayNotFound"


def test_regional(ec2, vpc, subnet):
    """ "AvailabilityMode: regional": a VPC, no subnet, addresses of AWS's own."""
    nat = ec2.create_nat_gateway(VpcId=vpc, AvailabilityMode="regional")["NatGateway"]["NatGatewayId"]
    gateway = described(ec2, nat)
    assert (gateway["AvailabilityMode"], gateway["VpcId"]) == ("regional", vpc)
    assert "SubnetId" not in gateway


def test_filters(ec2, vpc, subnet, nat):
    """DescribeNatGateways filters."""
    ec2.create_tags(Resources=[nat], Tags=[{"Key": "topology", "Value": "x"}])
    for name, value in (
        ("vpc-id", vpc),
        ("subnet-id", subnet),
        ("state", "available"),
        ("tag:topology", "x"),
        ("tag-key", "topology"),
        ("nat-gateway-id", nat),
    ):
        found = ec2.describe_nat_gateways(Filters=[{"Name": name, "Values": [value]}])["NatGateways"]
        assert [one["NatGatewayId"] for one in found] == [nat], name
        assert ec2.describe_nat_gateways(Filters=[{"Name": name, "Values": ["zzz"]}])["NatGateways"] == [], name


def test_pending_and_deleting_last(account):
    """NatGateway, State: pending → available, deleting → deleted."""
    process, endpoint = start("--nat-pending", "3600", "--nat-deleting", "3600")
    try:
        ec2 = make_client(endpoint, "ec2", account)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        nat = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"]["NatGatewayId"]
        assert described(ec2, nat)["State"] == "pending"
        ec2.delete_nat_gateway(NatGatewayId=nat)
        assert described(ec2, nat)["State"] == "deleting"
    finally:
        stop(process)


def test_states_by_the_clock(monkeypatch):
    """The states follow one another in time, and an ended gateway is visible for an hour."""
    from localcloud.ec2 import nat

    now = 1000.0
    monkeypatch.setattr(nat.time, "time", lambda: now)
    gateway = types.SimpleNamespace(life=nat.Life(created=now, available_at=now + 60))
    assert nat.state_of(gateway) == "pending"
    now = 1060.0
    assert nat.state_of(gateway) == "available"
    gateway.life.deleted_from, gateway.life.gone_at = now, now + 30
    assert nat.state_of(gateway) == "deleting"
    now = 1090.0
    assert nat.state_of(gateway) == "deleted"
    assert nat.visible(gateway)
    now = 1090.0 + 3600
    assert not nat.visible(gateway)


def test_routes(ec2, vpc, internet, nat):
    """RouteAlreadyExists; ReplaceRoute replaces the target; InvalidParameterValue on a missing one."""
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    default = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    ec2.create_route(**default, GatewayId=internet)
    assert refused(ec2.create_route, **default, GatewayId=internet) == "RouteAlreadyExists"
    ec2.replace_route(**default, NatGatewayId=nat)
    replaced = route(ec2, table)
    assert replaced["NatGatewayId"] == nat
    assert "GatewayId" not in replaced
    missing = {"RouteTableId": table, "DestinationCidrBlock": "10.77.0.0/16", "NatGatewayId": nat}
    assert refused(ec2.replace_route, **missing) == "InvalidParameterValue"
    ec2.delete_route(**default)
    assert refused(ec2.delete_route, **default) == "InvalidRoute.NotFound"
    nowhere = {"RouteTableId": table, "DestinationCidrBlock": "10.78.0.0/16", "GatewayId": "igw-0123456789abcdead"}
    assert refused(ec2.create_route, **nowhere).endswith("NotFound")


def test_a_detached_gateway_is_a_black_hole(ec2, vpc, internet):
    """Route, State: "the specified gateway isn't attached to the VPC"."""
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=internet)
    ec2.detach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    assert route(ec2, table)["State"] == "blackhole"
    ec2.attach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    assert route(ec2, table)["State"] == "active"
    assert refused(ec2.attach_internet_gateway, InternetGatewayId=internet, VpcId=vpc) == "Resource.AlreadyAssociated"


def test_route_table_filters(ec2, vpc, subnet):
    """DescribeRouteTables: association.subnet-id, association.main."""
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    by_subnet = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])
    assert [one["RouteTableId"] for one in by_subnet["RouteTables"]] == [table]
    main = [{"Name": "association.main", "Values": ["true"]}, {"Name": "vpc-id", "Values": [vpc]}]
    tables = ec2.describe_route_tables(Filters=main)["RouteTables"]
    assert len(tables) == 1
    assert tables[0]["RouteTableId"] != table


def test_zones(ec2):
    """The Region's zones, with their ids (a topology's zones are pinned to ids)."""
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert {f"{REGION}a", f"{REGION}b", f"{REGION}c"} <= {zone["ZoneName"] for zone in zones}
    assert all(zone["ZoneId"] for zone in zones)
