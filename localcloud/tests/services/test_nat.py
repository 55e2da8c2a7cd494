"""NAT gateways and addresses, as tests can make them behave. Sources: NatGateway, CreateNatGateway, DeleteNatGateway,
CreateRoute, ReleaseAddress API Reference; VPC User Guide, "Troubleshoot NAT gateways", "Amazon VPC quotas",
"Regional NAT gateways"; EC2 API Reference, "Error codes", "Ensuring idempotency"."""

import json
import urllib.error

import pytest
from botocore.exceptions import ClientError

from .conftest import REGION, until

LONG = 3600


def refused(call, *arguments, **keywords):
    with pytest.raises(ClientError) as refusal:
        call(*arguments, **keywords)
    return refusal.value.response["Error"]["Code"]


class Network:
    """A VPC with an internet gateway, a public subnet a zone, and a private route table."""

    def __init__(self, cloud):
        self.cloud, self.ec2 = cloud, cloud.client("ec2")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.igw = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=self.igw, VpcId=self.vpc)
        self.subnets = [
            self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")
            for n, zone in enumerate("abc")
        ]
        self.a, self.b, self.c = [answer["Subnet"]["SubnetId"] for answer in self.subnets]
        self.table = self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]

    def address(self, **more):
        return self.ec2.allocate_address(Domain="vpc", **more)["AllocationId"]

    def create(self, subnet=None, address=None, **more):
        answer = self.ec2.create_nat_gateway(SubnetId=subnet or self.a, AllocationId=address or self.address(), **more)
        return answer["NatGateway"]["NatGatewayId"]

    def gateway(self, gateway):
        return self.ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]

    def state(self, gateway):
        return self.gateway(gateway)["State"]

    def described(self, address):
        return self.ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]

    def set(self, **settings):
        return self.cloud.admin("PUT", "nat", settings)

    def arrive(self):
        return self.cloud.admin("POST", "nat/due", {})["arrived"]


@pytest.fixture
def net(cloud):
    return Network(cloud)


def test_delays_are_set_while_it_runs(net):
    """NatGateway, State: pending → available; deleting → deleted."""
    net.set(pending=0.1, deleting=0.1)
    nat = net.create()
    until(lambda: net.state(nat) == "available")
    net.ec2.delete_nat_gateway(NatGatewayId=nat)
    until(lambda: net.state(nat) == "deleted")


def test_transitions_can_be_brought_about(net):
    net.set(pending=LONG, deleting=LONG)
    nat = net.create()
    assert net.state(nat) == "pending"
    assert net.arrive() == 1
    assert net.state(nat) == "available"
    net.ec2.delete_nat_gateway(NatGatewayId=nat)
    assert net.state(nat) == "deleting"
    assert net.arrive() == 1
    assert net.state(nat) == "deleted"
    assert net.arrive() == 0


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InsufficientFreeAddressesInSubnet", "Subnet has insufficient free addresses to create this NAT gateway"),
        ("Gateway.NotAttached", "Network {vpc} has no Internet gateway attached"),
        (
            "InvalidAllocationID.NotFound",
            "Elastic IP address {allocation} could not be associated with this NAT gateway",
        ),
        ("Resource.AlreadyAssociated", "Elastic IP address {allocation} is already associated"),
        ("InternalError", "created and used internally by this NAT gateway is in an invalid state"),
        ("InvalidSubnetID.NotFound", "The specified subnet {subnet} does not exist or could not be found."),
    ],
)
def test_failures_on_demand(net, code, message):
    """NatGateway, FailureCode and FailureMessage: the create succeeds, then the gateway is pending, then failed."""
    net.set(pending=LONG, fail_next={"code": code, "count": 1})
    address = net.address()
    nat = net.create(address=address)
    gateway = net.gateway(nat)
    assert gateway["State"] == "pending"
    assert "FailureCode" not in gateway
    net.arrive()
    gateway = net.gateway(nat)
    assert (gateway["State"], gateway["FailureCode"]) == ("failed", code)
    assert message.format(vpc=net.vpc, subnet=net.a, allocation=address) in gateway["FailureMessage"]
    assert "AssociationId" not in net.described(address), "a failed gateway holds no address"
    second = net.create(address=address)
    net.arrive()
    assert net.state(second) == "available", "only one was to fail"


