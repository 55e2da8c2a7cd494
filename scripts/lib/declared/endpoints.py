"""VPC endpoints: one of each declared service, where and how the document says, available."""

from __future__ import annotations

import json
from typing import Any

from . import privatelink
from .documents import Cloud, Difference, Topology, Unreadable, Verdict, pages, tags

GONE = ("deleting", "deleted", "failed", "rejected", "expired")
KEYS = {"type", "service", "tiers", "security_groups", "private_dns", "policy"}


def long_form(name: str, declared: Any) -> dict[str, Any]:
    """`s3: gateway` as the mapping that it stands for."""
    mapping = {"type": declared} if isinstance(declared, str) else dict(declared)
    if unknown := set(mapping) - KEYS:
        raise Unreadable(f"endpoint {name}: {sorted(unknown)}")
    return mapping


def service_name(cloud: Cloud, topology: Topology, name: str, endpoint: dict[str, Any]) -> str | None:
    """The service's full name; None while a service of the topology does not exist."""
    service = endpoint.get("service")
    if service is None:
        return f"com.amazonaws.{cloud.region}.{name}"
    if service in topology.services:
        found = privatelink.service_of(cloud, topology, service)
        return found["ServiceName"] if found else None
    return service


def tiers_of(body: dict[str, Any], endpoint: dict[str, Any]) -> list[str]:
    """The tiers that are written, or those that are meant."""
    tiers = body["tiers"]
    if "tiers" in endpoint:
        return endpoint["tiers"]
    if endpoint["type"] == "gateway":
        return list(tiers)
    by_nat = [name for name, tier in tiers.items() if tier["route"] == "nat"]
    isolated = [name for name, tier in tiers.items() if tier["route"] == "isolated"]
    return by_nat or isolated


def statements(policy: Any) -> list[str]:
    """A policy as sorted statements, so that order and the form of single values say nothing."""
    document = json.loads(policy) if isinstance(policy, str) else policy
    given = document.get("Statement", [])
    given = given if isinstance(given, list) else [given]

    def plain(key: str, value: Any) -> Any:
        if key in ("Principal", "NotPrincipal") and value == "*":
            value = {"AWS": "*"}
        if isinstance(value, dict):
            return {inner: plain(inner, one) for inner, one in value.items()}
        if key in ("Effect", "Sid"):
            return value
        values = value if isinstance(value, list) else [value]
        lowered = key in ("Action", "NotAction")
        return sorted({str(one).lower() if lowered else str(one) for one in values})

    return sorted(json.dumps({key: plain(key, one[key]) for key in one}, sort_keys=True) for one in given)


class Network:
    """What AWS says of one VPC."""

    def __init__(self, cloud: Cloud, vpc_id: str) -> None:
        """Describe what endpoints are compared with."""
        here = [{"Name": "vpc-id", "Values": [vpc_id]}]
        self.endpoints = pages(cloud.ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=here)
        subnets = pages(cloud.ec2, "describe_subnets", "Subnets", Filters=here)
        self.subnets = {subnet["CidrBlock"]: subnet["SubnetId"] for subnet in subnets}
        self.tables: dict[str, str] = {}
        self.serving: set[str] = set()
        for table in pages(cloud.ec2, "describe_route_tables", "RouteTables", Filters=here):
            for association in table["Associations"]:
                if "SubnetId" in association:
                    self.tables[association["SubnetId"]] = table["RouteTableId"]
                    self.serving.add(table["RouteTableId"])
        groups = pages(cloud.ec2, "describe_security_groups", "SecurityGroups", Filters=here)
        self.groups = {group["GroupName"]: group["GroupId"] for group in groups}

    def alive(self, service: str, kind: str) -> list[dict[str, Any]]:
        """The endpoints to a service that are not gone."""
        return [
            one
            for one in self.endpoints
            if one["ServiceName"] == service
            and one["VpcEndpointType"].lower() == kind
            and one["State"].lower() not in GONE
        ]


def differences(network: Network, body: dict[str, Any], endpoint: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What of one endpoint is not as declared."""
    problems = []
    if found["State"].lower() != "available":
        problems.append(f"it is {found['State']}")
    ranges = [cidr for tier in tiers_of(body, endpoint) for cidr in body["tiers"][tier]["subnets"]]
    subnets = {network.subnets.get(cidr, cidr) for cidr in ranges}
    if endpoint["type"] == "gateway":
        want = {network.tables[subnet] for subnet in subnets if subnet in network.tables}
        # A table that serves no subnet leads nobody anywhere.
        have = {table for table in found.get("RouteTableIds", []) if table in network.serving}
        if want != have:
            problems.append(f"route tables {sorted(have)}, declared {sorted(want)}")
    else:
        groups = {network.groups.get(name, name) for name in endpoint.get("security_groups", ["vpc-endpoints"])}
        attached = {group["GroupId"] for group in found.get("Groups", [])}
        private = endpoint.get("private_dns", "service" not in endpoint)
        if set(found.get("SubnetIds", [])) != subnets:
            problems.append(f"subnets {sorted(found.get('SubnetIds', []))}, declared {sorted(subnets)}")
        if attached != groups:
            problems.append(f"groups {sorted(attached)}, declared {sorted(groups)}")
        if bool(found.get("PrivateDnsEnabled")) != private:
            problems.append(f"private DNS is {'off' if private else 'on'}")
    if "policy" in endpoint and statements(endpoint["policy"]) != statements(found.get("PolicyDocument", "{}")):
        problems.append("another policy")
    return problems


def compare(cloud: Cloud, topology: Topology, vpcs: dict[str, str]) -> Verdict:
    """The endpoints of every VPC that declares them."""
    verdict = Verdict("endpoints", 0, [])
    for vpc, vpc_id in vpcs.items():
        body = topology.vpcs[vpc]
        if body.get("endpoints") is None:
            continue
        network, kept = Network(cloud, vpc_id), set()
        problems: list[tuple[str, str]] = []
        for name, written in body["endpoints"].items():
            endpoint = long_form(name, written)
            service = service_name(cloud, topology, name, endpoint)
            if service is None:
                verdict.notes.append(f"{topology.id} {vpc}/{name}: its service does not exist yet")
                continue
            verdict.compared += 1
            alive = network.alive(service, endpoint["type"])
            kept |= {one["VpcEndpointId"] for one in alive}
            if len(alive) != 1:
                problems.append((name, f"{len(alive)} endpoints lead to {service}"))
            problems += [(name, text) for one in alive for text in differences(network, body, endpoint, one)]
        for one in network.endpoints:
            ours = tags(one).get("plumbline:control") == "endpoints" and one["State"].lower() not in GONE
            if ours and one["VpcEndpointId"] not in kept:
                problems.append((one["VpcEndpointId"], f"Plumbline's, and not declared: {one['ServiceName']}"))
        verdict.differences += [Difference(topology.id, vpc, "endpoints", *problem) for problem in problems]
    return verdict
