"""Questions to the policies that services ask on their own account: may this role, or this service, do that?

Source: IAM User Guide, "Policy evaluation logic" and "IAM roles" (a service needs the role's trust policy to assume it,
and the role's permissions for what it then does).
"""

from __future__ import annotations

import json
import re
from types import ModuleType
from typing import Any

from . import caller, hooks

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/(?:.*/)?([^/]+)")


def enforced() -> bool:
    """Whether policies count at all."""
    from ministack import app

    return bool(app.AUTH)


def _context(action: str, resource: str, region: str, keys: dict[str, Any], principal: str, kind: str) -> Any:
    from ministack.core import iam_evaluator

    account = principal.split(":")[4] if principal.count(":") >= 5 else ""
    return iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type=kind,
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
        service_context={name.lower(): value for name, value in keys.items()},
    )


def _role(arn: str) -> tuple[str, str, dict[str, Any]] | None:
    from ministack.services import iam

    match = _ROLE.fullmatch(arn or "")
    stored = iam._roles.get_scoped(match[1], None, match[2]) if match else None
    return (match[1], match[2], stored) if match and stored else None


def role_trusts(arn: str, service: str, keys: dict[str, Any]) -> bool:
    """Whether the role exists and lets the service assume it."""
    found = _role(arn)
    if not enforced():
        return True
    if found is None:
        return False
    trust = found[2].get("AssumeRolePolicyDocument")
    return service_allowed(trust, service, "sts:AssumeRole", "*", "", keys, resources=False)


def role_allows(arn: str, action: str, resource: str, region: str) -> bool:
    """Whether the permissions of the role allow the action."""
    from ministack.core import iam_evaluator

    if not enforced():
        return True
    found = _role(arn)
    if found is None:
        return False
    account, name, _ = found
    principal = f"arn:aws:sts::{account}:assumed-role/{name}/service"
    policies = iam_evaluator._gather_role_policies(name, account)
    context = _context(action, resource, region, {}, principal, "AssumedRole")
    return iam_evaluator.evaluate(context, policies).decision == "Allow"


def service_allowed(
    policy: Any, service: str, action: str, resource: str, region: str, keys: dict[str, Any], resources: bool = True
) -> bool:
    """Whether a resource's policy lets an AWS service in. Trust policies name no `resources`."""
    from ministack.core import iam_evaluator

    if not enforced():
        return True
    if not resources:
        document = json.loads(policy) if isinstance(policy, str) else dict(policy or {})
        statements = document.get("Statement", [])
        statements = [statements] if isinstance(statements, dict) else statements
        policy = {"Statement": [{**one, "Resource": "*"} for one in statements]}
    context = _context(action, resource, region, keys, f"service:{service}", "Service")
    return iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow"


def caller_may(action: str, resource: str, region: str) -> bool:
    """Whether the caller of the current request may also do this; CloudFormation's callers are not asked."""
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_account_id

    if not enforced() or caller.invoked_by.get():
        return True
    principal = iam_evaluator.resolve_principal(caller.access_key.get() or "", get_account_id())
    if isinstance(principal, iam_evaluator.AuthError):
        return False
    if principal.policies is None:
        return True
    context = _context(action, resource, region, {}, principal.arn, principal.type)
    return iam_evaluator.evaluate(context, principal.policies, *principal.limits).decision == "Allow"


def install(app: ModuleType) -> None:
    """Assert that the evaluator has what is used here."""
    from ministack.core import iam_evaluator

    hooks.require(app, "AUTH")
    for name in ("EvalContext", "AuthError", "_gather_role_policies", "resolve_principal"):
        hooks.require(iam_evaluator, name)
    hooks.require_parameters(iam_evaluator.evaluate, "ctx", "policies")
    hooks.require_parameters(iam_evaluator.evaluate_resource_policy, "doc", "ctx", "service")
