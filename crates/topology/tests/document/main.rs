//! The topology document through its public interface: what it resolves to, and every diagnostic as a person reads it.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test crate; its helpers are not test functions")]

mod catalog;
mod contradictions;
mod groups;
mod hostile;
mod network;
mod references;
mod routes;
mod rules;
mod services;
mod shape;
mod stacks;

use topology::Topology;
use topology::document::read;

/// The diagnostics of a document that must be refused.
#[track_caller]
fn wrong(text: &str) -> String {
    match read("topology.yaml", text) {
        Ok(topology) => panic!("accepted: {topology:#?}"),
        Err(problems) => problems.to_string(),
    }
}

/// The topology of a document that must hold.
#[track_caller]
fn right(text: &str) -> Topology {
    match read("topology.yaml", text) {
        Ok(topology) => topology,
        Err(problems) => panic!("refused:\n{problems}"),
    }
}

/// A document whose VPC `main` has these lines.
fn vpc(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!("version: 1\nid: net\nenvironment: production\nvpcs:\n  main:\n{lines}")
}

/// A document whose VPC `main` has sound ranges, a tier of each kind over zones a and b, and these lines.
fn tiers(lines: &str) -> String {
    vpc(&format!(
        "cidr: 10.0.0.0/16
availability_zones: [a, b]
internet_gateway: true
tiers:
  public: {{ route: internet, subnets: [10.0.0.0/24, 10.0.1.0/24] }}
  private: {{ route: nat, subnets: [10.0.2.0/24, 10.0.3.0/24] }}
  data: {{ route: isolated, subnets: [10.0.4.0/24, 10.0.5.0/24] }}
{lines}"
    ))
}

/// A document whose VPC `main` has these security groups.
fn groups(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    vpc(&format!("cidr: 10.0.0.0/16\navailability_zones: [a]\nsecurity_groups:\n{lines}"))
}

/// A document whose group `web` has these inbound rules, one a line, beside a group `db` without any.
fn ingress(rules: &str) -> String {
    let rules: String = rules.lines().map(|rule| format!("    - {rule}\n")).collect();
    groups(&format!("db: {{}}\nweb:\n  ingress:\n{rules}"))
}
