//! The control: what it reads of a topology, what it must look at, and its plan.

use super::{Change, Desired, Observed, Pick, Sighting, pick, planner};
use crate::core::{Control, ControlId, Place, Plan, ResourceId, Scope, Seen, Standing, Verb};
use crate::topology::Topology;
use std::collections::{BTreeMap, BTreeSet};

/// The `privatelink` control.
#[derive(Clone, Copy, Debug, Default)]
pub struct PrivateLink;

impl Control for PrivateLink {
    const ID: ControlId = ControlId::PrivateLink;
    const VERBS: &'static [Verb] = &[Verb::Approve, Verb::Reject];
    const CHANGES: &'static [&'static str] = &["vpce-svc-", "vpce-"];
    type Desired = Desired;
    type Observed = Observed;
    type Action = Change;

    fn desired(topology: &Topology) -> Option<&Desired> {
        topology.connections.as_ref()
    }

    /// The hinted services and VPCs. An endpoint alone does not say whose service it asks for, so it narrows nothing.
    fn scope(_: &Desired, hinted: &BTreeSet<ResourceId>) -> Scope {
        let is = |id: &ResourceId, kind: &str| id.as_str().starts_with(kind);
        let lone = |id: &ResourceId| is(id, "vpce-") && !is(id, "vpce-svc-");
        let ids: BTreeSet<ResourceId> =
            hinted.iter().filter(|id| is(id, "vpce-svc-") || is(id, "vpc-")).cloned().collect();
        let services = ids.iter().any(|id| is(id, "vpce-svc-"));
        // A notice names both the service and the endpoint; an endpoint by itself is looked for everywhere.
        match ids.is_empty() || (hinted.iter().any(lone) && !services) {
            true => Scope::Everything,
            false => Scope::Only(ids),
        }
    }

    fn plan(place: &Place, desired: &Desired, observed: &Observed, standing: &Standing) -> Plan<Change> {
        planner::plan(place, desired, observed, standing)
    }

    /// Each declared service, and the VPC that it stands in.
    fn kept(desired: &Desired, observed: &Observed) -> BTreeMap<ResourceId, String> {
        let mut kept = BTreeMap::new();
        for (name, declared) in &desired.services {
            let Some(sighting) = observed.services.get(name).and_then(Seen::present) else { continue };
            let Sighting { vpc, balancer: _, candidates } = sighting;
            kept.insert(vpc.as_str().into(), declared.vpc.to_string());
            if let Pick::One(at) = pick(desired, name, sighting) {
                kept.extend(candidates.get(at).map(|service| (service.id.clone(), name.to_string())));
            }
        }
        kept
    }
}
