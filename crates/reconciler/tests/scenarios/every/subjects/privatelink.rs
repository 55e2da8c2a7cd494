//! `privatelink`.

use super::super::subject::{Subject, Told, Way};
use crate::world::place;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use topology::privatelink::{self as control, ConnectionState, SERVICE_TAG, TOPOLOGY_TAG};
use topology::{AccountId, ResourceId};
use twin::TwinLinks;
use twin::links::{Configuration, Links};

pub(crate) struct PrivateLink;

const PARTNER: &str = "222233334444";

fn service(links: &Links) -> ResourceId {
    links.services.keys().next().unwrap().clone()
}

fn balancer(links: &Links, name: &str) -> ResourceId {
    links.balancers.iter().find(|(_, balancer)| balancer.name == name).unwrap().0.clone()
}

/// A call on the service, in the newer encoding.
fn told(name: &'static str, service: &ResourceId) -> Vec<Told> {
    let mut request = serde_json::Map::new();
    request.insert(format!("{name}Request"), json!({ "ServiceId": service.as_str() }));
    vec![Told::Call("ec2", name, request.into(), Value::Null)]
}

fn configured(links: &mut Links, change: &Configuration) -> Vec<Told> {
    let service = service(links);
    links.configure(&service, change).unwrap();
    told("ModifyVpcEndpointServiceConfiguration", &service)
}

fn permitted(links: &mut Links, add: &[&str], remove: &[&str]) -> Vec<Told> {
    let service = service(links);
    let all = |principals: &[&str]| principals.iter().map(ToString::to_string).collect::<Vec<_>>();
    links.permit(&service, &all(add), &all(remove)).unwrap();
    told("ModifyVpcEndpointServicePermissions", &service)
}

impl Subject for PrivateLink {
    type Control = control::PrivateLink;
    type Model = Links;
    type Cloud = TwinLinks;

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
privatelink:
  products-api:
    vpc: main
    load_balancer: products
    accept: [{{ account: \"{PARTNER}\", at_most: 2 }}]
    otherwise: hold
    principals: [\"{PARTNER}\"]
"
        )
    }

    fn model() -> Links {
        let mut links = Links::new(place());
        let vpc = links.create_vpc("10.0.0.0/16").unwrap();
        let tags = &mut links.vpcs.get_mut(&vpc).unwrap().tags;
        tags.insert("plumbline:topology".into(), "shop".into());
        tags.insert("plumbline:vpc".into(), "main".into());
        let products = links.create_balancer(&vpc, "products").unwrap();
        links.create_balancer(&vpc, "other").unwrap();
        let tags = [(TOPOLOGY_TAG.to_owned(), "shop".to_owned()), (SERVICE_TAG.to_owned(), "products-api".to_owned())];
        links.create_service(&[products], true, BTreeMap::from(tags)).unwrap();
        links
    }

    fn ways() -> Vec<Way<Links>> {
        vec![
            Way::new("who may ask is taken off", |links| {
                permitted(links, &[], &[&format!("arn:aws:iam::{PARTNER}:root")])
            }),
            Way {
                exposes: true,
                ..Way::new("everybody lets themselves in", |links| {
                    configured(links, &Configuration { acceptance_required: Some(false), ..Configuration::default() })
                })
            },
            Way { exposes: true, ..Way::new("everybody may ask", |links| permitted(links, &["*"], &[])) },
            Way {
                exposes: true,
                ..Way::new("another load balancer behind it", |links| {
                    let attach = vec![balancer(links, "other")];
                    configured(links, &Configuration { attach, ..Configuration::default() })
                })
            },
            Way {
                adds: &["connection of 222233334444: available"],
                ..Way::new("an allowed consumer connects", |links| {
                    let service = service(links);
                    let endpoint = links.connect(&AccountId::from(PARTNER), &service).unwrap();
                    vec![Told::Notice(format!("{{\"Connect\": \"{endpoint}\", \"to\": \"{service}\"}}"))]
                })
            },
        ]
    }

    fn picture(links: &Links) -> Vec<String> {
        let mut picture = vec![];
        for service in links.services.values() {
            let names = service.balancers.iter().map(|arn| links.balancers[arn].name.as_str());
            picture.push(format!("acceptance required: {}", service.acceptance_required));
            picture.push(format!("load balancers: {}", names.collect::<Vec<_>>().join(", ")));
            picture.push(format!("may ask: {:?}", service.principals));
        }
        picture.extend(links.endpoints.values().map(|endpoint| {
            let state = match &endpoint.state {
                ConnectionState::Pending => &ConnectionState::Available,
                state => state,
            };
            format!("connection of {}: {state}", endpoint.owner)
        }));
        picture
    }

    fn tick(links: &mut Links, now: Timestamp) {
        links.now = now;
        links.set_up();
    }

    fn owned(links: &mut Links, stack: &str) {
        for service in links.services.values_mut() {
            service.tags.insert(twin::STACK_TAG.into(), stack.into());
        }
    }
}
