"""Groups. Sources: CreateSecurityGroup, DescribeSecurityGroups, DescribeSecurityGroupRules, DeleteSecurityGroup."""

from __future__ import annotations

import pytest

from .conftest import refused, rules_of, tcp, v4


def named(name, *values):
    return [{"Name": name, "Values": list(values)}]


def test_a_new_group_allows_all_egress_and_no_ingress(ec2, group):
    """VPC User Guide: "When you create a security group, it has no inbound rules", and one that allows all outbound."""
    described = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    assert described["IpPermissions"] == []
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    assert [{k: v for k, v in one.items() if v} for one in described["IpPermissionsEgress"]] == [everything]
    assert described["SecurityGroupArn"].endswith(f":security-group/{group}")
    rule = rules_of(ec2, group, egress=True)[0]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], rule["CidrIpv4"]) == ("-1", -1, -1, "0.0.0.0/0")


def test_the_default_group_allows_itself(ec2, vpc):
    """VPC User Guide, "Default security groups"."""
    filters = named("vpc-id", vpc) + named("group-name", "default")
    group = ec2.describe_security_groups(Filters=filters)["SecurityGroups"][0]
    assert group["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == group["GroupId"]
    assert refused(ec2.delete_security_group, GroupId=group["GroupId"]) == "CannotDelete"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"GroupName": "web"}, "InvalidGroup.Duplicate"),
        ({"GroupName": "sg-mine"}, "InvalidParameterValue"),
        ({"GroupName": "default"}, "InvalidGroup.Reserved"),
        ({"GroupName": "x", "Description": "caf\u00e9"}, "InvalidParameterValue"),
        ({"GroupName": "x", "VpcId": "vpc-0123456789abcdead"}, "InvalidVpcID.NotFound"),
    ],
)
def test_groups_that_cannot_be_created(ec2, vpc, group, request_, code):
    """CreateSecurityGroup: constraints on names and descriptions; EC2 error codes."""
    assert refused(ec2.create_security_group, **{"Description": "d", "VpcId": vpc, **request_}) == code


def test_the_same_name_in_another_vpc(ec2, group):
    """A name is unique within a VPC."""
    other = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    assert ec2.create_security_group(GroupName="web", Description="d", VpcId=other)["GroupId"] != group


def test_filters(ec2, vpc, group):
    """DescribeSecurityGroups filters, wildcards included."""
    ec2.create_tags(Resources=[group], Tags=[{"Key": "Name", "Value": "front door"}])
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(91, **v4("10.9.0.0/16"))])
    for name, value in (
        ("group-id", group),
        ("group-name", "web"),
        ("group-name", "w*"),
        ("tag:Name", "front*"),
        ("tag-key", "Name"),
        ("ip-permission.from-port", "91"),
        ("ip-permission.cidr", "10.9.0.0/16"),
    ):
        found = ec2.describe_security_groups(Filters=named(name, value) + named("vpc-id", vpc))["SecurityGroups"]
        assert [one["GroupId"] for one in found] == [group], name
        assert ec2.describe_security_groups(Filters=named(name, "zzz"))["SecurityGroups"] == [], name
    assert refused(ec2.describe_security_groups, Filters=named("colour", "red")) == "InvalidParameterValue"


@pytest.mark.parametrize("prefix", ["", "egress."])
@pytest.mark.parametrize("one", ["cidr", "from-port", "group-id", "ipv6-cidr", "prefix-list-id", "protocol", "to-port"])
def test_every_rule_filter_is_served(ec2, vpc, group, prefix, one):
    """DescribeSecurityGroups filters `ip-permission.*` and `egress.ip-permission.*`."""
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, UserIdGroupPairs=[{"GroupId": group}])])
    filters = named(f"{prefix}ip-permission.{one}", "zzz") + named("vpc-id", vpc)
    assert ec2.describe_security_groups(Filters=filters)["SecurityGroups"] == []


