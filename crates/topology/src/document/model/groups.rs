//! Security groups as they are written.

use super::{Icmp, Peer, Ports, Protocol};
use crate::document::wrap::At;
use schemars::JsonSchema;
use serde::Deserialize;

/// What to do about groups that the document does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Undeclared {
    /// Nothing.
    Ignore,
    /// Tell.
    Report,
}

/// A security group. A direction that is left out is not managed; `[]` means that it has no rule at all.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecurityGroup {
    /// What the group is for. AWS fixes it when the group is made. Default: a sentence with the topology's id.
    pub(crate) description: Option<At<String>>,
    /// The group may be absent. Rules that name it are then dropped.
    pub(crate) optional: Option<At<bool>>,
    /// What may come in.
    pub(crate) ingress: Option<At<Vec<At<IngressRule>>>>,
    /// What may go out.
    pub(crate) egress: Option<At<Vec<At<EgressRule>>>>,
    /// Rules that other tools keep in this group, and that are not drift. Rules that admit public addresses always are.
    pub(crate) foreign_rules: Option<At<Vec<At<ForeignRule>>>>,
}

/// One inbound rule: exactly one of `tcp`, `udp`, `icmp`, `icmpv6` and `protocol`, and `from`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["tcp"] }, { "required": ["udp"] }, { "required": ["icmp"] }, { "required": ["icmpv6"] },
    { "required": ["protocol"] }
]))]
pub(crate) struct IngressRule {
    /// TCP ports.
    pub(crate) tcp: Option<At<Ports>>,
    /// UDP ports.
    pub(crate) udp: Option<At<Ports>>,
    /// ICMP for IPv4.
    pub(crate) icmp: Option<At<Icmp>>,
    /// ICMP for IPv6.
    pub(crate) icmpv6: Option<At<Icmp>>,
    /// Any other protocol, or all of them.
    pub(crate) protocol: Option<At<Protocol>>,
    /// Who may come in.
    #[schemars(required)]
    pub(crate) from: Option<At<Peer>>,
    /// What the rule is for. Left out: whatever is there stays.
    pub(crate) description: Option<At<String>>,
}

/// One outbound rule: exactly one of `tcp`, `udp`, `icmp`, `icmpv6` and `protocol`, and `to`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["tcp"] }, { "required": ["udp"] }, { "required": ["icmp"] }, { "required": ["icmpv6"] },
    { "required": ["protocol"] }
]))]
pub(crate) struct EgressRule {
    /// TCP ports.
    pub(crate) tcp: Option<At<Ports>>,
    /// UDP ports.
    pub(crate) udp: Option<At<Ports>>,
    /// ICMP for IPv4.
    pub(crate) icmp: Option<At<Icmp>>,
    /// ICMP for IPv6.
    pub(crate) icmpv6: Option<At<Icmp>>,
    /// Any other protocol, or all of them.
    pub(crate) protocol: Option<At<Protocol>>,
    /// Where it may go.
    #[schemars(required)]
    pub(crate) to: Option<At<Peer>>,
    /// What the rule is for. Left out: whatever is there stays.
    pub(crate) description: Option<At<String>>,
}

/// A mark of another tool's rules. All parts that are given must match.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(crate) struct ForeignRule {
    /// The rule's description; `*` stands for any run of characters.
    pub(crate) description: Option<At<String>>,
    /// A tag of the rule as `key=value`; `*` in the value stands for any run of characters.
    pub(crate) tag: Option<At<String>>,
    /// The group that the rule references: a group of this VPC, `sg-…` or `account/sg-…`.
    pub(crate) group: Option<At<Peer>>,
}
