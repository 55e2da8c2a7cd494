//! CloudFormation's answers ↔ what they mean.

use aws_sdk_cloudformation::types::{Change as AwsChange, ResourceChangeDetail, Stack, StackResourceDrift};
use reconciler::{DetectionStatus, ExecutionState, StackFacts};
use std::collections::BTreeSet;
use topology::stacks::{Change, ChangeAction, Difference, DriftStatus, ResourceDrift};

/// A stack that is deleted is none.
pub(super) fn facts(stack: &Stack) -> Option<StackFacts> {
    let status = stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default();
    (status != "DELETE_COMPLETE").then(|| StackFacts {
        status,
        parameters: stack.parameters().iter().filter_map(|it| it.parameter_key()).map(str::to_owned).collect(),
        capabilities: stack.capabilities().iter().map(|it| it.as_str().to_owned()).collect(),
        role: stack.role_arn().map(str::to_owned),
    })
}

pub(super) fn detection(status: &str, why: &str) -> DetectionStatus {
    match status {
        "DETECTION_COMPLETE" => DetectionStatus::Complete,
        "DETECTION_FAILED" => DetectionStatus::Failed(said(why)),
        _ => DetectionStatus::InProgress,
    }
}

/// `None`: in sync, or of a type that CloudFormation does not compare.
pub(super) fn drift(drift: &StackResourceDrift) -> Option<ResourceDrift> {
    let status = match drift.stack_resource_drift_status()?.as_str() {
        "DELETED" => DriftStatus::Deleted,
        "MODIFIED" => DriftStatus::Modified(
            drift
                .property_differences()
                .iter()
                .map(|it| Difference {
                    path: it.property_path().unwrap_or_default().to_owned(),
                    expected: it.expected_value().unwrap_or_default().to_owned(),
                    actual: it.actual_value().unwrap_or_default().to_owned(),
                })
                .collect(),
        ),
        "UNKNOWN" => DriftStatus::Unknown(said(drift.drift_status_reason().unwrap_or_default())),
        _ => return None,
    };
    Some(ResourceDrift {
        logical_id: drift.logical_resource_id()?.into(),
        physical_id: drift.physical_resource_id().map(Into::into),
        kind: drift.resource_type().unwrap_or_default().to_owned(),
        status,
    })
}

/// `None`: it is being made.
pub(super) fn made(status: &str, why: &str) -> Option<Result<(), String>> {
    match status {
        "CREATE_PENDING" | "CREATE_IN_PROGRESS" => None,
        "CREATE_COMPLETE" => Some(Ok(())),
        other => Some(Err(if why.is_empty() { other.to_owned() } else { why.to_owned() })),
    }
}

pub(super) fn ran(status: &str) -> ExecutionState {
    match status {
        "AVAILABLE" => ExecutionState::Available,
        "EXECUTE_IN_PROGRESS" => ExecutionState::InProgress,
        "EXECUTE_COMPLETE" => ExecutionState::Complete,
        "EXECUTE_FAILED" => ExecutionState::Failed,
        _ => ExecutionState::Unavailable,
    }
}

/// A change that is none of a resource (a hook, say) is told as one that nobody expects.
pub(super) fn change(change: &AwsChange) -> Change {
    let Some(of) = change.resource_change() else {
        let action = change.r#type().map_or("do something with", |kind| kind.as_str());
        return Change {
            logical_id: "?".into(),
            physical_id: None,
            kind: String::new(),
            action: ChangeAction::Other(action.to_owned()),
            replacement: None,
            scope: BTreeSet::new(),
            caused_by: None,
            deleted: false,
        };
    };
    let action = match of.action().map(|action| action.as_str()).unwrap_or_default() {
        "Add" => ChangeAction::Add,
        "Modify" => ChangeAction::Modify,
        "Remove" => ChangeAction::Remove,
        "Import" => ChangeAction::Import,
        "SyncWithActual" => ChangeAction::SyncWithActual,
        other => ChangeAction::Other(other.to_owned()),
    };
    Change {
        logical_id: of.logical_resource_id().unwrap_or_default().into(),
        physical_id: of.physical_resource_id().filter(|id| !id.is_empty()).map(Into::into),
        kind: of.resource_type().unwrap_or_default().to_owned(),
        action,
        replacement: of.replacement().map(|it| it.as_str().to_owned()).filter(|it| !it.is_empty()),
        scope: of.scope().iter().map(|it| it.as_str().to_owned()).collect(),
        caused_by: of.details().iter().map(cause).collect(),
        deleted: of.resource_drift_status().is_some_and(|status| status.as_str() == "DELETED"),
    }
}

