//! Gateways of ours that are not declared any more, and what all of it costs.

use super::cost::{Bill, monthly};
use super::facts::{Facts, Health};
use super::planner::{Builder, Rank};
use super::posts::Post;
use super::{Availability, Change, GatewayState, Gateways, ObservedGateway};
use crate::core::{Severity, Step};

/// Whether a gateway has a place: at a post, or in a declared zone to which traffic will come back.
fn has_a_place(facts: &Facts<'_>, posts: &[Post<'_>], gateway: &ObservedGateway) -> bool {
    let cut = facts.health(gateway) == Health::Cut;
    let at_post = |post: &Post<'_>| match post.keeper.or(post.coming) {
        Some(one) => one.id == gateway.id,
        // It is the one, once its subnet leads to the internet again.
        None => cut && post.zone.as_ref() == facts.zone(gateway),
    };
    let waits = match &facts.declared.gateways {
        Gateways::Zonal(zones) => {
            facts.zone(gateway).is_some_and(|zone| zones.contains(zone) && facts.away.contains_key(zone))
        }
        Gateways::Regional | Gateways::None => false,
    };
    posts.iter().any(at_post) || (waits && gateway.availability == Availability::Zonal)
}

fn surplus<'f>(facts: &'f Facts<'_>, posts: &'f [Post<'_>]) -> impl Iterator<Item = &'f ObservedGateway> {
    let there = |state| matches!(state, GatewayState::Pending | GatewayState::Available);
    facts.gateways.iter().copied().filter(move |gateway| {
        there(gateway.state) && facts.ours(&gateway.id, &gateway.tags) && !has_a_place(facts, posts, gateway)
    })
}

/// Deletes what is ours and has no place, once nothing leads to it and every post is manned: until then it may be needed.
pub(super) fn gateways(builder: &mut Builder<'_>, facts: &Facts<'_>, posts: &[Post<'_>]) {
    let manned = match facts.declared.gateways {
        Gateways::None => true,
        Gateways::Zonal(_) | Gateways::Regional => !posts.is_empty() && posts.iter().all(|post| post.keeper.is_some()),
    };
    for gateway in surplus(facts, posts) {
        let thing = builder.thing(&gateway.id, facts.label(facts.zone(gateway)));
        let others = facts.tables.iter().filter(|table| table.others.iter().any(|route| route.target == gateway.id));
        let others: Vec<&str> = others.map(|table| table.id.as_str()).collect();
        builder.drift(&thing, Severity::Drift, "it is not declared".into());
        if facts.routes_to(&gateway.id) == 0 {
            if manned {
                let change = Change::DeleteGateway { gateway: thing };
                builder.step(Rank::Remove, Step { stack: gateway.stack.clone(), ..Step::new(change) });
            }
        } else if !others.is_empty() {
            let why = format!("it is not declared, and routes of others lead to it, in {}", others.join(" and "));
            builder.held(&thing, why, "remove these routes, then it is deleted".into());
        }
    }
}

/// What the declaration changes in the monthly bill, against what is there now.
pub(super) fn bill(facts: &Facts<'_>, posts: &[Post<'_>]) -> Option<String> {
    let zones =
        facts.declared.routed.iter().map(|routed| &routed.zone).collect::<std::collections::BTreeSet<_>>().len();
    let each = |availability| match availability {
        Availability::Zonal => 1,
        Availability::Regional => i64::try_from(zones.max(1)).unwrap_or(1),
    };
    let missing = posts.iter().filter(|post| post.keeper.is_none() && post.coming.is_none());
    let new: i64 =
        missing.map(|post| each(if post.zone.is_some() { Availability::Zonal } else { Availability::Regional })).sum();
    let old: i64 = surplus(facts, posts).map(|gateway| each(gateway.availability)).sum();
    monthly(facts.name.as_str(), &facts.place.region, Bill { gateways: new - old, addresses: addresses(facts, posts) })
}

/// Addresses of ours that shall be there, less those that are.
fn addresses(facts: &Facts<'_>, posts: &[Post<'_>]) -> i64 {
    let Some(all) = &facts.addresses else { return 0 };
    let ours = all.iter().filter(|address| facts.ours(&address.allocation, &address.tags)).count();
    let zones: Vec<_> = match &facts.declared.gateways {
        Gateways::Zonal(zones) => zones.iter().chain(posts.iter().filter_map(|post| post.zone.as_ref())).collect(),
        Gateways::Regional | Gateways::None => vec![],
    };
    let needs = |zone: &&&crate::core::ZoneLetter| {
        // The keeper may be somebody else's, with an address that is not ours.
        let keeper = posts.iter().find(|post| post.zone.as_ref() == Some(**zone)).and_then(|post| post.keeper);
        let theirs = keeper.is_some_and(|keeper| !facts.ours(&keeper.id, &keeper.tags));
        !theirs && !facts.declared.addresses.contains_key(**zone)
    };
    let zones: std::collections::BTreeSet<_> = zones.iter().filter(needs).collect();
    i64::try_from(zones.len()).unwrap_or(0) - i64::try_from(ours).unwrap_or(0)
}
