"""What people do to the networks in the demo, and what must follow."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

import declared
import stage as staging
import surroundings
from scene import Scene, Watch, nothing, restored
from telling import word

Act = Callable[[Any, staging.Stage], None]


def as_caller(caller: str, act: Act) -> Callable[[staging.Stage], None]:
    """The act with EC2 as the caller sees it."""
    return lambda stage: act(stage.client("ec2", caller), stage)


def topology(stage: staging.Stage, name: str) -> declared.Topology:
    """One of the documents."""
    return next(t for t in stage.topologies if t.id == name)


def vpc_id(stage: staging.Stage, name: str, vpc: str) -> str:
    """The id of a topology's VPC."""
    return declared.vpc_ids(stage.client("ec2"), topology(stage, name))[vpc]


def by_hand(stage: staging.Stage, function: str, order: dict[str, Any]) -> None:
    """Invokes a control as an on-call does."""
    answer = stage.client("lambda").invoke(
        FunctionName=f"{staging.CONTROL_PLANE}-{function}", Payload=json.dumps(order).encode()
    )
    text = answer["Payload"].read().decode()
    if answer.get("FunctionError") or json.loads(text).get("ok") is not True:
        raise RuntimeError(f"{function} {order}: {text}")


# ------------------------------------------------------------------------------------------------------ security groups


def group_id(stage: staging.Stage, name: str, vpc: str, group: str) -> str:
    """The id of a declared group."""
    found = stage.client("ec2").describe_security_groups(
        Filters=[
            {"Name": "vpc-id", "Values": [vpc_id(stage, name, vpc)]},
            {"Name": "group-name", "Values": [group]},
        ]
    )["SecurityGroups"]
    return found[0]["GroupId"]


def tcp(port: int, *, v4: str | None = None, v6: str | None = None) -> dict[str, Any]:
    """An `IpPermission` for one TCP port."""
    permission: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    if v4:
        permission["IpRanges"] = [{"CidrIp": v4}]
    if v6:
        permission["Ipv6Ranges"] = [{"CidrIpv6": v6}]
    return permission


def rules(ec2: Any, group: str) -> list[dict[str, Any]]:
    """The inbound rules of a group."""
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    return [rule for rule in found if not rule["IsEgress"]]


def open_ssh(ec2: Any, stage: staging.Stage) -> None:
    group = group_id(stage, "three-tier", "main", "alb")
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, v4="0.0.0.0/0", v6="::/0")])


def remove_declared(ec2: Any, stage: staging.Stage) -> None:
    group = group_id(stage, "three-tier", "main", "database")
    gone = next(r for r in rules(ec2, group) if r.get("FromPort") == 5432)
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[gone["SecurityGroupRuleId"]])


def widen(ec2: Any, stage: staging.Stage) -> None:
    """EC2 lets a rule change its ports and range in place, not its kind."""
    group = group_id(stage, "three-tier", "main", "alb")
    rule = next(r for r in rules(ec2, group) if r.get("FromPort") == 443)
    wide = {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "CidrIpv4": "0.0.0.0/0"}
    ec2.modify_security_group_rules(
        GroupId=group,
        SecurityGroupRules=[{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": wide}],
    )


def several(ec2: Any, stage: staging.Stage) -> None:
    """Three VPCs, as fast as calls can be made."""
    for name, vpc, group in (
        ("hipaa", "main", "database"),
        ("autoscaled-web", "main", "cache"),
        ("privatelink", "producer", "nlb"),
    ):
        group = group_id(stage, name, vpc, group)
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(3389, v4="0.0.0.0/0")])


def failed_call(ec2: Any, stage: staging.Stage) -> None:
    """AWS refuses it, so nothing changed; the trail has an event all the same."""
    group = group_id(stage, "three-tier", "main", "alb")
    try:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(443, v4="0.0.0.0/0")])
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidPermission.Duplicate", error
    else:
        raise AssertionError("EC2 accepted a duplicate rule")


