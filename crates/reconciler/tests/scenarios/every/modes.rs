//! Who may change anything.

use super::stage::Stage;
use super::subject::Subject;
use crate::world::{document, held};
use reconciler::{LayerMark, Ledger as _, Outcome};
use serde_json::json;

pub(super) fn observe_reports_and_changes_nothing<S: Subject>() {
    for way in S::ways() {
        let stage = Stage::<S>::with("enforce", "observe");
        let report = stage.on(&stage.breaks(&way));
        assert_eq!(report.overall, Outcome::Planned, "{}", way.name);
        assert!(!report.actions.is_empty(), "{}", way.name);
        assert_eq!(stage.writes(), vec![], "{}", way.name);
        let written: Vec<&str> = stage.ledger.take_writes().into_iter().filter(|write| *write != "say_once").collect();
        assert_eq!(written, Vec::<&str>::new(), "{}", way.name);
        assert!(!stage.outbox.take().events.is_empty(), "{}: and says so", way.name);
    }
}

pub(super) fn a_plan_by_hand_changes_nothing_and_says_what_enforcing_does<S: Subject>() {
    for way in S::ways() {
        let stage = Stage::<S>::new();
        stage.breaks(&way);
        let planned = stage.plan();
        assert_eq!(planned.overall, Outcome::Planned, "{}", way.name);
        assert_eq!((stage.writes(), stage.ledger.take_writes()), (vec![], vec![]), "{}", way.name);
        assert!(stage.outbox.take().order.is_empty(), "{}", way.name);
        let answer = stage.by_hand(json!({"topology": "shop", "mode": "enforce", "reason": "INC-1"}));
        let said: Vec<&str> = planned.actions.iter().map(|action| action.summary.as_str()).collect();
        let did: Vec<&str> = answer.reports[0].actions.iter().map(|action| action.summary.as_str()).collect();
        assert_eq!(did.get(..said.len()), Some(said.as_slice()), "{}", way.name);
    }
}

pub(super) fn a_person_may_enforce_what_the_document_only_observes<S: Subject>() {
    let way = S::ways().remove(0);
    let stage = Stage::<S>::with("enforce", "observe");
    stage.breaks(&way);
    let answer = stage.by_hand(json!({"topology": "shop", "mode": "enforce", "reason": "INC-1"}));
    assert!(answer.ok, "{}", answer.summary);
    stage.assert_intact(&way, "by hand");
}

pub(super) fn an_older_layer_only_plans<S: Subject>() {
    let way = S::ways().remove(0);
    let mut stage = Stage::<S>::new();
    let layer = |version| LayerMark { layer: "arn:aws:lambda:eu-west-1:111122223333:layer:topologies".into(), version };
    let key = stage.key();
    crate::world::at_once(stage.ledger.raise_layer(&key.place, &key.topology, &layer(7), false)).unwrap();
    stage.served.layer = Some(layer(6));
    let report = stage.on(&stage.breaks(&way));
    assert!(held(&report.overall).contains("version 7") && report.older_layer);
    assert_eq!(stage.writes(), vec![]);
    let answer = stage.by_hand(json!({"confirm_rollback": {"topology": "shop", "reason": "INC-1"}}));
    assert!(answer.ok, "{}", answer.summary);
    stage.sweep_until_quiet(way.name);
    stage.assert_intact(&way, "rolled back");
}

pub(super) fn what_the_document_leaves_out_is_unmanaged<S: Subject>() {
    for way in S::ways() {
        let mut stage = Stage::<S>::new();
        let text = "version: 1\nid: shop\nenvironment: production\nmode: enforce\nvpcs:\n  main:\n    cidr: 10.0.0.0/16\n    availability_zones: [a]\n";
        stage.served.topologies = vec![document(text)];
        let broken = stage.breaks(&way);
        let log = stage.deliver([broken, vec![stage.request()]].concat());
        assert!(log.reports.is_empty() && stage.writes().is_empty(), "{}", way.name);
    }
}
