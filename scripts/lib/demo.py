"""The demo: five networks on a local AWS, Plumbline deployed beside them, and somebody who keeps breaking things.

Every line that is printed comes from an outcome event that Plumbline put on the bus; the last word is EC2's own,
compared with the documents by a reader that shares no code with Plumbline.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

import declared
import stage as staging
import surroundings

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(code: str, text: str) -> str:
    """Text in a colour, on a terminal only."""
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def step(text: str) -> None:
    """A heading."""
    print(f"\n{paint('1', '== ' + text)}", flush=True)


def say(text: str) -> None:
    """A line of progress."""
    print(f"   {text}", flush=True)


@dataclass
class Break:
    """Something that somebody does to the network, and what is expected to follow."""

    title: str
    caller: str
    act: Callable[[Any, staging.Stage], dict[str, float]]  # does it; answers when each group was touched, by id
    restored: bool = True


@dataclass
class Result:
    """How one of them went."""

    title: str
    who: str
    verdict: str
    seconds: float | None = None
    actions: int = 0
    lines: list[str] = field(default_factory=list)


def group_id(stage: staging.Stage, topology: str, vpc: str, name: str) -> str:
    """The id of a declared group."""
    ec2 = stage.client("ec2")
    declaration = next(t for t in stage.topologies if t.id == topology)
    found = ec2.describe_security_groups(
        Filters=[
            {"Name": "vpc-id", "Values": [declared.vpc_ids(ec2, declaration)[vpc]]},
            {"Name": "group-name", "Values": [name]},
        ]
    )["SecurityGroups"]
    return found[0]["GroupId"]


def tcp(port: int, *, v4: str | None = None, v6: str | None = None) -> dict[str, Any]:
    """An `IpPermission` for one TCP port."""
    permission: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    if v4:
        permission["IpRanges"] = [{"CidrIp": v4}]
    if v6:
        permission["Ipv6Ranges"] = [{"CidrIpv6": v6}]
    return permission


def rules(ec2: Any, group: str, egress: bool = False) -> list[dict[str, Any]]:
    """The rules of a group in one direction."""
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    return [rule for rule in found if rule["IsEgress"] == egress]


def open_ssh(ec2: Any, stage: staging.Stage) -> dict[str, float]:
    group = group_id(stage, "three-tier", "main", "alb")
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, v4="0.0.0.0/0", v6="::/0")])
    return {group: time.time()}


def remove_declared(ec2: Any, stage: staging.Stage) -> dict[str, float]:
    group = group_id(stage, "three-tier", "main", "database")
    gone = next(r for r in rules(ec2, group) if r.get("FromPort") == 5432)
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[gone["SecurityGroupRuleId"]])
    return {group: time.time()}


def widen(ec2: Any, stage: staging.Stage) -> dict[str, float]:
    """EC2 lets a rule change its ports and range in place, not its kind."""
    group = group_id(stage, "three-tier", "main", "alb")
    rule = next(r for r in rules(ec2, group) if r.get("FromPort") == 443)
    ec2.modify_security_group_rules(
        GroupId=group,
        SecurityGroupRules=[
            {
                "SecurityGroupRuleId": rule["SecurityGroupRuleId"],
                "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "CidrIpv4": "0.0.0.0/0"},
            }
        ],
    )
    return {group: time.time()}


def several(ec2: Any, stage: staging.Stage) -> dict[str, float]:
    """One or two changes in each of three VPCs, as fast as they can be made."""
    touched = {}
    for topology, vpc in (("hipaa", "main"), ("autoscaled-web", "main"), ("privatelink", "producer")):
        groups = next(t for t in stage.topologies if t.id == topology).vpcs[vpc]["security_groups"]
        names = [name for name, group in groups.items() if not group.get("optional")]
        for name in names[:2]:
            group = group_id(stage, topology, vpc, name)
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(3389, v4="0.0.0.0/0")])
            touched[group] = time.time()
    return touched


def failed_call(ec2: Any, stage: staging.Stage) -> dict[str, float]:
    """AWS refuses it, so nothing changed; the trail has an event all the same."""
    group = group_id(stage, "three-tier", "main", "alb")
    try:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(443, v4="0.0.0.0/0")])
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidPermission.Duplicate", error
        return {group: time.time()}
    raise AssertionError("EC2 accepted a duplicate rule")


def dry_run(ec2: Any, stage: staging.Stage) -> dict[str, float]:
    """Only asks whether it may."""
    group = group_id(stage, "three-tier", "main", "alb")
    try:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, v4="0.0.0.0/0")], DryRun=True)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "DryRunOperation", error
        return {group: time.time()}
    raise AssertionError("a dry run was not answered as one")


# `applied`: changed, described again, and found as declared.
VERIFIED = ("applied", "in-sync")

BREAKS = [
    Break("opens 22/tcp to 0.0.0.0/0 and ::/0 on three-tier main/alb", "user", open_ssh),
    Break("removes PostgreSQL from three-tier main/database", "role", remove_declared),
    Break("widens HTTPS of three-tier main/alb to every TCP port", "root", widen),
    Break("opens RDP to the world in three VPCs at once", "role", several),
    Break("makes a call that EC2 refuses", "user", failed_call, restored=False),
    Break("makes a dry run", "root", dry_run, restored=False),
]


def who(cause: dict[str, Any]) -> str:
    """The caller in a cause, in words."""
    principal = cause["principal"]
    return f"{principal['kind']} {principal.get('role') or principal.get('arn') or ''}".strip()


def outcome_word(outcome: Any) -> str:
    """The name of an outcome, which is a word or a one-key object."""
    return outcome if isinstance(outcome, str) else next(iter(outcome))


def report_lines(report: dict[str, Any], started: float) -> dict[str, float]:
    """One report as event → cause → plan → actions → verified."""
    key = report["key"]
    out = []
    causes = {c["event_id"]: c for found in report["causes"].values() for c in found}
    for cause in causes.values():
        out.append(f"{paint('36', 'event')}     {cause['event_name']}  {paint('36', 'by')} {who(cause)}")
    for drift in report["drifts"]:
        colour = "31" if drift["severity"] == "exposure" else "33"
        out.append(f"{paint(colour, drift['severity']):<9} {drift['name']}: {drift['summary']}")
    for action in report["actions"]:
        out.append(f"{paint('32', 'action')}    {action['summary']}  → {outcome_word(action['outcome'])}")
    for held in report["held"]:
        out.append(f"{paint('33', 'held')}      {held['name']}: {held['why']}")
    after = f"{finished(report) - started:.2f} s after the call"
    verdict = outcome_word(report["overall"])
    fine = verdict in VERIFIED
    word = paint("1;32" if fine else "1;33", f"{'verified' if fine else verdict:<9}")
    why = report["overall"][verdict].get("why") if verdict in ("converging", "held", "skipped") else None
    out.append(f"{word} {key['topology']} {key['control']}, {after}{': ' + why if why else ''}")
    return out


def finished(report: dict[str, Any]) -> float:
    """When the run ended, as seconds since the epoch."""
    from datetime import datetime

    return datetime.fromisoformat(report["finished"].replace("Z", "+00:00")).timestamp()


def touches(report: dict[str, Any], groups: set[str]) -> set[str]:
    """The groups among `groups` that the report acted upon."""
    return {action["resource"]["id"] for action in report["actions"]} & groups


def run(stage: staging.Stage, item: Break) -> Result:
    """Does it, waits for what must follow, and prints what Plumbline says meanwhile."""
    caller = stage.callers[item.caller]
    print(f"\n{paint('1;31', '✗')} {paint('1', caller.label)} {item.title}", flush=True)
    result = Result(item.title, caller.label, "restored" if item.restored else "nothing happened")
    mark = stage.mark()
    touched = item.act(stage.client("ec2", item.caller), stage)
    if not item.restored:
        stage.idle()
        writes = [
            c
            for c in stage.calls(mark)
            if f":assumed-role/{staging.CONTROL_PLANE}" in c["caller"] and not c["read_only"]
        ]
        if writes:
            result.verdict = f"FAILED: Plumbline called {', '.join(c['action'] for c in writes)}"
        say(f"{paint('2', 'nothing to do, nothing done')}")
        return result
    left, deadline = set(touched), time.time() + 30
    while left and time.time() < deadline:
        for event in staging.outcomes(stage):
            report = event["detail"]
            if "actions" not in report or not (done := touches(report, set(touched))):
                continue
            for line in report_lines(report, min(touched[group] for group in done)):
                say(line)
            result.actions += sum(1 for a in report["actions"] if outcome_word(a["outcome"]) == "applied")
            if outcome_word(report["overall"]) in VERIFIED:
                left -= done
                result.seconds = max([result.seconds or 0] + [finished(report) - touched[group] for group in done])
    if left:
        result.verdict = f"FAILED: no verified fix for {', '.join(sorted(left))}"
    return result


def table(rows: list[tuple[str, ...]]) -> None:
    """A plain table."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for index, row in enumerate(rows):
        print("   " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip())
        if index == 0:
            print("   " + "  ".join("─" * width for width in widths))


