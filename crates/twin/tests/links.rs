//! The in-memory PrivateLink keeps its contract, and its ports can be made to fail.
#![allow(clippy::unwrap_used, clippy::panic)] // clippy sees the helpers of tests as production code

use reconciler::{Apply, Bound, ClientToken, Fault, FaultClass, Locate, Observe};
use std::collections::{BTreeMap, BTreeSet};
use topology::network::{EndpointService, Otherwise};
use topology::privatelink::{
    Change, ConnectionRef, ConnectionState, Desired, ObservedConnection, PrivateLink, SERVICE_TAG, ServiceRef,
    Sighting, TOPOLOGY_TAG,
};
use topology::{AccountId, Place, ResourceId, Scope, Seen, Unseen, VpcId};
use twin::TwinLinks;
use twin::contract::LinkPort;
use twin::ec2::Refusal;
use twin::links::{Configuration, Links};

fn place() -> Place {
    Place::new("111122223333", "eu-west-1")
}

struct Port(TwinLinks);

fn codes(unsuccessful: Vec<(ResourceId, Refusal)>) -> Vec<(ResourceId, String)> {
    unsuccessful.into_iter().map(|(id, refusal)| (id, refusal.code)).collect()
}

impl LinkPort for Port {
    async fn balancer(&self) -> Result<ResourceId, Refusal> {
        self.0.outside(|links| {
            let vpc = links.create_vpc("10.0.0.0/16")?;
            let name = format!("balancer-{}", links.balancers.len());
            links.create_balancer(&vpc, &name)
        })
    }

    async fn create_service(&self, balancer: &ResourceId, acceptance: bool) -> Result<ResourceId, Refusal> {
        let balancers = std::slice::from_ref(balancer);
        self.0.outside(|links| links.create_service(balancers, acceptance, BTreeMap::new()))
    }

    async fn configure(&self, service: &ResourceId, change: &Configuration) -> Result<(), Refusal> {
        self.0.outside(|links| links.configure(service, change))
    }

    async fn configuration(&self, service: &ResourceId) -> Result<(bool, BTreeSet<ResourceId>), Refusal> {
        let service = self.0.state().services[service].clone();
        Ok((service.acceptance_required, service.balancers))
    }

    async fn permit(&self, service: &ResourceId, add: &[String], remove: &[String]) -> Result<(), Refusal> {
        self.0.outside(|links| links.permit(service, add, remove))
    }

    async fn principals(&self, service: &ResourceId) -> Result<BTreeSet<String>, Refusal> {
        Ok(self.0.state().services[service].principals.clone())
    }

    async fn connect(&self, owner: &AccountId, service: &ResourceId) -> Result<ResourceId, Refusal> {
        self.0.outside(|links| links.connect(owner, service))
    }

    async fn connections(&self, service: &ResourceId) -> Result<Vec<ObservedConnection>, Refusal> {
        self.0.outside(Links::set_up);
        Ok(self.0.state().connections(service))
    }

    async fn accept(&self, service: &ResourceId, ids: &[ResourceId]) -> Result<Vec<(ResourceId, String)>, Refusal> {
        self.0.outside(|links| links.accept(service, ids)).map(codes)
    }

    async fn reject(&self, service: &ResourceId, ids: &[ResourceId]) -> Result<Vec<(ResourceId, String)>, Refusal> {
        self.0.outside(|links| links.reject(service, ids)).map(codes)
    }
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let port = Port(TwinLinks::new(Links::new(place())));
    assert_eq!(twin::contract::privatelink(&port).await, Vec::<String>::new());
}

struct World {
    links: TwinLinks,
    service: ResourceId,
    endpoint: ResourceId,
    vpc: VpcId,
    bound: Bound,
    desired: Desired,
}

