//! The control: what it reads of a topology, what it must look at, and its plan.

use super::change::MISSING;
use super::{Change, Desired, Observed, planner};
use crate::core::{Control, ControlId, Place, Plan, ResourceId, Scope, Seen, Standing};
use crate::topology::Topology;
use std::collections::{BTreeMap, BTreeSet};

/// The `endpoints` control.
#[derive(Clone, Copy, Debug, Default)]
pub struct Endpoints;

impl Control for Endpoints {
    const ID: ControlId = ControlId::Endpoints;
    const CHANGES: &'static [&'static str] = &["vpce-", MISSING];
    type Desired = Desired;
    type Observed = Observed;
    type Action = Change;

    fn desired(topology: &Topology) -> Option<&Desired> {
        topology.endpoints.as_ref()
    }

    /// Everything, always: a handful of describes brings all endpoints of a topology, and what was deleted shows only so.
    fn scope(_: &Desired, _: &BTreeSet<ResourceId>) -> Scope {
        Scope::Everything
    }

    fn plan(place: &Place, desired: &Desired, observed: &Observed, standing: &Standing) -> Plan<Change> {
        planner::plan(place, desired, observed, standing)
    }

    /// Each VPC of which something is declared, and every endpoint in it that is not gone and not kept by an AWS service for itself.
    fn kept(desired: &Desired, observed: &Observed) -> BTreeMap<ResourceId, String> {
        let mut kept = BTreeMap::new();
        for name in desired.vpcs.keys() {
            let Some(seen) = observed.vpcs.get(name).and_then(Seen::present) else { continue };
            kept.insert(seen.id.as_str().into(), name.to_string());
            let alive =
                seen.endpoints.present().into_iter().flatten().filter(|one| !one.managed && !one.state.is_gone());
            kept.extend(alive.map(|one| (one.id.clone(), format!("{name}/{}", one.id))));
        }
        kept
    }
}
