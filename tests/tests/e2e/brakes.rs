//! What a person may stop, and for how long.

use crate::stage::{Caller, Stage, fixed, tcp};
use serde_json::json;

#[tokio::test]
async fn a_named_pause_holds_even_an_exposure_until_it_is_resumed() {
    let stage = Stage::restored().await;
    let group = stage.group("three-tier", "main", "alb").await;
    let declared = stage.words(&group).await;
    let pause =
        json!({"pause": {"topology": "three-tier", "control": "security-groups", "for": "2h", "reason": "INC-7"}});
    assert_eq!(stage.by_hand("security-groups", pause).await["ok"], json!(true));
    let open = stage.ec2(Caller::User).authorize_security_group_ingress().group_id(&group);
    open.ip_permissions(tcp(22, "0.0.0.0/0")).send().await.expect("opened");

    let report = stage.outcome("holds", |event| !event["detail"]["overall"]["held"].is_null()).await;
    assert!(report.to_string().contains("INC-7"), "{report:#}");
    assert_ne!(stage.words(&group).await, declared);

    let resume = json!({"resume": {"topology": "three-tier", "control": "security-groups", "reason": "INC-7 is over"}});
    assert_eq!(stage.by_hand("security-groups", resume).await["ok"], json!(true));
    stage.sweep().await;
    stage.outcome("fixes the group", |event| fixed(event, &group)).await;
    assert_eq!(stage.words(&group).await, declared);
}

#[tokio::test]
async fn an_exemption_covers_one_group_and_no_other() {
    let stage = Stage::restored().await;
    let exempt = stage.group("three-tier", "main", "alb").await;
    let other = stage.group("three-tier", "main", "database").await;
    let (exempt_before, other_before) = (stage.words(&exempt).await, stage.words(&other).await);
    let order = json!({"exempt": {"resource": exempt, "for": "4h", "reason": "vendor session"}});
    assert_eq!(stage.by_hand("security-groups", order).await["ok"], json!(true));
    for group in [&exempt, &other] {
        let open = stage.ec2(Caller::User).authorize_security_group_ingress().group_id(group);
        open.ip_permissions(tcp(22, "0.0.0.0/0")).send().await.expect("opened");
    }

    stage.until_words(&other, &other_before).await;
    stage.idle();
    assert_ne!(stage.words(&exempt).await, exempt_before, "exempt");

    let order = json!({"unexempt": {"resource": exempt, "reason": "session ended"}});
    assert_eq!(stage.by_hand("security-groups", order).await["ok"], json!(true));
    stage.sweep().await;
    stage.until_words(&exempt, &exempt_before).await;
}