def test_groups_that_do_not_exist(ec2):
    """InvalidGroup.NotFound, InvalidGroupId.Malformed."""
    assert refused(ec2.describe_security_groups, GroupIds=["sg-0123456789abcdead"]) == "InvalidGroup.NotFound"
    assert refused(ec2.describe_security_groups, GroupIds=["web"]) == "InvalidGroupId.Malformed"


def test_describe_pages(ec2, vpc):
    """MaxResults from 5 to 1000, NextToken."""
    for number in range(8):
        ec2.create_security_group(GroupName=f"p{number}", Description="p", VpcId=vpc)
    first = ec2.describe_security_groups(MaxResults=5)
    assert len(first["SecurityGroups"]) == 5
    assert first["NextToken"]
    pages = ec2.get_paginator("describe_security_groups").paginate(PaginationConfig={"PageSize": 5})
    ids = [one["GroupId"] for page in pages for one in page["SecurityGroups"]]
    assert len(ids) == len(set(ids)) == len(ec2.describe_security_groups()["SecurityGroups"])
    assert refused(ec2.describe_security_groups, NextToken="nonsense", MaxResults=5) == "InvalidNextToken"
    assert refused(ec2.describe_security_groups, MaxResults=4) == "InvalidParameterValue"


def test_describe_rules_pages(ec2, group):
    """DescribeSecurityGroupRules with the filter group-id, page by page."""
    permission = tcp(22, **v4(*(f"10.0.{number}.0/24" for number in range(12))))
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    seen, token = [], None
    while True:
        more = {"NextToken": token} if token else {}
        page = ec2.describe_security_group_rules(Filters=named("group-id", group), MaxResults=5, **more)
        assert len(page["SecurityGroupRules"]) <= 5
        seen += [rule["SecurityGroupRuleId"] for rule in page["SecurityGroupRules"]]
        token = page.get("NextToken")
        if not token:
            break
    assert len(seen) == len(set(seen)) == 13


def test_describe_rules_of_groups_and_by_ids(ec2, vpc, group):
    """Filters group-id (several values) and security-group-rule-id; unknown ids and filters are refused."""
    other = ec2.create_security_group(GroupName="other", Description="o", VpcId=vpc)["GroupId"]
    both = ec2.describe_security_group_rules(Filters=named("group-id", group, other))["SecurityGroupRules"]
    assert {rule["GroupId"] for rule in both} == {group, other}
    one = ec2.describe_security_group_rules(SecurityGroupRuleIds=[both[0]["SecurityGroupRuleId"]])
    assert one["SecurityGroupRules"] == [both[0]]
    none = ec2.describe_security_group_rules(Filters=named("group-id", "sg-0123456789abcdead"))
    assert none["SecurityGroupRules"] == []
    unknown = "sgr-0123456789abcdead"
    assert refused(ec2.describe_security_group_rules, SecurityGroupRuleIds=[unknown]) == (
        "InvalidSecurityGroupRuleId.NotFound"
    )
    assert refused(ec2.describe_security_group_rules, Filters=named("vpc-id", vpc)) == "InvalidParameterValue"


def test_delete(ec2, vpc, group):
    """DeleteSecurityGroup: DependencyViolation while another group or an interface refers to it."""
    other = ec2.create_security_group(GroupName="other", Description="o", VpcId=vpc)["GroupId"]
    rule = tcp(22, UserIdGroupPairs=[{"GroupId": group}])
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[rule])
    assert refused(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    ec2.revoke_security_group_ingress(GroupId=other, IpPermissions=[rule])
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])  # itself: no obstacle
    ec2.delete_security_group(GroupId=group)
    assert refused(ec2.delete_security_group, GroupId=group) == "InvalidGroup.NotFound"


def test_delete_a_group_that_an_interface_wears(ec2, subnet, group):
    """DeleteSecurityGroup: "associated with an instance or network interface"."""
    interface = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]
    assert refused(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    ec2.delete_security_group(GroupId=group)
