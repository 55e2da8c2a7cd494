//! What people read when they are paged. Plain text: it arrives as mail, in a chat, on a telephone.

use reconciler::{ActionOutcome, Cause, Outcome, OutcomeEvent, Report};
use std::fmt::Write;
use topology::{Drift, Held};

/// SNS takes subjects of up to 100 ASCII characters without line breaks
/// (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).
const SUBJECT: usize = 100;
/// SNS takes 256 KB; nobody reads more than this at night.
const MESSAGE: usize = 60 * 1024;

/// A message to people.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) message: String,
}

pub(super) fn letter(event: &OutcomeEvent) -> Letter {
    let OutcomeEvent { detail_type, place, topology, control, headline, detail, page: _ } = event;
    let mut message = format!("{headline}\n\n{detail_type}\n");
    line(&mut message, format!("Place: {place}"));
    if let Some(topology) = topology {
        line(&mut message, format!("Topology: {topology}"));
    }
    if let Some(control) = control {
        line(&mut message, format!("Control: {control}"));
    }
    match serde_json::from_value::<Report>(detail.clone()) {
        Ok(report) => told(&mut message, &report),
        Err(_) => line(&mut message, format!("\n{}", serde_json::to_string_pretty(detail).unwrap_or_default())),
    }
    Letter { subject: subject(&format!("Plumbline: {headline}")), message: cut(message) }
}

fn subject(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    if plain.len() <= SUBJECT { plain } else { format!("{}...", &plain[..SUBJECT - 3]) }
}

fn cut(mut message: String) -> String {
    if message.len() > MESSAGE {
        let end = (0..=MESSAGE).rev().find(|at| message.is_char_boundary(*at)).unwrap_or_default();
        message.truncate(end);
        message.push_str("\n… and more: the event on the bus and the records in the ledger have all of it.\n");
    }
    message
}

fn line(message: &mut String, text: impl AsRef<str>) {
    message.push_str(text.as_ref());
    message.push('\n');
}

fn told(message: &mut String, report: &Report) {
    let Report {
        key: _,
        mode,
        overall,
        drifts,
        causes,
        event_path_blind,
        fresh: _,
        contended: _,
        pace: _,
        actions,
        held,
        notes,
        by_order: _,
        older_layer,
        flapping,
        retired: _,
        first_seen,
        finished,
    } = report;
    line(message, format!("Mode: {mode}"));
    line(message, format!("Outcome: {}", outcome(overall)));
    if let Some(seen) = first_seen {
        line(message, format!("First seen: {seen}"));
    }
    line(message, format!("Finished: {finished}"));
    if *event_path_blind {
        line(message, "\nNo event announced this drift: see whether a trail still logs management events.");
    }
    if *older_layer {
        line(
            message,
            "\nThis function's layer is older than one that acted already, so it only planned. If a roll-back is meant, confirm it.",
        );
    }
    section(message, "What differed", drifts.iter().enumerate(), |message, (at, drift)| {
        let Drift { resource, name, severity, summary } = drift;
        line(message, format!("- [{severity}] {name} ({}): {summary}", resource.id));
        for cause in causes.get(&at).into_iter().flatten() {
            line(message, format!("    by {}", who(cause)));
        }
    });
    section(message, "What was done", actions, |message, action| {
        let ActionOutcome { resource: _, name: _, summary, contains: _, caveat, ordered: _, outcome: became } = action;
        line(message, format!("- {summary}: {}", outcome(became)));
        if let Some(caveat) = caveat {
            line(message, format!("    note: {caveat}"));
        }
    });
    section(message, "What is held", held, |message, held| {
        let Held { resource, name, why, remedy } = held;
        line(message, format!("- {name} ({}): {why}", resource.id));
        line(message, format!("    what you can do: {remedy}"));
    });
    section(message, "Note", notes, |message, note| line(message, format!("- {note}")));
    section(message, "What something else keeps changing back", flapping, |message, name| {
        line(message, format!("- {name}"));
    });
}

fn section<T>(
    message: &mut String,
    title: &str,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut String, T),
) {
    let mut items = items.into_iter().peekable();
    if items.peek().is_some() {
        line(message, format!("\n{title}"));
        items.for_each(|item| each(message, item));
    }
}

