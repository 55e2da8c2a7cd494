//! One round: each step that may go ahead is written down, done, and written down again.

use super::{Progress, Stop};
use crate::guard::Verdict;
use crate::survey::{Survey, described, refused};
use crate::{ActionOutcome, Apply, Claimed, Clock, Fault, FaultClass, Intent, Lease, Ledger, Outcome, Run, Target};
use jiff::SignedDuration;
use std::collections::VecDeque;
use topology::stacks::is_part_of_a_stack;
use topology::{Action, Control, Receipt, Slot, Step};

/// Answers whether any call was made: only then can a new observation differ.
#[allow(clippy::too_many_arguments, reason = "one round's whole context; a struct would only rename it")]
pub(super) async fn round<C: Control>(
    target: &Target<'_>,
    survey: &Survey<C::Action>,
    verdicts: Vec<Verdict>,
    hands: &impl Apply<C>,
    ledger: &impl Ledger,
    clock: &impl Clock,
    run: &Run,
    lease: &Lease,
    progress: &mut Progress,
) -> bool {
    let mut done: Vec<bool> = vec![];
    let mut called = false;
    for (step, verdict) in survey.plan.steps.iter().zip(verdicts) {
        let key = key_of(&step.action);
        if progress.accepted.contains(&key) {
            // It stays on the report as done, which it is; what needs it to be seen waits.
            done.push(false);
            continue;
        }
        let held = refused(step, verdict, survey.standing.now);
        let ordered = held.as_ref().is_some_and(|held| held.ordered);
        let held = held.map(|held| held.outcome);
        let missing = step.needs.iter().find(|needed| done.get(**needed) != Some(&true));
        let outcome = match (progress.outcome(&key), held, missing) {
            (Some(Outcome::Failed(fault)), _, _) => Outcome::Failed(fault.clone()),
            (_, Some(held), _) => held,
            (_, None, Some(needed)) => {
                Outcome::Skipped { why: format!("step {} of the plan, which it needs, is not done", needed + 1) }
            }
            (_, None, None) if late(run, clock) => {
                progress.stopped = Some(Stop::OutOfTime);
                return called;
            }
            (_, None, None) => {
                let outcome = perform(target, step, hands, ledger, clock, run, lease, progress).await;
                called |= !matches!(outcome, Outcome::Held { .. });
                outcome
            }
        };
        done.push(outcome == Outcome::Applied);
        progress.note(key, ActionOutcome { ordered, ..described(step, outcome) });
        if progress.stopped.is_some() {
            break;
        }
    }
    called
}

/// One action, or the parts of it that AWS takes. Answers what became of the whole.
#[allow(clippy::too_many_arguments, reason = "one action's whole context; a struct would only rename it")]
async fn perform<C: Control>(
    target: &Target<'_>,
    step: &Step<C::Action>,
    hands: &impl Apply<C>,
    ledger: &impl Ledger,
    clock: &impl Clock,
    run: &Run,
    lease: &Lease,
    progress: &mut Progress,
) -> Outcome {
    let (mut queue, mut whole) = (VecDeque::from([step.action.clone()]), Outcome::Applied);
    while let Some(action) = queue.pop_front() {
        if late(run, clock) {
            // Time is kept back for one call and its record, not for every part of a batch.
            progress.stopped = Some(Stop::OutOfTime);
            let why = "the function's time is up before all parts are done".into();
            return Outcome::Converging { recheck_after: SignedDuration::ZERO, why };
        }
        let result = match once(target, step.contains, &action, hands, ledger, clock, run, lease).await {
            Ok(result) => result,
            Err(stop) => {
                let recheck = SignedDuration::ZERO;
                let left = match &stop {
                    Stop::Ledger(fault) => Outcome::Failed(fault.clone()),
                    Stop::OutOfTime => {
                        let why = "the function's time is up before the call".into();
                        Outcome::Converging { recheck_after: recheck, why }
                    }
                    Stop::LeaseLost | Stop::Older(..) => {
                        Outcome::Converging { recheck_after: recheck, why: "the lease was lost".into() }
                    }
                };
                progress.stopped = Some(stop);
                return left;
            }
        };
        let parts = action.split();
        let whole_action = action == step.action;
        let outcome = match result {
            Made::Yes => Outcome::Applied,
            Made::Failed(fault) if fault.class == FaultClass::Batch && !parts.is_empty() => {
                tracing::info!(action = %action, %fault, parts = parts.len(), "refused as a batch: part by part");
                queue.extend(parts);
                continue;
            }
            Made::Failed(fault) => Outcome::Failed(fault),
            Made::NoPlace { why, remedy } => Outcome::Held { why, remedy },
        };
        if !whole_action {
            let part = ActionOutcome { summary: action.to_string(), ..described(step, outcome.clone()) };
            progress.note(key_of(&action), part);
        }
        // The worst part speaks for the whole; one that may be tried again before one that may not.
        let worse = match (&outcome, &whole) {
            (Outcome::Failed(fault), Outcome::Failed(worst)) => fault.is_retryable() && !worst.is_retryable(),
            (Outcome::Failed(_), _) => true,
            (Outcome::Held { .. }, whole) => *whole == Outcome::Applied,
            _ => false,
        };
        if worse {
            whole = outcome;
        }
        if matches!(&whole, Outcome::Failed(fault) if fault.is_retryable()) {
            // Throttled, or out of reach: more calls make that worse. What is left is planned again by the next look.
            break;
        }
    }
    whole
}

