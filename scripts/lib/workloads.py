"""What runs in the reference networks: the stack of each `workload.yaml`, wired to its network's outputs.

What a company has already is made here: a public hosted zone, certificates, and the edge stack that CloudFront needs in
us-east-1 (docs/deploying.md says the same for AWS).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud import deploy

import declared

if TYPE_CHECKING:
    from stage import Stage

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "example.com"
# CloudFront takes its certificate and its web ACL from there alone.
EDGE_REGION = "us-east-1"
EDGE_OUTPUTS = ("SiteCertificateArn", "WebAclArn")


def _given(stage: Stage, name: str, domain: str) -> str | None:
    """The value of a parameter that no network gives, made when first asked for; None for one that nobody gives."""
    if name == "Architecture":
        return "x86_64" if os.uname().machine == "x86_64" else "arm64"
    if name == "HostedZoneId":
        return _once(stage, name, lambda: _zone(stage))
    if name == "CertificateArn":
        return _once(stage, f"{name} {domain}", lambda: _certificate(stage, domain))
    if name in EDGE_OUTPUTS:
        return _once(stage, f"{name} {domain}", lambda: _edge(stage, domain)[name])
    return None


def _once(stage: Stage, key: str, make: Callable[[], str]) -> str:
    if key not in stage.found:
        stage.found[key] = make()
    return stage.found[key]


def _zone(stage: Stage) -> str:
    zone = stage.client("route53").create_hosted_zone(Name=DOMAIN, CallerReference="stage")["HostedZone"]["Id"]
    return str(zone).removeprefix("/hostedzone/")


def _certificate(stage: Stage, domain: str) -> str:
    return str(stage.client("acm").request_certificate(DomainName=domain, ValidationMethod="DNS")["CertificateArn"])


def _edge(stage: Stage, domain: str) -> dict[str, str]:
    """The stack that CloudFront needs in us-east-1. A stack that is there already answers what it has."""
    given = {"DomainName": domain, "HostedZoneId": str(_given(stage, "HostedZoneId", domain))}
    name = f"edge-{domain.replace('.', '-')}"
    return deploy.Deployer(stage.endpoint, EDGE_REGION).deploy(ROOT / "topologies" / "hipaa" / "edge.yaml", name, given)


def stack(topology: declared.Topology) -> str:
    """The name of a workload's stack."""
    return f"workload-{topology.id}"


def template(topology: declared.Topology) -> Path:
    """Where a topology's workload is."""
    return topology.path.with_name("workload.yaml")


def parameters(stage: Stage, topology: declared.Topology, network: dict[str, str]) -> dict[str, str]:
    """What the workload is given: its network's outputs by name, and what the account has already."""
    asked: dict[str, Any] = deploy.load_template(template(topology)).get("Parameters", {})
    domains = (str(asked[name].get("Default") or "") for name in ("DomainName", "CertificateDomain") if name in asked)
    domain = next((one for one in domains if one), f"{topology.id}.{DOMAIN}")
    given: dict[str, str] = {}
    for name, parameter in asked.items():
        value = network.get(name)
        if value is None:
            value = _given(stage, name, domain)
        if value is not None:
            given[name] = value
        elif "Default" not in parameter:
            raise RuntimeError(f"{template(topology)} asks for {name}: no output of its network, and nobody gives it")
    return given


def outputs_of(stage: Stage, name: str) -> dict[str, str]:
    """The outputs of a stack."""
    [found] = stage.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def create(stage: Stage, topology: declared.Topology, binaries: Path) -> dict[str, str]:
    """Creates or updates a workload's stack; answers its outputs."""
    path = template(topology)
    given = parameters(stage, topology, outputs_of(stage, f"network-{topology.id}"))
    sources = deploy.Sources(path.parent, binaries)
    return deploy.Deployer(stage.endpoint, stage.region).deploy(path, stack(topology), given, sources)


def kinds(stage: Stage, topology: declared.Topology) -> Counter[str]:
    """How many resources of each type a workload's stack has."""
    formation = stage.client("cloudformation")
    pages = formation.get_paginator("list_stack_resources").paginate(StackName=stack(topology))
    return Counter(one["ResourceType"] for page in pages for one in page["StackResourceSummaries"])


def digest(found: Counter[str]) -> str:
    """The types that one would name first, and how many there are of each."""
    return ", ".join(f"{found[kind]} {word}s" if found[kind] > 1 else word for kind, word in _TOLD if found[kind])


# What a reader looks for in a system, in this order.
_TOLD = (
    ("AWS::CloudFront::Distribution", "CloudFront"),
    ("AWS::ApiGatewayV2::Api", "API Gateway"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "load balancer"),
    ("AWS::ECS::Service", "ECS service"),
    ("AWS::AutoScaling::AutoScalingGroup", "Auto Scaling group"),
    ("AWS::EC2::Instance", "instance"),
    ("AWS::Lambda::Function", "Lambda function"),
    ("AWS::RDS::DBInstance", "database"),
    ("AWS::ElastiCache::ReplicationGroup", "cache"),
    ("AWS::CloudWatch::Alarm", "alarm"),
)
