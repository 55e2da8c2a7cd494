//! The stacks that networks are made by: their drift detection as advice, and their repair.
//!
//! Architecture invariant: nothing that drift detection says reaches a control. It is told, and may bring the *stack* in line with the
//! network; never the network with the stack.

mod bars;
mod detect;
mod memory;
mod mend;
mod stand_ins;
mod words;

pub use memory::{Detection, Mending, StackEntry, StackMemory};

use crate::{Bindings, Clock, Fault, LayerMark, Ledger, Metrics, NetworkStacks, Outbox, OutcomeEvent, Run, Served};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use topology::{Place, StackId, Topology};

/// What one look at the stacks came to, a line each.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Watched {
    /// What was done or found, by stack.
    pub stacks: BTreeMap<StackId, String>,
    /// What was counted.
    #[serde(skip)]
    pub metrics: Metrics,
}

/// What a deployment lets be done to the stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackCare {
    /// How often drift detection is started; `None` is never, unless a person asks.
    pub detect_every: Option<SignedDuration>,
    /// Whether change sets may be made and executed where a topology says `stack_repair: execute`: a deployment grants that by itself,
    /// so that a document alone gives nobody a way to change stacks.
    pub may_repair: bool,
}

/// A stack with the topologies whose VPCs it holds.
struct Network<'a> {
    place: Place,
    stack: StackId,
    topologies: Vec<&'a Topology>,
    /// When Plumbline last made something that the stack may miss.
    made: Option<Timestamp>,
}

/// What a look at one stack is given.
struct Desk<'a, S, L, O, K> {
    network: Network<'a>,
    /// The layer that the topologies came from.
    layer: Option<&'a LayerMark>,
    stacks: &'a S,
    ledger: &'a L,
    outbox: &'a O,
    clock: &'a K,
    care: StackCare,
    metrics: Metrics,
}

/// Looks after the stacks of the served networks: starts drift detection where it is due, tells what it found, and takes a repair a
/// step further. Nothing here fails the sweep: a stack that cannot be looked at is told.
///
/// An event of CloudFormation only says which stack to look at.
#[allow(clippy::too_many_arguments, reason = "the event, what is served, and the ports")]
pub async fn watch<S, L, O, K>(
    event: &Value,
    served: &Served,
    stacks: &S,
    ledger: &L,
    outbox: &O,
    clock: &K,
    care: StackCare,
    run: &Run,
) -> Watched
where
    S: NetworkStacks,
    L: Ledger,
    O: Outbox,
    K: Clock,
{
    let mut watched = Watched::default();
    let only = of_event(event);
    // By hand: whatever is told, is told anew.
    let at_once = event.get("drift").and_then(Value::as_str) == Some("now");
    for network in networks(served, ledger).await {
        if only.is_some_and(|stack| stack != network.stack.as_str()) {
            continue;
        }
        if run.deadline.is_some_and(|deadline| clock.now() >= deadline) {
            tracing::warn!("the function's time is up: the other stacks are looked at by the next sweep");
            break;
        }
        let stack = network.stack.clone();
        let layer = served.layer.as_ref();
        let mut desk = Desk { network, layer, stacks, ledger, outbox, clock, care, metrics: Metrics::default() };
        let said = match desk.look(at_once).await {
            Ok(said) => said,
            Err(fault) => {
                desk.tell_fault(&fault).await;
                fault.to_string()
            }
        };
        tracing::info!(%stack, said, "stack looked at");
        watched.metrics.add(std::mem::take(&mut desk.metrics));
        watched.stacks.insert(stack, said);
    }
    watched
}

/// The stack that an event of CloudFormation is about.
pub(crate) fn of_event(event: &Value) -> Option<&str> {
    let of_cloudformation = event.get("source").and_then(Value::as_str) == Some("aws.cloudformation");
    event.pointer("/detail/stack-id").and_then(Value::as_str).filter(|_| of_cloudformation)
}

/// Every stack that holds a bound VPC. What cannot be read of one topology says nothing of the others.
async fn networks<'a>(served: &'a Served, ledger: &impl Ledger) -> Vec<Network<'a>> {
    let mut found: BTreeMap<(Place, StackId), Network<'a>> = BTreeMap::new();
    for topology in &served.topologies {
        let place = served.place_of(topology);
        let (pinned, made) = match read(&place, topology, ledger).await {
            Ok(read) => read,
            Err(fault) => {
                tracing::warn!(topology = %topology.id, %fault, "which stacks it has is not known now");
                continue;
            }
        };
        for stack in pinned.into_values().filter_map(|pin| pin.stack) {
            let network = found.entry((place.clone(), stack.clone())).or_insert_with(|| Network {
                place: place.clone(),
                stack,
                topologies: vec![],
                made: None,
            });
            if !network.topologies.iter().any(|known| known.id == topology.id) {
                network.topologies.push(topology);
            }
            network.made = network.made.max(made);
        }
    }
    found.into_values().collect()
}

async fn read(
    place: &Place,
    topology: &Topology,
    ledger: &impl Ledger,
) -> Result<(Bindings, Option<Timestamp>), Fault> {
    let pinned = ledger.bindings(place, &topology.id).await?;
    let made = match pinned.values().any(|pin| pin.stack.is_some()) {
        true => ledger.made(place, &topology.id).await?,
        false => None,
    };
    Ok((pinned, made))
}

impl<S: NetworkStacks, L: Ledger, O: Outbox, K: Clock> Desk<'_, S, L, O, K> {
    async fn look(&mut self, at_once: bool) -> Result<String, Fault> {
        let mut memory = self.recall().await?;
        if memory.mending.is_some() {
            return self.mend(&mut memory, at_once).await;
        }
        if let Some(detection) = memory.detection.clone() {
            return self.read_detection(memory, &detection).await;
        }
        if !self.due(&memory, at_once) {
            return Ok("not due".into());
        }
        self.detect(&mut memory).await
    }

    async fn recall(&self) -> Result<StackMemory, Fault> {
        let Network { place, stack, .. } = &self.network;
        Ok(self.ledger.stack_memory(place, stack).await?.unwrap_or_default())
    }

    /// Writes what is remembered. `Err`: somebody else looked after the stack meanwhile, and what this run knows is old.
    async fn keep(&self, memory: &mut StackMemory) -> Result<(), Fault> {
        let Network { place, stack, .. } = &self.network;
        memory.version += 1;
        if self.ledger.remember_stack(place, stack, memory).await? {
            return Ok(());
        }
        Err(Fault::new("remember_stack", crate::FaultClass::Retryable, "another sweep looks after the stack"))
    }

    /// Tells people and the bus. `once`: at most once a period of the same; `None`: whenever it happens.
    async fn tell(&mut self, kind: &str, headline: String, detail: Value, once: Option<(String, SignedDuration)>) {
        let Network { place, topologies, .. } = &self.network;
        let page = match once {
            None => true,
            Some((what, period)) => {
                let what = format!("{kind}#{what}");
                self.ledger.say_once(place, &what, self.clock.now(), period).await.unwrap_or(true)
            }
        };
        self.publish(OutcomeEvent {
            detail_type: kind.into(),
            place: place.clone(),
            topology: topologies.first().map(|topology| topology.id.clone()),
            control: None,
            headline,
            detail,
            page,
        })
        .await;
    }

    async fn publish(&mut self, event: OutcomeEvent) {
        if let Err(fault) = self.outbox.publish(std::slice::from_ref(&event)).await {
            self.metrics.unpublished += 1;
            tracing::error!(detail_type = event.detail_type, headline = event.headline, %fault, "not published");
        }
    }
}
