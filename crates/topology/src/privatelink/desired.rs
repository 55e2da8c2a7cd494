//! What a topology says of its endpoint services, resolved.

use crate::core::{ServiceName, TopologyId};
use crate::network::EndpointService;
use std::collections::BTreeMap;

/// The key of the tag that says which endpoint service of a topology a service is. The rendered network puts it there.
pub const SERVICE_TAG: &str = "plumbline:service";
/// The key of the tag that says which topology a service belongs to.
pub const TOPOLOGY_TAG: &str = "plumbline:topology";

/// The declared endpoint services of a topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// Whose they are: a service of AWS is recognised by its tags.
    pub topology: TopologyId,
    /// By name in the document.
    pub services: BTreeMap<ServiceName, EndpointService>,
    /// The topology is retired: nobody more is let in, and whoever is in stands in the way of deleting the service.
    pub retired: bool,
}
