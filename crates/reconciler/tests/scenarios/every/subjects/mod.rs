//! The controls that are put through every scenario.

mod endpoints;
mod exposure;
mod flow_logs;
mod nat;
mod privatelink;
mod routes;
mod security_groups;

pub(super) use endpoints::Endpoints;
pub(super) use exposure::Exposure;
pub(super) use flow_logs::FlowLogs;
pub(super) use nat::Nat;
pub(super) use privatelink::PrivateLink;
pub(super) use routes::Routes;
pub(super) use security_groups::SecurityGroups;
