"""PrivateLink: connections to endpoint services, and their acceptance.

Sources: EC2 API Reference (CreateVpcEndpoint, DescribeVpcEndpointConnections, AcceptVpcEndpointConnections,
RejectVpcEndpointConnections, VpcEndpointConnection); PrivateLink guide, "Configure an endpoint service" (permissions,
"Accept or reject connection requests") and "Create a service" (acceptance that is required of new requests only).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.models import EC2Backend, ec2_backends
from moto.moto_api._internal import mock_random

from .. import bridge, caller, hooks
from .common import add_action, check_filter_names, matches_any, refuse, unsuccessful
from .connection_notifications import notify
from .privatelink_settings import STATES, settings

_CONNECTIONS = "localcloud_vpce_connections"
_WAITS, _IN_FLIGHT, _UP, _REJECTED, _GONE = "pendingAcceptance", "pending", "available", "rejected", "deleted"


@dataclass
class Connection:
    """One consumer's endpoint as the provider of the service sees it: an owner account and an endpoint id, no more."""

    service_id: str
    endpoint_id: str
    owner: str
    created: Any
    load_balancers: list[str]
    connection_id: str
    # The consumer's endpoint, whose state is the connection's.
    endpoint: Any
    state: str = _WAITS
    # When the state that is in flight ends.
    until: float = 0.0

    def become(self, state: str, until: float = 0.0) -> None:
        """Both sides see one state."""
        self.state, self.until = state, until
        self.endpoint.state = state

    def come_up(self) -> None:
        """It may come up: at once, or after a while in flight."""
        if settings.pending:
            self.become(_IN_FLIGHT, time.time() + settings.pending)
        else:
            self.become(_UP)

    def shown(self) -> dict[str, Any]:
        """The `VpcEndpointConnection` of an answer."""
        return {
            "ServiceId": self.service_id,
            "VpcEndpointId": self.endpoint_id,
            "VpcEndpointOwner": self.owner,
            "VpcEndpointState": self.state,
            "CreationTimestamp": self.created,
            "NetworkLoadBalancerArns": self.load_balancers,
            "IpAddressType": "ipv4",
            "VpcEndpointConnectionId": self.connection_id,
        }


def connections(backend: Any) -> dict[tuple[str, str], Connection]:
    """Connections to the services of this account and Region, by (service id, endpoint id)."""
    return backend.__dict__.setdefault(_CONNECTIONS, {})


def _backends() -> Iterator[Any]:
    for regions in list(ec2_backends.values()):
        yield from list(regions.values())


def settle() -> None:
    """What the clock has brought about: connections that came up, deleted ones that are forgotten."""
    now = time.time()
    for backend in _backends():
        known: dict[tuple[str, str], Connection] = backend.__dict__.get(_CONNECTIONS) or {}
        for key, connection in list(known.items()):
            if not connection.until or now < connection.until:
                continue
            if connection.state == _IN_FLIGHT:
                connection.become(_UP)
            elif connection.state == _GONE:
                del known[key]


def arrive() -> int:
    """Let every connection in flight come up now; returns how many did."""
    with bridge.lock:
        found = [one for backend in _backends() for one in connections(backend).values() if one.state == _IN_FLIGHT]
        for connection in found:
            connection.become(_UP)
    return len(found)


def force(endpoint_id: str, state: str) -> int:
    """Put a connection in a state, such as `failed` or `expired`; returns how many there are of that endpoint."""
    if state not in STATES:
        raise ValueError(f"state is one of {', '.join(STATES)}")
    with bridge.lock:
        found = [
            one for backend in _backends() for one in connections(backend).values() if one.endpoint_id == endpoint_id
        ]
        for connection in found:
            connection.become(state)
    return len(found)


def _service_by_name(name: str) -> tuple[Any, Any] | None:
    for backend in _backends():
        for service in backend.configurations.values():
            if service.service_name == name:
                return backend, service
    return None


def _may_connect(service: Any, provider: str, consumer: str) -> bool:
    """The service is private to its account but for its allowed principals: accounts, roles, users, or everyone."""
    if provider == consumer or "*" in service.principals:
        return True
    from ministack.core.iam_evaluator import resolve_caller_identity

    who = (resolve_caller_identity(caller.access_key.get() or "") or {}).get("userArn", "")
    role = re.fullmatch(r"arn:aws[a-z-]*:sts::(\d{12}):assumed-role/([^/]+)/.+", who)
    names = {f"arn:aws:iam::{consumer}:root", who}
    if role:
        names.add(f"arn:aws:iam::{role[1]}:role/{role[2]}")
    return any(principal in names for principal in service.principals)


