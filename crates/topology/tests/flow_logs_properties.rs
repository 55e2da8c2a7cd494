//! What holds for every plan of flow logs, on an in-memory cloud that refuses what AWS refuses and fails where AWS fails.

#![allow(clippy::unwrap_used)] // clippy sees the helpers of tests as production code

#[path = "support/flow_logs.rs"]
mod support;

use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use support::*;
use topology::flow_logs::*;
use topology::network::{FlowDestination, FlowLog, FlowTraffic};
use topology::{Action, Control, Inverse, Plan, ResourceId, Seen, Unseen};
use twin::DELIVERY_ROLE;
use twin::flow_logs::{Cloud, Log};

const FORMATS: [Option<&str>; 2] = [None, Some("${srcaddr} ${dstaddr}")];
const OTHER_GROUP: &str = "audit";

fn traffic() -> impl Strategy<Value = FlowTraffic> {
    select(vec![FlowTraffic::All, FlowTraffic::Accept, FlowTraffic::Reject])
}

/// A flow log to one of three places.
fn declared(place: usize) -> impl Strategy<Value = FlowLog> {
    let retention = select(vec![None, Some(7), Some(30)]);
    let parts = (traffic(), select(vec![60, 600]), select(&FORMATS[..]), retention, any::<[bool; 3]>());
    parts.prop_map(move |(traffic, interval_seconds, format, retention_days, [parquet, hive, hourly])| {
        let group = |name: &str| FlowDestination::CloudWatch { log_group: name.into(), retention_days };
        let destination = match place {
            0 => group(GROUP),
            1 => group(OTHER_GROUP),
            _ => FlowDestination::S3 { bucket: "logs-{account}".into(), prefix: None, parquet, hive, hourly },
        };
        FlowLog { traffic, destination, interval_seconds, format: format.map(Into::into) }
    })
}

fn declaration() -> impl Strategy<Value = Desired> {
    let one = |place| proptest::option::weighted(0.6, declared(place));
    (one(0), one(1), one(2)).prop_map(|(a, b, c)| desired([a, b, c].into_iter().flatten().collect::<Vec<_>>()))
}

/// One thing that somebody else did, or that befell.
#[derive(Clone, Debug)]
enum Meddling {
    DeleteLog(usize),
    Foreign(FlowLog, bool),
    Fail(usize, bool),
    Untag(usize),
    DeleteGroup(bool),
    Retain(bool, Option<u32>),
    Deny,
    CloseBucket,
    Declare(Desired),
    Wait(i64),
}

fn meddling() -> impl Strategy<Value = Vec<Meddling>> {
    let one = prop_oneof![
        3 => (0..4_usize).prop_map(Meddling::DeleteLog),
        3 => ((0..3_usize).prop_flat_map(declared), any::<bool>()).prop_map(|(log, tags)| Meddling::Foreign(log, tags)),
        3 => (0..4_usize, any::<bool>()).prop_map(|(log, stuck)| Meddling::Fail(log, stuck)),
        1 => (0..4_usize).prop_map(Meddling::Untag),
        2 => any::<bool>().prop_map(Meddling::DeleteGroup),
        1 => (any::<bool>(), select(vec![None, Some(1), Some(3653)])).prop_map(|(one, days)| Meddling::Retain(one, days)),
        1 => Just(Meddling::Deny),
        1 => Just(Meddling::CloseBucket),
        2 => declaration().prop_map(Meddling::Declare),
        3 => select(vec![1, 5, 30, 2000]).prop_map(Meddling::Wait),
    ];
    proptest::collection::vec(one, 0..7)
}

/// A declared network that exists as declared, and then is meddled with.
fn meddled() -> impl Strategy<Value = Network> {
    (declaration(), meddling()).prop_map(|(desired, meddling)| {
        let mut network = Network::build(desired);
        network.enforce();
        assert!(network.plan().is_empty(), "{}", network.plan());
        meddling.iter().for_each(|one| meddle(&mut network, one));
        network
    })
}

