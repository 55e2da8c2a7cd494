//! What a topology says of its security groups, resolved.

use super::Traffic;
use crate::core::{AccountId, GroupName, ResourceId, VpcName};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeMap;
use std::fmt;

/// The declared groups of every VPC of a topology.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// By the VPC's name in the document.
    pub vpcs: BTreeMap<VpcName, DesiredVpc>,
    /// The address ranges of every VPC of the topology: what is inside. An undeclared source beyond them is an exposure.
    /// Empty: nobody said, and every private range counts as inside.
    pub ranges: Vec<IpNet>,
    /// The topology is retired: what is gone is not missed.
    pub retired: bool,
}

impl Desired {
    /// What is left to keep of a topology that is retired: its groups without the rules that name another of them. AWS deletes no
    /// group that a rule of another one names (`DependencyViolation`,
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html>), and the stack that deletes the groups knows
    /// nothing of the rules. Those that admit ranges go with their group and may be needed until then.
    pub fn retire(&mut self) {
        self.retired = true;
        for (name, group) in self.vpcs.values_mut().flat_map(|vpc| &mut vpc.groups) {
            for rules in [&mut group.ingress, &mut group.egress].into_iter().flatten() {
                rules.retain(|rule| !matches!(&rule.peer, DesiredPeer::Group(other) if other != name));
            }
        }
    }
}

/// The declared groups of one VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DesiredVpc {
    /// By group name.
    pub groups: BTreeMap<GroupName, DesiredGroup>,
    /// What to do about groups that the document does not name.
    pub undeclared: Undeclared,
}

/// What to do about groups in the VPC that the document does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Undeclared {
    /// Nothing.
    #[default]
    Ignore,
    /// Tell, as advice. Never changed.
    Report,
}

/// One declared group. A direction that is `None` is unmanaged; an empty list means no rule at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DesiredGroup {
    /// The group may be absent; rules that name it are then dropped.
    pub optional: bool,
    /// Declared inbound rules.
    pub ingress: Option<Vec<DesiredRule>>,
    /// Declared outbound rules.
    pub egress: Option<Vec<DesiredRule>>,
    /// Undeclared rules that other writers may keep here. Never covers public sources.
    pub foreign_rules: Vec<ForeignRule>,
}

/// One declared rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DesiredRule {
    /// What is admitted.
    pub traffic: Traffic,
    /// From or to whom.
    pub peer: DesiredPeer,
    /// The description; `None` leaves whatever is there.
    pub description: Option<String>,
}

/// The other end of a declared rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DesiredPeer {
    /// An IPv4 range, canonical (host bits cleared).
    Ipv4(Ipv4Net),
    /// An IPv6 range, canonical.
    Ipv6(Ipv6Net),
    /// A prefix list by id (`pl-…`).
    PrefixList(ResourceId),
    /// A group of the same VPC, by name; the group itself (`self`) is written so too.
    Group(GroupName),
    /// A group by id (`sg-…`, or `account/sg-…` across accounts).
    GroupId {
        /// The owner; `None` is the topology's own account.
        account: Option<AccountId>,
        /// The group's id.
        id: ResourceId,
    },
}

impl fmt::Display for DesiredPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(range) => write!(f, "{range}"),
            Self::Ipv6(range) => write!(f, "{range}"),
            Self::PrefixList(id) | Self::GroupId { account: None, id } => write!(f, "{id}"),
            Self::Group(name) => write!(f, "{name}"),
            Self::GroupId { account: Some(account), id } => write!(f, "{account}/{id}"),
        }
    }
}

/// A mark by which an undeclared rule is known to belong to another writer. All given parts must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForeignRule {
    /// The rule's description, with `*` for any run of characters.
    pub description: Option<String>,
    /// A tag of the rule: key, and value with `*` for any run of characters.
    pub tag: Option<(String, String)>,
    /// The referenced group: a declared group's name, or an id.
    pub group: Option<DesiredPeer>,
}
