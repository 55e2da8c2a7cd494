//! The control: what it reads of a topology, what it must look at, and its plan.

use super::spec::GROUP_ID;
use super::{Change, Desired, Observed, planner};
use crate::core::{Control, ControlId, Place, Plan, ResourceId, Scope, Standing};
use crate::topology::Topology;
use std::collections::BTreeSet;

/// The `flow-logs` control.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowLogs;

impl Control for FlowLogs {
    const ID: ControlId = ControlId::FlowLogs;
    const CHANGES: &'static [&'static str] = &["vpc-", "fl-", GROUP_ID];
    type Desired = Desired;
    type Observed = Observed;
    type Action = Change;

    fn desired(topology: &Topology) -> Option<&Desired> {
        topology.flow_logs.as_ref()
    }

    /// Everything, always: one describe brings the flow logs of all VPCs of a topology, and what was deleted shows only so.
    fn scope(_: &Desired, _: &BTreeSet<ResourceId>) -> Scope {
        Scope::Everything
    }

    fn plan(place: &Place, desired: &Desired, observed: &Observed, standing: &Standing) -> Plan<Change> {
        planner::plan(place, desired, observed, standing)
    }
}