def dry_run(ec2: Any, stage: staging.Stage) -> None:
    """Only asks whether it may."""
    group = group_id(stage, "three-tier", "main", "alb")
    try:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, v4="0.0.0.0/0")], DryRun=True)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "DryRunOperation", error
    else:
        raise AssertionError("a dry run was not answered as one")


def security_groups(stage: staging.Stage) -> list[Scene]:
    """Rules of groups."""

    def scene(caller: str, title: str, act: Act, ends: Any = restored, topologies: Any = ("three-tier",)) -> Scene:
        return Scene(stage.callers[caller].label, title, as_caller(caller, act), "security-groups", topologies, ends)

    three = ("hipaa", "autoscaled-web", "privatelink")
    return [
        scene("user", "opens 22/tcp to 0.0.0.0/0 and ::/0 on three-tier main/alb", open_ssh),
        scene("role", "removes PostgreSQL from three-tier main/database", remove_declared),
        scene("root", "widens HTTPS of three-tier main/alb to every TCP port", widen),
        scene("role", "opens RDP to the world in three VPCs at once", several, restored, three),
        scene("user", "makes a call that EC2 refuses", failed_call, nothing),
        scene("root", "makes a dry run", dry_run, nothing),
    ]


# ------------------------------------------------------------------------------------------------------------ flow logs


def flow_logs_of(ec2: Any, vpc: str) -> list[dict[str, Any]]:
    """The flow logs of a VPC."""
    return ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [vpc]}])["FlowLogs"]


def delete_flow_log(ec2: Any, stage: staging.Stage) -> None:
    log = flow_logs_of(ec2, vpc_id(stage, "hipaa", "main"))[0]["FlowLogId"]
    ec2.delete_flow_logs(FlowLogIds=[log])


def delete_log_group(ec2: Any, stage: staging.Stage) -> None:
    """Delivery fails from now on: the flow log stays active, and writes nowhere."""
    del ec2
    stage.client("logs", "role").delete_log_group(logGroupName="/plumbline/api-network/main/flow-logs")


def flow_logs(stage: staging.Stage) -> list[Scene]:
    """Records of the traffic."""
    user, role = stage.callers["user"].label, stage.callers["role"].label
    gone = "deletes the flow log of hipaa main"
    failing = "deletes the log group of api-network main, so that delivery fails"
    return [
        Scene(user, gone, as_caller("user", delete_flow_log), "flow-logs", ("hipaa",), restored),
        Scene(role, failing, as_caller("role", delete_log_group), "flow-logs", ("api-network",), restored),
    ]


# ------------------------------------------------------------------------------------------------------------------ NAT


def delete_gateway(ec2: Any, stage: staging.Stage) -> None:
    """The one in the first zone, which carries the traffic of the private subnet there."""
    vpc = vpc_id(stage, "three-tier", "main")
    table = ec2.describe_route_tables(
        Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "tag:Name", "Values": ["three-tier-main-private-a"]}]
    )["RouteTables"][0]
    gateway = next(r["NatGatewayId"] for r in table["Routes"] if r.get("DestinationCidrBlock") == "0.0.0.0/0")
    ec2.delete_nat_gateway(NatGatewayId=gateway)


def failed_over(watch: Watch) -> str | None:
    """Every private subnet has a way out again and the replacement is there; only the way back is left to do."""
    left = watch.differences()
    away = [difference for difference in left if "crosses" in difference.text]
    done = away and len(away) == len(left) and watch.reports and word(watch.reports[-1]["overall"]) != "converging"
    return "failed over, replaced" if done else None


def enforce_nat(stage: staging.Stage) -> None:
    order = {"topology": "three-tier", "mode": "enforce", "reason": "traffic is low: back to its own zone"}
    by_hand(stage, "nat", order)


