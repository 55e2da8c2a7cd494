//! A network with three tiers over two zones to plan for: declared by a document, built in the in-memory EC2 as its stack builds it,
//! then changed. With it both controls that write route tables, and the loop without its edges: look, plan, apply, look again.
// Each test binary compiles this module and uses a part of it; clippy sees the helpers of tests as production code.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use topology::nat::Nat;
use topology::routes::{Change, Observed, Routes};
use topology::{Control, Place, Plan, Receipt, ResourceId, Scope, Standing, Step, Topology, VpcId};
use twin::LOGICAL_ID;
use twin::nat::Nets;

pub(crate) const ZONES: [&str; 2] = ["a", "b"];
pub(crate) const STACK: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1";
/// A transit gateway that the document names.
pub(crate) const TRANSIT: &str = "tgw-0123456789abcdef0";

pub(crate) fn place() -> Place {
    Place::new("111122223333", "eu-west-1")
}

pub(crate) fn night() -> Timestamp {
    "2026-11-23T03:00:00Z".parse().unwrap()
}

pub(crate) fn read(text: &str) -> Topology {
    topology::document::read("topology.yaml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The document, with these lines in its VPC.
pub(crate) fn document(nat: &str) -> String {
    format!(
        "version: 1
id: shop
environment: staging
mode: enforce
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a, b]
    dns: {{ support: true, hostnames: true }}
    internet_gateway: true
    tiers:
      public: {{ route: internet, subnets: [10.0.0.0/24, 10.0.1.0/24], public_ips: on-request }}
      private:
        route: nat
        subnets: [10.0.10.0/24, 10.0.11.0/24]
        public_ips: never
        extra_routes: [{{ to: 10.8.0.0/16, via: {TRANSIT} }}, {{ via: peering }}]
      database: {{ route: isolated, subnets: [10.0.20.0/24, 10.0.21.0/24], public_ips: never }}
{nat}"
    )
}

#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) topology: Topology,
    pub(crate) nets: Nets,
    pub(crate) vpc: VpcId,
    pub(crate) internet: ResourceId,
    pub(crate) created: BTreeMap<ResourceId, Timestamp>,
    pub(crate) repairs: BTreeMap<ResourceId, Vec<topology::Repair>>,
    tokens: usize,
}

impl Site {
    /// As its stack builds it, and as Plumbline completes it.
    pub(crate) fn whole() -> Self {
        let mut site = Self::bare(&document("    nat: { mode: per-az }\n"));
        site.converge();
        site.nets.pass(SignedDuration::from_hours(100));
        site
    }

