"""Stacks of whole systems: what stands in a network, made by CloudFormation, seen through each service's own API.

Sources: Template Reference (one page a type); EC2 User Guide, "Requester-managed network interfaces"; the API Reference
of each service, for the codes with which it refuses.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import REGION, refused

_CAPABILITIES = ["CAPABILITY_IAM"]


@pytest.fixture
def subnets(ec2: Any, vpc: str) -> list[str]:
    made = []
    for index, zone in enumerate("ab"):
        made.append(
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.10.{20 + index}.0/24", AvailabilityZone=f"{REGION}{zone}")[
                "Subnet"
            ]["SubnetId"]
        )
    return made


class Formation:
    """Stacks of one account, each waited for."""

    def __init__(self, client: Callable[..., Any]) -> None:
        self.api = client("cloudformation")

    def _wait(self, stack: str) -> dict[str, Any]:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            found: dict[str, Any] = self.api.describe_stacks(StackName=stack)["Stacks"][0]
            if not found["StackStatus"].endswith("IN_PROGRESS"):
                return found
            time.sleep(0.02)
        raise AssertionError("the stack did not come to an end")

    def create(self, resources: dict[str, Any], outputs: dict[str, Any] | None = None) -> dict[str, str]:
        """The outputs of a new stack; fails with its reasons if it is not complete."""
        found = self.attempt(resources, outputs)
        assert found["StackStatus"] == "CREATE_COMPLETE", self.reasons()
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def attempt(self, resources: dict[str, Any], outputs: dict[str, Any] | None = None) -> dict[str, Any]:
        """The description of a new stack when its creation has ended."""
        body = json.dumps({"Resources": resources, **({"Outputs": outputs} if outputs else {})})
        self.api.create_stack(StackName="s", TemplateBody=body, OnFailure="DO_NOTHING", Capabilities=_CAPABILITIES)
        return self._wait("s")

    def update(self, resources: dict[str, Any]) -> None:
        body = json.dumps({"Resources": resources})
        self.api.update_stack(StackName="s", TemplateBody=body, Capabilities=_CAPABILITIES)
        assert self._wait("s")["StackStatus"] == "UPDATE_COMPLETE", self.reasons()

    def delete(self) -> None:
        stack_id = self.api.describe_stacks(StackName="s")["Stacks"][0]["StackId"]
        self.api.delete_stack(StackName="s")
        assert self._wait(stack_id)["StackStatus"] == "DELETE_COMPLETE", self.reasons()

    def reasons(self) -> str:
        events = self.api.describe_stack_events(StackName="s")["StackEvents"]
        return "\n".join(
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
            for event in events
            if event["ResourceStatus"].endswith("FAILED")
        )

    def physical(self, logical_id: str) -> str:
        detail = self.api.describe_stack_resource(StackName="s", LogicalResourceId=logical_id)["StackResourceDetail"]
        return str(detail["PhysicalResourceId"])

    def drifted(self) -> dict[str, str]:
        """Logical id -> drift status, of what is not in sync."""
        self.api.detect_stack_drift(StackName="s")
        end = time.monotonic() + 10
        while time.monotonic() < end:
            found = self.api.describe_stack_resource_drifts(StackName="s")["StackResourceDrifts"]
            if found:
                return {
                    one["LogicalResourceId"]: one["StackResourceDriftStatus"]
                    for one in found
                    if one["StackResourceDriftStatus"] not in ("IN_SYNC", "NOT_CHECKED")
                }
            time.sleep(0.05)
        raise AssertionError("drift was not detected")


@pytest.fixture
def formation(client: Callable[..., Any]) -> Formation:
    return Formation(client)


def held(ec2: Any, **by: str) -> list[dict[str, Any]]:
    """Network interfaces by filters; `_` stands for `-`."""
    filters = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in by.items()]
    return list(ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"])


def properties_refused(formation: Formation, resources: dict[str, Any]) -> str:
    assert formation.attempt(resources)["StackStatus"] == "CREATE_FAILED"
    return formation.reasons()


def test_types_that_nobody_serves_fail_the_stack(formation):
    """An unknown resource type is an error of the template, never made up."""
    with pytest.raises((ClientError, AssertionError)) as refusal:
        formation.create({"Flock": {"Type": "AWS::RoboMaker::Fleet"}})
    assert "AWS::RoboMaker::Fleet" in str(refusal.value)


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"Database": "d", "QueryString": "q", "Querry": "x"}, "#: extraneous key [Querry] is not permitted"),
        ({"Database": "d"}, "#: required key [QueryString] not found"),
        ({"Database": ["d"], "QueryString": "q"}, "#/Database: expected type: String, found: JSONArray"),
    ],
)
def test_properties_are_those_of_the_type(formation, properties, reason):
    """Properties validation against the schema of the type."""
    assert reason in properties_refused(
        formation, {"Query": {"Type": "AWS::Athena::NamedQuery", "Properties": properties}}
    )


def test_a_value_outside_its_enumeration_is_refused(formation, subnets):
    network = {"AwsvpcConfiguration": {"Subnets": subnets, "AssignPublicIp": "SOMETIMES"}}
    reason = properties_refused(
        formation,
        {
            "Cluster": {"Type": "AWS::ECS::Cluster"},
            "Service": {
                "Type": "AWS::ECS::Service",
                "Properties": {"Cluster": {"Ref": "Cluster"}, "NetworkConfiguration": network},
            },
        },
    )
    assert "SOMETIMES is not a valid enum value" in reason


def balancer(subnets: list[str], **properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Subnets": subnets, **properties}}


def test_a_load_balancer_has_an_interface_in_each_subnet(formation, ec2, subnets, group):
    """One a subnet, the balancer's groups, a public address when it faces the internet; gone with the balancer."""
    resources = {
        "Inside": balancer(subnets, Scheme="internal", Type="network", SecurityGroups=[group]),
        "Outside": balancer(subnets, SecurityGroups=[group]),
    }
    formation.create(resources)
    assert formation.drifted() == {}
    inside = formation.physical("Inside")
    assert ":loadbalancer/net/" in inside
    interfaces = held(ec2, group_id=group)
    assert {one["SubnetId"] for one in interfaces} == set(subnets) and len(interfaces) == 4
    network = [one for one in interfaces if one["Description"] == f"ELB {inside.split(':loadbalancer/')[1]}"]
    assert {one["InterfaceType"] for one in network} == {"network_load_balancer"}
    assert all(one["RequesterManaged"] and one["RequesterId"] == "amazon-elb" for one in interfaces)
    assert all("Association" not in one for one in network)
    public = [one["Association"] for one in interfaces if one not in network]
    assert [one["IpOwnerId"] for one in public] == ["amazon-elb"] * 2 and all(
        "AllocationId" not in one for one in public
    )
    assert refused(ec2.delete_network_interface, NetworkInterfaceId=network[0]["NetworkInterfaceId"])
    assert refused(ec2.delete_subnet, SubnetId=subnets[0]) == "DependencyViolation"
    formation.delete()
    assert held(ec2, group_id=group) == []


