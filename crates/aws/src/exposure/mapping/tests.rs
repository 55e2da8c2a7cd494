use super::*;
use aws_sdk_ec2::types::{
    GroupIdentifier, NetworkInterfaceAssociation, NetworkInterfaceAttachment, NetworkInterfacePrivateIpAddress,
    NetworkInterfaceType, Tag,
};
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::{DeploymentController, TaskSet};
use aws_sdk_elasticloadbalancingv2::types::{AvailabilityZone, LoadBalancerTypeEnum};
use aws_sdk_rds::types::{DbSubnetGroup, Subnet as DbSubnet, Tag as DbTag, VpcSecurityGroupMembership};

const STACK: &str = "aws:cloudformation:stack-id";

#[test]
fn an_address_of_any_private_address_is_seen_once() {
    let elastic = NetworkInterfaceAssociation::builder()
        .public_ip("198.51.100.7")
        .allocation_id("eipalloc-1")
        .association_id("eipassoc-1")
        .build();
    let assigned = NetworkInterfaceAssociation::builder().public_ip("198.51.100.8").allocation_id("").build();
    let address = |ip: &str, association: &NetworkInterfaceAssociation| {
        NetworkInterfacePrivateIpAddress::builder().private_ip_address(ip).association(association.clone()).build()
    };
    let described = NetworkInterface::builder()
        .network_interface_id("eni-1")
        .subnet_id("subnet-1")
        .private_ip_address("10.0.0.4")
        .association(assigned.clone())
        .private_ip_addresses(address("10.0.0.4", &assigned))
        .private_ip_addresses(address("10.0.0.5", &elastic))
        .private_ip_addresses(NetworkInterfacePrivateIpAddress::builder().private_ip_address("10.0.0.6").build())
        .groups(GroupIdentifier::builder().group_id("sg-1").group_name("web").build())
        .interface_type(NetworkInterfaceType::from("nat_gateway"))
        .requester_managed(true)
        .attachment(NetworkInterfaceAttachment::builder().instance_id("i-1").build())
        .tag_set(Tag::builder().key(STACK).value("arn:stack").build())
        .build();
    let read = interface(&described).unwrap();
    let shown: Vec<_> = read.addresses.iter().map(|it| (it.public_ip.as_str(), it.private_ip.as_str())).collect();
    assert_eq!(shown, [("198.51.100.8", "10.0.0.4"), ("198.51.100.7", "10.0.0.5")]);
    assert_eq!(read.addresses[0].allocation, None, "sent empty is left out");
    assert_eq!(read.addresses[1].association, Some("eipassoc-1".into()));
    assert_eq!((read.kind.as_str(), read.managed, read.instance), ("nat_gateway", true, Some("i-1".into())));
    assert_eq!(read.groups, [("sg-1".into(), "web".to_owned())].into());
    assert_eq!(read.stack, Some("arn:stack".into()));
    let bare = NetworkInterface::builder().network_interface_id("eni-1").association(elastic).subnet_id("subnet-1");
    assert_eq!(interface(&bare.build()).unwrap().addresses.len(), 1);
    assert_eq!(interface(&NetworkInterface::builder().network_interface_id("eni-1").build()), None);
}

#[test]
fn a_database_is_read_with_what_is_attached_and_not_with_what_goes() {
    let group =
        |id: &str, status: &str| VpcSecurityGroupMembership::builder().vpc_security_group_id(id).status(status).build();
    let described = DbInstance::builder()
        .db_instance_identifier("orders")
        .db_cluster_identifier("")
        .engine("postgres")
        .db_instance_status("available")
        .publicly_accessible(true)
        .db_subnet_group(
            DbSubnetGroup::builder().subnets(DbSubnet::builder().subnet_identifier("subnet-1").build()).build(),
        )
        .vpc_security_groups(group("sg-1", "active"))
        .vpc_security_groups(group("sg-2", "removing"))
        .vpc_security_groups(group("sg-3", "adding"))
        .tag_list(DbTag::builder().key(STACK).value("arn:stack").build());
    let read = database(&described.clone().build()).unwrap();
    assert_eq!((read.public, read.cluster.clone()), (true, None));
    assert_eq!(read.groups, ["sg-1".into(), "sg-3".into()].into());
    assert_eq!((read.subnets, read.stack), (["subnet-1".into()].into(), Some("arn:stack".into())));
    let member = described.db_cluster_identifier("ledger").publicly_accessible(false).build();
    let read = database(&member).unwrap();
    assert_eq!((read.public, read.cluster.as_deref()), (false, Some("ledger")));
    assert_eq!(database(&DbInstance::builder().build()), None);
}

fn network(public: AssignPublicIp) -> NetworkConfiguration {
    let network = AwsVpcConfiguration::builder().subnets("subnet-2").subnets("subnet-1").security_groups("sg-1");
    let network = network.assign_public_ip(public).build().unwrap();
    NetworkConfiguration::builder().awsvpc_configuration(network).build()
}

#[test]
fn a_service_is_read_in_the_order_that_aws_keeps() {
    let described = EcsService::builder()
        .cluster_arn("arn:aws:ecs:eu-west-1:111122223333:cluster/shop")
        .service_name("web")
        .network_configuration(network(AssignPublicIp::Enabled));
    let read = service(&described.build()).unwrap();
    assert_eq!((read.cluster.as_str(), read.name.as_str(), read.public), ("shop", "web", true));
    assert_eq!(read.subnets, ["subnet-2".into(), "subnet-1".into()]);
    assert_eq!((read.controller, read.leaving, read.failed_private), (Controller::Ecs, vec![], false));
}