def independent_check(stage: staging.Stage) -> bool:
    """Compares AWS with the documents; True when nothing differs."""
    kept, readers = staging.controls(stage), staging.cloud(stage)
    rows: list[tuple[str, ...]] = [("topology", *kept)]
    differences: list[declared.Difference] = []
    notes: list[str] = []
    for topology in stage.topologies:
        verdicts = {verdict.control: verdict for verdict in declared.compare(readers, topology, kept)}
        rows.append((topology.id, *(cell(verdicts[control]) for control in kept)))
        differences += [difference for verdict in verdicts.values() for difference in verdict.differences]
        notes += [note for verdict in verdicts.values() for note in verdict.notes]
    table(rows)
    for difference in differences:
        say(paint("31", str(difference)))
    for note in notes:
        say(paint("2", note))
    return not differences


def cell(verdict: declared.Verdict) -> str:
    """One verdict in the table: how much was compared, and whether it is as declared."""
    if verdict.differences:
        return f"{verdict.compared}: {len(verdict.differences)} DIFFER"
    return f"{verdict.compared} as declared" if verdict.compared else "-"


def explore(stage: staging.Stage) -> None:
    """What to type with `--keep`."""
    user = stage.callers["user"]
    vpc = declared.vpc_ids(stage.client("ec2"), next(t for t in stage.topologies if t.id == "three-tier"))["main"]
    group = group_id(stage, "three-tier", "main", "alb")
    formation = stage.client("cloudformation")
    logs = formation.describe_stack_resource(StackName=staging.CONTROL_PLANE, LogicalResourceId="SecurityGroupsLogs")
    print(f"""
The local cloud goes on until Ctrl-C. In another terminal:

   unset AWS_PROFILE AWS_SESSION_TOKEN
   export AWS_ENDPOINT_URL={stage.endpoint} AWS_DEFAULT_REGION={staging.REGION}
   export AWS_ACCESS_KEY_ID={user.access_key} AWS_SECRET_ACCESS_KEY={user.secret_key}   # an IAM user
   aws ec2 describe-security-groups --filters Name=vpc-id,Values={vpc}
   aws ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port 22 --cidr 0.0.0.0/0

   export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test                             # the account's root user
   aws lambda invoke --function-name {staging.CONTROL_PLANE}-security-groups-plan \\
       --cli-binary-format raw-in-base64-out \\
       --payload '{{"topology":"three-tier","mode":"plan","reason":"having a look"}}' /dev/stdout
   aws logs tail {logs["StackResourceDetail"]["PhysicalResourceId"]}
""")


