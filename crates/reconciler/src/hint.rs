//! What an event says: "look here". Never acted on by itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use topology::{Place, ResourceId, TopologyId};

/// One place to look, decoded from one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// The account and Region that the event speaks of.
    pub place: Place,
    /// Every resource id found anywhere in it (`sg-…`, `vpc-…`, `fl-…`); may be empty.
    pub resources: BTreeSet<ResourceId>,
    /// A topology that it names outright ("Reconcile Requested", by hand, a recheck).
    pub topology: Option<TopologyId>,
    /// Who did what, when the event was an API call.
    pub causes: Vec<Cause>,
    /// When the first event behind this hint happened, as the event says: for the metric only.
    pub first_seen: Timestamp,
    /// How many times it was already re-sent after a failure; 0 for a fresh one. Waiting for another run is no failure.
    pub attempt: u32,
    /// When it was first re-sent; `None` for a fresh one. What an event says of its own time bounds nothing.
    #[serde(default)]
    pub chain_since: Option<Timestamp>,
}

/// An API call that made a resource drift, as CloudTrail told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// CloudTrail's `eventID`.
    pub event_id: String,
    /// CloudTrail's `requestID`: tells a call of ours from everybody else's.
    #[serde(default)]
    pub request_id: Option<String>,
    /// `AuthorizeSecurityGroupIngress`.
    pub event_name: String,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub principal: Principal,
    /// From which address, or which AWS service.
    pub source_ip: Option<String>,
    /// With which client.
    pub user_agent: Option<String>,
    /// The AWS service that made the call on somebody's behalf (`cloudformation.amazonaws.com`).
    pub invoked_by: Option<String>,
    /// The ids that the call named: a cause matches a drift by these.
    pub resources: BTreeSet<ResourceId>,
}

/// The caller, as far as the event says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// `IAMUser`, `AssumedRole`, `Root`, `AWSService`… or `Unknown`.
    pub kind: String,
    /// The ARN, where there is one.
    pub arn: Option<String>,
    /// The role behind an assumed-role session.
    pub role: Option<String>,
}
