"""The rule model. Sources: EC2 API Reference, AuthorizeSecurityGroupIngress, IpPermission, SecurityGroupRule."""

from __future__ import annotations

import pytest

from .conftest import refused, rules_of, tcp, v4


def authorize(ec2, group, *permissions, **more):
    return ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=list(permissions), **more)


def test_every_kind_of_peer_is_answered_with_its_rule_id(ec2, vpc, group):
    """AuthorizeSecurityGroupIngress: `SecurityGroupRules`: information about the rules that were added."""
    other = ec2.create_security_group(GroupName="app", Description="app", VpcId=vpc)["GroupId"]
    prefix_list = ec2.create_managed_prefix_list(PrefixListName="pl", MaxEntries=5, AddressFamily="IPv4")["PrefixList"]
    answer = authorize(
        ec2,
        group,
        tcp(22, IpRanges=[{"CidrIp": "0.0.0.0/0", "Description": "ssh"}]),
        tcp(443, UserIdGroupPairs=[{"GroupId": other, "Description": "from app"}]),
        tcp(80, UserIdGroupPairs=[{"GroupId": group}]),
        tcp(81, PrefixListIds=[{"PrefixListId": prefix_list["PrefixListId"], "Description": "list"}]),
        tcp(82, Ipv6Ranges=[{"CidrIpv6": "::/0"}]),
    )
    described = rules_of(ec2, group)
    assert {rule["SecurityGroupRuleId"] for rule in answer["SecurityGroupRules"]} == {
        rule["SecurityGroupRuleId"] for rule in described
    }
    by_port = {rule["FromPort"]: rule for rule in described}
    assert by_port[22]["CidrIpv4"] == "0.0.0.0/0"
    assert by_port[22]["Description"] == "ssh"
    assert by_port[443]["ReferencedGroupInfo"] == {"GroupId": other, "UserId": by_port[22]["GroupOwnerId"]}
    assert by_port[443]["Description"] == "from app"
    assert by_port[80]["ReferencedGroupInfo"]["GroupId"] == group
    assert by_port[81]["PrefixListId"] == prefix_list["PrefixListId"]
    assert by_port[82]["CidrIpv6"] == "::/0"

    permissions = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    by_port = {permission["FromPort"]: permission for permission in permissions}
    assert by_port[22]["IpRanges"] == [{"CidrIp": "0.0.0.0/0", "Description": "ssh"}]
    assert by_port[443]["UserIdGroupPairs"][0]["Description"] == "from app"
    assert by_port[81]["PrefixListIds"][0]["Description"] == "list"
    assert by_port[82]["Ipv6Ranges"] == [{"CidrIpv6": "::/0"}]


def test_rule_ids_are_stable(ec2, group):
    """A rule keeps its id until it is revoked (EC2 User Guide, "Security group rules": unique ID)."""
    authorize(ec2, group, tcp(22, **v4("10.0.0.0/8")))
    first = rules_of(ec2, group)
    authorize(ec2, group, tcp(23, **v4("10.0.0.0/8")))
    assert first[0]["SecurityGroupRuleId"] in {rule["SecurityGroupRuleId"] for rule in rules_of(ec2, group)}


@pytest.mark.parametrize(
    ("given", "canonical"),
    [("100.68.0.18/18", "100.68.0.0/18"), ("10.1.2.3/32", "10.1.2.3/32"), ("198.51.100.255/24", "198.51.100.0/24")],
)
def test_ipv4_ranges_are_canonical(ec2, group, given, canonical):
    """IpRange: "if you specify 100.68.0.18/18, we modify it to 100.68.0.0/18"."""
    authorize(ec2, group, tcp(22, **v4(given)))
    assert rules_of(ec2, group)[0]["CidrIpv4"] == canonical
    assert refused(authorize, ec2, group, tcp(22, **v4(canonical))) == "InvalidPermission.Duplicate"


def test_ipv6_ranges_are_canonical(ec2, group):
    """Ipv6Range: the same canonical form."""
    authorize(ec2, group, tcp(22, Ipv6Ranges=[{"CidrIpv6": "2001:DB8:0::1/32"}]))
    assert rules_of(ec2, group)[0]["CidrIpv6"] == "2001:db8::/32"


@pytest.mark.parametrize(("number", "name"), [("6", "tcp"), ("17", "udp"), ("TCP", "tcp")])
def test_protocol_numbers_with_a_name_are_named(ec2, group, number, name):
    """IpPermission: "The IP protocol name (tcp, udp, icmp, icmpv6) or number"; numbers 6 and 17 come back as names."""
    authorize(ec2, group, {"IpProtocol": number, "FromPort": 22, "ToPort": 23, **v4("10.0.0.0/8")})
    rule = rules_of(ec2, group)[0]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == (name, 22, 23)


