//! Route tables as EC2 shows them, and routes: compared, then changed. EC2 has no condition on a route, so that a moment remains between
//! the two in which somebody else may change it; whoever does is seen by the next observation, and named by its event.

use crate::clients::Regional;
use crate::errors::fault;
use crate::network::{FILTER_VALUES, filter};
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types::{
    Route, RouteOrigin, RouteState, RouteTable, RouteTableAssociation, RouteTableAssociationStateCode,
};
use reconciler::{Fault, FaultClass};
use std::collections::BTreeMap;
use topology::routes::LOCAL;
use topology::{Receipt, ResourceId};

/// The route tables that match one filter, as AWS shows them.
pub(crate) async fn route_tables(clients: &Regional, by: &str, values: &[&str]) -> Result<Vec<RouteTable>, Fault> {
    let mut found = vec![];
    for chunk in values.chunks(FILTER_VALUES) {
        let request = clients.ec2.describe_route_tables().filters(filter(by, chunk.iter().copied()));
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("DescribeRouteTables", &error))?;
            found.extend(page.route_tables.unwrap_or_default());
        }
    }
    Ok(found)
}

/// Whether a table is its VPC's main one.
pub(crate) fn is_main(table: &RouteTable) -> bool {
    table.associations().iter().any(|association| association.main() == Some(true))
}

/// The association of each subnet that is associated with a table outright; `None`: one of them has no id. One of a gateway (edge
/// association) routes what comes in.
pub(crate) fn subnets(table: &RouteTable) -> Option<BTreeMap<ResourceId, ResourceId>> {
    let held = table.associations().iter().filter(|association| holds(association));
    held.filter_map(|association| {
        let subnet = association.subnet_id().filter(|id| !id.is_empty())?;
        Some(association.route_table_association_id().map(|id| (subnet.into(), id.into())))
    })
    .collect()
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

/// A range, or a prefix list.
pub(crate) fn destination(route: &Route) -> Option<&str> {
    let named =
        [route.destination_cidr_block(), route.destination_ipv6_cidr_block(), route.destination_prefix_list_id()];
    named.into_iter().flatten().find(|destination| !destination.is_empty())
}

/// The table's route to a destination: of several, the one that somebody wrote is the one that is followed
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html>).
pub(crate) fn route_to<'t>(table: &'t RouteTable, to: &str) -> Option<&'t Route> {
    let routes = table.routes().iter().filter(|route| destination(route) == Some(to));
    routes.min_by_key(|route| !written(route))
}

/// Whether AWS calls it a black hole.
pub(crate) fn blackhole(route: &Route) -> bool {
    route.state() == Some(&RouteState::Blackhole)
}

/// A route that somebody wrote, or that came with the table; one that was propagated or advertised belongs to others.
pub(crate) fn written(route: &Route) -> bool {
    matches!(route.origin(), Some(RouteOrigin::CreateRoute | RouteOrigin::CreateRouteTable))
}

/// Where a route leads. An instance is reached by its interface, which is named beside it. A black hole may have lost its target
/// altogether.
pub(crate) fn target(route: &Route) -> ResourceId {
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

/// Names the destination in a call, which EC2 wants in another field for each kind.
macro_rules! towards {
    ($request:expr, $destination:expr) => {{
        let destination: &str = $destination;
        if destination.starts_with("pl-") {
            $request.destination_prefix_list_id(destination)
        } else if destination.contains(':') {
            $request.destination_ipv6_cidr_block(destination)
        } else {
            $request.destination_cidr_block(destination)
        }
    }};
}

/// Names the target in a call, which EC2 wants in another field for each kind.
macro_rules! through {
    ($request:expr, $target:expr) => {{
        let target: &str = $target;
        match kind(target) {
            "nat" => $request.nat_gateway_id(target),
            "eni" => $request.network_interface_id(target),
            "tgw" => $request.transit_gateway_id(target),
            "pcx" => $request.vpc_peering_connection_id(target),
            "eigw" => $request.egress_only_internet_gateway_id(target),
            "vpce" => $request.vpc_endpoint_id(target),
            "lgw" => $request.local_gateway_id(target),
            "cagw" => $request.carrier_gateway_id(target),
            "core-network" => $request.core_network_arn(target),
            "odb-network" => $request.odb_network_arn(target),
            _ => $request.gateway_id(target),
        }
    }};
}

/// The kind of a target: how its id begins. The networks that EC2 names by their ARN have the kind in that.
fn kind(target: &str) -> &str {
    match target.strip_prefix("arn:") {
        Some(arn) if arn.contains(":core-network/") => "core-network",
        Some(arn) if arn.contains(":odb-network/") => "odb-network",
        _ => target.split_once('-').map_or("", |(kind, _)| kind),
    }
}

/// What may be done about a route, given where it leads now.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It is as the plan saw it.
    Go,
    /// What was asked for is so.
    Already,
    /// It is neither: somebody moved it since.
    Moved,
}

