//! Without a trail that logs management writes no API call is announced: people hear of it, and drift waits for the sweep.

use crate::deploy::Documents;
use crate::stage::{Caller, Stage, tcp, until};
use serde_json::{Value, json};

impl Stage {
    /// A call on CloudTrail, as root. The SDK for these few would be one more to link.
    fn cloudtrail(&self, action: &str, body: &Value) {
        let scope = format!("test/20260101/{}/cloudtrail/aws4_request", self.region());
        let by = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none");
        let target = format!("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.{action}");
        let call = ureq::post(self.endpoint()).header("authorization", by).header("x-amz-target", target);
        let call = call.header("content-type", "application/x-amz-json-1.1");
        call.send(body.to_string()).unwrap_or_else(|error| panic!("{action}: {error}"));
    }
}

fn told(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["detail-type"] == json!(kind)).count()
}

#[tokio::test]
async fn a_trail_that_somebody_stopped_is_told_by_the_sweep_with_what_to_do() {
    let stage = Stage::restored().await;
    stage.sweep().await;
    stage.idle();
    assert_eq!(told(&stage.outcomes().await, "Trail Missing"), 0);
    assert!(!stage.alarmed("SweepTrailsMissingAlarm"));
    let group = stage.group("three-tier", "main", "alb").await;
    let declared = stage.words(&group).await;

    stage.cloudtrail("StopLogging", &json!({"Name": "management"}));
    let open = stage.ec2(Caller::User).authorize_security_group_ingress().group_id(&group);
    open.ip_permissions(tcp(22, "0.0.0.0/0")).send().await.expect("opened");
    stage.idle();
    assert_ne!(stage.words(&group).await, declared, "nobody heard of it");

    let mark = stage.mark();
    stage.sweep().await;
    let detail = stage.outcome("misses the trail", |event| event["detail-type"] == json!("Trail Missing")).await;
    let (why, remedy) = (detail["why"].as_str().expect("why"), detail["remedy"].as_str().expect("what to do"));
    assert!(
        why.contains("trail/management is not logging") && remedy.contains("aws cloudtrail start-logging"),
        "{detail:#}"
    );
    until("the alarm is on", || stage.alarmed("SweepTrailsMissingAlarm")).await;
    stage.until_words(&group, &declared).await;
    stage.idle();
    let calls = stage.calls(mark);
    let asked = calls.iter().filter(|call| call.is_by("sweep") && call.service == "cloudtrail").count();
    // The schedule may come beside the sweep that was asked for.
    assert!(asked > 0 && asked.is_multiple_of(3), "one describe, and two reads of one trail: {asked}");
    stage.outcomes().await;
    stage.sweep().await;
    stage.idle();
    let pages = |mark| stage.calls(mark).iter().filter(|call| call.is_by("sweep") && call.action == "Publish").count();
    assert!(told(&stage.outcomes().await, "Trail Missing") > 0, "the bus is told each time");
    assert_eq!(pages(mark), 1, "and people once");

    stage.cloudtrail("StartLogging", &json!({"Name": "management"}));
    stage.sweep().await;
    stage.idle();
    assert_eq!(told(&stage.outcomes().await, "Trail Missing"), 0);
}

#[tokio::test]
async fn a_trail_that_logs_no_writes_is_told_at_the_end_of_a_deploy() {
    let stage = Stage::restored().await;
    let selectors = json!([{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": true}]);
    stage.cloudtrail("PutEventSelectors", &json!({"TrailName": "management", "EventSelectors": selectors}));
    let documents = Documents::copied();
    documents.edit("three-tier", "from: 0.0.0.0/0, description: HTTP traffic", "from: 0.0.0.0/0, description: Web");

    documents.deploy(&stage);

    let detail = stage.outcome("misses writes", |event| event["detail-type"] == json!("Trail Missing")).await;
    assert!(detail["why"].as_str().expect("why").contains("does not log management writes"), "{detail:#}");
    until("the alarm is on", || stage.alarmed("SweepTrailsMissingAlarm")).await;
}
