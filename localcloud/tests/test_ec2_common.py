"""What all EC2 actions share. Sources: EC2 API Reference (common parameters, idempotency, tags), DescribeVpcs,
DeleteVpc."""

from __future__ import annotations

import pytest

from .conftest import refused, rules_of, tcp, v4


def test_dry_run_changes_nothing(ec2, group):
    """ "DryRun: checks whether you have the required permissions, without actually making the request… the error
    response is DryRunOperation"."""
    permission = [tcp(22, **v4("0.0.0.0/0"))]
    code = refused(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=permission, DryRun=True)
    assert code == "DryRunOperation"
    assert rules_of(ec2, group) == []
    assert refused(ec2.describe_vpcs, DryRun=True) == "DryRunOperation"


def test_client_token(ec2, subnet):
    """Idempotency: the same request and token have one effect; other parameters: IdempotentParameterMismatch."""
    wanted = {"SubnetId": subnet, "ConnectivityType": "private", "ClientToken": "intent-1"}
    first = ec2.create_nat_gateway(**wanted)
    again = ec2.create_nat_gateway(**wanted)
    assert again["NatGateway"]["NatGatewayId"] == first["NatGateway"]["NatGatewayId"]
    assert first["ClientToken"] == "intent-1"
    code = refused(ec2.create_nat_gateway, **{**wanted, "ConnectivityType": "public", "AllocationId": "eipalloc-1"})
    assert code == "IdempotentParameterMismatch"
    ec2.delete_nat_gateway(NatGatewayId=first["NatGateway"]["NatGatewayId"])
    dead = ec2.create_nat_gateway(**wanted)
    assert dead["NatGateway"]["NatGatewayId"] == first["NatGateway"]["NatGatewayId"]


def test_vpc_filters(ec2, vpc):
    """DescribeVpcs: filters tag:<key>, tag-key, vpc-id, cidr, is-default; unknown ids and filters are refused."""
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "plumbline:topology", "Value": "three-tier"}])
    for name, value in (
        ("tag:plumbline:topology", "three-tier"),
        ("tag-key", "plumbline:*"),
        ("vpc-id", vpc),
        ("cidr", "10.10.0.0/16"),
    ):
        found = ec2.describe_vpcs(Filters=[{"Name": name, "Values": [value]}])["Vpcs"]
        assert [one["VpcId"] for one in found] == [vpc], name
        assert ec2.describe_vpcs(Filters=[{"Name": name, "Values": ["none"]}])["Vpcs"] == [], name
    default = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    assert len(default) == 1
    assert default[0]["VpcId"] != vpc
    assert refused(ec2.describe_vpcs, VpcIds=["vpc-0123456789abcdead"]) == "InvalidVpcID.NotFound"
    assert refused(ec2.describe_vpcs, Filters=[{"Name": "colour", "Values": ["red"]}]) == "InvalidParameterValue"


def test_delete_vpc_needs_it_empty(ec2, vpc):
    """DeleteVpc: "You must detach or delete all gateways and resources that are associated with the VPC"."""
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert refused(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    assert refused(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc)
    left = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    assert left == []


def test_the_aws_tag_prefix_is_reserved(ec2, vpc):
    """ "The aws: prefix is reserved for AWS use" (tag restrictions)."""
    tags = [{"Key": "aws:cloudformation:stack-name", "Value": "forged"}]
    assert refused(ec2.create_tags, Resources=[vpc], Tags=tags) == "InvalidParameterValue"
    specification = [{"ResourceType": "security-group", "Tags": tags}]
    code = refused(
        ec2.create_security_group, GroupName="g", Description="g", VpcId=vpc, TagSpecifications=specification
    )
    assert code == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        ("sg-0123456789abcdead", "InvalidGroup.NotFound"),
        ("sgr-0123456789abcdead", "InvalidSecurityGroupRuleId.NotFound"),
        ("vpc-0123456789abcdead", "InvalidVpcID.NotFound"),
    ],
)
def test_tags_on_what_does_not_exist(ec2, resource, code):
    """CreateTags: the resource must exist."""
    assert refused(ec2.create_tags, Resources=[resource], Tags=[{"Key": "a", "Value": "b"}]) == code


def test_accounts_are_apart(ec2, client, vpc):
    """What one account has, another does not see."""
    others = client("ec2", "999999999999").describe_vpcs()["Vpcs"]
    assert vpc not in {one["VpcId"] for one in others}


def test_subnet_conflicts(ec2, vpc, subnet):
    """CreateSubnet: InvalidSubnet.Conflict, InvalidSubnet.Range."""
    assert refused(ec2.create_subnet, VpcId=vpc, CidrBlock="10.10.1.0/25") == "InvalidSubnet.Conflict"
    assert refused(ec2.create_subnet, VpcId=vpc, CidrBlock="10.99.1.0/25") == "InvalidSubnet.Range"


def test_vpc_and_subnet_attributes(ec2, vpc, subnet):
    """ModifyVpcAttribute, ModifySubnetAttribute; the latter has no DryRun."""
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    answer = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    assert answer["EnableDnsHostnames"]["Value"] is True
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    assert ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["MapPublicIpOnLaunch"] is True


def test_block_public_access(ec2):
    """ModifyVpcBlockPublicAccessOptions."""
    ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="block-bidirectional")
    options = ec2.describe_vpc_block_public_access_options()["VpcBlockPublicAccessOptions"]
    assert options["InternetGatewayBlockMode"] == "block-bidirectional"
