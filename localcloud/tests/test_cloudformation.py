"""CloudFormation's EC2 types.

Sources: Template Reference (one page a type); CloudFormation User Guide, "Resource tags", "Managing events with
EventBridge", "Detect unmanaged configuration changes".
"""

from __future__ import annotations

import copy
import json
import time

import pytest

from .conftest import Bus, refused, rules_of, tcp, v4

NETWORK = {
    "Parameters": {"Cidr": {"Type": "String", "Default": "10.50.0.0/16"}},
    "Resources": {
        "Vpc": {
            "Type": "AWS::EC2::VPC",
            "Properties": {
                "CidrBlock": {"Ref": "Cidr"},
                "EnableDnsHostnames": True,
                "Tags": [{"Key": "Name", "Value": "cfn"}],
            },
        },
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {
                "VpcId": {"Ref": "Vpc"},
                "CidrBlock": {"Fn::Select": [0, {"Fn::Cidr": [{"Fn::GetAtt": ["Vpc", "CidrBlock"]}, 4, 8]}]},
                "AvailabilityZone": {"Fn::Select": [0, {"Fn::GetAZs": ""}]},
            },
        },
        "Gateway": {"Type": "AWS::EC2::InternetGateway"},
        "Attachment": {
            "Type": "AWS::EC2::VPCGatewayAttachment",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "InternetGatewayId": {"Ref": "Gateway"}},
        },
        "Table": {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": {"Ref": "Vpc"}}},
        "Association": {
            "Type": "AWS::EC2::SubnetRouteTableAssociation",
            "Properties": {"RouteTableId": {"Ref": "Table"}, "SubnetId": {"Ref": "Subnet"}},
        },
        "Address": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc"}},
        "Nat": {
            "Type": "AWS::EC2::NatGateway",
            "DependsOn": "Attachment",
            "Properties": {"SubnetId": {"Ref": "Subnet"}, "AllocationId": {"Fn::GetAtt": ["Address", "AllocationId"]}},
        },
        "Route": {
            "Type": "AWS::EC2::Route",
            "Properties": {
                "RouteTableId": {"Ref": "Table"},
                "DestinationCidrBlock": "0.0.0.0/0",
                "NatGatewayId": {"Ref": "Nat"},
            },
        },
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupDescription": "x",
                "VpcId": {"Ref": "Vpc"},
                "SecurityGroupIngress": [
                    {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"},
                ],
            },
        },
        "Rule": {
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": {
                "GroupId": {"Fn::GetAtt": ["Group", "GroupId"]},
                "IpProtocol": "tcp",
                "FromPort": 8443,
                "ToPort": 8443,
                "SourceSecurityGroupId": {"Fn::GetAtt": ["Group", "GroupId"]},
            },
        },
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
        "FlowLog": {
            "Type": "AWS::EC2::FlowLog",
            "Properties": {
                "ResourceId": {"Ref": "Vpc"},
                "ResourceType": "VPC",
                "TrafficType": "ALL",
                "LogGroupName": {"Ref": "Logs"},
                "DeliverLogsPermissionArn": {"Fn::GetAtt": ["Delivery", "Arn"]},
            },
        },
        "Delivery": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            },
        },
        "Endpoint": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {
                "VpcId": {"Ref": "Vpc"},
                "ServiceName": {"Fn::Sub": "com.amazonaws.${AWS::Region}.s3"},
                "RouteTableIds": [{"Ref": "Table"}],
            },
        },
    },
    "Outputs": {
        "Vpc": {"Value": {"Ref": "Vpc"}},
        "Group": {"Value": {"Fn::GetAtt": ["Group", "GroupId"]}},
        "Table": {"Value": {"Ref": "Table"}},
    },
}


@pytest.fixture
def cloudformation(client):
    return client("cloudformation")


