//! The Lambda edge: what a function is wired from, batches in and batch answers out, by-hand input in and readable answers out,
//! logs and metrics. It decides nothing about the network.

mod config_rule;
mod control;
mod edge;
mod emf;
mod event;
mod log;
mod settings;
mod sweeper;

pub use config_rule::config_rule;
pub use control::run;
pub use edge::Error;
pub use sweeper::sweep;
