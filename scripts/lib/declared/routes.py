"""Routes: which table each declared subnet uses, what stands in it, the internet gateway, public addresses, DNS."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

from .documents import Cloud, Difference, Topology, Unreadable, Verdict, pages, tags, zones

EVERYWHERE = "0.0.0.0/0"
PUBLIC_IPS = {"never": False, "on-request": False, "on-launch": True}
# How an extra route names its kind of target, and where EC2 names it.
TARGETS = {
    "transit-gateway": "TransitGatewayId",
    "peering": "VpcPeeringConnectionId",
    "network-interface": "NetworkInterfaceId",
    "nat-gateway": "NatGatewayId",
    "egress-only-internet-gateway": "EgressOnlyInternetGatewayId",
    "local-gateway": "LocalGatewayId",
    "carrier-gateway": "CarrierGatewayId",
}
PREFIXES = {"virtual-private-gateway": "vgw-", "internet-gateway": "igw-", "vpc-endpoint": "vpce-"}


@dataclass
class Network:
    """What AWS says of one VPC."""

    subnets: dict[str, dict[str, Any]]
    tables: list[dict[str, Any]]
    gateways: list[str]
    ranges: set[str]

    def table_of(self, subnet: str) -> tuple[dict[str, Any], bool]:
        """The table that a subnet uses, and whether it is its own or the main one."""
        main = None
        for table in self.tables:
            for association in table["Associations"]:
                if association.get("SubnetId") == subnet:
                    return table, True
                if association.get("Main"):
                    main = table
        if main is None:
            raise Unreadable(f"{subnet} uses no route table")
        return main, False

    def users(self, table: str) -> list[str]:
        """The ranges of the subnets that use a table outright."""
        return [cidr for cidr, s in self.subnets.items() if self.table_of(s["SubnetId"])[0]["RouteTableId"] == table]


def observe(ec2: Any, vpc_id: str) -> Network:
    """Describes one VPC."""
    by = [{"Name": "vpc-id", "Values": [vpc_id]}]
    here = [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
    vpc = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]
    more = [one["CidrBlock"] for one in vpc.get("CidrBlockAssociationSet", [])]
    six = [one["Ipv6CidrBlock"] for one in vpc.get("Ipv6CidrBlockAssociationSet", [])]
    gateways = pages(ec2, "describe_internet_gateways", "InternetGateways", Filters=here)
    return Network(
        subnets={s["CidrBlock"]: s for s in pages(ec2, "describe_subnets", "Subnets", Filters=by)},
        tables=pages(ec2, "describe_route_tables", "RouteTables", Filters=by),
        gateways=[gateway["InternetGatewayId"] for gateway in gateways],
        ranges={vpc["CidrBlock"], *more, *six},
    )


def compare(cloud: Cloud, topology: Topology, vpcs: dict[str, str]) -> Verdict:
    """Every line of `tiers`, `internet_gateway`, `dns` and `public_ips`."""
    verdict = Verdict("routes", 0, [])
    for vpc, vpc_id in vpcs.items():
        declared, network = topology.vpcs[vpc], observe(cloud.ec2, vpc_id)
        problems = gateway(declared, network, verdict) + dns(cloud.ec2, vpc_id, declared, verdict)
        for name, tier in (declared.get("tiers") or {}).items():
            for zone, cidr in zip(zones(topology, vpc, tier, cloud.region), tier["subnets"], strict=True):
                subject = f"{name} {cidr}"
                if cidr not in network.subnets:
                    problems.append((subject, "the subnet does not exist"))
                    continue
                problems += subnet(topology, vpc, (name, zone, tier), network, network.subnets[cidr], verdict)
        verdict.differences += [Difference(topology.id, vpc, "routes", subject, text) for subject, text in problems]
    return verdict


def gateway(declared: dict[str, Any], network: Network, verdict: Verdict) -> list[tuple[str, str]]:
    """Whether one is attached, as declared."""
    wanted = declared.get("internet_gateway")
    if wanted is None:
        return []
    verdict.compared += 1
    if wanted and not network.gateways:
        return [("-", "no internet gateway is attached")]
    return [] if wanted else [(one, "is attached, and none is declared") for one in network.gateways]


def dns(ec2: Any, vpc_id: str, declared: dict[str, Any], verdict: Verdict) -> list[tuple[str, str]]:
    """The attributes that are declared."""
    problems = []
    for key, attribute in (("support", "EnableDnsSupport"), ("hostnames", "EnableDnsHostnames")):
        wanted = (declared.get("dns") or {}).get(key)
        if wanted is None:
            continue
        verdict.compared += 1
        name = attribute[0].lower() + attribute[1:]
        now = ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name)[attribute]["Value"]
        if now != wanted:
            problems.append(("dns", f"{name} is {now}"))
    return problems


def subnet(
    topology: Topology,
    vpc: str,
    place: tuple[str, str, dict[str, Any]],
    network: Network,
    described: dict[str, Any],
    verdict: Verdict,
) -> list[tuple[str, str]]:
    """Its table, the routes in it, and whether it gives public addresses."""
    name, zone, tier = place
    subject, problems = f"{name} {described['CidrBlock']}", []
    table, own = network.table_of(described["SubnetId"])
    verdict.compared += 1
    if not own:
        problems.append((subject, "it uses the main route table"))
    marks = tags(table)
    if marks.get("plumbline:topology") == topology.id and not zone.endswith(marks.get("plumbline:zone", "")):
        problems.append((subject, f"it uses the table of zone {marks['plumbline:zone']}"))
    if marks.get("plumbline:tier", name) != name:
        problems.append((subject, f"it uses a table of tier {marks['plumbline:tier']}"))
    others = [cidr for cidr in network.users(table["RouteTableId"]) if cidr != described["CidrBlock"]]
    if others and own:
        problems.append((subject, f"it shares its table with {', '.join(others)}"))
    managed = "nat" in topology.vpcs[vpc]
    verdict.compared += 1
    problems += [(subject, text) for text in routes(tier, network, table, managed)]
    wanted = PUBLIC_IPS.get(tier.get("public_ips", ""))
    if wanted is not None:
        verdict.compared += 1
        if described["MapPublicIpOnLaunch"] != wanted:
            problems.append((subject, f"MapPublicIpOnLaunch is {described['MapPublicIpOnLaunch']}"))
    return problems


def routes(tier: dict[str, Any], network: Network, table: dict[str, Any], managed: bool) -> list[str]:
    """What is missing from a table, and what should not be there."""
    problems, extra = [], tier.get("extra_routes") or []
    there = {destination(route): route for route in table["Routes"]}
    if tier["route"] == "internet":
        default = there.get(EVERYWHERE)
        if default is None:
            problems.append("it has no default route")
        elif default.get("GatewayId") not in network.gateways or default["State"] != "active":
            problems.append(f"its default route leads to {target(default)}, {default['State']}")
    for wanted in extra:
        via = wanted.get("via", "")
        if "to" in wanted and via and via not in TARGETS and via not in PREFIXES:
            route = there.get(str(wanted["to"]))
            if route is None or target(route) != via:
                problems.append(f"no route to {wanted['to']} through {via}")
    for to, route in there.items():
        if to in network.ranges:
            if target(route) != "local":
                problems.append(f"the local route {to} leads to {target(route)}")
            continue
        foreign = route["Origin"] not in ("CreateRoute", "CreateRouteTable") or target(route) == "local"
        endpoint = to.startswith("pl-") and target(route).startswith("vpce-")
        if foreign or endpoint or (to == EVERYWHERE and tier["route"] == "internet"):
            continue
        if to == EVERYWHERE and tier["route"] == "nat":
            # Where it leads otherwise is what the reader of NAT looks at, or nobody's.
            if target(route).startswith(("igw-", "cagw-")) or (managed and not target(route).startswith("nat-")):
                problems.append(f"its default route leads to {target(route)}")
            continue
        if not any(allowed(one, to, route) for one in extra):
            problems.append(f"an undeclared route to {to} leads to {target(route)}")
    return problems


def destination(route: dict[str, Any]) -> str:
    """Where a route leads to."""
    names = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    to = next((route[name] for name in names if route.get(name)), "")
    return to if to.startswith("pl-") else str(ipaddress.ip_network(to))


def target(route: dict[str, Any]) -> str:
    """What a route leads through."""
    names = ("GatewayId", *TARGETS.values())
    return next((route[name] for name in names if route.get(name)), "nothing")


def allowed(extra: dict[str, Any], to: str, route: dict[str, Any]) -> bool:
    """Whether an extra route covers one that is there."""
    if "to" in extra and str(extra["to"]) != to:
        return False
    via = extra.get("via")
    if via is None:
        return not target(route).startswith(("igw-", "eigw-", "cagw-"))
    if via in TARGETS:
        return bool(route.get(TARGETS[via]))
    return target(route).startswith(PREFIXES[via]) if via in PREFIXES else target(route) == via
