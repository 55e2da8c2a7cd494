//! JSON lines on standard output, where Lambda collects them: one an action, one a run.

use reconciler::{ActionOutcome, Cause, Outcome, Report};
use topology::{Drift, Held};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Crates below us that tell more than anybody asked for.
const QUIET: [&str; 8] = [
    "aws_config",
    "aws_runtime",
    "aws_sigv4",
    "aws_smithy_http_client",
    "aws_smithy_runtime",
    "hyper",
    "hyper_util",
    "lambda_runtime",
];

/// Starts logging at the level that Lambda passes on (`AWS_LAMBDA_LOG_LEVEL`, from `ApplicationLogLevel` in template.yaml).
/// `trace` shows the SDK as well.
pub(crate) fn start() {
    let level = level(std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref());
    let below = if level == Level::TRACE { level } else { Level::WARN };
    let targets = Targets::new().with_default(level).with_targets(QUIET.map(|target| (target, below)));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false);
    // A second start, in a test, keeps the first.
    _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
}

fn level(name: Option<&str>) -> Level {
    match name.unwrap_or_default().to_ascii_uppercase().as_str() {
        "TRACE" => Level::TRACE,
        "DEBUG" => Level::DEBUG,
        "WARN" => Level::WARN,
        "ERROR" | "FATAL" => Level::ERROR,
        _ => Level::INFO,
    }
}

/// Tells a run: what differed and who did it, each action, what is held, and how it ended.
pub(crate) fn report(report: &Report) {
    let Report {
        key,
        mode,
        overall,
        drifts,
        causes,
        event_path_blind,
        fresh: _,
        contended,
        pace: _,
        actions,
        held,
        notes,
        by_order,
        older_layer,
        flapping,
        retired: _,
        first_seen,
        finished,
    } = report;
    let (place, topology, control) = (&key.place, &key.topology, key.control);
    for (at, Drift { resource, name, severity, summary }) in drifts.iter().enumerate() {
        let who: Vec<String> = causes.get(&at).into_iter().flatten().map(who).collect();
        let who = who.join("; ");
        tracing::info!(%place, %topology, %control, resource = %resource.id, name, %severity, who, "drift: {summary}");
    }
    for action in actions {
        let ActionOutcome { resource, name, summary, contains, caveat: _, ordered: _, outcome } = action;
        let (resource, became, why) = (&resource.id, word(outcome), why(outcome));
        if matches!(outcome, Outcome::Failed(_)) {
            tracing::error!(%place, %topology, %control, %resource, name, contains, why, "{became}: {summary}");
        } else {
            tracing::info!(%place, %topology, %control, %resource, name, contains, why, "{became}: {summary}");
        }
    }
    for Held { resource, name, why, remedy } in held {
        tracing::warn!(%place, %topology, %control, resource = %resource.id, name, remedy, "held: {why}");
    }
    for note in notes {
        tracing::info!(%place, %topology, %control, "note: {note}");
    }
    for name in flapping {
        tracing::warn!(%place, %topology, %control, name, "something else keeps changing it back");
    }
    if *event_path_blind {
        tracing::warn!(%place, %topology, %control, "no event announced this drift: see whether a trail still logs management events");
    }
    let (outcome, why) = (word(overall), why(overall));
    let seconds = first_seen.map(|seen| finished.duration_since(seen).as_secs_f64());
    tracing::info!(
        %place, %topology, %control, mode, outcome, why, seconds,
        drifts = drifts.len(), actions = actions.len(), held = held.len(), by_order, older_layer, contended,
        "run ended"
    );
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
        invoked_by: _,
        resources: _,
    } = cause;
    let caller = principal.arn.as_deref().unwrap_or(&principal.kind);
    format!("{caller}, {event_name} at {at} from {} ({event_id})", source_ip.as_deref().unwrap_or("somewhere"))
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::InSync => "in-sync",
        Outcome::Planned => "planned",
        Outcome::Applied => "applied",
        Outcome::Converging { recheck_after: _, why: _ } => "converging",
        Outcome::Held { why: _, remedy: _ } => "held",
        Outcome::Skipped { why: _ } => "skipped",
        Outcome::Failed(_) => "failed",
    }
}

fn why(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::InSync | Outcome::Planned | Outcome::Applied => None,
        Outcome::Converging { recheck_after: _, why } | Outcome::Held { why, remedy: _ } | Outcome::Skipped { why } => {
            Some(why.clone())
        }
        Outcome::Failed(fault) => Some(fault.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambdas_level_names_are_understood() {
        for (name, expected) in [
            (None, Level::INFO),
            (Some("INFO"), Level::INFO),
            (Some("debug"), Level::DEBUG),
            (Some("FATAL"), Level::ERROR),
            (Some("loud"), Level::INFO),
        ] {
            assert_eq!(level(name), expected, "{name:?}");
        }
    }
}
