//! The part of EC2 that VPC endpoints live on, in memory: states, tokens, private names, zones, policies, and the bucket of calls.
//!
//! Passes [`crate::contract::endpoints`], as the local cloud does. Sources: CreateVpcEndpoint, ModifyVpcEndpoint, DeleteVpcEndpoints and
//! VpcEndpoint in the EC2 API reference, its page of error codes and that of request throttling; "Access an AWS service using an interface
//! VPC endpoint" in the PrivateLink guide for private DNS and one subnet an Availability Zone.

use crate::ec2::{Refusal, Vpc};
use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use topology::endpoints::{
    Dns, Edit, EndpointState, Kind, NewEndpoint, ObservedEndpoint, ObservedService, Policy, PolicyEdit, Source,
};
use topology::{GroupName, Place, ResourceId, ServiceName, VpcId, ZoneLetter};

/// What AWS gives an endpoint that is made without a policy.
pub const FULL_ACCESS: &str =
    r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}],"Version":"2008-10-17"}"#;

/// One account and Region. A value: clone it to keep a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ends {
    place: Place,
    serial: u64,
    /// The time that new things bear.
    pub now: Timestamp,
    /// VPCs by id.
    pub vpcs: BTreeMap<VpcId, Vpc>,
    /// The DNS attributes of each VPC; both are on where nothing is said.
    pub dns: BTreeMap<VpcId, Dns>,
    /// Subnets by id.
    pub subnets: BTreeMap<ResourceId, Subnet>,
    /// Route tables by id.
    pub tables: BTreeMap<ResourceId, Table>,
    /// Security groups by id.
    pub groups: BTreeMap<ResourceId, Group>,
    /// Endpoints by id, deleted ones as long as they are shown.
    pub endpoints: BTreeMap<ResourceId, ObservedEndpoint>,
    /// The VPC of each endpoint.
    pub homes: BTreeMap<ResourceId, VpcId>,
    /// Endpoint services of the topology.
    pub services: BTreeMap<ServiceName, Vec<ObservedService>>,
    /// Interface endpoints come up at once; otherwise they are `pending` until [`Ends::arrive`].
    pub at_once: bool,
    /// What is made fails, in these words.
    pub fails: Option<String>,
    /// The buckets of Create-, Modify- and DeleteVpcEndpoint, in tenths of a token; `None`: nobody counts.
    pub buckets: Option<BTreeMap<&'static str, (i64, Timestamp)>>,
    tokens: BTreeMap<String, (NewEndpoint, ResourceId)>,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Where it is.
    pub vpc: VpcId,
    /// Its range.
    pub cidr: Ipv4Net,
    /// Its Availability Zone.
    pub zone: ZoneLetter,
}

/// A route table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Where it is.
    pub vpc: VpcId,
    /// The subnets that are associated with it.
    pub subnets: BTreeSet<ResourceId>,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Where it is.
    pub vpc: VpcId,
    /// Its name.
    pub name: GroupName,
    /// Whom it lets in on 443.
    pub https: BTreeSet<Source>,
}

fn refusal(code: &str, message: impl Into<String>) -> Refusal {
    Refusal { code: code.into(), message: message.into() }
}

