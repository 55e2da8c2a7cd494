//! The resource types of AWS Config that concern us, by control: which wake it, and which it can judge.

use topology::{ControlId, ResourceId};

/// A resource type, as AWS Config names it
/// (<https://docs.aws.amazon.com/config/latest/developerguide/resource-config-reference.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigType {
    /// `AWS::EC2::VPC`
    Vpc,
    /// `AWS::EC2::SecurityGroup`
    SecurityGroup,
    /// `AWS::EC2::FlowLog`
    FlowLog,
    /// `AWS::EC2::NatGateway`
    NatGateway,
    /// `AWS::EC2::EIP`
    Address,
    /// `AWS::EC2::RouteTable`
    RouteTable,
    /// `AWS::EC2::Subnet`
    Subnet,
    /// `AWS::EC2::InternetGateway`
    InternetGateway,
    /// `AWS::EC2::VPCEndpoint`
    Endpoint,
    /// `AWS::EC2::VPCEndpointService`
    EndpointService,
    /// `AWS::EC2::NetworkInterface`
    NetworkInterface,
    /// `AWS::RDS::DBInstance`; its id is the `DbiResourceId`
    DbInstance,
    /// `AWS::ECS::Service`
    Service,
    /// `AWS::ElasticLoadBalancingV2::LoadBalancer`
    LoadBalancer,
}

/// Which changes of an item wake a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Every one, oversized ones and the end included.
    Any,
    /// Its discovery and its deletion. The item of a VPC changes with everything that is put into it.
    NewOrGone,
}

