//! The tags on what the control makes. They tell people, and are half of what makes a thing ours: the ledger is the other half.

use super::{Desired, ObservedEndpoint, StandIn};
use crate::core::{ControlId, EndpointName, Standing, VpcName};
use std::collections::BTreeMap;

const TOPOLOGY: &str = "plumbline:topology";
const VPC: &str = "plumbline:vpc";
const CONTROL: &str = "plumbline:control";
const ENDPOINT: &str = "plumbline:endpoint";
const NAME: &str = "Name";

/// On an endpoint that stands in for one of the network's stack: the logical id that the stack has for it.
pub const STAND_IN_TAG: &str = "plumbline:stands-in-for";

/// The tags of what is made for a declared endpoint.
pub(super) fn of(
    desired: &Desired,
    vpc: &VpcName,
    endpoint: &EndpointName,
    stand_in: Option<&StandIn>,
) -> BTreeMap<String, String> {
    let name = format!("{}-{vpc}-{endpoint}", desired.topology);
    let tags = [
        (TOPOLOGY, desired.topology.as_str()),
        (VPC, vpc.as_str()),
        (CONTROL, ControlId::Endpoints.name()),
        (ENDPOINT, endpoint.as_str()),
        // EC2 takes 256 characters for a value.
        (NAME, name.get(..256).unwrap_or(&name)),
    ];
    let stand_in = stand_in.map(|it| (STAND_IN_TAG, it.logical_id.as_str()));
    tags.into_iter().chain(stand_in).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The name of the declared endpoint that it was made for, by its tags.
pub(super) fn made_for(endpoint: &ObservedEndpoint) -> Option<EndpointName> {
    endpoint.tags.get(ENDPOINT).map(|name| name.as_str().into())
}

/// Whether its tags say that it is of this topology.
pub(super) fn of_topology(endpoint: &ObservedEndpoint, desired: &Desired) -> bool {
    endpoint.tags.get(TOPOLOGY).map(String::as_str) == Some(desired.topology.as_str())
}

/// Whether its tags say that Plumbline made it for this VPC of this topology. Anybody can copy a tag.
pub(super) fn claims(endpoint: &ObservedEndpoint, desired: &Desired, vpc: &VpcName) -> bool {
    let tag = |key: &str| endpoint.tags.get(key).map(String::as_str);
    of_topology(endpoint, desired)
        && tag(VPC) == Some(vpc.as_str())
        && tag(CONTROL) == Some(ControlId::Endpoints.name())
}

/// Whether Plumbline made it, for this VPC of this topology: the ledger has its id, and its tags agree. What a stack adopted since is the
/// stack's.
pub(super) fn is_ours(endpoint: &ObservedEndpoint, desired: &Desired, vpc: &VpcName, standing: &Standing) -> bool {
    standing.created.contains_key(&endpoint.id) && claims(endpoint, desired, vpc) && endpoint.stack.is_none()
}
