//! The contract of a control, and of the actions that it plans.

use super::{Field, Place, Plan, ResourceId, ResourceKey, Standing, Verb};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug, Display};

/// Every control there is. Adding one: a variant here, a document field, a module in this crate, an adapter, a function,
/// a template block with its sample events. A test over [`ControlId::ALL`] fails for each one missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ControlId {
    /// The rules of security groups.
    SecurityGroups,
    /// Flow logs of VPCs, and the retention of their log groups.
    FlowLogs,
    /// NAT gateways, their addresses, and the default routes of the tiers behind them.
    Nat,
    /// The connections of endpoint services.
    #[serde(rename = "privatelink")]
    PrivateLink,
    /// Route tables by their subnets, internet gateways, and the attributes of subnets and VPCs that decide about reach.
    Routes,
    /// VPC endpoints: their subnets, route tables, security groups, private DNS and policies.
    Endpoints,
    /// What has public addresses, and which groups are attached.
    Exposure,
}

impl ControlId {
    /// All of them, in the order in which they are shown.
    pub const ALL: &'static [Self] = &[
        Self::SecurityGroups,
        Self::FlowLogs,
        Self::Nat,
        Self::PrivateLink,
        Self::Routes,
        Self::Endpoints,
        Self::Exposure,
    ];

    /// Its name in documents, queues, functions and the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SecurityGroups => "security-groups",
            Self::FlowLogs => "flow-logs",
            Self::Nat => "nat",
            Self::PrivateLink => "privatelink",
            Self::Routes => "routes",
            Self::Exposure => "exposure",
            Self::Endpoints => "endpoints",
        }
    }

    /// The control of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|control| control.name() == name)
    }
}

impl Display for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One concern that is enforced. Planning is pure.
pub trait Control: Sized + Send + Sync + 'static {
    /// Which control this is.
    const ID: ControlId;
    /// The directives, besides pause and exempt, that its plans understand.
    const VERBS: &'static [Verb] = &[];
    /// How the ids begin of what its actions change: an exemption of anything else would exempt nothing. Empty: not said.
    const CHANGES: &'static [&'static str] = &[];
    /// What a topology says, resolved to concrete values.
    type Desired: Send + Sync;
    /// What AWS says now.
    type Observed: Debug + Send + Sync;
    /// What it can do.
    type Action: Action;

    /// What the topology says of this control; `None` when it says nothing (unmanaged).
    fn desired(topology: &crate::Topology) -> Option<&Self::Desired>;
    /// What must be looked at, given the ids that hints named and that were located in this topology.
    fn scope(desired: &Self::Desired, hinted: &BTreeSet<ResourceId>) -> Scope;
    /// What closes the gap. Nothing is left to choose when it is applied.
    fn plan(
        place: &Place,
        desired: &Self::Desired,
        observed: &Self::Observed,
        standing: &Standing,
    ) -> Plan<Self::Action>;
    /// Other ids by which events call what a drift is kept under: pairs of such an id and the drift's. Without them nobody could say
    /// who did it.
    fn also_called(_: &Self::Observed) -> Vec<(ResourceId, ResourceId)> {
        vec![]
    }
    /// What an observation shows of the resources that this control keeps, each with the name that its drifts call it by: one of these
    /// that no drift is about is as declared. Of what is not here, the control says nothing.
    fn kept(desired: &Self::Desired, observed: &Self::Observed) -> BTreeMap<ResourceId, String>;
}

/// What an observation covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that the topology declares for the control.
    Everything,
    /// These resources (a VPC's id stands for all that it holds).
    Only(BTreeSet<ResourceId>),
}

impl Scope {
    /// Whether a resource of this id is to be looked at.
    pub fn covers(&self, id: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(ids) => ids.contains(id),
        }
    }
}

/// One API mutation, fully decided, that survives a trip through the ledger.
pub trait Action: Clone + Eq + Debug + Display + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What it changes.
    fn resource(&self) -> ResourceKey;
    /// What a person calls that, such as `main/alb`.
    fn name(&self) -> String;
    /// Which field of it: the guard holds an action whose field another control owns.
    fn field(&self) -> Field;
    /// What kind of change it is.
    fn effect(&self) -> Effect;
    /// How to take it back, computed from what AWS answered.
    fn inverse(&self, receipt: &Receipt) -> Inverse<Self>;
    /// The parts to try one by one when the batch is refused for one of them, or for its size; a part may be split again. Empty: cannot
    /// be split.
    fn split(&self) -> Vec<Self> {
        vec![]
    }
    /// The place that must be claimed in the ledger before this is done, where only so many may be in at a time.
    fn slot(&self) -> Option<Slot> {
        None
    }
}

/// One of a limited number of places. Observations of two runs may both show the last one free: the ledger gives it to one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What the places are of, such as `products-api/222233334444`; within the topology and the control.
    pub name: String,
    /// Who wants in.
    pub holder: ResourceId,
    /// How many may be in.
    pub at_most: u32,
    /// Who is in, as observed: they count whether or not they ever claimed. Whoever waits to be let in is not in.
    pub live: BTreeSet<ResourceId>,
}

/// The kind of a change: the guard counts removals apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Something new.
    Add,
    /// Something that is there is altered.
    Change,
    /// Something that is there goes.
    Remove,
}

/// What AWS answered that the plan could not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The ids that it made, in the order of the action's parts.
    pub created: Vec<ResourceId>,
    /// The request id, for support cases.
    pub request_id: Option<String>,
    /// It was so before the call: nothing was changed by us, so there is nothing of ours to take back.
    #[serde(default)]
    pub already: bool,
}

/// How to take an action back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inverse<A> {
    /// This brings back exactly what was.
    Exact(A),
    /// This brings back the effect, with a difference that is named.
    Compensating(A, String),
    /// It cannot be taken back, for the reason given.
    None(String),
}
