//! The adapter of flow logs: observing with three describes however many VPCs, and changes on both planes of failure.

mod apply;
mod mapping;
mod observe;
