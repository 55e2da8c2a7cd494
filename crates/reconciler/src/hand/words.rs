//! Answers as a person reads them.

use super::Answer;
use crate::tell::{headline, person};
use crate::{Error, Fault, Outcome, Report};

/// A report: one line for the whole, one a drift's cause, one an action, one a held thing.
pub(super) fn report(report: &Report) -> String {
    let mut lines = vec![headline(report)];
    for (at, drift) in report.drifts.iter().enumerate() {
        let by: Vec<String> = report.causes.get(&at).into_iter().flatten().map(person).collect();
        let by = if by.is_empty() { String::new() } else { format!(", by {}", by.join(" and ")) };
        lines.push(format!("  drift   {} [{}] {}{by}", drift.name, drift.severity, drift.summary));
    }
    for action in &report.actions {
        let became = match &action.outcome {
            Outcome::InSync => "in sync".to_owned(),
            Outcome::Planned => "planned".to_owned(),
            Outcome::Applied => "done".to_owned(),
            Outcome::Converging { recheck_after: _, why } => format!("waiting: {why}"),
            Outcome::Held { why, remedy } => format!("held: {why}; {remedy}"),
            Outcome::Skipped { why } => format!("skipped: {why}"),
            Outcome::Failed(fault) => format!("failed: {fault}"),
        };
        lines.push(format!("  action  {}: {became}", action.summary));
        lines.extend(action.caveat.iter().map(|caveat| format!("          note: {caveat}")));
    }
    for held in &report.held {
        lines.push(format!("  held    {}: {}; {}", held.name, held.why, held.remedy));
    }
    lines.extend(report.notes.iter().map(|note| format!("  note    {note}")));
    lines.join("\n")
}

/// Done.
pub(super) fn done(summary: impl Into<String>, data: serde_json::Value) -> Answer {
    Answer { ok: true, summary: summary.into(), data, ..Answer::default() }
}

/// Not done, and why.
pub(super) fn refused(error: Error) -> Answer {
    let summary = format!("nothing was done: {error}");
    match error {
        Error::Hand { message, valid } => Answer { summary, error: Some(message), valid, ..Answer::default() },
        Error::Refused(message) => Answer { summary, error: Some(message), ..Answer::default() },
        Error::Fault(fault) => Answer { summary, error: Some(fault.to_string()), ..Answer::default() },
    }
}

/// Understood, but not possible.
pub(super) fn cannot(message: impl Into<String>) -> Error {
    Error::Hand { message: message.into(), valid: vec![] }
}

/// A fault after something was done already.
pub(super) fn half(done: &str, fault: &Fault) -> Answer {
    let error = Some(fault.to_string());
    Answer { summary: format!("{done}; but {fault}"), error, ..Answer::default() }
}
