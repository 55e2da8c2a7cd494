//! A network with NAT to plan for: declared by a document, built in the in-memory EC2, then changed. With it a ledger in a few lines,
//! and the loop without its edges: look, plan, intend, apply, settle, look again.
// Each test binary compiles this module and uses a part of it; clippy sees the helpers of tests as production code.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use topology::nat::{Change, Desired, GatewayState, Nat, Observed};
use topology::{
    Action, Control, Directive, Effect, Place, Plan, Receipt, Repair, ResourceId, Scope, Standing, Step, Subject, Verb,
    VpcId,
};
use twin::nat::Nets;

pub(crate) const LETTERS: [&str; 3] = ["a", "b", "c"];

pub(crate) fn place() -> Place {
    Place::new("111122223333", "eu-west-1")
}

/// A Monday, three in the morning.
pub(crate) fn night() -> Timestamp {
    "2026-11-23T03:00:00Z".parse().unwrap()
}

/// What a document with these `nat` lines in this environment means: a public and a private tier over three zones.
pub(crate) fn declared(environment: &str, nat: &str) -> Desired {
    let maintenance = "maintenance:\n- { days: [sun], from: \"02:00\", for: 2 hours }";
    declared_with(environment, nat, maintenance)
}

pub(crate) fn declared_with(environment: &str, nat: &str, top: &str) -> Desired {
    let text = format!(
        "version: 1
id: three-tier
environment: {environment}
{top}
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a, b, c]
    internet_gateway: true
    tiers:
      public: {{ route: internet, subnets: [10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24] }}
      private: {{ route: nat, subnets: [10.0.10.0/24, 10.0.11.0/24, 10.0.12.0/24] }}
    nat: {nat}
"
    );
    let read = topology::document::read("topology.yaml", &text);
    read.unwrap_or_else(|problems| panic!("{problems}")).nat.unwrap()
}

/// One call that was written down.
#[derive(Clone, Debug)]
struct Record {
    action: String,
    token: String,
    resource: ResourceId,
    removed: bool,
    run: String,
    intended: Timestamp,
    settled: Option<(Timestamp, bool)>,
    created: Vec<ResourceId>,
}

/// Where a run breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// The intent is written, the call is not made.
    BeforeCall,
    /// The call is made, its answer is not written.
    AfterCall,
}

#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) desired: Desired,
    pub(crate) nets: Nets,
    pub(crate) vpc: VpcId,
    pub(crate) internet: ResourceId,
    pub(crate) directives: Vec<Directive>,
    pub(crate) by_hand: bool,
    records: Vec<Record>,
    runs: usize,
}

impl Site {
    /// The network as its stack builds it: no gateways, no default routes behind them.
    pub(crate) fn bare(desired: Desired) -> Self {
        let mut nets = Nets::new(place(), night());
        let vpc = nets.create_vpc("10.0.0.0/16").unwrap();
        let internet = nets.attach_internet(&vpc);
        let public = nets.create_table(&vpc).unwrap();
        nets.create_route(&public, &internet).unwrap();
        for (at, zone) in LETTERS.iter().enumerate() {
            let subnet = nets.create_subnet(&vpc, &format!("10.0.{at}.0/24"), zone).unwrap();
            nets.associate(&public, &subnet).unwrap();
            let subnet = nets.create_subnet(&vpc, &format!("10.0.1{at}.0/24"), zone).unwrap();
            let table = nets.create_table(&vpc).unwrap();
            nets.associate(&table, &subnet).unwrap();
        }
        Self { desired, nets, vpc, internet, directives: vec![], by_hand: false, records: vec![], runs: 0 }
    }

    /// The same, with all that is declared in place.
    pub(crate) fn whole(desired: Desired) -> Self {
        let mut site = Self::bare(desired);
        site.converge();
        assert!(site.plan().is_empty(), "{}", site.plan());
        // Long ago: nothing is new any more.
        site.nets.pass(SignedDuration::from_hours(100));
        site
    }

    pub(crate) fn observed(&self) -> Observed {
        self.nets.observe(&[("main".into(), self.vpc.clone())].into(), &self.desired, &Scope::Everything)
    }

