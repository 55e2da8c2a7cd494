//! What `template.yaml` promises: each rule lets through what it should and nothing else, nothing that holds data is deleted with the
//! stack, nothing that can fail is lost, no role allows more than it must, and each control has every part that a control has.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod config;
mod controls;
mod events;
mod expected;
mod queues;
mod roles;
mod stack;

use e2e::template::{Template, list};
use serde_json::Value;
use topology::ControlId;

fn template() -> Template {
    Template::read().unwrap()
}

/// `security-groups` → `SecurityGroups`, the prefix of its block's logical ids.
fn prefix(control: ControlId) -> String {
    control.name().split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// The statements of a queue's or a topic's policy, which must be one: CloudFormation applies two in no order.
fn policy_on(template: &Template, kind: &str, named_by: &str, name: &str) -> Vec<Value> {
    let policies: Vec<_> = template
        .of_type(kind)
        .filter(|(_, policy)| list(&policy["Properties"][named_by]).iter().any(|one| *one == name))
        .collect();
    assert_eq!(policies.len(), 1, "{name}: one policy");
    list(&policies[0].1["Properties"]["PolicyDocument"]["Statement"]).into_iter().cloned().collect()
}