def test_failures_where_they_are_wanted(net):
    net.set(fail_next=[{"code": "InternalError", "count": 2, "zone": f"{REGION}b"}])
    assert net.state(net.create(net.a)) == "available"
    assert net.state(net.create(net.b)) == "failed"
    assert net.cloud.admin("GET", "nat")["fail_next"][0]["count"] == 1


def test_no_internet_gateway(net):
    """FailureCode Gateway.NotAttached."""
    net.ec2.detach_internet_gateway(InternetGatewayId=net.igw, VpcId=net.vpc)
    assert net.gateway(net.create())["FailureCode"] == "Gateway.NotAttached"


def test_an_address_is_free_only_when_the_gateway_is_deleted(net):
    """ "Deleting a NAT gateway disassociates its Elastic IP address, but does not release the address"; until it is
    deleted, ReleaseAddress answers AuthFailure or InvalidIPAddress.InUse."""
    net.set(deleting=LONG)
    address = net.address()
    nat = net.create(address=address)
    association = net.described(address)["AssociationId"]
    assert refused(net.ec2.release_address, AllocationId=address) == "AuthFailure"
    assert refused(net.ec2.disassociate_address, AssociationId=association) == "AuthFailure"
    net.ec2.delete_nat_gateway(NatGatewayId=nat)
    assert net.described(address)["AssociationId"] == association
    assert refused(net.ec2.release_address, AllocationId=address) == "AuthFailure"
    net.set(release_in_use="InvalidIPAddress.InUse")
    assert refused(net.ec2.release_address, AllocationId=address) == "InvalidIPAddress.InUse"
    other = net.create(net.b, address)
    assert net.gateway(other)["FailureCode"] == "Resource.AlreadyAssociated"
    net.arrive()
    assert "AssociationId" not in net.described(address)
    assert net.gateway(nat)["NatGatewayAddresses"][0]["AllocationId"] == address, "a deleted one still shows it"
    net.ec2.release_address(AllocationId=address)
    assert refused(net.ec2.release_address, AllocationId=address) == "InvalidAllocationID.NotFound"


def test_an_address_on_an_interface_is_in_use(net):
    """InvalidIPAddress.InUse: "you must first disassociate it"."""
    address = net.address()
    interface = net.ec2.create_network_interface(SubnetId=net.a)["NetworkInterface"]["NetworkInterfaceId"]
    association = net.ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface)["AssociationId"]
    assert refused(net.ec2.release_address, AllocationId=address) == "InvalidIPAddress.InUse"
    net.ec2.disassociate_address(AssociationId=association)
    net.ec2.release_address(AllocationId=address)


def test_the_quota_of_addresses(net):
    """ "Elastic IP addresses per Region: 5", adjustable; AddressLimitExceeded."""
    held = [net.address() for _ in range(5)]
    assert refused(net.ec2.allocate_address, Domain="vpc") == "AddressLimitExceeded"
    net.ec2.release_address(AllocationId=held[0])
    net.address()
    net.set(addresses=6)
    net.address()
    assert refused(net.ec2.allocate_address, Domain="vpc") == "AddressLimitExceeded"


def test_the_quota_of_gateways_a_zone(net):
    """ "NAT gateways per Availability Zone: 5": pending, active and deleting ones count, failed and deleted do not."""
    net.set(addresses=20, pending=LONG, deleting=LONG)
    made = [net.create() for _ in range(5)]
    spare = net.address()
    assert refused(net.create, net.a, spare) == "NatGatewayLimitExceeded"
    net.create(net.b, spare)
    net.arrive()
    net.ec2.delete_nat_gateway(NatGatewayId=made[0])
    assert refused(net.create) == "NatGatewayLimitExceeded", "a deleting one counts"
    net.arrive()
    net.set(fail_next={"code": "InternalError"})
    failed = net.create()
    assert refused(net.create) == "NatGatewayLimitExceeded"
    net.arrive()
    assert net.state(failed) == "failed"
    net.create()


