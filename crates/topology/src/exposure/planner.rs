//! From what is declared and what was observed to a plan, over every VPC and every kind of thing.

use super::desired::DesiredTier;
use super::{Change, Desired, DesiredVpc, Listing, Observed, ObservedVpc};
use super::{balancers, databases, interfaces, services};
use crate::core::{
    Drift, GroupName, Held, Place, Plan, ResourceId, Seen, Severity, StackId, Standing, Step, TierName, Unseen,
    VpcName, Wait,
};
use jiff::SignedDuration;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The plan. See [`super`] for the rules that it follows.
pub(super) fn plan(place: &Place, desired: &Desired, observed: &Observed, standing: &Standing) -> Plan<Change> {
    let mut builder = Builder { place, standing, homes: BTreeMap::new(), plan: Plan::default() };
    for (name, declared) in &desired.vpcs {
        match observed.vpcs.get(name) {
            // Not bound: the loop knows and says so.
            None | Some(Seen::Unknown(Unseen::OutOfScope)) => {}
            Some(Seen::Unknown(unseen)) => builder.blind(name.as_str(), unseen),
            Some(Seen::Absent) => builder.vpc_gone(name),
            Some(Seen::Present(seen)) => builder.settle(name, declared, seen),
        }
    }
    let databases = builder.sorted("databases", &observed.databases, |database| database.id());
    let services = builder.sorted("services", &observed.services, |service| service.id());
    let balancers = builder.sorted("load balancers", &observed.balancers, |balancer| balancer.id());
    databases::plan(&mut builder, &databases);
    services::plan(&mut builder, &services);
    for (name, declared) in &desired.vpcs {
        if let Some(seen) = observed.vpcs.get(name).and_then(Seen::present) {
            interfaces::plan(&mut builder, seen, &services, &balancers);
            balancers::plan(&mut builder, name, declared, seen, &balancers);
        }
    }
    let Builder { mut plan, .. } = builder;
    plan.drifts.sort_by_key(|drift| Reverse(drift.severity));
    plan
}

/// Where a subnet stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Home<'a> {
    pub(super) vpc: &'a VpcName,
    pub(super) seen: &'a ObservedVpc,
    pub(super) tier: &'a TierName,
    pub(super) declared: &'a DesiredTier,
}

impl<'a> Home<'a> {
    /// Which of these groups the tier does not name, ids with what people call them. Nothing where it names none.
    pub(super) fn undeclared<'g>(&self, attached: impl IntoIterator<Item = &'g ResourceId>) -> Vec<&'g ResourceId> {
        let Some(names) = &self.declared.groups else { return vec![] };
        let allowed: BTreeSet<&ResourceId> =
            names.iter().filter_map(|name| self.seen.groups.get(name.as_str())).collect();
        attached.into_iter().filter(|id| !allowed.contains(id)).collect()
    }

    /// What a group is called here, as far as any interface tells.
    pub(super) fn group(&self, id: &ResourceId) -> String {
        let named = self.seen.interfaces.iter().find_map(|interface| interface.groups.get(id));
        named.map_or_else(|| id.to_string(), |name| format!("{name} ({id})"))
    }

    /// The groups of the tier, as a person reads them.
    pub(super) fn groups_in_words(&self) -> String {
        let names: Vec<&str> = self.declared.groups.iter().flatten().map(GroupName::as_str).collect();
        if names.is_empty() { "no group at all".into() } else { names.join(", ") }
    }

    /// What an attached list becomes without what is not declared: ids to paste, or which to choose from.
    pub(super) fn kept<'g>(&self, attached: impl IntoIterator<Item = &'g ResourceId>) -> String {
        let attached: Vec<&ResourceId> = attached.into_iter().collect();
        let extra = self.undeclared(attached.iter().copied());
        let kept: Vec<&str> = attached.iter().filter(|id| !extra.contains(id)).map(|id| id.as_str()).collect();
        if !kept.is_empty() {
            return kept.join(" ");
        }
        let declared = self.declared.groups.iter().flatten();
        let ids = declared.filter_map(|name| self.seen.groups.get(name.as_str())).map(ResourceId::as_str);
        ids.collect::<Vec<_>>().join(" ")
    }
}

