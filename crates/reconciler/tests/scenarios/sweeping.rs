//! The sweep asks for everything, and says what it misses.

use crate::world::{World, place};
use reconciler::{Announced, EventSelector, Fault, FaultClass, Outcome, RefusedDocument, Swept, Trail, sweep};
use serde_json::{Value, json};
use twin::Trails;

async fn run(world: &World, event: Value) -> Swept {
    sweep(&event, &world.served, &world.trails, &*world.ledger, &world.outbox, &*world.clock).await.unwrap()
}

#[tokio::test]
async fn the_schedule_asks_for_every_topology() {
    let world = World::new().await;
    let swept = run(&world, json!({"source": "aws.events", "detail-type": "Scheduled Event"})).await;
    assert_eq!(swept.requested, [(place(), "shop".into())]);
    assert_eq!(world.outbox.take().requests.len(), 1);
}

#[tokio::test]
async fn only_a_settled_stack_is_worth_a_sweep() {
    let world = World::new().await;
    let event = |status: &str| {
        json!({
            "source": "aws.cloudformation", "detail-type": "CloudFormation Stack Status Change",
            "detail": { "stack-id": "arn:aws:cloudformation:…", "status-details": { "status": status } }
        })
    };
    for status in ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""] {
        assert!(run(&world, event(status)).await.requested.is_empty(), "{status}");
    }
    for status in ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_FAILED", "DELETE_COMPLETE"] {
        assert_eq!(run(&world, event(status)).await.requested.len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_topology_removed_from_the_layer_is_told_and_left_alone() {
    let mut world = World::new().await;
    world.expose();
    world.served.topologies.clear();
    for (round, pages) in [(1, 1), (2, 0)] {
        let swept = run(&world, json!({})).await;
        assert_eq!(swept.vanished, [(place(), "shop".into())], "round {round}");
        let events = world.outbox.take().events;
        assert_eq!(events.iter().filter(|event| event.page).count(), pages, "told once");
        assert_eq!(events[0].detail["topology"], json!("shop"), "whoever reads the bus has the detail only");
    }
    let outcome = world.dispatch(&[world.event("AuthorizeSecurityGroupIngress", &world.app)]).await;
    assert!(outcome.reports.is_empty());
    assert_eq!(world.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_broken_document_is_told_and_does_not_stop_the_others() {
    let mut world = World::new().await;
    let refused = |file: &str, id: Option<&str>| RefusedDocument {
        file: file.into(),
        topology: id.map(Into::into),
        problems: "line 3: unknown key".into(),
    };
    world.served.refused = vec![refused("broken.yaml", None)];
    let swept = run(&world, json!({})).await;
    assert_eq!((swept.metrics.refused_documents, swept.requested.len()), (1, 1));
    let events = world.outbox.take().events;
    assert_eq!(events[0].detail_type, "Topology Refused");
    assert!(events[0].page && events[0].detail["problems"].as_str().unwrap().contains("line 3"));
    world.expose();
    assert_eq!(world.swept().await.overall, Outcome::Applied);
    // Broken is not removed.
    world.served.topologies.clear();
    world.served.refused = vec![refused("shop.yaml", Some("shop"))];
    assert!(run(&world, json!({})).await.vanished.is_empty());
}

#[tokio::test]
async fn a_sweep_that_cannot_ask_fails() {
    let world = World::new().await;
    world.outbox.fail_with(Some(Fault::new("PutEvents", FaultClass::Retryable, "timed out")));
    let swept = sweep(&json!({}), &world.served, &world.trails, &*world.ledger, &world.outbox, &*world.clock).await;
    assert!(swept.is_err());
}

/// What people are told of trails, by kind, and how many of it are pages.
fn told_of_trails(world: &World) -> Vec<(String, bool)> {
    let events = world.outbox.take().events.into_iter();
    events.filter(|event| event.detail_type.starts_with("Trail")).map(|e| (e.detail_type, e.page)).collect()
}

#[tokio::test]
async fn without_a_trail_that_logs_writes_people_are_told_once_a_day_and_the_metric_stays() {
    let world = World::new().await;
    let nothing = |swept: &Swept| (swept.metrics.trails_missing, swept.metrics.trails_unknown) == (0, 0);
    assert!(nothing(&run(&world, json!({})).await));
    assert_eq!(told_of_trails(&world), []);

    let stopped = Trail { logging: Ok(false), ..Trails::of_everything() };
    for trails in [vec![], vec![stopped]] {
        world.trails.set(Ok(trails));
        world.clock.advance(jiff::SignedDuration::from_hours(25));
        for page in [true, false] {
            let swept = run(&world, json!({"detail-type": "Scheduled Event"})).await;
            assert_eq!((swept.metrics.trails_missing, swept.requested.len()), (1, 1), "it asks all the same");
            assert!(matches!(swept.announced.as_slice(), [(at, Announced::No { .. })] if *at == place()));
            assert_eq!(told_of_trails(&world), [("Trail Missing".to_owned(), page)]);
        }
    }
    world.trails.set(Ok(vec![Trails::of_everything()]));
    assert!(nothing(&run(&world, json!({})).await), "the alarm ends");
}

#[tokio::test]
async fn a_trail_that_cannot_be_seen_is_told_as_unknown() {
    let world = World::new().await;
    let denied = |operation: &str| Fault::new(operation, FaultClass::Terminal, "not authorized");
    let unseen = Trail { selectors: Err(denied("GetEventSelectors")), ..Trails::of_everything() };
    world.trails.set(Ok(vec![unseen]));
    let swept = run(&world, json!({})).await;
    assert_eq!((swept.metrics.trails_missing, swept.metrics.trails_unknown), (0, 1));
    assert_eq!(told_of_trails(&world), [("Trail Unknown".to_owned(), true)]);
    world.trails.set(Err(denied("DescribeTrails")));
    let swept = run(&world, json!({})).await;
    assert_eq!((swept.metrics.trails_missing, swept.metrics.trails_unknown, swept.requested.len()), (0, 1, 1));
}

#[tokio::test]
async fn each_region_has_its_own_trails() {
    let mut world = World::new().await;
    let mut elsewhere = crate::world::shop("elsewhere", "observe");
    elsewhere.region = Some("us-east-1".into());
    world.served.topologies.push(elsewhere);
    world.trails.set(Ok(vec![Trail {
        selectors: Ok(vec![EventSelector::Basic { management: false, read_write: "All".into(), excluded: [].into() }]),
        ..Trails::of_everything()
    }]));
    let swept = run(&world, json!({})).await;
    assert_eq!(swept.metrics.trails_missing, 2);
}
