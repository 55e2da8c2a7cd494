//! How many calls may be made now.
//!
//! Create-, Modify- and DeleteVpcEndpoint have a bucket each of 4 tokens that refills at 0.3 a second, for an account and Region, whoever
//! calls (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>). One token is left to whoever else works there, and
//! the refill is not used up. The calls of the last hour are on record, so that the bucket as it stands is computed, not remembered.

use crate::core::Standing;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Calls at once.
const BURST: i64 = 3;
/// A call more after so many seconds.
const EVERY: i64 = 4;

/// The calls that have buckets of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Create,
    Modify,
    Delete,
}

/// The buckets, as far as our own calls have emptied them.
pub(super) struct Buckets {
    now: Timestamp,
    /// What each holds, in seconds of refill.
    held: BTreeMap<Call, i64>,
}

impl Buckets {
    pub(super) fn new(standing: &Standing) -> Self {
        let mut calls: BTreeMap<Call, Vec<Timestamp>> = BTreeMap::new();
        for (id, repairs) in &standing.repairs {
            for repair in repairs {
                let call = match id.as_str().starts_with(super::change::MISSING) {
                    true => Call::Create,
                    false if repair.removed => Call::Delete,
                    false => Call::Modify,
                };
                calls.entry(call).or_default().push(repair.at);
            }
        }
        let held = calls.into_iter().map(|(call, mut at)| {
            at.sort();
            (call, holds(&at, standing.now))
        });
        Self { now: standing.now, held: held.collect() }
    }

    /// Takes a token. `Err`: there is none before that time.
    pub(super) fn take(&mut self, call: Call) -> Result<(), Timestamp> {
        let held = self.held.entry(call).or_insert(BURST * EVERY);
        if *held < EVERY {
            let missing = SignedDuration::from_secs(EVERY - *held);
            return Err(self.now.saturating_add(missing).unwrap_or(Timestamp::MAX));
        }
        *held -= EVERY;
        Ok(())
    }
}

/// What a bucket holds at `now` from which a token was taken at each of these times.
fn holds(calls: &[Timestamp], now: Timestamp) -> i64 {
    let full = BURST * EVERY;
    let (mut held, mut last) = (full, Timestamp::MIN);
    for at in calls.iter().map(|at| (*at).min(now)) {
        held = refilled(held, last, at) - EVERY;
        last = at;
    }
    refilled(held, last, now)
}

/// AWS's bucket never holds less than nothing, but ours may have been overdrawn by a person who ran it by hand.
fn refilled(held: i64, from: Timestamp, to: Timestamp) -> i64 {
    let seconds = to.as_second().saturating_sub(from.as_second()).max(0);
    held.max(-EVERY).saturating_add(seconds).min(BURST * EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Repair;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_400_000 + second).unwrap()
    }

    fn standing(now: i64, calls: &[(&str, i64, bool)]) -> Standing {
        let mut standing = Standing::at(at(now));
        for (id, second, removed) in calls {
            let repair = Repair { at: at(*second), run: "r".into(), removed: *removed, succeeded: None };
            standing.repairs.entry((*id).into()).or_default().push(repair);
        }
        standing
    }

    fn takes(standing: &Standing, call: Call) -> (usize, i64) {
        let mut buckets = Buckets::new(standing);
        let mut taken = 0;
        loop {
            match buckets.take(call) {
                Ok(()) => taken += 1,
                Err(next) => return (taken, next.as_second() - standing.now.as_second()),
            }
        }
    }

    #[test]
    fn three_at_once_then_one_in_four_seconds() {
        assert_eq!(takes(&standing(0, &[]), Call::Create), (3, 4));
        let three = [("endpoint:a", 0, false), ("endpoint:b", 0, false), ("endpoint:c", 0, false)];
        assert_eq!(takes(&standing(0, &three), Call::Create), (0, 4));
        assert_eq!(takes(&standing(3, &three), Call::Create), (0, 1));
        assert_eq!(takes(&standing(4, &three), Call::Create), (1, 4));
        assert_eq!(takes(&standing(3600, &three), Call::Create), (3, 4));
    }

    #[test]
    fn each_call_has_its_own() {
        let calls = [("endpoint:a", 0, false), ("vpce-1", 0, false), ("vpce-1", 0, false), ("vpce-2", 0, true)];
        let standing = standing(0, &calls);
        assert_eq!(takes(&standing, Call::Create).0, 2);
        assert_eq!(takes(&standing, Call::Modify).0, 1);
        assert_eq!(takes(&standing, Call::Delete).0, 2);
    }

    /// At no time more than AWS gives: in any stretch, four and what refills.
    #[test]
    fn what_is_taken_fits_into_the_bucket_of_aws() {
        let mut calls: Vec<(&str, i64, bool)> = vec![];
        for second in 0..120 {
            for _ in 0..takes(&standing(second, &calls), Call::Modify).0 {
                calls.push(("vpce-1", second, false));
            }
        }
        for first in 0..120 {
            for last in first..120 {
                let within = calls.iter().filter(|(_, at, _)| (first..=last).contains(at)).count();
                assert!(within as f64 <= 4.0 + 0.3 * (last - first) as f64, "{within} in {first}..={last}");
            }
        }
        assert!(calls.len() > 30, "{}", calls.len());
    }
}
