//! The topology document through its public interface: what it resolves to, and every diagnostic as a person reads it.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test crate; its helpers are not test functions")]
mod references;
mod shape;

use topology::Topology;
use topology::document::read;

/// The topology of a document that must hold.
fn right(text: &str) -> Topology {
    match read("topology.yaml", text) {
        Ok(topology) => topology,
        Err(problems) => panic!("refused:\n{problems}"),
    }
}