def test_attributes_and_groups_of_a_balancer_change_in_place(formation, client, ec2, vpc, subnets, group):
    """LoadBalancerAttributes and SecurityGroups: no interruption. Deletion protection: OperationNotPermitted."""
    other = ec2.create_security_group(GroupName="other", Description="other", VpcId=vpc)["GroupId"]
    protected = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    formation.create({"B": balancer(subnets, SecurityGroups=[group], LoadBalancerAttributes=protected)})
    arn, elb = formation.physical("B"), client("elbv2")
    assert refused(elb.delete_load_balancer, LoadBalancerArn=arn) == "OperationNotPermitted"
    free = [{"Key": "deletion_protection.enabled", "Value": "false"}]
    formation.update({"B": balancer(subnets, SecurityGroups=[other], LoadBalancerAttributes=free)})
    assert formation.physical("B") == arn
    assert len(held(ec2, group_id=other)) == 2 and held(ec2, group_id=group) == []
    formation.delete()


def test_listeners_need_a_certificate_that_exists(formation, client, vpc, subnets, group):
    """CreateListener: CertificateNotFound."""
    acm = client("acm")

    def resources(certificate: str) -> dict[str, Any]:
        forward = [{"Type": "forward", "TargetGroupArn": {"Ref": "Targets"}}]
        return {
            "B": balancer(subnets, Scheme="internal", SecurityGroups=[group]),
            "Targets": {
                "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
                "Properties": {"VpcId": vpc, "Port": "80", "Protocol": "HTTP", "TargetType": "ip"},
            },
            "Listener": {
                "Type": "AWS::ElasticLoadBalancingV2::Listener",
                "Properties": {
                    "LoadBalancerArn": {"Ref": "B"},
                    "Port": 443,
                    "Protocol": "HTTPS",
                    "Certificates": [{"CertificateArn": certificate}],
                    "DefaultActions": forward,
                },
            },
            "Rule": {
                "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
                "Properties": {
                    "ListenerArn": {"Ref": "Listener"},
                    "Priority": 10,
                    "Conditions": [{"Field": "path-pattern", "Values": ["/api/*"]}],
                    "Actions": forward,
                },
            },
        }

    missing = f"arn:aws:acm:{REGION}:000000000000:certificate/11111111-1111-1111-1111-111111111111"
    assert "CertificateNotFound" in properties_refused(formation, resources(missing))
    formation.delete()
    formation.create(resources(acm.request_certificate(DomainName="www.example.com")["CertificateArn"]))
    rules = client("elbv2").describe_rules(ListenerArn=formation.physical("Listener"))["Rules"]
    assert {rule["Priority"] for rule in rules} == {"10", "default"}
    formation.delete()


