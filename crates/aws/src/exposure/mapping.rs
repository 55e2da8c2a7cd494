//! Things as the SDKs have them, and as the control compares them. `None` or `Err`: one lacks what every one has.

use crate::network::{stack, tags};
use aws_sdk_ec2::types::{NetworkInterface, Subnet};
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, Deployment, DeploymentControllerType, DeploymentRolloutState,
    NetworkConfiguration, Service as EcsService,
};
use aws_sdk_elasticloadbalancingv2::types::{LoadBalancer, LoadBalancerSchemeEnum};
use aws_sdk_rds::types::DbInstance;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::collections::BTreeMap;
use topology::exposure::{Address, Balancer, Controller, Database, Interface, Leaving, Service};
use topology::{ResourceId, VpcId};

/// A subnet: where it is, and its range.
pub(super) type Place = (ResourceId, (VpcId, Ipv4Net));

/// A subnet. `Ok(None)`: one without IPv4, which nobody can declare, and in which nothing has a public IPv4 address.
pub(super) fn subnet(subnet: &Subnet) -> Result<Option<Place>, String> {
    let id = subnet.subnet_id().ok_or("a subnet has no id")?;
    let Some(range) = subnet.cidr_block().filter(|range| !range.is_empty()) else { return Ok(None) };
    let vpc = subnet.vpc_id().ok_or_else(|| format!("{id} names no VPC"))?;
    let range = range.parse::<Ipv4Net>().map_err(|_| format!("the range of {id} is no IPv4 range"))?;
    Ok(Some((id.into(), (vpc.into(), range))))
}

pub(super) fn interface(interface: &NetworkInterface) -> Option<Interface> {
    let associated = |association: Option<&aws_sdk_ec2::types::NetworkInterfaceAssociation>, private: Option<&str>| {
        let association = association?;
        // What AWS leaves out and what it sends empty is the same.
        let id = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ResourceId::from);
        Some(Address {
            public_ip: association.public_ip().filter(|ip| !ip.is_empty())?.into(),
            private_ip: private.unwrap_or_default().into(),
            allocation: id(association.allocation_id()),
            association: id(association.association_id()),
        })
    };
    let each = interface.private_ip_addresses().iter();
    let mut addresses: Vec<Address> =
        each.filter_map(|one| associated(one.association(), one.private_ip_address())).collect();
    // The association of the first private address is told twice.
    let first = associated(interface.association(), interface.private_ip_address());
    addresses.extend(first.filter(|first| addresses.iter().all(|known| known.public_ip != first.public_ip)));
    let groups = interface.groups().iter();
    let groups =
        groups.filter_map(|group| Some((group.group_id()?.into(), group.group_name().unwrap_or_default().into())));
    Some(Interface {
        id: interface.network_interface_id()?.into(),
        subnet: interface.subnet_id()?.into(),
        addresses,
        groups: groups.collect(),
        kind: interface.interface_type().map_or("interface", |kind| kind.as_str()).into(),
        managed: interface.requester_managed().unwrap_or_default(),
        description: interface.description().unwrap_or_default().into(),
        instance: interface.attachment().and_then(|attachment| attachment.instance_id()).map(Into::into),
        stack: stack(&tags(interface.tag_set())),
    })
}

pub(super) fn database(instance: &DbInstance) -> Option<Database> {
    let subnets = instance.db_subnet_group().map(|group| group.subnets()).unwrap_or_default();
    let attached = instance.vpc_security_groups().iter().filter(|group| group.status() != Some("removing"));
    let tags: BTreeMap<String, String> = (instance.tag_list().iter())
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .collect();
    Some(Database {
        name: instance.db_instance_identifier()?.into(),
        resource: instance.dbi_resource_id().map(Into::into),
        cluster: instance.db_cluster_identifier().filter(|name| !name.is_empty()).map(Into::into),
        engine: instance.engine().unwrap_or_default().into(),
        status: instance.db_instance_status()?.into(),
        public: instance.publicly_accessible().unwrap_or_default(),
        subnets: subnets.iter().filter_map(|subnet| subnet.subnet_identifier()).map(Into::into).collect(),
        groups: attached.filter_map(|group| group.vpc_security_group_id()).map(Into::into).collect(),
        stack: stack(&tags),
    })
}

