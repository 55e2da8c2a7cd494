//! Throttling, denial, partial failure, a batch with one bad rule.

use crate::world::{World, converging};
use jiff::SignedDuration;
use reconciler::{Clock as _, Fault, FaultClass, LedgerRead as _, Message, Outcome};
use topology::security_groups::Direction;
use twin::ec2::Permission;

fn throttled(operation: &str) -> Fault {
    Fault { code: Some("RequestLimitExceeded".into()), ..Fault::new(operation, FaultClass::Retryable, "slow down") }
}

fn denied(operation: &str) -> Fault {
    let remedy = Some("allow it in the function's role".into());
    Fault { code: Some("UnauthorizedOperation".into()), remedy, ..Fault::new(operation, FaultClass::Terminal, "no") }
}

#[tokio::test]
async fn a_throttled_describe_is_unknown_and_changes_nothing() {
    let world = World::new().await;
    let event = world.strip(&world.app);
    world.ec2.fail("DescribeSecurityGroup*", 0, throttled("DescribeSecurityGroups"));
    let outcome = world.dispatch(&[event]).await;
    assert!(outcome.failed.is_empty());
    assert_eq!(world.writes(), Vec::<String>::new());
    let rechecks = world.rechecks();
    assert_eq!(rechecks.len(), 1);
    assert_eq!(world.dispatch(&rechecks).await.reports[0].overall, Outcome::Applied);
    assert!(world.in_line());
}

#[tokio::test]
async fn a_failed_locate_is_put_off_with_its_cause() {
    let mut world = World::new().await;
    // A new environment knows no group yet, so it has to ask.
    world.ec2 = twin::TwinEc2::new(world.ec2.state());
    let event = world.expose();
    world.ec2.fail("DescribeSecurityGroups", 0, throttled("DescribeSecurityGroups"));
    let outcome = world.dispatch(&[event]).await;
    assert!(outcome.failed.is_empty() && outcome.reports.is_empty());
    let rechecks = world.rechecks();
    let report = world.dispatch(&rechecks).await.reports.remove(0);
    assert_eq!(report.overall, Outcome::Applied);
    assert_eq!(report.causes[&0][0].event_id, "e-1");
}

#[tokio::test]
async fn a_denied_call_is_told_once_and_not_retried() {
    let world = World::new().await;
    let event = world.expose();
    world.ec2.fail("RevokeSecurityGroupIngress", 0, denied("RevokeSecurityGroupIngress"));
    let report = world.on(event).await;
    assert!(matches!(&report.overall, Outcome::Failed(fault) if fault.remedy.is_some()));
    let sent = world.outbox.take();
    assert!(sent.resent.is_empty() && sent.dead.is_empty());
    assert_eq!(sent.events.len(), 1);
    assert!(sent.events[0].page && sent.events[0].headline.contains("allow it in the function's role"));
    world.ec2.fail("RevokeSecurityGroupIngress", 0, denied("RevokeSecurityGroupIngress"));
    world.swept().await;
    let events = world.outbox.take().events;
    let failed: Vec<bool> =
        events.iter().filter(|event| event.detail_type == "Reconcile Failed").map(|event| event.page).collect();
    assert_eq!(failed, [false], "told on the bus, and nobody is woken again");
}

#[tokio::test]
async fn partial_is_partial() {
    let world = World::new().await;
    let first = world.open(&world.alb, 22, "0.0.0.0/0");
    let second = world.expose();
    world.ec2.fail("RevokeSecurityGroupIngress", 0, denied("RevokeSecurityGroupIngress"));
    let report = world.dispatch(&[first, second]).await.reports.remove(0);
    let applied = report.actions.iter().filter(|action| action.outcome == Outcome::Applied).count();
    let failed = report.actions.iter().filter(|action| matches!(action.outcome, Outcome::Failed(_))).count();
    assert_eq!((applied, failed), (1, 1), "{:?}", report.actions);
    assert!(matches!(report.overall, Outcome::Failed(_)));
    assert_eq!(world.writes().len(), 2, "each was tried once");
}

#[tokio::test]
async fn a_batch_with_one_bad_rule_goes_part_by_part() {
    let world = World::raw(crate::world::document(
        "version: 1
id: shop
environment: production
mode: enforce
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a]
    security_groups:
      alb: {}
      app:
        ingress: [{ tcp: 1, from: 10.0.0.0/16 }, { tcp: 2, from: 10.0.0.0/16 }, { tcp: 3, from: 10.0.0.0/16 }]
",
    ));
    // Somebody adds one of the three between our look and our call: EC2 refuses all three.
    let app = world.app.clone();
    world.ec2.before("AuthorizeSecurityGroupIngress", 0, move |ec2| {
        ec2.authorize(&app, Direction::Ingress, &[Permission::tcp(2, 2, "10.0.0.0/16")]).unwrap();
    });
    let report = world.swept().await;
    assert_eq!(report.overall, Outcome::Applied, "{:?}", report.actions);
    assert_eq!(world.ingress(&world.app), 3);
    assert_eq!(world.writes().len(), 4, "the batch, and each of its parts");
    let records = world.ledger.records(&world.key(), 10).await.unwrap();
    assert_eq!(records.len(), 4, "each call is on record");
}

