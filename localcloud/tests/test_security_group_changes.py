"""Revoke, modify and re-describe rules. Sources: RevokeSecurityGroupIngress, ModifySecurityGroupRules,
UpdateSecurityGroupRuleDescriptionsIngress API Reference; EC2 error codes."""

from __future__ import annotations

import pytest

from .conftest import refused, rules_of, tcp, v4


@pytest.fixture
def three(ec2, group):
    """Rules for ports 22, 80 and 443, by port."""
    permissions = [tcp(port, **v4("10.0.0.0/8")) for port in (22, 80, 443)]
    answer = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)
    return {rule["FromPort"]: rule["SecurityGroupRuleId"] for rule in answer["SecurityGroupRules"]}


def ports(ec2, group):
    return sorted(rule["FromPort"] for rule in rules_of(ec2, group))


def test_revoke_by_rule_id(ec2, group, three):
    """`RevokedSecurityGroupRules` lists what went."""
    answer = ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[three[22], three[80]])
    assert answer["Return"] is True
    assert {rule["SecurityGroupRuleId"] for rule in answer["RevokedSecurityGroupRules"]} == {three[22], three[80]}
    assert answer["RevokedSecurityGroupRules"][0]["CidrIpv4"] == "10.0.0.0/8"
    assert ports(ec2, group) == [443]


def test_revoke_by_an_unknown_rule_id_revokes_nothing(ec2, group, three):
    """InvalidSecurityGroupRuleId.NotFound."""
    ids = [three[22], "sgr-0123456789abcdead"]
    code = refused(ec2.revoke_security_group_ingress, GroupId=group, SecurityGroupRuleIds=ids)
    assert code == "InvalidSecurityGroupRuleId.NotFound"
    assert ports(ec2, group) == [22, 80, 443]


def test_revoke_ingress_does_not_know_egress_rules(ec2, group, three):
    """An id of the other direction is not found in this one."""
    egress = rules_of(ec2, group, egress=True)[0]["SecurityGroupRuleId"]
    code = refused(ec2.revoke_security_group_ingress, GroupId=group, SecurityGroupRuleIds=[egress])
    assert code == "InvalidSecurityGroupRuleId.NotFound"


def test_malformed_rule_id(ec2, group):
    """InvalidSecurityGroupRuleId.Malformed."""
    code = refused(ec2.revoke_security_group_ingress, GroupId=group, SecurityGroupRuleIds=["rule-1"])
    assert code == "InvalidSecurityGroupRuleId.Malformed"


def test_revoke_by_properties_is_all_or_nothing_outside_the_default_vpc(ec2, group, three):
    """ "[Non-default VPC] If the values you specify do not match the existing rule's values, an
    InvalidPermission.NotFound client error is returned, and no rules are revoked"."""
    stale = [tcp(22, **v4("10.0.0.0/8")), tcp(2222, **v4("10.0.0.0/8"))]
    code = refused(ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=stale)
    assert code == "InvalidPermission.NotFound"
    assert ports(ec2, group) == [22, 80, 443]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=stale[:1])
    assert ports(ec2, group) == [80, 443]


def test_revoke_by_properties_in_the_default_vpc_reports_the_unknown(ec2):
    """ "[Default VPC] If the values you specify do not match the existing rule's values, no error is returned, and the
    output describes the security group rules that were not revoked"."""
    group = ec2.create_security_group(GroupName="d", Description="d")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, **v4("10.0.0.0/8"))])
    both = [tcp(22, **v4("10.0.0.0/8")), tcp(23, **v4("10.0.0.0/8"))]
    answer = ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=both)
    assert [one["FromPort"] for one in answer["UnknownIpPermissions"]] == [23]
    assert ports(ec2, group) == []


def test_revoke_one_range_of_a_permission(ec2, group):
    """Each range is a rule of its own."""
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(90, **v4("10.0.0.0/8", "0.0.0.0/0"))])
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[tcp(90, **v4("0.0.0.0/0"))])
    assert [rule["CidrIpv4"] for rule in rules_of(ec2, group)] == ["10.0.0.0/8"]


