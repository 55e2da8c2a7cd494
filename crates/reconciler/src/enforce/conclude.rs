//! What a run as a whole came to: by what was observed last, never by what the calls answered.

use super::{Progress, Stop};
use crate::Outcome;
use crate::overall::worst;
use jiff::{SignedDuration, Timestamp};
use topology::{Action, Plan};

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