impl ConfigType {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Vpc,
        Self::SecurityGroup,
        Self::FlowLog,
        Self::NatGateway,
        Self::Address,
        Self::RouteTable,
        Self::Subnet,
        Self::InternetGateway,
        Self::Endpoint,
        Self::EndpointService,
        Self::NetworkInterface,
        Self::DbInstance,
        Self::Service,
        Self::LoadBalancer,
    ];

    /// Its name in items, events, scopes and evaluations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vpc => "AWS::EC2::VPC",
            Self::SecurityGroup => "AWS::EC2::SecurityGroup",
            Self::FlowLog => "AWS::EC2::FlowLog",
            Self::NatGateway => "AWS::EC2::NatGateway",
            Self::Address => "AWS::EC2::EIP",
            Self::RouteTable => "AWS::EC2::RouteTable",
            Self::Subnet => "AWS::EC2::Subnet",
            Self::InternetGateway => "AWS::EC2::InternetGateway",
            Self::Endpoint => "AWS::EC2::VPCEndpoint",
            Self::EndpointService => "AWS::EC2::VPCEndpointService",
            Self::NetworkInterface => "AWS::EC2::NetworkInterface",
            Self::DbInstance => "AWS::RDS::DBInstance",
            Self::Service => "AWS::ECS::Service",
            Self::LoadBalancer => "AWS::ElasticLoadBalancingV2::LoadBalancer",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// How the ids of it begin; `None`: AWS Config calls it by its ARN.
    const fn prefix(self) -> Option<&'static str> {
        Some(match self {
            Self::Vpc => "vpc",
            Self::SecurityGroup => "sg",
            Self::FlowLog => "fl",
            Self::NatGateway => "nat",
            Self::Address => "eipalloc",
            Self::RouteTable => "rtb",
            Self::Subnet => "subnet",
            Self::InternetGateway => "igw",
            Self::Endpoint => "vpce",
            Self::EndpointService => "vpce-svc",
            Self::NetworkInterface => "eni",
            // `DbiResourceId`, which stays when the instance is renamed.
            Self::DbInstance => "db",
            Self::Service | Self::LoadBalancer => return None,
        })
    }

    /// The type of a resource by its id.
    pub(crate) fn of(id: &ResourceId) -> Option<Self> {
        let (prefix, _) = id.as_str().rsplit_once('-')?;
        Self::ALL.iter().copied().find(|kind| kind.prefix() == Some(prefix))
    }

    /// The types whose items wake a control, each with when: the rule of template.yaml lets these through and no others.
    pub const fn waking(control: ControlId) -> &'static [(Self, When)] {
        match control {
            ControlId::SecurityGroups => &[(Self::SecurityGroup, When::Any)],
            ControlId::FlowLogs => &[(Self::FlowLog, When::Any), (Self::Vpc, When::NewOrGone)],
            ControlId::Nat => &[
                (Self::NatGateway, When::Any),
                (Self::Address, When::Any),
                (Self::RouteTable, When::Any),
                (Self::Subnet, When::Any),
                (Self::InternetGateway, When::Any),
            ],
            ControlId::PrivateLink => &[(Self::EndpointService, When::Any)],
            ControlId::Routes => {
                &[(Self::RouteTable, When::Any), (Self::Subnet, When::Any), (Self::InternetGateway, When::Any)]
            }
            ControlId::Endpoints => &[(Self::Endpoint, When::Any)],
            ControlId::Exposure => &[
                (Self::NetworkInterface, When::Any),
                (Self::DbInstance, When::Any),
                (Self::Service, When::Any),
                (Self::LoadBalancer, When::Any),
            ],
        }
    }

    /// The types whose verdicts wake a control: found non-compliant, by our own rule or by another, one of these may be news.
    pub const fn heard_of(control: ControlId) -> &'static [Self] {
        match control {
            ControlId::SecurityGroups
            | ControlId::FlowLogs
            | ControlId::Nat
            | ControlId::PrivateLink
            | ControlId::Routes
            | ControlId::Endpoints => Self::judged_by(control),
            ControlId::Exposure => {
                &[Self::Vpc, Self::DbInstance, Self::NetworkInterface, Self::Service, Self::LoadBalancer]
            }
        }
    }

    /// The types that a control judges: what its drifts are about. A missing thing is a drift of its VPC.
    pub const fn judged_by(control: ControlId) -> &'static [Self] {
        match control {
            ControlId::SecurityGroups => &[Self::Vpc, Self::SecurityGroup],
            ControlId::FlowLogs => &[Self::Vpc, Self::FlowLog],
            ControlId::Nat => &[Self::Vpc, Self::NatGateway, Self::RouteTable, Self::Subnet],
            ControlId::PrivateLink => &[Self::Vpc, Self::EndpointService],
            ControlId::Routes => &[Self::Vpc, Self::RouteTable, Self::Subnet],
            ControlId::Endpoints => &[Self::Vpc, Self::Endpoint],
            // What else it finds open counts for the VPC.
            ControlId::Exposure => &[Self::Vpc, Self::DbInstance],
        }
    }

    /// Every type that some control judges: the scope of the rule.
    pub fn judged() -> impl Iterator<Item = Self> {
        let is = |kind: &Self| ControlId::ALL.iter().any(|control| Self::judged_by(*control).contains(kind));
        Self::ALL.iter().copied().filter(is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_its_name_and_by_its_ids() {
        for kind in ConfigType::ALL {
            assert_eq!(ConfigType::from_name(kind.name()), Some(*kind));
            let id = kind.prefix().map(|prefix| ResourceId::from(format!("{prefix}-0123456789abcdef0")));
            id.iter().for_each(|id| assert_eq!(ConfigType::of(id), Some(*kind), "{id}"));
        }
        assert_eq!(ConfigType::from_name("AWS::EC2::Instance"), None);
        for other in ["i-0123456789abcdef0", "log-group:/x", "", "-", "vpc", "sgr-01234567"] {
            assert_eq!(ConfigType::of(&other.into()), None, "{other}");
        }
    }

    /// Whatever can drift by itself wakes whoever judges it.
    #[test]
    fn whoever_judges_a_type_is_woken_by_its_items() {
        for control in ControlId::ALL {
            let waking = ConfigType::waking(*control);
            let judged = ConfigType::judged_by(*control).iter().filter(|kind| **kind != ConfigType::Vpc);
            judged.for_each(|kind| assert!(waking.contains(&(*kind, When::Any)), "{control}: {}", kind.name()));
        }
    }
}
