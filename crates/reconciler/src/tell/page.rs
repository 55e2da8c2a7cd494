//! Who must be told: by the worst outcome, and by what it hides.

use super::subject;
use crate::{ActionOutcome, Outcome, Pace, Report};
use jiff::SignedDuration;
use std::collections::BTreeSet;
use topology::{Drift, Held, ResourceKey, Severity};

/// A failure is told again after this: somebody is meant to be at work on it.
const FAILED_AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// A held thing is told again after this, so that it is not forgotten over a shift.
const HELD_AGAIN: SignedDuration = SignedDuration::from_hours(8);
/// An exposure that waits is told after this: an ordinary wait is over by then.
const STANDS: SignedDuration = SignedDuration::from_mins(5);
pub(super) const FAILED: &str = "Reconcile Failed";
const HELD: &str = "Drift Held";
/// Marks what is claimed about an exposure.
pub(super) const EXPOSED: &str = "exposure#";

/// Whether a person is told.
pub(super) struct Page {
    pub(super) always: bool,
    /// If any of these was not told of.
    pub(super) news: Option<News>,
}

/// What is told once within a period.
pub(super) struct News {
    pub(super) about: BTreeSet<String>,
    pub(super) period: SignedDuration,
}

/// Something that needs a person and that the worst outcome does not show.
pub(super) struct Hidden {
    pub(super) kind: &'static str,
    pub(super) news: News,
    pub(super) headline: String,
}

const NO_PAGE: Page = Page { always: false, news: None };

pub(super) fn kind_of(report: &Report, swept: bool) -> Option<(&'static str, Page)> {
    let exposed = report.drifts.iter().any(|drift| drift.severity == Severity::Exposure);
    let contained = Page { always: contained(report) > 0, news: None };
    let news = |about, period| Some(News { about, period });
    let pending = Page { always: contained.always, news: news(standing(report), HELD_AGAIN) };
    Some(match &report.overall {
        // Nothing was wrong, and that is evidence when a sweep says so; after an event of our own making it is noise.
        Outcome::InSync if !swept => return None,
        Outcome::InSync => ("In Sync", NO_PAGE),
        Outcome::Applied => ("Reconciled", Page { always: exposed, news: None }),
        Outcome::Failed(fault) if fault.is_retryable() => ("Reconcile Pending", pending),
        Outcome::Failed(fault) => {
            let mut about: BTreeSet<String> = failures(report).map(|action| action.summary.clone()).collect();
            if about.is_empty() {
                about.insert(fault.operation.clone());
            }
            (FAILED, Page { news: news(about, FAILED_AGAIN), ..contained })
        }
        Outcome::Converging { .. } | Outcome::Skipped { .. } => ("Reconcile Pending", pending),
        Outcome::Planned if exposed => {
            ("Drift Found", Page { always: false, news: news(about_drifts(exposures(report)), HELD_AGAIN) })
        }
        Outcome::Planned => ("Drift Found", NO_PAGE),
        Outcome::Held { .. } if report.by_order && !exposed => (HELD, NO_PAGE),
        Outcome::Held { .. } => (HELD, Page { news: news(standing_drift(report), HELD_AGAIN), ..contained }),
    })
}

/// Exposures that are contained now, or that AWS accepted to contain.
pub(super) fn contained(report: &Report) -> u64 {
    let done = |drift: &&Drift| {
        let its = |action: &ActionOutcome| action.contains && action.resource == drift.resource;
        report.overall == Outcome::Applied
            || report.actions.iter().any(|action| its(action) && action.outcome == Outcome::Applied)
    };
    exposures(report).filter(done).count() as u64
}

/// Exposures that wait: this run has not tried to close them, and nobody is told that they are held. An event says since when; what none
/// announced has stood since before the sweep, nobody knows how long.
fn standing(report: &Report) -> BTreeSet<String> {
    let long = match report.first_seen {
        Some(seen) => report.finished.duration_since(seen) > STANDS,
        None => report.pace == Pace::Waits,
    };
    let tried = |action: &ActionOutcome| {
        action.contains && !matches!(action.outcome, Outcome::Planned | Outcome::Skipped { .. })
    };
    let spoken_for = |resource: &ResourceKey| {
        report.held.iter().any(|held| held.resource == *resource)
            || report.actions.iter().any(|action| action.resource == *resource && tried(action))
    };
    about_drifts(exposures(report).filter(|drift| long && !spoken_for(&drift.resource)))
}

