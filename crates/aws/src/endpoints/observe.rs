//! Observing: six calls at once, whatever the number of VPCs and endpoints, and two for each VPC where private DNS has to be switched on.

use super::listing::{self, ByVpc};
use crate::clients::Regional;
use crate::errors::unseen;
use crate::network::Network;
use reconciler::{Bound, Fault, Observe};
use std::collections::{BTreeMap, BTreeSet};
use topology::endpoints::{
    Callers, Desired, DesiredEndpoint, DesiredVpc, Dns, Endpoints, Kind, Observed, ObservedEndpoint, ObservedGroup,
    ObservedService, ObservedTable, ObservedVpc, Shape,
};
use topology::network::EndpointTarget;
use topology::{Region, Scope, Seen, ServiceName, Unseen, VpcId, VpcName};

impl Observe<Endpoints> for Network {
    async fn observe(&self, bound: &Bound, desired: &Desired, _: &Scope) -> Observed {
        let wanted: BTreeMap<&VpcName, (&VpcId, &DesiredVpc)> = (desired.vpcs.iter())
            .filter_map(|(name, declared)| Some((name, (bound.vpcs.get(name)?, declared))))
            .collect();
        let asked: Vec<&str> = wanted.values().map(|(id, _)| id.as_str()).collect();
        if asked.is_empty() {
            return Observed::default();
        }
        let clients = match self.clients.regional(&bound.place) {
            Ok(clients) => clients,
            Err(fault) => return blind(&wanted, &fault),
        };
        let needs = Needs::of(desired);
        let (vpcs, endpoints, subnets, tables, groups, services) = tokio::join!(
            listing::vpcs(&clients, &asked),
            listing::endpoints(&clients, &asked),
            listing::subnets(&clients, &bound.place.region, &asked),
            needs.tables(&clients, &asked),
            needs.groups(&clients, &asked),
            needs.services(&clients, desired),
        );
        let vpcs = match vpcs {
            Ok(vpcs) => vpcs,
            Err(fault) => return blind(&wanted, &fault),
        };
        let mut seen = BTreeMap::new();
        for (name, (id, declared)) in wanted {
            let vpc = match vpcs.get(id) {
                None => Seen::Absent,
                Some(stack) => Seen::Present(ObservedVpc {
                    id: id.clone(),
                    stack: stack.clone(),
                    endpoints: of(&endpoints, id),
                    subnets: of(&subnets, id),
                    tables: of(&tables, id),
                    groups: of(&groups, id),
                    dns: match lacks_private_dns(&endpoints, id, declared, &bound.place.region) {
                        true => dns(&clients, id).await,
                        false => Seen::Unknown(Unseen::OutOfScope),
                    },
                }),
            };
            seen.insert(name.clone(), vpc);
        }
        Observed { vpcs: seen, services }
    }
}

/// What has to be described for what is declared.
struct Needs<'a> {
    gateways: bool,
    groups: BTreeSet<&'a str>,
    services: BTreeSet<&'a ServiceName>,
}

impl<'a> Needs<'a> {
    fn of(desired: &'a Desired) -> Self {
        let mut needs = Self { gateways: false, groups: BTreeSet::new(), services: BTreeSet::new() };
        for DesiredEndpoint { service, shape, policy: _ } in
            desired.vpcs.values().flat_map(|vpc| vpc.endpoints.values())
        {
            match shape {
                Shape::Gateway { subnets: _ } => needs.gateways = true,
                Shape::Interface { subnets: _, groups, private_dns } => {
                    needs.groups.extend(groups.iter().map(|name| name.as_str()));
                    if let Some(Callers { subnets: _, groups, ids: _, ruled: _ }) = private_dns {
                        needs.groups.extend(groups.iter().map(|name| name.as_str()));
                    }
                }
            }
            if let EndpointTarget::Own(own) = service {
                needs.services.insert(own);
            }
        }
        needs
    }

    async fn tables(&self, clients: &Regional, vpcs: &[&str]) -> Result<ByVpc<ObservedTable>, Fault> {
        if self.gateways { listing::tables(clients, vpcs).await } else { Ok(ByVpc::new()) }
    }

