"""The admin API."""

import json
import time
import urllib.error

import pytest

from .conftest import READ_QUEUES, statement

OPEN = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def test_a_name_that_is_not_this_machine_is_refused(cloud):
    """A page in a browser can point a name of its own at 127.0.0.1; the admin API answers loopback names only."""
    import urllib.request

    request = urllib.request.Request(f"{cloud.endpoint}/_localcloud/ready", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request)
    assert refusal.value.code == 403


def test_ready_says_where_things_are(cloud):
    ready = cloud.admin("GET", "ready")
    assert ready["ready"] and ready["auth"] and ready["endpoint"] == cloud.endpoint


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("POST", "ready", None, 405),
        ("POST", "restore", {"name": "never taken"}, 404),
        ("POST", "snapshot", {}, 400),
        ("POST", "schedule", {"rule": "none"}, 404),
        ("POST", "due", {"queue": "none"}, 404),
        ("PUT", "stack", {"stack": "none", "status": "UPDATE_IN_PROGRESS"}, 404),
        ("PUT", "stack", {"stack": "none", "status": "busy"}, 400),
        ("PUT", "cloudtrail", {"delay": -1}, 400),
        ("PUT", "cloudtrail", {"colour": "red"}, 400),
    ],
)
def test_wrong_requests_are_told_what_is_wrong(cloud, method, path, body, status):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        cloud.admin(method, path, body)
    assert refusal.value.code == status
    assert json.load(refusal.value)["error"]


def everything(cloud) -> dict:
    """What the public APIs show of the state."""
    ec2, events = cloud.client("ec2"), cloud.client("events")
    table = cloud.client("dynamodb")
    return {
        "vpcs": sorted(vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]),
        "rules": sorted(
            json.dumps([g["GroupId"], g["IpPermissions"]], sort_keys=True)
            for g in ec2.describe_security_groups()["SecurityGroups"]
        ),
        "queues": sorted(cloud.client("sqs").list_queues().get("QueueUrls", [])),
        "items": [item for name in table.list_tables()["TableNames"] for item in table.scan(TableName=name)["Items"]],
        "functions": [f["FunctionName"] for f in cloud.client("lambda").list_functions()["Functions"]],
        "mappings": [m["UUID"] for m in cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"]],
        "events": sorted(r["Name"] for r in events.list_rules()["Rules"]),
        "roles": sorted(r["RoleName"] for r in cloud.client("iam").list_roles()["Roles"]),
        "stacks": sorted(s["StackName"] for s in cloud.client("cloudformation").describe_stacks()["Stacks"]),
    }


STACK = {
    "Resources": {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": "ledger",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {"Name": "sweep", "ScheduleExpression": "rate(15 minutes)"},
        },
    }
}


def build(cloud) -> dict:
    formation = cloud.client("cloudformation")
    formation.create_stack(StackName="s", TemplateBody=json.dumps(STACK))
    formation.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    vpc = cloud.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = cloud.client("ec2").create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    cloud.client("dynamodb").put_item(TableName="ledger", Item={"pk": {"S": "kept"}})
    url, arn = cloud.queue("in")
    handler = """
    calls = []
    def handle(event, context):
        calls.append(1)
        print(f"calls={len(calls)}")
        client("dynamodb").put_item(TableName="ledger", Item={"pk": {"S": event["Records"][0]["body"]}})
    """
    cloud.function("writer", handler, READ_QUEUES, statement("Allow", "dynamodb:PutItem"))
    cloud.mapping("writer", arn)
    cloud.settle()
    return {"group": group, "url": url}


def test_a_stack_can_be_kept_in_an_operation(cloud):
    """An update of minutes: DescribeStacks says so, and so do the stack's events."""
    build(cloud)
    formation = cloud.client("cloudformation")
    for status in ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"):
        assert cloud.admin("PUT", "stack", {"stack": "s", "status": status}) == {"stacks": 1}
        [stack] = formation.describe_stacks(StackName="s")["Stacks"]
        assert stack["StackStatus"] == status
        told = [event["ResourceStatus"] for event in formation.describe_stack_events(StackName="s")["StackEvents"]]
        assert status in told