def main() -> int:
    """Runs the demo. 0: every break was mended and EC2 is as declared; 1: it is not; 130: interrupted."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the local cloud running afterwards, to explore")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to FILE")
    arguments = parser.parse_args()
    began = time.monotonic()
    log = Path(tempfile.mkdtemp(prefix="plumbline-demo-")) / "localcloud.log"
    stage = None
    try:
        with staging.signals():
            step("A local AWS")
            stage = staging.start(log)
            say(f"{stage.endpoint}, loopback only; its log is {log}")
            step("Five networks, from their topologies")
            staging.networks(stage, say)
            surroundings.callers(stage)
            surroundings.consumers(stage)
            step("Plumbline, from template.yaml")
            staging.control_plane(stage, {"RecheckSeconds": "1"})
            staging.services(stage)
            staging.watch(stage)
            say(f"{len(stage.outputs)} outputs; the groups have no declared rule yet: rules are Plumbline's to create")
            step("The first sweep")
            before = len(staging.settled(stage))
            swept = time.time()
            staging.sweep(stage)
            staging.wait_settled(stage)
            say(f"{before} differences before, 0 after {time.time() - swept:.1f} s")
            stage.idle(60)
            step("Somebody breaks things")
            results = []
            for item in BREAKS:
                staging.forget_outcomes(stage)
                results.append(run(stage, item))
                stage.idle()
            step("What happened")
            table(
                [("what", "who", "result", "call → verified", "actions")]
                + [
                    (r.title, r.who, r.verdict, f"{r.seconds:.2f} s" if r.seconds is not None else "-", str(r.actions))
                    for r in results
                ]
            )
            step("EC2's own word, compared with the documents")
            declared_now = independent_check(stage)
            failed = sum(result.verdict.startswith("FAILED") for result in results)
            fine = declared_now and not failed
            verdict = "everything is as declared" if declared_now else paint("31", "NOT as declared")
            verdict += paint("31", f", but {failed} of {len(results)} did not go as they should") if failed else ""
            say(f"{verdict}; {time.monotonic() - began:.0f} s in all")
            if arguments.json:
                arguments.json.write_text(json.dumps({"ok": fine, "results": [vars(r) for r in results]}, indent=1))
            if arguments.keep:
                explore(stage)
                stage.process.wait()
            return 0 if fine else 1
    except KeyboardInterrupt:
        print("\ninterrupted: cleaning up", file=sys.stderr)
        return 130
    except (RuntimeError, TimeoutError, ClientError, OSError, staging.deploy.DeployError) as error:
        print(f"\ndemo: {error}\nthe local cloud's log: {log}", file=sys.stderr)
        return 1
    finally:
        if stage:
            stage.stop()


if __name__ == "__main__":
    sys.exit(main())
