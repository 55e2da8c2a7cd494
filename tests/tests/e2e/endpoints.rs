//! VPC endpoints beyond what every control owes: made without private DNS, the gate before it, the bucket of calls, and what is not declared.

mod port;

use crate::deploy::Documents;
use crate::stage::{Call, Caller, Stage};
use aws_sdk_ec2::types::{Filter, State, VpcEndpoint};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A mass deletion takes its time: ten calls by a bucket that gives one in four seconds, and endpoints that come up.
const PATIENCE: Duration = Duration::from_secs(120);

async fn all(stage: &Stage, topology: &str) -> Vec<VpcEndpoint> {
    let by = Filter::builder().name("vpc-id").values(stage.vpc(topology, "main")).build();
    let found = stage.ec2(Caller::Root).describe_vpc_endpoints().filters(by).send().await.expect("described");
    let gone = |it: &&VpcEndpoint| matches!(it.state().map(State::as_str), Some("deleting" | "deleted"));
    found.vpc_endpoints().iter().filter(|it| !gone(it)).cloned().collect()
}

fn to<'a>(all: &'a [VpcEndpoint], short: &str) -> Option<&'a VpcEndpoint> {
    let end = format!(".{short}");
    all.iter().find(|it| it.service_name().is_some_and(|name| name.ends_with(&end)))
}

fn id(endpoint: &VpcEndpoint) -> &str {
    endpoint.vpc_endpoint_id().expect("an id")
}

/// What must come back, without ids.
fn word(it: &VpcEndpoint) -> String {
    let groups: BTreeSet<_> = it.groups().iter().map(|group| group.group_id()).collect();
    let subnets: BTreeSet<_> = it.subnet_ids().iter().collect();
    let tables: BTreeSet<_> = it.route_table_ids().iter().collect();
    format!("{:?} {:?} {subnets:?} {tables:?} {groups:?} {:?}", it.service_name(), it.state(), it.private_dns_enabled())
}

fn words(all: &[VpcEndpoint]) -> BTreeSet<String> {
    all.iter().map(word).collect()
}

