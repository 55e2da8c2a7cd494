//! The mutations that the control can plan.

pub use crate::core::Thing;
use crate::core::{ResourceId, VpcId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A gateway to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewGateway {
    /// Public, in one subnet, with this address.
    Zonal {
        /// `subnet-…`.
        subnet: ResourceId,
        /// `eipalloc-…`.
        allocation: ResourceId,
    },
    /// Regional, with whatever addresses AWS gives it (`AvailabilityMode=regional`, no subnet, no address).
    Regional {
        /// `vpc-…`.
        vpc: VpcId,
    },
}

/// One API mutation.
///
/// The same change planned again is equal: what a crash left behind is found by the client token of the intent that it has. Nothing
/// that changes from look to look (times, counts) may therefore stand in a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// `AllocateAddress`. It takes no client token: the adapter puts the token in the tag `plumbline:intent`, and looks for an
    /// address with that tag before it asks for one.
    AllocateAddress {
        /// The VPC that it is for.
        vpc: Thing,
        /// The tags that it gets, beside `plumbline:intent`.
        tags: BTreeMap<String, String>,
    },
    /// `CreateNatGateway`, with the client token.
    CreateGateway {
        /// The subnet that it will stand in, or the VPC of a regional one.
        home: Thing,
        /// Which.
        gateway: NewGateway,
        /// The tags that it gets.
        tags: BTreeMap<String, String>,
    },
    /// `CreateRoute` for 0.0.0.0/0.
    CreateRoute {
        /// The table (`rtb-…`), which has no such route.
        table: Thing,
        /// The gateway.
        to: ResourceId,
    },
    /// `ReplaceRoute` for 0.0.0.0/0, refused as retryable if the route leads elsewhere than to `from` by now.
    ReplaceRoute {
        /// The table (`rtb-…`).
        table: Thing,
        /// Where it leads now.
        from: ResourceId,
        /// Whether `from` still works: only then can the route be put back.
        from_works: bool,
        /// The gateway.
        to: ResourceId,
    },
    /// `DeleteRoute` for 0.0.0.0/0, refused as retryable if the route leads elsewhere than to `target` by now.
    DeleteRoute {
        /// The table (`rtb-…`).
        table: Thing,
        /// Where it leads now.
        target: ResourceId,
    },
    /// `DeleteNatGateway`. Its address stays.
    DeleteGateway {
        /// The gateway (`nat-…`).
        gateway: Thing,
    },
    /// `ReleaseAddress`.
    ReleaseAddress {
        /// The address (`eipalloc-…`).
        address: Thing,
        /// The public address, for the record: while nobody else has it, it can be asked for again.
        public_ip: String,
    },
}
