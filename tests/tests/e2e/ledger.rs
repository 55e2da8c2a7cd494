//! The ledger's table keeps the same contract as its in-memory twin, and what only a table has limits for.

use crate::stage::Stage;
use aws::{DynamoLedger, SystemClock};
use reconciler::{Clock, Intent, Ledger, LedgerRead, LoopKey, Settings};
use serde_json::json;
use topology::{ControlId, Effect, Place, Receipt};

#[tokio::test]
async fn the_table_keeps_the_contract_of_the_ledger() {
    let stage = Stage::restored().await;
    let ledger = DynamoLedger::new(stage.dynamodb(), stage.output("LedgerTable"));
    twin::contract::ledger(&ledger, "table").await;
}

/// One transaction takes 100 writes and one item 400 KB.
#[tokio::test]
async fn a_receipt_of_any_size_is_settled() {
    let stage = Stage::restored().await;
    let ledger = DynamoLedger::new(stage.dynamodb(), stage.output("LedgerTable"));
    let place = Place::new("111122223333", "eu-west-1");
    let key = LoopKey { place: place.clone(), topology: "large".into(), control: ControlId::SecurityGroups };
    let now = SystemClock.now();
    let lease = ledger.lease(&key, "a", now, Settings::LEASE).await.unwrap().unwrap();
    let intent = Intent {
        resource: place.key("sg-large"),
        name: "main/large".into(),
        action: json!({ "authorize": "x".repeat(200_000) }),
        summary: "authorize 250 rules".into(),
        effect: Effect::Add,
        contains: false,
        causes: vec![],
        run: "a".into(),
        reason: None,
        at: now,
    };
    let token = ledger.intend(&lease, &intent).await.unwrap().unwrap();
    let created = (0..250).map(|n| format!("nat-{n}").as_str().into()).collect();
    let receipt = Receipt { created, request_id: None };
    let inverse = json!({ "exact": "x".repeat(250_000) });
    ledger.settle(&key, &token, &Ok(receipt), Some(inverse), now).await.unwrap();

    assert_eq!(ledger.standing(&key, now).await.unwrap().created.len(), 250);
    let records = ledger.records(&key, 1).await.unwrap();
    let inverse = records[0].inverse.as_ref().and_then(|inverse| inverse["none"].as_str()).unwrap_or_default();
    assert!(inverse.contains("more than the ledger keeps"), "{inverse}");
}
