//! The part of EC2 that PrivateLink lives on, as its provider sees it, in memory: services, who may ask, connections and their states.
//!
//! Passes [`crate::contract::privatelink`], as the local cloud does.

use crate::ec2::{Refusal, Vpc};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use topology::privatelink::{ConnectionState, PrivateDns};
use topology::{AccountId, Place, ResourceId, VpcId};

/// One account and Region that offers services. A value: clone it to keep a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    place: Place,
    serial: u64,
    /// When the next endpoint is created.
    pub now: Timestamp,
    /// VPCs by id.
    pub vpcs: BTreeMap<VpcId, Vpc>,
    /// Load balancers by ARN.
    pub balancers: BTreeMap<ResourceId, Balancer>,
    /// Services by id.
    pub services: BTreeMap<ResourceId, Service>,
    /// Consumers' endpoints by id.
    pub endpoints: BTreeMap<ResourceId, Endpoint>,
}

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balancer {
    /// Unique in the account and Region.
    pub name: String,
    /// Where it is.
    pub vpc: VpcId,
    /// Whether it is a Network Load Balancer.
    pub network: bool,
}

/// An endpoint service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Whether each connection waits to be accepted.
    pub acceptance_required: bool,
    /// The load balancers behind it, by ARN.
    pub balancers: BTreeSet<ResourceId>,
    /// Who may create endpoints to it.
    pub principals: BTreeSet<String>,
    /// An AWS service keeps it for itself.
    pub managed: bool,
    /// Its private DNS name.
    pub private_dns: Option<PrivateDns>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A consumer's endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The service that it asks for.
    pub service: ResourceId,
    /// Whose it is.
    pub owner: AccountId,
    /// Where it stands.
    pub state: ConnectionState,
    /// When it was created.
    pub since: Timestamp,
}

/// What `ModifyVpcEndpointServiceConfiguration` changes. What is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// `AcceptanceRequired`.
    pub acceptance_required: Option<bool>,
    /// `AddNetworkLoadBalancerArns`.
    pub attach: Vec<ResourceId>,
    /// `RemoveNetworkLoadBalancerArns`.
    pub detach: Vec<ResourceId>,
}

