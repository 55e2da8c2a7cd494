//! The end of a topology: what is Plumbline's goes, people are told when nothing of it is left, and the rest is forgotten.

use crate::world::{World, document, held, place};
use reconciler::{LedgerRead as _, Outcome, Report, sweep};
use serde_json::json;
use topology::network::State;
use topology::security_groups::ObservedPeer;
use twin::Sent;

fn retire(world: &mut World) {
    let text = "version: 1
id: shop
environment: production
mode: enforce
state: retired
vpcs:
  main:
    cidr: 10.0.0.0/16
    availability_zones: [a]
    security_groups:
      alb:
        ingress: [{ tcp: 443, from: 0.0.0.0/0 }]
        egress: [{ protocol: all, to: 0.0.0.0/0 }]
      app:
        ingress: [{ tcp: 8080, from: alb }]
        egress: [{ protocol: all, to: 0.0.0.0/0 }]
";
    world.served.topologies = vec![document(text)];
    assert_eq!(world.served.topologies[0].state, State::Retired);
}

/// Rules that name another group than their own: AWS deletes no group that one of them names.
fn between_groups(world: &World) -> usize {
    let other = |rule: &&twin::ec2::Rule| matches!(&rule.peer, ObservedPeer::Group { id, .. } if *id != rule.group);
    world.ec2.state().rules.values().filter(other).count()
}

/// What was told since the last time, by kind, and whether people were.
fn told(world: &World) -> Vec<(String, bool)> {
    let Sent { events, .. } = world.outbox.take();
    events.into_iter().map(|event| (event.detail_type, event.page)).collect()
}

fn note(report: &Report) -> &str {
    report.notes.last().map_or("", String::as_str)
}

#[tokio::test]
async fn what_is_left_goes_and_people_are_told_once_that_nothing_is() {
    let mut world = World::new().await;
    assert_eq!(between_groups(&world), 1);
    retire(&mut world);
    let report = world.swept().await;
    assert_eq!(report.overall, Outcome::Applied, "{report:?}");
    assert_eq!((between_groups(&world), world.ingress(&world.alb)), (0, 1), "and nothing else");
    assert_eq!(note(&report), "shop is retired, and nothing of Plumbline's is left: its stack can be deleted");
    assert!(told(&world).contains(&("Topology Retired".into(), true)));

    let report = world.swept().await;
    assert_eq!(report.overall, Outcome::InSync);
    assert!(note(&report).ends_with("its stack can be deleted"), "whoever looks is told again");
    assert!(!told(&world).iter().any(|(kind, _)| kind == "Topology Retired"), "people know");
}

#[tokio::test]
async fn a_narrow_look_says_nothing_of_the_whole() {
    let mut world = World::new().await;
    retire(&mut world);
    world.swept().await;
    world.outbox.take();
    let report = world.on(world.event("AuthorizeSecurityGroupIngress", &world.alb)).await;
    assert_eq!((report.overall.clone(), note(&report)), (Outcome::InSync, ""));
}

#[tokio::test]
async fn only_a_topology_that_is_enforced_is_taken_down() {
    let mut world = World::new().await;
    retire(&mut world);
    world.served.topologies[0].mode = topology::Mode::Observe;
    let report = world.swept().await;
    assert_eq!((report.overall.clone(), between_groups(&world)), (Outcome::Planned, 1));
    assert!(!report.retired);
}

#[tokio::test]
async fn a_retired_vpc_that_is_gone_is_no_trouble_and_is_forgotten_with_its_document() {
    let mut world = World::new().await;
    retire(&mut world);
    world.swept().await;
    world.ec2.outside(|ec2| {
        ec2.rules.clear();
        ec2.groups.clear();
        ec2.vpcs.clear();
    });
    world.outbox.take();
    let report = world.swept().await;
    assert_eq!((report.overall.clone(), report.held.len(), report.drifts.len()), (Outcome::InSync, 0, 0));
    assert_eq!(told(&world), [("In Sync".to_owned(), false)]);
    assert!(world.ledger.known(&place()).await.unwrap().is_empty(), "there is nothing to miss any more");
    assert_eq!(world.swept().await.overall, Outcome::InSync, "however often it is looked at");

    world.served.topologies.clear();
    let swept = sweep(&json!({}), &world.served, &world.trails, &*world.ledger, &world.outbox, &*world.clock).await;
    assert_eq!(swept.unwrap().vanished, []);
}

