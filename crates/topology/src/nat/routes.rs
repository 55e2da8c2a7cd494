//! The default routes of the subnets behind the gateways.

use super::facts::{BECAUSE, Facts, Health};
use super::planner::{Builder, Rank};
use super::posts::{Post, best, serving};
use super::split;
use super::{Change, DefaultRoute, Gateways, ObservedGateway, ObservedSubnet, ObservedTable, Routed, Thing};
use crate::core::{ResourceId, Severity, Step, ZoneLetter};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A gateway that the declaration asked for, not a loss, gets its routes at once while it is this young: whoever declared it waits for
/// it. Later a move is a correction, which can wait for its hour.
const DEBUT: SignedDuration = SignedDuration::from_hours(24);

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
    /// It serves other subnets too, or it is the main table: only a way out that it had is kept up.
    Foreign,
}

impl Used<'_> {
    pub(super) fn zones(&self) -> BTreeSet<&ZoneLetter> {
        self.subnets.iter().map(|(routed, _)| &routed.zone).collect()
    }
}

/// What shall become of a default route.
enum Verdict<'a> {
    /// It is as it shall be, or as good as can be now.
    Stay,
    /// It leads to nothing that works, and nothing works.
    Stuck(String),
    /// It must move now: what it leads to does not work.
    Restore(&'a ObservedGateway, String),
    /// It shall move: what it leads to works.
    Move(&'a ObservedGateway, String),
    /// It shall move, but not yet.
    Later(String, Option<Timestamp>),
    /// It shall move, and nothing but a person will say when: held, so that one is told.
    Ask(String),
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
        let users = facts
            .subnets
            .iter()
            .filter(|subnet| facts.table_of(&subnet.id).is_some_and(|(table, _)| table.id == used.table.id));
        let serving: BTreeSet<_> = used.zones().into_iter().map(|zone| serving_zone(facts, zone)).collect();
        if users.count() > used.subnets.len() {
            used.fit = Fit::Foreign;
        } else if used.fit == Fit::Own && serving.len() > 1 {
            used.fit = Fit::Shared;
        }
        let names: BTreeSet<String> =
            used.subnets.iter().map(|(routed, _)| format!("{}-{}", routed.tier, routed.zone)).collect();
        used.thing.name = format!("{}/{}", facts.name, names.into_iter().collect::<Vec<_>>().join("+"));
    }
    all.sort_by(|left, right| (&left.thing.name, &left.table.id).cmp(&(&right.thing.name, &right.table.id)));
    all
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
        "igw" => exposed(builder, facts, posts, used, route, zone),
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

/// A default route to an internet gateway lets the public in to whatever has a public address. It goes at once, to NAT if there is any.
fn exposed(
    builder: &mut Builder<'_>,
    facts: &Facts<'_>,
    posts: &[Post<'_>],
    used: &Used<'_>,
    route: &DefaultRoute,
    zone: &ZoneLetter,
) -> Option<(Rank, Step<Change>)> {
    let Used { table, subnets: _, fit, thing } = used;
    let summary =
        format!("the default route leads to {}, the internet gateway: what has a public address is open", route.target);
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
    let (to, why, rank) = match judge(facts, posts, used, route, zone, builder.now()) {
        Verdict::Stay => return None,
        Verdict::Stuck(why) => {
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
        Verdict::Restore(to, why) => (to, why, Rank::Restore),
        Verdict::Move(to, why) => (to, why, Rank::Move),
    };
    builder.drift(thing, Severity::Drift, why);
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

fn judge<'a>(
    facts: &Facts<'a>,
    posts: &[Post<'a>],
    used: &Used<'_>,
    route: &DefaultRoute,
    zone: &ZoneLetter,
    now: Timestamp,
) -> Verdict<'a> {
    let id = &route.target;
    let health = facts.health_of(id);
    let here =
        |gateway: &ObservedGateway| facts.zone(gateway).map_or("all zones".to_owned(), |zone| format!("zone {zone}"));
    let works = |gateway: &&ObservedGateway| facts.health(gateway) == Health::Good && gateway.id != *id;
    let other = best(facts, posts, zone).filter(|gateway| gateway.id != *id);
    let lost = match health {
        Health::Good if route.blackhole => return Verdict::Stuck(format!("the default route to {id} is not up yet")),
        Health::Good => {
            let Some(to) = better(facts, posts, used, id, zone) else { return Verdict::Stay };
            return when(facts, posts, id, to, now);
        }
        Health::Away => {
            let said = facts.gateway(id).and_then(|gateway| facts.away.get(facts.zone(gateway)?));
            let why = format!(
                "it goes out through {id}, whose zone is not to be relied upon ({})",
                said.map_or("", |said| said)
            );
            return match other.filter(works) {
                Some(to) => Verdict::Restore(to, why),
                None => Verdict::Stay,
            };
        }
        Health::Coming => format!("it leads to {id}, which is not up yet"),
        Health::Failed => format!("it leads to {id}, which failed"),
        Health::Cut => format!("it leads to {id}, from where no live route leads to the internet"),
        Health::Gone => format!("it leads to {id}, which is gone"),
        Health::Private => format!("it leads to {id}, which is private"),
    };
    match other {
        Some(to) => Verdict::Restore(to, format!("{lost}; {} in {} works", to.id, here(to))),
        None => Verdict::Stuck(format!("{lost}, and no other NAT gateway works: there is no way out")),
    }
}

/// The gateway that a route shall lead to instead of one that works.
fn better<'a>(
    facts: &Facts<'a>,
    posts: &[Post<'a>],
    used: &Used<'_>,
    id: &ResourceId,
    zone: &ZoneLetter,
) -> Option<&'a ObservedGateway> {
    if used.fit != Fit::Own {
        return None;
    }
    let keeper = serving(facts, posts, zone)?.keeper.filter(|keeper| keeper.id != *id)?;
    // Somebody else's gateway where one shall be is as good as ours.
    let now = facts.gateway(id)?;
    let theirs = !facts.ours(&now.id, &now.tags) && facts.zone(now) == facts.zone(keeper) && facts.suits(now);
    (!theirs).then_some(keeper)
}

/// When a route that works may move: each move cuts flows.
fn when<'a>(
    facts: &Facts<'a>,
    posts: &[Post<'a>],
    from: &ResourceId,
    to: &'a ObservedGateway,
    now: Timestamp,
) -> Verdict<'a> {
    let zones =
        |gateway: &ObservedGateway| facts.zone(gateway).map_or(String::new(), |zone| format!(" of zone {zone}"));
    let away = facts.gateway(from).map(zones).unwrap_or_default();
    let why = format!("it goes out through {from}{away}, not through {}{}", to.id, zones(to));
    let made = facts.standing.created.get(&to.id).copied().unwrap_or(to.created);
    let back = facts.zone(to).and_then(|zone| facts.back_since(zone)).filter(|back| *back > made);
    if !goes_back(facts, posts, from, to, made, back.is_some(), now) || facts.standing.by_hand {
        return Verdict::Move(to, why);
    }
    if !facts.away_known {
        return Verdict::Later(format!("{why}; it is not known whether AWS moves traffic away from there"), None);
    }
    let watched = back.unwrap_or(made).saturating_add(facts.declared.fail_back_after).unwrap_or(Timestamp::MAX);
    let watched = watched.max(now);
    let due = match facts.desired.production {
        false => Some(watched),
        true => facts.desired.maintenance.iter().map(|window| window.next(watched)).min(),
    };
    match due {
        Some(due) if due <= now => Verdict::Move(to, why),
        Some(due) if watched > now && due == watched => {
            Verdict::Later(format!("{why}; it goes back at {due}, after {} was watched for a while", to.id), Some(due))
        }
        Some(due) => Verdict::Later(
            format!(
                "{why}; it goes back in the maintenance window that opens at {due}, or when a person runs it by hand"
            ),
            Some(due),
        ),
        None => Verdict::Ask(why),
    }
}

/// Whether a move undoes a fail-over, rather than follows the declaration: it leaves a gateway that is declared too, or one that stood
/// in. A gateway that is not declared any more is left at once, whatever the one that stays was made for.
fn goes_back(
    facts: &Facts<'_>,
    posts: &[Post<'_>],
    from: &ResourceId,
    to: &ObservedGateway,
    made: Timestamp,
    was_away: bool,
    now: Timestamp,
) -> bool {
    let because =
        |gateway: &ObservedGateway, what: &str| gateway.tags.get(BECAUSE).is_some_and(|why| why.starts_with(what));
    let kept = posts.iter().any(|post| post.keeper.is_some_and(|keeper| keeper.id == *from));
    facts.gateway(from).is_some_and(|from| because(from, "stands in"))
        || kept && (because(to, "replaces") || was_away || now.duration_since(made) > DEBUT)
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
