//! A model of CloudFormation: stacks that hold resources, which of them are still there, and what change sets do with them.

use reconciler::{ChangeSetState, DetectionStatus, ExecutionState, Fault, FaultClass, NetworkStacks, StackFacts};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use topology::stacks::{Change, ChangeAction, ChangeSet, DriftStatus, ResourceDrift, TemplateSource};
use topology::{LogicalId, Place, ResourceId, StackId};

/// One account's and Region's CloudFormation.
#[derive(Debug, Default)]
pub struct Formation(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    stacks: BTreeMap<StackId, ModelStack>,
    detections: BTreeMap<String, StackId>,
    change_sets: BTreeMap<String, ModelChangeSet>,
    calls: Vec<&'static str>,
    faults: BTreeMap<&'static str, Fault>,
    made: usize,
}

/// A stack.
#[derive(Clone, Debug, Default)]
pub struct ModelStack {
    /// What CloudFormation says of it.
    pub facts: StackFacts,
    /// Its resources: type and physical id by logical id.
    pub resources: BTreeMap<LogicalId, (String, ResourceId)>,
    /// What is there, whoever made it.
    pub there: BTreeSet<ResourceId>,
    /// Properties that differ, by logical id.
    pub modified: BTreeMap<LogicalId, DriftStatus>,
    /// Its template.
    pub template: String,
    /// Detection takes until this is taken away.
    pub slow: bool,
    /// Detection fails with this.
    pub broken: Option<String>,
    /// Changes that every change set has besides.
    pub besides: Vec<Change>,
    /// The execution of the next change set fails and is rolled back.
    pub rolls_back: bool,
}

#[derive(Clone, Debug)]
struct ModelChangeSet {
    stack: StackId,
    name: String,
    token: String,
    state: ChangeSetState,
    /// The stack's resources after it, its template, and what of them is yet to be made.
    after: BTreeMap<LogicalId, (String, ResourceId)>,
    template: String,
    makes: Vec<ResourceId>,
}

impl Formation {
    /// Adds or replaces a stack.
    pub fn put(&self, id: impl Into<StackId>, stack: ModelStack) {
        self.guard().stacks.insert(id.into(), stack);
    }

    /// Changes a stack from outside.
    pub fn change<T>(&self, id: &StackId, change: impl FnOnce(&mut ModelStack) -> T) -> T {
        let mut inner = self.guard();
        change(inner.stacks.entry(id.clone()).or_default())
    }

    /// A stack as it is.
    pub fn stack(&self, id: &StackId) -> ModelStack {
        self.guard().stacks.get(id).cloned().unwrap_or_default()
    }

    /// The operations since the last time, in order.
    pub fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.guard().calls)
    }

    /// Change sets that are still there.
    pub fn change_sets(&self) -> Vec<String> {
        self.guard().change_sets.values().map(|it| it.name.clone()).collect()
    }

    /// The next call of an operation fails.
    pub fn fail_next(&self, operation: &'static str, fault: Fault) {
        self.guard().faults.insert(operation, fault);
    }

    fn guard(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, operation: &'static str) -> Result<MutexGuard<'_, Inner>, Fault> {
        let mut inner = self.guard();
        inner.calls.push(operation);
        match inner.faults.remove(operation) {
            Some(fault) => Err(fault),
            None => Ok(inner),
        }
    }
}

fn missing(operation: &str) -> Fault {
    Fault::new(operation, FaultClass::Terminal, "there is no such stack")
}

impl NetworkStacks for Formation {
    async fn describe(&self, _: &Place, stack: &StackId) -> Result<Option<StackFacts>, Fault> {
        Ok(self.call("DescribeStacks")?.stacks.get(stack).map(|stack| stack.facts.clone()))
    }

    async fn detect_drift(&self, _: &Place, stack: &StackId) -> Result<String, Fault> {
        let mut inner = self.call("DetectStackDrift")?;
        inner.made += 1;
        let id = format!("detection-{}", inner.made);
        inner.detections.insert(id.clone(), stack.clone());
        Ok(id)
    }

    async fn detection(&self, _: &Place, id: &str) -> Result<Option<DetectionStatus>, Fault> {
        let inner = self.call("DescribeStackDriftDetectionStatus")?;
        let Some(stack) = inner.detections.get(id).and_then(|stack| inner.stacks.get(stack)) else { return Ok(None) };
        Ok(Some(match &stack.broken {
            _ if stack.slow => DetectionStatus::InProgress,
            Some(why) => DetectionStatus::Failed(why.clone()),
            None => DetectionStatus::Complete,
        }))
    }

    async fn drifts(&self, _: &Place, stack: &StackId) -> Result<Vec<ResourceDrift>, Fault> {
        let inner = self.call("DescribeStackResourceDrifts")?;
        let stack = inner.stacks.get(stack).ok_or_else(|| missing("DescribeStackResourceDrifts"))?;
        let drift = |(logical, (kind, id)): (&LogicalId, &(String, ResourceId))| {
            let status = match stack.there.contains(id) {
                false => Some(DriftStatus::Deleted),
                true => stack.modified.get(logical).cloned(),
            };
            let (logical_id, physical_id, kind) = (logical.clone(), Some(id.clone()), kind.clone());
            Some(ResourceDrift { logical_id, physical_id, kind, status: status? })
        };
        Ok(stack.resources.iter().filter_map(drift).collect())
    }

