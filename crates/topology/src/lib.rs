//! Plumbline's pure half: the topology document, and for each control what it desires, how it reads what was observed,
//! and the plan that closes the gap.
//!
//! Architecture invariant: nothing here knows a clock, an environment, a network or an AWS SDK. Time and memory are
//! inputs ([`Standing`]). The same inputs give the same plan, byte for byte.

pub mod core;
pub mod document;
pub mod endpoints;
pub mod exposure;
pub mod flow_logs;
pub mod nat;
pub mod network;
pub mod privatelink;
pub mod render;
pub mod routes;
pub mod security_groups;
pub mod stacks;
mod topology;
mod window;

pub use crate::core::*;
pub use crate::network::Vpc;
pub use crate::topology::{Mode, Topology};
