//! The guard in the loop: pauses, exemptions, stacks, limits, flapping; and that none but a named brake spares an exposure.

use crate::world::{World, converging, document, held};
use jiff::SignedDuration;
use reconciler::{Outcome, StackStatus};
use serde_json::json;
use topology::security_groups::Direction;
use twin::ec2::Permission;

const STACK: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/1";

async fn pause(world: &World, lasts: &str) {
    let answer = world.by_hand(json!({"pause": {"topology": "shop", "for": lasts, "reason": "INC-7"}})).await;
    assert!(answer.ok, "{}", answer.summary);
}

#[tokio::test]
async fn a_pause_holds_even_an_exposure_and_ends() {
    let world = World::new().await;
    pause(&world, "2h").await;
    let report = world.on(world.expose()).await;
    assert!(held(&report.overall).contains("INC-7") && held(&report.overall).contains("invoke by on-call"));
    assert!(report.by_order);
    assert_eq!(world.writes(), Vec::<String>::new());
    let page = world.outbox.take().events.remove(0);
    assert!(page.page, "a held exposure wakes somebody");
    world.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(world.swept().await.overall, Outcome::Applied);
    assert!(world.in_line());
}

#[tokio::test]
async fn a_pause_for_a_deploy_wakes_nobody_and_takes_no_lease() {
    let world = World::new().await;
    pause(&world, "1h").await;
    world.forget();
    held(&world.on(world.widen()).await.overall);
    assert!(world.outbox.take().events.iter().all(|event| !event.page));
    assert!(!world.ledger.take_writes().contains(&"lease"));
}

#[tokio::test]
async fn resume_asks_for_a_look_at_once() {
    let world = World::new().await;
    pause(&world, "2h").await;
    held(&world.on(world.widen()).await.overall);
    world.forget();
    let answer = world.by_hand(json!({"resume": {"topology": "shop", "reason": "INC-7"}})).await;
    assert!(answer.ok && answer.summary.contains("enforced again"));
    assert_eq!(world.outbox.take().requests.len(), 1);
    assert_eq!(world.swept().await.overall, Outcome::Applied);
}

#[tokio::test]
async fn a_pause_set_midway_stops_the_next_round() {
    let world = World::new().await;
    let event = world.expose();
    let (ledger, app, now) = (world.ledger.clone(), world.app.clone(), reconciler::Clock::now(&*world.clock));
    world.ec2.before("DescribeSecurityGroupRules", 1, move |ec2| {
        ec2.authorize(&app, Direction::Ingress, &[Permission::tcp(23, 23, "0.0.0.0/0")]).unwrap();
    });
    world.ec2.before("RevokeSecurityGroupIngress", 0, move |_| {
        let directive = topology::Directive {
            verb: topology::Verb::Pause,
            subject: topology::Subject::Topology { topology: "shop".into(), control: None },
            reason: "stop".into(),
            by: "on-call".into(),
            since: now,
            until: Some(now + SignedDuration::from_hours(1)),
        };
        crate::world::at_once(reconciler::Ledger::direct(&*ledger, &crate::world::place(), &directive)).unwrap();
    });
    let report = world.on(event).await;
    assert!(held(&report.overall).contains("stop"));
    assert_eq!(world.writes().len(), 1);
}

#[tokio::test]
async fn an_exemption_spares_one_resource_before_and_until_its_end() {
    let world = World::new().await;
    let exempt = json!({"exempt": {"resource": world.app.as_str(), "for": "4h", "reason": "INC-8"}});
    assert!(world.by_hand(exempt).await.summary.contains("is exempt until"));
    let first = world.expose();
    let second = world.open(&world.alb, 22, "0.0.0.0/0");
    let report = world.dispatch(&[first, second]).await.reports.remove(0);
    assert!(held(&report.overall).contains("INC-8"));
    assert_eq!(world.writes().len(), 1, "the other group is put back");
    world.clock.advance(SignedDuration::from_hours(4));
    assert_eq!(world.swept().await.overall, Outcome::Applied);
    assert!(world.in_line());
}

#[tokio::test]
async fn a_mistyped_exemption_says_so() {
    let world = World::new().await;
    let exempt = json!({"exempt": {"resource": "sg-0badc0de0badc0de0", "for": "4h", "reason": "INC-8"}});
    assert!(world.by_hand(exempt).await.summary.contains("does not know it"));
}

fn owned_by_a_stack(world: &World, status: StackStatus) {
    let tag = |ec2: &mut twin::ec2::Ec2| {
        ec2.groups.values_mut().for_each(|group| {
            group.tags.insert(twin::STACK_TAG.into(), STACK.into());
        });
    };
    world.ec2.outside(tag);
    world.ec2.stack(STACK, Some(status));
}

#[tokio::test]
async fn a_stack_in_progress_holds_drift_until_it_settles() {
    let world = World::new().await;
    owned_by_a_stack(&world, StackStatus::InProgress("UPDATE_IN_PROGRESS".into()));
    let event = world.widen();
    let report = world.on(event.clone()).await;
    assert!(held(&report.overall).contains("UPDATE_IN_PROGRESS"));
    assert_eq!(world.writes(), Vec::<String>::new());
    assert!(world.outbox.take().events.iter().all(|event| !event.page), "a deploy wakes nobody");
    world.ec2.stack(STACK, Some(StackStatus::Settled));
    assert_eq!(world.swept().await.overall, Outcome::Applied);
}

