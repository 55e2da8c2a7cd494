//! From what is declared and what was observed to a plan, over every service.

use super::connections::{self, Gate, Unit};
use super::{
    Change, Desired, Observed, ObservedBalancer, ObservedService, Pick, SERVICE_TAG, ServiceRef, Sighting,
    TOPOLOGY_TAG, pick,
};
use crate::core::{Drift, Held, Place, Plan, ResourceId, Seen, ServiceName, Severity, Standing, Step, Unseen, Wait};
use crate::network::EndpointService;
use jiff::{SignedDuration, Timestamp};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Accept and reject calls that AWS takes at once, and how long it takes to take as many again
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>).
const BURST: usize = 10;
const REFILL: SignedDuration = SignedDuration::from_secs(10);

/// When a step is taken, over all services: what contains comes before what mends, what mends before what tidies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Contain,
    Attach,
    ContainAfter,
    Accept,
    Allow,
    Refuse,
    Disallow,
    Withdraw,
}

/// The plan. See [`super`] for the rules that it follows.
pub(super) fn plan(place: &Place, desired: &Desired, observed: &Observed, standing: &Standing) -> Plan<Change> {
    let mut builder = Builder::new(place, desired, standing);
    for (name, declared) in &desired.services {
        match observed.services.get(name) {
            // Not bound, or not asked for: the loop knows and says so.
            None | Some(Seen::Unknown(Unseen::OutOfScope)) => {}
            Some(Seen::Unknown(Unseen::Failed { retryable, why })) => builder.blind(*retryable, name, why),
            Some(Seen::Absent) => builder.blind(true, name, "it was not looked at"),
            Some(Seen::Present(sighting)) if desired.retired => builder.retire(name, declared, sighting),
            Some(Seen::Present(sighting)) => builder.service(name, declared, sighting),
        }
    }
    builder.finish()
}

pub(super) struct Builder<'a> {
    pub(super) place: &'a Place,
    desired: &'a Desired,
    pub(super) standing: &'a Standing,
    pub(super) plan: Plan<Change>,
    /// Each with its rank and the index of its service's first step, to which its edges are relative.
    steps: Vec<(Rank, usize, Step<Change>)>,
    first: usize,
    /// Calls on connections that AWS takes now.
    turns: usize,
}

impl<'a> Builder<'a> {
    fn new(place: &'a Place, desired: &'a Desired, standing: &'a Standing) -> Self {
        let since = standing.now.saturating_sub(REFILL).unwrap_or(Timestamp::MIN);
        let endpoint = |id: &ResourceId| id.as_str().starts_with("vpce-") && !id.as_str().starts_with("vpce-svc-");
        let lately = standing.repairs.iter().filter(|(id, _)| endpoint(id)).flat_map(|(_, repairs)| repairs);
        let spent = lately.filter(|repair| repair.at > since).count();
        Self {
            place,
            desired,
            standing,
            plan: Plan::default(),
            steps: vec![],
            first: 0,
            turns: BURST.saturating_sub(spent),
        }
    }

    fn service(&mut self, name: &ServiceName, declared: &EndpointService, sighting: &Sighting) {
        let Sighting { vpc, balancer, candidates } = sighting;
        let picked = pick(self.desired, name, sighting);
        self.back_doors(name, balancer.present(), candidates, picked);
        let found = match picked {
            Pick::One(at) => candidates.get(at),
            Pick::None => {
                // Whether there is one before the load balancer cannot be said while that is not known.
                match balancer {
                    Seen::Unknown(unseen) => self.unseen(name, unseen),
                    Seen::Present(_) | Seen::Absent => self.no_service(name, declared, sighting),
                }
                None
            }
            Pick::Several => {
                self.several(name, vpc.as_str(), candidates);
                None
            }
        };
        let Some(found) = found else { return };
        self.first = self.steps.len();
        let service = ServiceRef { key: self.place.key(found.id.clone()), name: name.to_string() };
        self.acceptance(&service, found);
        let gate = self.balancers(name, &service, declared, found, sighting);
        self.principals(name, &service, declared, found);
        self.private_dns(&service, declared, found);
        match &found.connections {
            Seen::Present(all) => {
                let unit = Unit { service: &service, declared, stack: found.stack.as_ref(), gate };
                connections::plan(self, &unit, all);
            }
            Seen::Unknown(unseen) => self.unseen(name, unseen),
            Seen::Absent => self.blind(true, name, "its connections were not looked at"),
        }
    }

