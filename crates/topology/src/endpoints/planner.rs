//! Every VPC's part of the plan, in one line.

use super::bucket::{Buckets, Call};
use super::facts::{Facts, NoService, Wanted};
use super::pick::{Pick, pick};
use super::{Change, Desired, Observed, ObservedEndpoint, ObservedVpc, Shape, keeping, making, tags};
use crate::core::{
    Drift, EndpointName, Held, Place, Plan, ResourceId, ResourceKey, Seen, Severity, Standing, Step, Unseen, VpcName,
    Wait,
};
use crate::network::EndpointTarget;
use jiff::{SignedDuration, Timestamp};
use std::cmp::Reverse;

/// AWS, or another control, is at work: the loop looks again at its own pace.
const SOON: SignedDuration = SignedDuration::from_secs(1);

/// In which order things are done, as far as the buckets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Names lead to an endpoint that does not let their traffic in.
    Cut,
    /// A gateway endpoint works from the first moment.
    Gateway,
    /// An interface endpoint comes up by and by.
    Interface,
    /// What differs in one that is there.
    Settings,
    /// What is not declared goes.
    Remove,
}

/// The plan. See [`super`] for the rules that it follows.
pub(super) fn plan(place: &Place, desired: &Desired, observed: &Observed, standing: &Standing) -> Plan<Change> {
    let mut builder = Builder { place, now: standing.now, plan: Plan::default(), steps: vec![] };
    for (name, declared) in &desired.vpcs {
        match observed.vpcs.get(name) {
            // Not bound: the loop knows and says so.
            None | Some(Seen::Unknown(Unseen::OutOfScope)) => {}
            Some(Seen::Unknown(unseen)) => builder.blind(name.as_str(), unseen),
            // None is declared, as where a topology is retired: none is missed.
            Some(Seen::Absent) if declared.endpoints.is_empty() => {}
            Some(Seen::Absent) => builder.vpc_gone(name),
            Some(Seen::Present(seen)) => {
                builder.unseen(name, seen);
                if let Some(facts) = Facts::new(place, desired, name, declared, seen, standing) {
                    builder.vpc(&facts, observed);
                }
            }
        }
    }
    for (name, service) in &observed.services {
        if let Seen::Unknown(unseen) = service {
            builder.blind(&format!("endpoint service {name}"), unseen);
        }
    }
    builder.finish(standing)
}

pub(super) struct Builder<'a> {
    place: &'a Place,
    now: Timestamp,
    plan: Plan<Change>,
    steps: Vec<(Rank, Call, Step<Change>)>,
}

impl<'a> Builder<'a> {
    fn vpc(&mut self, facts: &Facts<'a>, observed: &'a Observed) {
        let mut wanted: Vec<Wanted<'a>> = vec![];
        let mut unresolved = false;
        for (name, declared) in &facts.declared.endpoints {
            match facts.wanted(name, declared, observed) {
                Ok(it) => wanted.push(it),
                Err(no) => {
                    unresolved = true;
                    self.no_service(facts, name, &declared.service, no);
                }
            }
        }
        let mut kept: Vec<(&Wanted<'a>, &'a ObservedEndpoint)> = vec![];
        let mut open: Vec<&Wanted<'a>> = vec![];
        for it in &wanted {
            match pick(facts, it) {
                Pick::One(endpoint) => {
                    keeping::keep(self, facts, it, endpoint, observed);
                    making::once_more(self, facts, it, endpoint);
                    self.stand_in(facts, endpoint);
                    kept.push((it, endpoint));
                }
                Pick::None => {
                    making::make(self, facts, it);
                    open.push(it);
                }
                Pick::Several(several) => {
                    self.several(facts, it, &several);
                    open.push(it);
                }
            }
        }
        making::surplus(self, facts, &kept, &open, unresolved);
    }

    /// What the stack of the network does not know.
    fn stand_in(&mut self, facts: &Facts<'_>, endpoint: &ObservedEndpoint) {
        let ours = tags::is_ours(endpoint, facts.desired, facts.name, facts.standing);
        if let (true, Some(stack), Some(logical)) = (ours, &facts.seen.stack, endpoint.tags.get(tags::STAND_IN_TAG)) {
            let id = &endpoint.id;
            let note =
                format!("{id} stands in for {logical} of stack {stack}, which still names the endpoint that is gone");
            if !self.plan.notes.contains(&note) {
                self.plan.notes.push(note);
            }
        }
    }

    fn several(&mut self, facts: &Facts<'_>, wanted: &Wanted<'_>, several: &[&ObservedEndpoint]) {
        let ids: Vec<&str> = several.iter().map(|endpoint| endpoint.id.as_str()).collect();
        let summary = format!("{} all lead to {}", ids.join(" and "), wanted.service);
        self.drift(wanted.key.clone(), &wanted.title, Severity::Drift, summary.clone());
        let remedy = format!(
            "delete those that nobody needs, or tag the one that is meant: aws ec2 create-tags --resources {} --tags \
             Key=plumbline:topology,Value={}",
            ids.first().unwrap_or(&"vpce-…"),
            facts.desired.topology
        );
        self.hold(&wanted.key.id, &wanted.title, format!("{summary}: it cannot be told which is meant"), remedy);
    }

