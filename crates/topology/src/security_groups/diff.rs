//! One direction of one group: what is missing, what is extra, and what must be left alone.

use super::foreign::{self, Foreign};
use super::reach::{Reach, canonical, covers, traffic_overlap};
use super::resolve::{Context, Resolved};
use super::{
    DesiredGroup, DesiredRule, Direction, ForeignRule, GroupRef, KnownRule, ObservedGroup, ObservedPeer, ObservedRule,
    RuleSpec, Traffic,
};
use crate::core::{Drift, GroupName, Held, ResourceId, Severity, Unseen};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What differs in one direction of one group. Everything is in canonical order.
#[derive(Default)]
pub(super) struct Diff {
    /// Observed rules that stay as they are: declared, foreign, or not ours to judge. Without their descriptions.
    pub(super) stay: Vec<RuleSpec>,
    /// Declared rules that are not there.
    pub(super) missing: Vec<RuleSpec>,
    /// Undeclared rules that give undeclared reach.
    pub(super) exposures: Vec<KnownRule>,
    /// Undeclared rules that do not.
    pub(super) extra: Vec<KnownRule>,
    /// Undeclared rules with a controller's mark: they stay unless a declared rule needs their room. Each with why it stays.
    pub(super) marked: Vec<(KnownRule, Held)>,
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
struct Declared<'a> {
    /// In order of identity.
    known: Vec<DeclaredRule<'a>>,
    /// What rules admit whose peer is not known now. Any observed rule for this traffic may be one of them.
    unknown: Vec<Traffic>,
}

/// One of them.
struct DeclaredRule<'a> {
    /// Its traffic as one number, worked out once: it is compared with many.
    key: u64,
    /// Without a description, which is not identity.
    spec: RuleSpec,
    /// The declared description.
    description: Option<&'a str>,
}

impl DeclaredRule<'_> {
    /// Everything but the description.
    fn identity(&self) -> (u64, &ObservedPeer) {
        (self.key, &self.spec.peer)
    }
}

impl Declared<'_> {
    fn find(&self, traffic: Traffic, peer: &ObservedPeer) -> Option<usize> {
        let sought = (traffic.key(), peer);
        self.known.binary_search_by(|wanted| wanted.identity().cmp(&sought)).ok()
    }

    /// The common case, without sorting or copying: every rule is there, as described, and no other one is.
    fn is_in_sync(&self, context: &Context<'_>, direction: Direction, observed: &ObservedGroup) -> bool {
        let mut present = vec![false; self.known.len()];
        let rules = observed.rules.iter().filter(|rule| rule.direction == direction);
        let alike = |rule: &ObservedRule, wanted: Option<&str>| {
            wanted.is_none_or(|wanted| rule.description.as_deref().unwrap_or_default() == wanted)
        };
        let mut all = rules.map(|rule| {
            let index = self.find(rule.traffic, &canonical(&rule.peer, &context.place.account))?;
            let wanted = self.known.get(index)?;
            *present.get_mut(index)? = true;
            alike(rule, wanted.description).then_some(())
        });
        all.all(|found| found.is_some()) && present.iter().all(|present| *present)
    }
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
    if declared.is_in_sync(context, direction, observed) {
        return Some(teller.diff);
    }
    let mut present = vec![false; declared.known.len()];
    for (rule, peer) in canonical_rules(context, direction, observed) {
        let found = declared.find(rule.traffic, &peer);
        let spec = RuleSpec { traffic: rule.traffic, peer: peer.into_owned(), description: None };
        let Some(index) = found else {
            if contradicted(rule, direction, observed) {
                teller.contradiction(rule, spec);
            } else {
                teller.undeclared(rule, spec, &declared, foreign_rules);
            }
            continue;
        };
        if let Some(present) = present.get_mut(index) {
            *present = true;
        }
        if let Some(wanted) = declared.known.get(index).and_then(|rule| rule.description) {
            teller.description(rule, &spec, wanted);
        }
        teller.diff.stay.push(spec);
    }
    for (DeclaredRule { key: _, spec, description }, present) in declared.known.into_iter().zip(present) {
        if !present {
            let description = description.filter(|text| !text.is_empty()).map(Into::into);
            teller.missing(RuleSpec { description, ..spec });
        }
    }
    Some(teller.diff)
}

/// The rules of one direction in an order of their own, each with its peer in comparable form. A rule that two pages of an
/// answer both held counts once.
fn canonical_rules<'a>(
    context: &Context<'_>,
    direction: Direction,
    observed: &'a ObservedGroup,
) -> Vec<(&'a ObservedRule, Cow<'a, ObservedPeer>)> {
    let ObservedGroup { id: _, rules, stack: _, tags: _ } = observed;
    let own = &context.place.account;
    let rules = rules.iter().filter(|rule| rule.direction == direction);
    let mut rules: Vec<_> = rules.map(|rule| (rule.traffic.key(), rule, canonical(&rule.peer, own))).collect();
    rules.sort_by(|(traffic, rule, peer), (other, second, to)| (traffic, peer, &rule.id).cmp(&(other, to, &second.id)));
    rules.dedup_by(|(traffic, rule, peer), (other, first, to)| traffic == other && peer == to && rule.id == first.id);
    rules.into_iter().map(|(_, rule, peer)| (rule, peer)).collect()
}

/// Whether the answer also shows the rule's id as another rule: it changed between two pages.
fn contradicted(rule: &ObservedRule, direction: Direction, observed: &ObservedGroup) -> bool {
    let other =
        |other: &ObservedRule| (other.traffic, &other.peer, other.direction) != (rule.traffic, &rule.peer, direction);
    observed.rules.iter().any(|twin| twin.id == rule.id && other(twin))
}

