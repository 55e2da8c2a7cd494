//! Many events at once, in any order, and what one topology owes another: nothing.

use crate::stage::{Caller, Stage, fixed, tcp};
use aws::{DynamoLedger, SystemClock};
use reconciler::{Clock, Ledger, LoopKey, Settings};
use serde_json::json;
use topology::{ControlId, Place};

#[tokio::test]
async fn a_storm_of_a_hundred_calls_converges_in_few_reconciles() {
    let stage = Stage::restored().await;
    // Delivery in bursts, as CloudTrail does it: everything has happened when the first event comes.
    stage.admin(
        "PUT",
        "cloudtrail",
        Some(json!({"paused": true, "duplicates": 1, "reorder": 0.3, "reorder_by": 0.3, "seed": 7})),
    );
    let mut groups = vec![];
    for name in ["alb", "ecs-tasks", "database", "endpoints"] {
        let group = stage.group("three-tier", "main", name).await;
        let declared = stage.words(&group).await;
        groups.push((group, declared));
    }
    let ec2 = stage.ec2(Caller::User);
    for port in 1000..1025 {
        for (group, _) in &groups {
            let open = ec2.authorize_security_group_ingress().group_id(group);
            open.ip_permissions(tcp(port, "0.0.0.0/0")).send().await.expect("opened");
        }
    }
    let mark = stage.mark();
    stage.admin("POST", "cloudtrail/release", Some(json!({"order": "shuffle"})));

    for (group, declared) in &groups {
        stage.until_words(group, declared).await;
    }
    stage.idle();

    for (group, declared) in &groups {
        assert_eq!(&stage.words(group).await, declared, "and stays");
    }
    stage.until_dead_letters("SecurityGroupsDeadLettersUrl", 0).await;
    let calls = stage.calls(mark);
    let made =
        |action: &str| calls.iter().filter(|call| call.is_plumbline() && call.action.starts_with(action)).count();
    // One revoke covers all rules of a group's direction; a few batches may have seen the same state before the lease.
    assert_eq!(made("RevokeSecurityGroupIngress"), groups.len());
    assert_eq!(made("Authorize"), 0);
    let looks = made("DescribeSecurityGroup");
    assert!(looks < 100, "{looks} describes for 200 events");
}

#[tokio::test]
async fn a_topology_that_is_stuck_does_not_keep_another_waiting() {
    let stage = Stage::restored().await;
    let (stuck, free) = (stage.group("three-tier", "main", "alb").await, stage.group("hipaa", "main", "nlb").await);
    let (stuck_before, free_before) = (stage.words(&stuck).await, stage.words(&free).await);
    let key = LoopKey {
        place: Place::new("000000000000", stage.region()),
        topology: "three-tier".into(),
        control: ControlId::SecurityGroups,
    };
    let ledger = DynamoLedger::new(stage.dynamodb(), stage.output("LedgerTable"));
    let lease = ledger.lease(&key, "another run", SystemClock.now(), Settings::LEASE).await.unwrap().expect("free");
    for group in [&stuck, &free] {
        let open = stage.ec2(Caller::Role).authorize_security_group_ingress().group_id(group);
        open.ip_permissions(tcp(3389, "0.0.0.0/0")).send().await.expect("opened");
    }

    stage.outcome("fixes hipaa", |event| fixed(event, &free)).await;
    assert_eq!(stage.words(&free).await, free_before);
    assert_ne!(stage.words(&stuck).await, stuck_before, "its lease is another's");

    ledger.release(lease, SystemClock.now()).await.unwrap();
    // It may come by itself meanwhile.
    stage.admin("POST", "due", None);
    stage.until_words(&stuck, &stuck_before).await;
}
