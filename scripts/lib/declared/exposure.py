"""Public addresses and attached groups: nothing in a tier with `public_ips: never` has an address that the internet
reaches, and what stands in a tier that names its security groups carries no others."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from .documents import Cloud, Difference, Topology, Verdict, pages

Tier = dict[str, Any]


def tiers_of(cloud: Cloud, body: dict[str, Any], vpc_id: str) -> dict[str, tuple[str, Tier]]:
    """The tier of each subnet that is in one, by the subnet's id."""
    found = {}
    for subnet in pages(cloud.ec2, "describe_subnets", "Subnets", Filters=[{"Name": "vpc-id", "Values": [vpc_id]}]):
        for name, tier in (body.get("tiers") or {}).items():
            if any(ip_network(subnet["CidrBlock"]).subnet_of(ip_network(wide)) for wide in tier["subnets"]):
                found[subnet["SubnetId"]] = (name, tier)
    return found


def strictest(tiers: dict[str, tuple[str, Tier]], subnets: list[str]) -> tuple[str, Tier] | None:
    """The tier in which a thing with these subnets may stand that allows least."""
    here = [tiers[subnet] for subnet in subnets if subnet in tiers]
    return min(here, key=lambda found: (found[1].get("public_ips") != "never", found[0])) if here else None


def addresses(interface: dict[str, Any]) -> list[str]:
    """The public addresses of an interface."""
    private = interface.get("PrivateIpAddresses", [])
    found = [one.get("Association", {}).get("PublicIp") for one in [interface, *private]]
    return sorted({address for address in found if address})


def services(cloud: Cloud) -> list[dict[str, Any]]:
    """Every service of ECS."""
    found: list[dict[str, Any]] = []
    for cluster in pages(cloud.containers, "list_clusters", "clusterArns"):
        arns = pages(cloud.containers, "list_services", "serviceArns", cluster=cluster)
        for at in range(0, len(arns), 10):
            found += cloud.containers.describe_services(cluster=cluster, services=arns[at : at + 10])["services"]
    return [one for one in found if one["status"] != "INACTIVE"]


@dataclass
class Place:
    """One VPC, and what was found in it."""

    tiers: dict[str, tuple[str, Tier]]
    names: dict[str, str]
    problems: list[tuple[str, str]] = field(default_factory=list)

    def never(self, subnets: list[str]) -> str | None:
        """The tier without public addresses in which a thing with these subnets may stand."""
        home = strictest(self.tiers, subnets)
        return home[0] if home and home[1].get("public_ips") == "never" else None

    def public(self, subject: str, subnets: list[str], what: str) -> None:
        """Notes something public where nothing is."""
        if tier := self.never(subnets):
            self.problems.append((subject, f"{what} in {tier}"))

    def carries(self, subject: str, subnets: list[str], attached: list[str]) -> None:
        """Notes groups that the tier does not name."""
        home = strictest(self.tiers, subnets)
        declared = home[1].get("security_groups") if home else None
        extra = [self.names.get(one, one) for one in attached if self.names.get(one, one) not in (declared or [])]
        if home and declared is not None and extra:
            self.problems.append((subject, f"carries {', '.join(extra)}, and {home[0]} names {declared}"))

    def said(self) -> int:
        """How many tiers say something of it."""
        tiers = {name: tier for name, tier in self.tiers.values()}
        return sum(tier.get("public_ips") == "never" or "security_groups" in tier for tier in tiers.values())


def interface(place: Place, one: dict[str, Any]) -> None:
    """A network interface, whoever made it."""
    subject, subnets = one["NetworkInterfaceId"], [one["SubnetId"]]
    for address in addresses(one):
        place.public(subject, subnets, f"has the public address {address}")
    place.carries(subject, subnets, [group["GroupId"] for group in one["Groups"]])


def database(place: Place, one: dict[str, Any]) -> None:
    """A database instance."""
    subnets = [subnet["SubnetIdentifier"] for subnet in (one.get("DBSubnetGroup") or {}).get("Subnets", [])]
    if one.get("PubliclyAccessible"):
        place.public(one["DBInstanceIdentifier"], subnets, "is publicly accessible")
    attached = [group["VpcSecurityGroupId"] for group in one.get("VpcSecurityGroups", [])]
    place.carries(one["DBInstanceIdentifier"], subnets, attached)


def service(place: Place, one: dict[str, Any]) -> None:
    """A service of ECS."""
    network = (one.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    if network.get("assignPublicIp") == "ENABLED":
        place.public(one["serviceName"], network.get("subnets", []), "gives its tasks public addresses")


def balancer(place: Place, one: dict[str, Any], internal: set[str]) -> None:
    """A load balancer: internal in such a tier, and behind an endpoint service."""
    zones = [zone["SubnetId"] for zone in one.get("AvailabilityZones", []) if "SubnetId" in zone]
    private = place.never(zones) or one["LoadBalancerName"] in internal
    if private and one.get("Scheme") == "internet-facing":
        place.problems.append((one["LoadBalancerName"], "faces the internet"))


def compare(cloud: Cloud, topology: Topology, vpcs: dict[str, str]) -> Verdict:
    """Interfaces, databases, services and load balancers of every VPC with a tier that says something of them."""
    verdict = Verdict("exposure", 0, [])
    databases = pages(cloud.databases, "describe_db_instances", "DBInstances")
    balancers = pages(cloud.balancers, "describe_load_balancers", "LoadBalancers")
    running = services(cloud)
    for vpc, vpc_id in vpcs.items():
        by = [{"Name": "vpc-id", "Values": [vpc_id]}]
        groups = pages(cloud.ec2, "describe_security_groups", "SecurityGroups", Filters=by)
        names = {group["GroupId"]: group["GroupName"] for group in groups}
        place = Place(tiers_of(cloud, topology.vpcs[vpc], vpc_id), names)
        internal = {one["load_balancer"] for one in topology.services.values() if one["vpc"] == vpc}
        verdict.compared += place.said() + len(internal)
        for one in pages(cloud.ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=by):
            interface(place, one)
        for one in databases:
            database(place, one)
        for one in running:
            service(place, one)
        for one in balancers:
            if one.get("VpcId") == vpc_id:
                balancer(place, one, internal)
        verdict.differences += [Difference(topology.id, vpc, "exposure", *problem) for problem in place.problems]
    return verdict
