//! What a person asks for by a direct invoke, and the answer.

use crate::{Clock, Eyes, Hands, Ledger, LedgerRead, Metrics, Outbox, Ports, ReadPorts, Report, Run, Served, Settings};
use serde::Serialize;
use serde_json::Value;
use topology::Control;

/// The answer to by-hand input. Wrong input is an answer too (`ok: false`), never a function error.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Answer {
    /// Whether the input was understood and done.
    pub ok: bool,
    /// For a person to read.
    pub summary: String,
    /// What is wrong, when it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The valid forms, when the input was not one of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub valid: Vec<String>,
    /// One a reconcile.
    pub reports: Vec<Report>,
    /// Everything else, structured: `status`, the directive that was set, the plan.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// What was counted.
    #[serde(skip)]
    pub metrics: Metrics,
}

/// Answers by-hand input of a function that may do everything. `by`: who asks, as far as the invocation tells.
pub async fn answer<C, E, H, L, O, K>(
    input: &Value,
    by: &str,
    served: &Served,
    ports: &Ports<'_, E, H, L, O, K>,
    settings: &Settings,
    run: &Run,
) -> Answer
where
    C: Control,
    E: Eyes<C>,
    H: Hands<C>,
    L: Ledger,
    O: Outbox,
    K: Clock,
{
    let _ = (input, by, served, ports, settings, run);
    Answer::default()
}

/// Answers by-hand input of a function that can only look (`PLUMBLINE_HAND_ONLY=plan`): `plan` and `status`.
pub async fn answer_read_only<C, E, L, K>(
    input: &Value,
    served: &Served,
    ports: &ReadPorts<'_, E, L, K>,
    settings: &Settings,
) -> Answer
where
    C: Control,
    E: Eyes<C>,
    L: LedgerRead,
    K: Clock,
{
    let _ = (input, served, ports, settings);
    Answer::default()
}
