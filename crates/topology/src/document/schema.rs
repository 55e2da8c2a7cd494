//! The JSON Schema of the document, for editors.

use super::model::Document;
use serde_json::Value;

/// The schema, generated from the types that read the document; `topologies/topology.schema.json` is its text.
pub fn schema() -> Value {
    schemars::schema_for!(Document).to_value()
}
