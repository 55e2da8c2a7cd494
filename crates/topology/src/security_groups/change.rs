//! The mutations that the control can plan. At most one authorize, one revoke and one describe a group and direction.

use super::{Direction, ObservedPeer, Traffic};
use crate::core::{ResourceId, ResourceKey};
use serde::{Deserialize, Serialize};

/// The group that a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRef {
    /// Its key: the id is `sg-…`.
    pub key: ResourceKey,
    /// What a person calls it: `vpc/group`, such as `main/alb`.
    pub name: String,
}

/// A rule without an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSpec {
    /// What is admitted.
    pub traffic: Traffic,
    /// From or to whom, resolved to ids.
    pub peer: ObservedPeer,
    /// Its description.
    pub description: Option<String>,
}

/// A rule with its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownRule {
    /// `sgr-…`.
    pub id: ResourceId,
    /// What it was when it was observed.
    pub spec: RuleSpec,
}

/// One API mutation on one group and direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// `AuthorizeSecurityGroupIngress` / `Egress`.
    Authorize {
        /// Where.
        group: GroupRef,
        /// Which way.
        direction: Direction,
        /// The rules to add.
        rules: Vec<RuleSpec>,
    },
    /// `RevokeSecurityGroupIngress` / `Egress` by rule id.
    Revoke {
        /// Where.
        group: GroupRef,
        /// Which way.
        direction: Direction,
        /// The rules to remove, kept whole so that the inverse can bring them back.
        rules: Vec<KnownRule>,
    },
    /// `UpdateSecurityGroupRuleDescriptionsIngress` / `Egress` by rule id: no gap in the rule itself.
    Redescribe {
        /// Where.
        group: GroupRef,
        /// Which way.
        direction: Direction,
        /// The rules as they are, each with the description that it shall have (empty text removes it).
        rules: Vec<(KnownRule, String)>,
    },
}
