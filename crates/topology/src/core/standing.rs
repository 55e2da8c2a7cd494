//! What a plan and the guard may know besides desired and observed. The clock is data.

use super::{ControlId, ResourceId, TopologyId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a person may tell Plumbline. Which control understands which is said by `Control::VERBS`; `pause` and `exempt`
/// are understood by the guard, for every control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Nothing is changed by a control (or all controls) of a topology.
    Pause,
    /// Nothing is changed on one resource.
    Exempt,
    /// A held thing may go ahead.
    Approve,
    /// A held thing shall be refused.
    Reject,
    /// An Availability Zone is not to be relied upon.
    Evacuate,
}

/// What a directive is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A topology, every control or one.
    Topology {
        /// Which.
        topology: TopologyId,
        /// One control only.
        control: Option<ControlId>,
    },
    /// A resource (or an Availability Zone id, or a connection).
    Resource(ResourceId),
}

/// A standing order from a person. Always with a reason; a brake always with an end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directive {
    /// What is ordered.
    pub verb: Verb,
    /// About what.
    pub subject: Subject,
    /// Why, in the person's words (`INC-123`).
    pub reason: String,
    /// Who ordered it: an ARN where it is known.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when. `None` only for decisions (approve, reject) that stand.
    pub until: Option<Timestamp>,
}

impl Directive {
    /// Whether it is in force at `now`. Expiry is compared, never left to a TTL that only cleans.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// One past repair of a resource by this control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// When it was settled (or intended, if it never was).
    pub at: Timestamp,
    /// The run that made it: the repairs of one run are one attempt, however many calls it took.
    pub run: String,
    /// Whether it removed something.
    pub removed: bool,
    /// Whether AWS accepted it; `None` when that was never recorded.
    pub succeeded: Option<bool>,
}

/// Now, what people ordered, and what was done lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The time of this round.
    pub now: Timestamp,
    /// Directives on record for this topology and its resources, expired ones included (compare with `in_force`).
    pub directives: Vec<Directive>,
    /// Repairs within the longest window that anyone asks about (one hour), by resource, oldest first.
    pub repairs: BTreeMap<ResourceId, Vec<Repair>>,
    /// Ids that the ledger says Plumbline created, however long ago, each with when that was settled; those of rules are not kept.
    /// A tag alone is not trust.
    pub created: BTreeMap<ResourceId, Timestamp>,
    /// A person asked for this run. What a plan by hand shows is what enforcing by hand would do.
    #[serde(default)]
    pub by_hand: bool,
}

impl Standing {
    /// No memory at all, at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self { now, directives: vec![], repairs: BTreeMap::new(), created: BTreeMap::new(), by_hand: false }
    }

    /// The directives in force that carry `verb`.
    pub fn in_force(&self, verb: Verb) -> impl Iterator<Item = &Directive> {
        self.directives.iter().filter(move |directive| directive.verb == verb && directive.in_force(self.now))
    }
}
