//! The routes of the tables that are kept.

use super::facts::{Facts, Seat, label};
use super::planner::{Builder, Rank};
use super::reach::{DEFAULT, Is, default_of, judge, kept, may, overlap};
use super::{Change, DesiredSubnet, LOCAL, ObservedRoute, ObservedTable};
use crate::core::{ResourceId, Severity, Step, Thing};
use crate::network::{Route, TargetKind};
use std::collections::{BTreeMap, BTreeSet};

/// A table that is kept, and what was planned for it so far.
pub(super) struct Kept<'a> {
    pub(super) table: &'a ObservedTable,
    /// Whose own it is: all of these are declared alike.
    pub(super) tier: &'a DesiredSubnet,
    pub(super) thing: Thing,
    /// The steps that close ways which its subnets must not have.
    pub(super) contains: Vec<usize>,
    /// It has such a way, which is not ours to close.
    pub(super) stays_open: bool,
    /// Its default route is `nat`'s now, and not what its own subnets need.
    pub(super) unfit: bool,
    /// Routes that were decided about.
    settled: BTreeSet<&'a str>,
}

pub(super) type AllKept<'a> = BTreeMap<&'a ResourceId, Kept<'a>>;

/// Closes what must not be open.
pub(super) fn contain<'a>(builder: &mut Builder<'a>, facts: &Facts<'a>, seats: &[Seat<'a>]) -> AllKept<'a> {
    let mut all = AllKept::new();
    for seat in seats {
        let Some(table) = seat.kept() else { continue };
        let name = label(facts.name, seat.tier);
        match all.get_mut(&table.id) {
            Some(known) => known.thing.name = format!("{}+{}-{}", known.thing.name, seat.tier.tier, seat.tier.zone),
            None => {
                let kept = Kept {
                    table,
                    tier: seat.tier,
                    thing: builder.thing(&table.id, name),
                    contains: vec![],
                    stays_open: false,
                    unfit: false,
                    settled: BTreeSet::new(),
                };
                all.insert(&table.id, kept);
            }
        }
    }
    for kept in all.values_mut() {
        let nats = facts.is_nats(kept.table);
        kept.unfit = nats && kept.tier.route != Route::Isolated && !leads_out(facts, kept.tier.route, kept.table);
        for route in &kept.table.routes {
            close(builder, facts, seats, kept, route, nats);
        }
    }
    all
}

fn close<'a>(
    builder: &mut Builder<'a>,
    facts: &Facts<'a>,
    seats: &[Seat<'a>],
    kept: &mut Kept<'a>,
    route: &'a ObservedRoute,
    nats: bool,
) {
    let is = judge(facts, kept.tier, route);
    let open = matches!(is, Is::Undeclared(Severity::Exposure) | Is::Astray { to: _, severity: Severity::Exposure });
    if route.destination == DEFAULT && nats {
        // `nat` closes it, or moves it, or wants it so: for a subnet that uses this table now.
        kept.stays_open |= open;
        kept.settled.insert(&route.destination);
        return;
    }
    if !open {
        return;
    }
    kept.settled.insert(&route.destination);
    let summary = match &is {
        Is::Astray { to, .. } => format!("{} leads to {}, not to {to}", route.destination, route.target),
        _ => format!("{} leads to {}: {}", route.destination, route.target, forbidden(kept.tier, route)),
    };
    builder.drift(&kept.thing, Severity::Exposure, summary);
    let instead = match is {
        Is::Astray { to, .. } => Some(to),
        // The way out that a subnet of this tier has where it is now.
        _ if route.destination == DEFAULT && kept.tier.route == Route::Nat => fallback(facts, seats, kept.table),
        _ => None,
    };
    let (table, destination) = (kept.thing.clone(), route.destination.clone());
    let all_may = |to: &ResourceId| users(facts, seats, kept.table).all(|seat| may(facts, seat.tier, &destination, to));
    let change = match instead.filter(all_may) {
        Some(to) => Change::ReplaceRoute { table, destination, from: route.target.clone(), back: false, to },
        None => Change::DeleteRoute { table, destination, target: route.target.clone(), back: false },
    };
    let caveat = Some("established flows by this route break".to_owned());
    let stack = kept.table.stack.clone();
    let step = Step { contains: true, stack, caveat, ..Step::new(change) };
    kept.contains.push(builder.step(Rank::Contain, step));
}

/// Why a route is an exposure.
fn forbidden(tier: &DesiredSubnet, route: &ObservedRoute) -> String {
    let what = match TargetKind::of(route.target.as_str()) {
        Some(TargetKind::NatGateway) => "a way out to the internet",
        Some(TargetKind::EgressOnlyInternetGateway) => "a way out to the internet over IPv6",
        _ if route.destination.contains(':') => "a way in from the internet over IPv6",
        _ => "a way in from the internet",
    };
    let route = match tier.route {
        Route::Internet => "internet",
        Route::Nat => "nat",
        Route::Isolated => "isolated",
    };
    format!("{what} that `route: {route}` does not give")
}