/// The other resource that causes a part of a change; `None`: the template does, or a parameter.
fn cause(detail: &ResourceChangeDetail) -> Option<String> {
    let of_resource = ["ResourceReference", "ResourceAttribute"];
    detail.change_source().filter(|source| of_resource.contains(&source.as_str()))?;
    detail.causing_entity().map(str::to_owned)
}

fn said(why: &str) -> String {
    if why.is_empty() { "CloudFormation gave no reason".to_owned() } else { why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_cloudformation::types::{
        ChangeAction as AwsAction, ChangeSource, PropertyDifference, Replacement, ResourceAttribute, ResourceChange,
        StackResourceDriftStatus,
    };

    #[test]
    fn what_is_in_sync_is_no_drift_and_what_is_not_known_is_not_in_sync() {
        let of = |status: &str| {
            StackResourceDrift::builder()
                .logical_resource_id("MainVpc")
                .physical_resource_id("vpc-1")
                .resource_type("AWS::EC2::VPC")
                .stack_resource_drift_status(StackResourceDriftStatus::from(status))
                .property_differences(
                    PropertyDifference::builder()
                        .property_path("/Tags/0")
                        .expected_value("a")
                        .actual_value("b")
                        .build(),
                )
                .build()
        };
        assert_eq!(drift(&of("IN_SYNC")), None);
        assert_eq!(drift(&of("NOT_CHECKED")), None);
        assert_eq!(drift(&of("DELETED")).unwrap().status, DriftStatus::Deleted);
        assert!(matches!(drift(&of("UNKNOWN")).unwrap().status, DriftStatus::Unknown(_)));
        let DriftStatus::Modified(differences) = drift(&of("MODIFIED")).unwrap().status else { panic!("modified") };
        assert_eq!(differences[0].path, "/Tags/0");
    }

    #[test]
    fn a_change_set_is_made_only_when_it_says_so() {
        assert_eq!(made("CREATE_PENDING", ""), None);
        assert_eq!(made("CREATE_COMPLETE", ""), Some(Ok(())));
        assert_eq!(made("FAILED", "no changes"), Some(Err("no changes".into())));
        assert_eq!(made("DELETE_FAILED", ""), Some(Err("DELETE_FAILED".into())));
        assert_eq!(ran("OBSOLETE"), ExecutionState::Unavailable);
        assert_eq!(ran("AVAILABLE"), ExecutionState::Available);
        assert_eq!(ran(""), ExecutionState::Unavailable);
    }

    #[test]
    fn a_change_that_the_template_causes_is_not_caused_by_others() {
        let detail = |source: ChangeSource, entity: &str| {
            ResourceChangeDetail::builder().change_source(source).causing_entity(entity).build()
        };
        let of = |details: Vec<ResourceChangeDetail>| {
            let changed = ResourceChange::builder()
                .action(AwsAction::Modify)
                .logical_resource_id("MainLogsEndpoint")
                .resource_type("AWS::EC2::VPCEndpoint")
                .replacement(Replacement::False)
                .scope(ResourceAttribute::Properties)
                .set_details(Some(details))
                .build();
            change(&AwsChange::builder().resource_change(changed).build())
        };
        let by_group = detail(ChangeSource::ResourceAttribute, "MainWebSecurityGroup.GroupId");
        assert_eq!(of(vec![by_group.clone()]).caused_by, Some(["MainWebSecurityGroup.GroupId".to_owned()].into()));
        let direct = detail(ChangeSource::DirectModification, "");
        assert_eq!(of(vec![by_group, direct]).caused_by, None);
        let hook = change(&AwsChange::builder().build());
        assert!(matches!(hook.action, ChangeAction::Other(_)), "nobody expects it");
    }

    #[test]
    fn a_stack_that_is_deleted_is_none() {
        let stack = |status: &str| {
            Stack::builder()
                .stack_status(status.into())
                .creation_time(aws_sdk_cloudformation::primitives::DateTime::from_secs(0))
                .stack_name("network")
                .build()
        };
        assert_eq!(facts(&stack("DELETE_COMPLETE")), None);
        assert_eq!(facts(&stack("UPDATE_COMPLETE")).unwrap().role, None);
    }
}