    /// A service goes with its stack, and AWS deletes none that still has connections.
    fn retire(&mut self, name: &ServiceName, declared: &EndpointService, sighting: &Sighting) {
        let Sighting { vpc, balancer: _, candidates } = sighting;
        let found = match pick(self.desired, name, sighting) {
            Pick::One(at) => candidates.get(at),
            Pick::None => None,
            Pick::Several => return self.several(name, vpc.as_str(), candidates),
        };
        let Some(found) = found else { return };
        self.first = self.steps.len();
        let service = ServiceRef { key: self.place.key(found.id.clone()), name: name.to_string() };
        // As long as it is there, nobody comes in unasked.
        self.acceptance(&service, found);
        match &found.connections {
            Seen::Present(all) => {
                let gate = Gate::Shut("the topology is retired".into());
                let unit = Unit { service: &service, declared, stack: found.stack.as_ref(), gate };
                connections::retire(self, &unit, all);
            }
            Seen::Unknown(unseen) => self.unseen(name, unseen),
            Seen::Absent => self.blind(true, name, "its connections were not looked at"),
        }
    }

    /// While acceptance is off, whoever may create an endpoint is in.
    fn acceptance(&mut self, service: &ServiceRef, found: &ObservedService) {
        match found.acceptance_required {
            Some(true) => {}
            Some(false) => {
                self.service_drift(service, Severity::Exposure, "it lets connections in without asking".into());
                let action = Change::Acceptance { service: service.clone(), required: true };
                let caveat = Some("connections that came in meanwhile stay until they are rejected".into());
                let step = Step { contains: true, stack: found.stack.clone(), caveat, ..Step::new(action) };
                self.step(Rank::Contain, step);
            }
            None => self.blind(true, &service.name, "AWS does not say whether it requires acceptance"),
        }
    }

    /// An undeclared load balancer behind the service gives its consumers reach to what stands behind *that*: an exposure. It goes at
    /// once where the declared one is there, which then serves everybody; otherwise the declared one comes first, as AWS has it too: a
    /// service is never without one. Answers what must be done before anybody more is let in.
    fn balancers(
        &mut self,
        name: &ServiceName,
        service: &ServiceRef,
        declared: &EndpointService,
        found: &ObservedService,
        sighting: &Sighting,
    ) -> Gate {
        let ours = match &sighting.balancer {
            Seen::Present(ours) if ours.vpc == sighting.vpc && ours.network => ours,
            Seen::Unknown(unseen) => {
                self.unseen(name, unseen);
                return Gate::Unseen;
            }
            Seen::Present(_) | Seen::Absent => {
                let (why, remedy) = self.no_balancer(declared, sighting);
                self.service_drift(service, Severity::Drift, why.clone());
                // The last one cannot be taken away; whoever is let in already reaches what stands behind it all the same.
                let known = sighting.balancer.present().map(|known| &known.arn);
                let strange = found.balancers.iter().filter(|arn| Some(*arn) != known);
                let strange: Vec<&str> = strange.map(ResourceId::as_str).collect();
                if !strange.is_empty() {
                    self.service_drift(service, Severity::Exposure, also_reached(&strange));
                }
                self.service_held(service, why.clone(), remedy);
                return Gate::Shut(why);
            }
        };
        let extra: Vec<ResourceId> = found.balancers.iter().filter(|arn| **arn != ours.arn).cloned().collect();
        let missing = !found.balancers.contains(&ours.arn);
        let stack = || found.stack.clone();
        let mut attach = None;
        if missing {
            self.service_drift(
                service,
                Severity::Drift,
                format!("the load balancer {} is not behind it", declared.load_balancer),
            );
            let action = Change::AttachBalancers { service: service.clone(), balancers: vec![ours.arn.clone()] };
            let step = Step { contains: !extra.is_empty(), stack: stack(), ..Step::new(action) };
            attach = Some(self.step(Rank::Attach, step));
        }
        if extra.is_empty() {
            return Gate::Open(attach);
        }
        let named: Vec<&str> = extra.iter().map(ResourceId::as_str).collect();
        self.service_drift(service, Severity::Exposure, also_reached(&named));
        let action = Change::DetachBalancers { service: service.clone(), balancers: extra };
        let caveat = Some("connections through it end; new ones go to the declared load balancer".into());
        let step =
            Step { contains: true, stack: stack(), caveat, needs: attach.into_iter().collect(), ..Step::new(action) };
        let rank = if missing { Rank::ContainAfter } else { Rank::Contain };
        Gate::Open(Some(self.step(rank, step)))
    }