def test_routes_of_a_dying_gateway_turn_blackhole(net):
    """Route, State; CreateRoute and ReplaceRoute to it answer InvalidNatGatewayID.NotFound."""
    net.set(deleting=LONG)
    nat, other = net.create(), net.create(net.b)
    default = {"RouteTableId": net.table, "DestinationCidrBlock": "0.0.0.0/0"}
    net.ec2.create_route(**default, NatGatewayId=nat)
    net.ec2.delete_nat_gateway(NatGatewayId=nat)
    [route] = [
        one
        for one in net.ec2.describe_route_tables(RouteTableIds=[net.table])["RouteTables"][0]["Routes"]
        if one["DestinationCidrBlock"] == "0.0.0.0/0"
    ]
    assert (route["State"], route["NatGatewayId"]) == ("blackhole", nat)
    net.ec2.replace_route(**default, NatGatewayId=other)
    assert refused(net.ec2.replace_route, **default, NatGatewayId=nat) == "InvalidNatGatewayID.NotFound"


def test_a_new_gateway_may_not_be_known_everywhere(net):
    """The API is eventually consistent: InvalidNatGatewayID.NotFound, NatGatewayNotFound right after a create."""
    net.set(unroutable=LONG, unseen=LONG)
    nat = net.create()
    default = {"RouteTableId": net.table, "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": nat}
    assert refused(net.ec2.create_route, **default) == "InvalidNatGatewayID.NotFound"
    assert refused(net.gateway, nat) == "NatGatewayNotFound"
    assert net.ec2.describe_nat_gateways()["NatGateways"] == []
    net.set(unseen=0)
    assert net.state(nat) == "available"
    assert refused(net.ec2.create_route, **default) == "InvalidNatGatewayID.NotFound"
    net.set(unroutable=0)
    net.ec2.create_route(**default)


def test_ended_gateways_are_visible_for_a_while(net):
    """ "usually about an hour": deleted and failed ones are described, then not."""
    nat = net.create()
    net.set(fail_next={"code": "InternalError"})
    failed = net.create()
    net.ec2.delete_nat_gateway(NatGatewayId=nat)
    states = {one["NatGatewayId"]: one["State"] for one in net.ec2.describe_nat_gateways()["NatGateways"]}
    assert states == {nat: "deleted", failed: "failed"}
    net.set(visible=0)
    assert net.ec2.describe_nat_gateways()["NatGateways"] == []
    assert refused(net.gateway, nat) == "NatGatewayNotFound"


def test_a_client_token_means_the_same_gateway_for_ever(net):
    """ "Ensuring idempotency": the retry answers as the first call did, even when that gateway is dead; the same token
    with other parameters is refused."""
    address = net.address()
    wanted = {"address": address, "ClientToken": "intent-1"}
    nat = net.create(**wanted)
    assert net.create(**wanted) == nat
    assert refused(net.create, net.b, **wanted) == "IdempotentParameterMismatch"
    net.ec2.delete_nat_gateway(NatGatewayId=nat)
    assert net.create(**wanted) == nat
    assert net.state(nat) == "deleted"
    assert net.create(**{**wanted, "ClientToken": "intent-2"}) != nat


