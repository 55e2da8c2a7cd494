//! The loop, once: hints in, a verified network and a record out. It knows no AWS SDK and no control by name.

mod dispatch;
mod error;
mod fault;
mod hand;
mod hint;
mod metrics;
mod ports;
mod records;
mod sweep;
mod world;

pub use dispatch::{BatchOutcome, Message, dispatch};
pub use error::Error;
pub use fault::{Fault, FaultClass};
pub use hand::{Answer, answer, answer_read_only};
pub use hint::{Cause, Hint, Principal};
pub use metrics::Metrics;
pub use ports::{Apply, Clock, Ledger, LedgerRead, Locate, Observe, Outbox, StackStatus, Stacks};
pub use records::{
    ActionOutcome, Binding, Bindings, Bound, Candidate, ClientToken, Intent, LayerMark, Lease, LoopKey, Outcome,
    OutcomeEvent, Pinned, Record, Report, Served,
};
pub use sweep::{Swept, sweep};
pub use world::{Eyes, Hands, Limits, Ports, ReadPorts, Run, Settings};
