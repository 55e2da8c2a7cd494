//! What is made, and what goes.

use super::bucket::Call;
use super::facts::{Facts, Ids, Wanted};
use super::planner::{Builder, Rank};
use super::{Change, EndpointState, Kind, NewEndpoint, ObservedEndpoint, Shape, StandIn, pick, tags};
use crate::core::{Repair, ResourceId, Severity, Step};
use crate::render;
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// What AWS just made may not be shown for so long; after that it is gone.
const SETTLES: SignedDuration = SignedDuration::from_secs(60);
/// So many that failed within the hour are enough.
const TRIES: usize = 3;
/// How long the first that failed is let be before another is made; each further one twice as long.
const BACK_OFF: SignedDuration = SignedDuration::from_secs(30);

pub(super) fn make<'a>(builder: &mut Builder<'a>, facts: &Facts<'a>, wanted: &Wanted<'a>) {
    for gone in pick::alike(facts, wanted).filter(|endpoint| endpoint.state.is_gone() || endpoint.state.is_dead()) {
        builder.alias(&gone.id, &wanted.key.id);
    }
    let dead: Vec<&ObservedEndpoint> = pick::alike(facts, wanted).filter(|endpoint| endpoint.state.is_dead()).collect();
    let mut summary = format!("there is no {} endpoint to {}", wanted.kind, wanted.service);
    for endpoint in &dead {
        summary.push_str(&format!("; {} is {}", endpoint.id, endpoint.state));
        summary.extend(endpoint.error.iter().map(|error| format!(" ({error})")));
    }
    builder.drift(wanted.key.clone(), &wanted.title, Severity::Drift, summary);
    if let Some(no) = dead.iter().find(|endpoint| endpoint.state != EndpointState::Failed) {
        let why = format!("the owner of {} did not let {} in", wanted.service, no.id);
        let remedy = format!(
            "ask the owner; then delete it, and Plumbline asks again: aws ec2 delete-vpc-endpoints --vpc-endpoint-ids {}",
            no.id
        );
        return builder.hold(&wanted.key.id, &wanted.title, why, remedy);
    }
    let repairs = facts.standing.repairs.get(&wanted.key.id).map(Vec::as_slice).unwrap_or_default();
    if let Some(failed) = dead.last() {
        let made: Vec<&Repair> = repairs.iter().filter(|repair| repair.succeeded == Some(true)).collect();
        if made.len() >= TRIES {
            let said = failed.error.as_deref().unwrap_or("nothing");
            let why = format!("{TRIES} endpoints were made within the hour, and all failed; AWS says: {said}");
            let remedy = "put right what AWS says; within the hour it is tried again".into();
            return builder.hold(&wanted.key.id, &wanted.title, why, remedy);
        }
        if let Some(last) = made.last() {
            let rest = BACK_OFF * (1 << (made.len() - 1));
            let again = last.at.saturating_add(rest).unwrap_or(jiff::Timestamp::MAX);
            if facts.standing.now < again {
                return builder.wait(again, format!("{} failed, and is tried again after a while", failed.id));
            }
        }
    }
    if settling(facts, repairs) {
        return builder.soon(format!("AWS made {}, and does not show it yet", wanted.title));
    }
    let Some(Made { endpoint, missing }) = new_endpoint(facts, wanted) else {
        return;
    };
    builder.missing(wanted.key.clone(), &wanted.title, &missing.missing);
    if endpoint.kind == Kind::Interface && (endpoint.subnets.is_empty() || missing.blocks) {
        // Without its groups it would get the VPC's default group.
        let why = format!("it cannot be made without {}", missing.missing.join(" and "));
        let remedy = "deploy the network's stack again, which makes what is missing".into();
        return builder.hold(&wanted.key.id, &wanted.title, why, remedy);
    }
    if endpoint.kind == Kind::Gateway && endpoint.tables.is_empty() {
        let why = "none of its tiers has a subnet with a route table of its own".to_owned();
        let remedy = "deploy the network's stack again, which makes what is missing".into();
        return builder.hold(&wanted.key.id, &wanted.title, why, remedy);
    }
    if let Some(going) = routed(facts, &endpoint) {
        let why = format!("{} is being deleted, and has its routes until it is gone", going.id);
        return builder.soon(format!("{}: {why}", wanted.title));
    }
    create(builder, facts, wanted, endpoint);
}

