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
    let receipt = Receipt { created, request_id: None, already: false };
    let inverse = json!({ "exact": "x".repeat(250_000) });
    ledger.settle(&key, &token, &Ok(receipt), Some(inverse), now).await.unwrap();

    assert_eq!(ledger.standing(&key, now).await.unwrap().created.len(), 250);
    let records = ledger.records(&key, 1).await.unwrap();
    let inverse = records[0].inverse.as_ref().and_then(|inverse| inverse["none"].as_str()).unwrap_or_default();
    assert!(inverse.contains("more than the ledger keeps"), "{inverse}");
}

/// A query reads and pages by whole items. Whoever provokes large repairs must not make the memory of every run larger.
#[tokio::test]
async fn large_records_do_not_make_the_memory_of_a_run_larger() {
    let stage = Stage::restored().await;
    let ledger = DynamoLedger::new(stage.dynamodb(), stage.output("LedgerTable"));
    let place = Place::new("111122223333", "eu-west-1");
    let key = LoopKey { place: place.clone(), topology: "provoked".into(), control: ControlId::SecurityGroups };
    let now = SystemClock.now();
    let lease = ledger.lease(&key, "a", now, Settings::LEASE).await.unwrap().unwrap();
    for n in 0..12 {
        let intent = Intent {
            resource: place.key("sg-provoked"),
            name: "main/provoked".into(),
            action: json!({ "revoke": n, "described": "x".repeat(150_000) }),
            summary: "revoke many rules".into(),
            effect: Effect::Remove,
            contains: true,
            causes: vec![],
            run: "a".into(),
            reason: None,
            at: now,
        };
        let token = ledger.intend(&lease, &intent).await.unwrap().unwrap();
        ledger.settle(&key, &token, &Ok(Receipt::default()), None, now).await.unwrap();
    }

    let before = stage.mark();
    let standing = ledger.standing(&key, now).await.unwrap();
    let queries =
        stage.calls(before).iter().filter(|call| call.service == "dynamodb" && call.action == "Query").count();
    assert_eq!(standing.repairs["sg-provoked"].len(), 12);
    assert!(standing.repairs["sg-provoked"].iter().all(|repair| repair.removed && repair.succeeded == Some(true)));
    assert_eq!(queries, 2, "one page each of directives and repairs");
}