def flip(environment: str) -> Callable[[staging.Stage], None]:
    """A new layer version, as `sam deploy` makes it, in which three-tier is of another environment."""

    def act(stage: staging.Stage) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for position, document in enumerate(stage.topologies):
                there = Path(folder) / document.id / "topology.yaml"
                there.parent.mkdir()
                text = (staging.ROOT / "topologies" / document.id / "topology.yaml").read_text()
                if document.id == "three-tier":
                    assert "\nenvironment: production\n" in text
                    text = text.replace("\nenvironment: production\n", f"\nenvironment: {environment}\n")
                there.write_text(text)
                stage.topologies[position] = declared.load(there)
            staging.control_plane(stage, {"RecheckSeconds": "1"}, Path(folder))

    return act


def nat(stage: staging.Stage) -> list[Scene]:
    """Ways out of the private tiers."""
    user, three = stage.callers["user"].label, ("three-tier",)
    lost = "deletes the NAT gateway of three-tier zone a, which carries traffic"
    return [
        Scene(user, lost, as_caller("user", delete_gateway), "nat", three, failed_over),
        Scene("On-call", "moves the traffic back to zone a by hand", enforce_nat, "nat", three, restored, harm=False),
    ]


def flips(stage: staging.Stage) -> list[Scene]:
    """The same network as another environment."""
    del stage
    three = ("three-tier",)
    return [
        Scene(
            "Deploy", "three-tier becomes staging: one gateway", flip("staging"), "nat", three, restored, False, True
        ),
        Scene("Deploy", "three-tier is production again", flip("production"), "nat", three, restored, False, True),
    ]


# ---------------------------------------------------------------------------------------------------------- PrivateLink


def service(stage: staging.Stage) -> dict[str, Any]:
    """The products API as EC2 describes it."""
    found = declared.privatelink.service_of(staging.cloud(stage), topology(stage, "privatelink"), "products-api")
    if found is None:
        raise RuntimeError("the endpoint service products-api does not exist")
    return found


def connects(caller: str) -> Callable[[staging.Stage], None]:
    """An endpoint in another account."""
    return lambda stage: stage.joined.append(surroundings.connect(stage, caller, service(stage)["ServiceName"]))


def newest_is(stage: staging.Stage, state: str) -> bool:
    """The state of the newest connection."""
    there = declared.privatelink.connections(staging.cloud(stage), service(stage)["ServiceId"])
    states = {connection["VpcEndpointId"]: connection["VpcEndpointState"].lower() for connection in there}
    return states.get(stage.joined[-1]) == state


def accepted(watch: Watch) -> str | None:
    """The newest connection is available, and the whole is as declared."""
    done = watch.reports and newest_is(watch.stage, "available") and not watch.differences()
    return "let in" if done else None


def waits(watch: Watch) -> str | None:
    """The newest connection is held, with its name, and is still pending."""
    said = [held["name"] for report in watch.reports for held in report["held"]]
    named = any(watch.stage.joined[-1] in name for name in said)
    return "held for a person" if named and newest_is(watch.stage, "pendingacceptance") else None


def stranger(stage: staging.Stage) -> None:
    """Nobody allowed it to look for the service: to it the service does not exist."""
    try:
        connects("stranger")(stage)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidServiceName", error
    else:
        raise AssertionError("AWS let a stranger see the service")


def let_stranger_in(ec2: Any, stage: staging.Stage) -> None:
    """Somebody allows it, and it is quicker than the event: CloudTrail takes seconds."""
    call, service_id = "ModifyVpcEndpointServicePermissions", service(stage)["ServiceId"]
    stage.admin("PUT", "cloudtrail", {"per_event": {call: {"delay": 3}}})
    principal = f"arn:aws:iam::{surroundings.STRANGER}:root"
    ec2.modify_vpc_endpoint_service_permissions(ServiceId=service_id, AddAllowedPrincipals=[principal])
    connects("stranger")(stage)
    stage.admin("PUT", "cloudtrail", {"per_event": {}})