impl Ends {
    /// An empty account and Region at a fixed night.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            serial: 0,
            now: Timestamp::constant(1_795_400_000, 0),
            vpcs: BTreeMap::new(),
            dns: BTreeMap::new(),
            subnets: BTreeMap::new(),
            tables: BTreeMap::new(),
            groups: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            homes: BTreeMap::new(),
            services: BTreeMap::new(),
            at_once: true,
            fails: None,
            buckets: None,
            tokens: BTreeMap::new(),
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
        let cidr = cidr.parse().map_err(|_| refusal("InvalidParameterValue", format!("{cidr} is not a CIDR")))?;
        let id = VpcId::new(self.id("vpc"));
        self.vpcs.insert(id.clone(), Vpc { cidr, tags: BTreeMap::new() });
        Ok(id)
    }

    /// A subnet with a route table of its own; answers both ids.
    ///
    /// # Errors
    /// `InvalidParameterValue` for what is no IPv4 range.
    pub fn create_subnet(&mut self, vpc: &VpcId, cidr: &str, zone: &str) -> Result<(ResourceId, ResourceId), Refusal> {
        let cidr = cidr.parse().map_err(|_| refusal("InvalidParameterValue", format!("{cidr} is not a CIDR")))?;
        let subnet = ResourceId::new(self.id("subnet"));
        self.subnets.insert(subnet.clone(), Subnet { vpc: vpc.clone(), cidr, zone: zone.into() });
        let table = ResourceId::new(self.id("rtb"));
        self.tables.insert(table.clone(), Table { vpc: vpc.clone(), subnets: [subnet.clone()].into() });
        Ok((subnet, table))
    }

    /// `CreateSecurityGroup`, letting these in on 443.
    pub fn create_group(&mut self, vpc: &VpcId, name: &str, https: &[Source]) -> ResourceId {
        let id = ResourceId::new(self.id("sg"));
        let https = https.iter().cloned().collect();
        self.groups.insert(id.clone(), Group { vpc: vpc.clone(), name: name.into(), https });
        id
    }

    /// The DNS attributes of a VPC.
    pub fn dns_of(&self, vpc: &VpcId) -> Dns {
        self.dns.get(vpc).copied().unwrap_or(Dns { support: true, hostnames: true })
    }

    /// Takes a token of a call's bucket: 4, and 0.3 a second.
    ///
    /// # Errors
    /// `RequestLimitExceeded`.
    pub fn spend(&mut self, call: &'static str) -> Result<(), Refusal> {
        let now = self.now;
        let Some(buckets) = &mut self.buckets else { return Ok(()) };
        let (held, since) = buckets.get(call).copied().unwrap_or((40, now));
        let held = (held + 3 * now.duration_since(since).as_secs()).min(40);
        let left = if held >= 10 { held - 10 } else { held };
        buckets.insert(call, (left, now));
        match held >= 10 {
            true => Ok(()),
            false => Err(refusal("RequestLimitExceeded", "Request limit exceeded.")),
        }
    }

    /// `CreateVpcEndpoint`, without private DNS. The same token with the same wish answers the same id.
    ///
    /// # Errors
    /// `InvalidVpcId.NotFound`, `InvalidSubnetId.NotFound`, `InvalidRouteTableId.NotFound`, `InvalidGroup.NotFound`,
    /// `DuplicateSubnetsInSameZone`, `RouteAlreadyExists`, `IdempotentParameterMismatch`.
    pub fn create(
        &mut self,
        wish: &NewEndpoint,
        tags: &BTreeMap<String, String>,
        token: Option<&str>,
    ) -> Result<ResourceId, Refusal> {
        if let Some((known, id)) = token.and_then(|token| self.tokens.get(token)) {
            return if known == wish {
                Ok(id.clone())
            } else {
                Err(refusal("IdempotentParameterMismatch", "the token was used for another request"))
            };
        }
        let NewEndpoint { vpc, service, kind, tables, subnets, groups, policy } = wish;
        if !self.vpcs.contains_key(vpc) {
            return Err(refusal("InvalidVpcId.NotFound", format!("The Vpc Id {vpc} does not exist")));
        }
        self.known(vpc, tables, subnets, groups)?;
        self.one_a_zone(subnets)?;
        self.free(service, tables, None)?;
        let id = ResourceId::new(self.id("vpce"));
        let state = match (&self.fails, kind, self.at_once) {
            (Some(_), _, _) => EndpointState::Failed,
            (None, Kind::Interface, false) => EndpointState::Pending,
            (None, _, _) => EndpointState::Available,
        };
        let endpoint = ObservedEndpoint {
            id: id.clone(),
            service: service.clone(),
            kind: kind.clone(),
            state,
            error: self.fails.clone(),
            tables: tables.clone(),
            subnets: subnets.clone(),
            groups: groups.clone(),
            private_dns: false,
            policy: policy.clone().or_else(|| Policy::read(FULL_ACCESS)),
            managed: false,
            created: Some(self.now),
            stack: None,
            tags: tags.clone(),
        };
        self.endpoints.insert(id.clone(), endpoint);
        self.homes.insert(id.clone(), vpc.clone());
        if let Some(token) = token {
            self.tokens.insert(token.to_owned(), (wish.clone(), id.clone()));
        }
        Ok(id)
    }

    fn known(
        &self,
        vpc: &VpcId,
        tables: &BTreeSet<ResourceId>,
        subnets: &BTreeSet<ResourceId>,
        groups: &BTreeSet<ResourceId>,
    ) -> Result<(), Refusal> {
        if let Some(id) = tables.iter().find(|id| self.tables.get(*id).is_none_or(|table| table.vpc != *vpc)) {
            return Err(refusal("InvalidRouteTableId.NotFound", format!("The route table {id} does not exist")));
        }
        if let Some(id) = subnets.iter().find(|id| self.subnets.get(*id).is_none_or(|subnet| subnet.vpc != *vpc)) {
            return Err(refusal("InvalidSubnetId.NotFound", format!("The subnet {id} does not exist")));
        }
        if let Some(id) = groups.iter().find(|id| self.groups.get(*id).is_none_or(|group| group.vpc != *vpc)) {
            return Err(refusal("InvalidGroup.NotFound", format!("The security group {id} does not exist")));
        }
        Ok(())
    }

    fn one_a_zone(&self, subnets: &BTreeSet<ResourceId>) -> Result<(), Refusal> {
        let mut zones = BTreeSet::new();
        let mut all = subnets.iter().filter_map(|id| self.subnets.get(id));
        match all.find(|subnet| !zones.insert(&subnet.zone)) {
            Some(subnet) => Err(refusal(
                "DuplicateSubnetsInSameZone",
                format!("Found another VPC endpoint subnet in the availability zone of {}", subnet.cidr),
            )),
            None => Ok(()),
        }
    }

    /// A route table has one route to a service, that of an endpoint on its way out included.
    fn free(&self, service: &str, tables: &BTreeSet<ResourceId>, own: Option<&ResourceId>) -> Result<(), Refusal> {
        let mut others = self.endpoints.values().filter(|other| {
            let shown = other.kind == Kind::Gateway && other.state != EndpointState::Deleted;
            shown && other.service == service && Some(&other.id) != own
        });
        match others.find(|other| !other.tables.is_disjoint(tables)) {
            Some(other) => Err(refusal("RouteAlreadyExists", format!("{} has a route in the table", other.id))),
            None => Ok(()),
        }
    }

    /// `ModifyVpcEndpoint`. Nothing changes when it is refused.
    ///
    /// # Errors
    /// `InvalidVpcEndpointId.NotFound`, `IncorrectState`, `InvalidParameter` for private DNS that cannot be, and what
    /// [`Ends::create`] is refused for.
    pub fn modify(&mut self, id: &ResourceId, edit: &Edit) -> Result<(), Refusal> {
        let known = self.endpoints.get(id).filter(|endpoint| !endpoint.state.is_gone());
        let (Some(known), Some(vpc)) = (known, self.homes.get(id)) else {
            return Err(refusal("InvalidVpcEndpointId.NotFound", format!("The Vpc Endpoint Id {id} does not exist")));
        };
        if known.state != EndpointState::Available {
            return Err(refusal("IncorrectState", format!("{id} is {}", known.state)));
        }
        let Edit {
            add_tables,
            remove_tables,
            add_subnets,
            remove_subnets,
            add_groups,
            remove_groups,
            policy,
            private_dns,
        } = edit;
        self.known(vpc, add_tables, add_subnets, add_groups)?;
        let mut next = known.clone();
        let lists = [
            (&mut next.tables, add_tables, remove_tables),
            (&mut next.subnets, add_subnets, remove_subnets),
            (&mut next.groups, add_groups, remove_groups),
        ];
        for (list, add, remove) in lists {
            list.retain(|id| !remove.contains(id));
            list.extend(add.iter().cloned());
        }
        self.one_a_zone(&next.subnets)?;
        self.free(&next.service, &next.tables, Some(id))?;
        match policy {
            None => {}
            Some(PolicyEdit { to, before: _ }) => {
                next.policy = to.clone().or_else(|| Policy::read(FULL_ACCESS));
            }
        }
        if let Some(on) = private_dns {
            if *on {
                self.private(id, vpc, &next.service)?;
            }
            next.private_dns = *on;
        }
        self.endpoints.insert(id.clone(), next);
        Ok(())
    }

    fn private(&self, id: &ResourceId, vpc: &VpcId, service: &str) -> Result<(), Refusal> {
        let Dns { support, hostnames } = self.dns_of(vpc);
        if !(support && hostnames) {
            let message = format!(
                "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {vpc}"
            );
            return Err(refusal("InvalidParameter", message));
        }
        let taken = self.endpoints.values().any(|other| {
            other.id != *id
                && other.kind == Kind::Interface
                && other.private_dns
                && other.service == service
                && other.state != EndpointState::Deleted
                && self.homes.get(&other.id) == Some(vpc)
        });
        if taken {
            let message = format!(
                "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {service} in the VPC {vpc}"
            );
            return Err(refusal("InvalidParameter", message));
        }
        Ok(())
    }

    /// `DeleteVpcEndpoints` of one: until [`Ends::arrive`] it is shown as `deleting`, or as `deleted` if it has nothing but routes.
    ///
    /// # Errors
    /// `InvalidVpcEndpoint.NotFound`, within the answer.
    pub fn delete(&mut self, id: &ResourceId) -> Result<(), Refusal> {
        match self.endpoints.get_mut(id).filter(|endpoint| !endpoint.state.is_gone()) {
            Some(endpoint) => {
                endpoint.state = match endpoint.kind {
                    Kind::Gateway => EndpointState::Deleted,
                    Kind::Interface | Kind::Other(_) => EndpointState::Deleting,
                };
                Ok(())
            }
            None => Err(refusal("InvalidVpcEndpoint.NotFound", format!("The Vpc Endpoint Id {id} does not exist"))),
        }
    }

    /// What AWS has at work is done: what comes has come, what goes is gone and not shown any more.
    pub fn arrive(&mut self) {
        self.endpoints.retain(|_, endpoint| !endpoint.state.is_gone());
        for endpoint in self.endpoints.values_mut().filter(|endpoint| endpoint.state == EndpointState::Pending) {
            endpoint.state = EndpointState::Available;
        }
    }

    /// The live endpoint to a service, by the end of its name.
    pub fn to(&self, short: &str, kind: &Kind) -> Option<&ObservedEndpoint> {
        let end = format!(".{short}");
        let mut all = self.endpoints.values();
        all.find(|it| it.service.ends_with(&end) && it.kind == *kind && !it.state.is_gone())
    }
}
