//! What a person may stop, and for how long.

use crate::stage::{Caller, Stage, tcp};
use serde_json::json;

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
    stage.ask("three-tier").await;
    stage.until_words(&exempt, &exempt_before).await;
}