fn meddle(network: &mut Network, one: &Meddling) {
    let nth = |network: &Network, n: usize| -> Option<ResourceId> {
        let ids: Vec<_> = network.cloud.logs.keys().cloned().collect();
        (!ids.is_empty()).then(|| ids[n % ids.len()].clone())
    };
    // What AWS refuses did not happen.
    match one {
        Meddling::DeleteLog(n) => {
            if let Some(id) = nth(network, *n) {
                network.cloud.delete_flow_log(&id).unwrap();
            }
        }
        Meddling::Foreign(log, copied) => {
            let tags = network.cloud.logs.values().next().map(|log| log.tags.clone()).unwrap_or_default();
            let (vpc, spec) = (network.vpc(), network.spec(log));
            let tags = if *copied { tags } else { BTreeMap::new() };
            let _ = network.cloud.create_flow_log(&vpc, &spec, &tags, None);
        }
        Meddling::Fail(n, stuck) => {
            if let Some(id) = nth(network, *n) {
                network.cloud.logs.get_mut(&id).unwrap().delivery =
                    Delivery::Failed { why: Some("Access error".into()) };
                if *stuck {
                    network.cloud.stuck.insert(id);
                }
            }
        }
        Meddling::Untag(n) => {
            if let Some(id) = nth(network, *n) {
                network.cloud.logs.get_mut(&id).unwrap().tags.clear();
            }
        }
        Meddling::DeleteGroup(one) => drop(network.cloud.delete_group(group(*one))),
        Meddling::Retain(one, days) => drop(network.cloud.retain(group(*one), *days)),
        Meddling::Deny => drop(network.cloud.roles.insert(DELIVERY_ROLE.into(), false)),
        Meddling::CloseBucket => drop(network.cloud.buckets.insert(BUCKET.into(), false)),
        Meddling::Declare(desired) => network.desired = desired.clone(),
        Meddling::Wait(minutes) => network.wait(*minutes),
    }
}

fn group(one: bool) -> &'static str {
    if one { GROUP } else { OTHER_GROUP }
}

/// Which of the declared flow logs are recorded: by one that delivers, whoever made it. Shares no code with the planner.
fn recorded(network: &Network, cloud: &Cloud) -> BTreeSet<String> {
    let mut cloud = cloud.clone();
    cloud.deliver();
    let delivers = |log: &&Log| log.delivery == Delivery::Success;
    let alike = |spec: &Spec, log: &Log| {
        let strip = |spec: &Spec| {
            let destination = match &spec.destination {
                Destination::CloudWatch { log_group, role: _ } => {
                    Destination::CloudWatch { log_group: log_group.clone(), role: None }
                }
                other => other.clone(),
            };
            Spec { destination, ..spec.clone() }
        };
        strip(spec) == strip(&log.spec)
    };
    let declared = network.desired.vpcs["main"].iter().map(|log| network.spec(log));
    let recorded = declared.filter(|spec| cloud.logs.values().filter(delivers).any(|log| alike(spec, log)));
    recorded.map(|spec| format!("{spec:?}")).collect()
}

/// The places that anything arrives at.
fn reached(cloud: &Cloud) -> BTreeSet<String> {
    let mut cloud = cloud.clone();
    cloud.deliver();
    let delivering = cloud.logs.values().filter(|log| log.delivery == Delivery::Success);
    delivering.map(|log| log.spec.destination.to_string()).collect()
}

fn foreign(network: &Network) -> BTreeMap<ResourceId, Log> {
    let logs = network.cloud.logs.iter();
    logs.filter(|(id, _)| !network.standing.created.contains_key(*id))
        .map(|(id, log)| (id.clone(), log.clone()))
        .collect()
}

