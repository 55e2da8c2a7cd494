//! Entries on the event bus.

use super::SOURCE;
use crate::errors::fault;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use reconciler::{Fault, FaultClass, OutcomeEvent};
use serde_json::{Value, json};
use std::time::Duration;

/// `PutEvents` takes so many entries (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>),
const MOST: usize = 10;
/// and so many bytes of them together: 256 KB, less what names and times need.
const LARGEST: usize = 240 * 1024;
/// Tries of an entry that the bus did not take.
const TRIES: u32 = 3;

/// One entry of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) detail_type: String,
    /// A JSON object.
    pub(super) detail: String,
}

impl Entry {
    fn size(&self) -> usize {
        let Self { detail_type, detail } = self;
        detail_type.len() + detail.len() + SOURCE.len() + 64
    }
}

/// An outcome, whole if it fits. The ledger keeps what does not.
pub(super) fn outcome(event: &OutcomeEvent) -> Entry {
    let OutcomeEvent { detail_type, place, topology, control, headline, detail, page: _ } = event;
    let entry = |detail: &Value| Entry { detail_type: detail_type.clone(), detail: detail.to_string() };
    let whole = match detail {
        Value::Object(_) => entry(detail),
        other => entry(&json!({ "detail": other, "headline": headline })),
    };
    if whole.size() <= LARGEST {
        return whole;
    }
    let headline: String = headline.chars().take(1000).collect();
    entry(&json!({
        "truncated": format!("{} bytes are more than the bus takes", whole.size()),
        "headline": headline,
        "account": place.account,
        "region": place.region,
        "topology": topology,
        "control": control,
    }))
}

/// Puts every entry, and again those that the bus did not take.
pub(super) async fn put(
    eventbridge: &aws_sdk_eventbridge::Client,
    bus: &str,
    entries: Vec<Entry>,
) -> Result<(), Fault> {
    let mut told = Ok(());
    for batch in batches(entries) {
        told = told.and(put_batch(eventbridge, bus, batch).await);
    }
    told
}

async fn put_batch(eventbridge: &aws_sdk_eventbridge::Client, bus: &str, mut batch: Vec<Entry>) -> Result<(), Fault> {
    const OPERATION: &str = "PutEvents";
    let mut tried = 0;
    loop {
        let entries = batch.iter().map(|Entry { detail_type, detail }| {
            PutEventsRequestEntry::builder()
                .event_bus_name(bus)
                .source(SOURCE)
                .detail_type(detail_type)
                .detail(detail)
                .build()
        });
        let answer = eventbridge.put_events().set_entries(Some(entries.collect())).send().await;
        let answer = answer.map_err(|error| fault(OPERATION, &error))?;
        let (refused, why) = not_taken(OPERATION, batch, answer.entries());
        let Some(why) = why else { return Ok(()) };
        tried += 1;
        if tried == TRIES || !why.is_retryable() {
            return Err(why);
        }
        batch = refused;
        tokio::time::sleep(Duration::from_millis(50 << tried)).await;
    }
}

/// HTTP 200 says nothing of the entries: each has its own answer, in the same order. What is left to send, and why; a fault that
/// trying again cannot cure counts more than one that it can.
fn not_taken(operation: &str, batch: Vec<Entry>, answers: &[PutEventsResultEntry]) -> (Vec<Entry>, Option<Fault>) {
    let mut left = vec![];
    let mut why: Option<Fault> = None;
    for (at, entry) in batch.into_iter().enumerate() {
        let fault = match answers.get(at) {
            Some(answer) if answer.event_id().is_some() && answer.error_code().is_none() => continue,
            Some(answer) => {
                let code = answer.error_code().unwrap_or("InternalFailure");
                let passing = code.contains("Throttl") || code.starts_with("Internal") || code == "ServiceUnavailable";
                let class = if passing { FaultClass::Retryable } else { FaultClass::Terminal };
                let said = answer.error_message().unwrap_or("the bus did not take the entry");
                Fault { code: Some(code.into()), ..Fault::new(operation, class, said) }
            }
            None => Fault::new(operation, FaultClass::Retryable, "the answer does not account for every entry"),
        };
        if why.as_ref().is_none_or(|known| known.is_retryable() && !fault.is_retryable()) {
            why = Some(fault);
        }
        left.push(entry);
    }
    (left, why)
}

fn batches(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut batches: Vec<Vec<Entry>> = vec![];
    let mut filled = LARGEST;
    for entry in entries {
        let size = entry.size();
        match batches.last_mut() {
            Some(batch) if batch.len() < MOST && filled + size <= LARGEST => {
                filled += size;
                batch.push(entry);
            }
            _ => {
                filled = size;
                batches.push(vec![entry]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use topology::{ControlId, Place};

    fn entry(name: &str, bytes: usize) -> Entry {
        Entry { detail_type: name.into(), detail: "x".repeat(bytes) }
    }

    fn taken() -> PutEventsResultEntry {
        PutEventsResultEntry::builder().event_id("1").build()
    }

    fn refused(code: &str) -> PutEventsResultEntry {
        PutEventsResultEntry::builder().error_code(code).error_message("no").build()
    }

    #[test]
    fn batches_hold_what_one_call_takes_and_lose_nothing() {
        let entries: Vec<Entry> = (0..25).map(|n| entry(&n.to_string(), 10)).collect();
        let split = batches(entries.clone());
        assert_eq!(split.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
        assert_eq!(split.concat(), entries);

        let large: Vec<Entry> = (0..4).map(|n| entry(&n.to_string(), 100 * 1024)).collect();
        assert_eq!(batches(large).iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    }

    #[test]
    fn only_what_the_bus_did_not_take_is_left() {
        let batch = vec![entry("a", 1), entry("b", 1), entry("c", 1)];
        let (left, why) = not_taken("PutEvents", batch.clone(), &[taken(), refused("ThrottlingException"), taken()]);
        assert_eq!(left, [entry("b", 1)]);
        assert!(why.unwrap().is_retryable());

        let (left, why) =
            not_taken("PutEvents", batch.clone(), &[refused("InternalFailure"), refused("MalformedDetail"), taken()]);
        assert_eq!(left.len(), 2);
        assert_eq!(why.unwrap().code.as_deref(), Some("MalformedDetail"));

        assert_eq!(not_taken("PutEvents", batch.clone(), &[taken(), taken(), taken()]), (vec![], None));
        assert_eq!(
            not_taken("PutEvents", batch, &[taken()]).0.len(),
            2,
            "a short answer took only what it accounts for"
        );
    }

    #[test]
    fn an_outcome_that_is_too_large_still_says_what_it_is_about() {
        let mut event = OutcomeEvent {
            detail_type: "Reconciled".into(),
            place: Place::new("111122223333", "eu-west-1"),
            topology: Some("three-tier".into()),
            control: Some(ControlId::SecurityGroups),
            headline: "main/alb is back".into(),
            detail: json!({ "drifts": [] }),
            page: false,
        };
        assert_eq!(outcome(&event).detail, r#"{"drifts":[]}"#);
        event.detail = json!({ "drifts": "x".repeat(LARGEST) });
        let entry = outcome(&event);
        assert!(entry.size() < LARGEST);
        let detail: Value = serde_json::from_str(&entry.detail).unwrap();
        assert_eq!((&detail["topology"], &detail["headline"]), (&json!("three-tier"), &json!("main/alb is back")));
        event.detail = json!(["not an object"]);
        assert!(outcome(&event).detail.starts_with('{'), "the bus takes objects only");
    }
}
