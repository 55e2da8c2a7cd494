//! What AWS says of endpoint services and their connections.

use crate::core::{AccountId, Region, ResourceId, Seen, ServiceName, StackId, VpcId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What was found for each declared service. A service of a VPC that is not bound, or that was not asked for, is
/// `Unknown(OutOfScope)`. Never `Absent`: that there is no service is said by a [`Sighting`] without candidates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// By name in the document.
    pub services: BTreeMap<ServiceName, Seen<Sighting>>,
}

/// What was found where one declared service should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The VPC that the document says, as it is bound.
    pub vpc: VpcId,
    /// The load balancer of the declared name; `Absent`: the Region has none.
    pub balancer: Seen<ObservedBalancer>,
    /// Every service of this account that stands in front of that load balancer or whose tags claim to be the declared one.
    /// Which of them it is, [`pick`](super::pick()) says.
    pub candidates: Vec<ObservedService>,
}

/// A load balancer. Its name is unique in the account and Region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedBalancer {
    /// Its ARN.
    pub arn: ResourceId,
    /// Where it is.
    pub vpc: VpcId,
    /// `Type` is `network`: no other kind can stand behind an interface endpoint.
    pub network: bool,
}

/// An endpoint service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedService {
    /// `vpce-svc-…`.
    pub id: ResourceId,
    /// Whether each connection waits to be accepted. `None`: AWS did not say.
    pub acceptance_required: Option<bool>,
    /// The ARNs of the Network Load Balancers behind it.
    pub balancers: BTreeSet<ResourceId>,
    /// `ManagesVpcEndpoints`: an AWS service keeps it, and its endpoints, for itself.
    pub managed: bool,
    /// The private DNS name, and whether AWS has verified that it is ours.
    pub private_dns: Option<PrivateDns>,
    /// The CloudFormation stack in its `aws:cloudformation:stack-id` tag.
    pub stack: Option<StackId>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Who may create endpoints to it: ARNs, or `*`. Described only for the service that is picked.
    pub principals: Seen<BTreeSet<String>>,
    /// Its connections, in any order. Described only for the service that is picked.
    pub connections: Seen<Vec<ObservedConnection>>,
}

/// The private DNS name of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateDns {
    /// The name.
    pub name: String,
    /// `verified`, `pendingVerification` or `failed`, as AWS writes it.
    pub state: String,
    /// The TXT record that proves the domain: its name and its value, while AWS asks for it.
    pub record: Option<(String, String)>,
}

/// One endpoint of a consumer. AWS shows the owner's account and the endpoint's id, never a principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedConnection {
    /// `vpce-…`, in the consumer's account.
    pub endpoint: ResourceId,
    /// Whose endpoint it is.
    pub owner: AccountId,
    /// Where it stands.
    pub state: ConnectionState,
    /// When it was created.
    pub since: Timestamp,
    /// The endpoint's Region, where AWS says it.
    pub region: Option<Region>,
}

/// Where a connection stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConnectionState {
    /// It waits for the provider.
    PendingAcceptance,
    /// It was let in and is being set up: in flight, and nobody waits for us.
    Pending,
    /// Traffic flows.
    Available,
    /// Traffic flows in some of its subnets.
    Partial,
    /// The provider refused it, at first or later.
    Rejected,
    /// The consumer is deleting it.
    Deleting,
    /// It is gone.
    Deleted,
    /// AWS could not set it up.
    Failed,
    /// Nobody accepted it in time.
    Expired,
    /// A state that this version does not know: it is left alone, and counts as let in.
    Other(String),
}

impl ConnectionState {
    /// Reads what the wire says. The API's model and its wire differ in case (`PendingAcceptance`, `pendingAcceptance`), so
    /// case does not count.
    pub fn from_wire(text: &str) -> Self {
        let known = [
            Self::PendingAcceptance,
            Self::Pending,
            Self::Available,
            Self::Partial,
            Self::Rejected,
            Self::Deleting,
            Self::Deleted,
            Self::Failed,
            Self::Expired,
        ];
        known
            .into_iter()
            .find(|state| state.as_wire().eq_ignore_ascii_case(text))
            .unwrap_or_else(|| Self::Other(text.to_owned()))
    }

    /// What the wire says, and what filters take.
    pub fn as_wire(&self) -> &str {
        match self {
            Self::PendingAcceptance => "pendingAcceptance",
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Partial => "partial",
            Self::Rejected => "rejected",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Other(text) => text,
        }
    }

    /// Whether it was let in and holds a place: traffic flows, or soon will. What is not known counts.
    pub fn is_in(&self) -> bool {
        match self {
            Self::Pending | Self::Available | Self::Partial | Self::Other(_) => true,
            Self::PendingAcceptance
            | Self::Rejected
            | Self::Deleting
            | Self::Deleted
            | Self::Failed
            | Self::Expired => false,
        }
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_wire())
    }
}
