//! What holds for every plan, on an in-memory EC2 that refuses what AWS refuses.
//!
//! Traffic is judged by probes that share no code with the planner: a packet from a source with an address, memberships and
//! prefix lists is admitted when some rule admits it.

#![allow(clippy::unwrap_used)] // clippy sees the helpers of tests as production code

mod support;

use ipnet::IpNet;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::IpAddr;
use support::*;
use topology::security_groups::*;
use topology::{Action, Control, Inverse, Plan, Repair, ResourceId, Scope, Seen, Unseen};
use twin::ec2::{Ec2, Peer, Permission, QUOTA};

const GROUPS: [&str; 3] = ["alb", "tasks", "database"];
const PEERS: [&str; 13] = [
    "0.0.0.0/0",
    "0.0.0.0/1",
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.0.1.0/24",
    "203.0.113.0/24",
    "::/0",
    "2001:db8::/32",
    "pl-0aaa",
    "444455556666/sg-0ff",
    "alb",
    "tasks",
    "database",
];

fn traffic() -> impl Strategy<Value = Traffic> {
    select(vec![
        Traffic::tcp(22, 22),
        Traffic::tcp(443, 443),
        Traffic::tcp(440, 450),
        Traffic::tcp(0, 65535),
        Traffic::udp(53, 53),
        Traffic::udp(0, 65535),
        Traffic { protocol: Protocol::Icmp, ports: Ports::Icmp { kind: 8, code: None } },
        Traffic { protocol: Protocol::Icmp, ports: Ports::All },
        Traffic { protocol: Protocol::Icmpv6, ports: Ports::All },
        Traffic { protocol: Protocol::Number(50), ports: Ports::All },
        Traffic::ALL,
    ])
}

fn declared_rules() -> impl Strategy<Value = Vec<DesiredRule>> {
    let description = proptest::option::of(select(vec!["", "web", "db"]));
    let one = (traffic(), select(&PEERS[..]), description).prop_map(|(traffic, peer, description)| DesiredRule {
        traffic,
        peer: peer_of(peer),
        description: description.map(Into::into),
    });
    proptest::collection::vec(one, 0..6).prop_map(|mut rules| {
        rules.sort_by(|left, right| (left.traffic, &left.peer).cmp(&(right.traffic, &right.peer)));
        rules.dedup_by(|left, right| left.traffic == right.traffic && left.peer == right.peer);
        rules
    })
}

fn declared() -> impl Strategy<Value = Desired> {
    let direction = || proptest::option::weighted(0.9, declared_rules());
    let one = || {
        (direction(), direction()).prop_map(|(ingress, egress)| DesiredGroup { ingress, egress, ..Default::default() })
    };
    (one(), one(), one())
        .prop_map(|(alb, tasks, database)| desired([("alb", alb), ("tasks", tasks), ("database", database)]))
}

