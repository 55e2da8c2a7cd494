//! From a message to exactly one final record.

use crate::outcome::{Outcome, Unreadable};
use crate::payment::PaymentId;
use crate::ports::{Added, Clock, Fault, Records};

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The payment has its final record now.
    First(PaymentId),
    /// It had it already, and the message says the same.
    Again(PaymentId),
    /// It had another one, which stands; this one is kept beside it, and a person must look.
    Conflict(PaymentId),
}

/// Why a message goes back to the queue, and in the end to its dead letters.
#[derive(Debug, thiserror::Error)]
pub enum NotRecorded {
    /// It is none of ours, and no repetition makes it one.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A call failed; the next delivery tries again.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Records a message. Any number of deliveries, in any order, leave one final record a payment.
///
/// # Errors
/// When it is not recorded.
pub async fn record<R: Records, C: Clock>(body: &str, records: &R, clock: &C) -> Result<Recorded, NotRecorded> {
    let outcome = Outcome::read(body)?;
    let now = clock.now();
    match records.add(&outcome, now).await? {
        Added::First => Ok(Recorded::First(outcome.payment_id)),
        Added::Again => Ok(Recorded::Again(outcome.payment_id)),
        Added::Other => {
            records.conflict(&outcome, now).await?;
            Ok(Recorded::Conflict(outcome.payment_id))
        }
    }
}
