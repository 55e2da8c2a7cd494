//! Observe and plan make no changing call, by the journal of calls.

use crate::world::{World, shop};
use reconciler::{LedgerRead as _, Outcome};
use serde_json::json;

#[tokio::test]
async fn observe_reports_and_makes_no_write_call() {
    let world = World::raw(shop("shop", "observe"));
    let event = world.expose();
    for report in [world.on(event).await, world.swept().await] {
        assert_eq!((report.mode.as_str(), &report.overall), ("observe", &Outcome::Planned));
        assert!(report.actions.iter().all(|action| action.outcome == Outcome::Planned));
    }
    assert_eq!(world.writes(), Vec::<String>::new());
    assert_eq!(world.ingress(&world.app), 1);
    assert!(world.ledger.records(&world.key(), 10).await.unwrap().is_empty());
    let bound = world.ledger.bindings(&world.key().place, &world.key().topology).await.unwrap();
    assert!(bound.is_empty(), "and pins nothing");
    let pages: Vec<_> = world.outbox.take().events.into_iter().filter(|event| event.page).collect();
    assert_eq!(pages.len(), 1, "the exposure is told once: {pages:#?}");
    assert!(pages[0].headline.contains("observe mode"));
}

#[tokio::test]
async fn plan_by_hand_writes_nothing_anywhere() {
    let world = World::new().await;
    world.expose();
    let answer = world.by_hand(json!({"topology": "shop", "mode": "plan"})).await;
    assert!(answer.ok);
    assert_eq!(answer.reports[0].overall, Outcome::Planned);
    assert!(answer.summary.contains("planned, nothing changed (plan mode)"), "{}", answer.summary);
    assert_eq!(world.writes(), Vec::<String>::new());
    assert_eq!(world.ledger.take_writes(), Vec::<&str>::new());
    assert!(world.outbox.take().events.is_empty());
}

#[tokio::test]
async fn a_person_may_enforce_what_the_document_only_observes() {
    let world = World::raw(shop("shop", "observe"));
    world.expose();
    let answer = world.by_hand(json!({"topology": "shop", "mode": "enforce", "reason": "INC-1"})).await;
    assert_eq!(answer.reports[0].overall, Outcome::Applied);
    assert!(world.in_line());
    world.forget();
    assert_eq!(world.on(world.expose()).await.overall, Outcome::Planned, "and only then");
    assert_eq!(world.writes(), Vec::<String>::new());
}
