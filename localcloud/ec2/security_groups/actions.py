"""Authorize, revoke, modify and describe-again: the actions that change rules. Each validates all, then changes all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult

from ..common import refuse, replace_action
from .groups import Peers, check_limit, check_rule_id, find_group
from .rule import Rule, Spec, as_permissions, parse_description, parse_permission, parse_rule_request

Action = Callable[[Any], ActionResult]


def _group_of_request(self: Any) -> Any:
    group_id, name = self._get_param("GroupId"), self._get_param("GroupName")
    backend = self.ec2_backend
    if group_id:
        return find_group(backend, group_id)
    group = backend.get_security_group_from_name(name, backend.default_vpc.id) if name else None
    if group is None:
        if not name:
            refuse("MissingParameter", "The request must contain the parameter groupName or groupId")
        refuse("InvalidGroup.NotFound", f"The security group '{name}' does not exist in default VPC")
    return group


def _permissions_of_request(self: Any) -> list[dict[str, Any]]:
    """`IpPermissions`, or the one permission of the flat form (IpProtocol, FromPort, ToPort, CidrIp)."""
    permissions = self._get_param("IpPermissions", []) or []
    if permissions or (not self._get_param("IpProtocol") and not self._get_param("SourceSecurityGroupName")):
        return list(permissions)
    flat: dict[str, Any] = {key: self._get_param(key) for key in ("IpProtocol", "FromPort", "ToPort")}
    if self._get_param("CidrIp"):
        flat["IpRanges"] = [{"CidrIp": self._get_param("CidrIp")}]
    if self._get_param("SourceSecurityGroupName"):
        # "To specify one or more protocols... [default VPC] the source security group by name": all TCP, UDP and ICMP
        flat["UserIdGroupPairs"] = [{"GroupName": self._get_param("SourceSecurityGroupName")}]
        flat["IpProtocol"] = flat["IpProtocol"] or "-1"
    return [flat]


def _specs_of_request(self: Any, group: Any) -> list[Spec]:
    peers = Peers(self.ec2_backend, group)
    specs = [spec for permission in _permissions_of_request(self) for spec in parse_permission(permission, peers)]
    if len({spec.identity for spec in specs}) != len(specs):
        refuse("InvalidParameterValue", "The same permission must not appear multiple times")
    return specs


def _rules(group: Any, is_egress: bool) -> list[Rule]:
    return group.egress_rules if is_egress else group.ingress_rules


def _set_rules(group: Any, is_egress: bool, rules: list[Rule]) -> None:
    if is_egress:
        group.egress_rules = rules
    else:
        group.ingress_rules = rules


def _authorize(is_egress: bool) -> Action:
    """All or nothing: one rule that exists already fails the whole call (error code InvalidPermission.Duplicate)."""

    def action(self: Any) -> ActionResult:
        backend, group = self.ec2_backend, _group_of_request(self)
        specs = _specs_of_request(self, group)
        if not specs:
            refuse("MissingParameter", "The request must contain the parameter ipPermissions")
        present = _rules(group, is_egress)
        have = {rule.spec.identity for rule in present}
        for spec in specs:
            if spec.identity in have:
                refuse("InvalidPermission.Duplicate", f'the specified rule "{spec}" already exists')
        check_limit(backend, [rule.spec for rule in present] + specs)
        tags = self._parse_tag_specification().get("security-group-rule", {})
        added = [Rule(backend, group.id, is_egress, spec) for spec in specs]
        for rule in added:
            rule.add_tags(tags)
        _set_rules(group, is_egress, [*present, *added])
        return ActionResult({"Return": True, "SecurityGroupRules": [rule.as_rule() for rule in added]})

    return action


def _revoke(is_egress: bool) -> Action:
    """By rule id or by properties. In a non-default VPC anything that does not match fails the whole call.

    "[Default VPC] If the values you specify do not match the existing rule's values, no error is returned, and the
    output describes the security group rules that were not revoked. [Non-default VPC] InvalidPermission.NotFound."
    """

    def action(self: Any) -> ActionResult:
        backend, group = self.ec2_backend, _group_of_request(self)
        ids = list(dict.fromkeys(self._get_param("SecurityGroupRuleIds", []) or []))
        present = _rules(group, is_egress)
        unknown: list[Spec] = []
        if ids:
            if _permissions_of_request(self):
                refuse(
                    "InvalidParameterCombination", "Rule ids and rule properties cannot be specified in the same call"
                )
            by_id = {rule.id: rule for rule in present}
            for rule_id in ids:
                check_rule_id(rule_id, by_id)
            gone = [by_id[rule_id] for rule_id in ids]
        else:
            specs = _specs_of_request(self, group)
            if not specs:
                refuse("MissingParameter", "The request must contain the parameter ipPermissions")
            by_identity = {rule.spec.identity: rule for rule in present}
            unknown = [spec for spec in specs if spec.identity not in by_identity]
            if unknown and not backend.vpcs[group.vpc_id].is_default:
                refuse("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
            gone = [by_identity[spec.identity] for spec in specs if spec.identity in by_identity]
        removed = {rule.id for rule in gone}
        _set_rules(group, is_egress, [rule for rule in present if rule.id not in removed])
        for rule_id in removed:
            backend.tags.pop(rule_id, None)
        answer: dict[str, Any] = {
            "Return": True,
            "RevokedSecurityGroupRules": [rule.as_revoked() for rule in gone],
        }
        if unknown:
            answer["UnknownIpPermissions"] = as_permissions(
                (spec, {"GroupId": spec.peer.value, "UserId": spec.peer.account or ""}) for spec in unknown
            )
        return ActionResult(answer)

    return action


def _modify_security_group_rules(self: Any) -> ActionResult:
    """Each rule takes its new content whole and keeps its id; a collision fails the whole call."""
    backend, group = self.ec2_backend, find_group(self.ec2_backend, self._get_param("GroupId") or "")
    updates = self._get_param("SecurityGroupRules", []) or []
    if not updates:
        refuse("MissingParameter", "The request must contain the parameter SecurityGroupRule")
    peers = Peers(backend, group)
    known = {rule.id: rule for rule in [*group.ingress_rules, *group.egress_rules]}
    new: dict[str, Spec] = {}
    for update in updates:
        rule_id = update.get("SecurityGroupRuleId") or ""
        check_rule_id(rule_id, known)
        if rule_id in new:
            refuse("InvalidParameterValue", "The same security group rule must not appear multiple times")
        new[rule_id] = parse_rule_request(update.get("SecurityGroupRule") or {}, known[rule_id].spec, peers)
    for rules in (group.ingress_rules, group.egress_rules):
        seen = set()
        for rule in rules:
            spec = new.get(rule.id, rule.spec)
            if spec.identity in seen:
                refuse("InvalidPermission.Duplicate", f'the specified rule "{spec}" already exists')
            seen.add(spec.identity)
        check_limit(backend, [new.get(rule.id, rule.spec) for rule in rules])
    for rule_id, spec in new.items():
        known[rule_id].spec = spec
    return ActionResult({"Return": True})


def _update_descriptions(is_egress: bool) -> Action:
    """ "You can remove a description for a security group rule by omitting the description parameter."""

    def action(self: Any) -> ActionResult:
        group = _group_of_request(self)
        present = _rules(group, is_egress)
        new: list[tuple[Rule, str | None]] = []
        by_id = {rule.id: rule for rule in present}
        for update in self._get_param("SecurityGroupRuleDescriptions", []) or []:
            rule_id = update.get("SecurityGroupRuleId") or ""
            check_rule_id(rule_id, by_id)
            new.append((by_id[rule_id], parse_description(update.get("Description"))))
        by_identity = {rule.spec.identity: rule for rule in present}
        for spec in _specs_of_request(self, group):
            if spec.identity not in by_identity:
                refuse("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
            new.append((by_identity[spec.identity], spec.description))
        if not new:
            refuse("MissingParameter", "Either ipPermissions or securityGroupRuleDescriptions must be specified")
        for rule, description in new:
            rule.spec = rule.spec.described(description)
        return ActionResult({"Return": True})

    return action


def install() -> None:
    """Replace moto's rule actions."""
    replace_action("authorize_security_group_ingress", _authorize(False))
    replace_action("authorize_security_group_egress", _authorize(True))
    replace_action("revoke_security_group_ingress", _revoke(False))
    replace_action("revoke_security_group_egress", _revoke(True))
    replace_action("modify_security_group_rules", _modify_security_group_rules)
    replace_action("update_security_group_rule_descriptions_ingress", _update_descriptions(False))
    replace_action("update_security_group_rule_descriptions_egress", _update_descriptions(True))
