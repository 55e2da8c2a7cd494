//! The part of EC2 that security groups live on, in memory: ids, canonical forms, limits and refusals as on AWS.
//!
//! Passes [`crate::contract::security_groups`], as the local cloud does.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeMap;
use topology::security_groups::{Direction, ObservedPeer, ObservedRule, Traffic};
use topology::{GroupName, Place, ResourceId, VpcId};

/// Rules a direction and address family, as the default quota has it.
pub const QUOTA: usize = 60;

/// One account and Region. A value: clone it to keep a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ec2 {
    place: Place,
    serial: u64,
    /// VPCs by id.
    pub vpcs: BTreeMap<VpcId, Vpc>,
    /// Groups by id.
    pub groups: BTreeMap<ResourceId, Group>,
    /// Rules by id, in the order in which they were made.
    pub rules: BTreeMap<ResourceId, Rule>,
    /// Rules a direction and address family.
    pub quota: usize,
    /// Groups of other accounts and prefix lists that may be referenced.
    pub elsewhere: Vec<ObservedPeer>,
    /// The maximum size of a prefix list, which is how many rules it counts as; one where nothing is said.
    pub list_sizes: BTreeMap<ResourceId, usize>,
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    /// Its primary range.
    pub cidr: Ipv4Net,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A security group without its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `GroupName`, unique in its VPC.
    pub name: GroupName,
    /// Where it is.
    pub vpc: VpcId,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The group that it belongs to.
    pub group: ResourceId,
    /// Which way.
    pub direction: Direction,
    /// What it admits.
    pub traffic: Traffic,
    /// From or to whom; a group's account is always there, as EC2 answers it.
    pub peer: ObservedPeer,
    /// Its description.
    pub description: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A permission as EC2 takes it: nothing is canonical yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// `tcp`, `6`, `-1`…
    pub protocol: String,
    /// `FromPort`, or an ICMP type.
    pub from: Option<i64>,
    /// `ToPort`, or an ICMP code.
    pub to: Option<i64>,
    /// The one peer.
    pub peer: Peer,
    /// The description.
    pub description: Option<String>,
}

/// The peer of a [`Permission`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// `CidrIp`, host bits allowed.
    CidrIp(String),
    /// `CidrIpv6`.
    CidrIpv6(String),
    /// `PrefixListId`.
    PrefixList(String),
    /// `UserIdGroupPairs`.
    Group {
        /// `UserId`.
        account: Option<String>,
        /// `GroupId`.
        id: String,
    },
}

impl Permission {
    /// TCP ports from or to an IPv4 range.
    pub fn tcp(from: i64, to: i64, cidr: &str) -> Self {
        let peer = if cidr.contains(':') { Peer::CidrIpv6(cidr.into()) } else { Peer::CidrIp(cidr.into()) };
        Self { protocol: "tcp".into(), from: Some(from), to: Some(to), peer, description: None }
    }

    /// The same from or to another peer.
    #[must_use]
    pub fn with_peer(self, peer: Peer) -> Self {
        Self { peer, ..self }
    }

    /// The same with a description.
    #[must_use]
    pub fn described(self, description: &str) -> Self {
        Self { description: Some(description.into()), ..self }
    }
}

