//! Functions do not update at the same instant: an older layer only plans.

use crate::world::{World, held};
use reconciler::Outcome;
use serde_json::json;

#[tokio::test]
async fn an_older_layer_only_plans_until_a_person_confirms() {
    let mut world = World::new().await;
    world.layer(5);
    assert_eq!(world.on(world.expose()).await.overall, Outcome::Applied);
    world.forget();
    world.layer(4);
    let report = world.on(world.expose()).await;
    assert!(held(&report.overall).contains("version 5") && report.older_layer);
    assert_eq!(report.drifts.len(), 1, "it still looks");
    assert_eq!(world.writes(), Vec::<String>::new());
    // The newer function reads the same queue.
    let handed_over = world.rechecks();
    assert_eq!(handed_over.len(), 1);
    let answer = world.by_hand(json!({"confirm_rollback": {"topology": "shop", "reason": "INC-1"}})).await;
    assert!(answer.ok && answer.summary.contains("version 4"), "{}", answer.summary);
    assert_eq!(world.dispatch(&handed_over).await.reports[0].overall, Outcome::Applied);
    world.layer(5);
    assert_eq!(world.on(world.expose()).await.overall, Outcome::Applied, "and forward again");
}

#[tokio::test]
async fn hints_are_handed_over_only_so_often() {
    let mut world = World::new().await;
    world.layer(5);
    world.on(world.expose()).await;
    world.forget();
    world.layer(4);
    let mut bodies = vec![world.expose()];
    let mut hops = 0;
    while !bodies.is_empty() {
        world.dispatch(&bodies).await;
        bodies = world.rechecks();
        hops += 1;
    }
    assert_eq!(hops, 5);
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_mark_that_rises_midway_stops_the_older_run() {
    let mut world = World::new().await;
    world.layer(4);
    world.on(world.expose()).await;
    world.forget();
    let event = world.expose();
    let (ledger, key) = (world.ledger.clone(), world.key());
    world.ec2.before("DescribeSecurityGroupRules", 0, move |_| {
        let mark = reconciler::LayerMark {
            layer: "arn:aws:lambda:eu-west-1:111122223333:layer:topologies".into(),
            version: 5,
        };
        crate::world::at_once(reconciler::Ledger::raise_layer(&*ledger, &key.place, &key.topology, &mark, false))
            .unwrap();
    });
    let report = world.on(event).await;
    assert!(held(&report.overall).contains("version 5"));
    assert_eq!(world.writes(), Vec::<String>::new());
}
