//! What is remembered of a stack between two sweeps.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use topology::stacks::{Repair, Stage};

/// Of one stack. Written on condition that nobody wrote since it was read: of two sweeps at once, one stops.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackMemory {
    /// Counts the writes.
    pub version: u64,
    /// A drift detection under way.
    pub detection: Option<Detection>,
    /// When the last one was started.
    pub detected: Option<Timestamp>,
    /// A repair under way.
    pub mending: Option<Mending>,
    /// No repair is begun before this: the last one failed, and a person is meant to look.
    pub not_before: Option<Timestamp>,
    /// What was done to the stack, oldest first: the intent of each call before it, and what became of it.
    pub log: Vec<StackEntry>,
}

/// A drift detection under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detection {
    /// CloudFormation's id of it.
    pub id: String,
    /// Since when.
    pub since: Timestamp,
}

/// A repair under way: where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mending {
    /// What is to be brought in line.
    pub repair: Repair,
    /// The change set that it is at.
    pub stage: Stage,
    /// The stack's own template, kept from before the first change set of a repair that takes it apart.
    pub template: Option<String>,
    /// The idempotency token and part of the name of the change set.
    pub token: String,
    /// The change set's ARN, once it was made.
    pub change_set: Option<String>,
    /// Its execution was asked for.
    pub executed: bool,
    /// Since when it is at this change set.
    pub since: Timestamp,
    /// When it was begun: what it goes by was found then.
    #[serde(default)]
    pub begun: Option<Timestamp>,
}

/// Something that was done to a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackEntry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
    /// With which change set.
    pub change_set: Option<String>,
}

/// Entries kept of one stack: dozens of repairs.
const ENTRIES: usize = 100;

impl StackMemory {
    /// Puts something on record.
    pub fn note(&mut self, at: Timestamp, what: impl Into<String>, change_set: Option<&str>) {
        self.log.push(StackEntry { at, what: what.into(), change_set: change_set.map(str::to_owned) });
        let beyond = self.log.len().saturating_sub(ENTRIES);
        self.log.drain(..beyond);
    }
}
