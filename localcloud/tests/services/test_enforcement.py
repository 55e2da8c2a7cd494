"""What the policies of an identity allow."""

import json

import pytest
from botocore.exceptions import ClientError

from .conftest import ACCOUNT, REGION, statement

ARN = f"arn:aws:ec2:{REGION}:{ACCOUNT}:"
OPEN = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def network(cloud, cidr="10.0.0.0/16", **tags):
    """A VPC with one group."""
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    if tags:
        ec2.create_tags(Resources=[group], Tags=[{"Key": k, "Value": v} for k, v in tags.items()])
    return vpc, group


def denied(call, code="UnauthorizedOperation", status=403):
    with pytest.raises(ClientError) as refusal:
        call()
    assert refusal.value.response["Error"]["Code"] == code
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    return refusal.value.response["Error"]["Message"]


def test_a_denied_ec2_call_is_unauthorized_operation_and_changes_nothing(cloud):
    """Amazon EC2 API Reference, "Error codes": UnauthorizedOperation, 403; the message names who, what and where."""
    _, group = network(cloud)
    ec2 = cloud.client("ec2", cloud.assume("nobody", statement("Allow", "ec2:Describe*")))
    message = denied(lambda: ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[OPEN]))
    assert f"{ARN}security-group/{group}" in message and "assumed-role/nobody/tester" in message
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"] == []


def test_a_dry_run_tells_whether_the_call_would_be_allowed(cloud):
    """EC2 DryRun: DryRunOperation with the permission, UnauthorizedOperation without (EC2 API Reference, DryRun)."""
    _, group = network(cloud)
    allowed = cloud.client("ec2", cloud.assume("yes", statement("Allow", "ec2:*")))
    refused = cloud.client("ec2", cloud.assume("no", statement("Allow", "ec2:Describe*")))
    arguments = {"GroupId": group, "IpPermissions": [OPEN], "DryRun": True}
    denied(lambda: allowed.authorize_security_group_ingress(**arguments), "DryRunOperation", 412)
    denied(lambda: refused.authorize_security_group_ingress(**arguments))


@pytest.mark.parametrize("operator", ["ArnEquals", "StringEquals"])
def test_ec2_vpc_confines_rule_changes_to_one_vpc(cloud, operator):
    """`ec2:Vpc` is the ARN of the group's VPC (Service Authorization Reference, Amazon EC2, security-group)."""
    inside, group = network(cloud)
    _, other = network(cloud, "10.1.0.0/16")
    calls = ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"]
    ours = statement("Allow", calls, f"{ARN}security-group/*", **{operator: {"ec2:Vpc": f"{ARN}vpc/{inside}"}})
    ec2 = cloud.client("ec2", cloud.assume("confined", ours, statement("Allow", "ec2:Describe*")))
    rule = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[OPEN])["SecurityGroupRules"][0]
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    denied(lambda: ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[OPEN]))
    denied(lambda: ec2.authorize_security_group_ingress(GroupId="sg-0123456789abcdef0", IpPermissions=[OPEN]))