/// One thing that somebody else did.
#[derive(Clone, Debug)]
enum Meddling {
    Add(usize, Direction, Traffic, &'static str, Option<&'static str>),
    Remove(usize),
    Modify(usize, Traffic, &'static str),
    Describe(usize, &'static str),
    /// Fills a direction of a group up with narrow rules of one kind.
    Fill(usize, Direction, bool),
}

fn meddling() -> impl Strategy<Value = Vec<Meddling>> {
    let direction = || select(vec![Direction::Ingress, Direction::Ingress, Direction::Egress]);
    let one = prop_oneof![
        4 => (0..3_usize, direction(), traffic(), select(&PEERS[..]), proptest::option::of(select(vec!["x", "web"])))
            .prop_map(|(group, direction, traffic, peer, text)| Meddling::Add(group, direction, traffic, peer, text)),
        3 => (0..40_usize).prop_map(Meddling::Remove),
        3 => (0..40_usize, traffic(), select(&PEERS[..])).prop_map(|(rule, to, peer)| Meddling::Modify(rule, to, peer)),
        1 => (0..40_usize, select(vec!["", "x"])).prop_map(|(rule, text)| Meddling::Describe(rule, text)),
        1 => (0..3_usize, direction(), any::<bool>()).prop_map(|(group, way, public)| Meddling::Fill(group, way, public)),
    ];
    proptest::collection::vec(one, 0..8)
}

/// A declared network that exists as declared, and then is meddled with.
fn meddled() -> impl Strategy<Value = Network> {
    (declared(), meddling()).prop_map(|(desired, meddling)| {
        let mut network = Network::build(desired);
        assert!(network.plan().is_empty(), "{}", network.plan());
        network.standing = standing();
        meddling.iter().for_each(|one| meddle(&mut network, one));
        network
    })
}

fn meddle(network: &mut Network, one: &Meddling) {
    let nth = |network: &Network, n: usize| -> Option<ResourceId> {
        let rules: Vec<_> = network.ec2.rules.keys().cloned().collect();
        (!rules.is_empty()).then(|| rules[n % rules.len()].clone())
    };
    // What EC2 refuses (a duplicate, a full group) did not happen.
    match one {
        Meddling::Add(group, direction, traffic, peer, text) => {
            let id = network.id(GROUPS[*group]);
            let permission = Permission { description: text.map(Into::into), ..permission(network, *traffic, peer) };
            let _ = network.ec2.authorize(&id, *direction, &[permission]);
        }
        Meddling::Remove(n) => {
            if let Some(id) = nth(network, *n) {
                network.remove(&id);
            }
        }
        Meddling::Modify(n, traffic, peer) => {
            if let Some(id) = nth(network, *n) {
                let group = network.ec2.rules[&id].group.clone();
                let permission = permission(network, *traffic, peer);
                let _ = network.ec2.modify(&group, &id, &permission);
            }
        }
        Meddling::Describe(n, text) => {
            if let Some(id) = nth(network, *n) {
                let (group, direction) = (network.ec2.rules[&id].group.clone(), network.ec2.rules[&id].direction);
                network.ec2.redescribe(&group, direction, &[(id, (*text).into())]).unwrap();
            }
        }
        Meddling::Fill(group, direction, public) => {
            let id = network.id(GROUPS[*group]);
            for n in 0..QUOTA {
                let range = if *public { format!("198.51.100.{n}/32") } else { format!("10.0.200.{n}/32") };
                let _ = network.ec2.authorize(&id, *direction, &[Permission::tcp(440, 445, &range)]);
            }
        }
    }
}

fn permission(network: &Network, traffic: Traffic, peer: &str) -> Permission {
    let (protocol, from, to) = traffic.to_wire();
    let peer = match peer_of(peer) {
        DesiredPeer::Ipv4(net) => Peer::CidrIp(net.to_string()),
        DesiredPeer::Ipv6(net) => Peer::CidrIpv6(net.to_string()),
        DesiredPeer::PrefixList(id) => Peer::PrefixList(id.to_string()),
        DesiredPeer::Group(name) => Peer::Group { account: None, id: network.id(name.as_str()).to_string() },
        DesiredPeer::GroupId { account, id } => {
            Peer::Group { account: account.map(|account| account.to_string()), id: id.to_string() }
        }
    };
    Permission { protocol, from: from.map(i64::from), to: to.map(i64::from), peer, description: None }
}

/// A packet that could arrive at a member of a group, or leave it.
#[derive(Clone, Debug, PartialEq)]
struct Probe {
    group: ResourceId,
    direction: Direction,
    /// Protocol number, and port or ICMP type.
    packet: (u8, u16),
    address: IpAddr,
    /// Groups of the other end.
    member: Option<ResourceId>,
    /// Prefix lists that hold the address.
    listed: bool,
}

fn probes(network: &Network) -> Vec<Probe> {
    let mut sources: Vec<(&str, Option<ResourceId>, bool)> = vec![
        ("203.0.113.5", None, false),
        ("8.8.8.8", None, false),
        ("198.51.100.3", None, true),
        ("10.0.1.5", None, false),
        ("10.0.200.7", None, false),
        ("10.9.9.9", Some("sg-0ff".into()), false),
        ("2001:db8::5", None, false),
        ("2606::1", None, false),
    ];
    for (name, address) in GROUPS.iter().zip(["10.0.1.9", "10.0.2.9", "10.0.3.9"]) {
        sources.push((address, Some(network.id(name)), false));
    }
    let mut probes = vec![];
    for group in GROUPS {
        for direction in Direction::ALL {
            for packet in [
                (6, 22),
                (6, 443),
                (6, 441),
                (6, 9000),
                (17, 53),
                (17, 99),
                (1, 8),
                (1, 3),
                (58, 128),
                (50, 0),
                (51, 0),
            ] {
                for (address, member, listed) in &sources {
                    probes.push(Probe {
                        group: network.id(group),
                        direction,
                        packet,
                        address: address.parse().unwrap(),
                        member: member.clone(),
                        listed: *listed,
                    });
                }
            }
        }
    }
    probes
}

impl Probe {
    fn passes(&self, traffic: Traffic, peer: &ObservedPeer) -> bool {
        let (number, port) = self.packet;
        let protocol = match traffic.protocol {
            Protocol::All => true,
            Protocol::Tcp => number == 6,
            Protocol::Udp => number == 17,
            Protocol::Icmp => number == 1,
            Protocol::Icmpv6 => number == 58,
            Protocol::Number(other) => number == other,
        };
        let port = match traffic.ports {
            Ports::All => true,
            Ports::Range { from, to } => (from..=to).contains(&port),
            Ports::Icmp { kind, code: _ } => u16::from(kind) == port,
        };
        let peer = match peer {
            ObservedPeer::Ipv4(net) => IpNet::V4(*net).contains(&self.address),
            ObservedPeer::Ipv6(net) => IpNet::V6(*net).contains(&self.address),
            ObservedPeer::PrefixList(_) => self.listed,
            ObservedPeer::Group { account: _, id } => self.member.as_ref() == Some(id),
        };
        protocol && port && peer
    }

    fn admitted(&self, ec2: &Ec2) -> bool {
        let here = ec2.rules.values().filter(|rule| rule.group == self.group && rule.direction == self.direction);
        here.into_iter().any(|rule| self.passes(rule.traffic, &rule.peer))
    }

    /// Whether a declaration admits it; `None` when the direction is unmanaged.
    fn declared(&self, network: &Network) -> Option<bool> {
        let name = &network.ec2.groups[&self.group].name;
        let group = &network.desired.vpcs["main"].groups[name];
        let rules = match self.direction {
            Direction::Ingress => group.ingress.as_ref()?,
            Direction::Egress => group.egress.as_ref()?,
        };
        Some(rules.iter().any(|rule| {
            let peer = match &rule.peer {
                DesiredPeer::Ipv4(net) => ObservedPeer::Ipv4(*net),
                DesiredPeer::Ipv6(net) => ObservedPeer::Ipv6(*net),
                DesiredPeer::PrefixList(id) => ObservedPeer::PrefixList(id.clone()),
                DesiredPeer::Group(name) => ObservedPeer::Group { account: None, id: network.id(name.as_str()) },
                DesiredPeer::GroupId { account, id } => {
                    ObservedPeer::Group { account: account.clone(), id: id.clone() }
                }
            };
            self.passes(rule.traffic, &peer)
        }))
    }

    /// A source that nobody can take for one inside the topology.
    fn comes_from_outside(&self) -> bool {
        self.direction == Direction::Ingress && !self.address.to_string().starts_with("10.0.")
    }
}

/// A plan tells of a cut when a full group forces one.
fn tells_of_a_cut(plan: &Plan<Change>) -> bool {
    plan.steps.iter().any(|step| step.caveat.as_ref().is_some_and(|caveat| caveat.contains("cut")))
}

fn plan_for(network: &Network, observed: &Observed) -> Plan<Change> {
    SecurityGroups::plan(&place(), &network.desired, observed, &network.standing)
}

/// Few cases by default, because every build runs them; `PROPTEST_CASES=5000` looks deeper.
fn config() -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 48 };
    ProptestConfig { cases, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn one_round_restores_the_declaration_and_the_next_plan_is_empty(mut network in meddled()) {
        let first = network.enforce();
        let second = network.plan();
        prop_assert!(second.is_empty(), "after\n{first}\nthere is still\n{second}");
        for probe in probes(&network) {
            if let Some(declared) = probe.declared(&network) {
                prop_assert_eq!(probe.admitted(&network.ec2), declared, "{:?}", probe);
            }
        }
    }

    #[test]
    fn no_state_on_the_way_cuts_what_is_declared_or_opens_what_is_not(network in meddled()) {
        let plan = network.plan();
        let probes = probes(&network);
        let mut before = network.ec2.clone();
        let mut wrong = vec![];
        run(&mut network.ec2.clone(), &plan, |after, change| {
            for probe in &probes {
                let Some(declared) = probe.declared(&network) else { continue };
                let (was, is) = (probe.admitted(&before), probe.admitted(after));
                if was && !is && declared && !tells_of_a_cut(&plan) {
                    wrong.push(format!("{change} cuts {probe:?}"));
                }
                if !was && is && !declared {
                    wrong.push(format!("{change} opens {probe:?}"));
                }
            }
            before = after.clone();
        });
        prop_assert!(wrong.is_empty(), "{}\n{plan}", wrong.join("\n"));
    }

    #[test]
    fn a_step_that_fails_leads_to_no_cut(network in meddled(), failing in proptest::collection::vec(any::<bool>(), 12)) {
        let plan = network.plan();
        let mut ec2 = network.ec2.clone();
        let mut done: Vec<bool> = vec![];
        for (step, fails) in plan.steps.iter().zip(failing.iter().chain(std::iter::repeat(&false))) {
            let ready = step.needs.iter().all(|needed| done[*needed]);
            done.push(ready && !fails && ec2.apply(&step.action).is_ok());
        }
        for probe in probes(&network) {
            if probe.declared(&network) == Some(true) && probe.admitted(&network.ec2) && !tells_of_a_cut(&plan) {
                prop_assert!(probe.admitted(&ec2), "cut {probe:?}\n{plan}{done:?}");
            }
        }
    }

    #[test]
    fn exposures_go_within_two_rounds_even_if_every_authorize_is_refused(mut network in meddled()) {
        for _ in 0..2 {
            let plan = network.plan();
            let mut done: Vec<bool> = vec![];
            for step in &plan.steps {
                let ready = step.needs.iter().all(|needed| done[*needed]);
                let refused = matches!(step.action, Change::Authorize { .. });
                let ok = ready && !refused && network.ec2.apply(&step.action).is_ok();
                done.push(ok);
                if ready {
                    let repairs = network.standing.repairs.entry(step.action.resource().id).or_default();
                    let removed = matches!(step.action, Change::Revoke { .. });
                    let at = network.standing.now;
                    repairs.push(Repair { at, run: "one".into(), removed, succeeded: Some(ok) });
                }
            }
        }
        for probe in probes(&network) {
            if probe.comes_from_outside() && probe.declared(&network) == Some(false) {
                prop_assert!(!probe.admitted(&network.ec2), "{:?}\n{}", probe, network.plan());
            }
        }
    }

    #[test]
    fn exposures_go_even_if_every_authorize_is_throttled_for_ever(mut network in meddled()) {
        for _ in 0..3 {
            for step in &network.plan().steps {
                let throttled = matches!(step.action, Change::Authorize { .. });
                // As in the loop: a step that did not succeed is no ground for one that needs it.
                let ready = step.needs.is_empty();
                if throttled {
                    // Unsettled: the record keeps the time of the first try.
                    let repairs = network.standing.repairs.entry(step.action.resource().id).or_default();
                    if repairs.is_empty() {
                        let at = network.standing.now;
                        repairs.push(Repair { at, run: "one".into(), removed: false, succeeded: None });
                    }
                } else if ready {
                    let _ = network.ec2.apply(&step.action);
                }
            }
            network.standing.now += jiff::SignedDuration::from_secs(31);
        }
        for probe in probes(&network) {
            if probe.comes_from_outside() && probe.declared(&network) == Some(false) {
                prop_assert!(!probe.admitted(&network.ec2), "{:?}\n{}", probe, network.plan());
            }
        }
    }

    #[test]
    fn a_prefix_list_of_any_size_finds_its_room(
        size in 1..=60_usize, filler in select(vec!["10.0.200", "198.51.100"]), own in traffic(), other in traffic()
    ) {
        let mut network = Network::build(desired([("edge", group(vec![rule(own, peer_of("pl-0aaa"))]))]));
        network.ec2.rules.retain(|_, rule| rule.direction == Direction::Egress);
        network.ec2.list_sizes.insert("pl-0aaa".into(), size);
        network.standing = standing();
        let id = network.id("edge");
        for n in 0..QUOTA {
            let peer = format!("{filler}.{n}/32");
            network.ec2.authorize(&id, Direction::Ingress, &[permission(&network, other, &peer)]).unwrap();
        }
        for run in 0..4 {
            let plan = network.enforce();
            prop_assert!(run < 3 || plan.is_empty(), "{plan}");
        }
        prop_assert_eq!(network.ec2.count(&id, Direction::Ingress).0, size);
    }

    #[test]
    fn all_that_a_containing_step_needs_is_containment_too(network in meddled()) {
        let plan = network.plan();
        for step in plan.steps.iter().filter(|step| step.contains) {
            prop_assert!(step.needs.iter().all(|needed| plan.steps[*needed].contains), "{plan}");
        }
    }

    #[test]
    fn the_order_of_inputs_does_not_matter(network in meddled(), seed in any::<u64>()) {
        let plan = network.plan();
        let mut observed = network.observe();
        let mut desired = network.desired.clone();
        for vpc in observed.vpcs.values_mut() {
            let Seen::Present(vpc) = vpc else { continue };
            for group in vpc.groups.values_mut() {
                if let Seen::Present(group) = group { shuffle(&mut group.rules, seed) }
            }
        }
        for group in desired.vpcs.values_mut().flat_map(|vpc| vpc.groups.values_mut()) {
            group.ingress.iter_mut().chain(&mut group.egress).for_each(|rules| shuffle(rules, seed));
        }
        let shuffled = plan_for(&Network { desired, ..network }, &observed);
        prop_assert_eq!(serde_json::to_string(&plan).unwrap(), serde_json::to_string(&shuffled).unwrap());
        prop_assert_eq!(plan.to_string(), shuffled.to_string());
    }

    #[test]
    fn what_is_unknown_is_never_touched(network in meddled(), unknown in proptest::collection::vec(any::<bool>(), 3)) {
        let mut observed = network.observe();
        let failed = || Unseen::Failed { retryable: true, why: "throttled".into() };
        let Some(Seen::Present(vpc)) = observed.vpcs.get_mut("main") else { panic!() };
        for (name, unknown) in GROUPS.iter().zip(&unknown) {
            if *unknown {
                vpc.groups.insert((*name).into(), Seen::Unknown(failed()));
                vpc.ids.insert((*name).into(), Seen::Unknown(failed()));
            }
        }
        let plan = plan_for(&network, &observed);
        let hidden: Vec<ResourceId> =
            GROUPS.iter().zip(&unknown).filter(|(_, unknown)| **unknown).map(|(name, _)| network.id(name)).collect();
        for step in &plan.steps {
            prop_assert!(!hidden.contains(&step.action.resource().id), "{plan}");
        }
        prop_assert_eq!(plan.blind.is_empty(), hidden.is_empty());
        // No declared rule goes, whether or not its peer could be resolved.
        let mut ec2 = network.ec2.clone();
        run(&mut ec2, &plan, |_, _| {});
        for (id, rule) in &network.ec2.rules {
            let gone = !ec2.rules.contains_key(id);
            let group = &network.desired.vpcs["main"].groups[&network.ec2.groups[&rule.group].name];
            let rules = match rule.direction { Direction::Ingress => &group.ingress, Direction::Egress => &group.egress };
            let is_declared = rules.iter().flatten().any(|wanted| wanted.traffic == rule.traffic && match (&wanted.peer, &rule.peer) {
                (DesiredPeer::Group(name), ObservedPeer::Group { account: _, id }) => network.id(name.as_str()) == *id,
                _ => false,
            });
            prop_assert!(!(gone && is_declared), "{id} {rule:?}\n{plan}");
        }

        observed.vpcs.insert("main".into(), Seen::Unknown(failed()));
        let plan = plan_for(&network, &observed);
        prop_assert!(plan.steps.is_empty());
    }

    #[test]
    fn only_what_is_in_scope_is_touched(network in meddled(), which in 0..3_usize) {
        let id = network.id(GROUPS[which]);
        let observed = network.ec2.observe(&network.vpcs, &network.desired, &Scope::Only([id.clone()].into()));
        let plan = plan_for(&network, &observed);
        let whole = network.plan();
        prop_assert!(plan.steps.iter().all(|step| step.action.resource().id == id), "{plan}");
        let mine = whole.steps.iter().filter(|step| step.action.resource().id == id).count();
        prop_assert_eq!(plan.steps.len(), mine, "a narrow look decides as a wide one does");
        prop_assert!(plan.blind.is_empty());
    }

    #[test]
    fn actions_survive_the_ledger_and_can_be_taken_back(network in meddled()) {
        let mut ec2 = network.ec2.clone();
        for step in &network.plan().steps {
            let text = serde_json::to_string(&step.action).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Change>(&text).unwrap(), &step.action);
            let before = ec2.clone();
            let Ok(receipt) = ec2.apply(&step.action) else { continue };
            let mut undone = ec2.clone();
            match step.action.inverse(&receipt) {
                Inverse::Exact(inverse) => {
                    undone.apply(&inverse).unwrap();
                    prop_assert_eq!(&undone.rules, &before.rules);
                }
                Inverse::Compensating(inverse, difference) => {
                    prop_assert!(!difference.is_empty());
                    undone.apply(&inverse).unwrap();
                    prop_assert_eq!(without_ids(&undone), without_ids(&before));
                }
                Inverse::None(why) => prop_assert!(false, "{}", why),
            }
        }
    }

