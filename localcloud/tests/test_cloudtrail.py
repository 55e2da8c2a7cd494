"""CloudTrail through EventBridge, from the call to the bus.

Sources: EventBridge User Guide, "AWS service events delivered via AWS CloudTrail"; CloudTrail User Guide, "CloudTrail
record contents", "CloudTrail userIdentity element".
"""

from __future__ import annotations

import json

import pytest

from .conftest import Bus, refused, rules_of, tcp, v4

TRUST = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def user(client):
    """An IAM user who may do everything: (name, EC2 client)."""
    iam = client("iam")
    iam.create_user(UserName="alice")
    iam.put_user_policy(UserName="alice", PolicyName="all", PolicyDocument=policy(ALLOW_ALL))
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    return "alice", client("ec2", key["AccessKeyId"], key["SecretAccessKey"])


@pytest.fixture
def role(client):
    """A role with a path and the session of one who assumed it: (role ARN, EC2 client)."""
    arn = client("iam").create_role(RoleName="deployer", Path="/ci/", AssumeRolePolicyDocument=policy(TRUST))
    client("iam").put_role_policy(RoleName="deployer", PolicyName="all", PolicyDocument=policy(ALLOW_ALL))
    arn = arn["Role"]["Arn"]
    session = client("sts").assume_role(RoleArn=arn, RoleSessionName="build-17")["Credentials"]
    return arn, client("ec2", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])


def test_envelope_and_record(ec2, vpc, account, trail):
    """The envelope of the event and the fields of the record; `resources` is empty."""
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    event = trail.wait_for(lambda one: one["detail"]["eventName"] == "CreateSecurityGroup")[0]
    assert event["version"] == "0"
    assert event["source"] == "aws.ec2"
    assert event["detail-type"] == "AWS API Call via CloudTrail"
    assert event["account"] == account
    assert event["region"] == "us-east-1"
    assert event["resources"] == []
    detail = event["detail"]
    assert detail["eventSource"] == "ec2.amazonaws.com"
    assert detail["eventType"] == "AwsApiCall"
    assert detail["awsRegion"] == "us-east-1"
    assert detail["recipientAccountId"] == account
    assert (detail["readOnly"], detail["managementEvent"]) == (False, True)
    assert detail["requestParameters"] == {"groupName": "web", "groupDescription": "web", "vpcId": vpc}
    assert detail["responseElements"]["groupId"] == group
    assert detail["responseElements"]["_return"] is True
    assert "errorCode" not in detail


def test_authorize_in_the_older_encoding(ec2, group, account, trail):
    """Encoding A: lowerCamelCase, `items`, `{}` for an empty list; the answer carries the rule ids."""
    permission = tcp(22, IpRanges=[{"CidrIp": "0.0.0.0/0", "Description": "ssh"}])
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    detail = trail.call("AuthorizeSecurityGroupIngress")
    assert detail["requestParameters"] == {
        "groupId": group,
        "ipPermissions": {
            "items": [
                {
                    "ipProtocol": "tcp",
                    "fromPort": 22,
                    "toPort": 22,
                    "groups": {},
                    "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0", "description": "ssh"}]},
                    "ipv6Ranges": {},
                    "prefixListIds": {},
                }
            ]
        },
    }
    rule = detail["responseElements"]["securityGroupRuleSet"]["items"][0]
    assert rule["securityGroupRuleId"] == rules_of(ec2, group)[0]["SecurityGroupRuleId"]
    assert rule["cidrIpv4"] == "0.0.0.0/0"
    assert (rule["isEgress"], rule["fromPort"], rule["groupOwnerId"]) == (False, 22, account)


def test_flat_form_has_empty_permissions(ec2, group, trail):
    """The flat form is logged with `ipPermissions: {}` beside `cidrIp`."""
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    assert trail.call("AuthorizeSecurityGroupIngress")["requestParameters"] == {
        "groupId": group,
        "ipPermissions": {},
        "ipProtocol": "tcp",
        "fromPort": 22,
        "toPort": 22,
        "cidrIp": "0.0.0.0/0",
    }


def test_revoke_by_id(ec2, group, trail):
    """A revoke by rule id names the ids, and `ipPermissions` is empty."""
    rule = rules_of(ec2, group, egress=True)[0]["SecurityGroupRuleId"]
    ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=[rule])
    parameters = trail.call("RevokeSecurityGroupEgress")["requestParameters"]
    assert parameters["ipPermissions"] == {}
    assert parameters["securityGroupRuleIds"] == {"items": [{"securityGroupRuleId": rule}]}