    async fn groups(&self, clients: &Regional, vpcs: &[&str]) -> Result<ByVpc<ObservedGroup>, Fault> {
        listing::groups(clients, vpcs, &self.groups).await
    }

    async fn services(
        &self,
        clients: &Regional,
        desired: &Desired,
    ) -> BTreeMap<ServiceName, Seen<Vec<ObservedService>>> {
        if self.services.is_empty() {
            return BTreeMap::new();
        }
        let found = listing::services(clients, &desired.topology, &self.services).await;
        let seen = |name: &&ServiceName| {
            let seen = match &found {
                Ok(found) => found.get(*name).map_or(Seen::Absent, |those| Seen::Present(those.clone())),
                Err(fault) => Seen::Unknown(unseen(fault)),
            };
            ((*name).clone(), seen)
        };
        self.services.iter().map(seen).collect()
    }
}

/// Whether private DNS is declared for a service whose name leads to no endpoint in the VPC.
fn lacks_private_dns(
    endpoints: &Result<ByVpc<ObservedEndpoint>, Fault>,
    vpc: &VpcId,
    declared: &DesiredVpc,
    region: &Region,
) -> bool {
    let there = endpoints.as_ref().ok().and_then(|found| found.get(vpc)).map(Vec::as_slice).unwrap_or_default();
    // AWS shows private DNS of some gateway endpoints as well, whose names lead to public addresses all the same.
    let named = |it: &&ObservedEndpoint| it.kind == Kind::Interface && it.private_dns && !it.state.is_gone();
    let leads = |service: &str| there.iter().filter(named).any(|it| it.service == service);
    let wanted = declared.endpoints.values().filter(|endpoint| endpoint.shape.has_private_dns());
    wanted.map(|endpoint| endpoint.service_name(region)).any(|name| name.is_none_or(|name| !leads(&name)))
}

async fn dns(clients: &Regional, vpc: &VpcId) -> Seen<Dns> {
    match listing::dns(clients, vpc).await {
        Ok(dns) => Seen::Present(dns),
        Err(fault) => Seen::Unknown(unseen(&fault)),
    }
}

/// A VPC's part of an answer that covers several.
fn of<T: Clone>(answer: &Result<ByVpc<T>, Fault>, vpc: &VpcId) -> Seen<Vec<T>> {
    match answer {
        Ok(found) => found.get(vpc).map_or(Seen::Absent, |those| Seen::Present(those.clone())),
        Err(fault) => Seen::Unknown(unseen(fault)),
    }
}

/// Nothing was asked at all, or not even whether the VPCs are there.
fn blind(wanted: &BTreeMap<&VpcName, (&VpcId, &DesiredVpc)>, fault: &Fault) -> Observed {
    let vpcs = wanted.keys().map(|name| ((*name).clone(), Seen::Unknown(unseen(fault))));
    Observed { vpcs: vpcs.collect(), services: BTreeMap::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use topology::endpoints::EndpointState;

    #[test]
    fn the_private_dns_that_a_gateway_endpoint_shows_counts_for_nothing() {
        let region = Region::from("eu-west-1");
        let shape = Shape::Interface {
            subnets: BTreeSet::new(),
            groups: BTreeSet::new(),
            private_dns: Some(Callers::default()),
        };
        let wanted = DesiredEndpoint { service: EndpointTarget::Aws("s3".into()), shape, policy: None };
        let declared = DesiredVpc {
            endpoints: [("s3".into(), wanted)].into(),
            subnets: BTreeSet::new(),
            dns: topology::network::Dns::default(),
        };
        let lacks = |kind: Kind| {
            let shown = ObservedEndpoint {
                id: "vpce-1".into(),
                service: "com.amazonaws.eu-west-1.s3".into(),
                kind,
                state: EndpointState::Available,
                error: None,
                tables: BTreeSet::new(),
                subnets: BTreeSet::new(),
                groups: BTreeSet::new(),
                private_dns: true,
                policy: None,
                managed: false,
                created: None,
                stack: None,
                tags: BTreeMap::new(),
            };
            let vpc = VpcId::from("vpc-1");
            lacks_private_dns(&Ok([(vpc.clone(), vec![shown])].into()), &vpc, &declared, &region)
        };
        assert!(lacks(Kind::Gateway) && !lacks(Kind::Interface));
    }
}
