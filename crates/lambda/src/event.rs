//! What an invocation brings: a batch of messages, or something by hand.

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use reconciler::Message;
use serde::Deserialize;
use serde_json::Value;

/// The messages of an SQS batch; `None` when the event is anything else. SQS's own envelope is the one thing here that nobody
/// can forge who may not invoke the function, so a record without an id or a body makes it something else.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-create-package.html>
pub(crate) fn batch(event: &Value) -> Option<Vec<Message>> {
    let records = SqsEvent::deserialize(event).ok()?.records;
    let messages = records.into_iter().map(|record| {
        record.event_source.filter(|source| source == "aws:sqs")?;
        Some(Message { id: record.message_id?, body: record.body? })
    });
    messages.collect::<Option<Vec<_>>>().filter(|messages| !messages.is_empty())
}

/// The answer of a batch: the messages that go back to the queue
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>).
pub(crate) fn failures(ids: &[String]) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = ids
        .iter()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier.clone_from(id);
            failure
        })
        .collect();
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(id: &str) -> Value {
        json!({ "messageId": id, "eventSource": "aws:sqs", "body": "{}", "attributes": {} })
    }

    #[test]
    fn a_batch_is_read_and_everything_else_is_by_hand() {
        let read = batch(&json!({ "Records": [record("a"), record("b")] })).unwrap();
        assert_eq!(read.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        for other in [
            json!({ "topology": "three-tier", "mode": "plan" }),
            json!({ "Records": [] }),
            json!({ "Records": "a" }),
            json!({ "Records": [{ "EventSource": "aws:sns" }] }),
            json!({ "Records": [record("a"), { "eventSource": "aws:sqs", "body": "no id" }] }),
            json!(null),
            json!([]),
        ] {
            assert_eq!(batch(&other), None, "{other}");
        }
    }

    #[test]
    fn no_failure_is_an_empty_list() {
        let answer = |ids: &[String]| serde_json::to_value(failures(ids)).unwrap();
        assert_eq!(answer(&[]), json!({ "batchItemFailures": [] }));
        assert_eq!(answer(&["a".into()]), json!({ "batchItemFailures": [{ "itemIdentifier": "a" }] }));
    }
}
