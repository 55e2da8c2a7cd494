//! Who has one of a limited number of places.

use super::intents::standing;
use super::item::{self, ttl};
use super::keys::{self, RECORDS};
use super::table::{Expression, Table, Transacted};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use reconciler::{CLAIM_LIVES, Claimed, Fault, FaultClass, Lease};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use topology::{ResourceId, Slot};

/// Tries of a claim that meets another one of the same places.
const TRIES: usize = 8;

/// Everybody who claimed, in one item: the condition on its version is what makes two that race for the last place see each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Holders {
    version: u64,
    claimed: BTreeMap<ResourceId, Timestamp>,
}

impl Holders {
    /// With the holder in, or everybody else whose place is taken.
    fn with(&self, slot: &Slot, now: Timestamp) -> Result<Self, BTreeSet<ResourceId>> {
        let Slot { name: _, holder, at_most, live } = slot;
        let in_already = self.claimed.contains_key(holder) || live.contains(holder);
        let lately = self.claimed.iter().filter(|(_, at)| now.duration_since(**at) <= CLAIM_LIVES);
        let mut taken: BTreeSet<ResourceId> = live.iter().chain(lately.map(|(id, _)| id)).cloned().collect();
        taken.remove(holder);
        if !in_already && taken.len() >= *at_most as usize {
            return Err(taken);
        }
        let mut claimed = self.claimed.clone();
        claimed.retain(|id, _| taken.contains(id));
        claimed.insert(holder.clone(), now);
        Ok(Self { version: self.version + 1, claimed })
    }
}

pub(super) async fn claim(table: &Table, lease: &Lease, slot: &Slot, now: Timestamp) -> Result<Claimed, Fault> {
    let (pk, sk) = (keys::control(&lease.key), keys::claim(&slot.name));
    for _ in 0..TRIES {
        let before: Option<Holders> = table.get(&pk, &sk).await?.as_ref().map(item::body).transpose()?;
        let after = match before.clone().unwrap_or_default().with(slot, now) {
            Ok(after) => after,
            Err(taken) => return Ok(Claimed::Full(taken)),
        };
        let unchanged = match &before {
            None => Expression::new("attribute_not_exists(#pk)"),
            Some(before) => Expression::new("#version = :version").with(":version", number(before.version)),
        };
        let mut item = item::item(&pk, &sk, &after)?;
        item.insert("version".into(), number(after.version));
        item.insert("ttl".into(), ttl(now, RECORDS));
        // Even whoever is in already writes: a run that takes the place of an old claim must meet this one.
        let writes =
            vec![table.check_in(&pk, keys::LEASE, standing(lease, now))?, table.put_in(item, Some(unchanged))?];
        match table.transact(writes).await? {
            Transacted::Yes => return Ok(Claimed::Yes),
            Transacted::No(refused) if refused.first().is_some_and(|leased| leased.refused) => {
                return Ok(Claimed::LeaseLost);
            }
            Transacted::No(_) => {}
        }
    }
    Err(Fault::new("claim", FaultClass::Retryable, "too many claims of the same places at the same time"))
}

fn number(version: u64) -> AttributeValue {
    AttributeValue::N(version.to_string())
}
