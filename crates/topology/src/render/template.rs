//! A CloudFormation template under construction.

use super::RenderError;
use crate::core::TopologyId;
use crate::topology::Topology;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Sections in order, each by logical id.
pub(super) struct Template {
    id: TopologyId,
    parameters: BTreeMap<String, Value>,
    conditions: BTreeMap<String, Value>,
    resources: BTreeMap<String, Value>,
    outputs: BTreeMap<String, Value>,
}

impl Template {
    pub(super) fn new(topology: &Topology) -> Self {
        Self {
            id: topology.id.clone(),
            parameters: BTreeMap::new(),
            conditions: BTreeMap::new(),
            resources: BTreeMap::new(),
            outputs: BTreeMap::new(),
        }
    }

    /// The tags that every part carries: its name for people, and the topology for binding.
    pub(super) fn tags(&self, name: &[&str], more: &[(&str, &str)]) -> Value {
        let name = std::iter::once(self.id.as_str()).chain(name.iter().copied()).collect::<Vec<_>>().join("-");
        let all = [("Name", name.as_str()), ("plumbline:topology", self.id.as_str())];
        all.iter().chain(more).map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
    }

    /// What a group is described as on AWS, for ever: at most the 255 characters that EC2 keeps.
    pub(super) fn group_description(&self, vpc: &str, group: &str) -> String {
        format!("{} {vpc}/{group}", self.id).chars().take(255).collect()
    }

    pub(super) fn parameter(&mut self, id: &str, value: Value) {
        self.parameters.insert(id.to_owned(), value);
    }

    pub(super) fn condition(&mut self, id: &str, value: Value) {
        self.conditions.insert(id.to_owned(), value);
    }

    pub(super) fn resource(&mut self, id: String, resource: Resource) -> Result<(), RenderError> {
        let Resource { kind, properties, condition, depends_on, retained } = resource;
        let mut value = Map::from_iter([("Type".to_owned(), json!(kind)), ("Properties".to_owned(), properties)]);
        if let Some(condition) = condition {
            value.insert("Condition".to_owned(), json!(condition));
        }
        if let Some(other) = depends_on {
            value.insert("DependsOn".to_owned(), json!(other));
        }
        if retained {
            // Not one that a first deploy made before it failed: its name would be in the way of the next.
            value.insert("DeletionPolicy".to_owned(), json!("RetainExceptOnCreate"));
            value.insert("UpdateReplacePolicy".to_owned(), json!("Retain"));
        }
        if self.resources.contains_key(&id) {
            return Err(RenderError::LogicalIdTaken(id));
        }
        self.resources.insert(id, Value::Object(value));
        Ok(())
    }

    /// An id that a workload's stack may ask for.
    pub(super) fn output(&mut self, id: String, description: String, value: Value, condition: Option<&str>) {
        let mut output = json!({ "Description": description, "Value": value });
        if let Some(condition) = condition {
            output["Condition"] = json!(condition);
        }
        self.outputs.insert(id, output);
    }

    pub(super) fn text(self) -> Result<String, RenderError> {
        let Self { id, parameters, conditions, resources, outputs } = self;
        if resources.len() > 500 || outputs.len() > 200 {
            return Err(RenderError::TooLarge { resources: resources.len(), outputs: outputs.len() });
        }
        let mut template = json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": format!(
                "Network of topology {id}, rendered by plumb. Security-group rules, NAT gateways, flow logs and the allowed \
                 principals of endpoint services are not in it: Plumbline makes and keeps them."
            ),
            "Resources": resources,
            "Outputs": outputs,
        });
        for (key, section) in [("Parameters", parameters), ("Conditions", conditions)] {
            // CloudFormation refuses empty sections.
            if !section.is_empty() {
                template[key] = json!(section);
            }
        }
        // The order must not hang on whether some crate in the build turns on serde_json's `preserve_order`.
        template.sort_all_objects();
        Ok(format!("{template:#}\n"))
    }
}

/// One resource.
pub(super) struct Resource {
    kind: &'static str,
    properties: Value,
    condition: Option<String>,
    depends_on: Option<String>,
    retained: bool,
}

impl Resource {
    pub(super) fn new(kind: &'static str, properties: Value) -> Self {
        Self { kind, properties, condition: None, depends_on: None, retained: false }
    }

    pub(super) fn on_condition(self, condition: Option<String>) -> Self {
        Self { condition, ..self }
    }

    /// Stays when the stack or its place in the template goes.
    pub(super) fn retained(self) -> Self {
        Self { retained: true, ..self }
    }

    pub(super) fn after(self, other: impl Into<String>) -> Self {
        Self { depends_on: Some(other.into()), ..self }
    }
}

pub(super) fn reference(id: &str) -> Value {
    json!({ "Ref": id })
}

pub(super) fn attribute(id: &str, name: &str) -> Value {
    json!({ "Fn::GetAtt": [id, name] })
}

pub(super) fn substitute(text: &str) -> Value {
    json!({ "Fn::Sub": text })
}

pub(super) fn joined(values: Vec<Value>) -> Value {
    json!({ "Fn::Join": [",", values] })
}
