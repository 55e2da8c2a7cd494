//! The in-memory route tables keep their contract.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use reconciler::Clock as _;
use std::sync::Mutex;
use topology::routes::{Desired, DesiredVpc, DnsAttribute, ObservedTable};
use topology::{Place, ResourceId, VpcId};
use twin::Clock;
use twin::contract::{RoutePort, Yard};
use twin::ec2::Refusal;
use twin::nat::Nets;

struct Port(Mutex<Nets>);

impl Port {
    fn on<T>(&self, act: impl FnOnce(&mut Nets) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }
}

impl RoutePort for Port {
    async fn yard(&self) -> Result<Yard, Refusal> {
        self.on(|nets| {
            let cidr = "10.97.0.0/16";
            let vpc = nets.create_vpc(cidr)?;
            let subnet = nets.create_subnet(&vpc, "10.97.0.0/24", "a")?;
            let (table, gateway) = (nets.create_table(&vpc)?, nets.make_internet());
            let interface = "eni-0123456789abcdef0".into();
            Ok(Yard { vpc, cidr: cidr.into(), subnet, table, gateway, interface })
        })
    }

    async fn create_table(&self, vpc: &VpcId, token: &str) -> Result<ResourceId, Refusal> {
        self.on(|nets| nets.make_table(vpc, Default::default(), token))
    }

    async fn delete_table(&self, table: &ResourceId) -> Result<(), Refusal> {
        self.on(|nets| nets.drop_table(table))
    }

    async fn associate(&self, table: &ResourceId, subnet: &ResourceId) -> Result<ResourceId, Refusal> {
        self.on(|nets| nets.seat(table, subnet))
    }

    async fn replace_association(&self, association: &ResourceId, table: &ResourceId) -> Result<ResourceId, Refusal> {
        self.on(|nets| nets.reseat(association, table))
    }

    async fn disassociate(&self, association: &ResourceId) -> Result<(), Refusal> {
        self.on(|nets| nets.unseat(association))
    }

    async fn create_route(&self, table: &ResourceId, destination: &str, to: &ResourceId) -> Result<(), Refusal> {
        self.on(|nets| nets.add_route(table, destination, to))
    }

    async fn replace_route(&self, table: &ResourceId, destination: &str, to: &ResourceId) -> Result<(), Refusal> {
        self.on(|nets| nets.turn_route(table, destination, to))
    }

    async fn delete_route(&self, table: &ResourceId, destination: &str) -> Result<(), Refusal> {
        self.on(|nets| nets.remove_route(table, destination))
    }

    async fn tables(&self, vpc: &VpcId) -> Result<Vec<ObservedTable>, Refusal> {
        let declared =
            DesiredVpc { dns: topology::network::Dns::default(), internet_gateway: None, nat: false, subnets: vec![] };
        let desired = Desired { topology: "shop".into(), retired: false, vpcs: [("main".into(), declared)].into() };
        let observed = self.on(|nets| nets.observe_routes(&[("main".into(), vpc.clone())].into(), &desired));
        let seen = observed.vpcs.into_values().next().unwrap();
        Ok(seen.present().unwrap().tables.present().unwrap().clone())
    }

    async fn attach(&self, gateway: &ResourceId, vpc: &VpcId) -> Result<(), Refusal> {
        self.on(|nets| nets.plug(gateway, vpc))
    }

    async fn detach(&self, gateway: &ResourceId, vpc: &VpcId) -> Result<(), Refusal> {
        self.on(|nets| nets.unplug(gateway, vpc))
    }

    async fn attached(&self, gateway: &ResourceId) -> Result<Option<VpcId>, Refusal> {
        self.on(|nets| Ok(nets.internet.get(gateway).cloned()))
    }

    async fn public_on_launch(&self, subnet: &ResourceId, on: bool) -> Result<(), Refusal> {
        self.on(|nets| match on {
            true => _ = nets.public_on_launch.insert(subnet.clone()),
            false => _ = nets.public_on_launch.remove(subnet),
        });
        Ok(())
    }

    async fn is_public_on_launch(&self, subnet: &ResourceId) -> Result<bool, Refusal> {
        self.on(|nets| Ok(nets.public_on_launch.contains(subnet)))
    }

    async fn set_dns(&self, vpc: &VpcId, attribute: DnsAttribute, on: bool) -> Result<(), Refusal> {
        self.on(|nets| {
            let (support, names) = nets.dns_of(vpc);
            let now = match attribute {
                DnsAttribute::Support => (on, names),
                DnsAttribute::Hostnames => (support, on),
            };
            nets.dns.insert(vpc.clone(), now);
        });
        Ok(())
    }

    async fn dns(&self, vpc: &VpcId, attribute: DnsAttribute) -> Result<bool, Refusal> {
        self.on(|nets| {
            let (support, names) = nets.dns_of(vpc);
            Ok(if attribute == DnsAttribute::Support { support } else { names })
        })
    }
}

#[tokio::test]
async fn the_twin_keeps_the_contract() {
    let port = Port(Mutex::new(Nets::new(Place::new("111122223333", "eu-west-1"), Clock::default().now())));
    let broken = twin::contract::routes(&port).await;
    assert!(broken.is_empty(), "{broken:#?}");
}
