"""Faults on the wire, for functions only: what an SDK sees of each, and that nobody else sees anything."""

import json
import sys
import urllib.error

import pytest

from .conftest import statement

CALLER = """
def handle(event, context):
    from botocore.config import Config
    from botocore.exceptions import ClientError
    import boto3
    config = Config(retries={"total_max_attempts": event.get("attempts", 1)}, read_timeout=event.get("patience", 20))
    client, found = boto3.client(event["service"], config=config), []
    for _ in range(event.get("repeat", 1)):
        try:
            getattr(client, event["call"])(**event.get("with", {}))
            found.append("answered")
        except ClientError as error:
            answer = error.response
            found.append([answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]])
        except Exception as error:
            found.append(type(error).__name__)
    return {"found": found[0], "all": found}
"""
SITE = [path for path in sys.path if "site-packages" in path]
HANDLER = f"import sys\nsys.path[:0] = {SITE!r}\n{CALLER}"
ALLOW = statement("Allow", ["ec2:*", "dynamodb:*", "sqs:*", "events:*", "logs:*", "elasticloadbalancing:*"])


@pytest.fixture
def caller(cloud):
    cloud.function("caller", HANDLER, ALLOW, Timeout=60)
    return lambda service, call, **event: cloud.invoke("caller", {"service": service, "call": call, **event})


def faults(cloud, *rules):
    return cloud.admin("PUT", "faults", {"rules": list(rules)})


def vpcs(cloud):
    return len(cloud.client("ec2").describe_vpcs()["Vpcs"])


def test_throttled_as_the_service_throttles(cloud, caller):
    """EC2 API Reference, "Error codes": RequestLimitExceeded; the other services: ThrottlingException, Throttling."""
    faults(cloud, {"kind": "throttle"})
    for service, call, code, status in (
        ("ec2", "describe_vpcs", "RequestLimitExceeded", 503),
        ("dynamodb", "list_tables", "ThrottlingException", 400),
        ("sqs", "list_queues", "ThrottlingException", 400),
        ("events", "list_rules", "ThrottlingException", 400),
        ("logs", "describe_log_groups", "ThrottlingException", 400),
        ("elbv2", "describe_load_balancers", "Throttling", 400),
    ):
        assert caller(service, call)["found"] == [code, status], service


def test_unavailable(cloud, caller):
    """EC2 API Reference: Unavailable, HTTP 503."""
    faults(cloud, {"kind": "unavailable", "service": "ec2", "operation": "DescribeVpcs"})
    assert caller("ec2", "describe_vpcs")["found"] == ["Unavailable", 503]
    assert caller("ec2", "describe_subnets")["found"] == "answered"


def test_reset_before_the_call_is_carried_out(cloud, caller):
    """A connection that is reset before the request reaches the service: nothing is written."""
    before = vpcs(cloud)
    faults(cloud, {"kind": "reset", "service": "ec2"})
    assert caller("ec2", "create_vpc", **{"with": {"CidrBlock": "10.0.0.0/16"}})["found"] == "ConnectionClosedError"
    assert vpcs(cloud) == before


@pytest.mark.parametrize(
    ("service", "call", "arguments"),
    [
        ("ec2", "create_vpc", {"CidrBlock": "10.0.0.0/16"}),
        ("dynamodb", "delete_table", {"TableName": "none"}),
        ("events", "put_rule", {"Name": "r", "ScheduleExpression": "rate(1 hour)"}),
    ],
)
def test_the_answer_is_lost_after_the_write(cloud, caller, service, call, arguments):
    """The call is carried out, and the caller sees a reset connection and not one byte of the answer."""
    since = cloud.admin("GET", "ready")["calls"]
    faults(cloud, {"kind": "lost", "service": service})
    assert caller(service, call, **{"with": arguments})["found"] == "ConnectionClosedError"
    made = cloud.admin("GET", "calls", since=since, caller="/caller")["calls"]
    assert len(made) == 1, "the call reached the service"


