"""From SQS queue to function: batches, failures, redrive, loops. Sources: Lambda Developer Guide, "Using Lambda with
Amazon SQS", and https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html."""

import json
import time

import pytest

from .conftest import READ_QUEUES, statement, until

# What a function was given is told by a queue that it forwards to.
FORWARD = """
def handle(event, context):
    import urllib.parse
    bodies = [record["body"] for record in event["Records"]]
    client("sqs").send_message(QueueUrl=os.environ["OUT"], MessageBody=json.dumps(bodies))
"""
SEND = statement("Allow", "sqs:SendMessage")


@pytest.fixture
def forwarder(cloud):
    """A function that sends the bodies of each batch to a queue; returns that queue's URL."""
    out, _ = cloud.queue("out")
    cloud.function("forward", FORWARD, READ_QUEUES, SEND, Environment={"Variables": {"OUT": out}})
    return out


def send(cloud, url, *bodies, **more):
    for body in bodies:
        cloud.client("sqs").send_message(QueueUrl=url, MessageBody=body, **more)


def batches(cloud, out) -> list[list[str]]:
    return [json.loads(message["Body"]) for message in cloud.messages(out)]


def test_messages_reach_the_function_and_leave_the_queue(cloud, forwarder):
    url, arn = cloud.queue("in")
    cloud.mapping("forward", arn)
    send(cloud, url, "a")
    cloud.settle()
    assert batches(cloud, forwarder) == [["a"]]
    assert cloud.messages(url) == []


def test_the_execution_role_needs_permission_on_the_queue(cloud):
    """The role needs ReceiveMessage, DeleteMessage, GetQueueAttributes ("execution role permissions")."""
    url, arn = cloud.queue("in")
    cloud.function("forbidden", "def handle(event, context): return None", statement("Allow", "sqs:SendMessage"))
    mapping = cloud.mapping("forbidden", arn)
    send(cloud, url, "a")
    client = cloud.client("lambda")
    until(lambda: "does not have permissions" in client.get_event_source_mapping(UUID=mapping)["LastProcessingResult"])
    assert [message["Body"] for message in cloud.messages(url)] == ["a"]


def test_a_batching_window_collects_messages(cloud, forwarder):
    """MaximumBatchingWindowInSeconds: wait for a full batch, at most so long ("Batching behavior")."""
    url, arn = cloud.queue("in")
    cloud.mapping("forward", arn, BatchSize=3, MaximumBatchingWindowInSeconds=60)
    send(cloud, url, "a", "b")
    assert cloud.idle(timeout=0.3)["queues"][0]["visible"] == 2, "two wait for a third"
    send(cloud, url, "c")
    cloud.settle()
    assert batches(cloud, forwarder) == [["a", "b", "c"]]


def test_batches_larger_than_ten(cloud, forwarder):
    """BatchSize up to 10,000 with a window of at least a second ("Configuring an Amazon SQS event source mapping")."""
    url, arn = cloud.queue("in")
    for start in (0, 10):
        entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(start, start + 10)]
        cloud.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    cloud.mapping("forward", arn, BatchSize=20, MaximumBatchingWindowInSeconds=60)
    cloud.settle()
    assert [sorted(map(int, batch)) for batch in batches(cloud, forwarder)] == [list(range(20))]


def test_a_delayed_message_is_reported_with_its_due_time_and_can_be_made_due(cloud, forwarder):
    """DelaySeconds, at most 900 (Amazon SQS API Reference, SendMessage)."""
    url, arn = cloud.queue("in")
    cloud.mapping("forward", arn)
    before = time.time()
    send(cloud, url, "later", DelaySeconds=900)
    report = cloud.idle(timeout=0.1)
    assert not report["idle"]
    [due] = report["queues"][0]["delayed"]
    assert before + 899 < due < time.time() + 901
    assert cloud.settle(ignore_delayed=1)["queues"][0]["delayed"] == [due]
    assert batches(cloud, forwarder) == []
    assert cloud.admin("POST", "due", {"queue": "in"})["messages"] == 1
    cloud.settle()
    assert batches(cloud, forwarder) == [["later"]]


def test_a_delayed_message_comes_by_itself_when_it_is_due(cloud, forwarder):
    url, arn = cloud.queue("in")
    cloud.mapping("forward", arn)
    send(cloud, url, "soon", DelaySeconds=1)
    cloud.settle()
    assert batches(cloud, forwarder) == [["soon"]]