def test_modify_in_the_newer_encoding(ec2, group, trail):
    """Encoding B: `ModifySecurityGroupRulesRequest`, PascalCase, one element as an object."""
    answer = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, **v4("10.0.0.0/8"))])
    rule = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    new = {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "CidrIpv4": "0.0.0.0/0"}
    ec2.modify_security_group_rules(
        GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": rule, "SecurityGroupRule": new}]
    )
    detail = trail.call("ModifySecurityGroupRules")
    request = detail["requestParameters"]["ModifySecurityGroupRulesRequest"]
    assert request["GroupId"] == group
    assert request["SecurityGroupRule"] == {"SecurityGroupRuleId": rule, "SecurityGroupRule": new, "tag": 1}
    assert detail["responseElements"]["ModifySecurityGroupRulesResponse"]["return"] is True


def test_nat_gateway_in_the_newer_encoding(ec2, subnet, trail):
    """CreateNatGateway, DeleteNatGateway."""
    tags = [{"ResourceType": "natgateway", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "01"}]}]
    nat = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private", ClientToken="t", TagSpecifications=tags)
    nat_id = nat["NatGateway"]["NatGatewayId"]
    detail = trail.call("CreateNatGateway")
    assert detail["requestParameters"]["CreateNatGatewayRequest"] == {
        "SubnetId": subnet,
        "ConnectivityType": "private",
        "ClientToken": "t",
        "TagSpecification": {
            "ResourceType": "natgateway",
            "Tag": [{"Key": "a", "Value": 1, "tag": 1}, {"Key": "b", "Value": "01", "tag": 2}],
            "tag": 1,
        },
    }
    assert detail["responseElements"]["CreateNatGatewayResponse"]["natGateway"]["natGatewayId"] == nat_id
    ec2.delete_nat_gateway(NatGatewayId=nat_id)
    assert trail.call("DeleteNatGateway")["requestParameters"] == {"DeleteNatGatewayRequest": {"NatGatewayId": nat_id}}


def test_delete_flow_logs_names_flow_logs(ec2, trail):
    """A list of one is an object with `tag` and `content`."""
    ec2.delete_flow_logs(FlowLogIds=["fl-0123456789abcdef0"])
    parameters = trail.call("DeleteFlowLogs")["requestParameters"]
    assert parameters == {"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": "fl-0123456789abcdef0"}}}


def test_failed_call(ec2, group, trail):
    """errorCode with `Client.` before it, errorMessage, `responseElements` null."""
    permission = [tcp(2222, **v4("10.0.0.0/8"))]
    assert refused(ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=permission)
    detail = trail.call("RevokeSecurityGroupIngress")
    assert detail["errorCode"] == "Client.InvalidPermission.NotFound"
    assert detail["errorMessage"]
    assert detail["responseElements"] is None
    assert detail["requestParameters"]["groupId"] == group


def test_dry_run(ec2, group, trail):
    """errorCode Client.DryRunOperation."""
    permission = [tcp(22, **v4("0.0.0.0/0"))]
    refused(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=permission, DryRun=True)
    detail = trail.call("AuthorizeSecurityGroupIngress")
    assert detail["errorCode"] == "Client.DryRunOperation"
    assert detail["responseElements"] is None


def test_denied_call(client, group, trail):
    """A call that IAM refuses is logged as Client.UnauthorizedOperation with who tried it."""
    iam = client("iam")
    iam.create_user(UserName="mallory")
    key = iam.create_access_key(UserName="mallory")["AccessKey"]
    mallory = client("ec2", key["AccessKeyId"], key["SecretAccessKey"])
    code = refused(mallory.authorize_security_group_ingress, GroupId=group, IpPermissions=[tcp(22, **v4("0.0.0.0/0"))])
    assert code == "UnauthorizedOperation"
    detail = trail.call("AuthorizeSecurityGroupIngress")
    assert detail["errorCode"] == "Client.UnauthorizedOperation"
    assert detail["userIdentity"]["userName"] == "mallory"


def test_reads_are_not_delivered(ec2, vpc, group, trail):
    """ "Describe, List and Get are not delivered by default"."""
    ec2.describe_security_groups()
    ec2.describe_vpcs()
    for marker in ("one", "two"):  # the second is sent when the first has come: a read would be there by then
        ec2.create_tags(Resources=[vpc], Tags=[{"Key": marker, "Value": ""}])
        trail.wait_for(lambda event, m=marker: m in json.dumps(event["detail"]["requestParameters"]))
    assert not [event for event in trail.seen if event["detail"]["eventName"].startswith("Describe")]


def test_root(ec2, vpc, account, trail):
    """userIdentity of the root user: no session issuer."""
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": "b"}])
    detail = trail.call("CreateTags")
    identity = detail["userIdentity"]
    assert identity["type"] == "Root"
    assert identity["arn"] == f"arn:aws:iam::{account}:root"
    assert "sessionIssuer" not in identity.get("sessionContext", {})
    assert detail["requestParameters"] == {
        "resourcesSet": {"items": [{"resourceId": vpc}]},
        "tagSet": {"items": [{"key": "a", "value": "b"}]},
    }


