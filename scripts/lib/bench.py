"""Measures what docs/performance.md promises, and writes it there with the machine that it was measured on.

Nothing here passes or fails: tests assert behaviour, this measures speed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import breaks
import declared
import scale
import stage as staging
import telling
import workloads
from runtime import Runtime

ROOT = staging.ROOT
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
FUNCTIONS = sorted(folder.name for folder in (ROOT / "functions").iterdir() if (folder / "Cargo.toml").is_file())
# Calls to Plumbline's own parts: the rest are calls to the network's.
OURS = ("dynamodb:", "sqs:", "sns:", "events:", "logs:CreateLogStream", "logs:PutLogEvents")
# What is measured, each with its part of the page. The last two take long, and are asked for by name.
FUNCTIONS_PART, REPAIRS_PART, SCALE_PART, CLEAN_PART = "functions", "repairs", "scale", "clean"

Row = tuple[str, str, str]


def machine() -> str:
    """Processor, cores, memory, kernel, compiler."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}, {rustc}"


def zip_megabytes(binary: Path) -> float:
    """Size of the deployment package, in MB of 10^6 bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.write(binary, "bootstrap")
    return len(buffer.getvalue()) / 1e6


def quantile(values: list[float], share: float) -> float:
    """The value below which a share of them lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def starts(binary: Path, environment: dict[str, str], count: int) -> list[float]:
    """Milliseconds from start to first poll."""
    out = []
    for _ in range(count):
        runtime = Runtime(binary, environment)
        try:
            out.append(runtime.ready() * 1e3)
        finally:
            runtime.stop()
    return out


# The functions of a reference system, by the outputs of its stack and the sample of an event.
PAYMENTS = {
    "payments-process": ("ProcessFunctionName", "request"),
    "payments-record": ("RecordFunctionName", "outcomes"),
}


def function_environment(stage: staging.Stage, name: str) -> dict[str, str]:
    """The variables that the deployed function has, for running its release binary outside."""
    deployed = f"{staging.CONTROL_PLANE}-{name}"
    if name in PAYMENTS:
        deployed = workloads.outputs_of(stage, "workload-hipaa")[PAYMENTS[name][0]]
    found = stage.client("lambda").get_function_configuration(FunctionName=deployed)
    return found["Environment"]["Variables"] | {
        "AWS_ENDPOINT_URL": stage.endpoint,
        "PLUMBLINE_TOPOLOGIES": str(ROOT / "topologies"),
    }


def batch(body: dict[str, Any], account: str) -> dict[str, Any]:
    """An SQS batch of one message."""
    return {
        "Records": [
            {
                "messageId": "00000000-0000-4000-8000-000000000001",
                "receiptHandle": "x",
                "body": json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{staging.REGION}:{account}:bench",
                "awsRegion": staging.REGION,
            }
        ]
    }


def in_line_event(stage: staging.Stage, function: str) -> dict[str, Any]:
    """An event that finds everything in line: a schedule, a call on a group, or a request to look at a topology."""
    if function == "sweep":
        return {"detail-type": "Scheduled Event", "source": "aws.events"}
    if function in PAYMENTS:
        return json.loads((ROOT / "topologies" / "hipaa" / "events" / f"{PAYMENTS[function][1]}.json").read_text())
    account = stage.client("sts").get_caller_identity()["Account"]
    now = datetime.now().astimezone().isoformat()
    if function == "config-rule":
        event = json.loads((ROOT / "events" / "config-rule" / "item-change.json").read_text())
        item = json.loads(event["invokingEvent"])
        item["configurationItem"] |= {
            "awsAccountId": account,
            "awsRegion": staging.REGION,
            "resourceId": breaks.group_id(stage, "three-tier", "main", "alb"),
        }
        return event | {"invokingEvent": json.dumps(item)}
    if function != "security-groups":
        event = json.loads((ROOT / "events" / "plumbline" / "reconcile-requested.json").read_text())
        topology = "privatelink" if function == "privatelink" else "three-tier"
        event |= {"account": account, "region": staging.REGION, "time": now}
        event["detail"] = {"account": account, "region": staging.REGION, "topology": topology, "why": "bench"}
        return batch(event, account)
    event = json.loads((ROOT / "events" / "cloudtrail" / "authorize-ingress.json").read_text())
    event |= {"account": account, "region": staging.REGION, "time": now}
    event["detail"] |= {
        "awsRegion": staging.REGION,
        "recipientAccountId": account,
        "eventTime": now,
        "requestParameters": {"groupId": breaks.group_id(stage, "three-tier", "main", "alb")},
        "responseElements": None,
    }
    return batch(event, account)


