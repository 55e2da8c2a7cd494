//! The document as it is written. Doc comments here are what an editor shows: they become the JSON Schema's
//! descriptions.
//!
//! No `untagged`, `flatten` or `tag =`: each of them loses the place of an error. Required fields are `Option` too,
//! so that several missing ones are all reported.

mod groups;
mod network;
mod text;

pub(crate) use groups::{EgressRule, ForeignRule, IngressRule, SecurityGroup, Undeclared};
pub(crate) use network::{
    AddressTag, CloudWatchLogs, Dns, Endpoint, EndpointKind, ExtraRoute, FileFormat, FlowLog, Nat, NatMode, Partitions,
    PublicIps, Route, S3Logs, StackResource, Tier, Traffic, Vpc,
};
pub(crate) use text::{
    Account, Allocation, Cidr, Destination, Duration, Icmp, Peer, Ports, Protocol, RegionCode, Retention, StackWord,
    Target, TimeOfDay, Zone,
};

use super::wrap::{At, Named};
use crate::topology::Mode;
use schemars::JsonSchema;
use serde::Deserialize;

/// A Plumbline topology: a network as it shall be. Plumbline keeps the real network true to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Topology")]
pub(crate) struct Document {
    /// The version of this format: 1.
    #[schemars(required)]
    pub(crate) version: Option<At<Version>>,
    /// The topology's stable name, unique among all topologies. Never change it: Plumbline's records use it as the key.
    #[schemars(required)]
    pub(crate) id: Option<At<String>>,
    /// What the network is for. `nat: { mode: auto }` means a gateway in each Availability Zone in production, and a
    /// single one otherwise.
    #[schemars(required)]
    pub(crate) environment: Option<At<Environment>>,
    /// `observe` (the default) only looks and reports; `enforce` also puts back.
    pub(crate) mode: Option<At<Mode>>,
    /// Settings of single controls, such as `security-groups: { mode: observe }`.
    pub(crate) controls: Option<At<Controls>>,
    /// The account that owns the network, quoted. Default: the account that Plumbline runs in.
    pub(crate) account: Option<At<Account>>,
    /// The Region of the network. Default: the Region that Plumbline runs in.
    pub(crate) region: Option<At<RegionCode>>,
    /// `active` (the default), or `retired`: Plumbline removes what it made itself, in order, and leaves the rest.
    pub(crate) state: Option<At<State>>,
    /// What is done about a stack that knows nothing of what Plumbline had to make again: `report` (the default) tells the commands
    /// that bring the stack back in line, `execute` runs them, too, where `mode` is `enforce` and Plumbline is deployed with
    /// `StackRepair=execute`.
    pub(crate) stack_repair: Option<At<StackRepair>>,
    /// When routes that work may be moved in production: stretches of every week, in UTC, such as
    /// `{ days: [sun], from: "02:00", for: 2 hours }`.
    pub(crate) maintenance: Option<At<Vec<At<Maintenance>>>>,
    /// The VPCs, by names of your choice.
    #[schemars(required)]
    pub(crate) vpcs: Option<At<Named<Vpc>>>,
    /// Endpoint services that are offered over PrivateLink, by names of your choice.
    pub(crate) privatelink: Option<At<Named<EndpointService>>>,
}

/// The version of the format.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Version(pub(crate) i64);

impl JsonSchema for Version {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": 1 })
    }
}

/// What a network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Environment {
    /// People depend on it.
    Production,
    /// Like production, for trying a release.
    Staging,
    /// For building things.
    Development,
}

/// Whether the topology is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// In use.
    Active,
    /// Plumbline's own parts are removed; the rest of the network stays.
    Retired,
}

/// What is done about a stack that is out of line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StackRepair {
    /// A person is told the change sets that bring it back in line.
    Report,
    /// Plumbline makes these change sets, checks that they change nothing else, and executes them.
    Execute,
}

/// Settings of single controls.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Controls {
    /// The rules of security groups.
    pub(crate) security_groups: Option<At<ControlSettings>>,
    /// Flow logs of VPCs, and the retention of their log groups.
    pub(crate) flow_logs: Option<At<ControlSettings>>,
    /// NAT gateways, their addresses, and the default routes of the tiers behind them.
    pub(crate) nat: Option<At<ControlSettings>>,
    /// The connections of endpoint services.
    pub(crate) privatelink: Option<At<ControlSettings>>,
    /// Route tables by their subnets, internet gateways, public addresses on launch, and DNS.
    pub(crate) routes: Option<At<ControlSettings>>,
    /// What has public addresses, and which groups are attached.
    pub(crate) exposure: Option<At<ControlSettings>>,
    /// VPC endpoints: their subnets, route tables, security groups, private DNS and policies.
    pub(crate) endpoints: Option<At<ControlSettings>>,
}

/// A stretch of every week, in UTC.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Maintenance {
    /// The days on which it opens.
    #[schemars(required)]
    pub(crate) days: Option<At<Vec<At<Day>>>>,
    /// When it opens, such as `"02:00"`.
    #[schemars(required)]
    pub(crate) from: Option<At<TimeOfDay>>,
    /// How long it stays open, at most a day, such as `2 hours`.
    #[serde(rename = "for")]
    #[schemars(required)]
    pub(crate) lasts: Option<At<Duration>>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// Settings of one control.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ControlSettings {
    /// Overrides the topology's `mode` for this control.
    pub(crate) mode: Option<At<Mode>>,
}

/// An endpoint service: others reach a Network Load Balancer of ours through PrivateLink.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointService {
    /// The VPC that the load balancer is in, by its name in this document.
    #[schemars(required)]
    pub(crate) vpc: Option<At<String>>,
    /// The Network Load Balancer's name.
    #[schemars(required)]
    pub(crate) load_balancer: Option<At<String>>,
    /// The private DNS name that consumers may use, once its domain is verified.
    pub(crate) private_dns_name: Option<At<String>>,
    /// Connections that are let in at once. Omitted or empty: none.
    pub(crate) accept: Option<At<Vec<At<Accept>>>>,
    /// Who is never let in, by hand neither, and is refused at once: accounts or endpoints. Wins over `accept`.
    pub(crate) deny: Option<At<Vec<At<Deny>>>>,
    /// What becomes of other connections: `hold` (the default) leaves them pending for a person, `reject` refuses them.
    pub(crate) otherwise: Option<At<Otherwise>>,
    /// What becomes of a connection that was accepted and is no longer allowed: `hold` (the default) or `reject`.
    pub(crate) withdraw: Option<At<Otherwise>>,
    /// Who may create endpoints to the service: account ids or ARNs, quoted. Omitted: not managed. `[]`: nobody.
    pub(crate) principals: Option<At<Vec<At<String>>>>,
}

/// Connections that are let in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accept {
    /// The account that owns the consumer's endpoint, quoted.
    pub(crate) account: Option<At<Account>>,
    /// One endpoint by its id, instead of all of an account.
    pub(crate) endpoint: Option<At<String>>,
    /// At most so many connections of that account. Default: no limit.
    pub(crate) at_most: Option<At<i64>>,
    /// Until when, RFC 3339, such as `2027-03-31T00:00:00Z`. Default: until you change it.
    pub(crate) until: Option<At<String>>,
}

/// Connections that are never let in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deny {
    /// The account that owns the consumer's endpoint, quoted.
    pub(crate) account: Option<At<Account>>,
    /// One endpoint by its id, instead of all of an account.
    pub(crate) endpoint: Option<At<String>>,
}

/// What becomes of a connection that is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Otherwise {
    /// A person decides.
    Hold,
    /// It is refused.
    Reject,
}
