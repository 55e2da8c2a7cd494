//! The stack of a network beside the network: drift detection as advice, and change sets that bring the stack in line.

use crate::deploy::Documents;
use crate::stage::{Caller, Stage};
use aws_sdk_cloudformation::types::{Parameter, StackResourceDriftStatus, Tag};
use aws_sdk_ec2::types::Filter;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The topologies of both say `stack_repair: execute`.
const STACK: &str = "network-autoscaled-web";
const SERVICES: &str = "network-privatelink";
/// What the second one holds, and no control makes.
const NOTIFICATION: &str = "ProductsApiEndpointServiceNotification";

/// Sweeps, with drift detection whether or not it is due.
async fn drift_now(stage: &Stage) -> Value {
    stage.by_hand("sweep", json!({ "drift": "now" })).await
}

fn of_stack(event: &Value, kind: &str, stack: &str) -> bool {
    event["detail-type"] == json!(kind)
        && event["detail"]["stack"].as_str().is_some_and(|id| id.contains(&format!("stack/{stack}/")))
}

/// What CloudFormation itself says, asked by root: the resources that are not in sync.
async fn drifted(stage: &Stage, stack: &str) -> Vec<String> {
    let cloudformation = stage.cloudformation();
    cloudformation.detect_stack_drift().stack_name(stack).send().await.expect("detected");
    let found = cloudformation.describe_stack_resource_drifts().stack_name(stack).send().await.expect("drifts");
    let out = |status: Option<&StackResourceDriftStatus>| status != Some(&StackResourceDriftStatus::InSync);
    let drifts = found.stack_resource_drifts().iter().filter(|it| out(it.stack_resource_drift_status()));
    drifts.filter_map(|it| it.logical_resource_id().map(str::to_owned)).collect()
}

