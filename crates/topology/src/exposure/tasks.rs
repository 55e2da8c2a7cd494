//! Which service a task with a public address belongs to. One that somebody ran by itself looks the same, so a service answers only for
//! what has exactly its network, and a deployment that is replaced not for long.

use super::{Interface, Service};
use crate::core::ResourceId;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// Draining connections and starting tasks take minutes; what has not replaced a task by then may never do so.
const PATIENCE: SignedDuration = SignedDuration::from_mins(30);

/// Whose a task is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin<'a> {
    /// Of a deployment that another one replaces.
    Leaving(&'a Service),
    /// Of a service that gives its tasks public addresses, which is told and mended there.
    Public(&'a Service),
    /// Of a deployment that should have been replaced by now.
    Overdue(&'a Service),
    /// Of no service that could be seen.
    Nobody,
}

pub(super) fn origin<'a>(interface: &Interface, services: &[&'a Service], now: Timestamp) -> Origin<'a> {
    let left = |service: &Service, in_time: bool| {
        let fitting = service.leaving.iter().filter(|it| fits(interface, &it.subnets, &it.groups));
        // A time that nobody knows excuses nothing.
        fitting.map(|it| it.since.is_some_and(|since| now.duration_since(since) < PATIENCE)).any(|it| it == in_time)
    };
    let public = |service: &Service| service.public && fits(interface, &service.subnets, &service.groups);
    let find = |holds: &dyn Fn(&Service) -> bool| services.iter().copied().find(|&service| holds(service));
    find(&|service| left(service, true))
        .map(Origin::Leaving)
        .or_else(|| find(&public).map(Origin::Public))
        .or_else(|| find(&|service| left(service, false)).map(Origin::Overdue))
        .unwrap_or(Origin::Nobody)
}

/// Whether an interface has exactly this network. A service that names no groups has the VPC's own.
fn fits(interface: &Interface, subnets: &[ResourceId], groups: &[ResourceId]) -> bool {
    let carried: BTreeSet<&ResourceId> = interface.groups.keys().collect();
    let same = match groups.is_empty() {
        true => interface.groups.values().all(|name| name == "default"),
        false => carried == groups.iter().collect::<BTreeSet<_>>(),
    };
    same && subnets.contains(&interface.subnet)
}