/// Makes a route that is not there.
pub(crate) async fn create(
    clients: &Regional,
    table: &ResourceId,
    destination: &str,
    to: &ResourceId,
) -> Result<Receipt, Fault> {
    const OPERATION: &str = "CreateRoute";
    let request = towards!(clients.ec2.create_route().route_table_id(table.as_str()), destination);
    match through!(request, to.as_str()).send().await {
        Ok(done) => Ok(receipt(done.request_id())),
        // A try of this very call may have been the one whose answer was lost.
        Err(error) if error.code() == Some("RouteAlreadyExists") => {
            let now = look(clients, table, destination).await?;
            match verdict(now.as_ref(), None, Some(to)) {
                Verdict::Already => Ok(already()),
                Verdict::Go | Verdict::Moved => Err(moved(OPERATION, table, destination, now.as_ref())),
            }
        }
        Err(error) => Err(fault(OPERATION, &error)),
    }
}

/// Moves a route that leads to `from`.
pub(crate) async fn replace(
    clients: &Regional,
    table: &ResourceId,
    destination: &str,
    from: &ResourceId,
    to: &ResourceId,
) -> Result<Receipt, Fault> {
    const OPERATION: &str = "ReplaceRoute";
    let now = look(clients, table, destination).await?;
    match verdict(now.as_ref(), Some(from), Some(to)) {
        Verdict::Already => return Ok(already()),
        Verdict::Moved => return Err(moved(OPERATION, table, destination, now.as_ref())),
        Verdict::Go => {}
    }
    let request = towards!(clients.ec2.replace_route().route_table_id(table.as_str()), destination);
    let request = match to.as_str() {
        LOCAL => request.local_target(true),
        target => through!(request, target),
    };
    match request.send().await {
        Ok(done) => Ok(receipt(done.request_id())),
        Err(error) if no_such_route(error.code(), error.message()) => Err(moved(OPERATION, table, destination, None)),
        Err(error) => Err(fault(OPERATION, &error)),
    }
}

/// Removes a route that leads to `target`.
pub(crate) async fn delete(
    clients: &Regional,
    table: &ResourceId,
    destination: &str,
    target: &ResourceId,
) -> Result<Receipt, Fault> {
    const OPERATION: &str = "DeleteRoute";
    let now = look(clients, table, destination).await?;
    match verdict(now.as_ref(), Some(target), None) {
        Verdict::Already => return Ok(already()),
        Verdict::Moved => return Err(moved(OPERATION, table, destination, now.as_ref())),
        Verdict::Go => {}
    }
    let request = towards!(clients.ec2.delete_route().route_table_id(table.as_str()), destination);
    match request.send().await {
        Ok(done) => Ok(receipt(done.request_id())),
        Err(error) if no_such_route(error.code(), error.message()) => Ok(already()),
        Err(error) => Err(fault(OPERATION, &error)),
    }
}

/// Where the table's route to a destination leads now.
async fn look(clients: &Regional, table: &ResourceId, destination: &str) -> Result<Option<ResourceId>, Fault> {
    let found = route_tables(clients, "route-table-id", &[table.as_str()]).await?;
    // A table that is gone has no route either: what was planned for it is planned again, or not any more.
    Ok(found.first().and_then(|table| route_to(table, destination)).map(target))
}

