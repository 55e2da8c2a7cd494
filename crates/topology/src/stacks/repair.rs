//! The change sets that bring a stack back in line, in order.

use super::advice::may_be_stood_in;
use super::template::{self, TemplateError};
use super::{DriftStatus, ResourceDrift, StandIn, import_key};
use crate::core::{LogicalId, ResourceId, StackId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a stack needs to be in line again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// The stack.
    pub stack: StackId,
    /// What is gone, by logical id: its type, and the id that CloudFormation knows.
    pub gone: BTreeMap<LogicalId, Gone>,
}

/// A resource of the stack that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// Its type.
    pub kind: String,
    /// The id that CloudFormation knows.
    pub physical_id: Option<ResourceId>,
    /// What stands in its place.
    pub stand_in: Option<ResourceId>,
}

/// One change set of a repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The stack forgets what is gone and stood in for.
    Release,
    /// It takes what stands in.
    Adopt,
    /// Its own template again, drift-aware.
    Revert,
}

/// Which template a change set is made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateSource {
    /// The stack's own.
    Previous,
    /// This one.
    Body(String),
}

/// A change set to be made. Parameters keep their values, and capabilities are the stack's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSet {
    /// Which one of the repair.
    pub stage: Stage,
    /// With which template.
    pub template: TemplateSource,
    /// What is imported; empty: an update.
    pub import: Vec<Import>,
    /// `DeploymentMode: REVERT_DRIFT`.
    pub revert_drift: bool,
}

/// A resource that the stack takes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its type.
    pub kind: String,
    /// Under which logical id.
    pub logical_id: LogicalId,
    /// By which property it is identified.
    pub key: &'static str,
    /// The value of that.
    pub id: ResourceId,
}

/// CloudFormation takes a template inline up to this size
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>).
pub(super) const INLINE: usize = 51_200;

/// What is to be repaired of what drift detection found: only what is gone. Properties that differ are advice.
pub fn repair(stack: &StackId, drifts: &[ResourceDrift], stand_ins: &[StandIn]) -> Option<Repair> {
    let gone = drifts.iter().filter(|drift| drift.status == DriftStatus::Deleted).map(|drift| {
        let stand_in = stand_ins.iter().find(|stand_in| stand_in.logical_id == drift.logical_id);
        let gone = Gone {
            kind: drift.kind.clone(),
            physical_id: drift.physical_id.clone(),
            stand_in: stand_in.map(|stand_in| stand_in.id.clone()),
        };
        (drift.logical_id.clone(), gone)
    });
    let gone: BTreeMap<_, _> = gone.collect();
    (!gone.is_empty()).then(|| Repair { stack: stack.clone(), gone })
}

/// What is gone, has no stand-in on record, and is of a kind that a control puts back by itself: nobody knows what a change set would
/// meet, so it is for a person to look.
pub fn unsure(drifts: &[ResourceDrift], stand_ins: &[StandIn]) -> Vec<LogicalId> {
    let known = |drift: &&ResourceDrift| stand_ins.iter().any(|stand_in| stand_in.logical_id == drift.logical_id);
    drifts
        .iter()
        .filter(|drift| may_be_stood_in(drift) && !known(drift))
        .map(|drift| drift.logical_id.clone())
        .collect()
}

/// What would stand in for more than one resource: at most one of those is true, and nobody can say which.
pub fn contested(stand_ins: &[StandIn]) -> BTreeSet<ResourceId> {
    let others = |one: &StandIn| stand_ins.iter().any(|it| it.id == one.id && it.logical_id != one.logical_id);
    stand_ins.iter().filter(|one| others(one)).map(|one| one.id.clone()).collect()
}

impl Repair {
    /// The change sets that it takes, in order.
    pub fn stages(&self) -> &'static [Stage] {
        match self.adopted().next() {
            Some(_) => &[Stage::Release, Stage::Adopt, Stage::Revert],
            None => &[Stage::Revert],
        }
    }

    /// The one after `stage`.
    pub fn after(&self, stage: Stage) -> Option<Stage> {
        self.stages().iter().copied().find(|next| *next > stage)
    }

    /// What stands in, by the logical id that it takes.
    pub(super) fn adopted(&self) -> impl Iterator<Item = (&LogicalId, &Gone, &ResourceId)> {
        self.gone.iter().filter_map(|(logical, gone)| Some((logical, gone, gone.stand_in.as_ref()?)))
    }

    /// One change set. `own`: the stack's template as it was before the repair, which [`Stage::Revert`] alone needs only after the
    /// others.
    ///
    /// # Errors
    /// When the template is none that the resource can be taken out of without changing anything else.
    pub fn change_set(&self, stage: Stage, own: Option<&str>) -> Result<ChangeSet, TemplateError> {
        let adopted: Vec<&LogicalId> = self.adopted().map(|(logical, _, _)| logical).collect();
        let own = || own.ok_or(TemplateError::Unknown);
        let template = match stage {
            Stage::Release => TemplateSource::Body(template::without(own()?, &adopted)?),
            Stage::Adopt => TemplateSource::Body(template::for_import(own()?, &adopted)?),
            Stage::Revert if adopted.is_empty() => TemplateSource::Previous,
            Stage::Revert => TemplateSource::Body(template::compact(own()?)?),
        };
        let import = match stage {
            Stage::Adopt => self.change_set_imports(),
            Stage::Release | Stage::Revert => vec![],
        };
        Ok(ChangeSet { stage, template, import, revert_drift: stage == Stage::Revert })
    }

    /// What [`Stage::Adopt`] imports.
    pub(super) fn change_set_imports(&self) -> Vec<Import> {
        let import = |(logical, gone, id): (&LogicalId, &Gone, &ResourceId)| {
            let key = import_key(&gone.kind)?;
            Some(Import { kind: gone.kind.clone(), logical_id: logical.clone(), key, id: id.clone() })
        };
        self.adopted().filter_map(import).collect()
    }
}

impl Stage {
    /// Its name in the name of a change set.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Adopt => "adopt",
            Self::Revert => "revert",
        }
    }
}
