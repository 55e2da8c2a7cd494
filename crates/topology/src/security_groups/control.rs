//! The control: what it reads of a topology, what it must look at, and its plan.

use super::{Change, Desired, Observed, planner};
use crate::core::{Control, ControlId, Place, Plan, ResourceId, Scope, Standing};
use crate::topology::Topology;
use std::collections::BTreeSet;

/// The `security-groups` control.
#[derive(Clone, Copy, Debug, Default)]
pub struct SecurityGroups;

impl Control for SecurityGroups {
    const ID: ControlId = ControlId::SecurityGroups;
    const CHANGES: &'static [&'static str] = &["sg-"];
    type Desired = Desired;
    type Observed = Observed;
    type Action = Change;

    fn desired(topology: &Topology) -> Option<&Desired> {
        topology.security_groups.as_ref()
    }

    /// The hinted groups and VPCs. A hint about anything else narrows nothing; no hint at all means everything.
    fn scope(_: &Desired, hinted: &BTreeSet<ResourceId>) -> Scope {
        let ids: BTreeSet<ResourceId> = hinted
            .iter()
            .filter(|id| id.as_str().starts_with("sg-") || id.as_str().starts_with("vpc-"))
            .cloned()
            .collect();
        if ids.is_empty() { Scope::Everything } else { Scope::Only(ids) }
    }

    fn plan(place: &Place, desired: &Desired, observed: &Observed, standing: &Standing) -> Plan<Change> {
        planner::plan(place, desired, observed, standing)
    }
}