/// What became of one call.
pub(super) enum Made {
    /// AWS accepted it.
    Yes,
    /// It was not made: all places that it needs one of are taken.
    NoPlace { why: String, remedy: String },
    /// It failed.
    Failed(Fault),
}

/// Claims the place that an action needs. `Some`: it was not had, and nothing was recorded.
async fn place(
    slot: Option<Slot>,
    lease: &Lease,
    ledger: &impl Ledger,
    clock: &impl Clock,
) -> Result<Option<Made>, Stop> {
    let Some(slot) = slot else { return Ok(None) };
    match ledger.claim(lease, &slot, clock.now()).await {
        Ok(Claimed::Yes) => Ok(None),
        Ok(Claimed::Full(taken)) => {
            let taken: Vec<&str> = taken.iter().map(|id| id.as_str()).collect();
            let Slot { name, holder, at_most, live: _ } = slot;
            Ok(Some(Made::NoPlace {
                why: format!("{holder} finds no place: {name} has {at_most}, taken by {}", taken.join(" and ")),
                remedy: "declare room for more, or let one of them go".into(),
            }))
        }
        Ok(Claimed::LeaseLost) => Err(Stop::LeaseLost),
        Err(fault) if fault.is_retryable() => Err(Stop::Ledger(fault)),
        Err(fault) => Ok(Some(Made::Failed(fault))),
    }
}

/// Claim, intend, apply, settle. `Err`: the run must stop.
#[allow(clippy::too_many_arguments, reason = "one call's whole context; a struct would only rename it")]
pub(super) async fn once<C: Control>(
    target: &Target<'_>,
    contains: bool,
    action: &C::Action,
    hands: &impl Apply<C>,
    ledger: &impl Ledger,
    clock: &impl Clock,
    run: &Run,
    lease: &Lease,
) -> Result<Made, Stop> {
    let value = match serde_json::to_value(action) {
        Ok(value) => value,
        Err(error) => return Ok(Made::Failed(Fault::new("record", FaultClass::Terminal, error.to_string()))),
    };
    if let Some(refused) = place(action.slot(), lease, ledger, clock).await? {
        return Ok(refused);
    }
    let resource = action.resource();
    let intent = Intent {
        causes: target.causes_of(&resource.id),
        resource,
        name: action.name(),
        action: value,
        summary: action.to_string(),
        effect: action.effect(),
        contains,
        reason: target.reason.clone(),
        run: run.id.clone(),
        at: clock.now(),
    };
    let token = match ledger.intend(lease, &intent).await {
        Ok(Some(token)) => token,
        Ok(None) => return Err(Stop::LeaseLost),
        // Too large to be recorded whole, or at all: that says nothing of the other actions.
        Err(fault) if !fault.is_retryable() => return Ok(Made::Failed(fault)),
        Err(fault) => return Err(Stop::Ledger(fault)),
    };
    if late(run, clock) {
        // The ledger took the time that the call needs. The intent stays unsettled: its token is used by the next try.
        return Err(Stop::OutOfTime);
    }
    let result = hands.apply(&target.key.place, action, &token).await;
    let inverse = result.as_ref().ok().and_then(|receipt| serde_json::to_value(action.inverse(receipt)).ok());
    let key = &target.key;
    // The edge logs each action once, from the report; this one is for whoever turns the level up after a crash.
    let (summary, fault) = (&intent.summary, result.as_ref().err().map(tracing::field::display));
    tracing::debug!(topology = %key.topology, control = %key.control, token = token.0, action = summary, fault, "called");
    if result.as_ref().is_err_and(Fault::is_retryable) {
        // Nobody knows whether it took effect: unsettled, its token stays good for the next try.
        return Ok(made(result));
    }
    // What became of it is known; if that cannot be recorded, the intent stays unsettled and says so.
    ledger.settle(key, &token, &result, inverse, clock.now()).await.map_err(Stop::Ledger)?;
    if result.as_ref().is_ok_and(|receipt| receipt.created.iter().any(is_part_of_a_stack)) {
        // Only a reminder to look sooner: without it the stack is looked at on its own schedule.
        if let Err(fault) = ledger.note_made(&key.place, &key.topology, clock.now()).await {
            tracing::warn!(topology = %key.topology, %fault, "the stack's drift will be detected on schedule only");
        }
    }
    Ok(made(result))
}

fn made(result: Result<Receipt, Fault>) -> Made {
    match result {
        Ok(_) => Made::Yes,
        Err(fault) => Made::Failed(fault),
    }
}

fn late(run: &Run, clock: &impl Clock) -> bool {
    run.deadline.is_some_and(|deadline| clock.now() >= deadline)
}

pub(super) fn key_of(action: &impl Action) -> String {
    serde_json::to_string(action).unwrap_or_else(|_| action.to_string())
}
