//! CloudFormation, as far as the stacks of networks are looked after: drift detection and change sets.

mod mapping;

use crate::clients::Clients;
use crate::errors::{bad_answer, fault};
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{
    Capability, ChangeSetType, DeploymentMode, Parameter, ResourceToImport, TemplateStage,
};
use mapping::{change, detection, drift, made, ran};
use reconciler::{ChangeSetState, DetectionStatus, Fault, NetworkStacks, StackFacts};
use topology::stacks::{ChangeSet, Import, ResourceDrift, TemplateSource};
use topology::{Place, StackId};

/// The adapter behind `NetworkStacks`.
#[derive(Clone, Debug)]
pub struct Formation {
    clients: Clients,
}

impl Formation {
    /// Over these clients.
    pub fn new(clients: Clients) -> Self {
        Self { clients }
    }

    fn client(&self, place: &Place) -> Result<aws_sdk_cloudformation::Client, Fault> {
        Ok(self.clients.regional(place)?.cloudformation())
    }
}

impl NetworkStacks for Formation {
    async fn describe(&self, place: &Place, stack: &StackId) -> Result<Option<StackFacts>, Fault> {
        let answer = match self.client(place)?.describe_stacks().stack_name(stack.as_str()).send().await {
            Ok(answer) => answer,
            Err(error) if is_unknown(&error) => return Ok(None),
            Err(error) => return Err(fault("DescribeStacks", &error)),
        };
        Ok(answer.stacks().first().and_then(mapping::facts))
    }

    async fn detect_drift(&self, place: &Place, stack: &StackId) -> Result<String, Fault> {
        const OPERATION: &str = "DetectStackDrift";
        let request = self.client(place)?.detect_stack_drift().stack_name(stack.as_str());
        let answer = request.send().await.map_err(|error| fault(OPERATION, &error))?;
        let id = answer.stack_drift_detection_id().ok_or_else(|| bad_answer(OPERATION, "no detection id"))?;
        Ok(id.to_owned())
    }

    async fn detection(&self, place: &Place, id: &str) -> Result<Option<DetectionStatus>, Fault> {
        let request = self.client(place)?.describe_stack_drift_detection_status().stack_drift_detection_id(id);
        match request.send().await {
            Ok(answer) => Ok(answer
                .detection_status()
                .map(|status| detection(status.as_str(), answer.detection_status_reason().unwrap_or_default()))),
            Err(error) if is_unknown(&error) => Ok(None),
            Err(error) => Err(fault("DescribeStackDriftDetectionStatus", &error)),
        }
    }

    async fn drifts(&self, place: &Place, stack: &StackId) -> Result<Vec<ResourceDrift>, Fault> {
        // In sync is most of it, and left out by the mapping: a filter could not name what is unknown.
        let mut found = vec![];
        let request = self.client(place)?.describe_stack_resource_drifts().stack_name(stack.as_str());
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("DescribeStackResourceDrifts", &error))?;
            found.extend(page.stack_resource_drifts().iter().filter_map(drift));
        }
        Ok(found)
    }

    async fn template(&self, place: &Place, stack: &StackId) -> Result<String, Fault> {
        const OPERATION: &str = "GetTemplate";
        let request = self.client(place)?.get_template().stack_name(stack.as_str());
        let answer = request.template_stage(TemplateStage::Original).send().await;
        let answer = answer.map_err(|error| fault(OPERATION, &error))?;
        Ok(answer.template_body().ok_or_else(|| bad_answer(OPERATION, "no template"))?.to_owned())
    }

    async fn create_change_set(
        &self,
        place: &Place,
        stack: &StackId,
        name: &str,
        change_set: &ChangeSet,
        facts: &StackFacts,
        token: &str,
    ) -> Result<String, Fault> {
        const OPERATION: &str = "CreateChangeSet";
        let ChangeSet { stage: _, template, import, revert_drift } = change_set;
        let kept =
            facts.parameters.iter().map(|key| Parameter::builder().parameter_key(key).use_previous_value(true).build());
        let kind = if import.is_empty() { ChangeSetType::Update } else { ChangeSetType::Import };
        let capabilities: Vec<Capability> = facts.capabilities.iter().map(|name| name.as_str().into()).collect();
        let mut request = self
            .client(place)?
            .create_change_set()
            .stack_name(stack.as_str())
            .change_set_name(name)
            .change_set_type(kind)
            .client_token(format!("{token}-{}", change_set.stage.name()))
            .description("Plumbline: brings the stack in line with the network")
            .set_parameters(Some(kept.collect()).filter(|kept: &Vec<_>| !kept.is_empty()))
            .set_capabilities(Some(capabilities).filter(|capabilities| !capabilities.is_empty()));
        request = match template {
            TemplateSource::Previous => request.use_previous_template(true),
            TemplateSource::Body(body) => request.template_body(body),
        };
        if *revert_drift {
            request = request.deployment_mode(DeploymentMode::RevertDrift);
        }
        for Import { kind, logical_id, key, id } in import {
            let resource = ResourceToImport::builder().resource_type(kind).logical_resource_id(logical_id.as_str());
            request = request.resources_to_import(resource.resource_identifier(*key, id.as_str()).build());
        }
        let answer = request.send().await.map_err(|error| fault(OPERATION, &error))?;
        Ok(answer.id().ok_or_else(|| bad_answer(OPERATION, "no change set"))?.to_owned())
    }

    /// The ARN alone would do; IAM, though, authorizes these calls on the stack.
    async fn change_set(&self, place: &Place, stack: &StackId, id: &str) -> Result<Option<ChangeSetState>, Fault> {
        let mut changes = vec![];
        let mut state = None;
        let request = self.client(place)?.describe_change_set().stack_name(stack.as_str()).change_set_name(id);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) if error.as_service_error().is_some_and(|it| it.is_change_set_not_found_exception()) => {
                    return Ok(None);
                }
                Err(error) => return Err(fault("DescribeChangeSet", &error)),
            };
            let status = page.status().map(|status| status.as_str()).unwrap_or_default();
            let execution = page.execution_status().map(|status| status.as_str()).unwrap_or_default();
            state = Some((made(status, page.status_reason().unwrap_or_default()), ran(execution)));
            changes.extend(page.changes().iter().map(change));
        }
        Ok(state.map(|(made, execution)| ChangeSetState { made, execution, changes }))
    }

    async fn execute(&self, place: &Place, stack: &StackId, id: &str, token: &str) -> Result<(), Fault> {
        let request = self.client(place)?.execute_change_set().stack_name(stack.as_str()).change_set_name(id);
        // A failure rolls back to what was: that is the safe end.
        let answer = request.disable_rollback(false).client_request_token(token).send().await;
        answer.map(|_| ()).map_err(|error| fault("ExecuteChangeSet", &error))
    }

    async fn discard(&self, place: &Place, stack: &StackId, id: &str) -> Result<(), Fault> {
        let request = self.client(place)?.delete_change_set().stack_name(stack.as_str()).change_set_name(id);
        request.send().await.map(|_| ()).map_err(|error| fault("DeleteChangeSet", &error))
    }
}

/// CloudFormation has no error code of its own for what does not exist
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>).
fn is_unknown<E: ProvideErrorMetadata>(
    error: &aws_sdk_cloudformation::error::SdkError<E, aws_sdk_cloudformation::config::http::HttpResponse>,
) -> bool {
    error.as_service_error().is_some_and(|error| {
        error.code() == Some("ValidationError") && error.message().unwrap_or_default().contains("does not exist")
    })
}
