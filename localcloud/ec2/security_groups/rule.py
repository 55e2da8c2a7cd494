"""One security-group rule and its parts: what identifies it, how it is written in a request and in an answer."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import random_security_group_rule_id

from ..common import refuse

ALL_PROTOCOLS = "-1"
WITH_PORTS = frozenset({"tcp", "udp"})
ICMP = frozenset({"icmp", "icmpv6"})
# "If you specify a protocol number, it is returned as a name": only these four have one (IpPermission, IpProtocol).
_NAMES = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": ALL_PROTOCOLS}
_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")


@dataclass(frozen=True)
class Peer:
    """The other end of a rule: exactly one IPv4 range, IPv6 range, prefix list or security group."""

    kind: str  # CidrIpv4 | CidrIpv6 | PrefixListId | ReferencedGroup
    value: str  # canonical CIDR, or the id
    account: str | None = None  # of a referenced group
    vpc: str | None = None  # of a referenced group across a peering connection
    peering: str | None = None  # the peering connection


@dataclass(frozen=True)
class Spec:
    """What a rule says, without its id, direction and group. The description is not part of its identity."""

    protocol: str
    from_port: int | None  # None where the protocol has no ports: all of them
    to_port: int | None
    peer: Peer
    description: str | None = None

    @property
    def identity(self) -> tuple[str, int | None, int | None, str, str]:
        """What makes two rules of one group and direction the same rule."""
        return self.protocol, self.from_port, self.to_port, self.peer.kind, self.peer.value

    def described(self, description: str | None) -> Spec:
        """The same rule with another description."""
        return replace(self, description=description or None)

    def __str__(self) -> str:
        protocol = "ALL" if self.protocol == ALL_PROTOCOLS else self.protocol.upper()
        ports = "" if self.from_port is None else f", from port: {self.from_port}, to port: {self.to_port}"
        return f"peer: {self.peer.value}, {protocol}{ports}, ALLOW"


class Rule(TaggedEC2Resource):
    """A rule of a group, stored where moto keeps its own and readable by moto's filters."""

    def __init__(self, backend: Any, group_id: str, is_egress: bool, spec: Spec) -> None:
        self.ec2_backend = backend
        self.id = random_security_group_rule_id()
        self.group_id = group_id
        self.is_egress = is_egress
        self.spec = spec

    # What moto's own code reads: the filters of DescribeSecurityGroups.
    @property
    def owner_id(self) -> str:
        """The account of the other end, if that is a group, else of the rule's own."""
        return self.spec.peer.account or self.ec2_backend.account_id

    @property
    def ip_protocol(self) -> str:
        """The protocol's name, its number, or -1."""
        return self.spec.protocol

    @property
    def from_port(self) -> int | None:
        """The first port, or the ICMP type."""
        return self.spec.from_port

    @property
    def to_port(self) -> int | None:
        """The last port, or the ICMP code."""
        return self.spec.to_port

    @property
    def ip_range(self) -> dict[str, str]:
        """The address range in the form of an `IpRange` or `Ipv6Range`, or empty."""
        key = {"CidrIpv4": "CidrIp", "CidrIpv6": "CidrIpv6"}.get(self.spec.peer.kind)
        return {key: self.spec.peer.value} if key else {}

    @property
    def source_group(self) -> dict[str, str]:
        """The referenced group in the form of a `UserIdGroupPair`, or empty."""
        peer = self.spec.peer
        if peer.kind != "ReferencedGroup":
            return {}
        pair = {"GroupId": peer.value, "UserId": peer.account or ""}
        if peer.peering:
            pair |= {"VpcId": peer.vpc or "", "VpcPeeringConnectionId": peer.peering, "PeeringStatus": "active"}
        return pair

    @property
    def prefix_list_id(self) -> str | None:
        """The prefix list's id, if that is the other end."""
        return self.spec.peer.value if self.spec.peer.kind == "PrefixListId" else None

    def _common(self) -> dict[str, Any]:
        spec = self.spec
        answer: dict[str, Any] = {
            "SecurityGroupRuleId": self.id,
            "GroupId": self.group_id,
            "IsEgress": self.is_egress,
            "IpProtocol": spec.protocol,
            # "a value of -1 indicates all": absent ports are written as -1 in SecurityGroupRule, unlike IpPermission
            "FromPort": -1 if spec.from_port is None else spec.from_port,
            "ToPort": -1 if spec.to_port is None else spec.to_port,
        }
        if spec.description:
            answer["Description"] = spec.description
        if spec.peer.kind != "ReferencedGroup":
            answer[spec.peer.kind] = spec.peer.value
        return answer

    def as_rule(self) -> dict[str, Any]:
        """The `SecurityGroupRule` of an answer."""
        region, account = self.ec2_backend.region_name, self.ec2_backend.account_id
        answer = self._common() | {
            "GroupOwnerId": account,
            "SecurityGroupRuleArn": f"arn:aws:ec2:{region}:{account}:security-group-rule/{self.id}",
            "Tags": self.get_tags(),
        }
        if self.spec.peer.kind == "ReferencedGroup":
            answer["ReferencedGroupInfo"] = self.source_group
        return answer

    def as_revoked(self) -> dict[str, Any]:
        """The `RevokedSecurityGroupRule` of an answer."""
        answer = self._common()
        if self.spec.peer.kind == "ReferencedGroup":
            answer["ReferencedGroupId"] = self.spec.peer.value
        return answer


