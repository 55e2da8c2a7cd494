//! The five reference topologies.

use std::collections::BTreeSet;
use std::path::PathBuf;
use topology::document::read_all;
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
