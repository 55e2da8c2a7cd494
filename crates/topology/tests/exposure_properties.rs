//! What holds for every plan of exposure, on an in-memory estate that refuses what AWS refuses.

#![allow(clippy::unwrap_used)] // clippy sees the helpers of tests as production code

#[path = "support/exposure.rs"]
mod support;

use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;
use support::*;
use topology::exposure::*;
use topology::{Action, Inverse, ResourceId, Severity};
use twin::exposure::Estate;

/// One thing that somebody else did.
#[derive(Clone, Debug)]
enum Meddling {
    Database { tier: usize, public: bool, status: usize, cluster: bool },
    Service { tier: usize, public: bool, controller: usize, rolling: bool },
    Interface { tier: usize, address: usize, kind: usize },
    Balancer { tier: usize, facing: bool },
    Settle,
}

const STATUSES: [&str; 4] = ["available", "modifying", "stopped", "deleting"];
const CONTROLLERS: [Controller; 3] = [Controller::Ecs, Controller::CodeDeploy, Controller::External];
/// Type, whether a service manages it, description.
const KINDS: [(&str, bool, &str); 6] = [
    ("interface", false, ""),
    ("interface", false, "arn:aws:ecs:eu-west-1:111122223333:attachment/0f"),
    ("interface", true, "RDSNetworkInterface"),
    ("nat_gateway", true, "Interface for NAT Gateway nat-0"),
    ("network_load_balancer", true, "ELB net/a/0"),
    ("lambda", true, "AWS Lambda VPC ENI"),
];

fn meddling() -> impl Strategy<Value = Vec<Meddling>> {
    let tier = || 0..3_usize;
    let one = prop_oneof![
        (tier(), any::<bool>(), 0..STATUSES.len(), any::<bool>())
            .prop_map(|(tier, public, status, cluster)| Meddling::Database { tier, public, status, cluster }),
        (tier(), any::<bool>(), 0..CONTROLLERS.len(), any::<bool>())
            .prop_map(|(tier, public, controller, rolling)| Meddling::Service { tier, public, controller, rolling }),
        (tier(), 0..3_usize, 0..KINDS.len()).prop_map(|(tier, address, kind)| Meddling::Interface {
            tier,
            address,
            kind
        }),
        (tier(), any::<bool>()).prop_map(|(tier, facing)| Meddling::Balancer { tier, facing }),
        Just(Meddling::Settle),
    ];
    proptest::collection::vec(one, 0..8)
}

fn meddled(meddling: &[Meddling]) -> Network {
    let mut network = Network::build();
    for (at, one) in meddling.iter().enumerate() {
        meddle(&mut network, at, one);
    }
    network
}

fn meddle(network: &mut Network, at: usize, one: &Meddling) {
    let subnets = [network.public.clone(), network.private.clone(), network.data.clone()];
    let groups = [network.database.clone()];
    let of = |tier: usize| std::slice::from_ref(&subnets[tier]);
    let estate = &mut network.estate;
    match *one {
        Meddling::Database { tier, public, status, cluster } => {
            let name = format!("db{at}");
            estate.create_database(&name, of(tier), &groups, public).unwrap();
            let database = estate.databases.get_mut(&name).unwrap();
            database.status = STATUSES[status].into();
            database.cluster = cluster.then(|| "cluster".into());
        }
        Meddling::Service { tier, public, controller, rolling } => {
            let name = format!("service{at}");
            estate.create_service("shop", &name, of(tier), &groups, public).unwrap();
            if rolling {
                estate.update_service("shop", &name, of(tier), &groups, !public).unwrap();
            }
            estate.services.get_mut(&("shop".to_owned(), name)).unwrap().controller = CONTROLLERS[controller];
        }
        Meddling::Interface { tier, address, kind } => {
            let id = estate.create_interface(&subnets[tier], &groups).unwrap();
            match address {
                0 => {}
                1 => estate.assign(&id),
                _ => {
                    let allocation = estate.allocate();
                    estate.associate(&allocation, &id).unwrap();
                }
            }
            let interface = estate.interfaces.get_mut(&id).unwrap();
            let (kind, managed, description) = KINDS[kind];
            (interface.kind, interface.managed, interface.description) = (kind.into(), managed, description.into());
        }
        Meddling::Balancer { tier, facing } => _ = estate.create_balancer(&format!("lb{at}"), facing, of(tier)),
        Meddling::Settle => estate.settle(),
    }
}

