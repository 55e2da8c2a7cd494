//! One direction of one group: what is missing, what is extra, and what must be left alone.

use super::foreign::{self, Foreign};
use super::reach::{Reach, canonical, covers, traffic_overlap};
use super::resolve::{Context, Resolved};
use super::{
    DesiredGroup, DesiredRule, Direction, ForeignRule, GroupRef, KnownRule, ObservedGroup, ObservedRule, RuleSpec,
    Traffic,
};
use crate::core::{Drift, GroupName, Held, ResourceId, Severity, Unseen};
use std::collections::{BTreeMap, BTreeSet};

/// What differs in one direction of one group. Everything is in canonical order.
#[derive(Default)]
pub(super) struct Diff {
    /// Observed rules that stay as they are: declared, foreign, or not ours to judge.
    pub(super) stay: Vec<RuleSpec>,
    /// Declared rules that are not there.
    pub(super) missing: Vec<RuleSpec>,
    /// Undeclared rules that give undeclared reach.
    pub(super) exposures: Vec<KnownRule>,
    /// Undeclared rules that do not.
    pub(super) extra: Vec<KnownRule>,
    /// Declared rules with another description than declared.
    pub(super) redescribe: Vec<(KnownRule, String)>,
    /// Every difference, in words.
    pub(super) drifts: Vec<Drift>,
    /// What is not acted upon.
    pub(super) held: Vec<Held>,
    /// What could not be known.
    pub(super) blind: Vec<Unseen>,
}

/// Declared rules, resolved.
#[derive(Default)]
struct Declared {
    /// By identity; the value is the declared description.
    known: Vec<(RuleSpec, Option<String>)>,
    /// What rules admit whose peer is not known now. Any observed rule for this traffic may be one of them.
    unknown: Vec<Traffic>,
}

/// Compares one direction. `None` when the direction is unmanaged.
pub(super) fn diff(
    context: &Context<'_>,
    group: &GroupRef,
    direction: Direction,
    desired: &DesiredGroup,
    observed: &ObservedGroup,
) -> Option<Diff> {
    let DesiredGroup { optional: _, ingress, egress, foreign_rules } = desired;
    let rules = match direction {
        Direction::Ingress => ingress.as_ref()?,
        Direction::Egress => egress.as_ref()?,
    };
    let mut teller = Teller { context, group, direction, diff: Diff::default() };
    let declared = teller.resolve(rules);
    let mut present = BTreeSet::new();
    for rule in canonical_rules(context, direction, observed) {
        let spec = RuleSpec { traffic: rule.traffic, peer: rule.peer.clone(), description: rule.description.clone() };
        let matching = declared.known.iter().position(|(wanted, _)| same(wanted, &spec));
        let Some(index) = matching else {
            teller.undeclared(&rule, spec, &declared, foreign_rules);
            continue;
        };
        present.insert(index);
        if let Some((_, Some(wanted))) = declared.known.get(index) {
            teller.description(&rule.id, &spec, wanted);
        }
        teller.diff.stay.push(spec);
    }
    for (index, (spec, _)) in declared.known.into_iter().enumerate() {
        if !present.contains(&index) {
            teller.missing(spec);
        }
    }
    Some(teller.diff)
}

/// Identity: everything but the description.
fn same(left: &RuleSpec, right: &RuleSpec) -> bool {
    let RuleSpec { traffic, peer, description: _ } = left;
    *traffic == right.traffic && *peer == right.peer
}

/// The rules of one direction in an order of their own, each once, each peer in comparable form.
fn canonical_rules(context: &Context<'_>, direction: Direction, observed: &ObservedGroup) -> Vec<ObservedRule> {
    let ObservedGroup { id: _, rules, stack: _, tags: _ } = observed;
    let once: BTreeMap<&ResourceId, &ObservedRule> =
        rules.iter().filter(|rule| rule.direction == direction).map(|rule| (&rule.id, rule)).collect();
    let mut rules: Vec<ObservedRule> = once
        .into_values()
        .map(|rule| ObservedRule { peer: canonical(&rule.peer, &context.place.account), ..rule.clone() })
        .collect();
    rules.sort_by(|left, right| (left.traffic, &left.peer, &left.id).cmp(&(right.traffic, &right.peer, &right.id)));
    rules
}

/// Writes down what is found, in words.
struct Teller<'a> {
    context: &'a Context<'a>,
    group: &'a GroupRef,
    direction: Direction,
    diff: Diff,
}