def test_a_snapshot_brings_everything_back(cloud):
    made = build(cloud)
    before = everything(cloud)
    cloud.admin("POST", "snapshot", {"name": "base"})
    for round_number in range(2):
        ec2, sqs = cloud.client("ec2"), cloud.client("sqs")
        sqs.send_message(QueueUrl=made["url"], MessageBody="new item")
        cloud.settle()
        sqs.send_message(QueueUrl=made["url"], MessageBody="late", DelaySeconds=900)
        ec2.authorize_security_group_ingress(GroupId=made["group"], IpPermissions=[OPEN])
        ec2.create_vpc(CidrBlock="10.9.0.0/16")
        cloud.queue("extra")
        cloud.client("events").put_rule(Name="extra", ScheduleExpression="rate(5 minutes)")
        cloud.client("iam").delete_role_policy(RoleName="writer-role", PolicyName="p")
        cloud.client("lambda").delete_function(FunctionName="writer")
        cloud.client("cloudformation").delete_stack(StackName="s")
        assert everything(cloud) != before
        restored = cloud.admin("POST", "restore", {"name": "base"})
        assert everything(cloud) == before, f"round {round_number}"
        assert cloud.idle(timeout=1)["idle"], "the delayed message is gone"
        assert restored["seconds"] < 5
    # What came back also works: the mapping polls, the function runs, its role may write.
    cloud.client("sqs").send_message(QueueUrl=made["url"], MessageBody="after")
    cloud.settle()
    items = {item["pk"]["S"] for item in cloud.client("dynamodb").scan(TableName="ledger")["Items"]}
    assert items == {"kept", "after"}


def test_a_snapshot_outlives_a_reset(cloud):
    build(cloud)
    before = everything(cloud)
    images = cloud.client("ec2").describe_images()["Images"]
    cloud.admin("POST", "snapshot", {"name": "kept"})
    cloud.admin("POST", "reset")
    assert everything(cloud) != before
    cloud.admin("POST", "restore", {"name": "kept"})
    assert everything(cloud) == before
    assert cloud.client("ec2").describe_images()["Images"] == images
    cloud.admin("POST", "reset", snapshots=1)
    assert "kept" not in cloud.admin("GET", "ready")["snapshots"]


def test_restore_ends_warm_environments(cloud):
    """A function process may remember what it saw; after a restore nobody may."""
    made = build(cloud)
    cloud.admin("POST", "snapshot", {"name": "base"})
    cloud.client("sqs").send_message(QueueUrl=made["url"], MessageBody="one")
    cloud.settle()
    assert cloud.idle(timeout=0)["environments"] == {"writer": 1}
    assert cloud.admin("POST", "restore", {"name": "base"})["processes_ended"] == 1
    cloud.client("sqs").send_message(QueueUrl=made["url"], MessageBody="two")
    cloud.settle()
    events = cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/writer")["events"]
    assert [event["message"] for event in events if "calls=" in event["message"]] == ["calls=1"]


def test_restore_while_a_function_runs_leaves_nothing_behind(cloud):
    handler = "def handle(event, context): import time; print('up', flush=True); time.sleep(60)"
    cloud.function("sleeper", handler, READ_QUEUES, Timeout=120)
    url, arn = cloud.queue("in", VisibilityTimeout=720)
    cloud.mapping("sleeper", arn)
    cloud.settle()
    cloud.admin("POST", "snapshot", {"name": "base"})
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    from .conftest import until

    until(lambda: cloud.idle(timeout=0)["environments"].get("sleeper"))
    assert not cloud.idle(timeout=0)["idle"]
    cloud.admin("POST", "restore", {"name": "base"})
    cloud.settle()
    assert cloud.messages(url) == []


def test_a_snapshot_is_refused_while_something_is_under_way(cloud):
    cloud.function("sleeper", "def handle(event, context): import time; time.sleep(60)", READ_QUEUES, Timeout=120)
    url, arn = cloud.queue("in", VisibilityTimeout=720)
    cloud.mapping("sleeper", arn)
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    with pytest.raises(urllib.error.HTTPError) as refusal:
        cloud.admin("POST", "snapshot", {"name": "busy"}, timeout=0.3)
    assert refusal.value.code == 409


