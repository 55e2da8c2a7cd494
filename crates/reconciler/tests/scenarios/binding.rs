//! Which VPC is which: pinned, and then trusted more than any tag.

use crate::world::{World, at_once, held, place, shop, tag};
use reconciler::{Bindings, LedgerRead as _, Outcome};
use serde_json::json;
use topology::{Topology, VpcId};
use twin::ec2::Ec2;

fn pins(world: &World) -> Bindings {
    at_once(world.ledger.bindings(&place(), &world.key().topology)).unwrap()
}

/// A second VPC with the same groups, range and tags.
fn copy(ec2: &mut Ec2) -> VpcId {
    let vpc = ec2.create_vpc("10.0.0.0/16").unwrap();
    tag(ec2, &vpc, "shop", "main");
    ec2.create_group(&vpc, "alb").unwrap();
    ec2.create_group(&vpc, "app").unwrap();
    vpc
}

#[tokio::test]
async fn a_vpc_is_pinned_once() {
    let world = World::new().await;
    let pin = pins(&world).into_values().next().unwrap();
    assert_eq!((pin.vpc, pin.cidr.as_str()), (world.vpc.clone(), "10.0.0.0/16"));
}

#[tokio::test]
async fn a_hinted_run_trusts_the_pin_and_a_sweep_verifies_it() {
    let world = World::new().await;
    world.on(world.event("AuthorizeSecurityGroupIngress", &world.app)).await;
    assert!(!world.calls().contains(&"DescribeVpcs".to_owned()));
    world.swept().await;
    assert!(world.calls().contains(&"DescribeVpcs".to_owned()));
}

#[tokio::test]
async fn a_copied_tag_neither_moves_nor_stops_enforcement() {
    let world = World::new().await;
    let second = world.ec2.outside(copy);
    world.expose();
    let report = world.swept().await;
    assert!(held(&report.overall).contains(second.as_str()), "{:?}", report.overall);
    assert!(report.held[0].why.contains("stays enforced") && report.held[0].remedy.contains("rebind"));
    assert!(world.in_line(), "the pinned one is put back");
    let state = world.ec2.state();
    let theirs = state.groups.iter().filter(|(_, group)| group.vpc == second).map(|(id, _)| id);
    assert!(theirs.into_iter().all(|id| state.rules.values().filter(|rule| rule.group == *id).count() == 1));
    assert!(world.outbox.take().events.iter().any(|event| event.page));
}