#[tokio::test]
async fn what_is_too_large_to_be_recorded_whole_is_done_in_parts() {
    let world = World::new().await;
    let first = world.open(&world.alb, 22, "0.0.0.0/0");
    let second = world.open(&world.alb, 23, "0.0.0.0/0");
    world.ledger.fail_next("intend", Fault::new("intend", FaultClass::Batch, "the action has 600000 bytes"));
    let report = world.dispatch(&[first, second]).await.reports.remove(0);
    assert_eq!(report.overall, Outcome::Applied, "{:?}", report.actions);
    assert_eq!(world.writes(), ["RevokeSecurityGroupIngress"; 2], "each part, and never the whole");
}

#[tokio::test]
async fn dependants_of_a_failure_are_skipped_and_the_rest_goes_on() {
    let world = World::new().await;
    // The declared rule is gone and a wider one carries its traffic: removing that needs the declared one back first.
    world.strip(&world.app);
    world.ec2.outside(|ec2| {
        let wide = Permission::tcp(8000, 9000, "10.0.0.0/16");
        ec2.authorize(&world.app, Direction::Ingress, &[wide]).unwrap();
    });
    let other = world.open(&world.alb, 22, "0.0.0.0/0");
    world.ec2.fail("AuthorizeSecurityGroupIngress", 0, denied("AuthorizeSecurityGroupIngress"));
    let changed = world.event("ModifySecurityGroupRules", &world.app);
    let report = world.dispatch(&[changed, other]).await.reports.remove(0);
    let of = |wanted: fn(&Outcome) -> bool| report.actions.iter().filter(|action| wanted(&action.outcome)).count();
    assert_eq!(of(|outcome| matches!(outcome, Outcome::Failed(_))), 1, "{:#?}", report.actions);
    assert_eq!(of(|outcome| matches!(outcome, Outcome::Skipped { .. })), 1, "{:#?}", report.actions);
    assert_eq!(of(|outcome| *outcome == Outcome::Applied), 1, "{:#?}", report.actions);
    assert_eq!(world.ingress(&world.app), 1, "the path is not cut");
}

#[tokio::test]
async fn an_exposure_goes_though_every_authorize_is_throttled() {
    let world = World::new().await;
    // The declared rule was widened in place: removing it waits for the declared one, which never gets through.
    world.strip(&world.alb);
    let event = world.open(&world.alb, 0, "0.0.0.0/0");
    world.ec2.outside(|ec2| {
        let (id, _) =
            ec2.rules.iter().find(|(_, rule)| rule.group == world.alb && rule.direction == Direction::Ingress).unwrap();
        let id = id.clone();
        ec2.modify(&world.alb, &id, &Permission::tcp(0, 65535, "0.0.0.0/0")).unwrap();
    });
    let mut messages = vec![event];
    for run in 0..8 {
        for _ in 0..9 {
            world.ec2.fail("AuthorizeSecurityGroupIngress", 0, throttled("AuthorizeSecurityGroupIngress"));
        }
        world.dispatch(&messages).await;
        if world.ingress(&world.alb) == 0 {
            assert!(run > 0, "the declared path is given its chance first");
            return;
        }
        messages = world.rechecks();
        assert!(!messages.is_empty(), "it is looked at again");
    }
    panic!("the exposure is still there");
}

#[tokio::test]
async fn a_ledger_that_cannot_record_lets_nothing_happen() {
    let world = World::new().await;
    let event = world.expose();
    let gone = Fault::new("intend", FaultClass::Retryable, "connection reset");
    world.ledger.fail_next("intend", gone);
    let report = world.on(event).await;
    assert!(matches!(report.overall, Outcome::Failed(_)));
    assert_eq!(world.writes(), Vec::<String>::new());
    let rechecks = world.rechecks();
    assert_eq!(world.dispatch(&rechecks).await.reports[0].overall, Outcome::Applied);
}

