//! What is about to be done, and what became of it.

use super::item::{self, Item, micros, text, ttl};
use super::keys::{self, RECORDS, WINDOW};
use super::table::{Expression, Table, Transacted};
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::{SignedDuration, Timestamp};
use reconciler::{ClientToken, Fault, FaultClass, Intent, Lease, LoopKey, Record};
use topology::{Effect, Receipt, ResourceId};

/// The same action intended again within the same microsecond moves on by one: tokens name one intent each.
const NUDGES: i64 = 16;

pub(super) async fn intend(table: &Table, lease: &Lease, intent: &Intent) -> Result<Option<ClientToken>, Fault> {
    let pk = keys::control(&lease.key);
    for nudge in 0..NUDGES {
        let at = intent.at.checked_add(SignedDuration::from_micros(nudge)).unwrap_or(intent.at);
        let token = keys::token(intent, at);
        let writes = vec![
            table.check_in(&pk, keys::LEASE, standing(lease, intent.at))?,
            table.put_in(open(&pk, &token, intent.at), Some(Expression::new("attribute_not_exists(#pk)")))?,
            table
                .put_in(record(&pk, &lease.key, &token, intent)?, Some(Expression::new("attribute_not_exists(#pk)")))?,
        ];
        let refused = match table.transact(writes).await? {
            Transacted::Yes => return Ok(Some(token)),
            Transacted::No(refused) => refused,
        };
        let [lease, unsettled, _] = refused.as_slice() else {
            return Err(Fault::new(
                "intend",
                FaultClass::Retryable,
                "the transaction was cancelled for unknown reasons",
            ));
        };
        if lease.refused {
            return Ok(None);
        }
        if unsettled.refused {
            let there = unsettled.item.as_ref().ok_or_else(|| {
                Fault::new("intend", FaultClass::Retryable, "the unsettled intent was settled meanwhile")
            })?;
            return Ok(Some(ClientToken(item::required(there, "token")?.into())));
        }
    }
    Err(Fault::new("intend", FaultClass::Retryable, "too many intents for the same action at the same time"))
}

/// The lease is still ours, and has not ended.
fn standing(lease: &Lease, at: Timestamp) -> Expression {
    Expression::new("#owner = :owner AND #expires > :at").with(":owner", text(&lease.owner)).with(":at", micros(at))
}

fn open(pk: &str, token: &ClientToken, at: Timestamp) -> Item {
    let mut item = item::key(pk, &keys::open(token));
    item.insert("token".into(), text(&token.0));
    item.insert("ttl".into(), ttl(at, RECORDS));
    item
}

fn record(pk: &str, key: &LoopKey, token: &ClientToken, intent: &Intent) -> Result<Item, Fault> {
    let whole = Record {
        token: token.clone(),
        key: key.clone(),
        intent: intent.clone(),
        result: None,
        inverse: None,
        settled: None,
    };
    let mut item = item::item(pk, &keys::record(token), &whole)?;
    item.insert("resource".into(), text(intent.resource.id.as_str()));
    item.insert("run".into(), text(&intent.run));
    item.insert("removed".into(), AttributeValue::Bool(intent.effect == Effect::Remove));
    item.insert("at".into(), item::value(&intent.at)?);
    item.insert("ttl".into(), ttl(intent.at, RECORDS));
    Ok(item)
}

/// The first result of an intent stands: a second run that settles the same token after it changes nothing.
pub(super) async fn settle(
    table: &Table,
    key: &LoopKey,
    token: &ClientToken,
    result: &Result<Receipt, Fault>,
    inverse: Option<serde_json::Value>,
    at: Timestamp,
) -> Result<(), Fault> {
    let pk = keys::control(key);
    let stored = result.as_ref().map(|receipt| serde_json::json!(receipt)).map_err(Clone::clone);
    let change = Expression::new(
        "SET #body.#result = :result, #body.#inverse = :inverse, #body.#settled = :at, #settled = :at, \
         #succeeded = :succeeded",
    )
    .with(":result", item::value(&stored)?)
    .with(":inverse", item::value(&inverse)?)
    .with(":at", item::value(&at)?)
    .with(":succeeded", AttributeValue::Bool(result.is_ok()));
    let unsettled = Expression::new("attribute_exists(#pk) AND attribute_not_exists(#settled)");
    let ours = Expression::new("attribute_not_exists(#pk) OR #token = :token").with(":token", text(&token.0));
    let mut writes = vec![
        table.update_in(&pk, &keys::record(token), change, unsettled)?,
        table.delete_in(&pk, &keys::open(token), ours)?,
    ];
    if let Ok(receipt) = result {
        for id in receipt.created.iter().filter(|id| owned(id)) {
            writes.push(created(table, &pk, id, token)?);
        }
    }
    let refused = match table.transact(writes).await? {
        Transacted::Yes => return resume(table, &pk, token, result, at).await,
        Transacted::No(refused) => refused,
    };
    match refused.first() {
        Some(record) if record.refused && record.item.is_some() => Ok(()),
        Some(record) if record.refused => {
            Err(Fault::new("settle", FaultClass::Terminal, format!("no intent was written for {}", token.0)))
        }
        _ => {
            Err(Fault::new("settle", FaultClass::Retryable, "another intent for the same action was written meanwhile"))
        }
    }
}

/// Rules of security groups are judged by what they say, never by who made them, and there would be thousands.
fn owned(id: &ResourceId) -> bool {
    !id.as_str().starts_with("sgr-")
}

fn created(table: &Table, pk: &str, id: &ResourceId, token: &ClientToken) -> Result<TransactWriteItem, Fault> {
    table.put_in(item::item(pk, &keys::resource(id), token)?, None)
}

/// A repair counts from when it was settled, although its record sorts by when it was intended: one that a crash left unsettled for
/// longer than the window would not be found by its record.
async fn resume(
    table: &Table,
    pk: &str,
    token: &ClientToken,
    result: &Result<Receipt, Fault>,
    at: Timestamp,
) -> Result<(), Fault> {
    let oldest = at.checked_sub(WINDOW).unwrap_or(Timestamp::MIN);
    if keys::record(token) >= keys::records_since(oldest) {
        return Ok(());
    }
    let Some(record) = table.get(pk, &keys::record(token)).await? else { return Ok(()) };
    let mut resumed = item::key(pk, &keys::resumed(token));
    resumed
        .extend(record.into_iter().filter(|(name, _)| matches!(name.as_str(), "resource" | "run" | "removed" | "at")));
    resumed.insert("settled".into(), item::value(&at)?);
    resumed.insert("succeeded".into(), AttributeValue::Bool(result.is_ok()));
    resumed.insert("ttl".into(), ttl(at, WINDOW + WINDOW));
    table.put(resumed, None).await.map(|_| ())
}
