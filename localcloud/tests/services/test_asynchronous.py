"""Asynchronous invocation. Source: Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous
invocation". The delays are made due instead of waited for."""

import json

from .conftest import statement, until

SEND = statement("Allow", "sqs:SendMessage")


def run_out(cloud):
    """Let every retry happen now."""

    def attempt():
        report = cloud.idle(timeout=0)
        if report["asynchronous"]["waiting"]:
            cloud.admin("POST", "due", {})
        return report["idle"]

    until(attempt, 20)


def test_two_more_attempts_and_then_the_dead_letter_queue(cloud):
    dead, dead_arn = cloud.queue("dead")
    out, _ = cloud.queue("out")
    handler = """
    def handle(event, context):
        client("sqs").send_message(QueueUrl=os.environ["OUT"], MessageBody="attempt")
        raise RuntimeError("no")
    """
    cloud.function(
        "fails",
        handler,
        SEND,
        Environment={"Variables": {"OUT": out}},
        DeadLetterConfig={"TargetArn": dead_arn},
    )
    cloud.client("lambda").invoke(FunctionName="fails", InvocationType="Event", Payload=b'{"x": 1}')
    run_out(cloud)
    assert len(cloud.messages(out)) == 3
    [message] = cloud.messages(dead)
    assert json.loads(message["Body"]) == {"x": 1}
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no"


def test_an_on_failure_destination_gets_a_record(cloud):
    dead, dead_arn = cloud.queue("failures")
    cloud.function("fails", "def handle(event, context): raise RuntimeError('no')")
    cloud.client("lambda").put_function_event_invoke_config(
        FunctionName="fails", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": dead_arn}}
    )
    cloud.client("lambda").invoke(FunctionName="fails", InvocationType="Event", Payload=b'{"x": 1}')
    run_out(cloud)
    record = json.loads(cloud.messages(dead)[0]["Body"])
    assert record["requestPayload"] == {"x": 1}
    assert record["responsePayload"] == {"errorType": "RuntimeError", "errorMessage": "no"}
    assert record["requestContext"]["approximateInvokeCount"] == 1