    fn no_service(&mut self, facts: &Facts<'_>, name: &EndpointName, target: &EndpointTarget, no: NoService) {
        let own = match target {
            EndpointTarget::Own(own) => own.as_str(),
            EndpointTarget::Aws(name) | EndpointTarget::Named(name) => name,
        };
        let (key, title) = (facts.key(name), facts.title(name));
        match no {
            // Said once, for all endpoints that lead there.
            NoService::Unseen => {}
            NoService::Absent => {
                let summary = format!("the endpoint service {own} of this topology is not there yet");
                // It is made when its load balancer is known: until then nothing has drifted.
                self.drift(key, &title, Severity::Advice, summary);
            }
            NoService::Several(ids) => {
                let summary = format!("{} all claim to be the endpoint service {own}", ids.join(" and "));
                self.drift(key.clone(), &title, Severity::Drift, summary.clone());
                let remedy = "take the tag plumbline:service off those that are not it".into();
                self.hold(&key.id, &title, summary, remedy);
            }
        }
    }

    /// Declared things that are not there, whoever is to make them.
    pub(super) fn missing(&mut self, resource: ResourceKey, name: &str, missing: &[String]) {
        for what in missing {
            let summary = format!("{what} is not there, which it is to have");
            self.drift(resource.clone(), name, Severity::Advice, summary);
        }
    }

    pub(super) fn step(&mut self, rank: Rank, call: Call, step: Step<Change>) {
        self.steps.push((rank, call, step));
    }

    /// Whether something is declared of it that it does not have yet.
    pub(super) fn changes(&self, id: &ResourceId) -> bool {
        self.plan.drifts.iter().any(|drift| drift.resource.id == *id && drift.severity > Severity::Advice)
    }

    pub(super) fn drift(&mut self, resource: ResourceKey, name: &str, severity: Severity, summary: String) {
        self.plan.drifts.push(Drift { resource, name: name.to_owned(), severity, summary });
    }

    pub(super) fn hold(&mut self, resource: &ResourceId, name: &str, why: String, remedy: String) {
        let resource = self.place.key(resource.clone());
        self.plan.held.push(Held { resource, name: name.to_owned(), why, remedy });
    }

    /// Events name an endpoint that is gone; its absence is told under the key of the declared one.
    pub(super) fn alias(&mut self, gone: &ResourceId, key: &ResourceId) {
        self.plan.aliases.insert(gone.clone(), key.clone());
    }

    /// Somebody is at work on something.
    pub(super) fn soon(&mut self, why: String) {
        self.wait(self.now.saturating_add(SOON).unwrap_or(Timestamp::MAX), why);
    }

    /// The earliest counts, and says what else is awaited then.
    pub(super) fn wait(&mut self, until: Timestamp, why: String) {
        match &mut self.plan.wait {
            Some(known) if known.until < until => {}
            Some(known) if known.until == until => {
                if !known.why.contains(&why) {
                    known.why = format!("{}; {why}", known.why);
                }
            }
            wait => *wait = Some(Wait { until, why }),
        }
    }

    fn blind(&mut self, what: &str, unseen: &Unseen) {
        let unseen = match unseen {
            Unseen::OutOfScope => return,
            Unseen::Failed { retryable, why } => {
                Unseen::Failed { retryable: *retryable, why: format!("{what}: {why}") }
            }
        };
        if !self.plan.blind.contains(&unseen) {
            self.plan.blind.push(unseen);
        }
    }

    /// The parts of a VPC that were not seen.
    fn unseen(&mut self, name: &VpcName, seen: &ObservedVpc) {
        let ObservedVpc { id: _, stack: _, endpoints, subnets, tables, groups, dns } = seen;
        let parts = [
            ("its endpoints", unknown(endpoints)),
            ("its subnets", unknown(subnets)),
            ("its route tables", unknown(tables)),
            ("its security groups", unknown(groups)),
            ("its DNS attributes", unknown(dns)),
        ];
        for (what, unseen) in parts.into_iter().filter_map(|(what, unseen)| Some((what, unseen?))) {
            self.blind(&format!("{name}, {what}"), unseen);
        }
    }

    fn vpc_gone(&mut self, name: &VpcName) {
        let summary = format!("the VPC {name} is gone");
        let why = format!("{summary}: there is nothing to reach from");
        self.drift(self.place.key(name.as_str()), name.as_str(), Severity::Drift, summary);
        let remedy = "deploy the stack that holds it again, then rebind the topology to the new VPC".into();
        self.hold(&ResourceId::from(name.as_str()), name.as_str(), why, remedy);
    }

    /// What the buckets give now, in order; the rest waits.
    fn finish(mut self, standing: &Standing) -> Plan<Change> {
        let mut steps = std::mem::take(&mut self.steps);
        steps.sort_by_key(|(rank, _, _)| *rank);
        let mut buckets = Buckets::new(standing);
        let (mut later, mut next) = (0_usize, Timestamp::MAX);
        for (_, call, step) in steps {
            match buckets.take(call) {
                Ok(()) => _ = self.plan.push(step),
                Err(time) => {
                    later += 1;
                    next = next.min(time);
                }
            }
        }
        if later > 0 {
            let calls = if later == 1 { "1 more call waits".to_owned() } else { format!("{later} more calls wait") };
            self.wait(next, format!("{calls}: AWS gives an account four at once, and one in three seconds after that"));
        }
        self.plan.drifts.sort_by_key(|drift| Reverse(drift.severity));
        self.plan
    }
}

fn unknown<T>(seen: &Seen<T>) -> Option<&Unseen> {
    match seen {
        Seen::Unknown(unseen) => Some(unseen),
        Seen::Present(_) | Seen::Absent => None,
    }
}

impl Shape {
    /// Whether private DNS is declared.
    pub fn has_private_dns(&self) -> bool {
        matches!(self, Self::Interface { subnets: _, groups: _, private_dns: Some(_) })
    }
}
