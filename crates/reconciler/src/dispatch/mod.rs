//! A batch of messages in, one reconcile a topology, one answer a message.

use crate::{Clock, Error, Eyes, Hands, Ledger, Metrics, Outbox, Ports, Report, Run, Served, Settings};
use topology::Control;

/// One message of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// SQS's `messageId`.
    pub id: String,
    /// Its body as it came.
    pub body: String,
}

/// What became of a batch.
#[derive(Clone, Debug, Default)]
pub struct BatchOutcome {
    /// The ids of the messages to be given back to the queue (`batchItemFailures`).
    pub failed: Vec<String>,
    /// One a reconcile.
    pub reports: Vec<Report>,
    /// What was counted.
    pub metrics: Metrics,
}

/// Handles one batch. Never fails as a whole: what goes wrong is in the answer, message by message.
pub async fn dispatch<C, E, H, L, O, K>(
    messages: &[Message],
    served: &Served,
    ports: &Ports<'_, E, H, L, O, K>,
    settings: &Settings,
    run: &Run,
) -> BatchOutcome
where
    C: Control,
    E: Eyes<C>,
    H: Hands<C>,
    L: Ledger,
    O: Outbox,
    K: Clock,
{
    let _ = (served, ports, settings, run);
    let _: Option<Error> = None;
    BatchOutcome { failed: messages.iter().map(|message| message.id.clone()).collect(), ..BatchOutcome::default() }
}
