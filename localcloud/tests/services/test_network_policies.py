"""IAM on the resources of the network controls. Source: Service Authorization Reference, "Actions, resources, and
condition keys for Amazon EC2" (natgateway, elastic-ip, vpc-flow-log, vpc-endpoint-service, route-table) and "… for
Amazon CloudWatch Logs"; CloudWatch Logs User Guide, log group ARNs in policies."""

import pytest
from botocore.exceptions import ClientError

from .conftest import ACCOUNT, REGION, statement

ARN = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
KEY = "plumbline:topology"


def refused(call, *arguments, **keywords):
    with pytest.raises(ClientError) as refusal:
        call(*arguments, **keywords)
    return refusal.value.response["Error"]["Code"]


def tags(kind, value="mine"):
    return [{"ResourceType": kind, "Tags": [{"Key": KEY, "Value": value}]}]


def owned(value="mine"):
    return {"StringEquals": {f"aws:ResourceTag/{KEY}": value}}


class Network:
    def __init__(self, cloud):
        self.cloud, self.ec2 = cloud, cloud.client("ec2")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        self.igw = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=self.igw, VpcId=self.vpc)

    def by(self, *statements):
        return self.cloud.client("ec2", self.cloud.assume(f"role-{id(statements)}", *statements))

    def address(self, value="mine", ec2=None):
        return (ec2 or self.ec2).allocate_address(Domain="vpc", TagSpecifications=tags("elastic-ip", value))[
            "AllocationId"
        ]

    def gateway(self, value="mine"):
        answer = self.ec2.create_nat_gateway(
            SubnetId=self.subnet, AllocationId=self.address(value), TagSpecifications=tags("natgateway", value)
        )
        return answer["NatGateway"]["NatGatewayId"]


@pytest.fixture
def net(cloud):
    return Network(cloud)


def test_addresses_by_their_tags(net):
    """AllocateAddress: aws:RequestTag, and CreateTags with ec2:CreateAction; ReleaseAddress: aws:ResourceTag."""
    request = {"StringEquals": {f"aws:RequestTag/{KEY}": "mine"}}
    on_create = {"StringEquals": {"ec2:CreateAction": "AllocateAddress"}}
    who = net.by(
        statement("Allow", "ec2:AllocateAddress", f"{ARN}:elastic-ip/*", **request),
        statement("Allow", "ec2:CreateTags", f"{ARN}:elastic-ip/*", **on_create),
        statement("Allow", "ec2:ReleaseAddress", f"{ARN}:elastic-ip/*", **owned()),
    )
    mine = net.address(ec2=who)
    assert refused(net.address, "theirs", who) == "UnauthorizedOperation"
    assert refused(who.allocate_address, Domain="vpc") == "UnauthorizedOperation"
    theirs = net.address("theirs")
    assert refused(who.release_address, AllocationId=theirs) == "UnauthorizedOperation"
    who.release_address(AllocationId=mine)


def test_gateways_by_their_tags(net):
    """CreateNatGateway: natgateway, subnet, elastic-ip; DeleteNatGateway: natgateway with aws:ResourceTag."""
    request = {"StringEquals": {f"aws:RequestTag/{KEY}": "mine"}}
    in_vpc = {"ArnEquals": {"ec2:Vpc": f"{ARN}:vpc/{net.vpc}"}}
    who = net.by(
        statement("Allow", "ec2:CreateNatGateway", f"{ARN}:natgateway/*", **request),
        statement("Allow", "ec2:CreateNatGateway", f"{ARN}:subnet/*", **in_vpc),
        statement("Allow", "ec2:CreateNatGateway", f"{ARN}:elastic-ip/*", **owned()),
        statement("Allow", "ec2:CreateTags", f"{ARN}:natgateway/*"),
        statement("Allow", "ec2:DeleteNatGateway", f"{ARN}:natgateway/*", **owned()),
    )
    wanted = {"SubnetId": net.subnet, "TagSpecifications": tags("natgateway")}
    theirs = net.address("theirs")
    assert refused(who.create_nat_gateway, AllocationId=theirs, **wanted) == "UnauthorizedOperation"
    mine = who.create_nat_gateway(AllocationId=net.address(), **wanted)["NatGateway"]["NatGatewayId"]
    assert refused(who.delete_nat_gateway, NatGatewayId=net.gateway("theirs")) == "UnauthorizedOperation"
    who.delete_nat_gateway(NatGatewayId=mine)


def test_routes_by_the_vpc_of_their_table(net):
    """CreateRoute, ReplaceRoute, DeleteRoute: route-table, with ec2:Vpc."""
    table = net.ec2.create_route_table(VpcId=net.vpc)["RouteTable"]["RouteTableId"]
    other_vpc = net.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    other = net.ec2.create_route_table(VpcId=other_vpc)["RouteTable"]["RouteTableId"]
    in_vpc = {"ArnEquals": {"ec2:Vpc": f"{ARN}:vpc/{net.vpc}"}}
    calls = ["ec2:CreateRoute", "ec2:ReplaceRoute", "ec2:DeleteRoute"]
    who = net.by(statement("Allow", calls, f"{ARN}:route-table/*", **in_vpc))
    default = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": net.igw}
    who.create_route(RouteTableId=table, **default)
    who.replace_route(RouteTableId=table, **default)
    assert refused(who.create_route, RouteTableId=other, **default) == "UnauthorizedOperation"
    assert refused(who.replace_route, RouteTableId=other, **default) == "UnauthorizedOperation"
    who.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")