def measure_functions(stage: staging.Stage, count: int) -> list[Row]:
    """Package size, start and memory of each function, beside the floor."""
    floor = TARGET / "examples" / "floor"
    rows: list[Row] = [("floor: zip", f"{zip_megabytes(floor):.2f} MB", "")]
    floors = starts(floor, {}, count)
    base = statistics.median(floors)
    rows.append(("floor: start to first poll, median", f"{base:.1f} ms", ""))
    for name in FUNCTIONS:
        binary, environment = TARGET / name, function_environment(stage, name)
        rows.append((f"{name}: zip", f"{zip_megabytes(binary):.2f} MB", "≤ 4 MB"))
        median = statistics.median(starts(binary, environment, count))
        rows.append(
            (f"{name}: start to first poll, median", f"{median:.1f} ms ({median / base:.2f} × floor)", "≤ 1.5 × floor")
        )
        runtime = Runtime(binary, environment)
        try:
            runtime.ready()
            event = in_line_event(stage, name)
            for _ in range(20):
                runtime.invoke(event)
            rows.append((f"{name}: peak memory after 20 events", f"{runtime.peak_megabytes():.1f} MB", "≤ 16 MB"))
        finally:
            runtime.stop()
    return rows


@dataclass
class Target:
    """Something that can be broken, and the topology whose repair is awaited."""

    topology: str
    act: Callable[[], None]


def targets(stage: staging.Stage, control: str) -> list[Target]:
    """What is broken in turn, because five repairs of one thing within ten minutes are flapping, and slowed down."""
    ec2 = stage.client("ec2", "user")
    found: list[Target] = []
    for topology in stage.topologies:
        ids = declared.vpc_ids(ec2, topology)
        for vpc, body in topology.vpcs.items():
            within = [{"Name": "vpc-id", "Values": [ids[vpc]]}]
            if control == "security-groups":
                for name, group in body["security_groups"].items():
                    if not group.get("optional"):
                        key = breaks.group_id(stage, topology.id, vpc, name)
                        found.append(Target(topology.id, partial(open_ssh, ec2, key)))
            elif control == "flow-logs" and body.get("flow_logs"):
                found.append(Target(topology.id, partial(delete_flow_log, ec2, ids[vpc])))
            elif control == "nat":
                for table in ec2.describe_route_tables(Filters=within)["RouteTables"]:
                    if any(route.get("NatGatewayId") for route in table["Routes"]):
                        found.append(Target(topology.id, partial(delete_default_route, ec2, table["RouteTableId"])))
            elif control == "routes":
                for table in ec2.describe_route_tables(Filters=within)["RouteTables"]:
                    if any(route.get("GatewayId", "").startswith("igw-") for route in table["Routes"]):
                        found.append(Target(topology.id, partial(delete_default_route, ec2, table["RouteTableId"])))
            elif control == "endpoints":
                for endpoint in ec2.describe_vpc_endpoints(Filters=within)["VpcEndpoints"]:
                    if endpoint.get("PrivateDnsEnabled"):
                        found.append(Target(topology.id, partial(private_dns_off, ec2, endpoint["VpcEndpointId"])))
    if control == "exposure":
        databases, declared_ids = stage.client("rds", "user"), {t.id for t in stage.topologies}
        for database in databases.describe_db_instances()["DBInstances"]:
            stack = next(
                (tag["Value"] for tag in database["TagList"] if tag["Key"] == "aws:cloudformation:stack-name"), ""
            )
            if (topology_id := stack.removeprefix("workload-")) in declared_ids:
                found.append(Target(topology_id, partial(make_public, databases, database["DBInstanceIdentifier"])))
    if control == "privatelink":
        for service in ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]:
            tags = {tag["Key"]: tag["Value"] for tag in service.get("Tags", [])}
            if topology_id := tags.get("plumbline:topology"):
                found.append(Target(topology_id, partial(stop_asking, ec2, service["ServiceId"])))
    return found