def test_a_balancer_of_an_endpoint_service_stays(formation, client, ec2, subnets):
    """DeleteLoadBalancer: ResourceInUse while an endpoint service, or a VPC link of a REST API, is associated."""
    formation.create(
        {
            "B": balancer(subnets, Scheme="internal", Type="network"),
            "Link": {
                "Type": "AWS::ApiGateway::VpcLink",
                "Properties": {"Name": "link", "TargetArns": [{"Ref": "B"}]},
            },
        }
    )
    arn, elb = formation.physical("B"), client("elbv2")
    assert refused(elb.delete_load_balancer, LoadBalancerArn=arn) == "ResourceInUse"
    service = ec2.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[arn])["ServiceConfiguration"]
    assert len(ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]) == 2
    ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[service["ServiceId"]])
    formation.delete()
    assert ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"] == []


def database(subnets: list[str], group: str, **properties: Any) -> dict[str, Any]:
    return {
        "Parameters": {
            "Type": "AWS::RDS::DBParameterGroup",
            "Properties": {"Family": "postgres16", "Description": "x", "Parameters": {"rds.force_ssl": 1}},
        },
        "Where": {
            "Type": "AWS::RDS::DBSubnetGroup",
            "Properties": {"DBSubnetGroupDescription": "x", "SubnetIds": subnets},
        },
        "Database": {
            "Type": "AWS::RDS::DBInstance",
            "DeletionPolicy": "Snapshot",
            "Properties": {
                "Engine": "postgres",
                "EngineVersion": "16.4",
                "DBInstanceClass": "db.t4g.micro",
                "AllocatedStorage": "20",
                "StorageEncrypted": True,
                "DBSubnetGroupName": {"Ref": "Where"},
                "DBParameterGroupName": {"Ref": "Parameters"},
                "VPCSecurityGroups": [group],
                "MasterUsername": "owner",
                "ManageMasterUserPassword": True,
                "PubliclyAccessible": False,
                **properties,
            },
        },
    }


def test_a_database_is_what_rds_says(formation, client, subnets, group):
    """AWS::RDS::DBInstance: attributes, change in place, drift by hand, DeletionPolicy Snapshot."""
    resources = database(subnets, group)
    outputs = {
        "Address": {"Value": {"Fn::GetAtt": ["Database", "Endpoint.Address"]}},
        "Secret": {"Value": {"Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"]}},
    }
    made = formation.create(resources, outputs)
    rds, name = client("rds"), formation.physical("Database")
    [found] = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    assert found["Endpoint"]["Address"] == made["Address"] and made["Secret"].startswith("arn:aws:secretsmanager:")
    assert found["PubliclyAccessible"] is False
    assert [one["VpcSecurityGroupId"] for one in found["VpcSecurityGroups"]] == [group]
    assert found["DBSubnetGroup"]["DBSubnetGroupName"] == formation.physical("Where")
    assert formation.drifted() == {}
    rds.modify_db_instance(DBInstanceIdentifier=name, PubliclyAccessible=True, ApplyImmediately=True)
    assert formation.drifted() == {"Database": "MODIFIED"}
    formation.update(database(subnets, group, DBInstanceClass="db.t4g.small"))
    assert formation.physical("Database") == name
    formation.delete()
    assert rds.describe_db_instances()["DBInstances"] == []
    assert len(rds.describe_db_snapshots()["DBSnapshots"]) == 1


