//! `exposure`.

use super::super::subject::{Subject, Told, Way};
use crate::world::place;
use jiff::Timestamp;
use serde_json::{Value, json};
use topology::ResourceId;
use topology::exposure as control;
use twin::TwinEstate;
use twin::exposure::Estate;

pub(crate) struct Exposure;

/// The interface that belongs to people.
fn interface(estate: &Estate) -> ResourceId {
    let own = |interface: &&control::Interface| !interface.managed && interface.description.is_empty();
    estate.interfaces.values().find(own).unwrap().id.clone()
}

fn network(estate: &Estate) -> Value {
    let service = &estate.services[&("shop".to_owned(), "web".to_owned())];
    let ids = |ids: &[ResourceId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({ "awsvpcConfiguration": { "subnets": ids(&service.subnets), "securityGroups": ids(&service.groups) } })
}

/// RDS answers with the whole instance.
fn modified(estate: &mut Estate, slow: bool) -> Vec<Told> {
    // Somebody made it public, and that is over; the way back may take longer.
    estate.settle();
    estate.slow = false;
    estate.modify_database("orders", true).unwrap();
    estate.slow = slow;
    let vpc = estate.vpcs.keys().next().unwrap().to_string();
    let request = json!({ "dBInstanceIdentifier": "orders", "publiclyAccessible": true });
    let response = json!({ "dBInstanceIdentifier": "orders", "dBSubnetGroup": { "vpcId": vpc } });
    vec![Told::Call("rds", "ModifyDBInstance", request, response)]
}

fn updated(estate: &mut Estate) -> Vec<Told> {
    let service = estate.services[&("shop".to_owned(), "web".to_owned())].clone();
    estate.update_service("shop", "web", &service.subnets, &service.groups, true).unwrap();
    estate.settle();
    let network = network(estate);
    let request = json!({ "cluster": "shop", "service": "web", "networkConfiguration": network });
    let arn = "arn:aws:ecs:eu-west-1:111122223333:cluster/shop";
    let service = json!({ "clusterArn": arn, "serviceName": "web", "networkConfiguration": network });
    vec![Told::Call("ecs", "UpdateService", request, json!({ "service": service }))]
}

/// The free address on the interface, named by the instance that it is attached to.
fn associated(estate: &mut Estate) -> Vec<Told> {
    let allocation = estate.addresses.keys().next().unwrap().clone();
    let interface = interface(estate);
    let association = estate.associate(&allocation, &interface).unwrap();
    let request = json!({ "allocationId": allocation.as_str(), "instanceId": "i-0123456789abcdef0" });
    let response = json!({ "associationId": association.as_str(), "_return": true });
    vec![Told::Call("ec2", "AssociateAddress", request, response)]
}

impl Subject for Exposure {
    type Control = control::Exposure;
    type Model = Estate;
    type Cloud = TwinEstate;

    fn document(mode: &str) -> String {
        format!(
            "version: 1
id: shop
environment: production
mode: {mode}
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a]
    tiers:
      private: {{ route: isolated, subnets: [10.0.48.0/20], public_ips: never }}
      data: {{ route: isolated, subnets: [10.0.96.0/20], public_ips: never, security_groups: [database] }}
    security_groups:
      database: {{ ingress: [] }}
"
        )
    }

    fn model() -> Estate {
        let mut estate = Estate::new(place());
        let vpc = estate.create_vpc("10.0.0.0/16").unwrap();
        let tags = &mut estate.vpcs.get_mut(&vpc).unwrap().tags;
        tags.insert("plumbline:topology".into(), "shop".into());
        tags.insert("plumbline:vpc".into(), "main".into());
        let private = estate.create_subnet(&vpc, "10.0.48.0/20").unwrap();
        let data = estate.create_subnet(&vpc, "10.0.96.0/20").unwrap();
        let database = estate.create_group(&vpc, "database");
        let web = estate.create_group(&vpc, "web");
        estate.create_database("orders", &[data], &[database], false).unwrap();
        estate
            .create_service("shop", "web", std::slice::from_ref(&private), std::slice::from_ref(&web), false)
            .unwrap();
        let interface = estate.create_interface(&private, &[web]).unwrap();
        estate.interfaces.get_mut(&interface).unwrap().instance = Some("i-0123456789abcdef0".into());
        estate.allocate();
        estate
    }

    fn ways() -> Vec<Way<Estate>> {
        vec![
            Way { exposes: true, ..Way::new("an Elastic IP address put on an instance", associated) },
            Way { exposes: true, ..Way::new("a database made public", |estate| modified(estate, false)) },
            Way {
                exposes: true,
                ..Way::new("a database made public, and slow to change back", |estate| modified(estate, true))
            },
            Way { exposes: true, ..Way::new("a service that gives public addresses", updated) },
        ]
    }

    fn picture(estate: &Estate) -> Vec<String> {
        let databases =
            estate.databases.values().map(|it| format!("database {}: {}, public {}", it.name, it.status, it.public));
        let services = estate.services.values().map(|it| {
            format!(
                "service {}: public {}, {} subnets, {} groups",
                it.name,
                it.public,
                it.subnets.len(),
                it.groups.len()
            )
        });
        let interfaces =
            estate.interfaces.values().map(|it| format!("interface with {} addresses", it.addresses.len()));
        let addresses = estate.addresses.values().map(|(ip, on)| format!("address {ip}, used {}", on.is_some()));
        databases.chain(services).chain(interfaces).chain(addresses).collect()
    }

    fn tick(estate: &mut Estate, now: Timestamp) {
        estate.now = now;
        estate.settle();
    }

    fn owned(estate: &mut Estate, stack: &str) {
        estate.databases.values_mut().for_each(|it| it.stack = Some(stack.into()));
        estate.services.values_mut().for_each(|it| it.stack = Some(stack.into()));
        estate.interfaces.values_mut().for_each(|it| it.stack = Some(stack.into()));
    }
}
