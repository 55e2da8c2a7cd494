//! EC2's gateways, addresses, subnets and route tables → ours. Pure.

use crate::network::{stack, tags};
use aws_sdk_ec2::types::{
    Address, AvailabilityMode, ConnectivityType, NatGateway, NatGatewayState, Route, RouteOrigin, RouteState,
    RouteTable, RouteTableAssociation, RouteTableAssociationStateCode, Subnet,
};
use jiff::Timestamp;
use topology::nat::{
    Availability, DefaultRoute, Failure, GatewayState, ObservedAddress, ObservedGateway, ObservedSubnet, ObservedTable,
    OtherRoute, UsedAddress,
};
use topology::{ResourceId, ZoneLetter};

/// Everywhere.
pub(super) const DEFAULT: &str = "0.0.0.0/0";

/// What EC2 said and nobody here can read. Whoever meets one knows nothing of the whole list: planning on the rest would be guessing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be read: {problem}")]
pub(super) struct Unreadable {
    what: String,
    problem: String,
}

fn unreadable(what: Option<&str>, problem: impl Into<String>) -> Unreadable {
    Unreadable { what: what.unwrap_or("something without an id").into(), problem: problem.into() }
}

/// A gateway.
pub(super) fn gateway(gateway: &NatGateway) -> Result<ObservedGateway, Unreadable> {
    let bad = |problem: String| unreadable(gateway.nat_gateway_id(), problem);
    let tags = tags(gateway.tags());
    let public = match gateway.connectivity_type() {
        // What was made before there were private ones says nothing.
        None | Some(ConnectivityType::Public) => true,
        Some(ConnectivityType::Private) => false,
        Some(other) => return Err(bad(format!("its connectivity is `{}`", other.as_str()))),
    };
    let availability = match gateway.availability_mode() {
        None | Some(AvailabilityMode::Zonal) => Availability::Zonal,
        Some(AvailabilityMode::Regional) => Availability::Regional,
        Some(other) => return Err(bad(format!("its availability mode is `{}`", other.as_str()))),
    };
    Ok(ObservedGateway {
        id: gateway.nat_gateway_id().ok_or_else(|| bad("it has no id".into()))?.into(),
        state: state(gateway.state()).map_err(bad)?,
        failure: gateway
            .failure_code()
            .map(|code| Failure { code: code.into(), message: gateway.failure_message().unwrap_or_default().into() }),
        public,
        availability,
        subnet: gateway.subnet_id().filter(|id| !id.is_empty()).map(Into::into),
        addresses: gateway
            .nat_gateway_addresses()
            .iter()
            .map(|used| UsedAddress {
                allocation: used.allocation_id().filter(|id| !id.is_empty()).map(Into::into),
                public_ip: used.public_ip().filter(|ip| !ip.is_empty()).map(Into::into),
            })
            .collect(),
        created: created(gateway).ok_or_else(|| bad("it does not say when it was created".into()))?,
        stack: stack(&tags),
        tags,
    })
}

fn state(state: Option<&NatGatewayState>) -> Result<GatewayState, String> {
    match state {
        Some(NatGatewayState::Pending) => Ok(GatewayState::Pending),
        Some(NatGatewayState::Failed) => Ok(GatewayState::Failed),
        Some(NatGatewayState::Available) => Ok(GatewayState::Available),
        Some(NatGatewayState::Deleting) => Ok(GatewayState::Deleting),
        Some(NatGatewayState::Deleted) => Ok(GatewayState::Deleted),
        Some(other) => Err(format!("its state is `{}`", other.as_str())),
        None => Err("it has no state".into()),
    }
}

fn created(gateway: &NatGateway) -> Option<Timestamp> {
    let at = gateway.create_time()?;
    Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok()
}

/// An address of this account. `Ok(None)`: one that an AWS service keeps for itself (a regional NAT gateway does), or one from
/// before there were VPCs: nobody can give it to a gateway.
pub(super) fn address(address: &Address) -> Result<Option<ObservedAddress>, Unreadable> {
    let Some(allocation) = address.allocation_id().filter(|_| address.service_managed().is_none()) else {
        return Ok(None);
    };
    let present = |id: Option<&str>| id.filter(|id| !id.is_empty()).map(ResourceId::from);
    Ok(Some(ObservedAddress {
        allocation: allocation.into(),
        public_ip: address.public_ip().ok_or_else(|| unreadable(Some(allocation), "it has no address"))?.into(),
        association: present(address.association_id()),
        user: present(address.instance_id()).or_else(|| present(address.network_interface_id())),
        tags: tags(address.tags()),
    }))
}

