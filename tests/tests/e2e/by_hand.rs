//! What an on-call types, and what is answered.

use crate::stage::{Caller, Stage, tcp};
use serde_json::json;

#[tokio::test]
async fn the_plan_function_refuses_to_enforce() {
    let stage = Stage::restored().await;
    let order = json!({"topology": "three-tier", "mode": "enforce", "reason": "INC-1"});
    let answer = stage.by_hand("security-groups-plan", order).await;
    assert_eq!(answer["ok"], json!(false), "{answer:#}");
    assert!(answer["error"].as_str().is_some_and(|text| text.contains("plan")), "{answer:#}");
}

#[tokio::test]
async fn enforcing_by_hand_mends_only_what_it_was_told_to() {
    let stage = Stage::restored().await;
    stage.admin("PUT", "cloudtrail", Some(json!({"loss": 1.0})));
    let (mine, other) =
        (stage.group("three-tier", "main", "alb").await, stage.group("three-tier", "main", "database").await);
    let declared = stage.words(&mine).await;
    for group in [&mine, &other] {
        let open = stage.ec2(Caller::User).authorize_security_group_ingress().group_id(group);
        open.ip_permissions(tcp(22, "0.0.0.0/0")).send().await.expect("opened");
    }
    let broken = stage.words(&other).await;

    let order = json!({"topology": "three-tier", "mode": "enforce", "only": [mine], "reason": "INC-1"});
    let answer = stage.by_hand("security-groups", order).await;

    assert_eq!(answer["ok"], json!(true), "{answer:#}");
    assert_eq!(stage.words(&mine).await, declared);
    assert_eq!(stage.words(&other).await, broken);
}

#[tokio::test]
async fn wrong_input_is_answered_with_the_valid_form() {
    let stage = Stage::restored().await;
    for wrong in [
        json!({}),
        json!({"topologie": "three-tier"}),
        json!({"topology": "no-such-topology", "mode": "plan", "reason": "x"}),
        json!({"topology": "three-tier", "mode": "force", "reason": "x"}),
        json!({"pause": {"topology": "three-tier", "for": "soon", "reason": "x"}}),
        json!({"pause": {"topology": "three-tier", "for": "2h"}}),
        json!([1, 2, 3]),
        json!("plan"),
    ] {
        let answer = stage.by_hand("security-groups", wrong.clone()).await;
        assert_eq!(answer["ok"], json!(false), "{wrong} → {answer:#}");
        assert!(answer["error"].as_str().is_some_and(|text| text.len() > 10), "{wrong} → {answer:#}");
    }
}

#[tokio::test]
async fn status_lists_what_stands() {
    let stage = Stage::restored().await;
    let pause = json!({"pause": {"topology": "hipaa", "for": "30m", "reason": "INC-9"}});
    assert_eq!(stage.by_hand("security-groups", pause).await["ok"], json!(true));
    let answer = stage.by_hand("security-groups-plan", json!({"status": true})).await;
    let summary = answer["summary"].as_str().expect("a summary");
    assert!(summary.contains("hipaa") && summary.contains("INC-9"), "{summary}");
}
