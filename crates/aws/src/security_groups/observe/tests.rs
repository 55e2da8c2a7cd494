//! What an observation says, without a network: listings and rules in, `ObservedVpc` out.

use super::*;
use crate::security_groups::mapping::Unreadable;
use topology::security_groups::{DesiredGroup, DesiredRule, Direction, Traffic};

fn facts(id: &str, name: &str) -> (ResourceId, GroupFacts) {
    let facts =
        GroupFacts { id: id.into(), name: name.into(), vpc: "vpc-1".into(), stack: None, tags: BTreeMap::new() };
    (id.into(), facts)
}

fn from(name: &str) -> DesiredRule {
    DesiredRule { traffic: Traffic::tcp(5432, 5432), peer: DesiredPeer::Group(name.into()), description: None }
}

/// `database` admits `tasks` (required) and `bastion` (optional).
fn desired() -> DesiredVpc {
    let database = DesiredGroup { ingress: Some(vec![from("tasks"), from("bastion")]), ..DesiredGroup::default() };
    let bastion = DesiredGroup { optional: true, ..DesiredGroup::default() };
    let groups = [("database", database), ("tasks", DesiredGroup::default()), ("bastion", bastion)];
    DesiredVpc {
        groups: groups.into_iter().map(|(name, group)| (name.into(), group)).collect(),
        undeclared: Undeclared::Report,
    }
}

fn only(ids: &[&str]) -> Scope {
    Scope::Only(ids.iter().map(|id| ResourceId::from(*id)).collect())
}

fn referencing(id: &str) -> Rules {
    Ok(vec![ObservedRule {
        id: "sgr-1".into(),
        direction: Direction::Ingress,
        traffic: Traffic::tcp(5432, 5432),
        peer: ObservedPeer::Group { account: Some("111122223333".into()), id: id.into() },
        peer_vpc: None,
        description: None,
        tags: BTreeMap::new(),
    }])
}

/// A look that already knows the VPC, at the group `sg-db` only.
fn warm<'a>(vpc: &'a VpcId, desired: &'a DesiredVpc, listing: VpcGroups) -> Look<'a> {
    Look { in_question: true, ..Look::new(vpc, desired, &only(&["sg-db"]), Some(listing)) }
}

#[test]
fn out_of_scope_is_unknown_but_its_id_is_known() {
    let (vpc, desired) = (VpcId::from("vpc-1"), desired());
    let look = warm(&vpc, &desired, [facts("sg-db", "database"), facts("sg-t", "tasks")].into());
    let seen = look.assemble(&[("sg-db".into(), referencing("sg-t"))].into());
    assert_eq!(seen.groups["database"].present().map(|group| group.rules.len()), Some(1));
    assert_eq!(seen.groups["tasks"], Seen::Unknown(Unseen::OutOfScope));
    assert_eq!(seen.ids["tasks"], Seen::Present("sg-t".into()));
    assert_eq!(seen.ids["bastion"], Seen::Absent);
    assert_eq!(seen.groups["bastion"], Seen::Unknown(Unseen::OutOfScope));
    assert!(seen.undeclared.is_empty());
}

#[test]
fn a_group_without_rules_is_there_until_a_describe_says_that_it_is_gone() {
    let (vpc, desired) = (VpcId::from("vpc-1"), desired());
    let mut look = warm(&vpc, &desired, [facts("sg-db", "database"), facts("sg-t", "tasks")].into());
    assert_eq!(look.assemble(&BTreeMap::new()).groups["database"].present().map(|group| group.rules.len()), Some(0));
    look.gone.insert("sg-db".into());
    let seen = look.assemble(&BTreeMap::new());
    assert_eq!((&seen.groups["database"], &seen.ids["database"]), (&Seen::Absent, &Seen::Absent));
}

#[test]
fn a_fresh_listing_knows_what_is_absent_and_what_is_undeclared() {
    let (vpc, desired) = (VpcId::from("vpc-1"), desired());
    let mut look = Look::new(&vpc, &desired, &Scope::Everything, None);
    assert!(look.whole && look.wanted());
    look.listing = [facts("sg-db", "database"), facts("sg-x", "default")].into();
    (look.listed, look.fresh, look.in_question) = (true, true, true);
    let seen = look.assemble(&BTreeMap::new());
    assert_eq!((&seen.groups["tasks"], &seen.ids["tasks"]), (&Seen::Absent, &Seen::Absent));
    assert_eq!(seen.undeclared, [UndeclaredGroup { id: "sg-x".into(), name: "default".into() }]);
}

#[test]
fn a_group_with_an_unreadable_rule_is_unknown() {
    let (vpc, desired) = (VpcId::from("vpc-1"), desired());
    let look = warm(&vpc, &desired, [facts("sg-db", "database")].into());
    let rules: Rules = Err(Unreadable::Nameless("sg-db".into()));
    let seen = look.assemble(&[("sg-db".into(), rules)].into());
    assert!(matches!(seen.groups["database"], Seen::Unknown(Unseen::Failed { retryable: false, .. })), "{seen:?}");
}

#[test]
fn memory_is_enough_while_every_named_group_is_in_it() {
    let (vpc, desired, own) = (VpcId::from("vpc-1"), desired(), AccountId::from("111122223333"));
    let (database, tasks, bastion) = (facts("sg-db", "database"), facts("sg-t", "tasks"), facts("sg-b", "bastion"));
    let rules = |id: &str| BTreeMap::from([(ResourceId::from("sg-db"), referencing(id))]);

    let all = warm(&vpc, &desired, [database.clone(), tasks.clone(), bastion].into());
    assert!(!all.outdated(&own, &rules("sg-t")));
    // `tasks` was deleted and created anew while another environment watched: its rule is a declared one.
    assert!(all.outdated(&own, &rules("sg-t2")));
    let far = referencing("sg-far")
        .map(|rules| rules.into_iter().map(|rule| ObservedRule { peer_vpc: Some("vpc-2".into()), ..rule }).collect());
    let far = BTreeMap::from([("sg-db".into(), far)]);
    assert!(!all.outdated(&own, &far), "no listing of this VPC knows a group of another");
    assert_eq!(all.assemble(&far).groups["database"].present().unwrap().rules[0].peer_vpc, Some("vpc-2".into()));
    let near = referencing("sg-t")
        .map(|rules| rules.into_iter().map(|rule| ObservedRule { peer_vpc: Some("vpc-1".into()), ..rule }).collect());
    let seen = all.assemble(&[("sg-db".into(), near)].into());
    assert_eq!(seen.groups["database"].present().unwrap().rules[0].peer_vpc, None, "its own VPC is not another one");
    // The optional one is missing: only a rule that names an unknown group says that it may have come.
    let without_bastion = warm(&vpc, &desired, [database.clone(), tasks].into());
    assert!(!without_bastion.outdated(&own, &rules("sg-t")));
    assert!(without_bastion.outdated(&own, &rules("sg-new")));
    assert!(!without_bastion.outdated(&"444455556666".into(), &rules("sg-new")), "a group of another account");
    // A required one is missing: look for it, always.
    let without_tasks = warm(&vpc, &desired, [database].into());
    assert!(without_tasks.outdated(&own, &rules("sg-db")));
}
