//! The loop, once: hints in, a verified network and a record out. It knows no AWS SDK and no control by name.

mod fault;
mod hint;
mod ports;
mod records;

pub use fault::{Fault, FaultClass};
pub use hint::{Cause, Hint, Principal};
pub use ports::{Apply, Clock, Ledger, LedgerRead, Locate, Observe, Outbox, StackStatus, Stacks};
pub use records::{
    ActionOutcome, Binding, Bindings, Bound, Candidate, ClientToken, Intent, LayerMark, Lease, LoopKey, Outcome,
    OutcomeEvent, Pinned, Record, Report, Served,
};
