//! The default routes of the subnets behind the gateways.

use super::facts::{Facts, Health};
use super::planner::{Builder, Rank};
use super::posts::{Post, best, serving};
use super::split;
use super::verdict::{Verdict, is_as_good, judge};
use super::{Change, DefaultRoute, Gateways, ObservedSubnet, ObservedTable, Routed, Thing};
use crate::core::{ResourceId, Severity, Step, ZoneLetter};
use std::collections::{BTreeMap, BTreeSet};

/// A route table with the declared subnets that use it.
pub(super) struct Used<'a> {
    pub(super) table: &'a ObservedTable,
    pub(super) subnets: Vec<(&'a Routed, &'a ObservedSubnet)>,
    pub(super) fit: Fit,
    pub(super) thing: Thing,
}

/// How far a table can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It serves these subnets only, and all of them alike.
    Own,
    /// It serves zones that each have a gateway of their own.
    Shared,
    /// It is other subnets' too, or it is the main table: only a way out that it had is kept up.
    Foreign,
}

impl Used<'_> {
    pub(super) fn zones(&self) -> BTreeSet<&ZoneLetter> {
        self.subnets.iter().map(|(routed, _)| &routed.zone).collect()
    }
}

/// Keeps the default routes, one table at a time.
pub(super) fn keep(builder: &mut Builder<'_>, facts: &Facts<'_>, posts: &[Post<'_>]) {
    let mut moves = vec![];
    for used in tables(builder, facts) {
        if used.fit != Fit::Own {
            split::held(builder, facts, posts, &used);
        }
        moves.extend(table(builder, facts, posts, &used));
    }
    one_by_one(builder, moves);
}

fn one_by_one(builder: &mut Builder<'_>, mut moves: Vec<(Rank, Step<Change>)>) {
    moves.sort_by_key(|(rank, _)| *rank);
    let mut last = None;
    for (rank, step) in moves {
        last = Some(builder.step(rank, Step { after: last.into_iter().collect(), ..step }));
    }
}

/// The tables of the declared subnets, in the order of their names.
fn tables<'a>(builder: &mut Builder<'_>, facts: &Facts<'a>) -> Vec<Used<'a>> {
    let mut found: BTreeMap<&ResourceId, Used<'a>> = BTreeMap::new();
    for routed in &facts.declared.routed {
        let name = format!("{}/{}-{}", facts.name, routed.tier, routed.zone);
        let Some(subnet) = facts.at(routed.cidr) else {
            let thing = builder.thing(&ResourceId::new(facts.id.as_str()), name);
            let summary = format!("the subnet {} is gone from {}", routed.cidr, facts.id);
            builder.drift(&thing, Severity::Drift, summary.clone());
            builder.held(
                &thing,
                summary,
                "deploy the stack that holds it again (`plumb render` makes its template)".into(),
            );
            continue;
        };
        let Some((table, own)) = facts.table_of(&subnet.id) else {
            let thing = builder.thing(&subnet.id, name);
            builder.drift(&thing, Severity::Drift, "it has no route table".into());
            continue;
        };
        let used = found.entry(&table.id).or_insert_with(|| Used {
            table,
            subnets: vec![],
            fit: if own { Fit::Own } else { Fit::Foreign },
            thing: builder.thing(&table.id, String::new()),
        });
        used.subnets.push((routed, subnet));
    }
    let mut all: Vec<Used<'a>> = found.into_values().collect();
    for used in &mut all {
        let serving: BTreeSet<_> = used.zones().into_iter().map(|zone| serving_zone(facts, zone)).collect();
        let others = others(facts, used);
        let (users, strays): (Vec<_>, Vec<_>) = others.into_iter().partition(|other| has_a_say(used, other));
        if !users.is_empty() {
            used.fit = Fit::Foreign;
        } else if used.fit == Fit::Own && serving.len() > 1 {
            used.fit = Fit::Shared;
        }
        let names: BTreeSet<String> =
            used.subnets.iter().map(|(routed, _)| format!("{}-{}", routed.tier, routed.zone)).collect();
        used.thing.name = format!("{}/{}", facts.name, names.into_iter().collect::<Vec<_>>().join("+"));
        for stray in strays {
            builder.note(format!(
                "{}: {}, which the topology does not route through NAT, uses {} too, and has its way out",
                used.thing.name, stray.id, used.table.id
            ));
        }
    }
    all.sort_by(|left, right| (&left.thing.name, &left.table.id).cmp(&(&right.thing.name, &right.table.id)));
    all
}

/// The subnets that use a table besides the declared ones.
fn others<'a>(facts: &Facts<'a>, used: &Used<'a>) -> Vec<&'a ObservedSubnet> {
    let declared = |other: &ObservedSubnet| used.subnets.iter().any(|(_, subnet)| subnet.id == other.id);
    let here = |other: &ObservedSubnet| facts.table_of(&other.id).is_some_and(|(table, _)| table.id == used.table.id);
    facts.subnets.iter().copied().filter(|other| here(other) && !declared(other)).collect()
}

/// Whether a table is as much another subnet's as theirs. Only a stack says whose it is: whoever puts a stray subnet on the table that
/// their stack made for them must not keep its default route from being closed, or restored.
fn has_a_say(used: &Used<'_>, other: &ObservedSubnet) -> bool {
    let Used { table, subnets, fit: _, thing: _ } = used;
    let theirs = table.stack.is_some() && subnets.iter().all(|(_, subnet)| subnet.stack == table.stack);
    table.main || !theirs || other.stack == table.stack
}

/// By what a zone is served, as declared: zones that are served alike may share a table.
fn serving_zone<'z>(facts: &Facts<'_>, zone: &'z ZoneLetter) -> Option<&'z ZoneLetter> {
    match &facts.declared.gateways {
        Gateways::Zonal(zones) if zones.len() > 1 => Some(zone),
        Gateways::Zonal(_) | Gateways::Regional | Gateways::None => None,
    }
}

/// Keeps one table.
fn table(
    builder: &mut Builder<'_>,
    facts: &Facts<'_>,
    posts: &[Post<'_>],
    used: &Used<'_>,
) -> Option<(Rank, Step<Change>)> {
    let Used { table, subnets: _, fit, thing } = used;
    let zone = used.zones().into_iter().next()?;
    let Some(route) = &table.default else {
        builder.drift(thing, Severity::Drift, "no route leads out: there is no default route".into());
        let to = best(facts, posts, zone).filter(|_| *fit != Fit::Foreign)?;
        let change = Change::CreateRoute { table: thing.clone(), to: to.id.clone() };
        return Some((Rank::Restore, Step { stack: table.stack.clone(), ..Step::new(change) }));
    };
    if !route.written {
        builder.drift(thing, Severity::Drift, format!("the default route leads to {}, by propagation", route.target));
        let why =
            format!("{} announces the default route, and routes that are announced belong to others", route.target);
        builder.held(
            thing,
            why,
            format!(
                "aws ec2 disable-vgw-route-propagation --route-table-id {} --gateway-id {}",
                table.id, route.target
            ),
        );
        return None;
    }
    match route.target.as_str().split_once('-').map_or("", |(kind, _)| kind) {
        "nat" => through_nat(builder, facts, posts, used, route, zone),
        "igw" | "cagw" => exposed(builder, facts, posts, used, route, zone),
        // What leads nowhere is nobody's decision.
        _ if route.blackhole && *fit != Fit::Foreign => {
            let lost = format!("the default route leads to {}, which is gone", route.target);
            let Some(to) = best(facts, posts, zone) else {
                let summary = format!("{lost}, and no NAT gateway works: there is no way out");
                builder.drift(thing, Severity::Drift, summary);
                return None;
            };
            builder.drift(thing, Severity::Drift, format!("{lost}; {} works", to.id));
            let (table, from) = (thing.clone(), route.target.clone());
            let change = Change::ReplaceRoute { table, from, from_works: false, to: to.id.clone() };
            Some((Rank::Restore, Step::new(change)))
        }
        _ => {
            let summary = format!("the default route leads to {}, not to a NAT gateway", route.target);
            builder.drift(thing, Severity::Drift, summary.clone());
            let remedy = format!(
                "if that is meant, declare the tier `route: isolated`; otherwise aws ec2 delete-route --route-table-id {} \
                 --destination-cidr-block 0.0.0.0/0",
                table.id
            );
            builder.held(thing, format!("{summary}: somebody wants it so"), remedy);
            None
        }
    }
}

/// A default route to an internet gateway, or to a carrier's, lets the public in to whatever has a public address. It goes at once, to
/// NAT if there is any.
fn exposed(
    builder: &mut Builder<'_>,
    facts: &Facts<'_>,
    posts: &[Post<'_>],
    used: &Used<'_>,
    route: &DefaultRoute,
    zone: &ZoneLetter,
) -> Option<(Rank, Step<Change>)> {
    let Used { table, subnets: _, fit, thing } = used;
    let gateway = if route.target.as_str().starts_with("cagw-") { "a carrier gateway" } else { "the internet gateway" };
    let summary = format!("the default route leads to {}, {gateway}: what has a public address is open", route.target);
    builder.drift(thing, Severity::Exposure, summary);
    if *fit == Fit::Foreign {
        // Other subnets need that route; the way to mend it is in what is held.
        return None;
    }
    let change = match best(facts, posts, zone) {
        Some(to) => Change::ReplaceRoute {
            table: thing.clone(),
            from: route.target.clone(),
            from_works: !route.blackhole,
            to: to.id.clone(),
        },
        None => Change::DeleteRoute { table: thing.clone(), target: route.target.clone() },
    };
    let caveat = Some("flows from public addresses in these subnets break".to_owned());
    let step = Step { contains: true, stack: table.stack.clone(), caveat, ..Step::new(change) };
    Some((Rank::Contain, step))
}

fn through_nat(
    builder: &mut Builder<'_>,
    facts: &Facts<'_>,
    posts: &[Post<'_>],
    used: &Used<'_>,
    route: &DefaultRoute,
    zone: &ZoneLetter,
) -> Option<(Rank, Step<Change>)> {
    let Used { table, subnets: _, fit: _, thing } = used;
    let (to, why, rank, severity) = match judge(facts, posts, used, route, zone, builder.now()) {
        Verdict::Stay => {
            idle(builder, facts, posts, used, &route.target, zone);
            return None;
        }
        Verdict::Stuck(why) => {
            if facts.health_of(&route.target) == Health::Good {
                builder.soon(format!("{}: {why}", thing.name));
            }
            builder.drift(thing, Severity::Drift, why);
            return None;
        }
        Verdict::Later(why, until) => {
            builder.drift(thing, Severity::Advice, why.clone());
            if let Some(until) = until {
                builder.wait(until, format!("{}: {why}", thing.name));
            }
            return None;
        }
        Verdict::Ask(why) => {
            builder.drift(thing, Severity::Advice, why.clone());
            builder.held(
                thing,
                format!("{why}; the topology declares no maintenance window, so a person says when"),
                format!(
                    r#"when traffic is low: {{"topology":"{}","mode":"enforce","reason":"…"}}"#,
                    facts.desired.topology
                ),
            );
            return None;
        }
        // No call moved these, so that none is missed: a silent trail is looked for behind every drift.
        Verdict::Leave(to, why) => (to, why, Rank::Restore, Severity::Advice),
        Verdict::Back(to, why) => (to, why, Rank::Move, Severity::Advice),
        Verdict::Restore(to, why) => (to, why, Rank::Restore, Severity::Drift),
        Verdict::Move(to, why) => (to, why, Rank::Move, Severity::Drift),
    };
    builder.drift(thing, severity, why);
    let source = |id: &ResourceId| facts.egress(id).unwrap_or_else(|| format!("that of {id}"));
    let caveat = format!(
        "established flows break, and the source address changes from {} to {}",
        source(&route.target),
        source(&to.id)
    );
    let change = Change::ReplaceRoute {
        table: thing.clone(),
        from: route.target.clone(),
        from_works: rank == Rank::Move || facts.health_of(&route.target) == Health::Away,
        to: to.id.clone(),
    };
    // The default route is ours alone, and a way out that is lost does not wait for a stack that is changing.
    let stack = table.stack.clone().filter(|_| rank == Rank::Move);
    Some((rank, Step { stack, caveat: Some(caveat), ..Step::new(change) }))
}

/// Ours stands idle beside it: whoever led the way out there may have meant it, and may not.
fn idle(
    builder: &mut Builder<'_>,
    facts: &Facts<'_>,
    posts: &[Post<'_>],
    used: &Used<'_>,
    id: &ResourceId,
    zone: &ZoneLetter,
) {
    let keeper = serving(facts, posts, zone).and_then(|post| post.keeper).filter(|keeper| keeper.id != *id);
    let Some(keeper) = keeper.filter(|keeper| facts.made_by_us(&keeper.id) && is_as_good(facts, id, keeper)) else {
        return;
    };
    if facts.health_of(id) != Health::Good || facts.gateway(id).is_some_and(|gateway| facts.made_by_us(&gateway.id)) {
        return;
    }
    let source = |id: &ResourceId| facts.egress(id).unwrap_or_else(|| "an unknown address".to_owned());
    builder.note(format!(
        "{}: it goes out through {id} ({}), which Plumbline did not make, and {} of ours ({}) stands beside it; if that is not \
         meant: aws ec2 replace-route --route-table-id {} --destination-cidr-block 0.0.0.0/0 --nat-gateway-id {}",
        used.thing.name,
        source(id),
        keeper.id,
        source(&keeper.id),
        used.table.id,
        keeper.id
    ));
}

/// Without gateways, routes to ours go before they do.
pub(super) fn remove(builder: &mut Builder<'_>, facts: &Facts<'_>) {
    let ours = |id: &ResourceId| match facts.gateway(id) {
        Some(gateway) => facts.ours(id, &gateway.tags),
        None => id.as_str().starts_with("nat-") && facts.standing.created.contains_key(id),
    };
    let mut moves = vec![];
    for table in &facts.tables {
        let Some(route) = table.default.as_ref().filter(|route| route.written && ours(&route.target)) else { continue };
        let thing = builder.thing(&table.id, format!("{}/{}", facts.name, table.id));
        let summary = format!("the default route leads to {}, and no gateway is declared", route.target);
        builder.drift(&thing, Severity::Drift, summary);
        let change = Change::DeleteRoute { table: thing, target: route.target.clone() };
        let works = matches!(facts.health_of(&route.target), Health::Good | Health::Away);
        let caveat = works.then(|| "the subnets of this table lose their way out".to_owned());
        moves.push((Rank::Remove, Step { stack: table.stack.clone(), caveat, ..Step::new(change) }));
    }
    one_by_one(builder, moves);
}
