//! Looking: what plan and observe runs do, and what each round of an enforce run begins with.

use crate::guard::{self, Item, Verdict};
use crate::overall::{idle, judged_only, pace};
use crate::{
    ActionOutcome, Bound, Cause, Clock, Fault, LayerMark, LedgerRead, Limits, LoopKey, Observe, Outcome, Pace, Report,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use topology::{Action, Control, Plan, ResourceId, Scope, Standing, Step, Topology};

/// What one run is about.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The declared network.
    pub topology: &'a Topology,
    /// Under which key everything is kept.
    pub key: LoopKey,
    /// Its VPCs.
    pub bound: Bound,
    /// The ids that hints named within it; empty: everything is looked at.
    pub hinted: BTreeSet<ResourceId>,
    /// Who did what, by the events behind this run.
    pub causes: Vec<Cause>,
    /// When the first of those events happened.
    pub first_seen: Option<Timestamp>,
    /// A person asked for this run.
    pub by_hand: bool,
    /// Why, where that was said.
    pub reason: Option<String>,
    /// The layer that the topology came from.
    pub layer: Option<LayerMark>,
}

/// Who did it is among the last; a flood of calls must not fill the records.
const CAUSES: usize = 10;
/// Our own calls come back as events within minutes: they are among the last actions on record.
const OWN_CALLS: usize = 20;

/// Ids of ours that the events behind one run deleted: whoever deletes many is named for the first of them.
const MAKERS: usize = 10;

impl<'a> Target<'a> {
    /// The causes as this run can tell them: without our own calls, and with what deleted things were made for.
    pub(crate) async fn informed<A>(&self, survey: &Survey<A>, ledger: &impl LedgerRead) -> Target<'a> {
        self.with_other_names(survey).less_our_own(&survey.plan, ledger).await.with_makers(survey, ledger).await
    }

    /// A call may name a drifted resource by another id: who puts an address on an instance does not name the interface.
    fn with_other_names<A>(&self, survey: &Survey<A>) -> Target<'a> {
        let mut target = self.clone();
        let drifted = |id: &ResourceId| survey.plan.drifts.iter().any(|drift| drift.resource.id == *id);
        for (name, resource) in survey.also_called.iter().filter(|(_, resource)| drifted(resource)) {
            for cause in target.causes.iter_mut().filter(|cause| cause.resources.contains(name)) {
                cause.resources.insert(resource.clone());
            }
        }
        target
    }

    /// A drift says what should have something, and not what that was: whoever deletes a flow log names the log, and what drifts is the
    /// VPC. For what we made, the ledger knows.
    async fn with_makers<A>(mut self, survey: &Survey<A>, ledger: &impl LedgerRead) -> Target<'a> {
        for cause in &mut self.causes {
            let told: Vec<ResourceId> =
                cause.resources.iter().filter_map(|id| survey.plan.aliases.get(id)).cloned().collect();
            cause.resources.extend(told);
        }
        let drifted = |id: &ResourceId| survey.plan.drifts.iter().any(|drift| drift.resource.id == *id);
        let gone = self.causes.iter().flat_map(|cause| &cause.resources);
        let gone: BTreeSet<ResourceId> =
            gone.filter(|id| survey.standing.created.contains_key(*id) && !drifted(id)).cloned().collect();
        for id in gone.into_iter().take(MAKERS).filter(|_| !survey.plan.drifts.is_empty()) {
            match ledger.maker(&self.key, &id).await {
                Ok(Some(record)) => {
                    for cause in self.causes.iter_mut().filter(|cause| cause.resources.contains(&id)) {
                        cause.resources.insert(record.intent.resource.id.clone());
                    }
                }
                Ok(None) => {}
                Err(fault) => tracing::warn!(%id, %fault, "who deleted it cannot be told from what is missing"),
            }
        }
        self
    }

    /// Without the causes that are calls of our own: they put things back, and whoever changed them again is somebody else. Known by
    /// the request id that AWS gave us, which nobody else's call can bear.
    async fn less_our_own<A>(&self, plan: &Plan<A>, ledger: &impl LedgerRead) -> Target<'a> {
        let asked = |cause: &Cause| {
            cause.request_id.is_some() && plan.drifts.iter().any(|drift| cause.resources.contains(&drift.resource.id))
        };
        let mut target = self.clone();
        if !self.causes.iter().any(asked) {
            return target;
        }
        match ledger.records(&self.key, OWN_CALLS).await {
            Ok(records) => {
                let receipts = records.into_iter().filter_map(|record| record.result?.ok());
                let own: BTreeSet<String> =
                    receipts.filter_map(|receipt| Some(receipt.get("request_id")?.as_str()?.to_owned())).collect();
                target.causes.retain(|cause| cause.request_id.as_ref().is_none_or(|id| !own.contains(id)));
            }
            Err(fault) => tracing::warn!(%fault, "our own calls could not be told from other people's"),
        }
        target
    }
}