fn known(rule: &ObservedRule, spec: RuleSpec) -> KnownRule {
    KnownRule { id: rule.id.clone(), spec: RuleSpec { description: rule.description.clone(), ..spec } }
}

/// Writes down what is found, in words.
struct Teller<'a> {
    context: &'a Context<'a>,
    group: &'a GroupRef,
    direction: Direction,
    diff: Diff,
}

impl Teller<'_> {
    fn resolve<'r>(&mut self, rules: &'r [DesiredRule]) -> Declared<'r> {
        let mut declared = Declared { known: Vec::with_capacity(rules.len()), unknown: vec![] };
        let mut absent: BTreeMap<GroupName, BTreeSet<Traffic>> = BTreeMap::new();
        let mut distrusted: BTreeMap<(GroupName, ResourceId), BTreeSet<Traffic>> = BTreeMap::new();
        for DesiredRule { traffic, peer, description } in rules {
            let peer = match self.context.resolve(peer) {
                Resolved::Known(peer) => peer,
                Resolved::Dropped => continue,
                Resolved::Distrusted(name, id) => {
                    distrusted.entry((name, id)).or_default().insert(*traffic);
                    continue;
                }
                Resolved::Absent(name) => {
                    absent.entry(name).or_default().insert(*traffic);
                    continue;
                }
                Resolved::Unknown(unseen) => {
                    self.diff.blind.push(unseen);
                    declared.unknown.push(*traffic);
                    continue;
                }
            };
            let spec = RuleSpec { traffic: *traffic, peer, description: None };
            declared.known.push(DeclaredRule { key: traffic.key(), spec, description: description.as_deref() });
        }
        declared
            .known
            .sort_by(|left, right| (left.identity(), left.description).cmp(&(right.identity(), right.description)));
        // The same group can be declared by name and by id: one rule on AWS, so one rule here.
        declared.known.dedup_by(|later, first| later.identity() == first.identity());
        self.diff.blind.sort_by_key(|unseen| format!("{unseen:?}"));
        for (name, traffic) in absent {
            self.names_absent(&name, traffic);
        }
        for ((name, id), traffic) in distrusted {
            self.names_distrusted(&name, &id, traffic);
        }
        declared
    }

    fn names_distrusted(&mut self, name: &GroupName, id: &ResourceId, traffic: BTreeSet<Traffic>) {
        let direction = self.direction;
        let traffic: Vec<String> = traffic.iter().map(ToString::to_string).collect();
        self.hold(
            format!(
                "{direction} {} {} {name} is declared, but {id} was made outside CloudFormation: anybody who may make a group \
                 could have given it that name",
                traffic.join(", "),
                direction.preposition()
            ),
            format!("if {id} is yours, drop `optional: true` from {name}; otherwise delete it"),
        );
    }

    fn names_absent(&mut self, name: &GroupName, traffic: BTreeSet<Traffic>) {
        let Self { context, direction, .. } = self;
        let traffic: Vec<String> = traffic.iter().map(ToString::to_string).collect();
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

    fn contradiction(&mut self, rule: &ObservedRule, spec: RuleSpec) {
        let GroupRef { key: _, name } = self.group;
        let why = format!("{name}: the answer shows two rules {}; it changed while it was read", rule.id);
        self.diff.blind.push(Unseen::Failed { retryable: true, why });
        self.diff.stay.push(spec);
    }

    fn undeclared(&mut self, rule: &ObservedRule, spec: RuleSpec, declared: &Declared<'_>, foreign: &[ForeignRule]) {
        let harmless = || declared.known.iter().any(|wanted| covers(&wanted.spec, &spec));
        let reach = match self.direction {
            Direction::Egress => Reach::Inside,
            Direction::Ingress if harmless() => Reach::Inside,
            Direction::Ingress => {
                let Context { ranges, vpcs, .. } = self.context;
                Reach::of(&spec.peer, rule.peer_vpc.as_ref(), ranges, vpcs)
            }
        };
        let context = self.context;
        let resolve = |item: &ForeignRule| match item.group.as_ref().map(|group| context.resolve(group)) {
            Some(Resolved::Known(peer)) => Some(Some(peer)),
            Some(Resolved::Unknown(_)) => None,
            Some(Resolved::Absent(_) | Resolved::Distrusted(_, _) | Resolved::Dropped) | None => Some(None),
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
        // Anybody can write a mark: it never keeps an exposure. Whoever has such a controller declares what it may open.
        let mark = foreign::mark(rule).filter(|_| reach == Reach::Inside);
        if let Some(foreign::Mark { writer, item }) = mark {
            self.drift(Severity::Drift, format!("{extra}: it bears the mark of {writer}"));
            let GroupRef { key, name } = self.group.clone();
            let remedy =
                format!("if it belongs there, add `{item}` to foreign_rules of {name}; otherwise revoke it by hand");
            let why = format!("{extra} bears the mark of {writer}, which would put it back");
            return self.diff.marked.push((known(rule, spec), Held { resource: key, name, why, remedy }));
        }
        let known = known(rule, spec);
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

    fn description(&mut self, rule: &ObservedRule, spec: &RuleSpec, wanted: &str) {
        let was = rule.description.as_deref().unwrap_or_default();
        if was == wanted {
            return;
        }
        let what = self.show(spec);
        self.drift(Severity::Drift, format!("{what} ({}) is described as {was:?}, declared as {wanted:?}", rule.id));
        self.diff.redescribe.push((known(rule, spec.clone()), wanted.into()));
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
