//! The mutations that the control can plan.

use crate::core::{ResourceId, Thing, VpcId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A DNS attribute of a VPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DnsAttribute {
    /// `enableDnsSupport`.
    Support,
    /// `enableDnsHostnames`.
    Hostnames,
}

/// One API mutation. `back`: whether it may be taken back; what exposed may not.
///
/// The same change planned again is equal: what a crash left behind is found by the client token of the intent that it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// `CreateRouteTable`, with the client token.
    CreateTable {
        /// The subnet that it will be the table of.
        subnet: Thing,
        /// Its VPC.
        vpc: VpcId,
        /// The tags that it gets.
        tags: BTreeMap<String, String>,
    },
    /// `DeleteRouteTable` of one that Plumbline made and that nothing uses.
    DeleteTable {
        /// The table (`rtb-…`).
        table: Thing,
    },
    /// `AssociateRouteTable`, for a subnet that uses the VPC's main table.
    Associate {
        /// The subnet (`subnet-…`).
        subnet: Thing,
        /// The table (`rtb-…`).
        to: ResourceId,
        /// Whether the main table was no exposure.
        back: bool,
    },
    /// `ReplaceRouteTableAssociation`: atomic. Refused as retryable if the association is not there any more.
    Move {
        /// The subnet (`subnet-…`).
        subnet: Thing,
        /// The association that it has now (`rtbassoc-…`).
        association: ResourceId,
        /// The table that it uses now (`rtb-…`).
        from: ResourceId,
        /// The table that it shall use (`rtb-…`).
        to: ResourceId,
        /// Whether the old table was no exposure.
        back: bool,
    },
    /// `DisassociateRouteTable`: the subnet uses the VPC's main table.
    Disassociate {
        /// The subnet (`subnet-…`).
        subnet: Thing,
        /// The association (`rtbassoc-…`).
        association: ResourceId,
        /// The table that it uses now (`rtb-…`).
        from: ResourceId,
    },
    /// `CreateRoute`.
    CreateRoute {
        /// The table (`rtb-…`), which has no such route.
        table: Thing,
        /// A range, or a prefix list.
        destination: String,
        /// The target, by id.
        to: ResourceId,
    },
    /// `ReplaceRoute`, refused as retryable if the route leads elsewhere than to `from` by now. To `local`: what AWS made it.
    ReplaceRoute {
        /// The table (`rtb-…`).
        table: Thing,
        /// A range, or a prefix list.
        destination: String,
        /// Where it leads now.
        from: ResourceId,
        /// Whether `from` works, and was no exposure.
        back: bool,
        /// The target, by id.
        to: ResourceId,
    },
    /// `DeleteRoute`, refused as retryable if the route leads elsewhere than to `target` by now.
    DeleteRoute {
        /// The table (`rtb-…`).
        table: Thing,
        /// A range, or a prefix list.
        destination: String,
        /// Where it leads now.
        target: ResourceId,
        /// Whether it worked, and was no exposure.
        back: bool,
    },
    /// `AttachInternetGateway`.
    AttachGateway {
        /// The VPC (`vpc-…`).
        vpc: Thing,
        /// The gateway (`igw-…`).
        gateway: ResourceId,
    },
    /// `DetachInternetGateway`. The gateway stays.
    DetachGateway {
        /// The VPC (`vpc-…`).
        vpc: Thing,
        /// The gateway (`igw-…`).
        gateway: ResourceId,
        /// Whether it may be attached again: it is undone by hand only.
        back: bool,
    },
    /// `ModifySubnetAttribute` of `MapPublicIpOnLaunch`.
    PublicOnLaunch {
        /// The subnet (`subnet-…`).
        subnet: Thing,
        /// Whether what is launched gets a public address.
        on: bool,
    },
    /// `ModifyVpcAttribute`, one attribute a call.
    Dns {
        /// The VPC (`vpc-…`).
        vpc: Thing,
        /// Which attribute.
        attribute: DnsAttribute,
        /// Its value.
        on: bool,
    },
}
