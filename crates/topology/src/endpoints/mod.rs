//! The `endpoints` control: each declared VPC endpoint is there, in its subnets and route tables, behind its security groups, with its
//! policy, and with private DNS where that is declared.
//!
//! `facts` says what an observation means, `pick` which endpoint is the declared one, `making` what is made and what goes, `keeping` what
//! differs in one that is there, `gate` when private DNS may be switched on, `swap` how subnets move, `bucket` how many calls a plan may
//! make, and `planner` puts it in one line. No state is kept: each plan does what may be done now, and reads off the network and the
//! ledger how far it is. Decided here:
//!
//! - **The declared endpoint** is the one of its service and kind in the VPC. Of several, that of the network's stack counts, or ours; of
//!   those the one that carries the traffic. A single one of somebody else's counts as well. Several of somebody else's are nobody's: held.
//! - **Modified in place, in one call.** Groups, subnets, tables, policy and private DNS of one endpoint go into one
//!   `ModifyVpcEndpoint`: additions and removals together, so that nothing is without either in between. What is declared and not there
//!   keeps what is there and not declared from being removed. Where AWS does not take two subnets of one zone in a call, they are
//!   swapped zone by zone, and the last one stays.
//! - **Made without private DNS.** Private DNS redirects the service's name for the whole VPC at once. It is switched on, by a call of its
//!   own, when an observation shows the endpoint available and its declared groups, attached, admitting HTTPS from everyone whom the
//!   document lets in. Whoever switched it off has it back through the same gate. While it is on, no group goes before the declared
//!   ones admit.
//! - **Four calls, then one in three seconds**: AWS gives no more to an account, for all of its tools together. A plan makes three at
//!   once, then one in four seconds, gateways first; the rest waits for a time, which is no failure.
//! - **Ours** is what the ledger says that we made and what bears our tags. Nothing else is ever deleted. What bears them and is not in
//!   the ledger was made by a run that crashed, or the tags are copied: while the last call for it has no answer on record, the same
//!   call is planned again, whose token gives the same endpoint.
//! - **One that failed** is let be for half a minute before another is made beside it, then twice as long; the third within the hour is
//!   held. The last one stays, for it says why, until one works.
//! - **The network's stack** does not learn that an endpoint which it made was deleted and stands again: its stand-in bears the logical id
//!   ([`STAND_IN_TAG`]), the change that makes it names stack and logical id ([`StandIn`]), and the plan says so.
//! - **Route tables** are those with which the declared subnets are associated now. The main table is left alone: it also serves whatever
//!   is not declared. So is one that serves a subnet of no declared tier, which would lose its way to the service. A table that serves
//!   no subnet at all is left as it is: one whose subnet was moved away gets it back.
//! - **Another kind** to the same service replaces ours when it is there as declared, private DNS included.

mod action;
mod bucket;
mod change;
mod control;
mod desired;
mod facts;
mod gate;
mod keeping;
mod making;
mod observed;
mod pick;
mod planner;
mod policy;
mod swap;
mod tags;

pub use change::{Change, Edit, NewEndpoint, PolicyEdit, StandIn, endpoint_key};
pub use control::Endpoints;
pub use desired::{Callers, Desired, DesiredEndpoint, DesiredVpc, Shape};
pub use observed::{
    Dns, EndpointState, Kind, Observed, ObservedEndpoint, ObservedGroup, ObservedService, ObservedSubnet,
    ObservedTable, ObservedVpc, Source,
};
pub use policy::Policy;
pub use tags::STAND_IN_TAG;
