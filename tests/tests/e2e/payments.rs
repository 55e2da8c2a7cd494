//! The payments path of the hipaa workload: the real functions between a real topic, queue and tables.

use crate::stage::{PATIENCE, Stage};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const STACK: &str = "workload-hipaa";

struct Payments {
    stage: Stage,
    outputs: BTreeMap<String, String>,
}

impl Payments {
    async fn ready() -> Self {
        let stage = Stage::restored().await;
        let found = stage.formation().describe_stacks().stack_name(STACK).send().await.expect("describe the stack");
        let outputs = found.stacks()[0].outputs().iter();
        let outputs =
            outputs.filter_map(|one| Some((one.output_key()?.to_owned(), one.output_value()?.to_owned()))).collect();
        Self { stage, outputs }
    }

    fn output(&self, name: &str) -> &str {
        &self.outputs[name]
    }

    /// What API Gateway hands over when a signed-in user posts a payment; answers status and body.
    async fn post(&self, id: &str, amount: u64) -> (u64, Value) {
        let body = json!({ "payment_id": id, "amount": amount, "currency": "EUR", "token": "tok_4fGh7Kq2" });
        let event = json!({
            "version": "2.0",
            "requestContext": { "http": { "method": "POST" }, "authorizer": { "jwt": { "claims": { "sub": "ana" } } } },
            "headers": {},
            "body": body.to_string(),
            "isBase64Encoded": false,
        });
        let call = self.stage.lambda().invoke().function_name(self.output("ProcessFunctionName"));
        let answer = call.payload(Blob::new(event.to_string())).send().await.expect("invoked");
        let text = String::from_utf8_lossy(answer.payload().expect("a payload").as_ref()).into_owned();
        assert!(answer.function_error().is_none(), "{text}");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        let body = answer["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
        (answer["statusCode"].as_u64().expect("a status"), body.expect("a body"))
    }

    async fn send(&self, body: &str) {
        let call = self.stage.sqs().send_message().queue_url(self.output("OutcomesQueueUrl")).message_body(body);
        call.send().await.expect("sent");
    }

    /// The records of a payment: the one that counts, and what came beside it.
    async fn records(&self, id: &str) -> Vec<BTreeMap<String, String>> {
        let call = self.stage.dynamodb().query().table_name(self.output("RecordsTable")).consistent_read(true);
        let call = call.key_condition_expression("payment_id = :id");
        let found = call.expression_attribute_values(":id", AttributeValue::S(id.into())).send().await;
        let text = |value: &AttributeValue| value.as_s().or_else(|_| value.as_n()).cloned().unwrap_or_default();
        let items = found.expect("query").items().to_vec();
        items.iter().map(|item| item.iter().map(|(name, value)| (name.clone(), text(value))).collect()).collect()
    }

    async fn recorded(&self, id: &str) -> Vec<BTreeMap<String, String>> {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = self.records(id).await;
            if !found.is_empty() {
                return found;
            }
            assert!(Instant::now() < end, "{id} is not recorded");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How many messages a queue holds, received ones among them.
    async fn waiting(&self, queue: &str) -> u32 {
        let call = self.stage.sqs().get_queue_attributes().queue_url(self.output(queue));
        let found = call.attribute_names("All".into()).send().await.expect("attributes");
        let counts = found.attributes().expect("attributes");
        let count = |name: &str| counts.get(&name.into()).and_then(|text| text.parse::<u32>().ok()).unwrap_or_default();
        count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible")
    }
}

#[tokio::test]
async fn a_payment_that_comes_often_is_taken_once_and_recorded_once() {
    let payments = Payments::ready().await;
    let id = "0192f0c1-7e57-7c3a-9f44-5d2a6c8e1b90";
    let (first, second, third) =
        tokio::join!(payments.post(id, 1250), payments.post(id, 1250), payments.post(id, 1250));
    let (status, answer) = payments.post(id, 1250).await;
    assert_eq!((status, &answer["outcome"]), (200, &json!("success")), "{answer}");
    for (status, other) in [first, second, third] {
        // One that came while another was under way may be told to come again; none is told anything else.
        assert!(status == 503 || other == answer, "{status} {other}");
    }
    assert_eq!(payments.post(id, 9999).await.0, 409, "the id stands for the first request");

    let found = payments.recorded(id).await;
    payments.stage.idle();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0]["outcome"].as_str(), found[0]["amount"].as_str()), ("success", "1250"));

    // The topic delivers at least once.
    let again = json!({
        "version": 1, "payment_id": id, "outcome": "success", "amount": 1250, "currency": "EUR",
        "decided_at": answer["decided_at"],
    });
    payments.send(&again.to_string()).await;
    payments.send(&again.to_string()).await;
    payments.stage.idle();
    assert_eq!(payments.records(id).await, found, "nothing is added, nothing is changed");
}

#[tokio::test]
async fn what_is_no_outcome_is_put_aside_and_holds_up_nothing() {
    let payments = Payments::ready().await;
    payments.send("not an outcome").await;
    let (status, _) = payments.post("0192f0c1-7e58-7c3a-9f44-5d2a6c8e1b90", 999_999_999).await;
    assert_eq!(status, 402, "more than is taken");
    let found = payments.recorded("0192f0c1-7e58-7c3a-9f44-5d2a6c8e1b90").await;
    assert_eq!(found[0]["outcome"], "failure");
    let end = Instant::now() + PATIENCE;
    while payments.waiting("OutcomesDeadLettersUrl").await == 0 {
        assert!(Instant::now() < end, "it is not in the dead letters");
        payments.stage.admin("POST", "due", Some(json!({ "in_flight": true })));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(payments.waiting("OutcomesDeadLettersUrl").await, 1);
    assert_eq!(payments.waiting("OutcomesQueueUrl").await, 0);
}
