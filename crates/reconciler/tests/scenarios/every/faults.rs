//! Throttling, lost answers, denial, partial failure, eventual consistency.

use super::stage::Stage;
use super::subject::{Subject, Way};
use jiff::SignedDuration;
use reconciler::{Clock as _, Fault, FaultClass, Outcome};

/// Shorter than a token lives: a call whose answer was lost can be asked again, with the same token. After that, what it made would be
/// left alone like a stranger's, and said: a tag alone is no proof that it is ours.
const STORM: SignedDuration = SignedDuration::from_mins(40);

fn throttled() -> Fault {
    Fault { code: Some("RequestLimitExceeded".into()), ..Fault::new("a call", FaultClass::Retryable, "slow down") }
}

fn denied() -> Fault {
    let remedy = Some("allow it in the function's role".into());
    Fault { code: Some("UnauthorizedOperation".into()), remedy, ..Fault::new("a call", FaultClass::Terminal, "no") }
}

/// The names of the calls that one way takes to mend.
fn calls<S: Subject>(way: &Way<S::Model>) -> Vec<twin::Call> {
    let stage = Stage::<S>::new();
    stage.deliver(stage.breaks(way)).converged(way.name);
    stage.twin().take_journal()
}

pub(super) fn every_call_throttled_once_is_made_good<S: Subject>() {
    for way in S::ways() {
        for at in 0..calls::<S>(&way).len() {
            let stage = Stage::<S>::new();
            stage.twin().fail("*", at, throttled());
            stage.deliver(stage.breaks(&way)).converged(&format!("{}: call {at} throttled", way.name));
            stage.assert_intact(&way, &format!("call {at} throttled"));
        }
    }
}

pub(super) fn every_answer_lost_once_is_made_good<S: Subject>() {
    for way in S::ways() {
        let calls = calls::<S>(&way);
        let writes = calls.iter().enumerate().filter(|(_, call)| call.is_write());
        for (at, call) in writes {
            let stage = Stage::<S>::new();
            stage.twin().lose_response("*", at);
            let what = format!("the answer to {} lost", call.operation);
            stage.deliver(stage.breaks(&way)).converged(&format!("{}: {what}", way.name));
            stage.assert_intact(&way, &what);
        }
    }
}

pub(super) fn one_call_in_five_fails_and_nothing_is_lost_or_doubled<S: Subject>() {
    for way in S::ways() {
        for seed in 1..=25 {
            let stage = Stage::<S>::new();
            stage.storm(seed);
            let ends = stage.clock.now() + STORM;
            stage.deliver_until(stage.breaks(&way), |stage| stage.clock.now() >= ends);
            stage.calm();
            stage.sweep_until_quiet(way.name);
            stage.assert_intact(&way, &format!("storm {seed}"));
        }
    }
}

pub(super) fn what_is_denied_is_told_once_and_not_repeated<S: Subject>() {
    for way in S::ways() {
        let stage = Stage::<S>::new();
        let operation = calls::<S>(&way).into_iter().find(|call| call.is_write()).unwrap().operation;
        stage.twin().fail(&operation, 0, denied());
        let messages = stage.breaks(&way);
        let report = stage.on(&messages);
        let refused = |outcome: &Outcome| matches!(outcome, Outcome::Failed(fault) if fault.remedy.is_some());
        assert!(report.actions.iter().any(|action| refused(&action.outcome)), "{}: {:#?}", way.name, report);
        let sent = stage.outbox.take();
        assert!(sent.dead.is_empty(), "{}", way.name);
        let pages: Vec<_> = sent.events.iter().filter(|event| event.page).collect();
        assert_eq!(pages.len(), 1, "{}: {pages:#?}", way.name);
        assert!(pages[0].headline.contains("allow it in the function's role"), "{}", pages[0].headline);
        // Somebody allowed it.
        stage.sweep_until_quiet(way.name);
        stage.assert_intact(&way, "allowed again");
    }
}

/// How much of the picture differs.
fn wrong<S: Subject>(stage: &Stage<S>) -> usize {
    let picture = stage.picture();
    let missing = stage.intact.iter().filter(|line| !picture.contains(line)).count();
    missing + picture.iter().filter(|line| !stage.intact.contains(line)).count()
}

/// The changing calls that some ways take to mend together, in no order.
fn writes<S: Subject>(ways: &[&Way<S::Model>]) -> Vec<String> {
    let stage = Stage::<S>::new();
    stage.deliver(ways.iter().flat_map(|way| stage.breaks(way)).collect()).converged("undisturbed");
    let mut writes: Vec<String> = stage.writes().into_iter().map(|call| call.operation).collect();
    writes.sort();
    writes
}

pub(super) fn what_fails_keeps_nothing_else_from_being_mended<S: Subject>() {
    let ways: Vec<Way<S::Model>> = S::ways().into_iter().filter(|way| way.adds.is_empty() && !way.alone).collect();
    let mut mended = 0;
    for way in &ways {
        let denied_operation = calls::<S>(way).into_iter().find(|call| call.is_write()).unwrap().operation;
        for other in ways.iter().filter(|other| other.name != way.name) {
            let alone = writes::<S>(&[other]);
            let mut both = [alone.clone(), writes::<S>(&[way])].concat();
            both.sort();
            // Only what has nothing to do with the other.
            if alone.contains(&denied_operation) || writes::<S>(&[way, other]) != both {
                continue;
            }
            let stage = Stage::<S>::new();
            let messages = [stage.breaks(way), stage.breaks(other)].concat();
            for skip in 0..200 {
                stage.twin().fail(&denied_operation, skip, denied());
            }
            // What follows from it by itself has followed.
            stage.wait(SignedDuration::from_secs(1));
            let before = wrong(&stage);
            let log = stage.deliver(messages);
            let actions = || log.reports.iter().flat_map(|report| &report.actions);
            let failed = actions().any(|action| matches!(action.outcome, Outcome::Failed(_)));
            let done = actions().any(|action| action.outcome == Outcome::Applied);
            assert!(failed && done, "{} denied, {} mended: {:#?}", way.name, other.name, log.reports);
            assert!(wrong(&stage) < before, "{} denied, {} mended", way.name, other.name);
            mended += 1;
        }
    }
    assert!(mended > 0, "no two ways are mended by different calls");
}

pub(super) fn what_aws_does_not_show_yet_is_not_done_twice<S: Subject>() {
    for way in S::ways() {
        for lag in 1..=3 {
            let stage = Stage::<S>::new();
            stage.twin().lag(lag);
            stage.deliver(stage.breaks(&way));
            stage.twin().lag(0);
            stage.sweep_until_quiet(way.name);
            stage.assert_intact(&way, &format!("unseen for {lag} looks"));
        }
    }
}

pub(super) fn a_ledger_that_cannot_record_lets_nothing_happen<S: Subject>() {
    for way in S::ways() {
        let stage = Stage::<S>::new();
        let messages = stage.breaks(&way);
        stage.ledger.fail_next("intend", Fault::new("TransactWriteItems", FaultClass::Retryable, "slow down"));
        let outcome = stage.dispatch(&messages);
        assert_eq!((outcome.failed.len(), stage.writes()), (0, vec![]), "{}", way.name);
        stage.sweep_until_quiet(way.name);
        stage.assert_intact(&way, "recorded again");
    }
}
