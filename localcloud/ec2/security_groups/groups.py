"""Security groups: creation, description, deletion, and how a group looks up the other ends of its rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.security_groups import SecurityGroup

from ... import hooks
from ..common import apply_filters, check_filter_names, check_id, matches_any, refuse, replace_action
from .rule import ALL_PROTOCOLS, Peer, Rule, Spec, as_permissions

# "You can have 60 inbound and 60 outbound rules per security group, enforced separately for IPv4 and IPv6."
RULES_PER_DIRECTION = 60
# Weights of AWS-managed prefix lists ("AWS-managed prefix lists", table); any other counts as one rule.
_MANAGED_WEIGHTS = {"cloudfront.origin-facing": 55, "route53-healthchecks": 25, "ipv6.cloudfront.origin-facing": 55}
_GROUP_DESCRIPTION = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")


def _rule_filters(prefix: str, rules: Callable[[Any], list[Rule]]) -> dict[str, Callable[[Any], list[Any]]]:
    """The filters on what the rules of one direction say; each matches if any rule does."""

    def any_rule(read: Callable[[Rule], Any]) -> Callable[[Any], list[Any]]:
        return lambda group: [value for rule in rules(group) if (value := read(rule)) is not None]

    return {
        f"{prefix}ip-permission.cidr": any_rule(lambda rule: rule.ip_range.get("CidrIp")),
        f"{prefix}ip-permission.ipv6-cidr": any_rule(lambda rule: rule.ip_range.get("CidrIpv6")),
        f"{prefix}ip-permission.from-port": any_rule(lambda rule: rule.from_port),
        f"{prefix}ip-permission.to-port": any_rule(lambda rule: rule.to_port),
        f"{prefix}ip-permission.protocol": any_rule(lambda rule: rule.ip_protocol),
        f"{prefix}ip-permission.group-id": any_rule(lambda rule: rule.source_group.get("GroupId")),
        f"{prefix}ip-permission.user-id": any_rule(lambda rule: rule.source_group.get("UserId")),
        f"{prefix}ip-permission.prefix-list-id": any_rule(lambda rule: rule.prefix_list_id),
    }


_FILTERS: dict[str, Callable[[Any], Any]] = {
    "description": lambda group: group.description,
    "group-id": lambda group: group.id,
    "group-name": lambda group: group.name,
    "owner-id": lambda group: group.owner_id,
    "vpc-id": lambda group: group.vpc_id,
    **_rule_filters("", lambda group: group.ingress_rules),
    **_rule_filters("egress.", lambda group: group.egress_rules),
}


def find_group(backend: Any, group_id: str) -> Any:
    """The group with this id in the backend's account and Region; an error if there is none."""
    check_id(group_id, "sg", "InvalidGroupId.Malformed", f'Invalid id: "{group_id}"')
    group = backend.get_security_group_from_id(group_id)
    if group is None:
        refuse("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
    return group


def all_groups(backend: Any) -> Iterator[Any]:
    """Every group of the backend's account and Region."""
    for groups in list(backend.groups.values()):
        yield from list(groups.values())


class Peers:
    """Resolves the groups and prefix lists that a request names, from the point of view of one group."""

    def __init__(self, backend: Any, group: Any) -> None:
        self.backend = backend
        self.group_of_rule = group

    def group(self, pair: dict[str, Any]) -> Peer:
        """A `UserIdGroupPair`. A group of another account is taken on the caller's word, as a user-id pair."""
        account = pair.get("UserId") or self.backend.account_id
        group_id = pair.get("GroupId")
        if not group_id and pair.get("GroupName"):
            named = self.backend.get_security_group_from_name(pair["GroupName"], self.group_of_rule.vpc_id)
            if named is None:
                refuse("InvalidGroup.NotFound", f"The security group '{pair['GroupName']}' does not exist")
            group_id = named.id
        if not group_id:
            refuse("MissingParameter", "The request must contain the parameter groupId")
        check_id(group_id, "sg", "InvalidGroupId.Malformed", f'Invalid id: "{group_id}"')
        if account != self.backend.account_id:
            return Peer("ReferencedGroup", group_id, account)
        group = self.backend.get_security_group_from_id(group_id)
        if group is None:
            refuse("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
        if group.vpc_id == self.group_of_rule.vpc_id:
            return Peer("ReferencedGroup", group_id, account)
        peering = self._peering(group.vpc_id)
        if peering is None:
            refuse("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")
        return Peer("ReferencedGroup", group_id, account, group.vpc_id, peering)

    def _peering(self, other_vpc: str) -> str | None:
        wanted = {self.group_of_rule.vpc_id, other_vpc}
        for peering in self.backend.vpc_pcxs.values():
            ends = {peering.vpc.id, peering.peer_vpc.id}
            if ends == wanted and peering._status.code == "active":
                return peering.id
        return None

    def prefix_list(self, prefix_list_id: Any) -> Peer:
        """A prefix list, of the customer or of AWS."""
        if not prefix_list_id or prefix_list_id not in self.backend.managed_prefix_lists:
            refuse("InvalidPrefixListID.NotFound", f"The prefix list ID '{prefix_list_id}' does not exist")
        return Peer("PrefixListId", prefix_list_id)


def rule_weights(backend: Any, specs: list[Spec]) -> tuple[int, int]:
    """How many IPv4 and IPv6 rules these count for.

    "A rule that references a security group or AWS-managed prefix list counts as one rule for IPv4 and one for IPv6";
    a customer-managed prefix list counts as its maximum number of entries, in its own family.
    """
    v4 = v6 = 0
    for spec in specs:
        kind = spec.peer.kind
        if kind == "CidrIpv4":
            v4 += 1
        elif kind == "CidrIpv6":
            v6 += 1
        elif kind == "ReferencedGroup":
            v4, v6 = v4 + 1, v6 + 1
        else:
            prefix_list = backend.managed_prefix_lists.get(spec.peer.value)
            if prefix_list is None or prefix_list.owner_id == "AWS":
                name = getattr(prefix_list, "prefix_list_name", "") or ""
                weight = next((w for suffix, w in _MANAGED_WEIGHTS.items() if name.endswith(suffix)), 1)
                v4, v6 = v4 + weight, v6 + weight
            elif prefix_list.address_family == "IPv6":
                v6 += int(prefix_list.max_entries or 1)
            else:
                v4 += int(prefix_list.max_entries or 1)
    return v4, v6


def check_limit(backend: Any, specs: list[Spec]) -> None:
    """Refuse what would leave more rules in one direction than the quota allows."""
    if max(rule_weights(backend, specs)) > RULES_PER_DIRECTION:
        refuse("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")


def _grouped(self: Any, rules: list[Rule]) -> list[dict[str, Any]]:
    del self
    return as_permissions((rule.spec, rule.source_group) for rule in rules)


def _create_in_backend(original: Any) -> Any:
    def create(self: Any, name: str, description: str, *args: Any, **kwargs: Any) -> Any:
        group = original(self, name, description, *args, **kwargs)
        group.egress_rules = []
        vpc = self.vpcs.get(group.vpc_id)
        # "By default, a security group includes an outbound rule that allows all outbound traffic", IPv6 included
        # where the VPC has an IPv6 block (VPC User Guide, "Security groups").
        ranges = [Peer("CidrIpv4", "0.0.0.0/0")]
        if vpc is not None and vpc.get_cidr_block_association_set(ipv6=True):
            ranges.append(Peer("CidrIpv6", "::/0"))
        for peer in ranges:
            group.egress_rules.append(Rule(self, group.id, True, Spec(ALL_PROTOCOLS, None, None, peer)))
        if group.is_default:
            # "Default security groups": inbound traffic from resources assigned to the same group.
            own = Peer("ReferencedGroup", group.id, self.account_id)
            group.ingress_rules = [Rule(self, group.id, False, Spec(ALL_PROTOCOLS, None, None, own))]
        return group

    return create


def _create_security_group(self: Any) -> ActionResult:
    backend = self.ec2_backend
    name, description, vpc_id = (self._get_param(key) for key in ("GroupName", "Description", "VpcId"))
    if not name:
        refuse("MissingParameter", "The request must contain the parameter GroupName")
    if not description:
        refuse("MissingParameter", "The request must contain the parameter GroupDescription")
    if len(name) > 255 or name.lower().startswith("sg-"):
        refuse("InvalidParameterValue", f"Invalid security group name '{name}': at most 255 characters, not sg-*")
    if name == "default":
        refuse("InvalidGroup.Reserved", f"The security group '{name}' is reserved")
    if not _GROUP_DESCRIPTION.fullmatch(description):
        refuse("InvalidParameterValue", f"Value ({description}) for parameter GroupDescription is invalid.")
    if vpc_id and vpc_id not in backend.vpcs:
        refuse("InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist")
    vpc_id = vpc_id or backend.default_vpc.id
    if any(group.name == name for group in backend.groups[vpc_id].values()):
        refuse("InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc_id}'")
    tags = self._parse_tag_specification().get("security-group", {})
    group = backend.create_security_group(name, description, vpc_id=vpc_id, tags=tags)
    return ActionResult(
        {
            "GroupId": group.id,
            "SecurityGroupArn": group.arn,
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }
    )


def _describe_security_groups(self: Any) -> ActionResult:
    backend = self.ec2_backend
    ids, names = self._get_param("GroupIds", []), self._get_param("GroupNames", [])
    filters = self._filters_from_querystring()
    for group_id in ids:
        find_group(backend, group_id)
    groups = [group for group in all_groups(backend) if not ids or group.id in ids]
    if names:
        # "GroupNames: [Default VPC] The names of the security groups."
        in_default = [group for group in groups if group.vpc_id == backend.default_vpc.id]
        for name in names:
            if not any(group.name == name for group in in_default):
                refuse("InvalidGroup.NotFound", f"The security group '{name}' does not exist")
        groups = [group for group in in_default if group.name in names]
    return ActionResult({"SecurityGroups": apply_filters(groups, filters, _FILTERS)})


def _delete_security_group(self: Any) -> ActionResult:
    backend = self.ec2_backend
    group_id, name = self._get_param("GroupId"), self._get_param("GroupName")
    if group_id:
        group = find_group(backend, group_id)
    else:
        group = backend.get_security_group_from_name(name, backend.default_vpc.id) if name else None
        if group is None:
            refuse("InvalidGroup.NotFound", f"The security group '{name}' does not exist in default VPC")
    if group.is_default:
        refuse("CannotDelete", f'the specified group: "{group.id}" name: "default" cannot be deleted by a user')
    if _in_use(backend, group.id):
        refuse("DependencyViolation", f"resource {group.id} has a dependent object")
    for rule in [*group.ingress_rules, *group.egress_rules]:
        backend.tags.pop(rule.id, None)
    backend.tags.pop(group.id, None)
    del backend.groups[group.vpc_id][group.id]
    return ActionResult({"Return": True, "GroupId": group.id})


def _in_use(backend: Any, group_id: str) -> bool:
    """Referenced by a rule of another group, or worn by an interface or an endpoint."""
    for group in all_groups(backend):
        if group.id != group_id and any(
            rule.source_group.get("GroupId") == group_id for rule in [*group.ingress_rules, *group.egress_rules]
        ):
            return True
    if any(group_id in [worn.id for worn in getattr(eni, "group_set", [])] for eni in backend.enis.values()):
        return True
    return any(
        group_id in (endpoint.security_group_ids or [])
        for endpoint in backend.vpc_end_points.values()
        if endpoint.state not in ("deleted", "deleting")
    )


def _describe_security_group_rules(self: Any) -> ActionResult:
    backend = self.ec2_backend
    ids, filters = self._get_param("SecurityGroupRuleIds", []), self._filters_from_querystring()
    check_filter_names(filters, ("group-id", "security-group-rule-id"))
    for group_id in filters.get("group-id", []):
        if not any(wildcard in group_id for wildcard in "*?"):
            check_id(group_id, "sg", "InvalidGroupId.Malformed", f"The security group ID '{group_id}' is malformed")
    rules = [rule for group in all_groups(backend) for rule in [*group.ingress_rules, *group.egress_rules]]
    if ids:
        known = {rule.id: rule for rule in rules}
        for rule_id in ids:
            check_rule_id(rule_id, known)
        rules = [known[rule_id] for rule_id in dict.fromkeys(ids)]
    kept = []
    for rule in rules:
        if "group-id" in filters and not matches_any(rule.group_id, filters["group-id"]):
            continue
        if "security-group-rule-id" in filters and not matches_any(rule.id, filters["security-group-rule-id"]):
            continue
        described = rule.as_rule()
        if _tags_match(described["Tags"], filters):
            kept.append(described)
    return ActionResult({"SecurityGroupRules": kept})


def _tags_match(tags: list[dict[str, str]], filters: dict[str, list[str]]) -> bool:
    for name, patterns in filters.items():
        if name == "tag-key" and not any(matches_any(tag["key"], patterns) for tag in tags):
            return False
        if name.startswith("tag:") and not any(
            tag["key"] == name[4:] and matches_any(tag["value"], patterns) for tag in tags
        ):
            return False
    return True


def check_rule_id(rule_id: str, known: Any) -> None:
    """Refuse a rule id that is malformed or not among the known ones."""
    check_id(
        rule_id,
        "sgr",
        "InvalidSecurityGroupRuleId.Malformed",
        f"The security group rule ID '{rule_id}' is malformed",
    )
    if rule_id not in known:
        refuse("InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{rule_id}' does not exist")


def install() -> None:
    """Replace moto's group actions and the form in which a group keeps and shows its rules."""
    hooks.replace(SecurityGroup, "_flattened_rules", _grouped)
    hooks.replace(EC2Backend, "create_security_group", _create_in_backend(EC2Backend.create_security_group))
    hooks.require_parameters(EC2Backend.describe_tags, "filters")
    replace_action("create_security_group", _create_security_group)
    replace_action("describe_security_groups", _describe_security_groups)
    replace_action("delete_security_group", _delete_security_group)
    replace_action("describe_security_group_rules", _describe_security_group_rules)
