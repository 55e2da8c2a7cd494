//! The control: what it reads of a topology, what it must look at, and its plan.

use super::{Change, Desired, Observed, ObservedVpc, planner};
use crate::core::{Control, ControlId, Place, Plan, ResourceId, Scope, Seen, Standing};
use crate::topology::Topology;
use std::collections::{BTreeMap, BTreeSet};

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

    /// Each VPC, the declared subnets in it, and the route tables that these use.
    fn kept(desired: &Desired, observed: &Observed) -> BTreeMap<ResourceId, String> {
        let mut kept = BTreeMap::new();
        for (name, declared) in &desired.vpcs {
            let Some(seen) = observed.vpcs.get(name).and_then(Seen::present) else { continue };
            let ObservedVpc { id, ranges: _, stack: _, dns: _, subnets, tables } = seen;
            kept.insert(id.as_str().into(), name.to_string());
            let tables = tables.present().map(Vec::as_slice).unwrap_or_default();
            let main = || tables.iter().find(|table| table.main);
            let is_declared = |cidr| declared.subnets.iter().any(|subnet| subnet.cidr == cidr);
            for subnet in subnets.present().into_iter().flatten().filter(|subnet| is_declared(subnet.cidr)) {
                kept.insert(subnet.id.clone(), format!("{name}/{}", subnet.id));
                let own = tables.iter().find(|table| table.subnets.contains_key(&subnet.id));
                kept.extend(own.or_else(main).map(|table| (table.id.clone(), format!("{name}/{}", table.id))));
            }
        }
        kept
    }
}
