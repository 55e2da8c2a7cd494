//! Every VPC's part of the plan, in one line.
//!
//! A plan does what may be done now and waits for the rest: the next look goes on from what is there. What was done before is read off
//! the network and the ledger, never remembered.

use super::facts::Facts;
use super::posts::posts;
use super::{Change, Desired, Gateways, Observed, ObservedVpc, Thing, addresses, making, routes, surplus};
use crate::core::{
    Drift, Held, Place, Plan, Ranked, ResourceId, ResourceKey, Seen, Severity, Standing, Step, Subject, Unseen, Verb,
    VpcName, Wait, ZoneLetter,
};
use jiff::{SignedDuration, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// AWS is at work: the loop looks again at its own pace.
const SOON: SignedDuration = SignedDuration::from_secs(1);
/// What is further off is left to the sweep, so that nobody looks again and again for nothing.
const NEAR: SignedDuration = SignedDuration::from_mins(15);
/// What AWS just made may not be shown for so long; after that it is gone.
const SETTLES: SignedDuration = SignedDuration::from_mins(2);

/// In which order things are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// A way in from outside is closed.
    Contain,
    /// What a crash left behind is taken into the books.
    Replay,
    /// A way out is restored.
    Restore,
    /// What never came up is cleaned away.
    Clean,
    /// Something new is made.
    Make,
    /// A way out that works is moved.
    Move,
    /// What is not declared goes.
    Remove,
}

pub(super) fn plan(place: &Place, desired: &Desired, observed: &Observed, standing: &Standing) -> Plan<Change> {
    let mut builder = Builder { place, now: standing.now, plan: Plan::default(), steps: Ranked::default() };
    if let Seen::Unknown(Unseen::Failed { retryable, why }) = &observed.addresses {
        builder.blind(*retryable, format!("the addresses: {why}"));
    }
    if let Seen::Unknown(Unseen::Failed { retryable, why }) = &observed.away {
        builder.blind(*retryable, format!("zonal shifts: {why}"));
    }
    let settling = settling(observed, standing);
    for name in desired.vpcs.keys() {
        match observed.vpcs.get(name) {
            // Not bound: whoever binds says so.
            None | Some(Seen::Unknown(Unseen::OutOfScope)) => {}
            Some(Seen::Unknown(Unseen::Failed { retryable, why })) => {
                builder.blind(*retryable, format!("{name}: {why}"))
            }
            Some(Seen::Absent) => builder.vpc_gone(name),
            Some(Seen::Present(seen)) => {
                if let Some(facts) = builder.facts(desired, name, seen, observed, standing) {
                    builder.vpc(&facts, &settling);
                }
            }
        }
    }
    builder.finish()
}

/// What was made a moment ago and is not shown yet. It is on its way, and nothing is made in its place.
fn settling(observed: &Observed, standing: &Standing) -> BTreeSet<ResourceId> {
    let gateways = observed.vpcs.values().filter_map(Seen::present).filter_map(|vpc| vpc.gateways.present()).flatten();
    let shown: BTreeSet<&ResourceId> = gateways
        .map(|gateway| &gateway.id)
        .chain(observed.addresses.present().into_iter().flatten().map(|address| &address.allocation))
        .collect();
    let taken_back =
        |id: &ResourceId| standing.repairs.get(id).is_some_and(|repairs| repairs.iter().any(|repair| repair.removed));
    let young = standing.created.iter().filter(|(_, at)| standing.now.duration_since(**at) < SETTLES);
    young
        .map(|(id, _)| id)
        .filter(|id| id.as_str().starts_with("nat-") || id.as_str().starts_with("eipalloc-"))
        .filter(|id| !shown.contains(id) && !taken_back(id))
        .cloned()
        .collect()
}

pub(super) struct Builder<'a> {
    place: &'a Place,
    now: Timestamp,
    plan: Plan<Change>,
    steps: Ranked<Rank, Change>,
}

