"""Metrics of functions and alarms on them."""

import json

import pytest

from localcloud.messaging.alarms import state_of

from .conftest import READ_QUEUES

EMF = """
def handle(event, context):
    metrics = [{"Namespace": "Plumbline", "Dimensions": [["Control"]], "Metrics": [{"Name": "Held", "Unit": "Count"}]}]
    print(json.dumps({"_aws": {"Timestamp": 0, "CloudWatchMetrics": metrics}, "Control": event, "Held": 2}))
    print('{"_aws": "nonsense"}')
"""


def alarm(cloud, name, namespace, metric, dimensions, **more):
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": k, "Value": v} for k, v in dimensions.items()],
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        **{"Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "TreatMissingData": "notBreaching", **more},
    )


def states(cloud) -> dict[str, str]:
    return {a["AlarmName"]: a["StateValue"] for a in cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]}


def test_embedded_metrics_raise_the_alarm_of_their_dimension(cloud):
    """CloudWatch User Guide, "Specification: Embedded metric format"; an alarm watches one set of dimensions."""
    url, arn = cloud.queue("told", ["sns.amazonaws.com"])
    topic = cloud.client("sns").create_topic(Name="t")["TopicArn"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    for control in ("nat", "routes"):
        alarm(cloud, control, "Plumbline", "Held", {"Control": control}, AlarmActions=[topic])
    cloud.function("emits", EMF)
    cloud.invoke("emits", "nat")
    assert states(cloud) == {"nat": "ALARM", "routes": "OK"}
    [message] = cloud.messages(url)
    assert json.loads(json.loads(message["Body"])["Message"])["AlarmName"] == "nat"


def test_errors_are_counted_for_queue_invocations_too(cloud):
    """Lambda Developer Guide, "Types of metrics for Lambda functions": Errors counts every kind of invocation."""
    cloud.function("fails", "def handle(event, context): raise RuntimeError('no')", READ_QUEUES)
    alarm(cloud, "errors", "AWS/Lambda", "Errors", {"FunctionName": "fails"})
    url, arn = cloud.queue("in", VisibilityTimeout=300)
    cloud.mapping("fails", arn)
    assert states(cloud) == {"errors": "OK"}
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    cloud.settle(ignore_retries=1)
    assert states(cloud) == {"errors": "ALARM"}


def test_a_dead_letter_alarm_follows_the_queue(cloud):
    """ApproximateNumberOfMessagesVisible (Amazon SQS Developer Guide, "Available CloudWatch metrics")."""
    url, _ = cloud.queue("dead")
    alarm(cloud, "dead", "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": "dead"}, Statistic="Maximum")
    assert states(cloud) == {"dead": "OK"}
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    assert states(cloud) == {"dead": "ALARM"}
    cloud.client("sqs").purge_queue(QueueUrl=url)
    assert states(cloud) == {"dead": "OK"}


@pytest.mark.parametrize(
    ("missing", "datapoints", "state"),
    [
        ("missing", [None], "INSUFFICIENT_DATA"),
        ("ignore", [None], None),
        ("notBreaching", [None], "OK"),
        ("breaching", [None], "ALARM"),
        ("notBreaching", [1.0, None, None], "OK"),
        ("breaching", [1.0, None, None], "ALARM"),
        ("notBreaching", [1.0, 2.0, 3.0], "ALARM"),
        ("missing", [0.0], "OK"),
    ],
)
def test_missing_data_is_treated_as_the_alarm_says(missing, datapoints, state):
    """CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data"."""
    definition = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "TreatMissingData": missing}
    assert state_of(definition, datapoints) == state
