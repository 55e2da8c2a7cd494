//! The declared network, resolved: what render builds and what the controls keep.

use crate::core::{
    AccountId, EndpointName, GroupName, LogicalId, ResourceId, ServiceName, StackName, TierName, VpcId, VpcName,
    ZoneLetter,
};
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use crate::window::Window;

/// What a network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// People depend on it.
    Production,
    /// Like production, for trying a release.
    Staging,
    /// For building things.
    Development,
}

/// Whether a topology is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// In use.
    #[default]
    Active,
    /// Plumbline's own parts are removed, in order; the rest of the network stays.
    Retired,
}

/// A declared VPC. What is `None` is not managed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    /// Its IPv4 range, part of the pinned binding.
    pub cidr: Ipv4Net,
    /// A VPC id that the document names outright (adopted network).
    pub id: Option<VpcId>,
    /// The stack's resource that the document says it is.
    pub stack: Option<StackResource>,
    /// The letters of its Availability Zones, in the order of the document.
    pub availability_zones: Vec<ZoneLetter>,
    /// Its DNS attributes.
    pub dns: Dns,
    /// Whether an internet gateway is attached.
    pub internet_gateway: Option<bool>,
    /// Its tiers.
    pub tiers: BTreeMap<TierName, Tier>,
    /// Its NAT gateways.
    pub nat: Option<Nat>,
    /// Its flow logs; an empty list means none.
    pub flow_logs: Option<Vec<FlowLog>>,
    /// Its endpoints.
    pub endpoints: Option<BTreeMap<EndpointName, Endpoint>>,
    /// What its declared security groups are for: the `GroupDescription`, which AWS fixes when a group is made.
    pub group_descriptions: BTreeMap<GroupName, String>,
}

impl Vpc {
    /// A VPC of which nothing but its range is declared.
    pub fn new(cidr: Ipv4Net) -> Self {
        Self {
            cidr,
            id: None,
            stack: None,
            availability_zones: vec![],
            dns: Dns::default(),
            internet_gateway: None,
            tiers: BTreeMap::new(),
            nat: None,
            flow_logs: None,
            endpoints: None,
            group_descriptions: BTreeMap::new(),
        }
    }

    /// Every declared subnet with its tier, in a stable order.
    pub fn subnets(&self) -> impl Iterator<Item = (&TierName, &Tier, &Subnet)> {
        self.tiers.iter().flat_map(|(name, tier)| tier.subnets.iter().map(move |subnet| (name, tier, subnet)))
    }
}

/// A resource of a CloudFormation stack, as a document names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackResource {
    /// The stack.
    pub stack: StackName,
    /// The resource within it.
    pub logical_id: LogicalId,
}

impl fmt::Display for StackResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stack, logical_id } = self;
        write!(f, "{logical_id} of stack {stack}")
    }
}

/// What is done about a stack that is out of line with what stands in its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StackRepair {
    /// A person is told how.
    #[default]
    Report,
    /// Plumbline does it.
    Execute,
}

/// The DNS attributes of a VPC. What is `None` is not managed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// `enableDnsSupport`.
    pub support: Option<bool>,
    /// `enableDnsHostnames`.
    pub hostnames: Option<bool>,
}

/// Subnets that are routed alike: one an Availability Zone, one route table a subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Where the default route goes.
    pub route: Route,
    /// One subnet an Availability Zone, in the order of the document.
    pub subnets: Vec<Subnet>,
    /// Whether things in it may have public addresses; `None` is not managed.
    pub public_ips: Option<PublicIps>,
    /// Routes that its tables may have besides.
    pub extra_routes: Vec<ExtraRoute>,
    /// The groups that things in it carry, and no others; `None` is not managed.
    pub security_groups: Option<BTreeSet<GroupName>>,
}

/// A route that a tier's tables may have besides what its `route` says. One with a range and the id of a target is kept, any other is
/// only allowed. At least one part is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraRoute {
    /// A range in canonical form, or a prefix list (`pl-…`); `None` is any.
    pub to: Option<String>,
    /// What it leads to; `None` is anything but a gateway of the internet.
    pub via: Option<Via>,
}

