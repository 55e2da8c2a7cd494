//! The sweep with a layer that is not all right: it says so to people, once, and goes on with the rest.

use crate::stage::{Caller, Stage, tcp};
use serde_json::json;

#[tokio::test]
async fn a_refused_and_a_missing_document_are_paged_once_and_the_others_stay_enforced() {
    let stage = Stage::restored().await;
    stage.admin("PUT", "cloudtrail", Some(json!({"loss": 1.0})));
    stage.give_the_sweep_a_faulty_layer().await;
    let group = stage.group("three-tier", "main", "alb").await;
    let declared = stage.words(&group).await;
    let open = stage.ec2(Caller::User).authorize_security_group_ingress().group_id(&group);
    open.ip_permissions(tcp(22, "0.0.0.0/0")).send().await.expect("opened");
    let mark = stage.mark();

    stage.sweep().await;

    stage.until_words(&group, &declared).await;
    stage.idle();
    let told = stage.outcomes().await;
    let of = |kind: &str| told.iter().filter(|event| event["detail-type"] == json!(kind)).collect::<Vec<_>>();
    // On the bus with each sweep: the schedule may come beside the one that was asked for. People are told once all the same.
    let refused = of("Topology Refused");
    assert!(!refused.is_empty(), "{told:#?}");
    let why = refused[0]["detail"]["problems"].as_str().expect("what is wrong");
    assert!(why.contains("vpcz") && why.contains("vpcs"), "{why}");
    let missing = of("Topology Missing");
    let all = missing.iter().all(|event| event.to_string().contains("privatelink"));
    assert!(!missing.is_empty() && all, "{told:#?}");
    let pages = || stage.calls(mark).iter().filter(|call| call.is_by("sweep") && call.action == "Publish").count();
    assert_eq!(pages(), 2, "one for each");

    stage.sweep().await;
    stage.idle();
    assert_eq!(pages(), 2, "people have been told");
}
