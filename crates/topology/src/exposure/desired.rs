//! What a topology says of reach from outside, resolved.

use crate::core::{GroupName, TierName, TopologyId, VpcName};
use crate::network::{EndpointService, PublicIps, Vpc};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};

/// The tiers of a topology in which something is declared of public addresses or of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The topology.
    pub topology: TopologyId,
    /// By the VPC's name in the document. A VPC that is not here is not managed.
    pub vpcs: BTreeMap<VpcName, DesiredVpc>,
}

/// One VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DesiredVpc {
    /// The tiers of which something is declared.
    pub tiers: BTreeMap<TierName, DesiredTier>,
    /// Names of load balancers that are internal wherever they stand: those of endpoint services.
    pub internal: BTreeSet<String>,
}

/// One tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredTier {
    /// Its ranges. A subnet that lies within one is in the tier.
    pub ranges: Vec<Ipv4Net>,
    /// Nothing in it has a public address.
    pub never_public: bool,
    /// What stands in it carries these groups only; `None` is not managed.
    pub groups: Option<BTreeSet<GroupName>>,
}

impl Desired {
    /// What VPCs and endpoint services say of it; `None` when they say nothing.
    pub fn of<'a>(
        topology: &TopologyId,
        vpcs: &BTreeMap<VpcName, Vpc>,
        services: impl IntoIterator<Item = &'a EndpointService>,
    ) -> Option<Self> {
        let mut declared: BTreeMap<VpcName, DesiredVpc> = BTreeMap::new();
        for (name, vpc) in vpcs {
            let tiers = vpc.tiers.iter().map(|(name, tier)| {
                let never_public = tier.public_ips == Some(PublicIps::Never);
                let ranges = tier.subnets.iter().map(|subnet| subnet.cidr).collect();
                (name.clone(), DesiredTier { ranges, never_public, groups: tier.security_groups.clone() })
            });
            let tiers: BTreeMap<_, _> = tiers.filter(|(_, tier)| tier.never_public || tier.groups.is_some()).collect();
            if !tiers.is_empty() {
                declared.insert(name.clone(), DesiredVpc { tiers, internal: BTreeSet::new() });
            }
        }
        for service in services {
            let vpc = declared.entry(service.vpc.clone()).or_default();
            vpc.internal.insert(service.load_balancer.clone());
        }
        (!declared.is_empty()).then(|| Self { topology: topology.clone(), vpcs: declared })
    }

    /// The names of all groups that tiers of a VPC name.
    pub fn groups_of(&self, vpc: &VpcName) -> BTreeSet<&str> {
        let tiers = self.vpcs.get(vpc).into_iter().flat_map(|vpc| vpc.tiers.values());
        tiers.flat_map(|tier| tier.groups.iter().flatten()).map(GroupName::as_str).collect()
    }
}

impl DesiredVpc {
    /// Whether a subnet of this range is in a tier of which something is declared.
    pub fn holds(&self, range: Ipv4Net) -> bool {
        self.tier_of(range).is_some()
    }

    /// The tier that holds a subnet of this range.
    pub(super) fn tier_of(&self, range: Ipv4Net) -> Option<(&TierName, &DesiredTier)> {
        self.tiers.iter().find(|(_, tier)| tier.ranges.iter().any(|declared| declared.contains(&range)))
    }
}
