//! The whole loop on in-memory twins of AWS and of the ledger: one file a theme.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod binding;
mod brakes;
mod compliance;
mod events;
mod every;
mod faults;
mod gateway;
mod hand;
mod layers;
mod leases;
mod modes;
mod retirement;
mod scale;
mod stacks;
mod sweeping;
mod telling;
mod world;
