//! Exposure beyond what every control owes: what takes its time, what is held, what is somebody else's, and taking back.

mod port;

use crate::every_control::tenant::{NAME, address, associate, database, interface, network, service};
use crate::stage::{Call, Caller, PATIENCE, Stage};
use aws_sdk_ecs::types::AssignPublicIp;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn about(event: &Value) -> bool {
    let key = &event["detail"]["key"];
    key["control"] == json!("exposure") && key["topology"] == json!("three-tier")
}

/// What the control changed since a mark, in order.
fn changes(stage: &Stage, since: u64) -> Vec<String> {
    let network = ["ec2", "rds", "ecs", "elasticloadbalancing"];
    let mine = |call: &Call| call.is_by("exposure") && !call.read_only && network.contains(&call.service.as_str());
    stage.calls(since).into_iter().filter(mine).map(|call| call.action).collect()
}

async fn open(stage: &Stage, caller: Caller) {
    let open = stage.databases(caller).modify_db_instance().db_instance_identifier(NAME).publicly_accessible(true);
    open.send().await.expect("made public");
}

async fn until_private(stage: &Stage) {
    let started = Instant::now();
    loop {
        let now = database(stage).await;
        if now.publicly_accessible() != Some(true) && now.db_instance_status() == Some("available") {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "never private: {now:?}; told: {:#?}", stage.outcomes().await);
        stage.admin("POST", "databases/due", None);
        stage.admin("POST", "due", None);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until something holds, without making rechecks due.
async fn until(what: &str, stage: &Stage, holds: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "never {what}; told: {:#?}", stage.outcomes().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_database_that_takes_its_time_is_waited_for_and_modified_once() {
    let stage = Stage::restored().await;
    // Nobody is told before a modification takes its time.
    stage.admin("PUT", "cloudtrail", Some(json!({"loss": 1.0})));
    open(&stage, Caller::User).await;
    stage.admin("PUT", "databases", Some(json!({"modifying": 600})));
    let mark = stage.mark();
    stage.sweep().await;
    let modifying = async || database(&stage).await.db_instance_status() == Some("modifying");
    until("modified", &stage, modifying).await;
    stage.idle();
    stage.admin("POST", "due", None);
    stage.idle();
    assert!(modifying().await, "looked at again, and waited for");
    until_private(&stage).await;
    stage.idle();
    assert_eq!(changes(&stage, mark), ["ModifyDBInstance"]);
}

#[tokio::test]
async fn tasks_are_told_of_until_the_deployment_has_replaced_them() {
    let stage = Stage::restored().await;
    let public = network(&service(&stage).await, AssignPublicIp::Enabled);
    // Nobody is told before a deployment takes its time.
    stage.admin("PUT", "cloudtrail", Some(json!({"loss": 1.0})));
    let update = stage.containers(Caller::Role).update_service().cluster(NAME).service("web");
    update.network_configuration(public).send().await.expect("updated");
    stage.admin("PUT", "containers", Some(json!({"rollout": 600})));
    let mark = stage.mark();
    stage.ask("three-tier").await;
    let deploying = async || service(&stage).await.deployments().len() == 2;
    until("deployed", &stage, deploying).await;
    stage.idle();

    let plan = json!({"topology": "three-tier", "mode": "plan", "reason": "having a look"});
    let now = stage.by_hand("exposure-plan", plan.clone()).await;
    let drifts = now["reports"][0]["drifts"].as_array().expect("drifts");
    assert_eq!(drifts.len(), 2, "a task each: {now:#}");
    let told = |drift: &Value| {
        drift["severity"] == json!("advice") && drift["summary"].to_string().contains("has replaced it")
    };
    assert!(drifts.iter().all(told), "{now:#}");
    stage.admin("POST", "containers/due", None);
    let now = stage.by_hand("exposure-plan", plan).await;
    assert_eq!(now["reports"][0]["drifts"], json!([]), "{now:#}");
    assert_eq!(changes(&stage, mark), ["UpdateService"]);
}

#[tokio::test]
async fn an_address_is_taken_off_kept_and_put_back_by_hand_under_an_exemption() {
    let stage = Stage::restored().await;
    let allocation = address(&stage).await.allocation_id.expect("an allocation");
    associate(&stage, Caller::User).await;
    let named = |event: &Value| about(event) && event["detail"]["causes"].to_string().contains("release-engineer");
    stage.outcome("names the person", named).await;
    let started = Instant::now();
    while address(&stage).await.association_id().is_some() {
        assert!(started.elapsed() < PATIENCE, "never taken off");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(address(&stage).await.allocation_id.as_deref(), Some(allocation.as_str()), "never released");
    stage.idle();

    let id = interface(&stage).await.network_interface_id.expect("an id");
    let order = json!({"exempt": {"resource": id, "for": "4h", "reason": "vendor session"}});
    assert_eq!(stage.by_hand("exposure", order).await["ok"], json!(true));
    let record = stage.record("exposure", "three-tier", |it| it.starts_with("take Elastic IP")).await;
    let undo = json!({"undo": {"topology": "three-tier", "token": record["token"], "reason": "vendor session"}});
    let undone = stage.by_hand("exposure", undo).await;
    assert_eq!(undone["ok"], json!(true), "{undone:#}");
    assert!(address(&stage).await.association_id().is_some());
    stage.ask("three-tier").await;
    stage.idle();
    assert!(address(&stage).await.association_id().is_some(), "exempt");
    let order = json!({"unexempt": {"resource": id, "reason": "session over"}});
    assert_eq!(stage.by_hand("exposure", order).await["ok"], json!(true));
    stage.ask("three-tier").await;
    let started = Instant::now();
    while address(&stage).await.association_id().is_some() {
        assert!(started.elapsed() < PATIENCE, "never taken off again");
        stage.admin("POST", "due", None);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn another_group_on_a_database_is_held_with_the_command_and_the_person_named() {
    let stage = Stage::restored().await;
    let (own, other) =
        (stage.group("three-tier", "main", "database").await, stage.group("three-tier", "main", "alb").await);
    let mark = stage.mark();
    let attach = stage.databases(Caller::User).modify_db_instance().db_instance_identifier(NAME);
    let attach = attach.vpc_security_group_ids(&own).vpc_security_group_ids(&other);
    attach.send().await.expect("attached");

    let held = |event: &Value| about(event) && event["detail"]["held"].to_string().contains("modify-db-instance");
    let report = stage.outcome("holds it", held).await;

    let remedy = report["held"][0]["remedy"].as_str().expect("a remedy");
    assert!(remedy.contains(&format!("--vpc-security-group-ids {own};")), "{remedy}");
    assert!(report["drifts"].to_string().contains("carries alb"), "{report:#}");
    assert!(report["causes"].to_string().contains("user/release-engineer"), "{report:#}");
    stage.idle();
    assert_eq!(changes(&stage, mark), Vec::<String>::new());
}

#[tokio::test]
async fn what_faces_the_internet_in_a_private_tier_and_cannot_be_changed_is_held() {
    let stage = Stage::restored().await;
    let subnet = interface(&stage).await.subnet_id.expect("a subnet");
    let mark = stage.mark();
    let create = stage.load_balancers().create_load_balancer().name("open").subnets(&subnet);
    create.r#type(aws_sdk_elasticloadbalancingv2::types::LoadBalancerTypeEnum::Network).send().await.expect("made");
    let faces = |event: &Value| about(event) && event["detail"]["held"].to_string().contains("--scheme internal");
    let report = stage.outcome("holds the load balancer", faces).await;
    assert!(report["drifts"].to_string().contains("faces the internet from tier private"), "{report:#}");
    stage.idle();
    assert_eq!(changes(&stage, mark), Vec::<String>::new());
}

/// A stranger's database in the default VPC, and one in the public tier: nobody declared anything of them.
#[tokio::test]
async fn what_is_declared_nowhere_is_left_alone() {
    let stage = Stage::restored().await;
    let databases = stage.databases(Caller::Role);
    let mark = stage.mark();
    let create = databases.create_db_instance().db_instance_identifier("elsewhere").engine("postgres");
    let create = create.db_instance_class("db.t4g.micro").allocated_storage(20).publicly_accessible(true);
    create.master_username("app").manage_master_user_password(true).send().await.expect("created");
    stage.idle();
    stage.sweep().await;
    stage.idle();
    assert_eq!(changes(&stage, mark), Vec::<String>::new());
    let found = databases.describe_db_instances().db_instance_identifier("elsewhere").send().await.expect("described");
    assert_eq!(found.db_instances()[0].publicly_accessible(), Some(true));
}