pub(super) fn service(service: &EcsService) -> Option<Service> {
    let cluster = service.cluster_arn()?.rsplit('/').next()?.to_owned();
    // The network of a service with an external controller is that of its task sets.
    let sets = service.task_sets().iter().filter_map(|set| set.network_configuration());
    let networks = service.network_configuration().into_iter().chain(sets);
    let networks: Vec<_> = networks.filter_map(NetworkConfiguration::awsvpc_configuration).collect();
    let first = networks.first();
    let subnets = first.map(|network| network.subnets()).unwrap_or_default();
    let groups = first.map(|network| network.security_groups()).unwrap_or_default();
    let controller = match service.deployment_controller().map(|controller| controller.r#type()) {
        None | Some(DeploymentControllerType::Ecs) => Controller::Ecs,
        Some(DeploymentControllerType::CodeDeploy) => Controller::CodeDeploy,
        Some(_) => Controller::External,
    };
    let failed = |one: &Deployment| {
        let private = network(one).is_some_and(|network| !gives_public_addresses(network));
        private && one.rollout_state() == Some(&DeploymentRolloutState::Failed)
    };
    let tags: BTreeMap<String, String> = (service.tags().iter())
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .collect();
    Some(Service {
        cluster,
        name: service.service_name()?.into(),
        subnets: subnets.iter().map(|id| id.as_str().into()).collect(),
        groups: groups.iter().map(|id| id.as_str().into()).collect(),
        public: networks.iter().any(|network| gives_public_addresses(network)),
        controller,
        leaving: leaving(service.deployments()),
        failed_private: service.deployments().iter().any(failed),
        stack: stack(&tags),
    })
}

fn network(deployment: &Deployment) -> Option<&AwsVpcConfiguration> {
    deployment.network_configuration().and_then(NetworkConfiguration::awsvpc_configuration)
}

fn gives_public_addresses(network: &AwsVpcConfiguration) -> bool {
    network.assign_public_ip() == Some(&AssignPublicIp::Enabled)
}

fn begun(deployment: &Deployment) -> Option<Timestamp> {
    let at = deployment.created_at()?;
    Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok()
}

/// ACTIVE is a deployment that "still has running tasks, but are in the process of being replaced"
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>). `runningCount` would end too soon: a task that
/// drains connections has its address longer than it counts as RUNNING.
fn leaving(deployments: &[Deployment]) -> Vec<Leaving> {
    let one = |deployment: &Deployment| {
        let network = network(deployment).filter(|network| gives_public_addresses(network))?;
        let old = begun(deployment);
        let newer = deployments.iter().filter_map(begun).filter(|begun| old.is_some_and(|old| *begun > old));
        Some(Leaving {
            subnets: network.subnets().iter().map(|id| id.as_str().into()).collect(),
            groups: network.security_groups().iter().map(|id| id.as_str().into()).collect(),
            // Of its own time AWS says only when it began, which may be years ago.
            since: newer.min(),
        })
    };
    deployments.iter().filter(|deployment| deployment.status() == Some("ACTIVE")).filter_map(one).collect()
}

pub(super) fn balancer(balancer: &LoadBalancer) -> Option<Balancer> {
    let zones = balancer.availability_zones().iter();
    Some(Balancer {
        arn: balancer.load_balancer_arn()?.into(),
        name: balancer.load_balancer_name()?.into(),
        kind: balancer.r#type().map_or("network", |kind| kind.as_str()).into(),
        internet_facing: balancer.scheme() == Some(&LoadBalancerSchemeEnum::InternetFacing),
        vpc: balancer.vpc_id().map(Into::into),
        subnets: zones.filter_map(|zone| zone.subnet_id()).map(Into::into).collect(),
    })
}

#[cfg(test)]
mod tests;
