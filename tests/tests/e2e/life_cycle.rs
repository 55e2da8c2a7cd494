//! The end of a network, the end of the control plane, and what outlives both.

use crate::deploy::{Documents, delete_stack};
use crate::stage::{CONTROL_PLANE, Caller, PATIENCE, Stage, fixed, tcp};
use aws_sdk_ec2::types::{Filter, NatGatewayState};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A network with everything that Plumbline makes in one: a gateway with its address and route, a flow log, rules between groups in
/// both directions.
const CLOSING: &str = "version: 1
id: closing
environment: staging
mode: enforce
vpcs:
  main:
    cidr: 10.77.0.0/16
    availability_zones: [a, b]
    internet_gateway: true
    tiers:
      public: { route: internet, subnets: [10.77.0.0/24, 10.77.1.0/24] }
      private: { route: nat, subnets: [10.77.2.0/24, 10.77.3.0/24] }
    nat: { mode: single }
    flow_logs: [{ cloudwatch: { retention: 30 days } }]
    security_groups:
      alb: { ingress: [{ tcp: 443, from: 0.0.0.0/0 }], egress: [{ tcp: 8080, to: app }] }
      app: { ingress: [{ tcp: 8080, from: alb }, { tcp: 8080, from: self }], egress: [] }
";

fn by(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// What there is of a network that Plumbline makes: gateways, addresses, flow logs, and rules between groups.
async fn made(stage: &Stage, topology: &str, vpc: &str) -> [usize; 4] {
    let ec2 = stage.ec2(Caller::Root);
    let gateways = ec2.describe_nat_gateways().filter(by("vpc-id", vpc)).send().await.expect("gateways");
    let there = |state: &NatGatewayState| !matches!(state, NatGatewayState::Deleted | NatGatewayState::Failed);
    let gateways = gateways.nat_gateways().iter().filter(|one| one.state().is_some_and(there)).count();
    let addresses = ec2.describe_addresses().filters(by("tag:plumbline:topology", topology)).send().await;
    let logs = ec2.describe_flow_logs().filter(by("resource-id", vpc)).send().await.expect("flow logs");
    let groups = ec2.describe_security_groups().filters(by("vpc-id", vpc)).send().await.expect("groups");
    let mut between = 0;
    for group in groups.security_groups().iter().filter(|group| group.group_name() != Some("default")) {
        let id = group.group_id().expect("an id");
        let names = |rule: &aws_sdk_ec2::types::SecurityGroupRule| {
            rule.referenced_group_info().and_then(|other| other.group_id()).is_some_and(|other| other != id)
        };
        between += stage.rules(id).await.iter().filter(|rule| names(rule)).count();
    }
    [gateways, addresses.expect("addresses").addresses().len(), logs.flow_logs().len(), between]
}

async fn until_made(stage: &Stage, topology: &str, vpc: &str, want: [usize; 4]) {
    let started = Instant::now();
    loop {
        let there = made(stage, topology, vpc).await;
        if there == want {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{topology}: {there:?}, not {want:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The VPC of a topology, by its tags.
async fn vpc_of(stage: &Stage, topology: &str) -> Option<String> {
    let found = stage.ec2(Caller::Root).describe_vpcs().filters(by("tag:plumbline:topology", topology)).send().await;
    found.expect("VPCs").vpcs().first().and_then(|vpc| vpc.vpc_id()).map(ToOwned::to_owned)
}

fn says(event: &Value, kind: &str, topology: &str) -> bool {
    event["detail-type"] == json!(kind) && event.to_string().contains(topology)
}

#[tokio::test]
async fn a_retired_network_is_taken_down_so_that_its_stack_can_be_deleted_and_is_then_forgotten() {
    let stage = Stage::restored().await;
    let documents = Documents::copied();
    documents.write("closing", CLOSING);
    documents.deploy_network(&stage, "closing");
    documents.deploy(&stage);
    let vpc = vpc_of(&stage, "closing").await.expect("it was made");
    until_made(&stage, "closing", &vpc, [1, 1, 1, 2]).await;
    stage.idle();
    stage.outcomes().await;

    documents.edit("closing", "environment: staging", "environment: staging\nstate: retired");
    documents.deploy(&stage);

    let told = stage.outcome("says that nothing is left", |event| says(event, "Topology Retired", "closing")).await;
    assert!(told.to_string().contains("its stack can be deleted"), "{told:#}");
    assert_eq!(made(&stage, "closing", &vpc).await, [0, 0, 0, 0]);
    stage.idle();

    assert_eq!(delete_stack(&stage, "network-closing"), Ok(()), "AWS refuses as long as anything is in the way");
    assert_eq!(vpc_of(&stage, "closing").await, None);
    stage.idle();
    stage.sweep().await;
    stage.idle();
    let trouble = |event: &Value| {
        ["Drift Held", "Reconcile Failed", "Topology Missing", "Drift Found"]
            .iter()
            .any(|kind| says(event, kind, "closing"))
    };
    let after = stage.outcomes().await;
    assert!(!after.iter().any(trouble), "what was asked for is no trouble: {after:#?}");

    // With its network, the document may go, and nobody misses it.
    documents.remove("closing");
    documents.deploy(&stage);
    stage.idle();
    stage.sweep().await;
    stage.idle();
    let after = stage.outcomes().await;
    assert!(!after.iter().any(trouble), "{after:#?}");
}

#[tokio::test]
async fn a_network_that_is_not_retired_cannot_be_deleted_under_plumblines_hands() {
    let stage = Stage::restored().await;
    let documents = Documents::copied();
    documents.write("closing", CLOSING);
    documents.deploy_network(&stage, "closing");
    documents.deploy(&stage);
    let vpc = vpc_of(&stage, "closing").await.expect("it was made");
    until_made(&stage, "closing", &vpc, [1, 1, 1, 2]).await;
    stage.idle();
    let refused = delete_stack(&stage, "network-closing").expect_err("something is in the way");
    assert!(refused.contains("DependencyViolation") || refused.contains("dependent"), "{refused}");
}

#[tokio::test]
async fn a_renamed_document_loses_nothing() {
    let stage = Stage::restored().await;
    let group = stage.group("three-tier", "main", "alb").await;
    let declared = stage.words(&group).await;
    let pause = json!({"pause": {"topology": "three-tier", "for": "2h", "reason": "INC-9"}});
    assert_eq!(stage.by_hand("security-groups", pause).await["ok"], json!(true));
    let documents = Documents::copied();
    documents.rename("three-tier", "shop-front");

    documents.deploy(&stage);
    stage.idle();
    stage.sweep().await;
    stage.idle();

    let told = stage.outcomes().await;
    assert!(!told.iter().any(|event| says(event, "Topology Missing", "three-tier")), "{told:#?}");
    // The pause still holds, and ends as it would have.
    let open = stage.ec2(Caller::User).authorize_security_group_ingress().group_id(&group);
    open.ip_permissions(tcp(22, "0.0.0.0/0")).send().await.expect("opened");
    stage.outcome("is held by the pause", |event| says(event, "Drift Held", "INC-9")).await;
    let resume = json!({"resume": {"topology": "three-tier", "reason": "INC-9 is over"}});
    assert_eq!(stage.by_hand("security-groups", resume).await["ok"], json!(true));
    stage.outcome("is put back", |event| fixed(event, &group)).await;
    assert_eq!(stage.words(&group).await, declared);
    // What was made under the old name is still known as ours, and as declared.
    let plan = stage.by_hand("nat-plan", json!({"topology": "three-tier", "mode": "plan"})).await;
    assert!(plan["summary"].as_str().expect("a summary").contains("in sync"), "{plan:#}");
}

#[tokio::test]
async fn the_control_plane_goes_and_the_networks_the_ledger_and_the_logs_stay_for_the_next_one() {
    let stage = Stage::restored().await;
    let ledger = stage.output("LedgerTable").to_owned();
    let count = async || {
        let items = stage.dynamodb().scan().table_name(&ledger).send().await.expect("the ledger is there");
        items.items().iter().filter(|item| item["sk"].as_s().is_ok_and(|sk| sk.starts_with("resource#"))).count()
    };
    let known = count().await;
    assert!(known > 0, "gateways, addresses and flow logs are on record");
    let vpc = stage.vpc("api-network", "main").to_owned();
    let before = made(&stage, "api-network", &vpc).await;
    assert!(before[0] > 0 && before[1] > 0 && before[2] > 0, "{before:?}");

    assert_eq!(delete_stack(&stage, CONTROL_PLANE), Ok(()));

    let functions = stage.lambda().list_functions().send().await.expect("functions");
    let ours = |name: Option<&str>| name.is_some_and(|name| name.starts_with(&format!("{CONTROL_PLANE}-")));
    assert!(!functions.functions().iter().any(|function| ours(function.function_name())), "nothing acts any more");
    assert_eq!(made(&stage, "api-network", &vpc).await, before, "the network is as it was");
    assert_eq!(count().await, known, "and so is the ledger");
    let logs = stage.ec2(Caller::Root).describe_flow_logs().filter(by("resource-id", &vpc)).send().await.expect("logs");
    assert!(logs.flow_logs().iter().all(|log| log.deliver_logs_status() != Some("FAILED")), "the delivery role stays");
    // Named by CloudFormation, from the stack and the logical id.
    let mut groups = stage.logs(Caller::Root).describe_log_groups().into_paginator().items().send();
    let mut said = false;
    while let Some(group) = groups.next().await {
        let group = group.expect("log groups");
        said |= group.log_group_name().is_some_and(|name| name.contains(CONTROL_PLANE) && name.contains("NatLogs"));
    }
    assert!(said, "and what the functions said");
    let layers = stage.lambda().list_layer_versions().layer_name(format!("{CONTROL_PLANE}-topologies")).send().await;
    assert!(!layers.expect("layers").layer_versions().is_empty(), "and the versions of the layer");

    // The next one that does not know of it fails, rather than to begin with nothing.
    let documents = Documents::copied();
    let refused = documents.deploy_with(&stage, &[]).expect_err("the ledger is there already");
    assert!(refused.contains("already exists"), "{refused}");
    assert_eq!(delete_stack(&stage, CONTROL_PLANE), Ok(()));
    assert_eq!(count().await, known);

    // Told of it, it goes on: what the first one made is still ours to take away.
    documents.edit("api-network", "environment: production", "environment: production\nstate: retired");
    documents.deploy_with(&stage, &["Reinstall=yes"]).unwrap_or_else(|why| panic!("{why}"));
    stage.outcome("sees nothing left", |event| says(event, "Topology Retired", "api-network")).await;
    // Rules between groups of others are theirs.
    assert_eq!(made(&stage, "api-network", &vpc).await[..3], [0, 0, 0]);
}
