"""AWS Config rules on a function: when and with what it is invoked, and what PutEvaluations takes."""

import json
import urllib.error

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.deploy import Deployer, DeployError

from .conftest import ACCOUNT, REGION, statement, until

GROUP = {"resourceType": "AWS::EC2::SecurityGroup", "resourceId": "sg-1"}
# Keeps the event that it was given for the test to read.
KEEP = """
def handle(event, context):
    client("s3").put_object(Bucket="events", Key=str(time.time_ns()), Body=json.dumps(event).encode())
import time
"""
TEMPLATE = """
Parameters: { Function: { Type: String } }
Resources:
  May:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref Function
      Principal: config.amazonaws.com
      SourceAccount: !Ref AWS::AccountId
  Rule:
    Type: AWS::Config::ConfigRule
    DependsOn: May
    Properties:
      ConfigRuleName: !Sub "${AWS::StackName}-rule"
      Scope: { ComplianceResourceTypes: ["AWS::EC2::SecurityGroup"] }
      Source:
        Owner: CUSTOM_LAMBDA
        SourceIdentifier: !Ref Function
        SourceDetails:
          - { EventSource: aws.config, MessageType: ConfigurationItemChangeNotification }
          - { EventSource: aws.config, MessageType: OversizedConfigurationItemChangeNotification }
          - { EventSource: aws.config, MessageType: ScheduledNotification, MaximumExecutionFrequency: TwentyFour_Hours }
Outputs:
  Name: { Value: !Ref Rule }
  Arn: { Value: !GetAtt Rule.Arn }
"""


@pytest.fixture
def deploy(cloud, tmp_path):
    """Deploys the template for a function."""

    def run(function, text=TEMPLATE):
        template = tmp_path / "template.yaml"
        template.write_text(text)
        return Deployer(cloud.endpoint, REGION).deploy(template, "audit", {"Function": function})

    return run


def recorder(cloud):
    config = cloud.client("config")
    config.put_configuration_recorder(
        ConfigurationRecorder={"name": "default", "roleARN": f"arn:aws:iam::{ACCOUNT}:role/config"}
    )


@pytest.fixture
def rule(cloud, deploy):
    """A deployed rule; answers the events that its function was given so far."""
    recorder(cloud)
    cloud.client("s3").create_bucket(Bucket="events")
    function = cloud.function("judge", KEEP, statement("Allow", "s3:PutObject"))
    outputs = deploy(function)
    assert outputs["Name"] == "audit-rule" and ":config-rule/config-rule-" in outputs["Arn"]

    def events():
        s3 = cloud.client("s3")
        keys = [found["Key"] for found in s3.list_objects_v2(Bucket="events").get("Contents", [])]
        return [json.load(s3.get_object(Bucket="events", Key=key)["Body"]) for key in keys]

    return events


def record(cloud, item=GROUP, **more):
    return cloud.admin("POST", "config/record", {"item": item, "region": REGION, **more})


def unchecked(cloud):
    """A client that sends what botocore itself would refuse."""
    return boto3.client(
        "config",
        endpoint_url=cloud.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )


def evaluation(resource, kind="COMPLIANT", **more):
    return {
        "ComplianceResourceType": "AWS::EC2::SecurityGroup",
        "ComplianceResourceId": resource,
        "ComplianceType": kind,
        "OrderingTimestamp": "2026-01-01T00:00:00Z",
        **more,
    }


def details(cloud):
    found = cloud.client("config").get_compliance_details_by_config_rule(ConfigRuleName="audit-rule")
    return {
        result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"]: result["ComplianceType"]
        for result in found["EvaluationResults"]
    }


def test_an_item_change_invokes_the_rules_in_whose_scope_it_is(cloud, rule):
    """Developer Guide, "Example Events for AWS Config Rules": no `ruleParameters` where the rule has none."""
    assert record(cloud, {"resourceType": "AWS::EC2::Instance", "resourceId": "i-1"})["invoked"] == []
    [invoked] = record(cloud)["invoked"]
    [event] = until(rule)
    assert event["resultToken"] == invoked["token"] and event["configRuleName"] == "audit-rule"
    assert "ruleParameters" not in event and event["eventLeftScope"] is False and event["accountId"] == ACCOUNT
    inner = json.loads(event["invokingEvent"])
    assert inner["messageType"] == "ConfigurationItemChangeNotification"
    assert inner["configurationItem"]["resourceId"] == "sg-1"
    assert inner["configurationItem"]["configurationItemStatus"] == "OK"


def test_oversized_deleted_and_scheduled(cloud, rule):
    record(cloud, oversized=True)
    [event] = until(rule)
    inner = json.loads(event["invokingEvent"])
    assert "configurationItem" not in inner and inner["configurationItemSummary"]["changeType"] == "UPDATE"
    message = record(cloud, {**GROUP, "configurationItemStatus": "ResourceDeleted"})["message"]
    assert message["configurationItem"]["configuration"] is None
    cloud.admin("POST", "config/schedule", {"rule": "audit-rule", "region": REGION})
    until(lambda: len(rule()) == 3)
    assert "ScheduledNotification" in {json.loads(event["invokingEvent"])["messageType"] for event in rule()}