def settle(cloudformation, stack):
    """The stack's status once nothing is in progress."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        if not described["StackStatus"].endswith("IN_PROGRESS"):
            return described
        time.sleep(0.05)
    raise AssertionError(f"{stack} is still {described['StackStatus']}")


def deploy(cloudformation, name, resources, call="create_stack", expect="CREATE_COMPLETE", **more):
    body = resources if "Resources" in resources else {"Resources": resources}
    stack_id = getattr(cloudformation, call)(StackName=name, TemplateBody=json.dumps(body), **more)["StackId"]
    stack = settle(cloudformation, stack_id)
    events = cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]
    reasons = [one.get("ResourceStatusReason") for one in events if "FAILED" in one["ResourceStatus"]]
    assert stack["StackStatus"] == expect, reasons
    return stack


def outputs(stack):
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


def group_of(**properties):
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.60.0.0/16"}},
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": "g", "GroupName": "g", "VpcId": {"Ref": "Vpc"}, **properties},
        },
    }


def only_group(ec2):
    return ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["g"]}])["SecurityGroups"][0]


def test_a_network(ec2, cloudformation):
    """Create, describe through EC2, delete: nothing is left."""
    vpcs_before = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]}
    out = outputs(deploy(cloudformation, "net", NETWORK, Capabilities=["CAPABILITY_IAM"]))
    group = ec2.describe_security_groups(GroupIds=[out["Group"]])["SecurityGroups"][0]
    assert {one["FromPort"] for one in group["IpPermissions"]} == {443, 8443}
    in_vpc = [{"Name": "vpc-id", "Values": [out["Vpc"]]}]
    assert ec2.describe_nat_gateways(Filters=in_vpc)["NatGateways"][0]["State"] == "available"
    assert ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [out["Vpc"]]}])["FlowLogs"]
    table = ec2.describe_route_tables(RouteTableIds=[out["Table"]])["RouteTables"][0]
    assert any(route.get("NatGatewayId") for route in table["Routes"])
    assert any(route.get("DestinationPrefixListId") for route in table["Routes"])
    assert table["Associations"][0]["SubnetId"]
    resources = cloudformation.list_stack_resources(StackName="net")["StackResourceSummaries"]
    assert {one["LogicalResourceId"] for one in resources} == set(NETWORK["Resources"])
    stack_id = cloudformation.describe_stacks(StackName="net")["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName="net")
    assert settle(cloudformation, stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]} == vpcs_before


def test_resources_carry_the_stacks_tags(ec2, cloudformation):
    """Resource tags: aws:cloudformation:logical-id, :stack-id, :stack-name, and the tags of the stack itself."""
    tags = [{"Key": "team", "Value": "net"}]
    stack = deploy(cloudformation, "tagged", group_of(Tags=[{"Key": "Name", "Value": "n"}]), Tags=tags)
    assert {tag["Key"]: tag["Value"] for tag in only_group(ec2)["Tags"]} == {
        "Name": "n",
        "team": "net",
        "aws:cloudformation:stack-name": "tagged",
        "aws:cloudformation:stack-id": stack["StackId"],
        "aws:cloudformation:logical-id": "Group",
    }
    found = ec2.describe_vpcs(Filters=[{"Name": "tag:aws:cloudformation:stack-name", "Values": ["tagged"]}])["Vpcs"]
    assert len(found) == 1


def test_a_group_without_rules_has_the_default_egress(ec2, cloudformation):
    """ "The default rule is removed only when you specify one or more egress rules"."""
    deploy(cloudformation, "bare", group_of())
    group = only_group(ec2)
    assert group["IpPermissions"] == []
    assert [one["CidrIpv4"] for one in rules_of(ec2, group["GroupId"], egress=True)] == ["0.0.0.0/0"]


def test_declared_egress_replaces_the_default(ec2, cloudformation):
    """AWS::EC2::SecurityGroup, SecurityGroupEgress."""
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8", "Description": "d"}
    deploy(cloudformation, "egress", group_of(SecurityGroupEgress=[rule]))
    rules = rules_of(ec2, only_group(ec2)["GroupId"], egress=True)
    assert [(one["CidrIpv4"], one["FromPort"], one["Description"]) for one in rules] == [("10.0.0.0/8", 443, "d")]


def test_an_update_touches_only_what_the_template_changed(ec2, cloudformation):
    """A rule added from outside stays; the group keeps its id; a changed description needs a new group."""
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"}
    deploy(cloudformation, "upd", group_of(SecurityGroupIngress=[rule]))
    group = only_group(ec2)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(3389, **v4("0.0.0.0/0"))])
    changed = group_of(SecurityGroupIngress=[{**rule, "FromPort": 80, "ToPort": 80}], Tags=[{"Key": "k", "Value": "v"}])
    deploy(cloudformation, "upd", changed, call="update_stack", expect="UPDATE_COMPLETE")
    assert only_group(ec2)["GroupId"] == group
    assert {one["FromPort"] for one in rules_of(ec2, group)} == {80, 3389}
    assert {"Key": "k", "Value": "v"} in only_group(ec2)["Tags"]


def test_a_change_set(ec2, cloudformation):
    """Preview, then execute."""
    deploy(cloudformation, "cs", group_of())
    changed = group_of()
    changed["Subnet"] = {
        "Type": "AWS::EC2::Subnet",
        "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.60.1.0/24"},
    }
    wanted = {"StackName": "cs", "ChangeSetName": "c1", "TemplateBody": json.dumps({"Resources": changed})}
    cloudformation.create_change_set(**wanted)
    cloudformation.get_waiter("change_set_create_complete").wait(
        StackName="cs", ChangeSetName="c1", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    changes = cloudformation.describe_change_set(StackName="cs", ChangeSetName="c1")["Changes"]
    assert [(one["ResourceChange"]["LogicalResourceId"], one["ResourceChange"]["Action"]) for one in changes] == [
        ("Subnet", "Add")
    ]
    cloudformation.execute_change_set(StackName="cs", ChangeSetName="c1")
    cloudformation.get_waiter("stack_update_complete").wait(
        StackName="cs", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    vpc = only_group(ec2)["VpcId"]
    assert ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]


def test_a_failure_rolls_back(ec2, cloudformation):
    """ROLLBACK_COMPLETE, and what was made is gone; a type that is not served fails the same way."""
    vpcs = len(ec2.describe_vpcs()["Vpcs"])
    broken = group_of()
    broken["Subnet"] = {
        "Type": "AWS::EC2::Subnet",
        "DependsOn": "Group",
        "Properties": {"VpcId": "vpc-0123456789abcdead", "CidrBlock": "10.0.0.0/24"},
    }
    deploy(cloudformation, "rb", broken, expect="ROLLBACK_COMPLETE")
    assert len(ec2.describe_vpcs()["Vpcs"]) == vpcs


def test_drift_of_a_group(ec2, cloudformation):
    """DetectStackDrift: an undeclared rule makes the group MODIFIED."""
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"}
    deploy(cloudformation, "drift", group_of(SecurityGroupIngress=[rule]))
    group = only_group(ec2)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, **v4("0.0.0.0/0"))])
    detection = cloudformation.detect_stack_drift(StackName="drift")["StackDriftDetectionId"]
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        status = cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        if status["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
        time.sleep(0.05)
    assert status["StackDriftStatus"] == "DRIFTED"
    drifts = cloudformation.describe_stack_resource_drifts(StackName="drift")["StackResourceDrifts"]
    by_id = {one["LogicalResourceId"]: one["StackResourceDriftStatus"] for one in drifts}
    assert by_id["Group"] == "MODIFIED"


def test_an_endpoint_service_with_permissions(ec2, cloudformation, account):
    """AWS::EC2::VPCEndpointService, AWS::EC2::VPCEndpointServicePermissions."""
    principal = "arn:aws:iam::222233334444:root"
    resources = {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.60.0.0/16"}},
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.60.0.0/24"},
        },
        "Balancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"Type": "network", "Scheme": "internal", "Subnets": [{"Ref": "Subnet"}]},
        },
        "Service": {
            "Type": "AWS::EC2::VPCEndpointService",
            "Properties": {"NetworkLoadBalancerArns": [{"Ref": "Balancer"}], "AcceptanceRequired": True},
        },
        "Permissions": {
            "Type": "AWS::EC2::VPCEndpointServicePermissions",
            "Properties": {"ServiceId": {"Ref": "Service"}, "AllowedPrincipals": [principal]},
        },
    }
    deploy(cloudformation, "pl", resources)
    service = ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"][0]
    assert service["AcceptanceRequired"] is True
    answer = ec2.describe_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"])
    assert [one["Principal"] for one in answer["AllowedPrincipals"]] == [principal]
    changed = copy.deepcopy(resources)
    changed["Service"]["Properties"]["AcceptanceRequired"] = False
    changed["Permissions"]["Properties"]["AllowedPrincipals"] = []
    deploy(cloudformation, "pl", changed, call="update_stack", expect="UPDATE_COMPLETE")
    assert ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"][0]["AcceptanceRequired"] is False
    answer = ec2.describe_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"])
    assert answer["AllowedPrincipals"] == []


def test_calls_are_the_callers_and_invoked_by_cloudformation(client, trail):
    """userIdentity `invokedBy`; sourceIPAddress and userAgent name the service, the identity stays the caller's."""
    iam = client("iam")
    iam.create_user(UserName="deployer")
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    iam.put_user_policy(UserName="deployer", PolicyName="all", PolicyDocument=document)
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    deploy(client("cloudformation", key["AccessKeyId"], key["SecretAccessKey"]), "who", group_of())
    detail = trail.call("CreateSecurityGroup")
    assert detail["userIdentity"]["userName"] == "deployer"
    assert detail["userIdentity"]["invokedBy"] == "cloudformation.amazonaws.com"
    assert detail["sourceIPAddress"] == "cloudformation.amazonaws.com"
    assert detail["userAgent"] == "cloudformation.amazonaws.com"
    tags = detail["requestParameters"]["tagSpecificationSet"]["items"][0]["tags"]
    assert {"key": "aws:cloudformation:logical-id", "value": "Group"} in tags


