//! What shall become of a default route that leads to NAT, and when: a way out that is lost moves at once, one that works has its hour.

use super::facts::{BECAUSE, Facts, Health};
use super::posts::{Post, best, serving};
use super::routes::{Fit, Used};
use super::{DefaultRoute, ObservedGateway};
use crate::core::{ResourceId, ZoneLetter};
use jiff::{SignedDuration, Timestamp};

/// A gateway that the declaration asked for, not a loss, gets its routes at once while it is this young: whoever declared it waits for
/// it. Later a move is a correction, which can wait for its hour.
const DEBUT: SignedDuration = SignedDuration::from_hours(24);

/// What shall become of a default route.
pub(super) enum Verdict<'a> {
    /// It is as it shall be, or as good as can be now.
    Stay,
    /// It leads to nothing that works, and nothing works.
    Stuck(String),
    /// It must move now: what it leads to does not work.
    Restore(&'a ObservedGateway, String),
    /// It shall move: what it leads to works.
    Move(&'a ObservedGateway, String),
    /// It must move now: the zone that it leads to is left.
    Leave(&'a ObservedGateway, String),
    /// It shall move back: what it leads to works.
    Back(&'a ObservedGateway, String),
    /// It shall move, but not yet.
    Later(String, Option<Timestamp>),
    /// It shall move, and nothing but a person will say when: held, so that one is told.
    Ask(String),
}

pub(super) fn judge<'a>(
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
            return when(facts, posts, used, id, to, now);
        }
        Health::Away => {
            let said = facts.gateway(id).and_then(|gateway| facts.away.get(facts.zone(gateway)?));
            let why = format!(
                "it goes out through {id}, whose zone is not to be relied upon ({})",
                said.map_or("", |said| said)
            );
            return match other.filter(works) {
                Some(to) => Verdict::Leave(to, why),
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
    (!is_as_good(facts, id, keeper)).then_some(keeper)
}

/// Somebody else's gateway where one shall be is as good as ours.
pub(super) fn is_as_good(facts: &Facts<'_>, id: &ResourceId, keeper: &ObservedGateway) -> bool {
    facts
        .gateway(id)
        .is_none_or(|now| !facts.ours(&now.id, &now.tags) && facts.zone(now) == facts.zone(keeper) && facts.suits(now))
}

/// When a route that works may move: each move cuts flows.
fn when<'a>(
    facts: &Facts<'a>,
    posts: &[Post<'a>],
    used: &Used<'_>,
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
    if facts.standing.by_hand {
        return Verdict::Move(to, why);
    }
    if !facts.away_known {
        return Verdict::Later(format!("{why}; it is not known whether AWS moves traffic away from there"), None);
    }
    if !goes_back(facts, posts, from, to, made, back.is_some(), now) {
        return Verdict::Move(to, why);
    }
    // Nobody says since when AWS moves no traffic away any more; a route that was moved lately stays for as long.
    let repairs = facts.standing.repairs.get(&used.table.id).map(Vec::as_slice).unwrap_or_default();
    let moved = repairs.iter().filter(|repair| repair.succeeded == Some(true)).map(|repair| repair.at).max();
    let watched = back
        .unwrap_or(made)
        .max(moved.unwrap_or(Timestamp::MIN))
        .saturating_add(facts.declared.fail_back_after)
        .unwrap_or(Timestamp::MAX);
    let watched = watched.max(now);
    let due = match facts.desired.production {
        false => Some(watched),
        true => facts.desired.maintenance.iter().map(|window| window.next(watched)).min(),
    };
    match due {
        Some(due) if due <= now => Verdict::Back(to, why),
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
