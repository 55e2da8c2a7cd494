//! Whether a change set changes what it is for, and nothing else.

use super::repair::{Repair, Stage};
use crate::core::{LogicalId, ResourceId};
use std::collections::{BTreeMap, BTreeSet};

/// One change that CloudFormation would make
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which resource.
    pub logical_id: LogicalId,
    /// The id that it has now.
    pub physical_id: Option<ResourceId>,
    /// Its type.
    pub kind: String,
    /// What is done.
    pub action: ChangeAction,
    /// Whether it would be another one afterwards: `True`, `False` or `Conditional`; `None` where that is no question.
    pub replacement: Option<String>,
    /// Which attributes are changed: `Properties`, `Tags`, `DeletionPolicy`…
    pub scope: BTreeSet<String>,
    /// The entities that cause the change, where all of it is caused by others: `Ref`s and `Fn::GetAtt`s by logical id.
    pub caused_by: Option<BTreeSet<String>>,
    /// It was deleted behind the stack's back.
    pub deleted: bool,
}

/// What is done with a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeAction {
    /// It is made.
    Add,
    /// It is changed.
    Modify,
    /// It is deleted.
    Remove,
    /// The stack takes it over.
    Import,
    /// Only what CloudFormation remembers of it changes.
    SyncWithActual,
    /// Anything else, such as `Dynamic`.
    Other(String),
}

/// Attributes that change nothing of the resource itself. Tags: an import writes CloudFormation's own, and the template's are those of
/// whoever declares it.
const HARMLESS: [&str; 4] = ["Tags", "Metadata", "DeletionPolicy", "UpdateReplacePolicy"];

/// What a change set would change that it is not for: empty when it may be executed. It errs on the side of a person.
pub fn judge(repair: &Repair, stage: Stage, changes: &[Change]) -> Vec<String> {
    let adopted: BTreeMap<&LogicalId, (Option<&ResourceId>, &ResourceId)> =
        repair.adopted().map(|(logical, gone, by)| (logical, (gone.physical_id.as_ref(), by))).collect();
    let mut problems: Vec<String> =
        changes.iter().filter(|change| !expected(repair, stage, &adopted, change)).map(told).collect();
    let missing = match stage {
        Stage::Release | Stage::Adopt => adopted.keys().copied().collect::<Vec<_>>(),
        Stage::Revert => repair.gone.keys().filter(|logical| !adopted.contains_key(logical)).collect(),
    };
    let found: BTreeSet<&LogicalId> = changes.iter().map(|change| &change.logical_id).collect();
    problems.extend(
        missing.into_iter().filter(|id| !found.contains(id)).map(|id| format!("{id} is not among its changes")),
    );
    problems
}

fn expected(
    repair: &Repair,
    stage: Stage,
    adopted: &BTreeMap<&LogicalId, (Option<&ResourceId>, &ResourceId)>,
    change: &Change,
) -> bool {
    let Change { logical_id, physical_id, kind, action, replacement, scope, caused_by, deleted } = change;
    let same_kind = repair.gone.get(logical_id).is_some_and(|gone| gone.kind == *kind);
    let harmless = || replacement.as_deref() == Some("False") && scope.iter().all(|it| HARMLESS.contains(&it.as_str()));
    // Nothing stands in for it: what does not make it again leaves it gone, and the stack would believe that all is well.
    let missed = repair.gone.contains_key(logical_id) && !adopted.contains_key(logical_id);
    match (stage, action) {
        // It is the one that is gone, by its id: what stands in has another one.
        (Stage::Release, ChangeAction::Remove) => {
            same_kind
                && adopted
                    .get(logical_id)
                    .is_some_and(|(gone, by)| *gone == physical_id.as_ref() && physical_id.as_ref() != Some(by))
        }
        (Stage::Adopt, ChangeAction::Import) => {
            same_kind && adopted.get(logical_id).is_some_and(|(_, by)| physical_id.as_ref().is_none_or(|id| id == *by))
        }
        (Stage::Revert, ChangeAction::SyncWithActual) => !missed,
        (Stage::Revert, ChangeAction::Add) => same_kind && missed,
        (Stage::Revert, ChangeAction::Modify) if missed => same_kind && *deleted,
        (Stage::Revert, ChangeAction::Modify) => {
            let taken = || adopted.contains_key(logical_id) && harmless();
            // What names a resource that is made again must learn its new id.
            let follows = || {
                replacement.as_deref() == Some("False")
                    && caused_by.as_ref().is_some_and(|causes| {
                        !causes.is_empty()
                            && causes.iter().all(|cause| {
                                let of = cause.split('.').next().unwrap_or(cause);
                                repair.gone.get(of).is_some_and(|gone| gone.stand_in.is_none())
                            })
                    })
            };
            taken() || follows()
        }
        _ => false,
    }
}

fn told(change: &Change) -> String {
    let Change { logical_id, physical_id, kind, action, replacement, scope, caused_by: _, deleted: _ } = change;
    let verb = match action {
        ChangeAction::Add => "make",
        ChangeAction::Modify => "change",
        ChangeAction::Remove => "delete",
        ChangeAction::Import => "import",
        ChangeAction::SyncWithActual => "take note of",
        ChangeAction::Other(other) => other,
    };
    let id = physical_id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    let replaced = match replacement.as_deref() {
        None | Some("False") => String::new(),
        Some(_) => ", which may replace it".to_owned(),
    };
    let scope = if scope.is_empty() {
        String::new()
    } else {
        format!(": {}", scope.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
    };
    format!("it would {verb} {logical_id}{id}, {kind}{scope}{replaced}")
}
