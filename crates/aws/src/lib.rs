//! AWS SDK ↔ domain. The only crate that names `aws-sdk-*`: what goes out is decided elsewhere, what comes in is mapped here, and
//! what goes wrong becomes a [`reconciler::Fault`] here.

mod clients;
mod clock;
mod endpoints;
mod errors;
mod evaluations;
mod exposure;
mod flow_logs;
mod formation;
mod ledger;
mod locate;
mod nat;
mod network;
mod outbox;
mod privatelink;
mod route_tables;
mod routes;
mod security_groups;
mod stacks;
mod topologies;
mod trails;

pub use clients::{Access, Called, Calls, Clients, setting};
pub use clock::SystemClock;
pub use errors::Error;
pub use evaluations::AwsEvaluations;
pub use formation::Formation;
pub use ledger::DynamoLedger;
pub use network::Network;
pub use outbox::{AwsOutbox, Destinations};
pub use topologies::{home, served};
pub use trails::CloudTrail;
