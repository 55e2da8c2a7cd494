//! Ports that can be stopped between any two calls, and whose ledger and outbox can fail. What a network does badly is the twin's
//! own business (`twin::Twin::weather`).

use jiff::{SignedDuration, Timestamp};
use reconciler::{
    Apply, Binding, Bindings, Bound, Candidate, Claimed, ClientToken, Fault, FaultClass, Hint, Intent, LayerMark,
    Lease, Ledger, LedgerRead, Locate, LoopKey, Observe, Outbox, OutcomeEvent, Pinned, Record, StackMemory,
    StackStatus, Stacks,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::Mutex;
use std::task::Poll;
use topology::{
    Control, ControlId, Directive, Place, Receipt, ResourceId, Scope, Seen, Slot, StackId, Standing, Subject, Topology,
    TopologyId, Verb, VpcId, VpcName,
};
use twin::Dice;

/// What becomes of calls. Every call passes two gates: before it takes effect, and before its answer comes.
#[derive(Debug, Default)]
pub(super) struct Sky(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    gates: usize,
    stop: Option<usize>,
    storm: Option<Dice>,
}

impl Sky {
    /// Stops whoever passes the gate of this number, once: dropped then, it has crashed; polled again, it goes on.
    pub(super) fn stop_at(&self, gate: usize) {
        let mut inner = self.0.lock().unwrap();
        (inner.gates, inner.stop) = (0, Some(gate));
    }

    /// Whether nobody has come as far as that gate.
    pub(super) fn still_waits(&self) -> bool {
        self.0.lock().unwrap().stop.is_some()
    }

    /// Calls of the ledger and the outbox fail by these dice; `None`: no more.
    pub(super) fn storm(&self, dice: Option<Dice>) {
        self.0.lock().unwrap().storm = dice;
    }

    async fn gate(&self) {
        let stops = {
            let mut inner = self.0.lock().unwrap();
            inner.gates += 1;
            inner.stop.is_some_and(|stop| stop == inner.gates - 1)
        };
        if !stops {
            return;
        }
        self.0.lock().unwrap().stop = None;
        let mut stopped = false;
        poll_fn(|_| match std::mem::replace(&mut stopped, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    fn fails(&self, operation: &'static str) -> Result<(), Fault> {
        match self.0.lock().unwrap().storm.as_mut().is_some_and(Dice::fall) {
            true => Err(Fault::new(operation, FaultClass::Retryable, "the connection was reset")),
            false => Ok(()),
        }
    }

    /// A call that may fail before it takes effect, or whose answer may be lost.
    async fn pass<T>(
        &self,
        operation: &'static str,
        writes: bool,
        call: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        self.gate().await;
        self.fails(operation)?;
        let answer = call.await;
        self.gate().await;
        if writes {
            self.fails(operation)?;
        }
        answer
    }
}

/// A port behind the gates.
pub(super) struct Through<'a, T> {
    pub(super) port: &'a T,
    pub(super) sky: &'a Sky,
}

impl<C: Control, T: Observe<C>> Observe<C> for Through<'_, T> {
    async fn observe(&self, bound: &Bound, desired: &C::Desired, scope: &Scope) -> C::Observed {
        self.sky.gate().await;
        let observed = self.port.observe(bound, desired, scope).await;
        self.sky.gate().await;
        observed
    }
}

impl<C: Control, T: Apply<C>> Apply<C> for Through<'_, T> {
    async fn apply(&self, place: &Place, action: &C::Action, token: &ClientToken) -> Result<Receipt, Fault> {
        self.sky.gate().await;
        let receipt = self.port.apply(place, action, token).await;
        self.sky.gate().await;
        receipt
    }
}

impl<T: Locate> Locate for Through<'_, T> {
    async fn locate(
        &self,
        place: &Place,
        ids: &BTreeSet<ResourceId>,
    ) -> Result<BTreeMap<ResourceId, Seen<VpcId>>, Fault> {
        self.sky.gate().await;
        self.port.locate(place, ids).await
    }

    async fn candidates(
        &self,
        place: &Place,
        topology: &Topology,
        pinned: &BTreeSet<VpcId>,
    ) -> Result<Vec<Candidate>, Fault> {
        self.sky.gate().await;
        self.port.candidates(place, topology, pinned).await
    }
}

impl<T: Stacks> Stacks for Through<'_, T> {
    async fn status(&self, place: &Place, stack: &StackId) -> Result<Option<StackStatus>, Fault> {
        self.sky.gate().await;
        self.port.status(place, stack).await
    }
}

/// Each method of a port, behind the gates.
macro_rules! behind {
    ($port:ident, $writes:literal: $(fn $name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl<T: $port> $port for Through<'_, T> {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$answer, Fault> {
                self.sky.pass(stringify!($name), $writes, self.port.$name($($arg),*)).await
            })*
        }
    };
}

behind! { LedgerRead, false:
    fn standing(key: &LoopKey, now: Timestamp) -> Standing;
    fn bindings(place: &Place, topology: &TopologyId) -> Bindings;
    fn holder(place: &Place, vpc: &VpcId) -> Option<(TopologyId, VpcName)>;
    fn layer(place: &Place, topology: &TopologyId) -> Option<LayerMark>;
    fn records(key: &LoopKey, limit: usize) -> Vec<Record>;
    fn maker(key: &LoopKey, id: &ResourceId) -> Option<Record>;
    fn made(place: &Place, topology: &TopologyId) -> Option<Timestamp>;
    fn stack_memory(place: &Place, stack: &StackId) -> Option<StackMemory>;
    fn known(place: &Place) -> BTreeSet<TopologyId>;
}

behind! { Ledger, true:
    fn pin(place: &Place, topology: &TopologyId, name: &VpcName, binding: &Binding, rebind: bool) -> Pinned;
    fn unpin(place: &Place, topology: &TopologyId, name: &VpcName, binding: &Binding) -> ();
    fn retire(key: &LoopKey, nothing_left: bool, at: Timestamp) -> BTreeMap<ControlId, Timestamp>;
    fn raise_layer(place: &Place, topology: &TopologyId, mark: &LayerMark, force: bool) -> LayerMark;
    fn lease(key: &LoopKey, owner: &str, now: Timestamp, lasts: SignedDuration) -> Option<Lease>;
    fn intend(lease: &Lease, intent: &Intent) -> Option<ClientToken>;
    fn claim(lease: &Lease, slot: &Slot, now: Timestamp) -> Claimed;
    fn settle(key: &LoopKey, token: &ClientToken, result: &Result<Receipt, Fault>, inverse: Option<Value>, at: Timestamp) -> ();
    fn release(lease: Lease, at: Timestamp) -> ();
    fn direct(place: &Place, directive: &Directive) -> ();
    fn withdraw(place: &Place, verb: Verb, subject: &Subject) -> Option<Directive>;
    fn note_made(place: &Place, topology: &TopologyId, at: Timestamp) -> ();
    fn remember_stack(place: &Place, stack: &StackId, memory: &StackMemory) -> bool;
    fn say_once(place: &Place, what: &str, now: Timestamp, period: SignedDuration) -> bool;
}

behind! { Outbox, true:
    fn resend(hints: &[Hint], delay: SignedDuration) -> ();
    fn dead_letter(hints: &[Hint], why: &str) -> ();
    fn publish(events: &[OutcomeEvent]) -> ();
    fn request(topologies: &[(Place, TopologyId)], why: &str) -> ();
}
