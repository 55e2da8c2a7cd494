//! VPCs as they are written.

use super::{Allocation, Cidr, Destination, Duration, Retention, SecurityGroup, StackWord, Target, Undeclared, Zone};
use crate::document::wrap::{At, Form, Named};
use schemars::JsonSchema;
use serde::Deserialize;

/// A VPC. A section that is left out is not managed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vpc {
    /// The id of a VPC that exists and was not built by `plumb render`. Default: found by its tags.
    pub(crate) id: Option<At<String>>,
    /// The CloudFormation stack that made the VPC: its name, or `{ name: network, logical_id: Vpc }`. Instead of `id` and of tags.
    pub(crate) stack: Option<At<Form<StackWord, StackResource>>>,
    /// The VPC's IPv4 range, between /16 and /28.
    #[schemars(required)]
    pub(crate) cidr: Option<At<Cidr>>,
    /// The letters of the Availability Zones, in the order of the tiers' subnets.
    #[schemars(required)]
    pub(crate) availability_zones: Option<At<Vec<At<Zone>>>>,
    /// DNS in the VPC. Interface endpoints with private DNS need both.
    pub(crate) dns: Option<At<Dns>>,
    /// Whether an internet gateway is attached.
    pub(crate) internet_gateway: Option<At<bool>>,
    /// Tiers of subnets, by names of your choice: one subnet an Availability Zone, one route table a subnet.
    pub(crate) tiers: Option<At<Named<Tier>>>,
    /// NAT gateways for the tiers with `route: nat`.
    pub(crate) nat: Option<At<Nat>>,
    /// Flow logs of the VPC, each keyed by its destination. `[]`: none.
    pub(crate) flow_logs: Option<At<Vec<At<FlowLog>>>>,
    /// VPC endpoints by service, such as `s3: gateway` or `ecr.api: interface`.
    pub(crate) endpoints: Option<At<Named<Form<EndpointKind, Endpoint>>>>,
    /// Security groups, by their group names.
    pub(crate) security_groups: Option<At<Named<SecurityGroup>>>,
    /// What to do about security groups in the VPC that are not declared here: `ignore` (the default) or `report`.
    pub(crate) undeclared_security_groups: Option<At<Undeclared>>,
}

/// A resource of a CloudFormation stack.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StackResource {
    /// The stack's name.
    #[schemars(required)]
    pub(crate) name: Option<At<StackWord>>,
    /// The VPC's key under `Resources` in the stack's template. Default: the one that `plumb render` gives it, such as `MainVpc`.
    pub(crate) logical_id: Option<At<String>>,
}

/// DNS attributes of a VPC.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dns {
    /// `enableDnsSupport`: the Amazon resolver answers.
    pub(crate) support: Option<At<bool>>,
    /// `enableDnsHostnames`: instances with public addresses get public names.
    pub(crate) hostnames: Option<At<bool>>,
}

/// A tier of subnets that are routed alike.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tier {
    /// Where the default route goes.
    #[schemars(required)]
    pub(crate) route: Option<At<Route>>,
    /// One range an Availability Zone, in their order.
    #[schemars(required)]
    pub(crate) subnets: Option<At<Vec<At<Cidr>>>>,
    /// The Availability Zones of this tier, if not all of the VPC's.
    pub(crate) availability_zones: Option<At<Vec<At<Zone>>>>,
    /// Whether things in this tier may have public addresses. Left out: not managed.
    pub(crate) public_ips: Option<At<PublicIps>>,
    /// Routes that its route tables may have besides, such as `{ to: 10.8.0.0/16, via: transit-gateway }`. Left out or `[]`: none.
    pub(crate) extra_routes: Option<At<Vec<At<ExtraRoute>>>>,
    /// The groups that databases and network interfaces in this tier carry, and no others. Left out: not managed.
    pub(crate) security_groups: Option<At<Vec<At<String>>>>,
}

/// A route besides what `route` says: `to`, `via`, or both. One with a range and the id of its target is kept, and made again if it
/// is missing; any other is only allowed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(crate) struct ExtraRoute {
    /// Where to. Left out: anywhere.
    pub(crate) to: Option<At<Destination>>,
    /// What it leads to. Left out: anything but a gateway of the internet.
    pub(crate) via: Option<At<Target>>,
}

/// Where a tier's default route goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Route {
    /// To the internet gateway.
    Internet,
    /// To a NAT gateway.
    Nat,
    /// There is none.
    Isolated,
}

/// Whether things in a tier may have public addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PublicIps {
    /// Nothing in the tier has one.
    Never,
    /// What asks for one gets it; the subnets assign none by themselves.
    OnRequest,
    /// The subnets assign one to everything that is launched.
    OnLaunch,
}

