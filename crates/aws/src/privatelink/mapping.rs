//! What the SDK answers, in the control's words.

use crate::network::{stack, tags};
use aws_sdk_ec2::types::{ServiceConfiguration, VpcEndpointConnection};
use aws_sdk_elasticloadbalancingv2::types::LoadBalancer;
use jiff::Timestamp;
use topology::privatelink::{ConnectionState, ObservedBalancer, ObservedConnection, ObservedService, PrivateDns};
use topology::{ResourceId, Seen, Unseen};

/// Something in an answer that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable(String);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn missing(what: &str) -> Unreadable {
    Unreadable(format!("an answer without {what}"))
}

/// A load balancer with its name.
pub(super) fn balancer(balancer: &LoadBalancer) -> Result<(String, ObservedBalancer), Unreadable> {
    let arn = balancer.load_balancer_arn().ok_or_else(|| missing("the ARN of a load balancer"))?;
    let name = balancer.load_balancer_name().ok_or_else(|| missing("the name of a load balancer"))?;
    let vpc = balancer.vpc_id().ok_or_else(|| missing("the VPC of a load balancer"))?;
    let network = balancer.r#type().is_some_and(|kind| kind.as_str().eq_ignore_ascii_case("network"));
    Ok((name.to_owned(), ObservedBalancer { arn: arn.into(), vpc: vpc.into(), network }))
}

/// An endpoint service; `None`: it is on its way out.
pub(super) fn service(service: &ServiceConfiguration) -> Result<Option<ObservedService>, Unreadable> {
    let id = service.service_id().ok_or_else(|| missing("the id of an endpoint service"))?;
    // As with connections, the model and the wire need not agree on case.
    let state = service.service_state().map(|state| state.as_str().to_ascii_lowercase());
    if matches!(state.as_deref(), Some("deleting" | "deleted")) {
        return Ok(None);
    }
    let tags = tags(service.tags());
    let private_dns = service.private_dns_name().filter(|name| !name.is_empty()).map(|name| {
        let verification = service.private_dns_name_configuration();
        let state = verification.and_then(|one| one.state()).map_or("unknown", |state| state.as_str());
        let record = verification.and_then(|one| Some((one.name()?.to_owned(), one.value()?.to_owned())));
        PrivateDns { name: name.to_owned(), state: state.to_owned(), record }
    });
    Ok(Some(ObservedService {
        id: id.into(),
        acceptance_required: service.acceptance_required(),
        balancers: service.network_load_balancer_arns().iter().map(|arn| arn.as_str().into()).collect(),
        managed: service.manages_vpc_endpoints() == Some(true),
        private_dns,
        stack: stack(&tags),
        tags,
        principals: Seen::Unknown(Unseen::OutOfScope),
        connections: Seen::Unknown(Unseen::OutOfScope),
    }))
}

/// A connection with the service that it is of.
///
/// The SDK's `State` knows `PendingAcceptance`, and the wire sends `pendingAcceptance`: every state arrives as an unknown one. So it
/// is read from its text.
pub(super) fn connection(connection: &VpcEndpointConnection) -> Result<(ResourceId, ObservedConnection), Unreadable> {
    let text = |value: Option<&str>, what: &str| value.map(str::to_owned).ok_or_else(|| missing(what));
    let service = text(connection.service_id(), "the service of a connection")?;
    let endpoint = text(connection.vpc_endpoint_id(), "the endpoint of a connection")?;
    let owner = text(connection.vpc_endpoint_owner(), "the owner of a connection")?;
    let state = text(connection.vpc_endpoint_state().map(|state| state.as_str()), "the state of a connection")?;
    let since = connection.creation_timestamp().ok_or_else(|| missing("when a connection was created"))?;
    let nanoseconds = i32::try_from(since.subsec_nanos()).unwrap_or_default();
    let since = Timestamp::new(since.secs(), nanoseconds).map_err(|error| Unreadable(error.to_string()))?;
    Ok((
        service.into(),
        ObservedConnection {
            endpoint: endpoint.into(),
            owner: owner.into(),
            state: ConnectionState::from_wire(&state),
            since,
            region: connection.vpc_endpoint_region().map(Into::into),
        },
    ))
}

#[cfg(test)]
mod tests;