/// Gives the stack a service role, as `deploy --role-arn` does.
async fn with_role(stage: &Stage, stack: &str) {
    let cloudformation = stage.cloudformation();
    let known = cloudformation.describe_stacks().stack_name(stack).send().await.expect("described");
    let keys = known.stacks()[0].parameters().iter().filter_map(|it| it.parameter_key());
    let kept = keys.map(|key| Parameter::builder().parameter_key(key).use_previous_value(true).build()).collect();
    cloudformation
        .update_stack()
        .stack_name(stack)
        .use_previous_template(true)
        .set_parameters(Some(kept))
        .role_arn("arn:aws:iam::000000000000:role/networks")
        .tags(Tag::builder().key("deployed-with").value("networks").build())
        .send()
        .await
        .expect("updated");
    let started = Instant::now();
    loop {
        let known = cloudformation.describe_stacks().stack_name(stack).send().await.expect("described");
        let status = known.stacks()[0].stack_status().expect("a status").as_str().to_owned();
        if !status.ends_with("_IN_PROGRESS") {
            return;
        }
        assert!(started.elapsed() < crate::stage::PATIENCE, "{stack} stays in {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn networks_that_were_just_deployed_are_in_sync() {
    let stage = Stage::restored().await;
    for topology in ["api-network", "autoscaled-web", "hipaa", "privatelink", "three-tier"] {
        assert_eq!(drifted(&stage, &format!("network-{topology}")).await, Vec::<String>::new(), "{topology}");
    }
}

#[tokio::test]
async fn a_property_changed_by_hand_is_told_as_advice_with_who_keeps_it() {
    let stage = Stage::restored().await;
    let pause = json!({"pause": {"topology": "three-tier", "for": "1h", "reason": "a test"}});
    assert_eq!(stage.by_hand("security-groups", pause).await["ok"], json!(true));
    let vpc = stage.vpc("three-tier", "main").to_owned();
    let off = aws_sdk_ec2::types::AttributeBooleanValue::builder().value(false).build();
    let modify = stage.ec2(Caller::User).modify_vpc_attribute().vpc_id(vpc).enable_dns_hostnames(off);
    modify.send().await.expect("modified");
    let mark = stage.mark();

    drift_now(&stage).await;
    let told = stage.outcome("advises", |it| of_stack(it, "Stack Drift Advice", "network-three-tier")).await;

    let advice = &told["advice"][0];
    assert_eq!((&advice["logical_id"], &advice["kept"]), (&json!("MainVpc"), &json!(true)), "{told:#}");
    assert!(advice["what"].as_str().expect("words").contains("EnableDnsHostnames"), "{told:#}");
    stage.idle();
    let by_sweep: Vec<String> =
        stage.calls(mark).iter().filter(|call| call.is_by("sweep")).map(|call| call.action.clone()).collect();
    assert!(!by_sweep.contains(&"CreateChangeSet".to_owned()), "advice is no truth: {by_sweep:?}");
}

/// The notifications by which AWS tells of connections to the endpoint service: the stack's, and nobody else's.
async fn notifications(stage: &Stage) -> Vec<String> {
    let found =
        stage.ec2(Caller::Root).describe_vpc_endpoint_connection_notifications().send().await.expect("described");
    let ids = found.connection_notification_set().iter().filter_map(|it| it.connection_notification_id());
    ids.map(str::to_owned).collect()
}

/// Somebody deletes it. It is for nobody but the stack to make it again. Answers its id.
async fn notification_gone(stage: &Stage) -> String {
    let gone = notifications(stage).await.into_iter().next().expect("the stack made one");
    let delete = stage.ec2(Caller::User).delete_vpc_endpoint_connection_notifications();
    delete.connection_notification_ids(&gone).send().await.expect("deleted");
    gone
}

#[tokio::test]
async fn a_change_set_that_would_do_more_than_it_is_for_is_deleted_and_told() {
    let stage = Stage::restored().await;
    with_role(&stage, SERVICES).await;
    stage.idle();
    let gone = notification_gone(&stage).await;
    let group = "log-group:/plumbline/privatelink/producer/flow-logs";
    let arn = format!("arn:aws:logs:{}:{}:{group}", stage.region(), crate::stage::ACCOUNT);
    stage.logs(Caller::Root).tag_resource().resource_arn(arn).tags("Name", "renamed").send().await.expect("tagged");
    let mark = stage.mark();

    drift_now(&stage).await;
    let told = stage.outcome("refuses", |it| of_stack(it, "Stack Repair Failed", SERVICES)).await;

    let why = told["why"].as_str().expect("why");
    assert!(why.contains("it would change more than it is for") && why.contains("LogGroup"), "{why}");
    stage.idle();
    let calls = stage.calls(mark);
    let by_sweep = |action: &str| calls.iter().filter(|call| call.is_by("sweep") && call.action == action).count();
    assert_eq!((by_sweep("CreateChangeSet"), by_sweep("DeleteChangeSet"), by_sweep("ExecuteChangeSet")), (1, 1, 0));
    let left = stage.cloudformation().list_change_sets().stack_name(SERVICES).send().await.expect("listed");
    assert!(left.summaries().is_empty(), "{left:?}");
    assert!(drifted(&stage, SERVICES).await.contains(&NOTIFICATION.to_owned()), "{gone} stays gone");
}

#[tokio::test]
async fn what_is_gone_is_reported_with_the_exact_change_set_and_a_stack_without_a_service_role_is_left_alone() {
    let stage = Stage::restored().await;
    notification_gone(&stage).await;
    assert_eq!(drifted(&stage, SERVICES).await, [NOTIFICATION]);
    let mark = stage.mark();

    drift_now(&stage).await;
    let held = stage.outcome("waits", |it| of_stack(it, "Stack Repair Held", SERVICES)).await;

    assert!(held["why"].as_str().expect("why").contains("service role"), "{held:#}");
    let commands = held["commands"].to_string();
    assert!(commands.contains("--use-previous-template --deployment-mode REVERT_DRIFT"), "{commands}");
    stage.idle();
    assert!(stage.calls(mark).iter().all(|call| !call.is_by("sweep") || call.action != "CreateChangeSet"));
}

#[tokio::test]
async fn a_document_alone_gives_no_leave_to_change_its_stack() {
    let stage = Stage::restored().await;
    Documents::copied().deploy_with(&stage, &["StackRepair=report"]).expect("deployed");
    with_role(&stage, SERVICES).await;
    stage.rest();
    notification_gone(&stage).await;
    let mark = stage.mark();

    drift_now(&stage).await;
    let held = stage.outcome("waits", |it| of_stack(it, "Stack Repair Held", SERVICES)).await;

    assert!(held["why"].as_str().expect("why").contains("StackRepair=execute"), "{held:#}");
    stage.idle();
    assert!(stage.calls(mark).iter().all(|call| !call.is_by("sweep") || call.action != "CreateChangeSet"));
}

#[tokio::test]
async fn what_is_gone_is_made_again_by_its_stack_where_the_document_says_so() {
    let stage = Stage::restored().await;
    with_role(&stage, SERVICES).await;
    stage.idle();
    let gone = notification_gone(&stage).await;
    let mark = stage.mark();

    // The end of the operation is an event, which wakes the sweep; nobody asks a second time.
    drift_now(&stage).await;
    stage.outcome("repairs", |it| of_stack(it, "Stack Repaired", SERVICES)).await;

    let again = notifications(&stage).await;
    assert!(again.len() == 1 && again[0] != gone, "{again:?}");
    assert_eq!(drifted(&stage, SERVICES).await, Vec::<String>::new(), "CloudFormation agrees");
    let calls = stage.calls(mark);
    let by_sweep = |action: &str| calls.iter().filter(|call| call.is_by("sweep") && call.action == action).count();
    assert_eq!((by_sweep("CreateChangeSet"), by_sweep("ExecuteChangeSet")), (1, 1));
}

/// The live endpoint to a service in the network, if it serves under the service's own name.
async fn serving(stage: &Stage, service: &str) -> Option<String> {
    let by = |name: &str, value: String| Filter::builder().name(name).values(value).build();
    let found = stage
        .ec2(Caller::Root)
        .describe_vpc_endpoints()
        .filters(by("vpc-id", stage.vpc("autoscaled-web", "main").to_owned()))
        .filters(by("service-name", format!("com.amazonaws.{}.{service}", stage.region())))
        .send()
        .await
        .expect("described");
    let live = |state: &str| state.eq_ignore_ascii_case("available");
    let serves = found.vpc_endpoints().iter().find(|endpoint| {
        endpoint.state().is_some_and(|state| live(state.as_str())) && endpoint.private_dns_enabled() == Some(true)
    });
    serves.and_then(|endpoint| endpoint.vpc_endpoint_id()).map(str::to_owned)
}

#[tokio::test]
async fn a_stack_adopts_the_endpoint_that_stands_in_for_its_own() {
    let stage = Stage::restored().await;
    with_role(&stage, STACK).await;
    stage.idle();
    let gone = serving(&stage, "logs").await.expect("declared");
    stage.ec2(Caller::User).delete_vpc_endpoints().vpc_endpoint_ids(&gone).send().await.expect("deleted");
    let started = Instant::now();
    let stand_in = loop {
        if let Some(id) = serving(&stage, "logs").await.filter(|id| *id != gone) {
            break id;
        }
        assert!(started.elapsed() < crate::stage::PATIENCE, "the endpoint is not back");
        stage.admin("POST", "due", None);
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(drifted(&stage, STACK).await, ["MainLogsEndpoint"], "the network is right, the stack is not");
    stage.idle();
    let mark = stage.mark();

    // Each end of an operation is an event, which wakes the sweep; nobody asks a second time.
    drift_now(&stage).await;
    stage.outcome("repairs", |it| of_stack(it, "Stack Repaired", STACK)).await;

    assert_eq!(serving(&stage, "logs").await, Some(stand_in.clone()), "never a moment without it");
    let known = stage.cloudformation().describe_stack_resource().stack_name(STACK);
    let known = known.logical_resource_id("MainLogsEndpoint").send().await.expect("in the stack");
    let id = known.stack_resource_detail().and_then(|detail| detail.physical_resource_id());
    assert_eq!(id, Some(stand_in.as_str()));
    assert_eq!(drifted(&stage, STACK).await, Vec::<String>::new(), "CloudFormation agrees");
    let calls = stage.calls(mark);
    let by_sweep = |action: &str| calls.iter().filter(|call| call.is_by("sweep") && call.action == action).count();
    assert_eq!((by_sweep("CreateChangeSet"), by_sweep("ExecuteChangeSet")), (3, 3));
    let made = ["CreateVpcEndpoint", "DeleteVpcEndpoints", "ModifyVpcEndpoint"];
    assert!(calls.iter().all(|call| !made.contains(&call.action.as_str())), "the network was left alone");
}