impl Teller<'_> {
    fn resolve(&mut self, rules: &[DesiredRule]) -> Declared {
        let mut declared = Declared::default();
        let mut rules: Vec<&DesiredRule> = rules.iter().collect();
        rules.sort();
        let mut absent: BTreeMap<GroupName, Vec<String>> = BTreeMap::new();
        for DesiredRule { traffic, peer, description } in rules {
            let peer = match self.context.resolve(peer) {
                Resolved::Known(peer) => peer,
                Resolved::Dropped => continue,
                Resolved::Absent(name) => {
                    absent.entry(name).or_default().push(traffic.to_string());
                    continue;
                }
                Resolved::Unknown(unseen) => {
                    self.diff.blind.push(unseen);
                    declared.unknown.push(*traffic);
                    continue;
                }
            };
            let spec = RuleSpec {
                traffic: *traffic,
                peer,
                description: description.clone().filter(|description| !description.is_empty()),
            };
            // The same group can be declared by name and by id: one rule on AWS, so one rule here.
            if !declared.known.iter().any(|(other, _)| same(other, &spec)) {
                declared.known.push((spec, description.clone()));
            }
        }
        declared.known.sort_by(|(left, _), (right, _)| (left.traffic, &left.peer).cmp(&(right.traffic, &right.peer)));
        for (name, traffic) in absent {
            self.names_absent(&name, &traffic);
        }
        declared
    }

    fn names_absent(&mut self, name: &GroupName, traffic: &[String]) {
        let Self { context, direction, .. } = self;
        let what = format!("{direction} {} {} {name}", traffic.join(", "), direction.preposition());
        let why = format!("{what} is declared, but {} has no group named {name}", context.observed.id);
        self.drift(Severity::Drift, format!("missing {what}: there is no such group"));
        self.hold(
            why,
            format!(
                "create the group {name} in {} (deploy the stack that holds it), or declare it `optional: true`",
                self.context.observed.id
            ),
        );
    }

    fn undeclared(&mut self, rule: &ObservedRule, spec: RuleSpec, declared: &Declared, foreign: &[ForeignRule]) {
        let harmless = || declared.known.iter().any(|(wanted, _)| covers(wanted, &spec));
        let reach = match self.direction {
            Direction::Egress => Reach::Inside,
            Direction::Ingress if harmless() => Reach::Inside,
            Direction::Ingress => Reach::of(&spec.peer, self.context.ranges),
        };
        let context = self.context;
        let resolve = |item: &ForeignRule| match item.group.as_ref().map(|group| context.resolve(group)) {
            Some(Resolved::Known(peer)) => Some(Some(peer)),
            Some(Resolved::Unknown(_)) => None,
            Some(Resolved::Absent(_) | Resolved::Dropped) | None => Some(None),
        };
        let claimed = foreign::matches(rule, &spec.peer, foreign, resolve);
        let what = self.show(&spec);
        let extra = format!("extra {what} ({})", rule.id);
        if reach != Reach::Public {
            match claimed {
                Foreign::Yes => return self.diff.stay.push(spec),
                Foreign::Unknown => {
                    self.diff.blind.push(Unseen::Failed {
                        retryable: true,
                        why: format!(
                            "whether {what} ({}) is foreign: the group of a foreign_rules item is not known",
                            rule.id
                        ),
                    });
                    return self.diff.stay.push(spec);
                }
                Foreign::No => {}
            }
        }
        let mark = foreign::mark(rule).filter(|_| matches!(reach, Reach::Inside | Reach::Beyond));
        if let Some(foreign::Mark { writer, item }) = mark {
            let severity = if reach.exposure().is_some() { Severity::Exposure } else { Severity::Drift };
            self.drift(severity, format!("{extra}: it bears the mark of {writer}"));
            self.hold(
                format!("{extra} bears the mark of {writer}, which would put it back"),
                format!(
                    "if it belongs there, add `{item}` to foreign_rules of {}; otherwise revoke it by hand",
                    self.group.name
                ),
            );
            return self.diff.stay.push(spec);
        }
        let known = KnownRule { id: rule.id.clone(), spec };
        match reach.exposure() {
            Some(why) => {
                let in_vain = if claimed == Foreign::No { "" } else { " (foreign_rules never cover public sources)" };
                self.drift(Severity::Exposure, format!("{extra}: {why}{in_vain}"));
                self.diff.exposures.push(known);
            }
            // It may be the very rule, or carry the very traffic, of a declared one whose peer is not known now.
            None if declared.unknown.iter().any(|traffic| traffic_overlap(*traffic, known.spec.traffic).is_some()) => {
                self.diff.stay.push(known.spec);
            }
            None => {
                self.drift(Severity::Drift, extra);
                self.diff.extra.push(known);
            }
        }
    }

    fn description(&mut self, id: &ResourceId, spec: &RuleSpec, wanted: &str) {
        let was = spec.description.as_deref().unwrap_or_default();
        if was == wanted {
            return;
        }
        let what = self.show(spec);
        self.drift(Severity::Drift, format!("{what} ({id}) is described as {was:?}, declared as {wanted:?}"));
        self.diff.redescribe.push((KnownRule { id: id.clone(), spec: spec.clone() }, wanted.into()));
    }

    fn missing(&mut self, spec: RuleSpec) {
        let what = self.show(&spec);
        self.drift(Severity::Drift, format!("missing {what}"));
        self.diff.missing.push(spec);
    }

    fn show(&self, spec: &RuleSpec) -> String {
        let RuleSpec { traffic, peer, description: _ } = spec;
        let peer = self.context.show(peer, &self.group.key.id);
        format!("{} {traffic} {} {peer}", self.direction, self.direction.preposition())
    }

    fn drift(&mut self, severity: Severity, summary: String) {
        let GroupRef { key, name } = self.group.clone();
        self.diff.drifts.push(Drift { resource: key, name, severity, summary });
    }

    fn hold(&mut self, why: String, remedy: String) {
        let GroupRef { key, name } = self.group.clone();
        self.diff.held.push(Held { resource: key, name, why, remedy });
    }
}
