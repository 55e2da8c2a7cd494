//! What went wrong, classified once: by the adapter that saw it.

use serde::{Deserialize, Serialize};

/// A failed operation of a port. The class is decided where the error is first understood, and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{operation} failed: {}{message}{}", code.as_deref().map(|c| format!("{c}: ")).unwrap_or_default(),
    remedy.as_deref().map(|r| format!(" ({r})")).unwrap_or_default())]
pub struct Fault {
    /// The API operation, such as `AuthorizeSecurityGroupIngress`.
    pub operation: String,
    /// What may be done about it.
    pub class: FaultClass,
    /// The AWS error code, when there is one.
    pub code: Option<String>,
    /// What was said.
    pub message: String,
    /// What a person can do.
    pub remedy: Option<String>,
}

/// What may be done about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultClass {
    /// Trying later may help: throttling, 5xx, time-outs, connection resets, eventual consistency. Nothing is known of whether
    /// it took effect.
    Retryable,
    /// A part of the batch was refused and nothing took effect: try the parts one by one.
    Batch,
    /// Trying again cannot help: denied, not found, over a quota, malformed.
    Terminal,
}

impl Fault {
    /// A fault without an AWS error code.
    pub fn new(operation: impl Into<String>, class: FaultClass, message: impl Into<String>) -> Self {
        Self { operation: operation.into(), class, code: None, message: message.into(), remedy: None }
    }

    /// Whether trying later may help.
    pub fn is_retryable(&self) -> bool {
        self.class == FaultClass::Retryable
    }
}
