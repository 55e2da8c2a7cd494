//! `endpoints`.

use super::super::subject::{Subject, Told, Way};
use crate::world::place;
use jiff::{SignedDuration, Timestamp};
use reconciler::Clock as _;
use serde_json::{Value, json};
use topology::ResourceId;
use topology::endpoints::{self as control, Edit, EndpointState, Kind, Policy, PolicyEdit, Source};
use twin::endpoints::Ends;
use twin::{Clock, TwinEndpoints};

pub(crate) struct Endpoints;

/// How long an endpoint takes to come up, or to go.
const TAKES: SignedDuration = SignedDuration::from_secs(45);

/// The live endpoint to a service, unless it is gone already.
fn to(ends: &Ends, short: &str) -> Option<ResourceId> {
    let kinds = [Kind::Gateway, Kind::Interface];
    kinds.iter().find_map(|kind| ends.to(short, kind)).map(|endpoint| endpoint.id.clone())
}

/// One call on one endpoint, in the newer encoding: it names no VPC.
fn deleted(ends: &mut Ends, short: &str) -> Vec<Told> {
    let Some(id) = to(ends, short) else { return vec![] };
    ends.delete(&id).unwrap();
    let request = json!({ "DeleteVpcEndpointsRequest": { "VpcEndpointId": { "tag": 1, "content": id.as_str() } } });
    vec![Told::Call("ec2", "DeleteVpcEndpoints", request, Value::Null)]
}

fn modified(ends: &mut Ends, short: &str, edit: &Edit) -> Vec<Told> {
    let Some(id) = to(ends, short) else { return vec![] };
    // One that is on its way takes no change.
    if ends.modify(&id, edit).is_err() {
        return vec![];
    }
    let request = json!({ "ModifyVpcEndpointRequest": { "VpcEndpointId": id.as_str() } });
    vec![Told::Call("ec2", "ModifyVpcEndpoint", request, Value::Null)]
}

fn group(ends: &Ends, name: &str) -> ResourceId {
    ends.groups.iter().find(|(_, group)| group.name.as_str() == name).unwrap().0.clone()
}

impl Subject for Endpoints {
    type Control = control::Endpoints;
    type Model = Ends;
    type Cloud = TwinEndpoints;

    fn document(mode: &str) -> String {
        format!(
            "version: 1
id: shop
environment: production
mode: {mode}
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a, b]
    dns: {{ support: true, hostnames: true }}
    tiers:
      private: {{ route: isolated, subnets: [10.0.10.0/24, 10.0.11.0/24] }}
    endpoints:
      s3: gateway
      logs: interface
      secretsmanager:
        type: interface
        policy: {{ Version: '2012-10-17', Statement: [{{ Effect: Allow, Principal: '*', Action: 'secretsmanager:Get*', Resource: '*' }}] }}
"
        )
    }

    fn model() -> Ends {
        let mut ends = Ends::new(place());
        ends.now = Clock::default().now();
        ends.at_once = false;
        ends.buckets = Some([].into());
        let vpc = ends.create_vpc("10.0.0.0/16").unwrap();
        let tags = &mut ends.vpcs.get_mut(&vpc).unwrap().tags;
        tags.insert("plumbline:topology".into(), "shop".into());
        tags.insert("plumbline:vpc".into(), "main".into());
        ends.create_subnet(&vpc, "10.0.10.0/24", "a").unwrap();
        ends.create_subnet(&vpc, "10.0.11.0/24", "b").unwrap();
        ends.create_group(&vpc, "vpc-endpoints", &[Source::Range("10.0.0.0/16".parse().unwrap())]);
        ends.create_group(&vpc, "default", &[]);
        ends
    }

    fn ways() -> Vec<Way<Ends>> {
        vec![
            Way::new("private DNS switched off", |ends| {
                modified(ends, "logs", &Edit { private_dns: Some(false), ..Edit::default() })
            }),
            Way::new("the security group taken for another", |ends| {
                let (declared, other) = (group(ends, "vpc-endpoints"), group(ends, "default"));
                let edit = Edit { add_groups: [other].into(), remove_groups: [declared].into(), ..Edit::default() };
                modified(ends, "logs", &edit)
            }),
            Way::new("the policy replaced", |ends| {
                let policy = Some(PolicyEdit { to: Policy::read(r#"{"Statement":[]}"#), before: None });
                modified(ends, "secretsmanager", &Edit { policy, ..Edit::default() })
            }),
            Way::new("a zone and a route table left out", |ends| {
                let subnets = ends.subnets.keys().next().cloned().into_iter().collect();
                let tables = ends.tables.keys().next().cloned().into_iter().collect();
                let mut told = modified(ends, "logs", &Edit { remove_subnets: subnets, ..Edit::default() });
                told.extend(modified(ends, "s3", &Edit { remove_tables: tables, ..Edit::default() }));
                told
            }),
            Way::new("a gateway endpoint deleted", |ends| deleted(ends, "s3")),
            Way::new("all endpoints deleted", |ends| {
                ["s3", "logs", "secretsmanager"].into_iter().flat_map(|short| deleted(ends, short)).collect()
            }),
        ]
    }

    fn picture(ends: &Ends) -> Vec<String> {
        let live = ends.endpoints.values().filter(|endpoint| !endpoint.state.is_gone());
        live.map(|it| {
            let policy = it.policy.as_ref().map(Policy::text).unwrap_or_default();
            format!(
                "{} to {}: {}, {:?} {:?} {:?}, private DNS {}, {policy}",
                it.kind, it.service, it.state, it.tables, it.subnets, it.groups, it.private_dns
            )
        })
        .collect()
    }

    fn tick(ends: &mut Ends, now: Timestamp) {
        let passed = now.duration_since(ends.now);
        ends.now = now;
        let waits = ends.endpoints.values().any(|it| {
            let young = it.created.is_some_and(|created| now.duration_since(created) < TAKES);
            it.state == EndpointState::Pending && young
        });
        if passed > SignedDuration::ZERO && !waits {
            ends.arrive();
        }
    }

    fn owned(ends: &mut Ends, stack: &str) {
        for vpc in ends.vpcs.values_mut() {
            vpc.tags.insert(twin::STACK_TAG.into(), stack.into());
        }
    }
}
