//! One direction of one group: in which order the differences are closed, and what waits for what.
//!
//! Stages, each at most one call: contain → make room → authorize → contain what carried missing traffic → remove the rest →
//! descriptions. Decisions that are easy to get wrong:
//!
//! - **An exposure waits for an authorize only where it alone carries traffic of a missing declared rule.** Somebody widened
//!   443 to every port: revoking first would cut 443. If another rule that stays carries the same traffic, or if the exposure
//!   carries nothing that is declared and missing, it is revoked at once. Of several that carry the same traffic, the
//!   broadest go at once and the narrowest waits.
//! - **Such an exposure waits for one refusal, not for ever.** Once an authorize on the group was refused, or was left without
//!   an answer for half a minute (throttled, say), `needs` becomes `after`: the authorize is still tried first in each run, and
//!   then the exposure goes whatever came of it. Containment wins over a path that AWS will not let us declare.
//! - **A full group is made room in first.** Sixty rules an address family is where AWS refuses. Exactly as many rules as the
//!   authorize needs go before it: extras that carry nothing declared, then exposures (broadest first), then other extras, and
//!   last those that bear a controller's mark: anybody can write marks, and sixty of them must not keep a declared rule out.
//! - **What containment needs is containment.** An authorize that an exposure waits for, and the room that is made for it, are
//!   marked `contains` themselves: otherwise limits, flapping or a stack in progress, each of which an attacker can bring about,
//!   would hold them and through them the exposure.
//! - **Containment and tidying are never one call.** The guard lets containment pass its limits; an ordinary removal in the same
//!   call would slip through with it.
//! - **A prefix list counts as its maximum size, which nobody told us.** When an authorize that holds one is refused, the extras
//!   that wait for it may be what leaves no room: they go after it, too, and the next run finds the room.
//! - **What does not fit even then is held with the number.** Rules carried by exposures are restored first.

use super::reach::{breadth, carries_as_well, may_carry};
use super::{Change, Direction, GroupRef, KnownRule, ObservedPeer, RuleSpec, diff::Diff};
use crate::core::{Held, ResourceId, StackId, Step};
use ipnet::IpNet;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Rules a direction and address family that AWS admits by default
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>). A group that holds more proves that the quota
/// was raised; how far is not known then, and AWS is left to answer.
pub(super) const QUOTA: usize = 60;

const TRACKED: &str = "connections that are already tracked survive the revoke until they end or time out";

/// What is to be ordered.
pub(super) struct Unit<'a> {
    pub(super) group: &'a GroupRef,
    pub(super) direction: Direction,
    pub(super) stack: Option<StackId>,
    pub(super) ranges: &'a [IpNet],
    pub(super) tried: Tried,
}

/// What became of the last authorize on the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// There was none, it was accepted, or it is too early to tell.
    Hopeful,
    /// It was throttled, or its answer was lost, and that is a while ago.
    Unanswered,
    /// AWS refused it.
    Refused,
}

/// When a step is taken, over all groups: what contains comes before what mends, what mends before what tidies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Contain,
    AuthorizeToContain,
    ContainAfter,
    Room,
    Authorize,
    Revoke,
    Redescribe,
}

/// The steps of one unit, edges within it, and what is held.
#[derive(Default)]
pub(super) struct Ordered {
    pub(super) steps: Vec<(Rank, Step<Change>)>,
    pub(super) held: Vec<Held>,
}

/// Rules by address family. A referenced group and a prefix list count in both.
#[derive(Clone, Copy, Default)]
struct Count {
    v4: usize,
    v6: usize,
}

