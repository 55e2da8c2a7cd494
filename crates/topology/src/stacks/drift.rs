//! What drift detection says.

use crate::core::{ControlId, LogicalId, ResourceId};
use serde::{Deserialize, Serialize};

/// A resource that differs from the stack's template
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackResourceDrift.html>).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceDrift {
    /// Which resource of the stack.
    pub logical_id: LogicalId,
    /// The id under which CloudFormation knows it.
    pub physical_id: Option<ResourceId>,
    /// Its type, such as `AWS::EC2::VPCEndpoint`.
    pub kind: String,
    /// How it differs.
    pub status: DriftStatus,
}

/// How a resource differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftStatus {
    /// It is gone.
    Deleted,
    /// These properties are others.
    Modified(Vec<Difference>),
    /// CloudFormation could not tell, for this reason.
    Unknown(String),
}

/// One property that is another than the template says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Its path, such as `/PrivateDnsEnabled`.
    pub path: String,
    /// What the template says.
    pub expected: String,
    /// What AWS says.
    pub actual: String,
}

/// What Plumbline made in the place of a resource that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandIn {
    /// In whose place.
    pub logical_id: LogicalId,
    /// What it is.
    pub id: ResourceId,
    /// Which control made it.
    pub control: ControlId,
}