    /// Whoever may create endpoints may only ask, as long as acceptance is required.
    fn principals(
        &mut self,
        name: &ServiceName,
        service: &ServiceRef,
        declared: &EndpointService,
        found: &ObservedService,
    ) {
        let Some(wanted) = &declared.principals else { return };
        let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
        let present = match &found.principals {
            Seen::Present(present) => present,
            Seen::Unknown(unseen) => return self.unseen(name, unseen),
            Seen::Absent => return self.blind(true, name, "its principals were not looked at"),
        };
        let open = found.acceptance_required != Some(true);
        let extra = present.iter().filter(|one| !wanted.contains(one.as_str()));
        let (exposing, idle): (Vec<String>, Vec<String>) = extra.cloned().partition(|one| open || one == "*");
        let missing: Vec<String> =
            wanted.into_iter().filter(|one| !present.contains(*one)).map(str::to_owned).collect();
        let step = |action, contains| Step { contains, stack: found.stack.clone(), ..Step::new(action) };
        for (principals, severity, rank) in
            [(exposing, Severity::Exposure, Rank::Contain), (idle, Severity::Drift, Rank::Disallow)]
        {
            if principals.is_empty() {
                continue;
            }
            for one in &principals {
                let who = if one == "*" { "everybody on AWS" } else { one };
                let summary = format!("{who} may create endpoints to it, and is not declared");
                self.service_drift(service, severity, summary);
            }
            let action = Change::DisallowPrincipals { service: service.clone(), principals };
            self.step(rank, step(action, severity == Severity::Exposure));
        }
        if !missing.is_empty() {
            for one in &missing {
                self.service_drift(
                    service,
                    Severity::Drift,
                    format!("{one} may not create endpoints to it, and should"),
                );
            }
            let action = Change::AllowPrincipals { service: service.clone(), principals: missing };
            self.step(Rank::Allow, step(action, false));
        }
    }

    /// A private DNS name takes a person: whoever owns the domain publishes a record. So it is told, and not changed.
    fn private_dns(&mut self, service: &ServiceRef, declared: &EndpointService, found: &ObservedService) {
        let Some(wanted) = &declared.private_dns_name else { return };
        let id = &service.key.id;
        let (summary, remedy) = match &found.private_dns {
            Some(seen) if seen.name.eq_ignore_ascii_case(wanted) && seen.state.eq_ignore_ascii_case("verified") => {
                return;
            }
            Some(seen) if seen.name.eq_ignore_ascii_case(wanted) => (
                format!("AWS has not verified the domain of {wanted} ({})", seen.state),
                match &seen.record {
                    Some((record, value)) => format!(
                        "publish the TXT record {record} with the value {value}, then: aws ec2 \
                         start-vpc-endpoint-service-private-dns-verification --service-id {id}"
                    ),
                    None => format!("aws ec2 start-vpc-endpoint-service-private-dns-verification --service-id {id}"),
                },
            ),
            seen => (
                format!(
                    "its private DNS name is {}, not {wanted}",
                    seen.as_ref().map_or("not set", |seen| seen.name.as_str())
                ),
                format!(
                    "aws ec2 modify-vpc-endpoint-service-configuration --service-id {id} --private-dns-name {wanted}"
                ),
            ),
        };
        self.service_drift(service, Severity::Drift, summary.clone());
        self.service_held(service, format!("{summary}; it takes the owner of the domain"), remedy);
    }

