"""The fault-injecting proxy that the requirements bring: signatures stay good through it, faults reach the caller."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from .conftest import make_client, refused, start, stop


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def proxy():
    port = free_port()
    process, endpoint = start()
    url = f"http://127.0.0.1:{port}"
    send("PUT", f"{endpoint}/_localcloud/proxy", {"endpoint": url})
    faults = subprocess.Popen(
        [sys.executable, "-m", "microburst", "--port", str(port), "--upstream", endpoint],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            try:
                set_rules(url, [])
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        yield url
    finally:
        faults.terminate()
        faults.wait(timeout=20)
        stop(process)


def send(method, url, body):
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"content-type": "application/json"}, method=method
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        answer.read()


def set_rules(url, rules):
    send("POST", f"{url}/_microburst/rules", rules)


def test_signatures_are_good_through_the_proxy(proxy, account):
    """The Host header is signed by the caller and replaced by the proxy."""
    iam = make_client(proxy, "iam", account)
    iam.create_user(UserName="alice")
    statement = {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="alice", PolicyName="read", PolicyDocument=document)
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    alice = make_client(proxy, "ec2", key["AccessKeyId"], key["SecretAccessKey"])
    assert alice.describe_vpcs()["Vpcs"]
    forger = make_client(proxy, "ec2", key["AccessKeyId"], "not the secret")
    assert refused(forger.describe_vpcs) in ("AuthFailure", "SignatureDoesNotMatch")


def test_faults_reach_the_caller(proxy, account):
    """A throttled call is answered as EC2 throttles (RequestLimitExceeded)."""
    throttle = {"service": "ec2", "operation": "DescribeVpcs", "error": {"code": "RequestLimitExceeded", "status": 503}}
    set_rules(proxy, [throttle])
    try:
        ec2 = make_client(proxy, "ec2", account)
        assert refused(ec2.describe_vpcs) == "RequestLimitExceeded"
        assert ec2.describe_subnets()["Subnets"]
    finally:
        set_rules(proxy, [])
