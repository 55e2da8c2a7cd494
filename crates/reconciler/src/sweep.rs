//! The guarantee behind the events: every served topology is asked for, on a schedule and when a stack settles.

use crate::{Clock, Error, Ledger, Metrics, Outbox, Served};
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
    /// What was counted.
    #[serde(skip)]
    pub metrics: Metrics,
}

/// Handles one invocation of the sweep function: a schedule, a stack event, or anything else by hand.
pub async fn sweep<L, O, K>(event: &Value, served: &Served, ledger: &L, outbox: &O, clock: &K) -> Result<Swept, Error>
where
    L: Ledger,
    O: Outbox,
    K: Clock,
{
    let _ = (event, served, ledger, outbox, clock);
    Ok(Swept::default())
}
