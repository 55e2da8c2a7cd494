//! Who is told of what, and how often.

use crate::world::{World, converging, held};
use jiff::SignedDuration;
use reconciler::{Fault, FaultClass, Outcome, OutcomeEvent};
use serde_json::json;

fn fault(class: FaultClass, message: &str) -> Fault {
    Fault::new("RevokeSecurityGroupIngress", class, message)
}

fn pages(world: &World) -> Vec<String> {
    let paged = |event: OutcomeEvent| event.page.then_some(event.detail_type);
    world.outbox.take().events.into_iter().filter_map(paged).collect()
}

#[tokio::test]
async fn a_denied_containment_is_told_although_another_one_is_tried_again() {
    let world = World::new().await;
    let events = [world.open(&world.alb, 22, "0.0.0.0/0"), world.expose()];
    world.ec2.fail("RevokeSecurityGroupIngress", 0, fault(FaultClass::Retryable, "slow down"));
    world.ec2.fail("RevokeSecurityGroupIngress", 1, fault(FaultClass::Terminal, "denied"));
    let outcome = world.dispatch(&events).await;
    assert!(matches!(&outcome.reports[0].overall, Outcome::Failed(fault) if fault.is_retryable()));
    let told = world.outbox.take().events;
    let failed: Vec<_> = told.iter().filter(|event| event.page && event.detail_type == "Reconcile Failed").collect();
    assert_eq!(failed.len(), 1, "{told:#?}");
    assert!(failed[0].headline.contains("denied"), "{}", failed[0].headline);
    assert_eq!(outcome.metrics.new_failures, 1);
    // Again the same: a person is at work on it.
    world.ec2.fail("RevokeSecurityGroupIngress", 0, fault(FaultClass::Retryable, "slow down"));
    world.ec2.fail("RevokeSecurityGroupIngress", 1, fault(FaultClass::Terminal, "denied"));
    assert_eq!(world.sweep().await.metrics.new_failures, 0);
    assert!(!pages(&world).contains(&"Reconcile Failed".to_owned()));
}

#[tokio::test]
async fn a_held_exposure_and_a_contained_one_are_told_although_the_rest_goes_on() {
    let world = World::new().await;
    world.by_hand(json!({"exempt": {"resource": world.app, "for": "2h", "reason": "INC-1"}})).await;
    let events = [world.open(&world.alb, 22, "0.0.0.0/0"), world.expose()];
    world.ec2.lag(1);
    let outcome = world.dispatch(&events).await;
    converging(&outcome.reports[0].overall);
    assert_eq!(pages(&world), ["Reconcile Pending", "Drift Held"]);
    assert_eq!(outcome.metrics.new_exposures, 2);
}

#[tokio::test]
async fn a_second_exposure_of_a_group_is_news_and_the_first_is_not() {
    let world = World::new().await;
    world.by_hand(json!({"exempt": {"resource": world.app, "for": "6h", "reason": "INC-1"}})).await;
    let report = world.on(world.expose()).await;
    held(&report.overall);
    assert_eq!(pages(&world), ["Drift Held"]);
    let outcome = world.sweep().await;
    assert_eq!((outcome.metrics.new_exposures, outcome.metrics.exposures), (0, 1));
    assert_eq!(pages(&world), Vec::<String>::new(), "the same one");
    let outcome = world.dispatch(&[world.open(&world.app, 3306, "0.0.0.0/0")]).await;
    assert_eq!((outcome.metrics.new_exposures, outcome.metrics.exposures), (1, 2));
    assert_eq!(pages(&world), ["Drift Held"], "another one");
    world.clock.advance(SignedDuration::from_hours(1));
    world.sweep().await;
    assert_eq!(pages(&world), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_held_by_order_does_not_count_as_held() {
    let world = World::new().await;
    world.by_hand(json!({"exempt": {"resource": world.app, "for": "2h", "reason": "INC-1"}})).await;
    let mut world = world;
    world.settings.limits.actions_an_hour = 0;
    let alb = world.open(&world.alb, 9000, "10.0.0.0/16");
    let outcome = world.dispatch(&[world.widen(), alb]).await;
    assert_eq!(outcome.reports[0].actions.len(), 2);
    assert_eq!(outcome.metrics.held, 1, "what the limit holds, and not what a person ordered");
}

#[tokio::test]
async fn a_blind_event_path_counts_when_it_is_told() {
    let world = World::new().await;
    let mut counts = vec![];
    for _ in 0..3 {
        world.expose();
        counts.push(world.sweep().await.metrics.event_path_blind);
    }
    assert_eq!(counts, [0, 1, 0]);
}

#[tokio::test]
async fn a_flood_of_standing_drift_is_told_with_few_claims_and_once() {
    let world = World::new().await;
    world.by_hand(json!({"exempt": {"resource": world.app, "for": "6h", "reason": "INC-1"}})).await;
    for port in 100..150 {
        world.open(&world.app, port, "0.0.0.0/0");
    }
    world.forget();
    world.dispatch(&[world.event("AuthorizeSecurityGroupIngress", &world.app)]).await;
    let claims = world.ledger.take_writes().into_iter().filter(|write| *write == "say_once").count();
    assert!((1..=20).contains(&claims), "{claims}");
    assert_eq!(pages(&world), ["Drift Held"]);
    world.sweep().await;
    assert_eq!(pages(&world), Vec::<String>::new());
    // One more, behind those that are claimed one by one.
    world.dispatch(&[world.open(&world.app, 999, "0.0.0.0/0")]).await;
    assert_eq!(pages(&world), ["Drift Held"]);
}

#[tokio::test]
async fn the_look_that_is_owed_is_sent_before_anything_is_told() {
    let world = World::new().await;
    let event = world.expose();
    world.ec2.fail("RevokeSecurityGroupIngress", 0, fault(FaultClass::Retryable, "slow down"));
    world.dispatch(&[event]).await;
    assert_eq!(world.outbox.take().order, ["resend", "publish"]);
}
