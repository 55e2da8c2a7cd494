//! What a person asks for by a direct invoke, and the answer.

mod brakes;
mod input;
mod status;
mod words;

use crate::dispatch::again::{Again, Because, again};
use crate::enforce::{Undone, undo};
use crate::reconcile::{Ask, only_look, reconcile};
use crate::tell::tell;
use crate::{
    Clock, Error, Eyes, Hands, Hint, Ledger, LedgerRead, Limits, LoopKey, Metrics, Outbox, Outcome, Ports, ReadPorts,
    Report, Run, Served, Settings, Target,
};
use input::{Input, parse};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use topology::{Control, Mode, ResourceId, Subject, Topology, TopologyId, Verb};
use words::{cannot, done, refused};

/// How far back an action can be undone by its token.
const UNDO_RECORDS: usize = 500;

/// The answer to by-hand input. Wrong input is an answer too (`ok: false`), never a function error.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Answer {
    /// Whether the input was understood and done.
    pub ok: bool,
    /// For a person to read.
    pub summary: String,
    /// What is wrong, when it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The valid forms, when the input was not one of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub valid: Vec<String>,
    /// One a reconcile.
    pub reports: Vec<Report>,
    /// Everything else, structured: `status`, the directive that was set, the plan.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// What was counted.
    #[serde(skip)]
    pub metrics: Metrics,
}

/// Answers by-hand input of a function that may do everything. `by`: who asks, as far as the invocation tells.
pub async fn answer<C, E, H, L, O, K>(
    input: &Value,
    by: &str,
    served: &Served,
    ports: &Ports<'_, E, H, L, O, K>,
    settings: &Settings,
    run: &Run,
) -> Answer
where
    C: Control,
    E: Eyes<C>,
    H: Hands<C>,
    L: Ledger,
    O: Outbox,
    K: Clock,
{
    let result = match parse(input, C::VERBS) {
        Ok(input) => carry_out::<C, _, _, _, _, _>(input, by, served, ports, settings, run).await,
        Err(error) => Err(error),
    };
    result.unwrap_or_else(refused)
}

/// Answers by-hand input of a function that can only look (`PLUMBLINE_HAND_ONLY=plan`): `plan` and `status`.
pub async fn answer_read_only<C, E, L, K>(
    input: &Value,
    served: &Served,
    ports: &ReadPorts<'_, E, L, K>,
    settings: &Settings,
) -> Answer
where
    C: Control,
    E: Eyes<C>,
    L: LedgerRead,
    K: Clock,
{
    let result = match parse(input, C::VERBS) {
        Ok(Input::Status) => status::status::<C>(served, ports.ledger, ports.clock).await.map_err(Error::from),
        Ok(Input::Reconcile { topology, enforce: false, only, reason: _ }) => {
            plan::<C, _, _, _>(served, &topology, only, ports, settings).await
        }
        Ok(_) => Err(cannot("this function only plans and tells the status: invoke the one that enforces")),
        Err(error) => Err(error),
    };
    result.unwrap_or_else(refused)
}

/// A topology that is served here.
fn known<'a>(served: &'a Served, id: &TopologyId) -> Result<&'a Topology, Error> {
    let unknown = || {
        let ids: Vec<&str> = served.topologies.iter().map(|topology| topology.id.as_str()).collect();
        cannot(format!("no topology {id} is served here: {} are", ids.join(", ")))
    };
    served.topologies.iter().find(|topology| topology.id == *id).ok_or_else(unknown)
}

