//! The whole path on twins that fail, repeat and reorder: each payment that was taken ends in exactly one final record.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test crate; its helpers are not test functions")]

mod plain;
mod property;
mod world;
