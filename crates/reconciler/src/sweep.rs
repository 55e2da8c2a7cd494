//! The guarantee behind the events: every served topology is asked for, on a schedule and when a stack settles.

use crate::decode::stack_settled;
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
        return Ok(Swept { why: "the stack is still changing".into(), ..Swept::default() });
    };
    let requested: Vec<(Place, TopologyId)> =
        served.topologies.iter().map(|topology| (served.place_of(topology), topology.id.clone())).collect();
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

/// `None`: a stack event that is not worth a sweep.
fn reason(event: &Value) -> Option<String> {
    let detail = event.get("detail").unwrap_or(&Value::Null);
    match event.get("detail-type").and_then(Value::as_str) {
        Some("CloudFormation Stack Status Change") => stack_settled(detail).then(|| "a stack settled".to_owned()),
        Some("Scheduled Event") => Some("schedule".into()),
        Some(other) => Some(other.chars().take(64).collect()),
        None => Some("by hand".into()),
    }
}
