"""Flow logs: what they need to be created and delivered, and failures on demand. Sources: CreateFlowLogs, FlowLog API
Reference; VPC User Guide, "Publish flow logs to CloudWatch Logs", "… to Amazon S3", "Troubleshoot VPC Flow Logs";
Service Authorization Reference (CreateFlowLogs: dependent actions)."""

import json
import urllib.error

import pytest
from botocore.exceptions import ClientError

from .conftest import ACCOUNT, REGION, statement, until

SERVICE = {"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
OTHER_SERVICE = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
GROUP = "/flow/main"
GROUP_ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}"
WRITE = statement("Allow", ["logs:CreateLogStream", "logs:PutLogEvents"], f"{GROUP_ARN}:*")


def refused(call, *arguments, **keywords):
    with pytest.raises(ClientError) as refusal:
        call(*arguments, **keywords)
    return refusal.value.response["Error"]


class Flow:
    def __init__(self, cloud):
        self.cloud, self.ec2, self.logs = cloud, cloud.client("ec2"), cloud.client("logs")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

    def role(self, *statements, name="delivery", trust=SERVICE):
        return self.cloud.role(name, *statements, trust=trust)

    def create(self, ec2=None, **more):
        wanted = {"ResourceIds": [self.vpc], "ResourceType": "VPC", "TrafficType": "ALL", **more}
        return (ec2 or self.ec2).create_flow_logs(**wanted)

    def to_group(self, role, ec2=None, **more):
        more.setdefault("LogGroupName", GROUP)
        answer = self.create(ec2, DeliverLogsPermissionArn=role, **more)
        return answer["FlowLogIds"][0]

    def to_bucket(self, bucket="flow-bucket", ec2=None, **more):
        return self.create(ec2, LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{bucket}/net/", **more)

    def described(self, log):
        return self.ec2.describe_flow_logs(FlowLogIds=[log])["FlowLogs"][0]

    def delivery(self, log):
        found = self.described(log)
        assert found["FlowLogStatus"] == "ACTIVE"
        return found.get("DeliverLogsStatus"), found.get("DeliverLogsErrorMessage")

    def set(self, **settings):
        return self.cloud.admin("PUT", "flow_logs", settings)


@pytest.fixture
def flow(cloud):
    return Flow(cloud)


@pytest.fixture
def group(flow):
    flow.logs.create_log_group(logGroupName=GROUP)
    return GROUP


GOOD, BAD = ("SUCCESS", None), ("FAILED", "Access error")


def test_a_role_that_may_write_delivers(flow, group):
    """ "IAM role for publishing flow logs to CloudWatch Logs"."""
    assert flow.delivery(flow.to_group(flow.role(WRITE))) == GOOD


@pytest.mark.parametrize(
    "statements",
    [
        (),
        (statement("Allow", "logs:CreateLogStream", f"{GROUP_ARN}:*"),),
        (statement("Allow", ["logs:CreateLogStream", "logs:PutLogEvents"], f"{GROUP_ARN}-other:*"),),
        (WRITE, statement("Deny", "logs:PutLogEvents")),
    ],
)
def test_a_role_without_permission_fails_delivery(flow, group, statements):
    """ "Access error: the IAM role for your flow log does not have sufficient permissions"; a cure shows by itself."""
    log = flow.to_group(flow.role(*statements))
    assert flow.delivery(log) == BAD
    flow.cloud.policy("delivery", WRITE)
    assert flow.delivery(log) == GOOD


@pytest.mark.parametrize("trust", [OTHER_SERVICE, None])
def test_a_role_that_cannot_be_assumed_is_refused(flow, group, trust):
    """InvalidParameter: Unable to assume given IAM role; the same for a role that does not exist."""
    role = flow.role(WRITE, trust=trust) if trust else f"arn:aws:iam::{ACCOUNT}:role/none"
    error = refused(flow.to_group, role)
    assert (error["Code"], error["Message"]) == ("InvalidParameter", "Unable to assume given IAM role")


@pytest.mark.parametrize(("account", "assumed"), [(ACCOUNT, True), ("222233334444", False)])
def test_trust_may_name_the_account_and_the_flow_logs(flow, group, account, assumed):
    """ "IAM role for publishing flow logs": aws:SourceAccount, aws:SourceArn against the confused deputy."""
    where = {
        "StringEquals": {"aws:SourceAccount": account},
        "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:{REGION}:{account}:vpc-flow-log/*"},
    }
    role = flow.role(WRITE, trust={**SERVICE, "Condition": where})
    if assumed:
        assert flow.delivery(flow.to_group(role)) == GOOD
    else:
        assert refused(flow.to_group, role)["Message"] == "Unable to assume given IAM role"


