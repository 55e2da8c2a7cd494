//! The control: what it reads of a topology, what it must look at, and its plan.

use super::{Change, Desired, GatewayState, Observed, ObservedVpc, planner};
use crate::core::{Control, ControlId, Place, Plan, ResourceId, Scope, Seen, Standing, Verb};
use crate::topology::Topology;
use std::collections::{BTreeMap, BTreeSet};

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

    /// Each VPC, every gateway in it that is not on its way out, the subnets behind the gateways, and the route tables that these use.
    fn kept(desired: &Desired, observed: &Observed) -> BTreeMap<ResourceId, String> {
        let mut kept = BTreeMap::new();
        for (name, declared) in &desired.vpcs {
            let Some(seen) = observed.vpcs.get(name).and_then(Seen::present) else { continue };
            let ObservedVpc { id, gateways, subnets, tables } = seen;
            kept.insert(id.as_str().into(), name.to_string());
            let mut keep = |id: &ResourceId| _ = kept.insert(id.clone(), format!("{name}/{id}"));
            let lives = |state| matches!(state, GatewayState::Pending | GatewayState::Available);
            gateways.present().into_iter().flatten().filter(|one| lives(one.state)).for_each(|one| keep(&one.id));
            let tables = tables.present().map(Vec::as_slice).unwrap_or_default();
            let main = || tables.iter().find(|table| table.main);
            let routed = |cidr| declared.routed.iter().any(|routed| routed.cidr == cidr);
            for subnet in subnets.present().into_iter().flatten().filter(|subnet| routed(subnet.cidr)) {
                keep(&subnet.id);
                let own = tables.iter().find(|table| table.subnets.contains_key(&subnet.id));
                own.or_else(main).into_iter().for_each(|table| keep(&table.id));
            }
        }
        kept
    }
}
