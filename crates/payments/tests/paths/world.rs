//! DynamoDB, SNS, SQS and the provider in memory, with the faults of a plan.

use jiff::{SignedDuration, Timestamp};
use payments::{
    Added, Amount, Claim, Clock, Decision, Fault, Limits, Outcome, PaymentId, PaymentRequest, Ports, Provider, Records,
    Requests, Token, Topic, Verdict,
};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chance {
    /// It is carried out.
    Fine,
    /// It fails, or the function dies before it.
    Before,
    /// It is carried out, and the function dies before it hears of it.
    After,
}

/// Everything that the path talks to.
#[derive(Debug)]
pub(crate) struct World {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    now: Timestamp,
    /// Of the next calls, the last one first; when it is empty everything works.
    pub(crate) chances: Vec<Chance>,
    pub(crate) claims: BTreeMap<PaymentId, Claim>,
    /// What the provider took or refused, by idempotency key.
    pub(crate) charged: BTreeMap<PaymentId, (Amount, Verdict)>,
    /// What is in the queue; a message leaves it when it is recorded.
    pub(crate) queue: Vec<String>,
    pub(crate) finals: BTreeMap<PaymentId, Outcome>,
    pub(crate) conflicts: BTreeMap<(PaymentId, String), Outcome>,
    /// How often a final record was written.
    pub(crate) written: BTreeMap<PaymentId, usize>,
}

impl World {
    pub(crate) fn new(chances: Vec<Chance>) -> Self {
        let euro = ["EUR".to_owned().try_into().unwrap()].into();
        Self {
            limits: Limits { currencies: euro, largest: 5000 },
            state: Mutex::new(State {
                now: Timestamp::constant(1_795_400_000, 0),
                chances,
                claims: BTreeMap::new(),
                charged: BTreeMap::new(),
                queue: vec![],
                finals: BTreeMap::new(),
                conflicts: BTreeMap::new(),
                written: BTreeMap::new(),
            }),
        }
    }

    pub(crate) fn ports(&self) -> Ports<'_, Self, Self, Self, Self> {
        Ports { requests: self, provider: self, topic: self, clock: self }
    }

    pub(crate) fn look<T>(&self, at: impl FnOnce(&mut State) -> T) -> T {
        at(&mut self.state.lock().unwrap())
    }

    pub(crate) fn later(&self, by: SignedDuration) {
        self.look(|state| state.now += by);
    }

    /// One call: others may come in between, and it may fail on either side.
    async fn call<T>(&self, operation: &str, effect: impl FnOnce(&mut State) -> T) -> Result<T, Fault> {
        tokio::task::yield_now().await;
        let fault = || Fault { operation: operation.into(), message: "by plan".into() };
        self.look(|state| match state.chances.pop().unwrap_or(Chance::Fine) {
            Chance::Fine => Ok(effect(state)),
            Chance::Before => Err(fault()),
            Chance::After => {
                effect(state);
                Err(fault())
            }
        })
    }
}

impl Requests for World {
    async fn claim(&self, claim: &Claim) -> Result<Option<Claim>, Fault> {
        self.call("claim", |state| match state.claims.get(&claim.payment_id) {
            Some(stands) => Some(stands.clone()),
            None => {
                state.claims.insert(claim.payment_id.clone(), claim.clone());
                None
            }
        })
        .await
    }

    async fn find(&self, id: &PaymentId) -> Result<Option<Claim>, Fault> {
        self.call("find", |state| state.claims.get(id).cloned()).await
    }

    async fn decide(&self, id: &PaymentId, decision: &Decision) -> Result<Decision, Fault> {
        self.call("decide", |state| {
            let claim = state.claims.get_mut(id).unwrap();
            claim.token = None;
            claim.decision.get_or_insert(decision.clone()).clone()
        })
        .await
    }

    async fn close(&self, id: &PaymentId) -> Result<(), Fault> {
        self.call("close", |state| state.claims.get_mut(id).unwrap().open = false).await
    }

    async fn open(&self, before: Timestamp, at_most: usize) -> Result<Vec<PaymentId>, Fault> {
        self.call("open", |state| {
            let open = state.claims.values().filter(|claim| claim.open && claim.claimed_at < before);
            open.map(|claim| claim.payment_id.clone()).take(at_most).collect()
        })
        .await
    }
}

impl Provider for World {
    async fn charge(&self, id: &PaymentId, amount: &Amount, token: &Token) -> Result<Verdict, Fault> {
        let verdict = self.limits.charge(id, amount, token).await?;
        let charged = (amount.clone(), verdict);
        self.call("charge", |state| state.charged.entry(id.clone()).or_insert(charged).1.clone()).await
    }
}

impl Topic for World {
    async fn publish(&self, outcome: &Outcome) -> Result<(), Fault> {
        let message = outcome.write().unwrap();
        self.call("publish", |state| state.queue.push(message)).await
    }
}

impl Records for World {
    async fn add(&self, outcome: &Outcome, _: Timestamp) -> Result<Added, Fault> {
        self.call("add", |state| match state.finals.get(&outcome.payment_id) {
            Some(stands) if stands == outcome => Added::Again,
            Some(_) => Added::Other,
            None => {
                state.finals.insert(outcome.payment_id.clone(), outcome.clone());
                *state.written.entry(outcome.payment_id.clone()).or_default() += 1;
                Added::First
            }
        })
        .await
    }

    async fn conflict(&self, outcome: &Outcome, _: Timestamp) -> Result<(), Fault> {
        self.call("conflict", |state| {
            state.conflicts.insert((outcome.payment_id.clone(), outcome.digest()), outcome.clone());
        })
        .await
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        self.look(|state| {
            // No two moments are the same: what is decided twice is seen.
            state.now += SignedDuration::from_millis(1);
            state.now
        })
    }
}

/// A request for payment number `id`, of so many euro cents.
pub(crate) fn request(id: u8, cents: u64) -> PaymentRequest {
    let body = format!(
        r#"{{"payment_id":"payment-{id:04}","amount":{cents},"currency":"EUR","token":"tok_4fGh7Kq2{cents}"}}"#
    );
    PaymentRequest::read("ana", body.as_bytes(), None).unwrap()
}
