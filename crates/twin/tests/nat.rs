//! The in-memory gateways keep their contract, and their ports can be made to fail.
#![allow(clippy::unwrap_used, clippy::panic)] // clippy sees the helpers of tests as production code

use reconciler::{Apply, Bound, ClientToken, Fault, FaultClass, Locate, Observe};
use std::collections::BTreeMap;
use topology::nat::{
    Change, DefaultRoute, Desired, DesiredVpc, Gateways, Nat, NewGateway, ObservedAddress, ObservedGateway, Thing,
};
use topology::{Place, ResourceId, Scope, Seen, VpcId};
use twin::contract::{Ground, NatPort};
use twin::ec2::Refusal;
use twin::nat::Nets;
use twin::{Clock, TwinNat};

fn place() -> Place {
    Place::new("111122223333", "eu-west-1")
}

fn nets() -> Nets {
    Nets::new(place(), reconciler::Clock::now(&Clock::default()))
}

fn desired() -> Desired {
    let vpc = DesiredVpc {
        gateways: Gateways::None,
        homes: vec![],
        routed: vec![],
        addresses: BTreeMap::new(),
        fail_back_after: jiff::SignedDuration::ZERO,
    };
    Desired { topology: "t".into(), production: false, maintenance: vec![], vpcs: [("main".into(), vpc)].into() }
}

fn ground(nets: &mut Nets) -> Ground {
    let vpc = nets.create_vpc("10.0.0.0/16").unwrap();
    let internet = nets.attach_internet(&vpc);
    let subnet = nets.create_subnet(&vpc, "10.0.0.0/24", "a").unwrap();
    let (public, table) = (nets.create_table(&vpc).unwrap(), nets.create_table(&vpc).unwrap());
    nets.associate(&public, &subnet).unwrap();
    nets.create_route(&public, &internet).unwrap();
    Ground { vpc, internet, subnet, public, table }
}

/// As an observation shows it.
struct Port(TwinNat);

impl Port {
    fn seen(&self, vpc: &VpcId) -> topology::nat::Observed {
        self.0.state().observe(&[("main".into(), vpc.clone())].into(), &desired(), &Scope::Everything)
    }
}

impl NatPort for Port {
    async fn ground(&self) -> Result<Ground, Refusal> {
        Ok(self.0.outside(ground))
    }
    async fn allocate(&self) -> Result<ResourceId, Refusal> {
        self.0.outside(|nets| nets.allocate(BTreeMap::new()))
    }
    async fn release(&self, allocation: &ResourceId) -> Result<(), Refusal> {
        self.0.outside(|nets| nets.release(allocation))
    }
    async fn address(&self, allocation: &ResourceId) -> Result<Option<ObservedAddress>, Refusal> {
        let addresses = self.seen(&VpcId::new("vpc-0")).addresses;
        Ok(addresses.present().unwrap().iter().find(|address| address.allocation == *allocation).cloned())
    }
    async fn create(&self, new: &NewGateway, token: &str) -> Result<ResourceId, Refusal> {
        self.0.outside(|nets| nets.create_gateway(new, BTreeMap::new(), token))
    }
    async fn delete(&self, gateway: &ResourceId) -> Result<(), Refusal> {
        self.0.outside(|nets| nets.delete_gateway(gateway))
    }
    async fn gateways(&self, vpc: &VpcId) -> Result<Vec<ObservedGateway>, Refusal> {
        let observed = self.seen(vpc);
        Ok(observed.vpcs["main"].present().unwrap().gateways.present().unwrap().clone())
    }
    async fn arrived(&self, _: &VpcId) -> Result<(), Refusal> {
        self.0.outside(Nets::arrive);
        Ok(())
    }
    async fn create_route(&self, table: &ResourceId, gateway: &ResourceId) -> Result<(), Refusal> {
        self.0.outside(|nets| nets.create_route(table, gateway))
    }
    async fn replace_route(&self, table: &ResourceId, gateway: &ResourceId) -> Result<(), Refusal> {
        self.0.outside(|nets| nets.replace_route(table, gateway))
    }
    async fn delete_route(&self, table: &ResourceId) -> Result<(), Refusal> {
        self.0.outside(|nets| nets.delete_route(table))
    }
    async fn default_route(&self, table: &ResourceId) -> Result<Option<DefaultRoute>, Refusal> {
        let nets = self.0.state();
        Ok(nets.default_route(&nets.tables[table]))
    }
    async fn detach(&self, internet: &ResourceId, _: &VpcId) -> Result<(), Refusal> {
        self.0.outside(|nets| nets.detach_internet(internet));
        Ok(())
    }
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let twin = TwinNat::new(nets());
    let broken = twin::contract::nat(&Port(twin.clone())).await;
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(twin.state().addresses.is_empty());
}

