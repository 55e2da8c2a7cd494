//! What is about to be done, and what became of it.

use super::item::{self, Item, micros, text, ttl};
use super::keys::{self, RECORDS, REPAIRS};
use super::table::{Expression, Table, Transacted};
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::{SignedDuration, Timestamp};
use reconciler::{ClientToken, Fault, FaultClass, Intent, Lease, LoopKey, Record, TOKEN_LIVES};
use std::borrow::Cow;
use topology::{Effect, Receipt, ResourceId};

/// Tries of an intent that meets another one for the same action.
const TRIES: usize = 16;

/// A transaction takes so many writes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
const TOGETHER: usize = 100;

/// An item takes 400 KB (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>): these two, and
/// what AWS answered. Both are measured as JSON, which is never smaller than what DynamoDB counts.
const LARGEST: usize = 150 * 1024;

/// An intent, whole.
const LARGEST_INTENT: usize = 200 * 1024;

pub(super) async fn intend(table: &Table, lease: &Lease, intent: &Intent) -> Result<Option<ClientToken>, Fault> {
    let pk = keys::control(&lease.key);
    let kept = fitting(intent)?;
    // The token of an unsettled intent that is too old to be given back.
    let mut stale: Option<String> = None;
    let mut nudge = 0;
    for _ in 0..TRIES {
        let at = intent.at.checked_add(SignedDuration::from_micros(nudge)).unwrap_or(intent.at);
        let token = keys::token(intent, at);
        let settled = match &stale {
            None => Expression::new("attribute_not_exists(#pk)"),
            Some(stale) => Expression::new("attribute_not_exists(#pk) OR #token = :stale").with(":stale", text(stale)),
        };
        let new = Expression::new("attribute_not_exists(#pk)");
        let writes = vec![
            table.check_in(&pk, keys::LEASE, standing(lease, intent.at))?,
            table.put_in(open(&pk, &token, intent.at), Some(settled))?,
            table.put_in(record(&pk, &lease.key, &token, &kept)?, Some(new))?,
            table.put_in(repair(&pk, &token, intent)?, None)?,
        ];
        let refused = match table.transact(writes).await? {
            Transacted::Yes => return Ok(Some(token)),
            Transacted::No(refused) => refused,
        };
        let [leased, unsettled, _, _] = refused.as_slice() else {
            return Err(Fault::new(
                "intend",
                FaultClass::Retryable,
                "the transaction was cancelled for unknown reasons",
            ));
        };
        if leased.refused {
            return Ok(None);
        }
        if let Some(there) = unsettled.item.as_ref().filter(|_| unsettled.refused) {
            let there = item::required(there, "token")?;
            let age = keys::intended_at(there).map(|intended| intent.at.duration_since(intended));
            if age.is_some_and(|age| age <= TOKEN_LIVES) {
                return Ok(Some(ClientToken(there.into())));
            }
            stale = Some(there.into());
        } else {
            // The same action was intended, and settled, within this very microsecond: tokens name one intent each.
            nudge += 1;
        }
    }
    Err(Fault::new("intend", FaultClass::Retryable, "too many intents for the same action at the same time"))
}

/// The lease is still ours, and has not ended.
pub(super) fn standing(lease: &Lease, at: Timestamp) -> Expression {
    let Lease { key: _, owner, expires, last_released: _ } = lease;
    Expression::new("#owner = :owner AND #expires = :expires AND #expires > :at")
        .with(":owner", text(owner))
        .with(":expires", micros(*expires))
        .with(":at", micros(at))
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
    item.insert("at".into(), item::value(&intent.at)?);
    item.insert("ttl".into(), ttl(intent.at, RECORDS));
    Ok(item)
}

