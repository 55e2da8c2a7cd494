//! One outcome for many: what became of the steps, what is awaited, what could not be seen and what is held.

use crate::{ActionOutcome, Fault, FaultClass, Outcome, Pace};
use jiff::{SignedDuration, Timestamp};
use topology::{Action, Plan, Unseen, Wait};

/// The guard let nothing through. `paused`: nor will it before a person's pause ends, so that nothing is worth waiting for.
pub(crate) fn judged_only<A: Action>(
    actions: &[ActionOutcome],
    plan: &Plan<A>,
    paused: bool,
    now: Timestamp,
) -> Outcome {
    let outcomes = actions.iter().map(|action| action.outcome.clone());
    match paused && !actions.is_empty() {
        true => worst_of(outcomes, plan, None, now),
        false => worst(outcomes, plan, now),
    }
}

/// Nothing is planned.
pub(crate) fn idle<A: Action>(plan: &Plan<A>, now: Timestamp) -> Outcome {
    worst(std::iter::empty(), plan, now)
}

/// What must be looked at again comes first, then what failed for good, then what is held.
pub(crate) fn worst<A: Action>(outcomes: impl Iterator<Item = Outcome>, plan: &Plan<A>, now: Timestamp) -> Outcome {
    worst_of(outcomes, plan, plan.wait.as_ref(), now)
}

fn worst_of<A: Action>(
    outcomes: impl Iterator<Item = Outcome>,
    plan: &Plan<A>,
    wait: Option<&Wait>,
    now: Timestamp,
) -> Outcome {
    let Plan { steps: _, drifts: _, held, wait: _, blind, notes: _, aliases: _ } = plan;
    let waiting = wait.into_iter().map(|wait| Outcome::Converging {
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

/// How a run stands that came to `overall`. `moved`: something was done that need not be done again.
pub(crate) fn pace<A: Action>(overall: &Outcome, last: &Plan<A>, moved: bool) -> Pace {
    // Steps come before the plan's own wait in `worst`: if that speaks for the whole, no step is left that could go on.
    let waits = |why: &String| last.wait.as_ref().is_some_and(|wait| wait.why == *why);
    match overall {
        _ if moved => Pace::Moves,
        Outcome::Converging { recheck_after: _, why } if waits(why) => Pace::Waits,
        Outcome::Converging { .. }
        | Outcome::InSync
        | Outcome::Planned
        | Outcome::Applied
        | Outcome::Held { .. }
        | Outcome::Skipped { .. }
        | Outcome::Failed(_) => Pace::Stuck,
    }
}
