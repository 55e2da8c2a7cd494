//! Putting back: at most N rounds of guard, intend, apply, settle. Each round's observation verifies the round before.

mod conclude;
mod perform;
mod undo;

pub(crate) use undo::{Undone, undo};

use crate::guard::{self, Item, StackView, Verdict};
use crate::overall::{judged_only, pace};
use crate::survey::{Survey, begin, described, refused, survey};
use crate::{
    ActionOutcome, Clock, Fault, Hands, Lease, Ledger, Limits, Outcome, Report, Run, Settings, StackStatus, Stacks,
    Target,
};
use std::collections::{BTreeMap, BTreeSet};
use topology::{Action, Control, Place, Plan, StackId, Step, TopologyId};

/// What the loop gathers while it works.
struct Progress {
    outcomes: Vec<ActionOutcome>,
    /// Position in `outcomes` by the action as JSON: an action is tried once a run.
    known: BTreeMap<String, usize>,
    /// Actions that AWS accepted.
    accepted: BTreeSet<String>,
    /// Why the run ended before its time.
    stopped: Option<Stop>,
}

/// Why a run ended before its time.
enum Stop {
    /// Another run may be at work: nothing more may be done.
    LeaseLost,
    /// The function is about to be cut off.
    OutOfTime,
    /// The ledger failed: nothing may be done without a record.
    Ledger(Fault),
    /// A newer layer acted meanwhile.
    Older(String, String),
}

impl Progress {
    fn note(&mut self, key: String, outcome: ActionOutcome) {
        if outcome.outcome == Outcome::Applied {
            self.accepted.insert(key.clone());
        }
        match self.known.get(&key).and_then(|at| self.outcomes.get_mut(*at)) {
            Some(known) => *known = outcome,
            None => {
                self.known.insert(key, self.outcomes.len());
                self.outcomes.push(outcome);
            }
        }
    }

    /// Whether something that was accepted need not be done again.
    fn moved<A: Action>(&self, last: &Plan<A>) -> bool {
        let left: BTreeSet<String> = last.steps.iter().map(|step| perform::key_of(&step.action)).collect();
        self.accepted.difference(&left).next().is_some()
    }

    fn outcome(&self, key: &str) -> Option<&Outcome> {
        self.known.get(key).and_then(|at| self.outcomes.get(*at)).map(|known| &known.outcome)
    }
}

/// Looks, and puts back what is off. `None`: the topology says nothing of this control. `Err`: nothing was changed.
pub async fn enforce<C: Control>(
    target: &Target<'_>,
    hands: &impl Hands<C>,
    ledger: &impl Ledger,
    clock: &impl Clock,
    settings: &Settings,
    run: &Run,
) -> Result<Option<Report>, Fault> {
    let Some(first) = survey::<C>(target, hands, ledger, clock).await? else { return Ok(None) };
    let target = &target.informed(&first, ledger).await;
    let mut report = begin(target, "enforce", &first.plan, clock.now());
    let mut statuses = BTreeMap::new();
    let verdicts = judged(&first, target, hands, &mut statuses, &settings.limits, run).await;
    report.flapping = flapping(&first, &settings.limits, run);
    if !verdicts.contains(&Verdict::Go) {
        // Nothing to do, or nothing that may be done: no lease is taken and nothing is written.
        report.by_order = guard::by_order(&verdicts) && first.plan.held.is_empty();
        let verdicts = first.plan.steps.iter().zip(verdicts);
        let outcomes = verdicts.filter_map(|(step, verdict)| refused(step, verdict, first.standing.now));
        report.actions = outcomes.collect();
        let paused = guard::paused(&target.key, &first.standing);
        report.overall = judged_only(&report.actions, &first.plan, paused, first.standing.now);
        report.pace = pace(&report.overall, &first.plan, false);
        return Ok(Some(report));
    }
    let Some(lease) = ledger.lease(&target.key, &run.id, clock.now(), settings.lease).await? else {
        let why = "another run is at work on it".to_owned();
        let wait = Outcome::Converging { recheck_after: Settings::CONTENDED, why };
        report.contended = true;
        report.actions = first.plan.steps.iter().map(|step| described(step, wait.clone())).collect();
        report.overall = wait;
        return Ok(Some(report));
    };
    let mut progress = Progress { outcomes: vec![], known: BTreeMap::new(), accepted: BTreeSet::new(), stopped: None };
    let last = rounds(target, hands, ledger, clock, settings, run, &lease, first, &mut report, &mut progress).await;
    let now = clock.now();
    if let Err(fault) = ledger.release(lease, now).await {
        tracing::warn!(topology = %target.key.topology, control = %target.key.control, %fault, "lease not released: it expires by itself");
    }
    report.older_layer = matches!(progress.stopped, Some(Stop::Older(..)));
    report.overall = conclude::overall(&progress, &last.plan, now, settings.recheck);
    report.pace = pace(&report.overall, &last.plan, progress.moved(&last.plan));
    report.actions = progress.outcomes;
    report.held = last.plan.held;
    report.finished = now;
    Ok(Some(report))
}

