//! Which endpoint of AWS is the declared one.
//!
//! The network's stack made it, or we did: of those the one that carries the traffic, by private DNS or by routes, for AWS gives neither to
//! two; else the stack's, and the one under its logical id; else the oldest. A mark that only CloudFormation can write counts as the stack's, the ledger with our
//! tags as ours. Without either, one that bears the topology's tag; without that, any. Several of equal strength are nobody's.

use super::facts::{Facts, Wanted};
use super::{Kind, ObservedEndpoint, tags};
use crate::render;

/// Written by CloudFormation, like the id of the stack.
const LOGICAL_ID_TAG: &str = "aws:cloudformation:logical-id";

/// Which endpoint it is.
pub(super) enum Pick<'a> {
    /// This one.
    One(&'a ObservedEndpoint),
    /// None that lives.
    None,
    /// It cannot be told which of these.
    Several(Vec<&'a ObservedEndpoint>),
}

/// How strongly an endpoint is marked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    /// By CloudFormation, under the logical id that a rendered template gives it.
    Logical,
    /// By CloudFormation.
    Stack,
    /// The ledger and our tags.
    Ours,
    /// A tag, which anybody can write.
    Tagged,
    /// Nothing.
    Found,
}

/// Every endpoint of the service and the kind, the oldest first.
pub(super) fn alike<'a>(facts: &Facts<'a>, wanted: &Wanted<'_>) -> impl Iterator<Item = &'a ObservedEndpoint> {
    let is = |endpoint: &&ObservedEndpoint| {
        endpoint.service == wanted.service && endpoint.kind == wanted.kind && !endpoint.managed
    };
    facts.endpoints.iter().copied().filter(is).collect::<Vec<_>>().into_iter()
}

pub(super) fn pick<'a>(facts: &Facts<'a>, wanted: &Wanted<'_>) -> Pick<'a> {
    let alive = alike(facts, wanted).filter(|endpoint| !endpoint.state.is_gone() && !endpoint.state.is_dead());
    let mut marked: Vec<(Mark, &ObservedEndpoint)> =
        alive.map(|endpoint| (mark(facts, wanted, endpoint), endpoint)).collect();
    let kept = |mark: Mark| mark <= Mark::Ours;
    if marked.iter().any(|(mark, _)| kept(*mark)) {
        marked.retain(|(mark, _)| kept(*mark));
        marked.sort_by_key(|(mark, endpoint)| (!carries(endpoint), *mark));
        let rival = |(mark, endpoint): &(Mark, &ObservedEndpoint)| match marked.first() {
            Some((best, first)) => *mark == *best && carries(endpoint) == carries(first) && *mark != Mark::Ours,
            None => false,
        };
        let rivals: Vec<&ObservedEndpoint> =
            marked.iter().filter(|one| rival(one)).map(|(_, endpoint)| *endpoint).collect();
        return match (rivals.as_slice(), marked.first()) {
            ([_, _, ..], _) => Pick::Several(rivals),
            (_, Some((_, first))) => Pick::One(first),
            (_, None) => Pick::None,
        };
    }
    marked.sort_by_key(|(mark, _)| *mark);
    let best = marked.first().map(|(mark, _)| *mark);
    marked.retain(|(mark, _)| Some(*mark) == best);
    match marked.as_slice() {
        [] => Pick::None,
        [(_, only)] => Pick::One(only),
        several => Pick::Several(several.iter().map(|(_, endpoint)| *endpoint).collect()),
    }
}

/// Whether traffic is led to it: by the service's own name, or by routes.
fn carries(endpoint: &ObservedEndpoint) -> bool {
    (endpoint.private_dns && endpoint.kind == Kind::Interface) || !endpoint.tables.is_empty()
}

fn mark(facts: &Facts<'_>, wanted: &Wanted<'_>, endpoint: &ObservedEndpoint) -> Mark {
    let logical = endpoint.tags.get(LOGICAL_ID_TAG);
    if endpoint.stack.is_some() && endpoint.stack == facts.seen.stack {
        let rendered = render::endpoint_id(facts.name, wanted.name);
        return if logical == Some(&rendered) { Mark::Logical } else { Mark::Stack };
    }
    if tags::is_ours(endpoint, facts.desired, facts.name, facts.standing) {
        return Mark::Ours;
    }
    if tags::of_topology(endpoint, facts.desired) { Mark::Tagged } else { Mark::Found }
}
