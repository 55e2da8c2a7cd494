//! What a topology says of its routes, resolved.

use crate::core::{TierName, TopologyId, VpcName, ZoneLetter};
use crate::network::{Dns, ExtraRoute, PublicIps, Route};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;

/// Every VPC of a topology that says something of tiers, an internet gateway or DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The topology: the value of the tag `plumbline:topology`.
    pub topology: TopologyId,
    /// It is not in use any more: only what was made here goes.
    pub retired: bool,
    /// By the VPC's name in the document.
    pub vpcs: BTreeMap<VpcName, DesiredVpc>,
}

/// One VPC. What is `None` is not managed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredVpc {
    /// Its DNS attributes.
    pub dns: Dns,
    /// Whether an internet gateway is attached.
    pub internet_gateway: Option<bool>,
    /// Whether the control `nat` keeps the default routes of the `nat` tiers.
    pub nat: bool,
    /// Its subnets.
    pub subnets: Vec<DesiredSubnet>,
}

/// A declared subnet, bound by its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredSubnet {
    /// Its tier.
    pub tier: TierName,
    /// Its range.
    pub cidr: Ipv4Net,
    /// Its Availability Zone.
    pub zone: ZoneLetter,
    /// Where its default route leads.
    pub route: Route,
    /// What its table may have besides.
    pub extra: Vec<ExtraRoute>,
    /// Whether things in it may have public addresses; `None` is not managed.
    pub public_ips: Option<PublicIps>,
}