fn who(cause: &Cause) -> String {
    let Cause {
        event_id,
        request_id: _,
        event_name,
        at,
        principal,
        source_ip,
        user_agent: _,
        invoked_by,
        resources: _,
    } = cause;
    let caller = principal.arn.as_deref().unwrap_or(&principal.kind);
    let mut text = format!("{caller}, {event_name} at {at}");
    if let Some(address) = source_ip {
        _ = write!(text, " from {address}");
    }
    if let Some(service) = invoked_by {
        _ = write!(text, " through {service}");
    }
    _ = write!(text, " (event {event_id})");
    text
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::InSync => "in sync".into(),
        Outcome::Planned => "planned only".into(),
        Outcome::Applied => "applied".into(),
        Outcome::Converging { recheck_after, why } => {
            format!("not finished, looked at again in {} s: {why}", recheck_after.as_secs())
        }
        Outcome::Held { why, remedy } => format!("held: {why}. What you can do: {remedy}"),
        Outcome::Skipped { why } => format!("skipped: {why}"),
        Outcome::Failed(fault) => format!("failed: {fault}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use reconciler::{LoopKey, Principal};
    use serde_json::json;
    use topology::{ControlId, Place, Severity};

    fn event(headline: &str, detail: serde_json::Value) -> OutcomeEvent {
        OutcomeEvent {
            detail_type: "Reconciled".into(),
            place: Place::new("111122223333", "eu-west-1"),
            topology: Some("three-tier".into()),
            control: Some(ControlId::SecurityGroups),
            headline: headline.into(),
            detail,
            page: true,
        }
    }

    fn report() -> Report {
        let place = Place::new("111122223333", "eu-west-1");
        let at: Timestamp = "2026-11-20T02:13:00Z".parse().unwrap();
        let resource = place.key("sg-1");
        let cause = Cause {
            event_id: "8f1c".into(),
            request_id: None,
            event_name: "AuthorizeSecurityGroupIngress".into(),
            at,
            principal: Principal {
                kind: "IAMUser".into(),
                arn: Some("arn:aws:iam::111122223333:user/ana".into()),
                role: None,
            },
            source_ip: Some("198.51.100.7".into()),
            user_agent: None,
            invoked_by: None,
            resources: ["sg-1".into()].into(),
        };
        Report {
            key: LoopKey { place, topology: "three-tier".into(), control: ControlId::SecurityGroups },
            mode: "enforce".into(),
            overall: Outcome::Applied,
            drifts: vec![Drift {
                resource: resource.clone(),
                name: "main/alb".into(),
                severity: Severity::Exposure,
                summary: "tcp 22 from 0.0.0.0/0 is not declared".into(),
            }],
            causes: [(0, vec![cause])].into(),
            event_path_blind: false,
            fresh: false,
            contended: false,
            pace: reconciler::Pace::Stuck,
            actions: vec![ActionOutcome {
                resource: resource.clone(),
                name: "main/alb".into(),
                summary: "revoke tcp 22 from 0.0.0.0/0 on main/alb".into(),
                contains: true,
                caveat: Some("tracked connections survive".into()),
                ordered: false,
                outcome: Outcome::Applied,
            }],
            held: vec![Held {
                resource,
                name: "main/alb".into(),
                why: "paused for INC-123".into(),
                remedy: "resume it".into(),
            }],
            notes: vec!["USD 65.70 a month more".into()],
            by_order: true,
            older_layer: false,
            flapping: vec![],
            retired: false,
            first_seen: Some(at),
            finished: at,
        }
    }

    #[test]
    fn a_report_becomes_a_letter_that_says_who_did_what_and_what_to_do() {
        let letter = letter(&event("main/alb is back in line", serde_json::to_value(report()).unwrap()));
        assert_eq!(letter.subject, "Plumbline: main/alb is back in line");
        assert_eq!(
            letter.message,
            "main/alb is back in line\n\nReconciled\nPlace: 111122223333/eu-west-1\nTopology: three-tier\nControl: security-groups\n\
             Mode: enforce\nOutcome: applied\nFirst seen: 2026-11-20T02:13:00Z\nFinished: 2026-11-20T02:13:00Z\n\n\
             What differed\n- [exposure] main/alb (sg-1): tcp 22 from 0.0.0.0/0 is not declared\n    \
             by arn:aws:iam::111122223333:user/ana, AuthorizeSecurityGroupIngress at 2026-11-20T02:13:00Z from 198.51.100.7 \
             (event 8f1c)\n\n\
             What was done\n- revoke tcp 22 from 0.0.0.0/0 on main/alb: applied\n    note: tracked connections survive\n\n\
             What is held\n- main/alb (sg-1): paused for INC-123\n    what you can do: resume it\n\n\
             Note\n- USD 65.70 a month more\n"
        );
    }

    #[test]
    fn a_subject_is_one_short_line_of_ascii() {
        let long = letter(&event(&format!("füße\nund mehr {}", "x".repeat(300)), json!({})));
        assert_eq!(long.subject.len(), SUBJECT);
        assert!(long.subject.starts_with("Plumbline: f??e?und mehr xxx"), "{}", long.subject);
        assert!(long.subject.is_ascii() && !long.subject.contains('\n'));
    }

    #[test]
    fn what_is_not_a_report_is_shown_and_what_is_too_long_is_cut() {
        let letter = letter(&event("a document was refused", json!({ "file": "three-tier/topology.yaml" })));
        assert!(letter.message.contains("\"file\": \"three-tier/topology.yaml\""), "{}", letter.message);
        let long = super::letter(&event("much", json!({ "all": "ü".repeat(MESSAGE) })));
        assert!(long.message.len() < MESSAGE + 200 && long.message.ends_with("all of it.\n"));
    }
}
