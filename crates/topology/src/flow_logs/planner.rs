//! From what is declared and what was observed to a plan, over every VPC and its log groups.

use super::action::span;
use super::spec::group_label;
use super::{Change, Desired, Destination, Observed, ObservedGroup, ObservedVpc, tags, vpc};
use crate::core::{
    Drift, Held, Place, Plan, ResourceId, ResourceKey, Seen, Severity, StackId, Standing, Step, Unseen, VpcName, Wait,
};
use crate::network::{FlowDestination, FlowLog};
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The plan. See [`super`] for the rules that it follows.
pub(super) fn plan(place: &Place, desired: &Desired, observed: &Observed, standing: &Standing) -> Plan<Change> {
    let Desired { topology: _, vpcs } = desired;
    let mut builder = Builder { place, desired, observed, standing, groups: BTreeMap::new(), plan: Plan::default() };
    let present = |name| observed.vpcs.get(name).and_then(Seen::present);
    for (name, declared) in vpcs {
        if let Some(seen) = present(name) {
            builder.groups(name, declared, seen);
        }
    }
    for (name, declared) in vpcs {
        match observed.vpcs.get(name) {
            // Not bound: the loop knows and says so.
            None | Some(Seen::Unknown(Unseen::OutOfScope)) => {}
            Some(Seen::Unknown(unseen)) => builder.blind(name.as_str(), unseen),
            // None is declared, as where a topology is retired: none is missed.
            Some(Seen::Absent) if declared.is_empty() => {}
            Some(Seen::Absent) => builder.vpc_gone(name),
            Some(Seen::Present(seen)) => vpc::plan(&mut builder, name, declared, seen),
        }
    }
    let Builder { mut plan, .. } = builder;
    plan.drifts.sort_by_key(|drift| Reverse(drift.severity));
    plan
}

/// How a log group stands for the flow logs that go to it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Group {
    /// It is there.
    Ready,
    /// This step makes it.
    Making(usize),
    /// Nobody knows.
    Unseen,
}

pub(super) struct Builder<'a> {
    pub(super) place: &'a Place,
    pub(super) desired: &'a Desired,
    pub(super) observed: &'a Observed,
    pub(super) standing: &'a Standing,
    groups: BTreeMap<&'a str, Group>,
    plan: Plan<Change>,
}

impl<'a> Builder<'a> {
    /// The log groups of a VPC: there, and with the declared retention. One that several declare is looked at once.
    fn groups(&mut self, vpc: &VpcName, declared: &'a [FlowLog], seen: &ObservedVpc) {
        for FlowLog { traffic: _, destination, interval_seconds: _, format: _ } in declared {
            let FlowDestination::CloudWatch { log_group, retention_days } = destination else { continue };
            if self.groups.contains_key(log_group.as_str()) {
                continue;
            }
            let group = match self.observed.groups.get(log_group) {
                Some(Seen::Present(ObservedGroup { retention_days: before })) => {
                    if before != retention_days {
                        self.retain(vpc, log_group, *retention_days, *before, seen.stack.as_ref(), None);
                    }
                    Group::Ready
                }
                Some(Seen::Absent) => Group::Making(self.group_gone(vpc, log_group, *retention_days, seen)),
                Some(Seen::Unknown(unseen)) => {
                    self.blind(log_group, unseen);
                    Group::Unseen
                }
                None => {
                    let why = "it was not looked at".to_owned();
                    self.blind(log_group, &Unseen::Failed { retryable: true, why });
                    Group::Unseen
                }
            };
            self.groups.insert(log_group, group);
        }
    }

    fn retain(
        &mut self,
        vpc: &VpcName,
        log_group: &str,
        days: Option<u32>,
        before: Option<u32>,
        stack: Option<&StackId>,
        needs: Option<usize>,
    ) {
        let name = group_label(self.desired, vpc, log_group);
        let group = self.place.key(super::group_id(log_group));
        if needs.is_none() {
            let summary = format!("records are kept {} instead of {}", span(before), span(days));
            self.drift(group.clone(), &name, Severity::Drift, summary);
        }
        let change = Change::Retain { group, name, days, before };
        self.push(Step { needs: needs.into_iter().collect(), stack: stack.cloned(), ..Step::new(change) });
    }

    fn group_gone(&mut self, vpc: &VpcName, log_group: &str, days: Option<u32>, seen: &ObservedVpc) -> usize {
        let name = group_label(self.desired, vpc, log_group);
        let group = self.place.key(super::group_id(log_group));
        let summary = format!("there is no log group {log_group}");
        self.drift(group.clone(), &name, Severity::Drift, summary);
        let tags = tags::of(self.desired, vpc, &name);
        let change = Change::CreateGroup { group, name, tags };
        let made = self.push(Step { stack: seen.stack.clone(), ..Step::new(change) });
        if days.is_some() {
            self.retain(vpc, log_group, days, None, seen.stack.as_ref(), Some(made));
        }
        made
    }

    /// How the log group of a destination stands; `Ready` where there is none, or one that is nobody's business here.
    pub(super) fn group(&self, destination: &Destination) -> Group {
        let group = destination.log_group().and_then(|group| self.groups.get(group));
        group.copied().unwrap_or(Group::Ready)
    }

    pub(super) fn push(&mut self, step: Step<Change>) -> usize {
        self.plan.push(step)
    }

    /// Makes one step depend on an earlier one.
    pub(super) fn needs(&mut self, step: usize, earlier: usize) {
        if let Some(step) = self.plan.steps.get_mut(step) {
            step.needs.push(earlier);
            step.needs.sort_unstable();
        }
    }

    pub(super) fn drift(&mut self, resource: ResourceKey, name: &str, severity: Severity, summary: String) {
        self.plan.drifts.push(Drift { resource, name: name.to_owned(), severity, summary });
    }

    pub(super) fn hold(&mut self, resource: &ResourceId, name: &str, why: String, remedy: String) {
        let resource = self.place.key(resource.clone());
        self.plan.held.push(Held { resource, name: name.to_owned(), why, remedy });
    }

    /// The earliest of all waits is the one to wake up for.
    pub(super) fn wait(&mut self, until: Timestamp, why: String) {
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
        let why = format!("{summary}: there is nothing to record");
        self.drift(self.place.key(name.as_str()), name.as_str(), Severity::Drift, summary);
        let remedy = "deploy the stack that holds it again, then rebind the topology to the new VPC".into();
        self.hold(&ResourceId::from(name.as_str()), name.as_str(), why, remedy);
    }
}
