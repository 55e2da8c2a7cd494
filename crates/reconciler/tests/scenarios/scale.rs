//! Many VPCs and groups in one account: calls are counted, and grow with topologies and pages, never with rules. `scripts/bench` counts
//! them for two hundred VPCs and two thousand groups on the local cloud.

use crate::world::{World, document, tag};
use reconciler::{Outcome, sweep};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use topology::Topology;
use topology::security_groups::Direction;
use twin::ec2::Permission;

const VPCS: usize = 4;
const GROUPS: usize = 10;

/// A topology of four VPCs with ten groups each; every group has so many rules.
fn estate(number: usize, rules: usize) -> Topology {
    let mut text = format!("version: 1\nid: net-{number}\nenvironment: production\nmode: enforce\nvpcs:\n");
    for vpc in 0..VPCS {
        _ = write!(
            text,
            "  v{vpc}:\n    cidr: 10.{}.0.0/16\n    availability_zones: [a]\n    security_groups:\n",
            (number * VPCS + vpc) % 256
        );
        for group in 0..GROUPS {
            let ports: Vec<String> = (0..rules).map(|n| format!("{{ tcp: {}, from: 10.0.0.0/8 }}", 1000 + n)).collect();
            _ = writeln!(text, "      g{group}: {{ ingress: [{}] }}", ports.join(", "));
        }
    }
    document(&text)
}

/// The calls of one quiet sweep over so many topologies, by operation.
async fn calls(topologies: usize, rules: usize) -> BTreeMap<String, usize> {
    let mut world = World::raw(estate(0, rules));
    world.served.topologies = (0..topologies).map(|number| estate(number, rules)).collect();
    world.ec2.outside(|ec2| {
        ec2.vpcs.clear();
        ec2.groups.clear();
        ec2.rules.clear();
        for topology in &world.served.topologies {
            for (name, declared) in &topology.vpcs {
                let vpc = ec2.create_vpc(&declared.cidr.to_string()).unwrap();
                tag(ec2, &vpc, topology.id.as_str(), name.as_str());
                for group in 0..GROUPS {
                    let id = ec2.create_group(&vpc, &format!("g{group}")).unwrap();
                    let wanted = (0..rules).map(|n| 1000 + i64::try_from(n).unwrap());
                    let wanted: Vec<Permission> =
                        wanted.map(|port| Permission::tcp(port, port, "10.0.0.0/8")).collect();
                    ec2.authorize(&id, Direction::Ingress, &wanted).unwrap();
                }
            }
        }
    });
    let first = world.sweep().await;
    assert!(first.reports.iter().all(|report| report.overall == Outcome::InSync), "it is as declared");
    world.forget();

    let outcome = world.sweep().await;
    assert_eq!((outcome.reports.len(), outcome.failed.len()), (topologies, 0));
    assert_eq!(world.ledger.take_writes(), Vec::<&str>::new(), "a quiet sweep leaves no trace");
    let mut counted = BTreeMap::new();
    for call in world.ec2.take_journal() {
        assert!(!call.is_write());
        *counted.entry(call.operation).or_default() += 1;
    }
    counted
}

#[tokio::test]
async fn the_calls_of_a_sweep_grow_with_topologies_and_not_with_rules() {
    let each = |n: usize| {
        let expected = [("DescribeSecurityGroups", n), ("DescribeSecurityGroupRules", n), ("DescribeVpcs", n)];
        BTreeMap::from(expected.map(|(operation, n)| (operation.to_owned(), n)))
    };
    assert_eq!(calls(2, 1).await, each(2), "8 VPCs and 80 groups");
    assert_eq!(calls(2, 40).await, each(2), "rules cost pages, which the adapter reads, and no calls of their own");
    assert_eq!(calls(8, 1).await, each(8), "32 VPCs and 320 groups");
}

#[tokio::test]
async fn a_sweep_asks_for_all_of_them_at_once() {
    let mut world = World::raw(estate(0, 1));
    world.served.topologies = (0..200).map(|number| estate(number, 1)).collect();
    let swept = sweep(&json!({}), &world.served, &world.trails, &*world.ledger, &world.outbox, &*world.clock).await;
    assert_eq!(swept.unwrap().requested.len(), 200);
    let requests = world.outbox.take().requests;
    assert_eq!(requests.iter().map(|(topologies, _)| topologies.len()).collect::<Vec<_>>(), [200]);
}
