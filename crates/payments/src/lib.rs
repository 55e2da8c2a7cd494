//! The payments path of the hipaa workload, without AWS: what a payment is, and how each one ends in exactly one final record.
//!
//! ```text
//! request → process: claim → charge → decide → publish → close ─ topic ─ queue ─ record: add, once
//!                       └────────── resume, every few minutes ──┘
//! ```
//!
//! - A **claim** is a conditional write on the payment's id: of all requests with one id, the first is taken, equal ones are answered as
//!   it was, different ones are refused.
//! - A **decision** is written once, on condition that there is none. What is published is always the decision that stands.
//! - A claim stays **open** until its outcome is published; `resume` finishes open ones, so that a crash at any point, and a client that
//!   never comes back, leave no payment without an outcome.
//! - A **record** is added on condition that there is none. The same outcome again changes nothing; another one is kept beside it and
//!   counted, and never replaces it.
//!
//! No card data comes in here: a request names a token of the payment provider, which is forgotten once the payment is decided and is
//! never shown or logged.

mod outcome;
mod payment;
mod ports;
mod process;
mod record;

pub use outcome::{Outcome, Unreadable, Verdict};
pub use payment::{Amount, Currency, Invalid, PaymentId, PaymentRequest, Problem, Token};
pub use ports::{Added, Claim, Clock, Decision, Fault, Provider, Records, Requests, Topic};
pub use process::{GRACE, Limits, Ports, Resumed, Taken, resume, take};
pub use record::{NotRecorded, Recorded, record};