    #[test]
    fn parts_of_a_batch_do_what_the_batch_does(network in meddled()) {
        for step in &network.plan().steps {
            let (mut whole, mut parts) = (network.ec2.clone(), network.ec2.clone());
            if whole.apply(&step.action).is_err() || step.action.split().is_empty() {
                continue;
            }
            step.action.split().iter().for_each(|part| { parts.apply(part).unwrap(); });
            prop_assert_eq!(without_ids(&whole), without_ids(&parts));
        }
    }

    #[test]
    fn each_stage_of_a_group_and_direction_is_one_call(network in meddled()) {
        let plan = network.plan();
        let calls = |verb: &str, id: &ResourceId, direction| {
            let alike = |action: &Change| action.to_string().starts_with(verb) && action.group().key.id == *id;
            plan.steps.iter().filter(|step| alike(&step.action) && step.action.direction() == direction).count()
        };
        for id in network.ec2.groups.keys() {
            for direction in Direction::ALL {
                prop_assert!(calls("authorize", id, direction) <= 1);
                prop_assert!(calls("describe", id, direction) <= 1);
                prop_assert!(calls("revoke", id, direction) <= 4);
            }
        }
    }

    #[test]
    fn traffic_survives_the_wire(traffic in traffic()) {
        let (protocol, from, to) = traffic.to_wire();
        prop_assert_eq!(Traffic::from_wire(&protocol, from.map(i64::from), to.map(i64::from)), Ok(traffic));
        // DescribeSecurityGroupRules answers -1 where nothing was given.
        let or_all = |port: Option<i32>| Some(port.map_or(-1, i64::from));
        prop_assert_eq!(Traffic::from_wire(&protocol, or_all(from), or_all(to)), Ok(traffic));
    }

