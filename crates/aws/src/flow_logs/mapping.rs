//! A flow log as the SDK has it, and as the control compares it.

use crate::network::tags;
use aws_sdk_ec2::types::{DestinationFileFormat, FlowLog, LogDestinationType, TrafficType};
use jiff::Timestamp;
use topology::flow_logs::{
    DEFAULT_FORMAT, Delivery, Destination, ObservedLog, S3Options, Spec, canonical_arn, canonical_format,
};
use topology::network::FlowTraffic;
use topology::{Place, VpcId};

/// The flow log and the resource that it records. `None`: it lacks what every flow log has.
pub(super) fn observed(log: &FlowLog, place: &Place) -> Option<(VpcId, ObservedLog)> {
    let observed = ObservedLog {
        id: log.flow_log_id()?.into(),
        spec: spec(log, place),
        active: log.flow_log_status() == Some("ACTIVE"),
        delivery: delivery(log.deliver_logs_status(), log.deliver_logs_error_message()),
        created: log.creation_time().and_then(|time| Timestamp::new(time.secs(), 0).ok()),
        tags: tags(log.tags()),
    };
    Some((log.resource_id()?.into(), observed))
}

fn delivery(status: Option<&str>, why: Option<&str>) -> Delivery {
    match status {
        Some("FAILED") => Delivery::Failed { why: why.filter(|why| !why.is_empty()).map(Into::into) },
        Some("SUCCESS") => Delivery::Success,
        _ => Delivery::Unreported,
    }
}

fn spec(log: &FlowLog, place: &Place) -> Spec {
    let interval = log.max_aggregation_interval().and_then(|seconds| u32::try_from(seconds).ok());
    // What nobody can declare is made to match nothing that is declared.
    let (traffic, destination) = match log.traffic_type() {
        Some(TrafficType::All) => (FlowTraffic::All, destination(log, place)),
        Some(TrafficType::Accept) => (FlowTraffic::Accept, destination(log, place)),
        Some(TrafficType::Reject) => (FlowTraffic::Reject, destination(log, place)),
        unknown => {
            let kind = format!("{} traffic", unknown.map_or("unnamed", TrafficType::as_str));
            (FlowTraffic::All, Destination::Other { kind, arn: log.log_destination().unwrap_or_default().into() })
        }
    };
    Spec {
        traffic,
        destination,
        interval_seconds: interval.unwrap_or(600),
        format: log.log_format().map_or_else(|| DEFAULT_FORMAT.to_owned(), canonical_format),
    }
}

fn destination(log: &FlowLog, place: &Place) -> Destination {
    let arn = log.log_destination().unwrap_or_default();
    let other = |kind: &str| Destination::Other { kind: kind.into(), arn: arn.into() };
    match log.log_destination_type() {
        Some(LogDestinationType::S3) => {
            let options = log.destination_options();
            Destination::S3 {
                arn: canonical_arn(arn),
                options: S3Options {
                    parquet: options.and_then(|it| it.file_format()) == Some(&DestinationFileFormat::Parquet),
                    hive: options.and_then(|it| it.hive_compatible_partitions()).unwrap_or_default(),
                    hourly: options.and_then(|it| it.per_hour_partition()).unwrap_or_default(),
                },
            }
        }
        Some(LogDestinationType::CloudWatchLogs) | None => {
            // A role for the other side is only needed where that is another account.
            match log_group(log, place).filter(|_| log.deliver_cross_account_role().is_none()) {
                Some(log_group) => Destination::CloudWatch {
                    log_group: log_group.into(),
                    role: log.deliver_logs_permission_arn().map(Into::into),
                },
                None => other("log group of another account or Region"),
            }
        }
        Some(kind) => other(kind.as_str()),
    }
}

