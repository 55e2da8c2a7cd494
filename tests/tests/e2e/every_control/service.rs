//! An endpoint service.

use crate::scenario::Subject;
use crate::stage::{Caller, Stage};
use aws_sdk_ec2::types::Filter;
use topology::ControlId;

/// Somebody lets every connection in unseen, and a stranger make them.
pub(super) struct Service(String);

const STRANGER: &str = "arn:aws:iam::333344445555:root";

impl Subject for Service {
    const CONTROL: ControlId = ControlId::PrivateLink;
    const TOPOLOGY: &'static str = "privatelink";
    const DEAD_LETTERS: &'static str = "PrivatelinkDeadLettersUrl";
    const REPAIR: &'static [(&'static str, usize)] =
        &[("ModifyVpcEndpointServiceConfiguration", 1), ("ModifyVpcEndpointServicePermissions", 1)];
    const WRITES: &'static [&'static str] =
        &["ec2 ModifyVpcEndpointServiceConfiguration", "ec2 ModifyVpcEndpointServicePermissions"];

    async fn find(stage: &Stage) -> Self {
        let by = Filter::builder().name("tag:plumbline:service").values("products-api").build();
        let describe = stage.ec2(Caller::Root).describe_vpc_endpoint_service_configurations().filters(by);
        let found = describe.send().await.expect("described");
        Self(found.service_configurations()[0].service_id().expect("an id").to_owned())
    }

    async fn state(&self, stage: &Stage) -> Vec<String> {
        let ec2 = stage.ec2(Caller::Root);
        let found = ec2.describe_vpc_endpoint_service_configurations().service_ids(&self.0).send().await;
        let found = found.expect("described");
        let service = &found.service_configurations()[0];
        let mut words = vec![
            format!("acceptance required: {:?}", service.acceptance_required()),
            format!("behind it: {:?}", service.network_load_balancer_arns()),
        ];
        let allowed =
            ec2.describe_vpc_endpoint_service_permissions().service_id(&self.0).send().await.expect("allowed");
        words.extend(allowed.allowed_principals().iter().map(|one| format!("allowed: {:?}", one.principal())));
        let by = Filter::builder().name("service-id").values(&self.0).build();
        let connected = ec2.describe_vpc_endpoint_connections().filters(by).send().await.expect("connections");
        words.extend(connected.vpc_endpoint_connections().iter().map(|one| {
            format!("{:?} is {:?}", one.vpc_endpoint_id(), one.vpc_endpoint_state().map(|state| state.as_str()))
        }));
        words.sort();
        words
    }

    async fn damage(&self, stage: &Stage, caller: Caller) {
        let ec2 = stage.ec2(caller);
        let open = ec2.modify_vpc_endpoint_service_configuration().service_id(&self.0).acceptance_required(false);
        open.send().await.expect("acceptance switched off");
        let allow = ec2.modify_vpc_endpoint_service_permissions().service_id(&self.0).add_allowed_principals(STRANGER);
        allow.send().await.expect("a stranger allowed");
    }
}
