//! What holds for every plan of endpoints, on an in-memory cloud that refuses what AWS refuses, whoever meddled with it before and between.

#![allow(clippy::unwrap_used)] // clippy sees the helpers of tests as production code

#[path = "support/endpoints.rs"]
mod support;

use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use support::*;
use topology::endpoints::*;
use topology::{Action, Control, Effect, Inverse, Plan, Receipt, ResourceId, Seen, Severity, Unseen};
use twin::endpoints::Ends;

const SERVICES: [&str; 6] = ["s3", "dynamodb", "ecr.api", "ecr.dkr", "secretsmanager", "logs"];
const GROUPS: [&str; 4] = ["tasks", "endpoints", "vpc-endpoints", "default"];
const RANGES: [&str; 4] = ["10.0.10.0/24", "10.0.11.0/24", "10.0.20.0/24", "10.0.21.0/24"];

/// One thing that somebody else did, or that befell.
#[derive(Clone, Debug)]
enum Meddling {
    Delete(usize),
    DeleteAll,
    Private(usize, bool),
    Group(usize, usize, bool),
    Subnet(usize, usize, bool),
    Table(usize, usize, bool),
    Policy(usize),
    Rules(usize, Vec<Source>),
    Dns(bool, bool),
    Copy(usize, bool),
    Untag(usize),
    Forget(usize),
    Fail(bool),
    MoveSubnet(usize, usize),
    LoseGroup(usize),
    Declare(usize),
    Stack(usize),
    Wait(i64),
    Pass(i64),
}

fn source() -> impl Strategy<Value = Source> {
    let ranges = ["10.0.0.0/16", "10.0.10.0/23", "10.0.10.0/24", "10.0.20.0/24", "0.0.0.0/0"];
    prop_oneof![
        select(ranges.to_vec()).prop_map(|range| Source::Range(range.parse().unwrap())),
        // The group `tasks` of the model.
        Just(Source::Id("sg-0000000000000000a".into())),
        Just(Source::Id("sg-0stranger".into())),
    ]
}

fn meddling() -> impl Strategy<Value = Vec<Meddling>> {
    let (service, group, range) = (0..SERVICES.len(), 0..GROUPS.len(), 0..RANGES.len());
    let one = prop_oneof![
        1 => service.clone().prop_map(Meddling::Delete),
        1 => Just(Meddling::DeleteAll),
        4 => (service.clone(), any::<bool>()).prop_map(|(at, on)| Meddling::Private(at, on)),
        4 => (service.clone(), group.clone(), any::<bool>()).prop_map(|(at, it, add)| Meddling::Group(at, it, add)),
        1 => (service.clone(), range.clone(), any::<bool>()).prop_map(|(at, it, add)| Meddling::Subnet(at, it, add)),
        1 => (service.clone(), range.clone(), any::<bool>()).prop_map(|(at, it, add)| Meddling::Table(at, it, add)),
        1 => service.clone().prop_map(Meddling::Policy),
        4 => (group.clone(), prop::collection::vec(source(), 0..4)).prop_map(|(at, https)| Meddling::Rules(at, https)),
        1 => any::<(bool, bool)>().prop_map(|(support, hostnames)| Meddling::Dns(support, hostnames)),
        1 => (service.clone(), any::<bool>()).prop_map(|(at, tagged)| Meddling::Copy(at, tagged)),
        1 => service.clone().prop_map(Meddling::Untag),
        1 => service.clone().prop_map(Meddling::Forget),
        1 => any::<bool>().prop_map(Meddling::Fail),
        1 => (range.clone(), range).prop_map(|(at, to)| Meddling::MoveSubnet(at, to)),
        1 => group.prop_map(Meddling::LoseGroup),
        1 => (0..DOCUMENTS.len()).prop_map(Meddling::Declare),
        1 => service.prop_map(Meddling::Stack),
        1 => (1_i64..7200).prop_map(Meddling::Wait),
        1 => (1_i64..30).prop_map(Meddling::Pass),
    ];
    prop::collection::vec(one, 0..12)
}

const DOCUMENTS: [&str; 4] = [
    SIX,
    "\n      s3: { type: gateway, tiers: [database] }\n      logs: { type: interface, tiers: [private], private_dns: false }",
    "\n      ecr.api: { type: interface, tiers: [database], security_groups: [endpoints, vpc-endpoints] }\n      secretsmanager: { type: interface, tiers: [private] }",
    " {}",
];

fn live(cloud: &Ends, at: usize) -> Option<ResourceId> {
    [Kind::Gateway, Kind::Interface].iter().find_map(|kind| cloud.to(SERVICES[at], kind)).map(|it| it.id.clone())
}

