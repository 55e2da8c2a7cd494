"""PrivateLink between accounts, as tests make it behave. Sources: CreateVpcEndpoint, DescribeVpcEndpointConnections,
Accept- and RejectVpcEndpointConnections, DescribeVpcEndpointServiceConfigurations and -Permissions API Reference;
PrivateLink guide, "Manage permissions", "Accept or reject connection requests", "Receive alerts for endpoint service
events"; API Gateway Developer Guide, "VPC links"."""

import json
import urllib.error

import pytest
from botocore.exceptions import ClientError

from .conftest import ACCOUNT, REGION, statement, until

PARTNER, STRANGER = "222233334444", "333344445555"
LONG = 3600


def refused(call, *arguments, **keywords):
    with pytest.raises(ClientError) as refusal:
        call(*arguments, **keywords)
    return refusal.value.response["Error"]["Code"]


def root(account):
    return f"arn:aws:iam::{account}:root"


class Provider:
    """A Network Load Balancer and a service in front of it; consumers come from other accounts."""

    def __init__(self, cloud):
        self.cloud, self.ec2, self.elb = cloud, cloud.client("ec2"), cloud.client("elbv2")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        self.balancer = self.new_balancer("products")
        made = self.ec2.create_vpc_endpoint_service_configuration(
            NetworkLoadBalancerArns=[self.balancer],
            AcceptanceRequired=True,
            TagSpecifications=[
                {"ResourceType": "vpc-endpoint-service", "Tags": [{"Key": "plumbline:service", "Value": "products"}]}
            ],
        )["ServiceConfiguration"]
        self.id, self.name = made["ServiceId"], made["ServiceName"]
        self.permit(root(PARTNER))
        self.places = {}

    def new_balancer(self, name):
        made = self.elb.create_load_balancer(Name=name, Type="network", Subnets=[self.subnet])
        return made["LoadBalancers"][0]["LoadBalancerArn"]

    def permit(self, *principals):
        self.ec2.modify_vpc_endpoint_service_permissions(ServiceId=self.id, AddAllowedPrincipals=list(principals))

    def place(self, account):
        if account not in self.places:
            ec2 = self.cloud.client("ec2", (account, "test", None))
            vpc = ec2.create_vpc(CidrBlock="10.50.0.0/16")["Vpc"]["VpcId"]
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.50.0.0/24")["Subnet"]["SubnetId"]
            self.places[account] = ec2, {"VpcId": vpc, "SubnetIds": [subnet], "VpcEndpointType": "Interface"}
        return self.places[account]

    def connect(self, account=PARTNER, ec2=None, **more):
        own, where = self.place(account)
        made = (ec2 or own).create_vpc_endpoint(ServiceName=self.name, **where, **more)
        return made["VpcEndpoint"]["VpcEndpointId"]

    def connections(self, **filters):
        wanted = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
        return self.ec2.describe_vpc_endpoint_connections(Filters=wanted)["VpcEndpointConnections"]

    def state(self, endpoint, account=PARTNER):
        [connection] = self.connections(service_id=self.id, vpc_endpoint_id=endpoint)
        [seen] = self.place(account)[0].describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
        assert seen["State"] == connection["VpcEndpointState"], "both sides see one state"
        assert connection["VpcEndpointOwner"] == account
        return connection["VpcEndpointState"]

    def accept(self, *endpoints):
        answer = self.ec2.accept_vpc_endpoint_connections(ServiceId=self.id, VpcEndpointIds=list(endpoints))
        return {one["ResourceId"]: one["Error"]["Code"] for one in answer["Unsuccessful"]}

    def reject(self, *endpoints):
        answer = self.ec2.reject_vpc_endpoint_connections(ServiceId=self.id, VpcEndpointIds=list(endpoints))
        return {one["ResourceId"]: one["Error"]["Code"] for one in answer["Unsuccessful"]}

    def configure(self, **change):
        self.ec2.modify_vpc_endpoint_service_configuration(ServiceId=self.id, **change)

    def set(self, **settings):
        return self.cloud.admin("PUT", "privatelink", settings)


@pytest.fixture
def provider(cloud):
    return Provider(cloud)


def test_a_stranger_cannot_even_ask(provider):
    """ "By default, your endpoint service is not available to other accounts": InvalidServiceName, no connection."""
    assert refused(provider.connect, STRANGER) == "InvalidServiceName"
    assert provider.connections() == []
    assert provider.connect(PARTNER)