/// One on its way out that still has the route to the service in a table of the new one: AWS gives a table no second one.
fn routed<'a>(facts: &Facts<'a>, new: &NewEndpoint) -> Option<&'a ObservedEndpoint> {
    let going = |endpoint: &&ObservedEndpoint| {
        endpoint.state == EndpointState::Deleting && endpoint.kind == Kind::Gateway && endpoint.service == new.service
    };
    facts.endpoints.iter().copied().filter(going).find(|endpoint| !endpoint.tables.is_disjoint(&new.tables))
}

fn create(builder: &mut Builder<'_>, facts: &Facts<'_>, wanted: &Wanted<'_>, endpoint: NewEndpoint) {
    let stand_in = facts
        .seen
        .stack
        .clone()
        .map(|stack| StandIn { stack, logical_id: render::endpoint_id(facts.name, wanted.name) });
    let tags = tags::of(facts.desired, facts.name, wanted.name, stand_in.as_ref());
    let rank = if endpoint.kind == Kind::Gateway { Rank::Gateway } else { Rank::Interface };
    let name = wanted.title.clone();
    let change = Change::Create { key: wanted.key.clone(), name, endpoint, tags, stand_in };
    builder.step(rank, Call::Create, Step { stack: facts.seen.stack.clone(), ..Step::new(change) });
}

/// Made a moment ago, and not shown: some endpoint of ours is younger than that, and AWS shows none of that id.
fn settling(facts: &Facts<'_>, repairs: &[Repair]) -> bool {
    let lately = |at: jiff::Timestamp| facts.standing.now.duration_since(at) < SETTLES;
    let shown: BTreeSet<&ResourceId> = facts.endpoints.iter().map(|endpoint| &endpoint.id).collect();
    let hidden = |(id, at): (&ResourceId, &jiff::Timestamp)| {
        let repaired = facts.standing.repairs.get(id).is_some_and(|it| it.iter().any(|repair| repair.removed));
        id.as_str().starts_with("vpce-") && lately(*at) && !shown.contains(id) && !repaired
    };
    repairs.iter().any(|repair| repair.succeeded == Some(true) && lately(repair.at))
        && facts.standing.created.iter().any(hidden)
}

/// What an endpoint would be that is made now.
struct Made {
    endpoint: NewEndpoint,
    missing: Missing,
}

struct Missing {
    missing: Vec<String>,
    /// A group is among it.
    blocks: bool,
}

/// `None`: what it needs was not seen.
fn new_endpoint(facts: &Facts<'_>, wanted: &Wanted<'_>) -> Option<Made> {
    let mut endpoint = NewEndpoint {
        vpc: facts.seen.id.clone(),
        service: wanted.service.clone(),
        kind: wanted.kind.clone(),
        tables: BTreeSet::new(),
        subnets: BTreeSet::new(),
        groups: BTreeSet::new(),
        policy: wanted.declared.policy.clone(),
    };
    let missing = match &wanted.declared.shape {
        Shape::Gateway { subnets } => {
            let Ids { ids, missing } = facts.tables(subnets)?;
            endpoint.tables = ids;
            Missing { missing, blocks: false }
        }
        Shape::Interface { subnets, groups, private_dns: _ } => {
            let Ids { ids, mut missing } = facts.subnets(subnets);
            endpoint.subnets = ids;
            let groups = facts.groups(groups)?;
            endpoint.groups = groups.ids;
            let blocks = !groups.missing.is_empty();
            missing.extend(groups.missing);
            Missing { missing, blocks }
        }
    };
    Some(Made { endpoint, missing })
}

/// One with our tags that the ledger does not know, while the last call for it has no answer on record: asked for once more, the token
/// of the first time gives its id. Only in the very words of the first time, for other words would make a second one.
pub(super) fn once_more<'a>(
    builder: &mut Builder<'a>,
    facts: &Facts<'a>,
    wanted: &Wanted<'a>,
    found: &ObservedEndpoint,
) {
    let claims = tags::claims(found, facts.desired, facts.name) && found.stack.is_none();
    if !claims || facts.standing.created.contains_key(&found.id) {
        return;
    }
    let last = facts.standing.repairs.get(&wanted.key.id).and_then(|repairs| repairs.last());
    if last.is_none_or(|repair| repair.succeeded.is_some()) {
        return;
    }
    let Some(Made { endpoint, missing: _ }) = new_endpoint(facts, wanted) else { return };
    let NewEndpoint { vpc: _, service: _, kind: _, tables, subnets, groups, policy: _ } = &endpoint;
    if (tables, subnets, groups) != (&found.tables, &found.subnets, &found.groups) {
        return;
    }
    let summary = "it has our tags and is not on record: asked for once more, AWS says whether we made it".into();
    builder.drift(facts.place.key(found.id.clone()), &wanted.title, Severity::Drift, summary);
    create(builder, facts, wanted, endpoint);
}

