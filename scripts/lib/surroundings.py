"""What is around the networks: a trail, people of the account, tenants to break, other accounts with networks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import declared

if TYPE_CHECKING:
    from stage import Stage

# The account that the privatelink topology lets in, and one that it does not know.
PARTNER, STRANGER = "222233334444", "333344445555"

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
NETWORK_ADMIN = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["ec2:*", "ecs:*", "logs:*", "rds:*", "iam:PassRole", "sts:GetCallerIdentity"],
            "Resource": "*",
        }
    ],
}


@dataclass
class Caller:
    """Credentials of somebody, and how CloudTrail will call them."""

    label: str
    access_key: str
    secret_key: str
    token: str | None = None


def callers(stage: Stage) -> None:
    """Makes the people who will break things: an IAM user, an assumed role, the root user, and two other accounts."""
    iam, sts = stage.client("iam"), stage.client("sts")
    iam.create_user(UserName="release-engineer")
    iam.put_user_policy(UserName="release-engineer", PolicyName="network", PolicyDocument=json.dumps(NETWORK_ADMIN))
    key = iam.create_access_key(UserName="release-engineer")["AccessKey"]
    stage.callers["user"] = Caller("IAM user release-engineer", key["AccessKeyId"], key["SecretAccessKey"])
    role = iam.create_role(RoleName="break-glass", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="break-glass", PolicyName="network", PolicyDocument=json.dumps(NETWORK_ADMIN))
    session = sts.assume_role(RoleArn=role, RoleSessionName="night-shift")["Credentials"]
    stage.callers["role"] = Caller(
        "role break-glass", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]
    )
    stage.callers["root"] = Caller("the root user", "test", "test")
    # A 12-digit access key is the root user of that account.
    stage.callers["partner"] = Caller(f"partner {PARTNER}", PARTNER, "test")
    stage.callers["stranger"] = Caller(f"stranger {STRANGER}", STRANGER, "test")


def trail(stage: Stage) -> None:
    """Makes the trail that EventBridge gets API calls from, and starts it: CreateTrail alone logs nothing.

    CloudTrail User Guide, "Amazon S3 bucket policy for CloudTrail".
    """
    s3, cloudtrail = stage.client("s3"), stage.client("cloudtrail")
    bucket = f"trail-{stage.account}-{stage.region}"
    source = {"StringEquals": {"aws:SourceArn": f"arn:aws:cloudtrail:{stage.region}:{stage.account}:trail/management"}}
    service, arn = {"Service": "cloudtrail.amazonaws.com"}, f"arn:aws:s3:::{bucket}"
    read = {"Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl", "Resource": arn, "Condition": source}
    full = {"StringEquals": {**source["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}}
    write = {"Effect": "Allow", "Principal": service, "Action": "s3:PutObject", "Condition": full}
    write["Resource"] = f"{arn}/AWSLogs/{stage.account}/*"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": stage.region})
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [read, write]}))
    cloudtrail.create_trail(Name="management", S3BucketName=bucket, IsMultiRegionTrail=True)
    cloudtrail.start_logging(Name="management")


def consumers(stage: Stage) -> None:
    """A network for each of the other accounts, from which it can make endpoints."""
    for index, name in enumerate(("partner", "stranger")):
        ec2 = stage.client("ec2", name)
        vpc = ec2.create_vpc(CidrBlock=f"10.{60 + index}.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.{60 + index}.0.0/24")["Subnet"]["SubnetId"]
        stage.homes[name] = {"vpc": vpc, "subnet": subnet}


def connect(stage: Stage, caller: str, service: str) -> str:
    """Makes an interface endpoint to a service as another account; answers its id."""
    home = stage.homes[caller]
    endpoint = stage.client("ec2", caller).create_vpc_endpoint(
        VpcEndpointType="Interface", VpcId=home["vpc"], SubnetIds=[home["subnet"]], ServiceName=service
    )
    return endpoint["VpcEndpoint"]["VpcEndpointId"]


# What stands in the tiers of three-tier that have no public addresses: a database, a service, and an interface.
TENANTS = "tenants"


def tenants(stage: Stage) -> None:
    """Makes what lives in a network, as whoever runs it does, and an Elastic IP address that is on nothing yet."""
    ec2, rds, ecs = stage.client("ec2"), stage.client("rds"), stage.client("ecs")
    topology = next(topology for topology in stage.topologies if topology.id == "three-tier")
    vpc = declared.vpc_ids(ec2, topology)["main"]
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    groups = {one["GroupName"]: one["GroupId"] for one in ec2.describe_security_groups(Filters=here)["SecurityGroups"]}

    def subnets(tier: str) -> list[str]:
        by = [*here, {"Name": "cidr-block", "Values": topology.vpcs["main"]["tiers"][tier]["subnets"]}]
        return [subnet["SubnetId"] for subnet in ec2.describe_subnets(Filters=by)["Subnets"]]

    rds.create_db_subnet_group(
        DBSubnetGroupName=TENANTS, DBSubnetGroupDescription="database tier", SubnetIds=subnets("database")
    )
    rds.create_db_instance(
        DBInstanceIdentifier=TENANTS,
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="app",
        ManageMasterUserPassword=True,
        DBSubnetGroupName=TENANTS,
        VpcSecurityGroupIds=[groups["database"]],
        PubliclyAccessible=False,
    )
    ecs.create_cluster(clusterName=TENANTS)
    container = {"name": "web", "image": "web", "memory": 128}
    ecs.register_task_definition(family=TENANTS, networkMode="awsvpc", containerDefinitions=[container])
    network = {
        "subnets": subnets("private"),
        "securityGroups": [groups["ecs-tasks"]],
        "assignPublicIp": "DISABLED",
    }
    ecs.create_service(
        cluster=TENANTS,
        serviceName="web",
        taskDefinition=TENANTS,
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": network},
    )
    named = [{"Key": "Name", "Value": TENANTS}]
    ec2.create_network_interface(
        SubnetId=subnets("private")[0],
        Groups=[groups["ecs-tasks"]],
        TagSpecifications=[{"ResourceType": "network-interface", "Tags": named}],
    )
    ec2.allocate_address(Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": named}])
