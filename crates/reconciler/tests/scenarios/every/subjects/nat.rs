//! `nat`.

use super::super::subject::{Subject, Told, Way};
use crate::world::place;
use jiff::{SignedDuration, Timestamp};
use reconciler::Clock as _;
use serde_json::{Value, json};
use topology::ResourceId;
use topology::nat::{self as control, GatewayState};
use twin::nat::{Gateway, Nets, Subnet, Table};
use twin::{Clock, TwinNat};

pub(crate) struct Nat;

/// How long a gateway takes to come up.
const COMES_UP: SignedDuration = SignedDuration::from_secs(90);

fn up(gateway: &Gateway) -> bool {
    matches!(gateway.state, GatewayState::Pending | GatewayState::Available)
}

/// The zone that a gateway stands in.
fn zone<'a>(nets: &'a Nets, gateway: &Gateway) -> &'a str {
    nets.subnets[gateway.subnet.as_ref().unwrap()].zone.as_str()
}

/// The gateway of a zone.
fn gateway(nets: &Nets, letter: &str) -> ResourceId {
    let here = |gateway: &Gateway| up(gateway) && zone(nets, gateway) == letter;
    nets.gateways.iter().find(|(_, gateway)| here(gateway)).unwrap().0.clone()
}

fn private(subnet: &Subnet) -> bool {
    ["10.0.10.0/24", "10.0.11.0/24"].contains(&subnet.cidr.to_string().as_str())
}

/// The table of a zone's private subnet.
fn table(nets: &Nets, letter: &str) -> ResourceId {
    let of = |table: &Table| {
        let mut subnets = table.subnets.keys().map(|id| &nets.subnets[id]);
        subnets.any(|subnet| private(subnet) && subnet.zone.as_str() == letter)
    };
    nets.tables.iter().find(|(_, table)| of(table)).unwrap().0.clone()
}

/// A call on a route, in the older encoding.
fn told(name: &'static str, table: &ResourceId) -> Vec<Told> {
    let request = json!({ "routeTableId": table.as_str(), "destinationCidrBlock": "0.0.0.0/0" });
    vec![Told::Call("ec2", name, request, Value::Null)]
}

fn leads(nets: &mut Nets, letter: &str, to: &ResourceId) -> Vec<Told> {
    let table = table(nets, letter);
    nets.replace_route(&table, to).unwrap();
    told("ReplaceRoute", &table)
}

impl Subject for Nat {
    type Control = control::Nat;
    type Model = Nets;
    type Cloud = TwinNat;