def _create_vpc_endpoint(original: Any) -> Any:
    def create(
        self: Any, vpc_id: str, service_name: str, endpoint_type: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        from .endpoints import check_service

        if ".vpce-svc-" not in service_name:
            kind = endpoint_type or "Gateway"  # "Default: Gateway"
            check_service(service_name, kind)
            endpoint = original(self, vpc_id, service_name, kind, *args, **kwargs)
            if kind == "Gateway":
                endpoint.private_dns_enabled = False
            return endpoint
        found = _service_by_name(service_name)
        if found is None or not _may_connect(found[1], found[0].account_id, self.account_id):
            refuse("InvalidServiceName", f"The Vpc Endpoint Service '{service_name}' does not exist")
        provider, service = found
        kwargs["private_dns_enabled"] = False
        endpoint = original(self, vpc_id, service_name, endpoint_type or "Interface", *args, **kwargs)
        connect(provider, service, self.account_id, endpoint)
        return endpoint

    return create


def connect(provider: Any, service: Any, owner: str, endpoint: Any) -> Connection:
    """A connection of an endpoint to a service, waiting or coming up, and the provider's notification."""
    connection = Connection(
        service_id=service.id,
        endpoint_id=endpoint.id,
        owner=owner,
        created=utcnow(),
        load_balancers=list(service.network_load_balancer_arns),
        connection_id=f"vpce-con-{mock_random.get_random_hex(17)}",
        endpoint=endpoint,
    )
    connections(provider)[service.id, endpoint.id] = connection
    notify(provider, service.id, "Connect", endpoint.id)
    if service.acceptance_required:
        connection.become(_WAITS)
    else:
        connection.come_up()
        notify(provider, service.id, "Accept", endpoint.id)
    return connection


def consumer_deleted(endpoint_id: str) -> None:
    """The consumer deleted its endpoint: the connection is gone and the provider is told."""
    for backend in _backends():
        known = connections(backend)
        for key in [key for key in known if key[1] == endpoint_id]:
            if settings.deleted:
                known[key].state, known[key].until = _GONE, time.time() + settings.deleted
            else:
                del known[key]
            notify(backend, key[0], "Delete", endpoint_id)


_CONNECTION_FILTERS: dict[str, Callable[[Connection], str]] = {
    "service-id": lambda connection: connection.service_id,
    "vpc-endpoint-owner": lambda connection: connection.owner,
    "vpc-endpoint-state": lambda connection: connection.state,
    "vpc-endpoint-id": lambda connection: connection.endpoint_id,
}


def _describe_connections(self: Any) -> ActionResult:
    filters = self._filters_from_querystring() or {}
    check_filter_names(filters, _CONNECTION_FILTERS)
    chosen = [
        connection
        for connection in connections(self.ec2_backend).values()
        if all(matches_any(_CONNECTION_FILTERS[name](connection), values) for name, values in filters.items())
    ]
    return ActionResult({"VpcEndpointConnections": [connection.shown() for connection in chosen]})


def _refused(call: str, endpoint_id: str) -> tuple[str, str] | None:
    """The refusal that somebody asked for on demand."""
    for refusal in settings.refuse:
        if refusal.count > 0 and refusal.call in (None, call) and refusal.endpoint in (None, endpoint_id):
            refusal.count -= 1
            return refusal.code, refusal.message
    return None


def _decide(call: str, allowed_from: tuple[str, ...]) -> Callable[[Any], ActionResult]:
    """Accept or reject: a 200 whose `Unsuccessful` may name some or all of the endpoints."""

    def action(self: Any) -> ActionResult:
        backend, service_id = self.ec2_backend, self._get_param("ServiceId")
        backend.describe_vpc_endpoint_service_configurations([service_id])
        failed = []
        for endpoint_id in self._get_param("VpcEndpointIds", []):
            connection = connections(backend).get((service_id, endpoint_id))
            refusal = _refused(call, endpoint_id)
            if refusal is not None:
                failed.append(unsuccessful(endpoint_id, *refusal))
            elif connection is None:
                message = f"The Vpc Endpoint Id '{endpoint_id}' does not exist"
                failed.append(unsuccessful(endpoint_id, "InvalidVpcEndpoint.NotFound", message))
            elif connection.state not in allowed_from:
                failed.append(unsuccessful(endpoint_id, "InvalidState", f"{endpoint_id} is {connection.state}"))
            else:
                if call == "accept":
                    connection.come_up()
                else:
                    connection.become(_REJECTED)
                notify(backend, service_id, call.capitalize(), endpoint_id)
        return ActionResult({"Unsuccessful": failed})

    return action


def install() -> None:
    """Add what moto lacks of connections, and connect endpoints to services on creation."""
    hooks.replace(EC2Backend, "create_vpc_endpoint", _create_vpc_endpoint(EC2Backend.create_vpc_endpoint))
    add_action("describe_vpc_endpoint_connections", _describe_connections)
    add_action("accept_vpc_endpoint_connections", _decide("accept", (_WAITS, _REJECTED)))
    add_action("reject_vpc_endpoint_connections", _decide("reject", (_WAITS, _IN_FLIGHT, _UP)))
    bridge.before_each_ec2_call.append(lambda account, region: settle())
