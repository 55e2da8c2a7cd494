//! The real binaries, deployed from template.yaml on a local cloud, against what people do to networks.
//! `scripts/test` starts one local cloud a nextest slot; each test restores the state right after the deploy.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy takes for code"
)]

mod alarms;
mod brakes;
mod by_hand;
mod config_rule;
mod connections;
mod contract;
mod contract_links;
mod deploy;
mod endpoints;
mod every_control;
mod exposure;
mod flow_logs;
mod hostile;
mod layers;
mod ledger;
mod life_cycle;
mod modes;
mod nat;
mod payments;
mod repairs;
mod roles;
mod routes;
mod scenario;
mod stack_repair;
mod stacks;
mod stage;
mod storms;
mod sweeping;
mod systems;
mod taken_away;
mod trails;
