//! The control's own words on the in-memory PrivateLink, and the loop's ports over it.

use crate::ec2::{Refusal, Vpc};
use crate::ec2_control::STACK_TAG;
use crate::links::{Configuration, Endpoint, Links, Service};
use crate::rig::{Twin, World, elsewhere};
use reconciler::{Apply, Bound, ClientToken, Fault, FaultClass, Observe};
use std::collections::BTreeMap;
use topology::network::EndpointService;
use topology::privatelink::{
    Change, Desired, Observed, ObservedBalancer, ObservedConnection, ObservedService, Pick, PrivateLink, Sighting, pick,
};
use topology::{Place, Receipt, ResourceId, Scope, Seen, ServiceName, StackId, Unseen, VpcId, VpcName};

/// A shared in-memory PrivateLink. Clones are the same one.
pub type TwinLinks = Twin<Links>;

impl World for Links {
    fn place(&self) -> &Place {
        self.place()
    }

    fn vpcs(&self) -> &BTreeMap<VpcId, Vpc> {
        &self.vpcs
    }

    fn find(&self, id: &ResourceId) -> Option<(&'static str, Option<VpcId>)> {
        let of = |service: &ResourceId| {
            let balancers = &self.services.get(service)?.balancers;
            balancers.iter().find_map(|arn| Some(self.balancers.get(arn)?.vpc.clone()))
        };
        match id.as_str() {
            text if text.starts_with("vpce-svc-") => Some(("DescribeVpcEndpointServiceConfigurations", of(id))),
            text if text.starts_with("vpce-") => {
                let service = self.endpoints.get(id).map(|endpoint| &endpoint.service);
                Some(("DescribeVpcEndpointConnections", service.and_then(of)))
            }
            _ => None,
        }
    }
}

impl Links {
    /// A complete and true observation of what the scope covers.
    pub fn observe(&self, vpcs: &BTreeMap<VpcName, VpcId>, desired: &Desired, scope: &Scope) -> Observed {
        let seen = |(name, declared): (&ServiceName, &EndpointService)| {
            let sighting = self.sight(vpcs, desired, name, declared, scope);
            (name.clone(), sighting.map_or(Seen::Unknown(Unseen::OutOfScope), Seen::Present))
        };
        Observed { services: desired.services.iter().map(seen).collect() }
    }

    fn sight(
        &self,
        vpcs: &BTreeMap<VpcName, VpcId>,
        desired: &Desired,
        name: &ServiceName,
        declared: &EndpointService,
        scope: &Scope,
    ) -> Option<Sighting> {
        let vpc = vpcs.get(&declared.vpc)?;
        let balancer = self.balancers.iter().find(|(_, balancer)| balancer.name == declared.load_balancer);
        let balancer = balancer.map(|(arn, balancer)| ObservedBalancer {
            arn: arn.clone(),
            vpc: balancer.vpc.clone(),
            network: balancer.network,
        });
        let candidates = self.services.iter().filter(|(_, service)| {
            let before = balancer.as_ref().is_some_and(|balancer| service.balancers.contains(&balancer.arn));
            before || topology::privatelink::claims(desired, name, &service.tags)
        });
        let candidates = candidates.map(|(id, service)| self.observed(id, service)).collect();
        let mut sighting =
            Sighting { vpc: vpc.clone(), balancer: balancer.map_or(Seen::Absent, Seen::Present), candidates };
        let picked = pick(desired, name, &sighting);
        // Another one in front of the same load balancer concerns this one, too.
        let in_scope =
            scope.covers(vpc.as_str()) || sighting.candidates.iter().any(|service| scope.covers(service.id.as_str()));
        if let Pick::One(at) = picked
            && let Some(service) = sighting.candidates.get_mut(at)
        {
            let principals = self.services.get(&service.id).map(|service| service.principals.clone());
            service.principals = Seen::Present(principals.unwrap_or_default());
            service.connections = Seen::Present(self.connections(&service.id));
        }
        in_scope.then_some(sighting)
    }

    fn observed(&self, id: &ResourceId, service: &Service) -> ObservedService {
        let Service { acceptance_required, balancers, principals: _, managed, private_dns, tags } = service.clone();
        ObservedService {
            id: id.clone(),
            acceptance_required: Some(acceptance_required),
            balancers,
            managed,
            private_dns,
            stack: tags.get(STACK_TAG).map(|arn| StackId::new(arn.as_str())),
            tags,
            principals: Seen::Unknown(Unseen::OutOfScope),
            connections: Seen::Unknown(Unseen::OutOfScope),
        }
    }

    /// `DescribeVpcEndpointConnections` of one service.
    pub fn connections(&self, service: &ResourceId) -> Vec<ObservedConnection> {
        let of = self.endpoints.iter().filter(|(_, endpoint)| endpoint.service == *service);
        of.map(|(id, endpoint)| {
            let Endpoint { service: _, owner, state, since } = endpoint.clone();
            ObservedConnection { endpoint: id.clone(), owner, state, since, region: None }
        })
        .collect()
    }