def test_a_fresh_role_on_demand(flow, group):
    """IAM is eventually consistent: the same error for a role that is right."""
    flow.set(fresh_role=1)
    role = flow.role(WRITE)
    assert refused(flow.to_group, role)["Message"] == "Unable to assume given IAM role"
    assert flow.delivery(flow.to_group(role)) == GOOD


def test_trust_that_is_lost_fails_delivery(flow, group):
    """ "Access error: the IAM role does not have a trust relationship with the flow logs service"."""
    log = flow.to_group(flow.role(WRITE))
    document = json.dumps({"Version": "2012-10-17", "Statement": [OTHER_SERVICE]})
    flow.cloud.client("iam").update_assume_role_policy(RoleName="delivery", PolicyDocument=document)
    assert flow.delivery(log) == BAD


def test_a_log_group_that_is_gone(flow, group):
    """A role that may not create log groups cannot deliver; the group coming back cures it."""
    log = flow.to_group(flow.role(WRITE))
    flow.logs.delete_log_group(logGroupName=GROUP)
    assert flow.delivery(log) == BAD
    flow.logs.create_log_group(logGroupName=GROUP)
    assert flow.delivery(log) == GOOD


def test_a_role_that_may_create_groups_brings_it_back_without_retention(flow):
    """CreateFlowLogs, LogGroupName: "a new or existing CloudWatch Logs log group"; nobody sets its retention."""
    log = flow.to_group(flow.role(WRITE, statement("Allow", "logs:CreateLogGroup", f"{GROUP_ARN}:*")))
    assert flow.delivery(log) == GOOD
    [group] = flow.logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    assert "retentionInDays" not in group


def test_the_first_delivery_takes_a_while(flow, group):
    role = flow.role(WRITE)
    flow.set(delay=3600)
    assert flow.delivery(flow.to_group(role, TrafficType="REJECT")) == (None, None)
    flow.set(delay=0.1)
    log = flow.to_group(role)
    until(lambda: flow.delivery(log) == GOOD)


@pytest.mark.parametrize("message", ["Access error", "Rate limited", "Unknown error"])
def test_delivery_fails_on_demand(flow, group, message):
    """FlowLog, DeliverLogsErrorMessage; FlowLogStatus stays ACTIVE."""
    role = flow.role(WRITE)
    log, other = flow.to_group(role), flow.to_group(role, TrafficType="REJECT")
    flow.set(fail=[{"flow_log": log, "message": message}])
    assert flow.delivery(log) == ("FAILED", message)
    assert flow.delivery(other) == GOOD
    flow.set(fail={"destination": GROUP, "message": message})
    assert flow.delivery(other) == ("FAILED", message)
    flow.set(fail=None)
    assert flow.delivery(log) == GOOD


def test_a_failure_of_one_flow_log_ends_with_it(flow, group):
    """What is recreated has another id: the product's cure shows."""
    role = flow.role(WRITE)
    log = flow.to_group(role)
    flow.set(fail={"flow_log": log})
    assert refused(flow.to_group, role)["Code"] == "FlowLogAlreadyExists"
    flow.ec2.delete_flow_logs(FlowLogIds=[log])
    assert flow.delivery(flow.to_group(role)) == GOOD


