//! The `flow-logs` control: each declared flow log of a VPC exists and delivers, and its log group keeps records as long as declared.
//!
//! A flow log is immutable: another configuration is another flow log
//! (<https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-basics.html>). `vpc` says which declared one is kept by which that
//! exists, `cure` what is done about one that is as declared and does not deliver, `planner` looks after log groups and puts all
//! VPCs in one plan. Decided here:
//!
//! - **New before old.** What replaces ours is made first. The old one goes in a later plan, when an observation shows the new one
//!   active and not failing.
//! - **Ours** is what the ledger says that we made and whose tags say so too. Nothing else is ever deleted.
//! - **One with our tags that the ledger does not know**, made within the hour, is asked for once more: the ledger gives the token of
//!   a call back whose answer never came, and AWS then answers with the flow log of the first time. Without this, a crash between the
//!   call and its record would make a stranger of it for ever.
//! - **A foreign flow log counts** when whoever reads the records could not tell: same traffic, place, interval, fields and
//!   options, delivering; the role that delivers does not matter. One that differs is no drift: the declared one is made beside it.
//! - **FAILED is not recording**, whatever `FlowLogStatus` says. How that is cured is said in `cure`.
//! - **What is not declared any more goes last**: when everything declared for its VPC is recorded.
//! - **Log groups belong to the network's stack**, which keeps them when it is deleted. One that is missing is made here, after
//!   the stack has settled; its retention is always kept here. No log group is ever deleted: there are records in it.

mod action;
mod advice;
mod change;
mod control;
mod cure;
mod desired;
mod observed;
mod planner;
mod spec;
mod tags;
mod vpc;

pub use advice::let_in;
pub use change::{Change, Purpose};
pub use control::FlowLogs;
pub use desired::Desired;
pub use observed::{Delivery, Observed, ObservedGroup, ObservedLog, ObservedVpc};
pub use spec::{
    DEFAULT_FORMAT, Destination, S3Options, Spec, canonical_arn, canonical_format, group_id, group_name, partition,
};
