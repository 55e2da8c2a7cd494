//! What holds an action, and what never holds the removal of an exposure.

use super::stage::Stage;
use super::subject::Subject;
use jiff::SignedDuration;
use reconciler::{Outcome, StackStatus};
use serde_json::json;
use std::collections::BTreeSet;

const STACK: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1";

pub(super) fn a_pause_holds_everything_and_ends<S: Subject>() {
    for way in S::ways() {
        let stage = Stage::<S>::new();
        assert!(stage.by_hand(json!({"pause": {"topology": "shop", "for": "2h", "reason": "INC-7"}})).ok);
        stage.forget();
        let report = stage.on(&stage.breaks(&way));
        assert!(crate::world::held(&report.overall).contains("INC-7"), "{}", way.name);
        assert!(report.by_order && stage.writes().is_empty(), "{}", way.name);
        assert!(!stage.ledger.take_writes().contains(&"lease"), "{}", way.name);
        assert_eq!(stage.outbox.take().events.iter().any(|event| event.page), way.exposes, "{}", way.name);
        stage.wait(SignedDuration::from_hours(2));
        stage.sweep_until_quiet(way.name);
        stage.assert_intact(&way, "after the pause");
    }
}

pub(super) fn an_exemption_holds_and_ends<S: Subject>() {
    for way in S::ways() {
        let stage = Stage::<S>::new();
        let messages = stage.breaks(&way);
        let plan = stage.plan();
        let exempt: BTreeSet<&str> = plan.actions.iter().map(|action| action.resource.id.as_str()).collect();
        for id in &exempt {
            let answer = stage.by_hand(json!({"exempt": {"resource": id, "for": "4h", "reason": "INC-8"}}));
            assert!(answer.ok, "{}: {}", way.name, answer.summary);
        }
        let log = stage.deliver(messages);
        let first = log.reports[0].actions.iter();
        for action in first.filter(|action| exempt.contains(action.resource.id.as_str())) {
            assert!(crate::world::held(&action.outcome).contains("INC-8"), "{}: {:?}", way.name, action);
        }
        let touched = stage.writes().into_iter().filter_map(|call| call.resource);
        let touched: Vec<_> = touched.filter(|id| exempt.contains(id.as_str())).collect();
        assert!(touched.is_empty(), "{}: {touched:?}", way.name);
        stage.wait(SignedDuration::from_hours(4));
        stage.sweep_until_quiet(way.name);
        stage.assert_intact(&way, "after the exemption");
    }
}

pub(super) fn a_stack_in_progress_holds_all_but_exposures<S: Subject>() {
    for way in S::ways().into_iter().filter(|way| way.adds.is_empty()) {
        let stage = Stage::<S>::new();
        stage.twin().outside(|model| S::owned(model, STACK));
        stage.twin().stack(STACK, Some(StackStatus::InProgress("UPDATE_IN_PROGRESS".into())));
        let messages = stage.breaks(&way);
        if way.exposes || way.cuts {
            stage.deliver(messages);
            let left = stage.plan();
            assert!(left.actions.iter().all(|action| !action.contains), "{}: {:#?}", way.name, left.actions);
            assert!(!stage.writes().is_empty(), "{}", way.name);
        } else {
            let report = stage.on(&messages);
            assert!(!report.actions.is_empty(), "{}", way.name);
            for action in &report.actions {
                let held = matches!(&action.outcome, Outcome::Held { why, .. } if why.contains("UPDATE_IN_PROGRESS"));
                assert!(held, "{}: {action:#?}", way.name);
            }
            assert_eq!(stage.writes(), vec![], "{}", way.name);
            assert!(stage.outbox.take().events.iter().all(|event| !event.page), "{}: a deploy wakes nobody", way.name);
        }
        stage.twin().stack(STACK, Some(StackStatus::Settled));
        stage.sweep_until_quiet(way.name);
        stage.assert_intact(&way, "after the deploy");
    }
}

pub(super) fn limits_hold_all_but_exposures<S: Subject>() {
    for way in S::ways() {
        let mut stage = Stage::<S>::new();
        stage.settings.limits.actions_an_hour = 0;
        let messages = stage.breaks(&way);
        let report = stage.on(&messages);
        let contained = report.actions.iter().filter(|action| action.contains);
        assert!(contained.clone().all(|action| action.outcome == Outcome::Applied), "{}: {:#?}", way.name, report);
        let others = report.actions.iter().filter(|action| !action.contains);
        assert!(others.clone().all(|action| action.outcome != Outcome::Applied), "{}: {:#?}", way.name, report);
        assert_eq!(stage.writes().len(), contained.count(), "{}", way.name);
        // Who has seen the plan may go beyond.
        assert!(stage.by_hand(json!({"topology": "shop", "mode": "enforce", "reason": "INC-1"})).ok, "{}", way.name);
        stage.settings = super::stage::settings();
        stage.sweep_until_quiet(way.name);
        stage.assert_intact(&way, "within limits again");
    }
}

pub(super) fn what_is_changed_back_again_and_again_is_left_and_told<S: Subject>() {
    let way = S::ways().remove(0);
    let stage = Stage::<S>::new();
    for _ in 0..5 {
        stage.deliver(stage.breaks(&way)).converged(way.name);
        stage.clock.advance(SignedDuration::from_secs(30));
    }
    stage.forget();
    let report = stage.on(&stage.breaks(&way));
    // The removal of an exposure is only slowed down.
    let why = match way.exposes {
        true => crate::world::converging(&report.overall),
        false => crate::world::held(&report.overall),
    };
    assert!(why.contains("put back 5 times"), "{:?}", report.overall);
    assert_eq!(stage.writes(), vec![]);
    assert!(stage.outbox.take().events.iter().any(|event| event.detail_type == "Flapping" && event.page));
    stage.wait(SignedDuration::from_mins(10));
    stage.sweep_until_quiet(way.name);
    stage.assert_intact(&way, "when nobody fights any more");
}
