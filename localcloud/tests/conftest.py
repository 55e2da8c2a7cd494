"""One local cloud a run; each test works in an account of its own, so that no test sees another's resources."""

from __future__ import annotations

import itertools
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

REPOSITORY = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
_START_TIMEOUT = 60.0
_accounts = itertools.count(100000000001)


def pytest_configure() -> None:
    """SIGTERM ends the run as Ctrl-C does: with every local cloud stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def start(*arguments: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
    """Start a local cloud; returns the process and its endpoint once it says that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "localcloud", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _START_TIMEOUT)
    line = process.stdout.readline() if ready else ""
    if not line:
        process.kill()
        raise AssertionError(f"the local cloud did not start (exit code {process.wait()})")
    return process, json.loads(line)["endpoint"]


def stop(process: subprocess.Popen[str]) -> int:
    """Ask it to stop; returns the exit code."""
    process.terminate()
    try:
        return process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    process, url = start()
    yield url
    stop(process)


@pytest.fixture
def account() -> str:
    """An account that no other test uses; its id is also the access key of its root user."""
    return str(next(_accounts))


def make_client(endpoint: str, service: str, key: str, secret: str = "test", token: str | None = None) -> Any:
    """A client that tries once, and leaves it to the service to say what is wrong with a request."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False, s3={"addressing_style": "path"}),
    )


@pytest.fixture
def client(endpoint: str, account: str) -> Callable[..., Any]:
    """`client("ec2")` is the test account's root user; `client("ec2", key, secret, token)` somebody else."""

    def make(service: str, key: str | None = None, secret: str = "test", token: str | None = None) -> Any:
        return make_client(endpoint, service, key or account, secret, token)

    return make


@pytest.fixture
def ec2(client: Callable[..., Any]) -> Any:
    return client("ec2")


@pytest.fixture
def vpc(ec2: Any) -> str:
    return ec2.create_vpc(CidrBlock="10.10.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def subnet(ec2: Any, vpc: str) -> str:
    answer = ec2.create_subnet(VpcId=vpc, CidrBlock="10.10.1.0/24", AvailabilityZone=f"{REGION}a")
    return answer["Subnet"]["SubnetId"]


@pytest.fixture
def group(ec2: Any, vpc: str) -> str:
    return ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]


def refused(call: Callable[..., Any], *arguments: Any, **keywords: Any) -> str:
    """The error code with which the call is refused; fails if it is not."""
    try:
        call(*arguments, **keywords)
    except ClientError as error:
        return error.response["Error"]["Code"]
    raise AssertionError("the call was accepted")


class Bus:
    """What arrives on the default bus of an account, through a rule and a queue."""

    def __init__(self, client: Callable[..., Any], pattern: dict[str, Any]) -> None:
        self.sqs, self.ec2 = client("sqs"), client("ec2")
        self.queue = self.sqs.create_queue(QueueName="capture")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": policy})
        events = client("events")
        events.put_rule(Name="capture", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="capture", Targets=[{"Id": "queue", "Arn": arn}])
        self.seen: list[dict[str, Any]] = []

    def _receive(self, wait: int) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
        messages = answer.get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], count: int = 1) -> list[dict[str, Any]]:
        """The first `count` events that satisfy the predicate; everything received is kept in `seen`."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            matching = [event for event in self.seen if wanted(event)]
            if len(matching) >= count:
                return matching
            self.seen += self._receive(1)
        raise AssertionError(f"{count} events wanted, seen {[event['detail'] for event in self.seen]}")

    def call(self, name: str) -> dict[str, Any]:
        """The detail of the one record of this event name."""
        return self.wait_for(lambda event: event["detail"].get("eventName") == name)[0]["detail"]


@pytest.fixture
def trail(client: Callable[..., Any]) -> Bus:
    """The CloudTrail events of the test's account."""
    return Bus(client, {"detail-type": ["AWS API Call via CloudTrail"]})


def tcp(port: int, **peers: Any) -> dict[str, Any]:
    """An `IpPermission` for one TCP port."""
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peers}


def v4(*cidrs: str) -> dict[str, Any]:
    """`IpRanges`."""
    return {"IpRanges": [{"CidrIp": cidr} for cidr in cidrs]}


def rules_of(ec2: Any, group: str, egress: bool = False) -> list[dict[str, Any]]:
    """The rules of a group in one direction, as DescribeSecurityGroupRules has them."""
    pages = ec2.get_paginator("describe_security_group_rules").paginate(
        Filters=[{"Name": "group-id", "Values": [group]}]
    )
    return [rule for page in pages for rule in page["SecurityGroupRules"] if rule["IsEgress"] is egress]
