//! What the path needs of the world. DynamoDB and SNS stand behind it in `payments-lambda`, twins in the tests.

use crate::outcome::{Outcome, Verdict};
use crate::payment::{Amount, PaymentId, Token};
use jiff::Timestamp;
use std::future::Future;

/// A call that failed, or whose answer was lost: nobody knows whether it was carried out. All of the path may be repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} failed: {message}")]
pub struct Fault {
    /// What was called.
    pub operation: String,
    /// What was said.
    pub message: String,
}

/// A payment that was asked for, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which payment.
    pub payment_id: PaymentId,
    /// Of the request that was taken.
    pub fingerprint: String,
    /// How much.
    pub amount: Amount,
    /// From whom; gone once it is decided.
    pub token: Option<Token>,
    /// When the request was taken.
    pub claimed_at: Timestamp,
    /// How it ended, once it has.
    pub decision: Option<Decision>,
    /// Its outcome is not known to be published.
    pub open: bool,
}

/// How a payment ended, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// How.
    pub verdict: Verdict,
    /// When.
    pub decided_at: Timestamp,
}

/// The requests, by payment.
pub trait Requests: Sync {
    /// Writes the claim if there is none of this payment. `Some`: there is, and this is it.
    fn claim(&self, claim: &Claim) -> impl Future<Output = Result<Option<Claim>, Fault>> + Send;

    /// The claim of a payment, by a consistent read.
    fn find(&self, id: &PaymentId) -> impl Future<Output = Result<Option<Claim>, Fault>> + Send;

    /// Writes the decision if there is none, and forgets the token. Answers the decision that stands.
    fn decide(&self, id: &PaymentId, decision: &Decision) -> impl Future<Output = Result<Decision, Fault>> + Send;

    /// The outcome is published.
    fn close(&self, id: &PaymentId) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Open claims from before a time, oldest first, at most so many. May lag behind, and name some that are closed by now.
    fn open(&self, before: Timestamp, at_most: usize) -> impl Future<Output = Result<Vec<PaymentId>, Fault>> + Send;
}

/// Who takes the money. Charging one payment again answers as the first time and takes nothing more: providers call that an
/// idempotency key, and it is the payment's id.
pub trait Provider: Sync {
    /// Takes the money, or says why not.
    fn charge(
        &self,
        id: &PaymentId,
        amount: &Amount,
        token: &Token,
    ) -> impl Future<Output = Result<Verdict, Fault>> + Send;
}

/// Who is told of outcomes, at least once each.
pub trait Topic: Sync {
    /// Tells everybody who subscribed.
    fn publish(&self, outcome: &Outcome) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// What became of an attempt to add a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is the payment's first, and therefore final.
    First,
    /// The same one stands already.
    Again,
    /// Another one stands.
    Other,
}

/// The final records, by payment.
pub trait Records: Sync {
    /// Adds the final record if there is none.
    fn add(&self, outcome: &Outcome, now: Timestamp) -> impl Future<Output = Result<Added, Fault>> + Send;

    /// Keeps an outcome that came too late beside the final record. Keeping the same one again changes nothing.
    fn conflict(&self, outcome: &Outcome, now: Timestamp) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// The time.
pub trait Clock: Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}
