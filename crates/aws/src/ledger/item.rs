//! Items ↔ what they hold.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use reconciler::{Fault, FaultClass};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// A DynamoDB item.
pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// Microseconds, for conditions: numbers compare.
pub(super) fn micros(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_microsecond().to_string())
}

pub(super) fn key(pk: &str, sk: &str) -> Item {
    Item::from([("pk".into(), text(pk)), ("sk".into(), text(sk))])
}

/// An item that holds a body.
pub(super) fn item<T: Serialize>(pk: &str, sk: &str, body: &T) -> Result<Item, Fault> {
    let mut item = key(pk, sk);
    item.insert("body".into(), value(body)?);
    Ok(item)
}

/// When DynamoDB may delete an item that matters until `at`.
pub(super) fn ttl(at: Timestamp, beyond: SignedDuration) -> AttributeValue {
    let ends = at.checked_add(beyond).unwrap_or(Timestamp::MAX);
    AttributeValue::N(ends.as_second().to_string())
}

pub(super) fn value<T: Serialize>(content: &T) -> Result<AttributeValue, Fault> {
    serde_dynamo::to_attribute_value(content)
        .map_err(|error| Fault::new("the ledger", FaultClass::Terminal, format!("cannot be written: {error}")))
}

/// What an item holds.
pub(super) fn body<T: DeserializeOwned>(item: &Item) -> Result<T, Fault> {
    attribute(item, "body")
}

/// What one attribute of an item holds.
pub(super) fn attribute<T: DeserializeOwned>(item: &Item, name: &str) -> Result<T, Fault> {
    let value = item.get(name).cloned().unwrap_or(AttributeValue::Null(true));
    serde_dynamo::from_attribute_value(value).map_err(|error| unreadable(item, name, &error.to_string()))
}

/// The text of an attribute that every such item has.
pub(super) fn required<'a>(item: &'a Item, name: &str) -> Result<&'a str, Fault> {
    optional(item, name).ok_or_else(|| unreadable(item, name, "it is not there"))
}

pub(super) fn optional<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

fn unreadable(item: &Item, name: &str, problem: &str) -> Fault {
    let part = |name| optional(item, name).unwrap_or("?");
    Fault {
        remedy: Some("another version of Plumbline or a person wrote it; look at the item before deleting it".into()),
        ..Fault::new(
            "the ledger",
            FaultClass::Terminal,
            format!("item {} / {}: `{name}` cannot be read: {problem}", part("pk"), part("sk")),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reconciler::LayerMark;

    #[test]
    fn a_body_comes_back_and_a_spoilt_one_names_its_item() {
        let mark = LayerMark { layer: "arn:aws:lambda:eu-west-1:111122223333:layer:topologies".into(), version: 7 };
        let mut stored = item("topology#x", "layer", &mark).unwrap();
        assert_eq!(body::<LayerMark>(&stored), Ok(mark));
        stored.insert("body".into(), text("oops"));
        let fault = body::<LayerMark>(&stored).unwrap_err();
        assert!(fault.message.contains("topology#x / layer"), "{fault}");
        assert!(!fault.is_retryable());
    }

    #[test]
    fn what_matters_for_good_does_not_overflow() {
        assert_eq!(ttl(Timestamp::MAX, SignedDuration::from_hours(1)), ttl(Timestamp::MAX, SignedDuration::ZERO));
    }
}