    /// Others in front of the declared load balancer. One that asks nobody is a way in that no document knows.
    fn back_doors(
        &mut self,
        name: &ServiceName,
        balancer: Option<&ObservedBalancer>,
        candidates: &[ObservedService],
        picked: Pick,
    ) {
        let Some(balancer) = balancer else { return };
        let declared = |other: &ObservedService| {
            let tag = |key: &str| other.tags.get(key).map(String::as_str);
            let named = tag(SERVICE_TAG).is_some_and(|name| self.desired.services.contains_key(name));
            tag(TOPOLOGY_TAG) == Some(self.desired.topology.as_str()) && named
        };
        let others = candidates.iter().enumerate().filter(|(at, other)| {
            picked != Pick::One(*at) && !other.managed && other.balancers.contains(&balancer.arn) && !declared(other)
        });
        let mut others: Vec<&ObservedService> = others.map(|(_, other)| other).collect();
        others.sort_by_key(|other| &other.id);
        for other in others {
            let service = ServiceRef { key: self.place.key(other.id.clone()), name: name.to_string() };
            let id = &other.id;
            if other.acceptance_required == Some(false) {
                let summary =
                    format!("another endpoint service, {id}, lets connections to its load balancer in without asking");
                self.service_drift(&service, Severity::Exposure, summary.clone());
                let remedy = format!(
                    "aws ec2 modify-vpc-endpoint-service-configuration --service-id {id} --acceptance-required, and reject what \
                     came in; or delete it"
                );
                self.service_held(&service, format!("{summary}; the topology does not declare it"), remedy);
            } else {
                let summary = format!("another endpoint service, {id}, stands in front of its load balancer");
                self.service_drift(&service, Severity::Advice, summary);
            }
        }
    }

    fn no_service(&mut self, name: &ServiceName, declared: &EndpointService, sighting: &Sighting) {
        let resource = self.place.key(sighting.vpc.as_str());
        let topology = &self.desired.topology;
        let ours = sighting.balancer.present();
        let (why, remedy) = match ours.filter(|ours| ours.vpc == sighting.vpc && ours.network) {
            None => {
                let (why, remedy) = self.no_balancer(declared, sighting);
                (format!("there is no endpoint service {name}, and {why}"), remedy)
            }
            Some(ours) => {
                let adoptable = |other: &&ObservedService| !other.managed && other.balancers.contains(&ours.arn);
                let adopt = match sighting.candidates.iter().find(adoptable) {
                    Some(other) => format!(
                        "; or, if it is {}, say so: aws ec2 create-tags --resources {0} --tags \
                         Key={TOPOLOGY_TAG},Value={topology} Key={SERVICE_TAG},Value={name}",
                        other.id
                    ),
                    None => String::new(),
                };
                (
                    format!("there is no endpoint service {name} in front of {}", declared.load_balancer),
                    format!("deploy the network's stack with the ARN of the load balancer, {}{adopt}", ours.arn),
                )
            }
        };
        self.plan.drifts.push(Drift {
            resource: resource.clone(),
            name: name.to_string(),
            severity: Severity::Drift,
            summary: why.clone(),
        });
        self.plan.held.push(Held { resource, name: name.to_string(), why, remedy });
    }

    fn no_balancer(&self, declared: &EndpointService, sighting: &Sighting) -> (String, String) {
        let (name, vpc) = (&declared.load_balancer, &sighting.vpc);
        let correct = format!("or correct `load_balancer: {name}` in the document");
        match &sighting.balancer {
            Seen::Present(other) if !other.network => (
                format!("{name} is not a Network Load Balancer"),
                format!("only a Network Load Balancer can stand behind an endpoint service: make one, {correct}"),
            ),
            Seen::Present(other) => {
                (format!("the load balancer {name} is in {}, not in {vpc}", other.vpc), format!("move it, {correct}"))
            }
            Seen::Absent | Seen::Unknown(_) => (
                format!("there is no load balancer called {name} in {vpc}"),
                format!("deploy the workload's stack, which makes it, {correct}"),
            ),
        }
    }

