//! The mutations that the control can plan.

use super::ConnectionState;
use crate::core::{AccountId, ResourceId, ResourceKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The service that a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRef {
    /// Its key: the id is `vpce-svc-…`.
    pub key: ResourceKey,
    /// What a person calls it: its name in the document, such as `products-api`.
    pub name: String,
}

/// The connection that a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionRef {
    /// `vpce-…`.
    pub endpoint: ResourceId,
    /// Whose it is.
    pub owner: AccountId,
    /// Where it stood when it was observed.
    pub was: ConnectionState,
}

/// The places that a consumer has. One is claimed in the ledger before a connection of its is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// How many there are.
    pub at_most: u32,
    /// The consumer's connections that were let in already, as observed.
    pub taken: BTreeSet<ResourceId>,
}

/// One API mutation on one endpoint service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// `ModifyVpcEndpointServiceConfiguration` with `AcceptanceRequired`.
    Acceptance {
        /// Where.
        service: ServiceRef,
        /// Plans only ever say `true`; `false` is what taking it back means.
        required: bool,
    },
    /// `ModifyVpcEndpointServiceConfiguration` with `AddNetworkLoadBalancerArns`.
    AttachBalancers {
        /// Where.
        service: ServiceRef,
        /// Their ARNs.
        balancers: Vec<ResourceId>,
    },
    /// `ModifyVpcEndpointServiceConfiguration` with `RemoveNetworkLoadBalancerArns`.
    DetachBalancers {
        /// Where.
        service: ServiceRef,
        /// Their ARNs.
        balancers: Vec<ResourceId>,
    },
    /// `ModifyVpcEndpointServicePermissions` with `AddAllowedPrincipals`.
    AllowPrincipals {
        /// Where.
        service: ServiceRef,
        /// ARNs.
        principals: Vec<String>,
    },
    /// `ModifyVpcEndpointServicePermissions` with `RemoveAllowedPrincipals`.
    DisallowPrincipals {
        /// Where.
        service: ServiceRef,
        /// ARNs, or `*`.
        principals: Vec<String>,
    },
    /// `AcceptVpcEndpointConnections` for one endpoint.
    Accept {
        /// Where.
        service: ServiceRef,
        /// Which.
        connection: ConnectionRef,
        /// Why, in words: the entry of the document, or the person.
        why: String,
        /// The limit that it counts against, if any.
        places: Option<Places>,
    },
    /// `RejectVpcEndpointConnections` for one endpoint.
    Reject {
        /// Where.
        service: ServiceRef,
        /// Which.
        connection: ConnectionRef,
        /// Why, in words.
        why: String,
    },
}
