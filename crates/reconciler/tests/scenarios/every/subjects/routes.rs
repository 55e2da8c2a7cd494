//! `routes`.

use super::super::subject::{Subject, Told, Way};
use crate::world::place;
use reconciler::Clock as _;
use serde_json::{Value, json};
use topology::ResourceId;
use topology::routes as control;
use twin::nat::{Nets, Subnet, Table};
use twin::{Clock, TwinNat};

pub(crate) struct Routes;

/// The stack's tier and zone of a subnet or a table.
fn named(subnet: &Subnet) -> String {
    format!("{}-{}", subnet.tags["plumbline:tier"], subnet.zone)
}

/// The table that the stack made for a tier's zone.
fn table(nets: &Nets, name: &str) -> ResourceId {
    let of = |table: &Table| table.tags.get("Name").is_some_and(|tag| tag == name);
    nets.tables.iter().find(|(_, table)| of(table)).unwrap().0.clone()
}

fn subnet(nets: &Nets, name: &str) -> ResourceId {
    nets.subnets.iter().find(|(_, subnet)| named(subnet) == name).unwrap().0.clone()
}

/// The association of a subnet.
fn association(nets: &Nets, name: &str) -> ResourceId {
    let subnet = subnet(nets, name);
    nets.tables.values().find_map(|table| table.subnets.get(&subnet)).unwrap().clone()
}

fn internet(nets: &Nets) -> ResourceId {
    nets.internet_tags.keys().next().unwrap().clone()
}

fn call(name: &'static str, request: Value, response: Value) -> Vec<Told> {
    vec![Told::Call("ec2", name, request, response)]
}