def test_ec2_vpc_on_route_tables_and_subnets(cloud):
    """`ec2:Vpc` holds for route tables and subnets too (Service Authorization Reference, Amazon EC2)."""
    vpc, _ = network(cloud)
    other_vpc, _ = network(cloud, "10.1.0.0/16")
    admin = cloud.client("ec2")
    tables = [admin.create_route_table(VpcId=v)["RouteTable"]["RouteTableId"] for v in (vpc, other_vpc)]
    subnet = admin.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    other = admin.create_subnet(VpcId=other_vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    gateway = admin.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    admin.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    allowed = statement(
        "Allow",
        ["ec2:CreateRoute", "ec2:ModifySubnetAttribute"],
        [f"{ARN}route-table/*", f"{ARN}subnet/*"],
        ArnEquals={"ec2:Vpc": f"{ARN}vpc/{vpc}"},
    )
    ec2 = cloud.client("ec2", cloud.assume("router", allowed))
    ec2.create_route(RouteTableId=tables[0], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    denied(lambda: ec2.create_route(RouteTableId=tables[1], DestinationCidrBlock="9.9.9.0/24", GatewayId=gateway))
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    denied(lambda: ec2.modify_subnet_attribute(SubnetId=other, MapPublicIpOnLaunch={"Value": True}))


@pytest.mark.parametrize("key", ["aws:ResourceTag/managed", "ec2:ResourceTag/managed"])
def test_resource_tags_decide(cloud, key):
    """`aws:ResourceTag/k` and `ec2:ResourceTag/k` (EC2 User Guide, "Control access using resource-level tags")."""
    _, tagged = network(cloud, managed="yes")
    _, plain = network(cloud, "10.1.0.0/16")
    allow = statement("Allow", "ec2:AuthorizeSecurityGroupEgress", "*", StringEquals={key: "yes"})
    ec2 = cloud.client("ec2", cloud.assume("tagger", allow))
    ec2.authorize_security_group_egress(GroupId=tagged, IpPermissions=[OPEN])
    denied(lambda: ec2.authorize_security_group_egress(GroupId=plain, IpPermissions=[OPEN]))


def test_modify_rules_needs_the_group_and_the_rule(cloud):
    """ModifySecurityGroupRules: security-group* and security-group-rule*, the latter without `ec2:Vpc` (IAM User Guide,
    example "reference_policies_examples_ec2_securitygroups-vpc": two statements)."""
    vpc, group = network(cloud)
    rule = cloud.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[OPEN])
    rule_id = rule["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    on_group = statement(
        "Allow",
        "ec2:ModifySecurityGroupRules",
        f"{ARN}security-group/*",
        ArnEquals={"ec2:Vpc": f"{ARN}vpc/{vpc}"},
    )
    on_rule = statement("Allow", "ec2:ModifySecurityGroupRules", f"{ARN}security-group-rule/*")
    change = {
        "GroupId": group,
        "SecurityGroupRules": [
            {
                "SecurityGroupRuleId": rule_id,
                "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv4": "10.0.0.0/8"},
            }
        ],
    }
    half = cloud.client("ec2", cloud.assume("half", on_group))
    assert f"security-group-rule/{rule_id}" in denied(lambda: half.modify_security_group_rules(**change))
    both = cloud.client("ec2", cloud.assume("both", on_group, on_rule))
    assert both.modify_security_group_rules(**change)["Return"] is True


def test_descriptions_are_authorised_on_the_group(cloud):
    vpc, group = network(cloud)
    cloud.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[OPEN])
    described = {**OPEN, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "new"}]}
    call = "ec2:UpdateSecurityGroupRuleDescriptionsIngress"
    allow = statement("Allow", call, f"{ARN}security-group/{group}", ArnEquals={"ec2:Vpc": f"{ARN}vpc/{vpc}"})
    ok = cloud.client("ec2", cloud.assume("describer", allow))
    ok.update_security_group_rule_descriptions_ingress(GroupId=group, IpPermissions=[described])
    wrong = statement("Allow", call, f"{ARN}security-group/sg-0123456789abcdef0")
    ec2 = cloud.client("ec2", cloud.assume("other", wrong))
    denied(lambda: ec2.update_security_group_rule_descriptions_ingress(GroupId=group, IpPermissions=[described]))


