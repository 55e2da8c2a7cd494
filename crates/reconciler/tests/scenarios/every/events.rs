//! Events come twice, late, out of order, forged, broken, or not at all.

use super::stage::Stage;
use super::subject::{Subject, Way};
use reconciler::{Outcome, Report};
use serde_json::{Value, json};
use topology::Severity;

/// The ways that are a drift, and not only news.
fn drifts<S: Subject>() -> Vec<Way<S::Model>> {
    S::ways().into_iter().filter(|way| way.adds.is_empty()).collect()
}

pub(super) fn what_is_broken_is_mended_and_its_breaker_named<S: Subject>() {
    for way in S::ways() {
        let stage = Stage::<S>::new();
        let messages = stage.breaks(&way);
        let called = messages.iter().any(|message| message.contains("eventName"));
        let log = stage.deliver(messages);
        log.converged(way.name);
        assert!(stage.writes().iter().all(|call| call.error.is_none()), "{}", way.name);
        let first = &log.reports[0];
        if called && way.adds.is_empty() {
            let named = first.causes.values().flatten().filter_map(|cause| cause.principal.arn.as_deref());
            let named: Vec<&str> = named.collect();
            assert!(named.contains(&"arn:aws:iam::111122223333:user/mallory"), "{}: {:#?}", way.name, first.drifts);
            assert!(!log.sent.events.is_empty(), "{}: and the world is told", way.name);
        }
        let exposed = first.drifts.iter().any(|drift| drift.severity == Severity::Exposure);
        assert_eq!(exposed, way.exposes, "{}: {:#?}", way.name, first.drifts);
        assert_eq!(log.sent.events.iter().any(|event| event.page), way.exposes, "{}: {:#?}", way.name, log.sent.events);
        stage.assert_intact(&way, "told at once");
    }
}

pub(super) fn the_same_event_twice_is_one_repair<S: Subject>() {
    for way in S::ways() {
        let once = Stage::<S>::new();
        once.deliver(once.breaks(&way));
        let writes = once.writes().len();

        let stage = Stage::<S>::new();
        let messages = stage.breaks(&way);
        stage.deliver([messages.clone(), messages.clone()].concat()).converged(way.name);
        assert_eq!(stage.writes().len(), writes, "{}", way.name);
        stage.forget();
        let log = stage.deliver(messages);
        log.converged(way.name);
        assert_eq!(stage.writes(), vec![], "{}: late, it finds nothing to do", way.name);
        assert_eq!(stage.ledger.take_writes(), Vec::<&str>::new(), "{}: and writes nothing", way.name);
        assert!(log.sent.events.is_empty(), "{}: and says nothing", way.name);
        stage.assert_intact(&way, "twice");
    }
}

pub(super) fn events_in_disorder_converge_on_what_is_there<S: Subject>() {
    let ways = drifts::<S>();
    for (first, second) in ways.iter().zip(ways.iter().skip(1)) {
        let stage = Stage::<S>::new();
        let early = stage.breaks(first);
        let late = stage.breaks(second);
        stage.deliver(late).converged(second.name);
        stage.deliver(early).converged(first.name);
        stage.assert_intact(first, second.name);
    }
}

pub(super) fn a_lost_event_is_made_good_by_the_sweep_which_says_so<S: Subject>() {
    let mut missed = 0;
    for way in drifts::<S>() {
        let stage = Stage::<S>::new();
        stage.breaks(&way);
        let log = stage.deliver(vec![stage.request()]);
        log.converged(way.name);
        // What is worth an advice only may come about without any call: no trail missed it.
        let more_than_advice = |report: &&Report| report.drifts.iter().any(|drift| drift.severity > Severity::Advice);
        let blind = log.reports.iter().any(|report| report.event_path_blind);
        assert_eq!(
            blind,
            log.reports.iter().any(|report| more_than_advice(&report)),
            "{}: {:#?}",
            way.name,
            log.reports
        );
        missed += usize::from(blind);
        stage.assert_intact(&way, "swept");
    }
    assert!(missed > 0, "no way to break it needs an event");
}

pub(super) fn a_storm_is_one_reconcile<S: Subject>() {
    let stage = Stage::<S>::new();
    let messages: Vec<String> = S::ways().iter().flat_map(|way| stage.breaks(way)).collect();
    let storm: Vec<String> = messages.iter().cycle().take(messages.len() * 10).cloned().collect();
    let outcome = stage.dispatch(&storm);
    assert_eq!((outcome.failed.len(), outcome.reports.len()), (0, 1));
    stage.sweep_until_quiet("after the storm");
    let added = S::ways().into_iter().flat_map(|way| way.adds).map(ToString::to_string);
    let mut expected: Vec<String> = stage.intact.iter().cloned().chain(added).collect();
    expected.sort();
    assert_eq!(stage.picture(), expected);
}

/// Every id in an event is made one that AWS does not know.
fn forged(message: &str) -> String {
    let event: Value = serde_json::from_str(message).unwrap();
    fn walk(value: Value) -> Value {
        match value {
            Value::String(text) => {
                let words = text.split('-').map(|word| match word.len() == 17 && word.starts_with('0') {
                    true => "0badc0de0badc0de0",
                    false => word,
                });
                words.collect::<Vec<_>>().join("-").into()
            }
            Value::Array(items) => items.into_iter().map(walk).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(key, value)| (key, walk(value))).collect::<serde_json::Map<_, _>>().into()
            }
            other => other,
        }
    }
    walk(event).to_string()
}

pub(super) fn a_forged_event_changes_nothing<S: Subject>() {
    for way in S::ways() {
        let told = Stage::<S>::new().breaks(&way);
        let stage = Stage::<S>::new();
        let log = stage.deliver(told.iter().map(|message| forged(message)).collect());
        assert_eq!((log.failed, stage.writes()), (0, vec![]), "{}", way.name);
        assert_eq!(stage.ledger.take_writes(), Vec::<&str>::new(), "{}", way.name);
        assert!(log.sent.dead.is_empty() && log.sent.events.is_empty(), "{}", way.name);
        assert_eq!(stage.picture(), stage.intact, "{}", way.name);
    }
}

pub(super) fn our_own_calls_lead_to_nothing<S: Subject>() {
    for way in S::ways() {
        let stage = Stage::<S>::new();
        stage.deliver(stage.breaks(&way)).converged(way.name);
        let writes = stage.writes();
        assert!(!writes.is_empty(), "{}", way.name);
        let echo = |call: &twin::Call| {
            let request = json!({ "id": call.resource.as_ref().map(|id| id.as_str()) });
            stage.call("ec2", &call.operation, request, Value::Null)
        };
        let echoes = writes.iter().map(echo).collect();
        stage.forget();
        let log = stage.deliver(echoes);
        assert_eq!(stage.writes(), vec![], "{}", way.name);
        assert!(
            log.reports.iter().all(|report| report.overall == Outcome::InSync),
            "{}: {:?}",
            way.name,
            log.outcomes()
        );
        assert!(log.sent.events.is_empty(), "{}", way.name);
    }
}

pub(super) fn garbage_holds_up_nothing<S: Subject>() {
    for way in S::ways() {
        let stage = Stage::<S>::new();
        let good = stage.breaks(&way);
        let half = good[0][..good[0].len() / 2].to_owned();
        let outcome = stage.dispatch(&[vec![half, "hello".into()], good].concat());
        assert_eq!(outcome.failed, ["0", "1"], "{}", way.name);
        stage.sweep_until_quiet(way.name);
        stage.assert_intact(&way, "among garbage");
    }
}
