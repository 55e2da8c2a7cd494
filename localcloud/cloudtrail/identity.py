"""`userIdentity` of a CloudTrail record.

Source: CloudTrail User Guide, "CloudTrail userIdentity element" and its examples. Root and IAM users have no
`sessionIssuer`; assumed roles name the role there, path included, while their own ARN is the session's.
"""

from __future__ import annotations

import re
import time
from typing import Any

from ..caller import invoked_by

_ASSUMED = re.compile(r"arn:aws:sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/(?P<session>.+)")


def user_identity(access_key: str, account: str) -> dict[str, Any] | None:
    """Who signed with this key; None for a key that belongs to nobody (such calls are not logged to any account)."""
    from ministack.core.iam_evaluator import resolve_caller_identity

    who = resolve_caller_identity(access_key)
    if who is None:
        return None
    identity = _assumed_role(who, access_key) or _user_or_root(who, access_key, account)
    service = invoked_by.get()
    if service:
        identity["invokedBy"] = service
    return identity


def _user_or_root(who: dict[str, Any], access_key: str, account: str) -> dict[str, Any]:
    arn = who["userArn"]
    identity = {"type": "Root", "principalId": who["userId"] or account, "arn": arn, "accountId": account}
    identity["accessKeyId"] = access_key
    if ":user/" in arn:
        identity |= {"type": "IAMUser", "userName": arn.rsplit("/", 1)[-1]}
    return identity


def _assumed_role(who: dict[str, Any], access_key: str) -> dict[str, Any] | None:
    match = _ASSUMED.fullmatch(who["userArn"])
    if match is None:
        return None
    from ministack.services import iam

    account, role = match["account"], match["role"]
    stored = iam._roles.get_scoped(account, None, role) or {}
    role_id = stored.get("RoleId") or who["userId"].split(":")[0]
    issued = (who.get("session") or {}).get("IssuedAt", time.time())
    return {
        "type": "AssumedRole",
        "principalId": f"{role_id}:{match['session']}",
        "arn": who["userArn"],
        "accountId": account,
        "accessKeyId": access_key,
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": role_id,
                "arn": stored.get("Arn") or f"arn:aws:iam::{account}:role/{role}",
                "accountId": account,
                "userName": role,
            },
            "attributes": {
                "creationDate": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(issued)),
                "mfaAuthenticated": "false",
            },
        },
    }
