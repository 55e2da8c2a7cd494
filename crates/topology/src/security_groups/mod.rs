//! The `security-groups` control: the rules of declared groups are exactly the declared ones.
//!
//! A rule's identity is (group, direction, protocol, ports, peer); its description is not part of it
//! (<https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html>).

mod action;
mod change;
mod control;
mod desired;
mod diff;
mod foreign;
mod observed;
mod order;
mod planner;
mod reach;
mod resolve;
mod rule;

pub use change::{Change, GroupRef, KnownRule, RuleSpec};
pub use control::SecurityGroups;
pub use desired::{Desired, DesiredGroup, DesiredPeer, DesiredRule, DesiredVpc, ForeignRule, Undeclared};
pub use observed::{Observed, ObservedGroup, ObservedPeer, ObservedRule, ObservedVpc, UndeclaredGroup};
pub use rule::{Direction, Ports, Protocol, Traffic, TrafficError};