/// The declared subnets that use a table.
fn users<'s, 'a>(
    facts: &'s Facts<'a>,
    seats: &'s [Seat<'a>],
    table: &'s ObservedTable,
) -> impl Iterator<Item = &'s Seat<'a>> {
    let ids: BTreeSet<&ResourceId> = facts.users(table).map(|subnet| &subnet.id).collect();
    seats.iter().filter(move |seat| ids.contains(&seat.subnet.id))
}

/// Where the subnets of a table that none of them uses now go out.
fn fallback(facts: &Facts<'_>, seats: &[Seat<'_>], table: &ObservedTable) -> Option<ResourceId> {
    let owners = seats.iter().filter(|seat| seat.kept().is_some_and(|kept| kept.id == table.id) && !seat.is_home());
    owners.filter_map(|seat| facts.way_out(seat.now?)).map(|route| route.target.clone()).next()
}

/// A route that shall be there.
struct Wanted<'a> {
    destination: String,
    to: ResourceId,
    /// The one that leads elsewhere.
    instead_of: Option<&'a ObservedRoute>,
    summary: String,
}

/// Restores what is declared, and takes away what is not. `moves`: the step that takes each subnet home.
pub(super) fn restore<'a>(
    builder: &mut Builder<'a>,
    facts: &Facts<'a>,
    seats: &[Seat<'a>],
    all: &mut AllKept<'a>,
    moves: &BTreeMap<&'a ResourceId, usize>,
    attached: Option<usize>,
) {
    for kept in all.values() {
        let nats = facts.is_nats(kept.table);
        let mut restored: Vec<(usize, String)> = vec![];
        for wanted in wanted(facts, seats, kept, nats) {
            builder.drift(&kept.thing, Severity::Drift, wanted.summary.clone());
            let step = restore_one(builder, facts, seats, kept, &wanted, moves);
            let Some(step) = step else { continue };
            if let Some(attached) = attached.filter(|_| facts.internet.as_ref() == Some(&wanted.to)) {
                builder.needs(step, attached);
            }
            restored.push((step, wanted.destination));
        }
        let default = restored.iter().find(|(_, destination)| destination == DEFAULT).map(|(step, _)| *step);
        if let Some(default) = default {
            link(builder, facts, seats, kept, moves, default);
        }
        let lost = nats && kept.tier.route == Route::Nat && !has_default(facts, kept);
        for route in &kept.table.routes {
            if !kept.settled.contains(route.destination.as_str())
                && judge(facts, kept.tier, route) == Is::Undeclared(Severity::Drift)
            {
                // It may be all that leads out until `nat` has its route back.
                let carries = lost && !route.blackhole && overlap(&route.destination, DEFAULT);
                take_away(builder, kept, route, &restored, carries);
            }
        }
    }
}

fn wanted<'a>(facts: &Facts<'a>, seats: &[Seat<'a>], kept: &Kept<'a>, nats: bool) -> Vec<Wanted<'a>> {
    let Kept { table, tier, thing: _, contains: _, stays_open: _, unfit: _, settled } = kept;
    let mut all = vec![];
    for route in &table.routes {
        let Is::Astray { to, severity: Severity::Drift } = judge(facts, tier, route) else { continue };
        if settled.contains(route.destination.as_str()) {
            continue;
        }
        let gone = if route.blackhole { ", which is gone" } else { "" };
        let summary = match to.as_str() {
            LOCAL => format!("{}, a range of the VPC itself, leads to {}{gone}", route.destination, route.target),
            _ => format!("{} leads to {}{gone}, not to {to}", route.destination, route.target),
        };
        all.push(Wanted { destination: route.destination.clone(), to, instead_of: Some(route), summary });
    }
    let there = |destination: &str| table.routes.iter().any(|route| route.destination == destination);
    let default = default_of(table).filter(|_| !settled.contains(DEFAULT));
    match tier.route {
        Route::Internet if !nats && !there(DEFAULT) => {
            if let Some(gateway) = &facts.internet {
                let summary = "no route leads out: there is no default route".to_owned();
                all.push(Wanted { destination: DEFAULT.into(), to: gateway.clone(), instead_of: None, summary });
            }
        }
        Route::Nat if facts.declared.nat && !nats && !settled.contains(DEFAULT) => {
            let works = default.is_some_and(|route| route.target.as_str().starts_with("nat-") && !route.blackhole);
            if let Some(to) = fallback(facts, seats, table).filter(|_| !works) {
                let summary = format!("its subnet goes out through {to} by another table, and not by this one");
                let instead_of = default.filter(|route| route.origin == super::Origin::Written);
                if default.is_none() || instead_of.is_some() {
                    all.push(Wanted { destination: DEFAULT.into(), to, instead_of, summary });
                }
            }
        }
        Route::Internet | Route::Nat | Route::Isolated => {}
    }
    for (destination, to) in tier.extra.iter().filter_map(self::kept).filter(|(destination, _)| !there(destination)) {
        let summary = format!("no route leads to {destination} through {to}");
        all.push(Wanted { destination: destination.clone(), to: to.clone(), instead_of: None, summary });
    }
    all
}