struct World {
    twin: TwinNat,
    ground: Ground,
}

fn world() -> World {
    let mut nets = nets();
    let ground = ground(&mut nets);
    World { twin: TwinNat::new(nets), ground }
}

impl World {
    fn thing(&self, id: &ResourceId) -> Thing {
        Thing { key: place().key(id.clone()), name: "main/x".into() }
    }

    fn allocate(&self) -> Change {
        let vpc = self.thing(&ResourceId::new(self.ground.vpc.as_str()));
        Change::AllocateAddress { vpc, tags: [("Name".to_owned(), "x".to_owned())].into() }
    }

    async fn apply(&self, change: &Change, token: &str) -> Result<Vec<ResourceId>, Fault> {
        let token = ClientToken(token.into());
        Apply::<Nat>::apply(&self.twin, &place(), change, &token).await.map(|receipt| receipt.created)
    }
}

#[tokio::test]
async fn an_address_whose_answer_was_lost_is_found_by_its_token() {
    let world = world();
    world.twin.lose_response("AllocateAddress", 0);
    assert_eq!(world.apply(&world.allocate(), "one").await.unwrap_err().class, FaultClass::Retryable);
    let found = world.apply(&world.allocate(), "one").await.unwrap();
    let another = world.apply(&world.allocate(), "two").await.unwrap();
    let all: Vec<ResourceId> = world.twin.state().addresses.into_keys().collect();
    assert_eq!(all, [found, another].concat());
}

#[tokio::test]
async fn a_route_that_was_moved_meanwhile_is_left_alone() {
    let world = world();
    let create = |allocation: &ResourceId| Change::CreateGateway {
        home: world.thing(&world.ground.subnet),
        gateway: NewGateway::Zonal { subnet: world.ground.subnet.clone(), allocation: allocation.clone() },
        tags: BTreeMap::new(),
    };
    let mut gateways = vec![];
    for token in ["one", "two"] {
        let allocation = world.apply(&world.allocate(), token).await.unwrap().remove(0);
        gateways.extend(world.apply(&create(&allocation), token).await.unwrap());
    }
    let table = || world.thing(&world.ground.table);
    let (one, two) = (gateways[0].clone(), gateways[1].clone());
    world.apply(&Change::CreateRoute { table: table(), to: one.clone() }, "r").await.unwrap();
    let moves = Change::ReplaceRoute { table: table(), from: "nat-other".into(), from_works: true, to: two.clone() };
    assert_eq!(world.apply(&moves, "m").await.unwrap_err().class, FaultClass::Retryable);
    let removes = Change::DeleteRoute { table: table(), target: two.clone() };
    assert_eq!(world.apply(&removes, "d").await.unwrap_err().class, FaultClass::Retryable);
    let moves = Change::ReplaceRoute { table: table(), from: one, from_works: true, to: two };
    world.apply(&moves, "m").await.unwrap();
    world.apply(&moves, "m").await.unwrap();
}

#[tokio::test]
async fn faults_blind_exactly_what_they_strike_and_ids_are_located() {
    let world = world();
    let bound =
        Bound { place: place(), topology: "t".into(), vpcs: [("main".into(), world.ground.vpc.clone())].into() };
    world.twin.fail("DescribeRouteTables", 0, Fault::new("x", FaultClass::Retryable, "slow down"));
    let observed = Observe::<Nat>::observe(&world.twin, &bound, &desired(), &Scope::Everything).await;
    let vpc = observed.vpcs["main"].present().unwrap();
    assert!(matches!((&vpc.tables, &vpc.gateways), (Seen::Unknown(_), Seen::Present(_))));
    assert_eq!(world.twin.take_journal().len(), 5);
    let scope = Scope::Only(["vpc-other".into()].into());
    let observed = Observe::<Nat>::observe(&world.twin, &bound, &desired(), &scope).await;
    assert!(matches!(observed.vpcs["main"], Seen::Unknown(topology::Unseen::OutOfScope)));
    let ids = [world.ground.table.clone(), world.ground.subnet.clone(), "nat-gone".into()];
    let found = world.twin.locate(&place(), &ids.clone().into()).await.unwrap();
    assert_eq!(found[&world.ground.table], Seen::Present(world.ground.vpc.clone()));
    assert_eq!(found["nat-gone"], Seen::Absent);
}
