"""Security groups and their rules, complete: moto's rule model is replaced.

Sources: EC2 API Reference (AuthorizeSecurityGroupIngress, RevokeSecurityGroupIngress, ModifySecurityGroupRules,
UpdateSecurityGroupRuleDescriptionsIngress, DescribeSecurityGroupRules, DeleteSecurityGroup, IpPermission,
SecurityGroupRule, SecurityGroupRuleRequest), EC2 API error codes, and "Amazon VPC quotas", section Security groups.
"""

from __future__ import annotations

from . import actions, groups


def install() -> None:
    """Replace moto's security-group actions."""
    groups.install()
    actions.install()