/// Waits until the endpoints of a VPC satisfy something.
async fn until(stage: &Stage, topology: &str, what: &str, holds: impl Fn(&[VpcEndpoint]) -> bool) -> Vec<VpcEndpoint> {
    let started = Instant::now();
    loop {
        let now = all(stage, topology).await;
        if holds(&now) {
            return now;
        }
        if started.elapsed() > PATIENCE {
            let told = stage.outcomes().await;
            panic!("never {what}: {:#?}; told: {told:#?}", words(&now));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What the control changed since a mark, in order.
fn changes(stage: &Stage, since: u64) -> Vec<String> {
    let mine = |call: &Call| call.is_by("endpoints") && !call.read_only && call.service == "ec2";
    stage.calls(since).into_iter().filter(mine).map(|call| call.action).collect()
}

fn about(event: &Value, topology: &str) -> bool {
    event["detail"]["key"]["control"] == json!("endpoints") && event["detail"]["key"]["topology"] == json!(topology)
}

#[tokio::test]
async fn one_that_somebody_deleted_is_made_without_private_dns_which_follows() {
    let stage = Stage::restored().await;
    // Who deleted it is known as long as AWS shows it.
    stage.admin("PUT", "endpoints", Some(json!({"pending": 600, "deleting": 600})));
    let before = all(&stage, "three-tier").await;
    let mark = stage.mark();
    let logs = id(to(&before, "logs").expect("logs"));
    stage.ec2(Caller::User).delete_vpc_endpoints().vpc_endpoint_ids(logs).send().await.expect("deleted");

    let made = until(&stage, "three-tier", "one that is there", |all| to(all, "logs").is_some()).await;
    assert_eq!(to(&made, "logs").and_then(VpcEndpoint::private_dns_enabled), Some(false), "it is not up yet");
    let named = |event: &Value| {
        about(event, "three-tier") && event["detail"]["causes"].to_string().contains("user/release-engineer")
    };
    stage.outcome("names the person", named).await;
    stage.admin("POST", "endpoints/due", None);
    stage.admin("POST", "due", None);
    until(&stage, "three-tier", "as before", |all| words(all) == words(&before)).await;
    stage.rest();

    assert_eq!(changes(&stage, mark), ["CreateVpcEndpoint", "ModifyVpcEndpoint"]);
    let plan =
        stage.by_hand("endpoints-plan", json!({"topology": "three-tier", "mode": "plan", "reason": "INC-1"})).await;
    let text = plan.to_string();
    assert!(text.contains("stands in for MainLogsEndpoint of stack"), "{plan:#}");
}

#[tokio::test]
async fn all_six_deleted_at_once_come_back_within_the_bucket_that_others_use_too() {
    let stage = Stage::restored().await;
    let before = all(&stage, "three-tier").await;
    assert_eq!(before.len(), 6);
    let ids: Vec<String> = before.iter().map(|it| id(it).to_owned()).collect();
    stage.admin("PUT", "endpoints", Some(json!({"pending": 0.5, "deleting": 0.2, "throttle": true})));
    // Somebody else's tool takes what it can get of the same bucket.
    let hipaa = all(&stage, "hipaa").await;
    let ssm = id(to(&hipaa, "ssm").expect("ssm"));
    for _ in 0..3 {
        let modify = stage.ec2(Caller::Role).modify_vpc_endpoint().vpc_endpoint_id(ssm).reset_policy(true);
        modify.send().await.expect("modified");
    }
    let mark = stage.mark();
    let delete = stage.ec2(Caller::User).delete_vpc_endpoints().set_vpc_endpoint_ids(Some(ids));
    assert!(delete.send().await.expect("deleted").unsuccessful().is_empty());

    until(&stage, "three-tier", "as before", |all| words(all) == words(&before)).await;
    stage.rest();

    let made = changes(&stage, mark);
    let count = |name: &str| made.iter().filter(|call| *call == name).count();
    assert_eq!(count("CreateVpcEndpoint"), 6, "{made:?}");
    assert!(count("ModifyVpcEndpoint") >= 4, "{made:?}");
    let failed =
        |event: &Value| about(event, "three-tier") && event["detail"]["actions"].to_string().contains("failed");
    let told: Vec<Value> = stage.outcomes().await.into_iter().filter(failed).collect();
    let throttled = |event: &Value| event.to_string().contains("RequestLimitExceeded");
    assert!(told.iter().all(throttled), "{told:#?}");
    let status = stage.by_hand("endpoints-plan", json!({"status": true})).await;
    let topologies = status["data"]["topologies"].as_array().expect("topologies");
    let here = topologies.iter().find(|one| one["topology"] == "three-tier").expect("three-tier");
    let records = here["records"].as_array().expect("records");
    assert!(records.len() >= 6, "{records:#?}");
    assert!(records.iter().all(|record| !record.to_string().contains("RequestLimitExceeded")), "{records:#?}");
}

#[tokio::test]
async fn private_dns_waits_until_the_group_admits_who_uses_it() {
    let stage = Stage::restored().await;
    let before = all(&stage, "three-tier").await;
    let logs = id(to(&before, "logs").expect("logs")).to_owned();
    let group = stage.group("three-tier", "main", "endpoints").await;
    let pause =
        json!({"pause": {"topology": "three-tier", "control": "security-groups", "for": "30m", "reason": "INC-1"}});
    assert_eq!(stage.by_hand("security-groups", pause).await["ok"], json!(true));
    let rules = stage.rules(&group).await;
    let rule = rules.iter().find(|rule| rule.from_port() == Some(443)).expect("HTTPS");
    let revoke = stage.ec2(Caller::User).revoke_security_group_ingress().group_id(&group);
    revoke.security_group_rule_ids(rule.security_group_rule_id().expect("an id")).send().await.expect("revoked");
    let mark = stage.mark();

    let off = stage.ec2(Caller::User).modify_vpc_endpoint().vpc_endpoint_id(&logs).private_dns_enabled(false);
    off.send().await.expect("switched off");
    let waits = |event: &Value| {
        about(event, "three-tier") && event["detail"]["overall"].to_string().contains("would cut off group ecs-tasks")
    };
    stage.outcome("waits for the group", waits).await;
    let plan = json!({"topology": "three-tier", "mode": "plan", "reason": "INC-1"});
    let planned = stage.by_hand("endpoints-plan", plan).await;
    assert!(planned.to_string().contains("would cut off group ecs-tasks"), "{planned:#}");
    assert_eq!(changes(&stage, mark), Vec::<String>::new(), "not while tasks would be cut off");

    let resume = json!({"resume": {"topology": "three-tier", "control": "security-groups", "reason": "INC-1"}});
    assert_eq!(stage.by_hand("security-groups", resume).await["ok"], json!(true));
    stage.ask("three-tier").await;
    until(&stage, "three-tier", "as before", |all| words(all) == words(&before)).await;
    stage.rest();
    assert_eq!(changes(&stage, mark), ["ModifyVpcEndpoint"]);
}

/// One deploy, three changes of the document: a policy comes, and two endpoints go, of which one is ours and one the stack's.
#[tokio::test]
async fn a_policy_is_kept_by_what_it_means_and_only_ours_goes_when_it_is_not_declared_any_more() {
    const DECLARED: &str = "secretsmanager: { type: interface, tiers: [private], security_groups: [endpoints] }";
    const POLICY: &str = "secretsmanager: { type: interface, tiers: [private], security_groups: [endpoints], policy: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: 'secretsmanager:GetSecretValue', Resource: '*' }] } }";
    const SAME: &str = r#"{"Statement":{"Action":["secretsmanager:getsecretvalue"],"Effect":"Allow","Principal":{"AWS":"*"},"Resource":["*"]},"Version":"2012-10-17"}"#;
    let stage = Stage::restored().await;
    stage.admin("PUT", "endpoints", Some(json!({"deleting": 0.2})));
    let before = all(&stage, "three-tier").await;
    let s3 = id(to(&before, "s3").expect("s3"));
    let secrets = id(to(&before, "secretsmanager").expect("secretsmanager")).to_owned();
    stage.ec2(Caller::User).delete_vpc_endpoints().vpc_endpoint_ids(s3).send().await.expect("deleted");
    until(&stage, "three-tier", "s3 again", |all| to(all, "s3").is_some()).await;
    stage.idle();
    let mark = stage.mark();
    let documents = Documents::copied();
    documents.edit("three-tier", DECLARED, POLICY);
    documents.edit("three-tier", "      s3: gateway                             # container image layers, logs\n", "");
    documents.edit("three-tier", "      dynamodb: gateway\n", "");

    documents.deploy(&stage);
    let policy = |all: &[VpcEndpoint]| {
        to(all, "secretsmanager")
            .and_then(|it| it.policy_document.clone())
            .is_some_and(|it| it.contains("GetSecretValue"))
    };
    let left = until(&stage, "three-tier", "as declared", |all| policy(all) && to(all, "s3").is_none()).await;
    stage.idle();
    assert!(to(&left, "dynamodb").is_some(), "the stack's own is not ours to delete");
    let mut made = changes(&stage, mark);
    made.sort();
    assert_eq!(made, ["DeleteVpcEndpoints", "ModifyVpcEndpoint"]);

    let mark = stage.mark();
    let rewrite = stage.ec2(Caller::User).modify_vpc_endpoint().vpc_endpoint_id(&secrets).policy_document(SAME);
    rewrite.send().await.expect("written in another way");
    stage.idle();
    assert_eq!(changes(&stage, mark), Vec::<String>::new(), "it means the same");
    let reset = stage.ec2(Caller::User).modify_vpc_endpoint().vpc_endpoint_id(&secrets).reset_policy(true);
    reset.send().await.expect("reset");
    until(&stage, "three-tier", "the declared policy again", policy).await;
    stage.rest();
    assert_eq!(changes(&stage, mark), ["ModifyVpcEndpoint"]);
}
