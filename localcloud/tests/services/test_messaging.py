"""EventBridge, SNS and AWS Config delivery."""

import json

import pytest
from botocore.exceptions import ClientError

from .conftest import ACCOUNT, READ_QUEUES, REGION, statement

EVENTS = "events.amazonaws.com"
FORWARD = """
def handle(event, context):
    client("sqs").send_message(QueueUrl=os.environ["OUT"], MessageBody=json.dumps(event))
"""


def rule(cloud, name="r", **target):
    events = cloud.client("events")
    arn = events.put_rule(Name=name, EventPattern=json.dumps({"source": ["plumbline"]}))["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "t", **target}])
    return arn


def put(cloud, **detail):
    entry = {"Source": "plumbline", "DetailType": "Test", "Detail": json.dumps(detail)}
    assert cloud.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_a_rule_delivers_to_a_queue_that_lets_eventbridge_in(cloud):
    url, arn = cloud.queue("in", [EVENTS])
    rule(cloud, Arn=arn)
    put(cloud, n=1)
    [message] = cloud.messages(url)
    assert json.loads(message["Body"])["detail"] == {"n": 1}


def test_without_permission_the_event_goes_to_the_targets_dead_letter_queue(cloud):
    """EventBridge User Guide, "Using dead-letter queues": a missing permission is not retried; attributes say why."""
    url, arn = cloud.queue("closed")
    dead, dead_arn = cloud.queue("dead", [EVENTS])
    rule_arn = rule(cloud, Arn=arn, DeadLetterConfig={"Arn": dead_arn})
    put(cloud, n=1)
    assert cloud.messages(url) == []
    [message] = cloud.messages(dead)
    assert json.loads(message["Body"])["detail"] == {"n": 1}
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert (attributes["RULE_ARN"], attributes["TARGET_ARN"]) == (rule_arn, arn)


def test_the_policy_may_name_the_rule(cloud):
    """aws:SourceArn is the rule's ARN ("Using resource-based policies for Amazon EventBridge", SQS)."""
    source = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/"
    for name, named in (("right", "r-right"), ("wrong", "another")):
        url, arn = cloud.queue(name)
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": EVENTS},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": source + named}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        rule(cloud, f"r-{name}", Arn=arn)
    put(cloud, n=1)
    urls = [cloud.client("sqs").get_queue_url(QueueName=name)["QueueUrl"] for name in ("right", "wrong")]
    assert [len(cloud.messages(url)) for url in urls] == [1, 0]


def test_a_function_target_needs_a_permission_and_is_invoked_asynchronously(cloud):
    out, _ = cloud.queue("out")
    dead, dead_arn = cloud.queue("dead", [EVENTS])
    variables = {"Variables": {"OUT": out}}
    arn = cloud.function("target", FORWARD, statement("Allow", "sqs:SendMessage"), Environment=variables)
    rule_arn = rule(cloud, Arn=arn, DeadLetterConfig={"Arn": dead_arn})
    put(cloud, n=1)
    cloud.settle()
    assert (len(cloud.messages(out)), len(cloud.messages(dead))) == (0, 1)
    cloud.client("lambda").add_permission(
        FunctionName="target",
        StatementId="r",
        Action="lambda:InvokeFunction",
        Principal=EVENTS,
        SourceArn=rule_arn,
    )
    put(cloud, n=2)
    cloud.settle()
    assert [json.loads(message["Body"])["detail"] for message in cloud.messages(out)] == [{"n": 2}]


def test_put_events_refuses_the_sources_of_aws(cloud):
    """PutEvents: NotAuthorizedForSourceException for `aws.*` (EventBridge API Reference, PutEvents)."""
    url, arn = cloud.queue("in", [EVENTS])
    cloud.client("events").put_rule(Name="all", EventPattern=json.dumps({"account": [ACCOUNT]}))
    cloud.client("events").put_targets(Rule="all", Targets=[{"Id": "t", "Arn": arn}])
    forged = {"Source": "aws.ec2", "DetailType": "AWS API Call via CloudTrail", "Detail": "{}"}
    answer = cloud.client("events").put_events(Entries=[forged])
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
    assert cloud.messages(url) == []


