//! The documents change by a deploy. One of them broken, one of them gone, an older layer: the rest goes on.

use crate::deploy::Documents;
use crate::stage::{CONTROL_PLANE, Caller, Stage, fixed, tcp, until};
use aws_sdk_lambda::types::Environment;
use serde_json::{Value, json};

async fn open(stage: &Stage, group: &str) {
    let open = stage.ec2(Caller::User).authorize_security_group_ingress().group_id(group);
    open.ip_permissions(tcp(22, "0.0.0.0/0")).send().await.expect("opened");
}

fn says(event: &Value, detail_type: &str, text: &str) -> bool {
    event["detail-type"] == json!(detail_type) && event.to_string().contains(text)
}

#[tokio::test]
async fn a_broken_document_is_refused_and_the_others_stay_enforced() {
    let stage = Stage::restored().await;
    let (broken, good) =
        (stage.group("hipaa", "main", "nlb").await, stage.group("three-tier", "main", "database").await);
    let (broken_before, good_before) = (stage.words(&broken).await, stage.words(&good).await);
    let documents = Documents::copied();
    documents.edit("hipaa", "environment: production", "environmet: production");

    // The end of the deploy wakes the sweep, which says so at once.
    documents.deploy(&stage);
    let refused = stage.outcome("refuses hipaa", |event| says(event, "Topology Refused", "hipaa")).await;

    let problems = refused["problems"].as_str().expect("problems");
    assert!(problems.contains("environmet") && problems.contains("topology.yaml:7"), "{problems}");
    until("the alarm is on", || stage.alarmed("SweepRefusedDocumentsAlarm")).await;
    open(&stage, &broken).await;
    open(&stage, &good).await;
    stage.outcome("fixes the good one", |event| fixed(event, &good)).await;
    assert_eq!(stage.words(&good).await, good_before);
    stage.sweep().await;
    stage.idle();
    assert_ne!(stage.words(&broken).await, broken_before, "no document, no enforcement");
    let missing: Vec<_> =
        stage.outcomes().await.into_iter().filter(|event| says(event, "Topology Missing", "hipaa")).collect();
    assert!(missing.is_empty(), "broken is not removed: {missing:#?}");

    // Mended, it is enforced again without anybody asking.
    documents.edit("hipaa", "environmet: production", "environment: production");
    documents.deploy(&stage);
    stage.until_words(&broken, &broken_before).await;
}

#[tokio::test]
async fn a_document_that_left_the_layer_is_reported_and_its_network_is_left_alone() {
    let stage = Stage::restored().await;
    let group = stage.group("hipaa", "main", "nlb").await;
    let documents = Documents::copied();
    documents.remove("hipaa");
    documents.deploy(&stage);
    stage.outcome("misses hipaa", |event| says(event, "Topology Missing", "hipaa")).await;
    let mark = stage.mark();
    open(&stage, &group).await;
    let after = stage.words(&group).await;

    stage.idle();
    stage.sweep().await;
    stage.idle();

    assert_eq!(stage.words(&group).await, after);
    let writes: Vec<_> =
        stage.calls(mark).into_iter().filter(|call| call.is_plumbline_write() && call.service == "ec2").collect();
    assert!(writes.is_empty(), "{writes:#?}");
}

/// As `aws lambda update-function-configuration` does it in an emergency.
async fn run_with(stage: &Stage, function: &str, layer: &str) {
    let name = format!("{CONTROL_PLANE}-{function}");
    let lambda = stage.lambda();
    let now = lambda.get_function_configuration().function_name(&name).send().await.expect("configuration");
    let mut variables = now.environment().and_then(|all| all.variables().cloned()).expect("variables");
    variables.insert("PLUMBLINE_LAYER".into(), layer.into());
    let environment = Environment::builder().set_variables(Some(variables)).build();
    let update = lambda.update_function_configuration().function_name(&name).layers(layer).environment(environment);
    update.send().await.expect("updated");
}

#[tokio::test]
async fn an_older_layer_only_plans_until_a_person_confirms() {
    let stage = Stage::restored().await;
    let group = stage.group("three-tier", "main", "alb").await;
    let before = stage.words(&group).await;
    let older = stage.output("TopologiesLayer").to_owned();
    let documents = Documents::copied();
    documents.edit("three-tier", "from: 0.0.0.0/0, description: HTTP traffic", "from: 0.0.0.0/0, description: Web");
    let newer = documents.deploy(&stage);
    assert_ne!(newer, older);
    // The new declaration takes effect by itself, and with it the newer version.
    stage.outcome("acts on the new declaration", |event| fixed(event, &group)).await;
    let declared = stage.words(&group).await;
    assert_ne!(declared, before);
    stage.idle();
    run_with(&stage, "security-groups", &older).await;
    let mark = stage.mark();

    open(&stage, &group).await;
    let report = stage
        .outcome("holds because of the layer", |event| {
            says(event, "Drift Held", "acted on three-tier already") && event.to_string().contains(&group)
        })
        .await;

    assert!(report.to_string().contains("confirm_rollback"), "it says what to type: {report:#}");
    stage.idle();
    assert_ne!(stage.words(&group).await, declared);
    let writes: Vec<_> =
        stage.calls(mark).into_iter().filter(|call| call.is_plumbline_write() && call.service == "ec2").collect();
    assert!(writes.is_empty(), "{writes:#?}");

    let order = json!({"confirm_rollback": {"topology": "three-tier", "reason": "INC-3"}});
    let answer = stage.by_hand("security-groups", order).await;
    assert_eq!(answer["ok"], json!(true), "{answer:#}");
    stage.sweep().await;
    stage.until_words(&group, &before).await;
}
