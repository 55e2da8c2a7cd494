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
from datetime import datetime
from pathlib import Path
from typing import Any

import breaks
import stage as staging
import telling
from runtime import Runtime

ROOT = staging.ROOT
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
FUNCTIONS = ("security-groups", "sweep")
START, END = "<!-- measured -->", "<!-- /measured -->"

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


def function_environment(stage: staging.Stage, name: str) -> dict[str, str]:
    """The variables that the deployed function has, for running its release binary outside."""
    found = stage.client("lambda").get_function_configuration(FunctionName=f"{staging.CONTROL_PLANE}-{name}")
    return found["Environment"]["Variables"] | {
        "AWS_ENDPOINT_URL": stage.endpoint,
        "PLUMBLINE_TOPOLOGIES": str(ROOT / "topologies"),
    }


def in_line_event(stage: staging.Stage) -> dict[str, Any]:
    """An SQS batch of one event that finds everything in line."""
    group = breaks.group_id(stage, "three-tier", "main", "alb")
    account = stage.client("sts").get_caller_identity()["Account"]
    event = json.loads((ROOT / "events" / "cloudtrail" / "authorize-ingress.json").read_text())
    now = datetime.now().astimezone().isoformat()
    event |= {"account": account, "region": staging.REGION, "time": now}
    event["detail"] |= {
        "awsRegion": staging.REGION,
        "recipientAccountId": account,
        "eventTime": now,
        "requestParameters": {"groupId": group},
        "responseElements": None,
    }
    return {
        "Records": [
            {
                "messageId": "00000000-0000-4000-8000-000000000001",
                "receiptHandle": "x",
                "body": json.dumps(event),
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{staging.REGION}:{account}:bench",
                "awsRegion": staging.REGION,
            }
        ]
    }


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
            event = (
                in_line_event(stage) if name != "sweep" else {"detail-type": "Scheduled Event", "source": "aws.events"}
            )
            for _ in range(20):
                runtime.invoke(event)
            rows.append((f"{name}: peak memory after 20 events", f"{runtime.peak_megabytes():.1f} MB", "≤ 16 MB"))
        finally:
            runtime.stop()
    return rows


def measure_repairs(stage: staging.Stage, count: int) -> list[Row]:
    """From somebody's API call to the verified fix, through the deployed functions; and the calls that it took."""
    ec2 = stage.client("ec2", "user")
    # In turn: five repairs of one group within ten minutes are flapping, and slowed down on purpose.
    groups = [
        breaks.group_id(stage, topology.id, vpc, name)
        for topology in stage.topologies
        for vpc, body in topology.vpcs.items()
        for name, group in body["security_groups"].items()
        if not group.get("optional")
    ]
    times, calls = [], Counter()
    for index in range(count + 1):
        group = groups[index % len(groups)]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[breaks.tcp(22, v4="0.0.0.0/0")])
        called, done = time.time(), None
        while done is None:
            if time.time() > called + 60:
                raise TimeoutError(f"no verified fix of {group} within a minute")
            for event in staging.outcomes(stage):
                report = event["detail"]
                if (
                    group in {a["resource"]["id"] for a in report.get("actions", [])}
                    and report["overall"] in telling.VERIFIED
                ):
                    done = telling.finished(report)
        staging.forget_outcomes(stage)
        if index:  # the first one is cold
            times.append(done - called)
    group, mark = groups[(count + 1) % len(groups)], stage.mark()
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[breaks.tcp(22, v4="0.0.0.0/0")])
    stage.idle()
    for call in stage.calls(mark):
        if f"assumed-role/{staging.CONTROL_PLANE}-" in call["caller"] or "SecurityGroupsRole" in call["caller"]:
            calls[f"{call['service']}:{call['action']}"] += 1
    network = {name: n for name, n in calls.items() if name.startswith(("ec2:", "cloudformation:"))}
    listed = ", ".join(f"{name.split(':')[1]} {n}" for name, n in sorted(calls.items()))
    return [
        ("API call → verified fix, p50", f"{statistics.median(times) * 1e3:.0f} ms", "< 500 ms"),
        ("API call → verified fix, p95", f"{quantile(times, 0.95) * 1e3:.0f} ms", ""),
        (
            "calls to the network's APIs, one opened port (with the look at our own repair)",
            str(sum(network.values())),
            "≤ 4 + 1",
        ),
        ("all calls of that repair", listed, ""),
    ]


def measure_planning() -> list[Row]:
    """The pure half."""
    done = subprocess.run([str(TARGET / "examples" / "diff")], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    what = f"{found['groups']:,} groups × {found['rules']} rules"
    return [
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


def write(rows: list[Row]) -> None:
    """Replaces the measured part of docs/performance.md."""
    page = ROOT / "docs" / "performance.md"
    text = page.read_text()
    lines = [
        f"Measured {datetime.now():%Y-%m-%d} on: {machine()}.",
        "",
        "| what | measured | to hold |",
        "|---|---|---|",
    ]
    lines += [f"| {what} | {value} | {hold} |" for what, value, hold in rows]
    head, tail = text.split(START)[0], text.split(END)[1]
    page.write_text(f"{head}{START}\n" + "\n".join(lines) + f"\n{END}{tail}")


def main() -> int:
    """Measures and prints; `--write` updates the page."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--starts", type=int, default=21, help="starts of each binary (default 21)")
    parser.add_argument("--repairs", type=int, default=40, help="repairs through the deployed functions (default 40)")
    parser.add_argument("--clean-to-green", action="store_true", help="also time scripts/test in a fresh clone (long)")
    parser.add_argument("--write", action="store_true", help="write the numbers into docs/performance.md")
    arguments = parser.parse_args()
    rows: list[Row] = []
    stage = staging.start(Path(tempfile.mkdtemp(prefix="plumbline-bench-")) / "localcloud.log")
    try:
        with staging.signals():
            staging.assemble(stage, lambda _: None)
            stage.idle(60)
            print("functions…", file=sys.stderr, flush=True)
            rows += measure_functions(stage, arguments.starts)
            print("repairs…", file=sys.stderr, flush=True)
            rows += measure_repairs(stage, arguments.repairs)
    finally:
        stage.stop()
    rows += measure_planning()
    if arguments.clean_to_green:
        rows += clean_to_green()
    for what, value, hold in rows:
        print(f"{what:<80} {value:<40} {hold}")
    if arguments.write:
        write(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