/// NAT gateways.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nat {
    /// How many gateways there are, and where.
    #[schemars(required)]
    pub(crate) mode: Option<At<NatMode>>,
    /// The tier that holds the gateways. Default: the only tier with `route: internet`.
    pub(crate) tier: Option<At<String>>,
    /// Elastic IP addresses of yours for the gateways, by Availability Zone, such as `a: eipalloc-…`. They are never released. A
    /// zone that is left out gets one that Plumbline allocates, and releases when the gateway goes for good.
    pub(crate) addresses: Option<At<Named<Form<Allocation, AddressTag>>>>,
    /// How long a gateway that replaces a lost one is watched before routes go back to it. Default: `15 minutes`. In production
    /// they go back in a `maintenance` window, or when a person asks for it.
    pub(crate) fail_back_after: Option<At<Duration>>,
}

/// An address by a tag.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressTag {
    /// The tag as `key=value`, on exactly one address of the account and Region.
    #[schemars(required)]
    pub(crate) tag: Option<At<String>>,
}

/// How many NAT gateways there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NatMode {
    /// `per-az` in production, `single` otherwise.
    Auto,
    /// One, in the first Availability Zone: cheap, and lost with its zone.
    Single,
    /// One in each Availability Zone.
    PerAz,
    /// One regional gateway: AWS spreads it over the zones.
    Regional,
    /// None.
    None,
}

/// A flow log of the VPC: exactly one of `cloudwatch` and `s3`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["cloudwatch"] }, { "required": ["s3"] }]))]
pub(crate) struct FlowLog {
    /// To a CloudWatch Logs log group.
    pub(crate) cloudwatch: Option<At<CloudWatchLogs>>,
    /// To an S3 bucket.
    pub(crate) s3: Option<At<S3Logs>>,
}

/// Which traffic a flow log records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Traffic {
    /// Everything.
    All,
    /// What was let through.
    Accept,
    /// What was refused.
    Reject,
}

/// A flow log to CloudWatch Logs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloudWatchLogs {
    /// What is recorded. Default: all.
    pub(crate) traffic: Option<At<Traffic>>,
    /// The log group. Default: `/plumbline/<topology>/<vpc>/flow-logs`.
    pub(crate) log_group: Option<At<String>>,
    /// How long records are kept, such as `90 days`, or `forever`. Default: 30 days.
    pub(crate) retention: Option<At<Retention>>,
    /// How long records are gathered before they are written: `1 minute` or `10 minutes` (the default).
    pub(crate) interval: Option<At<Duration>>,
    /// The record's fields, such as `${version} ${srcaddr} ${dstaddr} ${action}`. Default: AWS's own.
    pub(crate) format: Option<At<String>>,
}

/// A flow log to S3.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct S3Logs {
    /// What is recorded. Default: all.
    pub(crate) traffic: Option<At<Traffic>>,
    /// The bucket's name. `{account}` and `{region}` stand for those of the VPC.
    #[schemars(required)]
    pub(crate) bucket: Option<At<String>>,
    /// The folder in the bucket. Default: the bucket's root.
    pub(crate) prefix: Option<At<String>>,
    /// How long records are gathered before they are written: `1 minute` or `10 minutes` (the default).
    pub(crate) interval: Option<At<Duration>>,
    /// The record's fields, such as `${version} ${srcaddr} ${dstaddr} ${action}`. Default: AWS's own.
    pub(crate) format: Option<At<String>>,
    /// The files: `text` (the default) or `parquet`.
    pub(crate) file_format: Option<At<FileFormat>>,
    /// A folder a day (the default) or an hour.
    pub(crate) partitions: Option<At<Partitions>>,
    /// Whether folders are named as Hive and its kin want them, such as `year=2026/month=11`. Default: false.
    pub(crate) hive_partitions: Option<At<bool>>,
}

/// The files of a flow log in S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileFormat {
    /// Lines of text.
    Text,
    /// Apache Parquet.
    Parquet,
}

/// The folders of a flow log in S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Partitions {
    /// A folder a day.
    Daily,
    /// A folder an hour.
    Hourly,
}

/// The kind of a VPC endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EndpointKind {
    /// A route in route tables: S3 and DynamoDB.
    Gateway,
    /// A network interface in each Availability Zone.
    Interface,
}

/// A VPC endpoint.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) struct Endpoint {
    /// `gateway` or `interface`.
    #[serde(rename = "type")]
    #[schemars(required)]
    pub(crate) kind: Option<At<EndpointKind>>,
    /// The full service name (`com.amazonaws.…`), or the name of an endpoint service under `privatelink` in this
    /// document. Default: the endpoint's key as an AWS service.
    pub(crate) service: Option<At<String>>,
    /// Gateway: the tiers whose route tables get it (default: all). Interface: the tier whose subnets hold it (default:
    /// the only tier with `route: nat`, or else the only isolated one).
    pub(crate) tiers: Option<At<Vec<At<String>>>>,
    /// Interface: its security groups. Default: a group `vpc-endpoints` that admits 443 from the VPC.
    pub(crate) security_groups: Option<At<Vec<At<String>>>>,
    /// Interface: whether the service's own name resolves to it. Default: true for AWS services.
    pub(crate) private_dns: Option<At<bool>>,
    /// The endpoint policy. Left out: not managed.
    pub(crate) policy: Option<At<serde_json::Map<String, serde_json::Value>>>,
}