fn meddle(network: &mut Network, what: &Meddling) {
    let cloud = &mut network.cloud;
    let group = |cloud: &Ends, at: usize| {
        cloud.groups.iter().find(|(_, group)| group.name.as_str() == GROUPS[at]).map(|(id, _)| id.clone())
    };
    let subnet = |cloud: &Ends, at: usize| {
        cloud.subnets.iter().find(|(_, it)| it.cidr.to_string() == RANGES[at]).unwrap().0.clone()
    };
    let edit = |cloud: &mut Ends, at: usize, edit: Edit| {
        if let Some(id) = live(cloud, at) {
            // What AWS refuses did not happen.
            let _ = cloud.modify(&id, &edit);
        }
    };
    match what {
        Meddling::Delete(at) => {
            if let Some(id) = live(cloud, *at) {
                cloud.delete(&id).unwrap();
            }
        }
        Meddling::DeleteAll => {
            for at in 0..SERVICES.len() {
                if let Some(id) = live(cloud, at) {
                    cloud.delete(&id).unwrap();
                }
            }
        }
        Meddling::Private(at, on) => edit(cloud, *at, private(*on)),
        Meddling::Group(at, which, add) => {
            let ids: BTreeSet<ResourceId> = group(cloud, *which).into_iter().collect();
            let interface = live(cloud, *at).is_some_and(|id| cloud.endpoints[&id].kind == Kind::Interface);
            match (interface, add) {
                (false, _) => {}
                (true, true) => edit(cloud, *at, Edit { add_groups: ids, ..Edit::default() }),
                (true, false) => edit(cloud, *at, Edit { remove_groups: ids, ..Edit::default() }),
            }
        }
        Meddling::Subnet(at, which, add) => {
            let ids: BTreeSet<ResourceId> = [subnet(cloud, *which)].into();
            let interface = live(cloud, *at).is_some_and(|id| cloud.endpoints[&id].kind == Kind::Interface);
            match (interface, add) {
                (false, _) => {}
                (true, true) => edit(cloud, *at, Edit { add_subnets: ids, ..Edit::default() }),
                (true, false) => edit(cloud, *at, Edit { remove_subnets: ids, ..Edit::default() }),
            }
        }
        Meddling::Table(at, which, add) => {
            let table = cloud.tables.keys().nth(*which).cloned();
            let ids: BTreeSet<ResourceId> = table.into_iter().collect();
            let gateway = live(cloud, *at).is_some_and(|id| cloud.endpoints[&id].kind == Kind::Gateway);
            match (gateway, add) {
                (false, _) => {}
                (true, true) => edit(cloud, *at, Edit { add_tables: ids, ..Edit::default() }),
                (true, false) => edit(cloud, *at, Edit { remove_tables: ids, ..Edit::default() }),
            }
        }
        Meddling::Policy(at) => edit(cloud, *at, policy(r#"{"Statement":[]}"#)),
        Meddling::Rules(at, https) => {
            if let Some(id) = group(cloud, *at) {
                cloud.groups.get_mut(&id).unwrap().https = https.iter().cloned().collect();
            }
        }
        Meddling::Dns(support, hostnames) => network.dns(*support, *hostnames),
        Meddling::Copy(at, tagged) => {
            if live(cloud, *at).is_some() {
                let tags: &[(&str, &str)] = &[
                    ("plumbline:topology", "shop"),
                    ("plumbline:vpc", "main"),
                    ("plumbline:control", "endpoints"),
                    ("plumbline:endpoint", SERVICES[*at]),
                ];
                network.copy(SERVICES[*at], if *tagged { tags } else { &[] });
            }
        }
        Meddling::Untag(at) => {
            if let Some(id) = live(cloud, *at) {
                cloud.endpoints.get_mut(&id).unwrap().tags.clear();
            }
        }
        Meddling::Forget(at) => {
            if let Some(id) = live(cloud, *at) {
                network.standing.created.remove(&id);
            }
        }
        Meddling::Fail(fails) => cloud.fails = fails.then(|| "ServiceError: no capacity".to_owned()),
        Meddling::MoveSubnet(at, to) => {
            let moved = subnet(cloud, *at);
            cloud.tables.values_mut().for_each(|table| _ = table.subnets.remove(&moved));
            let table = cloud.tables.keys().nth(*to).cloned().unwrap();
            cloud.tables.get_mut(&table).unwrap().subnets.insert(moved);
        }
        Meddling::LoseGroup(at) => {
            let used = group(cloud, *at).filter(|id| cloud.endpoints.values().all(|it| !it.groups.contains(id)));
            if let Some(id) = used {
                cloud.groups.remove(&id);
            }
        }
        Meddling::Declare(which) => network.desired = declared(DOCUMENTS[*which]),
        Meddling::Stack(at) => {
            network.stack();
            if let Some(id) = live(&network.cloud, *at) {
                network.cloud.endpoints.get_mut(&id).unwrap().stack = Some("arn:stack".into());
            }
        }
        Meddling::Wait(seconds) => network.wait(*seconds),
        Meddling::Pass(seconds) => network.pass(*seconds),
    }
}

fn network() -> impl Strategy<Value = Network> {
    (0..DOCUMENTS.len(), meddling(), any::<bool>()).prop_map(|(which, changes, at_once)| {
        let mut network = Network::build(declared(DOCUMENTS[which]));
        network.cloud.at_once = at_once;
        changes.iter().for_each(|change| meddle(&mut network, change));
        network
    })
}

/// Whom the document lets in, and an endpoint does not admit by its declared groups, although its private DNS leads them there.
fn cut_off(network: &Network, cloud: &Ends) -> BTreeMap<ResourceId, Vec<String>> {
    let mut cut: BTreeMap<ResourceId, Vec<String>> = BTreeMap::new();
    for (name, declared) in network.desired.vpcs.values().flat_map(|vpc| &vpc.endpoints) {
        let Shape::Interface { groups, private_dns: Some(callers), subnets: _ } = &declared.shape else { continue };
        let end = format!(".{name}");
        for endpoint in cloud.endpoints.values() {
            if !endpoint.private_dns || !endpoint.service.ends_with(&end) || endpoint.state.is_gone() {
                continue;
            }
            let mut let_in: BTreeSet<&Source> = BTreeSet::new();
            for id in &endpoint.groups {
                // A group that is not declared may let in whom it likes: nobody looks at it.
                if let Some(group) = cloud.groups.get(id).filter(|group| groups.contains(&group.name)) {
                    let_in.extend(&group.https);
                }
            }
            let Callers { subnets, groups, ids, ruled: _ } = callers;
            let by_range = |subnet: &ipnet::Ipv4Net| {
                let_in.iter().any(|source| matches!(source, Source::Range(range) if range.contains(subnet)))
            };
            let mut out: Vec<String> =
                subnets.keys().filter(|subnet| !by_range(subnet)).map(ToString::to_string).collect();
            for name in groups {
                let known = cloud.groups.iter().find(|(_, group)| group.name == *name);
                if known.is_some_and(|(id, _)| !let_in.contains(&Source::Id(id.clone()))) {
                    out.push(name.to_string());
                }
            }
            out.extend(ids.iter().filter(|id| !let_in.contains(&Source::Id((*id).clone()))).map(ToString::to_string));
            if !out.is_empty() {
                cut.insert(endpoint.id.clone(), out);
            }
        }
    }
    cut
}

/// Few cases by default, because every build runs them; `PROPTEST_CASES=5000` looks deeper.
fn config() -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 128 };
    ProptestConfig { cases, ..default }
}

