//! What Plumbline takes away: what is not declared any more, what should not be there, and what a person asks back.

use crate::deploy::Documents;
use crate::stage::{Caller, Stage, until};
use aws_sdk_ec2::types::{Filter, Route};
use serde_json::json;

/// How often a call was made by a control's function since a mark.
fn made(stage: &Stage, since: u64, function: &str, action: &str) -> usize {
    stage.calls(since).iter().filter(|call| call.is_by(function) && call.action == action).count()
}

#[tokio::test]
async fn a_flow_log_that_is_not_declared_any_more_goes_and_the_other_stays() {
    let stage = Stage::restored().await;
    let by = Filter::builder().name("resource-id").values(stage.vpc("three-tier", "main")).build();
    let ec2 = stage.ec2(Caller::Root);
    let logs = async || {
        let found = ec2.describe_flow_logs().filter(by.clone()).send().await.expect("described");
        found.flow_logs().iter().map(|log| log.flow_log_id().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    let before = logs().await;
    assert_eq!(before.len(), 2);
    let documents = Documents::copied();
    let declared =
        r#"      - s3: { traffic: all, bucket: "three-tier-flow-logs-{account}-{region}", file_format: parquet }"#;
    documents.edit("three-tier", declared, "");
    let mark = stage.mark();

    documents.deploy(&stage);
    until("the flow log is deleted", || made(&stage, mark, "flow-logs", "DeleteFlowLogs") == 1).await;
    stage.idle();

    let after = logs().await;
    assert_eq!(after.len(), 1, "{after:?}");
    assert!(before.contains(&after[0]), "the declared one is the same as before");
    assert_eq!(made(&stage, mark, "flow-logs", "CreateFlowLogs"), 0);
}

/// The retention that a log group had before it was declared: none. Undoing needs a brake first, or it would be put back.
#[tokio::test]
async fn a_retention_is_undone_by_hand_and_stays_undone_while_the_control_rests() {
    let stage = Stage::restored().await;
    let record = stage.record("flow-logs", "hipaa", |it| it.starts_with("keep records")).await;
    let undo = json!({"undo": {"topology": "hipaa", "token": record["token"], "reason": "INC-1"}});
    let mark = stage.mark();

    let refused = stage.by_hand("flow-logs", undo.clone()).await;
    assert_eq!(refused["ok"], json!(false), "{refused:#}");
    assert_eq!(made(&stage, mark, "flow-logs", "DeleteRetentionPolicy"), 0);

    let pause = json!({"pause": {"topology": "hipaa", "control": "flow-logs", "for": "30m", "reason": "INC-1"}});
    assert_eq!(stage.by_hand("flow-logs", pause).await["ok"], json!(true));
    let undone = stage.by_hand("flow-logs", undo).await;
    assert_eq!(undone["ok"], json!(true), "{undone:#}");
    stage.sweep().await;
    stage.idle();
    assert_eq!(made(&stage, mark, "flow-logs", "DeleteRetentionPolicy"), 1);
    assert_eq!(made(&stage, mark, "flow-logs", "PutRetentionPolicy"), 0, "the pause holds");
}

/// A private subnet's default route leads to the internet gateway, and there is no gateway that it could lead to instead: it goes
/// all the same, since what has a public address is open; the declared way out comes back once there is one.
#[tokio::test]
async fn a_private_route_to_the_internet_goes_although_there_is_no_other_way_out() {
    let stage = Stage::restored().await;
    let ec2 = stage.ec2(Caller::User);
    let vpc = Filter::builder().name("vpc-id").values(stage.vpc("autoscaled-web", "main")).build();
    let is_default = |route: &&Route| route.destination_cidr_block() == Some("0.0.0.0/0");
    let defaults = async || {
        let found = ec2.describe_route_tables().filters(vpc.clone()).send().await.expect("described");
        let found = found.route_tables().iter().filter_map(|table| {
            Some((table.route_table_id()?.to_owned(), table.routes().iter().find(is_default)?.clone()))
        });
        found.collect::<Vec<_>>()
    };
    let routes = defaults().await;
    let (table, private) = routes.iter().find(|(_, route)| route.nat_gateway_id().is_some()).expect("a private table");
    let (_, public) = routes.iter().find(|(_, route)| route.gateway_id().is_some()).expect("a public table");

    // Nobody is told before both are done.
    stage.admin("PUT", "cloudtrail", Some(json!({"loss": 1.0})));
    let nat = private.nat_gateway_id().expect("a NAT gateway");
    ec2.delete_nat_gateway().nat_gateway_id(nat).send().await.expect("deleted");
    stage.admin("POST", "nat/due", None);
    let open = ec2.replace_route().route_table_id(table).destination_cidr_block("0.0.0.0/0");
    open.gateway_id(public.gateway_id().expect("an internet gateway")).send().await.expect("opened");
    stage.admin("PUT", "cloudtrail", Some(json!({"loss": 0.0})));
    let mark = stage.mark();
    stage.sweep().await;

    until("the route is taken away", || made(&stage, mark, "nat", "DeleteRoute") == 1).await;
    until("there is a way out again", || {
        stage.admin("POST", "nat/due", None);
        stage.admin("POST", "due", None);
        made(&stage, mark, "nat", "CreateRoute") == 1
    })
    .await;
    stage.idle();
    let (_, route) = defaults().await.into_iter().find(|(id, _)| id == table).expect("a default route");
    assert!(route.nat_gateway_id().is_some_and(|id| id != nat), "{route:?}");
}