def test_failed_items_alone_are_retried_and_then_dead_lettered(cloud):
    """ReportBatchItemFailures keeps the named messages; maxReceiveCount moves them ("partial batch responses")."""
    dead, dead_arn = cloud.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, arn = cloud.queue("in", VisibilityTimeout=300, RedrivePolicy=redrive)
    handler = """
    def handle(event, context):
        failed = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": found} for found in failed]}
    """
    cloud.function("partial", handler, READ_QUEUES)
    cloud.mapping("partial", arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    entries = [{"Id": body, "MessageBody": body} for body in ("good", "bad")]
    cloud.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    [queue] = cloud.settle(ignore_retries=1)["queues"]
    assert (len(queue["retrying"]), queue["visible"]) == (1, 0)
    cloud.admin("POST", "due", {"queue": "in", "in_flight": True})
    cloud.settle(ignore_retries=1)
    cloud.admin("POST", "due", {"queue": "in", "in_flight": True})
    cloud.settle()
    [message] = cloud.messages(dead)
    assert message["Body"] == "bad"
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == arn
    assert cloud.messages(url) == []


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("None", 0),
        ("{'batchItemFailures': []}", 0),
        ("{'batchItemFailures': None}", 0),
        ("{'batchItemFailures': [{'itemIdentifier': ''}]}", 2),
        ("{'batchItemFailures': [{'itemIdentifier': None}]}", 2),
        ("{'batchItemFailures': [{'wrong': 'key'}]}", 2),
        ("'not an object'", 2),
    ],
)
def test_what_counts_as_success_and_as_failure_of_a_batch(cloud, answer, kept):
    """Partial batch responses, "Success and failure conditions"."""
    url, arn = cloud.queue("in", VisibilityTimeout=300)
    cloud.function("answers", f"def handle(event, context): return {answer}", READ_QUEUES)
    entries = [{"Id": body, "MessageBody": body} for body in ("a", "b")]
    cloud.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    cloud.mapping("answers", arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    report = cloud.settle(ignore_retries=1)
    assert sum(len(queue["retrying"]) for queue in report["queues"]) == kept


LOOP = """
def handle(event, context):
    hops = int(event["Records"][0]["body"])
    client("sqs").send_message(QueueUrl=os.environ["SELF"], MessageBody=str(hops + 1)) if hops < 40 else None
"""


@pytest.mark.parametrize("allow", [False, True])
def test_a_loop_through_sqs_is_stopped_after_sixteen_invocations(cloud, allow):
    """Recursive loop detection counts the lineage that the SDK sends on as the X-Ray trace header; the message that is
    stopped goes to the dead-letter queue; RecursiveLoop Allow turns it off (invocation-recursion.html)."""
    dead, dead_arn = cloud.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 5})
    url, arn = cloud.queue("loop", RedrivePolicy=redrive)
    cloud.function("looper", LOOP, READ_QUEUES, SEND, Environment={"Variables": {"SELF": url}})
    if allow:
        cloud.client("lambda").put_function_recursion_config(FunctionName="looper", RecursiveLoop="Allow")
    cloud.mapping("looper", arn)
    send(cloud, url, "1")
    cloud.settle(timeout=40)
    assert [message["Body"] for message in cloud.messages(dead)] == ([] if allow else ["17"])
    assert cloud.messages(url) == []


def test_a_direct_loop_is_stopped_too(cloud):
    """RecursiveInvocationException for Invoke (Lambda API Reference, Invoke; invocation-recursion.html)."""
    handler = """
    def handle(event, context):
        try:
            answer = client("lambda").invoke(FunctionName="selfish", Payload=json.dumps(event + 1).encode())
        except Exception as error:
            return [event, error.response["Error"]["Code"]]
        return json.load(answer["Payload"])
    """
    environment = {"Variables": {}}
    cloud.function("selfish", handler, statement("Allow", "lambda:InvokeFunction"), Environment=environment)
    # Sixteen nested synchronous invocations need sixteen environments: more than the local cloud has. Enter at the end.
    arn = cloud.client("lambda").get_function(FunctionName="selfish")["Configuration"]["FunctionArn"]
    import hashlib

    key = hashlib.sha256(arn.encode()).hexdigest()[:8]
    client = cloud.client("lambda")

    def trace(request, **_):
        request.headers["X-Amzn-Trace-Id"] = f"Root=1-00000000-{'0' * 24};Parent={'0' * 16};Lineage={key}:14"

    client.meta.events.register("before-sign", trace)
    answer = json.load(client.invoke(FunctionName="selfish", Payload=b"15")["Payload"])
    assert answer == [16, "RecursiveInvocationException"]
