//! In-memory twins of the ports, for properties and scenarios.

pub mod ec2;
mod ec2_control;
mod ec2_ports;

pub use ec2_control::STACK_TAG;
pub use ec2_ports::{Call, TwinEc2};
