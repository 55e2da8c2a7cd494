//! Observing everything that may have a public address.

use super::listing::{self, Estate};
use crate::errors::unseen;
use crate::network::Network;
use reconciler::{Bound, Fault, Observe};
use std::collections::{BTreeMap, BTreeSet};
use topology::exposure::{Desired, Exposure, Listing, Observed, ObservedVpc};
use topology::{ResourceId, Scope, Seen, VpcId, VpcName};

impl Observe<Exposure> for Network {
    async fn observe(&self, bound: &Bound, desired: &Desired, _: &Scope) -> Observed {
        let wanted: BTreeMap<&VpcName, &VpcId> =
            desired.vpcs.keys().filter_map(|name| Some((name, bound.vpcs.get(name)?))).collect();
        if wanted.is_empty() {
            return Observed {
                vpcs: BTreeMap::new(),
                databases: Ok(vec![]),
                services: Ok(vec![]),
                balancers: Ok(vec![]),
            };
        }
        let clients = match self.clients.regional(&bound.place) {
            Ok(clients) => clients,
            Err(fault) => {
                let (databases, services, balancers) = (blind(&fault), blind(&fault), blind(&fault));
                return Observed { vpcs: unknown(&wanted, &fault), databases, services, balancers };
            }
        };
        // At once and so in no order: what comes up in between may have an interface and not be listed, until the next look.
        let (estate, databases, services, balancers) = tokio::join!(
            listing::estate(&clients, desired, &wanted),
            listing::databases(&clients),
            listing::services(&clients),
            listing::balancers(&clients),
        );
        Observed {
            vpcs: match estate {
                Ok(estate) => assembled(&wanted, estate),
                Err(fault) => unknown(&wanted, &fault),
            },
            databases: databases.map_err(|fault| unseen(&fault)),
            services: services.map_err(|fault| unseen(&fault)),
            balancers: balancers.map_err(|fault| unseen(&fault)),
        }
    }
}

type Vpcs = BTreeMap<VpcName, Seen<ObservedVpc>>;

fn blind<T>(fault: &Fault) -> Listing<T> {
    Err(unseen(fault))
}

fn unknown(wanted: &BTreeMap<&VpcName, &VpcId>, fault: &Fault) -> Vpcs {
    wanted.keys().map(|name| ((*name).clone(), Seen::Unknown(unseen(fault)))).collect()
}

/// Everything to its VPC.
fn assembled(wanted: &BTreeMap<&VpcName, &VpcId>, estate: Estate) -> Vpcs {
    let Estate { subnets, groups, interfaces } = estate;
    let vpc_of: BTreeMap<&ResourceId, &VpcId> = subnets.iter().map(|(id, (vpc, _))| (id, vpc)).collect();
    let one = |id: &VpcId| {
        let here = subnets.iter().filter(|(_, (vpc, _))| vpc == id);
        let groups = groups.iter().filter(|(_, (vpc, _))| vpc == id);
        let interfaces = interfaces.iter().filter(|interface| vpc_of.get(&interface.subnet) == Some(&id));
        ObservedVpc {
            id: id.clone(),
            subnets: here.map(|(subnet, (_, range))| (subnet.clone(), *range)).collect(),
            groups: groups.map(|(group, (_, name))| (name.clone(), group.clone())).collect(),
            interfaces: interfaces.cloned().collect(),
        }
    };
    let ids: BTreeSet<&VpcId> = wanted.values().copied().collect();
    let mut seen: BTreeMap<&VpcId, ObservedVpc> = ids.into_iter().map(|id| (id, one(id))).collect();
    wanted.iter().filter_map(|(name, id)| Some(((*name).clone(), Seen::Present(seen.remove(id)?)))).collect()
}
