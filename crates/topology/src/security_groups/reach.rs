//! Who can reach what through a rule: how far a source lies, and how two rules overlap.
//!
//! Two questions look alike and are not. [`covers`] must be certain: it lets an extra rule count as harmless. [`may_carry`] must
//! not miss anything: it makes a removal wait. Where membership or contents cannot be known (groups, prefix lists), the first
//! says no and the second says yes.

use super::{ObservedPeer, Ports, Protocol, RuleSpec, Traffic};
use crate::core::{AccountId, ResourceId, VpcId};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

/// IPv4 space that the Internet does not route to anybody: RFC 1918, RFC 6598 (carrier-grade NAT, used inside VPCs), loopback
/// and link-local. Everything else is public, ranges reserved for documentation included: a mistake must fall on that side.
const PRIVATE_V4: [(Ipv4Addr, u8); 6] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
];

/// The same for IPv6: unique local (RFC 4193), link-local and loopback. The global addresses of a VPC are public.
const PRIVATE_V6: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::LOCALHOST, 128),
];

/// How far away the sources of an undeclared inbound rule lie. Ordered: the greatest is the worst.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Inside the topology, or admitted by a declared rule anyway.
    Inside,
    /// Private addresses, or a group, beyond the topology's VPCs: a peered network, a VPN.
    Beyond,
    /// A group of another account.
    Foreign(AccountId),
    /// Public addresses, or a prefix list, which may hold them.
    Public,
}

impl Reach {
    /// Of a source, given the ranges and ids of the topology's VPCs. `vpc` is that of a referenced group, where AWS says it.
    pub(super) fn of(peer: &ObservedPeer, vpc: Option<&VpcId>, ranges: &[IpNet], vpcs: &BTreeSet<&VpcId>) -> Self {
        let net = match peer {
            ObservedPeer::Ipv4(net) => IpNet::V4(*net),
            ObservedPeer::Ipv6(net) => IpNet::V6(*net),
            ObservedPeer::PrefixList(_) => return Self::Public,
            ObservedPeer::Group { account: None, id: _ } if vpc.is_some_and(|vpc| !vpcs.contains(vpc)) => {
                return Self::Beyond;
            }
            ObservedPeer::Group { account: None, id: _ } => return Self::Inside,
            ObservedPeer::Group { account: Some(account), id: _ } => return Self::Foreign(account.clone()),
        };
        if ranges.iter().any(|range| range.contains(&net)) {
            Self::Inside
        } else if !is_private(net) {
            Self::Public
        } else if ranges.is_empty() {
            Self::Inside
        } else {
            Self::Beyond
        }
    }

    /// Why it is an exposure, in words; `None` when it is none.
    pub(super) fn exposure(&self) -> Option<String> {
        match self {
            Self::Inside => None,
            Self::Beyond => Some("undeclared reach from outside the topology".into()),
            Self::Foreign(account) => Some(format!("undeclared reach from account {account}")),
            Self::Public => Some("undeclared reach from public addresses".into()),
        }
    }
}

/// Whether a range lies wholly in private space. One that merely touches public space is public.
fn is_private(net: IpNet) -> bool {
    match net {
        IpNet::V4(net) => PRIVATE_V4
            .iter()
            .any(|(base, length)| Ipv4Net::new(*base, *length).is_ok_and(|private| private.contains(&net))),
        IpNet::V6(net) => PRIVATE_V6
            .iter()
            .any(|(base, length)| Ipv6Net::new(*base, *length).is_ok_and(|private| private.contains(&net))),
    }
}

/// Whether everything that `inner` admits is certainly admitted by `outer`, in the same direction.
pub(super) fn covers(outer: &RuleSpec, inner: &RuleSpec) -> bool {
    traffic_covers(outer.traffic, inner.traffic) && peer_covers(&outer.peer, &inner.peer)
}

/// Whether `extra` may admit some of what `declared` shall admit.
pub(super) fn may_carry(extra: &RuleSpec, declared: &RuleSpec, ranges: &[IpNet]) -> bool {
    traffic_overlap(extra.traffic, declared.traffic).is_some() && peers_may_overlap(&extra.peer, &declared.peer, ranges)
}

/// Whether `other` certainly admits all that `extra` carries of `declared`.
pub(super) fn carries_as_well(other: &RuleSpec, extra: &RuleSpec, declared: &RuleSpec) -> bool {
    traffic_overlap(extra.traffic, declared.traffic).is_none_or(|shared| traffic_covers(other.traffic, shared))
        && (peer_covers(&other.peer, &extra.peer) || peer_covers(&other.peer, &declared.peer))
}

/// How broad a rule is: greater is broader. Only for choosing which of several to remove first.
pub(super) fn breadth(spec: &RuleSpec) -> (u8, u8, u32) {
    let peer = match &spec.peer {
        ObservedPeer::Ipv4(net) => 32 - net.prefix_len(),
        // A /64 is one network: as broad as a single IPv4 address.
        ObservedPeer::Ipv6(net) => 64_u8.saturating_sub(net.prefix_len()),
        ObservedPeer::PrefixList(_) => 32,
        ObservedPeer::Group { account: _, id: _ } => 0,
    };
    let (protocols, ports) = match (spec.traffic.protocol, spec.traffic.ports) {
        (Protocol::All, _) => (1, u32::MAX),
        (_, Ports::All) => (0, 65_536),
        (_, Ports::Range { from, to }) => (0, u32::from(to - from.min(to)) + 1),
        (_, Ports::Icmp { kind: _, code: None }) => (0, 256),
        (_, Ports::Icmp { kind: _, code: Some(_) }) => (0, 1),
    };
    (peer, protocols, ports)
}

