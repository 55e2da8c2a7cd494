"""Flow logs: destinations as the rest of the local cloud has them, and both planes of failure.

Sources: CreateFlowLogs, DeleteFlowLogs and FlowLog API Reference (Unsuccessful, DeliverLogsStatus, DestinationOptions);
EC2 error codes (FlowLogAlreadyExists: "A flow log with the specified configuration already exists"). A role that the
service cannot assume is refused with InvalidParameter, "Unable to assume given IAM role", which Terraform's provider
retries because a fresh role is not known everywhere.
"""

from __future__ import annotations

import time
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import FlowLogAlreadyExists
from moto.ec2.models import EC2Backend
from moto.ec2.models.flow_logs import FlowLogs
from moto.ec2.utils import random_flow_log_id

from .. import hooks
from . import flow_log_delivery as delivery
from .common import apply_filters, refuse, replace_action, unsuccessful
from .flow_log_delivery import settings

_FORMAT = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} "
    "${bytes} ${start} ${end} ${action} ${log-status}"
)
_RESOURCES = {"VPC": "get_vpc", "Subnet": "get_subnet", "NetworkInterface": "get_network_interface"}
_FILTERS = {
    "deliver-log-status": lambda log: log.deliver_logs_status or "",
    "log-destination-type": lambda log: log.log_destination_type,
    "flow-log-id": lambda log: log.id,
    "log-group-name": lambda log: log.log_group_name,
    "resource-id": lambda log: log.resource_id,
    "traffic-type": lambda log: log.traffic_type,
}


def _ignore(self: Any, value: Any) -> None:
    del self, value


def _refused(
    kind: str, resource_id: str, group: str | None, destination: str | None, account: str, region: str
) -> tuple[str, str] | None:
    """Why a resource is named in `Unsuccessful`."""
    for refusal in settings.refuse:
        if refusal.count > 0 and refusal.chooses(account, resource_id, group or destination):
            refusal.count -= 1
            return refusal.code, refusal.message
    return delivery.refused_destination(destination or "", account, region) if kind == "s3" else None


def _identity(log: Any) -> tuple[Any, ...]:
    """What FlowLogAlreadyExists compares."""
    place = (log.resource_id, log.traffic_type, log.log_group_name or log.log_destination)
    if settings.same == "destination":
        return place
    options = getattr(log, "destination_options", None) or {}
    rest = (log.log_format, log.max_aggregation_interval, log.deliver_logs_permission_arn)
    return (*place, *rest, repr(sorted((key, str(value)) for key, value in options.items())))


def _create_flow_logs(self: Any) -> ActionResult:
    backend, get = self.ec2_backend, self._get_param
    kind, destination, group = (
        get("LogDestinationType") or "cloud-watch-logs",
        get("LogDestination"),
        get("LogGroupName"),
    )
    role, options = get("DeliverLogsPermissionArn"), get("DestinationOptions")
    interval = int(get("MaxAggregationInterval") or 600)
    if kind == "cloud-watch-logs" and destination and not group:
        # "LogDestination: arn:aws:logs:region:account:log-group:name", with or without the final ":*"
        group = destination.removesuffix(":*").split(":log-group:")[-1]
    if kind == "cloud-watch-logs" and not group:
        refuse("InvalidParameter", "LogDestination or LogGroupName must be provided")
    if kind == "cloud-watch-logs" and not role:
        refuse("InvalidParameter", "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.")
    if kind != "cloud-watch-logs" and (group or not destination):
        refuse("InvalidParameter", f"LogDestination is required and LogGroupName not allowed for {kind}.")
    if interval not in (60, 600):
        refuse("InvalidParameter", "Invalid Flow Log Max Aggregation Interval")
    if get("ResourceType") not in _RESOURCES:
        refuse("InvalidParameterValue", f"Value ({get('ResourceType')}) for parameter resourceType is invalid.")
    account, region = backend.account_id, backend.region_name
    if kind == "cloud-watch-logs":
        if settings.fresh_role:
            settings.fresh_role -= 1
            refuse("InvalidParameter", "Unable to assume given IAM role")
        if not delivery.assumable(role, account, region):
            refuse("InvalidParameter", "Unable to assume given IAM role")
    tags = self._parse_tag_specification().get("vpc-flow-log", {})
    created: list[Any] = []
    failed: list[dict[str, Any]] = []
    for resource_id in get("ResourceIds", []):
        getattr(backend, _RESOURCES[get("ResourceType")])(resource_id)
        refusal = _refused(kind, resource_id, group, destination, account, region)
        if refusal is not None:
            failed.append(unsuccessful(resource_id, *refusal))
            continue
        log = FlowLogs(
            backend,
            random_flow_log_id(),
            resource_id,
            get("TrafficType"),
            destination,
            group,
            role,
            interval,
            kind,
            get("LogFormat") or _FORMAT,
        )
        if options:
            log.destination_options = options
        log.__dict__["delivers_from"] = time.time() + settings.delay
        if any(_identity(log) == _identity(other) for other in backend.flow_logs.values()):
            raise FlowLogAlreadyExists
        created.append(log)
    for log in created:
        backend.flow_logs[log.id] = log
        log.add_tags(tags)
    return ActionResult(
        {"FlowLogIds": [log.id for log in created], "Unsuccessful": failed, "ClientToken": get("ClientToken")}
    )


def _describe_flow_logs(self: Any) -> ActionResult:
    backend, ids = self.ec2_backend, self._get_param("FlowLogIds", [])
    logs = [log for log in backend.flow_logs.values() if not ids or log.id in ids]
    return ActionResult({"FlowLogs": apply_filters(logs, self._filters_from_querystring(), _FILTERS)})


def _delete_flow_logs(self: Any) -> ActionResult:
    """The unknown ones are reported inside a 200; the others are deleted."""
    backend = self.ec2_backend
    failed = []
    for log_id in self._get_param("FlowLogIds", []):
        if backend.flow_logs.pop(log_id, None) is None:
            message = f"These flow log ids in the input list are not found: [TotalCount: 1] {log_id}"
            failed.append(unsuccessful(log_id, "InvalidFlowLogId.NotFound", message))
        backend.tags.pop(log_id, None)
    return ActionResult({"Unsuccessful": failed})


def install() -> None:
    """Replace the flow-log actions; delivery status follows the destination."""
    hooks.require(EC2Backend, "create_flow_logs")
    hooks.require_parameters(FlowLogs.__init__, "log_destination", "log_destination_type", "log_format")
    FlowLogs.deliver_logs_status = property(  # type: ignore[assignment, method-assign]
        lambda log: delivery.status(log)[0], _ignore
    )
    FlowLogs.deliver_logs_error_message = property(  # type: ignore[assignment, method-assign]
        lambda log: delivery.status(log)[1], _ignore
    )
    replace_action("create_flow_logs", _create_flow_logs)
    replace_action("describe_flow_logs", _describe_flow_logs)
    replace_action("delete_flow_logs", _delete_flow_logs)
