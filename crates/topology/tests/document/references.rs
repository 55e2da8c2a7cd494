//! The five reference topologies.

use std::collections::BTreeSet;
use std::path::PathBuf;
use topology::document::read_all;
use topology::network::{Consumer, Nat, PublicIps, Route};
use topology::{ControlId, Mode};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../topologies")
}

fn files() -> Vec<(String, String)> {
    let mut files = vec![];
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path().join("topology.yaml");
        if path.is_file() {
            files.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    files
}

#[test]
fn every_reference_topology_holds_and_is_enforced() {
    let catalog = read_all(files());
    let refused: Vec<String> = catalog.refused.iter().map(|refused| refused.problems.to_string()).collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    let ids: BTreeSet<&str> = catalog.topologies.iter().map(|topology| topology.id.as_str()).collect();
    assert_eq!(ids, BTreeSet::from(["api-network", "autoscaled-web", "hipaa", "privatelink", "three-tier"]));
    for topology in &catalog.topologies {
        for control in ControlId::ALL {
            assert_eq!(topology.mode(*control), Mode::Enforce, "{}", topology.id);
        }
    }
}

#[test]
fn every_reference_topology_tells_editors_its_schema() {
    for (file, text) in files() {
        assert!(text.starts_with("# yaml-language-server: $schema=../topology.schema.json\n"), "{file}");
    }
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let fresh = format!("{}\n", serde_json::to_string_pretty(&topology::document::schema()).unwrap());
    let committed = std::fs::read_to_string(folder().join("topology.schema.json")).unwrap_or_default();
    assert!(fresh == committed, "run: cargo run -p plumb -- schema > topologies/topology.schema.json");
}

fn topology(id: &str) -> topology::Topology {
    read_all(files()).topologies.into_iter().find(|topology| topology.id.as_str() == id).unwrap()
}

/// Who may reach a group, as `port from peer`.
fn ways_in(topology: &topology::Topology, vpc: &str, group: &str) -> Vec<String> {
    let desired = topology.security_groups.as_ref().unwrap();
    let rules = desired.vpcs[vpc].groups[group].ingress.as_ref().unwrap();
    rules.iter().map(|rule| format!("{:?} from {:?}", rule.traffic.ports, rule.peer)).collect()
}

#[test]
fn the_health_database_answers_the_application_and_the_bastion_only() {
    assert_eq!(
        ways_in(&topology("hipaa"), "main", "database"),
        [
            "Range { from: 5432, to: 5432 } from Group(GroupName(\"application\"))",
            "Range { from: 5432, to: 5432 } from Group(GroupName(\"bastion\"))"
        ]
    );
}

#[test]
fn nothing_of_the_producer_is_public() {
    let topology = topology("privatelink");
    let producer = &topology.vpcs["producer"];
    assert_eq!(producer.internet_gateway, Some(false));
    assert_eq!(producer.nat, Some(Nat::None));
    for tier in producer.tiers.values() {
        assert_eq!((tier.route, tier.public_ips), (Route::Isolated, Some(PublicIps::Never)));
    }
    for group in topology.security_groups.as_ref().unwrap().vpcs["producer"].groups.keys() {
        for way in ways_in(&topology, "producer", group.as_str()) {
            assert!(!way.contains("0.0.0.0/0") && !way.contains("Ipv6"), "{group}: {way}");
        }
    }
}

/// The table of the three-tier reference: three tiers of /20 over three zones, and a gateway in each in production.
#[test]
fn the_consumer_that_the_document_declares_is_let_in_by_the_producer() {
    let accept = &topology("privatelink").privatelink["products-api"].accept;
    let own: Vec<_> = accept.iter().filter(|entry| entry.who == Consumer::Own).map(|entry| entry.at_most).collect();
    assert_eq!(own, [Some(1)]);
}

#[test]
fn the_three_tiers_have_the_ranges_of_their_reference() {
    let topology = topology("three-tier");
    let main = &topology.vpcs["main"];
    let ranges = |tier: &str| -> Vec<String> {
        main.tiers[tier].subnets.iter().map(|subnet| format!("{} {}", subnet.zone, subnet.cidr)).collect()
    };
    assert_eq!(ranges("public"), ["a 10.0.0.0/20", "b 10.0.16.0/20", "c 10.0.32.0/20"]);
    assert_eq!(ranges("private"), ["a 10.0.48.0/20", "b 10.0.64.0/20", "c 10.0.80.0/20"]);
    assert_eq!(ranges("database"), ["a 10.0.96.0/20", "b 10.0.112.0/20", "c 10.0.128.0/20"]);
    let zones = ["a", "b", "c"].map(Into::into).to_vec();
    assert_eq!(main.nat, Some(Nat::Zonal { tier: "public".into(), zones }));
    let endpoints: Vec<&str> = main.endpoints.as_ref().unwrap().keys().map(|name| name.as_str()).collect();
    assert_eq!(endpoints, ["dynamodb", "ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager"]);
}
