"""One local cloud for all tests of this folder, reset before each."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).absolute().parents[3]
REGION = "us-east-1"
ACCOUNT = "000000000000"
ANYONE_IN_ACCOUNT = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Action": "sts:AssumeRole",
}
LAMBDA = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}

# The Runtime API in a few lines: what `bootstrap` does between two invocations. `handle(event, context)` follows.
BOOTSTRAP = """\
#!{python} -u
import json, os, sys, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"
def client(name):
    sys.path[:0] = {path!r}
    import boto3
    return boto3.client(name)
def post(path, value):
    body = json.dumps(value).encode()
    urllib.request.urlopen(urllib.request.Request(API + path, data=body, method="POST")).read()
{handler}
while True:
    with urllib.request.urlopen(API + "invocation/next") as answer:
        event, headers = json.load(answer), answer.headers
    request = headers["Lambda-Runtime-Aws-Request-Id"]
    os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
    try:
        post("invocation/" + request + "/response", handle(event, headers))
    except Exception as error:
        print(json.dumps({{"level": "ERROR", "message": str(error)}}), flush=True)
        post("invocation/" + request + "/error", {{"errorType": type(error).__name__, "errorMessage": str(error)}})
"""


def package(handler: str) -> bytes:
    """A function package whose `bootstrap` runs this Python `handle`."""
    text = BOOTSTRAP.format(
        python=sys.executable, path=[p for p in sys.path if "site-packages" in p], handler=textwrap.dedent(handler)
    )
    return archive({"bootstrap": text.encode()}, mode=0o755)


def archive(files: dict[str, bytes], mode: int = 0o644) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            target.writestr(info, content)
    return buffer.getvalue()


def statement(effect: str, actions: list[str] | str, resources: list[str] | str = "*", **conditions) -> dict:
    found = {"Effect": effect, "Action": actions, "Resource": resources}
    return {**found, "Condition": conditions} if conditions else found


class Cloud:
    """A running local cloud: its clients and its admin API."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def client(self, service: str, keys: tuple[str, str, str | None] = ("test", "test", None)):
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
            aws_session_token=keys[2],
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def admin(self, method: str, path: str, body: dict | None = None, **query) -> dict:
        url = f"{self.endpoint}/_localcloud/{path}"
        if query:
            url += "?" + urllib.parse.urlencode(query)
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method)) as answer:
            return json.load(answer)

    def idle(self, timeout: float = 15, **query) -> dict:
        return self.admin("GET", "idle", timeout=timeout, **query)

    def settle(self, **query) -> dict:
        report = self.idle(**query)
        assert report["idle"], report
        return report

    def role(self, name: str, *statements: dict, trust: dict = LAMBDA) -> str:
        iam = self.client("iam")
        document = {"Version": "2012-10-17", "Statement": [trust]}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
        if statements:
            self.policy(name, *statements)
        return arn

    def policy(self, role: str, *statements: dict) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.client("iam").put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=document)

    def assume(self, name: str, *statements: dict, session: str = "tester") -> tuple[str, str, str]:
        """A new role with these permissions, and a session of it."""
        arn = self.role(name, *statements, trust=ANYONE_IN_ACCOUNT)
        got = self.client("sts").assume_role(RoleArn=arn, RoleSessionName=session)["Credentials"]
        return got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]

    def function(self, name: str, handler: str, *statements: dict, **more) -> str:
        role = self.role(f"{name}-role", *statements)
        return self.client("lambda").create_function(
            FunctionName=name,
            Runtime="provided.al2023",
            Handler="bootstrap",
            Role=role,
            Code={"ZipFile": package(handler)},
            **{"Timeout": 10, **more},
        )["FunctionArn"]

    def invoke(self, name: str, event=None) -> dict:
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
        body = json.load(answer["Payload"])
        assert "FunctionError" not in answer, body
        return body

    def queue(self, name: str, senders: list[str] | None = None, **attributes) -> tuple[str, str]:
        sqs = self.client("sqs")
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        if senders:
            allow = {"Effect": "Allow", "Principal": {"Service": senders}, "Action": "sqs:SendMessage", "Resource": arn}
            attributes["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        url = sqs.create_queue(QueueName=name, Attributes={k: str(v) for k, v in attributes.items()})["QueueUrl"]
        return url, arn

    def messages(self, url: str, wait: float = 0, visibility: int = 0) -> list[dict]:
        return (
            self.client("sqs")
            .receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=int(wait),
                VisibilityTimeout=visibility,
                MessageAttributeNames=["All"],
                AttributeNames=["All"],
            )
            .get("Messages", [])
        )

    def mapping(self, function: str, queue_arn: str, **more) -> str:
        return self.client("lambda").create_event_source_mapping(
            EventSourceArn=queue_arn, FunctionName=function, **{"BatchSize": 10, **more}
        )["UUID"]


READ_QUEUES = statement("Allow", ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"])


@pytest.fixture(scope="session")
def server() -> Iterator[Cloud]:
    environment = {**os.environ, "HOST_SECRET": "leaked", "LOCALCLOUD_ASYNC_RETRY_SECONDS": "30"}
    process = subprocess.Popen(
        [sys.executable, "-m", "localcloud", "--port", "0"],
        cwd=os.environ.get("LOCALCLOUD_ROOT", ROOT),
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    assert line, "the local cloud did not start"
    yield Cloud(json.loads(line)["endpoint"])
    process.terminate()
    process.wait(10)


@pytest.fixture
def cloud(server: Cloud) -> Cloud:
    server.admin("POST", "reset")
    return server


def until(condition, seconds: float = 10):
    """Wait for a condition that nothing announces."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "the condition never held"
        time.sleep(0.02)
    return found