@pytest.mark.parametrize(("number", "name"), [("1", "icmp"), ("58", "icmpv6")])
def test_icmp_has_type_and_code_for_ports(ec2, group, number, name):
    """IpPermission: FromPort "or an ICMP type number. -1 indicates all ICMP types", ToPort the code."""
    peer = v4("10.0.0.0/8") if name == "icmp" else {"Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}]}
    authorize(ec2, group, {"IpProtocol": number, "FromPort": 8, "ToPort": 0, **peer})
    authorize(ec2, group, {"IpProtocol": number, "FromPort": -1, "ToPort": -1, **peer})
    described = {(rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) for rule in rules_of(ec2, group)}
    assert described == {(name, 8, 0), (name, -1, -1)}
    permissions = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert {(one["FromPort"], one["ToPort"]) for one in permissions} == {(8, 0), (-1, -1)}


def test_all_icmp_types_need_all_codes(ec2, group):
    """IpPermission: "If you specify all ICMP types, you must specify all ICMP codes"."""
    wrong = {"IpProtocol": "icmp", "FromPort": -1, "ToPort": 3, **v4("10.0.0.0/8")}
    assert refused(authorize, ec2, group, wrong) == "InvalidParameterValue"


@pytest.mark.parametrize("protocol", ["-1", "50"])
def test_protocols_without_ports_mean_all_ports(ec2, group, protocol):
    """IpPermission: "-1, or a protocol number other than tcp, udp, icmp, or icmpv6: traffic on all ports is allowed,
    regardless of any ports you specify". SecurityGroupRule writes -1 for the ports, IpPermission leaves them out."""
    authorize(ec2, group, {"IpProtocol": protocol, "FromPort": 22, "ToPort": 22, **v4("10.0.0.0/8")})
    rule = rules_of(ec2, group)[0]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == (protocol, -1, -1)
    permission = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"][0]
    assert "FromPort" not in permission
    assert "ToPort" not in permission
    again = {"IpProtocol": protocol, **v4("10.0.0.0/8")}
    assert refused(authorize, ec2, group, again) == "InvalidPermission.Duplicate"


def test_flat_form(ec2, group):
    """AuthorizeSecurityGroupIngress takes one rule by IpProtocol, FromPort, ToPort and CidrIp too."""
    ec2.authorize_security_group_ingress(
        GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="203.0.113.0/24"
    )
    assert [rule["CidrIpv4"] for rule in rules_of(ec2, group)] == ["203.0.113.0/24"]


def test_authorize_is_all_or_nothing(ec2, group):
    """Error code InvalidPermission.Duplicate: one rule that exists fails the whole call."""
    authorize(ec2, group, tcp(22, **v4("10.0.0.0/8")))
    code = refused(authorize, ec2, group, tcp(80, **v4("10.0.0.0/8")), tcp(22, **v4("10.0.0.0/8", "10.1.0.0/16")))
    assert code == "InvalidPermission.Duplicate"
    assert [rule["FromPort"] for rule in rules_of(ec2, group)] == [22]


def test_description_is_not_identity(ec2, group):
    """A rule that differs in its description only is a duplicate."""
    authorize(ec2, group, tcp(22, IpRanges=[{"CidrIp": "10.0.0.0/8", "Description": "one"}]))
    code = refused(authorize, ec2, group, tcp(22, IpRanges=[{"CidrIp": "10.0.0.0/8", "Description": "two"}]))
    assert code == "InvalidPermission.Duplicate"


def test_duplicate_of_a_group_reference(ec2, vpc, group):
    """The referenced group is part of the identity."""
    authorize(ec2, group, tcp(443, UserIdGroupPairs=[{"GroupId": group}]))
    code = refused(authorize, ec2, group, tcp(443, UserIdGroupPairs=[{"GroupId": group}]))
    assert code == "InvalidPermission.Duplicate"


def test_the_same_rule_twice_in_one_call(ec2, group):
    """ "The same permission must not appear multiple times" (InvalidParameterValue)."""
    code = refused(authorize, ec2, group, tcp(22, **v4("10.0.0.0/8")), tcp(22, **v4("10.0.0.7/8")))
    assert code == "InvalidParameterValue"
    assert rules_of(ec2, group) == []


@pytest.mark.parametrize(
    ("permission", "code"),
    [
        (tcp(22, **v4("300.1.1.0/24")), "InvalidParameterValue"),
        (tcp(22, Ipv6Ranges=[{"CidrIpv6": "10.0.0.0/8"}]), "InvalidParameterValue"),
        ({"IpProtocol": "tcp", **v4("10.0.0.0/8")}, "InvalidParameterValue"),
        ({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 80, **v4("10.0.0.0/8")}, "InvalidParameterValue"),
        ({"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65536, **v4("10.0.0.0/8")}, "InvalidParameterValue"),
        ({"IpProtocol": "tpc", "FromPort": 1, "ToPort": 2, **v4("10.0.0.0/8")}, "InvalidParameterValue"),
        (tcp(22, IpRanges=[{"CidrIp": "10.0.0.0/8", "Description": "caf\u00e9"}]), "InvalidParameterValue"),
        (tcp(22, IpRanges=[{"CidrIp": "10.0.0.0/8", "Description": "x" * 256}]), "InvalidParameterValue"),
        (tcp(22, UserIdGroupPairs=[{"GroupId": "sg-0123456789abcdead"}]), "InvalidGroup.NotFound"),
        (tcp(22, UserIdGroupPairs=[{"GroupId": "nonsense"}]), "InvalidGroupId.Malformed"),
        (tcp(22, PrefixListIds=[{"PrefixListId": "pl-0123456789abcdead"}]), "InvalidPrefixListID.NotFound"),
        (tcp(22), "MissingParameter"),
    ],
)
def test_wrong_rules_are_refused(ec2, group, permission, code):
    """EC2 error codes."""
    assert refused(authorize, ec2, group, permission) == code
    assert rules_of(ec2, group) == []


def test_group_of_another_account_is_a_user_id_pair(ec2, group):
    """UserIdGroupPair: "UserId: the ID of an AWS account. For a referenced security group in another VPC, the account
    ID of the referenced security group is returned"."""
    authorize(ec2, group, tcp(443, UserIdGroupPairs=[{"GroupId": "sg-0123456789abcdef0", "UserId": "222233334444"}]))
    info = rules_of(ec2, group)[0]["ReferencedGroupInfo"]
    assert info == {"GroupId": "sg-0123456789abcdef0", "UserId": "222233334444"}


def test_group_of_another_vpc_needs_peering(ec2, vpc, group):
    """VPC peering guide, "Update your security groups to reference peer security groups"."""
    peer_vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    peer = ec2.create_security_group(GroupName="peer", Description="peer", VpcId=peer_vpc)["GroupId"]
    rule = tcp(443, UserIdGroupPairs=[{"GroupId": peer}])
    assert refused(authorize, ec2, group, rule) == "InvalidGroup.NotFound"
    peering = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=peer_vpc)["VpcPeeringConnection"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering["VpcPeeringConnectionId"])
    authorize(ec2, group, rule)
    info = rules_of(ec2, group)[0]["ReferencedGroupInfo"]
    assert info["VpcId"] == peer_vpc
    assert info["PeeringStatus"] == "active"
    assert info["VpcPeeringConnectionId"] == peering["VpcPeeringConnectionId"]


def test_tags_on_rules(ec2, group):
    """TagSpecifications of resource type security-group-rule; `tag:` filter of DescribeSecurityGroupRules."""
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "owner", "Value": "plumbline"}]}]
    answer = authorize(ec2, group, tcp(22, **v4("10.0.0.0/8")), TagSpecifications=tags)
    rule_id = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    found = ec2.describe_security_group_rules(Filters=[{"Name": "tag:owner", "Values": ["plumbline"]}])
    assert [rule["SecurityGroupRuleId"] for rule in found["SecurityGroupRules"]] == [rule_id]
    assert found["SecurityGroupRules"][0]["Tags"] == [{"Key": "owner", "Value": "plumbline"}]
    ec2.create_tags(Resources=[rule_id], Tags=[{"Key": "later", "Value": "yes"}])
    tags_now = ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"][0]["Tags"]
    assert {tag["Key"] for tag in tags_now} == {"owner", "later"}


