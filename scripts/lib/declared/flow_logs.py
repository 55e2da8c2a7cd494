"""Flow logs: one for each declared destination, with everything that the document says about it, delivering."""

from __future__ import annotations

from typing import Any

from .documents import Cloud, Difference, Topology, Unreadable, Verdict, pages, tags

FORMAT = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} "
    "${bytes} ${start} ${end} ${action} ${log-status}"
)
Key = tuple[str, str, str, int, str, tuple[Any, ...]]  # kind, destination, traffic, interval, format, options


def number(text: str) -> int:
    """`30 days` as 30, `1 minute` as 1."""
    return int(text.split()[0])


def seconds(text: str | None) -> int:
    """The aggregation interval, in seconds."""
    return {None: 600, "1 minute": 60, "10 minutes": 600}[text]


def group_name(topology: Topology, vpc: str, log: dict[str, Any]) -> str:
    """The log group of a flow log."""
    return log.get("log_group") or f"/plumbline/{topology.id}/{vpc}/flow-logs"


def wanted(cloud: Cloud, topology: Topology, vpc: str, item: dict[str, Any]) -> Key:
    """One declared flow log."""
    (kind, log), *rest = item.items()
    if rest:
        raise Unreadable(f"{topology.id} {vpc}: {item}")
    log = log or {}
    head = (log.get("traffic", "all").upper(), seconds(log.get("interval")), log.get("format") or FORMAT)
    if kind == "cloudwatch":
        return ("cloud-watch-logs", group_name(topology, vpc, log), *head, ())
    bucket = log["bucket"].format(account=cloud.account, region=cloud.region)
    path = "/".join(part for part in (bucket, (log.get("prefix") or "").strip("/")) if part)
    options = (
        "parquet" if log.get("file_format") == "parquet" else "plain-text",
        log.get("partitions") == "hourly",
        bool(log.get("hive_partitions")),
    )
    return ("s3", path, *head, options)


def found(log: dict[str, Any]) -> Key:
    """One flow log as EC2 describes it."""
    kind = log["LogDestinationType"]
    head = (log["TrafficType"], log["MaxAggregationInterval"], log.get("LogFormat") or FORMAT)
    if kind == "cloud-watch-logs":
        name = log.get("LogGroupName") or log["LogDestination"].removesuffix(":*").split(":log-group:")[-1]
        return (kind, name, *head, ())
    options = log.get("DestinationOptions") or {}
    shown = (
        options.get("FileFormat", "plain-text"),
        bool(options.get("PerHourPartition")),
        bool(options.get("HiveCompatiblePartitions")),
    )
    return (kind, log["LogDestination"].rsplit(":", 1)[-1].rstrip("/"), *head, shown)


def compare(cloud: Cloud, topology: Topology, vpcs: dict[str, str]) -> Verdict:
    """Flow logs of every VPC that declares them, and the retention of their log groups."""
    verdict = Verdict("flow-logs", 0, [])
    for vpc, vpc_id in vpcs.items():
        declared = topology.vpcs[vpc].get("flow_logs")
        if declared is None:
            continue
        problems: list[tuple[str, str]] = []
        logs = pages(cloud.ec2, "describe_flow_logs", "FlowLogs", Filters=[{"Name": "resource-id", "Values": [vpc_id]}])
        keys = [wanted(cloud, topology, vpc, item) for item in declared]
        for item, key in zip(declared, keys, strict=True):
            verdict.compared += 1
            equal = [log for log in logs if found(log) == key]
            if not equal:
                problems.append((key[1], f"no flow log is as declared: {key[2]}, {key[3]} s, {key[0]}"))
            if len(equal) > 1:
                problems.append((key[1], f"{len(equal)} flow logs do the same"))
            for log in equal:
                if log.get("FlowLogStatus") != "ACTIVE" or log.get("DeliverLogsStatus") == "FAILED":
                    why = log.get("DeliverLogsErrorMessage") or log.get("FlowLogStatus")
                    problems.append((log["FlowLogId"], f"does not deliver: {why}"))
            if "cloudwatch" in item:
                problems += retention(cloud, topology, vpc, item["cloudwatch"] or {})
        for log in logs:
            if found(log) not in keys and "plumbline:topology" in tags(log):
                problems.append((log["FlowLogId"], f"Plumbline's, and not declared: {found(log)[1]}"))
        verdict.differences += [Difference(topology.id, vpc, "flow-logs", *problem) for problem in problems]
    return verdict


def retention(cloud: Cloud, topology: Topology, vpc: str, log: dict[str, Any]) -> list[tuple[str, str]]:
    """The log group exists and keeps its records as long as declared."""
    name = group_name(topology, vpc, log)
    groups = pages(cloud.logs, "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    group = next((group for group in groups if group["logGroupName"] == name), None)
    if group is None:
        return [(name, "the log group does not exist")]
    kept = log.get("retention", "30 days")
    days, have = None if kept == "forever" else number(kept), group.get("retentionInDays")
    return [] if have == days else [(name, f"keeps records {have or 'for ever'}, declared {kept}")]