def test_idle_covers_the_way_from_a_call_to_the_function(cloud):
    """One call from outside, then `idle`: the event has been through CloudTrail, rule, queue and function by then."""
    out, _ = cloud.queue("out")
    _, arn = cloud.queue("in", ["events.amazonaws.com"])
    handler = """
    def handle(event, context):
        names = [json.loads(record["body"])["detail"]["eventName"] for record in event["Records"]]
        client("sqs").send_message(QueueUrl=os.environ["OUT"], MessageBody=json.dumps(names))
    """
    cloud.function(
        "f", handler, READ_QUEUES, statement("Allow", "sqs:SendMessage"), Environment={"Variables": {"OUT": out}}
    )
    cloud.mapping("f", arn)
    events = cloud.client("events")
    events.put_rule(Name="ec2", EventPattern=json.dumps({"source": ["aws.ec2"]}))
    events.put_targets(Rule="ec2", Targets=[{"Id": "t", "Arn": arn}])
    cloud.admin("PUT", "cloudtrail", {"delay": 0.3})
    cloud.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    assert cloud.idle(timeout=0)["cloudtrail"] == 1
    cloud.settle()
    assert [json.loads(message["Body"]) for message in cloud.messages(out)] == [["CreateVpc"]]


def test_the_journal_tells_reads_from_writes(cloud):
    since = cloud.admin("GET", "ready")["calls"]
    ec2 = cloud.client("ec2")
    ec2.describe_vpcs()
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    with pytest.raises(Exception, match="DryRunOperation"):
        ec2.delete_vpc(VpcId=vpc, DryRun=True)
    calls = cloud.admin("GET", "calls", since=since)["calls"]
    assert [call["action"] for call in calls] == ["DescribeVpcs", "CreateVpc", "DeleteVpc"]
    writes = cloud.admin("GET", "calls", since=since, write=1)["calls"]
    assert [call["action"] for call in writes] == ["CreateVpc"], "a dry run writes nothing"


def test_cloudtrail_settings_can_be_read_and_changed(cloud):
    cloud.admin("PUT", "cloudtrail", {"delay": [0, 0.1], "duplicates": 1, "loss": 0})
    assert cloud.admin("GET", "cloudtrail")["duplicates"] == 1
    cloud.admin("POST", "reset")
    assert cloud.admin("GET", "cloudtrail")["duplicates"] == 0


def test_events_come_in_the_order_that_a_test_asks_for(cloud):
    url, arn = cloud.queue("in", ["events.amazonaws.com"])
    events = cloud.client("events")
    events.put_rule(Name="ec2", EventPattern=json.dumps({"source": ["aws.ec2"]}))
    events.put_targets(Rule="ec2", Targets=[{"Id": "t", "Arn": arn}])
    cloud.admin("PUT", "cloudtrail", {"paused": True})
    for cidr in ("10.0.0.0/16", "10.1.0.0/16"):
        cloud.client("ec2").create_vpc(CidrBlock=cidr)
    assert cloud.idle(timeout=0)["cloudtrail_held"] == 2
    assert cloud.admin("POST", "cloudtrail/release", {"order": "reverse"})["released"] == 2
    cloud.settle()
    bodies = [
        json.loads(message["Body"])["detail"]["requestParameters"]["cidrBlock"] for message in cloud.messages(url)
    ]
    assert bodies == ["10.1.0.0/16", "10.0.0.0/16"]


def test_a_large_state_restores_quickly(cloud):
    """Five networks as large as the reference topologies restore in a fraction of a second; the bound is generous."""
    ec2 = cloud.client("ec2")
    for index in range(5):
        vpc = ec2.create_vpc(CidrBlock=f"10.{index}.0.0/16")["Vpc"]["VpcId"]
        for part in range(9):
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.{index}.{part}.0/24")
            ec2.create_route_table(VpcId=vpc)
            ec2.create_security_group(GroupName=f"g{part}", Description="d", VpcId=vpc)
    assert cloud.admin("POST", "snapshot", {"name": "large"})["seconds"] < 5
    began = time.monotonic()
    assert cloud.admin("POST", "restore", {"name": "large"})["seconds"] < 5
    assert time.monotonic() - began < 6
