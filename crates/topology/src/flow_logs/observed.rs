//! What AWS says of flow logs and of the log groups that they go to.

use super::Spec;
use crate::core::{ResourceId, Seen, StackId, VpcId, VpcName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Every managed VPC of the topology, and every declared log group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// By the VPC's name in the document. Complete: each holds all flow logs of its VPC, whoever made them.
    pub vpcs: BTreeMap<VpcName, Seen<ObservedVpc>>,
    /// The declared log groups by name.
    pub groups: BTreeMap<String, Seen<ObservedGroup>>,
    /// The ARN of the role that delivers to CloudWatch Logs, as the function was told; `None`: it was not.
    pub role: Option<String>,
}

/// One VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedVpc {
    /// Its id.
    pub id: VpcId,
    /// The CloudFormation stack in its `aws:cloudformation:stack-id` tag: while that one is busy, so is everything here.
    pub stack: Option<StackId>,
    /// Its flow logs (those of its subnets and interfaces are not among them), in any order.
    pub logs: Vec<ObservedLog>,
}

/// One flow log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedLog {
    /// `fl-…`.
    pub id: ResourceId,
    /// What it is.
    pub spec: Spec,
    /// Whether it is `ACTIVE`, the only state that AWS documents. Says nothing of delivery.
    pub active: bool,
    /// What became of its records.
    pub delivery: Delivery,
    /// When AWS made it.
    pub created: Option<Timestamp>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// What AWS says of the delivery of records (`DeliverLogsStatus`). A new flow log says SUCCESS before it has delivered anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Nothing yet.
    Unreported,
    /// The last records arrived, or none were due.
    Success,
    /// They do not arrive, although the flow log is `ACTIVE`.
    Failed {
        /// `DeliverLogsErrorMessage`.
        why: Option<String>,
    },
}

/// A log group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedGroup {
    /// For how many days records are kept; `None`: for ever.
    pub retention_days: Option<u32>,
}