impl Links {
    /// An empty account and Region.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            serial: 0,
            now: Timestamp::UNIX_EPOCH,
            vpcs: BTreeMap::new(),
            balancers: BTreeMap::new(),
            services: BTreeMap::new(),
            endpoints: BTreeMap::new(),
        }
    }

    /// Where this is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    fn id(&mut self, prefix: &str) -> String {
        self.serial += 1;
        format!("{prefix}-{:017x}", self.serial)
    }

    /// `CreateVpc`.
    ///
    /// # Errors
    /// `InvalidParameterValue` for what is no IPv4 range.
    pub fn create_vpc(&mut self, cidr: &str) -> Result<VpcId, Refusal> {
        let cidr = cidr.parse().map_err(|_| Refusal::new("InvalidParameterValue", format!("{cidr} is not a CIDR")))?;
        let id = VpcId::new(self.id("vpc"));
        self.vpcs.insert(id.clone(), Vpc { cidr, tags: BTreeMap::new() });
        Ok(id)
    }

    /// `CreateLoadBalancer` of Elastic Load Balancing, type `network`. Answers its ARN.
    ///
    /// # Errors
    /// `DuplicateLoadBalancerName`.
    pub fn create_balancer(&mut self, vpc: &VpcId, name: &str) -> Result<ResourceId, Refusal> {
        if self.balancers.values().any(|balancer| balancer.name == name) {
            return Err(Refusal::new("DuplicateLoadBalancerName", format!("A load balancer named {name} exists")));
        }
        self.serial += 1;
        let Place { account, region } = &self.place;
        let arn =
            format!("arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/net/{name}/{:016x}", self.serial);
        let balancer = Balancer { name: name.into(), vpc: vpc.clone(), network: true };
        self.balancers.insert(arn.as_str().into(), balancer);
        Ok(arn.into())
    }

    /// `CreateVpcEndpointServiceConfiguration`. Nobody but the own account may ask yet.
    ///
    /// # Errors
    /// `InvalidParameter` for a load balancer that does not exist, or for none.
    pub fn create_service(
        &mut self,
        balancers: &[ResourceId],
        acceptance_required: bool,
        tags: BTreeMap<String, String>,
    ) -> Result<ResourceId, Refusal> {
        self.known_balancers(balancers)?;
        if balancers.is_empty() {
            return Err(Refusal::new("InvalidParameter", "At least one load balancer is required"));
        }
        let id = ResourceId::new(self.id("vpce-svc"));
        let service = Service {
            acceptance_required,
            balancers: balancers.iter().cloned().collect(),
            principals: BTreeSet::new(),
            managed: false,
            private_dns: None,
            tags,
        };
        self.services.insert(id.clone(), service);
        Ok(id)
    }

    fn known_balancers(&self, arns: &[ResourceId]) -> Result<(), Refusal> {
        match arns.iter().find(|arn| !self.balancers.contains_key(*arn)) {
            None => Ok(()),
            Some(arn) => Err(Refusal::new("InvalidParameter", format!("Load balancer {arn} does not exist"))),
        }
    }

    fn service(&mut self, id: &ResourceId) -> Result<&mut Service, Refusal> {
        let message = format!("The VpcEndpointService Id '{id}' does not exist");
        self.services.get_mut(id).ok_or_else(|| Refusal::new("InvalidVpcEndpointServiceId.NotFound", message))
    }

    /// `ModifyVpcEndpointServiceConfiguration`: all of it, or nothing.
    ///
    /// # Errors
    /// `InvalidVpcEndpointServiceId.NotFound`; `InvalidParameter` for a load balancer that does not exist, or to leave it without one.
    pub fn configure(&mut self, id: &ResourceId, change: &Configuration) -> Result<(), Refusal> {
        let Configuration { acceptance_required, attach, detach } = change;
        self.service(id)?;
        self.known_balancers(attach)?;
        let service = self.service(id)?;
        let mut balancers = service.balancers.clone();
        balancers.extend(attach.iter().cloned());
        balancers.retain(|arn| !detach.contains(arn));
        if balancers.is_empty() {
            return Err(Refusal::new("InvalidParameter", "At least one load balancer is required"));
        }
        service.balancers = balancers;
        if let Some(required) = acceptance_required {
            service.acceptance_required = *required;
        }
        Ok(())
    }

    /// `ModifyVpcEndpointServicePermissions`.
    ///
    /// # Errors
    /// `InvalidVpcEndpointServiceId.NotFound`; `InvalidPrincipal` for what is neither an ARN nor `*`: nothing of the call takes effect.
    pub fn permit(&mut self, id: &ResourceId, add: &[String], remove: &[String]) -> Result<(), Refusal> {
        let service = self.service(id)?;
        if let Some(bad) = add.iter().find(|one| *one != "*" && !one.starts_with("arn:")) {
            return Err(Refusal::new("InvalidPrincipal", format!("Invalid Principal: '{bad}'")));
        }
        service.principals.extend(add.iter().cloned());
        service.principals.retain(|one| !remove.contains(one));
        Ok(())
    }

    /// `CreateVpcEndpoint` by a consumer. Answers its endpoint.
    ///
    /// # Errors
    /// `InvalidServiceName` for a service that does not exist for this account.
    pub fn connect(&mut self, owner: &AccountId, service: &ResourceId) -> Result<ResourceId, Refusal> {
        let home = self.place.account == *owner;
        let of_owner = format!(":iam::{owner}:");
        let may = |one: &String| one == "*" || one.contains(&of_owner);
        let found = self.services.get(service).filter(|found| home || found.principals.iter().any(may));
        let Some(found) = found else {
            let message = format!("The Vpc Endpoint Service '{service}' does not exist");
            return Err(Refusal::new("InvalidServiceName", message));
        };
        let state = match found.acceptance_required {
            true => ConnectionState::PendingAcceptance,
            false => ConnectionState::Pending,
        };
        let id = ResourceId::new(self.id("vpce"));
        let since = self.now;
        self.now = since.saturating_add(SignedDuration::from_secs(1)).unwrap_or(since);
        let endpoint = Endpoint { service: service.clone(), owner: owner.clone(), state, since };
        self.endpoints.insert(id.clone(), endpoint);
        Ok(id)
    }

    /// `DeleteVpcEndpoints` by the consumer.
    pub fn disconnect(&mut self, endpoint: &ResourceId) {
        self.endpoints.remove(endpoint);
    }

    /// Lets what is being set up come up.
    pub fn set_up(&mut self) {
        for endpoint in self.endpoints.values_mut().filter(|endpoint| endpoint.state == ConnectionState::Pending) {
            endpoint.state = ConnectionState::Available;
        }
    }

    /// `AcceptVpcEndpointConnections`. Answers what was `Unsuccessful`: the call succeeds all the same.
    ///
    /// # Errors
    /// `InvalidVpcEndpointServiceId.NotFound`.
    pub fn accept(
        &mut self,
        service: &ResourceId,
        endpoints: &[ResourceId],
    ) -> Result<Vec<(ResourceId, Refusal)>, Refusal> {
        self.decide(service, endpoints, &[ConnectionState::PendingAcceptance], &ConnectionState::Pending)
    }

    /// `RejectVpcEndpointConnections`: what waits and what is up, alike.
    ///
    /// # Errors
    /// As [`Links::accept`].
    pub fn reject(
        &mut self,
        service: &ResourceId,
        endpoints: &[ResourceId],
    ) -> Result<Vec<(ResourceId, Refusal)>, Refusal> {
        let from = [ConnectionState::PendingAcceptance, ConnectionState::Available, ConnectionState::Partial];
        self.decide(service, endpoints, &from, &ConnectionState::Rejected)
    }

    fn decide(
        &mut self,
        service: &ResourceId,
        endpoints: &[ResourceId],
        from: &[ConnectionState],
        to: &ConnectionState,
    ) -> Result<Vec<(ResourceId, Refusal)>, Refusal> {
        self.service(service)?;
        let mut unsuccessful = vec![];
        for id in endpoints {
            let found = self.endpoints.get_mut(id).filter(|endpoint| endpoint.service == *service);
            match found {
                None => {
                    let message = format!("The Vpc Endpoint Id '{id}' does not exist");
                    unsuccessful.push((id.clone(), Refusal::new("InvalidVpcEndpoint.NotFound", message)));
                }
                Some(endpoint) if from.contains(&endpoint.state) => endpoint.state = to.clone(),
                Some(endpoint) => {
                    let message = format!("{id} is {}", endpoint.state);
                    unsuccessful.push((id.clone(), Refusal::new("InvalidState", message)));
                }
            }
        }
        Ok(unsuccessful)
    }
}
