"""The resource that a call of RDS or ECS is authorised on.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon RDS" (`db`, `cluster`; the
describes of a list are asked for with `*` in place of the name) and "… for Amazon Elastic Container Service"
(CreateService, UpdateService, DeleteService and DescribeServices: `service`, as `service/<cluster>/<name>`;
ListClusters and ListServices know no resource; RunTask and StartTask: `task-definition`).
"""

from __future__ import annotations

import json
from typing import Any

_LISTED = {
    "DescribeDBInstances": ("DBInstanceIdentifier", "db"),
    "DescribeDBClusters": ("DBClusterIdentifier", "cluster"),
}
_ON_SERVICES = {
    "CreateService": "serviceName",
    "UpdateService": "service",
    "DeleteService": "service",
    "DescribeServices": "services",
}
_WITHOUT_RESOURCE = frozenset({"ListClusters", "ListServices"})


def _end(text: Any) -> str:
    return str(text).rsplit("/", 1)[-1]


def rds(query: dict[str, str], region: str, account: str) -> str | None:
    """The ARN for a describe of many or one; None for what is found by its name alone."""
    listed = _LISTED.get(query.get("Action", ""))
    if listed is None:
        return None
    parameter, kind = listed
    named = query.get(parameter, "*")
    return named if named.startswith("arn:") else f"arn:aws:rds:{region}:{account}:{kind}:{named}"


def ecs(target: str, body: bytes, region: str, account: str) -> str | None:
    """The ARN for a call about services; None for any other call."""
    action = target.rsplit(".", 1)[-1]
    if action in _WITHOUT_RESOURCE:
        return "*"
    member = _ON_SERVICES.get(action)
    if member is None:
        return None
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return "*"
    named = request.get(member) if isinstance(request, dict) else None
    first = named[0] if isinstance(named, list) and named else named
    if not isinstance(first, str):
        return "*"
    return f"arn:aws:ecs:{region}:{account}:service/{_end(request.get('cluster') or 'default')}/{_end(first)}"
