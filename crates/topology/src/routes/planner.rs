//! Every VPC's part of the plan, in one line.

use super::facts::{Facts, Seating};
use super::{Change, Desired, Observed, ObservedVpc, attributes, gateway, seats, surplus, tables};
use crate::core::{
    Drift, Held, Place, Plan, Ranked, ResourceId, Seen, Severity, Standing, Step, Thing, Unseen, VpcName, Wait,
};
use jiff::{SignedDuration, Timestamp};
use std::cmp::Reverse;

/// AWS, or another control, is at work: the loop looks again at its own pace.
const SOON: SignedDuration = SignedDuration::from_secs(1);
/// What AWS just made may not be shown for so long; after that it is gone.
const SETTLES: SignedDuration = SignedDuration::from_mins(2);

/// In which order things are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// A way in from outside, or out to it, is closed.
    Contain,
    /// What a crash left behind is taken into the books.
    Replay,
    /// The internet gateway is attached again.
    Attach,
    /// A declared route is restored.
    Restore,
    /// A table that is gone is made again.
    Make,
    /// A subnet goes back to its own table.
    Move,
    /// Attributes.
    Set,
    /// What is not declared goes.
    Remove,
    /// An internet gateway that is not declared goes, after the routes to it.
    Detach,
}

pub(super) fn plan(place: &Place, desired: &Desired, observed: &Observed, standing: &Standing) -> Plan<Change> {
    let mut builder = Builder { place, now: standing.now, plan: Plan::default(), steps: Ranked::default() };
    if let Seen::Unknown(Unseen::Failed { retryable, why }) = &observed.gateways
        && !desired.retired
    {
        builder.blind(*retryable, format!("the internet gateways: {why}"));
    }
    for (name, declared) in &desired.vpcs {
        match observed.vpcs.get(name) {
            // Not bound: whoever binds says so.
            None | Some(Seen::Unknown(Unseen::OutOfScope)) => {}
            Some(Seen::Unknown(Unseen::Failed { retryable, why })) => {
                builder.blind(*retryable, format!("{name}: {why}"));
            }
            // It went with its stack, as it shall.
            Some(Seen::Absent) if desired.retired => {}
            Some(Seen::Absent) => builder.vpc_gone(name),
            Some(Seen::Present(seen)) => {
                let ObservedVpc { id: _, ranges, stack: _, dns: _, subnets, tables } = seen;
                let subnets = builder.all(name, "its subnets", subnets);
                let tables = builder.all(name, "its route tables", tables);
                let (whole, subnets) = (subnets.is_some() && tables.is_some(), subnets.unwrap_or_default());
                let tables = tables.unwrap_or_default();
                let mut facts = Facts {
                    desired,
                    name,
                    declared,
                    standing,
                    vpc: seen,
                    ranges,
                    seating: Seating::of(&subnets, &tables),
                    subnets,
                    tables,
                    internet: None,
                };
                if desired.retired {
                    if whole {
                        surplus::retire(&mut builder, &facts);
                    }
                    continue;
                }
                builder.vpc(&mut facts, observed, whole);
            }
        }
    }
    builder.finish()
}

pub(super) struct Builder<'a> {
    pub(super) place: &'a Place,
    now: Timestamp,
    plan: Plan<Change>,
    steps: Ranked<Rank, Change>,
}

impl<'a> Builder<'a> {
    fn vpc(&mut self, facts: &mut Facts<'a>, observed: &'a Observed, whole: bool) {
        let attached = gateway::keep(self, facts, &observed.gateways);
        attributes::dns(self, facts);
        if whole {
            let (seated, missing) = facts.seats();
            seats::missing(self, facts, &missing);
            let mut kept = tables::contain(self, facts, &seated);
            let moves = seats::keep(self, facts, &seated, &kept);
            tables::restore(self, facts, &seated, &mut kept, &moves, attached);
            attributes::public_addresses(self, facts, &seated);
            surplus::tables(self, facts, &seated);
        }
        gateway::detach(self, facts, &observed.gateways);
    }

