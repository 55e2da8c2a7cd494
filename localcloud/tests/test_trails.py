"""Trails decide what reaches EventBridge. Sources: EventBridge User Guide, "AWS service events delivered via AWS
CloudTrail"; CloudTrail API Reference, CreateTrail, StartLogging, EventSelector, AdvancedEventSelector."""

from __future__ import annotations

import json
import time

import boto3
import pytest

from .conftest import make_client

REGION = "us-east-1"


@pytest.fixture
def cloud(endpoint, account):
    """CloudTrail, and what says which calls of this account reach a queue through the default bus."""

    class Cloud:
        trail = make_client(endpoint, "cloudtrail", account)
        ec2 = make_client(endpoint, "ec2", account)
        sqs = make_client(endpoint, "sqs", account)
        events = make_client(endpoint, "events", account)

        def __init__(self):
            self.queue = self.sqs.create_queue(QueueName="heard")["QueueUrl"]
            pattern = {"detail-type": ["AWS API Call via CloudTrail"], "detail": {"eventName": ["CreateVpc"]}}
            self.events.put_rule(Name="heard", EventPattern=json.dumps(pattern))
            arn = f"arn:aws:sqs:{REGION}:{account}:heard"
            policy = {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": arn,
                    }
                ],
            }
            self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": json.dumps(policy)})
            self.events.put_targets(Rule="heard", Targets=[{"Id": "heard", "Arn": arn}])

        def announced(self) -> bool:
            """Whether a call made now is heard of."""
            self.ec2.create_vpc(CidrBlock="10.0.0.0/16")
            time.sleep(0.3)
            got = self.sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=0, MaxNumberOfMessages=10)
            for message in got.get("Messages", []):
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            return bool(got.get("Messages"))

        def select(self, **selectors):
            self.trail.put_event_selectors(TrailName="t", **selectors)

    return Cloud()


def test_an_account_without_a_history_of_trails_is_heard(cloud):
    """The convenience of the local cloud: a test of something else makes no trail."""
    assert cloud.announced()


def test_a_trail_logs_from_its_start_to_its_stop(cloud):
    """CreateTrail logs nothing by itself; nothing is heard after StopLogging or DeleteTrail."""
    cloud.trail.create_trail(Name="t", S3BucketName="b")
    assert not cloud.announced()
    cloud.trail.start_logging(Name="t")
    assert cloud.announced()
    assert cloud.trail.get_trail_status(Name="t")["IsLogging"] is True
    cloud.trail.stop_logging(Name="t")
    assert not cloud.announced()
    cloud.trail.start_logging(Name="t")
    cloud.trail.delete_trail(Name="t")
    assert not cloud.announced()


@pytest.mark.parametrize(
    ("selectors", "heard"),
    [
        ({"EventSelectors": [{"ReadWriteType": "WriteOnly"}]}, True),
        ({"EventSelectors": [{"ReadWriteType": "ReadOnly"}]}, False),
        ({"EventSelectors": [{"IncludeManagementEvents": False}]}, False),
        ({"EventSelectors": [{"ExcludeManagementEventSources": ["kms.amazonaws.com"]}]}, True),
        ([("eventCategory", "Equals", "Management")], True),
        ([("eventCategory", "Equals", "Data")], False),
        ([("eventCategory", "Equals", "Management"), ("readOnly", "Equals", "true")], False),
        ([("eventCategory", "Equals", "Management"), ("eventSource", "NotEquals", "kms.amazonaws.com")], True),
        ([("eventCategory", "Equals", "Management"), ("eventSource", "NotEquals", "ec2.amazonaws.com")], False),
    ],
)
def test_selectors_decide(cloud, selectors, heard):
    """Both kinds of selectors."""
    cloud.trail.create_trail(Name="t", S3BucketName="b")
    cloud.trail.start_logging(Name="t")
    if isinstance(selectors, list):
        fields = [{"Field": name, operator: [value]} for name, operator, value in selectors]
        selectors = {"AdvancedEventSelectors": [{"FieldSelectors": fields}]}
    cloud.select(**selectors)
    assert cloud.announced() is heard


def test_a_trail_of_another_region_covers_this_one_if_it_is_for_all(cloud, endpoint, account):
    """Its shadow is described here, by its ARN."""
    home = boto3.client(
        "cloudtrail",
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id=account,
        aws_secret_access_key="test",
    )
    arn = home.create_trail(Name="t", S3BucketName="b", IsMultiRegionTrail=True)["TrailARN"]
    home.start_logging(Name="t")
    assert cloud.announced()
    assert [trail["TrailARN"] for trail in cloud.trail.describe_trails()["trailList"]] == [arn]
    assert cloud.trail.describe_trails(includeShadowTrails=False)["trailList"] == []
    assert cloud.trail.get_trail_status(Name=arn)["IsLogging"] is True
    home.update_trail(Name="t", IsMultiRegionTrail=False)
    assert not cloud.announced()