fn deployment(status: &str, public: AssignPublicIp, begun: i64, state: DeploymentRolloutState) -> Deployment {
    let deployment = Deployment::builder().status(status).network_configuration(network(public)).rollout_state(state);
    deployment.created_at(DateTime::from_secs(begun)).build()
}

#[test]
fn what_a_deployment_replaces_is_leaving_when_it_has_public_addresses() {
    use AssignPublicIp::{Disabled, Enabled};
    use DeploymentRolloutState::{Completed, InProgress};
    let left = |deployments: Vec<Deployment>| {
        let described = EcsService::builder().cluster_arn("c/shop").service_name("web");
        service(&described.set_deployments(Some(deployments)).build()).unwrap().leaving
    };
    let (new, newest) =
        (deployment("ACTIVE", Disabled, 200, Completed), deployment("PRIMARY", Disabled, 300, InProgress));
    let found = left(vec![newest.clone(), new, deployment("ACTIVE", Enabled, 100, Completed)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].since, Some(Timestamp::constant(200, 0)), "by the first of those that came after it");
    assert_eq!(found[0].groups, ["sg-1".into()]);
    assert_eq!(found[0].subnets, ["subnet-2".into(), "subnet-1".into()]);
    let alone = left(vec![deployment("ACTIVE", Enabled, 100, Completed)]);
    assert_eq!(alone[0].since, None, "nobody knows by what it is replaced");
    for (status, public) in [("PRIMARY", Enabled), ("INACTIVE", Enabled), ("ACTIVE", Disabled)] {
        let found = left(vec![newest.clone(), deployment(status, public, 100, InProgress)]);
        assert!(found.is_empty(), "{status}: {found:?}");
    }
}

#[test]
fn a_deployment_without_public_addresses_that_failed_is_seen() {
    use AssignPublicIp::{Disabled, Enabled};
    use DeploymentRolloutState::{Completed, Failed, InProgress};
    for (public, state, failed) in [
        (Disabled, Failed, true),
        (Enabled, Failed, false),
        (Disabled, Completed, false),
        (Disabled, InProgress, false),
    ] {
        let described = EcsService::builder().cluster_arn("c/shop").service_name("web");
        let described = described.deployments(deployment("PRIMARY", Enabled, 300, InProgress));
        let described = described.deployments(deployment("ACTIVE", public.clone(), 200, state.clone())).build();
        assert_eq!(service(&described).unwrap().failed_private, failed, "{public:?} {state:?}");
    }
}

#[test]
fn a_subnet_without_ipv4_hides_no_other() {
    let described = Subnet::builder().subnet_id("subnet-1").vpc_id("vpc-1");
    assert_eq!(subnet(&described.clone().ipv6_native(true).build()), Ok(None));
    assert_eq!(subnet(&described.clone().cidr_block("").build()), Ok(None), "sent empty is left out");
    let range: Ipv4Net = "10.0.0.0/24".parse().unwrap();
    let read = subnet(&described.clone().cidr_block("10.0.0.0/24").build());
    assert_eq!(read, Ok(Some(("subnet-1".into(), ("vpc-1".into(), range)))));
    assert!(subnet(&described.cidr_block("nonsense").build()).is_err());
    assert!(subnet(&Subnet::builder().cidr_block("10.0.0.0/24").subnet_id("subnet-1").build()).is_err());
}

#[test]
fn an_external_controller_has_its_network_in_task_sets() {
    let controller = |kind| DeploymentController::builder().r#type(kind).build().unwrap();
    let described = EcsService::builder().cluster_arn("c/shop").service_name("web");
    let set = TaskSet::builder().network_configuration(network(AssignPublicIp::Enabled)).build();
    let external =
        described.clone().task_sets(set).deployment_controller(controller(DeploymentControllerType::External));
    let read = service(&external.build()).unwrap();
    assert_eq!((read.public, read.subnets.len(), read.controller), (true, 2, Controller::External));
    let code_deploy = described.clone().deployment_controller(controller(DeploymentControllerType::CodeDeploy));
    assert_eq!(service(&code_deploy.build()).unwrap().controller, Controller::CodeDeploy);
    let new = described.deployment_controller(controller(DeploymentControllerType::from("SOMETHING_NEW")));
    assert_eq!(service(&new.build()).unwrap().controller, Controller::External, "nobody knows what it lets be done");
}

#[test]
fn a_load_balancer_faces_the_internet_when_it_says_so() {
    let described = LoadBalancer::builder()
        .load_balancer_arn("arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/web/01")
        .load_balancer_name("web")
        .r#type(LoadBalancerTypeEnum::Application)
        .vpc_id("vpc-1")
        .availability_zones(AvailabilityZone::builder().subnet_id("subnet-1").build());
    assert!(!balancer(&described.clone().build()).unwrap().internet_facing, "a gateway load balancer has no scheme");
    let read = balancer(&described.scheme(LoadBalancerSchemeEnum::InternetFacing).build()).unwrap();
    assert_eq!((read.internet_facing, read.kind.as_str(), read.vpc), (true, "application", Some("vpc-1".into())));
    assert_eq!(read.subnets, ["subnet-1".into()].into());
}
