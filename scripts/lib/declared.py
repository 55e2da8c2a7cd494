"""What the topology documents declare, read without Plumbline, and compared with what EC2 says.

The demo's last word must not be Plumbline's own, so this reader shares no code with it: PyYAML, the few forms of rule
that the reference topologies use, and `DescribeSecurityGroups`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Rule = tuple[str, str, int | None, int | None, str]  # direction, protocol, from, to, peer


@dataclass
class Group:
    """One declared group: its rules by direction (`None`: not managed), and the descriptions that are declared."""

    topology: str
    vpc: str
    name: str
    optional: bool
    directions: dict[str, list[tuple[str, int | None, int | None, str, str | None]] | None]


@dataclass
class Topology:
    """One document."""

    id: str
    path: Path
    vpcs: list[str]
    groups: list[Group] = field(default_factory=list)


class Unreadable(Exception):
    """A form of rule that this reader does not know: teach it rather than guess."""


def ports(value: Any) -> tuple[int, int]:
    """`443` or `"0-65535"` as an inclusive range."""
    if isinstance(value, int):
        return value, value
    first, _, last = str(value).partition("-")
    return int(first), int(last or first)


def rule(raw: dict[str, Any], side: str) -> tuple[str, int | None, int | None, str, str | None]:
    """One rule of a document as (protocol, from, to, peer, description)."""
    raw = dict(raw)
    peer = str(raw.pop(side))
    description = raw.pop("description", None)
    (protocol, value), *rest = raw.items()
    if rest:
        raise Unreadable(f"more than one protocol in {raw}")
    if protocol in ("tcp", "udp"):
        low, high = ports(value)
        return protocol, low, high, peer, description
    if protocol == "protocol" and value == "all":
        return "-1", None, None, peer, description
    raise Unreadable(f"no reader for {raw}")


def load(path: Path) -> Topology:
    """Reads one document."""
    document = yaml.safe_load(path.read_text())
    topology = Topology(id=document["id"], path=path, vpcs=list(document["vpcs"]))
    for vpc, body in document["vpcs"].items():
        for name, group in (body.get("security_groups") or {}).items():
            group = group or {}
            sides = {"ingress": "from", "egress": "to"}
            directions = {
                direction: None if group.get(direction) is None else [rule(r, side) for r in group[direction]]
                for direction, side in sides.items()
            }
            topology.groups.append(Group(topology.id, vpc, name, bool(group.get("optional")), directions))
    return topology


def load_all(root: Path) -> list[Topology]:
    """Every document of the repository, in the order of their names."""
    return [load(path) for path in sorted(root.glob("topologies/*/topology.yaml"))]


def vpc_ids(ec2: Any, topology: Topology) -> dict[str, str]:
    """The VPC of each name, found by the tags that the stack gave it."""
    found = {}
    for vpc in ec2.describe_vpcs(Filters=[{"Name": "tag:plumbline:topology", "Values": [topology.id]}])["Vpcs"]:
        tags = {tag["Key"]: tag["Value"] for tag in vpc.get("Tags", [])}
        found[tags["plumbline:vpc"]] = vpc["VpcId"]
    return found


def actual(groups: dict[str, dict[str, Any]]) -> dict[str, dict[Rule, str | None]]:
    """Rules by group name, each with its description, from `DescribeSecurityGroups`."""
    out: dict[str, dict[Rule, str | None]] = {}
    for name, group in groups.items():
        rules: dict[Rule, str | None] = {}
        for direction, key in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
            for entry in group[key]:
                head = (direction, entry["IpProtocol"], entry.get("FromPort"), entry.get("ToPort"))
                if entry["IpProtocol"] == "-1":
                    head = (direction, "-1", None, None)
                peers = (
                    [(r["CidrIp"], r) for r in entry.get("IpRanges", [])]
                    + [(r["CidrIpv6"], r) for r in entry.get("Ipv6Ranges", [])]
                    + [(r["PrefixListId"], r) for r in entry.get("PrefixListIds", [])]
                    + [(r["GroupId"], r) for r in entry.get("UserIdGroupPairs", [])]
                )
                for peer, source in peers:
                    rules[(*head, peer)] = source.get("Description")
        out[name] = rules
    return out


@dataclass
class Difference:
    """One way in which a group is not as declared."""

    topology: str
    vpc: str
    group: str
    text: str


def compare(ec2: Any, topology: Topology) -> tuple[int, list[Difference]]:
    """How many groups were compared, and every difference between the declaration and EC2."""
    differences: list[Difference] = []
    compared = 0
    vpcs = vpc_ids(ec2, topology)
    for vpc in topology.vpcs:
        if vpc not in vpcs:
            differences.append(Difference(topology.id, vpc, "-", "the VPC does not exist"))
            continue
        pages = ec2.get_paginator("describe_security_groups").paginate(
            Filters=[{"Name": "vpc-id", "Values": [vpcs[vpc]]}]
        )
        there = {group["GroupName"]: group for page in pages for group in page["SecurityGroups"]}
        rules = actual(there)
        for group in (g for g in topology.groups if g.vpc == vpc):
            if group.name not in there:
                if not group.optional:
                    differences.append(Difference(topology.id, vpc, group.name, "the group does not exist"))
                continue
            compared += 1
            for direction, declared in group.directions.items():
                if declared is None:
                    continue
                want: dict[Rule, str | None] = {}
                for protocol, low, high, peer, description in declared:
                    if peer == "self":
                        peer = group.name
                    if any(g.name == peer for g in topology.groups if g.vpc == vpc):
                        if peer not in there:
                            continue  # an optional group that is absent: its rules are dropped
                        peer = there[peer]["GroupId"]
                    elif "/sg-" in peer:
                        peer = peer.split("/", 1)[1]
                    want[(direction, protocol, low, high, peer)] = description
                have = {key: text for key, text in rules[group.name].items() if key[0] == direction}
                for key in sorted(want.keys() - have.keys(), key=str):
                    differences.append(Difference(topology.id, vpc, group.name, f"missing {show(key)}"))
                for key in sorted(have.keys() - want.keys(), key=str):
                    differences.append(Difference(topology.id, vpc, group.name, f"undeclared {show(key)}"))
                for key in want.keys() & have.keys():
                    if want[key] is not None and (have[key] or "") != want[key]:
                        text = f"description of {show(key)} is {have[key]!r}, declared {want[key]!r}"
                        differences.append(Difference(topology.id, vpc, group.name, text))
    return compared, differences


def show(key: Rule) -> str:
    """A rule in words."""
    direction, protocol, low, high, peer = key
    span = "" if low is None else f" {low}" if low == high else f" {low}-{high}"
    side = "from" if direction == "ingress" else "to"
    return f"{direction} {'all' if protocol == '-1' else protocol}{span} {side} {peer}"