def as_permissions(specs: Iterable[tuple[Spec, Mapping[str, str]]]) -> list[dict[str, Any]]:
    """`IpPermission`s: rules of equal protocol and ports grouped; ports absent where the protocol has none.

    Each spec comes with its `UserIdGroupPair`, empty unless it references a group.
    """
    grouped: dict[tuple[str, int | None, int | None], dict[str, Any]] = {}
    for spec, pair in specs:
        key = (spec.protocol, spec.from_port, spec.to_port)
        permission = grouped.setdefault(
            key,
            {
                "IpProtocol": spec.protocol,
                "IpRanges": [],
                "Ipv6Ranges": [],
                "UserIdGroupPairs": [],
                "PrefixListIds": [],
            },
        )
        if spec.from_port is not None:
            permission |= {"FromPort": spec.from_port, "ToPort": spec.to_port}
        description = {"Description": spec.description} if spec.description else {}
        peer = spec.peer
        if peer.kind == "CidrIpv4":
            permission["IpRanges"].append({"CidrIp": peer.value, **description})
        elif peer.kind == "CidrIpv6":
            permission["Ipv6Ranges"].append({"CidrIpv6": peer.value, **description})
        elif peer.kind == "PrefixListId":
            permission["PrefixListIds"].append({"PrefixListId": peer.value, **description})
        else:
            permission["UserIdGroupPairs"].append({**pair, **description})
    return list(grouped.values())


def parse_protocol(text: Any) -> str:
    """Canonical protocol: tcp, udp, icmp, icmpv6, another number, or -1."""
    protocol = str(text if text is not None else "").strip().lower()
    protocol = _NAMES.get(protocol, protocol)
    if protocol in WITH_PORTS | ICMP | {ALL_PROTOCOLS}:
        return protocol
    if protocol.isdigit() and int(protocol) <= 255:
        return str(int(protocol))
    if not protocol:
        refuse("MissingParameter", "The request must contain the parameter ipProtocol")
    refuse("InvalidParameterValue", f"Invalid value '{text}' for IP protocol. Unknown protocol.")