def test_iam_user(user, vpc, account, trail):
    """userIdentity of an IAM user: userName, no session issuer."""
    name, ec2 = user
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": "b"}])
    identity = trail.call("CreateTags")["userIdentity"]
    assert (identity["type"], identity["userName"]) == ("IAMUser", name)
    assert identity["arn"] == f"arn:aws:iam::{account}:user/{name}"
    assert identity["accessKeyId"].startswith("AKIA")
    assert "sessionIssuer" not in identity.get("sessionContext", {})


def test_assumed_role(role, vpc, account, trail):
    """userIdentity of a role session: its own ARN is the session's, the issuer's is the role's with its path."""
    arn, ec2 = role
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": "b"}])
    identity = trail.call("CreateTags")["userIdentity"]
    assert identity["type"] == "AssumedRole"
    assert identity["arn"] == f"arn:aws:sts::{account}:assumed-role/deployer/build-17"
    issuer = identity["sessionContext"]["sessionIssuer"]
    assert issuer["arn"] == arn == f"arn:aws:iam::{account}:role/ci/deployer"
    assert (issuer["type"], issuer["userName"], issuer["accountId"]) == ("Role", "deployer", account)
    assert identity["principalId"] == f"{issuer['principalId']}:build-17"


def test_neighbours_are_recorded(client, ec2, vpc, subnet, group, trail):
    """RDS: names start in lower case, an answer of one structure is written flat, secrets are masked."""
    second = ec2.create_subnet(VpcId=vpc, CidrBlock="10.10.2.0/24", AvailabilityZone="us-east-1b")["Subnet"]
    rds = client("rds")
    rds.create_db_subnet_group(
        DBSubnetGroupName="db", DBSubnetGroupDescription="d", SubnetIds=[subnet, second["SubnetId"]]
    )
    rds.create_db_instance(
        DBInstanceIdentifier="db1",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="u",
        MasterUserPassword="password123",
        DBSubnetGroupName="db",
        VpcSecurityGroupIds=[group],
        PubliclyAccessible=True,
    )
    detail = trail.call("CreateDBInstance")
    assert detail["eventSource"] == "rds.amazonaws.com"
    assert detail["requestParameters"]["dBInstanceIdentifier"] == "db1"
    assert detail["requestParameters"]["publiclyAccessible"] is True
    assert detail["requestParameters"]["vpcSecurityGroupIds"] == [group]
    assert "password123" not in json.dumps(detail)
    assert detail["responseElements"]["dBInstanceIdentifier"] == "db1"


def test_log_group_calls_are_recorded(client):
    """CloudWatch Logs management events: DeleteLogGroup wakes the flow-logs control."""
    bus = Bus(client, {"source": ["aws.logs"]})
    client("logs").create_log_group(logGroupName="/flow")
    client("logs").delete_log_group(logGroupName="/flow")
    assert bus.call("DeleteLogGroup")["requestParameters"] == {"logGroupName": "/flow"}


def test_nobody_can_put_such_events(client):
    """PutEvents: sources that begin with `aws.` are refused (NotAuthorizedForSourceException)."""
    entry = {"Source": "aws.ec2", "DetailType": "AWS API Call via CloudTrail", "Detail": "{}"}
    answer = client("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


def test_what_the_network_controls_wake_on(ec2, client, vpc, subnet, trail):
    """Encoding A for addresses and routes, B for endpoint services (REFERENCE: recorded and inferred events)."""
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    default = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    ec2.create_route(**default, GatewayId=gateway)
    ec2.replace_route(**default, GatewayId=gateway)
    ec2.delete_route(**default)
    ec2.release_address(AllocationId=address)
    balancer = client("elbv2").create_load_balancer(Name="nlb", Type="network", Subnets=[subnet])
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    service = ec2.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[arn])["ServiceConfiguration"]
    ec2.modify_vpc_endpoint_service_configuration(ServiceId=service["ServiceId"], AcceptanceRequired=False)
    ec2.modify_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"], AddAllowedPrincipals=["*"])
    ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[service["ServiceId"]])
    assert trail.call("AllocateAddress")["responseElements"]["allocationId"] == address
    assert trail.call("ReleaseAddress")["requestParameters"] == {"allocationId": address}
    for name in ("CreateRoute", "ReplaceRoute"):
        assert trail.call(name)["requestParameters"] == {
            "routeTableId": table,
            "destinationCidrBlock": "0.0.0.0/0",
            "gatewayId": gateway,
        }
    assert trail.call("DeleteRoute")["requestParameters"]["routeTableId"] == table
    configured = trail.call("ModifyVpcEndpointServiceConfiguration")["requestParameters"]
    assert configured["ModifyVpcEndpointServiceConfigurationRequest"]["AcceptanceRequired"] is False
    permitted = trail.call("ModifyVpcEndpointServicePermissions")["requestParameters"]
    assert permitted["ModifyVpcEndpointServicePermissionsRequest"]["ServiceId"] == service["ServiceId"]
    made = trail.call("CreateVpcEndpointServiceConfiguration")["responseElements"]
    assert service["ServiceId"] in json.dumps(made)
    assert trail.call("DeleteVpcEndpointServiceConfigurations")