    async fn template(&self, _: &Place, stack: &StackId) -> Result<String, Fault> {
        let inner = self.call("GetTemplate")?;
        Ok(inner.stacks.get(stack).ok_or_else(|| missing("GetTemplate"))?.template.clone())
    }

    async fn create_change_set(
        &self,
        _: &Place,
        stack: &StackId,
        name: &str,
        change_set: &ChangeSet,
        _: &StackFacts,
        token: &str,
    ) -> Result<String, Fault> {
        let mut inner = self.call("CreateChangeSet")?;
        if let Some((id, _)) = inner.change_sets.iter().find(|(_, it)| it.token == token && it.name == name) {
            return Ok(id.clone());
        }
        inner.made += 1;
        let id = format!("arn:aws:cloudformation:eu-west-1:111122223333:changeSet/{name}/{}", inner.made);
        let number = inner.made;
        let model = inner.stacks.get(stack).ok_or_else(|| missing("CreateChangeSet"))?;
        let made = plan(model, stack, name, change_set, token, number);
        inner.change_sets.insert(id.clone(), made);
        Ok(id)
    }

    async fn change_set(&self, _: &Place, _: &StackId, id: &str) -> Result<Option<ChangeSetState>, Fault> {
        Ok(self.call("DescribeChangeSet")?.change_sets.get(id).map(|it| it.state.clone()))
    }

    async fn execute(&self, _: &Place, _: &StackId, id: &str, _: &str) -> Result<(), Fault> {
        let mut inner = self.call("ExecuteChangeSet")?;
        let Some(mut set) = inner.change_sets.get(id).cloned() else { return Err(missing("ExecuteChangeSet")) };
        let Some(stack) = inner.stacks.get_mut(&set.stack) else { return Err(missing("ExecuteChangeSet")) };
        if std::mem::take(&mut stack.rolls_back) {
            stack.facts.status = "UPDATE_ROLLBACK_COMPLETE".into();
            set.state.execution = ExecutionState::Failed;
        } else {
            let imported = set.state.changes.iter().any(|change| change.action == ChangeAction::Import);
            stack.facts.status = if imported { "IMPORT_COMPLETE" } else { "UPDATE_COMPLETE" }.into();
            stack.resources = set.after.clone();
            stack.there.extend(set.makes.iter().cloned());
            stack.template = set.template.clone();
            set.state.execution = ExecutionState::Complete;
        }
        inner.change_sets.insert(id.to_owned(), set);
        Ok(())
    }

    async fn discard(&self, _: &Place, _: &StackId, id: &str) -> Result<(), Fault> {
        self.call("DeleteChangeSet")?.change_sets.remove(id);
        Ok(())
    }
}

/// What CloudFormation makes of a change set.
fn plan(
    model: &ModelStack,
    stack: &StackId,
    name: &str,
    change_set: &ChangeSet,
    token: &str,
    number: usize,
) -> ModelChangeSet {
    let ChangeSet { stage: _, template, import, revert_drift } = change_set;
    let template = match template {
        TemplateSource::Previous => model.template.clone(),
        TemplateSource::Body(body) => body.clone(),
    };
    let parsed: Value = serde_json::from_str(&template).unwrap_or_default();
    let declared = parsed.get("Resources").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut after = model.resources.clone();
    let (mut changes, mut makes) = (vec![], vec![]);
    let change = |logical: &LogicalId, kind: &str, id: Option<&ResourceId>, action| Change {
        logical_id: logical.clone(),
        physical_id: id.cloned(),
        kind: kind.to_owned(),
        action,
        replacement: None,
        scope: BTreeSet::new(),
        caused_by: None,
        deleted: false,
    };
    after.retain(|logical, (kind, id)| {
        let stays = declared.contains_key(logical.as_str());
        if !stays {
            changes.push(change(logical, kind, Some(id), ChangeAction::Remove));
        }
        stays
    });
    for (logical, (kind, id)) in after.iter_mut().filter(|(_, (_, id))| *revert_drift && !model.there.contains(id)) {
        changes.push(Change { deleted: true, ..change(logical, kind, None, ChangeAction::Add) });
        *id = ResourceId::from(format!("{}-again-{number}", id.as_str().split('-').next().unwrap_or_default()));
        makes.push(id.clone());
    }
    let mut problem = None;
    for it in import {
        if !model.there.contains(&it.id) {
            problem = Some(format!("{} was not found", it.id));
        }
        changes.push(change(&it.logical_id, &it.kind, Some(&it.id), ChangeAction::Import));
        after.insert(it.logical_id.clone(), (it.kind.clone(), it.id.clone()));
    }
    changes.extend(model.besides.iter().cloned());
    let made = match problem {
        Some(why) => Err(why),
        None if changes.is_empty() && template == model.template => Err(
            "The submitted information didn't contain changes. Submit different information to create a change set."
                .into(),
        ),
        None => Ok(()),
    };
    let execution = if made.is_ok() { ExecutionState::Available } else { ExecutionState::Unavailable };
    ModelChangeSet {
        stack: stack.clone(),
        name: name.to_owned(),
        token: token.to_owned(),
        state: ChangeSetState { made: Some(made), execution, changes },
        after,
        template,
        makes,
    }
}
