//! What the loop passes to and from its ports, and what it answers.

use crate::{Cause, Fault};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use topology::{ControlId, Drift, Effect, Held, Place, ResourceId, ResourceKey, StackId, TopologyId, VpcId, VpcName};

/// What a lease, an intent and a record are kept under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LoopKey {
    /// Account and Region.
    pub place: Place,
    /// The topology's stable id.
    pub topology: TopologyId,
    /// The control.
    pub control: ControlId,
}

/// A VPC pinned to a name in a topology.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Its id.
    pub vpc: VpcId,
    /// Its IPv4 range at the time.
    pub cidr: String,
    /// The stack that it is a resource of, if it is one's: this stack, not another one of its name.
    #[serde(default)]
    pub stack: Option<StackId>,
    /// When it was pinned.
    pub at: Timestamp,
}

/// Every pinned VPC of a topology in a place.
pub type Bindings = BTreeMap<VpcName, Binding>;

/// What an observation is given: where, and which VPC is which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Account and Region.
    pub place: Place,
    /// The topology.
    pub topology: TopologyId,
    /// The VPCs that are bound. A declared VPC that is missing here is not to be touched.
    pub vpcs: BTreeMap<VpcName, VpcId>,
}

/// A VPC that looks like one of the topology's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub vpc: VpcId,
    /// Its primary IPv4 range.
    pub cidr: String,
    /// Every topology and VPC name that its tags claim: `plumbline:topology` = id, `plumbline:vpc` = name.
    pub claims: Option<(TopologyId, VpcName)>,
    /// The stack that it is a resource of, as CloudFormation's own tag or CloudFormation itself says.
    pub stack: Option<StackId>,
    /// The names in the topology whose `stack:` leads to it.
    pub of_stack: BTreeSet<VpcName>,
}

/// The answer to a pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pinned {
    /// Pinned now, or already pinned just so.
    Yes,
    /// The name is pinned to another VPC.
    NameTaken(Binding),
    /// The VPC is pinned to another topology or name.
    VpcTaken(TopologyId, VpcName),
}

/// The answer to a claim of one of a limited number of places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The place is the holder's: now, or before already.
    Yes,
    /// All places are taken, by these.
    Full(BTreeSet<ResourceId>),
    /// The lease was lost: nothing may be done.
    LeaseLost,
}

/// The highest layer version acted upon for a topology.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerMark {
    /// The layer's ARN without its version; versions of different layers do not compare.
    pub layer: String,
    /// The version.
    pub version: u64,
}

/// A lease that is held. Proof for the ledger that a mutation may be intended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is leased.
    pub key: LoopKey,
    /// Who holds it: unique to one run.
    pub owner: String,
    /// When it ends by itself: later than the function's time-out.
    pub expires: Timestamp,
    /// When the one before it was released: an observation older than this is stale.
    pub last_released: Option<Timestamp>,
}

/// What is about to be done, written before the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The resource that it changes.
    pub resource: ResourceKey,
    /// What a person calls it.
    pub name: String,
    /// The action, whole.
    pub action: serde_json::Value,
    /// The action in words.
    pub summary: String,
    /// Add, change or remove.
    pub effect: Effect,
    /// Whether it removes an exposure.
    pub contains: bool,
    /// Who made the drift that it mends, as far as known.
    pub causes: Vec<Cause>,
    /// Why a person asked for it; `None` when nobody did.
    #[serde(default)]
    pub reason: Option<String>,
    /// The run that intends it: the lease's owner. A `Repair` carries it on.
    pub run: String,
    /// When it was intended.
    pub at: Timestamp,
}

/// The idempotency token of an intent, for calls that take one. Also the intent's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClientToken(pub String);

/// An intent with what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub token: ClientToken,
    /// Under which key.
    pub key: LoopKey,
    /// What was intended.
    pub intent: Intent,
    /// What became of it; `None` while unsettled (a crash, or a run in progress).
    pub result: Option<Result<serde_json::Value, Fault>>,
    /// How to take it back, once settled: an `Inverse` as JSON.
    pub inverse: Option<serde_json::Value>,
    /// When it was settled.
    pub settled: Option<Timestamp>,
}

