"""Flow logs. Sources: CreateFlowLogs, DescribeFlowLogs, DeleteFlowLogs, FlowLog API Reference."""

from __future__ import annotations

import json

import pytest

from .conftest import refused

TRUST = {"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
WRITE = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}


@pytest.fixture(autouse=True)
def role(client, account):
    """The role that every flow log of these tests delivers with."""
    iam = client("iam")
    documents = [json.dumps({"Version": "2012-10-17", "Statement": [one]}) for one in (TRUST, WRITE)]
    iam.create_role(RoleName="flow-logs", AssumeRolePolicyDocument=documents[0])
    iam.put_role_policy(RoleName="flow-logs", PolicyName="write", PolicyDocument=documents[1])


def role_of(ec2):
    return f"arn:aws:iam::{ec2._request_signer._credentials.access_key}:role/flow-logs"


@pytest.fixture
def logs(client):
    return client("logs")


@pytest.fixture
def log_group(logs):
    logs.create_log_group(logGroupName="/flow/vpc")
    return "/flow/vpc"


def create(ec2, resource, kind="VPC", **more):
    return ec2.create_flow_logs(ResourceIds=[resource], ResourceType=kind, TrafficType="ALL", **more)


def to_cloudwatch(ec2, vpc, group="/flow/vpc", **more):
    return create(ec2, vpc, LogGroupName=group, DeliverLogsPermissionArn=role_of(ec2), **more)


def test_to_cloudwatch(ec2, vpc, log_group):
    """FlowLog: what was asked for comes back."""
    tags = [{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "topology", "Value": "x"}]}]
    log = to_cloudwatch(ec2, vpc, MaxAggregationInterval=60, TagSpecifications=tags)["FlowLogIds"][0]
    described = ec2.describe_flow_logs(FlowLogIds=[log])["FlowLogs"][0]
    assert described["ResourceId"] == vpc
    assert described["LogGroupName"] == log_group
    assert described["LogDestinationType"] == "cloud-watch-logs"
    assert described["DeliverLogsPermissionArn"] == role_of(ec2)
    assert described["MaxAggregationInterval"] == 60
    assert (described["FlowLogStatus"], described["DeliverLogsStatus"]) == ("ACTIVE", "SUCCESS")
    for name, value in (
        ("resource-id", vpc),
        ("log-group-name", log_group),
        ("traffic-type", "ALL"),
        ("log-destination-type", "cloud-watch-logs"),
        ("deliver-log-status", "SUCCESS"),
        ("tag:topology", "x"),
    ):
        found = ec2.describe_flow_logs(Filters=[{"Name": name, "Values": [value]}])["FlowLogs"]
        assert [one["FlowLogId"] for one in found] == [log], name
        assert ec2.describe_flow_logs(Filters=[{"Name": name, "Values": ["zzz"]}])["FlowLogs"] == [], name


def test_delivery_fails_while_the_log_stays_active(ec2, vpc, logs, log_group):
    """FlowLog, DeliverLogsStatus: FAILED with an error message; FlowLogStatus stays ACTIVE."""
    log = to_cloudwatch(ec2, vpc)["FlowLogIds"][0]
    logs.delete_log_group(logGroupName=log_group)
    described = ec2.describe_flow_logs(FlowLogIds=[log])["FlowLogs"][0]
    assert (described["FlowLogStatus"], described["DeliverLogsStatus"]) == ("ACTIVE", "FAILED")
    assert described["DeliverLogsErrorMessage"] == "Access error"


def test_to_s3(ec2, client, subnet):
    """LogDestination with a prefix; DestinationOptions; a bucket that does not exist is in Unsuccessful."""
    wanted = {
        "kind": "Subnet",
        "LogDestinationType": "s3",
        "LogDestination": "arn:aws:s3:::flow-bucket/prefix/",
        "DestinationOptions": {"FileFormat": "parquet", "HiveCompatiblePartitions": True, "PerHourPartition": True},
    }
    failed = create(ec2, subnet, **wanted)
    assert failed["FlowLogIds"] == []
    assert failed["Unsuccessful"][0]["ResourceId"] == subnet
    client("s3").create_bucket(Bucket="flow-bucket")
    log = create(ec2, subnet, **wanted)["FlowLogIds"][0]
    described = ec2.describe_flow_logs(FlowLogIds=[log])["FlowLogs"][0]
    assert described["LogDestination"] == "arn:aws:s3:::flow-bucket/prefix/"
    assert described["DestinationOptions"]["FileFormat"] == "parquet"


def test_refusals(ec2, vpc, log_group):
    """FlowLogAlreadyExists; a role is needed for CloudWatch Logs; the resource must exist."""
    to_cloudwatch(ec2, vpc)
    assert refused(to_cloudwatch, ec2, vpc) == "FlowLogAlreadyExists"
    assert refused(create, ec2, vpc, LogGroupName="/other") == "InvalidParameter"
    assert refused(to_cloudwatch, ec2, "vpc-0123456789abcdead") == "InvalidVpcID.NotFound"


def test_delete_reports_the_unknown(ec2, vpc, log_group):
    """DeleteFlowLogs: Unsuccessful within a 200; the others are deleted."""
    log = to_cloudwatch(ec2, vpc)["FlowLogIds"][0]
    answer = ec2.delete_flow_logs(FlowLogIds=[log, "fl-0123456789abcdead"])
    assert [one["ResourceId"] for one in answer["Unsuccessful"]] == ["fl-0123456789abcdead"]
    assert ec2.describe_flow_logs()["FlowLogs"] == []
