//! What AWS says of security groups.

use super::{Direction, Traffic};
use crate::core::{AccountId, GroupName, ResourceId, Seen, StackId, VpcId, VpcName};
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Every VPC of the topology.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// By the VPC's name in the document.
    pub vpcs: BTreeMap<VpcName, Seen<ObservedVpc>>,
}

/// The groups of one VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedVpc {
    /// Its id.
    pub id: VpcId,
    /// Declared groups by name. A group out of scope is `Unknown(OutOfScope)`; its id may still be in `ids`.
    pub groups: BTreeMap<GroupName, Seen<ObservedGroup>>,
    /// The id of each declared group by name: needed by rules that reference a group that is itself out of scope.
    pub ids: BTreeMap<GroupName, Seen<ResourceId>>,
    /// Declared groups that carry the `aws:cloudformation:stack-id` tag, in scope or not. Only CloudFormation can write it, so
    /// that it tells a declared group from one that somebody made under its name.
    pub stacked: BTreeSet<GroupName>,
    /// Groups that the document does not name; filled only when it asks for a report.
    pub undeclared: Vec<UndeclaredGroup>,
}

/// One group with all of its rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedGroup {
    /// Its id.
    pub id: ResourceId,
    /// Its rules in both directions, in any order.
    pub rules: Vec<ObservedRule>,
    /// The CloudFormation stack in its `aws:cloudformation:stack-id` tag.
    pub stack: Option<StackId>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// One rule as AWS keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedRule {
    /// `sgr-…`.
    pub id: ResourceId,
    /// Which way.
    pub direction: Direction,
    /// What is admitted, canonical.
    pub traffic: Traffic,
    /// From or to whom.
    pub peer: ObservedPeer,
    /// The VPC of a referenced group, where AWS says it: it does when that is another one, reached by peering. Not identity.
    pub peer_vpc: Option<VpcId>,
    /// Its description, if any.
    pub description: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// The other end of a rule as AWS keeps it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObservedPeer {
    /// An IPv4 range.
    Ipv4(Ipv4Net),
    /// An IPv6 range.
    Ipv6(Ipv6Net),
    /// A prefix list.
    PrefixList(ResourceId),
    /// A referenced group.
    Group {
        /// Its owner; `None` when AWS does not say (the topology's own account).
        account: Option<AccountId>,
        /// Its id.
        id: ResourceId,
    },
}

impl fmt::Display for ObservedPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(range) => write!(f, "{range}"),
            Self::Ipv6(range) => write!(f, "{range}"),
            Self::PrefixList(id) | Self::Group { account: None, id } => write!(f, "{id}"),
            Self::Group { account: Some(account), id } => write!(f, "{account}/{id}"),
        }
    }
}

/// A group that the document does not name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndeclaredGroup {
    /// Its id.
    pub id: ResourceId,
    /// Its name.
    pub name: GroupName,
}