def test_a_protected_database_is_not_deleted(formation, client, subnets, group):
    """DeletionProtection: the stack is DELETE_FAILED."""
    formation.create(database(subnets, group, DeletionProtection=True))
    with pytest.raises(AssertionError, match="deletion protection"):
        formation.delete()
    client("rds").modify_db_instance(
        DBInstanceIdentifier=formation.physical("Database"), DeletionProtection=False, ApplyImmediately=True
    )
    formation.delete()


def test_a_service_runs_where_its_network_configuration_says(formation, client, subnets, group):
    """AWS::ECS::Service and what it needs; new revisions of a task definition; drift of the network configuration."""

    def resources(image: str) -> dict[str, Any]:
        network = {"AssignPublicIp": "DISABLED", "Subnets": subnets, "SecurityGroups": [group]}
        return {
            "Cluster": {"Type": "AWS::ECS::Cluster"},
            "Task": {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {
                    "RequiresCompatibilities": ["FARGATE"],
                    "NetworkMode": "awsvpc",
                    "Cpu": 256,
                    "Memory": "512",
                    "ContainerDefinitions": [
                        {
                            "Name": "main",
                            "Image": image,
                            "Essential": "true",
                            "LogConfiguration": {"LogDriver": "awslogs", "Options": {"awslogs-group": "g"}},
                        }
                    ],
                },
            },
            "Service": {
                "Type": "AWS::ECS::Service",
                "Properties": {
                    "Cluster": {"Ref": "Cluster"},
                    "TaskDefinition": {"Ref": "Task"},
                    "LaunchType": "FARGATE",
                    "DesiredCount": 1,
                    "NetworkConfiguration": {"AwsvpcConfiguration": network},
                },
            },
        }

    formation.create(resources("one"))
    ecs, cluster, service = client("ecs"), formation.physical("Cluster"), formation.physical("Service")
    first = formation.physical("Task")

    def found() -> dict[str, Any]:
        return dict(ecs.describe_services(cluster=cluster, services=[service])["services"][0])

    assert found()["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"
    [container] = ecs.describe_task_definition(taskDefinition=first)["taskDefinition"]["containerDefinitions"]
    assert container["logConfiguration"]["options"] == {"awslogs-group": "g"} and container["essential"] is True
    assert formation.drifted() == {}
    public = {"subnets": subnets, "securityGroups": [group], "assignPublicIp": "ENABLED"}
    ecs.update_service(cluster=cluster, service=service, networkConfiguration={"awsvpcConfiguration": public})
    assert formation.drifted() == {"Service": "MODIFIED"}
    formation.update(resources("two"))
    assert formation.physical("Service") == service and formation.physical("Task") != first
    assert found()["taskDefinition"] == formation.physical("Task")
    formation.delete()


def test_nodes_of_a_cache_have_interfaces(formation, client, ec2, subnets, group):
    """AWS::ElastiCache::ReplicationGroup: its attributes, its interfaces; a group of subnets in use cannot go."""
    made = formation.create(
        {
            "Where": {
                "Type": "AWS::ElastiCache::SubnetGroup",
                "Properties": {"Description": "x", "SubnetIds": subnets},
            },
            "Parameters": {
                "Type": "AWS::ElastiCache::ParameterGroup",
                "Properties": {
                    "Description": "x",
                    "CacheParameterGroupFamily": "redis7",
                    "Properties": {"maxmemory-policy": "noeviction"},
                },
            },
            "Cache": {
                "Type": "AWS::ElastiCache::ReplicationGroup",
                "Properties": {
                    "ReplicationGroupDescription": "x",
                    "NumCacheClusters": 2,
                    "AutomaticFailoverEnabled": True,
                    "TransitEncryptionEnabled": True,
                    "AuthToken": "not-a-secret-in-a-test",
                    "CacheSubnetGroupName": {"Ref": "Where"},
                    "CacheParameterGroupName": {"Ref": "Parameters"},
                    "SecurityGroupIds": [group],
                },
            },
        },
        {"Address": {"Value": {"Fn::GetAtt": ["Cache", "PrimaryEndPoint.Address"]}}},
    )
    cache = client("elasticache")
    [found] = cache.describe_replication_groups(ReplicationGroupId=formation.physical("Cache"))["ReplicationGroups"]
    assert found["NodeGroups"][0]["PrimaryEndpoint"]["Address"] == made["Address"]
    interfaces = held(ec2, group_id=group)
    assert {one["SubnetId"] for one in interfaces} == set(subnets)
    assert {one["RequesterId"] for one in interfaces} == {"amazon-elasticache"}
    where = formation.physical("Where")
    assert refused(cache.delete_cache_subnet_group, CacheSubnetGroupName=where) == "CacheSubnetGroupInUse"
    formation.delete()
    assert held(ec2, group_id=group) == []


def fleet(subnets: list[str], group: str, profile: Any, **data: Any) -> dict[str, Any]:
    return {
        "Template": {
            "Type": "AWS::EC2::LaunchTemplate",
            "Properties": {
                "LaunchTemplateData": {
                    "ImageId": "ami-0123456789abcdef0",
                    "InstanceType": "t3.micro",
                    "SecurityGroupIds": [group],
                    "IamInstanceProfile": profile,
                    "MetadataOptions": {"HttpTokens": "required"},
                    **data,
                }
            },
        },
        "Fleet": {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "Properties": {
                "MinSize": "2",
                "MaxSize": "4",
                "VPCZoneIdentifier": subnets,
                "LaunchTemplate": {
                    "LaunchTemplateId": {"Ref": "Template"},
                    "Version": {"Fn::GetAtt": ["Template", "LatestVersionNumber"]},
                },
                "Tags": [{"Key": "Name", "Value": "fleet", "PropagateAtLaunch": True}],
            },
        },
        "Tracking": {
            "Type": "AWS::AutoScaling::ScalingPolicy",
            "Properties": {
                "AutoScalingGroupName": {"Ref": "Fleet"},
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingConfiguration": {
                    "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
                    "TargetValue": 50,
                },
            },
        },
    }