#[tokio::test]
async fn a_ledger_that_refuses_keeps_the_message() {
    let world = World::new().await;
    let event = world.expose();
    world.ledger.fail_next("standing", Fault::new("Query", FaultClass::Terminal, "AccessDeniedException"));
    let outcome = world.dispatch(&[event]).await;
    assert_eq!(outcome.failed, ["m0"]);
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn an_endless_fight_ends_the_run() {
    let world = World::new().await;
    let event = world.expose();
    for round in 0..9 {
        let app = world.app.clone();
        world.ec2.before("DescribeSecurityGroupRules", round + 1, move |ec2| {
            let port = 3000 + i64::try_from(round).unwrap();
            ec2.authorize(&app, Direction::Ingress, &[Permission::tcp(port, port, "0.0.0.0/0")]).unwrap();
        });
    }
    let report = world.on(event).await;
    assert!(converging(&report.overall).contains("more to do"));
    assert_eq!(world.writes().len(), 3);
}

/// Six rules too many, refused as a whole.
async fn refused_as_a_whole() -> (World, Vec<String>) {
    let world = World::new().await;
    let bodies: Vec<String> = (22..28).map(|port| world.open(&world.alb, port, "0.0.0.0/0")).collect();
    world.ledger.fail_next("intend", Fault::new("intend", FaultClass::Batch, "the action has 600000 bytes"));
    (world, bodies)
}

#[tokio::test]
async fn parts_of_a_batch_stop_at_the_deadline() {
    let (world, bodies) = refused_as_a_whole().await;
    let run =
        reconciler::Run { id: "hurried".into(), deadline: Some(world.clock.now() + SignedDuration::from_secs(10)) };
    let clock = world.clock.clone();
    world.ec2.before("RevokeSecurityGroupIngress", 1, move |_| clock.advance(SignedDuration::from_secs(11)));
    let messages: Vec<Message> = bodies.into_iter().map(|body| Message { id: "m".into(), body }).collect();
    let report = world.dispatch_as(&messages, &run).await.reports.remove(0);
    assert!(converging(&report.overall).contains("time is up"));
    assert_eq!(world.writes().len(), 2, "nothing begins after the deadline");
    let rechecks = world.rechecks();
    assert_eq!(world.dispatch(&rechecks).await.reports[0].overall, Outcome::Applied);
}

#[tokio::test]
async fn parts_of_a_batch_stop_at_the_first_that_may_be_tried_again() {
    let (world, bodies) = refused_as_a_whole().await;
    let mut world = world;
    world.settings.limits.rounds = 1;
    for call in 0..6 {
        world.ec2.fail("RevokeSecurityGroupIngress", call, throttled("RevokeSecurityGroupIngress"));
    }
    world.dispatch(&bodies).await;
    assert_eq!(world.writes().len(), 1, "throttled once is enough");
}

#[tokio::test]
async fn an_action_that_cannot_be_recorded_keeps_no_other_from_being_done() {
    let world = World::new().await;
    let bodies = [world.open(&world.alb, 22, "0.0.0.0/0"), world.expose()];
    world.ledger.fail_next("intend", Fault::new("intend", FaultClass::Terminal, "the item is too large"));
    let report = world.dispatch(&bodies).await.reports.remove(0);
    let applied = report.actions.iter().filter(|action| action.outcome == Outcome::Applied).count();
    assert_eq!((applied, world.writes().len()), (1, 1), "{:#?}", report.actions);
    assert!(matches!(&report.overall, Outcome::Failed(fault) if fault.operation == "intend"));
}

#[tokio::test]
async fn a_flood_of_causes_leaves_the_newest_on_record() {
    let world = World::new().await;
    let mut bodies = vec![world.expose()];
    for n in 0..30 {
        let at = world.clock.now() + SignedDuration::from_secs(n);
        bodies.push(world.event_at("AuthorizeSecurityGroupIngress", &world.app, at, &format!("e-flood-{n}")));
    }
    world.clock.advance(SignedDuration::from_mins(1));
    world.dispatch(&bodies).await;
    let causes = world.ledger.records(&world.key(), 1).await.unwrap().remove(0).intent.causes;
    assert_eq!(causes.len(), 10);
    assert_eq!(causes[9].event_id, "e-flood-29");
}

#[tokio::test]
async fn our_own_call_is_nobodys_cause() {
    let world = World::new().await;
    world.on(world.expose()).await;
    let receipt = world.ledger.records(&world.key(), 1).await.unwrap().remove(0).result.unwrap().unwrap();
    let called = |event: String, id: &str| {
        let mut event: serde_json::Value = serde_json::from_str(&event).unwrap();
        event["detail"]["requestID"] = id.into();
        event.to_string()
    };
    let ours = called(world.event("RevokeSecurityGroupIngress", &world.app), receipt["request_id"].as_str().unwrap());
    let theirs = called(world.expose(), "somebody-elses");
    let report = world.on(ours.clone()).await;
    assert_eq!((&report.overall, report.causes.len()), (&Outcome::Applied, 0), "{:?}", report.causes);
    world.expose();
    let report = world.dispatch(&[ours, theirs]).await.reports.remove(0);
    let names: Vec<_> = report.causes[&0].iter().map(|cause| cause.event_name.as_str()).collect();
    assert_eq!(names, ["AuthorizeSecurityGroupIngress"]);
}