def test_stack_events_reach_the_bus(client, cloudformation):
    """ "CloudFormation Stack Status Change" with stack-id and status-details."""
    bus = Bus(client, {"source": ["aws.cloudformation"], "detail-type": ["CloudFormation Stack Status Change"]})
    stack = deploy(cloudformation, "evt", group_of())
    arrived = bus.wait_for(lambda event: True, count=2)
    statuses = {one["detail"]["status-details"]["status"] for one in arrived}
    assert statuses == {"CREATE_IN_PROGRESS", "CREATE_COMPLETE"}
    assert {one["detail"]["stack-id"] for one in arrived} == {stack["StackId"]}
    assert arrived[0]["resources"] == [stack["StackId"]]


def test_the_tags_cannot_be_forged_in_a_group_that_cloudformation_made(ec2, cloudformation):
    """The `aws:` tags are CloudFormation's alone."""
    deploy(cloudformation, "own", group_of())
    tags = [{"Key": "aws:cloudformation:stack-name", "Value": "forged"}]
    assert refused(ec2.create_tags, Resources=[only_group(ec2)["GroupId"]], Tags=tags) == "InvalidParameterValue"


def test_a_null_anywhere_is_refused(client):
    """CloudFormation: "'null' values are not allowed in templates", event patterns included."""
    template = copy.deepcopy(NETWORK)
    template["Resources"]["Rule"] = {
        "Type": "AWS::Events::Rule",
        "Properties": {"EventPattern": {"source": ["a"], "detail": {"control": [None, "b"]}}},
    }
    cloudformation = client("cloudformation")
    assert (
        refused(cloudformation.create_stack, StackName="nulls", TemplateBody=json.dumps(template)) == "ValidationError"
    )


TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "TableName": "kept",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    },
}
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "RoleName": "kept",
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        },
    },
}


@pytest.mark.parametrize("resource", [TABLE, ROLE], ids=["table", "role"])
def test_what_has_a_name_and_was_retained_is_not_taken_over(client, cloudformation, resource):
    """DeletionPolicy: it outlives its stack. Troubleshooting: making it again fails, it already exists."""
    kept = {"Kept": {**resource, "DeletionPolicy": "Retain"}}
    named = {"Capabilities": ["CAPABILITY_NAMED_IAM"]}
    first = deploy(cloudformation, "first", kept, **named)["StackId"]
    if resource is TABLE:
        client("dynamodb").put_item(TableName="kept", Item={"pk": {"S": "remembered"}})
    cloudformation.delete_stack(StackName="first")
    assert settle(cloudformation, first)["StackStatus"] == "DELETE_COMPLETE"
    second = deploy(cloudformation, "second", kept, expect="ROLLBACK_COMPLETE", **named)["StackId"]
    cloudformation.delete_stack(StackName="second")
    assert settle(cloudformation, second)["StackStatus"] == "DELETE_COMPLETE"
    if resource is TABLE:
        assert client("dynamodb").scan(TableName="kept")["Count"] == 1
    else:
        assert client("iam").get_role(RoleName="kept")["Role"]["RoleName"] == "kept"