impl Target<'_> {
    /// The causes that name a resource: the newest few, oldest first. Each is kept in the ledger with each action.
    pub fn causes_of(&self, resource: &ResourceId) -> Vec<Cause> {
        let mut causes: Vec<Cause> =
            self.causes.iter().filter(|cause| cause.resources.contains(resource)).cloned().collect();
        causes.sort_by_key(|cause| cause.at);
        causes.split_off(causes.len().saturating_sub(CAUSES))
    }
}

/// A plan with what it was made from.
#[derive(Clone, Debug)]
pub struct Survey<A> {
    /// What closes the gap.
    pub plan: Plan<A>,
    /// What was on record when it was made.
    pub standing: Standing,
    /// When looking began: changes after this may not have been seen.
    pub begun: Timestamp,
    /// Other ids by which calls name what drifted: pairs of such an id and the drift's.
    pub also_called: Vec<(ResourceId, ResourceId)>,
}

/// Looks and plans. `None`: the topology says nothing of this control, which leaves it unmanaged.
///
/// Architecture invariant: there is nothing here to write with. A port that can only look is enough, and not enough for
/// [`enforce`](crate::enforce()):
///
/// ```compile_fail,E0277
/// struct Eyes;
/// impl<C: topology::Control> reconciler::Observe<C> for Eyes {
///     async fn observe(&self, _: &reconciler::Bound, _: &C::Desired, _: &topology::Scope) -> C::Observed { unreachable!() }
/// }
/// async fn no<C: topology::Control>(
///     target: &reconciler::Target<'_>, ledger: &impl reconciler::Ledger, clock: &impl reconciler::Clock,
///     settings: &reconciler::Settings, run: &reconciler::Run,
/// ) {
///     let _ = reconciler::enforce::<C>(target, &Eyes, ledger, clock, settings, run).await;
/// }
/// ```
///
/// ```
/// struct Eyes;
/// impl<C: topology::Control> reconciler::Observe<C> for Eyes {
///     async fn observe(&self, _: &reconciler::Bound, _: &C::Desired, _: &topology::Scope) -> C::Observed { unreachable!() }
/// }
/// async fn yes<C: topology::Control>(
///     target: &reconciler::Target<'_>, ledger: &impl reconciler::LedgerRead, clock: &impl reconciler::Clock,
/// ) {
///     let _ = reconciler::survey::<C>(target, &Eyes, ledger, clock).await;
/// }
/// ```
pub async fn survey<C: Control>(
    target: &Target<'_>,
    eyes: &impl Observe<C>,
    ledger: &impl LedgerRead,
    clock: &impl Clock,
) -> Result<Option<Survey<C::Action>>, Fault> {
    Ok(surveyed::<C>(target, eyes, ledger, clock).await?.map(|(survey, _)| survey))
}

/// The same, with what was observed.
pub(crate) async fn surveyed<C: Control>(
    target: &Target<'_>,
    eyes: &impl Observe<C>,
    ledger: &impl LedgerRead,
    clock: &impl Clock,
) -> Result<Option<(Survey<C::Action>, C::Observed)>, Fault> {
    let Some(desired) = C::desired(target.topology) else { return Ok(None) };
    let begun = clock.now();
    let standing = Standing { by_hand: target.by_hand, ..ledger.standing(&target.key, begun).await? };
    let scope = match target.hinted.is_empty() {
        true => Scope::Everything,
        false => C::scope(desired, &target.hinted),
    };
    let observed = eyes.observe(&target.bound, desired, &scope).await;
    let plan = C::plan(&target.key.place, desired, &observed, &standing);
    let also_called = C::also_called(&observed);
    Ok(Some((Survey { plan, standing, begun, also_called }, observed)))
}

