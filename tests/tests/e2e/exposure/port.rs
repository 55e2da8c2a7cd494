//! The local cloud's public addresses keep the same contract as the in-memory twin that the reconciler's scenarios run on.

use crate::stage::{Caller, Stage};
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{DomainType, Filter};
use aws_sdk_ecs::types::{AssignPublicIp, AwsVpcConfiguration, ContainerDefinition, NetworkConfiguration, NetworkMode};
use serde_json::json;
use std::fmt::Debug;
use topology::{ResourceId, VpcId};
use twin::contract::{Addresses, ExposurePort};
use twin::ec2::Refusal;

const CLUSTER: &str = "contract";

struct Sdk {
    stage: Stage,
    ec2: aws_sdk_ec2::Client,
    ecs: aws_sdk_ecs::Client,
    rds: aws_sdk_rds::Client,
}

#[tokio::test]
async fn contract() {
    let stage = Stage::restored().await;
    stage.admin("PUT", "databases", Some(json!({"modifying": 600})));
    stage.admin("PUT", "containers", Some(json!({"rollout": 600})));
    let (ec2, ecs, rds) = (stage.ec2(Caller::Root), stage.containers(Caller::Root), stage.databases(Caller::Root));
    let broken = twin::contract::exposure(&Sdk { stage, ec2, ecs, rds }).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

fn refusal<E: ProvideErrorMetadata + Debug, R: Debug>(error: SdkError<E, R>) -> Refusal {
    match error.as_service_error() {
        Some(said) => Refusal {
            code: said.code().unwrap_or_default().to_owned(),
            message: said.message().unwrap_or_default().to_owned(),
        },
        None => panic!("no answer: {error:?}"),
    }
}

fn network(subnet: &ResourceId, group: &ResourceId, public: bool) -> NetworkConfiguration {
    let network = AwsVpcConfiguration::builder()
        .subnets(subnet.as_str())
        .security_groups(group.as_str())
        .assign_public_ip(if public { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled });
    NetworkConfiguration::builder().awsvpc_configuration(network.build().expect("with subnets")).build()
}

impl ExposurePort for Sdk {
    async fn create_vpc(&self, cidr: &str) -> Result<VpcId, Refusal> {
        let made = self.ec2.create_vpc().cidr_block(cidr).send().await.map_err(refusal)?;
        Ok(VpcId::new(made.vpc().and_then(|vpc| vpc.vpc_id()).expect("an id")))
    }

    async fn create_subnet(&self, vpc: &VpcId, cidr: &str) -> Result<ResourceId, Refusal> {
        let made = self.ec2.create_subnet().vpc_id(vpc.as_str()).cidr_block(cidr).send().await.map_err(refusal)?;
        Ok(made.subnet().and_then(|subnet| subnet.subnet_id()).expect("an id").into())
    }

    async fn create_group(&self, vpc: &VpcId, name: &str) -> Result<ResourceId, Refusal> {
        let create = self.ec2.create_security_group().vpc_id(vpc.as_str()).group_name(name).description(name);
        Ok(create.send().await.map_err(refusal)?.group_id().expect("an id").into())
    }

    async fn create_interface(&self, subnet: &ResourceId, group: &ResourceId) -> Result<ResourceId, Refusal> {
        let create = self.ec2.create_network_interface().subnet_id(subnet.as_str()).groups(group.as_str());
        let made = create.send().await.map_err(refusal)?;
        Ok(made.network_interface().and_then(|made| made.network_interface_id()).expect("an id").into())
    }

    async fn allocate(&self) -> Result<ResourceId, Refusal> {
        let made = self.ec2.allocate_address().domain(DomainType::Vpc).send().await.map_err(refusal)?;
        Ok(made.allocation_id().expect("an id").into())
    }

    async fn associate(&self, allocation: &ResourceId, interface: &ResourceId) -> Result<ResourceId, Refusal> {
        let associate = self.ec2.associate_address().allocation_id(allocation.as_str());
        let associate = associate.network_interface_id(interface.as_str()).allow_reassociation(false);
        Ok(associate.send().await.map_err(refusal)?.association_id().expect("an id").into())
    }

    async fn disassociate(&self, association: &ResourceId) -> Result<(), Refusal> {
        let done = self.ec2.disassociate_address().association_id(association.as_str()).send().await;
        done.map(|_| ()).map_err(refusal)
    }

    async fn addresses(&self, interface: &ResourceId) -> Result<Addresses, Refusal> {
        let found = self.ec2.describe_network_interfaces().network_interface_ids(interface.as_str()).send().await;
        let found = found.map_err(refusal)?;
        let shown = found.network_interfaces().iter().filter_map(|interface| interface.association());
        let id = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ResourceId::from);
        Ok(shown.filter_map(|one| Some((one.public_ip()?.to_owned(), id(one.allocation_id())))).collect())
    }

    async fn allocated(&self, allocation: &ResourceId) -> Result<bool, Refusal> {
        let by = Filter::builder().name("allocation-id").values(allocation.as_str()).build();
        let found = self.ec2.describe_addresses().filters(by).send().await.map_err(refusal)?;
        Ok(!found.addresses().is_empty())
    }

    async fn create_database(&self, name: &str, subnets: &[ResourceId], group: &ResourceId) -> Result<(), Refusal> {
        let ids = subnets.iter().map(ToString::to_string).collect();
        let create = self.rds.create_db_subnet_group().db_subnet_group_name(CLUSTER);
        let create = create.db_subnet_group_description(CLUSTER).set_subnet_ids(Some(ids));
        create.send().await.map_err(refusal)?;
        let create = self.rds.create_db_instance().db_instance_identifier(name).engine("postgres");
        let create = create.db_instance_class("db.t4g.micro").allocated_storage(20).master_username("app");
        let create = create.manage_master_user_password(true).db_subnet_group_name(CLUSTER);
        let create = create.vpc_security_group_ids(group.as_str()).publicly_accessible(true);
        create.send().await.map(|_| ()).map_err(refusal)
    }

    async fn modify_database(&self, name: &str, public: bool) -> Result<(), Refusal> {
        let modify = self.rds.modify_db_instance().db_instance_identifier(name).publicly_accessible(public);
        modify.send().await.map(|_| ()).map_err(refusal)
    }

    async fn database(&self, name: &str) -> Result<(String, bool), Refusal> {
        let found = self.rds.describe_db_instances().db_instance_identifier(name).send().await.map_err(refusal)?;
        let database = &found.db_instances()[0];
        Ok((database.db_instance_status().expect("a status").to_owned(), database.publicly_accessible() == Some(true)))
    }

    async fn create_service(&self, name: &str, subnet: &ResourceId, group: &ResourceId) -> Result<(), Refusal> {
        self.ecs.create_cluster().cluster_name(CLUSTER).send().await.map_err(refusal)?;
        let container = ContainerDefinition::builder().name("web").image("web").memory(128).build();
        let register = self.ecs.register_task_definition().family(CLUSTER).network_mode(NetworkMode::Awsvpc);
        register.container_definitions(container).send().await.map_err(refusal)?;
        let create = self.ecs.create_service().cluster(CLUSTER).service_name(name).task_definition(CLUSTER);
        let create = create.desired_count(1).network_configuration(network(subnet, group, true));
        create.send().await.map(|_| ()).map_err(refusal)
    }

    async fn update_service(
        &self,
        name: &str,
        subnet: &ResourceId,
        group: &ResourceId,
        public: bool,
    ) -> Result<(), Refusal> {
        let update = self.ecs.update_service().cluster(CLUSTER).service(name);
        let update = update.network_configuration(network(subnet, group, public));
        update.send().await.map(|_| ()).map_err(refusal)
    }

    async fn service(&self, name: &str) -> Result<(Vec<ResourceId>, bool), Refusal> {
        let found = self.ecs.describe_services().cluster(CLUSTER).services(name).send().await.map_err(refusal)?;
        let service = &found.services()[0];
        let network = service.network_configuration().and_then(|network| network.awsvpc_configuration()).expect("one");
        let subnets = network.subnets().iter().map(|subnet| subnet.as_str().into()).collect();
        Ok((subnets, network.assign_public_ip() == Some(&AssignPublicIp::Enabled)))
    }

    async fn tasks(&self, subnet: &ResourceId) -> Result<Vec<bool>, Refusal> {
        let by = Filter::builder().name("subnet-id").values(subnet.as_str()).build();
        let found = self.ec2.describe_network_interfaces().filters(by).send().await.map_err(refusal)?;
        let tasks = found.network_interfaces().iter();
        let tasks = tasks.filter(|interface| interface.description().is_some_and(|text| text.contains(":ecs:")));
        Ok(tasks.map(|task| task.association().and_then(|one| one.public_ip()).is_some()).collect())
    }

    async fn settle(&self) {
        self.stage.admin("POST", "databases/due", None);
        self.stage.admin("POST", "containers/due", None);
    }
}