def test_revoke_the_default_egress_rule(ec2, group):
    """RevokeSecurityGroupEgress with protocol -1."""
    everything = {"IpProtocol": "-1", **v4("0.0.0.0/0")}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
    assert rules_of(ec2, group, egress=True) == []


def modify(ec2, group, rule_id, **rule):
    return ec2.modify_security_group_rules(
        GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": rule}]
    )


def test_modify_changes_every_field_and_keeps_the_id(ec2, group, three):
    """ModifySecurityGroupRules, SecurityGroupRuleRequest."""
    modify(
        ec2,
        group,
        three[22],
        IpProtocol="17",
        FromPort=1000,
        ToPort=2000,
        CidrIpv4="100.68.0.18/18",
        Description="wider",
    )
    changed = ec2.describe_security_group_rules(SecurityGroupRuleIds=[three[22]])["SecurityGroupRules"][0]
    assert (changed["IpProtocol"], changed["FromPort"], changed["ToPort"]) == ("udp", 1000, 2000)
    assert changed["CidrIpv4"] == "100.68.0.0/18"
    assert changed["Description"] == "wider"


def test_modify_into_an_existing_rule(ec2, group, three):
    """InvalidPermission.Duplicate; nothing changes."""
    code = refused(modify, ec2, group, three[22], IpProtocol="tcp", FromPort=80, ToPort=80, CidrIpv4="10.0.0.0/8")
    assert code == "InvalidPermission.Duplicate"
    assert ports(ec2, group) == [22, 80, 443]


def test_modify_cannot_change_the_kind_of_peer(ec2, group, three):
    """SecurityGroupRuleRequest: "When you modify a rule, you cannot change the rule type"."""
    code = refused(modify, ec2, group, three[22], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIpv6="::/0")
    assert code == "InvalidParameterValue"


def test_modify_needs_exactly_one_peer(ec2, group, three):
    """SecurityGroupRuleRequest: "You must specify exactly one of" the four."""
    code = refused(modify, ec2, group, three[22], IpProtocol="tcp", FromPort=22, ToPort=22)
    assert code == "InvalidParameterCombination"


def test_modify_an_unknown_rule(ec2, group):
    """InvalidSecurityGroupRuleId.NotFound."""
    code = refused(
        modify, ec2, group, "sgr-0123456789abcdead", IpProtocol="tcp", FromPort=1, ToPort=1, CidrIpv4="10.0.0.0/8"
    )
    assert code == "InvalidSecurityGroupRuleId.NotFound"


def test_descriptions_by_properties_and_by_id(ec2, group, three):
    """UpdateSecurityGroupRuleDescriptionsIngress; "you can remove a description by omitting the parameter"."""
    described = tcp(22, IpRanges=[{"CidrIp": "10.0.0.0/8", "Description": "bastion"}])
    ec2.update_security_group_rule_descriptions_ingress(GroupId=group, IpPermissions=[described])
    by_id = [{"SecurityGroupRuleId": three[80], "Description": "web"}]
    ec2.update_security_group_rule_descriptions_ingress(GroupId=group, SecurityGroupRuleDescriptions=by_id)
    texts = {rule["FromPort"]: rule.get("Description") for rule in rules_of(ec2, group)}
    assert texts == {22: "bastion", 80: "web", 443: None}
    ec2.update_security_group_rule_descriptions_ingress(GroupId=group, IpPermissions=[tcp(22, **v4("10.0.0.0/8"))])
    assert "Description" not in rules_of(ec2, group)[0]
    assert {rule["SecurityGroupRuleId"] for rule in rules_of(ec2, group)} == set(three.values())


def test_description_of_an_egress_rule(ec2, group):
    """UpdateSecurityGroupRuleDescriptionsEgress."""
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "out"}]}
    ec2.update_security_group_rule_descriptions_egress(GroupId=group, IpPermissions=[everything])
    assert rules_of(ec2, group, egress=True)[0]["Description"] == "out"


def test_description_of_a_rule_that_is_not_there(ec2, group):
    """InvalidPermission.NotFound."""
    wanted = [tcp(22, **v4("10.0.0.0/8"))]
    code = refused(ec2.update_security_group_rule_descriptions_ingress, GroupId=group, IpPermissions=wanted)
    assert code == "InvalidPermission.NotFound"
