//! The whole loop on in-memory twins of AWS and of the ledger: one file a theme.

mod binding;
mod brakes;
mod events;
mod faults;
mod hand;
mod layers;
mod leases;
mod modes;
mod sweeping;
mod world;
