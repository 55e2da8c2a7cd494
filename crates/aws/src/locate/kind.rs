//! Kinds of ids, and which of them a control's function asks AWS about. Its role allows no other describe.

use topology::ControlId;

/// A kind of resource that stands in a VPC, and that events name without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `sg-`
    SecurityGroup,
    /// `nat-`
    NatGateway,
    /// `rtb-`
    RouteTable,
    /// `rtbassoc-`: all that `DisassociateRouteTable` names.
    RouteTableAssociation,
    /// `subnet-`
    Subnet,
    /// `igw-`
    InternetGateway,
    /// `fl-`
    FlowLog,
    /// `vpce-svc-`
    EndpointService,
    /// `vpce-`: a consumer's endpoint, as the provider of its service sees it.
    EndpointConnection,
    /// `eni-`
    NetworkInterface,
    /// `vpce-`: an endpoint, as its own account sees it.
    Endpoint,
}

impl Kind {
    /// The kind of an id, as a control sees it; `None`: not one of these.
    pub(super) fn of(id: &str, control: ControlId) -> Option<Self> {
        let (prefix, _) = id.rsplit_once('-')?;
        Some(match prefix {
            "sg" => Self::SecurityGroup,
            "nat" => Self::NatGateway,
            "rtb" => Self::RouteTable,
            "rtbassoc" => Self::RouteTableAssociation,
            "subnet" => Self::Subnet,
            "igw" => Self::InternetGateway,
            "fl" => Self::FlowLog,
            "vpce-svc" => Self::EndpointService,
            "vpce" if control == ControlId::Endpoints => Self::Endpoint,
            "vpce" => Self::EndpointConnection,
            "eni" => Self::NetworkInterface,
            _ => return None,
        })
    }

    /// The kinds that a control locates: those that its function's role may describe. What is left out is looked for in every
    /// topology of the place, so that nothing is missed: an address (`eipalloc-`), for one, stands in no VPC.
    pub(super) fn located_by(control: ControlId) -> &'static [Self] {
        match control {
            ControlId::SecurityGroups => &[Self::SecurityGroup],
            ControlId::FlowLogs => &[Self::FlowLog],
            ControlId::Nat => &[Self::NatGateway, Self::RouteTable, Self::RouteTableAssociation, Self::Subnet],
            ControlId::PrivateLink => &[Self::EndpointService, Self::EndpointConnection],
            ControlId::Routes => &[Self::RouteTable, Self::RouteTableAssociation, Self::Subnet, Self::InternetGateway],
            ControlId::Exposure => &[Self::NetworkInterface, Self::Subnet],
            ControlId::Endpoints => &[Self::Endpoint, Self::RouteTable, Self::RouteTableAssociation, Self::Subnet],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_kind_is_all_that_stands_before_the_digits() {
        for (id, kind) in [
            ("sg-01234567", Some(Kind::SecurityGroup)),
            ("nat-0123456789abcdef0", Some(Kind::NatGateway)),
            ("rtb-01234567", Some(Kind::RouteTable)),
            ("rtbassoc-01234567", Some(Kind::RouteTableAssociation)),
            ("vpce-svc-01234567", Some(Kind::EndpointService)),
            ("vpce-01234567", Some(Kind::EndpointConnection)),
            ("eni-01234567", Some(Kind::NetworkInterface)),
            ("vpc-01234567", None),
            ("eipalloc-01234567", None),
            ("igw-01234567", Some(Kind::InternetGateway)),
            ("sgr-01234567", None),
            ("nat", None),
        ] {
            assert_eq!(Kind::of(id, ControlId::PrivateLink), kind, "{id}");
        }
    }

    #[test]
    fn an_endpoint_is_seen_from_its_own_side_or_from_its_service() {
        assert_eq!(Kind::of("vpce-01234567", ControlId::Endpoints), Some(Kind::Endpoint));
        assert_eq!(Kind::of("vpce-svc-01234567", ControlId::Endpoints), Some(Kind::EndpointService));
    }

    #[test]
    fn a_control_locates_something_and_nothing_twice() {
        for control in ControlId::ALL {
            let kinds = Kind::located_by(*control);
            let distinct: BTreeSet<Kind> = kinds.iter().copied().collect();
            assert!(!kinds.is_empty() && distinct.len() == kinds.len(), "{control}: {kinds:?}");
        }
    }
}
