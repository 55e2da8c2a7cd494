//! What Plumbline made in the place of what a stack misses: by the ledger alone, for a tag is no proof.

use super::{Desk, Network};
use crate::{Clock, Fault, Ledger, LoopKey, NetworkStacks, Outbox, Record};
use topology::render::{association_logical_id, endpoint_logical_id};
use topology::stacks::{DriftStatus, ResourceDrift, StandIn, stands_in};
use topology::{ControlId, Effect, LogicalId, Receipt, ResourceId, Topology};

/// How ids of endpoints begin.
const ENDPOINT: &str = "vpce-";

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
/// because the end of what was there was seen. Whichever of these says something is not overruled by the next.
fn made_for(record: &Record, drift: &ResourceDrift, prefix: &str, topology: &Topology) -> Option<ResourceId> {
    let receipt = record.result.as_ref()?.as_ref().ok()?;
    let receipt: Receipt = serde_json::from_value(receipt.clone()).ok()?;
    let made = receipt.created.into_iter().find(|id| id.as_str().starts_with(prefix))?;
    if record.intent.effect == Effect::Remove || drift.physical_id.as_ref() == Some(&made) {
        return None;
    }
    let for_it = match stands_for(&record.intent.action) {
        Some(logical) => logical == drift.logical_id.as_str(),
        None => match named(record, &made, topology) {
            Some(logical) if logical == drift.logical_id => true,
            // An endpoint's name is its own; a subnet's association may have another logical id in a stack that somebody wrote.
            Some(_) if made.as_str().starts_with(ENDPOINT) => false,
            Some(_) | None => drift.physical_id.as_ref().is_some_and(|gone| seen(record, gone, prefix)),
        },
    };
    for_it.then_some(made)
}

/// The logical id of what is declared under the name that a record bears: of the endpoint, or of the subnet's association.
fn named(record: &Record, made: &ResourceId, topology: &Topology) -> Option<LogicalId> {
    let name = &record.intent.name;
    topology.vpcs.iter().find_map(|(vpc, declared)| {
        // A subnet may be called like an endpoint.
        if made.as_str().starts_with(ENDPOINT) {
            let mut endpoints = declared.endpoints.iter().flatten().map(|(endpoint, _)| endpoint);
            let its = endpoints.find(|endpoint| *name == format!("{vpc}/{endpoint}"))?;
            return Some(endpoint_logical_id(vpc, its));
        }
        let (tier, _, subnet) =
            declared.subnets().find(|(tier, _, subnet)| *name == format!("{vpc}/{tier}-{}", subnet.zone))?;
        Some(association_logical_id(vpc, tier.as_str(), subnet.zone.as_str()))
    })
}

/// Whether a call behind the record ended this one and no other. One call may end several, and what it was that a record put back is
/// then not said; what the record's own action replaced (`ReplaceRouteTableAssociation` makes what it is replaced by) is not meant.
fn seen(record: &Record, gone: &ResourceId, prefix: &str) -> bool {
    let action = record.intent.action.to_string();
    let replaced = |id: &ResourceId| action.contains(&format!("\"{id}\""));
    let other = |id: &ResourceId| id != gone && id.as_str().starts_with(prefix) && !replaced(id);
    record.intent.causes.iter().any(|cause| cause.resources.contains(gone) && !cause.resources.iter().any(other))
}

/// The logical id that an action says it stands in for: `{ "<action>": { "stand_in": { "stack": …, "logical_id": … } } }`.
fn stands_for(action: &serde_json::Value) -> Option<&str> {
    let parts = action.as_object()?.values();
    parts.into_iter().find_map(|part| part.get("stand_in")?.get("logical_id")?.as_str())
}
