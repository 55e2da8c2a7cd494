"""VPC endpoints and PrivateLink. Sources: CreateVpcEndpoint, ModifyVpcEndpoint, DescribeVpcEndpointConnections,
AcceptVpcEndpointConnections API Reference; PrivateLink guide, "Manage permissions"."""

from __future__ import annotations

import json
import urllib.request

import pytest

from .conftest import REGION, refused


def admin(endpoint, method, path, body=None):
    """The local cloud's own door."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{endpoint}/_localcloud/{path}", method=method, data=data, headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def prefix_routes(ec2, table):
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    return [one for one in routes if one.get("DestinationPrefixListId")]


def test_gateway_endpoint_keeps_routes_in_its_tables(ec2, vpc):
    """Gateway endpoints: a route with the service's prefix list is added to each associated route table."""
    one, two = (ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2))
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.s3", RouteTableIds=[one])
    endpoint = endpoint["VpcEndpoint"]
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert prefix_routes(ec2, one)[0]["GatewayId"] == endpoint["VpcEndpointId"]
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint["VpcEndpointId"], AddRouteTableIds=[two], RemoveRouteTableIds=[one])
    assert prefix_routes(ec2, one) == []
    assert len(prefix_routes(ec2, two)) == 1
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])
    assert prefix_routes(ec2, two) == []


def test_interface_endpoint(ec2, vpc, subnet, group):
    """ModifyVpcEndpoint: PrivateDnsEnabled, groups; filters of DescribeVpcEndpoints; the group is in use."""
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{REGION}.secretsmanager",
        VpcEndpointType="Interface",
        SubnetIds=[subnet],
        SecurityGroupIds=[group],
        PrivateDnsEnabled=False,
    )["VpcEndpoint"]["VpcEndpointId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PrivateDnsEnabled=True)
    described = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["VpcEndpoints"][0]
    assert described["PrivateDnsEnabled"] is True
    assert described["Groups"][0]["GroupId"] == group
    assert described["NetworkInterfaceIds"]
    assert refused(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    answer = ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint, "vpce-0123456789abcdead"])
    assert [one["ResourceId"] for one in answer["Unsuccessful"]] == ["vpce-0123456789abcdead"]
    left = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["VpcEndpoints"]
    assert [one["State"] for one in left] == ["deleting"]
    assert refused(ec2.modify_vpc_endpoint, VpcEndpointId=endpoint, ResetPolicy=True) == "InvalidVpcEndpointId.NotFound"
    ec2.delete_security_group(GroupId=group)


def interface(vpc, subnets, **more):
    wanted = {"ServiceName": f"com.amazonaws.{REGION}.secretsmanager", "VpcEndpointType": "Interface"}
    return {"VpcId": vpc, "SubnetIds": subnets, "PrivateDnsEnabled": False, **wanted, **more}


def test_private_dns_needs_the_attributes_of_the_vpc_and_is_one_a_service(ec2, vpc, subnet):
    """Interface endpoints, "Prerequisites": enable DNS hostnames and DNS resolution; one private name a VPC."""
    one, two = (ec2.create_vpc_endpoint(**interface(vpc, [subnet]))["VpcEndpoint"]["VpcEndpointId"] for _ in range(2))
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": False})
    assert refused(ec2.modify_vpc_endpoint, VpcEndpointId=one, PrivateDnsEnabled=True) == "InvalidParameter"
    assert refused(ec2.create_vpc_endpoint, **interface(vpc, [subnet], PrivateDnsEnabled=True)) == "InvalidParameter"
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    ec2.modify_vpc_endpoint(VpcEndpointId=one, PrivateDnsEnabled=True)
    assert refused(ec2.modify_vpc_endpoint, VpcEndpointId=two, PrivateDnsEnabled=True) == "InvalidParameter"


def test_one_subnet_a_zone_and_one_interface_a_subnet(ec2, vpc, subnet):
    """Interface endpoints: "you can select one subnet per Availability Zone"."""
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]]
    home = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailabilityZone"]
    other = next(zone for zone in zones if zone != home)

    def create(block, zone):
        made = ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)
        return made["Subnet"]["SubnetId"]

    beside, there = create("10.10.200.0/24", home), create("10.10.201.0/24", other)
    wanted = interface(vpc, [subnet, beside])
    assert refused(ec2.create_vpc_endpoint, **wanted) == "DuplicateSubnetsInSameZone"
    endpoint = ec2.create_vpc_endpoint(**interface(vpc, [subnet]))["VpcEndpoint"]["VpcEndpointId"]
    code = refused(ec2.modify_vpc_endpoint, VpcEndpointId=endpoint, AddSubnetIds=[beside])
    assert code == "DuplicateSubnetsInSameZone"
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddSubnetIds=[there])
    (described,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    assert sorted(described["SubnetIds"]) == sorted([subnet, there])
    assert len(described["NetworkInterfaceIds"]) == 2


def test_a_route_table_leads_to_a_service_once(ec2, vpc):
    """Gateway endpoints, "Considerations": one route to a service in a route table."""
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    wanted = {"VpcId": vpc, "ServiceName": f"com.amazonaws.{REGION}.s3", "RouteTableIds": [table]}
    ec2.create_vpc_endpoint(**wanted)
    assert refused(ec2.create_vpc_endpoint, **wanted) == "RouteAlreadyExists"


def test_calls_have_a_bucket(ec2, vpc, endpoint):
    """Request throttling: CreateVpcEndpoint has 4 tokens, and 0.3 more a second; ModifyVpcEndpoint has its own."""
    tables = [ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(5)]
    admin(endpoint, "PUT", "endpoints", {"throttle": True})
    try:
        made = [
            ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.s3", RouteTableIds=[table])
            for table in tables[:4]
        ]
        wanted = {"VpcId": vpc, "ServiceName": f"com.amazonaws.{REGION}.s3", "RouteTableIds": [tables[4]]}
        assert refused(ec2.create_vpc_endpoint, **wanted) == "RequestLimitExceeded"
        ec2.modify_vpc_endpoint(VpcEndpointId=made[0]["VpcEndpoint"]["VpcEndpointId"], ResetPolicy=True)
    finally:
        admin(endpoint, "PUT", "endpoints", {"throttle": False})


def test_an_endpoint_takes_its_time_when_told_to(ec2, vpc, subnet, endpoint):
    """`pending`, which takes no change, until it is `available`."""
    admin(endpoint, "PUT", "endpoints", {"pending": 60})
    try:
        made = ec2.create_vpc_endpoint(**interface(vpc, [subnet]))["VpcEndpoint"]["VpcEndpointId"]
        assert refused(ec2.modify_vpc_endpoint, VpcEndpointId=made, ResetPolicy=True) == "IncorrectState"
        admin(endpoint, "POST", "endpoints/due")
        (described,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[made])["VpcEndpoints"]
        assert described["State"] == "available"
    finally:
        admin(endpoint, "PUT", "endpoints", {"pending": 0})


def test_unknown_service(ec2, vpc):
    """InvalidServiceName."""
    wanted = {"VpcId": vpc, "ServiceName": f"com.amazonaws.{REGION}.nosuch", "VpcEndpointType": "Interface"}
    assert refused(ec2.create_vpc_endpoint, **wanted) == "InvalidServiceName"


@pytest.fixture
def service(ec2, client, subnet):
    balancer = client("elbv2").create_load_balancer(Name="products", Type="network", Subnets=[subnet])
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    return ec2.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[arn], AcceptanceRequired=True)[
        "ServiceConfiguration"
    ]