/// What every run asks of an intent. DynamoDB reads, bills and pages by whole items, whatever is shown of them: in a range with the
/// records, whoever provokes many large repairs would have every run throttled.
fn repair(pk: &str, token: &ClientToken, intent: &Intent) -> Result<Item, Fault> {
    let mut item = item::key(pk, &keys::repair(token));
    item.insert("resource".into(), text(intent.resource.id.as_str()));
    item.insert("run".into(), text(&intent.run));
    item.insert("removed".into(), AttributeValue::Bool(intent.effect == Effect::Remove));
    item.insert("at".into(), item::value(&intent.at)?);
    item.insert("ttl".into(), ttl(intent.at, REPAIRS));
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
    let change =
        Expression::new("SET #body.#result = :result, #body.#inverse = :inverse, #body.#settled = :at, #settled = :at")
            .with(":result", item::value(&stored)?)
            .with(":inverse", item::value(&inverse.map(storable))?)
            .with(":at", item::value(&at)?);
    let unsettled = Expression::new("attribute_exists(#pk) AND attribute_not_exists(#settled)");
    // A repair that expired meanwhile is written anew without its resource, which no run asks for: with an end of its own.
    let repaired = Expression::new("SET #settled = :at, #succeeded = :succeeded, #ttl = :ttl")
        .with(":at", item::value(&at)?)
        .with(":succeeded", AttributeValue::Bool(result.is_ok()))
        .with(":ttl", ttl(at, REPAIRS));
    let unrepaired = Expression::new("attribute_not_exists(#settled)");
    let ours = Expression::new("attribute_not_exists(#pk) OR #token = :token").with(":token", text(&token.0));
    let mut writes = vec![
        table.update_in(&pk, &keys::record(token), change, unsettled)?,
        table.delete_in(&pk, &keys::open(token), ours)?,
        table.update_in(&pk, &keys::repair(token), repaired, unrepaired)?,
    ];
    if let Ok(receipt) = result {
        let mut marks: Vec<TransactWriteItem> = receipt
            .created
            .iter()
            .filter(|id| kept(id))
            .map(|id| created(table, &pk, id, token, at))
            .collect::<Result<_, _>>()?;
        // More than one transaction takes go before it: marked too early is harmless, never marked would leave it behind.
        while marks.len() + writes.len() > TOGETHER {
            let rest = marks.split_off(TOGETHER.min(marks.len()));
            table.transact(std::mem::replace(&mut marks, rest)).await?;
        }
        writes.extend(marks);
    }
    let refused = match table.transact(writes).await? {
        Transacted::Yes => return Ok(()),
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

/// An intent that fits into its item. Causes are what other people wrote, and the events keep them: they never keep an action from
/// being done. An action that is too large is to be done in parts.
fn fitting(intent: &Intent) -> Result<Cow<'_, Intent>, Fault> {
    let size = |intent: &Intent| serde_json::to_string(intent).map_or(usize::MAX, |text| text.len());
    if size(intent) <= LARGEST_INTENT {
        return Ok(Cow::Borrowed(intent));
    }
    let bare = Intent { causes: vec![], ..intent.clone() };
    let bytes = size(&bare);
    if bytes <= LARGEST_INTENT {
        tracing::warn!(resource = %bare.resource, causes = intent.causes.len(), "the causes are not kept: the record would be too large");
        return Ok(Cow::Owned(bare));
    }
    Err(Fault::new(
        "intend",
        FaultClass::Batch,
        format!("the action has {bytes} bytes, more than one record of the ledger keeps ({LARGEST_INTENT})"),
    ))
}

/// An inverse that fits into its item, beside the action that it takes back.
fn storable(inverse: serde_json::Value) -> serde_json::Value {
    let size = inverse.to_string().len();
    if size <= LARGEST {
        return inverse;
    }
    serde_json::json!({ "none": format!("it has {size} bytes, more than the ledger keeps: the action itself is on record") })
}

/// Whether it matters later that an id is ours. Rules of security groups are judged by what they say, never by who made them, and whoever
/// provokes repairs would have every run read thousands of them: the record alone names them.
fn kept(id: &ResourceId) -> bool {
    !id.as_str().starts_with("sgr-")
}

/// What makes an id ours when something may be deleted for it.
fn created(
    table: &Table,
    pk: &str,
    id: &ResourceId,
    token: &ClientToken,
    at: Timestamp,
) -> Result<TransactWriteItem, Fault> {
    let mut item = item::item(pk, &keys::resource(id), token)?;
    item.insert("at".into(), item::value(&at)?);
    table.put_in(item, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reconciler::Cause;
    use serde_json::json;
    use topology::security_groups::Change;
    use topology::{Inverse, Place};

    #[test]
    fn what_is_too_large_for_a_record_is_done_in_parts_and_causes_never_prevent_it() {
        let cause = |text: usize| Cause {
            user_agent: Some("x".repeat(text)),
            ..serde_json::from_value(json!({
                "event_id": "e-1", "event_name": "AuthorizeSecurityGroupIngress", "at": "2026-11-23T00:00:00Z",
                "principal": { "kind": "Root", "arn": null, "role": null },
                "source_ip": null, "user_agent": null, "invoked_by": null, "resources": [],
            }))
            .unwrap()
        };
        let intent = |action: usize, causes: Vec<Cause>| Intent {
            resource: Place::new("111122223333", "eu-west-1").key("sg-1"),
            name: "main/alb".into(),
            action: json!({ "revoke": "x".repeat(action) }),
            summary: "revoke".into(),
            effect: Effect::Remove,
            contains: true,
            causes,
            reason: None,
            run: "run-1".into(),
            at: Timestamp::UNIX_EPOCH,
        };
        let small = intent(1000, vec![cause(10)]);
        assert_eq!(*fitting(&small).unwrap(), small);
        let flooded = intent(1000, vec![cause(LARGEST_INTENT)]);
        assert_eq!(*fitting(&flooded).unwrap(), intent(1000, vec![]));
        let fault = fitting(&intent(LARGEST_INTENT, vec![])).unwrap_err();
        assert_eq!(fault.class, FaultClass::Batch);
        assert!(fault.message.contains("more than one record"), "{fault}");
    }

    #[test]
    fn an_inverse_that_does_not_fit_says_so_in_its_own_form() {
        assert_eq!(storable(json!({ "exact": 1 })), json!({ "exact": 1 }));
        let kept = storable(json!({ "exact": "x".repeat(LARGEST) }));
        let read: Inverse<Change> = serde_json::from_value(kept).unwrap();
        assert!(matches!(read, Inverse::None(why) if why.contains("more than the ledger keeps")));
    }
}