def approve(stage: staging.Stage) -> None:
    endpoint = stage.joined[-1]
    by_hand(stage, "privatelink", {"approve": endpoint, "reason": "the partner's third site, agreed on Monday"})
    stage.approved.add(endpoint)


def kept_out(watch: Watch) -> str | None:
    """The permission is gone again, and the connection waits."""
    return "taken back; held for a person" if waits(watch) and not watch.differences() else None


def privatelink(stage: staging.Stage) -> list[Scene]:
    """Who is connected to the products API."""
    partner, user, here = stage.callers["partner"].label, stage.callers["user"].label, ("privatelink",)
    label = stage.callers["stranger"].label

    def scene(who: str, title: str, act: Any, ends: Any, harm: bool = False) -> Scene:
        return Scene(who, title, act, "privatelink", here, ends, harm)

    allowed = as_caller("user", let_stranger_in)
    return [
        scene(partner, "connects to the products API", connects("partner"), accepted),
        scene(partner, "connects a second time", connects("partner"), accepted),
        scene(partner, "connects a third time; the document says at most two", connects("partner"), waits),
        scene("On-call", "approves the third", approve, accepted),
        scene(label, "tries to connect", stranger, nothing, True),
        scene(user, f"allows {label} to connect, which it does at once", allowed, kept_out, True),
    ]


# --------------------------------------------------------------------------------------------------------------- routes


def table_of(ec2: Any, stage: staging.Stage, name: str, vpc: str, place: str) -> dict[str, Any]:
    """The route table that the stack made for a subnet, such as `database-a`."""
    mine = [{"Name": "vpc-id", "Values": [vpc_id(stage, name, vpc)]}]
    mine.append({"Name": "tag:Name", "Values": [f"{name}-{vpc}-{place}"]})
    return ec2.describe_route_tables(Filters=mine)["RouteTables"][0]


def internet_of(ec2: Any, vpc: str) -> str:
    """The internet gateway of a VPC."""
    here = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
    return ec2.describe_internet_gateways(Filters=here)["InternetGateways"][0]["InternetGatewayId"]


def open_database(ec2: Any, stage: staging.Stage) -> None:
    """A default route to the internet gateway, as a tutorial would have it."""
    table = table_of(ec2, stage, "three-tier", "main", "database-a")["RouteTableId"]
    gateway = internet_of(ec2, vpc_id(stage, "three-tier", "main"))
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)


def move_database(ec2: Any, stage: staging.Stage) -> None:
    """The database's subnet uses the public route table from now on."""
    own = table_of(ec2, stage, "hipaa", "main", "database-a")["Associations"][0]["RouteTableAssociationId"]
    public = table_of(ec2, stage, "hipaa", "main", "public-a")["RouteTableId"]
    ec2.replace_route_table_association(AssociationId=own, RouteTableId=public)


def detach_internet(ec2: Any, stage: staging.Stage) -> None:
    """EC2 refuses that while public addresses are in use: the client, which has one, is stopped first."""
    vpc = vpc_id(stage, "privatelink", "consumer")
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    reservations = ec2.describe_instances(Filters=here)["Reservations"]
    clients = [instance["InstanceId"] for reservation in reservations for instance in reservation["Instances"]]
    ec2.stop_instances(InstanceIds=clients)
    ec2.detach_internet_gateway(InternetGatewayId=internet_of(ec2, vpc), VpcId=vpc)


def attach_internet(ec2: Any, stage: staging.Stage) -> None:
    """A gateway of somebody's, where the topology says that there is none."""
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id(stage, "privatelink", "producer"))


def assign_addresses(ec2: Any, stage: staging.Stage) -> None:
    """Whatever is launched in the public subnet gets a public address."""
    by = [{"Name": "vpc-id", "Values": [vpc_id(stage, "api-network", "main")]}]
    by.append({"Name": "tag:plumbline:tier", "Values": ["public"]})
    subnet = ec2.describe_subnets(Filters=by)["Subnets"][0]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})