def test_sixty_rules_a_direction_ipv4_and_ipv6_apart(ec2, group):
    """Amazon VPC quotas: 60 inbound and 60 outbound rules, "enforced separately for IPv4 rules and IPv6 rules"; "a rule
    that references a security group counts as one rule for IPv4 and one rule for IPv6"."""
    authorize(ec2, group, tcp(22, **v4(*(f"10.0.{n}.0/24" for n in range(60)))))
    assert refused(authorize, ec2, group, tcp(23, **v4("10.1.0.0/16"))) == "RulesPerSecurityGroupLimitExceeded"
    assert refused(authorize, ec2, group, tcp(23, UserIdGroupPairs=[{"GroupId": group}])) == (
        "RulesPerSecurityGroupLimitExceeded"
    )
    authorize(ec2, group, tcp(22, Ipv6Ranges=[{"CidrIpv6": f"2001:db8:{n}::/48"} for n in range(60)]))
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[tcp(22, **v4("10.0.0.0/8"))])
    assert len(rules_of(ec2, group)) == 120


def test_customer_prefix_list_counts_as_its_maximum(ec2, group):
    """Amazon VPC quotas: "a customer-managed prefix list counts as the maximum number of entries"."""
    prefix_list = ec2.create_managed_prefix_list(PrefixListName="pl", MaxEntries=50, AddressFamily="IPv4")["PrefixList"]
    authorize(ec2, group, tcp(22, PrefixListIds=[{"PrefixListId": prefix_list["PrefixListId"]}]))
    ranges = v4(*(f"10.0.{n}.0/24" for n in range(11)))
    assert refused(authorize, ec2, group, tcp(23, **ranges)) == "RulesPerSecurityGroupLimitExceeded"