/// A run that only looks: `mode` is `plan` or `observe`. `barred`: why an enforce run may not do more than look now.
pub(crate) async fn look<C: Control>(
    target: &Target<'_>,
    mode: &str,
    barred: Option<(String, String)>,
    eyes: &impl Observe<C>,
    ledger: &impl LedgerRead,
    clock: &impl Clock,
    limits: &Limits,
) -> Result<Option<Report>, Fault> {
    let Some(survey) = survey::<C>(target, eyes, ledger, clock).await? else { return Ok(None) };
    let target = &target.informed(&survey, ledger).await;
    let Survey { plan, standing, begun: _, also_called: _ } = &survey;
    let items: Vec<Item> = plan.steps.iter().map(Item::of).collect();
    let verdicts = guard::judge(&items, &target.key, standing, "", &BTreeMap::new(), limits);
    let by_order = guard::by_order(&verdicts) && plan.held.is_empty();
    let older_layer = barred.is_some();
    let actions: Vec<ActionOutcome> = (plan.steps.iter().zip(verdicts))
        .map(|(step, verdict)| {
            let planned = match &barred {
                Some((why, remedy)) => Outcome::Held { why: why.clone(), remedy: remedy.clone() },
                None => Outcome::Planned,
            };
            refused(step, verdict, standing.now).unwrap_or_else(|| described(step, planned))
        })
        .collect();
    let overall = match (plan.steps.is_empty(), barred) {
        (false, Some((why, remedy))) => Outcome::Held { why, remedy },
        (false, None) if actions.iter().any(|action| action.outcome == Outcome::Planned) => Outcome::Planned,
        (false, None) => judged_only(&actions, plan, guard::paused(&target.key, standing), standing.now),
        (true, _) => idle(plan, standing.now),
    };
    let mut report = begin(target, mode, &survey.plan, clock.now());
    report.flapping = guard::flapping(&items, standing, "", limits).map(ToString::to_string).collect();
    report.by_order = by_order && !older_layer;
    report.older_layer = older_layer;
    report.actions = actions;
    report.pace = pace(&overall, plan, false);
    report.overall = overall;
    Ok(Some(report))
}

/// A report of what was seen, with nothing done yet.
pub(crate) fn begin<A: Action>(target: &Target<'_>, mode: &str, plan: &Plan<A>, now: Timestamp) -> Report {
    let Plan { steps: _, drifts, held, wait: _, blind: _, notes, aliases: _ } = plan;
    let causes = drifts.iter().enumerate().map(|(at, drift)| (at, target.causes_of(&drift.resource.id)));
    Report {
        key: target.key.clone(),
        mode: mode.to_owned(),
        overall: Outcome::InSync,
        causes: causes.filter(|(_, causes)| !causes.is_empty()).collect(),
        drifts: drifts.clone(),
        event_path_blind: false,
        fresh: false,
        contended: false,
        pace: Pace::Stuck,
        actions: vec![],
        held: held.clone(),
        notes: notes.clone(),
        by_order: false,
        older_layer: false,
        flapping: vec![],
        retired: false,
        first_seen: target.first_seen,
        finished: now,
    }
}

/// A step with what became of it.
pub(crate) fn described<A: Action>(step: &Step<A>, outcome: Outcome) -> ActionOutcome {
    let Step { action, after: _, needs: _, contains, stack: _, caveat } = step;
    ActionOutcome {
        resource: action.resource(),
        name: action.name(),
        summary: action.to_string(),
        contains: *contains,
        caveat: caveat.clone(),
        ordered: false,
        outcome,
    }
}

/// A step that may not go ahead, with what the verdict makes of it.
pub(crate) fn refused<A: Action>(step: &Step<A>, verdict: Verdict, now: Timestamp) -> Option<ActionOutcome> {
    let ordered = verdict.is_ordered();
    Some(ActionOutcome { ordered, ..described(step, spoken(verdict, now)?) })
}

/// What a verdict makes of a step, unless it may go ahead.
fn spoken(verdict: Verdict, now: Timestamp) -> Option<Outcome> {
    match verdict {
        Verdict::Go => None,
        Verdict::Hold { by: _, why, remedy } => Some(Outcome::Held { why, remedy }),
        Verdict::Wait { until, by: _, why } => {
            Some(Outcome::Converging { recheck_after: until.duration_since(now), why })
        }
        Verdict::Skip(why) => Some(Outcome::Skipped { why }),
    }
}
