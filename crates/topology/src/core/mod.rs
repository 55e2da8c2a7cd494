//! The vocabulary that every control shares.

mod control;
mod field;
mod keys;
mod plan;
mod ranked;
mod seen;
mod standing;

pub use control::{Action, Control, ControlId, Effect, Inverse, Receipt, Scope, Slot};
pub use field::Field;
pub use keys::{
    AccountId, EndpointName, GroupName, LogicalId, Place, Region, ResourceId, ResourceKey, ServiceName, StackId,
    StackName, Thing, TierName, TopologyId, VpcId, VpcName, ZoneLetter,
};
pub use plan::{Drift, Held, Plan, Severity, Step, Wait};
pub use ranked::Ranked;
pub use seen::{Seen, Unseen};
pub use standing::{Directive, Repair, Standing, Subject, Verb};
