//! The `nat` control: NAT gateways, their addresses, and the default routes of the tiers behind them.
//!
//! `facts` says what an observation means, `posts` where a gateway shall stand and which one stands there, `routes` and `verdict` which
//! default route moves and when, `making` and `addresses` what is made and with which address, `surplus` what goes, `split` what to do about
//! a table that serves too much, `cost` what all of it costs, and `planner` puts it in one line. No state is kept: each plan does what
//! may be done now, and reads off the network and the ledger how far it is. Decided here:
//!
//! - **A gateway counts** if it is public, available, and in a subnet with a live route to an internet gateway (a regional one needs
//!   no subnet), whoever made it. With an address declared for its zone, it must have that one. Ours is preferred to somebody else's;
//!   of two of ours the one that carries routes stays.
//! - **A way out that is lost** (the gateway is gone, going, failed, pending or cut off; or its zone is evacuated by a person or by
//!   ARC) moves at once to the best gateway that works: of its own zone, of another post, of anybody, and last one in a zone that is
//!   not to be relied upon. In production too, and while the stack that owns the table is changing.
//! - **A way out that works** moves when the declaration changed: at once. A move that undoes a fail-over waits until the replacement
//!   was watched for `fail_back_after`, in production for a maintenance window besides; a person who runs it by hand waits for
//!   neither. Which is which is said by the tag `plumbline:because`: a route that leaves a declared gateway for one that `replaces` a
//!   lost one, or that leaves one that `stands in`, goes back; one that goes to a gateway that was `declared` within a day, or that
//!   leaves one that is not declared any more, follows the declaration. What waits for longer than a sweep is advice, not a wait: no
//!   chain of rechecks is spent on it. Where production declares no window, it is held, so that somebody is told.
//! - **Nothing is built in a zone that is left.** If that was the only one, another public subnet's zone stands in for it. What stands
//!   in the zone stays there, with its address, until traffic comes back.
//! - **An open subnet** (its default route leads to an internet gateway, or a carrier's) is an exposure. It is closed at once: moved to
//!   NAT if a gateway works, else the route goes, although that leaves no way out: the way that it had was not one that it may have.
//! - **Any other default route** (transit gateway, interface, propagated) is somebody's decision, and held, unless it is a
//!   black hole. So is a table that serves
//!   zones with gateways of their own, other subnets too, or is the main one: with the commands that split it. Until then a way
//!   out that it had is kept up. A subnet that the table's stack does not hold has no say in it: whoever puts a stray one there
//!   would switch off what is kept.
//! - **Ours** is what the ledger says that we made and what bears our tags. What bears them and is not in the ledger was made by a run
//!   that crashed, or the tags are copied: while the last call there has no answer on record, the same call is planned again, whose
//!   token gives the same thing; otherwise it is told as advice and never taken away.
//! - **An address** of ours stays with its zone while the zone is to have a gateway; a replacement waits until AWS gives it back. It is
//!   released when nothing uses it and its zone needs none. Declared addresses are never released, not even those that we made. Nor is
//!   one whose zone somebody else's gateway serves: that may go at any time, and partners let ours in. Its zone is where its last
//!   gateway of ours stood, rather than what a tag says.
//! - **Nothing is taken away** while it is not known which zones are left, or which addresses there are. What is ours by the ledger and
//!   lost its tags stays, and is told.
//! - **A gateway that is surplus** goes when nothing that is used leads to it. Routes of others that do are named, and it is held.
//! - **Failures** are deleted and tried again after 30 seconds, then twice that, and so on; the fourth within the hour is held.
//!   Those of others do not count. One that is pending for a quarter of an hour is held too.

mod action;
mod addresses;
mod change;
mod control;
mod cost;
mod desired;
mod facts;
mod making;
mod observed;
mod planner;
mod posts;
mod routes;
mod split;
mod surplus;
mod verdict;

pub use change::{Change, NewGateway, Thing};
pub use control::Nat;
pub use desired::{Desired, DesiredAddress, DesiredVpc, Gateways, Routed};
pub use observed::{
    Availability, DefaultRoute, Failure, GatewayState, Observed, ObservedAddress, ObservedGateway, ObservedSubnet,
    ObservedTable, ObservedVpc, OtherRoute, UsedAddress,
};