fn world() -> World {
    let mut state = Links::new(place());
    let vpc = state.create_vpc("10.0.0.0/16").unwrap();
    let balancer = state.create_balancer(&vpc, "products").unwrap();
    let tags = [(TOPOLOGY_TAG, "t"), (SERVICE_TAG, "api")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let service = state.create_service(&[balancer], true, tags.into()).unwrap();
    state.permit(&service, &["*".to_owned()], &[]).unwrap();
    let endpoint = state.connect(&"222233334444".into(), &service).unwrap();
    let declared = EndpointService {
        vpc: "main".into(),
        load_balancer: "products".into(),
        private_dns_name: None,
        accept: vec![],
        deny: vec![],
        otherwise: Otherwise::Hold,
        withdraw: Otherwise::Hold,
        principals: None,
    };
    let desired = Desired { topology: "t".into(), services: [("api".into(), declared)].into(), retired: false };
    let bound = Bound { place: place(), topology: "t".into(), vpcs: [("main".into(), vpc.clone())].into() };
    World { links: TwinLinks::new(state), service, endpoint, vpc, bound, desired }
}

impl World {
    fn accept(&self) -> Change {
        Change::Accept {
            service: ServiceRef { key: place().key(self.service.clone()), name: "api".into() },
            connection: ConnectionRef {
                endpoint: self.endpoint.clone(),
                owner: "222233334444".into(),
                was: ConnectionState::PendingAcceptance,
            },
            why: "declared".into(),
            places: None,
        }
    }

    async fn apply(&self, change: &Change) -> Result<(), Fault> {
        let token = ClientToken("t".into());
        Apply::<PrivateLink>::apply(&self.links, &place(), change, &token).await.map(|_| ())
    }

    async fn seen(&self, scope: Scope) -> Result<Sighting, Unseen> {
        let observed = Observe::<PrivateLink>::observe(&self.links, &self.bound, &self.desired, &scope).await;
        match observed.services["api"].clone() {
            Seen::Present(sighting) => Ok(sighting),
            Seen::Unknown(unseen) => Err(unseen),
            Seen::Absent => panic!("a service is never absent"),
        }
    }

    async fn state(&self) -> ConnectionState {
        let sighting = self.seen(Scope::Everything).await.unwrap();
        sighting.candidates[0].connections.present().unwrap()[0].state.clone()
    }
}

#[tokio::test]
async fn it_observes_what_the_scope_covers() {
    let world = world();
    let only = |id: &str| Scope::Only([id.into()].into());
    assert!(world.seen(only(world.service.as_str())).await.is_ok());
    assert!(world.seen(only(world.vpc.as_str())).await.is_ok());
    assert_eq!(world.seen(only("vpce-svc-1")).await, Err(Unseen::OutOfScope));
    let ids = [world.service.clone(), world.endpoint.clone(), "vpce-1".into()];
    let located = world.links.locate(&place(), &ids.clone().into()).await.unwrap();
    assert_eq!(ids.map(|id| located[&id].present().cloned()), [Some(world.vpc.clone()), Some(world.vpc.clone()), None]);
}

#[tokio::test]
async fn a_change_takes_effect_unless_it_is_refused() {
    let world = world();
    world.apply(&world.accept()).await.unwrap();
    assert_eq!(world.state().await, ConnectionState::Pending);
    let again = world.apply(&world.accept()).await.unwrap_err();
    assert_eq!((again.code.as_deref(), again.class), (Some("InvalidState"), FaultClass::Terminal));
    assert_eq!(world.links.journal().last().map(|call| call.operation.as_str()), Some("AcceptVpcEndpointConnections"));
}

#[tokio::test]
async fn a_lost_answer_is_not_a_lost_call() {
    let world = world();
    world.links.lose_response("AcceptVpcEndpointConnections", 0);
    assert!(world.apply(&world.accept()).await.unwrap_err().is_retryable());
    assert_eq!(world.state().await, ConnectionState::Pending);
}

#[tokio::test]
async fn one_describe_that_fails_leaves_everything_unknown() {
    let world = world();
    world.links.fail("DescribeVpcEndpointConnections", 0, Fault::new("x", FaultClass::Retryable, "throttled"));
    let unseen = world.seen(Scope::Everything).await.unwrap_err();
    assert!(matches!(unseen, Unseen::Failed { retryable: true, .. }), "{unseen:?}");
}
