//! What the workloads of `topologies/` promise: wired to their networks, secure by default, complete, and built by this repository.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod access;
mod data;
mod functions;
mod queries;
mod readme;
mod traffic;
mod wiring;

use e2e::template::{self, Template};
use serde_json::Value;

const NAMES: [&str; 5] = ["api-network", "three-tier", "hipaa", "autoscaled-web", "privatelink"];

fn workload(name: &str) -> Template {
    Template::at(format!("topologies/{name}/workload.yaml")).unwrap()
}

fn network(name: &str) -> Value {
    template::json(format!("topologies/{name}/network.json")).unwrap()
}

/// Every resource of a type in all five, with the workload's name before its own.
fn all(kind: &str) -> Vec<(String, Value)> {
    let mut found = vec![];
    for name in NAMES {
        let workload = workload(name);
        found.extend(workload.of_type(kind).map(|(id, resource)| (format!("{name}: {id}"), resource.clone())));
    }
    found
}
