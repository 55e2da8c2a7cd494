"""Sets the stage for the demo and the end-to-end tests: a local cloud with the five reference networks and what runs in
them, Plumbline deployed by CloudFormation, and callers who are not Plumbline.

`python scripts/lib/stage.py --out FILE` sets one up, takes a snapshot named `deployed`, writes how to reach it to FILE
and serves until it is ended. Refuses anything but loopback.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from localcloud import deploy  # noqa: E402

import declared  # noqa: E402
import surroundings  # noqa: E402
import workloads  # noqa: E402
from surroundings import Caller  # noqa: E402

# One Region for everything: the one that a reference topology asks for by name (autoscaled-web).
REGION = "eu-north-1"
CONTROL_PLANE = "plumbline"
Say = Callable[[str], None]


@dataclass
class Stage:
    """A running local cloud and what was put in it."""

    endpoint: str
    process: subprocess.Popen[str]
    topologies: list[declared.Topology] = field(default_factory=list)
    callers: dict[str, Caller] = field(default_factory=dict)
    homes: dict[str, dict[str, str]] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    watch_queue: str = ""
    account: str = "000000000000"
    region: str = REGION
    # What the workloads found in the account, by parameter and domain.
    found: dict[str, str] = field(default_factory=dict)
    # Reports that were told.
    heard: list[dict[str, Any]] = field(default_factory=list)
    # Endpoints that other accounts made, in this order, and those that a person let in by hand.
    joined: list[str] = field(default_factory=list)
    approved: set[str] = field(default_factory=set)

    def client(self, service: str, caller: str = "root") -> Any:
        """A boto3 client that speaks as the caller, without retries that would hide what happened."""
        who = self.callers.get(caller) or Caller("root", "test", "test")
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=who.access_key,
            aws_secret_access_key=who.secret_key,
            aws_session_token=who.token,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )

    def admin(self, method: str, path: str, body: Any = None, timeout: float = 60) -> Any:
        """The local cloud's own door, `/_localcloud/…`."""
        request = urllib.request.Request(
            f"{self.endpoint}/_localcloud/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.loads(answer.read() or b"null")

    def idle(self, timeout: float = 30) -> None:
        """Returns when no event, message or invocation is pending; delayed rechecks do not count."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            state = self.admin("GET", f"idle?timeout={min(5, timeout)}&ignore_delayed=1&ignore_retries=1")
            if state["idle"]:
                return
        raise TimeoutError(f"the local cloud did not come to rest within {timeout:.0f} s: {state}")

    def mark(self) -> int:
        """The number of the newest call in the journal."""
        return self.admin("GET", f"calls?since={2**31}")["last"]

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """The journal of API calls after number `since`."""
        return self.admin("GET", f"calls?since={since}")["calls"]

    def stop(self) -> None:
        """Ends the local cloud and everything that it started."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def start(log: Path, nat_seconds: float = 0.2) -> Stage:
    """Starts a local cloud on a free port of the loopback interface. NAT gateways are pending and deleting so long.

    Schedules run when somebody says so: an hourly sweep in between would mend what is to be seen unmended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    timing = ["--nat-pending", str(nat_seconds), "--nat-deleting", str(nat_seconds)]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "localcloud", "--port", "0", "--schedules-by-hand", *timing],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError(f"the local cloud did not start; its log is {log}:\n{log.read_text()[-2000:]}")
    endpoint = json.loads(line)["endpoint"]
    if urllib.parse.urlparse(endpoint).hostname != "127.0.0.1":
        process.terminate()
        raise RuntimeError(f"{endpoint} is not loopback: refusing to go on")
    stage = Stage(endpoint, process)
    # Five networks in one account need more addresses than AWS gives unasked, as they would there.
    stage.admin("PUT", "nat", {"addresses": 20, "per_zone": 20})
    return stage


def plumb(*arguments: str) -> str:
    """Runs the command line that was built, and returns what it printed."""
    done = subprocess.run([str(binaries() / "plumb"), *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"plumb {' '.join(arguments)} exited {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def networks(stage: Stage, say: Say) -> None:
    """Validates and renders each reference topology, and creates its stack."""
    for topology in declared.load_all(ROOT):
        plumb("validate", str(topology.path.relative_to(ROOT)))
        size = network(stage, topology, {})
        stage.topologies.append(topology)
        groups = sum(len(vpc.get("security_groups") or {}) for vpc in topology.vpcs.values())
        say(f"{topology.id:<16} valid, rendered ({size / 1024:.0f} KiB), stack created; {groups} groups declared")
    surroundings.tenants(stage)


def systems(stage: Stage, say: Say) -> None:
    """Creates the stack of what runs in each network, wired to the network's outputs."""
    for topology in stage.topologies:
        workload(stage, topology)
        kinds = workloads.kinds(stage, topology)
        say(f"{topology.id:<16} {sum(kinds.values())} resources: {workloads.digest(kinds)}")


def workload(stage: Stage, topology: declared.Topology) -> dict[str, str]:
    """Creates or updates the stack of what runs in a network; answers its outputs."""
    return workloads.create(stage, topology, binaries())


def binaries() -> Path:
    """Where cargo put what it built."""
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"


def network(stage: Stage, topology: declared.Topology, parameters: dict[str, str]) -> int:
    """Renders a topology and creates or updates its stack; answers the size of the template."""
    text = plumb("render", str(topology.path))
    known = json.loads(text).get("Parameters", {})
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "network.json"
        template.write_text(text)
        given = {name: value for name, value in parameters.items() if name in known}
        deploy.Deployer(stage.endpoint, REGION).deploy(template, f"network-{topology.id}", given)
    return len(text)


def recorder(stage: Stage) -> None:
    """Switches AWS Config on, without which there can be no rule."""
    config, role = stage.client("config"), f"arn:aws:iam::{stage.account}:role/aws-service-role/config.amazonaws.com"
    config.put_configuration_recorder(
        ConfigurationRecorder={"name": "default", "roleARN": f"{role}/AWSServiceRoleForConfig"}
    )
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "config"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")


def services(stage: Stage) -> None:
    """Offers the endpoint services: gives the networks' stacks the load balancers, which the workloads made, and the
    topic that says who connects, which is the control plane's; and the workloads what the networks make of that.
    """
    topic = {"ConnectionTopicArn": stage.outputs.get("ConnectionTopicArn", "")}
    for topology in stage.topologies:
        if topology.services:
            network(stage, topology, workloads.outputs_of(stage, workloads.stack(topology)) | topic)
            workload(stage, topology)


def control_plane(stage: Stage, parameters: dict[str, str], topologies: Path = ROOT / "topologies") -> None:
    """Deploys template.yaml as `sam deploy` would: through CloudFormation, from a bucket."""
    sources = deploy.Sources(ROOT, binaries(), topologies)
    stage.outputs = deploy.Deployer(stage.endpoint, REGION).deploy(
        ROOT / "template.yaml", CONTROL_PLANE, parameters, sources
    )


def watch(stage: Stage) -> None:
    """A queue that receives every outcome event, as a dashboard would."""
    sqs, events = stage.client("sqs"), stage.client("events")
    stage.watch_queue = sqs.create_queue(QueueName="outcomes")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=stage.watch_queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["plumbline"], "detail-type": [{"anything-but": "Reconcile Requested"}]}
    rule = events.put_rule(Name="outcomes", EventPattern=json.dumps(pattern))["RuleArn"]
    events.put_targets(Rule="outcomes", Targets=[{"Id": "outcomes", "Arn": arn}])
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=stage.watch_queue, Attributes={"Policy": json.dumps(policy)})


