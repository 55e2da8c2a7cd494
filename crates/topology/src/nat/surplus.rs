//! Gateways of ours that are not declared any more, and what all of it costs.

use super::cost::{Bill, monthly};
use super::facts::{BECAUSE, Facts, Health};
use super::planner::{Builder, Rank};
use super::posts::Post;
use super::{Availability, Change, GatewayState, Gateways, ObservedAddress, ObservedGateway, ObservedTable, addresses};
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

fn there(state: GatewayState) -> bool {
    matches!(state, GatewayState::Pending | GatewayState::Available)
}

fn surplus<'f>(facts: &'f Facts<'_>, posts: &'f [Post<'_>]) -> impl Iterator<Item = &'f ObservedGateway> {
    facts.gateways.iter().copied().filter(move |gateway| {
        there(gateway.state) && facts.ours(&gateway.id, &gateway.tags) && !has_a_place(facts, posts, gateway)
    })
}

/// Deletes what is ours and has no place, once nothing leads to it and every post is manned: until then it may be needed.
pub(super) fn gateways(builder: &mut Builder<'_>, facts: &Facts<'_>, posts: &[Post<'_>]) {
    let manned = match facts.declared.gateways {
        Gateways::None => true,
        Gateways::Zonal(_) | Gateways::Regional => {
            // Which one is needed cannot be told while it is not known which zones are left, and who has which address.
            let known = facts.away_known && facts.addresses.is_some();
            known && !posts.is_empty() && posts.iter().all(|post| post.keeper.is_some())
        }
    };
    untagged(builder, facts, posts);
    for gateway in surplus(facts, posts) {
        let thing = builder.thing(&gateway.id, facts.label(facts.zone(gateway)));
        let leads = |table: &&&ObservedTable| {
            let default = table.default.as_ref().is_some_and(|route| route.target == gateway.id);
            table.others.iter().any(|route| route.target == gateway.id) || default && !is_kept(facts, table)
        };
        let others = facts.tables.iter().filter(|table| facts.is_used(table)).filter(leads);
        let others: Vec<&str> = others.map(|table| table.id.as_str()).collect();
        let misfit = facts
            .zone(gateway)
            .filter(|_| !facts.suits(gateway))
            .filter(|zone| posts.iter().any(|post| post.zone.as_ref() == Some(*zone)));
        let summary = match misfit {
            Some(zone) => format!(
                "it has not the address that is declared for zone {zone}: it goes once another one has, and nothing leads to it"
            ),
            None => "it is not declared".to_owned(),
        };
        // One that stood in is over when its zone's time is, and no call says so.
        let stood_in = gateway.tags.get(BECAUSE).is_some_and(|why| why.starts_with("stands in"));
        let severity = if stood_in && misfit.is_none() { Severity::Advice } else { Severity::Drift };
        builder.drift(&thing, severity, summary);
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

/// Whether the default route of a table is looked after: it serves a declared subnet, or all of ours go.
fn is_kept(facts: &Facts<'_>, table: &ObservedTable) -> bool {
    let mut routed = facts.declared.routed.iter().filter_map(|routed| facts.table_of(&facts.at(routed.cidr)?.id));
    facts.declared.gateways == Gateways::None || routed.any(|(its, _)| its.id == table.id)
}

/// We made them, nobody needs them, and their tags say no more whose they are: they stay, and cost.
fn untagged(builder: &mut Builder<'_>, facts: &Facts<'_>, posts: &[Post<'_>]) {
    for gateway in facts.gateways.iter().copied() {
        let ours_once = facts.made_by_us(&gateway.id) && !facts.tagged(&gateway.tags);
        if ours_once && there(gateway.state) && !has_a_place(facts, posts, gateway) {
            let thing = builder.thing(&gateway.id, facts.label(facts.zone(gateway)));
            let summary = format!(
                "it is not declared; it is ours by the ledger, and its tags do not say so (any more): it is never deleted (if nobody \
                 needs it: aws ec2 delete-nat-gateway --nat-gateway-id {})",
                gateway.id
            );
            builder.drift(&thing, Severity::Advice, summary);
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
    monthly(
        facts.name.as_str(),
        &facts.place.region,
        Bill { gateways: new - old, addresses: more_addresses(facts, posts) },
    )
}

/// Addresses of ours that shall be there, less those that are.
fn more_addresses(facts: &Facts<'_>, posts: &[Post<'_>]) -> i64 {
    let Some(all) = &facts.addresses else { return 0 };
    let kept = addresses::kept(facts, posts);
    let goes = |address: &&&ObservedAddress| {
        let kept = kept.iter().any(|(_, kept)| kept.allocation == address.allocation);
        facts.ours(&address.allocation, &address.tags) && !facts.is_named(address) && !kept
    };
    let ours = all.iter().filter(goes).count();
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
