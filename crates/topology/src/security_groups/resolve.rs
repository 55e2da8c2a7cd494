//! From names to ids: what a declared peer is on AWS now.

use super::reach::group_peer;
use super::{DesiredPeer, DesiredVpc, ObservedPeer, ObservedVpc};
use crate::core::{GroupName, Place, ResourceId, Seen, Unseen, VpcId, VpcName};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// One VPC of a topology, declared and observed, with what is needed to compare the two.
pub(super) struct Context<'a> {
    pub(super) place: &'a Place,
    pub(super) name: &'a VpcName,
    pub(super) desired: &'a DesiredVpc,
    pub(super) observed: &'a ObservedVpc,
    pub(super) ranges: &'a [IpNet],
    /// The ids of the topology's VPCs, as far as they were seen.
    pub(super) vpcs: &'a BTreeSet<&'a VpcId>,
    /// Declared names by id, to show people what they wrote.
    names: BTreeMap<&'a ResourceId, &'a GroupName>,
}

/// A declared peer, looked up.
pub(super) enum Resolved {
    /// This is it.
    Known(ObservedPeer),
    /// It names an optional group that is absent: the rule does not count.
    Dropped,
    /// It names an optional group that is there, but nobody vouches for: the rule does not count.
    Distrusted(GroupName, ResourceId),
    /// It names a group that must be there and is not.
    Absent(GroupName),
    /// It names a group of which nobody knows now.
    Unknown(Unseen),
}

impl<'a> Context<'a> {
    pub(super) fn new(
        place: &'a Place,
        name: &'a VpcName,
        desired: &'a DesiredVpc,
        observed: &'a ObservedVpc,
        ranges: &'a [IpNet],
        vpcs: &'a BTreeSet<&'a VpcId>,
    ) -> Self {
        let ids = observed.ids.iter().filter_map(|(name, id)| Some((id.present()?, name)));
        let groups = observed.groups.iter().filter_map(|(name, group)| Some((&group.present()?.id, name)));
        Self { place, name, desired, observed, ranges, vpcs, names: ids.chain(groups).collect() }
    }

    /// What a declared peer is on AWS.
    pub(super) fn resolve(&self, peer: &DesiredPeer) -> Resolved {
        let own = &self.place.account;
        let name = match peer {
            DesiredPeer::Ipv4(net) => return Resolved::Known(ObservedPeer::Ipv4(net.trunc())),
            DesiredPeer::Ipv6(net) => return Resolved::Known(ObservedPeer::Ipv6(net.trunc())),
            DesiredPeer::PrefixList(id) => return Resolved::Known(ObservedPeer::PrefixList(id.clone())),
            DesiredPeer::GroupId { account, id } => return Resolved::Known(group_peer(account.as_ref(), id, own)),
            DesiredPeer::Group(name) => name,
        };
        match self.id(name) {
            Seen::Present(id) if self.distrusts(name) => Resolved::Distrusted(name.clone(), id),
            Seen::Present(id) => Resolved::Known(group_peer(None, &id, own)),
            Seen::Absent if self.desired.groups.get(name).is_some_and(|group| group.optional) => Resolved::Dropped,
            Seen::Absent => Resolved::Absent(name.clone()),
            Seen::Unknown(Unseen::Failed { retryable, why }) => Resolved::Unknown(Unseen::Failed {
                retryable,
                why: format!("the id of group {}/{name}: {why}", self.name),
            }),
            Seen::Unknown(Unseen::OutOfScope) => Resolved::Unknown(Unseen::Failed {
                retryable: true,
                why: format!("the id of group {}/{name} was not looked up", self.name),
            }),
        }
    }

    /// Whether a group may be somebody else's. An optional group is known by its name alone while it is absent, and whoever may
    /// make a group could take that name, and be admitted to all that names it, without the right to change a single rule.
    pub(super) fn distrusts(&self, name: &GroupName) -> bool {
        self.desired.groups.get(name).is_some_and(|group| group.optional) && !self.observed.stacked.contains(name)
    }

    fn id(&self, name: &GroupName) -> Seen<ResourceId> {
        match (self.observed.groups.get(name), self.observed.ids.get(name)) {
            (Some(Seen::Present(group)), _) => Seen::Present(group.id.clone()),
            (_, Some(id)) => id.clone(),
            (Some(Seen::Absent), None) => Seen::Absent,
            (Some(Seen::Unknown(unseen)), None) => Seen::Unknown(unseen.clone()),
            (None, None) => Seen::Unknown(Unseen::OutOfScope),
        }
    }

    /// A peer as people write it: declared groups by name.
    pub(super) fn show(&self, peer: &ObservedPeer, own: &ResourceId) -> String {
        match peer {
            ObservedPeer::Group { account: None, id } if id == own => "self".into(),
            ObservedPeer::Group { account: None, id } => {
                self.names.get(id).map_or_else(|| id.to_string(), |name| name.to_string())
            }
            other => other.to_string(),
        }
    }
}