@pytest.fixture
def consumer(client, account):
    """Another account with a VPC, and a way to connect from it."""
    key = str(int(account) + 500000000000)
    ec2 = client("ec2", key)
    vpc = ec2.create_vpc(CidrBlock="10.50.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.50.0.0/24")["Subnet"]["SubnetId"]

    def connect(service_name):
        answer = ec2.create_vpc_endpoint(
            VpcId=vpc, ServiceName=service_name, VpcEndpointType="Interface", SubnetIds=[subnet]
        )
        return answer["VpcEndpoint"]["VpcEndpointId"]

    return key, ec2, connect


def test_only_allowed_principals_connect(ec2, service, consumer):
    """ "By default, your endpoint service is not available to other accounts"."""
    key, _, connect = consumer
    assert refused(connect, service["ServiceName"]) == "InvalidServiceName"
    principal = f"arn:aws:iam::{key}:root"
    ec2.modify_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"], AddAllowedPrincipals=[principal])
    assert connect(service["ServiceName"])


def test_connections_are_accepted_and_rejected(ec2, service, consumer):
    """pendingAcceptance → available → rejected; a 200 may hold failures in Unsuccessful."""
    key, consumer_ec2, connect = consumer
    service_id = service["ServiceId"]
    ec2.modify_vpc_endpoint_service_permissions(ServiceId=service_id, AddAllowedPrincipals=["*"])
    endpoint = connect(service["ServiceName"])

    def state():
        found = ec2.describe_vpc_endpoint_connections(Filters=[{"Name": "service-id", "Values": [service_id]}])
        (connection,) = found["VpcEndpointConnections"]
        seen_by_consumer = consumer_ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]["State"]
        assert connection["VpcEndpointOwner"] == key
        assert connection["VpcEndpointState"] == seen_by_consumer
        return connection["VpcEndpointState"]

    assert state() == "pendingAcceptance"
    answer = ec2.accept_vpc_endpoint_connections(
        ServiceId=service_id, VpcEndpointIds=[endpoint, "vpce-0123456789abcdead"]
    )
    assert [one["ResourceId"] for one in answer["Unsuccessful"]] == ["vpce-0123456789abcdead"]
    assert state() == "available"
    ec2.reject_vpc_endpoint_connections(ServiceId=service_id, VpcEndpointIds=[endpoint])
    assert state() == "rejected"
    consumer_ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    left = ec2.describe_vpc_endpoint_connections(Filters=[{"Name": "service-id", "Values": [service_id]}])
    assert left["VpcEndpointConnections"] == []


def test_acceptance_not_required(ec2, service, consumer):
    """AcceptanceRequired=false: connections are available at once."""
    _, _, connect = consumer
    ec2.modify_vpc_endpoint_service_configuration(ServiceId=service["ServiceId"], AcceptanceRequired=False)
    ec2.modify_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"], AddAllowedPrincipals=["*"])
    endpoint = connect(service["ServiceName"])
    connection = ec2.describe_vpc_endpoint_connections()["VpcEndpointConnections"][0]
    assert (connection["VpcEndpointId"], connection["VpcEndpointState"]) == (endpoint, "available")


def test_notifications_are_kept(ec2, service):
    """CreateVpcEndpointConnectionNotification."""
    created = ec2.create_vpc_endpoint_connection_notification(
        ServiceId=service["ServiceId"],
        ConnectionNotificationArn=f"arn:aws:sns:{REGION}:111122223333:topic",
        ConnectionEvents=["Connect", "Accept"],
    )["ConnectionNotification"]
    listed = ec2.describe_vpc_endpoint_connection_notifications()["ConnectionNotificationSet"]
    assert listed[0]["ConnectionNotificationId"] == created["ConnectionNotificationId"]
    assert listed[0]["ConnectionEvents"] == ["Connect", "Accept"]