ROLE = {
    "Role": {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
                ],
            }
        },
    },
    "Profile": {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": [{"Ref": "Role"}]}},
}


def test_a_fleet_is_spread_over_its_subnets(formation, client, ec2, subnets, group):
    """AWS::AutoScaling::AutoScalingGroup of a launch template: zones, groups, profile, policies, versions."""
    arn = {"Arn": {"Fn::GetAtt": ["Profile", "Arn"]}}
    formation.create({**ROLE, **fleet(subnets, group, arn)}, {"Policy": {"Value": {"Ref": "Tracking"}}})
    name = formation.physical("Fleet")
    [found] = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    instances = [
        instance
        for reservation in ec2.describe_instances(InstanceIds=[one["InstanceId"] for one in found["Instances"]])[
            "Reservations"
        ]
        for instance in reservation["Instances"]
    ]
    assert sorted(instance["SubnetId"] for instance in instances) == sorted(subnets)
    assert all([one["GroupId"] for one in instance["SecurityGroups"]] == [group] for instance in instances)
    assert all(instance["IamInstanceProfile"]["Arn"].endswith(formation.physical("Profile")) for instance in instances)
    template = formation.physical("Template")
    formation.update({**ROLE, **fleet(subnets, group, arn, InstanceType="t3.small")})
    assert formation.physical("Template") == template
    [launch] = ec2.describe_launch_templates(LaunchTemplateIds=[template])["LaunchTemplates"]
    assert launch["LatestVersionNumber"] == 2
    assert formation.drifted() == {}
    formation.delete()
    assert held(ec2, group_id=group) == []


def test_an_instance_profile_that_does_not_exist_is_refused(formation, subnets, group):
    """RunInstances: InvalidParameterValue, "Invalid IAM Instance Profile name"."""
    reason = properties_refused(
        formation,
        {
            "Host": {
                "Type": "AWS::EC2::Instance",
                "Properties": {
                    "ImageId": "ami-0123456789abcdef0",
                    "SubnetId": subnets[0],
                    "SecurityGroupIds": [group],
                    "IamInstanceProfile": "nobody",
                },
            }
        },
    )
    assert "Invalid IAM Instance Profile name" in reason


