//! What lives in tiers that have no public addresses.

use crate::scenario::Subject;
use crate::stage::{Caller, Stage};
use aws_sdk_ec2::types::{Address, Filter, NetworkInterface};
use aws_sdk_ecs::types::{AssignPublicIp, AwsVpcConfiguration, NetworkConfiguration, Service};
use aws_sdk_rds::types::DbInstance;
use topology::ControlId;

/// The name of all that `scripts/lib/surroundings.py` makes in the network.
pub(crate) const NAME: &str = "tenants";

/// A database, a service and an interface: somebody makes all of them public.
pub(super) struct Tenants;

pub(crate) async fn database(stage: &Stage) -> DbInstance {
    let found = stage.databases(Caller::Root).describe_db_instances().db_instance_identifier(NAME).send().await;
    found.expect("described").db_instances()[0].clone()
}

pub(crate) async fn service(stage: &Stage) -> Service {
    let describe = stage.containers(Caller::Root).describe_services().cluster(NAME).services("web");
    describe.send().await.expect("described").services()[0].clone()
}

/// The network of the service, with or without public addresses.
pub(crate) fn network(service: &Service, public: AssignPublicIp) -> NetworkConfiguration {
    let network = service.network_configuration().and_then(NetworkConfiguration::awsvpc_configuration).expect("one");
    let network = AwsVpcConfiguration::builder()
        .set_subnets(Some(network.subnets().to_vec()))
        .set_security_groups(Some(network.security_groups().to_vec()))
        .assign_public_ip(public);
    NetworkConfiguration::builder().awsvpc_configuration(network.build().expect("with subnets")).build()
}

fn named() -> Filter {
    Filter::builder().name("tag:Name").values(NAME).build()
}

pub(crate) async fn interface(stage: &Stage) -> NetworkInterface {
    let found = stage.ec2(Caller::Root).describe_network_interfaces().filters(named()).send().await;
    found.expect("described").network_interfaces()[0].clone()
}

pub(crate) async fn address(stage: &Stage) -> Address {
    let found = stage.ec2(Caller::Root).describe_addresses().filters(named()).send().await.expect("described");
    found.addresses()[0].clone()
}

/// Puts the address on the interface.
pub(crate) async fn associate(stage: &Stage, caller: Caller) {
    let (address, interface) = (address(stage).await, interface(stage).await);
    let associate = stage.ec2(caller).associate_address().set_allocation_id(address.allocation_id);
    associate.set_network_interface_id(interface.network_interface_id).send().await.expect("associated");
}

impl Subject for Tenants {
    const CONTROL: ControlId = ControlId::Exposure;
    const TOPOLOGY: &'static str = "three-tier";
    const DEAD_LETTERS: &'static str = "ExposureDeadLettersUrl";
    const REPAIR: &'static [(&'static str, usize)] =
        &[("DisassociateAddress", 1), ("ModifyDBInstance", 1), ("UpdateService", 1)];
    const WRITES: &'static [&'static str] = &["ec2 DisassociateAddress", "rds ModifyDBInstance", "ecs UpdateService"];

    async fn find(_: &Stage) -> Self {
        Self
    }

    async fn state(&self, stage: &Stage) -> Vec<String> {
        let (database, service) = (database(stage).await, service(stage).await);
        let vpc = Filter::builder().name("vpc-id").values(stage.vpc(Self::TOPOLOGY, "main")).build();
        let found = stage.ec2(Caller::Root).describe_network_interfaces().filters(vpc).send().await.expect("described");
        let mut words: Vec<String> = (found.network_interfaces().iter())
            .map(|interface| {
                let public = interface.association().and_then(|association| association.public_ip()).is_some();
                let of = interface.description().unwrap_or_default();
                let of = of.split_once(":attachment/").map_or(of, |_| "task");
                format!("interface of \"{of}\" in {}, public {public}", interface.subnet_id().unwrap_or("?"))
            })
            .collect();
        let network = service.network_configuration().and_then(NetworkConfiguration::awsvpc_configuration);
        words.push(format!(
            "database {:?}, public {:?}",
            database.db_instance_status(),
            database.publicly_accessible()
        ));
        words.push(format!("service {network:?}, {} deployments", service.deployments().len()));
        words.push(format!("address used {}", address(stage).await.association_id().is_some()));
        words.sort();
        words
    }

    async fn damage(&self, stage: &Stage, caller: Caller) {
        let open = stage.databases(caller).modify_db_instance().db_instance_identifier(NAME).publicly_accessible(true);
        open.send().await.expect("made public");
        let network = network(&service(stage).await, AssignPublicIp::Enabled);
        let update = stage.containers(caller).update_service().cluster(NAME).service("web");
        update.network_configuration(network).send().await.expect("updated");
        associate(stage, caller).await;
    }
}