    fn document(mode: &str) -> String {
        format!(
            "version: 1
id: shop
environment: staging
mode: {mode}
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a, b]
    internet_gateway: true
    tiers:
      public: {{ route: internet, subnets: [10.0.0.0/24, 10.0.1.0/24] }}
      private: {{ route: nat, subnets: [10.0.10.0/24, 10.0.11.0/24] }}
    nat: {{ mode: per-az, fail_back_after: 5 minutes }}
"
        )
    }

    fn model() -> Nets {
        let mut nets = Nets::new(place(), Clock::default().now());
        let vpc = nets.create_vpc("10.0.0.0/16").unwrap();
        let tags = &mut nets.vpcs.get_mut(&vpc).unwrap().tags;
        tags.insert("plumbline:topology".into(), "shop".into());
        tags.insert("plumbline:vpc".into(), "main".into());
        let internet = nets.attach_internet(&vpc);
        let public = nets.create_table(&vpc).unwrap();
        nets.create_route(&public, &internet).unwrap();
        for (at, letter) in ["a", "b"].into_iter().enumerate() {
            let subnet = nets.create_subnet(&vpc, &format!("10.0.{at}.0/24"), letter).unwrap();
            nets.associate(&public, &subnet).unwrap();
            let subnet = nets.create_subnet(&vpc, &format!("10.0.1{at}.0/24"), letter).unwrap();
            let table = nets.create_table(&vpc).unwrap();
            nets.associate(&table, &subnet).unwrap();
        }
        nets
    }

    fn ways() -> Vec<Way<Nets>> {
        vec![
            Way::new("a private route deleted", |nets| {
                let table = table(nets, "a");
                nets.delete_route(&table).unwrap();
                told("DeleteRoute", &table)
            }),
            Way::new("a private route led through the other zone", |nets| {
                let other = gateway(nets, "a");
                leads(nets, "b", &other)
            }),
            Way {
                exposes: true,
                ..Way::new("a private route led to the internet", |nets| {
                    let internet = nets.internet.keys().next().unwrap().clone();
                    leads(nets, "b", &internet)
                })
            },
            Way {
                cuts: true,
                ..Way::new("a gateway deleted", |nets| {
                    let gateway = gateway(nets, "b");
                    nets.delete_gateway(&gateway).unwrap();
                    let request = json!({ "DeleteNatGatewayRequest": { "NatGatewayId": gateway.as_str() } });
                    vec![Told::Call("ec2", "DeleteNatGateway", request, Value::Null)]
                })
            },
            Way {
                cuts: true,
                ..Way::new("a gateway deleted and its address released", |nets| {
                    let gateway = gateway(nets, "a");
                    let allocation = nets.gateways[&gateway].allocation.clone().unwrap();
                    nets.delete_gateway(&gateway).unwrap();
                    nets.arrive_one(&gateway);
                    nets.release(&allocation).unwrap();
                    let request = json!({ "DeleteNatGatewayRequest": { "NatGatewayId": gateway.as_str() } });
                    let released = json!({ "allocationId": allocation.as_str() });
                    vec![
                        Told::Call("ec2", "DeleteNatGateway", request, Value::Null),
                        Told::Call("ec2", "ReleaseAddress", released, Value::Null),
                    ]
                })
            },
        ]
    }

    fn picture(nets: &Nets) -> Vec<String> {
        let mut picture: Vec<String> = vec![];
        for gateway in nets.gateways.values().filter(|gateway| up(gateway)) {
            picture.push(format!("a gateway in {}: {:?}", zone(nets, gateway), gateway.state));
        }
        for address in nets.addresses.values() {
            let used = address.user.as_ref().and_then(|id| nets.gateways.get(id)).is_some_and(up);
            picture.push(format!("an address, used: {used}"));
        }
        for table in nets.tables.values().filter(|table| !table.subnets.is_empty()) {
            let subnets: Vec<String> = table.subnets.keys().map(|id| nets.subnets[id].cidr.to_string()).collect();
            let leads = match &table.default {
                None => "nowhere".to_owned(),
                Some((target, _)) if nets.blackhole(table, target) => "into a black hole".into(),
                Some((target, _)) => match nets.gateways.get(target) {
                    Some(gateway) => format!("through the gateway in {}", zone(nets, gateway)),
                    None => target.as_str().split('-').next().unwrap_or_default().to_owned(),
                },
            };
            picture.push(format!("{} leads {leads}", subnets.join(" and ")));
        }
        picture
    }

    fn tick(nets: &mut Nets, now: Timestamp) {
        nets.pass(now.duration_since(nets.now));
        let waits = |gateway: &Gateway| {
            gateway.state == GatewayState::Pending && now.duration_since(gateway.created) < COMES_UP
        };
        let ids: Vec<ResourceId> =
            nets.gateways.iter().filter(|(_, gateway)| !waits(gateway)).map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| nets.arrive_one(id));
    }

    fn owned(nets: &mut Nets, stack: &str) {
        let subnets = nets.subnets.values_mut().map(|subnet| &mut subnet.tags);
        for tags in subnets.chain(nets.tables.values_mut().map(|table| &mut table.tags)) {
            tags.insert(twin::STACK_TAG.into(), stack.into());
        }
    }
}
