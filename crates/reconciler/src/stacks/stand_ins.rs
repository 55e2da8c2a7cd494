//! What Plumbline made in the place of what a stack misses: by the ledger alone, for a tag is no proof.

use super::{Desk, Network};
use crate::{Clock, Fault, Ledger, LoopKey, NetworkStacks, Outbox, Record};
use topology::render::endpoint_logical_id;
use topology::stacks::{DriftStatus, ResourceDrift, StandIn, stands_in};
use topology::{ControlId, Effect, EndpointName, Receipt, ResourceId, Topology};

/// Records of a control that are searched: what stands in was made since the last detection.
const RECORDS: usize = 100;

impl<S: NetworkStacks, L: Ledger, O: Outbox, K: Clock> Desk<'_, S, L, O, K> {
    /// For each resource that is gone and of a kind that a control makes again: the newest of that kind on record.
    pub(super) async fn stand_ins(&self, drifts: &[ResourceDrift]) -> Result<Vec<StandIn>, Fault> {
        let gone: Vec<(&ResourceDrift, &'static str)> = drifts
            .iter()
            .filter(|drift| drift.status == DriftStatus::Deleted)
            .filter_map(|drift| Some((drift, stands_in(&drift.kind)?)))
            .collect();
        let mut found: Vec<StandIn> = vec![];
        if gone.is_empty() {
            return Ok(found);
        }
        let Network { place, topologies, .. } = &self.network;
        for topology in topologies {
            for control in ControlId::ALL {
                let key = LoopKey { place: place.clone(), topology: topology.id.clone(), control: *control };
                for record in self.ledger.records(&key, RECORDS).await? {
                    for (drift, prefix) in &gone {
                        let known = found.iter().any(|it| it.logical_id == drift.logical_id);
                        if !known && let Some(id) = made_for(&record, drift, prefix, topology) {
                            let logical_id = drift.logical_id.clone();
                            found.push(StandIn { logical_id, id, control: *control });
                        }
                    }
                }
            }
        }
        Ok(found)
    }
}

/// What a record made, if it was made for this resource: because its action says so, under the name that the topology gives it, or
/// because the end of what was there was seen.
fn made_for(record: &Record, drift: &ResourceDrift, prefix: &str, topology: &Topology) -> Option<ResourceId> {
    let receipt = record.result.as_ref()?.as_ref().ok()?;
    let receipt: Receipt = serde_json::from_value(receipt.clone()).ok()?;
    let made = receipt.created.into_iter().find(|id| id.as_str().starts_with(prefix))?;
    if record.intent.effect == Effect::Remove || drift.physical_id.as_ref() == Some(&made) {
        return None;
    }
    let said = stands_for(&record.intent.action).is_some_and(|logical| logical == drift.logical_id.as_str());
    let named = || {
        topology.vpcs.iter().any(|(vpc, declared)| {
            let its = |endpoint: &&EndpointName| endpoint_logical_id(vpc, endpoint) == drift.logical_id;
            let mut endpoints = declared.endpoints.iter().flatten().map(|(endpoint, _)| endpoint).filter(its);
            endpoints.any(|endpoint| record.intent.name == format!("{vpc}/{endpoint}"))
        })
    };
    let seen = || {
        let of = |gone: &ResourceId| record.intent.causes.iter().any(|cause| cause.resources.contains(gone));
        drift.physical_id.as_ref().is_some_and(of)
    };
    (said || named() || seen()).then_some(made)
}

/// The logical id that an action says it stands in for: `{ "<action>": { "stand_in": { "stack": …, "logical_id": … } } }`.
fn stands_for(action: &serde_json::Value) -> Option<&str> {
    let parts = action.as_object()?.values();
    parts.into_iter().find_map(|part| part.get("stand_in")?.get("logical_id")?.as_str())
}
