//! A VPC endpoint.

use crate::scenario::Subject;
use crate::stage::{Caller, Stage};
use aws_sdk_ec2::types::{Filter, State, VpcEndpoint};
use topology::ControlId;

/// The endpoints of a VPC, one of which ECS tasks log through: somebody swaps its security group for another, so that nobody is let in
/// where the name still leads, and takes it out of one zone. Both come back by one call.
pub(super) struct Endpoints {
    vpc: String,
    declared: String,
    other: String,
}

impl Endpoints {
    async fn all(&self, stage: &Stage) -> Vec<VpcEndpoint> {
        let by = Filter::builder().name("vpc-id").values(&self.vpc).build();
        let found = stage.ec2(Caller::Root).describe_vpc_endpoints().filters(by).send().await.expect("described");
        found.vpc_endpoints().to_vec()
    }
}

impl Subject for Endpoints {
    const CONTROL: ControlId = ControlId::Endpoints;
    const TOPOLOGY: &'static str = "three-tier";
    const DEAD_LETTERS: &'static str = "EndpointsDeadLettersUrl";
    const REPAIR: &'static [(&'static str, usize)] = &[("ModifyVpcEndpoint", 1)];
    const WRITES: &'static [&'static str] = &["ec2 ModifyVpcEndpoint"];

    async fn find(stage: &Stage) -> Self {
        Self {
            vpc: stage.vpc(Self::TOPOLOGY, "main").to_owned(),
            declared: stage.group(Self::TOPOLOGY, "main", "endpoints").await,
            other: stage.group(Self::TOPOLOGY, "main", "default").await,
        }
    }

    async fn state(&self, stage: &Stage) -> Vec<String> {
        let sorted = |list: &[String]| {
            let mut list = list.to_vec();
            list.sort();
            list.join(" ")
        };
        let mut words: Vec<String> = self
            .all(stage)
            .await
            .iter()
            .map(|it| {
                let groups: Vec<String> = it.groups().iter().filter_map(|group| group.group_id.clone()).collect();
                format!(
                    "{} {}: {} in [{}] [{}] behind [{}], private DNS {:?}",
                    it.vpc_endpoint_type().map_or("?", |kind| kind.as_str()),
                    it.service_name().unwrap_or_default(),
                    it.state().map_or("?", State::as_str),
                    sorted(it.subnet_ids()),
                    sorted(it.route_table_ids()),
                    sorted(&groups),
                    it.private_dns_enabled(),
                )
            })
            .collect();
        words.sort();
        words
    }

    async fn damage(&self, stage: &Stage, caller: Caller) {
        let all = self.all(stage).await;
        let logs = all.iter().find(|it| it.service_name().is_some_and(|name| name.ends_with(".logs"))).expect("logs");
        let modify = stage.ec2(caller).modify_vpc_endpoint().vpc_endpoint_id(logs.vpc_endpoint_id().expect("an id"));
        let modify = modify.remove_security_group_ids(&self.declared).add_security_group_ids(&self.other);
        let subnet = logs.subnet_ids().iter().min().expect("a subnet");
        modify.remove_subnet_ids(subnet).send().await.expect("modified");
    }
}