def test_a_scheduled_rule_fires_on_demand(cloud):
    """The event of a schedule: "Scheduled Event" of aws.events, with the rule in resources (User Guide, schedules)."""
    url, arn = cloud.queue("in", [EVENTS])
    events = cloud.client("events")
    rule_arn = events.put_rule(Name="sweep", ScheduleExpression="rate(15 minutes)")["RuleArn"]
    events.put_targets(Rule="sweep", Targets=[{"Id": "t", "Arn": arn}])
    assert cloud.admin("POST", "schedule", {"rule": "sweep"}) == {"rule": "sweep", "targets": 1}
    body = json.loads(cloud.messages(url)[0]["Body"])
    assert (body["source"], body["detail-type"], body["resources"]) == ("aws.events", "Scheduled Event", [rule_arn])
    events.disable_rule(Name="sweep")
    assert cloud.admin("POST", "schedule", {"rule": "sweep"})["targets"] == 0


def test_schedules_by_hand_do_not_fire_by_themselves(monkeypatch):
    """`--schedules-by-hand`: a rule whose time has come stays silent."""
    from ministack.services import eventbridge

    from localcloud.messaging import event_bus

    key = (ACCOUNT, "us-east-1", "sweep")
    rule = {"Name": "sweep", "State": "ENABLED", "ScheduleExpression": "rate(1 minute)", "CreationTime": 0}
    monkeypatch.setitem(eventbridge._rules._data, key, rule)
    monkeypatch.setattr(eventbridge, "_rule_last_fired", {})
    monkeypatch.setattr(eventbridge, "_tick_scheduled_rules", eventbridge._tick_scheduled_rules)
    eventbridge._tick_scheduled_rules()
    assert eventbridge._rule_last_fired.pop(key), "it is due"
    assert not event_bus.clock_is_stopped()
    event_bus.stop_clock()
    assert event_bus.clock_is_stopped()
    eventbridge._tick_scheduled_rules()
    assert eventbridge._rule_last_fired == {}


def test_sns_delivers_to_a_queue_that_lets_it_in(cloud):
    """SNS to SQS needs a queue policy (Amazon SNS Developer Guide, "Subscribing an Amazon SQS queue")."""
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    open_url, open_arn = cloud.queue("open", ["sns.amazonaws.com"])
    closed_url, closed_arn = cloud.queue("closed")
    for arn in (open_arn, closed_arn):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="hello", Subject="s")
    assert json.loads(cloud.messages(open_url)[0]["Body"])["Message"] == "hello"
    assert cloud.messages(closed_url) == []


def test_sns_invokes_a_function(cloud):
    out, _ = cloud.queue("out")
    variables = {"Variables": {"OUT": out}}
    arn = cloud.function("notified", FORWARD, statement("Allow", "sqs:SendMessage"), Environment=variables)
    topic = cloud.client("sns").create_topic(Name="t")["TopicArn"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    cloud.client("sns").publish(TopicArn=topic, Message="hello")
    cloud.settle()
    [record] = json.loads(cloud.messages(out)[0]["Body"])["Records"]
    assert (record["EventSource"], record["Sns"]["Message"]) == ("aws:sns", "hello")


@pytest.mark.parametrize("delay", [901, -1])
def test_a_delay_is_at_most_fifteen_minutes(cloud, delay):
    """SendMessage: DelaySeconds from 0 to 900 (Amazon SQS API Reference)."""
    url, _ = cloud.queue("q")
    with pytest.raises(ClientError) as refusal:
        cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x", DelaySeconds=delay)
    assert refusal.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_messages_are_not_lost_under_concurrent_sends_and_deletes(cloud):
    """At-least-once delivery (Amazon SQS Developer Guide, "Standard queues")."""
    from concurrent.futures import ThreadPoolExecutor

    cloud.function("sink", "def handle(event, context): print(*[r['body'] for r in event['Records']])", READ_QUEUES)
    url, arn = cloud.queue("in", [EVENTS])
    cloud.mapping("sink", arn)
    rule(cloud, Arn=arn)
    sqs, events = cloud.client("sqs"), cloud.client("events")

    def send(n):
        if n % 2:
            return sqs.send_message(QueueUrl=url, MessageBody=f"n{n}")
        return events.put_events(Entries=[{"Source": "plumbline", "DetailType": "T", "Detail": f'{{"n": "n{n}"}}'}])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(120)))
    cloud.settle(timeout=40)
    logs = cloud.client("logs").get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/sink")
    text = " ".join(event["message"] for page in logs for event in page["events"])
    import re

    assert set(re.findall(r"\bn\d+\b", text)) == {f"n{n}" for n in range(120)}
