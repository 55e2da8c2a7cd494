//! The loop, once: hints in, a verified network and a record out. It knows no AWS SDK and no control by name.

pub mod bind;
mod compliance;
mod decode;
mod dispatch;
mod enforce;
mod error;
mod fault;
pub mod guard;
mod hand;
mod hint;
mod locate;
mod metrics;
mod overall;
mod ports;
mod reconcile;
mod records;
mod stacks;
mod survey;
mod sweep;
mod tell;
mod trail;
mod world;

pub use compliance::{
    Compliance, ConfigType, Evaluated, Evaluation, Evaluations, Inspect, Look, Sight, When, evaluate, inspect,
};
pub use decode::{Decoded, decode, decode_value, recheck_body};
pub use dispatch::{BatchOutcome, Message, dispatch};
pub use enforce::enforce;
pub use error::Error;
pub use fault::{Fault, FaultClass};
pub use hand::{Answer, answer, answer_read_only};
pub use hint::{Cause, Hint, Principal};
pub use metrics::Metrics;
pub use ports::{
    Apply, CLAIM_LIVES, ChangeSetState, Clock, DetectionStatus, ExecutionState, Ledger, LedgerRead, Locate,
    NetworkStacks, Observe, Outbox, StackFacts, StackStatus, Stacks, TOKEN_LIVES, Trails,
};
pub use records::{
    ActionOutcome, Binding, Bindings, Bound, Candidate, Claimed, ClientToken, Intent, LayerMark, Lease, LoopKey,
    Outcome, OutcomeEvent, Pace, Pinned, Record, RefusedDocument, Report, Served,
};
pub use stacks::{Detection, Mending, StackCare, StackEntry, StackMemory, Watched, watch};
pub use survey::{Survey, Target, survey};
pub use sweep::{Swept, sweep};
pub use trail::{Announced, EVENT_SOURCES, EventSelector, FieldSelector, Trail, announced};
pub use world::{Eyes, Hands, Limits, Ports, ReadPorts, Run, Settings};
