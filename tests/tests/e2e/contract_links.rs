//! The local cloud's PrivateLink keeps the same contract as the in-memory twin that the reconciler's scenarios run on.

use crate::contract::refusal;
use crate::stage::{Caller, PATIENCE, Stage};
use aws_sdk_ec2::types::{Filter, UnsuccessfulItem, VpcEndpointConnection, VpcEndpointType};
use aws_sdk_elasticloadbalancingv2::types::LoadBalancerTypeEnum;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use topology::privatelink::{ConnectionState, ObservedConnection};
use topology::{AccountId, ResourceId};
use twin::contract::LinkPort;
use twin::ec2::Refusal;
use twin::links::Configuration;

#[tokio::test]
async fn the_local_cloud_keeps_the_contract_of_privatelink() {
    let stage = Stage::restored().await;
    let port = Sdk { stage, balancers: AtomicUsize::default() };
    let broken = twin::contract::privatelink(&port).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

struct Sdk {
    stage: Stage,
    balancers: AtomicUsize,
}

/// A connection as the SDK reads it, in the domain's words.
pub(crate) fn observed(connection: &VpcEndpointConnection) -> ObservedConnection {
    let since = connection.creation_timestamp().expect("when it was created");
    ObservedConnection {
        endpoint: connection.vpc_endpoint_id().expect("an endpoint").into(),
        owner: connection.vpc_endpoint_owner().expect("an owner").into(),
        state: ConnectionState::from_wire(connection.vpc_endpoint_state().expect("a state").as_str()),
        since: since.to_string().parse().expect("a time"),
        region: connection.vpc_endpoint_region().map(Into::into),
    }
}

fn failed(items: &[UnsuccessfulItem]) -> Vec<(ResourceId, String)> {
    let one = |item: &UnsuccessfulItem| {
        let code = item.error().and_then(|error| error.code()).expect("a code");
        (item.resource_id().expect("an id").into(), code.to_owned())
    };
    items.iter().map(one).collect()
}

fn texts(ids: &[ResourceId]) -> Option<Vec<String>> {
    (!ids.is_empty()).then(|| ids.iter().map(ToString::to_string).collect())
}

impl LinkPort for Sdk {
    async fn balancer(&self) -> Result<ResourceId, Refusal> {
        let name = format!("contract-{}", self.balancers.fetch_add(1, Ordering::Relaxed));
        Ok(balancer(&self.stage, &name).await)
    }

    async fn create_service(&self, balancer: &ResourceId, acceptance: bool) -> Result<ResourceId, Refusal> {
        let create = self.stage.ec2(Caller::Root).create_vpc_endpoint_service_configuration();
        let create = create.network_load_balancer_arns(balancer.as_str()).acceptance_required(acceptance);
        let made = create.send().await.map_err(refusal)?;
        Ok(made.service_configuration().and_then(|service| service.service_id()).expect("an id").into())
    }

    async fn configure(&self, service: &ResourceId, change: &Configuration) -> Result<(), Refusal> {
        let Configuration { acceptance_required, attach, detach } = change;
        let modify = self.stage.ec2(Caller::Root).modify_vpc_endpoint_service_configuration();
        let modify = modify
            .service_id(service.as_str())
            .set_acceptance_required(*acceptance_required)
            .set_add_network_load_balancer_arns(texts(attach))
            .set_remove_network_load_balancer_arns(texts(detach));
        modify.send().await.map_err(refusal).map(|_| ())
    }

    async fn configuration(&self, service: &ResourceId) -> Result<(bool, BTreeSet<ResourceId>), Refusal> {
        let describe = self.stage.ec2(Caller::Root).describe_vpc_endpoint_service_configurations();
        let found = describe.service_ids(service.as_str()).send().await.map_err(refusal)?;
        let found = found.service_configurations().first().expect("the service");
        let behind = found.network_load_balancer_arns().iter().map(|arn| arn.as_str().into()).collect();
        Ok((found.acceptance_required().expect("said"), behind))
    }

    async fn permit(&self, service: &ResourceId, add: &[String], remove: &[String]) -> Result<(), Refusal> {
        let list = |all: &[String]| (!all.is_empty()).then(|| all.to_vec());
        let modify = self.stage.ec2(Caller::Root).modify_vpc_endpoint_service_permissions();
        let modify = modify
            .service_id(service.as_str())
            .set_add_allowed_principals(list(add))
            .set_remove_allowed_principals(list(remove));
        modify.send().await.map_err(refusal).map(|_| ())
    }

    async fn principals(&self, service: &ResourceId) -> Result<BTreeSet<String>, Refusal> {
        let describe = self.stage.ec2(Caller::Root).describe_vpc_endpoint_service_permissions();
        let found = describe.service_id(service.as_str()).send().await.map_err(refusal)?;
        Ok(found.allowed_principals().iter().map(|one| one.principal().expect("a principal").to_owned()).collect())
    }

    async fn connect(&self, owner: &AccountId, service: &ResourceId) -> Result<ResourceId, Refusal> {
        let caller = if owner.as_str() == "222233334444" { Caller::Partner } else { Caller::Stranger };
        connect(&self.stage, caller, service.as_str()).await
    }

    async fn connections(&self, service: &ResourceId) -> Result<Vec<ObservedConnection>, Refusal> {
        let started = Instant::now();
        loop {
            let all = connections(&self.stage, service.as_str()).await;
            if all.iter().all(|one| one.state != ConnectionState::Pending) {
                return Ok(all);
            }
            assert!(started.elapsed() < PATIENCE, "still being set up: {all:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn accept(&self, service: &ResourceId, ids: &[ResourceId]) -> Result<Vec<(ResourceId, String)>, Refusal> {
        let accept = self.stage.ec2(Caller::Root).accept_vpc_endpoint_connections().service_id(service.as_str());
        let done = accept.set_vpc_endpoint_ids(texts(ids)).send().await.map_err(refusal)?;
        Ok(failed(done.unsuccessful()))
    }

    async fn reject(&self, service: &ResourceId, ids: &[ResourceId]) -> Result<Vec<(ResourceId, String)>, Refusal> {
        let reject = self.stage.ec2(Caller::Root).reject_vpc_endpoint_connections().service_id(service.as_str());
        let done = reject.set_vpc_endpoint_ids(texts(ids)).send().await.map_err(refusal)?;
        Ok(failed(done.unsuccessful()))
    }
}

/// A Network Load Balancer in the producer's network.
pub(crate) async fn balancer(stage: &Stage, name: &str) -> ResourceId {
    let by = Filter::builder().name("vpc-id").values(stage.vpc("privatelink", "producer")).build();
    let subnets = stage.ec2(Caller::Root).describe_subnets().filters(by).send().await.expect("subnets");
    let subnet = subnets.subnets().first().and_then(|subnet| subnet.subnet_id()).expect("a subnet");
    let create = stage.load_balancers().create_load_balancer().name(name).r#type(LoadBalancerTypeEnum::Network);
    let made = create.subnets(subnet).send().await.expect("a load balancer");
    made.load_balancers()[0].load_balancer_arn().expect("an ARN").into()
}

/// A consumer asks for a service.
pub(crate) async fn connect(stage: &Stage, caller: Caller, service: &str) -> Result<ResourceId, Refusal> {
    let home = stage.home(caller);
    let create = stage.ec2(caller).create_vpc_endpoint().vpc_endpoint_type(VpcEndpointType::Interface);
    let create = create.vpc_id(&home.vpc).subnet_ids(&home.subnet);
    let name = format!("com.amazonaws.vpce.{}.{service}", stage.region());
    let made = create.service_name(name).send().await.map_err(refusal)?;
    Ok(made.vpc_endpoint().and_then(|endpoint| endpoint.vpc_endpoint_id()).expect("an id").into())
}

/// The connections of a service.
pub(crate) async fn connections(stage: &Stage, service: &str) -> Vec<ObservedConnection> {
    let by = Filter::builder().name("service-id").values(service).build();
    let found = stage.ec2(Caller::Root).describe_vpc_endpoint_connections().filters(by).send().await;
    found.expect("connections").vpc_endpoint_connections().iter().map(observed).collect()
}