def test_slower_than_the_caller_waits(cloud, caller):
    """A read time-out at the caller; the request is carried out later, and `idle` waits for it."""
    before = vpcs(cloud)
    faults(cloud, {"kind": "slow", "service": "ec2", "operation": "CreateVpc", "seconds": 4, "times": 1})
    assert caller("ec2", "create_vpc", patience=1, **{"with": {"CidrBlock": "10.0.0.0/16"}})["found"] == (
        "ReadTimeoutError"
    )
    assert vpcs(cloud) == before
    cloud.settle()
    assert vpcs(cloud) == before + 1


def test_a_late_write_does_not_survive_a_restore(cloud, caller):
    cloud.admin("POST", "snapshot", {"name": "base"})
    before = vpcs(cloud)
    faults(cloud, {"kind": "slow", "service": "ec2", "operation": "CreateVpc", "seconds": 600})
    caller("ec2", "create_vpc", patience=0.5, **{"with": {"CidrBlock": "10.0.0.0/16"}})
    assert cloud.admin("GET", "faults")["in_flight"] == 1
    cloud.admin("POST", "restore", {"name": "base"})
    assert cloud.admin("GET", "faults")["endpoint"] is None, "what held the call has ended with it"
    assert cloud.idle(timeout=0)["faults"] == 0
    assert vpcs(cloud) == before


def test_so_many_times_and_the_retry_succeeds(cloud, caller):
    faults(cloud, {"kind": "throttle", "service": "ec2", "operation": "DescribeVpcs", "times": 2})
    assert caller("ec2", "describe_vpcs", attempts=3)["found"] == "answered"
    fired = cloud.admin("GET", "faults")["fired"]
    assert [(one["service"], one["operation"]) for one in fired] == [("ec2", "DescribeVpcs")] * 2


def test_only_the_functions_see_faults_and_only_those_named(cloud, caller):
    cloud.function("other", HANDLER, ALLOW)
    faults(cloud, {"kind": "throttle", "service": "ec2", "function": "other"})
    assert cloud.client("ec2").describe_vpcs()["Vpcs"]
    assert caller("ec2", "describe_vpcs")["found"] == "answered"
    assert cloud.invoke("other", {"service": "ec2", "call": "describe_vpcs"})["found"][0] == "RequestLimitExceeded"


def test_a_call_is_chosen_by_its_parameters(cloud, caller):
    rule = {"kind": "unavailable", "service": "ec2", "body": "CidrBlock == '10.1.0.0/16'"}
    faults(cloud, rule)
    assert caller("ec2", "create_vpc", **{"with": {"CidrBlock": "10.0.0.0/16"}})["found"] == "answered"
    assert caller("ec2", "create_vpc", **{"with": {"CidrBlock": "10.1.0.0/16"}})["found"] == ["Unavailable", 503]


def test_a_share_of_all_calls_fails_in_every_way(cloud, caller):
    """One in five, among four ways: of 150 calls far from none and far from all, by several kinds of fault."""
    faults(cloud, {"kinds": "mix", "share": 0.2})
    found = [json.dumps(one) for one in caller("ec2", "describe_vpcs", repeat=150)["all"]]
    failed = [one for one in found if one != '"answered"']
    assert 8 <= len(failed) <= 62
    assert len(set(failed)) >= 2
    faults(cloud)
    assert caller("ec2", "describe_vpcs")["found"] == "answered"


def test_reset_and_delete_end_them(cloud, caller):
    faults(cloud, {"kind": "throttle", "service": "ec2"})
    cloud.admin("DELETE", "faults")
    assert caller("ec2", "describe_vpcs")["found"] == "answered"
    faults(cloud, {"kind": "throttle", "service": "ec2"})
    cloud.admin("POST", "reset")
    assert cloud.admin("GET", "faults")["rules"] == []


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"kind": "weather"},
        {"kind": "reset", "colour": "red"},
        {"kind": "reset", "share": 2},
        {"kind": "reset", "times": 0},
        {"kind": "reset", "function": "nobody"},
        {"kind": "slow", "seconds": "long"},
        {"kinds": []},
        "throttle",
    ],
)
def test_a_wrong_rule_is_told(cloud, rule):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        faults(cloud, rule)
    assert refusal.value.code == 400
    assert json.load(refusal.value)["error"]