def test_a_principal_may_be_a_single_role(provider):
    """AllowedPrincipal: an account, a role, a user; a connection then shows the account all the same."""
    cloud = provider.cloud
    own = (STRANGER, "test", None)
    trust = {"Effect": "Allow", "Principal": {"AWS": root(STRANGER)}, "Action": "sts:AssumeRole"}
    iam, sts = cloud.client("iam", own), cloud.client("sts", own)
    for name in ("network", "other"):
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement("Allow", "ec2:*")]})
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    provider.permit(f"arn:aws:iam::{STRANGER}:role/network")

    def by(name):
        arn = f"arn:aws:iam::{STRANGER}:role/{name}"
        got = sts.assume_role(RoleArn=arn, RoleSessionName="tester")["Credentials"]
        return cloud.client("ec2", (got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]))

    assert refused(provider.connect, STRANGER, by("other")) == "InvalidServiceName"
    endpoint = provider.connect(STRANGER, by("network"))
    assert provider.state(endpoint, STRANGER) == "pendingAcceptance"


def test_principals_are_described_with_their_kind(provider):
    """AllowedPrincipal, PrincipalType; filters; an invalid one is refused."""
    provider.permit(f"arn:aws:iam::{STRANGER}:role/network", "*")
    found = provider.ec2.describe_vpc_endpoint_service_permissions(ServiceId=provider.id)["AllowedPrincipals"]
    assert {one["Principal"]: one["PrincipalType"] for one in found} == {
        root(PARTNER): "Account",
        f"arn:aws:iam::{STRANGER}:role/network": "Role",
        "*": "All",
    }
    only = [{"Name": "principal-type", "Values": ["Account"]}]
    [one] = provider.ec2.describe_vpc_endpoint_service_permissions(ServiceId=provider.id, Filters=only)[
        "AllowedPrincipals"
    ]
    assert one["Principal"] == root(PARTNER)
    assert refused(provider.permit, "nobody at all") == "InvalidPrincipal"


def test_states_are_in_camel_case_on_the_wire(provider):
    """VpcEndpointState: `pendingAcceptance`, although the API model's enum says PendingAcceptance."""
    provider.connect()
    seen = []
    provider.ec2.meta.events.register(
        "before-parse.ec2.DescribeVpcEndpointConnections", lambda response_dict, **_: seen.append(response_dict["body"])
    )
    provider.connections(vpc_endpoint_state="pendingAcceptance")
    assert b"<vpcEndpointState>pendingAcceptance</vpcEndpointState>" in seen[0]
    assert len(provider.connections(vpc_endpoint_state="pendingAcceptance")) == 1
    assert provider.connections(vpc_endpoint_state="PendingAcceptance") == [], "filter values are case-sensitive"


def test_accepting_takes_a_while(provider):
    """pendingAcceptance → pending → available; `pending` is in flight and waits for nobody."""
    provider.set(pending=LONG)
    endpoint = provider.connect()
    assert provider.state(endpoint) == "pendingAcceptance"
    assert provider.accept(endpoint) == {}
    assert provider.state(endpoint) == "pending"
    assert provider.accept(endpoint) == {endpoint: "InvalidState"}
    assert provider.cloud.admin("POST", "privatelink/due", {})["arrived"] == 1
    assert provider.state(endpoint) == "available"
    provider.set(pending=0.1)
    second = provider.connect()
    provider.accept(second)
    until(lambda: provider.connections(vpc_endpoint_id=second, vpc_endpoint_state="available"))


def test_a_success_can_contain_failures(provider):
    """Accept, Reject: a 200 whose `Unsuccessful` names those that failed; the others are done."""
    endpoint = provider.connect()
    assert provider.accept(endpoint, "vpce-0123456789abcdead") == {
        "vpce-0123456789abcdead": "InvalidVpcEndpoint.NotFound"
    }
    assert provider.state(endpoint) == "available"
    assert provider.reject(endpoint) == {}, "a provider may reject one that is up"
    assert provider.state(endpoint) == "rejected"
    assert provider.reject(endpoint) == {endpoint: "InvalidState"}
    assert provider.accept(endpoint) == {}, "and let it in again"


def test_decisions_are_refused_on_demand(provider):
    endpoint, other = provider.connect(), provider.connect()
    provider.set(refuse={"call": "accept", "endpoint": endpoint, "code": "InternalError", "count": 1})
    assert provider.accept(endpoint, other) == {endpoint: "InternalError"}
    assert (provider.state(endpoint), provider.state(other)) == ("pendingAcceptance", "available")
    assert provider.accept(endpoint) == {}