/// What a route leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// Anything of a kind.
    Kind(TargetKind),
    /// This one.
    Id(ResourceId),
}

impl Via {
    /// Of which kind it is; `None`: of none that is known.
    pub fn kind(&self) -> Option<TargetKind> {
        match self {
            Self::Kind(kind) => Some(*kind),
            Self::Id(id) => TargetKind::of(id.as_str()),
        }
    }
}

/// The kinds of targets of routes (<https://docs.aws.amazon.com/vpc/latest/userguide/route-table-options.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetKind {
    /// `igw-…`
    InternetGateway,
    /// `eigw-…`
    EgressOnlyInternetGateway,
    /// `cagw-…`
    CarrierGateway,
    /// `nat-…`
    NatGateway,
    /// `tgw-…`
    TransitGateway,
    /// `pcx-…`
    Peering,
    /// `vgw-…`
    VirtualPrivateGateway,
    /// `eni-…`, also of an instance.
    NetworkInterface,
    /// `vpce-…`: of a Gateway Load Balancer.
    VpcEndpoint,
    /// `lgw-…`
    LocalGateway,
}

impl TargetKind {
    /// All of them, with their names in documents and the beginning of their ids.
    pub const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (Self::TransitGateway, "transit-gateway", "tgw"),
        (Self::Peering, "peering", "pcx"),
        (Self::VirtualPrivateGateway, "virtual-private-gateway", "vgw"),
        (Self::NetworkInterface, "network-interface", "eni"),
        (Self::VpcEndpoint, "vpc-endpoint", "vpce"),
        (Self::LocalGateway, "local-gateway", "lgw"),
        (Self::NatGateway, "nat-gateway", "nat"),
        (Self::EgressOnlyInternetGateway, "egress-only-internet-gateway", "eigw"),
        (Self::CarrierGateway, "carrier-gateway", "cagw"),
        (Self::InternetGateway, "internet-gateway", "igw"),
    ];

    /// The kind of an id; `None`: not one of these.
    pub fn of(id: &str) -> Option<Self> {
        let (prefix, _) = id.split_once('-')?;
        Self::ALL.iter().find(|(_, _, begins)| *begins == prefix).map(|(kind, _, _)| *kind)
    }

    /// Whether a local route may be led through it
    /// (<https://docs.aws.amazon.com/vpc/latest/userguide/route-table-options.html>).
    pub fn is_appliance(self) -> bool {
        matches!(self, Self::NetworkInterface | Self::VpcEndpoint)
    }

    /// Whether it stands between the VPC and the internet.
    pub fn is_internet(self) -> bool {
        matches!(self, Self::InternetGateway | Self::EgressOnlyInternetGateway | Self::CarrierGateway)
    }
}

/// The option of the AWS CLI's route commands that names a destination of this form.
pub(crate) fn destination_option(destination: &str) -> &'static str {
    match destination {
        list if list.starts_with("pl-") => "--destination-prefix-list-id",
        six if six.contains(':') => "--destination-ipv6-cidr-block",
        _ => "--destination-cidr-block",
    }
}

/// Where a tier's default route goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the internet gateway.
    Internet,
    /// To a NAT gateway.
    Nat,
    /// There is none.
    Isolated,
}

/// Whether things in a tier may have public addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicIps {
    /// Nothing in the tier has one.
    Never,
    /// What asks for one gets it; the subnets assign none (`MapPublicIpOnLaunch` is false).
    OnRequest,
    /// The subnets assign one (`MapPublicIpOnLaunch` is true).
    OnLaunch,
}

/// A declared subnet: bound by its range within the VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Its IPv4 range.
    pub cidr: Ipv4Net,
    /// Its Availability Zone.
    pub zone: ZoneLetter,
}

/// The NAT gateways of a VPC; `auto` is already resolved by the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nat {
    /// None.
    None,
    /// Public gateways in subnets of a tier, one in each of these Availability Zones. A single gateway is one zone.
    Zonal {
        /// The tier that holds them, which routes to the internet gateway.
        tier: TierName,
        /// Where they stand.
        zones: Vec<ZoneLetter>,
    },
    /// One regional gateway: AWS owns its addresses and its route table.
    Regional,
}

