//! Support for the end-to-end scenarios and the template checks.