/// Few cases by default, because every build runs them; `PROPTEST_CASES=5000` looks deeper.
fn config() -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 96 };
    ProptestConfig { cases, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn it_comes_to_rest_with_all_that_can_be_recorded_recorded(network in meddled()) {
        let mut network = network;
        for _ in 0..6 {
            for _ in 0..3 {
                network.enforce();
            }
            network.wait(25);
        }
        let plan = network.plan();
        let mendable = network.cloud.roles[DELIVERY_ROLE] && network.cloud.buckets[BUCKET];
        if mendable {
            prop_assert!(plan.steps.is_empty() && plan.wait.is_none(), "{plan}\n{network:?}");
            let all = network.desired.vpcs["main"].len();
            if plan.held.is_empty() {
                prop_assert!(plan.is_empty(), "{plan}");
                prop_assert_eq!(recorded(&network, &network.cloud).len(), all);
            }
        }
    }

    #[test]
    fn what_is_recorded_stays_recorded_at_every_step(network in meddled()) {
        let mut network = network;
        for round in 0..8 {
            let plan = network.plan();
            let (before, places) = (recorded(&network, &network.cloud), reached(&network.cloud));
            let declared: BTreeSet<String> =
                network.desired.vpcs["main"].iter().map(|log| network.spec(log).destination.to_string()).collect();
            let mut broken = vec![];
            let mut standing = network.standing.clone();
            let mut cloud = network.cloud.clone();
            run(&mut cloud, &mut standing, &plan, |cloud, action| {
                let lost: Vec<_> = before.difference(&recorded(&network, cloud)).cloned().collect();
                // A place that is declared is never left without any record, even one of another form.
                let left: Vec<_> = places.difference(&reached(cloud)).filter(|it| declared.contains(*it)).cloned().collect();
                if !lost.is_empty() || !left.is_empty() {
                    broken.push(format!("{action}: {lost:?} {left:?}"));
                }
            });
            prop_assert!(broken.is_empty(), "{broken:#?}\n{plan}\n{network:?}");
            (network.cloud, network.standing) = (cloud, standing);
            network.wait(if round % 2 == 0 { 1 } else { 25 });
        }
    }

    #[test]
    fn what_is_not_ours_is_never_touched_and_no_log_group_goes(network in meddled()) {
        let mut network = network;
        let (foreign, groups) = (foreign(&network), network.cloud.groups.clone());
        for _ in 0..6 {
            network.enforce();
            network.wait(25);
        }
        for (id, log) in foreign {
            let now = network.cloud.logs.get(&id).map(|log| (&log.spec, &log.tags));
            prop_assert_eq!(now, Some((&log.spec, &log.tags)), "{}", id);
        }
        prop_assert!(groups.keys().all(|name| network.cloud.groups.contains_key(name)));
    }

    #[test]
    fn nothing_is_done_about_what_is_unknown(network in meddled(), retryable in any::<bool>()) {
        let failed = || Unseen::Failed { retryable, why: "it failed".into() };
        let mut observed = network.observe();
        for group in observed.groups.values_mut() {
            *group = Seen::Unknown(failed());
        }
        let plan = plan_of(&network, &observed);
        let about_groups = plan.steps.iter().filter(|step| match &step.action {
            Change::CreateGroup { .. } | Change::Retain { .. } => true,
            Change::Create { spec, .. } => {
                spec.destination.log_group().is_some_and(|group| observed.groups.contains_key(group))
            }
            Change::Delete { .. } => false,
        });
        prop_assert_eq!(about_groups.count(), 0, "{}", plan);
        prop_assert_eq!(plan.blind.is_empty(), observed.groups.is_empty());
        for seen in observed.vpcs.values_mut() {
            *seen = Seen::Unknown(failed());
        }
        let plan = plan_of(&network, &observed);
        prop_assert!(plan.steps.is_empty() && !plan.blind.is_empty(), "{}", plan);
    }

    #[test]
    fn a_plan_is_a_function_of_what_was_seen_in_whatever_order(network in meddled()) {
        let plan = network.plan();
        let mut observed = network.observe();
        for seen in observed.vpcs.values_mut() {
            if let Seen::Present(vpc) = seen {
                vpc.logs.reverse();
            }
        }
        let again = plan_of(&network, &observed);
        prop_assert_eq!(&plan, &again);
        for (index, step) in plan.steps.iter().enumerate() {
            prop_assert!(step.after.iter().chain(&step.needs).all(|edge| *edge < index));
            let text = serde_json::to_string(&step.action).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Change>(&text).unwrap(), &step.action);
        }
    }

    #[test]
    fn an_inverse_brings_back_what_was(network in meddled()) {
        let plan = network.plan();
        for step in &plan.steps {
            let mut cloud = network.cloud.clone();
            let Ok(receipt) = cloud.apply(&step.action, None) else { continue };
            // Where records are refused now, nothing can be brought back that goes there.
            cloud.buckets.insert(BUCKET.into(), true);
            match step.action.inverse(&receipt) {
                Inverse::Exact(back) => {
                    cloud.apply(&back, None).unwrap();
                    prop_assert_eq!((&cloud.logs, &cloud.groups), (&network.cloud.logs, &network.cloud.groups));
                }
                Inverse::Compensating(back, _) => {
                    cloud.apply(&back, None).unwrap();
                    prop_assert_eq!(shape(&cloud), shape(&network.cloud), "{}", step.action);
                }
                Inverse::None(_) => {
                    let made = matches!(step.action, Change::CreateGroup { .. });
                    prop_assert!(made || receipt.already, "{}", step.action);
                }
            }
        }
    }
}

fn plan_of(network: &Network, observed: &Observed) -> Plan<Change> {
    FlowLogs::plan(&place(), &network.desired, observed, &network.standing)
}

/// All but ids and times.
fn shape(cloud: &Cloud) -> (Vec<String>, Vec<String>) {
    let mut logs: Vec<String> = cloud.logs.values().map(|log| format!("{:?} {:?}", log.spec, log.tags)).collect();
    logs.sort();
    let groups = cloud.groups.iter().map(|(name, group)| format!("{name} {:?}", group.retention_days));
    (logs, groups.collect())
}
