//! From what is declared and what was observed to a plan, over every service.

use super::{Change, Desired, Observed};
use crate::core::{Place, Plan, Standing};

pub(super) fn plan(_: &Place, _: &Desired, _: &Observed, _: &Standing) -> Plan<Change> {
    Plan::default()
}
