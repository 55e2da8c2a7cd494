//! The five complete systems: what runs in each network, by its `workload.yaml`.

use crate::stage::{Caller, PATIENCE, Stage};
use aws_sdk_cloudformation::types::{Parameter, Stack, StackDriftDetectionStatus, StackDriftStatus, StackStatus};
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::{Filter, NetworkInterface};
use std::time::{Duration, Instant};

fn workload(topology: &str) -> String {
    format!("workload-{topology}")
}

async fn described(stage: &Stage, stack: &str) -> Stack {
    let found = stage.cloudformation().describe_stacks().stack_name(stack).send().await.expect("describe the stack");
    found.stacks()[0].clone()
}

/// The stack when nothing is in progress any more.
async fn at_rest(stage: &Stage, stack: &str) -> Stack {
    let end = Instant::now() + PATIENCE;
    loop {
        let found = described(stage, stack).await;
        if !found.stack_status().is_some_and(|status| status.as_str().ends_with("_IN_PROGRESS")) {
            return found;
        }
        assert!(Instant::now() < end, "{stack} does not come to rest");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The same template, with every parameter as it is but those named.
async fn update(stage: &Stage, stack: &str, changed: &[(&str, &str)]) -> Result<(), String> {
    let keys = described(stage, stack).await.parameters().to_vec();
    let parameters = keys.iter().filter_map(Parameter::parameter_key).map(|key| {
        let parameter = Parameter::builder().parameter_key(key);
        match changed.iter().find(|(name, _)| *name == key) {
            Some((_, value)) => parameter.parameter_value(*value).build(),
            None => parameter.use_previous_value(true).build(),
        }
    });
    let capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];
    let call = stage.cloudformation().update_stack().stack_name(stack).use_previous_template(true);
    let call = call.set_parameters(Some(parameters.collect()));
    let call = call.set_capabilities(Some(capabilities.iter().map(|one| (*one).into()).collect()));
    call.send().await.map(|_| ()).map_err(|error| error.message().unwrap_or_default().to_owned())
}

/// What services keep in the subnets of a VPC for their customers.
async fn kept(stage: &Stage, vpc: &str) -> Vec<NetworkInterface> {
    let by = Filter::builder().name("vpc-id").values(vpc).build();
    let call = stage.ec2(Caller::Root).describe_network_interfaces().filters(by).send();
    let found = call.await.expect("describe interfaces").network_interfaces().to_vec();
    found.into_iter().filter(|one| one.requester_managed() == Some(true)).collect()
}

#[tokio::test]
async fn every_system_is_complete_and_as_its_template_says() {
    let stage = Stage::restored().await;
    for topology in stage.vpcs().keys() {
        let stack = workload(topology);
        let status = described(&stage, &stack).await.stack_status().cloned();
        assert!(
            matches!(status, Some(StackStatus::CreateComplete | StackStatus::UpdateComplete)),
            "{stack}: {status:?}"
        );
        let formation = stage.cloudformation();
        let detection = formation.detect_stack_drift().stack_name(&stack).send().await.expect("detect drift");
        let id = detection.stack_drift_detection_id().expect("an id");
        let end = Instant::now() + PATIENCE;
        let found = loop {
            let call = formation.describe_stack_drift_detection_status().stack_drift_detection_id(id).send();
            let found = call.await.expect("describe the detection");
            if found.detection_status() != Some(&StackDriftDetectionStatus::DetectionInProgress) {
                break found;
            }
            assert!(Instant::now() < end, "drift of {stack} is not detected");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(found.stack_drift_status(), Some(&StackDriftStatus::InSync), "{stack}");
    }
}

#[tokio::test]
async fn a_second_deploy_changes_nothing() {
    let stage = Stage::restored().await;
    for topology in stage.vpcs().keys() {
        let refusal = update(&stage, &workload(topology), &[]).await.expect_err("nothing to update");
        assert!(refusal.contains("No updates are to be performed"), "{topology}: {refusal}");
    }
}

#[tokio::test]
async fn a_system_is_deleted_before_its_network() {
    let stage = Stage::restored().await;
    let (stack, vpc) = (workload("three-tier"), stage.vpc("three-tier", "main"));
    let ours = kept(&stage, vpc).await;
    let balancer = ours.iter().find(|one| one.description().is_some_and(|text| text.starts_with("ELB app/")));
    let subnet = balancer.and_then(NetworkInterface::subnet_id).expect("a load balancer in a subnet");
    let early = stage.ec2(Caller::Root).delete_subnet().subnet_id(subnet).send().await.expect_err("in use");
    assert_eq!(early.code(), Some("DependencyViolation"));

    update(&stage, &stack, &[("DeletionProtection", "false")]).await.expect("the stack takes it");
    let unprotected = at_rest(&stage, &stack).await;
    assert_eq!(unprotected.stack_status(), Some(&StackStatus::UpdateComplete), "{unprotected:?}");
    let id = unprotected.stack_id().expect("an id").to_owned();
    stage.cloudformation().delete_stack().stack_name(&id).send().await.expect("delete the stack");
    let gone = at_rest(&stage, &id).await;
    assert_eq!(gone.stack_status(), Some(&StackStatus::DeleteComplete), "{:?}", gone.stack_status_reason());
    let left = kept(&stage, vpc).await;
    let left: Vec<_> = left.iter().filter_map(NetworkInterface::description).collect();
    assert!(!left.iter().any(|text| ["ELB", "ElastiCache"].iter().any(|of| text.starts_with(of))), "{left:?}");
}