def test_regional(net):
    """ "Regional NAT gateways": a VPC and no subnet; the addresses in every zone and the route table are AWS's."""
    nat = net.ec2.create_nat_gateway(VpcId=net.vpc, AvailabilityMode="regional")["NatGateway"]["NatGatewayId"]
    gateway = net.gateway(nat)
    assert (gateway["AvailabilityMode"], gateway["AutoProvisionZones"], gateway["AutoScalingIps"]) == (
        "regional",
        "enabled",
        "enabled",
    )
    assert "SubnetId" not in gateway
    zones = {one["AvailabilityZone"]: one["AllocationId"] for one in gateway["NatGatewayAddresses"]}
    assert set(zones) == {f"{REGION}{zone}" for zone in "abc"}
    assert all(one["AvailabilityZoneId"] for one in gateway["NatGatewayAddresses"])
    for allocation in zones.values():
        assert net.described(allocation)["ServiceManaged"] == "rnat"
        assert refused(net.ec2.release_address, AllocationId=allocation) == "AuthFailure"
    [table] = net.ec2.describe_route_tables(RouteTableIds=[gateway["RouteTableId"]])["RouteTables"]
    assert any(one.get("GatewayId") == net.igw for one in table["Routes"])
    net.ec2.delete_nat_gateway(NatGatewayId=nat)
    assert net.state(nat) == "deleted"
    assert net.ec2.describe_addresses()["Addresses"] == []
    tables = net.ec2.describe_route_tables()["RouteTables"]
    assert gateway["RouteTableId"] not in {one["RouteTableId"] for one in tables}
    both = {"VpcId": net.vpc, "SubnetId": net.a, "AvailabilityMode": "regional"}
    assert refused(net.ec2.create_nat_gateway, **both) == "InvalidParameterCombination"


def test_a_gateway_stands_in_the_way(net):
    """DependencyViolation: DetachInternetGateway while an address is mapped, DeleteSubnet while an interface is in."""
    net.set(deleting=LONG)
    nat = net.create()
    detach = {"InternetGatewayId": net.igw, "VpcId": net.vpc}
    assert refused(net.ec2.detach_internet_gateway, **detach) == "DependencyViolation"
    assert refused(net.ec2.delete_subnet, SubnetId=net.a) == "DependencyViolation"
    net.ec2.delete_nat_gateway(NatGatewayId=nat)
    assert refused(net.ec2.detach_internet_gateway, **detach) == "DependencyViolation", "until it is deleted"
    net.arrive()
    net.ec2.delete_subnet(SubnetId=net.a)
    net.ec2.detach_internet_gateway(**detach)


def test_addresses_are_found_by_tag(net):
    """DescribeAddresses, filter tag:<key>: AllocateAddress has no token, so a caller finds what it allocated so."""
    tags = [{"ResourceType": "elastic-ip", "Tags": [{"Key": "plumbline:intent", "Value": "t-1"}]}]
    address = net.address(TagSpecifications=tags)
    net.address()
    found = net.ec2.describe_addresses(Filters=[{"Name": "tag:plumbline:intent", "Values": ["t-1"]}])["Addresses"]
    assert [one["AllocationId"] for one in found] == [address]


def test_settings_and_states_survive_a_snapshot(net):
    net.set(pending=LONG, deleting=LONG, addresses=7)
    address = net.address()
    nat = net.create(address=address)
    net.cloud.admin("POST", "snapshot", {"name": "nat"})
    net.set(pending=0, addresses=9)
    net.arrive()
    net.ec2.delete_nat_gateway(NatGatewayId=nat)
    net.cloud.admin("POST", "restore", {"name": "nat"})
    assert net.cloud.admin("GET", "nat")["addresses"] == 7
    assert net.state(nat) == "pending"
    assert net.described(address)["AssociationId"]
    net.cloud.admin("POST", "reset")
    assert net.cloud.admin("GET", "nat")["addresses"] == 5


@pytest.mark.parametrize(
    "settings",
    [
        {"pending": -1},
        {"pending": "long"},
        {"colour": "red"},
        {"per_zone": 1.5},
        {"fail_next": {"code": "Weather"}},
        {"fail_next": {"count": 2}},
        {"release_in_use": "Nothing"},
    ],
)
def test_wrong_settings_are_told(cloud, settings):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        cloud.admin("PUT", "nat", settings)
    assert refusal.value.code == 400
    assert json.load(refusal.value)["error"]
