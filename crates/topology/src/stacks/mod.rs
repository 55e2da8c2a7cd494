//! A network's own CloudFormation stack: what its drift detection says, and how it is brought back in line with what stands.
//!
//! Drift detection is advice and never truth: it compares with the last deployed template, at a time of its own, and only what that
//! template says. What is enforced is the document.
//!
//! **How a stack is brought back in line.** A drift-aware change set (`DeploymentMode: REVERT_DRIFT`) makes again what was deleted
//! behind the stack's back
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html>). That is right for what is
//! missing. Where Plumbline has put something in its place already it is not: the second endpoint of a service is refused while the
//! first has its private DNS name or its routes, and whoever takes the first away to make room cuts the path. So what stands in is
//! *adopted* first, as AWS describes it for a resource that shall be kept
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-resolve-drift.html>):
//!
//! 1. **release**: the template without the resource. CloudFormation finds that it is gone and forgets it.
//! 2. **adopt**: an import of what stands in, under the same logical id. Nothing of it is changed but its tags.
//! 3. **revert**: the stack's own template again, drift-aware. It restores the outputs, makes again what nothing stands in for, and
//!    leaves the stack in sync.
//!
//! No step changes what carries traffic, and each is a change set that is read before it is executed ([`judge`]): one that would
//! change anything else is discarded and told.

mod advice;
mod changes;
mod commands;
mod drift;
mod repair;
mod template;

pub use advice::{Advice, advise};
pub use changes::{Change, ChangeAction, judge};
pub use commands::commands;
pub use drift::{Difference, DriftStatus, ResourceDrift, StandIn};
pub use repair::{ChangeSet, Gone, Import, Repair, Stage, TemplateSource, contested, repair, unsure};
pub use template::TemplateError;

use crate::core::ResourceId;

/// A kind of a network stack's resource that something else may stand in for, how its ids begin, and by which property CloudFormation
/// imports it (the primary identifier of its schema,
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-supported-resources.html>).
///
/// A route is known to CloudFormation by its table and its destination, an attachment by its VPC and a log group by its name: one that
/// was made again is still the stack's.
const ADOPTABLE: [(&str, &str, &str); 2] =
    [("AWS::EC2::VPCEndpoint", "vpce-", "Id"), ("AWS::EC2::SubnetRouteTableAssociation", "rtbassoc-", "Id")];

/// Whether an id is of a kind that a stack may miss its own one of.
pub fn is_part_of_a_stack(id: &ResourceId) -> bool {
    ADOPTABLE.iter().any(|(_, prefix, _)| id.as_str().starts_with(prefix) && !id.as_str().starts_with("vpce-svc-"))
}

/// How ids of what may stand in for a resource of this kind begin.
pub fn stands_in(kind: &str) -> Option<&'static str> {
    ADOPTABLE.iter().find(|(adoptable, _, _)| *adoptable == kind).map(|(_, prefix, _)| *prefix)
}

fn import_key(kind: &str) -> Option<&'static str> {
    ADOPTABLE.iter().find(|(adoptable, _, _)| *adoptable == kind).map(|(_, _, key)| *key)
}
