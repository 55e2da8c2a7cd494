//! The control: what it reads of a topology, what it must look at, and its plan.

use super::{Change, Desired, Observed, planner};
use crate::core::{Control, ControlId, Place, Plan, ResourceId, Scope, Standing};
use crate::topology::Topology;
use std::collections::BTreeSet;

/// The `routes` control.
#[derive(Clone, Copy, Debug, Default)]
pub struct Routes;

impl Control for Routes {
    const ID: ControlId = ControlId::Routes;
    const CHANGES: &'static [&'static str] = &["rtb-", "subnet-", "vpc-"];
    type Desired = Desired;
    type Observed = Observed;
    type Action = Change;

    fn desired(topology: &Topology) -> Option<&Desired> {
        topology.routes.as_ref()
    }

    /// Every VPC, whatever was hinted: it takes the same calls, and what a subnet may use hangs on all tables of its VPC.
    fn scope(_: &Desired, _: &BTreeSet<ResourceId>) -> Scope {
        Scope::Everything
    }

    fn plan(place: &Place, desired: &Desired, observed: &Observed, standing: &Standing) -> Plan<Change> {
        planner::plan(place, desired, observed, standing)
    }
}