fn traffic_covers(outer: Traffic, inner: Traffic) -> bool {
    traffic_overlap(outer, inner) == Some(inner)
}

/// What both admit, if anything.
pub(super) fn traffic_overlap(left: Traffic, right: Traffic) -> Option<Traffic> {
    let protocol = match (left.protocol, right.protocol) {
        (Protocol::All, _) => return Some(right),
        (_, Protocol::All) => return Some(left),
        (one, other) if one == other => one,
        _ => return None,
    };
    let ports = match (left.ports, right.ports) {
        (Ports::All, ports) | (ports, Ports::All) => ports,
        (Ports::Range { from, to }, Ports::Range { from: first, to: last }) => {
            let (from, to) = (from.max(first), to.min(last));
            if from > to {
                return None;
            }
            Ports::Range { from, to }
        }
        (Ports::Icmp { kind, code }, Ports::Icmp { kind: other, code: second }) if kind == other => {
            match (code, second) {
                (None, code) | (code, None) => Ports::Icmp { kind, code },
                (Some(one), Some(two)) if one == two => Ports::Icmp { kind, code: Some(one) },
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(Traffic { protocol, ports })
}

fn peer_covers(outer: &ObservedPeer, inner: &ObservedPeer) -> bool {
    match (outer, inner) {
        (ObservedPeer::Ipv4(outer), ObservedPeer::Ipv4(inner)) => outer.contains(inner),
        (ObservedPeer::Ipv6(outer), ObservedPeer::Ipv6(inner)) => outer.contains(inner),
        (outer, inner) => outer == inner,
    }
}

fn peers_may_overlap(left: &ObservedPeer, right: &ObservedPeer, ranges: &[IpNet]) -> bool {
    match (left, right) {
        (ObservedPeer::Ipv4(left), ObservedPeer::Ipv4(right)) => left.contains(right) || right.contains(left),
        (ObservedPeer::Ipv6(left), ObservedPeer::Ipv6(right)) => left.contains(right) || right.contains(left),
        (ObservedPeer::Ipv4(_), ObservedPeer::Ipv6(_)) | (ObservedPeer::Ipv6(_), ObservedPeer::Ipv4(_)) => false,
        // Two groups may share members, but a rule for one was never written for the other.
        (ObservedPeer::Group { account: _, id: left }, ObservedPeer::Group { account: _, id: right }) => left == right,
        (ObservedPeer::Group { account, id: _ }, ObservedPeer::Ipv4(net))
        | (ObservedPeer::Ipv4(net), ObservedPeer::Group { account, id: _ }) => {
            may_hold_members(IpNet::V4(*net), account.as_ref(), ranges)
        }
        // The IPv6 ranges of VPCs are given by AWS and not declared: any may hold members.
        (ObservedPeer::Group { account: _, id: _ }, ObservedPeer::Ipv6(_))
        | (ObservedPeer::Ipv6(_), ObservedPeer::Group { account: _, id: _ }) => true,
        (ObservedPeer::PrefixList(_), _) | (_, ObservedPeer::PrefixList(_)) => true,
    }
}

/// Whether members of a group may have addresses in a range. A referenced group stands for private addresses only.
fn may_hold_members(net: IpNet, account: Option<&AccountId>, ranges: &[IpNet]) -> bool {
    let overlaps = |range: &IpNet| range.contains(&net) || net.contains(range);
    if account.is_none() && !ranges.is_empty() {
        return ranges.iter().any(overlaps);
    }
    PRIVATE_V4.iter().any(|(base, length)| Ipv4Net::new(*base, *length).is_ok_and(|it| overlaps(&IpNet::V4(it))))
}

/// A peer in the form in which two can be compared: the topology's own account is never spelled out.
pub(super) fn canonical<'a>(peer: &'a ObservedPeer, own: &AccountId) -> Cow<'a, ObservedPeer> {
    match peer {
        ObservedPeer::Ipv4(net) => Cow::Owned(ObservedPeer::Ipv4(net.trunc())),
        ObservedPeer::Ipv6(net) => Cow::Owned(ObservedPeer::Ipv6(net.trunc())),
        ObservedPeer::Group { account: Some(account), id } if account == own => Cow::Owned(group_peer(None, id, own)),
        ObservedPeer::PrefixList(_) | ObservedPeer::Group { account: _, id: _ } => Cow::Borrowed(peer),
    }
}

/// A referenced group, its account spelled out only when it is another one.
pub(super) fn group_peer(account: Option<&AccountId>, id: &ResourceId, own: &AccountId) -> ObservedPeer {
    ObservedPeer::Group { account: account.filter(|account| *account != own).cloned(), id: id.clone() }
}