#[tokio::test]
async fn an_event_in_the_copy_touches_nothing() {
    let world = World::new().await;
    let second = world.ec2.outside(copy);
    let state = world.ec2.state();
    let app = state.groups.iter().find(|(_, group)| group.vpc == second && group.name.as_str() == "app").unwrap().0;
    let event = world.open(app, 22, "0.0.0.0/0");
    assert!(world.dispatch(&[event]).await.reports.is_empty());
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_tag_taken_away_does_not_unbind() {
    let world = World::new().await;
    world.ec2.outside(|ec2| ec2.vpcs.get_mut(&world.vpc).unwrap().tags.clear());
    world.expose();
    assert_eq!(world.swept().await.overall, Outcome::Applied);
    assert!(world.in_line());
}

#[tokio::test]
async fn two_that_fit_are_held_with_both_ids_until_a_person_chooses() {
    let world = World::raw(shop("shop", "enforce"));
    let second = world.ec2.outside(copy);
    let report = world.swept().await;
    let why = held(&report.overall);
    assert!(why.contains(world.vpc.as_str()) && why.contains(second.as_str()), "{why}");
    assert_eq!(world.writes(), Vec::<String>::new());
    assert!(pins(&world).is_empty());
    let rebind = json!({"rebind": {"topology": "shop", "vpc": "main", "to": world.vpc.as_str(), "reason": "INC-1"}});
    assert!(world.by_hand(rebind).await.ok);
    assert!(held(&world.swept().await.overall).contains("stays enforced"));
    assert!(world.in_line());
}

#[tokio::test]
async fn one_with_another_range_does_not_fit() {
    let world = World::raw(shop("shop", "enforce"));
    world.ec2.outside(|ec2| ec2.vpcs.get_mut(&world.vpc).unwrap().cidr = "10.1.0.0/16".parse().unwrap());
    assert!(held(&world.swept().await.overall).contains("10.1.0.0/16"));
    assert!(pins(&world).is_empty());
}

#[tokio::test]
async fn none_is_held() {
    let world = World::raw(shop("shop", "enforce"));
    world.ec2.outside(|ec2| ec2.vpcs.get_mut(&world.vpc).unwrap().tags.clear());
    let report = world.swept().await;
    assert!(held(&report.overall).contains("plumbline:topology=shop"));
    assert!(!world.calls().iter().any(|call| call.contains("SecurityGroup")), "nothing is bound, nothing is looked at");
}

#[tokio::test]
async fn a_pinned_vpc_that_is_gone_is_held_until_rebind() {
    let world = World::new().await;
    let fresh = world.ec2.outside(|ec2| {
        let vpc = copy(ec2);
        ec2.vpcs.remove(&world.vpc);
        ec2.groups.retain(|_, group| group.vpc == vpc);
        let groups = ec2.groups.clone();
        ec2.rules.retain(|_, rule| groups.contains_key(&rule.group));
        vpc
    });
    let report = world.swept().await;
    assert!(held(&report.overall).contains("is gone"));
    assert_eq!(world.writes(), Vec::<String>::new(), "a tag alone does not rebind");
    let rebind = |to: &str| json!({"rebind": {"topology": "shop", "vpc": "main", "to": to, "reason": "INC-1"}});
    assert!(!world.by_hand(rebind("vpc-0123456789abcdef0")).await.ok, "unknown to AWS");
    assert!(world.by_hand(rebind(fresh.as_str())).await.ok);
    assert_eq!(world.swept().await.overall, Outcome::Applied);
    assert_eq!(pins(&world).into_values().next().unwrap().vpc, fresh);
}

#[tokio::test]
async fn a_changed_declaration_of_the_range_is_held() {
    let mut world = World::new().await;
    let mut changed = shop("shop", "enforce");
    changed.vpcs.values_mut().next().unwrap().cidr = "10.0.0.0/15".parse().unwrap();
    world.served.topologies = vec![changed];
    let event = world.expose();
    assert!(held(&world.on(event).await.overall).contains("10.0.0.0/15"));
    assert_eq!(world.writes(), Vec::<String>::new());
}

fn naming(id: &str, vpc: &VpcId) -> Topology {
    let mut topology = shop(id, "enforce");
    topology.vpcs.values_mut().next().unwrap().id = Some(vpc.clone());
    topology
}

#[tokio::test]
async fn two_topologies_claiming_one_vpc_hold_the_second_with_both_names() {
    let mut world = World::new().await;
    world.served.topologies.push(naming("other", &world.vpc));
    world.expose();
    let outcome = world.sweep().await;
    assert_eq!(outcome.reports[0].overall, Outcome::Applied);
    let why = held(&outcome.reports[1].overall);
    assert!(why.contains("shop") && why.contains("other"), "{why}");
    let known = world.ledger.known(&place()).await.unwrap();
    assert_eq!(known.len(), 1);
}

#[tokio::test]
async fn an_event_reaches_a_topology_that_is_not_bound_yet() {
    let world = World::raw(shop("shop", "enforce"));
    let report = world.on(world.event("CreateSecurityGroup", &world.app)).await;
    assert_eq!(report.overall, Outcome::Applied);
    assert_eq!(pins(&world).len(), 1);
}

#[tokio::test]
async fn a_rebind_takes_no_other_topologys_vpc() {
    let mut world = World::new().await;
    let mut other = shop("other", "enforce");
    other.vpcs.values_mut().next().unwrap().id = None;
    world.served.topologies.push(other);
    let rebind = json!({"rebind": {"topology": "other", "vpc": "main", "to": world.vpc.as_str(), "reason": "INC-1"}});
    let answer = world.by_hand(rebind).await;
    assert!(!answer.ok && answer.summary.contains("main of shop already"), "{}", answer.summary);
}

#[tokio::test]
async fn a_vpc_that_two_documents_claim_before_either_is_bound_is_held_for_both_with_both_names() {
    let mut world = World::raw(shop("shop", "enforce"));
    world.served.topologies.push(naming("other", &world.vpc));
    world.expose();
    for _ in 0..2 {
        let outcome = world.sweep().await;
        assert_eq!(outcome.reports.len(), 2);
        for report in &outcome.reports {
            let why = held(&report.overall);
            assert!(
                why.contains("main of shop") && why.contains("main of other") && why.contains(world.vpc.as_str()),
                "{why}"
            );
        }
        assert_eq!(world.writes(), Vec::<String>::new());
    }
    assert!(world.ledger.known(&place()).await.unwrap().is_empty(), "whoever looks first must not win");

    // The tags name nobody any more: one document is left to declare it.
    world.ec2.outside(|ec2| ec2.vpcs.get_mut(&world.vpc).unwrap().tags.clear());
    let outcome = world.sweep().await;
    assert!(held(&outcome.reports[0].overall).contains("no VPC is tagged"), "{:?}", outcome.reports[0].overall);
    assert_eq!(outcome.reports[1].overall, Outcome::Applied);
}

#[tokio::test]
async fn a_vpc_named_by_id_whose_tags_name_a_stranger_is_held_with_both_names() {
    let mut world = World::raw(shop("shop", "enforce"));
    world.served.topologies = vec![naming("other", &world.vpc)];
    let report = world.swept().await;
    assert!(held(&report.overall).contains("main of shop"), "{:?}", report.overall);
    // A person may choose all the same.
    let rebind = json!({"rebind": {"topology": "other", "vpc": "main", "to": world.vpc.as_str(), "reason": "INC-1"}});
    assert!(world.by_hand(rebind).await.ok);
    assert_eq!(world.swept().await.overall, Outcome::Applied);
}

#[tokio::test]
async fn an_event_of_a_vpc_that_no_topology_declares_is_ignored_quietly() {
    let world = World::new().await;
    let stranger = world.ec2.outside(|ec2| {
        let vpc = ec2.create_vpc("10.9.0.0/16").unwrap();
        ec2.create_group(&vpc, "app").unwrap()
    });
    let outcome = world.dispatch(&[world.open(&stranger, 22, "0.0.0.0/0")]).await;
    assert!(outcome.reports.is_empty() && outcome.failed.is_empty());
    assert_eq!(world.writes(), Vec::<String>::new());
    let sent = world.outbox.take();
    assert_eq!((sent.events.len(), sent.resent.len(), sent.dead.len()), (0, 0, 0));
}

#[tokio::test]
async fn what_is_known_is_known_by_the_id_whatever_the_file_is_called() {
    let mut world = World::new().await;
    let before = (pins(&world), world.ledger.records(&world.key(), 100).await.unwrap());
    // A document says nothing of its file: read anew from another folder, it is the same topology.
    let text = "version: 1\nid: shop\nenvironment: production\nmode: enforce\nvpcs:\n  main:\n    cidr: 10.0.0.0/16\n    \
                availability_zones: [a]\n    security_groups: { alb: {}, app: {} }\n";
    let read = |file: &str| topology::document::read_all([(file.to_owned(), text.to_owned())]).topologies;
    assert_eq!(read("shop/topology.yaml"), read("renamed/topology.yaml"));
    world.served.topologies = read("renamed/topology.yaml");
    world.swept().await;
    assert_eq!((pins(&world), world.ledger.records(&world.key(), 100).await.unwrap()), before);
}
