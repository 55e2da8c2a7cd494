//! The `flow-logs` control: each declared flow log of a VPC exists and delivers, and its log group keeps records as long as declared.

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

pub use change::{Change, Purpose};
pub use control::FlowLogs;
pub use desired::Desired;
pub use observed::{Delivery, Observed, ObservedGroup, ObservedLog, ObservedVpc};
pub use spec::{
    DEFAULT_FORMAT, Destination, S3Options, Spec, canonical_arn, canonical_format, group_id, group_name, partition,
};