def test_tagging_on_creation_is_a_permission_of_its_own(cloud):
    """`ec2:CreateTags` with `ec2:CreateAction` for tags in a creating call; a CreateTags call by itself has no such key
    (EC2 User Guide, "Grant permission to tag Amazon EC2 resources during creation")."""
    vpc, group = network(cloud)
    create = statement("Allow", "ec2:CreateSecurityGroup")
    tag = statement("Allow", "ec2:CreateTags", "*", StringEquals={"ec2:CreateAction": "CreateSecurityGroup"})
    arguments = {
        "GroupName": "new",
        "Description": "d",
        "VpcId": vpc,
        "TagSpecifications": [{"ResourceType": "security-group", "Tags": [{"Key": "k", "Value": "v"}]}],
    }
    without = cloud.client("ec2", cloud.assume("without", create))
    assert "ec2:CreateTags" in denied(lambda: without.create_security_group(**arguments))
    with_both = cloud.client("ec2", cloud.assume("with-both", create, tag))
    with_both.create_security_group(**arguments)
    denied(lambda: with_both.create_tags(Resources=[group], Tags=[{"Key": "k", "Value": "v"}]))


def test_rule_tags_on_authorize_are_authorised_as_create_tags(cloud):
    """AuthorizeSecurityGroupIngress with TagSpecifications for security-group-rule needs ec2:CreateTags on the rule."""
    _, group = network(cloud)
    allow = statement("Allow", "ec2:AuthorizeSecurityGroupIngress")
    tag = statement(
        "Allow",
        "ec2:CreateTags",
        f"{ARN}security-group-rule/*",
        StringEquals={"ec2:CreateAction": "AuthorizeSecurityGroupIngress", "aws:RequestTag/plumbline": "yes"},
    )
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "plumbline", "Value": "yes"}]}]
    arguments = {"GroupId": group, "IpPermissions": [OPEN], "TagSpecifications": tags}
    without = cloud.client("ec2", cloud.assume("without", allow))
    denied(lambda: without.authorize_security_group_ingress(**arguments))
    cloud.client("ec2", cloud.assume("with", allow, tag)).authorize_security_group_ingress(**arguments)


def test_request_tags_decide(cloud):
    """`aws:RequestTag/k` and `aws:TagKeys` on CreateTags (IAM User Guide, "Controlling access to AWS requests")."""
    _, group = network(cloud)
    allow = statement(
        "Allow",
        "ec2:CreateTags",
        "*",
        **{"StringEquals": {"aws:RequestTag/team": "net"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}},
    )
    ec2 = cloud.client("ec2", cloud.assume("tagger", allow))
    ec2.create_tags(Resources=[group], Tags=[{"Key": "team", "Value": "net"}])
    denied(lambda: ec2.create_tags(Resources=[group], Tags=[{"Key": "team", "Value": "app"}]))
    tags = [{"Key": "team", "Value": "net"}, {"Key": "x", "Value": "y"}]
    denied(lambda: ec2.create_tags(Resources=[group], Tags=tags))


def test_an_explicit_deny_wins(cloud):
    """IAM User Guide, "Policy evaluation logic": an explicit deny overrides any allow."""
    vpc, group = network(cloud)
    deny = statement("Deny", "ec2:AuthorizeSecurityGroupIngress", "*", ArnEquals={"ec2:Vpc": f"{ARN}vpc/{vpc}"})
    ec2 = cloud.client("ec2", cloud.assume("denied", statement("Allow", "ec2:*"), deny))
    message = denied(lambda: ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[OPEN]))
    assert "explicit deny" in message


