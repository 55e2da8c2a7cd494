//! The mutations that the control can plan.

use super::Spec;
use crate::core::{ResourceId, ResourceKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One API mutation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// `CreateLogGroup`, for one that is gone. Its retention follows by a change of its own.
    CreateGroup {
        /// Its key; the id is its name.
        group: ResourceKey,
        /// What a person calls it.
        name: String,
        /// The tags that it gets.
        tags: BTreeMap<String, String>,
    },
    /// `PutRetentionPolicy`, or `DeleteRetentionPolicy` when records are to be kept for ever.
    Retain {
        /// The log group's key; the id is its name.
        group: ResourceKey,
        /// What a person calls it.
        name: String,
        /// For how many days; `None`: for ever.
        days: Option<u32>,
        /// For how many days it was when it was observed.
        before: Option<u32>,
    },
    /// `CreateFlowLogs` on one VPC.
    Create {
        /// The VPC's key: the id is `vpc-…`.
        vpc: ResourceKey,
        /// What a person calls the flow log.
        name: String,
        /// What it is.
        spec: Spec,
        /// The tags that it gets.
        tags: BTreeMap<String, String>,
        /// Why it is made.
        purpose: Purpose,
    },
    /// `DeleteFlowLogs` of one that Plumbline made.
    Delete {
        /// Its key: the id is `fl-…`.
        log: ResourceKey,
        /// The VPC that it is of: to make it again.
        vpc: ResourceKey,
        /// What a person calls it.
        name: String,
        /// What it is, to make it again.
        spec: Spec,
        /// Its tags, to make it again.
        tags: BTreeMap<String, String>,
    },
}

/// Why a flow log is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// It is declared.
    Declared,
    /// It stands in for one whose delivery failed, and shows whether delivery works again.
    Probe {
        /// The one that failed.
        of: ResourceId,
    },
}
