//! A batch of messages in, one reconcile a topology, one answer a message.

pub(crate) mod again;

use crate::locate::{Errand, route};
use crate::reconcile::{Ask, reconcile};
use crate::tell::{tell, tell_given_up, tell_refused};
use crate::{
    Clock, Decoded, Eyes, Fault, Hands, Hint, Ledger, Metrics, Outbox, Outcome, Ports, Report, Run, Served, Settings,
    decode,
};
use again::{Again, Because, again, merge};
use jiff::SignedDuration;
use std::collections::BTreeSet;
use topology::{Control, TopologyId};

/// How often an older function offers its hints to a newer one: longer than an old environment lives on after a deploy.
const HANDOVERS: u32 = 4;
/// No longer than the attempts make it.
const AT_ONCE: Because = Because::Unfinished(SignedDuration::ZERO);

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

/// The batch while it is worked upon.
#[derive(Default)]
struct Batch {
    hints: Vec<Hint>,
    /// The message of each hint, by position.
    source: Vec<usize>,
    /// Positions of messages that failed.
    failed: BTreeSet<usize>,
    reports: Vec<Report>,
    metrics: Metrics,
}

impl Batch {
    fn fail(&mut self, hints: &BTreeSet<usize>) {
        self.failed.extend(hints.iter().filter_map(|at| self.source.get(*at)));
    }

    fn of<'a>(&'a self, positions: &'a BTreeSet<usize>) -> impl Iterator<Item = &'a Hint> + Clone {
        positions.iter().filter_map(|at| self.hints.get(*at))
    }
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
    let mut batch = read(C::ID, messages, served, ports.clock.now());
    let routes = route(&batch.hints, served, ports.eyes, ports.ledger).await;
    for (at, why) in routes.strangers {
        let event = batch.hints.get(at).and_then(|hint| hint.causes.first()).map(|cause| cause.event_name.as_str());
        tracing::warn!(event, why, "ignored");
    }
    for (hints, fault) in routes.later {
        let back = batch.of(&hints).cloned().collect();
        put_off::<C>(&mut batch, &hints, back, &fault, AT_ONCE, ports.outbox, ports.clock, settings, None).await;
    }
    if routes.errands.iter().any(|errand| errand.everything) && !served.refused.is_empty() {
        tell_refused(served, ports.ledger, ports.outbox, ports.clock, &mut batch.metrics).await;
    }
    for errand in routes.errands {
        run_errand::<C, _, _, _, _, _>(&mut batch, errand, served, ports, settings, run).await;
    }
    let Batch { hints: _, source: _, failed, reports, metrics } = batch;
    let failed = failed.into_iter().filter_map(|at| messages.get(at)).map(|message| message.id.clone()).collect();
    BatchOutcome { failed, reports, metrics }
}

fn read(control: topology::ControlId, messages: &[Message], served: &Served, now: jiff::Timestamp) -> Batch {
    let mut batch = Batch::default();
    for (at, message) in messages.iter().enumerate() {
        match decode(control, &message.body, &served.home, now) {
            Ok(Decoded::Look(hints)) => {
                batch.source.extend(hints.iter().map(|_| at));
                batch.hints.extend(hints);
            }
            Ok(Decoded::NotAChange(why)) => tracing::debug!(message = message.id, why, "not a change"),
            Ok(Decoded::Unknown(why)) => tracing::warn!(message = message.id, why, "ignored"),
            Err(error) => {
                tracing::warn!(message = message.id, %error, "given back to the queue: in the end the dead-letter queue keeps it");
                batch.metrics.refused_messages += 1;
                batch.failed.insert(at);
            }
        }
    }
    batch
}