/// What failed for good, and what is held, where another outcome speaks for the run: an exposure that is held whatever speaks, anything
/// else that is held where the run waits, which may be for days.
pub(super) fn hidden(report: &Report, kind: Option<&'static str>) -> Vec<Hidden> {
    if matches!(report.overall, Outcome::InSync | Outcome::Applied) {
        return vec![];
    }
    let mut hidden = vec![];
    let failed: Vec<&ActionOutcome> = failures(report).collect();
    let worst = failed.iter().find(|action| action.contains).or(failed.first());
    if let Some(worst) = worst.filter(|_| kind != Some(FAILED)) {
        let open = if worst.contains { "an exposure stays open: " } else { "" };
        let why = match &worst.outcome {
            Outcome::Failed(fault) => fault.to_string(),
            _ => String::new(),
        };
        let more = more(failed.len());
        let headline = format!("{}: {}: {open}{why}{more}", subject(&report.key), worst.summary);
        let about = failed.iter().map(|action| action.summary.clone()).collect();
        hidden.push(Hidden { kind: FAILED, news: News { about, period: FAILED_AGAIN }, headline });
    }
    if kind == Some(HELD) {
        return hidden;
    }
    let held = held(report);
    let open = |resource: &ResourceKey| exposures(report).any(|drift| drift.resource == *resource);
    let (exposed, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|held| open(held.resource));
    if let Some(OnHold { name, why, remedy, .. }) = exposed.first() {
        let more = more(exposed.len());
        let headline = format!("{}: {name}: an exposure is held: {why}; {remedy}{more}", subject(&report.key));
        let ours = |drift: &&Drift| exposed.iter().any(|held| *held.resource == drift.resource);
        let about = about_drifts(exposures(report).filter(ours));
        hidden.push(Hidden { kind: HELD, news: News { about, period: HELD_AGAIN }, headline });
    }
    let others: Vec<_> = others.into_iter().filter(|held| report.pace == Pace::Waits && !held.ordered).collect();
    if let Some(OnHold { name, why, remedy, .. }) = others.first() {
        let headline = format!("{}: {name}: held: {why}; {remedy}{}", subject(&report.key), more(others.len()));
        let about = others.iter().map(|held| format!("{}#{}", held.resource.id, held.why)).collect();
        hidden.push(Hidden { kind: HELD, news: News { about, period: HELD_AGAIN }, headline });
    }
    hidden
}

/// Something that is held, by the guard or by the plan.
struct OnHold<'a> {
    resource: &'a ResourceKey,
    name: &'a str,
    why: &'a str,
    remedy: &'a str,
    /// By a person's order, or by a deploy under way.
    ordered: bool,
}

fn held(report: &Report) -> Vec<OnHold<'_>> {
    let actions = report.actions.iter().filter_map(|action| match &action.outcome {
        Outcome::Held { why, remedy } => {
            Some(OnHold { resource: &action.resource, name: &action.name, why, remedy, ordered: action.ordered })
        }
        _ => None,
    });
    let acted_upon = |resource: &ResourceKey| report.actions.iter().any(|a| a.contains && a.resource == *resource);
    let plans = report.held.iter().filter(|held| !acted_upon(&held.resource));
    let plans =
        plans.map(|Held { resource, name, why, remedy }| OnHold { resource, name, why, remedy, ordered: false });
    actions.chain(plans).collect()
}

fn more(all: usize) -> String {
    if all > 1 { format!(" (and {} more)", all - 1) } else { String::new() }
}

/// Actions that will not succeed by trying again.
fn failures(report: &Report) -> impl Iterator<Item = &ActionOutcome> {
    let for_good = |action: &&ActionOutcome| matches!(&action.outcome, Outcome::Failed(fault) if !fault.is_retryable());
    report.actions.iter().filter(for_good)
}

/// What is left standing: the same is not told twice, and something new is.
fn standing_drift(report: &Report) -> BTreeSet<String> {
    let mut about = about_drifts(report.drifts.iter());
    about.extend(report.held.iter().map(|held| held.resource.id.to_string()));
    about
}

fn exposures(report: &Report) -> impl Iterator<Item = &Drift> {
    report.drifts.iter().filter(|drift| drift.severity == Severity::Exposure)
}

/// A second difference of one resource is another one: it is told by what it says, not only by where it is.
fn about_drifts<'a>(drifts: impl Iterator<Item = &'a Drift>) -> BTreeSet<String> {
    drifts
        .map(|Drift { resource, name: _, severity, summary }| format!("{severity}#{}#{summary}", resource.id))
        .collect()
}
