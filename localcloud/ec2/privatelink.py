"""PrivateLink: connections to endpoint services, their acceptance, and the provider's notifications.

Sources: EC2 API Reference (CreateVpcEndpoint, DescribeVpcEndpointConnections, AcceptVpcEndpointConnections,
RejectVpcEndpointConnections, CreateVpcEndpointConnectionNotification); PrivateLink guide, "Configure an endpoint
service" (permissions, acceptance) and "Receive alerts for endpoint service events".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.models import EC2Backend, ec2_backends
from moto.moto_api._internal import mock_random

from .. import hooks
from .common import add_action, check_filter_names, matches_any, refuse, unsuccessful

_CONNECTIONS = "localcloud_vpce_connections"
_NOTIFICATIONS = "localcloud_vpce_notifications"

# Called with (account, region, topic ARN, message) for each notification; the messaging module registers itself.
publishers: list[Callable[[str, str, str, dict[str, str]], None]] = []


@dataclass
class Connection:
    """One consumer's endpoint as the provider of the service sees it: an owner account and an endpoint id, no more."""

    service_id: str
    endpoint_id: str
    owner: str
    state: str
    created: Any
    load_balancers: list[str]
    connection_id: str
    endpoint: Any

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


def notifications(backend: Any) -> dict[str, dict[str, Any]]:
    """Connection notifications of this account and Region, by id."""
    return backend.__dict__.setdefault(_NOTIFICATIONS, {})


def _backends() -> Iterator[Any]:
    for regions in list(ec2_backends.values()):
        yield from list(regions.values())


def _service_by_name(name: str) -> tuple[Any, Any] | None:
    for backend in _backends():
        for service in backend.configurations.values():
            if service.service_name == name:
                return backend, service
    return None


def _may_connect(service: Any, provider: str, consumer: str) -> bool:
    """The service is private to its account but for its allowed principals."""
    return provider == consumer or any(
        principal == "*" or re.match(rf"arn:aws[a-z-]*:iam::{consumer}:", principal) for principal in service.principals
    )


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
        endpoint.state = "pendingAcceptance" if service.acceptance_required else "available"
        connections(provider)[service.id, endpoint.id] = Connection(
            service_id=service.id,
            endpoint_id=endpoint.id,
            owner=self.account_id,
            state=endpoint.state,
            created=utcnow(),
            load_balancers=list(service.network_load_balancer_arns),
            connection_id=f"vpce-con-{mock_random.get_random_hex(17)}",
            endpoint=endpoint,
        )
        _notify(provider, service.id, "Connect", endpoint.id)
        if not service.acceptance_required:
            _notify(provider, service.id, "Accept", endpoint.id)
        return endpoint

    return create


def consumer_deleted(endpoint_id: str) -> None:
    """The consumer deleted its endpoint: the connection is gone and the provider is told."""
    for backend in _backends():
        for key in [key for key in connections(backend) if key[1] == endpoint_id]:
            del connections(backend)[key]
            _notify(backend, key[0], "Delete", endpoint_id)


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


def _decide(state: str, allowed_from: tuple[str, ...], event: str) -> Callable[[Any], ActionResult]:
    """Accept or reject: a 200 whose `Unsuccessful` may name some or all of the endpoints."""

    def action(self: Any) -> ActionResult:
        backend, service_id = self.ec2_backend, self._get_param("ServiceId")
        backend.describe_vpc_endpoint_service_configurations([service_id])
        failed = []
        for endpoint_id in self._get_param("VpcEndpointIds", []):
            connection = connections(backend).get((service_id, endpoint_id))
            if connection is None:
                message = f"The Vpc Endpoint Id '{endpoint_id}' does not exist"
                failed.append(unsuccessful(endpoint_id, "InvalidVpcEndpoint.NotFound", message))
            elif connection.state not in allowed_from:
                failed.append(unsuccessful(endpoint_id, "InvalidState", f"{endpoint_id} is {connection.state}"))
            else:
                connection.state = connection.endpoint.state = state
                _notify(backend, service_id, event, endpoint_id)
        return ActionResult({"Unsuccessful": failed})

    return action


def _notify(backend: Any, service_id: str, event: str, endpoint_id: str) -> None:
    message = {"event": event, "serviceId": service_id, "vpcEndpointId": endpoint_id}
    for notification in notifications(backend).values():
        if notification["ServiceId"] == service_id and event in notification["ConnectionEvents"]:
            for publish in publishers:
                publish(backend.account_id, backend.region_name, notification["ConnectionNotificationArn"], message)


def _create_notification(self: Any) -> ActionResult:
    get = self._get_param
    notification = {
        "ConnectionNotificationId": f"vpce-nfn-{mock_random.get_random_hex(17)}",
        "ConnectionNotificationArn": get("ConnectionNotificationArn"),
        "ConnectionNotificationType": "Topic",
        "ConnectionEvents": get("ConnectionEvents", []),
        "ConnectionNotificationState": "Enabled",
        "ServiceId": get("ServiceId"),
        "VpcEndpointId": get("VpcEndpointId"),
    }
    notifications(self.ec2_backend)[notification["ConnectionNotificationId"]] = notification
    return ActionResult({"ConnectionNotification": notification, "ClientToken": get("ClientToken")})


def _describe_notifications(self: Any) -> ActionResult:
    wanted = self._get_param("ConnectionNotificationId")
    chosen = [n for key, n in notifications(self.ec2_backend).items() if not wanted or key == wanted]
    return ActionResult({"ConnectionNotificationSet": chosen})


def _delete_notifications(self: Any) -> ActionResult:
    failed = []
    for notification_id in self._get_param("ConnectionNotificationIds", []):
        if notifications(self.ec2_backend).pop(notification_id, None) is None:
            code = "InvalidConnectionNotification"
            failed.append(unsuccessful(notification_id, code, f"{notification_id} does not exist"))
    return ActionResult({"Unsuccessful": failed})


def install() -> None:
    """Add what moto lacks of PrivateLink, and connect endpoints to services on creation."""
    hooks.replace(EC2Backend, "create_vpc_endpoint", _create_vpc_endpoint(EC2Backend.create_vpc_endpoint))
    add_action("describe_vpc_endpoint_connections", _describe_connections)
    add_action("accept_vpc_endpoint_connections", _decide("available", ("pendingAcceptance", "rejected"), "Accept"))
    add_action("reject_vpc_endpoint_connections", _decide("rejected", ("pendingAcceptance", "available"), "Reject"))
    add_action("create_vpc_endpoint_connection_notification", _create_notification)
    add_action("describe_vpc_endpoint_connection_notifications", _describe_notifications)
    add_action("delete_vpc_endpoint_connection_notifications", _delete_notifications)