fn restore_one(
    builder: &mut Builder<'_>,
    facts: &Facts<'_>,
    seats: &[Seat<'_>],
    kept: &Kept<'_>,
    wanted: &Wanted<'_>,
    moves: &BTreeMap<&ResourceId, usize>,
) -> Option<usize> {
    let Wanted { destination, to, instead_of, summary } = wanted;
    // No table is opened while a subnet uses it that must not be open.
    let mut first = vec![];
    for seat in users(facts, seats, kept.table).filter(|seat| !may(facts, seat.tier, destination, to)) {
        match moves.get(&seat.subnet.id) {
            Some(step) => first.push(*step),
            None => {
                let why = format!("{summary}; but {} uses this table too, and may not go there", seat.subnet.id);
                let remedy = format!("give {} its own route table first", label(facts.name, seat.tier));
                builder.held(&kept.thing, why, remedy);
                return None;
            }
        }
    }
    let (table, destination, to) = (kept.thing.clone(), destination.clone(), to.clone());
    let (change, caveat) = match instead_of {
        Some(route) => {
            let (from, works) = (route.target.clone(), !route.blackhole);
            let caveat = works.then(|| format!("established flows through {from} break"));
            (Change::ReplaceRoute { table, destination, from, back: works, to }, caveat)
        }
        None => (Change::CreateRoute { table, destination, to }, None),
    };
    let stack = kept.table.stack.clone();
    Some(builder.step(Rank::Restore, Step { needs: first, stack, caveat, ..Step::new(change) }))
}

/// Whether the declared way out of a tier works by a table. What has none needs none.
fn leads_out(facts: &Facts<'_>, route: Route, table: &ObservedTable) -> bool {
    match route {
        // A black hole to the gateway that is about to be attached comes alive with it.
        Route::Internet => default_of(table).is_some_and(|route| Some(&route.target) == facts.internet.as_ref()),
        Route::Nat => facts.way_out(table).is_some(),
        Route::Isolated => false,
    }
}

/// Whether a table has a default route that works and may stay.
fn has_default(facts: &Facts<'_>, kept: &Kept<'_>) -> bool {
    default_of(kept.table).is_some_and(|route| !route.blackhole && judge(facts, kept.tier, route) == Is::Fine)
}

/// A subnet comes home when it can go out from there, unless what it uses is worse.
fn link(
    builder: &mut Builder<'_>,
    facts: &Facts<'_>,
    seats: &[Seat<'_>],
    kept: &Kept<'_>,
    moves: &BTreeMap<&ResourceId, usize>,
    default: usize,
) {
    for seat in seats.iter().filter(|seat| seat.kept().is_some_and(|table| table.id == kept.table.id)) {
        let Some((step, now)) = moves.get(&seat.subnet.id).zip(seat.now) else { continue };
        let exposed = super::reach::worst(facts, seat.tier, now) == Some(Severity::Exposure);
        if !exposed {
            builder.needs(*step, default);
        }
    }
}

/// `carries`: what shall carry its flows is not there, and is another control's to make.
fn take_away(
    builder: &mut Builder<'_>,
    kept: &Kept<'_>,
    route: &ObservedRoute,
    restored: &[(usize, String)],
    carries: bool,
) {
    let ObservedRoute { destination, target, blackhole, origin: _ } = route;
    let gone = if *blackhole { ", which is gone" } else { "" };
    let summary = format!("{destination} leads to {target}{gone}, which the topology does not declare");
    builder.drift(&kept.thing, Severity::Drift, summary);
    if carries {
        let name = &kept.thing.name;
        builder.soon(format!("{name}: no default route works; {destination} to {target} stays until one does"));
        return;
    }
    // What a missing declared route should carry goes by this one until then.
    let needs = restored.iter().filter(|(_, other)| overlap(destination, other)).map(|(step, _)| *step).collect();
    let change = Change::DeleteRoute {
        table: kept.thing.clone(),
        destination: destination.clone(),
        target: target.clone(),
        back: !blackhole,
    };
    let caveat = (!blackhole).then(|| format!("flows to {destination} through {target} break"));
    let stack = kept.table.stack.clone();
    builder.step(Rank::Remove, Step { needs, stack, caveat, ..Step::new(change) });
}