def test_resources_are_refused_on_demand(flow, group):
    """CreateFlowLogs: `Unsuccessful` within a 200."""
    role = flow.role(WRITE)
    flow.set(refuse={"resource": flow.vpc, "code": "400", "message": "LogDestination is undeliverable", "count": 1})
    answer = flow.create(DeliverLogsPermissionArn=role, LogGroupName=GROUP)
    assert answer["FlowLogIds"] == []
    [failed] = answer["Unsuccessful"]
    assert failed["ResourceId"] == flow.vpc
    assert failed["Error"] == {"Code": "400", "Message": "LogDestination is undeliverable"}
    flow.to_group(role)


def test_equal_configurations(flow, group):
    """EC2 error codes, FlowLogAlreadyExists: "A flow log with the specified configuration already exists"."""
    role = flow.role(WRITE)
    flow.to_group(role)
    arn = {"LogGroupName": None, "LogDestination": f"{GROUP_ARN}:*"}
    for equal in ({}, {"MaxAggregationInterval": 600}, arn):
        wanted = {name: value for name, value in {"LogGroupName": GROUP, **equal}.items() if value}
        error = refused(flow.create, DeliverLogsPermissionArn=role, **wanted)
        assert error["Code"] == "FlowLogAlreadyExists", equal
    different = ({"MaxAggregationInterval": 60}, {"TrafficType": "ACCEPT"}, {"LogFormat": "${version} ${srcaddr}"})
    for one in different:
        flow.to_group(role, **one)
    flow.set(same="destination")
    assert refused(flow.to_group, role, LogFormat="${srcaddr}")["Code"] == "FlowLogAlreadyExists"


def test_a_client_token_means_the_same_flow_log(flow, group):
    """ "Ensuring idempotency": CreateFlowLogs takes a ClientToken."""
    role = flow.role(WRITE)
    log = flow.to_group(role, ClientToken="t")
    assert flow.to_group(role, ClientToken="t") == log
    error = refused(flow.to_group, role, ClientToken="t", TrafficType="REJECT")
    assert error["Code"] == "IdempotentParameterMismatch"
    flow.ec2.delete_flow_logs(FlowLogIds=[log])
    assert flow.to_group(role, ClientToken="t") == log, "the same token brings nothing back"
    assert flow.ec2.describe_flow_logs()["FlowLogs"] == []


def test_a_bucket_that_is_not_there(flow):
    """CreateFlowLogs: the resource is in `Unsuccessful`; a bucket that goes later fails delivery."""
    failed = flow.to_bucket()
    assert failed["FlowLogIds"] == []
    assert "does not exist" in failed["Unsuccessful"][0]["Error"]["Message"]
    s3 = flow.cloud.client("s3")
    s3.create_bucket(Bucket="flow-bucket")
    log = flow.to_bucket()["FlowLogIds"][0]
    assert flow.delivery(log) == GOOD
    s3.delete_bucket(Bucket="flow-bucket")
    assert flow.delivery(log) == BAD


def test_the_bucket_policy_is_attached_for_a_creator_who_may(flow):
    """ "Publish flow logs to Amazon S3": with PutBucketPolicy statements are attached, without it they must be there"""
    s3 = flow.cloud.client("s3")
    s3.create_bucket(Bucket="flow-bucket")
    create = statement("Allow", ["ec2:CreateFlowLogs", "logs:CreateLogDelivery"])
    poor = flow.cloud.client("ec2", flow.cloud.assume("poor", create))
    refusal = flow.to_bucket(ec2=poor)["Unsuccessful"][0]["Error"]["Message"]
    assert refusal.startswith("Access Denied for LogDestination: flow-bucket")
    log = flow.to_bucket()["FlowLogIds"][0]
    assert "delivery.logs.amazonaws.com" in s3.get_bucket_policy(Bucket="flow-bucket")["Policy"]
    flow.ec2.delete_flow_logs(FlowLogIds=[log])
    assert flow.to_bucket(ec2=poor)["FlowLogIds"], "the policy is there now"
    s3.delete_bucket_policy(Bucket="flow-bucket")
    [log] = flow.ec2.describe_flow_logs()["FlowLogs"]
    assert log["DeliverLogsStatus"] == "FAILED"


