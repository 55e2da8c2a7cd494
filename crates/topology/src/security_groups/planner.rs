//! From what is declared and what was observed to a plan, over every VPC and group.

use super::diff::{Diff, diff};
use super::order::{Ordered, Rank, Tried, Unit, order};
use super::resolve::Context;
use super::{
    Change, Desired, DesiredGroup, DesiredVpc, Direction, GroupRef, Observed, ObservedGroup, ObservedVpc, Undeclared,
    UndeclaredGroup,
};
use crate::core::{
    Drift, GroupName, Held, Place, Plan, ResourceId, Seen, Severity, Standing, Step, Unseen, VpcId, VpcName,
};
use jiff::{SignedDuration, Timestamp};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// How long containment waits for an addition that AWS neither accepts nor refuses. Whoever keeps a group open can also keep
/// the account's call rate used up, so that every authorize is throttled.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// The plan. See [`super`] for the rules that it follows.
pub(super) fn plan(place: &Place, desired: &Desired, observed: &Observed, standing: &Standing) -> Plan<Change> {
    let Desired { vpcs, ranges, retired } = desired;
    let bound: BTreeSet<&VpcId> = observed.vpcs.values().filter_map(Seen::present).map(|vpc| &vpc.id).collect();
    let mut builder = Builder { place, standing, retired: *retired, plan: Plan::default(), steps: vec![] };
    for (name, declared) in vpcs {
        match observed.vpcs.get(name) {
            // Not bound, or not asked for: the loop knows and says so.
            None | Some(Seen::Unknown(Unseen::OutOfScope)) => {}
            Some(Seen::Unknown(Unseen::Failed { retryable, why })) => {
                builder.blind(Unseen::Failed { retryable: *retryable, why: format!("{name}: {why}") });
            }
            Some(Seen::Absent) if *retired => {}
            Some(Seen::Absent) => builder.vpc_gone(name),
            Some(Seen::Present(seen)) => builder.vpc(&Context::new(place, name, declared, seen, ranges, &bound)),
        }
    }
    builder.finish()
}

struct Builder<'a> {
    place: &'a Place,
    standing: &'a Standing,
    /// Groups go with their stack, and are not missed.
    retired: bool,
    plan: Plan<Change>,
    /// Each with its rank and the index of its unit's first step, to which its edges are relative.
    steps: Vec<(Rank, usize, Step<Change>)>,
}