/// A subnet. `Ok(None)`: one without IPv4, from which nothing leads to a NAT gateway of ours.
pub(super) fn subnet(subnet: &Subnet, region: &str) -> Result<Option<ObservedSubnet>, Unreadable> {
    let bad = |problem: &str| unreadable(subnet.subnet_id(), problem);
    let Some(range) = subnet.cidr_block().filter(|range| !range.is_empty()) else { return Ok(None) };
    let zone = subnet.availability_zone().ok_or_else(|| bad("it names no Availability Zone"))?;
    Ok(Some(ObservedSubnet {
        id: subnet.subnet_id().ok_or_else(|| bad("it has no id"))?.into(),
        cidr: range.parse().map_err(|_| bad("its range is no IPv4 range"))?,
        zone: ZoneLetter::from(zone.strip_prefix(region).unwrap_or(zone)),
        zone_id: subnet.availability_zone_id().ok_or_else(|| bad("it has no Availability Zone id"))?.into(),
        stack: stack(&tags(subnet.tags())),
    }))
}

/// A route table.
pub(super) fn table(table: &RouteTable) -> Result<ObservedTable, Unreadable> {
    let id = table.route_table_id().ok_or_else(|| unreadable(None, "a route table has no id"))?;
    let mut subnets = std::collections::BTreeMap::new();
    for association in table.associations().iter().filter(|association| holds(association)) {
        // One of a gateway (edge association) routes what comes in.
        let Some(subnet) = association.subnet_id().filter(|id| !id.is_empty()) else { continue };
        let association = association.route_table_association_id();
        let association = association.ok_or_else(|| unreadable(Some(id), "an association has no id"))?;
        subnets.insert(subnet.into(), association.into());
    }
    Ok(ObservedTable {
        id: id.into(),
        main: table.associations().iter().any(|association| association.main() == Some(true)),
        subnets,
        default: default_route(table),
        others: table.routes().iter().filter_map(other).collect(),
        stack: stack(&tags(table.tags())),
    })
}

fn holds(association: &RouteTableAssociation) -> bool {
    let state = association.association_state().and_then(|state| state.state());
    !matches!(
        state,
        Some(
            RouteTableAssociationStateCode::Disassociating
                | RouteTableAssociationStateCode::Disassociated
                | RouteTableAssociationStateCode::Failed
        )
    )
}

/// The table's route for 0.0.0.0/0: of several, the one that somebody wrote is the one that is followed
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html>).
pub(super) fn default_route(table: &RouteTable) -> Option<DefaultRoute> {
    let mut routes: Vec<&Route> =
        table.routes().iter().filter(|route| route.destination_cidr_block() == Some(DEFAULT)).collect();
    routes.sort_by_key(|route| !written(route));
    let route = routes.first()?;
    Some(DefaultRoute {
        target: target(route),
        blackhole: route.state() == Some(&RouteState::Blackhole),
        written: written(route),
    })
}

/// Any other route. `None`: the default route, or `local`.
fn other(route: &Route) -> Option<OtherRoute> {
    let destination = route
        .destination_cidr_block()
        .or(route.destination_ipv6_cidr_block())
        .or(route.destination_prefix_list_id())
        .filter(|destination| *destination != DEFAULT)?;
    let target = target(route);
    (target.as_str() != "local").then(|| OtherRoute {
        destination: destination.into(),
        target,
        written: written(route),
    })
}

fn written(route: &Route) -> bool {
    matches!(route.origin(), Some(RouteOrigin::CreateRoute | RouteOrigin::CreateRouteTable))
}

/// Where a route leads. An instance is reached by its interface, which is named beside it. A black hole may have lost its target
/// altogether.
fn target(route: &Route) -> ResourceId {
    let named = [
        route.nat_gateway_id(),
        route.gateway_id(),
        route.network_interface_id(),
        route.instance_id(),
        route.transit_gateway_id(),
        route.vpc_peering_connection_id(),
        route.egress_only_internet_gateway_id(),
        route.local_gateway_id(),
        route.carrier_gateway_id(),
        route.core_network_arn(),
        route.odb_network_arn(),
    ];
    named.into_iter().flatten().find(|id| !id.is_empty()).unwrap_or("nothing").into()
}

#[cfg(test)]
mod tests;
