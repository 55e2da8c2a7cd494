//! What holds for every plan of the `routes` control, and for it together with `nat`, which writes the same route tables: whatever
//! people do to a network, both come to rest with what is declared, and on the way nothing is cut that worked or opened that may not be.
//! Judged on the network itself, by rules that share no code with the planners.
#![allow(clippy::unwrap_used, clippy::panic)] // clippy sees the helpers of tests as production code

mod networks;

use networks::{Site, TRANSIT, ZONES};
use proptest::prelude::*;
use std::collections::BTreeSet;
use topology::ResourceId;
use topology::routes::Change;

const SUBNETS: [&str; 6] =
    ["10.0.0.0/24", "10.0.1.0/24", "10.0.10.0/24", "10.0.11.0/24", "10.0.20.0/24", "10.0.21.0/24"];
const TIERS: [&str; 3] = ["public", "private", "database"];
const RANGES: [&str; 5] = ["0.0.0.0/0", "0.0.0.0/1", "::/0", "10.8.0.0/16", "10.9.0.0/16"];

/// What people do.
#[derive(Clone, Debug)]
enum Deed {
    Reseat(usize, usize),
    Unseat(usize),
    Route(usize, usize, usize),
    Unroute(usize, usize),
    Drop(usize),
    Untag(usize),
    CopyTags(usize, usize),
    Detach,
    Attach,
    OnLaunch(usize),
    Dns(bool, bool),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        4 => (0..6_usize, 0..9_usize).prop_map(|(subnet, table)| Deed::Reseat(subnet, table)),
        2 => (0..6_usize).prop_map(Deed::Unseat),
        5 => (0..9_usize, 0..5_usize, 0..6_usize).prop_map(|(table, range, to)| Deed::Route(table, range, to)),
        2 => (0..9_usize, 0..5_usize).prop_map(|(table, range)| Deed::Unroute(table, range)),
        1 => (0..9_usize).prop_map(Deed::Drop),
        1 => (0..9_usize).prop_map(Deed::Untag),
        1 => (0..9_usize, 0..9_usize).prop_map(|(from, to)| Deed::CopyTags(from, to)),
        1 => Just(Deed::Detach),
        1 => Just(Deed::Attach),
        1 => (0..6_usize).prop_map(Deed::OnLaunch),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(support, names)| Deed::Dns(support, names)),
    ];
    prop::collection::vec(deed, 1..12)
}

fn nth<T: Clone>(all: &[T], at: usize) -> T {
    all[at % all.len()].clone()
}

fn tables(site: &Site) -> Vec<ResourceId> {
    site.nets.tables.keys().cloned().collect()
}

fn targets(site: &Site) -> Vec<ResourceId> {
    let gateways = site.nets.gateways.keys().take(2).cloned();
    let others = ["pcx-0123456789abcdef0", TRANSIT, "eni-0123456789abcdef0"].map(ResourceId::from);
    [site.internet.clone()].into_iter().chain(gateways).chain(others).collect()
}

fn act(site: &mut Site, deed: &Deed) {
    match deed {
        Deed::Reseat(subnet, table) => {
            let table = nth(&tables(site), *table);
            site.reseat(SUBNETS[*subnet], &table);
        }
        Deed::Unseat(subnet) => site.unseat(SUBNETS[*subnet]),
        Deed::Route(table, range, to) => {
            // A private default route to anything else is somebody's decision, which `nat` holds.
            let choice = if RANGES[*range] == "0.0.0.0/0" { to % 3 } else { *to };
            let (table, to) = (nth(&tables(site), *table), nth(&targets(site), choice));
            if site.nets.add_route(&table, RANGES[*range], &to).is_err() {
                let _ = site.nets.turn_route(&table, RANGES[*range], &to);
            }
        }
        Deed::Unroute(table, range) => _ = site.nets.remove_route(&nth(&tables(site), *table), RANGES[*range]),
        Deed::Drop(table) => _ = site.nets.drop_table(&nth(&tables(site), *table)),
        // Tags of CloudFormation stay: nobody can take them away.
        Deed::Untag(table) => {
            let id = nth(&tables(site), *table);
            site.nets.tables.get_mut(&id).unwrap().tags.retain(|key, _| key.starts_with("aws:"));
        }
        Deed::CopyTags(from, to) => {
            let (from, to) = (nth(&tables(site), *from), nth(&tables(site), *to));
            let copied = site.nets.tables[&from].tags.clone();
            let copied = copied.into_iter().filter(|(key, _)| !key.starts_with("aws:"));
            site.nets.tables.get_mut(&to).unwrap().tags.extend(copied);
        }
        Deed::Detach => {
            let internet = site.internet.clone();
            site.nets.detach_internet(&internet);
        }
        Deed::Attach => {
            let (vpc, strange) = (site.vpc.clone(), site.nets.make_internet());
            let _ = site.nets.plug(&strange, &vpc);
        }
        Deed::OnLaunch(subnet) => {
            let subnet = site.subnet(SUBNETS[*subnet]);
            if !site.nets.public_on_launch.remove(&subnet) {
                site.nets.public_on_launch.insert(subnet);
            }
        }
        Deed::Dns(support, names) => _ = site.nets.dns.insert(site.vpc.clone(), (*support, *names)),
    }
}