async fn run_errand<C, E, H, L, O, K>(
    batch: &mut Batch,
    errand: Errand,
    served: &Served,
    ports: &Ports<'_, E, H, L, O, K>,
    settings: &Settings,
    run: &Run,
) where
    C: Control,
    E: Eyes<C>,
    H: Hands<C>,
    L: Ledger,
    O: Outbox,
    K: Clock,
{
    let Errand { topology: at, place, hints, resources, everything } = errand;
    let Some(topology) = served.topologies.get(at) else { return };
    let resources = if everything { BTreeSet::new() } else { resources };
    let merged = merge(batch.of(&hints), &place, &topology.id, resources, ports.clock.now());
    let id = &topology.id;
    if run.deadline.is_some_and(|deadline| ports.clock.now() >= deadline) {
        let fault = Fault::new("reconcile", crate::FaultClass::Retryable, "the function's time is up");
        put_off::<C>(batch, &hints, vec![merged], &fault, AT_ONCE, ports.outbox, ports.clock, settings, Some(id)).await;
        return;
    }
    let eventful = !merged.causes.is_empty() || !everything;
    let ask = Ask {
        resources: merged.resources.clone(),
        causes: merged.causes.clone(),
        first_seen: eventful.then_some(merged.first_seen),
        by_hand: false,
        reason: None,
        verify: everything,
    };
    let mut report = match reconcile::<C, _, _, _, _, _>(served, topology, ask, ports, settings, run).await {
        Ok(Some(report)) => report,
        Ok(None) => return,
        Err(fault) if fault.is_retryable() => {
            tracing::warn!(topology = %id, %fault, "not reconciled now");
            put_off::<C>(batch, &hints, vec![merged], &fault, AT_ONCE, ports.outbox, ports.clock, settings, Some(id))
                .await;
            return;
        }
        Err(fault) => {
            // Nothing was changed and nobody could be told through the ledger: the message stays until a person has mended it.
            tracing::error!(topology = %id, %fault, "not reconciled");
            batch.metrics.failed += 1;
            batch.fail(&hints);
            return;
        }
    };
    let put = match &report.overall {
        // Functions do not update at the same instant: the newer one reads the same queue.
        Outcome::Held { why, .. } if report.older_layer && merged.attempt < HANDOVERS => {
            Some((AT_ONCE, Fault::new("reconcile", crate::FaultClass::Retryable, why.clone())))
        }
        Outcome::Converging { recheck_after: _, why } if report.contended => {
            Some((Because::Contended, Fault::new("reconcile", crate::FaultClass::Retryable, why.clone())))
        }
        Outcome::Converging { recheck_after, why } => Some((
            Because::of(report.pace, *recheck_after),
            Fault::new("reconcile", crate::FaultClass::Retryable, why.clone()),
        )),
        Outcome::Failed(fault) if fault.is_retryable() => {
            Some((Because::of(report.pace, SignedDuration::ZERO), fault.clone()))
        }
        Outcome::Failed(_)
        | Outcome::InSync
        | Outcome::Planned
        | Outcome::Applied
        | Outcome::Held { .. }
        | Outcome::Skipped { .. } => None,
    };
    let swept = everything && merged.causes.is_empty();
    // First of all the look that is still owed: whatever telling takes, it must not be lost when the function is cut off.
    if let Some((because, fault)) = put {
        put_off::<C>(batch, &hints, vec![merged], &fault, because, ports.outbox, ports.clock, settings, Some(id)).await;
    }
    tell(&mut report, swept, ports.ledger, ports.outbox, ports.clock, run, &mut batch.metrics).await;
    batch.metrics.add(Metrics::of(&report));
    batch.reports.push(report);
}

#[allow(clippy::too_many_arguments, reason = "one decision's whole context; a struct would only rename it")]
async fn put_off<C: Control>(
    batch: &mut Batch,
    positions: &BTreeSet<usize>,
    hints: Vec<Hint>,
    fault: &Fault,
    because: Because,
    outbox: &impl Outbox,
    clock: &impl Clock,
    settings: &Settings,
    topology: Option<&TopologyId>,
) {
    let place = hints.first().map(|hint| hint.place.clone());
    let count = hints.len() as u64;
    let why = fault.to_string();
    match again(hints, because, &why, settings, outbox, clock.now()).await {
        Again::Sent | Again::Left => {}
        Again::Lost => batch.fail(positions),
        Again::GivenUp(why) => {
            batch.metrics.dead_lettered += count;
            if let Some(place) = place {
                tell_given_up(&place, topology, C::ID, &why, outbox, &mut batch.metrics).await;
            }
        }
    }
}