def no_names(ec2: Any, stage: staging.Stage) -> None:
    """Private DNS of endpoints needs them."""
    vpc = vpc_id(stage, "autoscaled-web", "main")
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": False})


def routes(stage: staging.Stage) -> list[Scene]:
    """Ways in and out that nobody declared."""

    def scene(caller: str, title: str, act: Act, name: str) -> Scene:
        return Scene(stage.callers[caller].label, title, as_caller(caller, act), "routes", (name,), restored)

    return [
        scene("user", "routes three-tier main/database-a to the internet gateway", open_database, "three-tier"),
        scene("role", "moves hipaa main/database-a to the public route table", move_database, "hipaa"),
        scene("root", "detaches the internet gateway of privatelink consumer", detach_internet, "privatelink"),
        scene("user", "attaches an internet gateway to privatelink producer", attach_internet, "privatelink"),
        scene("role", "lets api-network main/public-a assign public addresses", assign_addresses, "api-network"),
        scene("user", "switches DNS host names of autoscaled-web main off", no_names, "autoscaled-web"),
    ]


# ------------------------------------------------------------------------------------------------------------- exposure


def make_database_public(stage: staging.Stage) -> None:
    """As in the console: public access, applied immediately."""
    stage.client("rds", "user").modify_db_instance(
        DBInstanceIdentifier=surroundings.TENANTS, PubliclyAccessible=True, ApplyImmediately=True
    )


def give_tasks_public_addresses(stage: staging.Stage) -> None:
    """The rest of the network stays."""
    ecs = stage.client("ecs", "role")
    cluster = surroundings.TENANTS
    network = ecs.describe_services(cluster=cluster, services=["web"])["services"][0]["networkConfiguration"]
    network["awsvpcConfiguration"]["assignPublicIp"] = "ENABLED"
    ecs.update_service(cluster=cluster, service="web", networkConfiguration=network)


def put_address_on_interface(ec2: Any, stage: staging.Stage) -> None:
    """The Elastic IP address that is on nothing, on an interface in a private subnet."""
    del stage
    named = [{"Name": "tag:Name", "Values": [surroundings.TENANTS]}]
    address = ec2.describe_addresses(Filters=named)["Addresses"][0]["AllocationId"]
    interface = ec2.describe_network_interfaces(Filters=named)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface)


def attach_another_group(stage: staging.Stage) -> None:
    """The group of the load balancer admits the world."""
    more = [group_id(stage, "three-tier", "main", group) for group in ("database", "alb")]
    stage.client("rds", "role").modify_db_instance(
        DBInstanceIdentifier=surroundings.TENANTS, VpcSecurityGroupIds=more, ApplyImmediately=True
    )


def detach_it(stage: staging.Stage) -> None:
    """What the message said."""
    stage.client("rds", "root").modify_db_instance(
        DBInstanceIdentifier=surroundings.TENANTS,
        VpcSecurityGroupIds=[group_id(stage, "three-tier", "main", "database")],
        ApplyImmediately=True,
    )


def told_what_to_do(watch: Watch) -> str | None:
    """Held, with the command to paste."""
    held = [one for report in watch.reports for one in report["held"]]
    return "held, with the command to paste" if any("modify-db-instance" in one["remedy"] for one in held) else None


def as_declared(watch: Watch) -> str | None:
    """A person put it right: Plumbline has nothing left to do or to say."""
    return None if watch.differences() else "as declared"


def exposure(stage: staging.Stage) -> list[Scene]:
    """What is private becomes public."""
    here = ("three-tier",)

    def scene(caller: str, title: str, act: Any, ends: Any = restored, harm: bool = True) -> Scene:
        return Scene(stage.callers[caller].label, title, act, "exposure", here, ends, harm)

    associate = as_caller("root", put_address_on_interface)
    return [
        scene("user", "makes the database of three-tier public", make_database_public),
        scene("role", "gives the tasks of a service in the private tier public addresses", give_tasks_public_addresses),
        scene("root", "puts an Elastic IP address on an interface in the private tier", associate),
        scene("role", "attaches another group to the database", attach_another_group, told_what_to_do),
        scene("root", "detaches it, as the message says", detach_it, as_declared, False),
    ]


