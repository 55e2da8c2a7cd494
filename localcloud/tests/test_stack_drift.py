"""Drift of network stacks, drift-aware change sets, imports, service roles.

Sources: CloudFormation User Guide, "Detect unmanaged configuration changes", "Using drift-aware change sets", "Import
AWS resources into a CloudFormation stack manually", "Resolve drift with an import operation".
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from .conftest import Bus, refused

NETWORK: dict[str, Any] = {
    "Resources": {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.60.0.0/16", "EnableDnsHostnames": True}},
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.60.0.0/24", "MapPublicIpOnLaunch": False},
        },
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "GroupDescription": "endpoints", "GroupName": "endpoints"},
        },
        "Other": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "GroupDescription": "other", "GroupName": "other"},
        },
        "Logs": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {
                "VpcId": {"Ref": "Vpc"},
                "ServiceName": {"Fn::Sub": "com.amazonaws.${AWS::Region}.logs"},
                "VpcEndpointType": "Interface",
                "SubnetIds": [{"Ref": "Subnet"}],
                "SecurityGroupIds": [{"Fn::GetAtt": ["Group", "GroupId"]}],
                "PrivateDnsEnabled": True,
            },
        },
    },
    "Outputs": {"LogsId": {"Value": {"Ref": "Logs"}}},
}
ROLE = "arn:aws:iam::000000000000:role/networks"


def _wait(cloudformation: Any, name: str) -> str:
    for _ in range(400):
        status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            return str(status)
        time.sleep(0.02)
    raise AssertionError("never at rest")


@pytest.fixture
def cloudformation(client: Any) -> Any:
    return client("cloudformation")


@pytest.fixture
def network(cloudformation: Any) -> str:
    cloudformation.create_stack(StackName="drifting", TemplateBody=json.dumps(NETWORK), RoleARN=ROLE)
    assert _wait(cloudformation, "drifting") == "CREATE_COMPLETE"
    return "drifting"


def _id(cloudformation: Any, logical: str) -> str:
    found = cloudformation.describe_stack_resource(StackName="drifting", LogicalResourceId=logical)
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def _drifts(cloudformation: Any) -> dict[str, dict[str, Any]]:
    cloudformation.detect_stack_drift(StackName="drifting")
    found = cloudformation.describe_stack_resource_drifts(StackName="drifting")["StackResourceDrifts"]
    return {it["LogicalResourceId"]: it for it in found if it["StackResourceDriftStatus"] != "IN_SYNC"}


def _changes(cloudformation: Any, name: str, **request: Any) -> dict[str, Any]:
    cloudformation.create_change_set(StackName="drifting", ChangeSetName=name, **request)
    return dict(cloudformation.describe_change_set(StackName="drifting", ChangeSetName=name))


def _execute(cloudformation: Any, name: str) -> str:
    cloudformation.execute_change_set(StackName="drifting", ChangeSetName=name)
    return _wait(cloudformation, "drifting")


def test_a_fresh_network_is_in_sync_and_properties_are_compared(cloudformation: Any, ec2: Any, network: str) -> None:
    assert _drifts(cloudformation) == {}
    ec2.modify_vpc_attribute(VpcId=_id(cloudformation, "Vpc"), EnableDnsHostnames={"Value": False})
    ec2.modify_subnet_attribute(SubnetId=_id(cloudformation, "Subnet"), MapPublicIpOnLaunch={"Value": True})
    drifts = _drifts(cloudformation)
    assert set(drifts) == {"Vpc", "Subnet"}
    assert drifts["Vpc"]["PropertyDifferences"][0]["PropertyPath"] == "/EnableDnsHostnames"


def test_the_end_of_a_detection_is_an_event(client: Any, cloudformation: Any, network: str) -> None:
    bus = Bus(client, {"detail-type": ["CloudFormation Drift Detection Status Change"]})
    cloudformation.detect_stack_drift(StackName=network)
    told = bus.wait_for(lambda event: True, 2)
    counts = {
        event["detail"]["status-details"]["detection-status"]: event["detail"]["drift-detection-details"]
        for event in told
    }
    assert counts == {
        "DETECTION_IN_PROGRESS": {"drifted-stack-resource-count": -1},
        "DETECTION_COMPLETE": {"drifted-stack-resource-count": 0},
    }


def test_the_service_role_is_remembered(cloudformation: Any, network: str) -> None:
    assert cloudformation.describe_stacks(StackName=network)["Stacks"][0]["RoleARN"] == ROLE


def test_a_drift_aware_change_set_makes_again_what_is_gone(cloudformation: Any, ec2: Any, network: str) -> None:
    gone = _id(cloudformation, "Other")
    ec2.delete_security_group(GroupId=gone)
    plain = _changes(cloudformation, "plain", UsePreviousTemplate=True)
    assert (plain["Status"], plain["Changes"]) == ("FAILED", []), "two templates are compared, and nothing else"
    made = _changes(cloudformation, "revert", UsePreviousTemplate=True, DeploymentMode="REVERT_DRIFT")
    assert (made["DeploymentMode"], made["StackDriftStatus"], made["Status"]) == (
        "REVERT_DRIFT",
        "DRIFTED",
        "CREATE_COMPLETE",
    )
    [change] = [change["ResourceChange"] for change in made["Changes"]]
    assert (change["LogicalResourceId"], change["Action"], change["ResourceDriftStatus"]) == ("Other", "Add", "DELETED")
    assert _execute(cloudformation, "revert") == "UPDATE_COMPLETE"
    assert _id(cloudformation, "Other") != gone
    assert _drifts(cloudformation) == {}


def test_a_drift_aware_change_set_puts_properties_back(cloudformation: Any, ec2: Any, network: str) -> None:
    ec2.modify_vpc_attribute(VpcId=_id(cloudformation, "Vpc"), EnableDnsHostnames={"Value": False})
    made = _changes(cloudformation, "revert", UsePreviousTemplate=True, DeploymentMode="REVERT_DRIFT")
    [change] = [change["ResourceChange"] for change in made["Changes"]]
    assert (change["LogicalResourceId"], change["Action"], change["Scope"]) == ("Vpc", "Modify", ["Properties"])
    assert _execute(cloudformation, "revert") == "UPDATE_COMPLETE"
    assert _drifts(cloudformation) == {}


def test_what_stands_in_is_adopted_and_the_template_restored(cloudformation: Any, ec2: Any, network: str) -> None:
    gone = _id(cloudformation, "Logs")
    ec2.delete_vpc_endpoints(VpcEndpointIds=[gone])
    # Its private name is taken while it is being deleted.
    by_id = [{"Name": "vpc-endpoint-id", "Values": [gone]}]
    for _ in range(400):
        if not ec2.describe_vpc_endpoints(Filters=by_id)["VpcEndpoints"]:
            break
        time.sleep(0.02)
    declared = ec2.create_vpc_endpoint(
        VpcId=_id(cloudformation, "Vpc"),
        ServiceName=f"com.amazonaws.{ec2.meta.region_name}.logs",
        VpcEndpointType="Interface",
        SubnetIds=[_id(cloudformation, "Subnet")],
        SecurityGroupIds=[_id(cloudformation, "Group")],
        PrivateDnsEnabled=True,
    )
    stand_in = declared["VpcEndpoint"]["VpcEndpointId"]
    assert _drifts(cloudformation)["Logs"]["StackResourceDriftStatus"] == "DELETED"
    resource = {
        "ResourceType": "AWS::EC2::VPCEndpoint",
        "LogicalResourceId": "Logs",
        "ResourceIdentifier": {"Id": stand_in},
    }
    whole = copy_of(NETWORK)
    with_policy = copy_of(NETWORK)
    with_policy["Resources"]["Logs"]["DeletionPolicy"] = "Delete"
    early = {"ChangeSetType": "IMPORT", "TemplateBody": json.dumps(with_policy), "ResourcesToImport": [resource]}
    assert refused(_changes, cloudformation, "early", **early) == "ValidationError", "its logical id is taken"
    without = copy_of(NETWORK)
    del without["Resources"]["Logs"], without["Outputs"]
    released = _changes(cloudformation, "release", TemplateBody=json.dumps(without))
    [change] = [change["ResourceChange"] for change in released["Changes"]]
    assert (change["Action"], change["PhysicalResourceId"]) == ("Remove", gone)
    assert _execute(cloudformation, "release") == "UPDATE_COMPLETE"
    del with_policy["Outputs"]
    adopted = _changes(
        cloudformation,
        "adopt",
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps(with_policy),
        ResourcesToImport=[resource],
    )
    assert adopted["Changes"][0]["ResourceChange"]["Action"] == "Import"
    assert _execute(cloudformation, "adopt") == "IMPORT_COMPLETE"
    restored = _changes(cloudformation, "revert", TemplateBody=json.dumps(whole), DeploymentMode="REVERT_DRIFT")
    assert restored["Status"] == "CREATE_COMPLETE"
    assert _execute(cloudformation, "revert") == "UPDATE_COMPLETE"
    assert _id(cloudformation, "Logs") == stand_in
    [endpoint] = ec2.describe_vpc_endpoints(VpcEndpointIds=[stand_in])["VpcEndpoints"]
    tags = {tag["Key"]: tag["Value"] for tag in endpoint["Tags"]}
    assert tags["aws:cloudformation:logical-id"] == "Logs"
    outputs = cloudformation.describe_stacks(StackName=network)["Stacks"][0]["Outputs"]
    assert outputs[0]["OutputValue"] == stand_in
    assert _drifts(cloudformation) == {}


def copy_of(template: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(template)))
