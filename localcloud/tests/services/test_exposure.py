"""What has public addresses: databases, tasks, interfaces."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from .conftest import ACCOUNT, REGION, Cloud, statement


class Net:
    """A VPC with a subnet and a group."""

    def __init__(self, cloud: Cloud) -> None:
        self.ec2, self.rds, self.ecs = (cloud.client(name) for name in ("ec2", "rds", "ecs"))
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        made = [self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.0.{at}.0/24") for at in (0, 1)]
        self.subnets = [one["Subnet"]["SubnetId"] for one in made]
        self.group = self.ec2.create_security_group(VpcId=self.vpc, GroupName="g", Description="g")["GroupId"]

    def interfaces(self, description: str) -> list[dict]:
        found = self.ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])
        return [one for one in found["NetworkInterfaces"] if description in one["Description"]]

    def database(self, **more) -> None:
        self.rds.create_db_subnet_group(DBSubnetGroupName="g", DBSubnetGroupDescription="g", SubnetIds=self.subnets)
        self.rds.create_db_instance(
            DBInstanceIdentifier="orders", DBInstanceClass="db.t4g.micro", Engine="postgres", AllocatedStorage=20,
            MasterUsername="app", MasterUserPassword="not-a-secret", DBSubnetGroupName="g",
            VpcSecurityGroupIds=[self.group], **more,
        )  # fmt: skip

    def described(self) -> dict:
        return self.rds.describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"][0]

    def network(self, public: str) -> dict:
        return {
            "awsvpcConfiguration": {
                "subnets": [self.subnets[0]], "securityGroups": [self.group], "assignPublicIp": public
            }
        }  # fmt: skip

    def task_definition(self) -> str:
        self.ecs.create_cluster(clusterName="shop")
        container = {"name": "web", "image": "web", "memory": 128}
        made = self.ecs.register_task_definition(family="web", networkMode="awsvpc", containerDefinitions=[container])
        return made["taskDefinition"]["taskDefinitionArn"]

    def service(self, **more) -> None:
        self.ecs.create_service(
            cluster="shop", serviceName="web", taskDefinition=self.task_definition(), desiredCount=2,
            networkConfiguration=self.network("DISABLED"), **more,
        )  # fmt: skip

    def deployments(self) -> list[tuple]:
        service = self.ecs.describe_services(cluster="shop", services=["web"])["services"][0]
        return [(one["status"], one["rolloutState"]) for one in service["deployments"]]


@pytest.fixture
def net(cloud: Cloud) -> Net:
    return Net(cloud)


def public(interfaces: list[dict]) -> list[bool]:
    return [bool(one.get("Association", {}).get("PublicIp")) for one in interfaces]


def test_a_database_has_an_interface_that_follows_its_public_access(net: Net) -> None:
    net.database(PubliclyAccessible=True)
    (one,) = net.interfaces("RDSNetworkInterface")
    assert one["RequesterManaged"] is True
    assert one["SubnetId"] in net.subnets
    assert one["Association"]["IpOwnerId"] == "amazon"
    assert [group["GroupId"] for group in one["Groups"]] == [net.group]
    net.rds.modify_db_instance(DBInstanceIdentifier="orders", PubliclyAccessible=False)
    assert net.described()["PubliclyAccessible"] is False
    assert public(net.interfaces("RDSNetworkInterface")) == [False]
    net.rds.delete_db_instance(DBInstanceIdentifier="orders", SkipFinalSnapshot=True)
    assert net.interfaces("RDSNetworkInterface") == []


def test_a_modification_takes_its_time_and_admits_no_other(cloud: Cloud, net: Net) -> None:
    net.database(PubliclyAccessible=True)
    cloud.admin("PUT", "databases", {"modifying": 60})
    net.rds.modify_db_instance(DBInstanceIdentifier="orders", PubliclyAccessible=False)
    assert (net.described()["DBInstanceStatus"], net.described()["PubliclyAccessible"]) == ("modifying", True)
    with pytest.raises(ClientError) as refused:
        net.rds.modify_db_instance(DBInstanceIdentifier="orders", PubliclyAccessible=True)
    assert refused.value.response["Error"]["Code"] == "InvalidDBInstanceState"
    assert cloud.admin("POST", "databases/due")["arrived"] == 1
    assert (net.described()["DBInstanceStatus"], net.described()["PubliclyAccessible"]) == ("available", False)


def test_settings_are_checked_and_end_with_a_reset(cloud: Cloud) -> None:
    for path in ("databases", "containers"):
        for body in ({"modifying": -1, "rollout": -1}, {"nonsense": 1}):
            with pytest.raises(Exception, match="400"):
                cloud.admin("PUT", path, body)
    cloud.admin("PUT", "containers", {"rollout": 5})
    cloud.admin("POST", "reset")
    assert cloud.admin("GET", "containers") == {"rollout": 0.0}


def test_an_update_of_the_network_is_a_deployment_that_replaces_tasks(cloud: Cloud, net: Net) -> None:
    net.service()
    assert net.deployments() == [("PRIMARY", "COMPLETED")]
    before = net.interfaces(":attachment/")
    assert public(before) == [False, False]
    cloud.admin("PUT", "containers", {"rollout": 60})
    net.ecs.update_service(cluster="shop", service="web", networkConfiguration=net.network("ENABLED"))
    assert net.deployments() == [("PRIMARY", "IN_PROGRESS"), ("ACTIVE", "COMPLETED")]
    assert public(net.interfaces(":attachment/")) == [False, False]
    cloud.admin("POST", "containers/due")
    assert net.deployments() == [("PRIMARY", "COMPLETED")]
    after = net.interfaces(":attachment/")
    assert public(after) == [True, True]
    ids = [{one["NetworkInterfaceId"] for one in all_} for all_ in (before, after)]
    assert not ids[0] & ids[1]
    net.ecs.update_service(cluster="shop", service="web", networkConfiguration=net.network("ENABLED"))
    assert net.deployments() == [("PRIMARY", "COMPLETED")], "nothing differs: nothing is deployed"
    net.ecs.update_service(cluster="shop", service="web", desiredCount=0)
    net.ecs.delete_service(cluster="shop", service="web")
    assert net.interfaces(":attachment/") == []


def test_a_network_that_others_deploy_is_not_updated(net: Net) -> None:
    net.service(deploymentController={"type": "CODE_DEPLOY"})
    with pytest.raises(ClientError) as refused:
        net.ecs.update_service(cluster="shop", service="web", networkConfiguration=net.network("ENABLED"))
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"


def test_the_interface_of_a_task_is_its_attachment(net: Net) -> None:
    definition = net.task_definition()
    ran = net.ecs.run_task(
        cluster="shop",
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration=net.network("ENABLED"),
    )
    (attachment,) = ran["tasks"][0]["attachments"]
    (one,) = net.interfaces(":attachment/")
    assert one["Description"] == f"arn:aws:ecs:{REGION}:{ACCOUNT}:attachment/{attachment['id']}"
    assert public([one]) == [True]


def test_the_same_association_twice_is_one(net: Net) -> None:
    made = net.ec2.create_network_interface(SubnetId=net.subnets[0], Groups=[net.group])
    interface = made["NetworkInterface"]["NetworkInterfaceId"]
    address = net.ec2.allocate_address(Domain="vpc")["AllocationId"]
    first = net.ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface)["AssociationId"]
    assert net.ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface)["AssociationId"] == first
    (one,) = net.interfaces("")
    association = one["Association"]
    assert (association["AllocationId"], association["AssociationId"]) == (address, first)
    assert association["IpOwnerId"] == ACCOUNT
    net.ec2.disassociate_address(AssociationId=first)
    assert public(net.interfaces("")) == [False]
    assert len(net.ec2.describe_addresses(AllocationIds=[address])["Addresses"]) == 1


def test_calls_are_authorised_on_what_they_name(cloud: Cloud, net: Net) -> None:
    net.database()
    net.service()
    made = net.ec2.create_network_interface(SubnetId=net.subnets[0], Groups=[net.group])
    address = net.ec2.allocate_address(Domain="vpc")["AllocationId"]
    interface = made["NetworkInterface"]["NetworkInterfaceId"]
    association = net.ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface)["AssociationId"]
    arn = f"{REGION}:{ACCOUNT}"
    cloud.role(
        "narrow",
        statement("Allow", ["rds:DescribeDBInstances"], f"arn:aws:rds:{arn}:db:*"),
        statement("Allow", ["rds:ModifyDBInstance"], f"arn:aws:rds:{arn}:db:other"),
        statement("Allow", ["ecs:DescribeServices"], f"arn:aws:ecs:{arn}:service/shop/*"),
        statement("Allow", ["ecs:ListServices"], "*"),
        statement("Allow", ["ecs:UpdateService"], f"arn:aws:ecs:{arn}:service/other/*"),
        statement("Allow", ["ec2:DisassociateAddress"], f"arn:aws:ec2:{arn}:elastic-ip/*"),
        trust={"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"},
    )
    keys = cloud.client("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/narrow", RoleSessionName="session")
    keys = tuple(keys["Credentials"][name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
    rds, ecs, ec2 = (cloud.client(name, keys) for name in ("rds", "ecs", "ec2"))
    assert len(rds.describe_db_instances()["DBInstances"]) == 1
    assert len(ecs.list_services(cluster="shop")["serviceArns"]) == 1
    assert len(ecs.describe_services(cluster="shop", services=["web"])["services"]) == 1
    for denied in (
        lambda: rds.modify_db_instance(DBInstanceIdentifier="orders", PubliclyAccessible=True),
        lambda: ecs.update_service(cluster="shop", service="web", desiredCount=1),
        lambda: ec2.disassociate_address(AssociationId=association),
    ):
        with pytest.raises(ClientError, match="not authorized"):
            denied()


def test_calls_are_told_as_cloudtrail_tells_them(cloud: Cloud, net: Net) -> None:
    events, sqs = cloud.client("events"), cloud.client("sqs")
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    queue_arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:told"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
             "Resource": queue_arn}
        ],
    }  # fmt: skip
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    pattern = {"source": ["aws.rds", "aws.ecs"], "detail": {"eventName": ["ModifyDBInstance", "UpdateService"]}}
    events.put_rule(Name="told", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="told", Targets=[{"Id": "q", "Arn": queue_arn}])
    net.database()
    net.service()
    net.rds.modify_db_instance(DBInstanceIdentifier="orders", PubliclyAccessible=True, ApplyImmediately=True)
    net.ecs.update_service(cluster="shop", service="web", networkConfiguration=net.network("ENABLED"))
    cloud.settle()
    received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    told = {one["detail"]["eventName"]: one["detail"] for one in (json.loads(it["Body"]) for it in received)}
    database, service = told["ModifyDBInstance"], told["UpdateService"]
    assert database["requestParameters"] == {
        "dBInstanceIdentifier": "orders", "publiclyAccessible": True, "applyImmediately": True
    }  # fmt: skip
    assert database["responseElements"]["dBInstanceIdentifier"] == "orders"
    assert database["responseElements"]["dBSubnetGroup"]["vpcId"] == net.vpc
    assert service["requestParameters"]["networkConfiguration"] == net.network("ENABLED")
    answered = service["responseElements"]["service"]
    assert (answered["serviceName"], answered["clusterArn"].rsplit("/")[-1]) == ("web", "shop")
    assert answered["networkConfiguration"] == net.network("ENABLED")