impl Count {
    fn of<'a>(rules: impl IntoIterator<Item = &'a RuleSpec>) -> Self {
        rules.into_iter().fold(Self::default(), |sum, spec| sum.plus(Self::one(spec)))
    }

    fn one(spec: &RuleSpec) -> Self {
        match spec.peer {
            ObservedPeer::Ipv4(_) => Self { v4: 1, v6: 0 },
            ObservedPeer::Ipv6(_) => Self { v4: 0, v6: 1 },
            ObservedPeer::PrefixList(_) | ObservedPeer::Group { account: _, id: _ } => Self { v4: 1, v6: 1 },
        }
    }

    fn plus(self, other: Self) -> Self {
        Self { v4: self.v4 + other.v4, v6: self.v6 + other.v6 }
    }

    fn less(self, other: Self) -> Self {
        Self { v4: self.v4.saturating_sub(other.v4), v6: self.v6.saturating_sub(other.v6) }
    }

    fn fits(self, limit: Self) -> bool {
        self.v4 <= limit.v4 && self.v6 <= limit.v6
    }

    fn limit(self) -> Self {
        let one = |count| if count > QUOTA { usize::MAX } else { QUOTA };
        Self { v4: one(self.v4), v6: one(self.v6) }
    }
}

/// Orders what closes the gap. Takes the parts of the diff that are acted upon.
pub(super) fn order(unit: &Unit<'_>, diff: Diff) -> Ordered {
    let Diff { stay, missing, exposures, extra, marked, redescribe, drifts: _, held: _, blind: _ } = diff;
    let marked_specs = marked.iter().map(|(rule, _)| &rule.spec);
    let current = Count::of(stay.iter().chain(marked_specs).chain(specs(&exposures)).chain(specs(&extra)));
    let limit = current.limit();
    let (missing, overflow) = admit(unit, &stay, missing, &exposures, limit);
    let carries = |rule: &KnownRule| missing.iter().any(|wanted| may_carry(&rule.spec, wanted, unit.ranges));
    let (carriers, free): (Vec<_>, Vec<_>) = extra.into_iter().partition(|rule| carries(rule));
    let (now, later) = split_exposures(unit, &stay, &carriers, &missing, exposures);

    let full = !current.plus(Count::of(&missing)).fits(limit);
    let over = current.less(Count::of(specs(&now))).plus(Count::of(&missing)).less(limit);
    let (marked, kept): (Vec<KnownRule>, Vec<Held>) = marked.into_iter().unzip();
    let kept: BTreeMap<ResourceId, Held> = marked.iter().map(|rule| rule.id.clone()).zip(kept).collect();
    let (marked_carriers, marked) = marked.into_iter().partition(|rule| carries(rule));
    let Room { taken, free, later, carriers, marked } = make_room(over, free, later, carriers, marked, marked_carriers);

    let mut line = Line { unit, ordered: Ordered::default() };
    let urgent = !later.is_empty() || taken.iter().any(|it| it.exposure);
    let cut: Vec<String> =
        if taken.iter().any(|it| it.carries) { missing.iter().map(|spec| text(unit, spec)).collect() } else { vec![] };
    let room: Vec<KnownRule> = taken.into_iter().map(|it| it.rule).collect();
    let room_caveat = (!cut.is_empty())
        .then(|| format!("the group is full, so that {} may be cut until the next step", cut.join(", ")));

    // Room that containment depends upon is containment too, and saves a call when there is some already.
    let (now, room) = if urgent { (now.into_iter().chain(room).collect(), vec![]) } else { (now, room) };
    let contain = line.revoke(Rank::Contain, now, true, [], [], if urgent { room_caveat.clone() } else { None });
    let room = line.revoke(Rank::Room, room, false, contain, [], room_caveat);

    let needs: Vec<usize> = if full { contain.into_iter().chain(room).collect() } else { vec![] };
    let waited = summary(unit, &missing);
    let listed = missing.iter().any(|spec| matches!(spec.peer, ObservedPeer::PrefixList(_)));
    let authorize = line.authorize(
        urgent,
        missing,
        contain.into_iter().chain(room).filter(|it| !needs.contains(it)).collect(),
        needs.clone(),
    );
    let before = match unit.tried {
        Tried::Hopeful => None,
        Tried::Unanswered => Some("left without an answer"),
        Tried::Refused => Some("refused"),
    };
    let caveat = before.map(|what| format!("{waited} was {what} before; if it fails again, that traffic is cut"));
    if caveat.is_some() {
        line.revoke(Rank::ContainAfter, later, true, authorize, [], caveat.clone());
    } else {
        line.revoke(Rank::ContainAfter, later, true, [], authorize, None);
    }
    if unit.tried == Tried::Refused && listed {
        line.revoke(Rank::Revoke, carriers, false, authorize, [], caveat);
    } else {
        line.revoke(Rank::Revoke, carriers, false, [], authorize, None);
    }
    line.revoke(Rank::Revoke, free, false, authorize.or(contain), [], None);
    line.redescribe(redescribe);
    line.ordered.held = marked.iter().filter_map(|rule| kept.get(&rule.id).cloned()).collect();
    line.overflow(overflow, &stay);
    line.ordered
}