    pub(crate) fn standing(&self) -> Standing {
        let mut standing = Standing::at(self.nets.now);
        standing.by_hand = self.by_hand;
        standing.directives = self.directives.clone();
        let since = self.nets.now - SignedDuration::from_hours(1);
        for record in &self.records {
            let at = record.settled.map_or(record.intended, |(at, _)| at);
            if at > since {
                standing.repairs.entry(record.resource.clone()).or_default().push(Repair {
                    at,
                    run: record.run.clone(),
                    removed: record.removed,
                    succeeded: record.settled.map(|(_, succeeded)| succeeded),
                });
            }
            standing.created.extend(record.created.iter().map(|id| (id.clone(), at)));
        }
        standing.repairs.values_mut().for_each(|repairs| repairs.sort_by_key(|repair| repair.at));
        standing
    }

    pub(crate) fn plan_on(&self, observed: &Observed) -> Plan<Change> {
        Nat::plan(&place(), &self.desired, observed, &self.standing())
    }

    pub(crate) fn plan(&self) -> Plan<Change> {
        self.plan_on(&self.observed())
    }

    /// Another run begins.
    pub(crate) fn begin(&mut self) {
        self.runs += 1;
    }

    /// Writes the intent, and answers the token by which the call is made.
    fn intend(&mut self, change: &Change) -> usize {
        let action = serde_json::to_string(change).unwrap();
        let now = self.nets.now;
        let young = |record: &Record| now.duration_since(record.intended) <= SignedDuration::from_hours(1);
        let again = |record: &Record| record.action == action && record.settled.is_none() && young(record);
        if let Some(at) = self.records.iter().position(again) {
            return at;
        }
        self.records.push(Record {
            action,
            token: format!("token-{}", self.records.len()),
            resource: change.resource().id,
            removed: change.effect() == Effect::Remove,
            run: self.runs.to_string(),
            intended: now,
            settled: None,
            created: vec![],
        });
        self.records.len() - 1
    }

    /// One call, written down before and after.
    pub(crate) fn apply(&mut self, change: &Change, crash: Option<Crash>) -> Result<Receipt, String> {
        let at = self.intend(change);
        if crash == Some(Crash::BeforeCall) {
            return Err("crash".into());
        }
        let token = self.records[at].token.clone();
        let answer = self.nets.apply(change, &token);
        if crash == Some(Crash::AfterCall) {
            return Err("crash".into());
        }
        let retryable = answer.as_ref().is_err_and(|fault| fault.is_retryable());
        let answer = answer.map_err(|fault| fault.code.unwrap_or(fault.message));
        if retryable {
            return answer;
        }
        let now = self.nets.now;
        let record = &mut self.records[at];
        record.settled = Some((now, answer.is_ok()));
        if let Ok(receipt) = &answer {
            record.created.extend(receipt.created.iter().cloned());
        }
        answer
    }

    /// One run: three rounds at most; an action is tried once. Answers the changes that were made.
    pub(crate) fn look(&mut self) -> Vec<String> {
        self.look_until(None)
    }

    /// The same, breaking off at the call of that number.
    pub(crate) fn look_until(&mut self, crash: Option<(usize, Crash)>) -> Vec<String> {
        self.runs += 1;
        let (mut made, mut tried) = (vec![], BTreeSet::new());
        let mut calls = 0;
        for _ in 0..3 {
            let plan = self.plan();
            let mut done: Vec<bool> = vec![];
            let mut called = false;
            for Step { action, after: _, needs, .. } in &plan.steps {
                if !tried.insert(action.to_string()) || needs.iter().any(|need| !done[*need]) {
                    done.push(false);
                    continue;
                }
                let breaks = crash.filter(|(at, _)| *at == calls).map(|(_, crash)| crash);
                calls += 1;
                called = true;
                let answer = self.apply(action, breaks);
                if breaks.is_some() {
                    return made;
                }
                made.push(match &answer {
                    Ok(_) => action.to_string(),
                    Err(why) => format!("{action}: {why}"),
                });
                done.push(answer.is_ok());
            }
            if !called {
                break;
            }
        }
        made
    }

