//! The control: what it reads of a topology, what it must look at, and its plan.

use super::{Change, Desired, Observed, planner};
use crate::core::{Control, ControlId, Place, Plan, ResourceId, Scope, Standing, Verb};
use crate::topology::Topology;
use std::collections::BTreeSet;

/// The `nat` control.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nat;

impl Control for Nat {
    const ID: ControlId = ControlId::Nat;
    const VERBS: &'static [Verb] = &[Verb::Evacuate];
    const CHANGES: &'static [&'static str] = &["nat-", "rtb-", "subnet-", "eipalloc-", "vpc-"];
    type Desired = Desired;
    type Observed = Observed;
    type Action = Change;

    fn desired(topology: &Topology) -> Option<&Desired> {
        topology.nat.as_ref()
    }

    /// Every VPC, whatever was hinted: it takes the same calls, and what was made a moment ago is awaited wherever it is.
    fn scope(_: &Desired, _: &BTreeSet<ResourceId>) -> Scope {
        Scope::Everything
    }

    fn plan(place: &Place, desired: &Desired, observed: &Observed, standing: &Standing) -> Plan<Change> {
        planner::plan(place, desired, observed, standing)
    }
}
