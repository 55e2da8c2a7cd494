//! The function that writes final records.

use crate::edge::{Error, SystemClock, log, serve, setting};
use crate::records::Table;
use crate::{clients, emf};
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use payments::{NotRecorded, Recorded, record as record_one};
use serde::Deserialize;
use serde_json::Value;
use std::time::{Duration, Instant};

/// The function's time (workload.yaml), less two slow calls and the answer: what is begun until then ends in time.
const ENOUGH: Duration =
    Duration::from_secs(20).saturating_sub(clients::OPERATION.saturating_mul(2)).saturating_sub(Duration::from_secs(1));

/// Runs the function until Lambda ends it.
///
/// # Errors
/// When the environment is not what workload.yaml makes of it, or the runtime interface fails.
pub async fn record() -> Result<(), Error> {
    log();
    serve(Record::wire().await, |function: &'static Record, event| function.handle(event)).await
}

struct Record {
    records: Table,
}

/// A message of a batch.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    id: String,
    body: String,
}

impl Record {
    async fn wire() -> Result<Self, Error> {
        let name = setting("PAYMENTS_RECORDS")?;
        let client = aws_sdk_dynamodb::Client::new(&clients::config().await);
        Ok(Self { records: Table { client, name } })
    }

    /// Each message by itself: one that cannot be recorded goes back to the queue alone.
    async fn handle(&self, event: Value) -> Result<Value, Error> {
        let messages = batch(&event).ok_or(Error::Event("no batch of SQS messages"))?;
        let (mut first, mut again, mut conflicts, mut unreadable, mut faults) = (0, 0, 0, 0, 0);
        let mut failed = vec![];
        let began = Instant::now();
        for Message { id, body } in messages {
            // Ended from outside, the function would answer nothing, and what is recorded would come again with the rest.
            if began.elapsed() > ENOUGH {
                faults += 1;
                tracing::error!(message = id, "no time is left; the queue delivers it again");
                failed.push(id);
                continue;
            }
            match record_one(&body, &self.records, &SystemClock).await {
                Ok(Recorded::First(payment)) => {
                    first += 1;
                    tracing::info!(%payment, "recorded");
                }
                Ok(Recorded::Again(payment)) => {
                    again += 1;
                    tracing::info!(%payment, "recorded before");
                }
                Ok(Recorded::Conflict(payment)) => {
                    conflicts += 1;
                    tracing::error!(%payment, "another outcome stands; this one is kept beside it");
                }
                Err(NotRecorded::Unreadable(problem)) => {
                    unreadable += 1;
                    tracing::error!(message = id, %problem, "no outcome; it goes to the dead letters");
                    failed.push(id);
                }
                Err(NotRecorded::Fault(fault)) => {
                    faults += 1;
                    tracing::error!(message = id, %fault, "not recorded; the queue delivers it again");
                    failed.push(id);
                }
            }
        }
        emf::print(&[
            ("Recorded", first),
            ("Again", again),
            ("Conflicts", conflicts),
            ("Unreadable", unreadable),
            ("Faults", faults),
        ]);
        Ok(serde_json::to_value(failures(failed))?)
    }
}

/// The messages of an SQS batch; `None` when the event is anything else.
fn batch(event: &Value) -> Option<Vec<Message>> {
    let records = SqsEvent::deserialize(event).ok()?.records;
    let messages = records.into_iter().map(|record| {
        record.event_source.filter(|source| source == "aws:sqs")?;
        Some(Message { id: record.message_id?, body: record.body.unwrap_or_default() })
    });
    messages.collect::<Option<Vec<_>>>().filter(|messages| !messages.is_empty())
}

/// The messages that go back to the queue (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>).
fn failures(ids: Vec<String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    let failure = |id| {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        failure
    };
    response.batch_item_failures = ids.into_iter().map(failure).collect();
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_batch_is_read_and_anything_else_is_not() {
        let record = |id: &str| json!({ "messageId": id, "eventSource": "aws:sqs", "body": "x", "attributes": {} });
        let read = batch(&json!({ "Records": [record("a"), record("b")] })).unwrap();
        assert_eq!(read.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        for other in [json!(null), json!({}), json!({ "Records": [] }), json!({ "Records": [{ "body": "no id" }] })] {
            assert_eq!(batch(&other), None, "{other}");
        }
    }

    #[test]
    fn the_sample_is_a_batch_of_two_payments_a_duplicate_and_noise() {
        let sample = include_str!("../../../topologies/hipaa/events/outcomes.json");
        let messages = batch(&serde_json::from_str(sample).unwrap()).unwrap();
        let read: Vec<Option<String>> = messages
            .iter()
            .map(|message| payments::Outcome::read(&message.body).ok().map(|outcome| outcome.verdict.name().to_owned()))
            .collect();
        assert_eq!(read, [Some("success".into()), Some("failure".into()), Some("success".into()), None]);
    }

    #[test]
    fn what_failed_is_answered_by_its_id() {
        assert_eq!(serde_json::to_value(failures(vec![])).unwrap(), json!({ "batchItemFailures": [] }));
        let answer = serde_json::to_value(failures(vec!["a".into()])).unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "a" }] }));
    }
}