fn specs(rules: &[KnownRule]) -> impl Iterator<Item = &RuleSpec> {
    rules.iter().map(|KnownRule { id: _, spec }| spec)
}

fn text(unit: &Unit<'_>, spec: &RuleSpec) -> String {
    let RuleSpec { traffic, peer, description: _ } = spec;
    format!("{traffic} {} {peer}", unit.direction.preposition())
}

fn summary(unit: &Unit<'_>, missing: &[RuleSpec]) -> String {
    match missing {
        [only] => format!("adding {}", text(unit, only)),
        many => format!("adding {} rules", many.len()),
    }
}

/// The missing rules that fit beside those that stay, and those that do not. What exposures carry comes first.
fn admit(
    unit: &Unit<'_>,
    stay: &[RuleSpec],
    mut missing: Vec<RuleSpec>,
    exposures: &[KnownRule],
    limit: Count,
) -> (Vec<RuleSpec>, Vec<RuleSpec>) {
    missing.sort_by_key(|wanted| !specs(exposures).any(|exposure| may_carry(exposure, wanted, unit.ranges)));
    let mut held = Count::of(stay);
    let (mut fitting, mut overflow) = (vec![], vec![]);
    for wanted in missing {
        let with = held.plus(Count::one(&wanted));
        if with.fits(limit) {
            held = with;
            fitting.push(wanted);
        } else {
            overflow.push(wanted);
        }
    }
    fitting.sort_by(|left, right| (left.traffic, &left.peer).cmp(&(right.traffic, &right.peer)));
    (fitting, overflow)
}

/// The exposures that can go at once, and those that alone carry traffic of a missing rule.
fn split_exposures(
    unit: &Unit<'_>,
    stay: &[RuleSpec],
    carriers: &[KnownRule],
    missing: &[RuleSpec],
    mut exposures: Vec<KnownRule>,
) -> (Vec<KnownRule>, Vec<KnownRule>) {
    exposures.sort_by_cached_key(|rule| (Reverse(breadth(&rule.spec)), rule.id.clone()));
    let (mut now, mut later) = (vec![], vec![]);
    while !exposures.is_empty() {
        let exposure = exposures.remove(0);
        let mut wanted = missing.iter().filter(|wanted| may_carry(&exposure.spec, wanted, unit.ranges));
        let alone = wanted.any(|wanted| {
            let mut others = stay.iter().chain(specs(carriers)).chain(specs(&exposures)).chain(specs(&later));
            !others.any(|other| carries_as_well(other, &exposure.spec, wanted))
        });
        if alone { later.push(exposure) } else { now.push(exposure) }
    }
    (now, later)
}

/// A rule that goes to make room.
struct Taken {
    rule: KnownRule,
    exposure: bool,
    carries: bool,
}

/// What was taken to make room, and what is left of each kind.
struct Room {
    taken: Vec<Taken>,
    free: Vec<KnownRule>,
    later: Vec<KnownRule>,
    carriers: Vec<KnownRule>,
    marked: Vec<KnownRule>,
}