/// Which traffic a flow log records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowTraffic {
    /// Everything.
    All,
    /// What was let through.
    Accept,
    /// What was refused.
    Reject,
}

impl fmt::Display for FlowTraffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::Accept => "accepted",
            Self::Reject => "rejected",
        })
    }
}

/// A declared flow log of a VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowLog {
    /// What it records.
    pub traffic: FlowTraffic,
    /// Where to.
    pub destination: FlowDestination,
    /// The maximum aggregation interval in seconds: 60 or 600.
    pub interval_seconds: u32,
    /// The fields of a record; `None` is AWS's own.
    pub format: Option<String>,
}

/// Where a flow log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowDestination {
    /// CloudWatch Logs.
    CloudWatch {
        /// The log group.
        log_group: String,
        /// For how many days records are kept, one of those that CloudWatch Logs knows; `None` is for ever.
        retention_days: Option<u32>,
    },
    /// S3.
    S3 {
        /// The bucket's name, in which `{account}` and `{region}` stand for those of the VPC.
        bucket: String,
        /// The folder; `None` is the root.
        prefix: Option<String>,
        /// Apache Parquet instead of text.
        parquet: bool,
        /// Folders named as Hive wants them (`year=2026/month=11/…`).
        hive: bool,
        /// A folder an hour instead of a day.
        hourly: bool,
    },
}

/// A declared VPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What it leads to.
    pub service: EndpointTarget,
    /// How.
    pub kind: EndpointKind,
    /// Its policy; `None` is not managed.
    pub policy: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What an endpoint leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointTarget {
    /// An AWS service of the Region by its short name, such as `ecr.api` for `com.amazonaws.<region>.ecr.api`.
    Aws(String),
    /// A full service name, such as `com.amazonaws.vpce.eu-west-1.vpce-svc-…`.
    Named(String),
    /// An endpoint service of the same topology.
    Own(ServiceName),
}

/// How an endpoint is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointKind {
    /// By a route in the route tables of these tiers.
    Gateway {
        /// The tiers.
        tiers: Vec<TierName>,
    },
    /// By a network interface in each subnet of a tier.
    Interface {
        /// The tiers: at most one subnet an Availability Zone over all of them.
        tiers: Vec<TierName>,
        /// Its security groups, by their names in the VPC. Never empty.
        security_groups: Vec<GroupName>,
        /// Whether the service's own name resolves to it.
        private_dns: bool,
    },
}

/// A declared endpoint service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointService {
    /// The VPC of its load balancer.
    pub vpc: VpcName,
    /// The Network Load Balancer's name.
    pub load_balancer: String,
    /// The private DNS name that consumers may use.
    pub private_dns_name: Option<String>,
    /// Connections that are let in at once.
    pub accept: Vec<Accept>,
    /// Who is never let in, whatever else is said.
    pub deny: Vec<Consumer>,
    /// What becomes of the others.
    pub otherwise: Otherwise,
    /// What becomes of one that was accepted and is no longer allowed.
    pub withdraw: Otherwise,
    /// The ARNs of those who may create endpoints; `None` is not managed.
    pub principals: Option<Vec<String>>,
}

/// Connections that are let in. A connection shows only its owner account and its endpoint id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    /// Whose.
    pub who: Consumer,
    /// At most so many; `None` is no limit.
    pub at_most: Option<u32>,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// Whose connections are meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Consumer {
    /// Every endpoint of an account.
    Account(AccountId),
    /// One endpoint.
    Endpoint(ResourceId),
    /// The topology's own account, for the endpoints to the service that the document itself declares.
    Own,
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "{account}"),
            Self::Endpoint(endpoint) => write!(f, "{endpoint}"),
            Self::Own => write!(f, "the endpoints of the topology itself"),
        }
    }
}

/// What becomes of a connection that is not allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Otherwise {
    /// A person decides.
    #[default]
    Hold,
    /// It is refused.
    Reject,
}
