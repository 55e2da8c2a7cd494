//! What a topology says of its flow logs, resolved.

use crate::core::{TopologyId, VpcName};
use crate::network::FlowLog;
use std::collections::BTreeMap;

/// The declared flow logs of every VPC of a topology that declares any, or none on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The topology, whose name is on what is made.
    pub topology: TopologyId,
    /// By the VPC's name in the document. An empty list means none; a VPC that is not here is not managed.
    pub vpcs: BTreeMap<VpcName, Vec<FlowLog>>,
}