def test_what_config_sees_is_on_the_bus(cloud, rule):
    """Developer Guide, "Monitoring AWS Config with Amazon EventBridge"; the first result has no old one."""
    url, arn = cloud.queue("told", ["events.amazonaws.com"])
    events = cloud.client("events")
    events.put_rule(Name="told", EventPattern=json.dumps({"source": ["aws.config"]}))
    events.put_targets(Rule="told", Targets=[{"Id": "t", "Arn": arn}])
    [invoked] = record(cloud)["invoked"]
    config = cloud.client("config")
    for kind in ("NON_COMPLIANT", "NON_COMPLIANT", "COMPLIANT"):
        config.put_evaluations(ResultToken=invoked["token"], Evaluations=[evaluation("sg-1", kind)])
    cloud.settle()
    told = [json.loads(message["Body"]) for message in cloud.messages(url)]
    kinds = [event["detail-type"] for event in told]
    assert sorted(kinds) == ["Config Configuration Item Change", *["Config Rules Compliance Change"] * 2]
    changes = [event["detail"] for event in told if event["detail-type"] == "Config Rules Compliance Change"]
    changes.sort(key=lambda detail: "oldEvaluationResult" in detail)
    assert [change["newEvaluationResult"]["complianceType"] for change in changes] == ["NON_COMPLIANT", "COMPLIANT"]
    assert "oldEvaluationResult" not in changes[0]
    assert changes[1]["oldEvaluationResult"]["complianceType"] == "NON_COMPLIANT"


def test_the_newest_result_of_a_resource_counts(cloud, rule):
    [invoked] = record(cloud)["invoked"]
    config = cloud.client("config")
    for kind in ("COMPLIANT", "NON_COMPLIANT"):
        config.put_evaluations(ResultToken=invoked["token"], Evaluations=[evaluation("sg-1", kind)])
    assert details(cloud) == {"sg-1": "NON_COMPLIANT"}
    [summary] = config.describe_compliance_by_config_rule(ConfigRuleNames=["audit-rule"])["ComplianceByConfigRules"]
    assert summary["Compliance"]["ComplianceType"] == "NON_COMPLIANT"


@pytest.mark.parametrize(
    "evaluations",
    [
        [evaluation("sg-1", Annotation="x" * 257)],
        [evaluation("sg-1", Annotation="")],
        [evaluation("sg-1", "INSUFFICIENT_DATA")],
        [evaluation(f"sg-{number}") for number in range(101)],
    ],
    ids=["long", "empty", "insufficient", "many"],
)
def test_what_put_evaluations_refuses(cloud, rule, evaluations):
    """API Reference, PutEvaluations and Evaluation."""
    [invoked] = record(cloud)["invoked"]
    with pytest.raises(ClientError) as refusal:
        unchecked(cloud).put_evaluations(ResultToken=invoked["token"], Evaluations=evaluations)
    assert refusal.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert details(cloud) == {}


def test_a_token_that_config_never_gave(cloud, rule):
    """PutEvaluations: InvalidResultTokenException; in test mode any token does, and nothing is recorded."""
    config = cloud.client("config")
    with pytest.raises(ClientError) as refusal:
        config.put_evaluations(ResultToken="forged", Evaluations=[evaluation("sg-1")])
    assert refusal.value.response["Error"]["Code"] == "InvalidResultTokenException"
    answer = config.put_evaluations(ResultToken="TESTMODE", TestMode=True, Evaluations=[evaluation("sg-1")])
    assert answer["FailedEvaluations"] == [] and details(cloud) == {}


def test_evaluations_that_are_not_taken_are_in_the_answer(cloud, rule):
    cloud.admin("PUT", "config", {"refuse": [{"resource": "sg-2", "count": 1}]})
    [invoked] = record(cloud)["invoked"]
    config, both = cloud.client("config"), [evaluation("sg-1"), evaluation("sg-2")]
    failed = config.put_evaluations(ResultToken=invoked["token"], Evaluations=both)["FailedEvaluations"]
    assert [one["ComplianceResourceId"] for one in failed] == ["sg-2"] and details(cloud) == {"sg-1": "COMPLIANT"}
    assert config.put_evaluations(ResultToken=invoked["token"], Evaluations=both)["FailedEvaluations"] == []
    assert len(details(cloud)) == 2


def test_a_rule_needs_a_recorder_and_a_function_that_lets_config_in(cloud, deploy):
    """PutConfigRule: NoAvailableConfigurationRecorderException, InsufficientPermissionsException."""
    function = cloud.function("judge", KEEP)
    with pytest.raises(DeployError, match="NoAvailableConfigurationRecorderException"):
        deploy(function)
    recorder(cloud)
    without = TEMPLATE.replace("config.amazonaws.com", "events.amazonaws.com")
    cloud.client("cloudformation").delete_stack(StackName="audit")
    with pytest.raises(DeployError, match="InsufficientPermissionsException"):
        deploy(function, without)


@pytest.mark.parametrize(
    "request_",
    [
        ("POST", "config/record", {}),
        ("POST", "config/record", {"item": {"resourceType": "AWS::EC2::VPC"}}),
        ("POST", "config/record", {"item": {**GROUP, "configurationItemStatus": "Fine"}}),
        ("POST", "config/schedule", {}),
        ("POST", "config/schedule", {"rule": "nobody's"}),
        ("PUT", "config", {"refuse": [{"colour": "red"}]}),
    ],
)
def test_wrong_requests_are_told_what_is_wrong(cloud, request_):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        cloud.admin(*request_)
    assert refusal.value.code in (400, 404)