/// Compares. `from`: where the plan saw it lead, `None` for nowhere. `to`: where it is to lead.
fn verdict(now: Option<&ResourceId>, from: Option<&ResourceId>, to: Option<&ResourceId>) -> Verdict {
    if now == to {
        Verdict::Already
    } else if now == from {
        Verdict::Go
    } else {
        Verdict::Moved
    }
}

/// Another look decides anew: where it leads now may be what somebody wanted, or drift of its own.
fn moved(operation: &str, table: &ResourceId, destination: &str, now: Option<&ResourceId>) -> Fault {
    let now = now.map_or_else(|| "there is none now".into(), |target| format!("it leads to {target} now"));
    let message = format!("the route to {destination} in {table} was moved meanwhile: {now}");
    Fault::new(operation, FaultClass::Retryable, message)
}

/// EC2 says it in two ways: `DeleteRoute` with a code of its own, `ReplaceRoute` as a bad parameter
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>).
fn no_such_route(code: Option<&str>, message: Option<&str>) -> bool {
    match code {
        Some("InvalidRoute.NotFound") => true,
        Some("InvalidParameterValue") => message.is_some_and(|said| said.contains("no route defined")),
        _ => false,
    }
}

fn receipt(request_id: Option<&str>) -> Receipt {
    Receipt { created: vec![], request_id: request_id.map(Into::into), already: false }
}

fn already() -> Receipt {
    Receipt { already: true, ..Receipt::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::operation::create_route::CreateRouteInput;

    #[test]
    fn a_route_is_changed_only_if_it_is_as_the_plan_saw_it() {
        let [old, new, other] = ["nat-old", "nat-new", "tgw-1"].map(ResourceId::from);
        for (now, expected) in [
            (Some(&old), Verdict::Go),
            (Some(&new), Verdict::Already),
            (Some(&other), Verdict::Moved),
            (None, Verdict::Moved),
        ] {
            assert_eq!(verdict(now, Some(&old), Some(&new)), expected, "replace, now {now:?}");
        }
        // Made where there is none.
        assert_eq!(verdict(Some(&new), None, Some(&new)), Verdict::Already);
        assert_eq!(verdict(Some(&other), None, Some(&new)), Verdict::Moved);
        // Removed.
        assert_eq!(verdict(Some(&old), Some(&old), None), Verdict::Go);
        assert_eq!(verdict(None, Some(&old), None), Verdict::Already);
        assert_eq!(verdict(Some(&other), Some(&old), None), Verdict::Moved);
    }

    #[test]
    fn a_route_that_moved_is_looked_at_again_and_says_where_it_leads() {
        let fault = moved("ReplaceRoute", &"rtb-1".into(), "0.0.0.0/0", Some(&"tgw-1".into()));
        assert!(fault.is_retryable());
        assert!(fault.message.contains("rtb-1") && fault.message.contains("tgw-1"), "{fault}");
    }

    #[test]
    fn a_target_is_named_in_its_own_field() {
        let core = "arn:aws:networkmanager::111122223333:core-network/core-network-0123456789abcdef0";
        let odb = "arn:aws:odb:eu-west-1:111122223333:odb-network/odbnet_0123456789";
        let through = |target: &str| through!(CreateRouteInput::builder(), target).build().unwrap();
        assert_eq!(through(core), CreateRouteInput::builder().core_network_arn(core).build().unwrap());
        assert_eq!(through(odb), CreateRouteInput::builder().odb_network_arn(odb).build().unwrap());
        assert_eq!(through("tgw-1"), CreateRouteInput::builder().transit_gateway_id("tgw-1").build().unwrap());
        assert_eq!(through("igw-1"), CreateRouteInput::builder().gateway_id("igw-1").build().unwrap());
    }

    #[test]
    fn a_missing_route_is_told_from_a_bad_parameter() {
        let gone = "There is no route defined for '0.0.0.0/0' in the route table.";
        assert!(no_such_route(Some("InvalidRoute.NotFound"), None));
        assert!(no_such_route(Some("InvalidParameterValue"), Some(gone)));
        assert!(!no_such_route(Some("InvalidParameterValue"), Some("route table rtb-1 and NAT gateway differ in VPC")));
        assert!(!no_such_route(Some("InvalidRouteTableID.NotFound"), Some(gone)));
    }
}