def parse_ports(protocol: str, from_port: Any, to_port: Any) -> tuple[int | None, int | None]:
    """Ports of tcp and udp, type and code of ICMP, nothing for any other protocol whatever the request says."""
    if protocol not in WITH_PORTS | ICMP:
        return None, None
    if protocol in ICMP:
        kind = -1 if from_port is None else int(from_port)
        code = -1 if to_port is None else int(to_port)
        # "If you specify all ICMP types, you must specify all ICMP codes."
        if not -1 <= kind <= 255 or not -1 <= code <= 255 or (kind == -1 and code != -1):
            refuse("InvalidParameterValue", f"ICMP type ({kind}) or code ({code}) out of range")
        return kind, code
    if from_port is None or to_port is None:
        refuse(
            "InvalidParameterValue", "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange."
        )
    first, last = int(from_port), int(to_port)
    for port in (first, last):
        if not 0 <= port <= 65535:
            refuse("InvalidParameterValue", f"TCP/UDP port ({port}) out of range")
    if first > last:
        refuse("InvalidParameterValue", f"Invalid TCP/UDP port range ({first}:{last})")
    return first, last


def parse_cidr(text: Any, version: int) -> str:
    """The canonical range: AWS clears the host bits (`100.68.0.18/18` becomes `100.68.0.0/18`)."""
    value = str(text or "")
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        network = None
    if network is None or network.version != version or "/" not in value:
        refuse("InvalidParameterValue", f"CIDR block {value} is malformed")
    return str(network)


def parse_description(text: Any) -> str | None:
    """A rule's description: at most 255 characters of the set that the API Reference gives."""
    if not text:
        return None
    if not _DESCRIPTION.fullmatch(str(text)):
        refuse(
            "InvalidParameterValue",
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set: "
            " a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        )
    return str(text)


def parse_permission(permission: Mapping[str, Any], peers: Any) -> Iterator[Spec]:
    """The rules that one `IpPermission` of a request stands for; `peers` resolves groups and prefix lists."""
    protocol = parse_protocol(permission.get("IpProtocol"))
    first, last = parse_ports(protocol, permission.get("FromPort"), permission.get("ToPort"))
    found = False
    for key, resolve in (
        ("IpRanges", lambda item: Peer("CidrIpv4", parse_cidr(item.get("CidrIp"), 4))),
        ("Ipv6Ranges", lambda item: Peer("CidrIpv6", parse_cidr(item.get("CidrIpv6"), 6))),
        ("UserIdGroupPairs", peers.group),
        ("PrefixListIds", lambda item: peers.prefix_list(item.get("PrefixListId"))),
    ):
        for item in permission.get(key) or []:
            found = True
            yield Spec(protocol, first, last, resolve(item), parse_description(item.get("Description")))
    if not found:
        refuse("MissingParameter", "Either 'groupId', 'cidrIp', 'cidrIpv6' or 'prefixListId' must be specified")


def parse_rule_request(request: Mapping[str, Any], current: Spec, peers: Any) -> Spec:
    """The new content of a rule, from a `SecurityGroupRuleRequest`.

    "You must specify exactly one of CidrIpv4, CidrIpv6, PrefixListId, ReferencedGroupId. When you modify a rule, you
    cannot change the rule type."
    """
    given = [key for key in ("CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId") if request.get(key)]
    if len(given) != 1:
        refuse(
            "InvalidParameterCombination",
            "Exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId must be specified",
        )
    kind, value = given[0], request[given[0]]
    if kind == "ReferencedGroupId":
        keep = current.peer if current.peer.value == value else None
        peer = keep or peers.group({"GroupId": value})
    elif kind == "PrefixListId":
        peer = peers.prefix_list(value)
    else:
        peer = Peer(kind, parse_cidr(value, 4 if kind == "CidrIpv4" else 6))
    if peer.kind != current.peer.kind:
        refuse("InvalidParameterValue", "The type of a security group rule cannot be changed")
    protocol = parse_protocol(request.get("IpProtocol"))
    first, last = parse_ports(protocol, request.get("FromPort"), request.get("ToPort"))
    return Spec(protocol, first, last, peer, parse_description(request.get("Description")))
