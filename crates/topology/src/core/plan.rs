//! A plan: ordered actions with nothing left to choose, and what was deliberately not done, with the reason.

use super::{Action, ResourceId, ResourceKey, StackId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How much a drift matters. Ordered: the greatest is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth telling, nothing to enforce.
    Advice,
    /// The network differs from its declaration.
    Drift,
    /// Undeclared reach from public addresses, or from outside the topology.
    Exposure,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Advice => "advice",
            Self::Drift => "drift",
            Self::Exposure => "exposure",
        })
    }
}

/// One difference between desired and observed. Its cause is attached by the loop, by resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// What drifted.
    pub resource: ResourceKey,
    /// What a person calls it, such as `main/alb`.
    pub name: String,
    /// How much it matters.
    pub severity: Severity,
    /// One sentence: what differs.
    pub summary: String,
}

/// A drift that is deliberately not acted upon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What is held.
    pub resource: ResourceKey,
    /// What a person calls it.
    pub name: String,
    /// Why nothing is done.
    pub why: String,
    /// What a person can do about it; a command to paste where there is one.
    pub remedy: String,
}

/// One action with its place in the plan. Both edges point to earlier steps only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step<A> {
    /// What is done.
    pub action: A,
    /// Order only: these come first, whether or not they succeed.
    pub after: Vec<usize>,
    /// Dependence: skipped when one of these failed or was held.
    pub needs: Vec<usize>,
    /// Removes an exposure, or is what such a removal needs: the guard holds it for a named pause or exemption only.
    pub contains: bool,
    /// The CloudFormation stack that owns the resource, when its tags say so.
    pub stack: Option<StackId>,
    /// A cut that AWS makes unavoidable, in words.
    pub caveat: Option<String>,
}

/// Nothing more can be decided before a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// When to look again.
    pub until: Timestamp,
    /// What is awaited.
    pub why: String,
}

/// What closes the gap between desired and observed, and what is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan<A> {
    /// The actions, in an order that respects `after` and `needs`.
    pub steps: Vec<Step<A>>,
    /// Every difference seen, acted upon or not.
    pub drifts: Vec<Drift>,
    /// What is not acted upon, and why.
    pub held: Vec<Held>,
    /// Set when the plan waits for AWS or for a time.
    pub wait: Option<Wait>,
    /// Why parts of the network could not be seen. Not empty: success cannot be claimed. `retryable` as in `Unseen`.
    pub blind: Vec<super::Unseen>,
    /// What a person should know besides, a line each, such as the change of the monthly cost.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Other ids that calls name, each with the resource under which a drift tells of it: of what is gone, or of what was put in the
    /// place of something else. Whoever made such a call is named for that.
    #[serde(default)]
    pub aliases: BTreeMap<ResourceId, ResourceId>,
}

impl<A> Default for Plan<A> {
    fn default() -> Self {
        Self {
            steps: vec![],
            drifts: vec![],
            held: vec![],
            wait: None,
            blind: vec![],
            notes: vec![],
            aliases: BTreeMap::new(),
        }
    }
}

impl<A: Action> Plan<A> {
    /// Appends a step and returns its index, for the edges of later steps.
    pub fn push(&mut self, step: Step<A>) -> usize {
        debug_assert!(step.after.iter().chain(&step.needs).all(|earlier| *earlier < self.steps.len()));
        self.steps.push(step);
        self.steps.len() - 1
    }

    /// Nothing to do, nothing held, nothing awaited, nothing unseen, no drift to tell. Notes alone are nothing.
    pub fn is_empty(&self) -> bool {
        let Self { steps, drifts, held, wait, blind, notes: _, aliases: _ } = self;
        steps.is_empty() && drifts.is_empty() && held.is_empty() && wait.is_none() && blind.is_empty()
    }
}

impl<A> Step<A> {
    /// A step without edges.
    pub fn new(action: A) -> Self {
        Self { action, after: vec![], needs: vec![], contains: false, stack: None, caveat: None }
    }
}

/// Drifts of one resource that are shown one by one; a flood of them must not hide the rest.
const SHOWN: usize = 8;

/// What an on-call reads at night: what differs, what is done about it in which order, what is not done and why.
impl<A: Action> fmt::Display for Plan<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, drifts, held, wait, blind, notes, aliases: _ } = self;
        if self.is_empty() {
            writeln!(f, "in sync: nothing to do")?;
        }
        if !drifts.is_empty() {
            writeln!(f, "drift")?;
        }
        let alike = |left: &Drift, right: &Drift| left.resource == right.resource && left.severity == right.severity;
        for group in drifts.chunk_by(alike) {
            for Drift { resource, name, severity, summary } in group.iter().take(SHOWN) {
                writeln!(f, "  {:<8}  {name} ({}): {summary}", severity.to_string(), resource.id)?;
            }
            if group.len() > SHOWN {
                writeln!(f, "            and {} more like these", group.len() - SHOWN)?;
            }
        }
        if !steps.is_empty() {
            writeln!(f, "steps")?;
        }
        for (index, Step { action, after, needs, contains, stack, caveat }) in steps.iter().enumerate() {
            writeln!(f, "  {}. {action}", index + 1)?;
            let mut about = vec![];
            if *contains {
                about.push("containment".to_owned());
            }
            if !after.is_empty() {
                about.push(format!("after {}", numbers(after)));
            }
            if !needs.is_empty() {
                about.push(format!("only if {} succeeds", numbers(needs)));
            }
            if let Some(stack) = stack {
                about.push(format!("owned by {stack}"));
            }
            if !about.is_empty() {
                writeln!(f, "     {}", about.join("; "))?;
            }
            if let Some(caveat) = caveat {
                writeln!(f, "     note: {caveat}")?;
            }
        }
        if !held.is_empty() {
            writeln!(f, "held")?;
        }
        for Held { resource, name, why, remedy } in held {
            writeln!(f, "  {name} ({}): {why}", resource.id)?;
            writeln!(f, "     to do: {remedy}")?;
        }
        if !blind.is_empty() {
            writeln!(f, "not seen")?;
        }
        for unseen in blind {
            match unseen {
                super::Unseen::OutOfScope => writeln!(f, "  something that was not asked for")?,
                super::Unseen::Failed { retryable: true, why } => writeln!(f, "  {why} (to be tried again)")?,
                super::Unseen::Failed { retryable: false, why } => writeln!(f, "  {why} (needs a person)")?,
            }
        }
        if let Some(Wait { until, why }) = wait {
            writeln!(f, "waiting until {until}: {why}")?;
        }
        if !notes.is_empty() {
            writeln!(f, "note")?;
        }
        for note in notes {
            writeln!(f, "  {note}")?;
        }
        Ok(())
    }
}

fn numbers(steps: &[usize]) -> String {
    steps.iter().map(|step| (step + 1).to_string()).collect::<Vec<_>>().join(" and ")
}
