"""Which resources an EC2 call is authorised on, and with which condition keys.

One EC2 call is authorised on every resource that it touches: the policy must allow the action on each of them. Which
those are is written in the Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2"
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html), called SAR below.

Three rules shape this file:

- `ec2:Vpc` is a key of groups, subnets, route tables, network interfaces and network ACLs, and its value is the VPC's
  ARN. It is not a key of `security-group-rule`: ModifySecurityGroupRules is authorised on the group *and* on the rule,
  and a statement for the rule conditioned on `ec2:Vpc` never matches (IAM User Guide, example policy
  "reference_policies_examples_ec2_securitygroups-vpc": two statements, the one for rules without the condition).
- Tagging on creation is authorised as `ec2:CreateTags` on the new resource, with `ec2:CreateAction` naming the creating
  action. A CreateTags call of its own has no such key ("Grant permission to tag Amazon EC2 resources during creation").
- Describe calls have no resource-level permissions: they are authorised on `*`.

The table names the calls that Plumbline makes or watches. Any other call is authorised on every id found among its
parameters: strict for a policy that names the wrong resource, correct for one that allows `*`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

# Ids are `<prefix>-<hex>`; the ARN's resource type for each (SAR, "Resource types defined by Amazon EC2").
TYPE_OF_PREFIX = {
    "acl": "network-acl",
    "cagw": "carrier-gateway",
    "dopt": "dhcp-options",
    "eigw": "egress-only-internet-gateway",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "fl": "vpc-flow-log",
    "i": "instance",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "pcx": "vpc-peering-connection",
    "pl": "prefix-list",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "snap": "snapshot",
    "subnet": "subnet",
    "tgw": "transit-gateway",
    "tgw-attach": "transit-gateway-attachment",
    "tgw-rtb": "transit-gateway-route-table",
    "vol": "volume",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
    "vpce-svc": "vpc-endpoint-service",
}
_ID = re.compile(r"^(" + "|".join(sorted(map(re.escape, TYPE_OF_PREFIX), key=len, reverse=True)) + r")-[0-9a-f]{8,17}$")

# The key that carries a resource's own id (SAR, "Condition keys for Amazon EC2").
_ID_KEY = {
    "elastic-ip": "ec2:AllocationId",
    "instance": "ec2:InstanceID",
    "internet-gateway": "ec2:InternetGatewayID",
    "network-acl": "ec2:NetworkAclID",
    "network-interface": "ec2:NetworkInterfaceID",
    "route-table": "ec2:RouteTableID",
    "security-group": "ec2:SecurityGroupID",
    "subnet": "ec2:SubnetID",
    "vpc": "ec2:VpcID",
    "vpc-peering-connection": "ec2:VpcPeeringConnectionID",
}
_HAS_VPC_KEY = frozenset({"network-acl", "network-interface", "route-table", "security-group", "subnet"})


class Resources(Protocol):
    """What the authoriser needs to know of the resources that exist."""

    def tags(self, resource_id: str) -> dict[str, str]:
        """The tags of a resource; none if it does not exist."""

    def vpc(self, resource_id: str) -> str | None:
        """The id of the VPC that holds a resource."""

    def group_id(self, name: str) -> str | None:
        """The id of the group of that name in the default VPC."""

    def association(self, association_id: str) -> tuple[str | None, str | None]:
        """The route table and the subnet of an association."""

    def addressed(self, association_id: str) -> tuple[str | None, str | None]:
        """The Elastic IP address and the interface of an association."""


@dataclass(frozen=True)
class Check:
    """One question to the policies: may the caller do `action` on `arn`, given these condition keys?"""

    action: str
    arn: str
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Call:
    action: str
    parameters: dict[str, str]
    account: str
    region: str
    resources: Resources

    def values(self, *names: str) -> list[str]:
        """The values of parameters; `N` in a name stands for any list index."""
        found = []
        for name in names:
            pattern = re.compile("^" + re.escape(name).replace(r"\.N", r"\.\d+") + "$")
            found += [value for key, value in sorted(self.parameters.items()) if pattern.match(key) and value]
        return list(dict.fromkeys(found))

    def ids(self, *names: str) -> Iterator[Check]:
        for value in self.values(*names):
            yield self.existing(value)

    def existing(self, resource_id: str) -> Check:
        """The check on a resource that is named by its id."""
        match = _ID.match(resource_id)
        kind = TYPE_OF_PREFIX[match[1]] if match else "*"
        context: dict[str, Any] = {"ec2:Region": self.region}
        for key, value in self.resources.tags(resource_id).items():
            context[f"aws:ResourceTag/{key}"] = value
            context[f"ec2:ResourceTag/{key}"] = value
        if kind in _ID_KEY:
            context[_ID_KEY[kind]] = resource_id
        vpc = self.resources.vpc(resource_id) if kind in _HAS_VPC_KEY else None
        if vpc:
            context["ec2:Vpc"] = self.arn("vpc", vpc)
        if self.action in ("CreateTags", "DeleteTags"):
            context |= self.request_tags(self.tag_list("Tag"))
        return Check(f"ec2:{self.action}", self.arn(kind, resource_id), context)

    def new(self, kind: str) -> Iterator[Check]:
        """The check on a resource that the call creates, and the one on tagging it."""
        arn = self.arn(kind, "*")
        tags = self.specified_tags(kind)
        context = {"ec2:Region": self.region, **self.request_tags(tags)}
        yield Check(f"ec2:{self.action}", arn, context)
        yield from self.tag_on_create(kind)

    def tag_on_create(self, kind: str) -> Iterator[Check]:
        tags = self.specified_tags(kind)
        if tags:
            context = {"ec2:Region": self.region, "ec2:CreateAction": self.action, **self.request_tags(tags)}
            yield Check("ec2:CreateTags", self.arn(kind, "*"), context)

    def arn(self, kind: str, name: str) -> str:
        return "*" if kind == "*" else f"arn:aws:ec2:{self.region}:{self.account}:{kind}/{name}"

    def tag_list(self, prefix: str) -> dict[str, str]:
        tags = {}
        for name, key in self.parameters.items():
            if match := re.match(rf"^({re.escape(prefix)}\.\d+)\.Key$", name):
                tags[key] = self.parameters.get(f"{match[1]}.Value", "")
        return tags

    def specified_tags(self, kind: str) -> dict[str, str]:
        """The tags that TagSpecifications ask for on resources of this kind."""
        tags: dict[str, str] = {}
        for name, value in self.parameters.items():
            match = re.match(r"^(TagSpecification\.\d+)\.ResourceType$", name)
            if match and value == kind:
                tags |= self.tag_list(f"{match[1]}.Tag")
        return tags

    @staticmethod
    def request_tags(tags: dict[str, str]) -> dict[str, Any]:
        if not tags:
            return {}
        return {**{f"aws:RequestTag/{key}": value for key, value in tags.items()}, "aws:TagKeys": list(tags)}

    def group(self) -> Iterator[Check]:
        """The group that a rule call names, by id or (default VPC only) by name."""
        ids = self.values("GroupId")
        if not ids:
            ids = [found for name in self.values("GroupName") if (found := self.resources.group_id(name))]
        for group_id in ids:
            yield self.existing(group_id)

    def association(self) -> Iterator[Check]:
        """The table and the subnet behind an association id, which is all that the call carries."""
        for association_id in self.values("AssociationId"):
            for resource_id in self.resources.association(association_id):
                if resource_id:
                    yield self.existing(resource_id)

    def addressed(self) -> Iterator[Check]:
        """The address and the interface behind an association id.

        SAR: DisassociateAddress knows elastic-ip and network-interface; the call names neither.
        """
        for association_id in self.values("AssociationId"):
            found = [resource_id for resource_id in self.resources.addressed(association_id) if resource_id]
            # One that is gone is for EC2 to refuse (InvalidAssociationID.NotFound), not for a policy on addresses.
            for resource_id in found or ["eipalloc-00000000000000000"]:
                yield self.existing(resource_id)

    def service(self) -> Iterator[Check]:
        yield from self.ids("ServiceId", "ServiceId.N")


def _rule_call(call: _Call) -> Iterator[Check]:
    # SAR: security-group*; security-group-rule only as the thing tagged on creation.
    yield from call.group()
    yield from call.tag_on_create("security-group-rule")


def _modify_rules(call: _Call) -> Iterator[Check]:
    # SAR: security-group*, security-group-rule*.
    yield from call.group()
    yield from call.ids("SecurityGroupRule.N.SecurityGroupRuleId")


def _creates(kind: str, *parameters: str) -> Callable[[_Call], Iterator[Check]]:
    def checks(call: _Call) -> Iterator[Check]:
        yield from call.new(kind)
        yield from call.ids(*parameters)

    return checks


def _names(*parameters: str) -> Callable[[_Call], Iterator[Check]]:
    return lambda call: call.ids(*parameters)


def _association_and(*parameters: str) -> Callable[[_Call], Iterator[Check]]:
    def checks(call: _Call) -> Iterator[Check]:
        yield from call.association()
        yield from call.ids(*parameters)

    return checks


def _create_flow_logs(call: _Call) -> Iterator[Check]:
    """SAR: vpc-flow-log* and the resources; dependent actions iam:PassRole and, to S3, logs:CreateLogDelivery.

    VPC User Guide, "Publish flow logs to CloudWatch Logs" and "… to Amazon S3", "Permissions for IAM principals".
    """
    yield from call.new("vpc-flow-log")
    yield from call.ids("ResourceId.N")
    for role in call.values("DeliverLogsPermissionArn"):
        yield Check("iam:PassRole", role, {"iam:PassedToService": "vpc-flow-logs.amazonaws.com"})
    if call.values("LogDestinationType") == ["s3"]:
        yield Check("logs:CreateLogDelivery", "*")


_ENDPOINT_PARTS = ("SubnetId.N", "SecurityGroupId.N", "RouteTableId.N")
_ENDPOINT_CHANGES = tuple(f"{verb}{part}" for verb in ("Add", "Remove") for part in _ENDPOINT_PARTS)

# Action -> the checks it needs (SAR, "Actions defined by Amazon EC2").
ACTIONS: dict[str, Callable[[_Call], Iterator[Check]]] = {
    "AuthorizeSecurityGroupIngress": _rule_call,
    "AuthorizeSecurityGroupEgress": _rule_call,
    "RevokeSecurityGroupIngress": _rule_call,
    "RevokeSecurityGroupEgress": _rule_call,
    "UpdateSecurityGroupRuleDescriptionsIngress": _rule_call,
    "UpdateSecurityGroupRuleDescriptionsEgress": _rule_call,
    "ModifySecurityGroupRules": _modify_rules,
    "CreateTags": _names("ResourceId.N"),
    "DeleteTags": _names("ResourceId.N"),
    "CreateSecurityGroup": _creates("security-group", "VpcId"),
    "DeleteSecurityGroup": lambda call: call.group(),
    "CreateVpc": _creates("vpc"),
    "CreateSubnet": _creates("subnet", "VpcId"),
    "CreateRouteTable": _creates("route-table", "VpcId"),
    "CreateInternetGateway": _creates("internet-gateway"),
    "CreateNatGateway": _creates("natgateway", "SubnetId", "AllocationId", "VpcId"),
    "DeleteNatGateway": _names("NatGatewayId"),
    "AllocateAddress": _creates("elastic-ip"),
    "ReleaseAddress": _names("AllocationId"),
    "AssociateAddress": _names("AllocationId", "NetworkInterfaceId", "InstanceId"),
    "DisassociateAddress": lambda call: call.addressed(),
    "CreateRoute": _names("RouteTableId"),
    "ReplaceRoute": _names("RouteTableId"),
    "DeleteRoute": _names("RouteTableId"),
    "AssociateRouteTable": _names("RouteTableId", "SubnetId", "GatewayId"),
    "DisassociateRouteTable": _association_and(),
    "ReplaceRouteTableAssociation": _association_and("RouteTableId"),
    "CreateFlowLogs": _create_flow_logs,
    "DeleteFlowLogs": _names("FlowLogId.N"),
    "CreateVpcEndpoint": _creates("vpc-endpoint", "VpcId", *_ENDPOINT_PARTS),
    "ModifyVpcEndpoint": _names("VpcEndpointId", *_ENDPOINT_CHANGES),
    "DeleteVpcEndpoints": _names("VpcEndpointId.N"),
    "AcceptVpcEndpointConnections": lambda call: call.service(),
    "RejectVpcEndpointConnections": lambda call: call.service(),
    "ModifyVpcEndpointServicePermissions": lambda call: call.service(),
    "ModifySubnetAttribute": _names("SubnetId"),
    "ModifyVpcAttribute": _names("VpcId"),
    "AttachInternetGateway": _names("InternetGatewayId", "VpcId"),
    "DetachInternetGateway": _names("InternetGatewayId", "VpcId"),
}


def checks(action: str, parameters: dict[str, str], account: str, region: str, resources: Resources) -> list[Check]:
    """Every check that a call needs; never empty. The call is allowed if all of them are."""
    call = _Call(action, parameters, account, region, resources)
    anything = Check(f"ec2:{action}", "*", {"ec2:Region": region})
    if re.match(r"^(Describe|Get|List|Search)", action):
        return [anything]
    if action in ACTIONS:
        found = list(ACTIONS[action](call))
    else:
        found = [call.existing(value) for value in dict.fromkeys(parameters.values()) if _ID.match(value)]
        for name, kind in parameters.items():
            if re.match(r"^TagSpecification\.\d+\.ResourceType$", name):
                found += call.tag_on_create(kind)
    # A call that names nothing that exists (a wrong id, a default-VPC name) is still an action to allow.
    return found or [anything]
