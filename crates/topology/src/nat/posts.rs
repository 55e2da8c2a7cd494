//! Where a gateway shall stand now, and which one stands there.

use super::facts::{Facts, Health};
use super::{Availability, Gateways, ObservedGateway};
use crate::core::{ResourceId, ZoneLetter};
use std::cmp::Reverse;

/// A place for one gateway.
pub(super) struct Post<'a> {
    /// Its zone; `None` for a regional gateway.
    pub(super) zone: Option<ZoneLetter>,
    /// The declared zone that it stands in for while that one is not to be relied upon.
    pub(super) stands_in_for: Option<ZoneLetter>,
    /// The gateway that is there and works.
    pub(super) keeper: Option<&'a ObservedGateway>,
    /// The gateway that is on its way, while none works.
    pub(super) coming: Option<&'a ObservedGateway>,
}

/// The posts of a VPC. A declared zone that is not to be relied upon has none: nothing is built there now. If no declared zone is left,
/// another one that could hold a gateway stands in.
pub(super) fn posts<'a>(facts: &Facts<'a>) -> Vec<Post<'a>> {
    match &facts.declared.gateways {
        Gateways::None => vec![],
        Gateways::Regional => vec![filled(facts, None, None)],
        Gateways::Zonal(zones) => {
            let here: Vec<_> = zones.iter().filter(|zone| !facts.away.contains_key(*zone)).collect();
            if here.is_empty() {
                return stand_in(facts, zones).into_iter().collect();
            }
            here.into_iter().map(|zone| filled(facts, Some(zone.clone()), None)).collect()
        }
    }
}

fn stand_in<'a>(facts: &Facts<'a>, zones: &[ZoneLetter]) -> Option<Post<'a>> {
    let instead = zones.first()?;
    let open = || facts.declared.homes.iter().map(|(zone, _)| zone).filter(|zone| !facts.away.contains_key(*zone));
    let post = |zone: &ZoneLetter| filled(facts, Some(zone.clone()), Some(instead.clone()));
    let manned = open().map(post).find(|post| post.keeper.is_some() || post.coming.is_some());
    manned.or_else(|| open().map(post).next())
}

fn filled<'a>(facts: &Facts<'a>, zone: Option<ZoneLetter>, stands_in_for: Option<ZoneLetter>) -> Post<'a> {
    let here = |gateway: &&ObservedGateway| match &zone {
        Some(zone) => {
            gateway.availability == Availability::Zonal
                && facts.zone(gateway) == Some(zone)
                && (stands_in_for.is_some() || facts.suits(gateway))
        }
        None => gateway.availability == Availability::Regional,
    };
    let of =
        |health| facts.gateways.iter().copied().filter(here).filter(move |gateway| facts.health(gateway) == health);
    // One of ours rather than somebody else's, which may go at any time; among these the one that carries routes.
    let worth = |gateway: &&ObservedGateway| {
        (facts.ours(&gateway.id, &gateway.tags), facts.routes_to(&gateway.id), Reverse(gateway.id.clone()))
    };
    let keeper = of(Health::Good).max_by_key(worth);
    let coming = of(Health::Coming).max_by_key(worth).filter(|_| keeper.is_none());
    Post { zone, stands_in_for, keeper, coming }
}

/// The post that serves a zone.
pub(super) fn serving<'p, 'a>(facts: &Facts<'a>, posts: &'p [Post<'a>], zone: &ZoneLetter) -> Option<&'p Post<'a>> {
    match &facts.declared.gateways {
        Gateways::Zonal(zones) if zones.len() > 1 => posts.iter().find(|post| post.zone.as_ref() == Some(zone)),
        Gateways::Zonal(_) | Gateways::Regional | Gateways::None => posts.first(),
    }
}

/// The best way out of a zone that there is now: its own, then one nearby, then any that works, then one that works where it is not to
/// be relied upon.
pub(super) fn best<'a>(facts: &Facts<'a>, posts: &[Post<'a>], zone: &ZoneLetter) -> Option<&'a ObservedGateway> {
    let all = || facts.gateways.iter().copied();
    let of = |health| all().filter(move |gateway| facts.health(gateway) == health);
    let near = |gateway: &&ObservedGateway| facts.zone(gateway) == Some(zone);
    serving(facts, posts, zone)
        .and_then(|post| post.keeper)
        .or_else(|| of(Health::Good).find(near))
        .or_else(|| posts.iter().find_map(|post| post.keeper))
        .or_else(|| of(Health::Good).next())
        .or_else(|| of(Health::Away).find(near))
        .or_else(|| of(Health::Away).next())
}

/// A gateway that served a zone and is lost; not one that we took away ourselves, and not one that never came up.
pub(super) fn lost(facts: &Facts<'_>, zone: Option<&ZoneLetter>) -> Option<ResourceId> {
    let kind = if zone.is_some() { Availability::Zonal } else { Availability::Regional };
    let was = |gateway: &&&ObservedGateway| {
        let gone = match facts.health(gateway) {
            Health::Gone => gateway.failure.is_none() && gateway.public && !facts.removed_by_us(&gateway.id),
            Health::Cut => true,
            Health::Good | Health::Away | Health::Coming | Health::Failed | Health::Private => false,
        };
        gone && gateway.availability == kind && facts.zone(gateway) == zone
    };
    let shown = facts.gateways.iter().filter(was).max_by_key(|gateway| (gateway.created, &gateway.id));
    shown.map(|gateway| gateway.id.clone()).or_else(|| {
        // AWS shows a deleted gateway for an hour; a route that leads to it stays.
        let behind = facts.declared.routed.iter().filter(|routed| zone.is_none_or(|zone| routed.zone == *zone));
        let tables = behind.filter_map(|routed| facts.table_of(&facts.at(routed.cidr)?.id));
        let mut targets = tables.filter_map(|(table, _)| Some(&table.default.as_ref()?.target));
        let gone = |id: &&ResourceId| {
            id.as_str().starts_with("nat-") && facts.gateway(id).is_none() && !facts.removed_by_us(id)
        };
        targets.find(gone).cloned()
    })
}
