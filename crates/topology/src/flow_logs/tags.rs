//! The tags on what the control makes. They tell people, and are half of what makes a thing ours: the ledger is the other half.

use super::{Desired, ObservedLog, Purpose};
use crate::core::{ControlId, ResourceId, Standing, VpcName};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

const TOPOLOGY: &str = "plumbline:topology";
const VPC: &str = "plumbline:vpc";
const CONTROL: &str = "plumbline:control";
const NAME: &str = "Name";
/// On a flow log that was made again because delivery failed: the id of the probe that showed that it would not again.
const INSTEAD_OF: &str = "plumbline:instead-of";

/// On a probe: the id of the one that it stands in for.
const STANDS_IN_FOR: &str = "plumbline:stands-in-for";

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

/// What one that was made again has besides.
pub(super) fn instead_of(probe: &ResourceId) -> BTreeMap<String, String> {
    [(INSTEAD_OF.to_owned(), probe.to_string())].into()
}

/// What a probe has besides.
pub(super) fn stands_in_for(failed: &ResourceId) -> BTreeMap<String, String> {
    [(STANDS_IN_FOR.to_owned(), failed.to_string())].into()
}

/// Why a flow log of these tags was made.
pub(super) fn purpose(tags: &BTreeMap<String, String>) -> Purpose {
    match tags.get(STANDS_IN_FOR) {
        Some(of) => Purpose::Probe { of: of.as_str().into() },
        None => Purpose::Declared,
    }
}

/// Whether it was made in place of another.
pub(super) fn is_replacement(log: &ObservedLog) -> bool {
    log.tags.contains_key(INSTEAD_OF)
}

/// For how long the ledger gives the token of a call back whose answer never came.
const UNHEARD: SignedDuration = SignedDuration::from_hours(1);

/// Whether its tags say that Plumbline made it for this VPC of this topology. Anybody can copy a tag.
fn claims(log: &ObservedLog, desired: &Desired, vpc: &VpcName) -> bool {
    let tag = |key: &str| log.tags.get(key).map(String::as_str);
    tag(TOPOLOGY) == Some(desired.topology.as_str())
        && tag(VPC) == Some(vpc.as_str())
        && tag(CONTROL) == Some(ControlId::FlowLogs.name())
}

/// Whether it may be one of ours whose making was never heard of: the function died, or the answer was lost. Asking AWS for it once
/// more, with the token of the first time, gives its id if it is.
pub(super) fn may_be_ours(log: &ObservedLog, desired: &Desired, vpc: &VpcName, standing: &Standing) -> bool {
    let young = |made: Timestamp| standing.now.duration_since(made) < UNHEARD;
    !standing.created.contains_key(&log.id) && claims(log, desired, vpc) && log.created.is_some_and(young)
}

/// Whether Plumbline made it, for this VPC of this topology: the ledger has its id, and its tags agree.
pub(super) fn is_ours(log: &ObservedLog, desired: &Desired, vpc: &VpcName, standing: &Standing) -> bool {
    standing.created.contains_key(&log.id) && claims(log, desired, vpc)
}
