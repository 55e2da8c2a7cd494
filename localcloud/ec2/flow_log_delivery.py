"""Where flow logs are delivered, whether that works, and how tests make it fail.

Sources: FlowLog API Reference (DeliverLogsStatus; DeliverLogsErrorMessage: "Rate limited", "Access error", "Unknown
error"); VPC User Guide, "Troubleshoot VPC Flow Logs" (Access error: the role lacks permissions, or a trust relationship
with vpc-flow-logs.amazonaws.com), "IAM role for publishing flow logs to CloudWatch Logs", "Publish flow logs to Amazon
S3" (the bucket's policy lets delivery.logs.amazonaws.com in; it is attached for a creator who may do that);
CreateFlowLogs, LogGroupName ("a new or existing log group": a missing one is created by a role that may).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .. import hooks, policies

SERVICE = "vpc-flow-logs.amazonaws.com"
DELIVERY = "delivery.logs.amazonaws.com"
_SAME = ("configuration", "destination")


@dataclass
class Choice:
    """Which flow logs something happens to; what is absent does not matter."""

    account: str | None = None
    resource: str | None = None
    # A log group's name, or a bucket's name or ARN.
    destination: str | None = None
    flow_log: str | None = None

    def chooses(self, account: str, resource: str, destination: str | None, flow_log: str | None = None) -> bool:
        """Whether it is one of them."""
        place = (destination or "").split(":log-group:")[-1].removesuffix(":*")
        places = {place, place.removeprefix("arn:aws:s3:::"), place.removeprefix("arn:aws:s3:::").split("/")[0]}
        wanted = (self.destination or "").split(":log-group:")[-1].removesuffix(":*").removeprefix("arn:aws:s3:::")
        return (
            self.account in (None, account)
            and self.resource in (None, resource)
            and self.flow_log in (None, flow_log)
            and (self.destination is None or wanted in places)
        )


@dataclass
class Failure(Choice):
    """Delivery that fails for as long as this is set."""

    message: str = "Access error"


@dataclass
class Refusal(Choice):
    """Resources that the next calls name in `Unsuccessful`."""

    code: str = "400"
    message: str = "LogDestination is undeliverable"
    count: int = 1


@dataclass
class Settings:
    """How flow logs behave."""

    # Seconds from the create to the first delivery; until then there is no DeliverLogsStatus.
    delay: float = 0.0
    # What FlowLogAlreadyExists compares: the whole configuration, or only resource, traffic and destination.
    same: str = "configuration"
    # So many creates find a role that cannot be assumed yet (IAM is eventually consistent).
    fresh_role: int = 0
    fail: list[Failure] = field(default_factory=list)
    refuse: list[Refusal] = field(default_factory=list)

    def update(self, values: Mapping[str, Any]) -> None:
        """Change some settings, all or nothing; `ValueError` says what is wrong."""
        known = {one.name for one in fields(Settings)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown setting {', '.join(unknown)}: known are {', '.join(sorted(known))}")
        clean: dict[str, Any] = {}
        for name, value in values.items():
            if name in ("fail", "refuse"):
                clean[name] = _choices(Failure if name == "fail" else Refusal, name, value)
            elif name == "same":
                if value not in _SAME:
                    raise ValueError(f"same is one of {', '.join(_SAME)}")
                clean[name] = value
            elif isinstance(value, bool) or not isinstance(value, int if name == "fresh_role" else int | float):
                raise ValueError(f"{name} is a number")
            elif value < 0:
                raise ValueError(f"{name} cannot be negative")
            else:
                clean[name] = value
        self.__dict__.update(clean)

    def as_dict(self) -> dict[str, Any]:
        """The settings in the form that `update` takes."""
        return asdict(self)

    def reset(self) -> None:
        """Back to what needs no test."""
        self.__dict__.update(Settings().__dict__)


def _choices(kind: Any, name: str, value: Any) -> list[Any]:
    given = [] if value is None else [value] if isinstance(value, Mapping) else value
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise ValueError(f"{name} is an object, a list of objects, or null")
    try:
        return [kind(**one) for one in given]
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from error


settings = Settings()


def bucket_of(arn: str) -> str:
    """The bucket of a destination, without its prefix."""
    return arn.rsplit(":", 1)[-1].split("/")[0]


def bucket_owner(name: str) -> str | None:
    """The account of a bucket."""
    from ministack.services import s3

    return hooks.require(s3, "_bucket_owner_account")(name)


def _log_groups() -> Any:
    from ministack.services import cloudwatch_logs

    return hooks.require(cloudwatch_logs, "_log_groups")


def status(log: Any) -> tuple[str | None, str | None]:
    """DeliverLogsStatus and its error message, as of now. FlowLogStatus stays ACTIVE whatever this is."""
    if time.time() < log.__dict__.get("delivers_from", 0.0):
        return None, None
    account, region = log.ec2_backend.account_id, log.ec2_backend.region_name
    destination = log.log_group_name or log.log_destination
    for failure in settings.fail:
        if failure.chooses(account, log.resource_id, destination, log.id):
            return "FAILED", failure.message
    delivered = True
    if log.log_destination_type == "s3":
        delivered = _bucket_takes(log.log_destination, account, region)
    elif log.log_destination_type == "cloud-watch-logs":
        delivered = _group_takes(log, account, region)
    return ("SUCCESS", None) if delivered else ("FAILED", "Access error")


def assumable(role: str, account: str, region: str) -> bool:
    """Whether the flow-logs service can assume the role ("confused deputy" keys included)."""
    keys = {
        "aws:SourceAccount": account,
        "aws:SourceArn": f"arn:aws:ec2:{region}:{account}:vpc-flow-log/fl-00000000000000000",
    }
    return policies.role_trusts(role, SERVICE, keys)


def _group_takes(log: Any, account: str, region: str) -> bool:
    role, name = log.deliver_logs_permission_arn, log.log_group_name
    if not assumable(role, account, region):
        return False
    arn = f"arn:aws:logs:{region}:{account}:log-group:{name}"
    groups = _log_groups()
    if not groups.contains_scoped(account, region, name):
        if not policies.role_allows(role, "logs:CreateLogGroup", f"{arn}:log-stream:", region):
            return False
        _create_group(account, region, name)
    stream = f"{arn}:log-stream:eni-00000000000000000-all"
    wanted = ("logs:CreateLogStream", "logs:PutLogEvents")
    return all(policies.role_allows(role, action, stream, region) for action in wanted)


def _create_group(account: str, region: str, name: str) -> None:
    """What the service itself creates has no retention."""
    from ministack.core.responses import request_scope
    from ministack.services import cloudwatch_logs

    with request_scope(account, region):
        cloudwatch_logs._create_log_group({"logGroupName": name})


def _bucket_takes(destination: str, account: str, region: str) -> bool:
    """Whether the bucket is there and its policy lets the delivery service write."""
    from ministack.services import s3

    bucket = bucket_of(destination)
    owner = bucket_owner(bucket)
    if owner is None:
        return False
    policy = hooks.require(s3, "_bucket_policies").get_scoped(owner, None, bucket)
    prefix = destination.split(f":::{bucket}", 1)[-1].strip("/")
    key = "/".join(part for part in (prefix, "AWSLogs", account, "vpcflowlogs", region, "log.gz") if part)
    keys = {
        "aws:SourceAccount": account,
        "aws:SourceArn": f"arn:aws:logs:{region}:{account}:*",
        "s3:x-amz-acl": "bucket-owner-full-control",
    }
    arn = f"arn:aws:s3:::{bucket}"
    return policies.service_allowed(
        policy, DELIVERY, "s3:PutObject", f"{arn}/{key}", region, keys
    ) and policies.service_allowed(policy, DELIVERY, "s3:GetBucketAcl", arn, region, keys)


def refused_destination(destination: str, account: str, region: str) -> tuple[str, str] | None:
    """Why CreateFlowLogs names a resource in `Unsuccessful`: the bucket is not there, or does not let the service in.

    A creator who owns the bucket and may read and write its policy gets the statements attached.
    """
    bucket = bucket_of(destination)
    owner = bucket_owner(bucket)
    if owner is None:
        return "400", f"LogDestination: {bucket} does not exist."
    if _bucket_takes(destination, account, region):
        return None
    arn = f"arn:aws:s3:::{bucket}"
    if owner == account and all(
        policies.caller_may(action, arn, region) for action in ("s3:GetBucketPolicy", "s3:PutBucketPolicy")
    ):
        _attach(bucket, owner, destination, account, region)
        return None
    return "400", f"Access Denied for LogDestination: {bucket}. Please check LogDestination permission"


def _attach(bucket: str, owner: str, destination: str, account: str, region: str) -> None:
    from ministack.services import s3

    stored = s3._bucket_policies.get_scoped(owner, None, bucket)
    document = json.loads(stored) if stored else {"Version": "2012-10-17", "Statement": []}
    prefix = destination.split(f":::{bucket}", 1)[-1].strip("/")
    place = "/".join(part for part in (f"arn:aws:s3:::{bucket}", prefix, "AWSLogs", account, "*") if part)
    where = {
        "StringEquals": {"aws:SourceAccount": account},
        "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{region}:{account}:*"},
    }
    full = {**where, "StringEquals": {**where["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}}
    service = {"Service": DELIVERY}
    document["Statement"] += [
        {
            "Sid": "AWSLogDeliveryWrite",
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:PutObject",
            "Resource": place,
            "Condition": full,
        },
        {
            "Sid": "AWSLogDeliveryAclCheck",
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:GetBucketAcl",
            "Resource": f"arn:aws:s3:::{bucket}",
            "Condition": where,
        },
    ]
    s3._bucket_policies.set_scoped(owner, None, bucket, json.dumps(document))
