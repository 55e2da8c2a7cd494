"""VPC endpoints and PrivateLink. Sources: CreateVpcEndpoint, ModifyVpcEndpoint, DescribeVpcEndpointConnections,
AcceptVpcEndpointConnections API Reference; PrivateLink guide, "Manage permissions"."""

from __future__ import annotations

import pytest

from .conftest import REGION, refused


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
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PrivateDnsEnabled=True)
    described = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["VpcEndpoints"][0]
    assert described["PrivateDnsEnabled"] is True
    assert described["Groups"][0]["GroupId"] == group
    assert described["NetworkInterfaceIds"]
    assert refused(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    answer = ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint, "vpce-0123456789abcdead"])
    assert [one["ResourceId"] for one in answer["Unsuccessful"]] == ["vpce-0123456789abcdead"]
    assert ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["VpcEndpoints"] == []
    ec2.delete_security_group(GroupId=group)


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