/// The log group's name, if it is one of this account and Region: by its ARN where there is one, with or without `:*`.
fn log_group<'a>(log: &'a FlowLog, place: &Place) -> Option<&'a str> {
    match log.log_destination().filter(|arn| !arn.is_empty()) {
        None => log.log_group_name(),
        Some(arn) => {
            let mut parts = arn.splitn(7, ':');
            let (region, account, rest) = (parts.nth(3)?, parts.next()?, parts.nth(1)?);
            let here = (region, account) == (place.region.as_str(), place.account.as_str());
            here.then(|| rest.strip_suffix(":*").unwrap_or(rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::DestinationOptionsResponse;
    use aws_sdk_ec2::types::builders::FlowLogBuilder;

    fn place() -> Place {
        Place::new("111122223333", "eu-west-1")
    }

    fn log() -> FlowLogBuilder {
        FlowLog::builder()
            .flow_log_id("fl-1")
            .resource_id("vpc-1")
            .flow_log_status("ACTIVE")
            .traffic_type(TrafficType::All)
            .max_aggregation_interval(600)
            .log_destination_type(LogDestinationType::CloudWatchLogs)
    }

    fn destination_of(log: FlowLogBuilder) -> Destination {
        observed(&log.build(), &place()).unwrap().1.spec.destination
    }

    #[test]
    fn a_log_group_is_known_by_name_and_by_arn() {
        let here = Destination::CloudWatch { log_group: "/a/b".into(), role: Some("role".into()) };
        let named = log().deliver_logs_permission_arn("role");
        assert_eq!(destination_of(named.clone().log_group_name("/a/b")), here);
        for arn in [
            "arn:aws:logs:eu-west-1:111122223333:log-group:/a/b",
            "arn:aws:logs:eu-west-1:111122223333:log-group:/a/b:*",
        ] {
            assert_eq!(destination_of(named.clone().log_group_name("/a/b").log_destination(arn)), here, "{arn}");
        }
        let theirs = "arn:aws:logs:eu-west-1:444455556666:log-group:/a/b";
        let there = destination_of(named.clone().log_group_name("/a/b").log_destination(theirs));
        assert!(matches!(there, Destination::Other { .. }), "the same name in another account is another place");
        let across = named.log_group_name("/a/b").deliver_cross_account_role("arn:aws:iam::444455556666:role/x");
        assert!(matches!(destination_of(across), Destination::Other { .. }));
    }

    #[test]
    fn a_bucket_has_its_options_and_no_slash_at_the_end() {
        let options = DestinationOptionsResponse::builder().file_format(DestinationFileFormat::Parquet);
        let options = options.hive_compatible_partitions(true).per_hour_partition(false);
        let to = log().log_destination_type(LogDestinationType::S3).log_destination("arn:aws:s3:::logs/vpc/");
        let arn = "arn:aws:s3:::logs/vpc".to_owned();
        assert_eq!(
            destination_of(to.clone().destination_options(options.build())),
            Destination::S3 { arn: arn.clone(), options: S3Options { parquet: true, hive: true, hourly: false } }
        );
        assert_eq!(destination_of(to), Destination::S3 { arn, options: S3Options::default() });
    }

    #[test]
    fn what_cannot_be_declared_matches_nothing_that_is() {
        let stream = log().log_destination_type(LogDestinationType::from("kinesis-data-firehose"));
        assert!(matches!(destination_of(stream), Destination::Other { .. }));
        let odd = log().traffic_type(TrafficType::from("SAMPLED")).log_group_name("/a/b");
        assert!(matches!(destination_of(odd), Destination::Other { .. }));
        assert_eq!(observed(&FlowLog::builder().build(), &place()), None);
    }

    #[test]
    fn active_says_nothing_of_delivery() {
        let failed = log().deliver_logs_status("FAILED").deliver_logs_error_message("Access error").build();
        let (_, failed) = observed(&failed, &place()).unwrap();
        assert!(failed.active);
        assert_eq!(failed.delivery, Delivery::Failed { why: Some("Access error".into()) });
        assert_eq!(delivery(Some("SUCCESS"), None), Delivery::Success);
        assert_eq!(delivery(None, Some("")), Delivery::Unreported);
    }

    #[test]
    fn a_format_is_compared_without_its_spaces() {
        let (_, odd) = observed(&log().log_format("${srcaddr}  ${dstaddr} ").build(), &place()).unwrap();
        assert_eq!(odd.spec.format, "${srcaddr} ${dstaddr}");
        let (_, none) = observed(&log().build(), &place()).unwrap();
        assert!(none.spec.has_default_format());
    }
}
