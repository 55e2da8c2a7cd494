//! The `security-groups` control: the rules of declared groups are exactly the declared ones.
//!
//! A rule's identity is (group, direction, protocol, ports, peer); its description is not part of it
//! (<https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html>).
//!
//! `diff` says what differs in one direction of one group, `order` in which order it is closed and what waits for what (the
//! decisions about containment are there), `planner` puts all groups of all VPCs in one line. Decided here:
//!
//! - **Exposure** is undeclared *inbound* reach: from public addresses; from a prefix list, whose contents can be public and can
//!   change; from a group of another account; from private addresses beyond the topology's VPCs. More outbound is drift: it lets
//!   nobody in. An extra rule that lies wholly within a declared one opens nothing and is drift too.
//! - **Public** is what is not wholly private (RFC 1918, RFC 6598, loopback, link-local, unique local IPv6). Ranges that are
//!   reserved for documentation are public: a mistake falls on the safe side.
//! - **`foreign_rules`** make an undeclared rule no drift, unless its source is public (a prefix list included). An item that says
//!   nothing matches nothing.
//! - **Marks of well-known controllers** hold a rule at first sight. Anybody can write them, so they never hold one that admits
//!   public addresses or another account.
//! - **A group of the same account that the topology does not declare counts as inside.** The observation does not say whether
//!   it belongs to a peered VPC.
//! - **A declared peer that cannot be resolved now** keeps every extra rule for the same traffic, exposures excepted: each may
//!   be that rule. A group that is gone is held, never recreated: nothing would be a member of the new one.

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
