//! Taking one recorded action back. It re-observes first, and refuses if what the action left is not there any more.

use super::Stop;
use super::perform::{Made, once};
use crate::survey::{Survey, survey};
use crate::{Clock, Fault, Hands, Ledger, Record, Run, Settings, Target};
use topology::{Action, Control, Inverse, ResourceId, Verb};

/// What became of an undo.
pub(crate) enum Undone {
    /// Taken back, and seen to be. The action in words, and what differs from before.
    Yes { summary: String, difference: Option<String> },
    /// Not done, with the reason and what a person can do.
    Refused { why: String, remedy: String },
}

/// `target.hinted` names the record's resource.
pub(crate) async fn undo<C: Control>(
    target: &Target<'_>,
    record: &Record,
    hands: &impl Hands<C>,
    ledger: &impl Ledger,
    clock: &impl Clock,
    settings: &Settings,
    run: &Run,
) -> Result<Undone, Fault> {
    let resource = &record.intent.resource.id;
    let refuse = |why: &str, remedy: String| Ok(Undone::Refused { why: why.to_owned(), remedy });
    let (action, difference) = match inverse::<C>(record) {
        Ok(inverse) => inverse,
        Err(why) => return refuse(&why, "nothing can be taken back".into()),
    };
    let Some(before) = survey::<C>(target, hands, ledger, clock).await? else {
        return refuse("the topology says nothing of this control", "nothing can be taken back".into());
    };
    if !braked(&before, target, resource) {
        let remedy = format!(
            r#"first: {{"exempt":{{"resource":"{resource}","for":"4h","reason":"…"}}}}; or correct the document"#
        );
        return refuse("it would be put back at once", remedy);
    }
    if let Some(why) = changed(&before, resource) {
        return refuse(&why, "look at the plan by hand (\"mode\":\"plan\")".into());
    }
    let Some(lease) = ledger.lease(&target.key, &run.id, clock.now(), settings.lease).await? else {
        return refuse("another run is at work on it", "try again in a minute".into());
    };
    let result = once::<C>(target, false, &action, hands, ledger, clock, run, &lease).await;
    let after = survey::<C>(target, hands, ledger, clock).await;
    if let Err(fault) = ledger.release(lease, clock.now()).await {
        tracing::warn!(%fault, "lease not released: it expires by itself");
    }
    match result {
        Ok(Made::Yes) => {}
        Ok(Made::NoPlace { why, remedy }) => return Ok(Undone::Refused { why, remedy }),
        Ok(Made::Failed(fault)) | Err(Stop::Ledger(fault)) => return Err(fault),
        Err(Stop::LeaseLost | Stop::OutOfTime | Stop::Older(..)) => {
            return refuse("the lease was lost before the call", "try again in a minute".into());
        }
    }
    let summary = action.to_string();
    // What was undone differs from the declaration, so it must show as drift: success is what is observed.
    match after?.is_some_and(|after| after.plan.drifts.iter().any(|drift| drift.resource.id == *resource)) {
        true => Ok(Undone::Yes { summary, difference }),
        false => refuse(
            &format!("AWS accepted \"{summary}\" and does not show it yet"),
            "look at the plan in a moment".into(),
        ),
    }
}

fn inverse<C: Control>(record: &Record) -> Result<(C::Action, Option<String>), String> {
    match &record.result {
        Some(Ok(_)) => {}
        Some(Err(fault)) => return Err(format!("it did not take effect: {fault}")),
        None => return Err("what became of it was never recorded".into()),
    }
    let inverse = record.inverse.clone().ok_or("no inverse is on record")?;
    match serde_json::from_value::<Inverse<C::Action>>(inverse) {
        Ok(Inverse::Exact(action)) => Ok((action, None)),
        Ok(Inverse::Compensating(action, difference)) => Ok((action, Some(difference))),
        Ok(Inverse::None(why)) => Err(why),
        Err(error) => Err(format!("its inverse cannot be read: {error}")),
    }
}

/// Whether somebody has ordered that the result be left alone.
fn braked<A>(survey: &Survey<A>, target: &Target<'_>, resource: &ResourceId) -> bool {
    let exempt = topology::Subject::Resource(resource.clone());
    survey.standing.in_force(Verb::Exempt).any(|directive| directive.subject == exempt)
        || crate::guard::paused(&target.key, &survey.standing)
}

/// The action's after-state is what the topology declares; if anything is planned for the resource, that is gone.
fn changed<A: Action>(survey: &Survey<A>, resource: &ResourceId) -> Option<String> {
    if let Some(topology::Unseen::Failed { retryable: _, why }) = survey.plan.blind.first() {
        return Some(format!("the resource could not be seen: {why}"));
    }
    let drift = survey.plan.drifts.iter().find(|drift| drift.resource.id == *resource)?;
    Some(format!("{} has changed since: {}", drift.name, drift.summary))
}
