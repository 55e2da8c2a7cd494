"""Security groups, with rules or without.

Source: Template Reference, AWS::EC2::SecurityGroup: "When you create a VPC security group, Amazon EC2 creates a
default egress rule that allows egress traffic on all ports and IP protocols to any location. The default rule is
removed only when you specify one or more egress rules."
"""

from __future__ import annotations

import os
from typing import Any

from .client import client
from .registry import Created, Properties, ResourceType, pick, register, tag_specification

_PEER_PROPERTIES = (
    "CidrIp",
    "CidrIpv6",
    "SourceSecurityGroupId",
    "SourceSecurityGroupName",
    "SourceSecurityGroupOwnerId",
    "SourcePrefixListId",
    "DestinationSecurityGroupId",
    "DestinationPrefixListId",
)


def permission(rule: Properties) -> dict[str, Any]:
    """The `IpPermission` of one rule of a template."""
    answer: dict[str, Any] = {"IpProtocol": str(rule.get("IpProtocol", "-1"))}
    if "FromPort" in rule or "ToPort" in rule:
        first = int(rule.get("FromPort", rule.get("ToPort")))
        answer |= {"FromPort": first, "ToPort": int(rule.get("ToPort", first))}
    described = {"Description": rule["Description"]} if rule.get("Description") else {}
    if rule.get("CidrIp"):
        answer["IpRanges"] = [{"CidrIp": rule["CidrIp"], **described}]
    if rule.get("CidrIpv6"):
        answer["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **described}]
    group_id = rule.get("SourceSecurityGroupId") or rule.get("DestinationSecurityGroupId")
    if group_id or rule.get("SourceSecurityGroupName"):
        pair = {"GroupId": group_id} if group_id else {"GroupName": rule["SourceSecurityGroupName"]}
        if rule.get("SourceSecurityGroupOwnerId"):
            pair["UserId"] = str(rule["SourceSecurityGroupOwnerId"])
        answer["UserIdGroupPairs"] = [{**pair, **described}]
    prefix_list = rule.get("SourcePrefixListId") or rule.get("DestinationPrefixListId")
    if prefix_list:
        answer["PrefixListIds"] = [{"PrefixListId": prefix_list, **described}]
    return answer


_ALLOW_ALL = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def _create(logical_id: str, properties: Properties, stack: str) -> Created:
    name = properties.get("GroupName") or f"{stack}-{logical_id}-{os.urandom(6).hex()}"
    group_id = client().create_security_group(
        GroupName=name,
        Description=properties["GroupDescription"],
        **pick(properties, "VpcId"),
        **tag_specification("security-group", properties),
    )["GroupId"]
    ingress, egress = properties.get("SecurityGroupIngress") or [], properties.get("SecurityGroupEgress") or []
    if ingress:
        client().authorize_security_group_ingress(GroupId=group_id, IpPermissions=[permission(r) for r in ingress])
    if egress:
        client().revoke_security_group_egress(GroupId=group_id, IpPermissions=[_ALLOW_ALL])
        client().authorize_security_group_egress(GroupId=group_id, IpPermissions=[permission(r) for r in egress])
    return group_id, _answer(group_id)


def _answer(group_id: str) -> dict[str, Any]:
    group = client().describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
    return {"GroupId": group_id, "Id": group_id, "VpcId": group.get("VpcId", "")}


def _update(group_id: str, old: Properties, new: Properties) -> dict[str, Any]:
    """Only what the template changed is touched: rules that others added stay."""
    for name, authorize, revoke in (
        ("SecurityGroupIngress", "authorize_security_group_ingress", "revoke_security_group_ingress"),
        ("SecurityGroupEgress", "authorize_security_group_egress", "revoke_security_group_egress"),
    ):
        before = [permission(rule) for rule in old.get(name) or []]
        after = [permission(rule) for rule in new.get(name) or []]
        if name == "SecurityGroupEgress" and bool(before) != bool(after):
            before, after = before or [_ALLOW_ALL], after or [_ALLOW_ALL]
        if gone := [one for one in before if one not in after]:
            getattr(client(), revoke)(GroupId=group_id, IpPermissions=gone)
        if added := [one for one in after if one not in before]:
            getattr(client(), authorize)(GroupId=group_id, IpPermissions=added)
    return _answer(group_id)


def _create_rule(direction: str) -> Any:
    def create(logical_id: str, properties: Properties, stack: str) -> Created:
        del logical_id, stack
        authorize = getattr(client(), f"authorize_security_group_{direction}")
        rules = authorize(GroupId=properties["GroupId"], IpPermissions=[permission(properties)])["SecurityGroupRules"]
        return rules[0]["SecurityGroupRuleId"], {"Id": rules[0]["SecurityGroupRuleId"]}

    return create


def _delete_rule(direction: str) -> Any:
    def delete(rule_id: str, properties: Properties) -> None:
        revoke = getattr(client(), f"revoke_security_group_{direction}")
        revoke(GroupId=properties["GroupId"], SecurityGroupRuleIds=[rule_id])

    return delete


def _update_rule(direction: str) -> Any:
    def update(rule_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        del old
        change = getattr(client(), f"update_security_group_rule_descriptions_{direction}")
        described = {"Description": new["Description"]} if new.get("Description") else {}
        change(GroupId=new["GroupId"], SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": rule_id, **described}])
        return {"Id": rule_id}

    return update


def register_types() -> None:
    """Register the types of this file."""
    register(
        "AWS::EC2::SecurityGroup",
        ResourceType(
            _create,
            lambda group_id, _: client().delete_security_group(GroupId=group_id),
            _update,
            replaced_by=("GroupName", "GroupDescription", "VpcId"),
        ),
    )
    for direction in ("ingress", "egress"):
        register(
            f"AWS::EC2::SecurityGroup{direction.capitalize()}",
            ResourceType(
                _create_rule(direction),
                _delete_rule(direction),
                _update_rule(direction),
                replaced_by=("GroupId", "IpProtocol", "FromPort", "ToPort", *_PEER_PROPERTIES),
                tagged=False,
            ),
        )
