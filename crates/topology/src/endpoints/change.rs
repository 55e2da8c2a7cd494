//! The mutations that the control can plan.

use super::{Kind, Policy};
use crate::core::{EndpointName, ResourceId, ResourceKey, StackId, VpcId, ZoneLetter};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is before the id of an endpoint that is not there: it has none of AWS's.
pub(super) const MISSING: &str = "endpoint:";

/// The id under which an endpoint that is not there is kept, such as `endpoint:vpc-0abc/ecr.api`.
pub fn endpoint_key(vpc: &VpcId, name: &EndpointName) -> ResourceId {
    ResourceId::from(format!("{MISSING}{vpc}/{name}"))
}

/// One API mutation.
///
/// The same change planned again is equal: what a crash left behind is found by the client token of the intent that it has. Nothing
/// that changes from look to look (times, counts) may therefore stand in a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// `CreateVpcEndpoint`, always without private DNS, with the client token.
    Create {
        /// [`endpoint_key`] in its place.
        key: ResourceKey,
        /// What a person calls it, such as `main/ecr.api`.
        name: String,
        /// What it is.
        endpoint: NewEndpoint,
        /// The tags that it gets.
        tags: BTreeMap<String, String>,
        /// What it stands in for, where a CloudFormation stack made the network.
        stand_in: Option<StandIn>,
    },
    /// `ModifyVpcEndpoint`: all that one endpoint needs, in one call.
    Modify {
        /// The endpoint (`vpce-…`).
        endpoint: ResourceKey,
        /// What a person calls it.
        name: String,
        /// What changes.
        edit: Edit,
        /// Where some subnets come and others go, the zones of these and of those that stay: AWS takes one a zone.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        zones: BTreeMap<ResourceId, ZoneLetter>,
    },
    /// `DeleteVpcEndpoints` of one that Plumbline made.
    Delete {
        /// The endpoint (`vpce-…`).
        endpoint: ResourceKey,
        /// What a person calls it.
        name: String,
        /// [`endpoint_key`] of what it was, to make it again.
        key: ResourceKey,
        /// What it was, to make it again.
        was: NewEndpoint,
        /// Its tags, to make it again.
        tags: BTreeMap<String, String>,
    },
}

/// An endpoint to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEndpoint {
    /// Where.
    pub vpc: VpcId,
    /// The service's full name.
    pub service: String,
    /// `Gateway` or `Interface`.
    pub kind: Kind,
    /// Gateway: its route tables.
    pub tables: BTreeSet<ResourceId>,
    /// Interface: its subnets.
    pub subnets: BTreeSet<ResourceId>,
    /// Interface: its security groups.
    pub groups: BTreeSet<ResourceId>,
    /// Its policy; `None` is AWS's own, which allows everything.
    pub policy: Option<Policy>,
}

/// The resource of a stack in whose place an endpoint was made: CloudFormation goes on believing in the one that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandIn {
    /// The stack that made the VPC.
    pub stack: StackId,
    /// The logical id that the endpoint has in a template rendered from the topology.
    pub logical_id: String,
}

/// What changes of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// `AddRouteTableIds`.
    pub add_tables: BTreeSet<ResourceId>,
    /// `RemoveRouteTableIds`.
    pub remove_tables: BTreeSet<ResourceId>,
    /// `AddSubnetIds`.
    pub add_subnets: BTreeSet<ResourceId>,
    /// `RemoveSubnetIds`.
    pub remove_subnets: BTreeSet<ResourceId>,
    /// `AddSecurityGroupIds`.
    pub add_groups: BTreeSet<ResourceId>,
    /// `RemoveSecurityGroupIds`.
    pub remove_groups: BTreeSet<ResourceId>,
    /// `PolicyDocument`, or `ResetPolicy`.
    pub policy: Option<PolicyEdit>,
    /// `PrivateDnsEnabled`.
    pub private_dns: Option<bool>,
}

/// Another policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyEdit {
    /// The new one; `None` is AWS's own (`ResetPolicy`).
    pub to: Option<Policy>,
    /// The one that is there, to put back; `None`: there is none that can be read.
    pub before: Option<Policy>,
}

impl Edit {
    /// Nothing changes.
    pub fn is_empty(&self) -> bool {
        let Self {
            add_tables,
            remove_tables,
            add_subnets,
            remove_subnets,
            add_groups,
            remove_groups,
            policy,
            private_dns,
        } = self;
        let lists = [add_tables, remove_tables, add_subnets, remove_subnets, add_groups, remove_groups];
        lists.iter().all(|list| list.is_empty()) && policy.is_none() && private_dns.is_none()
    }

    /// What takes it back.
    pub(super) fn reversed(&self) -> Self {
        let edit = self.clone();
        Self {
            add_tables: edit.remove_tables,
            remove_tables: edit.add_tables,
            add_subnets: edit.remove_subnets,
            remove_subnets: edit.add_subnets,
            add_groups: edit.remove_groups,
            remove_groups: edit.add_groups,
            policy: edit.policy.map(|PolicyEdit { to, before }| PolicyEdit { to: before, before: to }),
            private_dns: edit.private_dns.map(|on| !on),
        }
    }
}
