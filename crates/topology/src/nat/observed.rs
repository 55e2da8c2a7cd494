//! What AWS says of NAT gateways and of what surrounds them.

use crate::core::{ResourceId, Seen, StackId, VpcId, VpcName, ZoneLetter};
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Every VPC of the topology. The scope is always whole VPCs: a gateway cannot be judged without the routes to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// By the VPC's name in the document. One that is bound and out of scope is `Unknown(OutOfScope)`; one that is not bound is left
    /// out.
    pub vpcs: BTreeMap<VpcName, Seen<ObservedVpc>>,
    /// Every Elastic IP address of the account and Region, whoever uses it. `Absent` means none.
    pub addresses: Seen<Vec<ObservedAddress>>,
    /// The ids of Availability Zones that AWS moves traffic away from now (an ARC zonal autoshift). `Absent`: none, or ARC does not
    /// exist in this Region.
    pub away: Seen<BTreeSet<ResourceId>>,
}

/// One VPC. `Absent` stands for an answer without any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedVpc {
    /// Its id.
    pub id: VpcId,
    /// Every NAT gateway in it, in any state, as long as AWS shows it.
    pub gateways: Seen<Vec<ObservedGateway>>,
    /// Every subnet in it.
    pub subnets: Seen<Vec<ObservedSubnet>>,
    /// Every route table in it.
    pub tables: Seen<Vec<ObservedTable>>,
}

/// One NAT gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedGateway {
    /// `nat-…`.
    pub id: ResourceId,
    /// Its state.
    pub state: GatewayState,
    /// Why it failed. AWS keeps it while it shows the gateway.
    pub failure: Option<Failure>,
    /// Whether its connectivity is public; a private one never leads to the internet.
    pub public: bool,
    /// Zonal or regional.
    pub availability: Availability,
    /// The subnet that it stands in; a regional one has none.
    pub subnet: Option<ResourceId>,
    /// Its addresses.
    pub addresses: Vec<UsedAddress>,
    /// When it was created.
    pub created: Timestamp,
    /// The CloudFormation stack in its `aws:cloudformation:stack-id` tag.
    pub stack: Option<StackId>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A NAT gateway's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GatewayState {
    /// On its way.
    Pending,
    /// It never came up.
    Failed,
    /// It carries traffic.
    Available,
    /// On its way out.
    Deleting,
    /// Gone, and shown for about an hour.
    Deleted,
}

/// Why a gateway failed, in AWS's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The code, such as `InsufficientFreeAddressesInSubnet`.
    pub code: String,
    /// The message.
    pub message: String,
}

/// Whether a gateway stands in one Availability Zone or in the whole Region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Availability {
    /// One Availability Zone.
    Zonal,
    /// All of them.
    Regional,
}

/// An address as a gateway uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedAddress {
    /// `eipalloc-…`; AWS's own addresses have none.
    pub allocation: Option<ResourceId>,
    /// The public address, once it has one.
    pub public_ip: Option<String>,
}

/// One Elastic IP address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedAddress {
    /// `eipalloc-…`.
    pub allocation: ResourceId,
    /// The public address.
    pub public_ip: String,
    /// `eipassoc-…` while something uses it. The address of a gateway that is being deleted stays associated for a while.
    pub association: Option<ResourceId>,
    /// What uses it, where AWS says so: an instance or a network interface.
    pub user: Option<ResourceId>,
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
    /// The zone's id, such as `euw1-az1`: the same in every account.
    pub zone_id: ResourceId,
    /// The CloudFormation stack in its `aws:cloudformation:stack-id` tag.
    pub stack: Option<StackId>,
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
    /// The route for 0.0.0.0/0.
    pub default: Option<DefaultRoute>,
    /// The other routes, except those for the VPC's own ranges (`local`).
    pub others: Vec<OtherRoute>,
    /// The CloudFormation stack in its `aws:cloudformation:stack-id` tag.
    pub stack: Option<StackId>,
}

/// A route for 0.0.0.0/0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRoute {
    /// Where it leads, by id: `nat-…`, `igw-…`, `tgw-…`, `eni-…` (also for an instance), `vgw-…`, and so on.
    pub target: ResourceId,
    /// AWS calls it `blackhole`: its target is gone or detached.
    pub blackhole: bool,
    /// A route that somebody wrote (`CreateRoute` or `CreateRouteTable`); one that was propagated or advertised belongs to others.
    pub written: bool,
}

/// A route for something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherRoute {
    /// A range, or a prefix list (`pl-…`).
    pub destination: String,
    /// Where it leads, by id.
    pub target: ResourceId,
    /// A route that somebody wrote; one that was propagated or advertised belongs to others.
    pub written: bool,
}
