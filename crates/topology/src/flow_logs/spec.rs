//! What a flow log is, as AWS compares two of them. Immutable: another one of these is another flow log.

use super::Desired;
use crate::core::{Place, ResourceId, VpcName};
use crate::network::{FlowDestination, FlowLog, FlowTraffic};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The fields of a record when none are asked for
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html>). AWS answers them in full.
pub const DEFAULT_FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} \
                                  ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

/// Everything about a flow log that is fixed when it is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Spec {
    /// What it records.
    pub traffic: FlowTraffic,
    /// Where to.
    pub destination: Destination,
    /// The maximum aggregation interval in seconds: 60 or 600.
    pub interval_seconds: u32,
    /// The fields of a record, one space between them.
    pub format: String,
}

/// Where a flow log goes, with what belongs to that kind of destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Destination {
    /// A log group of the same account and Region.
    CloudWatch {
        /// Its name.
        log_group: String,
        /// The ARN of the role that delivers; `None` when AWS shows none.
        role: Option<String>,
    },
    /// S3.
    S3 {
        /// `arn:aws:s3:::bucket` or `arn:aws:s3:::bucket/folder`, without a slash at the end.
        arn: String,
        /// How the files are written and where.
        options: S3Options,
    },
    /// Anything that a topology cannot declare: a delivery stream, a log group of another account.
    Other {
        /// What AWS calls the kind.
        kind: String,
        /// Its ARN, or whatever AWS shows.
        arn: String,
    },
}

/// How records are written to S3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct S3Options {
    /// Apache Parquet instead of text.
    pub parquet: bool,
    /// Folders named as Hive wants them.
    pub hive: bool,
    /// A folder an hour instead of a day.
    pub hourly: bool,
}

impl Spec {
    /// What a declared flow log is here, delivered by `role` where its destination needs one.
    pub fn of(declared: &FlowLog, place: &Place, role: Option<&str>) -> Self {
        let FlowLog { traffic, destination, interval_seconds, format } = declared;
        let destination = match destination {
            FlowDestination::CloudWatch { log_group, retention_days: _ } => {
                Destination::CloudWatch { log_group: log_group.clone(), role: role.map(ToOwned::to_owned) }
            }
            FlowDestination::S3 { bucket, prefix, parquet, hive, hourly } => {
                let bucket =
                    bucket.replace("{account}", place.account.as_str()).replace("{region}", place.region.as_str());
                let folder = prefix.as_ref().map(|prefix| format!("/{prefix}")).unwrap_or_default();
                Destination::S3 {
                    arn: format!("arn:{}:s3:::{bucket}{folder}", partition(place)),
                    options: S3Options { parquet: *parquet, hive: *hive, hourly: *hourly },
                }
            }
        };
        let format = format.as_deref().map_or_else(|| DEFAULT_FORMAT.to_owned(), canonical_format);
        Self { traffic: *traffic, destination, interval_seconds: *interval_seconds, format }
    }

    /// Whether whoever reads the records cannot tell the two apart: all but the role that delivers.
    pub fn records_like(&self, other: &Self) -> bool {
        let Self { traffic, destination, interval_seconds, format } = self;
        *traffic == other.traffic
            && *interval_seconds == other.interval_seconds
            && *format == other.format
            && destination.same_place(&other.destination)
            && destination.options() == other.destination.options()
    }

    /// Whether the fields are those that AWS writes when none are asked for.
    pub fn has_default_format(&self) -> bool {
        self.format == DEFAULT_FORMAT
    }
}

impl Destination {
    /// Whether both lead to the same place, whatever else differs.
    pub fn same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::CloudWatch { log_group: left, role: _ }, Self::CloudWatch { log_group: right, role: _ }) => {
                left == right
            }
            (Self::S3 { arn: left, options: _ }, Self::S3 { arn: right, options: _ }) => left == right,
            (Self::Other { kind: left, arn: left_arn }, Self::Other { kind: right, arn: right_arn }) => {
                (left, left_arn) == (right, right_arn)
            }
            (Self::CloudWatch { .. } | Self::S3 { .. } | Self::Other { .. }, _) => false,
        }
    }

    /// The log group, where it is one.
    pub fn log_group(&self) -> Option<&str> {
        match self {
            Self::CloudWatch { log_group, role: _ } => Some(log_group),
            Self::S3 { arn: _, options: _ } | Self::Other { kind: _, arn: _ } => None,
        }
    }

    /// How files are written, where there are files.
    pub fn options(&self) -> Option<S3Options> {
        match self {
            Self::S3 { arn: _, options } => Some(*options),
            Self::CloudWatch { .. } | Self::Other { .. } => None,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloudWatch { log_group, role: _ } => write!(f, "log group {log_group}"),
            Self::S3 { arn, options: _ } => write!(f, "{arn}"),
            Self::Other { kind, arn } => write!(f, "{kind} {arn}"),
        }
    }
}

/// The fields with one space between them, as AWS answers them.
pub fn canonical_format(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An S3 destination as it is compared: AWS takes a folder with and without a slash at the end for the same.
pub fn canonical_arn(text: &str) -> String {
    text.trim_end_matches('/').to_owned()
}

/// The part of an ARN that says which AWS this is
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>).
pub fn partition(place: &Place) -> &'static str {
    match place.region.as_str() {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// The id under which drifts and actions of a log group are kept: the last part of its ARN.
pub fn group_id(log_group: &str) -> ResourceId {
    ResourceId::from(format!("{GROUP_ID}{log_group}"))
}

/// The log group's name of such an id.
pub fn group_name(id: &ResourceId) -> &str {
    id.as_str().strip_prefix(GROUP_ID).unwrap_or(id.as_str())
}

/// How ids of log groups begin.
pub(super) const GROUP_ID: &str = "log-group:";

/// A declared flow log, resolved.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// What a person calls it, such as `main/flow-logs`.
    pub(super) name: String,
    /// What it is here.
    pub(super) spec: Spec,
}

impl Wanted {
    pub(super) fn new(desired: &Desired, vpc: &VpcName, declared: &FlowLog, place: &Place, role: Option<&str>) -> Self {
        let spec = Spec::of(declared, place, role);
        Self { name: label(desired, vpc, &spec.destination), spec }
    }

    /// Whether records get there in the declared way: by the role that was named, where one was.
    pub(super) fn delivers_like(&self, other: &Destination) -> bool {
        match (&self.spec.destination, other) {
            (
                Destination::CloudWatch { log_group: _, role: Some(wanted) },
                Destination::CloudWatch { log_group: _, role },
            ) => role.as_ref() == Some(wanted),
            (_, _) => true,
        }
    }
}

/// What a person calls the flow log of a VPC that goes there.
pub(super) fn label(desired: &Desired, vpc: &VpcName, destination: &Destination) -> String {
    match destination {
        Destination::CloudWatch { log_group, role: _ } => group_label(desired, vpc, log_group),
        Destination::S3 { arn, options: _ } => format!("{vpc}/{}", arn.rsplit(":::").next().unwrap_or(arn)),
        Destination::Other { kind, arn } => format!("{vpc}/{kind} {arn}"),
    }
}

/// The same of a log group.
pub(super) fn group_label(desired: &Desired, vpc: &VpcName, log_group: &str) -> String {
    let own = format!("/plumbline/{}/{vpc}/", desired.topology);
    format!("{vpc}/{}", log_group.strip_prefix(&own).unwrap_or(log_group.trim_start_matches('/')))
}