def faulty_layer(stage: Stage) -> str:
    """Publishes a layer version that nothing uses yet: one document is refused, one is gone, the rest is as before."""
    with tempfile.TemporaryDirectory() as folder:
        for topology in stage.topologies:
            if topology.id != "privatelink":
                there = Path(folder) / topology.id / "topology.yaml"
                there.parent.mkdir()
                text = topology.path.read_text()
                there.write_text(text.replace("\nvpcs:", "\nvpcz:") if topology.id == "hipaa" else text)
        content = deploy.zip_folder(Path(folder), "topologies/", "*/topology.yaml")
    name = f"{CONTROL_PLANE}-topologies"
    version = stage.client("lambda").publish_layer_version(LayerName=name, Content={"ZipFile": content})
    return version["LayerVersionArn"]


def outcomes(stage: Stage, wait: int = 1) -> Iterator[dict[str, Any]]:
    """The outcome events that arrived; waits at most `wait` seconds for the first."""
    sqs = stage.client("sqs")
    answer = sqs.receive_message(QueueUrl=stage.watch_queue, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
    for message in answer.get("Messages", []):
        sqs.delete_message(QueueUrl=stage.watch_queue, ReceiptHandle=message["ReceiptHandle"])
        yield json.loads(message["Body"])


def forget_outcomes(stage: Stage) -> None:
    """Empties the queue of outcome events, so that what arrives next belongs to what is done next.

    Rechecks that wait for their time are made due first: what they tell belongs to what was done before.
    """
    stage.idle()
    while stage.admin("POST", "due", {})["messages"]:
        stage.idle()
    # To the end of each batch: a message that was received and not deleted comes back after its visibility timeout.
    while list(outcomes(stage, 0)):
        pass


def a_day_later(stage: Stage) -> None:
    """Forgets what was said while the networks were made, as Plumbline itself does within a day.

    What an event announced counts as announced for that long; what that is, depends on how the runs of the set-up met.
    """
    dynamodb, table = stage.client("dynamodb"), stage.outputs["LedgerTable"]
    for item in declared.documents.pages(dynamodb, "scan", "Items", TableName=table):
        if item["sk"]["S"].startswith("said#"):
            dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})