#[tokio::test]
async fn a_stack_being_deleted_gets_nothing_new() {
    let world = World::new().await;
    owned_by_a_stack(&world, StackStatus::Deleting);
    let report = world.on(world.strip(&world.app)).await;
    assert!(held(&report.overall).contains("DELETE_IN_PROGRESS"));
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn an_exposure_does_not_even_ask_for_the_stack() {
    let world = World::new().await;
    owned_by_a_stack(&world, StackStatus::InProgress("UPDATE_IN_PROGRESS".into()));
    assert_eq!(world.on(world.expose()).await.overall, Outcome::Applied);
    assert!(world.in_line());
    assert!(!world.calls().contains(&"DescribeStacks".to_owned()));
}

#[tokio::test]
async fn a_stack_whose_status_is_unknown_is_not_settled() {
    let world = World::new().await;
    owned_by_a_stack(&world, StackStatus::Settled);
    let event = world.widen();
    let throttled = reconciler::Fault::new("DescribeStacks", reconciler::FaultClass::Retryable, "Throttling");
    world.ec2.fail("DescribeStacks", 0, throttled);
    assert!(converging(&world.on(event.clone()).await.overall).contains("could not be read"));
    assert_eq!(world.writes(), Vec::<String>::new());
    let denied = reconciler::Fault::new("DescribeStacks", reconciler::FaultClass::Terminal, "AccessDenied");
    world.ec2.fail("DescribeStacks", 0, denied);
    assert!(held(&world.on(event).await.overall).contains("cannot be read"));
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn flapping_trips_pages_and_un_trips() {
    let world = World::new().await;
    for _ in 0..5 {
        assert_eq!(world.on(world.widen()).await.overall, Outcome::Applied);
        world.clock.advance(SignedDuration::from_secs(30));
    }
    world.forget();
    let report = world.on(world.widen()).await;
    assert!(held(&report.overall).contains("put back 5 times"), "{:?}", report.overall);
    assert_eq!(report.flapping, ["main/app"]);
    assert_eq!(world.writes(), Vec::<String>::new());
    let events = world.outbox.take().events;
    assert!(events.iter().any(|event| event.detail_type == "Flapping" && event.page));
    assert!(events.iter().any(|event| event.headline.contains("pause")), "it shows how CI wraps a deploy");
    world.clock.advance(SignedDuration::from_mins(10));
    assert_eq!(world.swept().await.overall, Outcome::Applied);
    assert!(world.in_line());
}

#[tokio::test]
async fn under_flapping_an_exposure_is_removed_once_a_minute() {
    let world = World::new().await;
    for _ in 0..5 {
        assert_eq!(world.on(world.expose()).await.overall, Outcome::Applied);
    }
    let report = world.on(world.expose()).await;
    assert!(converging(&report.overall).contains("at most once every"), "{:?}", report.overall);
    assert!(world.outbox.take().events.iter().any(|event| event.detail_type == "Flapping" && event.page));
    world.clock.advance(SignedDuration::from_secs(61));
    assert_eq!(world.swept().await.overall, Outcome::Applied);
    assert!(world.in_line());
}

fn many(groups: usize) -> World {
    let mut text = String::from(
        "version: 1
id: shop
environment: production
mode: enforce
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a]
    security_groups:
      alb: { ingress: [] }
      app: { ingress: [] }
",
    );
    (0..groups).for_each(|n| text += &format!("      g{n}: {{ ingress: [] }}\n"));
    let world = World::raw(document(&text));
    world.ec2.outside(|ec2| {
        for n in 0..groups {
            let id = ec2.create_group(&world.vpc, &format!("g{n}")).unwrap();
            ec2.authorize(&id, Direction::Ingress, &[Permission::tcp(9000, 9000, "10.0.0.0/16")]).unwrap();
        }
    });
    world
}

#[tokio::test]
async fn a_plan_that_cuts_too_much_waits_for_a_person() {
    let world = many(26);
    world.expose();
    let report = world.swept().await;
    assert!(held(&report.overall).contains("26 places at once"), "{:?}", report.overall);
    assert_eq!(world.writes().len(), 1, "the exposure is removed all the same");
    let answer = world.by_hand(json!({"topology": "shop", "mode": "enforce", "reason": "INC-9"})).await;
    assert!(answer.ok, "{}", answer.summary);
    assert_eq!(world.writes().len(), 26);
    let records = reconciler::LedgerRead::records(&*world.ledger, &world.key(), 1).await.unwrap();
    assert_eq!(records[0].intent.reason.as_deref(), Some("INC-9"));
}

#[tokio::test]
async fn limits_hold_across_runs_and_never_an_exposure() {
    let world = {
        let mut world = many(8);
        world.settings.limits.removals_an_hour = 5;
        world
    };
    let report = world.swept().await;
    assert!(held(&report.overall).contains("5 removals within the hour"));
    assert_eq!(world.writes().len(), 5);
    held(&world.swept().await.overall);
    assert_eq!(world.writes(), Vec::<String>::new(), "nor in the next run");
    world.expose();
    world.sweep().await;
    assert_eq!(world.writes(), ["RevokeSecurityGroupIngress"], "but the exposure goes");
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(world.swept().await.overall, Outcome::Applied);
    assert_eq!(world.writes().len(), 3);
}
