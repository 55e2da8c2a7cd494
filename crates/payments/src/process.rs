//! From a request to a published outcome.

use crate::outcome::{Outcome, Verdict};
use crate::payment::{Amount, Currency, PaymentId, PaymentRequest, Token};
use crate::ports::{Claim, Clock, Decision, Fault, Provider, Requests, Topic};
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// So old is a claim before somebody else finishes it: longer than the function may run.
pub const GRACE: SignedDuration = SignedDuration::from_secs(60);
/// So many open claims are finished in one go; the rest waits for the next.
const AT_ONCE: usize = 50;

/// What a request needs.
#[derive(Debug)]
pub struct Ports<'a, R, P, T, C> {
    /// Claims and decisions.
    pub requests: &'a R,
    /// Who takes the money.
    pub provider: &'a P,
    /// Who is told.
    pub topic: &'a T,
    /// The time.
    pub clock: &'a C,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The payment is decided, and everybody is told.
    Decided(Outcome),
    /// Another request with this payment id was taken before. Nothing happened.
    Mismatch,
}

/// Takes a request: claims the payment, decides it once, tells everybody. The same request again is answered as the first time.
///
/// # Errors
/// When a call failed. The request may be repeated, and [`resume`] finishes it if nobody does.
pub async fn take<R: Requests, P: Provider, T: Topic, C: Clock>(
    request: PaymentRequest,
    ports: &Ports<'_, R, P, T, C>,
) -> Result<Taken, Fault> {
    let fingerprint = request.fingerprint();
    let PaymentRequest { by: _, payment_id, amount, token } = request;
    let claimed_at = ports.clock.now();
    let claim = Claim { payment_id, fingerprint, amount, token: Some(token), claimed_at, decision: None, open: true };
    let claim = match ports.requests.claim(&claim).await? {
        None => claim,
        Some(stands) if stands.fingerprint == claim.fingerprint => stands,
        Some(_) => return Ok(Taken::Mismatch),
    };
    finish(claim, ports).await.map(Taken::Decided)
}

/// Decides what is not decided, tells what is not told.
async fn finish<R: Requests, P: Provider, T: Topic, C: Clock>(
    claim: Claim,
    ports: &Ports<'_, R, P, T, C>,
) -> Result<Outcome, Fault> {
    let Claim { payment_id, fingerprint: _, amount, token, claimed_at: _, decision, open } = claim;
    let decision = match (decision, token) {
        (Some(decision), _) => decision,
        (None, Some(token)) => {
            let verdict = ports.provider.charge(&payment_id, &amount, &token).await?.bounded();
            let decision = Decision { verdict, decided_at: ports.clock.now() };
            ports.requests.decide(&payment_id, &decision).await?
        }
        (None, None) => {
            let message = format!("{payment_id} is not decided and has no token to charge");
            return Err(Fault { operation: "finish".into(), message });
        }
    };
    let outcome = Outcome::new(payment_id, amount, decision);
    if open {
        ports.topic.publish(&outcome).await?;
        ports.requests.close(&outcome.payment_id).await?;
    }
    Ok(outcome)
}

/// What [`resume`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Payments that have their outcome now.
    pub finished: Vec<PaymentId>,
    /// What failed meanwhile; these payments stay open.
    pub faults: Vec<Fault>,
}

/// Finishes claims that whoever took them did not: a crash, a time-out, a fault without a client that comes back. One that fails does
/// not keep the others.
///
/// # Errors
/// When the open claims cannot be listed.
pub async fn resume<R: Requests, P: Provider, T: Topic, C: Clock>(
    ports: &Ports<'_, R, P, T, C>,
) -> Result<Resumed, Fault> {
    let now = ports.clock.now();
    let mut resumed = Resumed::default();
    for id in ports.requests.open(now.saturating_sub(GRACE).unwrap_or(now), AT_ONCE).await? {
        match one(&id, ports).await {
            Ok(()) => resumed.finished.push(id),
            Err(fault) => resumed.faults.push(fault),
        }
    }
    Ok(resumed)
}

async fn one<R: Requests, P: Provider, T: Topic, C: Clock>(
    id: &PaymentId,
    ports: &Ports<'_, R, P, T, C>,
) -> Result<(), Fault> {
    // The list lags: what it names may be closed by now, and then there is nothing to do.
    match ports.requests.find(id).await? {
        Some(claim) if claim.open => finish(claim, ports).await.map(drop),
        Some(_) | None => Ok(()),
    }
}

/// A provider that decides by limits: it stands where a real one is called, and answers the same to the same question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What is taken.
    pub currencies: BTreeSet<Currency>,
    /// The largest payment that succeeds, in minor units.
    pub largest: u64,
}

impl Provider for Limits {
    async fn charge(&self, _: &PaymentId, amount: &Amount, _: &Token) -> Result<Verdict, Fault> {
        let Amount { minor, currency } = amount;
        if !self.currencies.contains(currency) {
            return Ok(Verdict::Failure { reason: format!("payments in {currency} are not taken") });
        }
        if *minor > self.largest {
            return Ok(Verdict::Failure { reason: format!("more than {} minor units of {currency}", self.largest) });
        }
        Ok(Verdict::Success)
    }
}
