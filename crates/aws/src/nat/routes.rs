//! Default routes: compared, then changed. EC2 has no condition on a route, so that a moment remains between the two in which
//! somebody else may change it; whoever does is seen by the next observation, and named by its event.

use super::listing::route_tables;
use super::mapping::{DEFAULT, default_route};
use crate::clients::Regional;
use crate::errors::fault;
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::operation::RequestId;
use reconciler::{Fault, FaultClass};
use topology::nat::DefaultRoute;
use topology::{Receipt, ResourceId};

/// What may be done about a route, given where it leads now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is as the plan saw it.
    Go,
    /// What was asked for is so.
    Already,
    /// It is neither: somebody moved it since.
    Moved,
}

/// Makes a route that is not there.
pub(super) async fn create(clients: &Regional, table: &ResourceId, to: &ResourceId) -> Result<Receipt, Fault> {
    const OPERATION: &str = "CreateRoute";
    let request = clients.ec2.create_route().route_table_id(table.as_str()).destination_cidr_block(DEFAULT);
    match request.nat_gateway_id(to.as_str()).send().await {
        Ok(done) => Ok(receipt(done.request_id())),
        // A try of this very call may have been the one whose answer was lost.
        Err(error) if error.code() == Some("RouteAlreadyExists") => {
            let now = look(clients, table).await?;
            match verdict(now.as_ref(), None, Some(to)) {
                Verdict::Already => Ok(already()),
                Verdict::Go | Verdict::Moved => Err(moved(OPERATION, table, now.as_ref())),
            }
        }
        Err(error) => Err(fault(OPERATION, &error)),
    }
}

/// Moves a route that leads to `from`.
pub(super) async fn replace(
    clients: &Regional,
    table: &ResourceId,
    from: &ResourceId,
    to: &ResourceId,
) -> Result<Receipt, Fault> {
    const OPERATION: &str = "ReplaceRoute";
    let now = look(clients, table).await?;
    match verdict(now.as_ref(), Some(from), Some(to)) {
        Verdict::Already => return Ok(already()),
        Verdict::Moved => return Err(moved(OPERATION, table, now.as_ref())),
        Verdict::Go => {}
    }
    let request = clients.ec2.replace_route().route_table_id(table.as_str()).destination_cidr_block(DEFAULT);
    match request.nat_gateway_id(to.as_str()).send().await {
        Ok(done) => Ok(receipt(done.request_id())),
        Err(error) if no_such_route(error.code(), error.message()) => Err(moved(OPERATION, table, None)),
        Err(error) => Err(fault(OPERATION, &error)),
    }
}

/// Removes a route that leads to `target`.
pub(super) async fn delete(clients: &Regional, table: &ResourceId, target: &ResourceId) -> Result<Receipt, Fault> {
    const OPERATION: &str = "DeleteRoute";
    let now = look(clients, table).await?;
    match verdict(now.as_ref(), Some(target), None) {
        Verdict::Already => return Ok(already()),
        Verdict::Moved => return Err(moved(OPERATION, table, now.as_ref())),
        Verdict::Go => {}
    }
    let request = clients.ec2.delete_route().route_table_id(table.as_str()).destination_cidr_block(DEFAULT);
    match request.send().await {
        Ok(done) => Ok(receipt(done.request_id())),
        Err(error) if no_such_route(error.code(), error.message()) => Ok(already()),
        Err(error) => Err(fault(OPERATION, &error)),
    }
}

/// The table's default route now.
async fn look(clients: &Regional, table: &ResourceId) -> Result<Option<DefaultRoute>, Fault> {
    let found = route_tables(clients, "route-table-id", &[table.as_str()]).await?;
    // A table that is gone has no route either: what was planned for it is planned again, or not any more.
    Ok(found.first().and_then(default_route))
}

/// Compares. `from`: where the plan saw it lead, `None` for nowhere. `to`: where it is to lead.
fn verdict(now: Option<&DefaultRoute>, from: Option<&ResourceId>, to: Option<&ResourceId>) -> Verdict {
    let now = now.map(|DefaultRoute { target, blackhole: _, written: _ }| target);
    if now == to {
        Verdict::Already
    } else if now == from {
        Verdict::Go
    } else {
        Verdict::Moved
    }
}

/// Another look decides anew: where it leads now may be what somebody wanted, or drift of its own.
fn moved(operation: &str, table: &ResourceId, now: Option<&DefaultRoute>) -> Fault {
    let now = now.map_or_else(|| "there is none now".into(), |route| format!("it leads to {} now", route.target));
    let message = format!("the default route of {table} was moved meanwhile: {now}");
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

    fn leads(target: &str) -> DefaultRoute {
        DefaultRoute { target: target.into(), blackhole: false, written: true }
    }

    #[test]
    fn a_route_is_changed_only_if_it_is_as_the_plan_saw_it() {
        let (old, new, other) = (leads("nat-old"), leads("nat-new"), leads("tgw-1"));
        let (from, to) = (ResourceId::from("nat-old"), ResourceId::from("nat-new"));
        for (now, expected) in [
            (Some(&old), Verdict::Go),
            (Some(&new), Verdict::Already),
            (Some(&other), Verdict::Moved),
            (None, Verdict::Moved),
        ] {
            assert_eq!(verdict(now, Some(&from), Some(&to)), expected, "replace, now {now:?}");
        }
        // Made where there is none.
        assert_eq!(verdict(Some(&new), None, Some(&to)), Verdict::Already);
        assert_eq!(verdict(Some(&other), None, Some(&to)), Verdict::Moved);
        // Removed.
        assert_eq!(verdict(Some(&old), Some(&from), None), Verdict::Go);
        assert_eq!(verdict(None, Some(&from), None), Verdict::Already);
        assert_eq!(verdict(Some(&other), Some(&from), None), Verdict::Moved);
    }

    #[test]
    fn a_route_that_moved_is_looked_at_again_and_says_where_it_leads() {
        let fault = moved("ReplaceRoute", &"rtb-1".into(), Some(&leads("tgw-1")));
        assert!(fault.is_retryable());
        assert!(fault.message.contains("rtb-1") && fault.message.contains("tgw-1"), "{fault}");
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
