"""PrivateLink: who may connect to an endpoint service, who is connected, and who waits."""

from __future__ import annotations

from typing import Any

from .documents import Cloud, Difference, Topology, Unreadable, Verdict, pages, tags

# Connections that are over count for nothing.
OVER = ("deleted", "deleting", "failed", "expired")


def service_of(cloud: Cloud, topology: Topology, name: str) -> dict[str, Any] | None:
    """The endpoint service that the network's stack made."""
    found = pages(
        cloud.ec2,
        "describe_vpc_endpoint_service_configurations",
        "ServiceConfigurations",
        Filters=[{"Name": "tag:plumbline:topology", "Values": [topology.id]}],
    )
    return next((service for service in found if tags(service).get("plumbline:service") == name), None)


def principal(written: str) -> str:
    """An account id stands for its root."""
    return f"arn:aws:iam::{written}:root" if written.isdigit() else written


def connections(cloud: Cloud, service_id: str) -> list[dict[str, Any]]:
    """The service's connections, oldest first."""
    found = pages(
        cloud.ec2,
        "describe_vpc_endpoint_connections",
        "VpcEndpointConnections",
        Filters=[{"Name": "service-id", "Values": [service_id]}],
    )
    return sorted(found, key=lambda connection: connection["CreationTimestamp"])


def compare(cloud: Cloud, topology: Topology, vpcs: dict[str, str]) -> Verdict:
    """Every endpoint service of the document."""
    del vpcs
    verdict = Verdict("privatelink", 0, [])
    for name, declared in topology.services.items():
        verdict.compared += 1
        problems: list[str] = []
        service = service_of(cloud, topology, name)
        if service is None:
            problems.append("the endpoint service does not exist")
        else:
            problems += settings(cloud, declared, service)
            problems += decisions(cloud, topology, name, service, verdict)
        verdict.differences += [
            Difference(topology.id, declared["vpc"], "privatelink", name, problem) for problem in problems
        ]
    return verdict


def settings(cloud: Cloud, declared: dict[str, Any], service: dict[str, Any]) -> list[str]:
    """A person or the document lets connections in, for the declared principals, to the declared load balancer."""
    problems = []
    if not service["AcceptanceRequired"]:
        problems.append("connections come up without being accepted")
    if "principals" in declared:
        allowed = pages(
            cloud.ec2,
            "describe_vpc_endpoint_service_permissions",
            "AllowedPrincipals",
            ServiceId=service["ServiceId"],
        )
        have, want = {p["Principal"] for p in allowed}, {principal(p) for p in declared["principals"]}
        problems += [f"{extra} may connect and is not declared" for extra in sorted(have - want)]
        problems += [f"{missing} may not connect" for missing in sorted(want - have)]
    balancers = cloud.balancers.describe_load_balancers(Names=[declared["load_balancer"]])["LoadBalancers"]
    if service.get("NetworkLoadBalancerArns") != [balancer["LoadBalancerArn"] for balancer in balancers]:
        problems.append(f"does not lead to load balancer {declared['load_balancer']}")
    return problems


def decisions(cloud: Cloud, topology: Topology, name: str, service: dict[str, Any], verdict: Verdict) -> list[str]:
    """Connections that are allowed are available, up to `at_most`; the others wait, or are rejected."""
    problems = []
    declared = topology.services[name]
    if declared.get("deny"):
        raise Unreadable(f"{topology.id}: no reader for `deny`")
    waiting = "rejected" if declared.get("otherwise") == "reject" else "pendingacceptance"
    accept = declared.get("accept") or []
    by_account = {rule["account"]: rule.get("at_most") for rule in accept if "account" in rule}
    by_endpoint = {rule["endpoint"] for rule in accept if "endpoint" in rule} | cloud.approved
    # The document declares both ends of these.
    declared_ends = [e for vpc in topology.vpcs.values() for e in (vpc.get("endpoints") or {}).values()]
    own = sum(1 for end in declared_ends if isinstance(end, dict) and end.get("service") == name)
    live = [c for c in connections(cloud, service["ServiceId"]) if c["VpcEndpointState"].lower() not in OVER]
    for owner in sorted({connection["VpcEndpointOwner"] for connection in live}):
        theirs = [c for c in live if c["VpcEndpointOwner"] == owner and c["VpcEndpointId"] not in by_endpoint]
        limit = by_account.get(owner, own if owner == cloud.account else 0)
        room = len(theirs) if limit is None else min(limit, len(theirs))
        states = [connection["VpcEndpointState"].lower() for connection in theirs]
        if states.count("available") != room:
            problems.append(f"{states.count('available')} connections of {owner} are available, {room} should be")
        odd = [state for state in states if state not in ("available", waiting)]
        if odd:
            problems.append(f"connections of {owner} are {', '.join(odd)}")
    for connection in live:
        endpoint, state = connection["VpcEndpointId"], connection["VpcEndpointState"]
        if endpoint in by_endpoint and state.lower() != "available":
            problems.append(f"{endpoint} was let in and is {state}")
        verdict.notes.append(f"{topology.id}: {endpoint} of {connection['VpcEndpointOwner']} is {state}")
    return problems
