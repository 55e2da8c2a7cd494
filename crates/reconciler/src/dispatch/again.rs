//! Looking again: hints go back to the queue with a growing delay, and to a person when that does not end.

use crate::{Hint, Outbox, Settings};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use topology::{Place, ResourceId, TopologyId};

/// Causes that one hint carries at most: a message holds 256 KB, and one cause is half a kilobyte.
const MOST_CAUSES: usize = 100;

/// What became of hints that could not be finished now.
pub(crate) enum Again {
    /// On their way back.
    Sent,
    /// Put aside, with the reason.
    GivenUp(String),
    /// Neither worked: their messages must fail.
    Lost,
}

/// Sends hints again, or gives them up when they were sent often or long enough.
pub(crate) async fn again(
    hints: Vec<Hint>,
    least: SignedDuration,
    why: &str,
    settings: &Settings,
    outbox: &impl Outbox,
    now: Timestamp,
) -> Again {
    let attempt = hints.iter().map(|hint| hint.attempt).min().unwrap_or_default();
    let first_seen = hints.iter().map(|hint| hint.first_seen).min().unwrap_or(now);
    // A replayed event may be old when it first arrives: only a chain can be too long.
    let long = attempt > 0 && now.duration_since(first_seen) > Settings::CHAIN;
    if attempt >= Settings::ATTEMPTS || long {
        let why = format!("{why} (after {attempt} attempts since {first_seen})");
        return match outbox.dead_letter(&hints, &why).await {
            Ok(()) => Again::GivenUp(why),
            Err(fault) => lost(&fault),
        };
    }
    let doubled = settings.recheck.checked_mul(1 << attempt.min(10)).unwrap_or(Settings::LONGEST_DELAY);
    let delay = least.max(doubled).min(Settings::LONGEST_DELAY);
    let next: Vec<Hint> = hints.into_iter().map(|hint| Hint { attempt: attempt + 1, ..hint }).collect();
    match outbox.resend(&next, delay).await {
        Ok(()) => Again::Sent,
        Err(fault) => lost(&fault),
    }
}

fn lost(fault: &crate::Fault) -> Again {
    tracing::warn!(%fault, "hints could not be sent again: their messages go back to the queue");
    Again::Lost
}

/// All hints of one topology as one, that names it outright: the next look needs no locating.
pub(super) fn merge<'a>(
    hints: impl Iterator<Item = &'a Hint> + Clone,
    place: &Place,
    topology: &TopologyId,
    resources: BTreeSet<ResourceId>,
    now: Timestamp,
) -> Hint {
    let mut causes: Vec<crate::Cause> = vec![];
    for cause in hints.clone().flat_map(|hint| &hint.causes) {
        // At least once means sometimes twice.
        if causes.len() < MOST_CAUSES && !causes.iter().any(|known| known == cause) {
            causes.push(cause.clone());
        }
    }
    causes.sort_by(|a, b| (a.at, &a.event_id).cmp(&(b.at, &b.event_id)));
    Hint {
        place: place.clone(),
        resources,
        topology: Some(topology.clone()),
        causes,
        first_seen: hints.clone().map(|hint| hint.first_seen).min().unwrap_or(now),
        attempt: hints.map(|hint| hint.attempt).min().unwrap_or_default(),
    }
}
