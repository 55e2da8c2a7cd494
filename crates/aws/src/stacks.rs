//! What a CloudFormation stack is doing.

use crate::errors::fault;
use crate::network::Network;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceDetail};
use reconciler::{Fault, StackStatus, Stacks};
use topology::network::StackResource;
use topology::{Place, StackId, VpcId};

impl Stacks for Network {
    async fn status(&self, place: &Place, stack: &StackId) -> Result<Option<StackStatus>, Fault> {
        let cloudformation = self.clients.regional(place)?.cloudformation();
        match cloudformation.describe_stacks().stack_name(stack.as_str()).send().await {
            Ok(answer) => {
                Ok(answer.stacks().first().and_then(|stack| stack.stack_status()).and_then(|s| status(s.as_str())))
            }
            Err(error) => {
                let service = error.as_service_error();
                let unknown = service.is_some_and(|error| {
                    does_not_exist(error.code().unwrap_or_default(), error.message().unwrap_or_default())
                });
                if unknown { Ok(None) } else { Err(fault("DescribeStacks", &error)) }
            }
        }
    }
}

impl Network {
    /// The VPC that a stack holds under a logical id, and which stack that is. `None`: no such stack, or nothing of the kind in it.
    pub(crate) async fn stack_resource(
        &self,
        place: &Place,
        of: &StackResource,
    ) -> Result<Option<(StackId, VpcId)>, Fault> {
        let StackResource { stack, logical_id } = of;
        let request = self.clients.regional(place)?.cloudformation().describe_stack_resource();
        match request.stack_name(stack.as_str()).logical_resource_id(logical_id.as_str()).send().await {
            Ok(answer) => Ok(answer.stack_resource_detail().and_then(vpc_of)),
            Err(error) => {
                let unknown = error.as_service_error().is_some_and(|error| {
                    does_not_exist(error.code().unwrap_or_default(), error.message().unwrap_or_default())
                });
                if unknown { Ok(None) } else { Err(fault("DescribeStackResource", &error)) }
            }
        }
    }
}

/// What is gone, or is not made yet, has no VPC behind it.
fn vpc_of(detail: &StackResourceDetail) -> Option<(StackId, VpcId)> {
    let gone =
        matches!(detail.resource_status(), Some(ResourceStatus::DeleteComplete | ResourceStatus::DeleteInProgress));
    let vpc = detail.physical_resource_id().filter(|id| id.starts_with("vpc-") && !gone)?;
    Some((detail.stack_id()?.into(), vpc.into()))
}

/// CloudFormation has no error code of its own for it, neither for a stack nor for a resource of one
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>).
fn does_not_exist(code: &str, message: &str) -> bool {
    code == "ValidationError" && message.contains("does not exist")
}

/// The statuses of <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html>.
fn status(status: &str) -> Option<StackStatus> {
    Some(match status {
        "DELETE_COMPLETE" => return None,
        "DELETE_IN_PROGRESS" => StackStatus::Deleting,
        // Waits for a person with a change set that was never executed: nothing is moving.
        "REVIEW_IN_PROGRESS" => StackStatus::Settled,
        moving if moving.ends_with("_IN_PROGRESS") => StackStatus::InProgress(moving.into()),
        _ => StackStatus::Settled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_as_the_guard_needs_them() {
        for (text, expected) in [
            ("CREATE_COMPLETE", Some(StackStatus::Settled)),
            ("UPDATE_ROLLBACK_COMPLETE", Some(StackStatus::Settled)),
            ("UPDATE_ROLLBACK_FAILED", Some(StackStatus::Settled)),
            ("REVIEW_IN_PROGRESS", Some(StackStatus::Settled)),
            ("DELETE_FAILED", Some(StackStatus::Settled)),
            ("DELETE_IN_PROGRESS", Some(StackStatus::Deleting)),
            ("DELETE_COMPLETE", None),
            ("UPDATE_IN_PROGRESS", Some(StackStatus::InProgress("UPDATE_IN_PROGRESS".into()))),
            (
                "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
                Some(StackStatus::InProgress("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS".into())),
            ),
        ] {
            assert_eq!(status(text), expected, "{text}");
        }
    }

    #[test]
    fn only_the_right_validation_error_means_no_such_stack() {
        assert!(does_not_exist("ValidationError", "Stack with id network does not exist"));
        assert!(!does_not_exist("ValidationError", "1 validation error detected"));
        assert!(!does_not_exist("AccessDenied", "does not exist"));
    }
}