impl<'a> Builder<'a> {
    /// What the observation means; `None` while a part without which nothing can be judged was not seen.
    fn facts(
        &mut self,
        desired: &'a Desired,
        name: &'a VpcName,
        seen: &'a ObservedVpc,
        observed: &'a Observed,
        standing: &'a Standing,
    ) -> Option<Facts<'a>> {
        let ObservedVpc { id, gateways, subnets, tables } = seen;
        let gateways = self.all(name, "its NAT gateways", gateways);
        let subnets = self.all(name, "its subnets", subnets);
        let tables = self.all(name, "its route tables", tables);
        let (mut gateways, mut subnets, mut tables) = (gateways?, subnets?, tables?);
        gateways.sort_by(|left, right| left.id.cmp(&right.id));
        subnets.sort_by(|left, right| left.id.cmp(&right.id));
        tables.sort_by(|left, right| left.id.cmp(&right.id));
        let addresses = match &observed.addresses {
            Seen::Present(addresses) => {
                let mut addresses: Vec<_> = addresses.iter().collect();
                addresses.sort_by(|left, right| left.allocation.cmp(&right.allocation));
                Some(addresses)
            }
            Seen::Absent => Some(vec![]),
            Seen::Unknown(_) => None,
        };
        let mut away: BTreeMap<ZoneLetter, String> = BTreeMap::new();
        let shifted = observed.away.present();
        for subnet in &subnets {
            let ordered = standing.in_force(Verb::Evacuate).find(|directive| match &directive.subject {
                Subject::Resource(id) => *id == subnet.zone_id,
                Subject::Topology { .. } => false,
            });
            if let Some(directive) = ordered {
                away.insert(subnet.zone.clone(), format!("evacuated by {}: {}", directive.by, directive.reason));
            } else if shifted.is_some_and(|shifted| shifted.contains(&subnet.zone_id)) {
                away.insert(subnet.zone.clone(), "AWS moves traffic away from it".into());
            }
        }
        Some(Facts {
            place: self.place,
            desired,
            name,
            declared: desired.vpcs.get(name)?,
            standing,
            id,
            gateways,
            subnets,
            tables,
            addresses,
            away,
            away_known: !matches!(observed.away, Seen::Unknown(_)),
        })
    }

    fn all<'s, T>(&mut self, name: &VpcName, what: &str, seen: &'s Seen<Vec<T>>) -> Option<Vec<&'s T>> {
        match seen {
            Seen::Present(all) => Some(all.iter().collect()),
            Seen::Absent => Some(vec![]),
            Seen::Unknown(Unseen::Failed { retryable, why }) => {
                self.blind(*retryable, format!("{name}, {what}: {why}"));
                None
            }
            Seen::Unknown(Unseen::OutOfScope) => {
                self.blind(true, format!("{name}, {what}: not looked at"));
                None
            }
        }
    }

    fn vpc(&mut self, facts: &Facts<'a>, settling: &BTreeSet<ResourceId>) {
        let posts = posts(facts);
        let replayed = making::replay(self, facts);
        match facts.declared.gateways {
            Gateways::None => routes::remove(self, facts),
            Gateways::Zonal(_) | Gateways::Regional => routes::keep(self, facts, &posts),
        }
        making::clean(self, facts);
        let missing = posts.iter().filter(|post| addresses::lacks(facts, post, &replayed)).count();
        for post in &posts {
            making::make(self, facts, post, settling, &replayed, missing);
        }
        surplus::gateways(self, facts, &posts);
        addresses::release(self, facts, &posts, &replayed);
        self.plan.notes.extend(surplus::bill(facts, &posts));
    }

    fn vpc_gone(&mut self, name: &VpcName) {
        let thing = Thing { key: self.place.key(name.as_str()), name: name.to_string() };
        let summary = format!("the VPC {name} is gone");
        self.drift(&thing, Severity::Drift, summary.clone());
        self.held(
            &thing,
            format!("{summary}: there is nothing to route"),
            "deploy the stack that holds it again, then rebind the topology to the new VPC".into(),
        );
    }

    /// How many addresses the plan asks for so far.
    pub(super) fn allocations(&self) -> usize {
        self.steps.actions().filter(|action| matches!(action, Change::AllocateAddress { .. })).count()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Appends a step and answers its position, for the edges of later steps.
    pub(super) fn step(&mut self, rank: Rank, step: Step<Change>) -> usize {
        self.steps.push(rank, step)
    }

    pub(super) fn drift(&mut self, thing: &Thing, severity: Severity, summary: String) {
        let Thing { key, name } = thing.clone();
        self.plan.drifts.push(Drift { resource: key, name, severity, summary });
    }

    /// What a person should know, once.
    pub(super) fn note(&mut self, note: String) {
        if !self.plan.notes.contains(&note) {
            self.plan.notes.push(note);
        }
    }

    pub(super) fn held(&mut self, thing: &Thing, why: String, remedy: String) {
        let Thing { key, name } = thing.clone();
        self.plan.held.push(Held { resource: key, name, why, remedy });
    }

    pub(super) fn thing(&self, id: &ResourceId, name: impl Into<String>) -> Thing {
        Thing { key: ResourceKey { place: self.place.clone(), id: id.clone() }, name: name.into() }
    }

    /// AWS is at work on something.
    pub(super) fn soon(&mut self, why: String) {
        self.wait(self.now.saturating_add(SOON).unwrap_or(Timestamp::MAX), why);
    }

    /// Looks again at that time, if it is near; the earliest counts, and says what else is awaited then.
    pub(super) fn wait(&mut self, until: Timestamp, why: String) {
        if until.duration_since(self.now) > NEAR {
            return;
        }
        match &mut self.plan.wait {
            Some(known) if known.until < until => {}
            Some(known) if known.until == until => {
                if !known.why.contains(&why) {
                    known.why = format!("{}; {why}", known.why);
                }
            }
            other => *other = Some(Wait { until, why }),
        }
    }

    fn blind(&mut self, retryable: bool, why: String) {
        let unseen = Unseen::Failed { retryable, why };
        if !self.plan.blind.contains(&unseen) {
            self.plan.blind.push(unseen);
        }
    }

    /// Puts the steps of every VPC in one line, by rank.
    fn finish(self) -> Plan<Change> {
        let Self { place: _, now: _, mut plan, steps } = self;
        steps.line_up(&mut plan);
        plan.drifts.sort_by_key(|drift| Reverse(drift.severity));
        plan
    }
}
