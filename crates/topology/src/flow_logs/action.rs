//! How a [`Change`] is named, shown and taken back.

use super::{Change, Destination, Purpose, S3Options, Spec, group_name};
use crate::core::{Action, Effect, Field, Inverse, Receipt, ResourceKey};
use std::fmt;

impl Action for Change {
    fn resource(&self) -> ResourceKey {
        match self {
            Self::CreateGroup { group, name: _, tags: _ } | Self::Retain { group, name: _, days: _, before: _ } => {
                group.clone()
            }
            Self::Create { vpc, name: _, spec: _, tags: _, purpose: _ } => vpc.clone(),
            Self::Delete { log, vpc: _, name: _, spec: _, tags: _ } => log.clone(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::CreateGroup { group: _, name, tags: _ }
            | Self::Retain { group: _, name, days: _, before: _ }
            | Self::Create { vpc: _, name, spec: _, tags: _, purpose: _ }
            | Self::Delete { log: _, vpc: _, name, spec: _, tags: _ } => name.clone(),
        }
    }

    fn field(&self) -> Field {
        match self {
            Self::CreateGroup { .. } => Field::LogGroup,
            Self::Retain { .. } => Field::LogGroupRetention,
            Self::Create { .. } | Self::Delete { .. } => Field::FlowLog,
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::CreateGroup { .. } | Self::Create { .. } => Effect::Add,
            Self::Retain { .. } => Effect::Change,
            Self::Delete { .. } => Effect::Remove,
        }
    }

    fn inverse(&self, receipt: &Receipt) -> Inverse<Self> {
        let Receipt { created, request_id: _, already } = receipt;
        if *already {
            return Inverse::None("it was so before the call: nothing was changed".into());
        }
        match self {
            Self::CreateGroup { group, name: _, tags: _ } => Inverse::None(format!(
                "deleting log group {} would delete the records in it; delete it yourself if they are not needed",
                group_name(&group.id)
            )),
            Self::Retain { group, name, days, before } => {
                let back = Self::Retain { group: group.clone(), name: name.clone(), days: *before, before: *days };
                match (before, days) {
                    // What was older than the shorter time may be gone by then.
                    (was, Some(days)) if was.is_none_or(|was| was > *days) => Inverse::Compensating(
                        back,
                        format!("records older than {days} days may have been deleted meanwhile"),
                    ),
                    (_, _) => Inverse::Exact(back),
                }
            }
            Self::Create { vpc, name, spec, tags, purpose: _ } => match created.first() {
                None => {
                    Inverse::None("AWS answered without an id, so that it is not known which flow log is ours".into())
                }
                Some(id) => Inverse::Exact(Self::Delete {
                    log: vpc.place.key(id.clone()),
                    vpc: vpc.clone(),
                    name: name.clone(),
                    spec: spec.clone(),
                    tags: tags.clone(),
                }),
            },
            Self::Delete { log: _, vpc, name, spec, tags } => Inverse::Compensating(
                Self::Create {
                    vpc: vpc.clone(),
                    name: name.clone(),
                    spec: spec.clone(),
                    tags: tags.clone(),
                    purpose: Purpose::Declared,
                },
                "the flow log comes back with a new id; what passed meanwhile is not recorded in it".into(),
            ),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateGroup { group, name, tags: _ } => {
                write!(f, "create log group {} for {name}", group_name(&group.id))
            }
            Self::Retain { group, name: _, days, before } => {
                let group = group_name(&group.id);
                write!(f, "keep records in log group {group} {} instead of {}", span(*days), span(*before))
            }
            Self::Create { vpc, name, spec, tags: _, purpose } => {
                match purpose {
                    Purpose::Declared => write!(f, "create flow log {name} on {}: ", vpc.id)?,
                    Purpose::Probe { of } => write!(f, "create a flow log on {} in place of {of} ({name}): ", vpc.id)?,
                }
                write!(f, "{spec}")
            }
            Self::Delete { log, vpc, name, spec, tags: _ } => {
                write!(f, "delete our flow log {} ({name}) of {}: {spec}", log.id, vpc.id)
            }
        }
    }
}

/// For how long records are kept.
pub(super) fn span(days: Option<u32>) -> String {
    match days {
        None => "for ever".into(),
        Some(1) => "for 1 day".into(),
        Some(days) => format!("for {days} days"),
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { traffic, destination, interval_seconds, format: _ } = self;
        write!(f, "{traffic} traffic every {} to {destination}", minutes(*interval_seconds))?;
        if let Destination::S3 { arn: _, options } = destination {
            let S3Options { parquet, hive, hourly } = options;
            let words = [(parquet, "Parquet"), (hive, "Hive partitions"), (hourly, "hourly partitions")];
            for (_, word) in words.iter().filter(|(is, _)| **is) {
                write!(f, ", {word}")?;
            }
        }
        if !self.has_default_format() {
            write!(f, ", with fields of its own")?;
        }
        Ok(())
    }
}

/// An aggregation interval as the document writes it.
pub(super) fn minutes(seconds: u32) -> String {
    match seconds {
        60 => "minute".into(),
        seconds if seconds.is_multiple_of(60) => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    }
}