impl Builder<'_> {
    fn vpc(&mut self, context: &Context<'_>) {
        let DesiredVpc { groups, undeclared } = context.desired;
        let ObservedVpc { id, groups: seen, ids: _, stacked: _, undeclared: others } = context.observed;
        for (name, declared) in groups {
            let full = format!("{}/{name}", context.name);
            match seen.get(name) {
                Some(Seen::Present(group)) => {
                    if context.distrusts(name) {
                        self.distrusted(&group.id, name, &full);
                    }
                    self.group(context, full, declared, group);
                }
                Some(Seen::Absent) if declared.optional || self.retired => {}
                Some(Seen::Absent) => self.group_gone(id.as_str(), name, full),
                Some(Seen::Unknown(Unseen::OutOfScope)) => {}
                Some(Seen::Unknown(Unseen::Failed { retryable, why })) => {
                    self.blind(Unseen::Failed { retryable: *retryable, why: format!("{full}: {why}") });
                }
                None => self.blind(Unseen::Failed { retryable: true, why: format!("{full}: it was not looked at") }),
            }
        }
        match undeclared {
            Undeclared::Ignore => {}
            Undeclared::Report => {
                let mut others: Vec<&UndeclaredGroup> = others.iter().collect();
                others.sort_by(|left, right| (&left.name, &left.id).cmp(&(&right.name, &right.id)));
                for UndeclaredGroup { id, name } in others {
                    self.plan.drifts.push(Drift {
                        resource: self.place.key(id.clone()),
                        name: format!("{}/{name}", context.name),
                        severity: Severity::Advice,
                        summary: "the topology does not declare this group".into(),
                    });
                }
            }
        }
    }

    fn group(&mut self, context: &Context<'_>, name: String, declared: &DesiredGroup, observed: &ObservedGroup) {
        let group = GroupRef { key: self.place.key(observed.id.clone()), name };
        for direction in Direction::ALL {
            let Some(mut found) = diff(context, &group, direction, declared, observed) else { continue };
            let Diff { drifts, held, blind, .. } = &mut found;
            self.plan.drifts.append(drifts);
            self.plan.held.append(held);
            blind.drain(..).for_each(|unseen| self.blind(unseen));
            let unit = Unit {
                group: &group,
                direction,
                stack: observed.stack.clone(),
                ranges: context.ranges,
                tried: self.tried(&observed.id),
            };
            let Ordered { steps, held } = order(&unit, found);
            let first = self.steps.len();
            self.steps.extend(steps.into_iter().map(|(rank, step)| (rank, first, step)));
            self.plan.held.extend(held);
        }
    }

    /// What became of the additions to a group: refusals count since the last run of which each was accepted, and what was never
    /// answered counts as long as it is remembered, because a try later gets the same record.
    fn tried(&self, id: &ResourceId) -> Tried {
        let repairs = self.standing.repairs.get(id).map(Vec::as_slice).unwrap_or_default();
        let additions = || repairs.iter().filter(|repair| !repair.removed);
        let failing: BTreeSet<&str> =
            additions().filter(|repair| repair.succeeded != Some(true)).map(|repair| repair.run.as_str()).collect();
        let good = additions().filter(|repair| !failing.contains(repair.run.as_str())).map(|repair| repair.at).max();
        let mut since = additions().filter(|repair| good.is_none_or(|good| repair.at > good));
        let waited = |at: Timestamp| self.standing.now.duration_since(at) > PATIENCE;
        if since.any(|repair| repair.succeeded == Some(false)) {
            Tried::Refused
        } else if additions().any(|repair| repair.succeeded.is_none() && waited(repair.at)) {
            Tried::Unanswered
        } else {
            Tried::Hopeful
        }
    }

    /// Its own rules are kept as declared, which can only narrow it; but nothing lets it in.
    fn distrusted(&mut self, id: &ResourceId, group: &GroupName, name: &str) {
        self.plan.held.push(Held {
            resource: self.place.key(id.clone()),
            name: name.into(),
            why: "it was made outside CloudFormation: declared rules that name it do not count".into(),
            remedy: format!("if {id} is yours, drop `optional: true` from {group}; otherwise delete it"),
        });
    }

    fn group_gone(&mut self, vpc: &str, group: &GroupName, name: String) {
        let resource = self.place.key(vpc);
        let summary = format!("the group {group} is gone from {vpc}");
        self.plan.drifts.push(Drift {
            resource: resource.clone(),
            name: name.clone(),
            severity: Severity::Drift,
            summary: summary.clone(),
        });
        self.plan.held.push(Held {
            resource,
            name,
            why: format!("{summary}; a new one would have another id, and nothing would be a member of it"),
            remedy: format!(
                "deploy the stack that holds it again (`plumb render` makes its template) and attach it where it was, or declare \
                 {group} `optional: true`"
            ),
        });
    }

    fn vpc_gone(&mut self, name: &VpcName) {
        let resource = self.place.key(name.as_str());
        let summary = format!("the VPC {name} is gone");
        self.plan.drifts.push(Drift {
            resource: resource.clone(),
            name: name.to_string(),
            severity: Severity::Drift,
            summary: summary.clone(),
        });
        self.plan.held.push(Held {
            resource,
            name: name.to_string(),
            why: format!("{summary}: there is nothing to put rules on"),
            remedy: "deploy the stack that holds it again, then rebind the topology to the new VPC".into(),
        });
    }

    fn blind(&mut self, unseen: Unseen) {
        if !self.plan.blind.contains(&unseen) {
            self.plan.blind.push(unseen);
        }
    }

    /// Puts the steps of every group in one line, by rank, and makes edges point to places in that line.
    fn finish(self) -> Plan<Change> {
        let Self { place: _, standing: _, retired: _, mut plan, steps } = self;
        let mut order: Vec<usize> = (0..steps.len()).collect();
        order.sort_by_key(|index| steps.get(*index).map(|(rank, _, _)| *rank));
        let mut position = vec![0; steps.len()];
        for (place, index) in order.iter().enumerate() {
            if let Some(slot) = position.get_mut(*index) {
                *slot = place;
            }
        }
        let moved = |first: usize, edges: &[usize]| -> Vec<usize> {
            let mut edges: Vec<usize> = edges.iter().filter_map(|edge| position.get(first + edge).copied()).collect();
            edges.sort_unstable();
            edges
        };
        for index in order {
            if let Some((_, first, step)) = steps.get(index) {
                plan.push(Step {
                    after: moved(*first, &step.after),
                    needs: moved(*first, &step.needs),
                    ..step.clone()
                });
            }
        }
        plan.drifts.sort_by_key(|drift| Reverse(drift.severity));
        plan
    }
}
