//! Which endpoint service of AWS is the declared one.
//!
//! The strongest mark decides, and several of equal strength are nobody's. A load balancer alone is no mark: others may stand
//! in front of the same one (API Gateway makes an endpoint service of its own for each VPC link), and taking one of theirs for ours would decide about
//! connections that were never ours to judge.
//!
//! 1. tags of the topology and the service, and made by a CloudFormation stack: only CloudFormation can write that mark;
//! 2. tags of the topology and the service alone, which is how a service is adopted that was not rendered; or made by a stack, in front
//!    of the declared load balancer, with the tags gone: whoever takes a tag off must not thereby switch enforcement off, nor turn it
//!    towards a copy.

use super::{Desired, ObservedBalancer, ObservedService, SERVICE_TAG, Sighting, TOPOLOGY_TAG};
use crate::core::ServiceName;
use std::collections::BTreeMap;

/// Which service it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// This one, by its position among the candidates.
    One(usize),
    /// None of them.
    None,
    /// It cannot be told.
    Several,
}

/// Picks. The adapter describes connections and principals of what is picked; the planner judges the same.
pub fn pick(desired: &Desired, name: &ServiceName, sighting: &Sighting) -> Pick {
    let Sighting { vpc: _, balancer, candidates } = sighting;
    let balancer = balancer.present();
    let marked = |(at, service): (usize, &ObservedService)| Some((mark(desired, name, balancer, service)?, at));
    let mut marks: Vec<(Mark, usize)> = candidates.iter().enumerate().filter_map(marked).collect();
    marks.sort_unstable();
    match marks.as_slice() {
        [] => Pick::None,
        [(best, _), (next, _), ..] if best == next => Pick::Several,
        [(_, at), ..] => Pick::One(*at),
    }
}

/// Whether tags say that a service is the declared one. Anybody who may create tags can say so.
pub fn claims(desired: &Desired, name: &ServiceName, tags: &BTreeMap<String, String>) -> bool {
    let Desired { topology, services: _, retired: _ } = desired;
    let tag = |key: &str| tags.get(key).map(String::as_str);
    tag(TOPOLOGY_TAG) == Some(topology.as_str()) && tag(SERVICE_TAG) == Some(name.as_str())
}

/// The strongest first; of equal ones those before the declared load balancer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    rank: u8,
    elsewhere: bool,
}

fn mark(
    desired: &Desired,
    name: &ServiceName,
    balancer: Option<&ObservedBalancer>,
    service: &ObservedService,
) -> Option<Mark> {
    if service.managed {
        return None;
    }
    let tag = |key: &str| service.tags.get(key).map(String::as_str);
    let tagged = claims(desired, name, &service.tags);
    // A service that claims to be another one is that one, or nobody's.
    let unclaimed = tag(TOPOLOGY_TAG).is_none() || tag(SERVICE_TAG).is_none();
    let before = balancer.is_some_and(|balancer| service.balancers.contains(&balancer.arn));
    let rank = match (tagged, service.stack.is_some()) {
        (true, true) => 0,
        (true, false) => 1,
        (false, true) if unclaimed && before => 1,
        (false, _) => return None,
    };
    Some(Mark { rank, elsewhere: !before })
}
