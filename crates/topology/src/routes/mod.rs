//! The `routes` control: which route table each declared subnet uses, what stands in it, whether an internet gateway is attached, and
//! the attributes of subnets and VPCs that decide about reach.
//!
//! `facts` says which table is whose, `reach` what a route means to a tier, `tables` what becomes of the routes of a table, `seats`
//! which subnet moves to which table, `gateway` and `attributes` what their names say, `surplus` what goes of what was made here, and
//! `planner` puts it in one line. No state is kept: each plan does what may be done now. Decided here:
//!
//! - **Whose route it is.** 0.0.0.0/0 of a table that a subnet of a `nat` tier uses belongs to the control `nat`, where the VPC says
//!   anything of NAT: it is looked at here and never written. Every other route of a declared subnet's table is kept here, also
//!   0.0.0.0/0 of a `nat` tier's table that no such subnet uses at the moment: it is made fit before the subnet comes back to it. Since
//!   the table in use decides, and every move goes to the one table that is the subnet's own, neither control undoes the other.
//!   Where a VPC says nothing of NAT, the default routes of its `nat` tiers are nobody's, but none may lead to an internet gateway.
//! - **A subnet's own table** is the one that CloudFormation made for it (the same stack, the logical id that `plumb render` gives it;
//!   nobody can write these tags), else the one that was made here, by the ledger and its tags, else the one with the tags that
//!   `plumb render` writes. Only equals compete: a copied tag cannot make the true one doubtful. If two are equal, the one in use
//!   stays, and otherwise it is held. In a network without any of these, the table in use counts, if whoever uses it is declared alike.
//!   So it does in one that a stack which people wrote holds: that may give a tier one table.
//! - **A table that was deleted** is made again, empty but for what its tier says, and its subnet moved to it: until then the subnet
//!   uses the VPC's main table, or whatever somebody gave it, and nothing else could take it out of an open one. The stack's table is
//!   still missing to the stack, which is told; when the stack makes one again, that one counts, and ours goes.
//! - **An exposure** is a way from or to the internet that the tier's `route` does not give: an internet or carrier gateway in any tier
//!   but `internet` (or for IPv6 there: the document knows IPv4 only), an egress-only gateway outside `internet`, NAT in `isolated`. It
//!   goes first. What leads anywhere else (transit gateway, peering, an interface) is drift, and goes last, by the limits of the guard, and
//!   not while it may carry what the default route that `nat` has lost should.
//! - **A subnet on a table that is not its own** moves back by `ReplaceRouteTableAssociation`, which has no gap, once its own table has
//!   no way that the tier must not have, and has the default route that it has now, if that works and is declared. The other way round
//!   no table is opened while a subnet that may not be open still uses it. Only containment does not wait for a subnet to come home
//!   that goes out by an open table of another tier: it is cut off for that moment.
//! - **Within the VPC** a route leads to `local`, or through the appliance (an interface, or an endpoint) that the document names for it.
//! - **Never touched**: `local`, propagated and advertised routes, those of gateway endpoints, tables of undeclared subnets, the table
//!   of a regional NAT gateway, gateways that somebody else made (they are detached where none may be, and never deleted).
//! - **Attributes**: DNS support before host names, and the other way when they are switched off.

mod action;
mod attributes;
mod change;
mod control;
mod desired;
mod facts;
mod gateway;
mod observed;
mod planner;
mod reach;
mod seats;
mod surplus;
mod tables;

pub use change::{Change, DnsAttribute};
pub use control::Routes;
pub use desired::{Desired, DesiredSubnet, DesiredVpc};
pub use observed::{
    LOCAL, Observed, ObservedDns, ObservedGateway, ObservedRoute, ObservedSubnet, ObservedTable, ObservedVpc, Origin,
};
