//! Looking again: hints go back to the queue with a growing delay, and to a person when that does not end.

use crate::{Hint, Outbox, Pace, Settings};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use topology::{Place, ResourceId, TopologyId};

/// Causes that one hint carries at most: a message holds 256 KB, and one cause is half a kilobyte.
const MOST_CAUSES: usize = 100;

/// What has been awaited for a time is looked at again after this part of it.
const PATIENCE: i32 = 8;

/// What became of hints that could not be finished now.
pub(crate) enum Again {
    /// On their way back.
    Sent,
    /// Left to the sweep: the next one comes sooner, or the chain has become too long.
    Left,
    /// Put aside, with the reason.
    GivenUp(String),
    /// Neither worked: their messages must fail.
    Lost,
}

/// Why hints are sent again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Because {
    /// They could not be finished: a growing delay, never less than this, and the attempts are counted.
    Unfinished(SignedDuration),
    /// Something was done and more is to come, after this: that is no failure, and those before it are forgiven.
    Moving(SignedDuration),
    /// AWS or a time is awaited: that is no failure.
    Waiting(SignedDuration),
    /// Another run holds the lease: that says nothing against this one, which must not fall behind with every try.
    Contended,
}

impl Because {
    /// Why a run that stands so is looked at again.
    pub(crate) fn of(pace: Pace, after: SignedDuration) -> Self {
        match pace {
            Pace::Stuck => Self::Unfinished(after),
            Pace::Waits => Self::Waiting(after),
            Pace::Moves => Self::Moving(after),
        }
    }
}

/// Sends hints again, or gives them up when they were sent often or long enough.
pub(crate) async fn again(
    hints: Vec<Hint>,
    because: Because,
    why: &str,
    settings: &Settings,
    outbox: &impl Outbox,
    now: Timestamp,
) -> Again {
    let attempt = hints.iter().map(|hint| hint.attempt).min().unwrap_or_default();
    // An event may be old, or may lie about its time: only what was seen here makes a chain too long.
    let since = chain_since(hints.iter());
    let long = since.is_some_and(|since| now.duration_since(since) > Settings::CHAIN);
    if let Because::Moving(after) | Because::Waiting(after) = because
        && (long || after > Settings::LONGEST_DELAY)
    {
        tracing::info!(why, ?since, "left to the sweep");
        return Again::Left;
    }
    let spent = attempt >= Settings::ATTEMPTS && matches!(because, Because::Unfinished(_));
    if spent || long {
        let why = format!("{why} (after {attempt} attempts since {})", since.unwrap_or(now));
        return match outbox.dead_letter(&hints, &why).await {
            Ok(()) => Again::GivenUp(why),
            Err(fault) => lost(&fault),
        };
    }
    let (delay, attempt) = match because {
        Because::Contended => (Settings::CONTENDED, attempt),
        Because::Unfinished(least) => {
            let doubled = settings.recheck.checked_mul(1 << attempt.min(10)).unwrap_or(Settings::LONGEST_DELAY);
            (least.max(doubled).min(Settings::LONGEST_DELAY), attempt + 1)
        }
        Because::Moving(least) => (least.max(settings.recheck), 0),
        Because::Waiting(until) => {
            // What has taken long is not expected at every moment, whatever time is named: that may be a pace, each sweep begins another
            // chain of it, and they would add up.
            let age = since.map_or(SignedDuration::ZERO, |since| now.duration_since(since));
            (until.max(age / PATIENCE).clamp(settings.recheck, Settings::LONGEST_DELAY), attempt)
        }
    };
    let since = |hint: &Hint| Some(hint.chain_since.unwrap_or(now));
    let next: Vec<Hint> = hints.into_iter().map(|hint| Hint { attempt, chain_since: since(&hint), ..hint }).collect();
    match outbox.resend(&next, delay).await {
        Ok(()) => Again::Sent,
        Err(fault) => lost(&fault),
    }
}

fn lost(fault: &crate::Fault) -> Again {
    tracing::warn!(%fault, "hints could not be sent again: their messages go back to the queue");
    Again::Lost
}

/// The youngest chain counts, and a hint that starts one now is the youngest: nothing old can end what is fresh.
fn chain_since<'a>(mut hints: impl Iterator<Item = &'a Hint>) -> Option<Timestamp> {
    hints
        .try_fold(Timestamp::MIN, |youngest, hint| Some(youngest.max(hint.chain_since?)))
        .filter(|youngest| *youngest > Timestamp::MIN)
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
        attempt: hints.clone().map(|hint| hint.attempt).min().unwrap_or_default(),
        chain_since: chain_since(hints),
    }
}
