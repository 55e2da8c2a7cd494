//! What is counted, as data: the Lambda edge turns it into EMF with one dimension, the control.

use crate::{Outcome, Report};
use serde::Serialize;
use topology::Severity;

/// One list: a count that is not told would have to be left out of it.
macro_rules! metrics {
    ($($(#[$doc:meta])* $count:ident $name:literal,)*) => {
        /// Counts of one invocation.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct Metrics {
            /// From the first event to the verified fix, in milliseconds, one entry a run that fixed something an event told of.
            pub event_to_fix_ms: Vec<u64>,
            $($(#[$doc])* pub $count: u64,)*
        }

        impl Metrics {
            /// Every count with the name under which it is told.
            pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$(($name, self.$count)),*].into_iter()
            }

            /// Adds another's counts.
            pub fn add(&mut self, other: Self) {
                let Self { event_to_fix_ms, $($count),* } = other;
                self.event_to_fix_ms.extend(event_to_fix_ms);
                $(self.$count += $count;)*
            }
        }
    };
}

metrics! {
    /// Runs.
    runs "Runs",
    /// Drifts seen.
    drifts "Drifts",
    /// Exposures among them.
    exposures "Exposures",
    /// Actions that AWS accepted.
    actions "Actions",
    /// Drifts and actions held, but for those that a person's order or a deploy under way holds.
    held "Held",
    /// Actions that failed.
    failed "Failed",
    /// Runs that will be looked at again.
    converging "Converging",
    /// Resources that something else keeps changing.
    flapping "Flapping",
    /// Runs whose drift no event announced, when it was told: the second within a day, once a day.
    event_path_blind "EventPathBlind",
    /// Messages that could not be read.
    refused_messages "RefusedMessages",
    /// Documents of the layer that could not be read.
    refused_documents "RefusedDocuments",
    /// Hints put aside for a person.
    dead_lettered "DeadLettered",
    /// Outcome events that could not be published.
    unpublished "Unpublished",
    /// Exposures that were not told of before: contained ones, and standing ones once a period.
    new_exposures "NewExposures",
    /// Failures for good that were not told of before, and again once a period.
    new_failures "NewFailures",
    /// Places whose API calls no trail announces.
    trails_missing "TrailsMissing",
    /// Places of which nobody can tell whether a trail announces their API calls.
    trails_unknown "TrailsUnknown",
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
}