def test_other_services_answer_access_denied_in_their_own_way(cloud):
    """AccessDeniedException, 400, of DynamoDB and EventBridge; AccessDenied, 403, of SQS (API references)."""
    cloud.client("dynamodb").create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    url, _ = cloud.queue("q")
    keys = cloud.assume("nobody", statement("Allow", "ec2:*"))
    table = cloud.client("dynamodb", keys)
    denied(lambda: table.put_item(TableName="ledger", Item={"pk": {"S": "a"}}), "AccessDeniedException", 400)
    entry = {"Source": "s", "DetailType": "d", "Detail": "{}"}
    denied(lambda: cloud.client("events", keys).put_events(Entries=[entry]), "AccessDeniedException", 400)
    sqs = cloud.client("sqs", keys)
    with pytest.raises(ClientError) as refusal:
        sqs.send_message(QueueUrl=url, MessageBody="x")
    assert refusal.value.response["Error"]["Code"].startswith("AccessDenied")
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_leading_keys_confine_a_role_to_its_items(cloud):
    """`dynamodb:LeadingKeys` (DynamoDB Developer Guide, "IAM policy conditions for fine-grained access control")."""
    cloud.client("dynamodb").create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    allow = statement("Allow", "dynamodb:*", "*", **{"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["pause#*"]}})
    table = cloud.client("dynamodb", cloud.assume("pauser", allow))
    item = {"pk": {"S": "pause#a"}, "sk": {"S": "1"}}
    table.put_item(TableName="ledger", Item=item)
    table.get_item(TableName="ledger", Key=item)
    query = {"TableName": "ledger", "KeyConditionExpression": "#p = :p", "ExpressionAttributeNames": {"#p": "pk"}}
    assert table.query(**query, ExpressionAttributeValues={":p": {"S": "pause#a"}})["Count"] == 1
    other = {"pk": {"S": "lease#a"}, "sk": {"S": "1"}}
    denied(lambda: table.put_item(TableName="ledger", Item=other), "AccessDeniedException", 400)
    denied(
        lambda: table.query(**query, ExpressionAttributeValues={":p": {"S": "lease#a"}}), "AccessDeniedException", 400
    )
    transaction = [{"Put": {"TableName": "ledger", "Item": other}}]
    denied(lambda: table.transact_write_items(TransactItems=transaction), "AccessDeniedException", 400)


def test_a_functions_policies_are_the_ones_that_count(cloud):
    """The function's calls are made with its role's permissions, no more (Lambda Developer Guide, "execution role")."""
    _, group = network(cloud)
    cloud.function(
        "fixer",
        """
        def handle(event, context):
            ec2 = client("ec2")
            ec2.describe_security_groups()
            try:
                ec2.delete_security_group(GroupId=event)
            except Exception as error:
                return error.response["Error"]["Code"]
        """,
        statement("Allow", "ec2:DescribeSecurityGroups"),
    )
    since = cloud.admin("GET", "ready")["calls"]
    assert cloud.invoke("fixer", group) == "UnauthorizedOperation"
    made = cloud.admin("GET", "calls", since=since, caller="assumed-role/fixer-role/fixer")["calls"]
    assert [(call["action"], call["allowed"], call["error"]) for call in made] == [
        ("DescribeSecurityGroups", True, None),
        ("DeleteSecurityGroup", False, "UnauthorizedOperation"),
    ]


def test_put_events_is_authorised_entry_by_entry(cloud):
    """`events:source` (EventBridge User Guide, "Using IAM policy conditions in Amazon EventBridge")."""
    bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    allow = statement("Allow", "events:PutEvents", bus, StringEquals={"events:source": "plumbline"})
    events = cloud.client("events", cloud.assume("teller", allow))

    def entry(source):
        return {"Source": source, "DetailType": "T", "Detail": "{}"}

    events.put_events(Entries=[entry("plumbline")])
    denied(lambda: events.put_events(Entries=[entry("other")]), "AccessDeniedException", 400)
    denied(lambda: events.put_events(Entries=[entry("plumbline"), entry("other")]), "AccessDeniedException", 400)


def test_a_policy_that_wants_encryption_in_transit_is_satisfied(cloud):
    """AWS is called over TLS: the usual Deny on aws:SecureTransport false denies nobody, caller or service."""
    url, arn = cloud.queue("in")
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:*", "Resource": arn},
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sqs:*",
                "Resource": arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }
    cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    events = cloud.client("events")
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["plumbline"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": arn}])
    sender = cloud.client("sqs", cloud.assume("sender", statement("Allow", "sqs:SendMessage", arn)))
    sender.send_message(QueueUrl=url, MessageBody="direct")
    events.put_events(Entries=[{"Source": "plumbline", "DetailType": "T", "Detail": "{}"}])
    assert len(cloud.messages(url)) == 2