def log_group(**properties):
    return {"Logs": {"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Retain", "Properties": properties}}


def test_a_log_group_that_exists_is_not_taken_over(client, cloudformation):
    """A retained log group outlives its stack; making the stack again fails: the resource already exists."""
    deploy(cloudformation, "one", log_group(LogGroupName="/flow/main"))
    stack_id = cloudformation.describe_stacks(StackName="one")["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName="one")
    assert settle(cloudformation, stack_id)["StackStatus"] == "DELETE_COMPLETE"
    logs = client("logs")
    logs.create_log_stream(logGroupName="/flow/main", logStreamName="kept")
    deploy(cloudformation, "two", log_group(LogGroupName="/flow/main"), expect="ROLLBACK_COMPLETE")
    assert logs.describe_log_streams(logGroupName="/flow/main")["logStreams"]


def test_retention_that_a_template_does_not_declare_is_left_alone(client, cloudformation):
    """ "Update behaviors": only what the template changes is changed; who sets retention elsewhere keeps it."""
    deploy(cloudformation, "logs", log_group(LogGroupName="/flow/main"))
    logs = client("logs")
    logs.put_retention_policy(logGroupName="/flow/main", retentionInDays=30)
    tagged = log_group(LogGroupName="/flow/main", Tags=[{"Key": "a", "Value": "b"}])
    deploy(cloudformation, "logs", tagged, call="update_stack", expect="UPDATE_COMPLETE")
    [group] = logs.describe_log_groups(logGroupNamePrefix="/flow/main")["logGroups"]
    assert group["retentionInDays"] == 30


def test_log_groups_of_stacks_are_on_record(client, cloudformation):
    """CloudTrail: CreateLogGroup and PutRetentionPolicy, invokedBy cloudformation.amazonaws.com."""
    bus = Bus(client, {"source": ["aws.logs"]})
    deploy(cloudformation, "logs", log_group(LogGroupName="/flow/main", RetentionInDays=7))
    assert bus.call("CreateLogGroup")["userIdentity"]["invokedBy"] == "cloudformation.amazonaws.com"
    assert bus.call("PutRetentionPolicy")["requestParameters"] == {"logGroupName": "/flow/main", "retentionInDays": 7}