def open_ssh(ec2: Any, group: str) -> None:
    """Opens a group to the world."""
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[breaks.tcp(22, v4="0.0.0.0/0")])


def private_dns_off(ec2: Any, endpoint: str) -> None:
    """The service's name leads elsewhere."""
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PrivateDnsEnabled=False)


def make_public(databases: Any, name: str) -> None:
    """Gives a database an address of the internet."""
    databases.modify_db_instance(DBInstanceIdentifier=name, PubliclyAccessible=True, ApplyImmediately=True)


def delete_flow_log(ec2: Any, vpc: str) -> None:
    """Deletes a flow log of a VPC."""
    logs = ec2.describe_flow_logs(Filter=[{"Name": "resource-id", "Values": [vpc]}])["FlowLogs"]
    ec2.delete_flow_logs(FlowLogIds=[logs[0]["FlowLogId"]])


def delete_default_route(ec2: Any, table: str) -> None:
    """Takes the way out of a private subnet away."""
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")


def stop_asking(ec2: Any, service: str) -> None:
    """Lets every connection of an endpoint service in."""
    ec2.modify_vpc_endpoint_service_configuration(ServiceId=service, AcceptanceRequired=False)


def repair(stage: staging.Stage, control: str, target: Target) -> float:
    """Breaks it, and answers the seconds until Plumbline found it mended."""
    staging.forget_outcomes(stage)
    target.act()
    called = time.time()
    while time.time() < called + 60:
        for event in staging.outcomes(stage):
            report = event["detail"]
            key = report.get("key", {})
            if (key.get("topology"), key.get("control")) != (target.topology, control) or not report["actions"]:
                continue
            if report["overall"] in telling.VERIFIED and telling.finished(report) > called:
                return telling.finished(report) - called
    raise TimeoutError(f"no verified fix by {control} in {target.topology} within a minute")


# More would be flapping.
REPAIRS_OF_ONE = 3


def measure_repairs(stage: staging.Stage, control: str, count: int) -> list[Row]:
    """From somebody's API call to the verified fix, through the deployed functions; and the calls that it took."""
    broken = targets(stage, control)
    repair(stage, control, broken[0])  # a cold start
    turns = min(count, len(broken) * REPAIRS_OF_ONE - 1)
    times = [repair(stage, control, broken[turn % len(broken)]) for turn in range(1, turns)]
    staging.forget_outcomes(stage)
    mark = stage.mark()
    broken[turns % len(broken)].act()
    stage.idle()
    calls: Counter[str] = Counter()
    for call in stage.calls(mark):
        if f":assumed-role/{staging.CONTROL_PLANE}-" in call["caller"] and call["caller"].endswith(f"-{control}"):
            calls[f"{call['service']}:{call['action']}"] += 1
    network = {name: n for name, n in calls.items() if not name.startswith(OURS)}
    listed = ", ".join(f"{name.split(':')[1]} {n}" for name, n in sorted(calls.items()))
    hold = "< 500 ms"
    rows = (
        [(f"{control}: API call → verified fix, p50", f"{statistics.median(times) * 1e3:.0f} ms", hold)]
        if times
        else []
    )
    if len(times) >= 20:
        rows.append((f"{control}: API call → verified fix, p95", f"{quantile(times, 0.95) * 1e3:.0f} ms", ""))
    return [
        *rows,
        (
            f"{control}: calls to the network's APIs for one repair (with the look at our own)",
            str(sum(network.values())),
            "≤ 4 + 1" if control == "security-groups" else "",
        ),
        (f"{control}: all calls of that repair", listed, ""),
    ]