fn tier(subnet: usize) -> &'static str {
    TIERS[subnet / 2]
}

fn routes(site: &Site, subnet: usize) -> Vec<(String, ResourceId)> {
    let table = &site.nets.tables[&site.used(SUBNETS[subnet])];
    let default = table.default.iter().map(|(target, _)| ("0.0.0.0/0".to_owned(), target.clone()));
    default.chain(table.others.iter().map(|(to, target, _)| (to.clone(), target.clone()))).collect()
}

/// Subnets that have a way from or to the internet that their tier must not have.
fn open(site: &Site) -> BTreeSet<usize> {
    let bad = |subnet: usize, (to, target): &(String, ResourceId)| {
        let kind = target.as_str().split('-').next().unwrap();
        match (tier(subnet), kind) {
            ("public", "igw") => to.contains(':'),
            (_, "igw") => true,
            ("database", "nat") => true,
            _ => false,
        }
    };
    (0..6).filter(|subnet| routes(site, *subnet).iter().any(|route| bad(*subnet, route))).collect()
}

/// Subnets whose declared way out works.
fn works(site: &Site) -> BTreeSet<usize> {
    let leads = |subnet: usize| {
        let table = &site.nets.tables[&site.used(SUBNETS[subnet])];
        let Some((target, _)) = &table.default else { return false };
        let kind = if tier(subnet) == "public" { "igw-" } else { "nat-" };
        target.as_str().starts_with(kind) && !site.nets.blackhole(table, target)
    };
    (0..4).filter(|subnet| leads(*subnet)).collect()
}

/// Routes that a plan writes.
fn written<'a>(changes: impl Iterator<Item = &'a Change>) -> BTreeSet<(ResourceId, String)> {
    changes
        .filter_map(|change| match change {
            Change::CreateRoute { table, destination, .. }
            | Change::ReplaceRoute { table, destination, .. }
            | Change::DeleteRoute { table, destination, .. } => Some((table.key.id.clone(), destination.clone())),
            _ => None,
        })
        .collect()
}

fn written_by_nat(site: &Site) -> BTreeSet<(ResourceId, String)> {
    use topology::nat::Change::{CreateRoute, DeleteRoute, ReplaceRoute};
    let steps = site.nat_plan().steps;
    steps
        .iter()
        .filter_map(|step| match &step.action {
            CreateRoute { table, .. } | ReplaceRoute { table, .. } | DeleteRoute { table, .. } => {
                Some((table.key.id.clone(), "0.0.0.0/0".to_owned()))
            }
            _ => None,
        })
        .collect()
}

/// Rounds of both, in an order that is drawn; in each state that is met, they write different routes.
fn at_rest(site: &mut Site, order: &[bool]) {
    for turn in 0..40 {
        let plan = site.plan();
        let mine = written(plan.steps.iter().map(|step| &step.action));
        let theirs = written_by_nat(site);
        assert!(mine.is_disjoint(&theirs), "both write {:?}", mine.intersection(&theirs).collect::<Vec<_>>());
        if plan.steps.is_empty() && site.nat_plan().steps.is_empty() && plan.wait.is_none() {
            return;
        }
        if *order.get(turn).unwrap_or(&(turn % 2 == 0)) {
            let (mut was_open, mut worked) = (open(site), works(site));
            site.round(|site, change| {
                let (now_open, now_works) = (open(site), works(site));
                assert!(now_open.is_subset(&was_open), "{change} opens {now_open:?}, and open were {was_open:?}");
                // A way that may not be had is no way that is cut, and what a table must not have goes first, whoever is on it.
                let contains = matches!(
                    change,
                    Change::DeleteRoute { back: false, .. } | Change::ReplaceRoute { back: false, .. }
                );
                let cut: Vec<_> = worked.difference(&now_works).filter(|subnet| !was_open.contains(subnet)).collect();
                assert!(cut.is_empty() || contains, "{change} cuts {cut:?}");
                (was_open, worked) = (now_open, now_works);
            });
        } else {
            site.nat_round();
        }
    }
    panic!("never at rest:\n{}\n{}", site.plan(), site.nat_plan());
}

