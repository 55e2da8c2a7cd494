//! A small offer to plan for: an endpoint service in the in-memory PrivateLink, its consumers, and what people decided.
// Each test binary compiles this module and uses a part of it; clippy sees the helpers of tests as production code.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use topology::network::{Accept, Consumer, EndpointService, Otherwise};
use topology::privatelink::{Change, ConnectionState, Desired, Observed, PrivateLink, SERVICE_TAG, TOPOLOGY_TAG};
use topology::{Control, Directive, Place, Plan, ResourceId, Scope, Standing, Subject, Verb, VpcId, VpcName};
use twin::STACK_TAG;
use twin::links::{Configuration, Links};

pub(crate) const PARTNER: &str = "222233334444";
pub(crate) const OTHER: &str = "333344445555";
pub(crate) const STRANGER: &str = "999988887777";

pub(crate) fn place() -> Place {
    Place::new("111122223333", "eu-west-1")
}

pub(crate) fn root(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

pub(crate) fn accept(account: &str, at_most: Option<u32>) -> Accept {
    Accept { who: Consumer::Account(account.into()), at_most, until: None }
}

pub(crate) fn declared(accept: Vec<Accept>) -> EndpointService {
    EndpointService {
        vpc: "producer".into(),
        load_balancer: "products".into(),
        private_dns_name: None,
        accept,
        deny: vec![],
        otherwise: Otherwise::Hold,
        withdraw: Otherwise::Hold,
        principals: None,
    }
}

pub(crate) fn tags(topology: &str, service: &str) -> BTreeMap<String, String> {
    let tags = [(TOPOLOGY_TAG, topology), (SERVICE_TAG, service)];
    tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// One declared service that exists as its stack made it.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) links: Links,
    pub(crate) desired: Desired,
    pub(crate) vpc: VpcId,
    pub(crate) balancer: ResourceId,
    pub(crate) service: ResourceId,
    pub(crate) standing: Standing,
}

impl Offer {
    pub(crate) fn new(declared: EndpointService) -> Self {
        let mut links = Links::new(place());
        links.now = "2026-11-23T02:00:00Z".parse().unwrap();
        let vpc = links.create_vpc("10.50.0.0/16").unwrap();
        let balancer = links.create_balancer(&vpc, "products").unwrap();
        let mut tags = tags("partners", "api");
        tags.insert(STACK_TAG.into(), "arn:stack".into());
        let service = links.create_service(std::slice::from_ref(&balancer), true, tags).unwrap();
        let principals = declared.principals.clone().unwrap_or_else(|| vec!["*".into()]);
        links.permit(&service, &principals, &[]).unwrap();
        let desired =
            Desired { topology: "partners".into(), services: [("api".into(), declared)].into(), retired: false };
        let standing = Standing::at("2026-11-23T03:00:00Z".parse().unwrap());
        Self { links, desired, vpc, balancer, service, standing }
    }

    pub(crate) fn declared(&mut self) -> &mut EndpointService {
        self.desired.services.get_mut("api").unwrap()
    }

    /// A consumer asks.
    pub(crate) fn connect(&mut self, account: &str) -> ResourceId {
        let everybody = ["*".to_owned()];
        let before = self.links.services[&self.service].principals.clone();
        self.links.permit(&self.service, &everybody, &[]).unwrap();
        let endpoint = self.links.connect(&account.into(), &self.service).unwrap();
        self.links.services.get_mut(&self.service).unwrap().principals = before;
        endpoint
    }

    /// A consumer that is in, however.
    pub(crate) fn connected(&mut self, account: &str) -> ResourceId {
        let endpoint = self.connect(account);
        self.put(&endpoint, ConnectionState::Available);
        endpoint
    }

    pub(crate) fn put(&mut self, endpoint: &ResourceId, state: ConnectionState) {
        self.links.endpoints.get_mut(endpoint).unwrap().state = state;
    }

    pub(crate) fn acceptance(&mut self, required: bool) {
        let change = Configuration { acceptance_required: Some(required), ..Configuration::default() };
        self.links.configure(&self.service, &change).unwrap();
    }

    /// A person decides, so many minutes before now.
    pub(crate) fn by_hand(&mut self, verb: Verb, endpoint: &ResourceId, minutes: i64) {
        let since = self.standing.now - jiff::SignedDuration::from_mins(minutes);
        self.standing.directives.push(Directive {
            verb,
            subject: Subject::Resource(endpoint.clone()),
            reason: "INC-7".into(),
            by: "arn:aws:iam::111122223333:user/kim".into(),
            since,
            until: None,
        });
    }

    pub(crate) fn bound(&self) -> BTreeMap<VpcName, VpcId> {
        [("producer".into(), self.vpc.clone())].into()
    }

    pub(crate) fn observe(&self) -> Observed {
        self.links.observe(&self.bound(), &self.desired, &Scope::Everything)
    }

    pub(crate) fn plan(&self) -> Plan<Change> {
        self.plan_for(&self.observe())
    }

    pub(crate) fn plan_for(&self, observed: &Observed) -> Plan<Change> {
        PrivateLink::plan(&place(), &self.desired, observed, &self.standing)
    }

    /// Takes every step of a plan whose needs are met; answers what AWS refused.
    pub(crate) fn take(&mut self, plan: &Plan<Change>) -> Vec<String> {
        let (mut done, mut refused) = (vec![], vec![]);
        for step in &plan.steps {
            let met = step.needs.iter().all(|needed| done[*needed]);
            let result = if met {
                self.links.apply(&step.action).map_err(|refusal| refusal.to_string())
            } else {
                Err("skipped".into())
            };
            done.push(result.is_ok());
            refused.extend(result.err());
        }
        refused
    }
}