/// What is reachable where nothing may be, by the words of the declaration and nothing of the planner.
fn exposed(network: &Network) -> BTreeSet<String> {
    let never = [&network.private, &network.data];
    let stands = |subnets: &BTreeSet<ResourceId>| subnets.iter().any(|subnet| never.contains(&subnet));
    let Estate { databases, services, interfaces, balancers, .. } = &network.estate;
    let databases = databases.values().filter(|it| it.public && it.status != "deleting" && stands(&it.subnets));
    let services = services.values().filter(|it| it.public && it.subnets.iter().any(|subnet| never.contains(&subnet)));
    let interfaces = interfaces.values().filter(|it| !it.addresses.is_empty() && never.contains(&&it.subnet));
    let interfaces = interfaces.filter(|it| it.description != "RDSNetworkInterface");
    let balancers = balancers.values().filter(|it| it.internet_facing && stands(&it.subnets));
    let ids = databases.map(Database::id).chain(services.map(Service::id));
    let ids = ids.chain(interfaces.map(|it| it.id.clone())).chain(balancers.map(Balancer::id));
    ids.map(|id| id.to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is exposed is told, and whatever is told is exposed; each with a step, a reason why there is none, or a wait.
    #[test]
    fn what_is_exposed_is_told_and_something_is_made_of_it(meddling in meddling()) {
        let network = meddled(&meddling);
        let plan = network.plan();
        let told: BTreeSet<String> = plan.drifts.iter().map(|drift| drift.resource.id.to_string()).collect();
        prop_assert_eq!(&told, &exposed(&network), "{}", plan);
        for drift in plan.drifts.iter().filter(|drift| drift.severity == Severity::Exposure) {
            let acted = plan.steps.iter().any(|step| step.action.resource() == drift.resource);
            let held = plan.held.iter().any(|held| held.resource == drift.resource);
            prop_assert!(acted || held || plan.wait.is_some(), "{}", plan);
        }
    }

    /// What can be closed is closed in one round; what is left has a reason, and the next plan does nothing more.
    #[test]
    fn one_round_closes_what_can_be_closed(meddling in meddling()) {
        let mut network = meddled(&meddling);
        let before = exposed(&network);
        let first = network.enforce();
        let closed: BTreeSet<String> = first.steps.iter().map(|step| step.action.resource().id.to_string()).collect();
        let left = exposed(&network);
        prop_assert!(left.is_subset(&before));
        prop_assert!(left.is_disjoint(&closed), "{}", first);
        prop_assert!(network.plan().steps.is_empty(), "{}", network.plan());
        network.estate.settle();
        prop_assert!(network.plan().steps.is_empty(), "{}", network.plan());
    }

    /// No address is released, no interface, database or service goes, and nothing outside the tiers is touched.
    #[test]
    fn nothing_is_lost_and_nothing_else_is_touched(meddling in meddling()) {
        let mut network = meddled(&meddling);
        let before = network.clone();
        network.enforce();
        let (old, new) = (&before.estate, &network.estate);
        prop_assert!(old.addresses.keys().eq(new.addresses.keys()));
        prop_assert!(old.interfaces.keys().eq(new.interfaces.keys()));
        prop_assert_eq!(&old.balancers, &new.balancers);
        for (name, database) in &old.databases {
            let same = Database { public: database.public, ..new.databases[name].clone() };
            prop_assert_eq!(&same, database);
            prop_assert!(!database.subnets.contains(&network.public) || new.databases[name] == *database);
        }
        for (key, service) in &old.services {
            let now = &new.services[key];
            prop_assert_eq!((&now.subnets, &now.groups), (&service.subnets, &service.groups));
            prop_assert!(!service.subnets.contains(&network.public) || now == service);
        }
        for (id, interface) in &old.interfaces {
            let people = interface.kind == "interface" && !interface.managed;
            prop_assert!(new.interfaces[id] == *interface || (people && interface.subnet != network.public));
        }
    }

    /// A function of what was seen, in whatever order AWS answers.
    #[test]
    fn the_order_of_answers_does_not_matter(meddling in meddling()) {
        let network = meddled(&meddling);
        let observed = network.observe();
        let mut turned = observed.clone();
        let reverse = |vpc: &mut topology::Seen<ObservedVpc>| {
            if let topology::Seen::Present(vpc) = vpc {
                vpc.interfaces.reverse();
            }
        };
        turned.vpcs.values_mut().for_each(reverse);
        turned.databases.iter_mut().for_each(|all| all.reverse());
        turned.services.iter_mut().for_each(|all| all.reverse());
        turned.balancers.iter_mut().for_each(|all| all.reverse());
        prop_assert_eq!(network.plan_of(&observed).to_string(), network.plan_of(&turned).to_string());
    }

    /// What was not seen is not touched.
    #[test]
    fn what_is_unknown_is_left_alone(meddling in meddling(), which in select(vec![0, 1, 2, 3])) {
        let network = meddled(&meddling);
        let mut observed = network.observe();
        let why = || topology::Unseen::Failed { retryable: true, why: "slow down".into() };
        let prefix = match which {
            0 => { observed.databases = Err(why()); "db:" }
            1 => { observed.services = Err(why()); "service/" }
            2 => { observed.balancers = Err(why()); "loadbalancer/" }
            _ => { observed.vpcs.insert("main".into(), topology::Seen::Unknown(why())); "" }
        };
        let plan = network.plan_of(&observed);
        prop_assert_eq!(plan.blind.len(), 1);
        prop_assert!(!plan.drifts.iter().any(|drift| drift.resource.id.as_str().starts_with(prefix)), "{}", plan);
    }

    /// Taken back, everything has the public addresses that it had.
    #[test]
    fn an_inverse_brings_back_what_was(meddling in meddling()) {
        let mut network = meddled(&meddling);
        let before = exposed(&network);
        for step in network.enforce().steps {
            let back = match step.action.inverse(&topology::Receipt::default()) {
                Inverse::Exact(back) | Inverse::Compensating(back, _) => back,
                Inverse::None(why) => return Err(TestCaseError::fail(why)),
            };
            network.estate.apply(&back).unwrap();
        }
        prop_assert_eq!(exposed(&network), before);
    }
}