#[tokio::test]
async fn an_active_vpc_that_is_gone_stays_pinned_and_is_told() {
    let world = World::new().await;
    world.ec2.outside(|ec2| ec2.vpcs.clear());
    assert!(held(&world.swept().await.overall).contains("is gone"));
    assert_eq!(world.ledger.known(&place()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_retired_vpc_that_cannot_be_seen_is_not_gone() {
    let mut world = World::new().await;
    retire(&mut world);
    world.ec2.fail(
        "DescribeVpcs",
        0,
        reconciler::Fault::new("DescribeVpcs", reconciler::FaultClass::Retryable, "slow down"),
    );
    world.sweep().await;
    assert_eq!(world.ledger.known(&place()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn more_removals_than_an_accident_would_ask_for_wait_for_a_person_who_goes_on_by_hand() {
    let groups: String = (0..30)
        .map(|n| format!("      g{n}:\n        ingress: [{{ tcp: 8080, from: alb }}]\n        egress: []\n"))
        .collect();
    let text = format!(
        "version: 1\nid: shop\nenvironment: production\nmode: enforce\nvpcs:\n  main:\n    cidr: 10.0.0.0/16\n    \
         availability_zones: [a]\n    security_groups:\n      alb:\n        egress: []\n{groups}"
    );
    let world = World::raw(document(&text));
    world.ec2.outside(|ec2| {
        for n in 0..30 {
            ec2.create_group(&world.vpc, &format!("g{n}")).unwrap();
        }
    });
    let mut world = world;
    // Taking over a network that differs in so many places waits for a person as well.
    let by_hand = json!({"topology": "shop", "mode": "enforce", "reason": "first run"});
    assert!(world.by_hand(by_hand).await.ok);
    world.clock.advance(jiff::SignedDuration::from_hours(2));
    assert_eq!((world.swept().await.overall, between_groups(&world)), (Outcome::InSync, 30));

    world.served.topologies = vec![document(&text.replace("mode: enforce", "mode: enforce\nstate: retired"))];
    let report = world.swept().await;
    let Outcome::Held { why, remedy } = &report.overall else { panic!("{:?}", report.overall) };
    assert_eq!(why, "the plan removes from 30 places at once, more than 25");
    assert!(remedy.contains(r#"run it by hand ("mode":"enforce")"#), "{remedy}");
    assert_eq!((between_groups(&world), report.retired), (30, false), "nothing is done by halves");

    let answer = world.by_hand(json!({"topology": "shop", "mode": "enforce", "reason": "shop is closed"})).await;
    assert!(answer.ok && answer.reports[0].retired, "{}", answer.summary);
    assert_eq!(between_groups(&world), 0);
}

#[tokio::test]
async fn the_event_that_tells_of_the_end_of_a_retired_network_finds_no_drift() {
    let mut world = World::new().await;
    retire(&mut world);
    world.swept().await;
    world.ec2.outside(|ec2| {
        ec2.rules.clear();
        ec2.groups.clear();
        ec2.vpcs.clear();
    });
    let vpc = topology::ResourceId::from(world.vpc.as_str());
    let report = world.on(world.event("DeleteVpc", &vpc)).await;
    assert_eq!((report.overall.clone(), report.held.len(), report.drifts.len()), (Outcome::InSync, 0, 0));
    assert!(
        world.ledger.known(&place()).await.unwrap().is_empty(),
        "a pin is trusted only as long as the network is in use"
    );
}