async fn carry_out<C, E, H, L, O, K>(
    input: Input,
    by: &str,
    served: &Served,
    ports: &Ports<'_, E, H, L, O, K>,
    settings: &Settings,
    run: &Run,
) -> Result<Answer, Error>
where
    C: Control,
    E: Eyes<C>,
    H: Hands<C>,
    L: Ledger,
    O: Outbox,
    K: Clock,
{
    let Ports { eyes, hands: _, ledger, outbox, clock } = *ports;
    match input {
        Input::Status => Ok(status::status::<C>(served, ledger, clock).await?),
        Input::Reconcile { topology, enforce: false, only, reason: _ } => {
            plan::<C, _, _, _>(served, &topology, only, &ports.read(), settings).await
        }
        Input::Reconcile { topology, enforce: true, only, reason } => {
            enforce_now::<C, _, _, _, _, _>(served, &topology, only, &reason, ports, settings, run).await
        }
        Input::Pause { topology, control, lasts, reason } => {
            let subject = Subject::Topology { topology: topology.clone(), control };
            let brake = brakes::Order { verb: Verb::Pause, subject, lasts: Some(lasts), reason: &reason, by };
            brakes::pause(served, &topology, brake, ledger, clock).await
        }
        Input::Resume { topology, control, reason } => {
            brakes::resume(served, &topology, control, &reason, ledger, outbox).await
        }
        Input::Exempt { resource, .. } if !changes::<C>(&resource) => Err(cannot(format!(
            "an exemption of {resource} would exempt nothing: {} changes {} only; to hold everything, pause the topology",
            C::ID,
            C::CHANGES.join("…, ") + "…"
        ))),
        Input::Exempt { resource, lasts, reason } => {
            let subject = Subject::Resource(resource.clone());
            let brake = brakes::Order { verb: Verb::Exempt, subject, lasts: Some(lasts), reason: &reason, by };
            brakes::exempt(served, &resource, brake, eyes, ledger, clock).await
        }
        Input::Unexempt { resource, reason } => {
            brakes::withdraw(served, Verb::Exempt, &resource, &reason, ledger, outbox).await
        }
        Input::Decide { verb, resource, lasts, reason } => {
            let subject = Subject::Resource(resource.clone());
            let order = brakes::Order { verb, subject, lasts, reason: &reason, by };
            brakes::decide(served, &resource, order, ledger, outbox, clock).await
        }
        Input::Withdraw { verb, resource, reason } => {
            brakes::withdraw(served, verb, &resource, &reason, ledger, outbox).await
        }
        Input::Rebind { topology, vpc, to, reason } => {
            brakes::rebind(served, &topology, &vpc, &to, &reason, eyes, ledger, outbox, clock).await
        }
        Input::ConfirmRollback { topology, reason } => {
            brakes::confirm_rollback(served, &topology, &reason, ledger, outbox).await
        }
        Input::Undo { topology, token, reason } => {
            undo_now::<C, _, _, _, _, _>(served, &topology, &token, &reason, ports, settings, run).await
        }
    }
}

fn changes<C: Control>(resource: &ResourceId) -> bool {
    C::CHANGES.is_empty() || C::CHANGES.iter().any(|prefix| resource.as_str().starts_with(prefix))
}

/// What a person asks a run to do. Planning is asked the same as enforcing, or its plan would not be what is done.
fn by_hand(resources: BTreeSet<ResourceId>, reason: Option<String>) -> Ask {
    Ask { resources, causes: vec![], first_seen: None, by_hand: true, reason, verify: true }
}

async fn plan<C, E, L, K>(
    served: &Served,
    id: &TopologyId,
    only: BTreeSet<ResourceId>,
    ports: &ReadPorts<'_, E, L, K>,
    settings: &Settings,
) -> Result<Answer, Error>
where
    C: Control,
    E: Eyes<C>,
    L: LedgerRead,
    K: Clock,
{
    let topology = known(served, id)?;
    let ask = by_hand(only, None);
    let report = only_look::<C, _, _, _>(served, topology, ask, "plan", None, ports, settings).await?;
    Ok(told::<C>(id, report))
}

async fn enforce_now<C, E, H, L, O, K>(
    served: &Served,
    id: &TopologyId,
    only: BTreeSet<ResourceId>,
    reason: &str,
    ports: &Ports<'_, E, H, L, O, K>,
    settings: &Settings,
    run: &Run,
) -> Result<Answer, Error>
where
    C: Control,
    E: Eyes<C>,
    H: Hands<C>,
    L: Ledger,
    O: Outbox,
    K: Clock,
{
    let topology = known(served, id)?;
    let ask = by_hand(only.clone(), Some(reason.to_owned()));
    let settings = Settings { limits: Limits::by_hand(), ..settings.clone() };
    let mut report = reconcile::<C, _, _, _, _, _>(served, topology, ask, ports, &settings, run).await?;
    let mut metrics = Metrics::default();
    if let Some(report) = &mut report {
        let now = ports.clock.now();
        if let Outcome::Converging { recheck_after, why } = &report.overall {
            // The loop goes on with it; whoever asked need not wait.
            let hint = hint(served, topology, only, now);
            let because = if report.contended { Because::Contended } else { Because::of(report.pace, *recheck_after) };
            let sent = again(vec![hint], because, why, &settings, ports.outbox, now).await;
            if matches!(sent, Again::Lost) {
                tracing::warn!(topology = %id, "the recheck could not be sent: the sweep looks again");
            }
        }
        tell(report, false, ports.ledger, ports.outbox, ports.clock, run, &mut metrics).await;
        metrics.add(Metrics::of(report));
    }
    let next = report.as_ref().and_then(|report| next(&report.overall, topology.mode(C::ID)));
    let answer = told::<C>(id, report);
    let summary = next.map_or(answer.summary.clone(), |next| format!("{}\n  next    {next}", answer.summary));
    Ok(Answer { metrics, summary, ..answer })
}

