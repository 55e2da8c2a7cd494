//! EC2's gateways, addresses, subnets and route tables → ours. Pure.

pub(super) use crate::network::Unreadable;
use crate::network::{stack, tags, unreadable};
use crate::route_tables::{blackhole, destination, is_main, route_to, subnets, target, written};
use aws_sdk_ec2::types::{
    Address, AvailabilityMode, ConnectivityType, NatGateway, NatGatewayState, Route, RouteTable, Subnet,
};
use jiff::Timestamp;
use topology::nat::{
    Availability, DefaultRoute, Failure, GatewayState, ObservedAddress, ObservedGateway, ObservedSubnet, ObservedTable,
    OtherRoute, UsedAddress,
};
use topology::{ResourceId, ZoneLetter};

/// Everywhere.
pub(super) const DEFAULT: &str = "0.0.0.0/0";

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
    let subnets = subnets(table).ok_or_else(|| unreadable(Some(id), "an association has no id"))?;
    Ok(ObservedTable {
        id: id.into(),
        main: is_main(table),
        subnets,
        default: default_route(table),
        others: table.routes().iter().filter_map(other).collect(),
        stack: stack(&tags(table.tags())),
    })
}

/// The table's route for 0.0.0.0/0.
pub(super) fn default_route(table: &RouteTable) -> Option<DefaultRoute> {
    let route = route_to(table, DEFAULT)?;
    Some(DefaultRoute { target: target(route), blackhole: blackhole(route), written: written(route) })
}

/// Any other route. `None`: the default route, or `local`.
fn other(route: &Route) -> Option<OtherRoute> {
    let destination = destination(route).filter(|destination| *destination != DEFAULT)?;
    let target = target(route);
    (target.as_str() != "local").then(|| OtherRoute {
        destination: destination.into(),
        target,
        written: written(route),
    })
}

#[cfg(test)]
mod tests;
