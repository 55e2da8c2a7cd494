//! The flow logs of one VPC: which declared one is kept by which, what is missing, and what is surplus.

use super::planner::{Builder, Group};
use super::spec::{Wanted, label};
use super::{Change, Delivery, Destination, ObservedLog, ObservedVpc, Purpose, advice, cure, tags};
use crate::core::{ResourceId, ResourceKey, Severity, Step, VpcName};
use crate::network::FlowLog;
use std::collections::{BTreeMap, BTreeSet};

/// One VPC in this plan.
pub(super) struct Context<'a> {
    pub(super) name: &'a VpcName,
    pub(super) key: ResourceKey,
    pub(super) seen: &'a ObservedVpc,
    ours: BTreeSet<&'a ResourceId>,
    /// Those that may be ours without our knowing: neither ours nor anybody's until AWS was asked once more.
    unheard: BTreeSet<&'a ResourceId>,
}

/// How a declared flow log stands.
enum State<'a> {
    /// This one records what is declared.
    Kept(&'a ObservedLog),
    /// Ours is as declared, and its records do not arrive.
    Failed(&'a ObservedLog),
    /// Somebody else's is as declared, its records do not arrive, and AWS takes no equal one beside it.
    Blocked(&'a ObservedLog),
    /// Nothing records it.
    Missing,
}

impl<'a> Context<'a> {
    pub(super) fn is_ours(&self, log: &ObservedLog) -> bool {
        self.ours.contains(&log.id)
    }

    pub(super) fn is_unheard(&self, log: &ObservedLog) -> bool {
        self.unheard.contains(&log.id)
    }

    /// Active flow logs, in a stable order: the oldest first.
    pub(super) fn active(&self) -> Vec<&'a ObservedLog> {
        let mut logs: Vec<&ObservedLog> = self.seen.logs.iter().filter(|log| log.active).collect();
        logs.sort_by_key(|log| (log.created, &log.id));
        logs
    }

    fn state(&self, wanted: &Wanted) -> State<'a> {
        let alike: Vec<&ObservedLog> =
            self.active().into_iter().filter(|log| log.spec.records_like(&wanted.spec)).collect();
        let exact = |log: &ObservedLog| wanted.delivers_like(&log.spec.destination);
        let first = |ours: bool, failed: bool| {
            alike.iter().copied().find(|log| {
                let foreign = !self.is_ours(log) && !self.unheard.contains(&log.id);
                let counts = if ours { self.is_ours(log) && exact(log) } else { foreign };
                counts && is_failed(log) == failed
            })
        };
        if let Some(kept) = first(true, false).or_else(|| first(false, false)) {
            State::Kept(kept)
        } else if let Some(failed) = first(true, true) {
            State::Failed(failed)
        } else if let Some(foreign) = first(false, true).filter(|log| exact(log)) {
            State::Blocked(foreign)
        } else {
            State::Missing
        }
    }
}

pub(super) fn is_failed(log: &ObservedLog) -> bool {
    matches!(log.delivery, Delivery::Failed { why: _ })
}

/// In words, what AWS says of records that do not arrive.
pub(super) fn said(log: &ObservedLog) -> String {
    match &log.delivery {
        Delivery::Failed { why: Some(why) } => format!("AWS says: {why}"),
        Delivery::Failed { why: None } => "AWS does not say why".into(),
        Delivery::Success | Delivery::Unreported => "AWS reports no failure".into(),
    }
}

pub(super) fn plan<'a>(builder: &mut Builder<'a>, name: &'a VpcName, declared: &'a [FlowLog], seen: &'a ObservedVpc) {
    let ours = seen.logs.iter().filter(|log| tags::is_ours(log, builder.desired, name, builder.standing));
    let unheard = seen.logs.iter().filter(|log| tags::may_be_ours(log, builder.desired, name, builder.standing));
    let context = Context {
        name,
        key: builder.place.key(seen.id.as_str()),
        seen,
        ours: ours.map(|log| &log.id).collect(),
        unheard: unheard.map(|log| &log.id).collect(),
    };
    let role = builder.observed.role.as_deref();
    let wanted: Vec<Wanted> =
        declared.iter().map(|log| Wanted::new(builder.desired, name, log, builder.place, role)).collect();
    let states: Vec<State<'_>> = wanted.iter().map(|wanted| context.state(wanted)).collect();
    for (wanted, state) in wanted.iter().zip(&states) {
        match state {
            State::Kept(_) => {}
            State::Failed(failed) => cure::plan(builder, &context, wanted, failed),
            State::Blocked(foreign) => blocked(builder, wanted, foreign),
            State::Missing => missing(builder, &context, wanted),
        }
    }
    surplus(builder, &context, &wanted, &states);
    once_more(builder, &context);
}

/// Asks for what may be ours in the very words of the first time, so that the ledger knows the token of them.
fn once_more(builder: &mut Builder<'_>, context: &Context<'_>) {
    for log in context.active().into_iter().filter(|log| context.is_unheard(log)) {
        if matches!(builder.group(&log.spec.destination), Group::Unseen) {
            continue;
        }
        let name = label(builder.desired, context.name, &log.spec.destination);
        let summary = "it has our tags and is not on record: asked for once more, AWS says whether we made it".into();
        builder.drift(builder.place.key(log.id.clone()), &name, Severity::Drift, summary);
        let change = Change::Create {
            vpc: context.key.clone(),
            name,
            spec: log.spec.clone(),
            tags: log.tags.clone(),
            purpose: tags::purpose(&log.tags),
        };
        builder.push(Step { stack: context.seen.stack.clone(), ..Step::new(change) });
    }
}