def test_without_acceptance_connections_come_up(provider):
    """AcceptanceRequired false: new ones come up; what waited waits; what came up stays when it is required again."""
    waiting = provider.connect()
    provider.configure(AcceptanceRequired=False)
    uninvited = provider.connect()
    provider.configure(AcceptanceRequired=True)
    late = provider.connect()
    assert [provider.state(one) for one in (waiting, uninvited, late)] == [
        "pendingAcceptance",
        "available",
        "pendingAcceptance",
    ]


def test_only_the_consumer_deletes(provider):
    """The connection is gone for the provider, or shown as deleted for a while."""
    endpoint, other = provider.connect(), provider.connect()
    assert provider.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"]
    consumer = provider.place(PARTNER)[0]
    consumer.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    assert [one["VpcEndpointId"] for one in provider.connections()] == [other]
    provider.set(deleted=LONG)
    consumer.delete_vpc_endpoints(VpcEndpointIds=[other])
    assert [one["VpcEndpointState"] for one in provider.connections()] == ["deleted"]


def test_states_that_only_aws_brings_about(provider):
    """expired, failed, partial, deleting."""
    endpoint = provider.connect()
    for state in ("expired", "failed", "partial", "deleting"):
        provider.cloud.admin("PUT", "privatelink/connection", {"endpoint": endpoint, "state": state})
        assert provider.state(endpoint) == state


def test_services_are_found_by_tag_and_name(provider):
    """DescribeVpcEndpointServiceConfigurations, filters."""
    for name, value in (
        ("tag:plumbline:service", "products"),
        ("tag-key", "plumbline:service"),
        ("service-name", provider.name),
        ("service-id", provider.id),
        ("service-state", "Available"),
    ):
        wanted = [{"Name": name, "Values": [value]}]
        found = provider.ec2.describe_vpc_endpoint_service_configurations(Filters=wanted)["ServiceConfigurations"]
        assert [one["ServiceId"] for one in found] == [provider.id], name
        wanted = [{"Name": name, "Values": ["zzz"]}]
        answer = provider.ec2.describe_vpc_endpoint_service_configurations(Filters=wanted)
        assert answer["ServiceConfigurations"] == [], name
    nobody = {"ServiceIds": ["vpce-svc-0123456789abcdef0"]}
    code = refused(provider.ec2.describe_vpc_endpoint_service_configurations, **nobody)
    assert code == "InvalidVpcEndpointServiceId.NotFound"


def test_a_service_with_connections_is_not_deleted(provider):
    """ "Delete an endpoint service": ExistingVpcEndpointConnections."""
    endpoint = provider.connect()
    delete = provider.ec2.delete_vpc_endpoint_service_configurations
    [failed] = delete(ServiceIds=[provider.id])["Unsuccessful"]
    assert failed["Error"]["Code"] == "ExistingVpcEndpointConnections"
    provider.reject(endpoint)
    assert delete(ServiceIds=[provider.id])["Unsuccessful"] == []


def test_load_balancers_of_a_service(provider):
    """ModifyVpcEndpointServiceConfiguration; DescribeLoadBalancers by name, with the VPC."""
    second = provider.new_balancer("second")
    provider.configure(AddNetworkLoadBalancerArns=[second])
    provider.configure(AddNetworkLoadBalancerArns=[second], RemoveNetworkLoadBalancerArns=[provider.balancer])
    [service] = provider.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    assert service["NetworkLoadBalancerArns"] == [second]
    assert refused(provider.configure, RemoveNetworkLoadBalancerArns=[provider.balancer]) == "InvalidParameter"
    assert refused(provider.configure, RemoveNetworkLoadBalancerArns=[second]) == "InvalidParameter"
    [found] = provider.elb.describe_load_balancers(Names=["second"])["LoadBalancers"]
    assert (found["LoadBalancerArn"], found["VpcId"], found["Type"]) == (second, provider.vpc, "network")
    assert refused(provider.elb.describe_load_balancers, Names=["third"]) == "LoadBalancerNotFound"


def test_describing_load_balancers_is_authorised(provider):
    """Service Authorization Reference: elasticloadbalancing:DescribeLoadBalancers, no resource-level permissions."""
    cloud = provider.cloud
    allowed = cloud.client(
        "elbv2", cloud.assume("may", statement("Allow", "elasticloadbalancing:DescribeLoadBalancers"))
    )
    assert allowed.describe_load_balancers()["LoadBalancers"]
    other = cloud.client("elbv2", cloud.assume("may-not", statement("Allow", "elasticloadbalancing:DescribeListeners")))
    assert refused(other.describe_load_balancers) == "AccessDenied"


