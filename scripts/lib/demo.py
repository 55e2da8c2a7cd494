"""The demo: five systems on a local AWS, Plumbline deployed beside them, and somebody who keeps breaking things.

Every line about what Plumbline does comes from an outcome event that Plumbline put on the bus; the last word is AWS's
own, compared with the documents by a reader that shares no code with Plumbline.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from botocore.exceptions import ClientError

import breaks
import declared
import stage as staging
import surroundings
from scene import Result, run
from telling import applied, digest, finished, paint, say, step, table

# A NAT gateway takes minutes on AWS; long enough here to see what happens meanwhile.
NAT_SECONDS = 0.8

# What is shown of each control, and what must be deployed for it.
CHAPTERS = [
    ("security-groups", "Somebody breaks security groups", breaks.security_groups),
    ("flow-logs", "Somebody breaks flow logs", breaks.flow_logs),
    ("nat", "Somebody breaks the way out", breaks.nat),
    ("nat", "The network becomes staging, and production again", breaks.flips),
    ("privatelink", "Others connect", breaks.privatelink),
    ("routes", "Somebody breaks routes", breaks.routes),
    ("exposure", "Somebody opens what is private", breaks.exposure),
    ("endpoints", "Somebody breaks endpoints", breaks.endpoints),
]


def first_look(stage: staging.Stage) -> None:
    """All that is Plumbline's to make is made, told by its own reports; the end of the deploy wakes the sweep."""
    began = deployed(stage)
    kept, deadline = staging.controls(stage), time.monotonic() + 120
    while left := staging.settled(stage, kept):
        if time.monotonic() > deadline:
            raise TimeoutError("\n".join([f"{len(left)} differences are left", *(f"  {one}" for one in left[:20])]))
        tell(stage, began, 1)
    stage.idle()
    while tell(stage, began, 0):
        pass
    say("no difference is left")


def deployed(stage: staging.Stage) -> float:
    """When the control plane's stack was complete."""
    events = stage.client("cloudformation").describe_stack_events(StackName=staging.CONTROL_PLANE)["StackEvents"]
    done = [e for e in events if e["ResourceStatus"] == "CREATE_COMPLETE" and e["ResourceType"].endswith("::Stack")]
    return done[0]["Timestamp"].timestamp()


def tell(stage: staging.Stage, began: float, wait: int) -> bool:
    """Prints a line for each report that says something; False when none arrived."""
    events = list(staging.outcomes(stage, wait))
    for event in events:
        report = event["detail"]
        # Delivery is at least once: the same report may come again.
        if "actions" in report and (applied(report) or report["held"]) and report not in stage.heard:
            stage.heard.append(report)
            offset = f"+{max(0.0, finished(report) - began):.1f} s"
            say(f"{paint('2', offset.rjust(8))}  {digest(report)}")
    return bool(events)


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
    vpc = breaks.vpc_id(stage, "three-tier", "main")
    group = breaks.group_id(stage, "three-tier", "main", "alb")
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
            stage = staging.start(log, NAT_SECONDS)
            say(f"{stage.endpoint}, loopback only; its log is {log}")
            step("Five networks, from their topologies")
            surroundings.trail(stage)
            staging.networks(stage, say)
            step("What runs in them, from their workloads")
            staging.systems(stage, say)
            surroundings.callers(stage)
            surroundings.consumers(stage)
            step("Plumbline, from template.yaml")
            before = len(staging.settled(stage, tuple(declared.CONTROLS)))
            staging.watch(stage)
            staging.control_plane(stage, {"RecheckSeconds": "1"})
            kept = staging.controls(stage)
            say(f"{', '.join(kept)} and the sweep; {len(stage.outputs)} outputs")
            step(f"The first look: {before} rules, gateways, routes, flow logs and permissions are not as declared")
            staging.services(stage)
            first_look(stage)
            stage.idle(60)
            results: list[Result] = []
            for control, title, scenes in CHAPTERS:
                if control in kept:
                    step(title)
                    for scene in scenes(stage):
                        results.append(run(stage, scene))
                        stage.idle()
            step("What happened")
            table(
                [("who", "what", "result", "call → result", "actions")]
                + [
                    (r.who, r.title, r.verdict, f"{r.seconds:.1f} s" if r.seconds is not None else "-", str(r.actions))
                    for r in results
                ]
            )
            step("AWS's own word, compared with the documents")
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
