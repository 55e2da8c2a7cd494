//! The tags on what the control makes. They tell people, and are half of what makes a thing ours: the ledger is the other half.

use super::{Desired, ObservedLog};
use crate::core::{ControlId, ResourceId, Standing, VpcName};
use std::collections::BTreeMap;

const TOPOLOGY: &str = "plumbline:topology";
const VPC: &str = "plumbline:vpc";
const CONTROL: &str = "plumbline:control";
const NAME: &str = "Name";
/// On a flow log that was made in place of one whose delivery failed: the id of that one.
const INSTEAD_OF: &str = "plumbline:instead-of";

/// The tags of what is made for a VPC.
pub(super) fn of(desired: &Desired, vpc: &VpcName, name: &str) -> BTreeMap<String, String> {
    let name = format!("{}-{}", desired.topology, name.replace('/', "-"));
    [
        (TOPOLOGY, desired.topology.as_str()),
        (VPC, vpc.as_str()),
        (CONTROL, ControlId::FlowLogs.name()),
        // EC2 takes 256 characters for a value.
        (NAME, name.get(..256).unwrap_or(&name)),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// The same on one that replaces another.
pub(super) fn instead_of(mut tags: BTreeMap<String, String>, other: &ResourceId) -> BTreeMap<String, String> {
    tags.insert(INSTEAD_OF.into(), other.to_string());
    tags
}

/// Whether it was made in place of another.
pub(super) fn is_replacement(log: &ObservedLog) -> bool {
    log.tags.contains_key(INSTEAD_OF)
}

/// Whether Plumbline made it, for this VPC of this topology: the ledger has its id, and its tags agree. Anybody can copy a tag.
pub(super) fn is_ours(log: &ObservedLog, desired: &Desired, vpc: &VpcName, standing: &Standing) -> bool {
    let tag = |key: &str| log.tags.get(key).map(String::as_str);
    standing.created.contains_key(&log.id)
        && tag(TOPOLOGY) == Some(desired.topology.as_str())
        && tag(VPC) == Some(vpc.as_str())
        && tag(CONTROL) == Some(ControlId::FlowLogs.name())
}
