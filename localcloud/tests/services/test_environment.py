"""The environment of a function process, its layers and its life."""

import json
from pathlib import Path

from .conftest import archive, until

ENVIRONMENT = "def handle(event, context): import os; return dict(os.environ)"
READ_TOPOLOGIES = """
def handle(event, context):
    folder = os.environ["PLUMBLINE_TOPOLOGIES"]
    return {"pid": os.getpid(), "files": {name: open(os.path.join(folder, name)).read() for name in os.listdir(folder)}}
"""


def layer(cloud, content: str) -> str:
    zipped = archive({"topologies/a.yaml": content.encode()})
    return cloud.client("lambda").publish_layer_version(LayerName="topologies", Content={"ZipFile": zipped})[
        "LayerVersionArn"
    ]


def test_a_function_sees_only_what_lambda_sets_and_its_own_variables(cloud):
    """Lambda Developer Guide, "Using Lambda environment variables": defined runtime variables."""
    cloud.function("plain", ENVIRONMENT, Environment={"Variables": {"MODE": "plan"}}, MemorySize=256)
    seen = cloud.invoke("plain")
    allowed = {"PATH", "TZ", "_HANDLER", "_X_AMZN_TRACE_ID", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "MODE"}
    allowed |= {"LC_CTYPE"}  # set by the Python interpreter of this test's bootstrap itself
    assert {name for name in seen if not name.startswith("AWS_")} <= allowed
    assert "HOST_SECRET" not in seen and "leaked" not in json.dumps(seen)
    assert seen["MODE"] == "plan"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "plain"
    assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert seen["AWS_ENDPOINT_URL"] == cloud.endpoint
    assert seen["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert set(seen) & {"AWS_PROFILE", "AWS_CONFIG_FILE"} == set()


def test_layers_are_found_and_a_new_version_gives_new_environments(cloud):
    """Layers are extracted to /opt; a change of layers replaces the environments (Lambda Developer Guide, layers)."""
    cloud.function("reader", READ_TOPOLOGIES, Layers=[layer(cloud, "version: 1")])
    first = cloud.invoke("reader")
    assert first["files"] == {"a.yaml": "version: 1"}
    assert cloud.invoke("reader")["pid"] == first["pid"], "a warm environment is used again"
    cloud.client("lambda").update_function_configuration(FunctionName="reader", Layers=[layer(cloud, "version: 2")])
    second = cloud.invoke("reader")
    assert second["files"] == {"a.yaml": "version: 2"}
    assert second["pid"] != first["pid"]
    until(lambda: not Path(f"/proc/{first['pid']}").exists())


def test_a_variable_under_opt_moves_with_the_layer(cloud):
    cloud.function(
        "own",
        READ_TOPOLOGIES,
        Layers=[layer(cloud, "x")],
        Environment={"Variables": {"PLUMBLINE_TOPOLOGIES": "/opt/topologies"}},
    )
    assert cloud.invoke("own")["files"] == {"a.yaml": "x"}


def test_later_layers_overwrite_earlier_ones(cloud):
    """Developer Guide, layers: files of a later layer replace those of the same name."""
    cloud.function("merged", READ_TOPOLOGIES, Layers=[layer(cloud, "first"), layer(cloud, "second")])
    assert cloud.invoke("merged")["files"] == {"a.yaml": "second"}


def test_output_goes_to_cloudwatch_logs_and_to_a_file(cloud):
    """CloudWatch Logs group /aws/lambda/<name>: START, the lines, END, REPORT (Developer Guide, "Lambda logs")."""
    cloud.function("talker", "def handle(event, context): print(json.dumps({'level': 'INFO', 'message': 'hi'}))")
    cloud.invoke("talker")
    events = cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/talker")["events"]
    lines = [event["message"] for event in events]
    assert {"level": "INFO", "message": "hi"} in [json.loads(line) for line in lines if line.startswith("{")]
    assert lines[0].startswith("START") and lines[-1].startswith("REPORT")
    log = Path(cloud.admin("GET", "ready")["logs"], "talker.log").read_text()
    assert json.loads(log.splitlines()[-1])["message"] == "hi"


def test_a_function_error_is_reported_and_the_environment_goes_on(cloud):
    """A handler error does not end the environment (Developer Guide, "Lambda runtime environment")."""
    handler = """
    def handle(event, context):
        if event: raise ValueError("boom")
        return os.getpid()
    """
    cloud.function("moody", handler)
    pid = cloud.invoke("moody", 0)
    answer = cloud.client("lambda").invoke(FunctionName="moody", Payload=b"1")
    assert answer["FunctionError"] == "Unhandled"
    assert json.load(answer["Payload"]) == {"errorType": "ValueError", "errorMessage": "boom"}
    assert cloud.invoke("moody", 0) == pid


def test_a_crash_fails_the_invocation_and_the_next_one_starts_anew(cloud):
    cloud.function("crash", "def handle(event, context): os._exit(3) if event else None; return 'fine'")
    answer = cloud.client("lambda").invoke(FunctionName="crash", Payload=b"1")
    assert answer["FunctionError"] == "Unhandled"
    assert json.load(answer["Payload"])["errorType"] == "Runtime.ExitError"
    assert cloud.invoke("crash", 0) == "fine"


def test_reserved_concurrency_zero_refuses_every_invocation(cloud):
    """ReservedConcurrentExecutions (Developer Guide, "Configuring reserved concurrency"): 429 at the limit."""
    cloud.function("off", "def handle(event, context): return 1")
    client = cloud.client("lambda")
    client.put_function_concurrency(FunctionName="off", ReservedConcurrentExecutions=0)
    try:
        client.invoke(FunctionName="off")
    except client.exceptions.TooManyRequestsException as refusal:
        assert refusal.response["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert refusal.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    else:
        raise AssertionError("it was invoked")


def test_a_function_that_overruns_its_timeout_is_ended(cloud):
    """Timeout: Sandbox.Timedout (Lambda Developer Guide, "Configure Lambda function timeout")."""
    cloud.function("slow", "def handle(event, context): import time; time.sleep(60)", Timeout=1)
    answer = cloud.client("lambda").invoke(FunctionName="slow", Payload=b"1")
    assert answer["FunctionError"] == "Unhandled"
    error = json.load(answer["Payload"])
    assert (error["errorType"], error["errorMessage"]) == ("Sandbox.Timedout", "Task timed out after 1.00 seconds")
    assert cloud.idle(timeout=1)["environments"] == {}
