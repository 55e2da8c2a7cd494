//! A stack's template without a resource, and with it again.

use super::repair::INLINE;
use crate::core::LogicalId;
use serde_json::{Map, Value, json};

/// Why a template cannot be used to let a resource go and take another one up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is not at hand.
    #[error("the stack's template could not be read")]
    Unknown,
    /// Only JSON is taken apart: that is what `plumb render` writes.
    #[error("the stack's template is not JSON")]
    NotJson,
    /// What a transform makes of it is not known here.
    #[error("the stack's template has a transform")]
    Transform,
    /// The template does not have the resource.
    #[error("the stack's template has no resource {0}")]
    Missing(LogicalId),
    /// Something would have to be taken out with it.
    #[error("{by} of the stack's template needs {resource}")]
    Needed {
        /// What is needed.
        resource: LogicalId,
        /// By which resource, or section.
        by: String,
    },
    /// An import may not change outputs, and an output that another stack imports cannot go.
    #[error("output {0} of the stack is exported")]
    Exported(String),
    /// CloudFormation takes no more inline.
    #[error("the stack's template has {0} bytes; {INLINE} can be sent without a bucket")]
    TooLarge(usize),
}

/// The template without these resources, and without the outputs that tell of them.
pub(super) fn without(own: &str, gone: &[&LogicalId]) -> Result<String, TemplateError> {
    let mut template = read(own)?;
    for logical in gone {
        let taken = resources(&mut template).and_then(|resources| resources.remove(logical.as_str()));
        if taken.is_none() {
            return Err(TemplateError::Missing((*logical).clone()));
        }
    }
    for logical in gone {
        if let Some(outputs) = template.get_mut("Outputs").and_then(Value::as_object_mut) {
            let of: Vec<String> =
                outputs.iter().filter(|(_, output)| names(output, logical)).map(|(name, _)| name.clone()).collect();
            for name in of {
                if outputs.get(&name).is_some_and(|output| output.get("Export").is_some()) {
                    return Err(TemplateError::Exported(name));
                }
                outputs.remove(&name);
            }
        }
        if let Some(by) = needed_by(&template, logical) {
            return Err(TemplateError::Needed { resource: (*logical).clone(), by });
        }
    }
    if template.get("Outputs").and_then(Value::as_object).is_some_and(Map::is_empty) {
        template.remove("Outputs");
    }
    text(&template)
}

/// The same with the resources again, each with the deletion policy that an import must have, and still without the outputs, which an
/// import may not add (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html>).
pub(super) fn for_import(own: &str, adopted: &[&LogicalId]) -> Result<String, TemplateError> {
    let mut all = read(own)?;
    let mut template = read(&without(own, adopted)?)?;
    for logical in adopted {
        let taken = resources(&mut all).and_then(|resources| resources.remove(logical.as_str()));
        let Some(mut resource) = taken else {
            return Err(TemplateError::Missing((*logical).clone()));
        };
        if let Some(resource) = resource.as_object_mut() {
            // CloudFormation's own default, said aloud.
            resource.entry("DeletionPolicy").or_insert(json!("Delete"));
        }
        if let Some(resources) = resources(&mut template) {
            resources.insert(logical.as_str().to_owned(), resource);
        }
    }
    text(&template)
}

/// The template, as small as it gets.
pub(super) fn compact(own: &str) -> Result<String, TemplateError> {
    text(&read(own)?)
}

fn read(own: &str) -> Result<Map<String, Value>, TemplateError> {
    let Ok(Value::Object(template)) = serde_json::from_str(own) else { return Err(TemplateError::NotJson) };
    if template.contains_key("Transform") {
        return Err(TemplateError::Transform);
    }
    Ok(template)
}

fn text(template: &Map<String, Value>) -> Result<String, TemplateError> {
    let mut template = Value::Object(template.clone());
    template.sort_all_objects();
    let text = template.to_string();
    if text.len() > INLINE { Err(TemplateError::TooLarge(text.len())) } else { Ok(text) }
}

/// The resources of a template; whatever else stands there is none.
fn resources(template: &mut Map<String, Value>) -> Option<&mut Map<String, Value>> {
    template.get_mut("Resources").and_then(Value::as_object_mut)
}

/// What else of the template names the resource.
fn needed_by(template: &Map<String, Value>, logical: &LogicalId) -> Option<String> {
    let resources = template.get("Resources").and_then(Value::as_object);
    let resource = resources.into_iter().flatten().find(|(_, resource)| names(resource, logical));
    let section = || {
        template.iter().find(|(section, value)| {
            !["Resources", "Outputs", "Description"].contains(&section.as_str()) && names(value, logical)
        })
    };
    resource
        .map(|(name, _)| format!("resource {name}"))
        .or_else(|| section().map(|(name, _)| format!("section {name}")))
}

/// Whether a piece of a template refers to a resource: `Ref`, `Fn::GetAtt` in both forms, `Fn::Sub`, `DependsOn`. A text that only
/// looks like it counts as well: then nothing is touched.
fn names(value: &Value, logical: &LogicalId) -> bool {
    let id = logical.as_str();
    match value {
        Value::String(text) => {
            text == id
                || text.strip_prefix(id).is_some_and(|rest| rest.starts_with('.'))
                || text.contains(&format!("${{{id}}}"))
                || text.contains(&format!("${{{id}."))
        }
        Value::Array(items) => items.iter().any(|item| names(item, logical)),
        Value::Object(fields) => fields.values().any(|field| names(field, logical)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
