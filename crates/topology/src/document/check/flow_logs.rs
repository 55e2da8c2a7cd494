//! Flow logs.

use super::{Check, units};
use crate::core::VpcName;
use crate::document::model::{self, CloudWatchLogs, Duration, S3Logs};
use crate::document::problem::{Draft, Span};
use crate::document::wrap::{At, Entry, Field};
use crate::network::{FlowDestination, FlowLog, FlowTraffic, Vpc};
use std::collections::BTreeMap;

/// The days that CloudWatch Logs can keep records
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>).
const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// What is kept when nothing is said: records cost money for ever otherwise.
const DEFAULT_RETENTION_DAYS: u32 = 30;
const FOREVER: &str = "forever";

/// Checks and resolves the flow logs of a VPC.
pub(super) fn flow_logs(check: Check<'_>, topology: &str, vpc: &str, written: &model::Vpc) -> Option<Vec<FlowLog>> {
    let list = written.flow_logs.read()?;
    let mut resolved: Vec<(FlowLog, Span)> = vec![];
    for (model::FlowLog { cloudwatch, s3 }, span) in list.iter().filter_map(At::get) {
        let log = match (cloudwatch, s3) {
            (Some(at), None) => at.get().and_then(|(logs, _)| to_cloudwatch(check, topology, vpc, logs)),
            (None, Some(at)) => at.get().and_then(|(logs, span)| to_s3(check, logs, span)),
            (Some(_), Some(_)) => {
                check.wrong(span, "flow-log-destination", "a flow log has one destination", "write two flow logs");
                None
            }
            (None, None) => {
                check.wrong(
                    span,
                    "flow-log-destination",
                    "this flow log has no destination",
                    "write `cloudwatch: { … }` or `s3: { … }`",
                );
                None
            }
        };
        let Some(log) = log else { continue };
        // Two logs to one place are two writers of the same records, whatever else differs.
        if let Some((_, first)) = resolved.iter().find(|(other, _)| same_place(&other.destination, &log.destination)) {
            check.push(
                Draft::new(span, "flow-log-twice", "two flow logs go to the same place")
                    .related(*first, "the other one")
                    .help("keep one of them, or give this one a destination of its own"),
            );
        }
        resolved.push((log, span));
    }
    Some(resolved.into_iter().map(|(log, _)| log).collect())
}

/// A log group has one retention, however many VPCs record into it.
pub(super) fn one_retention(check: Check<'_>, entries: &[Entry<model::Vpc>], vpcs: &BTreeMap<VpcName, Vpc>) {
    let mut known: BTreeMap<&str, (Option<u32>, Span)> = BTreeMap::new();
    for Entry { name, name_span, value: _ } in entries {
        let Some(vpc) = vpcs.get(name.as_str()) else { continue };
        for log in vpc.flow_logs.iter().flatten() {
            let FlowDestination::CloudWatch { log_group, retention_days } = &log.destination else { continue };
            let (first, span) = *known.entry(log_group).or_insert((*retention_days, *name_span));
            if first != *retention_days {
                let title = format!("the log group `{log_group}` is declared with another retention in another VPC");
                check.push(
                    Draft::new(*name_span, "retention-twice", title)
                        .related(span, "the other VPC")
                        .help("write the same `retention` in both, or give each VPC a log group of its own"),
                );
            }
        }
    }
}

fn same_place(left: &FlowDestination, right: &FlowDestination) -> bool {
    use FlowDestination::{CloudWatch, S3};
    match (left, right) {
        (CloudWatch { log_group: left, .. }, CloudWatch { log_group: right, .. }) => left == right,
        (S3 { bucket: left, prefix: left_prefix, .. }, S3 { bucket: right, prefix: right_prefix, .. }) => {
            (left, left_prefix) == (right, right_prefix)
        }
        (CloudWatch { .. }, S3 { .. }) | (S3 { .. }, CloudWatch { .. }) => false,
    }
}

fn to_cloudwatch(check: Check<'_>, topology: &str, vpc: &str, logs: &CloudWatchLogs) -> Option<FlowLog> {
    let CloudWatchLogs { traffic, log_group, retention, interval, format } = logs;
    if let Some((name, span)) = log_group.read_at() {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-/.#".contains(c);
        if name.is_empty() || name.len() > 512 || !name.chars().all(allowed) {
            check.wrong(
                span,
                "log-group",
                format!("`{name}` cannot be a log group"),
                "use letters, digits and `_-/.#`, at most 512 characters",
            );
        }
    }
    let retention_days = match retention.read_at() {
        None => Some(DEFAULT_RETENTION_DAYS),
        Some((text, _)) if text.text() == FOREVER => None,
        Some((text, span)) => days(check, text.text(), span),
    };
    Some(FlowLog {
        traffic: recorded(traffic),
        destination: FlowDestination::CloudWatch {
            log_group: log_group.read().cloned().unwrap_or_else(|| format!("/plumbline/{topology}/{vpc}/flow-logs")),
            retention_days,
        },
        interval_seconds: gathered(check, interval),
        format: fields(check, format),
    })
}

