//! Crashes and other runs, at every moment at which they can come.

use super::stage::{Stage, Then};
use super::subject::Subject;
use jiff::SignedDuration;
use reconciler::{Clock as _, Ledger as _, Outcome, Settings};

/// Breaks it, and has `then` happen at each gate in turn, until there is none left.
fn at_every_gate<S: Subject>(then: Then, what: &str) {
    for way in S::ways() {
        for gate in 0.. {
            assert!(gate < 2000, "{}: no end of gates", way.name);
            let stage = Stage::<S>::new();
            let messages = stage.breaks(&way);
            stage.sky.stop_at(gate);
            stage.deliver_and(messages, Some(then));
            let done = stage.sky.still_waits();
            stage.sky.stop_at(usize::MAX);
            stage.sweep_until_quiet(way.name);
            stage.assert_intact(&way, &format!("{what} at gate {gate}"));
            if done {
                assert!(gate > 10, "{}: only {gate} gates", way.name);
                break;
            }
        }
    }
}

pub(super) fn a_crash_between_any_two_calls_leaves_nothing_behind<S: Subject>() {
    at_every_gate::<S>(Then::Crash, "a crash");
}

pub(super) fn another_run_at_any_moment_doubles_nothing<S: Subject>() {
    at_every_gate::<S>(Then::Race, "another run");
}

pub(super) fn a_run_that_meets_a_lease_waits_for_it<S: Subject>() {
    for way in S::ways() {
        let stage = Stage::<S>::new();
        let messages = stage.breaks(&way);
        let (key, lasts) = (stage.key(), SignedDuration::from_secs(10));
        let lease = stage.ledger.lease(&key, "other", stage.clock.now(), lasts);
        assert!(crate::world::at_once(lease).unwrap().is_some());
        let log = stage.deliver(messages);
        log.converged(way.name);
        assert!(
            log.reports[0].contended && matches!(log.reports[0].overall, Outcome::Converging { .. }),
            "{}",
            way.name
        );
        assert_eq!(log.sent.resent[0].1, Settings::CONTENDED);
        stage.assert_intact(&way, "after another run");
    }
}