def test_deciding_is_authorised_on_the_service_and_its_tags(provider):
    """Service Authorization Reference: vpc-endpoint-service, aws:ResourceTag."""
    cloud, endpoint = provider.cloud, provider.connect()
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-endpoint-service/*"

    def by(name, value):
        tagged = {"StringEquals": {"aws:ResourceTag/plumbline:service": value}}
        return cloud.client(
            "ec2", cloud.assume(name, statement("Allow", "ec2:AcceptVpcEndpointConnections", arn, **tagged))
        )

    wanted = {"ServiceId": provider.id, "VpcEndpointIds": [endpoint]}
    assert refused(by("wrong", "other").accept_vpc_endpoint_connections, **wanted) == "UnauthorizedOperation"
    assert by("right", "products").accept_vpc_endpoint_connections(**wanted)["Unsuccessful"] == []


def test_services_that_vpc_links_make(provider):
    """An API Gateway VPC link has an endpoint service of its own in the account: managed, not the provider's."""
    made = provider.cloud.admin("POST", "privatelink/vpc_link", {"load_balancer": provider.balancer})
    found = provider.ec2.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"]
    managed = {one["ServiceId"]: one["ManagesVpcEndpoints"] for one in found}
    assert managed == {provider.id: False, made["service"]: True}
    [connection] = provider.connections(service_id=made["service"])
    assert (connection["VpcEndpointState"], connection["VpcEndpointOwner"]) == ("available", made["owner"])


class Topic:
    """A topic that `vpce.amazonaws.com` may publish to, and a queue that hears it."""

    def __init__(self, provider, **condition):
        cloud, self.provider = provider.cloud, provider
        self.sns = cloud.client("sns")
        self.arn = self.sns.create_topic(Name="connections")["TopicArn"]
        self.url, queue = cloud.queue("notices", ["sns.amazonaws.com"])
        self.sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue)
        self.allow(**condition)

    def allow(self, principal="vpce.amazonaws.com", **condition):
        one = {"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sns:Publish", "Resource": self.arn}
        one |= {"Condition": condition} if condition else {}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [one]})
        self.sns.set_topic_attributes(TopicArn=self.arn, AttributeName="Policy", AttributeValue=policy)

    def notify(self, *events):
        self.provider.ec2.create_vpc_endpoint_connection_notification(
            ServiceId=self.provider.id,
            ConnectionNotificationArn=self.arn,
            ConnectionEvents=list(events) or ["Accept", "Connect", "Delete", "Reject"],
        )

    def heard(self):
        self.provider.cloud.settle()
        bodies = [json.loads(one["Body"]) for one in self.provider.cloud.messages(self.url, visibility=60)]
        return sorted(
            (json.loads(one["Message"])["event"], json.loads(one["Message"])["vpcEndpointId"]) for one in bodies
        )


def test_the_provider_is_told(provider):
    """CreateVpcEndpointConnectionNotification: Connect, Accept, Reject, Delete; the topic lets the service in."""
    where = {
        "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-endpoint-service/*"},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    }
    topic = Topic(provider, **where)
    topic.notify()
    endpoint = provider.connect()
    provider.accept(endpoint)
    provider.reject(endpoint)
    provider.place(PARTNER)[0].delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    assert topic.heard() == [(event, endpoint) for event in ("Accept", "Connect", "Delete", "Reject")]


@pytest.mark.parametrize(
    "condition",
    [
        {"ArnLike": {"aws:SourceArn": "arn:aws:ec2:*:*:vpc-endpoint-service/vpce-svc-0123456789abcdef0"}},
        {"StringEquals": {"aws:SourceAccount": STRANGER}},
    ],
)
def test_a_topic_that_does_not_let_the_service_in_hears_nothing(provider, condition):
    """ "Receive alerts": aws:SourceArn, aws:SourceAccount. Nobody is told that nothing arrives: a sweep has to look."""
    topic = Topic(provider, **condition)
    topic.notify()
    provider.connect()
    assert topic.heard() == []


def test_only_the_events_that_were_asked_for(provider):
    topic = Topic(provider)
    topic.notify("Delete")
    endpoint = provider.connect()
    provider.accept(endpoint)
    assert topic.heard() == []
    wrong = {"ServiceId": provider.id, "ConnectionNotificationArn": topic.arn}
    create = provider.ec2.create_vpc_endpoint_connection_notification
    assert refused(create, **wrong, ConnectionEvents=["Weather"]) == "InvalidParameter"


def test_the_notification_in_cloudformation(provider):
    """AWS::EC2::VPCEndpointConnectionNotification: events and topic change in place, another service replaces it."""
    topic = Topic(provider)
    formation = provider.cloud.client("cloudformation")

    def template(*events):
        properties = {
            "ServiceId": provider.id,
            "ConnectionNotificationArn": topic.arn,
            "ConnectionEvents": list(events),
        }
        return json.dumps(
            {
                "Resources": {
                    "Told": {"Type": "AWS::EC2::VPCEndpointConnectionNotification", "Properties": properties}
                },
                "Outputs": {"Id": {"Value": {"Ref": "Told"}}},
            }
        )

    def described():
        found = provider.ec2.describe_vpc_endpoint_connection_notifications()["ConnectionNotificationSet"]
        return [(one["ConnectionNotificationId"], sorted(one["ConnectionEvents"])) for one in found]

    formation.create_stack(StackName="s", TemplateBody=template("Connect"))
    formation.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    [stack] = formation.describe_stacks(StackName="s")["Stacks"]
    made = stack["Outputs"][0]["OutputValue"]
    assert described() == [(made, ["Connect"])]
    formation.update_stack(StackName="s", TemplateBody=template("Connect", "Delete"))
    formation.get_waiter("stack_update_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    assert described() == [(made, ["Connect", "Delete"])]
    endpoint = provider.connect()
    assert topic.heard() == [("Connect", endpoint)]
    formation.delete_stack(StackName="s")
    until(lambda: described() == [])


def test_a_connection_is_in_the_consumers_trail_only(provider):
    """CreateVpcEndpoint is the consumer's call: the provider's bus hears of its own Accept, and not of the request."""
    cloud, heard = provider.cloud, {}
    provider.place(PARTNER)
    cloud.settle()  # what was announced until here has been
    for account in (ACCOUNT, PARTNER):
        keys = ("test" if account == ACCOUNT else account, "test", None)
        sqs, events = cloud.client("sqs", keys), cloud.client("events", keys)
        arn = f"arn:aws:sqs:{REGION}:{account}:trail"
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Resource": arn}]})
        url = sqs.create_queue(QueueName="trail", Attributes={"Policy": policy})["QueueUrl"]
        events.put_rule(Name="trail", EventPattern=json.dumps({"source": ["aws.ec2"]}))
        events.put_targets(Rule="trail", Targets=[{"Id": "q", "Arn": arn}])
        heard[account] = sqs, url
    endpoint = provider.connect()
    provider.accept(endpoint)
    cloud.settle()

    def names(account):
        sqs, url = heard[account]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return {json.loads(one["Body"])["detail"]["eventName"]: json.loads(one["Body"])["detail"] for one in found}

    ours, theirs = names(ACCOUNT), names(PARTNER)
    assert set(ours) == {"AcceptVpcEndpointConnections"}
    assert "CreateVpcEndpoint" in theirs
    request = ours["AcceptVpcEndpointConnections"]["requestParameters"]["AcceptVpcEndpointConnectionsRequest"]
    assert request["ServiceId"] == provider.id
    assert request["VpcEndpointId"]["content"] == endpoint


def test_everything_is_part_of_a_snapshot(provider):
    provider.set(pending=LONG)
    waiting, flying = provider.connect(), provider.connect()
    provider.accept(flying)
    Topic(provider).notify()
    provider.cloud.admin("POST", "snapshot", {"name": "links"})
    provider.set(pending=0)
    provider.accept(waiting)
    provider.cloud.admin("POST", "privatelink/due", {})
    provider.cloud.admin("POST", "restore", {"name": "links"})
    assert (provider.state(waiting), provider.state(flying)) == ("pendingAcceptance", "pending")
    assert provider.cloud.admin("GET", "privatelink")["pending"] == LONG
    assert provider.ec2.describe_vpc_endpoint_connection_notifications()["ConnectionNotificationSet"]
    provider.cloud.admin("POST", "privatelink/due", {})
    assert provider.state(flying) == "available", "the two sides are still one connection"


@pytest.mark.parametrize("settings", [{"pending": -1}, {"refuse": {"call": "x"}}, {"refuse": "all"}, {"weather": 1}])
def test_wrong_settings_are_told(cloud, settings):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        cloud.admin("PUT", "privatelink", settings)
    assert refusal.value.code == 400