fn to_s3(check: Check<'_>, logs: &S3Logs, whole: Span) -> Option<FlowLog> {
    let S3Logs { traffic, bucket, prefix, interval, format, file_format, partitions, hive_partitions } = logs;
    let Some(at) = bucket else {
        check.missing(whole, "bucket", "my-flow-logs-{account}-{region}");
        return None;
    };
    let (bucket, span) = at.get()?;
    // Twelve digits and a long Region's name stand in for the placeholders.
    let filled = bucket.replace("{account}", "111122223333").replace("{region}", "ap-southeast-1");
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if !(3..=63).contains(&filled.len()) || !filled.chars().all(allowed) || filled.starts_with(['-', '.']) {
        let help = match bucket.strip_prefix("arn:aws:s3:::").map(|rest| rest.split('/').next().unwrap_or_default()) {
            Some(name) => format!("write the bucket's name, without its ARN: `{name}`"),
            None => "use 3 to 63 lower-case letters, digits, `-` and `.`; `{account}` and `{region}` are filled in"
                .to_owned(),
        };
        check.wrong(span, "bucket", format!("`{bucket}` cannot be a bucket"), help);
    }
    if let Some((prefix, span)) = prefix.read_at() {
        // AWS appends `AWSLogs/` itself and refuses a prefix that has it.
        if prefix.starts_with('/') || prefix.ends_with('/') || prefix.contains("AWSLogs") || prefix.is_empty() {
            check.wrong(
                span,
                "prefix",
                format!("`{prefix}` cannot be a folder for flow logs"),
                "write it without a leading or trailing `/`; AWS adds `/AWSLogs/…` itself",
            );
        }
    }
    Some(FlowLog {
        traffic: recorded(traffic),
        destination: FlowDestination::S3 {
            bucket: bucket.clone(),
            prefix: prefix.read().cloned(),
            parquet: file_format.read() == Some(&model::FileFormat::Parquet),
            hive: hive_partitions.read().copied().unwrap_or_default(),
            hourly: partitions.read() == Some(&model::Partitions::Hourly),
        },
        interval_seconds: gathered(check, interval),
        format: fields(check, format),
    })
}

fn recorded(traffic: &Option<At<model::Traffic>>) -> FlowTraffic {
    match traffic.read() {
        None | Some(model::Traffic::All) => FlowTraffic::All,
        Some(model::Traffic::Accept) => FlowTraffic::Accept,
        Some(model::Traffic::Reject) => FlowTraffic::Reject,
    }
}

fn days(check: Check<'_>, text: &str, span: Span) -> Option<u32> {
    let seconds = units::duration(check, text, span)?;
    let days = u32::try_from(seconds / 86_400).unwrap_or(u32::MAX);
    if seconds.is_multiple_of(86_400) && RETENTION_DAYS.contains(&days) {
        return Some(days);
    }
    let next = RETENTION_DAYS.iter().find(|known| **known >= days.saturating_add(1)).unwrap_or(&3653);
    let all: Vec<String> = RETENTION_DAYS.iter().map(u32::to_string).collect();
    check.wrong(
        span,
        "retention",
        format!("CloudWatch Logs cannot keep records for `{text}`"),
        format!("write `{next} days`; it knows {} days", all.join(", ")),
    );
    None
}

fn gathered(check: Check<'_>, interval: &Option<At<Duration>>) -> u32 {
    let Some((text, span)) = interval.read_at() else { return 600 };
    match units::duration(check, text.text(), span) {
        Some(60) => 60,
        Some(600) | None => 600,
        Some(_) => {
            check.wrong(
                span,
                "interval",
                format!("flow logs cannot be written every `{}`", text.text()),
                "write `1 minute` or `10 minutes`",
            );
            600
        }
    }
}

/// A format is words `${field}`
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html>).
fn fields(check: Check<'_>, format: &Option<At<String>>) -> Option<String> {
    let (format, span) = format.read_at()?;
    let word = |word: &str| {
        let name = word.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        name.is_some_and(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        })
    };
    let odd = format.split_whitespace().find(|text| !word(text));
    if odd.is_some() || format.trim().is_empty() {
        let odd = odd.unwrap_or_default();
        let name = odd.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let help = format!(
            "write fields as `${{{}}}`, with a space between them",
            if name.is_empty() { "srcaddr" } else { name }
        );
        check.wrong(span, "flow-log-format", format!("`{odd}` is not a field of a flow log"), help);
    }
    Some(format.split_whitespace().collect::<Vec<_>>().join(" "))
}
