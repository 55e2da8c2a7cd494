//! The addresses of gateways: which one to use, and which one to give back.

use super::facts::{Facts, Health, ZONE};
use super::making::Replayed;
use super::planner::{Builder, Rank};
use super::posts::Post;
use super::{Change, Gateways, ObservedAddress, ObservedGateway};
use crate::core::{ResourceId, Severity, Step, ZoneLetter};
use std::collections::BTreeSet;

/// How a new gateway comes by its address.
pub(super) enum Way {
    /// This one is free.
    Use(ResourceId),
    /// None is there.
    Allocate,
    /// The right one is not free yet.
    Wait(String),
    /// A person must see to it.
    Held(String, String),
    /// It is not known which there are.
    Unseen,
}

/// The address that is declared for a zone; else the one that we have for it, which partners may have let in; else a new one.
pub(super) fn way(facts: &Facts<'_>, zone: &ZoneLetter, replayed: &Replayed) -> Way {
    let Some(addresses) = &facts.addresses else { return Way::Unseen };
    match facts.declared_address(zone) {
        Some(Ok(address)) => return declared(facts, address),
        Some(Err(why)) => {
            return Way::Held(why, format!("correct `nat.addresses` of zone {zone}, or make the address"));
        }
        None => {}
    }
    if replayed.addresses.contains(zone.as_str()) {
        return Way::Wait(format!("the address of zone {zone} is on its way into the ledger"));
    }
    if let Some(address) = spare(facts, zone) {
        return Way::Use(address.allocation.clone());
    }
    let ours = || addresses.iter().copied().filter(|address| is_for(facts, address, zone));
    // It becomes free when its gateway is gone. One that somebody put to another use is not waited for.
    let leaving = ours().filter(|address| !is_elsewhere(address)).find_map(|address| {
        let gateway = users(facts, address).find(|gateway| is_leaving(facts, gateway))?;
        Some(Way::Wait(format!("{} gives its address back when it is gone", gateway.id)))
    });
    leaving.unwrap_or(Way::Allocate)
}

/// Whether a post lacks a gateway for want of an address.
pub(super) fn lacks(facts: &Facts<'_>, post: &Post<'_>, replayed: &Replayed) -> bool {
    let empty = post.keeper.is_none() && post.coming.is_none();
    empty && post.zone.as_ref().is_some_and(|zone| matches!(way(facts, zone, replayed), Way::Allocate))
}

fn declared(facts: &Facts<'_>, address: &ObservedAddress) -> Way {
    if address.association.is_none() {
        return Way::Use(address.allocation.clone());
    }
    let users: Vec<&ObservedGateway> = users(facts, address).collect();
    let used = match users.iter().find(|gateway| !matches!(facts.health(gateway), Health::Gone | Health::Failed)) {
        Some(gateway) => gateway.id.to_string(),
        None => match users.first() {
            Some(gateway) if !is_elsewhere(address) => {
                return Way::Wait(format!("{} gives its address back when it is gone", gateway.id));
            }
            _ => address.user.as_ref().map_or_else(|| "something else".to_owned(), ToString::to_string),
        },
    };
    let association = address.association.as_ref().map_or("", ResourceId::as_str);
    // A gateway never lets go of its first address.
    let remedy = match used.starts_with("nat-") {
        true => format!(
            "name another under `nat.addresses`, or take that gateway away (its routes move to another one first): aws ec2 \
             delete-nat-gateway --nat-gateway-id {used}"
        ),
        false => format!(
            "free it (aws ec2 disassociate-address --association-id {association}), or name another under `nat.addresses`"
        ),
    };
    let why = format!("{} ({}) is declared for the gateway, and {used} uses it", address.public_ip, address.allocation);
    Way::Held(why, remedy)
}

fn is_leaving(facts: &Facts<'_>, gateway: &ObservedGateway) -> bool {
    match facts.health(gateway) {
        Health::Gone => true,
        // Ours is cleaned away; somebody else's goes by itself within the hour.
        Health::Failed => facts.ours(&gateway.id, &gateway.tags),
        Health::Good | Health::Away | Health::Coming | Health::Cut | Health::Private => false,
    }
}

/// Whether an instance has it, which no gateway is.
fn is_elsewhere(address: &ObservedAddress) -> bool {
    address.user.as_ref().is_some_and(|user| user.as_str().starts_with("i-"))
}

/// Whether we made it for a zone. Only what the document does not name: that has its place.
fn is_for(facts: &Facts<'_>, address: &ObservedAddress, zone: &ZoneLetter) -> bool {
    facts.made_by_us(&address.allocation)
        && !facts.is_named(address)
        && zone_of(facts, address).is_some_and(|its| its == *zone)
}

/// The zone that an address of ours is for: where its last gateway of ours stands; else what its tags say. Anybody who may change tags
/// could have partners lose the address that they let in.
fn zone_of(facts: &Facts<'_>, address: &ObservedAddress) -> Option<ZoneLetter> {
    let last = users(facts, address)
        .filter(|gateway| facts.made_by_us(&gateway.id))
        .max_by_key(|gateway| (gateway.created, &gateway.id))
        .and_then(|gateway| facts.zone(gateway));
    let said =
        || address.tags.get(ZONE).filter(|_| facts.tagged(&address.tags)).map(|zone| ZoneLetter::new(zone.as_str()));
    last.cloned().or_else(said)
}