    #[test]
    fn no_wire_value_panics(protocol in ".{0,6}", from in proptest::option::of(any::<i64>()), to in proptest::option::of(any::<i64>())) {
        for protocol in [protocol.as_str(), "tcp", "icmp", "-1", "58"] {
            if let Ok(traffic) = Traffic::from_wire(protocol, from, to) {
                let (protocol, from, to) = traffic.to_wire();
                prop_assert_eq!(Traffic::from_wire(&protocol, from.map(i64::from), to.map(i64::from)), Ok(traffic));
            }
        }
    }
}

/// A fixed shuffle: sorts by a hash of the position.
fn shuffle<T>(items: &mut Vec<T>, seed: u64) {
    let mut keyed: Vec<(u64, T)> = std::mem::take(items)
        .into_iter()
        .zip(1_u64..)
        .map(|(item, n)| ((n ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17), item))
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    items.extend(keyed.into_iter().map(|(_, item)| item));
}

/// Every rule but for its id and tags, in an order of its own.
fn without_ids(ec2: &Ec2) -> Vec<String> {
    let rules = ec2.rules.values().map(|rule| {
        let twin::ec2::Rule { group, direction, traffic, peer, description, tags: _ } = rule;
        format!("{group} {direction} {traffic} {peer} {description:?}")
    });
    let mut rules: Vec<String> = rules.collect();
    rules.sort();
    rules
}
