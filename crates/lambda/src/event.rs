//! What an invocation brings: a batch of messages, or something by hand.

use reconciler::Message;
use serde_json::{Value, json};

/// The messages of an SQS batch; `None` when the event is anything else. SQS's own envelope is the one thing here that nobody can forge
/// who may not invoke the function, so a record without an id or a body makes it something else.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-create-package.html>
pub(crate) fn batch(event: &Value) -> Option<Vec<Message>> {
    let records = event.get("Records")?.as_array().filter(|records| !records.is_empty())?;
    let message = |record: &Value| {
        let text = |name: &str| record.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        text("eventSource").filter(|source| source == "aws:sqs")?;
        Some(Message { id: text("messageId")?, body: text("body")? })
    };
    records.iter().map(message).collect()
}

/// The answer of a batch: the messages that go back to the queue
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>).
pub(crate) fn failures(ids: &[String]) -> Value {
    let failures: Vec<Value> = ids.iter().map(|id| json!({ "itemIdentifier": id })).collect();
    json!({ "batchItemFailures": failures })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(failures(&[]), json!({ "batchItemFailures": [] }));
        assert_eq!(failures(&["a".into()]), json!({ "batchItemFailures": [{ "itemIdentifier": "a" }] }));
    }
}
