//! The control: what it reads of a topology, what it must look at, and its plan.

use super::observed::{BALANCER, DATABASE, SERVICE};
use super::{Change, Desired, Observed, cluster_id, interfaces, planner};
use crate::core::{Control, ControlId, Place, Plan, ResourceId, Scope, Seen, Standing};
use crate::topology::Topology;
use std::collections::{BTreeMap, BTreeSet};

/// The `exposure` control.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exposure;

impl Control for Exposure {
    const ID: ControlId = ControlId::Exposure;
    const CHANGES: &'static [&'static str] = &[DATABASE, SERVICE, "eni-", BALANCER];
    type Desired = Desired;
    type Observed = Observed;
    type Action = Change;

    fn desired(topology: &Topology) -> Option<&Desired> {
        topology.exposure.as_ref()
    }

    /// Everything, always: databases, services and load balancers are listed whole, for no describe finds them by VPC.
    fn scope(_: &Desired, _: &BTreeSet<ResourceId>) -> Scope {
        Scope::Everything
    }

    fn plan(place: &Place, desired: &Desired, observed: &Observed, standing: &Standing) -> Plan<Change> {
        planner::plan(place, desired, observed, standing)
    }

    /// Whoever puts an address on an instance names the instance, whoever runs a task the attachment; what drifts is the interface.
    /// Members of a cluster are made with the cluster's name.
    fn also_called(observed: &Observed) -> Vec<(ResourceId, ResourceId)> {
        let vpcs = observed.vpcs.values().filter_map(Seen::present);
        let interfaces = vpcs.flat_map(|vpc| &vpc.interfaces).filter(|interface| !interface.addresses.is_empty());
        let mut names: Vec<(ResourceId, ResourceId)> = interfaces
            .flat_map(|interface| {
                let addresses = interface.addresses.iter();
                let ids = addresses.flat_map(|address| [&address.allocation, &address.association]).flatten().cloned();
                let task = interfaces::attachment(interface).map(|id| ResourceId::from(format!("attachment/{id}")));
                let all = ids.chain(interface.instance.clone()).chain(task);
                all.map(|name| (name, interface.id.clone())).collect::<Vec<_>>()
            })
            .collect();
        for database in observed.databases.iter().flatten().filter(|database| database.public) {
            let cluster = database.cluster.as_deref();
            names.extend(cluster.map(|cluster| (cluster_id(cluster), database.id())));
        }
        names
    }

    /// Each VPC of which something is declared, and the databases in its managed tiers, by the ids that AWS Config calls them.
    fn kept(desired: &Desired, observed: &Observed) -> BTreeMap<ResourceId, String> {
        let mut kept = BTreeMap::new();
        for (name, declared) in &desired.vpcs {
            let Some(seen) = observed.vpcs.get(name).and_then(Seen::present) else { continue };
            kept.insert(seen.id.as_str().into(), name.to_string());
            let managed = |subnet: &ResourceId| seen.subnets.get(subnet).is_some_and(|range| declared.holds(*range));
            let here = observed.databases.iter().flatten().filter(|database| database.subnets.iter().any(managed));
            kept.extend(here.filter_map(|one| Some((one.resource.clone()?, format!("{name}/{}", one.name)))));
        }
        kept
    }
}
