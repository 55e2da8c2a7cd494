//! The mutations that the control can plan.

use super::Address;
use crate::core::{ResourceId, ResourceKey};
use serde::{Deserialize, Serialize};

/// One API mutation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// `ModifyDBInstance` with `PubliclyAccessible` and nothing else.
    Database {
        /// Its key: the id is `db:…`.
        database: ResourceKey,
        /// What a person calls it.
        name: String,
        /// Its `DBInstanceIdentifier`.
        identifier: String,
        /// Whether it shall have a public address.
        public: bool,
    },
    /// `UpdateService` with the network as it was observed, but for `assignPublicIp`.
    Service {
        /// Its key: the id is `service/<cluster>/<service>`.
        service: ResourceKey,
        /// What a person calls it.
        name: String,
        /// The name of its cluster.
        cluster: String,
        /// Its name there.
        service_name: String,
        /// What of its network stays.
        network: TaskNetwork,
        /// Whether its tasks shall have public addresses.
        public: bool,
    },
    /// `DisassociateAddress`. The address stays whose it is.
    Disassociate {
        /// The interface's key: the id is `eni-…`.
        interface: ResourceKey,
        /// What a person calls it.
        name: String,
        /// The address, to put it back.
        address: Address,
        /// `eipassoc-…`.
        association: ResourceId,
    },
    /// `AssociateAddress`: takes a [`Change::Disassociate`] back. Never planned.
    Associate {
        /// The interface's key.
        interface: ResourceKey,
        /// What a person calls it.
        name: String,
        /// The address.
        address: Address,
    },
}

/// The network of a service's tasks, but for their public addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskNetwork {
    /// The subnets.
    pub subnets: Vec<ResourceId>,
    /// The security groups.
    pub groups: Vec<ResourceId>,
}
