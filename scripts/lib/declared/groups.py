"""Security groups: the rules of each declared group, by direction, with their descriptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .documents import Cloud, Difference, Topology, Unreadable, Verdict, pages

Rule = tuple[str, str, int | None, int | None, str]  # direction, protocol, from, to, peer


@dataclass
class Group:
    """One declared group: its rules by direction (`None`: not managed), and the descriptions that are declared."""

    vpc: str
    name: str
    optional: bool
    directions: dict[str, list[tuple[str, int | None, int | None, str, str | None]] | None]


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


def declared_groups(topology: Topology) -> list[Group]:
    """Every group that the document names."""
    groups = []
    for vpc, body in topology.vpcs.items():
        for name, group in (body.get("security_groups") or {}).items():
            group = group or {}
            sides = {"ingress": "from", "egress": "to"}
            directions = {
                direction: None if group.get(direction) is None else [rule(r, side) for r in group[direction]]
                for direction, side in sides.items()
            }
            groups.append(Group(vpc, name, bool(group.get("optional")), directions))
    return groups


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


def compare(cloud: Cloud, topology: Topology, vpcs: dict[str, str]) -> Verdict:
    """Every declared group that is there."""
    verdict = Verdict("security-groups", 0, [])
    groups = declared_groups(topology)
    for vpc, vpc_id in vpcs.items():
        by = [{"Name": "vpc-id", "Values": [vpc_id]}]
        there = {
            group["GroupName"]: group
            for group in pages(cloud.ec2, "describe_security_groups", "SecurityGroups", Filters=by)
        }
        rules = actual(there)
        for group in (g for g in groups if g.vpc == vpc):

            def differs(text: str, group: Group = group) -> None:
                verdict.differences.append(Difference(topology.id, group.vpc, "security-groups", group.name, text))

            if group.name not in there:
                if not group.optional:
                    differs("the group does not exist")
                continue
            verdict.compared += 1
            for direction, declared in group.directions.items():
                if declared is None:
                    continue
                want: dict[Rule, str | None] = {}
                for protocol, low, high, peer, description in declared:
                    if peer == "self":
                        peer = group.name
                    if any(g.name == peer for g in groups if g.vpc == vpc):
                        if peer not in there:
                            continue  # an optional group that is absent: its rules are dropped
                        peer = there[peer]["GroupId"]
                    elif "/sg-" in peer:
                        peer = peer.split("/", 1)[1]
                    want[(direction, protocol, low, high, peer)] = description
                have = {key: text for key, text in rules[group.name].items() if key[0] == direction}
                for key in sorted(want.keys() - have.keys(), key=str):
                    differs(f"missing {show(key)}")
                for key in sorted(have.keys() - want.keys(), key=str):
                    differs(f"undeclared {show(key)}")
                for key in want.keys() & have.keys():
                    if want[key] is not None and (have[key] or "") != want[key]:
                        differs(f"description of {show(key)} is {have[key]!r}, declared {want[key]!r}")
    return verdict


def show(key: Rule) -> str:
    """A rule in words."""
    direction, protocol, low, high, peer = key
    span = "" if low is None else f" {low}" if low == high else f" {low}-{high}"
    side = "from" if direction == "ingress" else "to"
    return f"{direction} {'all' if protocol == '-1' else protocol}{span} {side} {peer}"
