"""Notifications of connections: what the provider of an endpoint service is told over SNS.

Sources: CreateVpcEndpointConnectionNotification, ModifyVpcEndpointConnectionNotification API Reference (events Accept,
Connect, Delete, Reject); PrivateLink guide, "Receive alerts for endpoint service events" (the topic's policy lets
vpce.amazonaws.com in, conditioned on aws:SourceArn, the endpoint service, and aws:SourceAccount). The text of a message
is documented nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.moto_api._internal import mock_random

from .common import add_action, apply_filters, refuse, unsuccessful

_NOTIFICATIONS = "localcloud_vpce_notifications"
_EVENTS = frozenset({"Accept", "Connect", "Delete", "Reject"})
_FILTERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "connection-notification-arn": lambda one: one["ConnectionNotificationArn"],
    "connection-notification-id": lambda one: one["ConnectionNotificationId"],
    "connection-notification-state": lambda one: one["ConnectionNotificationState"],
    "connection-notification-type": lambda one: one["ConnectionNotificationType"],
    "service-id": lambda one: one["ServiceId"],
    "vpc-endpoint-id": lambda one: one["VpcEndpointId"],
}

# Called with (account, region, service ARN, topic ARN, message) for each; the messaging package registers itself.
publishers: list[Callable[[str, str, str, str, dict[str, str]], None]] = []


def notifications(backend: Any) -> dict[str, dict[str, Any]]:
    """Connection notifications of this account and Region, by id."""
    return backend.__dict__.setdefault(_NOTIFICATIONS, {})


def notify(backend: Any, service_id: str, event: str, endpoint_id: str) -> None:
    """Tell whoever asked to be told of this event."""
    message = {"event": event, "serviceId": service_id, "vpcEndpointId": endpoint_id}
    account, region = backend.account_id, backend.region_name
    source = f"arn:aws:ec2:{region}:{account}:vpc-endpoint-service/{service_id}"
    for notification in notifications(backend).values():
        if notification["ServiceId"] == service_id and event in notification["ConnectionEvents"]:
            for publish in publishers:
                publish(account, region, source, notification["ConnectionNotificationArn"], message)


def _checked_events(events: list[str]) -> list[str]:
    if not events or not set(events) <= _EVENTS:
        refuse("InvalidParameter", f"The events are among {', '.join(sorted(_EVENTS))}")
    return events


def _create(self: Any) -> ActionResult:
    backend, get = self.ec2_backend, self._get_param
    service_id, endpoint_id, topic = get("ServiceId"), get("VpcEndpointId"), get("ConnectionNotificationArn")
    if bool(service_id) == bool(endpoint_id):
        refuse("InvalidParameterCombination", "One of ServiceId and VpcEndpointId is required")
    if service_id:
        backend.describe_vpc_endpoint_service_configurations([service_id])
    if not (topic or "").startswith("arn:") or ":sns:" not in (topic or ""):
        refuse("InvalidParameter", "ConnectionNotificationArn is the ARN of an SNS topic")
    notification = {
        "ConnectionNotificationId": f"vpce-nfn-{mock_random.get_random_hex(17)}",
        "ConnectionNotificationArn": topic,
        "ConnectionNotificationType": "Topic",
        "ConnectionEvents": _checked_events(get("ConnectionEvents", [])),
        "ConnectionNotificationState": "Enabled",
        "ServiceId": service_id,
        "VpcEndpointId": endpoint_id,
    }
    notifications(backend)[notification["ConnectionNotificationId"]] = notification
    return ActionResult({"ConnectionNotification": notification, "ClientToken": get("ClientToken")})


def _find(backend: Any, notification_id: str | None) -> dict[str, Any]:
    found = notifications(backend).get(notification_id or "")
    if found is None:
        refuse("InvalidConnectionNotification", f"The connection notification {notification_id} does not exist")
    return found


def _modify(self: Any) -> ActionResult:
    get = self._get_param
    found = _find(self.ec2_backend, get("ConnectionNotificationId"))
    if get("ConnectionEvents"):
        found["ConnectionEvents"] = _checked_events(get("ConnectionEvents"))
    if get("ConnectionNotificationArn"):
        found["ConnectionNotificationArn"] = get("ConnectionNotificationArn")
    return ActionResult({"ReturnValue": True})


def _describe(self: Any) -> ActionResult:
    wanted = self._get_param("ConnectionNotificationId")
    chosen = [_find(self.ec2_backend, wanted)] if wanted else list(notifications(self.ec2_backend).values())
    return ActionResult(
        {"ConnectionNotificationSet": apply_filters(chosen, self._filters_from_querystring(), _FILTERS)}
    )


def _delete(self: Any) -> ActionResult:
    failed = []
    for notification_id in self._get_param("ConnectionNotificationIds", []):
        if notifications(self.ec2_backend).pop(notification_id, None) is None:
            code = "InvalidConnectionNotification"
            failed.append(unsuccessful(notification_id, code, f"{notification_id} does not exist"))
    return ActionResult({"Unsuccessful": failed})


def install() -> None:
    """Add the actions."""
    add_action("create_vpc_endpoint_connection_notification", _create)
    add_action("modify_vpc_endpoint_connection_notification", _modify)
    add_action("describe_vpc_endpoint_connection_notifications", _describe)
    add_action("delete_vpc_endpoint_connection_notifications", _delete)