/// A refusal: nothing of the call took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The EC2 error code.
    pub code: String,
    /// What EC2 says.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl Ec2 {
    /// An empty account and Region.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            serial: 0,
            vpcs: BTreeMap::new(),
            groups: BTreeMap::new(),
            rules: BTreeMap::new(),
            quota: QUOTA,
            elsewhere: vec![],
            list_sizes: BTreeMap::new(),
        }
    }

    /// Where this is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    fn id(&mut self, prefix: &str) -> String {
        self.serial += 1;
        format!("{prefix}-{:017x}", self.serial)
    }

    /// `CreateVpc`.
    ///
    /// # Errors
    /// `InvalidParameterValue` for what is no IPv4 range.
    pub fn create_vpc(&mut self, cidr: &str) -> Result<VpcId, Refusal> {
        let cidr = cidr.parse().map_err(|_| Refusal::new("InvalidParameterValue", format!("{cidr} is not a CIDR")))?;
        let id = VpcId::new(self.id("vpc"));
        self.vpcs.insert(id.clone(), Vpc { cidr, tags: BTreeMap::new() });
        Ok(id)
    }

    /// `CreateSecurityGroup`: the new group admits all outbound IPv4 traffic.
    ///
    /// # Errors
    /// `InvalidVpcID.NotFound`, `InvalidGroup.Duplicate`.
    pub fn create_group(&mut self, vpc: &VpcId, name: &str) -> Result<ResourceId, Refusal> {
        if !self.vpcs.contains_key(vpc) {
            return Err(Refusal::new("InvalidVpcID.NotFound", format!("The vpc ID '{vpc}' does not exist")));
        }
        if self.groups.values().any(|group| group.vpc == *vpc && group.name.as_str() == name) {
            let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
            return Err(Refusal::new("InvalidGroup.Duplicate", message));
        }
        let id = ResourceId::new(self.id("sg"));
        let group = Group { name: name.into(), vpc: vpc.clone(), tags: BTreeMap::new() };
        self.groups.insert(id.clone(), group);
        let all = Permission {
            protocol: "-1".into(),
            from: None,
            to: None,
            peer: Peer::CidrIp("0.0.0.0/0".into()),
            description: None,
        };
        self.authorize(&id, Direction::Egress, &[all])?;
        Ok(id)
    }

    /// `DeleteSecurityGroup`.
    ///
    /// # Errors
    /// `InvalidGroup.NotFound`; `DependencyViolation` while a rule of another group references it.
    pub fn delete_group(&mut self, id: &ResourceId) -> Result<(), Refusal> {
        self.group(id)?;
        let referenced =
            |rule: &Rule| rule.group != *id && matches!(&rule.peer, ObservedPeer::Group { id: peer, .. } if peer == id);
        if self.rules.values().any(referenced) {
            return Err(Refusal::new("DependencyViolation", format!("resource {id} has a dependent object")));
        }
        self.groups.remove(id);
        self.rules.retain(|_, rule| rule.group != *id);
        Ok(())
    }

    fn group(&self, id: &ResourceId) -> Result<&Group, Refusal> {
        let missing = || Refusal::new("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"));
        self.groups.get(id).ok_or_else(missing)
    }

    /// `AuthorizeSecurityGroupIngress` or `Egress`: every rule, or none. Answers the new ids in the order asked.
    ///
    /// # Errors
    /// `InvalidGroup.NotFound`, `InvalidPermission.Duplicate`, `RulesPerSecurityGroupLimitExceeded`,
    /// `InvalidParameterValue`, `InvalidPrefixListID.NotFound`.
    pub fn authorize(
        &mut self,
        group: &ResourceId,
        direction: Direction,
        permissions: &[Permission],
    ) -> Result<Vec<ResourceId>, Refusal> {
        self.group(group)?;
        if permissions.is_empty() {
            return Err(Refusal::new(
                "MissingParameter",
                "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided",
            ));
        }
        let mut after = self.clone();
        let mut made = vec![];
        for permission in permissions {
            let rule = after.rule(group, direction, permission)?;
            if after.rules.values().any(|other| same(other, &rule)) {
                let message = format!("the specified rule \"{} {}\" already exists", rule.traffic, rule.peer);
                return Err(Refusal::new("InvalidPermission.Duplicate", message));
            }
            let id = ResourceId::new(after.id("sgr"));
            after.rules.insert(id.clone(), rule);
            made.push(id);
        }
        after.within_quota(group, direction)?;
        *self = after;
        Ok(made)
    }

    fn within_quota(&self, group: &ResourceId, direction: Direction) -> Result<(), Refusal> {
        let (v4, v6) = self.count(group, direction);
        if v4 <= self.quota && v6 <= self.quota {
            return Ok(());
        }
        let message = "The maximum number of rules per security group has been reached.";
        Err(Refusal::new("RulesPerSecurityGroupLimitExceeded", message))
    }

    /// How many rules count against the quota, for IPv4 and for IPv6: referenced groups and prefix lists count in both,
    /// prefix lists by their size.
    pub fn count(&self, group: &ResourceId, direction: Direction) -> (usize, usize) {
        let rules = self.rules.values().filter(|rule| rule.group == *group && rule.direction == direction);
        rules.fold((0, 0), |(v4, v6), rule| match &rule.peer {
            ObservedPeer::Ipv4(_) => (v4 + 1, v6),
            ObservedPeer::Ipv6(_) => (v4, v6 + 1),
            ObservedPeer::PrefixList(id) => {
                let size = self.list_sizes.get(id).copied().unwrap_or(1);
                (v4 + size, v6 + size)
            }
            ObservedPeer::Group { .. } => (v4 + 1, v6 + 1),
        })
    }

    /// `RevokeSecurityGroupIngress` or `Egress` by rule id: every rule, or none.
    ///
    /// # Errors
    /// `InvalidGroup.NotFound`; `InvalidSecurityGroupRuleId.NotFound` when one id is not a rule of this group and direction.
    pub fn revoke(&mut self, group: &ResourceId, direction: Direction, ids: &[ResourceId]) -> Result<(), Refusal> {
        self.group(group)?;
        for id in ids {
            self.rule_of(group, direction, id)?;
        }
        for id in ids {
            self.rules.remove(id);
        }
        Ok(())
    }

    /// `DescribeSecurityGroupRules` of one group.
    ///
    /// # Errors
    /// `InvalidGroup.NotFound`.
    pub fn rules_of(&self, group: &ResourceId) -> Result<Vec<ObservedRule>, Refusal> {
        self.group(group)?;
        let rules = self.rules.iter().filter(|(_, rule)| rule.group == *group);
        let observed = |(id, rule): (&ResourceId, &Rule)| {
            let Rule { group: _, direction, traffic, peer, description, tags } = rule.clone();
            let home = self.groups.get(group).map(|group| &group.vpc);
            let peer_vpc = match &peer {
                ObservedPeer::Group { account: _, id } => self.groups.get(id).map(|peer| &peer.vpc),
                _ => None,
            };
            let peer_vpc = peer_vpc.filter(|vpc| Some(*vpc) != home).cloned();
            ObservedRule { id: id.clone(), direction, traffic, peer, peer_vpc, description, tags }
        };
        Ok(rules.map(observed).collect())
    }

    fn rule_of(&self, group: &ResourceId, direction: Direction, id: &ResourceId) -> Result<&Rule, Refusal> {
        let missing = || {
            let message = format!("The security group rule ID '{id}' does not exist");
            Refusal::new("InvalidSecurityGroupRuleId.NotFound", message)
        };
        self.rules.get(id).filter(|rule| rule.group == *group && rule.direction == direction).ok_or_else(missing)
    }

    /// `UpdateSecurityGroupRuleDescriptionsIngress` or `Egress` by rule id: every rule, or none. Empty text removes it.
    ///
    /// # Errors
    /// As [`Ec2::revoke`].
    pub fn redescribe(
        &mut self,
        group: &ResourceId,
        direction: Direction,
        descriptions: &[(ResourceId, String)],
    ) -> Result<(), Refusal> {
        self.group(group)?;
        for (id, _) in descriptions {
            self.rule_of(group, direction, id)?;
        }
        for (id, text) in descriptions {
            if let Some(rule) = self.rules.get_mut(id) {
                rule.description = Some(text.clone()).filter(|text| !text.is_empty());
            }
        }
        Ok(())
    }

    /// `ModifySecurityGroupRules` on one rule: the id stays, everything else is as given.
    ///
    /// # Errors
    /// As [`Ec2::authorize`] and [`Ec2::revoke`].
    pub fn modify(&mut self, group: &ResourceId, id: &ResourceId, permission: &Permission) -> Result<(), Refusal> {
        let direction = self.rules.get(id).map_or(Direction::Ingress, |rule| rule.direction);
        let tags = self.rule_of(group, direction, id)?.tags.clone();
        let rule = Rule { tags, ..self.rule(group, direction, permission)? };
        if self.rules.iter().any(|(other, existing)| other != id && same(existing, &rule)) {
            return Err(Refusal::new("InvalidPermission.Duplicate", "the specified rule already exists"));
        }
        let mut after = self.clone();
        after.rules.insert(id.clone(), rule);
        after.within_quota(group, direction)?;
        *self = after;
        Ok(())
    }

    /// The canonical rule of a permission.
    fn rule(&self, group: &ResourceId, direction: Direction, permission: &Permission) -> Result<Rule, Refusal> {
        let Permission { protocol, from, to, peer, description } = permission;
        let invalid = |message: String| Refusal::new("InvalidParameterValue", message);
        let traffic = Traffic::from_wire(protocol, *from, *to).map_err(|error| invalid(error.to_string()))?;
        let bad = |text: &String| invalid(format!("CIDR block {text} is malformed"));
        let peer = match peer {
            Peer::CidrIp(text) => ObservedPeer::Ipv4(text.parse::<Ipv4Net>().map_err(|_| bad(text))?.trunc()),
            Peer::CidrIpv6(text) => ObservedPeer::Ipv6(text.parse::<Ipv6Net>().map_err(|_| bad(text))?.trunc()),
            Peer::PrefixList(id) => {
                let peer = ObservedPeer::PrefixList(id.as_str().into());
                if !self.elsewhere.contains(&peer) {
                    return Err(Refusal::new(
                        "InvalidPrefixListID.NotFound",
                        format!("The prefix list ID '{id}' does not exist"),
                    ));
                }
                peer
            }
            Peer::Group { account, id } => {
                let own = self.place.account.as_str();
                let account = account.clone().unwrap_or_else(|| own.into());
                let id = ResourceId::from(id.as_str());
                let peer = ObservedPeer::Group { account: Some(account.as_str().into()), id: id.clone() };
                if account == own {
                    self.group(&id)?;
                } else if !self.elsewhere.contains(&peer) {
                    return Err(Refusal::new(
                        "InvalidGroup.NotFound",
                        format!("The security group '{id}' does not exist"),
                    ));
                }
                peer
            }
        };
        let description = description.clone().filter(|text| !text.is_empty());
        Ok(Rule { group: group.clone(), direction, traffic, peer, description, tags: BTreeMap::new() })
    }

    /// The ranges of every VPC.
    pub fn ranges(&self) -> Vec<IpNet> {
        self.vpcs.values().map(|vpc| IpNet::V4(vpc.cidr)).collect()
    }
}

/// Identity: everything but description and tags.
fn same(left: &Rule, right: &Rule) -> bool {
    let Rule { group, direction, traffic, peer, description: _, tags: _ } = left;
    *group == right.group && *direction == right.direction && *traffic == right.traffic && *peer == right.peer
}
