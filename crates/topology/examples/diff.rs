//! Time to plan for 10,000 groups of 60 rules in one VPC: in line, and with one rule too many in each.
//! Prints one JSON object: median milliseconds of five runs each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use topology::security_groups::{
    Desired, DesiredGroup, DesiredPeer, DesiredRule, DesiredVpc, Direction, Observed, ObservedGroup, ObservedPeer,
    ObservedRule, ObservedVpc, Ports, Protocol, SecurityGroups, Traffic,
};
use topology::{Control, GroupName, Place, ResourceId, Seen, Standing, VpcId, VpcName};

const GROUPS: usize = 10_000;
const RULES: u16 = 60;

fn traffic(port: u16) -> Traffic {
    Traffic { protocol: Protocol::Tcp, ports: Ports::Range { from: port, to: port } }
}

#[allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn median_ms(mut run: impl FnMut() -> usize) -> f64 {
    let mut times: Vec<f64> = (0..5)
        .map(|_| {
            let started = Instant::now();
            std::hint::black_box(run());
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let range: ipnet::Ipv4Net = "10.0.0.0/8".parse()?;
    let public: ipnet::Ipv4Net = "0.0.0.0/0".parse()?;
    let vpc = VpcName::from("main");
    let mut desired = DesiredVpc::default();
    let mut observed = ObservedVpc {
        id: VpcId::from("vpc-1"),
        groups: BTreeMap::new(),
        ids: BTreeMap::new(),
        stacked: BTreeSet::new(),
        undeclared: vec![],
    };
    for group in 0..GROUPS {
        let name = GroupName::from(format!("group-{group}"));
        let id = ResourceId::from(format!("sg-{group:017x}"));
        let rules = (0..RULES)
            .map(|port| DesiredRule { traffic: traffic(port), peer: DesiredPeer::Ipv4(range), description: None })
            .collect();
        desired.groups.insert(name.clone(), DesiredGroup { ingress: Some(rules), ..DesiredGroup::default() });
        let rules = (0..RULES)
            .map(|port| ObservedRule {
                id: ResourceId::from(format!("sgr-{group:012x}{port:05x}")),
                direction: Direction::Ingress,
                traffic: traffic(port),
                peer: ObservedPeer::Ipv4(range),
                peer_vpc: None,
                description: None,
                tags: BTreeMap::new(),
            })
            .collect();
        observed.ids.insert(name.clone(), Seen::Present(id.clone()));
        observed.groups.insert(name, Seen::Present(ObservedGroup { id, rules, stack: None, tags: BTreeMap::new() }));
    }
    let desired = Desired { vpcs: [(vpc.clone(), desired)].into(), ..Desired::default() };
    let mut drifted = observed.clone();
    for seen in drifted.groups.values_mut() {
        if let Seen::Present(group) = seen {
            let mut extra = group.rules[0].clone();
            extra.id = ResourceId::from(format!("sgr-extra-{}", group.id));
            extra.traffic = traffic(22);
            extra.peer = ObservedPeer::Ipv4(public);
            group.rules.push(extra);
        }
    }
    let place = Place::new("000000000000", "eu-north-1");
    let standing = Standing::at(jiff::Timestamp::UNIX_EPOCH);
    let plan = |observed: &Observed| SecurityGroups::plan(&place, &desired, observed, &standing).steps.len();
    let observed = Observed { vpcs: [(vpc.clone(), Seen::Present(observed))].into() };
    let drifted = Observed { vpcs: [(vpc, Seen::Present(drifted))].into() };
    println!(
        "{{\"groups\": {GROUPS}, \"rules\": {RULES}, \"in_line_ms\": {:.1}, \"drifted_ms\": {:.1}, \"drifted_steps\": {}}}",
        median_ms(|| plan(&observed)),
        median_ms(|| plan(&drifted)),
        plan(&drifted),
    );
    Ok(())
}
