"""NAT: the gateways of each mode, the default route of every private subnet, and no address that nobody uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .documents import Cloud, Difference, Topology, Unreadable, Verdict, pages, tags, zones

ALIVE = ("pending", "available")


@dataclass
class Network:
    """What EC2 says about one VPC."""

    subnets: dict[str, dict[str, Any]]  # by range
    tables: list[dict[str, Any]]
    gateways: dict[str, dict[str, Any]]  # alive or failed, by id
    addresses: list[dict[str, Any]] = field(default_factory=list)

    def table_of(self, subnet: str) -> dict[str, Any] | None:
        """The route table of a subnet: the one that it is associated with, else the main one."""
        main = None
        for table in self.tables:
            for association in table["Associations"]:
                if association.get("SubnetId") == subnet:
                    return table
                if association.get("Main"):
                    main = table
        return main

    def zone(self, subnet: str) -> str:
        """The Availability Zone of a subnet."""
        return next(s["AvailabilityZone"] for s in self.subnets.values() if s["SubnetId"] == subnet)


def observe(ec2: Any, topology: Topology, vpc_id: str) -> Network:
    """Describes one VPC, and every address that Plumbline tagged for the topology."""
    by = [{"Name": "vpc-id", "Values": [vpc_id]}]
    gateways = pages(ec2, "describe_nat_gateways", "NatGateways", Filters=by)
    mine = [{"Name": "tag:plumbline:topology", "Values": [topology.id]}]
    return Network(
        subnets={s["CidrBlock"]: s for s in pages(ec2, "describe_subnets", "Subnets", Filters=by)},
        tables=pages(ec2, "describe_route_tables", "RouteTables", Filters=by),
        gateways={g["NatGatewayId"]: g for g in gateways if g["State"] not in ("deleted", "deleting")},
        addresses=ec2.describe_addresses(Filters=mine)["Addresses"],
    )


def mode(topology: Topology, nat: dict[str, Any]) -> str:
    """The mode with `auto` resolved."""
    if nat["mode"] != "auto":
        return nat["mode"]
    return "per-az" if topology.environment == "production" else "single"


def gateway_tier(topology: Topology, vpc: str) -> dict[str, Any]:
    """The tier that holds the gateways: the one that is named, else the only one that reaches the internet."""
    tiers = topology.vpcs[vpc]["tiers"]
    if named := topology.vpcs[vpc]["nat"].get("tier"):
        return tiers[named]
    public = [tier for tier in tiers.values() if tier["route"] == "internet"]
    if len(public) != 1:
        raise Unreadable(f"{topology.id} {vpc}: which tier holds the gateways?")
    return public[0]


def default_route(table: dict[str, Any]) -> dict[str, Any] | None:
    """The route of everything else."""
    return next((r for r in table["Routes"] if r.get("DestinationCidrBlock") == "0.0.0.0/0"), None)


def compare(cloud: Cloud, topology: Topology, vpcs: dict[str, str]) -> Verdict:
    """Gateways, default routes and addresses of every VPC that declares `nat`."""
    verdict = Verdict("nat", 0, [])
    for vpc, vpc_id in vpcs.items():
        if "nat" not in topology.vpcs[vpc]:
            continue
        network = observe(cloud.ec2, topology, vpc_id)
        problems = gateways(cloud, topology, vpc, network, verdict)
        problems += routes(cloud, topology, vpc, network, verdict)
        problems += addresses(topology, vpc, network)
        verdict.differences += [Difference(topology.id, vpc, "nat", subject, text) for subject, text in problems]
    return verdict


def gateways(cloud: Cloud, topology: Topology, vpc: str, network: Network, verdict: Verdict) -> list[tuple[str, str]]:
    """As many gateways as the mode asks for, each where it belongs, none besides."""
    nat = topology.vpcs[vpc]["nat"]
    kind, problems = mode(topology, nat), []
    left = dict(network.gateways)
    for gateway in list(left.values()):
        if gateway["State"] != "available":
            problems.append((gateway["NatGatewayId"], f"is {gateway['State']}"))
            del left[gateway["NatGatewayId"]]
    if kind == "regional":
        verdict.compared += 1
        regional = [g for g in left.values() if g.get("AvailabilityMode") == "regional"]
        if not regional:
            problems.append(("-", "no regional gateway is available"))
        for gateway in regional[:1]:
            del left[gateway["NatGatewayId"]]
    elif kind in ("single", "per-az"):
        tier = gateway_tier(topology, vpc)
        wanted = list(zip(zones(topology, vpc, tier, cloud.region), tier["subnets"], strict=True))
        for zone, cidr in wanted[:1] if kind == "single" else wanted:
            verdict.compared += 1
            subnet = network.subnets[cidr]["SubnetId"]
            here = [g for g in left.values() if g.get("SubnetId") == subnet and g["ConnectivityType"] == "public"]
            if not here:
                problems.append((zone, f"no gateway is available in {cidr}"))
            for gateway in here[:1]:
                del left[gateway["NatGatewayId"]]
    problems += [(gateway, f"is not declared by mode {kind}") for gateway in left]
    return problems


def routes(cloud: Cloud, topology: Topology, vpc: str, network: Network, verdict: Verdict) -> list[tuple[str, str]]:
    """Each private subnet's default route leads to an available gateway, of its own zone in mode per-az."""
    kind, problems = mode(topology, topology.vpcs[vpc]["nat"]), []
    for name, tier in topology.vpcs[vpc]["tiers"].items():
        if tier["route"] == "internet":
            continue
        for zone, cidr in zip(zones(topology, vpc, tier, cloud.region), tier["subnets"], strict=True):
            subject = f"{name} {cidr}"
            table = network.table_of(network.subnets[cidr]["SubnetId"])
            route = default_route(table) if table else None
            if tier["route"] == "isolated":
                if route:
                    problems.append((subject, "an isolated subnet has a default route"))
                continue
            verdict.compared += 1
            if route is None:
                problems.append((subject, "no default route"))
                continue
            gateway = network.gateways.get(route.get("NatGatewayId", ""))
            if route["State"] != "active":
                problems.append((subject, f"its default route is {route['State']}"))
            elif gateway is None or gateway["State"] != "available":
                problems.append((subject, f"its default route leads to {route.get('NatGatewayId') or 'no gateway'}"))
            elif kind == "per-az" and network.zone(gateway["SubnetId"]) != zone:
                across = network.zone(gateway["SubnetId"])
                problems.append((subject, f"its default route crosses from {zone} to {across}"))
    return problems


def addresses(topology: Topology, vpc: str, network: Network) -> list[tuple[str, str]]:
    """Every address that Plumbline allocated for this VPC serves an available gateway of it."""
    used = {
        address.get("AllocationId"): gateway["State"]
        for gateway in network.gateways.values()
        for address in gateway.get("NatGatewayAddresses", [])
    }
    problems = []
    for address in network.addresses:
        marks = tags(address)
        if marks.get("plumbline:vpc") not in (None, vpc):
            continue
        state = used.get(address["AllocationId"])
        if state != "available" or not address.get("AssociationId"):
            problems.append((address["PublicIp"], f"{address['AllocationId']} was allocated and serves no gateway"))
    declared = topology.vpcs[vpc]["nat"].get("addresses") or {}
    for letter, wanted in declared.items():
        if isinstance(wanted, str) and wanted not in used:
            problems.append((f"zone {letter}", f"the declared address {wanted} serves no gateway"))
    return problems
