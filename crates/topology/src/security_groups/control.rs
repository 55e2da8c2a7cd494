//! The control: what it reads of a topology, what it must look at, and its plan.

use super::{Change, Desired, DesiredVpc, Observed, planner};
use crate::core::{Control, ControlId, Place, Plan, ResourceId, Scope, Seen, Standing};
use crate::topology::Topology;
use std::collections::{BTreeMap, BTreeSet};

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

    /// Each VPC, and each declared group in it.
    fn kept(desired: &Desired, observed: &Observed) -> BTreeMap<ResourceId, String> {
        let mut kept = BTreeMap::new();
        for (name, DesiredVpc { groups, undeclared: _ }) in &desired.vpcs {
            let Some(seen) = observed.vpcs.get(name).and_then(Seen::present) else { continue };
            kept.insert(seen.id.as_str().into(), name.to_string());
            let there = groups.keys().filter_map(|group| Some((group, seen.groups.get(group)?.present()?)));
            kept.extend(there.map(|(group, there)| (there.id.clone(), format!("{name}/{group}"))));
        }
        kept
    }
}
