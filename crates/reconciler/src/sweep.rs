//! The guarantee behind the events: every served topology is asked for, on a schedule and when a stack settles.

use crate::decode::stack_settled;
use crate::stacks::of_event;
use crate::tell::{tell_refused, tell_silent, tell_vanished};
use crate::{Announced, Clock, Error, Ledger, Metrics, Outbox, Served, Trails, announced};
use serde::Serialize;
use serde_json::Value;
use topology::{Place, TopologyId};

/// What a sweep asked for and found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Swept {
    /// Why it ran, or why it did nothing.
    pub why: String,
    /// The topologies whose controls were asked to look.
    pub requested: Vec<(Place, TopologyId)>,
    /// Topologies that the ledger knows and the layer does not hold any more. Nothing of their network is touched.
    pub vanished: Vec<(Place, TopologyId)>,
    /// Whether API calls are announced at all, place by place.
    pub announced: Vec<(Place, Announced)>,
    /// What was counted.
    #[serde(skip)]
    pub metrics: Metrics,
}

/// Handles one invocation of the sweep function: a schedule, a stack event, or anything else by hand. `Err`: invoke it again,
/// some controls may not have been asked.
pub async fn sweep<T, L, O, K>(
    event: &Value,
    served: &Served,
    trails: &T,
    ledger: &L,
    outbox: &O,
    clock: &K,
) -> Result<Swept, Error>
where
    T: Trails,
    L: Ledger,
    O: Outbox,
    K: Clock,
{
    let Some(why) = reason(event) else {
        return Ok(Swept { why: "nothing of the network changed its state".into(), ..Swept::default() });
    };
    let requested = concerned(event, served, ledger).await;
    // Asking comes first: what a report needs may fail, and must not keep a control from looking.
    outbox.request(&requested, &why).await?;
    let mut swept = Swept { why, requested, ..Swept::default() };
    tell_refused(served, ledger, outbox, clock, &mut swept.metrics).await;
    for place in served.places() {
        let heard = announced(&place, &trails.trails(&place).await);
        swept.announced.push((place, heard));
    }
    tell_silent(&swept.announced, ledger, outbox, clock, &mut swept.metrics).await;
    for place in served.places() {
        for id in ledger.known(&place).await? {
            let broken = served.refused.iter().any(|document| document.topology.as_ref() == Some(&id));
            if !broken && !served.at(&place).any(|(_, topology)| topology.id == id) {
                tracing::warn!(topology = %id, %place, "no longer in the layer; left as it is");
                swept.vanished.push((place.clone(), id));
            }
        }
    }
    tell_vanished(&swept.vanished, ledger, outbox, clock, &mut swept.metrics).await;
    Ok(swept)
}

/// The topologies whose controls are asked: all, but for the event of a stack that is known to hold the VPCs of some. Those of which
/// it is not known what stacks they have are asked, too. An event may be forged: it can cause a look and prevent none, for the
/// schedule asks all.
async fn concerned(event: &Value, served: &Served, ledger: &impl Ledger) -> Vec<(Place, TopologyId)> {
    let mut all = vec![];
    let mut by_stack = vec![];
    let mut held = false;
    for topology in &served.topologies {
        let place = served.place_of(topology);
        all.push((place.clone(), topology.id.clone()));
        let Some(stack) = of_event(event) else { continue };
        // What cannot be read may be anybody's.
        let pinned = ledger.bindings(&place, &topology.id).await.unwrap_or_default();
        let its = |name| pinned.get(name).and_then(|pin| pin.stack.as_ref());
        let holds = topology.vpcs.keys().any(|name| its(name).is_some_and(|known| known.as_str() == stack));
        held |= holds;
        if holds || topology.vpcs.keys().any(|name| its(name).is_none()) {
            by_stack.push((place, topology.id.clone()));
        }
    }
    if held { by_stack } else { all }
}

/// `None`: an event that is not worth asking every control: a stack that is still changing, a drift detection.
fn reason(event: &Value) -> Option<String> {
    let detail = event.get("detail").unwrap_or(&Value::Null);
    match event.get("detail-type").and_then(Value::as_str) {
        Some("CloudFormation Stack Status Change") => stack_settled(detail).then(|| "a stack settled".to_owned()),
        Some("CloudFormation Drift Detection Status Change") => None,
        Some("Scheduled Event") => Some("schedule".into()),
        Some(other) => Some(other.chars().take(64).collect()),
        None => Some("by hand".into()),
    }
}