impl Subject for Routes {
    type Control = control::Routes;
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
    dns: {{ support: true, hostnames: true }}
    internet_gateway: true
    tiers:
      public: {{ route: internet, subnets: [10.0.0.0/24, 10.0.1.0/24] }}
      database:
        route: isolated
        subnets: [10.0.20.0/24, 10.0.21.0/24]
        public_ips: never
        extra_routes: [{{ to: 10.8.0.0/16, via: tgw-0123456789abcdef0 }}]
"
        )
    }

    fn model() -> Nets {
        let mut nets = Nets::new(place(), Clock::default().now());
        let vpc = nets.create_vpc("10.0.0.0/16").unwrap();
        let tags = &mut nets.vpcs.get_mut(&vpc).unwrap().tags;
        tags.insert("plumbline:topology".into(), "shop".into());
        tags.insert("plumbline:vpc".into(), "main".into());
        nets.dns.insert(vpc.clone(), (true, true));
        let internet = nets.attach_internet(&vpc);
        let tags = [("plumbline:topology", "shop"), ("plumbline:vpc", "main")];
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned()));
        nets.internet_tags.insert(internet.clone(), tags.clone().into());
        for (tier, row) in [("public", 0), ("database", 20)] {
            for (at, letter) in ["a", "b"].into_iter().enumerate() {
                let subnet = nets.create_subnet(&vpc, &format!("10.0.{}.0/24", row + at), letter).unwrap();
                let table = nets.create_table(&vpc).unwrap();
                nets.associate(&table, &subnet).unwrap();
                let name = format!("{tier}-{letter}");
                let more = [("plumbline:tier", tier), ("plumbline:zone", letter), ("Name", name.as_str())];
                let more = more.map(|(key, value)| (key.to_owned(), value.to_owned()));
                nets.subnets.get_mut(&subnet).unwrap().tags = tags.iter().chain(&more).cloned().collect();
                nets.tables.get_mut(&table).unwrap().tags = tags.iter().chain(&more).cloned().collect();
                if tier == "public" {
                    nets.create_route(&table, &internet).unwrap();
                }
            }
        }
        nets
    }

    fn ways() -> Vec<Way<Nets>> {
        vec![
            Way::new("a public default route deleted", |nets| {
                let table = table(nets, "public-a");
                nets.delete_route(&table).unwrap();
                let request = json!({ "routeTableId": table.as_str(), "destinationCidrBlock": "0.0.0.0/0" });
                call("DeleteRoute", request, Value::Null)
            }),
            Way {
                exposes: true,
                ..Way::new("a database opened to the internet", |nets| {
                    let (table, internet) = (table(nets, "database-a"), internet(nets));
                    nets.add_route(&table, "0.0.0.0/0", &internet).unwrap();
                    let request = json!({
                        "routeTableId": table.as_str(), "destinationCidrBlock": "0.0.0.0/0", "gatewayId": internet.as_str(),
                    });
                    call("CreateRoute", request, Value::Null)
                })
            },
            Way {
                exposes: true,
                ..Way::new("a database moved to the public table", |nets| {
                    let (public, old) = (table(nets, "public-b"), association(nets, "database-b"));
                    let new = nets.reseat(&old, &public).unwrap();
                    let request = json!({ "associationId": old.as_str(), "routeTableId": public.as_str() });
                    call("ReplaceRouteTableAssociation", request, json!({ "newAssociationId": new.as_str() }))
                })
            },
            Way::new("a route that is kept led elsewhere", |nets| {
                let table = table(nets, "database-a");
                nets.turn_route(&table, "10.8.0.0/16", &"tgw-0fedcba9876543210".into()).unwrap();
                let request = json!({
                    "routeTableId": table.as_str(), "destinationCidrBlock": "10.8.0.0/16",
                    "transitGatewayId": "tgw-0fedcba9876543210",
                });
                call("ReplaceRoute", request, Value::Null)
            }),
            Way::new("a route that nobody declared", |nets| {
                let table = table(nets, "database-a");
                nets.add_route(&table, "10.9.0.0/16", &"pcx-0123456789abcdef0".into()).unwrap();
                let request = json!({
                    "routeTableId": table.as_str(), "destinationCidrBlock": "10.9.0.0/16",
                    "vpcPeeringConnectionId": "pcx-0123456789abcdef0",
                });
                call("CreateRoute", request, Value::Null)
            }),
            Way {
                alone: true,
                ..Way::new("the internet gateway detached", |nets| {
                    let (internet, vpc) = (internet(nets), nets.vpcs.keys().next().unwrap().clone());
                    nets.unplug(&internet, &vpc).unwrap();
                    let request = json!({ "internetGatewayId": internet.as_str(), "vpcId": vpc.as_str() });
                    call("DetachInternetGateway", request, Value::Null)
                })
            },
            Way::new("public addresses on launch", |nets| {
                let subnet = subnet(nets, "database-a");
                nets.public_on_launch.insert(subnet.clone());
                let request = json!({ "subnetId": subnet.as_str(), "mapPublicIpOnLaunch": { "value": true } });
                call("ModifySubnetAttribute", request, json!({ "_return": true }))
            }),
            Way::new("DNS host names off", |nets| {
                let vpc = nets.vpcs.keys().next().unwrap().clone();
                nets.dns.insert(vpc.clone(), (true, false));
                let request = json!({ "vpcId": vpc.as_str(), "enableDnsHostnames": { "value": false } });
                call("ModifyVpcAttribute", request, json!({ "_return": true }))
            }),
        ]
    }

    fn picture(nets: &Nets) -> Vec<String> {
        let mut picture: Vec<String> = nets.internet.values().map(|_| "an internet gateway".to_owned()).collect();
        picture.extend(nets.vpcs.keys().map(|vpc| format!("DNS: {:?}", nets.dns_of(vpc))));
        for (id, subnet) in &nets.subnets {
            let name = named(subnet);
            picture.push(format!("{name} gives addresses: {}", nets.public_on_launch.contains(id)));
            let used = nets.tables.values().find(|table| table.subnets.contains_key(id));
            let Some(used) = used else {
                picture.push(format!("{name} has no table"));
                continue;
            };
            picture.push(format!("{name} shares its table with {}", used.subnets.len() - 1));
            let default = used.default.iter().map(|(target, _)| ("0.0.0.0/0".to_owned(), target.clone()));
            let others = used.others.iter().map(|(to, target, _)| (to.clone(), target.clone()));
            picture.extend(default.chain(others).map(|(to, target)| {
                // What the document names is told by its id; the rest has ids of the moment.
                let kept = "tgw-0123456789abcdef0";
                let through = match target.as_str() == kept {
                    true => kept,
                    false => target.as_str().split('-').next().unwrap_or_default(),
                };
                format!("{name}: {to} leads to {through}, a black hole: {}", nets.blackhole(used, &target))
            }));
        }
        let tables = nets.tables.values().filter(|table| !table.main).count();
        picture.push(format!("{tables} tables"));
        picture
    }

    fn owned(nets: &mut Nets, stack: &str) {
        let subnets = nets.subnets.values_mut().map(|subnet| &mut subnet.tags);
        let tables = nets.tables.values_mut().map(|table| &mut table.tags);
        let vpcs = nets.vpcs.values_mut().map(|vpc| &mut vpc.tags);
        for tags in subnets.chain(tables).chain(vpcs).chain(nets.internet_tags.values_mut()) {
            tags.insert(twin::STACK_TAG.into(), stack.into());
        }
    }
}
