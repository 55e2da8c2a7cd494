//! What is counted, as data: the Lambda edge turns it into EMF with one dimension, the control.

use crate::{Outcome, Report};
use serde::Serialize;
use topology::Severity;

/// Counts of one invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Metrics {
    /// From the first event to the verified fix, in milliseconds, one entry a run that fixed something an event told of.
    pub event_to_fix_ms: Vec<u64>,
    /// Runs.
    pub runs: u64,
    /// Drifts seen.
    pub drifts: u64,
    /// Exposures among them.
    pub exposures: u64,
    /// Actions that AWS accepted.
    pub actions: u64,
    /// Drifts and actions held, but for those that a person's order or a deploy under way holds.
    pub held: u64,
    /// Actions that failed.
    pub failed: u64,
    /// Runs that will be looked at again.
    pub converging: u64,
    /// Resources that something else keeps changing.
    pub flapping: u64,
    /// Runs whose drift no event announced, when it was told: the second within a day, once a day.
    pub event_path_blind: u64,
    /// Messages that could not be read.
    pub refused_messages: u64,
    /// Documents of the layer that could not be read.
    pub refused_documents: u64,
    /// Hints put aside for a person.
    pub dead_lettered: u64,
    /// Outcome events that could not be published.
    pub unpublished: u64,
    /// Exposures that were not told of before: contained ones, and standing ones once a period.
    pub new_exposures: u64,
    /// Failures for good that were not told of before, and again once a period.
    pub new_failures: u64,
}

impl Metrics {
    /// The counts of one run.
    pub fn of(report: &Report) -> Self {
        let count = |wanted: fn(&Outcome) -> bool| report.actions.iter().filter(|a| wanted(&a.outcome)).count() as u64;
        let actions = count(|outcome| matches!(outcome, Outcome::Applied));
        let held = report.actions.iter().filter(|a| !a.ordered && matches!(a.outcome, Outcome::Held { .. }));
        let fixed = actions > 0 && report.overall == Outcome::Applied;
        let lapse = report.first_seen.map(|seen| report.finished.duration_since(seen).as_millis());
        Self {
            event_to_fix_ms: lapse.filter(|_| fixed).and_then(|ms| u64::try_from(ms).ok()).into_iter().collect(),
            runs: 1,
            drifts: report.drifts.len() as u64,
            exposures: report.drifts.iter().filter(|drift| drift.severity == Severity::Exposure).count() as u64,
            actions,
            held: report.held.len() as u64 + held.count() as u64,
            failed: count(|outcome| matches!(outcome, Outcome::Failed(_))),
            converging: u64::from(matches!(report.overall, Outcome::Converging { .. })),
            flapping: report.flapping.len() as u64,
            ..Self::default()
        }
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: Self) {
        let Self {
            event_to_fix_ms,
            runs,
            drifts,
            exposures,
            actions,
            held,
            failed,
            converging,
            flapping,
            event_path_blind,
            refused_messages,
            refused_documents,
            dead_lettered,
            unpublished,
            new_exposures,
            new_failures,
        } = other;
        self.event_to_fix_ms.extend(event_to_fix_ms);
        self.runs += runs;
        self.drifts += drifts;
        self.exposures += exposures;
        self.actions += actions;
        self.held += held;
        self.failed += failed;
        self.converging += converging;
        self.flapping += flapping;
        self.event_path_blind += event_path_blind;
        self.refused_messages += refused_messages;
        self.refused_documents += refused_documents;
        self.dead_lettered += dead_lettered;
        self.unpublished += unpublished;
        self.new_exposures += new_exposures;
        self.new_failures += new_failures;
    }
}
