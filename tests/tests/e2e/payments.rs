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
        let found =
            stage.cloudformation().describe_stacks().stack_name(STACK).send().await.expect("describe the stack");
        let outputs = found.stacks()[0].outputs().iter();
        let outputs =
            outputs.filter_map(|one| Some((one.output_key()?.to_owned(), one.output_value()?.to_owned()))).collect();
        Self { stage, outputs }
    }

    fn output(&self, name: &str) -> &str {
        &self.outputs[name]
    }

    /// Posts as a client does that comes again when it is told to (503).
    async fn post(&self, id: &str, amount: u64) -> (u64, Value) {
        let end = Instant::now() + PATIENCE;
        loop {
            let (status, answer) = self.post_once(id, amount).await;
            if status != 503 || Instant::now() > end {
                return (status, answer);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What API Gateway hands over when a signed-in user posts a payment; answers status and body.
    async fn post_once(&self, id: &str, amount: u64) -> (u64, Value) {
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
        tokio::join!(payments.post_once(id, 1250), payments.post_once(id, 1250), payments.post_once(id, 1250));
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

/// Calls fail, and calls succeed whose answers are lost: whoever repeats the request is answered, and there is one record.
#[tokio::test]
async fn faults_on_the_way_lose_and_double_nothing() {
    let payments = Payments::ready().await;
    for (n, fault) in [
        json!({ "kind": "lost", "service": "dynamodb", "operation": "PutItem", "times": 2 }),
        json!({ "kind": "lost", "service": "dynamodb", "operation": "UpdateItem", "times": 3 }),
        json!({ "kind": "lost", "service": "sns", "operation": "Publish", "times": 2 }),
        json!({ "kind": "unavailable", "service": "sns", "operation": "Publish", "times": 4 }),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("0192f0c1-7e57-7c3a-9f44-00000000010{n}");
        payments.stage.admin("PUT", "faults", Some(json!({ "rules": [fault.clone()] })));
        let (status, answer) = payments.post(&id, 1250).await;
        assert_eq!(status, 200, "{fault}: {answer}");
        let found = payments.recorded(&id).await;
        payments.stage.idle();
        assert_eq!(payments.records(&id).await, found, "{fault}");
        assert_eq!(found.len(), 1, "{fault}: {found:?}");
        assert_eq!(json!(found[0]["decided_at"]), answer["decided_at"], "{fault}: as the client was told");
    }
    payments.stage.admin("DELETE", "faults", None);
    assert_eq!(payments.waiting("OutcomesDeadLettersUrl").await, 0);
}

/// Whoever took the payment died before it was decided, and the client never came back.
#[tokio::test]
async fn an_open_payment_is_resumed_by_the_schedule() {
    let payments = Payments::ready().await;
    let id = "0192f0c1-7e59-7c3a-9f44-5d2a6c8e1b90";
    let text = |text: &str| AttributeValue::S(text.into());
    let table = payments.output("RequestsTable").to_owned();
    let put = payments.stage.dynamodb().put_item().table_name(&table);
    let put = put.item("payment_id", text(id)).item("fingerprint", text("f"));
    let put = put.item("amount", AttributeValue::N("1250".into())).item("currency", text("EUR"));
    let put = put.item("token", text("tok_4fGh7Kq2Zt")).item("open", text("open"));
    put.item("claimed_at", text("2026-11-20T03:00:00.000Z")).send().await.expect("put");

    let call = payments.stage.lambda().invoke().function_name(payments.output("ProcessFunctionName"));
    let answer = call.payload(Blob::new(r#"{"resume": true}"#)).send().await.expect("invoked");
    let said: Value = serde_json::from_slice(answer.payload().expect("a payload").as_ref()).expect("JSON");
    assert_eq!(said, json!({"resumed": 1}));

    let found = payments.recorded(id).await;
    assert_eq!((found.len(), found[0]["outcome"].as_str()), (1, "success"), "{found:?}");
    let get = payments.stage.dynamodb().get_item().table_name(&table).key("payment_id", text(id)).send().await;
    let claim = get.expect("got").item.expect("an item");
    assert!(!claim.contains_key("token") && !claim.contains_key("open"), "{claim:?}");
}

#[tokio::test]
async fn another_outcome_is_kept_beside_the_final_one() {
    let payments = Payments::ready().await;
    let id = "0192f0c1-7e60-7c3a-9f44-5d2a6c8e1b90";
    let first = json!({
        "version": 1, "payment_id": id, "outcome": "success", "amount": 1250, "currency": "EUR",
        "decided_at": "2026-11-20T03:00:00Z",
    });
    let mut other = first.clone();
    other["outcome"] = json!("failure");
    other["reason"] = json!("forged");
    payments.send(&first.to_string()).await;
    let found = payments.recorded(id).await;
    payments.send(&other.to_string()).await;
    payments.send(&other.to_string()).await;
    let end = Instant::now() + PATIENCE;
    let beside = loop {
        let records = payments.records(id).await;
        if records.len() > 1 {
            break records;
        }
        assert!(Instant::now() < end, "the other one is not kept");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    payments.stage.idle();
    assert_eq!(payments.records(id).await, beside, "kept once");
    assert!(beside.contains(&found[0]), "the first stands: {beside:?}");
    let conflict = beside.iter().find(|record| record["record"].starts_with("conflict#"));
    assert_eq!(conflict.map(|record| record["outcome"].as_str()), Some("failure"), "{beside:?}");
    assert_eq!(payments.waiting("OutcomesDeadLettersUrl").await, 0);
}

/// An event that no authorizer let in, and one that is neither a request nor the schedule's.
#[tokio::test]
async fn what_nobody_authorized_is_refused() {
    let payments = Payments::ready().await;
    let invoke = async |event: Value| {
        let call = payments.stage.lambda().invoke().function_name(payments.output("ProcessFunctionName"));
        call.payload(Blob::new(event.to_string())).send().await.expect("invoked")
    };
    let forged = invoke(json!({ "requestContext": { "authorizer": {} }, "body": "{}" })).await;
    let answer: Value = serde_json::from_slice(forged.payload().expect("a payload").as_ref()).expect("JSON");
    assert_eq!(answer["statusCode"], json!(401), "{answer}");
    let other = invoke(json!({ "resume": true, "table": "another" })).await;
    assert!(other.function_error().is_some(), "no other input is taken");
}