/// Works until nothing is left that may be done; answers the last survey.
#[allow(clippy::too_many_arguments, reason = "one run's whole context; a struct would only rename it")]
async fn rounds<C: Control>(
    target: &Target<'_>,
    hands: &impl Hands<C>,
    ledger: &impl Ledger,
    clock: &impl Clock,
    settings: &Settings,
    run: &Run,
    lease: &Lease,
    mut now: Survey<C::Action>,
    report: &mut Report,
    progress: &mut Progress,
) -> Survey<C::Action> {
    let mut statuses = BTreeMap::new();
    macro_rules! look_again {
        () => {
            match survey::<C>(target, hands, ledger, clock).await {
                Ok(Some(fresh)) => now = fresh,
                Ok(None) => return now,
                Err(fault) => {
                    progress.stopped = Some(Stop::Ledger(fault));
                    return now;
                }
            }
        };
    }
    if lease.last_released.is_some_and(|released| released >= now.begun) {
        look_again!();
        *report = Report {
            flapping: flapping(&now, &settings.limits, run),
            ..begin(target, "enforce", &now.plan, clock.now())
        };
    }
    if let Some(mark) = &target.layer {
        match ledger.raise_layer(&target.key.place, &target.key.topology, mark, false).await {
            Ok(in_force) => {
                progress.stopped =
                    older(mark, &in_force, &target.key.topology).map(|(why, remedy)| Stop::Older(why, remedy))
            }
            Err(fault) => progress.stopped = Some(Stop::Ledger(fault)),
        }
    }
    for _ in 0..settings.limits.rounds {
        if progress.stopped.is_some() || now.plan.steps.is_empty() {
            break;
        }
        let verdicts = judged(&now, target, hands, &mut statuses, &settings.limits, run).await;
        report.by_order = guard::by_order(&verdicts) && now.plan.held.is_empty();
        let called = perform::round(target, &now, verdicts, hands, ledger, clock, run, lease, progress).await;
        if progress.stopped.is_some() || !called {
            break;
        }
        look_again!();
    }
    now
}

/// Whether a layer is older than the one that was acted upon, in words.
pub(crate) fn older(mine: &crate::LayerMark, in_force: &crate::LayerMark, id: &TopologyId) -> Option<(String, String)> {
    let why = match (mine.layer == in_force.layer, mine.version < in_force.version) {
        (true, false) => return None,
        (true, true) => {
            format!("layer version {} acted on {id} already, and this is version {}", in_force.version, mine.version)
        }
        (false, _) => format!("layer {} acted on {id} already, and this is {}", in_force.layer, mine.layer),
    };
    Some((why, format!(r#"if the roll-back is meant: {{"confirm_rollback":{{"topology":"{id}","reason":"…"}}}}"#)))
}

/// The guard's verdicts, after asking for the status of exactly those stacks that decide something.
async fn judged<A: Action>(
    survey: &Survey<A>,
    target: &Target<'_>,
    stacks: &impl Stacks,
    statuses: &mut BTreeMap<StackId, StackView>,
    limits: &Limits,
    run: &Run,
) -> Vec<Verdict> {
    let items: Vec<Item> = survey.plan.steps.iter().map(Item::of).collect();
    let verdicts = guard::judge(&items, &target.key, &survey.standing, &run.id, statuses, limits);
    let ask = guard::stacks_to_ask(&items, &verdicts);
    if ask.iter().all(|stack| statuses.contains_key(stack)) {
        return verdicts;
    }
    for stack in ask {
        if let std::collections::btree_map::Entry::Vacant(unasked) = statuses.entry(stack) {
            let view = stack_view(&target.key.place, unasked.key(), stacks).await;
            unasked.insert(view);
        }
    }
    guard::judge(&items, &target.key, &survey.standing, &run.id, statuses, limits)
}

async fn stack_view(place: &Place, stack: &StackId, stacks: &impl Stacks) -> StackView {
    match stacks.status(place, stack).await {
        Ok(None | Some(StackStatus::Settled)) => StackView::Settled,
        Ok(Some(busy)) => StackView::Busy(busy),
        Err(fault) => StackView::Unreadable { retryable: fault.is_retryable(), why: fault.to_string() },
    }
}

fn flapping<A: Action>(survey: &Survey<A>, limits: &Limits, run: &Run) -> Vec<String> {
    let Survey { plan, standing, begun: _, also_called: _ } = survey;
    let named = |step: &Step<A>| {
        let tripped = guard::flapping(&[Item::of(step)], standing, &run.id, limits).next().is_some();
        tripped.then(|| step.action.name())
    };
    let mut names: Vec<String> = plan.steps.iter().filter_map(named).collect();
    names.dedup();
    names
}
