//! What a topology says of its NAT gateways, resolved.

use crate::core::{ResourceId, TierName, TopologyId, VpcName, ZoneLetter};
use crate::network::Window;
use ipnet::Ipv4Net;
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// The declared gateways of every VPC of a topology that says something of NAT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The topology: the value of the tag `plumbline:topology`.
    pub topology: TopologyId,
    /// Whether people depend on it: a route that works then moves in a maintenance window, or when a person asks for it.
    pub production: bool,
    /// When such a route may move.
    pub maintenance: Vec<Window>,
    /// By the VPC's name in the document.
    pub vpcs: BTreeMap<VpcName, DesiredVpc>,
}

/// The declared gateways of one VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredVpc {
    /// Which gateways.
    pub gateways: Gateways,
    /// The public subnets that may hold a gateway, by Availability Zone, in the order of the document.
    pub homes: Vec<(ZoneLetter, Ipv4Net)>,
    /// The subnets whose default route leads to a gateway.
    pub routed: Vec<Routed>,
    /// Addresses that somebody else keeps, for the gateway of an Availability Zone. Never released.
    pub addresses: BTreeMap<ZoneLetter, DesiredAddress>,
    /// How long a replacement is watched before routes go back to it.
    pub fail_back_after: SignedDuration,
}

/// Which gateways a VPC has; `auto` is already resolved by the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gateways {
    /// None: those that are ours go.
    None,
    /// One in each of these Availability Zones. A single gateway is one zone.
    Zonal(Vec<ZoneLetter>),
    /// One regional gateway: AWS owns its addresses and its route table.
    Regional,
}

/// A subnet behind the gateways, bound by its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// Its tier.
    pub tier: TierName,
    /// Its range.
    pub cidr: Ipv4Net,
    /// Its Availability Zone.
    pub zone: ZoneLetter,
}

/// An address that the document names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DesiredAddress {
    /// By its allocation id (`eipalloc-…`).
    Allocation(ResourceId),
    /// By a tag, which must be on exactly one address of the account and Region.
    Tag {
        /// The tag's key.
        key: String,
        /// The tag's value.
        value: String,
    },
}
