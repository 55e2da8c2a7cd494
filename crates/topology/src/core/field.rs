//! Who owns what. Two controls that write the same field would undo each other for ever.

use super::ControlId;
use std::fmt;

/// A field of a kind of resource that some control changes. Each has one owner by construction ([`Field::owner`]); the guard
/// holds an action whose field belongs to another control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The rules of a security group, and their descriptions.
    SecurityGroupRules,
    /// A VPC's flow log: whether it exists (it is immutable but for tags).
    FlowLog,
    /// A flow log's log group: whether it exists again after somebody deleted it.
    LogGroup,
    /// The retention of a flow log's log group.
    LogGroupRetention,
    /// A NAT gateway: whether it exists, and with which address.
    NatGateway,
    /// An Elastic IP address for a NAT gateway: whether it is allocated.
    NatAddress,
    /// The default route of a subnet in a tier with `route: nat`, in the table that the subnet uses.
    NatDefaultRoute,
    /// Whether a connection of an endpoint service is accepted.
    EndpointConnection,
    /// Whether an endpoint service asks before it accepts.
    EndpointServiceAcceptance,
    /// Who may create endpoints to an endpoint service.
    EndpointServicePrincipals,
    /// The load balancers behind an endpoint service.
    EndpointServiceLoadBalancers,
    /// Every other route of a declared subnet's route table that somebody wrote.
    TableRoute,
    /// Which route table a declared subnet uses.
    TableAssociation,
    /// A declared subnet's route table: whether it exists again after somebody deleted it.
    RouteTable,
    /// Whether an internet gateway is attached to a VPC.
    GatewayAttachment,
    /// Whether a subnet gives public addresses to what is launched in it.
    PublicIpOnLaunch,
    /// The DNS attributes of a VPC.
    VpcDns,
    /// Whether a database instance has a public address.
    DatabasePublicAccess,
    /// Whether the tasks of an ECS service get public addresses.
    ServicePublicIp,
    /// Which Elastic IP address is associated with a network interface in a tier with `public_ips: never`.
    InterfaceAddress,
    /// A VPC endpoint: whether it exists.
    Endpoint,
    /// The subnets, route tables, security groups, private DNS and policy of a VPC endpoint.
    EndpointSettings,
}

impl Field {
    /// All of them, in the order of the table in ARCHITECTURE.md.
    pub const ALL: &'static [Self] = &[
        Self::SecurityGroupRules,
        Self::FlowLog,
        Self::LogGroup,
        Self::LogGroupRetention,
        Self::NatGateway,
        Self::NatAddress,
        Self::NatDefaultRoute,
        Self::EndpointConnection,
        Self::EndpointServiceAcceptance,
        Self::EndpointServicePrincipals,
        Self::EndpointServiceLoadBalancers,
        Self::TableRoute,
        Self::TableAssociation,
        Self::RouteTable,
        Self::GatewayAttachment,
        Self::PublicIpOnLaunch,
        Self::VpcDns,
        Self::DatabasePublicAccess,
        Self::ServicePublicIp,
        Self::InterfaceAddress,
        Self::Endpoint,
        Self::EndpointSettings,
    ];

    /// The one control that changes it.
    pub const fn owner(self) -> ControlId {
        match self {
            Self::SecurityGroupRules => ControlId::SecurityGroups,
            Self::FlowLog | Self::LogGroup | Self::LogGroupRetention => ControlId::FlowLogs,
            Self::NatGateway | Self::NatAddress | Self::NatDefaultRoute => ControlId::Nat,
            Self::EndpointConnection
            | Self::EndpointServiceAcceptance
            | Self::EndpointServicePrincipals
            | Self::EndpointServiceLoadBalancers => ControlId::PrivateLink,
            Self::TableRoute
            | Self::TableAssociation
            | Self::RouteTable
            | Self::GatewayAttachment
            | Self::PublicIpOnLaunch
            | Self::VpcDns => ControlId::Routes,
            Self::DatabasePublicAccess | Self::ServicePublicIp | Self::InterfaceAddress => ControlId::Exposure,
            Self::Endpoint | Self::EndpointSettings => ControlId::Endpoints,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecurityGroupRules => "rules of security groups",
            Self::FlowLog => "flow logs",
            Self::LogGroup => "log groups of flow logs",
            Self::LogGroupRetention => "retention of log groups of flow logs",
            Self::NatGateway => "NAT gateways",
            Self::NatAddress => "addresses of NAT gateways",
            Self::NatDefaultRoute => "default routes of `nat` tiers",
            Self::EndpointConnection => "connections of endpoint services",
            Self::EndpointServiceAcceptance => "acceptance of endpoint services",
            Self::EndpointServicePrincipals => "allowed principals of endpoint services",
            Self::EndpointServiceLoadBalancers => "load balancers of endpoint services",
            Self::TableRoute => "other routes of subnets' route tables",
            Self::TableAssociation => "route tables that subnets use",
            Self::RouteTable => "route tables that were deleted",
            Self::GatewayAttachment => "attachments of internet gateways",
            Self::PublicIpOnLaunch => "public addresses on launch in subnets",
            Self::VpcDns => "DNS attributes of VPCs",
            Self::DatabasePublicAccess => "public access of database instances",
            Self::ServicePublicIp => "public addresses of tasks of ECS services",
            Self::InterfaceAddress => "Elastic IP addresses of interfaces in tiers with `public_ips: never`",
            Self::Endpoint => "VPC endpoints",
            Self::EndpointSettings => "subnets, route tables, groups, private DNS and policies of VPC endpoints",
        })
    }
}
