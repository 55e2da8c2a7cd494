//! The `privatelink` control: who is connected to an endpoint service is exactly who may be.
//!
//! `pick` says which endpoint service is the declared one, `judge` who may be connected, `connections` what is done about each
//! connection, `planner` what is kept of the service itself and in which order all of it is done. Decided here:
//!
//! - **Only AWS's own account of a connection counts.** A notice or an event says where to look; whose endpoint it is, and whether it
//!   waits, says the describe. AWS shows the owner's account and the endpoint's id, never a principal, so the document accepts by these.
//! - **Acceptance is restored first**, then what came in without it is judged like everything else.
//! - **`at_most` is kept twice:** a plan gives no more places than are free, and each is claimed in the ledger by a conditional write
//!   before its connection is accepted, so that no stale look and no second run can give one twice.
//! - **A principal may only ask**, as long as acceptance is required: an undeclared one is drift. `*` is everybody, and while acceptance
//!   is off whoever may ask is in: exposures.
//! - **An undeclared load balancer behind the service is an exposure:** consumers reach what stands behind it, and nobody declared
//!   that. Nobody more is let in before it is gone.
//! - **The service itself is its stack's.** One that is missing is held, not made: its name would be another one, which every consumer
//!   would have to learn.

mod action;
mod change;
mod connections;
mod control;
mod desired;
mod judge;
mod observed;
mod pick;
mod planner;

pub use change::{Change, ConnectionRef, Places, ServiceRef};
pub use control::PrivateLink;
pub use desired::{Desired, SERVICE_TAG, TOPOLOGY_TAG};
pub use observed::{
    ConnectionState, Observed, ObservedBalancer, ObservedConnection, ObservedService, PrivateDns, Sighting,
};
pub use pick::{Pick, claims, pick};