def test_another_accounts_bucket_needs_its_policy(flow):
    """ "If the bucket is owned by another account, its owner must add the policy"."""
    owner = ("222233334444", "test", None)
    s3 = flow.cloud.client("s3", owner)
    s3.create_bucket(Bucket="foreign")
    assert "Access Denied" in flow.to_bucket("foreign")["Unsuccessful"][0]["Error"]["Message"]
    allow = {"Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"}}
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {**allow, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::foreign/net/AWSLogs/{ACCOUNT}/*"},
            {**allow, "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::foreign"},
        ],
    }
    s3.put_bucket_policy(Bucket="foreign", Policy=json.dumps(document))
    assert flow.delivery(flow.to_bucket("foreign")["FlowLogIds"][0]) == GOOD


def test_passing_the_role_is_authorised(flow, group):
    """CreateFlowLogs depends on iam:PassRole, with iam:PassedToService (IAM User Guide, "Grant a user permissions to
    pass a role")."""
    role = flow.role(WRITE)
    create = statement("Allow", "ec2:CreateFlowLogs")
    to = {"StringEquals": {"iam:PassedToService": "vpc-flow-logs.amazonaws.com"}}
    elsewhere = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    for name, statements in (
        ("none", ()),
        ("wrong-service", (statement("Allow", "iam:PassRole", role, **elsewhere),)),
        ("wrong-role", (statement("Allow", "iam:PassRole", f"{role}-other", **to),)),
    ):
        ec2 = flow.cloud.client("ec2", flow.cloud.assume(name, create, *statements))
        error = refused(flow.to_group, role, ec2)
        assert error["Code"] == "UnauthorizedOperation", name
        assert "iam:PassRole" in error["Message"]
    good = flow.cloud.assume("good", create, statement("Allow", "iam:PassRole", role, **to))
    assert flow.to_group(role, flow.cloud.client("ec2", good))


def test_a_bucket_destination_needs_log_delivery(flow):
    """ "Permissions for IAM principals that publish flow logs to Amazon S3": logs:CreateLogDelivery."""
    ec2 = flow.cloud.client("ec2", flow.cloud.assume("poor", statement("Allow", "ec2:CreateFlowLogs")))
    error = refused(flow.to_bucket, ec2=ec2)
    assert error["Code"] == "UnauthorizedOperation"
    assert "logs:CreateLogDelivery" in error["Message"]


def test_settings_survive_a_snapshot(flow, group):
    flow.set(fail={"destination": GROUP}, delay=1)
    flow.cloud.admin("POST", "snapshot", {"name": "flow"})
    flow.set(fail=None, delay=0)
    flow.cloud.admin("POST", "restore", {"name": "flow"})
    settings = flow.cloud.admin("GET", "flow_logs")
    assert (settings["delay"], settings["fail"][0]["destination"]) == (1, GROUP)
    flow.cloud.admin("POST", "reset")
    assert flow.cloud.admin("GET", "flow_logs")["fail"] == []


@pytest.mark.parametrize(
    "settings", [{"delay": -1}, {"same": "x"}, {"fail": "all"}, {"fail": {"colour": "red"}}, {"weather": 1}]
)
def test_wrong_settings_are_told(cloud, settings):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        cloud.admin("PUT", "flow_logs", settings)
    assert refusal.value.code == 400
    assert json.load(refusal.value)["error"]
