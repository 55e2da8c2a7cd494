//! The control: what it reads of a topology, what it must look at, and its plan.

use super::spec::{GROUP_ID, label};
use super::{Change, Desired, Observed, planner};
use crate::core::{Control, ControlId, Place, Plan, ResourceId, Scope, Seen, Standing};
use crate::topology::Topology;
use std::collections::{BTreeMap, BTreeSet};

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

    /// Each VPC of which something is declared, and every flow log of it.
    fn kept(desired: &Desired, observed: &Observed) -> BTreeMap<ResourceId, String> {
        let mut kept = BTreeMap::new();
        for name in desired.vpcs.keys() {
            let Some(seen) = observed.vpcs.get(name).and_then(Seen::present) else { continue };
            kept.insert(seen.id.as_str().into(), name.to_string());
            kept.extend(seen.logs.iter().map(|log| (log.id.clone(), label(desired, name, &log.spec.destination))));
        }
        kept
    }
}
