//! What AWS says of VPC endpoints and of what surrounds them.

use super::Policy;
use crate::core::{GroupName, ResourceId, Seen, ServiceName, StackId, VpcId, VpcName, ZoneLetter};
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Every managed VPC of the topology.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// By the VPC's name in the document; one that is not bound is left out.
    pub vpcs: BTreeMap<VpcName, Seen<ObservedVpc>>,
    /// For each endpoint service of the topology that a declared endpoint leads to: every service of the account whose tags say that
    /// it is the declared one.
    pub services: BTreeMap<ServiceName, Seen<Vec<ObservedService>>>,
}

/// One VPC. `Absent` stands for an answer without any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedVpc {
    /// Its id.
    pub id: VpcId,
    /// The CloudFormation stack in its `aws:cloudformation:stack-id` tag.
    pub stack: Option<StackId>,
    /// Every endpoint in it, whoever made it, in any state, as long as AWS shows it.
    pub endpoints: Seen<Vec<ObservedEndpoint>>,
    /// Every subnet in it.
    pub subnets: Seen<Vec<ObservedSubnet>>,
    /// Every route table in it. Described only where a gateway endpoint is declared.
    pub tables: Seen<Vec<ObservedTable>>,
    /// The security groups in it that declared endpoints have, and those that may reach them, by name. Described only where an
    /// interface endpoint is declared.
    pub groups: Seen<Vec<ObservedGroup>>,
    /// Its DNS attributes. Described only where private DNS is declared and off: AWS answers them one at a time.
    pub dns: Seen<Dns>,
}

/// The DNS attributes of a VPC: private DNS needs both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dns {
    /// `enableDnsSupport`.
    pub support: bool,
    /// `enableDnsHostnames`.
    pub hostnames: bool,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedEndpoint {
    /// `vpce-…`.
    pub id: ResourceId,
    /// The service's full name, such as `com.amazonaws.eu-west-1.s3`.
    pub service: String,
    /// Its kind.
    pub kind: Kind,
    /// Its state.
    pub state: EndpointState,
    /// `LastError`, in AWS's words.
    pub error: Option<String>,
    /// Gateway: its route tables.
    pub tables: BTreeSet<ResourceId>,
    /// Interface: its subnets.
    pub subnets: BTreeSet<ResourceId>,
    /// Interface: its security groups.
    pub groups: BTreeSet<ResourceId>,
    /// `PrivateDnsEnabled`.
    pub private_dns: bool,
    /// Its policy; `None`: AWS shows none, or none that can be read.
    pub policy: Option<Policy>,
    /// `RequesterManaged`: an AWS service keeps it for itself.
    pub managed: bool,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The CloudFormation stack in its `aws:cloudformation:stack-id` tag, which nobody but CloudFormation can write.
    pub stack: Option<StackId>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// The kind of an endpoint. One service may have endpoints of several kinds: S3 has both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Routes in route tables.
    Gateway,
    /// Network interfaces in subnets.
    Interface,
    /// One that nobody can declare.
    Other(String),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gateway => "gateway",
            Self::Interface => "interface",
            Self::Other(kind) => kind,
        })
    }
}

/// The state of an endpoint
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcEndpoint.html>).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointState {
    /// The owner of the service has not let it in yet.
    PendingAcceptance,
    /// On its way.
    Pending,
    /// It carries traffic.
    Available,
    /// On its way out.
    Deleting,
    /// Gone, and shown for a while.
    Deleted,
    /// The owner of the service refused it.
    Rejected,
    /// It never came up.
    Failed,
    /// The owner of the service never answered.
    Expired,
    /// In some of its subnets only.
    Partial,
    /// One that AWS has not documented.
    Other(String),
}

impl EndpointState {
    /// The state by AWS's word for it, in any case: the wire says `pendingAcceptance`, the documentation `PendingAcceptance`, and
    /// gateway endpoints `available` where interface endpoints said `Available`.
    pub fn from_wire(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "pendingacceptance" => Self::PendingAcceptance,
            "pending" => Self::Pending,
            "available" => Self::Available,
            "deleting" => Self::Deleting,
            "deleted" => Self::Deleted,
            "rejected" => Self::Rejected,
            "failed" => Self::Failed,
            "expired" => Self::Expired,
            "partial" => Self::Partial,
            _ => Self::Other(word.to_owned()),
        }
    }

    /// Whether it is gone, or on its way out.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Deleting | Self::Deleted)
    }

    /// Whether it will never carry traffic again by itself.
    pub fn is_dead(&self) -> bool {
        matches!(self, Self::Rejected | Self::Failed | Self::Expired)
    }
}

impl fmt::Display for EndpointState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PendingAcceptance => "pendingAcceptance",
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Partial => "partial",
            Self::Other(word) => word,
        })
    }
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
}

/// One route table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedTable {
    /// `rtb-…`.
    pub id: ResourceId,
    /// The subnets that are associated with it outright.
    pub subnets: BTreeSet<ResourceId>,
    /// The main one of the VPC, which also serves whatever is associated with no other.
    pub main: bool,
}

/// One security group: who is let in on 443.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedGroup {
    /// `sg-…`.
    pub id: ResourceId,
    /// Its name.
    pub name: GroupName,
    /// The sources of its rules that let HTTPS in.
    pub https: BTreeSet<Source>,
}

/// Whom a rule lets in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// An IPv4 range.
    Range(Ipv4Net),
    /// A group or a prefix list.
    Id(ResourceId),
}

/// An endpoint service of this account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedService {
    /// `vpce-svc-…`.
    pub id: ResourceId,
    /// Its full name.
    pub name: String,
    /// Its private DNS name, and whether AWS has verified that the domain is its owner's: before that no endpoint can have it.
    pub private_dns: Option<(String, bool)>,
    /// The CloudFormation stack in its `aws:cloudformation:stack-id` tag.
    pub stack: Option<StackId>,
}