    /// As its stack builds it.
    pub(crate) fn bare(text: &str) -> Self {
        let topology = read(text);
        let mut nets = Nets::new(place(), night());
        let vpc = nets.create_vpc("10.0.0.0/16").unwrap();
        let tags = |logical: &str, more: &[(&str, &str)]| {
            let all = [
                (twin::STACK_TAG, STACK),
                (LOGICAL_ID, logical),
                ("plumbline:topology", "shop"),
                ("plumbline:vpc", "main"),
            ];
            all.iter()
                .chain(more)
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        nets.vpcs.get_mut(&vpc).unwrap().tags = tags("MainVpc", &[]);
        nets.dns.insert(vpc.clone(), (true, true));
        let internet = nets.attach_internet(&vpc);
        nets.internet_tags.insert(internet.clone(), tags("MainInternetGateway", &[]));
        for (row, (tier, name)) in
            [("public", "Public"), ("private", "Private"), ("database", "Database")].iter().enumerate()
        {
            for (at, zone) in ZONES.iter().enumerate() {
                let of = [("plumbline:tier", *tier), ("plumbline:zone", *zone)];
                let third = row * 10 + at;
                let subnet = nets.create_subnet(&vpc, &format!("10.0.{third}.0/24"), zone).unwrap();
                let letter = zone.to_ascii_uppercase();
                nets.subnets.get_mut(&subnet).unwrap().tags = tags(&format!("Main{name}{letter}Subnet"), &of);
                let table = nets.create_table(&vpc).unwrap();
                nets.tables.get_mut(&table).unwrap().tags = tags(&format!("Main{name}{letter}RouteTable"), &of);
                nets.associate(&table, &subnet).unwrap();
                if *tier == "public" {
                    nets.create_route(&table, &internet).unwrap();
                }
            }
        }
        Self { topology, nets, vpc, internet, created: BTreeMap::new(), repairs: BTreeMap::new(), tokens: 0 }
    }

    pub(crate) fn subnet(&self, cidr: &str) -> ResourceId {
        self.nets.subnets.iter().find(|(_, subnet)| subnet.cidr.to_string() == cidr).unwrap().0.clone()
    }

    /// The table that the stack made for a tier's zone.
    pub(crate) fn table(&self, tier: &str, zone: &str) -> ResourceId {
        let is =
            |tags: &BTreeMap<String, String>, key: &str, value: &str| tags.get(key).is_some_and(|tag| tag == value);
        let of = |tags: &BTreeMap<String, String>| is(tags, "plumbline:tier", tier) && is(tags, "plumbline:zone", zone);
        self.nets.tables.iter().find(|(_, table)| of(&table.tags)).unwrap().0.clone()
    }

    /// The VPC's main table.
    pub(crate) fn main(&self) -> ResourceId {
        self.nets.tables.iter().find(|(_, table)| table.main).unwrap().0.clone()
    }

    /// The table that a subnet uses.
    pub(crate) fn used(&self, cidr: &str) -> ResourceId {
        let subnet = self.subnet(cidr);
        let own = self.nets.tables.iter().find(|(_, table)| table.subnets.contains_key(&subnet));
        own.map_or_else(|| self.main(), |(id, _)| id.clone())
    }

    /// Somebody moves a subnet to another table.
    pub(crate) fn reseat(&mut self, cidr: &str, table: &ResourceId) {
        let subnet = self.subnet(cidr);
        let held = self.nets.tables.values().find_map(|table| table.subnets.get(&subnet).cloned());
        match held {
            Some(association) => _ = self.nets.reseat(&association, table).unwrap(),
            None => _ = self.nets.seat(table, &subnet).unwrap(),
        }
    }

    /// Somebody takes a subnet off its table.
    pub(crate) fn unseat(&mut self, cidr: &str) {
        let subnet = self.subnet(cidr);
        let held = self.nets.tables.values().find_map(|table| table.subnets.get(&subnet).cloned());
        if let Some(association) = held {
            self.nets.unseat(&association).unwrap();
        }
    }

    pub(crate) fn observed(&self) -> Observed {
        let desired = self.topology.routes.as_ref().unwrap();
        self.nets.observe_routes(&[("main".into(), self.vpc.clone())].into(), desired)
    }

    pub(crate) fn standing(&self) -> Standing {
        let mut standing = Standing::at(self.nets.now);
        standing.created = self.created.clone();
        standing.repairs = self.repairs.clone();
        standing
    }

    pub(crate) fn plan_of(&self, observed: &Observed) -> Plan<Change> {
        Routes::plan(&place(), self.topology.routes.as_ref().unwrap(), observed, &self.standing())
    }

    pub(crate) fn plan(&self) -> Plan<Change> {
        self.plan_of(&self.observed())
    }

    pub(crate) fn nat_plan(&self) -> Plan<topology::nat::Change> {
        let Some(desired) = &self.topology.nat else { return Plan::default() };
        let observed = self.nets.observe(&[("main".into(), self.vpc.clone())].into(), desired, &Scope::Everything);
        Nat::plan(&place(), desired, &observed, &self.standing())
    }

    fn token(&mut self) -> String {
        self.tokens += 1;
        format!("token-{}", self.tokens)
    }

    fn settle(&mut self, receipt: &Receipt) {
        let now = self.nets.now;
        self.created.extend(receipt.created.iter().map(|id| (id.clone(), now)));
    }

    /// One round of `routes`: every step in its order; those that need a failed one are skipped. `watch` sees each state.
    pub(crate) fn round(&mut self, mut watch: impl FnMut(&Self, &Change)) {
        let plan = self.plan();
        let mut failed = vec![];
        for (at, step) in plan.steps.iter().enumerate() {
            if step.needs.iter().any(|needed| failed.contains(needed)) {
                failed.push(at);
                continue;
            }
            let token = self.token();
            match self.nets.apply_routes(&step.action, &token) {
                Ok(receipt) => {
                    self.settle(&receipt);
                    watch(self, &step.action);
                }
                Err(_) => failed.push(at),
            }
        }
    }

    /// One round of `nat`, and AWS brings up what it made.
    pub(crate) fn nat_round(&mut self) {
        let plan = self.nat_plan();
        let mut failed = vec![];
        for (at, Step { action, needs, .. }) in plan.steps.iter().enumerate() {
            let token = self.token();
            if needs.iter().any(|needed| failed.contains(needed)) {
                failed.push(at);
                continue;
            }
            match self.nets.apply(action, &token) {
                Ok(receipt) => self.settle(&receipt),
                Err(_) => failed.push(at),
            }
        }
        self.nets.pass(SignedDuration::from_mins(5));
        self.nets.arrive();
    }

    /// Rounds of both until neither has anything to do.
    pub(crate) fn converge(&mut self) {
        for _ in 0..30 {
            if self.plan().is_empty() && self.nat_plan().is_empty() {
                return;
            }
            self.round(|_, _| {});
            self.nat_round();
        }
        panic!("never at rest:\n{}\n{}", self.plan(), self.nat_plan());
    }
}