def test_associations_by_the_vpc_of_their_table_and_subnet(net):
    """DisassociateRouteTable and ReplaceRouteTableAssociation name an association: ec2:Vpc of what is behind it."""
    moves = ["ec2:AssociateRouteTable", "ec2:DisassociateRouteTable", "ec2:ReplaceRouteTableAssociation"]
    here = {"ArnLike": {"ec2:Vpc": f"{ARN}:vpc/{net.vpc}"}}
    who = net.by(statement("Allow", moves, [f"{ARN}:route-table/*", f"{ARN}:subnet/*"], **here))
    first, second = (net.ec2.create_route_table(VpcId=net.vpc)["RouteTable"]["RouteTableId"] for _ in range(2))
    there = who.associate_route_table(RouteTableId=first, SubnetId=net.subnet)["AssociationId"]
    moved = who.replace_route_table_association(AssociationId=there, RouteTableId=second)["NewAssociationId"]
    who.disassociate_route_table(AssociationId=moved)
    other = net.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = net.ec2.create_subnet(VpcId=other, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    table = net.ec2.create_route_table(VpcId=other)["RouteTable"]["RouteTableId"]
    theirs = net.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    assert refused(who.disassociate_route_table, AssociationId=theirs) == "UnauthorizedOperation"


def test_flow_logs_by_their_tags(net):
    """DeleteFlowLogs: vpc-flow-log with aws:ResourceTag, each of those named."""
    net.cloud.client("s3").create_bucket(Bucket="flow-bucket")

    def create(value, traffic):
        return net.ec2.create_flow_logs(
            ResourceIds=[net.vpc],
            ResourceType="VPC",
            TrafficType=traffic,
            LogDestinationType="s3",
            LogDestination="arn:aws:s3:::flow-bucket",
            TagSpecifications=tags("vpc-flow-log", value),
        )["FlowLogIds"][0]

    mine, theirs = create("mine", "ALL"), create("theirs", "REJECT")
    who = net.by(statement("Allow", "ec2:DeleteFlowLogs", f"{ARN}:vpc-flow-log/*", **owned()))
    assert refused(who.delete_flow_logs, FlowLogIds=[mine, theirs]) == "UnauthorizedOperation"
    assert who.delete_flow_logs(FlowLogIds=[mine])["Unsuccessful"] == []


def test_services_by_their_tags(net):
    """ModifyVpcEndpointServiceConfiguration and -Permissions, CreateVpcEndpointConnectionNotification: the service."""
    balancer = net.cloud.client("elbv2").create_load_balancer(Name="nlb", Type="network", Subnets=[net.subnet])
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]

    def create(value):
        return net.ec2.create_vpc_endpoint_service_configuration(
            NetworkLoadBalancerArns=[arn], TagSpecifications=tags("vpc-endpoint-service", value)
        )["ServiceConfiguration"]["ServiceId"]

    mine, theirs = create("mine"), create("theirs")
    calls = [f"ec2:ModifyVpcEndpointService{what}" for what in ("Configuration", "Permissions")]
    who = net.by(statement("Allow", calls, f"{ARN}:vpc-endpoint-service/*", **owned()))
    change, permit = who.modify_vpc_endpoint_service_configuration, who.modify_vpc_endpoint_service_permissions
    change(ServiceId=mine, AcceptanceRequired=True)
    permit(ServiceId=mine, AddAllowedPrincipals=["*"])
    assert refused(change, ServiceId=theirs, AcceptanceRequired=False) == "UnauthorizedOperation"
    assert refused(permit, ServiceId=theirs, AddAllowedPrincipals=["*"]) == "UnauthorizedOperation"


GROUP = "/flow/main"
GROUP_ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}"


@pytest.mark.parametrize(
    ("resource", "allowed"),
    [
        (f"{GROUP_ARN}:*", True),
        (f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/flow/*", True),
        (GROUP_ARN, False),
        (f"{GROUP_ARN}-other:*", False),
        (f"arn:aws:logs:{REGION}:222233334444:log-group:{GROUP}:*", False),
    ],
)
def test_log_groups_by_arn(cloud, resource, allowed):
    """ "Use this version, with the trailing :*, when specifying the log group ARN in permissions policies"."""
    cloud.client("logs").create_log_group(logGroupName="/flow/other")
    calls = ["CreateLogGroup", "PutRetentionPolicy", "DeleteRetentionPolicy", "DeleteLogGroup"]
    logs = cloud.client("logs", cloud.assume("keeper", statement("Allow", [f"logs:{one}" for one in calls], resource)))
    for call, more in (
        (logs.create_log_group, {}),
        (logs.put_retention_policy, {"retentionInDays": 30}),
        (logs.delete_retention_policy, {}),
        (logs.delete_log_group, {}),
    ):
        if allowed:
            call(logGroupName=GROUP, **more)
        else:
            assert refused(call, logGroupName=GROUP, **more) == "AccessDeniedException"
    assert refused(logs.describe_log_groups) == "AccessDeniedException"


def test_describing_log_groups_is_on_everything(cloud):
    """DescribeLogGroups: log-group:* of the account."""
    resource = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*"
    logs = cloud.client("logs", cloud.assume("reader", statement("Allow", "logs:DescribeLogGroups", resource)))
    cloud.client("logs").create_log_group(logGroupName=GROUP)
    assert logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    one = cloud.assume("one", statement("Allow", "logs:DescribeLogGroups", f"{GROUP_ARN}:*"))
    assert refused(cloud.client("logs", one).describe_log_groups, logGroupNamePrefix=GROUP) == "AccessDeniedException"