# ------------------------------------------------------------------------------------------------------------ endpoints


def endpoints_of(ec2: Any, stage: staging.Stage, name: str) -> dict[str, dict[str, Any]]:
    """The endpoints of a topology's VPC `main`, by the short name of their service."""
    here = [{"Name": "vpc-id", "Values": [vpc_id(stage, name, "main")]}]
    found = ec2.describe_vpc_endpoints(Filters=here)["VpcEndpoints"]
    alive = [one for one in found if one["State"] not in ("deleting", "deleted")]
    return {one["ServiceName"].split(".", 3)[3]: one for one in alive}


def delete_endpoint(ec2: Any, stage: staging.Stage) -> None:
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoints_of(ec2, stage, "hipaa")["secretsmanager"]["VpcEndpointId"]])


def private_dns_off(ec2: Any, stage: staging.Stage) -> None:
    endpoint = endpoints_of(ec2, stage, "autoscaled-web")["ecr.api"]["VpcEndpointId"]
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PrivateDnsEnabled=False)


def wrong_group(ec2: Any, stage: staging.Stage) -> None:
    """Names still lead there, and nobody is let in."""
    endpoint = endpoints_of(ec2, stage, "api-network")["logs"]
    other = group_id(stage, "api-network", "main", "default")
    ec2.modify_vpc_endpoint(
        VpcEndpointId=endpoint["VpcEndpointId"],
        AddSecurityGroupIds=[other],
        RemoveSecurityGroupIds=[group["GroupId"] for group in endpoint["Groups"]],
    )


def out_of_a_table(ec2: Any, stage: staging.Stage) -> None:
    endpoint = endpoints_of(ec2, stage, "three-tier")["s3"]
    ec2.modify_vpc_endpoint(
        VpcEndpointId=endpoint["VpcEndpointId"], RemoveRouteTableIds=sorted(endpoint["RouteTableIds"])[:2]
    )


def delete_all_endpoints(ec2: Any, stage: staging.Stage) -> None:
    """AWS gives four calls at once and one in three seconds after that, whoever calls."""
    ids = [one["VpcEndpointId"] for one in endpoints_of(ec2, stage, "three-tier").values()]
    stage.admin("PUT", "endpoints", {"throttle": True, "pending": 1})
    ec2.delete_vpc_endpoints(VpcEndpointIds=ids)


def restored_within_the_bucket(watch: Watch) -> str | None:
    """As before; what was counted for the scene is not counted any more."""
    verdict = restored(watch)
    if verdict:
        watch.stage.admin("PUT", "endpoints", {"throttle": False, "pending": 0})
    return verdict


def endpoints(stage: staging.Stage) -> list[Scene]:
    """Ways to services that do not leave the network."""

    def scene(
        caller: str, title: str, act: Act, topology: str, ends: Callable[[Watch], str | None] = restored
    ) -> Scene:
        return Scene(stage.callers[caller].label, title, as_caller(caller, act), "endpoints", (topology,), ends)

    return [
        scene("user", "deletes the Secrets Manager endpoint of hipaa main", delete_endpoint, "hipaa"),
        scene("role", "switches private DNS of autoscaled-web's ECR off", private_dns_off, "autoscaled-web"),
        scene("user", "gives api-network's logs endpoint a group that admits nobody", wrong_group, "api-network"),
        scene("root", "takes three-tier's S3 endpoint out of two route tables", out_of_a_table, "three-tier"),
        scene(
            "role",
            "deletes all six endpoints of three-tier at once",
            delete_all_endpoints,
            "three-tier",
            restored_within_the_bucket,
        ),
    ]
