//! Observing: the load balancers and the services of the account side by side, then the connections and principals of the services that
//! are the declared ones. Four kinds of calls, whatever the number of consumers.

use super::listing;
use crate::errors::unseen;
use crate::network::Network;
use reconciler::{Bound, Fault, Observe};
use std::collections::{BTreeMap, BTreeSet};
use topology::network::EndpointService;
use topology::privatelink::{
    Desired, Observed, ObservedBalancer, ObservedConnection, ObservedService, Pick, PrivateLink, Sighting, claims, pick,
};
use topology::{ResourceId, Scope, Seen, ServiceName, Unseen, VpcId};

impl Observe<PrivateLink> for Network {
    async fn observe(&self, bound: &Bound, desired: &Desired, scope: &Scope) -> Observed {
        let here: BTreeMap<&ServiceName, (&EndpointService, &VpcId)> = desired
            .services
            .iter()
            .filter_map(|(name, declared)| Some((name, (declared, bound.vpcs.get(&declared.vpc)?))))
            .collect();
        let looked = match self.clients.regional(&bound.place) {
            Err(fault) => Err(fault),
            Ok(_) if here.is_empty() => Ok(BTreeMap::new()),
            Ok(clients) => {
                let names: BTreeSet<&str> = here.values().map(|(one, _)| one.load_balancer.as_str()).collect();
                let (balancers, services) =
                    tokio::join!(listing::balancers(&clients, &names), listing::services(&clients));
                match services {
                    Err(fault) => Err(fault),
                    Ok(services) => {
                        let sightings = sightings(desired, &here, scope, &balancers, &services);
                        Ok(self.complete(bound, desired, sightings).await)
                    }
                }
            }
        };
        let service = |name: &ServiceName| match &looked {
            _ if !here.contains_key(name) => Seen::Unknown(Unseen::OutOfScope),
            Ok(sightings) => {
                sightings.get(name).map_or(Seen::Unknown(Unseen::OutOfScope), |found| Seen::Present(found.clone()))
            }
            Err(fault) => Seen::Unknown(unseen(fault)),
        };
        Observed { services: desired.services.keys().map(|name| (name.clone(), service(name))).collect() }
    }
}

/// What stands where each declared service should be, of those that are asked for.
fn sightings(
    desired: &Desired,
    here: &BTreeMap<&ServiceName, (&EndpointService, &VpcId)>,
    scope: &Scope,
    balancers: &Result<BTreeMap<String, ObservedBalancer>, Fault>,
    services: &[ObservedService],
) -> BTreeMap<ServiceName, Sighting> {
    let mut found = BTreeMap::new();
    for (name, (declared, vpc)) in here {
        let balancer = match balancers {
            Ok(found) => found.get(&declared.load_balancer).map_or(Seen::Absent, |one| Seen::Present(one.clone())),
            Err(fault) => Seen::Unknown(unseen(fault)),
        };
        let before = |service: &&ObservedService| {
            balancer.present().is_some_and(|balancer| service.balancers.contains(&balancer.arn))
                || claims(desired, name, &service.tags)
        };
        let candidates: Vec<ObservedService> = services.iter().filter(before).cloned().collect();
        // Another one in front of the same load balancer concerns this one, too.
        let asked = scope.covers(vpc.as_str()) || candidates.iter().any(|one| scope.covers(one.id.as_str()));
        if asked {
            found.insert((*name).clone(), Sighting { vpc: (*vpc).clone(), balancer, candidates });
        }
    }
    found
}

impl Network {
    /// Adds the connections and principals of what is picked.
    async fn complete(
        &self,
        bound: &Bound,
        desired: &Desired,
        mut sightings: BTreeMap<ServiceName, Sighting>,
    ) -> BTreeMap<ServiceName, Sighting> {
        let ids: BTreeMap<ServiceName, ResourceId> = sightings
            .iter()
            .filter_map(|(name, sighting)| match pick(desired, name, sighting) {
                Pick::One(at) => Some((name.clone(), sighting.candidates.get(at)?.id.clone())),
                Pick::None | Pick::Several => None,
            })
            .collect();
        let clients = match self.clients.regional(&bound.place) {
            Ok(clients) if !ids.is_empty() => clients,
            _ => return sightings,
        };
        let managed = |name: &ServiceName| desired.services.get(name).is_some_and(|one| one.principals.is_some());
        let asked: BTreeSet<&ResourceId> = ids.iter().filter(|(name, _)| managed(name)).map(|(_, id)| id).collect();
        let wanted: BTreeSet<&ResourceId> = ids.values().collect();
        let (connections, principals) =
            tokio::join!(listing::connections(&clients, &wanted), listing::principals(&clients, &asked));
        for (name, id) in &ids {
            let candidates = sightings.get_mut(name).map(|sighting| &mut sighting.candidates);
            for service in candidates.into_iter().flatten().filter(|service| service.id == *id) {
                service.connections = match &connections {
                    Ok(found) => Seen::Present(found.get(id).cloned().unwrap_or_default()),
                    Err(fault) => Seen::Unknown(unseen(fault)),
                };
                service.principals = match &principals {
                    Ok(found) => {
                        found.get(id).map_or(Seen::Unknown(Unseen::OutOfScope), |all| Seen::Present(all.clone()))
                    }
                    Err(fault) => Seen::Unknown(unseen(fault)),
                };
            }
        }
        sightings
    }

    /// One connection as it stands now; `None`: there is none.
    pub(super) async fn connection(
        &self,
        place: &topology::Place,
        service: &ResourceId,
        endpoint: &ResourceId,
    ) -> Result<Option<ObservedConnection>, Fault> {
        let clients = self.clients.regional(place)?;
        let mut found = listing::connections(&clients, &[service].into()).await?;
        Ok(found.remove(service).unwrap_or_default().into_iter().find(|one| one.endpoint == *endpoint))
    }
}