fn missing(builder: &mut Builder<'_>, context: &Context<'_>, wanted: &Wanted) {
    let Wanted { name, spec } = wanted;
    let alike: Vec<&ObservedLog> = context.active().into_iter().filter(|log| log.spec.records_like(spec)).collect();
    if alike.iter().any(|log| context.is_unheard(log)) {
        // It is asked for once more.
        return;
    }
    let ours = alike.iter().find(|log| context.is_ours(log));
    let summary = match ours.map(|log| (&log.id, &log.spec.destination)) {
        Some((id, Destination::CloudWatch { log_group: _, role: Some(role) })) => {
            format!("no flow log of the declared role records {spec}: {id} is delivered by {role}")
        }
        _ => format!("no flow log records {spec}"),
    };
    builder.drift(context.key.clone(), name, Severity::Drift, summary);
    if matches!(&spec.destination, Destination::CloudWatch { log_group: _, role: None }) {
        let why = "nobody said which role delivers to CloudWatch Logs".into();
        builder.hold(&context.key.id, name, why, advice::NO_ROLE.into());
        return;
    }
    let outdated: Vec<&str> = (context.active().into_iter())
        .filter(|log| context.is_ours(log) && log.spec.destination.same_place(&spec.destination))
        .map(|log| log.id.as_str())
        .collect();
    let caveat = match outdated.as_slice() {
        [] => None,
        ids => Some(format!("{} goes once the new one is seen; until then both record", ids.join(" and "))),
    };
    // A probe is there: what it stood in for was ours, and failed.
    let probe = context.active().into_iter().find(|log| context.is_ours(log) && cure::is_probe(wanted, log));
    let more = probe.map(|probe| tags::instead_of(&probe.id)).unwrap_or_default();
    create(builder, context, wanted, Purpose::Declared, more, caveat);
}

/// Plans a flow log, after its log group. Nothing is planned while nobody knows of the group.
pub(super) fn create(
    builder: &mut Builder<'_>,
    context: &Context<'_>,
    wanted: &Wanted,
    purpose: Purpose,
    more: BTreeMap<String, String>,
    caveat: Option<String>,
) -> Option<usize> {
    let needs = match builder.group(&wanted.spec.destination) {
        Group::Ready => vec![],
        Group::Making(step) => vec![step],
        Group::Unseen => return None,
    };
    let Wanted { name, spec } = wanted;
    let mut tags = tags::of(builder.desired, context.name, name);
    tags.extend(more);
    let change = Change::Create { vpc: context.key.clone(), name: name.clone(), spec: spec.clone(), tags, purpose };
    Some(builder.push(Step { needs, caveat, stack: context.seen.stack.clone(), ..Step::new(change) }))
}

/// Plans the end of one of ours.
pub(super) fn delete(builder: &mut Builder<'_>, context: &Context<'_>, name: &str, log: &ObservedLog) -> usize {
    let change = Change::Delete {
        log: builder.place.key(log.id.clone()),
        vpc: context.key.clone(),
        name: name.to_owned(),
        spec: log.spec.clone(),
        tags: log.tags.clone(),
    };
    builder.push(Step { stack: context.seen.stack.clone(), ..Step::new(change) })
}

fn blocked(builder: &mut Builder<'_>, wanted: &Wanted, foreign: &ObservedLog) {
    let Wanted { name, spec } = wanted;
    let summary = format!("it would record {spec}, but its records do not arrive: {}", said(foreign));
    builder.drift(builder.place.key(foreign.id.clone()), name, Severity::Drift, summary);
    let why = format!("{} was not made by Plumbline, and AWS takes no equal one beside it", foreign.id);
    let remedy = format!(
        "{}; or delete it, and Plumbline makes its own: aws ec2 delete-flow-logs --flow-log-ids {}",
        advice::let_in(spec, builder.place),
        foreign.id
    );
    builder.hold(&foreign.id, name, why, remedy);
}

/// Ours that nothing declared needs. One goes when what is declared for its place is seen to be kept by another; one whose place
/// is not declared, when all that is declared is kept: it may be what the records of a missing one can still be found in.
fn surplus(builder: &mut Builder<'_>, context: &Context<'_>, wanted: &[Wanted], states: &[State<'_>]) {
    let used: BTreeSet<&ResourceId> = states
        .iter()
        .filter_map(|state| match state {
            State::Kept(log) | State::Failed(log) | State::Blocked(log) => Some(&log.id),
            State::Missing => None,
        })
        .collect();
    let kept = |state: &State<'_>| matches!(state, State::Kept(_));
    let all_kept = states.iter().all(kept);
    let mut logs: Vec<&ObservedLog> = context.seen.logs.iter().collect();
    logs.sort_by_key(|log| &log.id);
    for log in logs.into_iter().filter(|log| context.is_ours(log) && !used.contains(&log.id)) {
        let here = wanted.iter().zip(states).find(|(it, _)| it.spec.destination.same_place(&log.spec.destination));
        let (name, dispensable) = match here {
            Some((wanted, state)) => (wanted.name.clone(), kept(state)),
            None => (label(builder.desired, context.name, &log.spec.destination), all_kept),
        };
        let probe = here.is_some_and(|(wanted, _)| cure::is_probe(wanted, log));
        if probe && matches!(here, Some((_, State::Failed(_)))) {
            continue;
        }
        let (severity, summary) = match probe && dispensable {
            true => (Severity::Advice, "it stood in for one that delivers again".to_owned()),
            false => (Severity::Drift, format!("ours, and not declared: it records {}", log.spec)),
        };
        builder.drift(builder.place.key(log.id.clone()), &name, severity, summary);
        if dispensable {
            delete(builder, context, &name, log);
        }
    }
}
