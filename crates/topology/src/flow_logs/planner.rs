//! From what is declared and what was observed to a plan.

use super::{Change, Desired, Observed};
use crate::core::{Place, Plan, Standing};

/// The plan. See [`super`] for the rules that it follows.
pub(super) fn plan(_: &Place, _: &Desired, _: &Observed, _: &Standing) -> Plan<Change> {
    Plan::default()
}