def test_an_instance_and_its_interface(formation, ec2, subnets, group):
    """AWS::EC2::Instance: the subnet decides about a public address; the interface ends with the instance."""
    ec2.modify_subnet_attribute(SubnetId=subnets[1], MapPublicIpOnLaunch={"Value": True})

    def host(subnet: str) -> dict[str, Any]:
        properties = {"ImageId": "ami-0123456789abcdef0", "SubnetId": subnet, "SecurityGroupIds": [group]}
        return {"Type": "AWS::EC2::Instance", "Properties": properties}

    made = formation.create(
        {"Inside": host(subnets[0]), "Outside": host(subnets[1])},
        {"Private": {"Value": {"Fn::GetAtt": ["Inside", "PrivateIp"]}}},
    )
    assert made["Private"].startswith("10.10.20.")
    by_subnet = {one["SubnetId"]: one for one in held(ec2, group_id=group)}
    assert "Association" not in by_subnet[subnets[0]] and by_subnet[subnets[1]]["Association"]["PublicIp"]
    ec2.terminate_instances(InstanceIds=[formation.physical("Outside")])
    assert formation.drifted() == {"Outside": "DELETED"}
    formation.delete()
    assert held(ec2, group_id=group) == []


def test_a_vpc_link_of_an_http_api_has_interfaces(formation, ec2, subnets, group):
    """AWS::ApiGatewayV2::VpcLink: interfaces in its subnets with its groups; changed groups need a new link."""

    def link(*groups: str) -> dict[str, Any]:
        properties = {"Name": "link", "SubnetIds": subnets, "SecurityGroupIds": list(groups)}
        return {"Link": {"Type": "AWS::ApiGatewayV2::VpcLink", "Properties": properties}}

    formation.create(link(group))
    first = formation.physical("Link")
    assert {one["SubnetId"] for one in held(ec2, group_id=group)} == set(subnets)
    formation.update(link())
    assert formation.physical("Link") != first and held(ec2, group_id=group) == []
    formation.delete()


def test_records_are_kept_and_changed(formation):
    """Types that nothing looks at: Ref, change in place or by replacement, drift, deletion."""

    def target(most: int) -> dict[str, Any]:
        properties = {
            "ServiceNamespace": "ecs",
            "ScalableDimension": "ecs:service:DesiredCount",
            "ResourceId": "service/c/s",
            "MinCapacity": 1,
            "MaxCapacity": most,
        }
        query = {"Database": "d", "QueryString": f"SELECT {most}"}
        return {
            "Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": properties},
            "Query": {"Type": "AWS::Athena::NamedQuery", "Properties": query},
        }

    formation.create(target(2))
    assert formation.physical("Target") == "service/c/s|ecs:service:DesiredCount|ecs"
    query = formation.physical("Query")
    formation.update(target(3))
    assert formation.physical("Target") == "service/c/s|ecs:service:DesiredCount|ecs"
    assert formation.physical("Query") != query
    assert formation.drifted() == {}
    formation.delete()


def test_images_by_public_parameters(client):
    """Public parameters of Systems Manager name an image for each architecture."""
    ssm = client("ssm")
    base = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default"
    values = {ssm.get_parameter(Name=f"{base}-{one}")["Parameter"]["Value"] for one in ("arm64", "x86_64")}
    assert len(values) == 2 and all(value.startswith("ami-") for value in values)


def test_a_gateway_stays_while_an_address_is_mapped(ec2, vpc, subnets, group):
    """DetachInternetGateway: DependencyViolation; a stopped instance gives the address that it was assigned back."""
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    interface = {"DeviceIndex": 0, "SubnetId": subnets[0], "Groups": [group], "AssociatePublicIpAddress": True}
    image = {"ImageId": "ami-0123456789abcdef0", "MinCount": 1, "MaxCount": 1}
    [instance] = ec2.run_instances(**image, NetworkInterfaces=[interface])["Instances"]
    detach = {"InternetGatewayId": gateway, "VpcId": vpc}
    assert refused(ec2.detach_internet_gateway, **detach) == "DependencyViolation"
    ec2.stop_instances(InstanceIds=[instance["InstanceId"]])
    ec2.detach_internet_gateway(**detach)
