//! The `security-groups` control: the rules of declared groups are exactly the declared ones.
//!
//! A rule's identity is (group, direction, protocol, ports, peer); its description is not part of it
//! (<https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html>).

mod change;
mod desired;
mod observed;
mod rule;

pub use change::{Change, GroupRef, KnownRule, RuleSpec};
pub use desired::{Desired, DesiredGroup, DesiredPeer, DesiredRule, DesiredVpc, ForeignRule, Undeclared};
pub use observed::{Observed, ObservedGroup, ObservedPeer, ObservedRule, ObservedVpc, UndeclaredGroup};
pub use rule::{Direction, Ports, Protocol, Traffic};
