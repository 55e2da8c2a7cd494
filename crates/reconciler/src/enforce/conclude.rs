//! What a run as a whole came to: by what was observed last, never by what the calls answered.

use super::{Progress, Stop};
use crate::{ActionOutcome, Fault, FaultClass, Outcome};
use jiff::{SignedDuration, Timestamp};
use topology::{Action, Plan, Unseen};

/// The run took the lease.
pub(super) fn overall<A: Action>(
    progress: &Progress,
    last: &Plan<A>,
    now: Timestamp,
    recheck: SignedDuration,
) -> Outcome {
    let again = |why: &str| Outcome::Converging { recheck_after: recheck, why: why.to_owned() };
    match &progress.stopped {
        Some(Stop::LeaseLost) => return again("the lease was lost midway: another run may be at work"),
        Some(Stop::OutOfTime) => return again("the function's time is up before the plan is done"),
        Some(Stop::Ledger(fault)) => return Outcome::Failed(fault.clone()),
        Some(Stop::Older(why, remedy)) => return Outcome::Held { why: why.clone(), remedy: remedy.clone() },
        None => {}
    }
    let outcomes = last.steps.iter().map(|step| {
        let key = serde_json::to_string(&step.action).unwrap_or_else(|_| step.action.to_string());
        match progress.outcome(&key) {
            // Accepted, and planned again by the observation that came after.
            Some(Outcome::Applied) => again("AWS accepted it and does not show it yet"),
            Some(outcome) => outcome.clone(),
            None => again("there is more to do than one run does"),
        }
    });
    match worst(outcomes, last, now) {
        // A call whose answer was lost counts too: it was made, and what it should bring about is there.
        Outcome::InSync if progress.outcomes.iter().any(|known| tried(&known.outcome)) => Outcome::Applied,
        Outcome::Converging { recheck_after, why } => {
            Outcome::Converging { recheck_after: recheck_after.max(recheck), why }
        }
        outcome => outcome,
    }
}

fn tried(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Applied => true,
        Outcome::Failed(fault) => fault.is_retryable(),
        Outcome::InSync
        | Outcome::Planned
        | Outcome::Converging { .. }
        | Outcome::Held { .. }
        | Outcome::Skipped { .. } => false,
    }
}

/// The guard let nothing through.
pub(crate) fn judged_only<A: Action>(actions: &[ActionOutcome], plan: &Plan<A>, now: Timestamp) -> Outcome {
    worst(actions.iter().map(|action| action.outcome.clone()), plan, now)
}

/// Nothing is planned.
pub(crate) fn idle<A: Action>(plan: &Plan<A>, now: Timestamp) -> Outcome {
    worst(std::iter::empty(), plan, now)
}

/// What must be looked at again comes first, then what failed for good, then what is held.
fn worst<A: Action>(outcomes: impl Iterator<Item = Outcome>, plan: &Plan<A>, now: Timestamp) -> Outcome {
    let Plan { steps: _, drifts: _, held, wait, blind, notes: _ } = plan;
    let waiting = wait.iter().map(|wait| Outcome::Converging {
        recheck_after: wait.until.duration_since(now).max(SignedDuration::ZERO),
        why: wait.why.clone(),
    });
    let unseen = blind.iter().filter_map(|unseen| match unseen {
        Unseen::OutOfScope => None,
        Unseen::Failed { retryable, why } => {
            let class = if *retryable { FaultClass::Retryable } else { FaultClass::Terminal };
            Some(Outcome::Failed(Fault::new("observe", class, why.clone())))
        }
    });
    let held = held.iter().map(|held| Outcome::Held { why: held.why.clone(), remedy: held.remedy.clone() });
    let rank = |outcome: &Outcome| match outcome {
        Outcome::Failed(fault) if fault.is_retryable() => 0,
        Outcome::Converging { .. } => 1,
        Outcome::Failed(_) => 2,
        Outcome::Held { .. } => 3,
        Outcome::Skipped { .. } => 4,
        Outcome::Planned => 5,
        Outcome::Applied => 6,
        Outcome::InSync => 7,
    };
    // min_by_key keeps the first of equals: the plan's own order.
    outcomes.chain(unseen).chain(waiting).chain(held).min_by_key(rank).unwrap_or(Outcome::InSync)
}