/// Ours that nothing declared needs, and others that lead where a declared one leads.
pub(super) fn surplus<'a>(
    builder: &mut Builder<'a>,
    facts: &Facts<'a>,
    kept: &[(&Wanted<'a>, &'a ObservedEndpoint)],
    open: &[&Wanted<'a>],
    unresolved: bool,
) {
    for endpoint in facts.endpoints.iter().copied().filter(|endpoint| !endpoint.state.is_gone() && !endpoint.managed) {
        if kept.iter().any(|(_, kept)| kept.id == endpoint.id) {
            continue;
        }
        let same = |wanted: &Wanted<'_>| wanted.service == endpoint.service && wanted.kind == endpoint.kind;
        let beside = kept.iter().find(|(wanted, _)| same(wanted));
        if !tags::is_ours(endpoint, facts.desired, facts.name, facts.standing) {
            if let Some((wanted, kept)) = beside.filter(|_| !endpoint.state.is_dead()) {
                let summary = format!("it leads to {} as {} does, and is not declared", wanted.service, kept.id);
                builder.drift(facts.place.key(endpoint.id.clone()), &wanted.title, Severity::Advice, summary);
            }
            continue;
        }
        // What a declared one that could not be judged may be kept by stays; so does the last one that failed, for it says why.
        let newer = |other: &&ObservedEndpoint| {
            other.service == endpoint.service && other.kind == endpoint.kind && other.state.is_dead()
        };
        let last = facts.endpoints.iter().copied().rfind(newer).is_some_and(|it| it.id == endpoint.id);
        let undecided = open.iter().any(|wanted| same(wanted)) && (!endpoint.state.is_dead() || last);
        if undecided || unresolved {
            continue;
        }
        // Make before break: what takes its place, of whichever kind, is as declared first.
        let stands = |kept: &ObservedEndpoint| kept.state == EndpointState::Available && !builder.changes(&kept.id);
        let instead = |wanted: &Wanted<'_>| wanted.service == endpoint.service && wanted.kind != endpoint.kind;
        let ready = match beside {
            Some((_, kept)) => stands(kept),
            None if endpoint.state.is_dead() => true,
            None => {
                let mut there = kept.iter().filter(|(wanted, _)| instead(wanted));
                there.all(|(_, kept)| stands(kept)) && !open.iter().any(|wanted| instead(wanted))
            }
        };
        let (name, summary) = match beside {
            Some((wanted, kept)) => (wanted.title.clone(), format!("ours, and {} is there in its place", kept.id)),
            None => {
                let name = tags::made_for(endpoint).map_or_else(|| endpoint.service.clone(), |it| it.to_string());
                let state = if endpoint.state.is_dead() {
                    format!("ours, and {}", endpoint.state)
                } else if ready {
                    "ours, and not declared".to_owned()
                } else {
                    "ours, and not declared: it goes when what is declared in its place is there as declared".to_owned()
                };
                (format!("{}/{name}", facts.name), state)
            }
        };
        builder.drift(facts.place.key(endpoint.id.clone()), &name, Severity::Drift, summary);
        if ready {
            delete(builder, facts, &name, endpoint);
        }
    }
}

fn delete(builder: &mut Builder<'_>, facts: &Facts<'_>, name: &str, endpoint: &ObservedEndpoint) {
    let called = tags::made_for(endpoint).unwrap_or_else(|| endpoint.service.as_str().into());
    let was = NewEndpoint {
        vpc: facts.seen.id.clone(),
        service: endpoint.service.clone(),
        kind: endpoint.kind.clone(),
        tables: endpoint.tables.clone(),
        subnets: endpoint.subnets.clone(),
        groups: endpoint.groups.clone(),
        policy: endpoint.policy.clone(),
    };
    let change = Change::Delete {
        endpoint: facts.place.key(endpoint.id.clone()),
        name: name.to_owned(),
        key: facts.key(&called),
        was,
        tags: endpoint.tags.clone(),
    };
    let caveat = match endpoint.kind {
        _ if endpoint.state.is_dead() => None,
        Kind::Interface if endpoint.private_dns => {
            Some("the service's name leads to its public addresses from then on: what has no way out loses it".into())
        }
        _ => Some("what reaches the service through it goes another way from then on, or none".into()),
    };
    builder.step(Rank::Remove, Call::Delete, Step { stack: facts.seen.stack.clone(), caveat, ..Step::new(change) });
}