def measure_planning() -> list[Row]:
    """The pure half."""
    examples, documents = TARGET / "examples", sorted((ROOT / "topologies").glob("*/topology.yaml"))
    read = subprocess.run([examples / "read", *documents], capture_output=True, text=True, check=True).stdout.strip()
    done = subprocess.run([examples / "diff"], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    what = f"{found['groups']:,} groups × {found['rules']} rules"
    return [
        (f"reading the {len(documents)} reference documents", f"{read} ms", ""),
        (f"plan for {what}, in line", f"{found['in_line_ms']:.0f} ms", "< 100 ms"),
        (f"plan for {what}, one exposure in each", f"{found['drifted_ms']:.0f} ms", ""),
    ]


def clean_to_green() -> list[Row]:
    """scripts/test in a fresh clone with nothing built."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "plumbline"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        environment = {k: v for k, v in os.environ.items() if k not in ("CARGO_TARGET_DIR", "VIRTUAL_ENV")}
        began = time.monotonic()
        subprocess.run(["scripts/test"], cwd=clone, check=True, env=environment, stdout=subprocess.DEVNULL)
        return [("fresh clone to green", f"{(time.monotonic() - began) / 60:.1f} min", "≤ 30 min")]


def write(rows: list[Row], part: str) -> None:
    """Replaces a measured part of docs/performance.md."""
    page = ROOT / "docs" / "performance.md"
    text = page.read_text()
    begin, end = f"<!-- measured: {part} -->", f"<!-- /measured: {part} -->"
    lines = [
        f"Measured {datetime.now():%Y-%m-%d} on: {machine()}.",
        "",
        "| what | measured | to hold |",
        "|---|---|---|",
    ]
    lines += [f"| {what} | {value} | {hold} |" for what, value, hold in rows]
    head, tail = text.split(begin)[0], text.split(end)[1]
    page.write_text(f"{head}{begin}\n" + "\n".join(lines) + f"\n{end}{tail}")


def show(rows: list[Row]) -> None:
    """One line a row."""
    for what, value, hold in rows:
        print(f"{what:<80} {value:<40} {hold}")


def measure_deployed(parts: set[str], starts_each: int, repairs: int) -> dict[str, list[Row]]:
    """What is measured with Plumbline deployed on a local cloud, by part."""
    rows: dict[str, list[Row]] = {}
    stage = staging.start(Path(tempfile.mkdtemp(prefix="plumbline-bench-")) / "localcloud.log")
    try:
        with staging.signals():
            staging.assemble(stage, lambda _: None)
            stage.idle(60)
            if FUNCTIONS_PART in parts:
                print("functions…", file=sys.stderr, flush=True)
                rows[FUNCTIONS_PART] = measure_functions(stage, starts_each)
            if REPAIRS_PART in parts:
                rows[REPAIRS_PART] = []
                for control in staging.controls(stage):
                    print(f"repairs by {control}…", file=sys.stderr, flush=True)
                    rows[REPAIRS_PART] += measure_repairs(stage, control, repairs)
    finally:
        stage.stop()
    return rows


def main() -> int:
    """Measures and prints; `--write` updates the page."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="?",
        choices=["all", FUNCTIONS_PART, REPAIRS_PART, SCALE_PART, CLEAN_PART],
        default="all",
        help="functions (sizes, starts, memory: release builds) and repairs, by default both; scale: a large account; "
        "clean: scripts/test in a fresh clone",
    )
    parser.add_argument("--starts", type=int, default=21, help="starts of each binary (default 21)")
    parser.add_argument("--repairs", type=int, default=40, help="repairs through the deployed functions (default 40)")
    parser.add_argument("--write", action="store_true", help="write the numbers into docs/performance.md")
    arguments = parser.parse_args()
    if arguments.what == SCALE_PART:
        rows = {SCALE_PART: scale.measure()}
    elif arguments.what == CLEAN_PART:
        rows = {CLEAN_PART: clean_to_green()}
    else:
        parts = {FUNCTIONS_PART, REPAIRS_PART} if arguments.what == "all" else {arguments.what}
        rows = measure_deployed(parts, arguments.starts, arguments.repairs)
        if FUNCTIONS_PART in parts:
            rows[FUNCTIONS_PART] += measure_planning()
    for part, measured in rows.items():
        show(measured)
        if arguments.write:
            write(measured, part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
