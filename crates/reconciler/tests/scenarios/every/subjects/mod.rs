//! The controls that are put through every scenario.

mod privatelink;
mod security_groups;

pub(super) use privatelink::PrivateLink;
pub(super) use security_groups::SecurityGroups;