    /// Makes a change, as the adapter would.
    ///
    /// # Errors
    /// What EC2 would refuse it for.
    pub fn apply(&mut self, change: &Change) -> Result<Receipt, Refusal> {
        let service = change.service().key.id.clone();
        let configuration = Configuration::default();
        let unsuccessful = match change {
            Change::Acceptance { service: _, required } => {
                let change = Configuration { acceptance_required: Some(*required), ..configuration };
                self.configure(&service, &change).map(|()| vec![])?
            }
            Change::AttachBalancers { service: _, balancers } => {
                let change = Configuration { attach: balancers.clone(), ..configuration };
                self.configure(&service, &change).map(|()| vec![])?
            }
            Change::DetachBalancers { service: _, balancers } => {
                let change = Configuration { detach: balancers.clone(), ..configuration };
                self.configure(&service, &change).map(|()| vec![])?
            }
            Change::AllowPrincipals { service: _, principals } => {
                self.permit(&service, principals, &[]).map(|()| vec![])?
            }
            Change::DisallowPrincipals { service: _, principals } => {
                self.permit(&service, &[], principals).map(|()| vec![])?
            }
            Change::Accept { service: _, connection, why: _, places: _ } => {
                self.accept(&service, std::slice::from_ref(&connection.endpoint))?
            }
            Change::Reject { service: _, connection, why: _ } => {
                self.reject(&service, std::slice::from_ref(&connection.endpoint))?
            }
        };
        match unsuccessful.into_iter().next() {
            Some((_, refusal)) => Err(refusal),
            None => Ok(Receipt::default()),
        }
    }
}

fn operation(change: &Change) -> &'static str {
    match change {
        Change::Acceptance { .. } | Change::AttachBalancers { .. } | Change::DetachBalancers { .. } => {
            "ModifyVpcEndpointServiceConfiguration"
        }
        Change::AllowPrincipals { .. } | Change::DisallowPrincipals { .. } => "ModifyVpcEndpointServicePermissions",
        Change::Accept { .. } => "AcceptVpcEndpointConnections",
        Change::Reject { .. } => "RejectVpcEndpointConnections",
    }
}

fn parts(change: &Change) -> usize {
    match change {
        Change::AttachBalancers { service: _, balancers } | Change::DetachBalancers { service: _, balancers } => {
            balancers.len()
        }
        Change::AllowPrincipals { service: _, principals } | Change::DisallowPrincipals { service: _, principals } => {
            principals.len()
        }
        Change::Acceptance { .. } | Change::Accept { .. } | Change::Reject { .. } => 1,
    }
}

impl Observe<PrivateLink> for TwinLinks {
    async fn observe(&self, bound: &Bound, desired: &Desired, scope: &Scope) -> Observed {
        let mut inner = self.lock();
        let looked = elsewhere(&inner.now, &bound.place, "DescribeVpcEndpointServiceConfigurations").and_then(|()| {
            for operation in [
                "DescribeLoadBalancers",
                "DescribeVpcEndpointServiceConfigurations",
                "DescribeVpcEndpointConnections",
                "DescribeVpcEndpointServicePermissions",
            ] {
                inner.call(operation, None, 0)?;
            }
            Ok(())
        });
        match looked {
            Ok(()) => inner.seen().observe(&bound.vpcs, desired, scope),
            Err(fault) => {
                let failed = Unseen::Failed { retryable: fault.is_retryable(), why: fault.to_string() };
                let bound = desired.services.iter().filter(|(_, declared)| bound.vpcs.contains_key(&declared.vpc));
                Observed { services: bound.map(|(name, _)| (name.clone(), Seen::Unknown(failed.clone()))).collect() }
            }
        }
    }
}

impl Apply<PrivateLink> for TwinLinks {
    async fn apply(&self, place: &Place, change: &Change, _: &ClientToken) -> Result<Receipt, Fault> {
        let mut inner = self.lock();
        let operation = operation(change);
        elsewhere(&inner.now, place, operation)?;
        let resource = change.connection().map_or(&change.service().key.id, |connection| &connection.endpoint);
        let lost = inner.call(operation, Some(resource), parts(change))?;
        match inner.change(operation, lost, |links| links.apply(change)) {
            Ok(answer) => answer,
            Err(Refusal { code, message }) => {
                inner.refused(&code);
                let batch = parts(change) > 1 && ["InvalidParameter", "InvalidPrincipal"].contains(&code.as_str());
                let class = if batch { FaultClass::Batch } else { FaultClass::Terminal };
                Err(Fault { operation: operation.into(), class, code: Some(code), message, remedy: None })
            }
        }
    }
}