/// What became of a run, or of one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Desired and observed are the same.
    InSync,
    /// It would be done; the mode says only look.
    Planned,
    /// AWS accepted it.
    Applied,
    /// Not done yet: look again after this.
    Converging {
        /// How long to wait.
        recheck_after: SignedDuration,
        /// What is awaited.
        why: String,
    },
    /// Deliberately not done.
    Held {
        /// Why.
        why: String,
        /// What a person can do.
        remedy: String,
    },
    /// Not tried, because a step that it needs failed or was held.
    Skipped {
        /// Which.
        why: String,
    },
    /// It failed.
    Failed(Fault),
}

/// How a run that has not converged stands: looks that go nowhere are counted, and the others only bounded in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// Nothing has changed that would not have to be done again.
    #[default]
    Stuck,
    /// All that could be done is done; AWS or a time is awaited.
    Waits,
    /// Something was done, and the observation after it shows so.
    Moves,
}

/// One action of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionOutcome {
    /// What it changes.
    pub resource: ResourceKey,
    /// What a person calls it.
    pub name: String,
    /// The action in words.
    pub summary: String,
    /// Whether it removes an exposure.
    pub contains: bool,
    /// A cut that AWS makes unavoidable, in words.
    pub caveat: Option<String>,
    /// Held by a person's order, or by a deploy under way.
    #[serde(default)]
    pub ordered: bool,
    /// What became of it.
    pub outcome: Outcome,
}

/// What one run of one control on one topology saw, did and found afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Which.
    pub key: LoopKey,
    /// `observe`, `plan` or `enforce`.
    pub mode: String,
    /// Overall.
    pub overall: Outcome,
    /// The drifts of the first observation.
    pub drifts: Vec<Drift>,
    /// Causes by position in `drifts`.
    pub causes: BTreeMap<usize, Vec<Cause>>,
    /// Drifts that no event announced.
    pub event_path_blind: bool,
    /// Nothing was done under this declaration yet: the drift may be the document's doing, and nobody's call.
    pub fresh: bool,
    /// Another run held the lease, so nothing was done: no failure, only a wait.
    #[serde(default)]
    pub contended: bool,
    /// Whether looking again is going anywhere.
    #[serde(default)]
    pub pace: Pace,
    /// What was planned or done.
    pub actions: Vec<ActionOutcome>,
    /// What is held.
    pub held: Vec<Held>,
    /// What a person should know besides, a line each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Everything that is held is held by a person's order or by a deploy under way: nobody needs to be woken for it.
    pub by_order: bool,
    /// The layer is older than one that acted already, so this run only planned; a newer function may take its hints.
    pub older_layer: bool,
    /// Names of resources that something else keeps changing back.
    pub flapping: Vec<String>,
    /// The topology is retired, and this run found first that nothing of Plumbline's is left of it.
    #[serde(default)]
    pub retired: bool,
    /// When the first event behind this run happened; `None` for a sweep and by hand.
    pub first_seen: Option<Timestamp>,
    /// When the run ended.
    pub finished: Timestamp,
}

/// Told to the world: an event on the bus (`source: plumbline`), and a readable message for people when it matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeEvent {
    /// The `detail-type`: `Reconciled`, `Drift Held`, `Reconcile Failed`, `Topology Refused`, …
    pub detail_type: String,
    /// The place that it speaks of.
    pub place: Place,
    /// The topology, when it is about one.
    pub topology: Option<TopologyId>,
    /// The control, when it is about one.
    pub control: Option<ControlId>,
    /// One line for a person.
    pub headline: String,
    /// The whole, as JSON.
    pub detail: serde_json::Value,
    /// Whether a person must be told (SNS), not only the bus.
    pub page: bool,
}

/// Which topologies a function serves, and from which layer.
#[derive(Clone, Debug)]
pub struct Served {
    /// The readable ones.
    pub topologies: Vec<topology::Topology>,
    /// The ones that were refused.
    pub refused: Vec<RefusedDocument>,
    /// The layer that they came from; `None` outside Lambda.
    pub layer: Option<LayerMark>,
    /// The function's own account and Region.
    pub home: Place,
}

/// A document of the layer that is not enforced because it is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedDocument {
    /// Its file name.
    pub file: String,
    /// Its id, where that much could be read: it was not removed, only broken.
    pub topology: Option<TopologyId>,
    /// Everything that is wrong with it, for a person.
    pub problems: String,
}
