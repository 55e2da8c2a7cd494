//! Support for the end-to-end scenarios and the template checks: the template as data, the check of roles against calls.

pub mod iam;
pub mod template;
