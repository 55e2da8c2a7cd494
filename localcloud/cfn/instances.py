"""EC2 instances, launch templates, and what is attached to instances.

Sources: Template Reference, AWS::EC2::Instance (attributes; a change of the groups or the size is made in place),
AWS::EC2::LaunchTemplate (a change makes a new version; Ref is the id), AWS::EC2::EIPAssociation,
AWS::EC2::NetworkInterface, AWS::EC2::Volume.
"""

from __future__ import annotations

from typing import Any

from .api import parameters
from .client import client
from .registry import Created, Properties, ResourceType, boolean, generated, pick, register, tag_specification


def _profile(properties: Properties) -> dict[str, Any]:
    """A template names the instance profile, the API takes a structure."""
    name = properties.get("IamInstanceProfile")
    return {"IamInstanceProfile": {"Name": name}} if isinstance(name, str) else {}


def _create_instance(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    shaped = {**properties, **_profile(properties), "MinCount": 1, "MaxCount": 1}
    if "AvailabilityZone" in properties or "Tenancy" in properties:
        shaped["Placement"] = pick(properties, "AvailabilityZone", "Tenancy")
    for interface in shaped.get("NetworkInterfaces") or []:
        if "GroupSet" in interface:
            interface["Groups"] = interface.pop("GroupSet")
    shaped.pop("Tags", None)
    wanted = parameters("ec2", "RunInstances", shaped)
    wanted |= tag_specification("instance", properties)
    [instance] = client().run_instances(**wanted)["Instances"]
    instance_id = instance["InstanceId"]
    if "SourceDestCheck" in properties:
        client().modify_instance_attribute(
            InstanceId=instance_id, SourceDestCheck={"Value": boolean(properties["SourceDestCheck"])}
        )
    return instance_id, _answer(instance_id)


def _answer(instance_id: str) -> dict[str, Any]:
    [found] = client().describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
    return {
        "InstanceId": instance_id,
        "AvailabilityZone": found["Placement"]["AvailabilityZone"],
        "PrivateDnsName": found.get("PrivateDnsName", ""),
        "PrivateIp": found.get("PrivateIpAddress", ""),
        "PublicDnsName": found.get("PublicDnsName", ""),
        "PublicIp": found.get("PublicIpAddress", ""),
        "VpcId": found.get("VpcId", ""),
    }


def _update_instance(instance_id: str, old: Properties, new: Properties) -> dict[str, Any]:
    ec2 = client()
    if new.get("SecurityGroupIds") != old.get("SecurityGroupIds") and new.get("SecurityGroupIds"):
        ec2.modify_instance_attribute(InstanceId=instance_id, Groups=new["SecurityGroupIds"])
    if new.get("InstanceType") != old.get("InstanceType") and new.get("InstanceType"):
        ec2.stop_instances(InstanceIds=[instance_id])
        ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": new["InstanceType"]})
        ec2.start_instances(InstanceIds=[instance_id])
    if new.get("DisableApiTermination") != old.get("DisableApiTermination"):
        ec2.modify_instance_attribute(
            InstanceId=instance_id, DisableApiTermination={"Value": boolean(new.get("DisableApiTermination", False))}
        )
    return _answer(instance_id)


def _template_data(properties: Properties) -> dict[str, Any]:
    return parameters("ec2", "CreateLaunchTemplate", {"LaunchTemplateData": properties["LaunchTemplateData"]})


def _create_template(logical_id: str, properties: Properties, stack: str) -> Created:
    made = client().create_launch_template(
        LaunchTemplateName=properties.get("LaunchTemplateName") or generated(stack, logical_id, 128),
        **_template_data(properties),
        **tag_specification("launch-template", properties),
    )["LaunchTemplate"]
    return made["LaunchTemplateId"], _template_answer(made)


def _template_answer(template: dict[str, Any]) -> dict[str, Any]:
    return {
        "LaunchTemplateId": template["LaunchTemplateId"],
        "LatestVersionNumber": str(template["LatestVersionNumber"]),
        "DefaultVersionNumber": str(template["DefaultVersionNumber"]),
    }


def _update_template(template_id: str, old: Properties, new: Properties) -> dict[str, Any]:
    if new["LaunchTemplateData"] != old["LaunchTemplateData"]:
        client().create_launch_template_version(LaunchTemplateId=template_id, **_template_data(new))
    found = client().describe_launch_templates(LaunchTemplateIds=[template_id])["LaunchTemplates"][0]
    return _template_answer(found)


def _create_association(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    wanted = pick(properties, "AllocationId", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress")
    association = client().associate_address(**wanted)["AssociationId"]
    return association, {"Id": association}


def _create_interface(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    wanted = pick(properties, "SubnetId", "Description", "PrivateIpAddress")
    wanted["Groups"] = properties.get("GroupSet") or []
    made = client().create_network_interface(**wanted, **tag_specification("network-interface", properties))
    found = made["NetworkInterface"]
    return found["NetworkInterfaceId"], {
        "Id": found["NetworkInterfaceId"],
        "PrimaryPrivateIpAddress": found.get("PrivateIpAddress", ""),
        "VpcId": found.get("VpcId", ""),
    }


def _create_volume(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    shaped = {name: value for name, value in properties.items() if name != "Tags"}
    made = client().create_volume(
        **parameters("ec2", "CreateVolume", shaped), **tag_specification("volume", properties)
    )
    return made["VolumeId"], {"VolumeId": made["VolumeId"]}


def register_types() -> None:
    """Register the types of this file."""
    register(
        "AWS::EC2::Instance",
        ResourceType(
            _create_instance,
            lambda instance_id, _: client().terminate_instances(InstanceIds=[instance_id]),
            _update_instance,
        ),
    )
    register(
        "AWS::EC2::LaunchTemplate",
        ResourceType(
            _create_template,
            lambda template_id, _: client().delete_launch_template(LaunchTemplateId=template_id),
            _update_template,
            tagged=False,
        ),
    )
    register(
        "AWS::EC2::EIPAssociation",
        ResourceType(
            _create_association,
            lambda association, _: client().disassociate_address(AssociationId=association),
            tagged=False,
        ),
    )
    register(
        "AWS::EC2::NetworkInterface",
        ResourceType(
            _create_interface,
            lambda interface_id, _: client().delete_network_interface(NetworkInterfaceId=interface_id),
        ),
    )
    register(
        "AWS::EC2::Volume",
        ResourceType(_create_volume, lambda volume_id, _: client().delete_volume(VolumeId=volume_id)),
    )
