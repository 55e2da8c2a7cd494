//! An outbox that keeps what was sent.

use jiff::SignedDuration;
use reconciler::{Fault, Hint, OutcomeEvent};
use std::sync::{Mutex, MutexGuard, PoisonError};
use topology::{Place, TopologyId};

/// Everything that was sent, in order.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// Hints that were re-sent, with their delay.
    pub resent: Vec<(Vec<Hint>, SignedDuration)>,
    /// Hints that were put aside, with the reason.
    pub dead: Vec<(Vec<Hint>, String)>,
    /// Outcome events.
    pub events: Vec<OutcomeEvent>,
    /// Topologies whose controls were asked to look, with the reason.
    pub requests: Vec<(Vec<(Place, TopologyId)>, String)>,
    /// Which calls came, in order.
    pub order: Vec<&'static str>,
}

/// Records instead of sending.
#[derive(Debug, Default)]
pub struct Outbox {
    sent: Mutex<Sent>,
    broken: Mutex<Option<Fault>>,
}

impl Outbox {
    /// What was sent since the last call.
    pub fn take(&self) -> Sent {
        std::mem::take(&mut *self.guard())
    }

    /// Every call fails with this from now on; `None` mends it.
    pub fn fail_with(&self, fault: Option<Fault>) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn guard(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn works(&self, operation: &'static str) -> Result<(), Fault> {
        self.guard().order.push(operation);
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }
}

impl reconciler::Outbox for Outbox {
    async fn resend(&self, hints: &[Hint], delay: SignedDuration) -> Result<(), Fault> {
        self.works("resend")?;
        self.guard().resent.push((hints.to_vec(), delay));
        Ok(())
    }

    async fn dead_letter(&self, hints: &[Hint], why: &str) -> Result<(), Fault> {
        self.works("dead_letter")?;
        self.guard().dead.push((hints.to_vec(), why.to_owned()));
        Ok(())
    }

    async fn publish(&self, events: &[OutcomeEvent]) -> Result<(), Fault> {
        self.works("publish")?;
        self.guard().events.extend_from_slice(events);
        Ok(())
    }

    async fn request(&self, topologies: &[(Place, TopologyId)], why: &str) -> Result<(), Fault> {
        self.works("request")?;
        self.guard().requests.push((topologies.to_vec(), why.to_owned()));
        Ok(())
    }
}