pub(super) struct Builder<'a> {
    pub(super) place: &'a Place,
    pub(super) standing: &'a Standing,
    homes: BTreeMap<&'a ResourceId, Home<'a>>,
    plan: Plan<Change>,
}

impl<'a> Builder<'a> {
    /// Learns which subnet is in which tier.
    fn settle(&mut self, vpc: &'a VpcName, declared: &'a DesiredVpc, seen: &'a ObservedVpc) {
        for (subnet, range) in &seen.subnets {
            if let Some((tier, declared)) = declared.tier_of(*range) {
                self.homes.insert(subnet, Home { vpc, seen, tier, declared });
            }
        }
    }

    /// What was listed, in a stable order; nothing where the listing failed, which is said.
    fn sorted<T, K: Ord>(&mut self, what: &str, listing: &'a Listing<T>, key: impl Fn(&T) -> K) -> Vec<&'a T> {
        match listing {
            Ok(all) => {
                let mut all: Vec<&T> = all.iter().collect();
                all.sort_by_key(|one| key(one));
                all
            }
            Err(unseen) => {
                self.blind(what, unseen);
                vec![]
            }
        }
    }

    /// Where a thing with these subnets stands: in a tier without public addresses if any of them is, for it may be placed there.
    pub(super) fn home<'s>(&self, subnets: impl IntoIterator<Item = &'s ResourceId>) -> Option<Home<'a>> {
        let homes = subnets.into_iter().filter_map(|subnet| self.homes.get(subnet)).copied();
        homes.min_by_key(|home| (!home.declared.never_public, home.declared.groups.is_none()))
    }

    pub(super) fn push(&mut self, change: Change, stack: Option<StackId>, caveat: String) {
        // All that this control does takes reach away: the guard lets nothing but a pause or an exemption hold it.
        self.plan.push(Step { contains: true, stack, caveat: Some(caveat), ..Step::new(change) });
    }

    pub(super) fn drift(&mut self, id: &ResourceId, name: &str, severity: Severity, summary: String) {
        let resource = self.place.key(id.clone());
        self.plan.drifts.push(Drift { resource, name: name.to_owned(), severity, summary });
    }

    pub(super) fn hold(&mut self, id: &ResourceId, name: &str, why: impl Into<String>, remedy: impl Into<String>) {
        let resource = self.place.key(id.clone());
        self.plan.held.push(Held { resource, name: name.to_owned(), why: why.into(), remedy: remedy.into() });
    }

    /// The earliest of all waits is the one to wake up for.
    pub(super) fn wait(&mut self, after: SignedDuration, why: String) {
        let until = self.standing.now.saturating_add(after).unwrap_or(jiff::Timestamp::MAX);
        if self.plan.wait.as_ref().is_none_or(|known| until < known.until) {
            self.plan.wait = Some(Wait { until, why });
        }
    }

    fn blind(&mut self, what: &str, unseen: &Unseen) {
        let unseen = match unseen {
            Unseen::OutOfScope => return,
            Unseen::Failed { retryable, why } => {
                Unseen::Failed { retryable: *retryable, why: format!("{what}: {why}") }
            }
        };
        if !self.plan.blind.contains(&unseen) {
            self.plan.blind.push(unseen);
        }
    }

    fn vpc_gone(&mut self, name: &VpcName) {
        let summary = format!("the VPC {name} is gone");
        let id = ResourceId::from(name.as_str());
        self.drift(&id, name.as_str(), Severity::Drift, summary.clone());
        let remedy = "deploy the stack that holds it again, then rebind the topology to the new VPC";
        self.hold(&id, name.as_str(), format!("{summary}: there is nothing in it to look at"), remedy);
    }
}
