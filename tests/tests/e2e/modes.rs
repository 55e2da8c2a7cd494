//! Looking only, and what is nobody's.

use crate::deploy::Documents;
use crate::stage::{Call, Caller, Stage, fixed, tcp};
use serde_json::json;

/// What Plumbline wrote to the network.
fn changes(stage: &Stage, since: u64) -> Vec<Call> {
    stage.calls(since).into_iter().filter(|call| call.is_plumbline_write() && call.service == "ec2").collect()
}

#[tokio::test]
async fn an_undeclared_vpc_and_its_groups_are_nobodys_business() {
    let stage = Stage::restored().await;
    let vpc = stage.undeclared_vpc().await;
    let ec2 = stage.ec2(Caller::User);
    // The name of a declared group.
    let made = ec2.create_security_group().group_name("alb").description("ours").vpc_id(&vpc);
    let group = made.send().await.expect("created").group_id().expect("an id").to_owned();
    let mark = stage.mark();
    let open = ec2.authorize_security_group_ingress().group_id(&group).ip_permissions(tcp(22, "0.0.0.0/0"));
    open.send().await.expect("opened");
    let after = stage.words(&group).await;

    stage.idle();
    stage.sweep().await;
    stage.idle();

    assert_eq!(stage.words(&group).await, after);
    assert!(changes(&stage, mark).is_empty(), "{:#?}", changes(&stage, mark));
    let named: Vec<_> = stage.outcomes().await.into_iter().filter(|event| event.to_string().contains(&group)).collect();
    assert!(named.is_empty(), "{named:#?}");
}

#[tokio::test]
async fn a_second_topology_that_claims_a_vpc_is_held_with_both_names() {
    let stage = Stage::restored().await;
    let vpc = stage.vpc("three-tier", "main").to_owned();
    let documents = Documents::copied();
    documents.write(
        "usurper",
        &format!(
            "version: 1
id: usurper
environment: production
mode: enforce
vpcs:
  theirs:
    id: {vpc}
    cidr: 10.0.0.0/16
    availability_zones: [a]
    security_groups:
      alb:
        ingress: []
"
        ),
    );
    let group = stage.group("three-tier", "main", "alb").await;
    let declared = stage.words(&group).await;
    documents.deploy(&stage);

    let held = stage
        .outcome("holds the second", |event| {
            event["detail-type"] == json!("Drift Held") && event["detail"]["key"]["topology"] == json!("usurper")
        })
        .await;

    let why = held["held"][0]["why"].as_str().expect("why");
    assert!(why.contains("three-tier") && why.contains("usurper") && why.contains(&vpc), "{why}");
    assert_eq!(stage.words(&group).await, declared, "the first one's declaration stands");
    let open = stage.ec2(Caller::User).authorize_security_group_ingress().group_id(&group);
    open.ip_permissions(tcp(22, "0.0.0.0/0")).send().await.expect("opened");
    let report = stage.outcome("fixes the group", |event| fixed(event, &group)).await;
    assert_eq!(report["key"]["topology"], json!("three-tier"));
    assert_eq!(stage.words(&group).await, declared);
}
