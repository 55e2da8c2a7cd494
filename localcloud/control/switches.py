"""Requests of the admin API that make the local AWS misbehave as AWS does: faults, failures on demand, delays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from .. import containers, databases, faults, zonal_shift
from ..ec2 import (
    endpoint_services,
    endpoint_settings,
    endpoints,
    flow_log_delivery,
    nat,
    nat_settings,
    privatelink,
    privatelink_settings,
)
from ..messaging import config_rules
from .refusal import Refused

Query = dict[str, str]
Body = dict[str, Any]


async def _on_a_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)
    except (ValueError, TypeError) as error:
        raise Refused(400, str(error)) from error


async def _get_faults(app: ModuleType, query: Query, body: Body) -> Any:
    return await _on_a_thread(faults.report)


async def _put_faults(app: ModuleType, query: Query, body: Body) -> Any:
    """Replace the faults between the functions and the local cloud: `{"rules": [{…}, …]}`."""
    if not isinstance(body.get("rules"), list) or len(body) != 1:
        raise Refused(400, 'the body is {"rules": [{"kind": "throttle", "service": "ec2", …}]}')
    return await _on_a_thread(faults.set_rules, body["rules"])


async def _delete_faults(app: ModuleType, query: Query, body: Body) -> Any:
    """No faults, no proxy."""
    await _on_a_thread(faults.clear)
    return {"rules": []}


async def _get_nat(app: ModuleType, query: Query, body: Body) -> Any:
    return nat_settings.settings.as_dict()


async def _put_nat(app: ModuleType, query: Query, body: Body) -> Any:
    """Change how long NAT gateways take, quotas, and which of them fail."""
    await _on_a_thread(nat_settings.settings.update, body)
    return nat_settings.settings.as_dict()


async def _post_nat_due(app: ModuleType, query: Query, body: Body) -> Any:
    """Let pending and deleting gateways arrive now."""
    return {"arrived": await _on_a_thread(nat.end_transitions)}


async def _put_autoshifts(app: ModuleType, query: Query, body: Body) -> Any:
    """AWS shifts traffic away from these zones and no others: `{"away": ["eun1-az1"]}`, with `account` and `region`."""
    from ministack.core.responses import get_account_id, get_region

    if set(body) - {"away", "account", "region"}:
        raise Refused(400, 'the body is {"away": ["eun1-az1", …], "account": "…", "region": "…"}')
    account, region = body.get("account") or get_account_id(), body.get("region") or get_region()
    return {"away": await _on_a_thread(zonal_shift.shift, body.get("away"), account, region)}


async def _get_databases(app: ModuleType, query: Query, body: Body) -> Any:
    return databases.settings.as_dict()


async def _put_databases(app: ModuleType, query: Query, body: Body) -> Any:
    """Change how long a modification of a database takes."""
    await _on_a_thread(databases.settings.update, body)
    return databases.settings.as_dict()


async def _post_databases_due(app: ModuleType, query: Query, body: Body) -> Any:
    """Let modifications end now."""
    return {"arrived": await _on_a_thread(databases.end_transitions)}


async def _get_containers(app: ModuleType, query: Query, body: Body) -> Any:
    return containers.settings.as_dict()


async def _put_containers(app: ModuleType, query: Query, body: Body) -> Any:
    """Change how long a deployment takes to replace tasks."""
    await _on_a_thread(containers.settings.update, body)
    return containers.settings.as_dict()


async def _post_containers_due(app: ModuleType, query: Query, body: Body) -> Any:
    """Let deployments end now."""
    return {"arrived": await _on_a_thread(containers.end_transitions)}


async def _get_flow_logs(app: ModuleType, query: Query, body: Body) -> Any:
    return flow_log_delivery.settings.as_dict()


async def _put_flow_logs(app: ModuleType, query: Query, body: Body) -> Any:
    """Change when flow logs are delivered, which deliveries fail, and which creates do."""
    await _on_a_thread(flow_log_delivery.settings.update, body)
    return flow_log_delivery.settings.as_dict()


async def _get_privatelink(app: ModuleType, query: Query, body: Body) -> Any:
    return privatelink_settings.settings.as_dict()


async def _put_privatelink(app: ModuleType, query: Query, body: Body) -> Any:
    """Change how connections to endpoint services come up, and which decisions are refused."""
    await _on_a_thread(privatelink_settings.settings.update, body)
    return privatelink_settings.settings.as_dict()


async def _post_privatelink_due(app: ModuleType, query: Query, body: Body) -> Any:
    """Let connections in flight come up now."""
    return {"arrived": await _on_a_thread(privatelink.arrive)}


async def _put_connection(app: ModuleType, query: Query, body: Body) -> Any:
    """Put a connection in a state: `{"endpoint": "vpce-…", "state": "expired"}`."""
    endpoint, state = body.get("endpoint"), body.get("state")
    if not isinstance(endpoint, str) or not isinstance(state, str):
        raise Refused(400, 'the body is {"endpoint": "vpce-…", "state": "expired"}')
    found = await _on_a_thread(privatelink.force, endpoint, state)
    if not found:
        raise Refused(404, f"no connection of {endpoint}")
    return {"connections": found}


async def _post_vpc_link(app: ModuleType, query: Query, body: Body) -> Any:
    """What a VPC link of API Gateway leaves behind: `{"load_balancer": "arn:…"}`."""
    arn = body.get("load_balancer")
    parts = arn.split(":") if isinstance(arn, str) else []
    if len(parts) < 6:
        raise Refused(400, 'the body is {"load_balancer": "arn:aws:elasticloadbalancing:…"}')
    return await _on_a_thread(endpoint_services.vpc_link, parts[4], parts[3], arn)


async def _get_endpoints(app: ModuleType, query: Query, body: Body) -> Any:
    return endpoint_settings.settings.as_dict()


async def _put_endpoints(app: ModuleType, query: Query, body: Body) -> Any:
    """Change how long VPC endpoints take to come and go, and whether calls on them are counted."""
    await _on_a_thread(endpoint_settings.settings.update, body)
    return endpoint_settings.settings.as_dict()


async def _post_endpoints_due(app: ModuleType, query: Query, body: Body) -> Any:
    """Let pending and deleting endpoints arrive now."""
    return {"arrived": await _on_a_thread(endpoints.arrive)}


def _scoped(body: Body, function: Callable[..., Any], *arguments: Any) -> Any:
    from ministack.core.responses import get_account_id, get_region, request_scope

    with request_scope(body.get("account") or get_account_id(), body.get("region") or get_region()):
        return function(*arguments)


async def _post_config_record(app: ModuleType, query: Query, body: Body) -> Any:
    """AWS Config records an item: `{"item": {"resourceType": "…", "resourceId": "…"}, "oversized": false, …}`."""
    if set(body) - {"item", "oversized", "left_scope", "account", "region"} or not isinstance(body.get("item"), dict):
        raise Refused(400, 'the body is {"item": {"resourceType": "AWS::EC2::VPC", "resourceId": "vpc-…"}}')
    arguments = body["item"], bool(body.get("oversized")), bool(body.get("left_scope"))
    return await _on_a_thread(_scoped, body, config_rules.record, *arguments)


async def _post_config_schedule(app: ModuleType, query: Query, body: Body) -> Any:
    """The time of a periodic Config rule has come: `{"rule": "…"}`."""
    if set(body) - {"rule", "account", "region"} or not isinstance(body.get("rule"), str):
        raise Refused(400, 'the body is {"rule": "…"}')
    try:
        return await _on_a_thread(_scoped, body, config_rules.schedule, body["rule"])
    except LookupError as error:
        raise Refused(404, str(error)) from error


async def _put_config(app: ModuleType, query: Query, body: Body) -> Any:
    """Evaluations that PutEvaluations does not take: `{"refuse": [{"resource": "sg-…", "count": 1}]}`."""
    return {"refuse": await _on_a_thread(config_rules.order_refusals, body.get("refuse"))}


ROUTES: dict[tuple[str, str], Callable[[ModuleType, Query, Body], Awaitable[Any]]] = {
    ("GET", "faults"): _get_faults,
    ("PUT", "faults"): _put_faults,
    ("DELETE", "faults"): _delete_faults,
    ("GET", "nat"): _get_nat,
    ("PUT", "nat"): _put_nat,
    ("POST", "nat/due"): _post_nat_due,
    ("PUT", "autoshifts"): _put_autoshifts,
    ("GET", "databases"): _get_databases,
    ("PUT", "databases"): _put_databases,
    ("POST", "databases/due"): _post_databases_due,
    ("GET", "containers"): _get_containers,
    ("PUT", "containers"): _put_containers,
    ("POST", "containers/due"): _post_containers_due,
    ("PUT", "config"): _put_config,
    ("POST", "config/record"): _post_config_record,
    ("POST", "config/schedule"): _post_config_schedule,
    ("GET", "flow_logs"): _get_flow_logs,
    ("GET", "privatelink"): _get_privatelink,
    ("PUT", "privatelink"): _put_privatelink,
    ("POST", "privatelink/due"): _post_privatelink_due,
    ("PUT", "privatelink/connection"): _put_connection,
    ("POST", "privatelink/vpc_link"): _post_vpc_link,
    ("PUT", "flow_logs"): _put_flow_logs,
    ("GET", "endpoints"): _get_endpoints,
    ("PUT", "endpoints"): _put_endpoints,
    ("POST", "endpoints/due"): _post_endpoints_due,
}