    fn all<T: HasId>(&mut self, name: &VpcName, what: &str, seen: &'a Seen<Vec<T>>) -> Option<Vec<&'a T>> {
        let mut all: Vec<&T> = match seen {
            Seen::Present(all) => all.iter().collect(),
            Seen::Absent => vec![],
            Seen::Unknown(unseen) => {
                self.unseen(&format!("{name}, {what}"), unseen);
                return None;
            }
        };
        all.sort_by(|left, right| left.id().cmp(right.id()));
        Some(all)
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

    /// Appends a step and answers its position, for the edges of others.
    pub(super) fn step(&mut self, rank: Rank, step: Step<Change>) -> usize {
        self.steps.push(rank, step)
    }

    /// Makes one step depend on another.
    pub(super) fn needs(&mut self, step: usize, other: usize) {
        self.steps.needs(step, other);
    }

    pub(super) fn drift(&mut self, thing: &Thing, severity: Severity, summary: String) {
        let Thing { key, name } = thing.clone();
        self.plan.drifts.push(Drift { resource: key, name, severity, summary });
    }

    pub(super) fn held(&mut self, thing: &Thing, why: String, remedy: String) {
        let Thing { key, name } = thing.clone();
        self.plan.held.push(Held { resource: key, name, why, remedy });
    }

    /// Who moves a subnet to another table names no subnet: the call answers with its new association.
    pub(super) fn alias(&mut self, association: &ResourceId, subnet: &ResourceId) {
        self.plan.aliases.insert(association.clone(), subnet.clone());
    }

    pub(super) fn thing(&self, id: &ResourceId, name: impl Into<String>) -> Thing {
        Thing { key: self.place.key(id.clone()), name: name.into() }
    }

    /// Looks again soon; several reasons are told together.
    pub(super) fn soon(&mut self, why: String) {
        let until = self.now.saturating_add(SOON).unwrap_or(Timestamp::MAX);
        match &mut self.plan.wait {
            Some(known) if known.why.contains(&why) => {}
            Some(known) => known.why = format!("{}; {why}", known.why),
            none => *none = Some(Wait { until, why }),
        }
    }

    /// Whether something of this kind was made a moment ago and is not shown yet.
    pub(super) fn settling(&self, facts: &Facts<'_>, kind: &str) -> bool {
        let shown = |id: &ResourceId| facts.tables.iter().any(|table| table.id == *id);
        let gone = |id: &ResourceId| {
            let repairs = facts.standing.repairs.get(id).map(Vec::as_slice).unwrap_or_default();
            repairs.iter().any(|repair| repair.removed)
        };
        let young = |at: &Timestamp| self.now.duration_since(*at) < SETTLES;
        let mut made = facts.standing.created.iter().filter(|(id, at)| id.as_str().starts_with(kind) && young(at));
        made.any(|(id, _)| !shown(id) && !gone(id))
    }

    pub(super) fn unseen(&mut self, what: &str, unseen: &Unseen) {
        match unseen {
            Unseen::Failed { retryable, why } => self.blind(*retryable, format!("{what}: {why}")),
            Unseen::OutOfScope => self.blind(true, format!("{what}: not looked at")),
        }
    }

    pub(super) fn blind(&mut self, retryable: bool, why: String) {
        let unseen = Unseen::Failed { retryable, why };
        if !self.plan.blind.contains(&unseen) {
            self.plan.blind.push(unseen);
        }
    }

    fn finish(self) -> Plan<Change> {
        let Self { place: _, now: _, mut plan, steps } = self;
        steps.line_up(&mut plan);
        plan.drifts.sort_by_key(|drift| Reverse(drift.severity));
        plan
    }
}

trait HasId {
    fn id(&self) -> &ResourceId;
}

impl HasId for super::ObservedSubnet {
    fn id(&self) -> &ResourceId {
        &self.id
    }
}

impl HasId for super::ObservedTable {
    fn id(&self) -> &ResourceId {
        &self.id
    }
}
