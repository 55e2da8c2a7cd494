"""Drift detection of the EC2 types: what the rest of the local cloud's EC2 says now.

Source: CloudFormation User Guide, "Detect unmanaged configuration changes": explicitly set properties are compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from .. import hooks
from .client import client
from .registry import Properties


def _rules(permissions: list[dict[str, Any]]) -> list[Properties]:
    """The rules of a group in a template's form."""
    rules = []
    for permission in permissions:
        base: Properties = {"IpProtocol": permission["IpProtocol"]}
        if "FromPort" in permission:
            base |= {"FromPort": permission["FromPort"], "ToPort": permission["ToPort"]}
        for key, name, target in (
            ("IpRanges", "CidrIp", "CidrIp"),
            ("Ipv6Ranges", "CidrIpv6", "CidrIpv6"),
            ("UserIdGroupPairs", "GroupId", "SourceSecurityGroupId"),
            ("PrefixListIds", "PrefixListId", "SourcePrefixListId"),
        ):
            for item in permission.get(key, []):
                described = {"Description": item["Description"]} if item.get("Description") else {}
                rules.append({**base, target: item[name], **described})
    return rules


def _key(rule: Properties) -> str:
    return json.dumps({name: str(value) for name, value in rule.items()}, sort_keys=True)


def _security_group(group_id: str, properties: Properties) -> Properties | None:
    try:
        group = client().describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
    except ClientError:
        return None
    declared = {_key(rule): rule for rule in properties.get("SecurityGroupIngress") or []}
    order = list(declared)
    present = [declared.get(_key(rule), rule) for rule in _rules(group["IpPermissions"])]
    present.sort(key=lambda rule: order.index(_key(rule)) if _key(rule) in declared else len(order))
    return {"SecurityGroupIngress": present}


def _exists(describe: Callable[[str], Any]) -> Callable[[str, Properties], Properties | None]:
    def read(physical_id: str, properties: Properties) -> Properties | None:
        del properties
        try:
            return {} if describe(physical_id) else None
        except ClientError:
            return None

    return read


def _nat_gateway(gateway_id: str) -> Any:
    gateways = client().describe_nat_gateways(NatGatewayIds=[gateway_id])["NatGateways"]
    return [gateway for gateway in gateways if gateway["State"] not in ("deleting", "deleted")]


def install() -> None:
    """Register the readers."""
    from ministack.services.cloudformation import drift

    readers = hooks.require(drift, "_DRIFT_READERS")
    readers["AWS::EC2::SecurityGroup"] = (_security_group, frozenset({"SecurityGroupIngress"}))
    for name, describe in (
        ("AWS::EC2::VPC", lambda i: client().describe_vpcs(VpcIds=[i])["Vpcs"]),
        ("AWS::EC2::Subnet", lambda i: client().describe_subnets(SubnetIds=[i])["Subnets"]),
        ("AWS::EC2::NatGateway", _nat_gateway),
        ("AWS::EC2::FlowLog", lambda i: client().describe_flow_logs(FlowLogIds=[i])["FlowLogs"]),
    ):
        readers[name] = (_exists(describe), frozenset())
