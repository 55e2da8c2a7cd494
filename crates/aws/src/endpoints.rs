//! The adapter of VPC endpoints: observing with a handful of describes however many endpoints, and changes.

mod apply;
mod listing;
mod mapping;
mod observe;