fn as_declared(site: &Site) {
    assert_eq!(open(site), BTreeSet::new(), "something is open");
    assert_eq!(works(site), (0..4).collect(), "a way out does not work");
    for (subnet, cidr) in SUBNETS.iter().enumerate() {
        let own = site.used(cidr);
        let others = SUBNETS.iter().filter(|other| *other != cidr && site.used(other) == own).count();
        assert_eq!(others, 0, "{cidr} shares its table");
        let found: BTreeSet<String> = routes(site, subnet).into_iter().map(|(to, _)| to).collect();
        let kept = match tier(subnet) {
            "public" => BTreeSet::from(["0.0.0.0/0"]),
            "private" => BTreeSet::from(["0.0.0.0/0", "10.8.0.0/16"]),
            _ => BTreeSet::new(),
        };
        let extra = |to: &&String| !kept.contains(to.as_str());
        let allowed = |to: &String| {
            let route = routes(site, subnet).into_iter().find(|(there, _)| there == to);
            tier(subnet) == "private" && route.is_some_and(|(_, target)| target.as_str().starts_with("pcx-"))
        };
        assert!(found.iter().filter(extra).all(allowed), "{cidr}: {found:?}");
        assert!(kept.iter().all(|to| found.contains(*to)), "{cidr}: {found:?}");
    }
    assert!(site.nets.public_on_launch.is_empty());
    assert_eq!(site.nets.dns_of(&site.vpc), (true, true));
    assert!(site.nets.internet.values().any(|vpc| *vpc == site.vpc));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// They come to rest as declared, write different routes in every state, and neither undoes the other.
    #[test]
    fn both_controls_come_to_rest_as_declared(deeds in deeds(), order in prop::collection::vec(any::<bool>(), 0..12)) {
        let mut site = Site::whole();
        for deed in &deeds {
            act(&mut site, deed);
        }
        at_rest(&mut site, &order);
        let held = site.plan().held;
        prop_assert!(held.is_empty(), "{held:?}");
        as_declared(&site);
        let before = site.nets.clone();
        at_rest(&mut site, &[true, false, true]);
        prop_assert_eq!(site.nets.tables, before.tables);
    }

    /// What others do between two rounds is put right as well.
    #[test]
    fn it_goes_on_from_wherever_it_is(first in deeds(), second in deeds()) {
        let mut site = Site::whole();
        first.iter().for_each(|deed| act(&mut site, deed));
        site.round(|_, _| {});
        second.iter().for_each(|deed| act(&mut site, deed));
        at_rest(&mut site, &[]);
        as_declared(&site);
    }

    /// A plan is a function of what was seen, in whatever order; containment comes first and needs only containment; every edge points
    /// to an earlier step.
    #[test]
    fn a_plan_is_a_function_of_what_was_seen(deeds in deeds()) {
        let mut site = Site::whole();
        deeds.iter().for_each(|deed| act(&mut site, deed));
        let plan = site.plan();
        let mut turned = site.observed();
        for seen in turned.vpcs.values_mut() {
            let topology::Seen::Present(vpc) = seen else { continue };
            if let topology::Seen::Present(tables) = &mut vpc.tables {
                tables.reverse();
            }
            if let topology::Seen::Present(subnets) = &mut vpc.subnets {
                subnets.reverse();
            }
        }
        prop_assert_eq!(plan.to_string(), site.plan_of(&turned).to_string());
        for (at, step) in plan.steps.iter().enumerate() {
            prop_assert!(step.needs.iter().all(|needed| *needed < at));
            if step.contains {
                prop_assert!(step.needs.iter().all(|needed| plan.steps[*needed].contains), "{plan}");
            }
        }
    }

    /// If any one call fails for good, exposures are gone all the same, as far as they do not hang on it.
    #[test]
    fn a_failure_leaves_nothing_else_open(deeds in deeds(), fails in 0..6_usize) {
        let mut site = Site::whole();
        deeds.iter().for_each(|deed| act(&mut site, deed));
        let plan = site.plan();
        let mut failed: Vec<usize> = vec![];
        for (at, step) in plan.steps.iter().enumerate() {
            if at == fails || step.needs.iter().any(|needed| failed.contains(needed)) {
                failed.push(at);
                continue;
            }
            let opened = open(&site);
            if site.nets.apply_routes(&step.action, &format!("t{at}")).is_err() {
                failed.push(at);
            }
            prop_assert!(open(&site).is_subset(&opened), "{}", step.action);
        }
        site.nets.pass(jiff::SignedDuration::from_mins(5));
        at_rest(&mut site, &[]);
        as_declared(&site);
    }
}

#[test]
fn zones_are_as_the_document_says() {
    let site = Site::whole();
    for (at, cidr) in SUBNETS.iter().enumerate() {
        assert_eq!(site.used(cidr), site.table(tier(at), ZONES[at % 2]));
    }
}
