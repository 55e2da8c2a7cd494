//! What a topology says of its VPC endpoints, resolved.

use super::Policy;
use crate::core::{EndpointName, GroupName, Region, ResourceId, TierName, TopologyId, VpcName};
use crate::network::{self, EndpointKind, EndpointTarget, Vpc};
use crate::security_groups::{self, DesiredGroup, DesiredPeer, Ports, Protocol, Traffic};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};

/// The port on which AWS's services answer.
const HTTPS: u16 = 443;

/// The declared endpoints of every VPC of a topology that declares any, or none on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The topology, whose name is on what is made.
    pub topology: TopologyId,
    /// By the VPC's name in the document. A VPC that is not here is not managed.
    pub vpcs: BTreeMap<VpcName, DesiredVpc>,
}

/// The endpoints of one VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredVpc {
    /// By name. Empty means none: ours go.
    pub endpoints: BTreeMap<EndpointName, DesiredEndpoint>,
    /// The subnets of all its tiers, by their ranges: of what is in others the document says nothing.
    pub subnets: BTreeSet<Ipv4Net>,
    /// What the document says of the VPC's DNS attributes, which another control keeps.
    pub dns: network::Dns,
}

/// One declared endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredEndpoint {
    /// What it leads to.
    pub service: EndpointTarget,
    /// How.
    pub shape: Shape,
    /// Its policy; `None` is not managed.
    pub policy: Option<Policy>,
}

impl DesiredEndpoint {
    /// The full name of its service; `None`: a service of the topology, whose name AWS gives.
    pub fn service_name(&self, region: &Region) -> Option<String> {
        match &self.service {
            EndpointTarget::Aws(short) => Some(format!("com.amazonaws.{region}.{short}")),
            EndpointTarget::Named(full) => Some(full.clone()),
            EndpointTarget::Own(_) => None,
        }
    }
}

/// How an endpoint is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// By a route in the route tables of these subnets.
    Gateway {
        /// The subnets, by their ranges.
        subnets: BTreeSet<Ipv4Net>,
    },
    /// By a network interface in each of these subnets.
    Interface {
        /// The subnets, by their ranges: one an Availability Zone.
        subnets: BTreeSet<Ipv4Net>,
        /// Its security groups, by their names in the VPC. Never empty.
        groups: BTreeSet<GroupName>,
        /// `Some`: the service's own name resolves to it, and these reach it.
        private_dns: Option<Callers>,
    },
}

/// Who the document lets in to an endpoint on 443: whoever would be cut off if its name led there and they were not admitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callers {
    /// Subnets of tiers that are admitted by range, with their tier.
    pub subnets: BTreeMap<Ipv4Net, TierName>,
    /// Groups of the VPC that are admitted by name.
    pub groups: BTreeSet<GroupName>,
    /// Groups and prefix lists that are admitted by id.
    pub ids: BTreeSet<ResourceId>,
    /// The document says so, in the rules of a group, which another control keeps. Otherwise only a person lets anybody in.
    pub ruled: bool,
}

impl Callers {
    /// Nobody at all.
    pub fn is_empty(&self) -> bool {
        let Self { subnets, groups, ids, ruled: _ } = self;
        subnets.is_empty() && groups.is_empty() && ids.is_empty()
    }

    /// Everyone whom the declared rules of these groups let in. Groups whose rules are not declared say nothing: if none of them says
    /// anything, every tier counts.
    pub fn of(groups: &BTreeSet<GroupName>, rules: Option<&security_groups::DesiredVpc>, vpc: &Vpc) -> Self {
        let all = || vpc.subnets().map(|(tier, _, subnet)| (subnet.cidr, tier.clone()));
        let declared: Vec<&DesiredGroup> =
            groups.iter().filter_map(|name| rules?.groups.get(name)).filter(|group| group.ingress.is_some()).collect();
        if declared.is_empty() {
            return Self { subnets: all().collect(), ..Self::default() };
        }
        let mut callers = Self { ruled: true, ..Self::default() };
        for rule in declared.iter().filter_map(|group| group.ingress.as_ref()).flatten() {
            if !admits_https(rule.traffic) {
                continue;
            }
            match &rule.peer {
                DesiredPeer::Ipv4(range) => {
                    callers.subnets.extend(all().filter(|(subnet, _)| range.contains(subnet)));
                }
                DesiredPeer::Group(name) => _ = callers.groups.insert(name.clone()),
                DesiredPeer::GroupId { account: None | Some(_), id } | DesiredPeer::PrefixList(id) => {
                    callers.ids.insert(id.clone());
                }
                // An endpoint of ours has IPv4 addresses.
                DesiredPeer::Ipv6(_) => {}
            }
        }
        callers
    }
}

/// Whether a rule for this traffic lets HTTPS through.
pub(super) fn admits_https(traffic: Traffic) -> bool {
    match (traffic.protocol, traffic.ports) {
        (Protocol::All, _) => true,
        (Protocol::Tcp, Ports::All) => true,
        (Protocol::Tcp, Ports::Range { from, to }) => (from..=to).contains(&HTTPS),
        (_, _) => false,
    }
}

impl DesiredVpc {
    /// The endpoints of a VPC, with whom its declared groups let in; `None`: it says nothing of endpoints.
    pub fn of(vpc: &Vpc, rules: Option<&security_groups::DesiredVpc>) -> Option<Self> {
        let endpoints = vpc.endpoints.as_ref()?.iter().map(|(name, endpoint)| {
            let network::Endpoint { service, kind, policy } = endpoint;
            let shape = match kind {
                EndpointKind::Gateway { tiers } => Shape::Gateway { subnets: ranges(vpc, tiers) },
                EndpointKind::Interface { tiers, security_groups, private_dns } => {
                    let groups: BTreeSet<GroupName> = security_groups.iter().cloned().collect();
                    let private_dns = private_dns.then(|| Callers::of(&groups, rules, vpc));
                    Shape::Interface { subnets: ranges(vpc, tiers), groups, private_dns }
                }
            };
            let policy = policy.as_ref().map(|policy| Policy::from(policy.clone()));
            (name.clone(), DesiredEndpoint { service: service.clone(), shape, policy })
        });
        let subnets = vpc.subnets().map(|(_, _, subnet)| subnet.cidr).collect();
        Some(Self { endpoints: endpoints.collect(), subnets, dns: vpc.dns })
    }
}

fn ranges(vpc: &Vpc, tiers: &[TierName]) -> BTreeSet<Ipv4Net> {
    vpc.subnets().filter(|(tier, _, _)| tiers.contains(tier)).map(|(_, _, subnet)| subnet.cidr).collect()
}