/// The address of ours that waits for the next gateway of a zone: the one that was used last.
fn spare<'a>(facts: &Facts<'a>, zone: &ZoneLetter) -> Option<&'a ObservedAddress> {
    let all = facts.addresses.iter().flatten().copied();
    let free = all.filter(|address| address.association.is_none() && is_for(facts, address, zone));
    free.max_by_key(|address| (users(facts, address).map(|gateway| gateway.created).max(), &address.allocation))
}

/// Addresses of ours that are kept although nothing of ours uses them, each with its zone: somebody else's gateway may go at any time,
/// and partners let these in.
pub(super) fn kept<'a>(facts: &Facts<'a>, posts: &[Post<'_>]) -> Vec<(ZoneLetter, &'a ObservedAddress)> {
    let theirs = posts.iter().filter(|post| post.keeper.is_some_and(|keeper| !facts.made_by_us(&keeper.id)));
    let zones = theirs.filter_map(|post| post.zone.clone());
    zones
        .filter(|zone| !facts.declared.addresses.contains_key(zone))
        .filter_map(|zone| Some((zone.clone(), spare(facts, &zone)?)))
        .collect()
}

/// The gateways that AWS shows with an address, whatever became of them.
fn users<'a>(facts: &Facts<'a>, address: &ObservedAddress) -> impl Iterator<Item = &'a ObservedGateway> {
    let allocation = address.allocation.clone();
    let has = move |gateway: &&ObservedGateway| {
        gateway.addresses.iter().any(|used| used.allocation.as_ref() == Some(&allocation))
    };
    facts.gateways.iter().copied().filter(has).collect::<Vec<_>>().into_iter()
}

/// Gives back what is ours, free, and not kept for a gateway that shall come.
pub(super) fn release(builder: &mut Builder<'_>, facts: &Facts<'_>, posts: &[Post<'_>], replayed: &Replayed) {
    let mut kept: BTreeSet<&ZoneLetter> = posts
        .iter()
        .filter(|post| post.keeper.is_none())
        .filter_map(|post| post.zone.as_ref())
        .filter(|zone| !facts.declared.addresses.contains_key(*zone))
        .collect();
    if let Gateways::Zonal(zones) = &facts.declared.gateways {
        // Its gateway may come to need it again when the zone may be relied upon.
        kept.extend(zones.iter().filter(|zone| facts.away.contains_key(*zone)));
    }
    let spares = self::kept(facts, posts);
    for (zone, address) in &spares {
        builder.note(format!(
            "{}: {} ({}) is kept for {}, which somebody else's gateway serves",
            facts.name,
            address.public_ip,
            address.allocation,
            facts.label(Some(zone))
        ));
    }
    for address in facts.addresses.iter().flatten().copied() {
        let is_spare = spares.iter().any(|(_, spare)| spare.allocation == address.allocation);
        if is_spare || facts.is_named(address) || replayed.allocations.contains(&address.allocation) {
            continue;
        }
        if !facts.ours(&address.allocation, &address.tags) {
            untagged(builder, facts, address);
            continue;
        }
        // Which one is needed cannot be told while it is not known which zones are left.
        if !facts.away_known && matches!(facts.declared.gateways, Gateways::Zonal(_)) {
            continue;
        }
        let zone = zone_of(facts, address);
        if kept.iter().any(|kept| Some(*kept) == zone.as_ref()) {
            continue;
        }
        let thing = builder.thing(&address.allocation, facts.label(zone.as_ref()));
        let mut users = users(facts, address).filter(|gateway| facts.health(gateway) != Health::Gone);
        if address.association.is_none() && users.next().is_none() {
            // What was done before left it over: no call of anybody else's is behind it.
            builder.drift(&thing, Severity::Advice, format!("nothing uses its address {} any more", address.public_ip));
            let change = Change::ReleaseAddress { address: thing, public_ip: address.public_ip.clone() };
            builder.step(Rank::Remove, Step::new(change));
        } else if users.next().is_none()
            && let Some(gateway) = self::users(facts, address).find(|gateway| is_leaving(facts, gateway))
        {
            builder.soon(format!("{} gives its address back when it is gone", gateway.id));
        }
    }
}

/// We made it, and its tags say no more whose it is: it stays, and costs. Said in one VPC: nobody knows which one it was made for.
fn untagged(builder: &mut Builder<'_>, facts: &Facts<'_>, address: &ObservedAddress) {
    let first = facts.desired.vpcs.keys().next() == Some(facts.name);
    let another = facts.desired.vpcs.keys().any(|vpc| facts.tagged_for(vpc, &address.tags));
    let unused = address.association.is_none() && users(facts, address).next().is_none();
    if !first || another || !unused || !facts.made_by_us(&address.allocation) {
        return;
    }
    let thing = builder.thing(&address.allocation, facts.name.to_string());
    let summary = format!(
        "{} is ours by the ledger, and its tags do not say so (any more): it is never released (if nobody needs it: aws ec2 \
         release-address --allocation-id {})",
        address.public_ip, address.allocation
    );
    builder.drift(&thing, Severity::Advice, summary);
}
