//! The network's own stack is being updated: what its template is about to put right is left to it, an exposure is not.

use crate::stage::{Caller, Stage, fixed, tcp};
use serde_json::{Value, json};

fn put_in(stage: &Stage, status: &str) {
    let answer = stage.admin("PUT", "stack", Some(json!({"stack": "network-three-tier", "status": status})));
    assert_eq!(answer["stacks"], json!(1));
}

fn held_by_the_stack(event: &Value) -> bool {
    event["detail-type"] == json!("Drift Held") && event.to_string().contains("is in UPDATE_IN_PROGRESS")
}

#[tokio::test]
async fn drift_waits_for_the_end_of_a_stack_update_and_an_exposure_does_not() {
    let stage = Stage::restored().await;
    let (exposed, damaged) =
        (stage.group("three-tier", "main", "alb").await, stage.group("three-tier", "main", "database").await);
    let (exposed_before, damaged_before) = (stage.words(&exposed).await, stage.words(&damaged).await);
    put_in(&stage, "UPDATE_IN_PROGRESS");
    stage.idle();

    let rule = stage.rules(&damaged).await.into_iter().find(|rule| rule.from_port() == Some(5432)).expect("PostgreSQL");
    let revoke = stage.ec2(Caller::User).revoke_security_group_ingress().group_id(&damaged);
    revoke.security_group_rule_ids(rule.security_group_rule_id().unwrap()).send().await.expect("revoked");
    stage.outcome("holds the missing rule", held_by_the_stack).await;
    let open = stage.ec2(Caller::User).authorize_security_group_ingress().group_id(&exposed);
    open.ip_permissions(tcp(22, "0.0.0.0/0")).send().await.expect("opened");
    stage.until_words(&exposed, &exposed_before).await;
    stage.idle();
    assert_ne!(stage.words(&damaged).await, damaged_before, "left to the stack");

    // Its end comes as an event, which wakes the sweep; nobody asks.
    put_in(&stage, "UPDATE_COMPLETE");
    stage.outcome("fixes the other group", |event| fixed(event, &damaged)).await;
    assert_eq!(stage.words(&damaged).await, damaged_before);
}

#[tokio::test]
async fn a_roll_back_holds_like_an_update_and_its_end_lets_go() {
    let stage = Stage::restored().await;
    let damaged = stage.group("three-tier", "main", "database").await;
    let before = stage.words(&damaged).await;
    put_in(&stage, "UPDATE_ROLLBACK_IN_PROGRESS");
    stage.idle();
    let rule = stage.rules(&damaged).await.into_iter().find(|rule| rule.from_port() == Some(5432)).expect("PostgreSQL");
    let revoke = stage.ec2(Caller::User).revoke_security_group_ingress().group_id(&damaged);
    revoke.security_group_rule_ids(rule.security_group_rule_id().unwrap()).send().await.expect("revoked");
    stage.outcome("holds", |event| event.to_string().contains("is in UPDATE_ROLLBACK_IN_PROGRESS")).await;

    // Replaced resources are yet to be cleaned up: it is not over.
    put_in(&stage, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS");
    stage.idle();
    assert_ne!(stage.words(&damaged).await, before);

    let mark = stage.mark();
    put_in(&stage, "UPDATE_ROLLBACK_COMPLETE");
    stage.outcome("fixes the group", |event| fixed(event, &damaged)).await;
    assert_eq!(stage.words(&damaged).await, before);
    stage.idle();
    let asked = stage.outcomes().await;
    assert!(
        asked.iter().all(|event| !event.to_string().contains("\"topology\":\"hipaa\"")),
        "only its own topology looks"
    );
    assert!(stage.calls(mark).iter().any(|call| call.is_by("sweep")));
}

#[tokio::test]
async fn a_stack_that_is_being_deleted_is_not_fought() {
    let stage = Stage::restored().await;
    let group = stage.group("three-tier", "main", "database").await;
    put_in(&stage, "DELETE_IN_PROGRESS");
    let rule = stage.rules(&group).await.into_iter().find(|rule| rule.from_port() == Some(5432)).expect("PostgreSQL");
    let revoke = stage.ec2(Caller::User).revoke_security_group_ingress().group_id(&group);
    revoke.security_group_rule_ids(rule.security_group_rule_id().unwrap()).send().await.expect("revoked");
    let after = stage.words(&group).await;

    stage.outcome("holds", |event| event.to_string().contains("DELETE_IN_PROGRESS")).await;
    stage.sweep().await;
    stage.idle();

    assert_eq!(stage.words(&group).await, after);
}
