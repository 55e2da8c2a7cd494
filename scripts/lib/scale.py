"""Counts what a sweep over a large account asks of AWS: two hundred VPCs and two thousand groups in fifty documents.

Calls are counted and stated; the seconds are this machine's, through the deployed (dev) functions on the local cloud.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import stage as staging

DOCUMENTS, VPCS, GROUPS = 50, 4, 10
# Calls to Plumbline's own parts, and those that a function makes for itself.
OURS = ("dynamodb", "sqs", "sns", "events", "logs")

Row = tuple[str, str, str]


def document(number: int) -> str:
    """One network of the account: every control but privatelink has something to look at, and nothing to make."""
    lines = ["version: 1", f"id: net-{number:02}", "environment: production", "mode: enforce", "vpcs:"]
    for vpc in range(VPCS):
        lines += [
            f"  v{vpc}:",
            f"    cidr: 10.{number * VPCS + vpc}.0.0/16",
            "    availability_zones: [a]",
            "    tiers:",
            f"      private: {{ route: isolated, subnets: [10.{number * VPCS + vpc}.0.0/20], public_ips: never }}",
            "    endpoints: { s3: gateway }",
            "    nat: { mode: none }",
            "    flow_logs: []",
            "    security_groups:",
            *[f"      g{group}: {{ ingress: [] }}" for group in range(GROUPS)],
        ]
    return "\n".join(lines) + "\n"


def estate(stage: staging.Stage) -> None:
    """Makes the VPCs and what is in them, as somebody else's stacks would."""
    ec2 = stage.client("ec2")
    for number in range(DOCUMENTS):
        for vpc in range(VPCS):
            tags = {"plumbline:topology": f"net-{number:02}", "plumbline:vpc": f"v{vpc}"}
            made = ec2.create_vpc(
                CidrBlock=f"10.{number * VPCS + vpc}.0.0/16",
                TagSpecifications=[
                    {"ResourceType": "vpc", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
                ],
            )["Vpc"]["VpcId"]
            ec2.modify_vpc_attribute(VpcId=made, EnableDnsHostnames={"Value": True})
            subnet = ec2.create_subnet(
                VpcId=made, CidrBlock=f"10.{number * VPCS + vpc}.0.0/20", AvailabilityZone=f"{staging.REGION}a"
            )["Subnet"]["SubnetId"]
            table = ec2.create_route_table(VpcId=made)["RouteTable"]["RouteTableId"]
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
            ec2.create_vpc_endpoint(VpcId=made, ServiceName=f"com.amazonaws.{staging.REGION}.s3", RouteTableIds=[table])
            for group in range(GROUPS):
                ec2.create_security_group(GroupName=f"g{group}", Description="one of many", VpcId=made)


def sweep(stage: staging.Stage) -> tuple[float, float, list[dict[str, str]]]:
    """Sweeps; answers the seconds of the sweep itself, those until all is quiet, and the calls of it all."""
    mark, began = stage.mark(), time.monotonic()
    staging.sweep(stage)
    asked = time.monotonic() - began
    stage.idle(600)
    ours = [one for one in stage.calls(mark) if f":assumed-role/{staging.CONTROL_PLANE}-" in one["caller"]]
    return asked, time.monotonic() - began, ours


def listed(calls: list[dict[str, str]]) -> str:
    """Calls by operation, the most frequent first."""
    counted = Counter(call["action"] for call in calls)
    return ", ".join(f"{action} {number}" for action, number in counted.most_common())


def measure() -> list[Row]:
    """The rows of docs/performance.md."""
    with tempfile.TemporaryDirectory(prefix="plumbline-scale-") as folder:
        topologies = Path(folder) / "topologies"
        for number in range(DOCUMENTS):
            there = topologies / f"net-{number:02}" / "topology.yaml"
            there.parent.mkdir(parents=True)
            there.write_text(document(number))
        stage = staging.start(Path(folder) / "localcloud.log")
        try:
            with staging.signals():
                staging.surroundings.trail(stage)
                print("200 VPCs, 2,000 groups…", file=sys.stderr, flush=True)
                estate(stage)
                staging.control_plane(stage, {"RecheckSeconds": "1"}, topologies)
                stage.idle(600)
                print("the first sweep, which binds…", file=sys.stderr, flush=True)
                sweep(stage)
                print("a quiet sweep…", file=sys.stderr, flush=True)
                asked, all_quiet, calls = sweep(stage)
                kept = staging.controls(stage)
        finally:
            stage.stop()
    what = f"{DOCUMENTS * VPCS} VPCs and {DOCUMENTS * VPCS * GROUPS:,} groups in {DOCUMENTS} documents"
    by_sweep = [call for call in calls if call["caller"].endswith(f"/{staging.CONTROL_PLANE}-sweep")]
    rows = [
        (f"{what}: the sweep asks all controls", f"{asked:.1f} s; {listed(by_sweep)}", "time-out 60 s"),
        (f"{what}: until every control has looked", f"{all_quiet:.0f} s", ""),
    ]
    for control in kept:
        its = [call for call in calls if call["caller"].endswith(f"/{staging.CONTROL_PLANE}-{control}")]
        network = [call for call in its if call["service"] not in OURS]
        rows.append((f"{control}: calls to the network's APIs in that sweep", f"{len(network)}: {listed(network)}", ""))
        ours = [call for call in its if call["service"] in OURS]
        rows.append((f"{control}: calls to Plumbline's own parts", f"{len(ours)}: {listed(ours)}", ""))
    return rows
