"""VPC endpoints, endpoint services and who may use them."""

from __future__ import annotations

import json
from typing import Any

from .client import client
from .registry import Created, Properties, ResourceType, boolean, pick, register, tag_specification


def _policy(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _answer(endpoint: dict[str, Any]) -> dict[str, Any]:
    return {
        "Id": endpoint["VpcEndpointId"],
        "CreationTimestamp": str(endpoint.get("CreationTimestamp", "")),
        "DnsEntries": [f"{one.get('HostedZoneId', '')}:{one['DnsName']}" for one in endpoint.get("DnsEntries", [])],
        "NetworkInterfaceIds": endpoint.get("NetworkInterfaceIds", []),
    }


def _create_endpoint(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    wanted = pick(
        properties, "VpcId", "ServiceName", "VpcEndpointType", "RouteTableIds", "SubnetIds", "SecurityGroupIds"
    )
    if "PolicyDocument" in properties:
        wanted["PolicyDocument"] = _policy(properties["PolicyDocument"])
    if "PrivateDnsEnabled" in properties:
        wanted["PrivateDnsEnabled"] = boolean(properties["PrivateDnsEnabled"])
    endpoint = client().create_vpc_endpoint(**wanted, **tag_specification("vpc-endpoint", properties))["VpcEndpoint"]
    return endpoint["VpcEndpointId"], _answer(endpoint)


_LISTS = (
    ("RouteTableIds", "AddRouteTableIds", "RemoveRouteTableIds"),
    ("SubnetIds", "AddSubnetIds", "RemoveSubnetIds"),
    ("SecurityGroupIds", "AddSecurityGroupIds", "RemoveSecurityGroupIds"),
)


def _update_endpoint(endpoint_id: str, old: Properties, new: Properties) -> dict[str, Any]:
    change: dict[str, Any] = {}
    for name, add, remove in _LISTS:
        before, after = set(old.get(name) or []), set(new.get(name) or [])
        if after - before:
            change[add] = sorted(after - before)
        if before - after:
            change[remove] = sorted(before - after)
    if new.get("PolicyDocument") != old.get("PolicyDocument"):
        if "PolicyDocument" in new:
            change["PolicyDocument"] = _policy(new["PolicyDocument"])
        else:
            change["ResetPolicy"] = True
    if boolean(new.get("PrivateDnsEnabled")) != boolean(old.get("PrivateDnsEnabled")):
        change["PrivateDnsEnabled"] = boolean(new.get("PrivateDnsEnabled"))
    if change:
        client().modify_vpc_endpoint(VpcEndpointId=endpoint_id, **change)
    return _answer(client().describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"][0])


def _create_service(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    service = client().create_vpc_endpoint_service_configuration(
        **pick(properties, "NetworkLoadBalancerArns", "GatewayLoadBalancerArns"),
        # The template's default is false, unlike the API's.
        AcceptanceRequired=boolean(properties.get("AcceptanceRequired", False)),
        **tag_specification("vpc-endpoint-service", properties),
    )["ServiceConfiguration"]
    return service["ServiceId"], {"ServiceId": service["ServiceId"]}


def _update_service(service_id: str, old: Properties, new: Properties) -> dict[str, Any]:
    change: dict[str, Any] = {}
    for kind in ("NetworkLoadBalancerArns", "GatewayLoadBalancerArns"):
        before, after = set(old.get(kind) or []), set(new.get(kind) or [])
        if after - before:
            change[f"Add{kind}"] = sorted(after - before)
        if before - after:
            change[f"Remove{kind}"] = sorted(before - after)
    if boolean(new.get("AcceptanceRequired", False)) != boolean(old.get("AcceptanceRequired", False)):
        change["AcceptanceRequired"] = boolean(new.get("AcceptanceRequired", False))
    if change:
        client().modify_vpc_endpoint_service_configuration(ServiceId=service_id, **change)
    return {"ServiceId": service_id}


def _create_permissions(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    _change_permissions(properties["ServiceId"], [], properties.get("AllowedPrincipals") or [])
    return properties["ServiceId"], {}


def _change_permissions(service_id: str, before: list[str], after: list[str]) -> None:
    added = [principal for principal in after if principal not in before]
    gone = [principal for principal in before if principal not in after]
    change = {"AddAllowedPrincipals": added, "RemoveAllowedPrincipals": gone}
    change = {name: principals for name, principals in change.items() if principals}
    if change:
        client().modify_vpc_endpoint_service_permissions(ServiceId=service_id, **change)


def _update_permissions(service_id: str, old: Properties, new: Properties) -> dict[str, Any]:
    _change_permissions(service_id, old.get("AllowedPrincipals") or [], new.get("AllowedPrincipals") or [])
    return {}


def _create_notification(logical_id: str, properties: Properties, stack: str) -> Created:
    del logical_id, stack
    wanted = pick(properties, "ServiceId", "ConnectionNotificationArn", "ConnectionEvents")
    if "VPCEndpointId" in properties:
        wanted["VpcEndpointId"] = properties["VPCEndpointId"]
    made = client().create_vpc_endpoint_connection_notification(**wanted)["ConnectionNotification"]
    return made["ConnectionNotificationId"], {"VPCEndpointConnectionNotificationId": made["ConnectionNotificationId"]}


def _update_notification(notification_id: str, old: Properties, new: Properties) -> dict[str, Any]:
    del old
    client().modify_vpc_endpoint_connection_notification(
        ConnectionNotificationId=notification_id, **pick(new, "ConnectionNotificationArn", "ConnectionEvents")
    )
    return {"VPCEndpointConnectionNotificationId": notification_id}


def _delete_service(service_id: str, properties: Properties) -> None:
    del properties
    failed = client().delete_vpc_endpoint_service_configurations(ServiceIds=[service_id]).get("Unsuccessful") or []
    if failed and "NotFound" not in failed[0]["Error"]["Code"]:
        raise ValueError(failed[0]["Error"]["Message"])


def register_types() -> None:
    """Register the types of this file."""
    register(
        "AWS::EC2::VPCEndpoint",
        ResourceType(
            _create_endpoint,
            lambda endpoint_id, _: client().delete_vpc_endpoints(VpcEndpointIds=[endpoint_id]),
            _update_endpoint,
            replaced_by=("VpcId", "ServiceName", "VpcEndpointType"),
        ),
    )
    register(
        "AWS::EC2::VPCEndpointService",
        ResourceType(
            _create_service,
            _delete_service,
            _update_service,
        ),
    )
    register(
        "AWS::EC2::VPCEndpointServicePermissions",
        ResourceType(
            _create_permissions,
            lambda service_id, properties: _change_permissions(
                service_id, properties.get("AllowedPrincipals") or [], []
            ),
            _update_permissions,
            replaced_by=("ServiceId",),
            tagged=False,
        ),
    )
    register(
        "AWS::EC2::VPCEndpointConnectionNotification",
        ResourceType(
            _create_notification,
            lambda notification_id, _: client().delete_vpc_endpoint_connection_notifications(
                ConnectionNotificationIds=[notification_id]
            ),
            _update_notification,
            replaced_by=("ServiceId", "VPCEndpointId"),
            tagged=False,
        ),
    )