fn make_room(
    mut over: Count,
    free: Vec<KnownRule>,
    later: Vec<KnownRule>,
    carriers: Vec<KnownRule>,
    marked: Vec<KnownRule>,
    marked_carriers: Vec<KnownRule>,
) -> Room {
    let mut taken = vec![];
    let mut take = |rules: Vec<KnownRule>, exposure: bool, carries: bool| -> Vec<KnownRule> {
        let mut left = vec![];
        for rule in rules {
            let one = Count::one(&rule.spec);
            if (one.v4 > 0 && over.v4 > 0) || (one.v6 > 0 && over.v6 > 0) {
                over = over.less(one);
                taken.push(Taken { rule, exposure, carries });
            } else {
                left.push(rule);
            }
        }
        left
    };
    let free = take(free, false, false);
    let later = take(later, true, true);
    let carriers = take(carriers, false, true);
    let mut marked = take(marked, false, false);
    marked.extend(take(marked_carriers, false, true));
    Room { taken, free, later, carriers, marked }
}

/// The steps so far.
struct Line<'a> {
    unit: &'a Unit<'a>,
    ordered: Ordered,
}

impl Line<'_> {
    fn push(&mut self, rank: Rank, mut step: Step<Change>) -> Option<usize> {
        if step.action.is_empty() {
            return None;
        }
        step.stack = self.unit.stack.clone();
        self.ordered.steps.push((rank, step));
        Some(self.ordered.steps.len() - 1)
    }

    fn revoke(
        &mut self,
        rank: Rank,
        mut rules: Vec<KnownRule>,
        contains: bool,
        after: impl IntoIterator<Item = usize>,
        needs: impl IntoIterator<Item = usize>,
        caveat: Option<String>,
    ) -> Option<usize> {
        rules.sort_by(|left, right| {
            (left.spec.traffic, &left.spec.peer, &left.id).cmp(&(right.spec.traffic, &right.spec.peer, &right.id))
        });
        let Unit { group, direction, .. } = self.unit;
        let caveat = caveat.map_or_else(|| TRACKED.into(), |caveat| format!("{caveat}; {TRACKED}"));
        let action = Change::Revoke { group: (*group).clone(), direction: *direction, rules };
        let step = Step {
            contains,
            caveat: Some(caveat),
            after: after.into_iter().collect(),
            needs: needs.into_iter().collect(),
            ..Step::new(action)
        };
        self.push(rank, step)
    }

    fn authorize(
        &mut self,
        contains: bool,
        rules: Vec<RuleSpec>,
        after: Vec<usize>,
        needs: Vec<usize>,
    ) -> Option<usize> {
        let rank = if contains { Rank::AuthorizeToContain } else { Rank::Authorize };
        let Unit { group, direction, .. } = self.unit;
        let action = Change::Authorize { group: (*group).clone(), direction: *direction, rules };
        self.push(rank, Step { contains, after, needs, ..Step::new(action) })
    }

    fn redescribe(&mut self, rules: Vec<(KnownRule, String)>) {
        let Unit { group, direction, .. } = self.unit;
        let action = Change::Redescribe { group: (*group).clone(), direction: *direction, rules };
        self.push(Rank::Redescribe, Step::new(action));
    }

    fn overflow(&mut self, overflow: Vec<RuleSpec>, stay: &[RuleSpec]) {
        if overflow.is_empty() {
            return;
        }
        let Unit { group, direction, .. } = self.unit;
        let GroupRef { key, name } = (*group).clone();
        let Count { v4, v6 } = Count::of(stay);
        let listed = overflow.iter().map(|spec| text(self.unit, spec)).collect::<Vec<_>>().join(", ");
        self.ordered.held.push(Held {
            resource: key,
            name,
            why: format!(
                "{} declared {direction} rules do not fit ({listed}): {v4} IPv4 and {v6} IPv6 rules stay, and the quota is \
                 {QUOTA} a direction for each",
                overflow.len(),
            ),
            remedy: "declare fewer rules, remove foreign ones, or raise the quota `Inbound or outbound rules per security \
                     group` and add the rules once by hand"
                .into(),
        });
    }
}
