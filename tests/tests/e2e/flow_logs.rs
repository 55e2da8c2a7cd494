//! Flow logs beyond what every control owes: log groups, delivery that fails, what is somebody else's, and new before old.

mod port;

use crate::deploy::Documents;
use crate::stage::{Call, Caller, PATIENCE, Stage};
use aws_sdk_ec2::types::{
    Filter, FlowLog, FlowLogsResourceType, LogDestinationType, ResourceType, TagSpecification, TrafficType,
};
use serde_json::{Value, json};
use std::time::Instant;

const GROUP: &str = "/plumbline/hipaa/main/flow-logs";

/// The flow logs of a topology's VPC, oldest first.
async fn logs(stage: &Stage, topology: &str) -> Vec<FlowLog> {
    let by = Filter::builder().name("resource-id").values(stage.vpc(topology, "main")).build();
    let found = stage.ec2(Caller::Root).describe_flow_logs().filter(by).send().await.expect("described");
    let mut logs = found.flow_logs().to_vec();
    logs.sort_by_key(|log| log.creation_time().map(|time| time.as_nanos()));
    logs
}

fn ids(logs: &[FlowLog]) -> Vec<&str> {
    logs.iter().filter_map(FlowLog::flow_log_id).collect()
}

/// Waits until the flow logs of a VPC satisfy something; delayed messages are made due meanwhile.
async fn until(stage: &Stage, topology: &str, what: &str, holds: impl Fn(&[FlowLog]) -> bool) -> Vec<FlowLog> {
    let started = Instant::now();
    loop {
        let now = logs(stage, topology).await;
        if holds(&now) {
            return now;
        }
        assert!(started.elapsed() < PATIENCE, "never {what}: {now:#?}; told: {:#?}", stage.outcomes().await);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// For how many days the records of a log group are kept; the outer `None`: there is no such group.
async fn retention(stage: &Stage, name: &str) -> Option<Option<i32>> {
    let found =
        stage.logs(Caller::Root).describe_log_groups().log_group_name_prefix(name).send().await.expect("described");
    found.log_groups().iter().find(|group| group.log_group_name() == Some(name)).map(|group| group.retention_in_days())
}

async fn until_retention(stage: &Stage, name: &str, days: i32) {
    let started = Instant::now();
    while retention(stage, name).await != Some(Some(days)) {
        assert!(started.elapsed() < PATIENCE, "{name} never keeps {days} days: {:#?}", stage.outcomes().await);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// What the control changed since a mark, in order.
fn changes(stage: &Stage, since: u64) -> Vec<String> {
    let mine = |call: &Call| call.is_by("flow-logs") && !call.read_only;
    let network = |call: &Call| {
        call.service == "ec2"
            || (call.service == "logs" && !call.action.contains("Log"))
            || ["CreateLogGroup", "DeleteLogGroup"].contains(&call.action.as_str())
    };
    stage.calls(since).into_iter().filter(|call| mine(call) && network(call)).map(|call| call.action).collect()
}

fn about(event: &Value, topology: &str) -> bool {
    event["detail"]["key"]["control"] == json!("flow-logs") && event["detail"]["key"]["topology"] == json!(topology)
}

#[tokio::test]
async fn retention_is_put_back_and_the_person_named() {
    let stage = Stage::restored().await;
    assert_eq!(retention(&stage, GROUP).await, Some(Some(2192)));
    let shorter = stage.logs(Caller::User).put_retention_policy().log_group_name(GROUP).retention_in_days(1);
    shorter.send().await.expect("shortened");
    until_retention(&stage, GROUP, 2192).await;
    let told = stage
        .outcome("names the person", |event| about(event, "hipaa") && !event["detail"]["causes"].to_string().eq("{}"))
        .await;
    assert!(told["causes"].to_string().contains("user/release-engineer"), "{told:#}");

    let forever = stage.logs(Caller::Role).delete_retention_policy().log_group_name(GROUP);
    forever.send().await.expect("kept for ever");
    until_retention(&stage, GROUP, 2192).await;
}

#[tokio::test]
async fn a_log_group_that_somebody_deleted_comes_back_and_the_same_flow_log_records_into_it() {
    let stage = Stage::restored().await;
    let before = logs(&stage, "hipaa").await;
    assert_eq!(before.len(), 1);
    stage.logs(Caller::User).delete_log_group().log_group_name(GROUP).send().await.expect("deleted");

    until_retention(&stage, GROUP, 2192).await;
    let after = until(&stage, "hipaa", "one that delivers", |logs| {
        logs.len() == 1 && logs[0].deliver_logs_status() == Some("SUCCESS")
    })
    .await;

    assert_eq!(ids(&after), ids(&before), "what AWS took up again by itself is not made again");
}

#[tokio::test]
async fn delivery_that_fails_is_tried_by_another_flow_log_which_goes_when_aws_recovers() {
    let stage = Stage::restored().await;
    let before = logs(&stage, "hipaa").await;
    let failing = before[0].flow_log_id().expect("an id").to_owned();
    stage.admin("PUT", "flow_logs", Some(json!({"fail": {"flow_log": failing, "message": "Access error"}})));
    stage.ask("hipaa").await;

    let both = until(&stage, "hipaa", "a second one", |logs| logs.len() == 2).await;
    let probe = both.iter().find(|log| log.flow_log_id() != Some(&failing)).expect("the other one");
    assert_ne!(probe.max_aggregation_interval(), before[0].max_aggregation_interval(), "AWS takes no equal one");
    assert_eq!(probe.log_group_name(), Some(GROUP), "it records meanwhile");
    let waits =
        |event: &Value| about(event, "hipaa") && event["detail"]["overall"].to_string().contains("records meanwhile");
    stage.outcome("waits for what the second one shows", waits).await;

    stage.admin("PUT", "flow_logs", Some(json!({"fail": []})));
    stage.ask("hipaa").await;
    let after = until(&stage, "hipaa", "only the first", |logs| logs.len() == 1).await;
    assert_eq!(ids(&after), [failing.as_str()]);
}

#[tokio::test]
async fn what_no_flow_log_can_deliver_is_held_with_what_to_paste() {
    let stage = Stage::restored().await;
    stage.admin("PUT", "flow_logs", Some(json!({"fail": {"destination": GROUP, "message": "Access error"}})));
    stage.ask("hipaa").await;

    let held = |event: &Value| about(event, "hipaa") && event["detail"]["held"].to_string().contains("Access error");
    let told = stage.outcome("holds what nobody here can mend", held).await;

    let held = told["held"].to_string();
    assert!(held.contains("vpc-flow-logs.amazonaws.com") && held.contains("logs:PutLogEvents"), "{held}");
    let mark = stage.mark();
    stage.ask("hipaa").await;
    stage.idle();
    assert_eq!(changes(&stage, mark), Vec::<String>::new(), "tried once a day");
}

#[tokio::test]
async fn a_bucket_that_lets_nothing_in_fails_with_its_policy_and_is_tried_again() {
    let stage = Stage::restored().await;
    let before = logs(&stage, "three-tier").await;
    let to_bucket =
        before.iter().find(|log| log.log_destination_type() == Some(&LogDestinationType::S3)).expect("to S3");
    let arn = to_bucket.log_destination().expect("a bucket").trim_end_matches('/').to_owned();
    let message = format!("Access Denied for LogDestination: {arn}. Please check LogDestination permission");
    stage.admin("PUT", "flow_logs", Some(json!({"refuse": {"code": "400", "message": message, "count": 1}})));
    let delete = stage.ec2(Caller::User).delete_flow_logs().flow_log_ids(to_bucket.flow_log_id().expect("an id"));
    delete.send().await.expect("deleted");

    let refused = |event: &Value| {
        about(event, "three-tier") && event["detail"]["actions"].to_string().contains("AWSLogDeliveryWrite")
    };
    let told = stage.outcome("says which policy is missing", refused).await;
    assert!(told["actions"].to_string().contains("s3:x-amz-acl"), "{told:#}");

    stage.ask("three-tier").await;
    until(&stage, "three-tier", "both again", |logs| logs.len() == before.len()).await;
}

#[tokio::test]
async fn a_role_that_is_not_known_everywhere_yet_is_tried_again() {
    let stage = Stage::restored().await;
    let before = logs(&stage, "hipaa").await;
    stage.admin("PUT", "flow_logs", Some(json!({"fresh_role": 2})));
    let delete =
        stage.ec2(Caller::User).delete_flow_logs().set_flow_log_ids(before[0].flow_log_id.clone().map(|id| vec![id]));
    delete.send().await.expect("deleted");
    until(&stage, "hipaa", "one again", |logs| logs.len() == 1).await;
}

#[tokio::test]
async fn somebody_elses_flow_log_stays_even_with_our_tags() {
    let stage = Stage::restored().await;
    let ours = logs(&stage, "hipaa").await;
    let role = ours[0].deliver_logs_permission_arn().expect("a role").to_owned();
    for tags in [vec![], ours[0].tags().to_vec()] {
        let traffic = if tags.is_empty() { TrafficType::Reject } else { TrafficType::Accept };
        let mut theirs = stage
            .ec2(Caller::Role)
            .create_flow_logs()
            .resource_type(FlowLogsResourceType::Vpc)
            .resource_ids(stage.vpc("hipaa", "main"))
            .traffic_type(traffic)
            .log_group_name(GROUP)
            .deliver_logs_permission_arn(&role);
        if !tags.is_empty() {
            let all = TagSpecification::builder().resource_type(ResourceType::VpcFlowLog).set_tags(Some(tags));
            theirs = theirs.tag_specifications(all.build());
        }
        let made = theirs.send().await.expect("created");
        assert!(made.unsuccessful().is_empty(), "{made:?}");
    }
    let mark = stage.mark();
    stage.ask("hipaa").await;
    stage.rest();

    assert_eq!(logs(&stage, "hipaa").await.len(), 3);
    let deleted = changes(&stage, mark).into_iter().filter(|call| call == "DeleteFlowLogs").count();
    assert_eq!(deleted, 0);
}

#[tokio::test]
async fn another_declaration_is_made_before_the_old_one_goes() {
    let stage = Stage::restored().await;
    let before = logs(&stage, "hipaa").await;
    let documents = Documents::copied();
    documents.edit("hipaa", "interval: 1 minute", "interval: 10 minutes");
    let mark = stage.mark();
    documents.deploy(&stage);
    stage.ask("hipaa").await;

    let after = until(&stage, "hipaa", "the new one alone", |logs| {
        logs.len() == 1 && logs[0].max_aggregation_interval() == Some(600)
    })
    .await;
    stage.rest();

    assert_ne!(ids(&after), ids(&before));
    assert_eq!(changes(&stage, mark), ["CreateFlowLogs", "DeleteFlowLogs"]);
}
