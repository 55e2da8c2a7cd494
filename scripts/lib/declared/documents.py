"""The documents as they are written, and the VPCs that are theirs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


class Unreadable(Exception):
    """A form that this reader does not know: teach it rather than guess."""


@dataclass
class Cloud:
    """The clients that the readers ask, and where they are. Describe calls only."""

    ec2: Any
    logs: Any
    balancers: Any
    databases: Any
    containers: Any
    account: str
    region: str
    # Connections that a person let in by hand: they are as declared although no document names them.
    approved: frozenset[str] = frozenset()


@dataclass
class Topology:
    """One document."""

    id: str
    path: Path
    environment: str
    vpcs: dict[str, dict[str, Any]]
    services: dict[str, dict[str, Any]]


@dataclass
class Difference:
    """One way in which something is not as declared."""

    topology: str
    vpc: str
    control: str
    subject: str
    text: str

    def __str__(self) -> str:
        """Where it is, what it is."""
        return f"{self.topology} {self.vpc}/{self.subject}: {self.text}"


@dataclass
class Verdict:
    """What one reader found: how many declared things it compared, the differences, and what is worth telling."""

    control: str
    compared: int
    differences: list[Difference]
    notes: list[str] = field(default_factory=list)


def load(path: Path) -> Topology:
    """Reads one document."""
    document = yaml.safe_load(path.read_text())
    return Topology(
        id=document["id"],
        path=path,
        environment=document["environment"],
        vpcs=document["vpcs"],
        services=document.get("privatelink") or {},
    )


def load_all(root: Path) -> list[Topology]:
    """Every document of the repository, in the order of their names."""
    return [load(path) for path in sorted(root.glob("topologies/*/topology.yaml"))]


def tags(resource: dict[str, Any]) -> dict[str, str]:
    """The tags of a described resource."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}


def vpc_ids(ec2: Any, topology: Topology) -> dict[str, str]:
    """The VPC of each name, found by the tags that the stack gave it."""
    filters = [{"Name": "tag:plumbline:topology", "Values": [topology.id]}]
    return {tags(vpc)["plumbline:vpc"]: vpc["VpcId"] for vpc in ec2.describe_vpcs(Filters=filters)["Vpcs"]}


def pages(client: Any, operation: str, key: str, **arguments: Any) -> list[dict[str, Any]]:
    """Everything that a paginated call answers."""
    return [item for page in client.get_paginator(operation).paginate(**arguments) for item in page[key]]


def zones(topology: Topology, vpc: str, tier: dict[str, Any], region: str) -> list[str]:
    """The names of the Availability Zones of a tier, in the order of its subnets."""
    letters = tier.get("availability_zones") or topology.vpcs[vpc]["availability_zones"]
    return [f"{region}{letter}" for letter in letters]