/// What a run by hand does not finish is looked at again with the document's authority, not with the person's.
fn next(overall: &Outcome, mode: Mode) -> Option<&'static str> {
    match (overall, mode) {
        (Outcome::Converging { .. }, Mode::Observe) => {
            Some("invoke again: the document says observe, so the recheck only looks")
        }
        (Outcome::Converging { .. }, Mode::Enforce) => {
            Some("looked at again within the usual limits; invoke again for what they hold")
        }
        (Outcome::Failed(fault), _) if fault.is_retryable() => Some("invoke again: nothing was sent to look again"),
        _ => None,
    }
}

fn hint(served: &Served, topology: &Topology, resources: BTreeSet<ResourceId>, now: jiff::Timestamp) -> Hint {
    let place = served.place_of(topology);
    Hint {
        place,
        resources,
        topology: Some(topology.id.clone()),
        causes: vec![],
        first_seen: now,
        attempt: 0,
        chain_since: None,
    }
}

fn told<C: Control>(id: &TopologyId, report: Option<Report>) -> Answer {
    match report {
        None => done(format!("{id} says nothing of {}: it is unmanaged", C::ID), Value::Null),
        Some(report) => {
            let ok = !matches!(report.overall, Outcome::Failed(_));
            Answer { ok, summary: words::report(&report), reports: vec![report], ..Answer::default() }
        }
    }
}

async fn undo_now<C, E, H, L, O, K>(
    served: &Served,
    id: &TopologyId,
    token: &str,
    reason: &str,
    ports: &Ports<'_, E, H, L, O, K>,
    settings: &Settings,
    run: &Run,
) -> Result<Answer, Error>
where
    C: Control,
    E: Eyes<C>,
    H: Hands<C>,
    L: Ledger,
    O: Outbox,
    K: Clock,
{
    let topology = known(served, id)?;
    let place = served.place_of(topology);
    let key = LoopKey { place: place.clone(), topology: id.clone(), control: C::ID };
    let records = ports.ledger.records(&key, UNDO_RECORDS).await?;
    let Some(record) = records.into_iter().find(|record| record.token.0 == token) else {
        return Err(cannot(format!("no action of {id} ({}) has the token {token}: status shows the last ones", C::ID)));
    };
    let binds = crate::bind::bind(
        &place,
        topology,
        &served.named_by_others(topology),
        true,
        ports.eyes,
        ports.ledger,
        ports.clock.now(),
    )
    .await?;
    let target = Target {
        topology,
        key,
        bound: binds.bound,
        hinted: BTreeSet::from([record.intent.resource.id.clone()]),
        causes: vec![],
        first_seen: None,
        // It is asked what would be put back afterwards, when nobody stands by.
        by_hand: false,
        reason: Some(reason.to_owned()),
        layer: served.layer.clone(),
    };
    // Whoever undoes a change must have decided that it stays undone, or the next event puts it back.
    match undo::<C>(&target, &record, ports.hands, ports.ledger, ports.clock, settings, run).await? {
        Undone::Yes { summary, difference } => {
            let but = difference.as_ref().map(|difference| format!(" ({difference})")).unwrap_or_default();
            Ok(done(format!("undone: {summary}{but}"), json!({ "undone": record, "difference": difference })))
        }
        Undone::Refused { why, remedy } => Err(cannot(format!("{why}; {remedy}"))),
    }
}