    /// Looks again and again, as the loop and the sweep do, while everything arrives and time passes.
    pub(crate) fn converge(&mut self) -> Vec<String> {
        let mut made = vec![];
        for _ in 0..40 {
            made.extend(self.look());
            if self.plan().is_empty() {
                return made;
            }
            self.nets.arrive();
            self.nets.pass(SignedDuration::from_mins(1));
        }
        made
    }

    // What is there.

    pub(crate) fn subnet(&self, cidr: &str) -> ResourceId {
        let cidr = cidr.parse().unwrap();
        self.nets.subnets.iter().find(|(_, subnet)| subnet.cidr == cidr).unwrap().0.clone()
    }

    pub(crate) fn public(&self, zone: &str) -> ResourceId {
        let at = LETTERS.iter().position(|letter| *letter == zone).unwrap();
        self.subnet(&format!("10.0.{at}.0/24"))
    }

    pub(crate) fn private(&self, zone: &str) -> ResourceId {
        let at = LETTERS.iter().position(|letter| *letter == zone).unwrap();
        self.subnet(&format!("10.0.1{at}.0/24"))
    }

    pub(crate) fn table(&self, zone: &str) -> ResourceId {
        let subnet = self.private(zone);
        self.nets.tables.iter().find(|(_, table)| table.subnets.contains_key(&subnet)).unwrap().0.clone()
    }

    /// Where the private subnet of a zone goes out.
    pub(crate) fn route(&self, zone: &str) -> Option<ResourceId> {
        self.nets.tables[&self.table(zone)].default.as_ref().map(|(target, _)| target.clone())
    }

    /// The gateways in a zone that are not gone.
    pub(crate) fn gateways(&self, zone: &str) -> Vec<ResourceId> {
        let here = self.nets.gateways.iter().filter(|(_, gateway)| {
            let gone = matches!(gateway.state, GatewayState::Deleting | GatewayState::Deleted);
            !gone && gateway.subnet.as_ref().is_some_and(|id| self.nets.subnets[id].zone.as_str() == zone)
        });
        here.map(|(id, _)| id.clone()).collect()
    }

    /// The one gateway of a zone.
    pub(crate) fn gateway(&self, zone: &str) -> ResourceId {
        let gateways = self.gateways(zone);
        assert_eq!(gateways.len(), 1, "zone {zone}: {gateways:?}");
        gateways[0].clone()
    }

    /// In which zone each private subnet goes out.
    pub(crate) fn exits(&self) -> String {
        let exit = |zone: &&str| match self.route(zone) {
            None => format!("{zone}: none"),
            Some(target) => {
                let home = LETTERS.iter().find(|letter| self.gateways(letter).contains(&target));
                format!("{zone}: {}", home.map_or_else(|| target.to_string(), ToString::to_string))
            }
        };
        LETTERS.iter().map(exit).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn order(&mut self, zone: &str, until: SignedDuration) {
        self.directives.push(Directive {
            verb: Verb::Evacuate,
            subject: Subject::Resource(twin::zone_id(zone)),
            reason: "INC-7".into(),
            by: "ada".into(),
            since: self.nets.now,
            until: Some(self.nets.now + until),
        });
    }

    /// Somebody else's gateway.
    pub(crate) fn foreign(&mut self, zone: &str) -> ResourceId {
        let allocation = self.nets.allocate(BTreeMap::new()).unwrap();
        let token = format!("foreign-{allocation}");
        let new = topology::nat::NewGateway::Zonal { subnet: self.public(zone), allocation };
        let id = self.nets.create_gateway(&new, BTreeMap::new(), &token).unwrap();
        self.nets.arrive();
        id
    }
}

impl Site {
    /// The first gateway that would be made here.
    pub(crate) fn first_create(&mut self) -> Option<Change> {
        self.look_until(Some((1, Crash::BeforeCall)));
        let creates = |step: &Step<Change>| matches!(step.action, Change::CreateGateway { .. });
        self.plan().steps.into_iter().find(creates).map(|step| step.action)
    }
}
