//! What AWS says of route tables and of what decides about reach beside them.

use crate::core::{ResourceId, Seen, StackId, VpcId, VpcName, ZoneLetter};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where the routes for a VPC's own ranges lead, as AWS writes it.
pub const LOCAL: &str = "local";

/// Every VPC of the topology.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// By the VPC's name in the document. One that is bound and out of scope is `Unknown(OutOfScope)`; one that is not bound is left
    /// out.
    pub vpcs: BTreeMap<VpcName, Seen<ObservedVpc>>,
    /// Every internet gateway of the account and Region. `Absent` means none.
    pub gateways: Seen<Vec<ObservedGateway>>,
}

/// One VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedVpc {
    /// Its id.
    pub id: VpcId,
    /// Its ranges, IPv4 and IPv6, as AWS writes them: routes to these are `local`.
    pub ranges: BTreeSet<String>,
    /// The CloudFormation stack in its `aws:cloudformation:stack-id` tag.
    pub stack: Option<StackId>,
    /// Its DNS attributes.
    pub dns: ObservedDns,
    /// Every subnet in it that has an IPv4 range. `Absent` stands for an answer without any.
    pub subnets: Seen<Vec<ObservedSubnet>>,
    /// Every route table in it. `Absent` stands for an answer without any.
    pub tables: Seen<Vec<ObservedTable>>,
}

/// The DNS attributes of a VPC. One that is not declared is not asked for: `Unknown(OutOfScope)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedDns {
    /// `enableDnsSupport`.
    pub support: Seen<bool>,
    /// `enableDnsHostnames`.
    pub hostnames: Seen<bool>,
}

/// One internet gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedGateway {
    /// `igw-…`.
    pub id: ResourceId,
    /// The VPC that it is attached to.
    pub vpc: Option<VpcId>,
    /// The CloudFormation stack in its `aws:cloudformation:stack-id` tag.
    pub stack: Option<StackId>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// One subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedSubnet {
    /// `subnet-…`.
    pub id: ResourceId,
    /// Its range.
    pub cidr: Ipv4Net,
    /// The letter of its Availability Zone, as this account names it.
    pub zone: ZoneLetter,
    /// `MapPublicIpOnLaunch`.
    pub public_on_launch: bool,
    /// The CloudFormation stack in its `aws:cloudformation:stack-id` tag.
    pub stack: Option<StackId>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// One route table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedTable {
    /// `rtb-…`.
    pub id: ResourceId,
    /// Whether it is the VPC's main table, which subnets without a table of their own use.
    pub main: bool,
    /// The id of the association (`rtbassoc-…`) of each subnet that is associated with it outright.
    pub subnets: BTreeMap<ResourceId, ResourceId>,
    /// Its routes.
    pub routes: Vec<ObservedRoute>,
    /// The CloudFormation stack in its `aws:cloudformation:stack-id` tag.
    pub stack: Option<StackId>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedRoute {
    /// A range, or a prefix list (`pl-…`).
    pub destination: String,
    /// Where it leads: an id, or [`LOCAL`].
    pub target: ResourceId,
    /// AWS calls it `blackhole`: its target is gone or detached.
    pub blackhole: bool,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a route comes from (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// It came with its table: AWS made it, and nobody can delete it.
    Table,
    /// Somebody wrote it.
    Written,
    /// It was propagated or advertised, and belongs to others.
    Others,
}