def sweep(stage: Stage) -> None:
    """Invokes the sweep as its schedule does."""
    answer = stage.client("lambda").invoke(
        FunctionName=f"{CONTROL_PLANE}-sweep",
        Payload=json.dumps({"detail-type": "Scheduled Event", "source": "aws.events"}),
    )
    if answer.get("FunctionError"):
        raise RuntimeError(f"the sweep failed: {answer['Payload'].read().decode()}")


def assemble(stage: Stage, say: Say) -> None:
    """Everything: networks, what runs in them, people, Plumbline, and all that the documents declare made by it."""
    surroundings.trail(stage)
    networks(stage, say)
    systems(stage, say)
    surroundings.callers(stage)
    surroundings.consumers(stage)
    recorder(stage)
    # Tests ask for a sweep when they want one; by itself none shall come in the middle of what they look at.
    given = {"RecheckSeconds": "1", "ConfigRule": "on", "StackRepair": "execute", "SweepSchedule": "rate(1 hour)"}
    control_plane(stage, given)
    services(stage)
    watch(stage)
    sweep(stage)
    wait_settled(stage)


def controls(stage: Stage) -> tuple[str, ...]:
    """The controls that are deployed: each has a function of its name."""
    functions = declared.documents.pages(stage.client("lambda"), "list_functions", "Functions")
    names = {function["FunctionName"] for function in functions}
    return tuple(control for control in declared.CONTROLS if f"{CONTROL_PLANE}-{control}" in names)


def cloud(stage: Stage) -> declared.Cloud:
    """What the independent reader needs: the account's root user, who may look at everything."""
    return declared.Cloud(
        ec2=stage.client("ec2"),
        logs=stage.client("logs"),
        balancers=stage.client("elbv2"),
        databases=stage.client("rds"),
        containers=stage.client("ecs"),
        account=stage.account,
        region=stage.region,
        approved=frozenset(stage.approved),
    )


def settled(stage: Stage, kept: tuple[str, ...] | None = None) -> list[declared.Difference]:
    """Every difference that is left between the declarations and AWS, in the controls that are deployed."""
    readers, kept = cloud(stage), kept or controls(stage)
    verdicts = [verdict for topology in stage.topologies for verdict in declared.compare(readers, topology, kept)]
    return [difference for verdict in verdicts for difference in verdict.differences]


def wait_settled(stage: Stage, timeout: float = 180) -> None:
    """Returns when AWS is as declared."""
    deadline, kept = time.monotonic() + timeout, controls(stage)
    while left := settled(stage, kept):
        if time.monotonic() > deadline:
            lines = "\n".join(f"  {difference}" for difference in left[:20])
            raise TimeoutError(f"{len(left)} differences are left after {timeout:.0f} s:\n{lines}")
        time.sleep(0.1)


@contextmanager
def signals() -> Iterator[None]:
    """SIGTERM becomes the same exception as Ctrl-C, so that clean-up always runs."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main() -> int:
    """Sets one stage up and keeps it until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="where to write how to reach it (JSON)")
    parser.add_argument("--log", type=Path, required=True, help="the local cloud's log")
    arguments = parser.parse_args()

    def say(text: str) -> None:
        print(f"  {text}", file=sys.stderr, flush=True)

    with signals():
        stage = start(arguments.log)
        try:
            assemble(stage, say)
            # Their stacks are known by now: drift is detected once, and not by the first test.
            sweep(stage)
            forget_outcomes(stage)
            a_day_later(stage)
            faulty = faulty_layer(stage)
            stage.admin("POST", "snapshot", {"name": "deployed"})
            ec2 = stage.client("ec2")
            arguments.out.write_text(
                json.dumps(
                    {
                        "endpoint": stage.endpoint,
                        "region": REGION,
                        "outputs": stage.outputs,
                        "watch_queue": stage.watch_queue,
                        "faulty_layer": faulty,
                        "callers": {
                            name: {"access_key": c.access_key, "secret_key": c.secret_key, "token": c.token}
                            for name, c in stage.callers.items()
                        },
                        "homes": stage.homes,
                        "controls": controls(stage),
                        "vpcs": {t.id: declared.vpc_ids(ec2, t) for t in stage.topologies},
                    },
                    indent=1,
                )
            )
            stage.process.wait()
        except (KeyboardInterrupt, ClientError, deploy.DeployError, RuntimeError, TimeoutError) as error:
            if not isinstance(error, KeyboardInterrupt):
                print(f"stage: {error}", file=sys.stderr)
                return 1
        finally:
            stage.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