proptest! {
    #![proptest_config(config())]

    /// Left alone, with AWS at work, every network comes to rest, and then nothing that can be put right differs.
    #[test]
    fn it_comes_to_rest(mut network in network()) {
        network.cloud.fails = None;
        for _ in 0..40 {
            network.wait(30);
            network.enforce();
        }
        network.wait(3700);
        network.enforce();
        network.wait(3700);
        let plan = network.plan();
        prop_assert!(plan.steps.is_empty(), "{plan}{network:?}");
        let undone = plan.drifts.iter().filter(|drift| drift.severity > Severity::Advice).count();
        let told = plan.held.len() + usize::from(plan.wait.is_some());
        prop_assert!(undone == 0 || told > 0, "{plan}{network:?}");
    }

    /// No step, and no state between two, cuts anybody off who was not cut off before: neither by switching private DNS on, nor by
    /// taking a group away while names lead there.
    #[test]
    fn private_dns_leads_nobody_to_a_closed_door(mut network in network()) {
        for _ in 0..12 {
            let mut before = cut_off(&network, &network.cloud);
            let plan = network.plan();
            let mut between = vec![];
            network.run(&plan, |cloud, change| between.push((cloud.clone(), change.clone())));
            for (cloud, change) in between {
                let after = cut_off(&network, &cloud);
                for (id, out) in &after {
                    let known = before.get(id).is_some_and(|known| out.iter().all(|who| known.contains(who)));
                    prop_assert!(known, "{change} cuts off {out:?} from {id}\n{plan}{network:?}");
                }
                before = after;
            }
            network.wait(20);
        }
    }

    /// What is made has no private DNS, a group wherever it is an interface, and is declared.
    #[test]
    fn what_is_made_is_declared_and_harmless(network in network()) {
        for step in network.plan().steps {
            if let Change::Create { endpoint, tags, .. } = &step.action {
                prop_assert_eq!(endpoint.kind == Kind::Interface, !endpoint.groups.is_empty());
                let name = tags.get("plumbline:endpoint").unwrap();
                prop_assert!(network.desired.vpcs["main"].endpoints.contains_key(name.as_str()));
                let end = format!(".{name}");
                prop_assert!(endpoint.service.ends_with(&end));
                let zones: Vec<_> = endpoint.subnets.iter().map(|id| &network.cloud.subnets[id].zone).collect();
                prop_assert_eq!(zones.iter().collect::<BTreeSet<_>>().len(), zones.len());
            }
        }
    }

    /// Deleted is only what the ledger and the tags both call ours, and what no declared endpoint is kept by.
    #[test]
    fn only_ours_goes(network in network()) {
        for step in network.plan().steps {
            if let Change::Delete { endpoint, .. } = &step.action {
                let known = &network.cloud.endpoints[&endpoint.id];
                prop_assert!(network.standing.created.contains_key(&endpoint.id), "{}", step.action);
                prop_assert_eq!(known.tags.get("plumbline:control").map(String::as_str), Some("endpoints"));
            }
        }
    }

    /// One call an endpoint, three calls of a kind, and AWS refuses none of them for what stands in it.
    #[test]
    fn one_call_an_endpoint_and_no_more_than_the_bucket_gives(mut network in network()) {
        let plan = network.plan();
        let mut resources: Vec<ResourceId> = plan.steps.iter().map(|step| step.action.resource().id).collect();
        let many = resources.len();
        resources.sort();
        resources.dedup();
        prop_assert_eq!(resources.len(), many, "{}", plan);
        let modifies = plan.steps.iter().filter(|step| step.action.effect() == Effect::Change).count();
        let creates = plan.steps.iter().filter(|step| step.action.effect() == Effect::Add).count();
        prop_assert!(modifies <= 3 && creates <= 3 && many - modifies - creates <= 3, "{}", plan);
        for (step, outcome) in plan.steps.iter().zip(network.run(&plan, |_, _| {})) {
            // A route table has one gateway endpoint to a service, and another may stand in it.
            let expected = outcome.as_ref().err().is_none_or(|refusal| refusal.code == "RouteAlreadyExists");
            prop_assert!(expected, "{}: {outcome:?}\n{network:?}", step.action);
        }
    }

    /// A failed describe changes nothing that needs it.
    #[test]
    fn the_unseen_is_never_absent(network in network(), part in 0..5_usize) {
        let mut observed = network.observe();
        let Some(Seen::Present(vpc)) = observed.vpcs.get_mut("main") else { panic!() };
        let failed = Unseen::Failed { retryable: true, why: "throttled".into() };
        match part {
            0 => vpc.endpoints = Seen::Unknown(failed),
            1 => vpc.subnets = Seen::Unknown(failed),
            2 => vpc.tables = Seen::Unknown(failed),
            3 => vpc.groups = Seen::Unknown(failed),
            _ => vpc.dns = Seen::Unknown(failed),
        }
        let plan = Endpoints::plan(&place(), &network.desired, &observed, &network.standing);
        prop_assert!(!plan.blind.is_empty());
        for step in &plan.steps {
            let (tables, groups, dns) = match &step.action {
                Change::Create { endpoint, .. } =>
                    (endpoint.kind == Kind::Gateway, endpoint.kind == Kind::Interface, false),
                Change::Modify { edit, .. } => (
                    !(edit.add_tables.is_empty() && edit.remove_tables.is_empty()),
                    !(edit.add_groups.is_empty() && edit.remove_groups.is_empty()) || edit.private_dns == Some(true),
                    edit.private_dns == Some(true),
                ),
                Change::Delete { .. } => (false, false, false),
            };
            let needs = match part { 0 | 1 => true, 2 => tables, 3 => groups, _ => dns };
            prop_assert!(!needs, "{}", step.action);
        }
    }

    /// What a modification did is taken back exactly.
    #[test]
    fn a_modification_and_its_inverse_are_nothing(mut network in network()) {
        let plan: Plan<Change> = network.plan();
        for step in plan.steps {
            let Change::Modify { endpoint, .. } = &step.action else { continue };
            let before = network.cloud.endpoints[&endpoint.id].clone();
            if network.cloud.apply(&step.action, None).is_err() {
                continue;
            }
            let (Inverse::Exact(back) | Inverse::Compensating(back, _)) = step.action.inverse(&Receipt::default()) else {
                panic!("{}", step.action)
            };
            // AWS takes no more private DNS back than it would give.
            if network.cloud.apply(&back, None).is_ok() {
                prop_assert_eq!(&network.cloud.endpoints[&endpoint.id], &before);
            }
        }
    }
}