    fn several(&mut self, name: &ServiceName, vpc: &str, candidates: &[ObservedService]) {
        let claims = |other: &&ObservedService| {
            other.tags.get(SERVICE_TAG).is_some_and(|tag| tag == name.as_str()) || other.stack.is_some()
        };
        let mut ids: Vec<&str> = candidates.iter().filter(claims).map(|other| other.id.as_str()).collect();
        ids.sort_unstable();
        let why = format!("{} all claim to be {name}: nobody is let in or refused", ids.join(", "));
        let resource = self.place.key(vpc);
        self.plan.drifts.push(Drift {
            resource: resource.clone(),
            name: name.to_string(),
            severity: Severity::Drift,
            summary: format!("{} endpoint services claim to be it", ids.len()),
        });
        let remedy = format!(
            "mark the one that is: take the tag {SERVICE_TAG} off those that are not (aws ec2 delete-tags), or give it another value there"
        );
        self.plan.held.push(Held { resource, name: name.to_string(), why, remedy });
    }

    fn service_drift(&mut self, service: &ServiceRef, severity: Severity, summary: String) {
        let ServiceRef { key, name } = service;
        self.plan.drifts.push(Drift { resource: key.clone(), name: name.clone(), severity, summary });
    }

    fn service_held(&mut self, service: &ServiceRef, why: String, remedy: String) {
        let ServiceRef { key, name } = service;
        self.plan.held.push(Held { resource: key.clone(), name: name.clone(), why, remedy });
    }

    /// Appends a step of the current service and answers its index among that service's.
    pub(super) fn step(&mut self, rank: Rank, step: Step<Change>) -> usize {
        self.steps.push((rank, self.first, step));
        self.steps.len() - 1 - self.first
    }

    /// Whether one more call on a connection may be made now. What contains is always planned: it is tried even if AWS throttles it.
    pub(super) fn turn(&mut self, contains: bool) -> bool {
        if self.turns == 0 && !contains {
            self.wait(REFILL, format!("AWS takes {BURST} decisions on connections at once, and one a second after"));
            return false;
        }
        self.turns = self.turns.saturating_sub(1);
        true
    }

    pub(super) fn wait(&mut self, wait: SignedDuration, why: String) {
        let until = self.standing.now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        if self.plan.wait.as_ref().is_none_or(|known| until < known.until) {
            self.plan.wait = Some(Wait { until, why });
        }
    }

    fn unseen(&mut self, name: &ServiceName, unseen: &Unseen) {
        match unseen {
            Unseen::OutOfScope => {}
            Unseen::Failed { retryable, why } => self.blind(*retryable, name, why),
        }
    }

    fn blind(&mut self, retryable: bool, name: impl std::fmt::Display, why: &str) {
        let unseen = Unseen::Failed { retryable, why: format!("{name}: {why}") };
        if !self.plan.blind.contains(&unseen) {
            self.plan.blind.push(unseen);
        }
    }

    /// Puts the steps of every service in one line, by rank, and makes edges point to places in that line.
    fn finish(self) -> Plan<Change> {
        let Self { place: _, desired: _, standing: _, mut plan, steps, first: _, turns: _ } = self;
        let mut order: Vec<usize> = (0..steps.len()).collect();
        order.sort_by_key(|index| steps.get(*index).map(|(rank, _, _)| *rank));
        let mut position = vec![0; steps.len()];
        for (place, index) in order.iter().enumerate() {
            if let Some(slot) = position.get_mut(*index) {
                *slot = place;
            }
        }
        let moved = |first: usize, edges: &[usize]| -> Vec<usize> {
            let mut edges: Vec<usize> = edges.iter().filter_map(|edge| position.get(first + edge).copied()).collect();
            edges.sort_unstable();
            edges
        };
        for index in order {
            if let Some((_, first, step)) = steps.get(index) {
                let (after, needs) = (moved(*first, &step.after), moved(*first, &step.needs));
                plan.push(Step { after, needs, ..step.clone() });
            }
        }
        plan.drifts.sort_by_key(|drift| Reverse(drift.severity));
        plan
    }
}

fn also_reached(balancers: &[&str]) -> String {
    format!("its consumers also reach {}, which the topology does not put behind it", balancers.join(", "))
}
