//! Whether a repair may go on: what the documents say, what people ordered, which layer is served, and how old its reasons are.

use super::{Desk, Mending};
use crate::enforce::older;
use crate::{Clock, Fault, Ledger, LoopKey, NetworkStacks, Outbox};
use jiff::SignedDuration;
use topology::network::{StackRepair, State};
use topology::stacks::Repair;
use topology::{ControlId, Mode, Subject, Verb};

/// What was found, and a change set made by it, is not acted upon when it is older. Two sweeps may be an hour apart, and a change set
/// is made by one and executed by the next.
pub(super) const FRESH: SignedDuration = SignedDuration::from_hours(2);

/// Why a document alone repairs no stack.
pub(super) const NO_LEAVE: &str =
    "this deployment of Plumbline may make no change sets; deploy it with StackRepair=execute, or run the commands";

impl<S: NetworkStacks, L: Ledger, O: Outbox, K: Clock> Desk<'_, S, L, O, K> {
    /// Every topology of the stack wants it, and is enforced.
    pub(super) fn asked_for(&self) -> bool {
        // The stack of a retired network is about to go.
        let wants = |it: &topology::Topology| {
            it.stack_repair == StackRepair::Execute && it.mode == Mode::Enforce && it.state == State::Active
        };
        !self.network.topologies.is_empty() && self.network.topologies.iter().all(|topology| wants(topology))
    }

    /// Why a repair that has executed nothing is let go. Nothing is lost with it: what it is for is found anew. One that has executed
    /// something goes on however old it is, for only that knows the template of the stack.
    pub(super) fn moot(&self, mending: &Mending) -> Option<&'static str> {
        let untouched = !mending.executed && mending.repair.stages().first() == Some(&mending.stage);
        let age = self.clock.now().duration_since(mending.begun.unwrap_or(mending.since));
        match untouched {
            false => None,
            true if !self.asked_for() => Some("no topology asks for it any more"),
            true => (age > FRESH).then_some("what it was begun for was seen too long ago"),
        }
    }

    /// Why nothing may be done now.
    pub(super) async fn barred(&self, repair: &Repair) -> Result<Option<String>, Fault> {
        if !self.asked_for() {
            return Ok(Some(
                "the topology does not say `stack_repair: execute` in mode enforce any more, or is retired".into(),
            ));
        }
        if !self.care.may_repair {
            return Ok(Some(NO_LEAVE.into()));
        }
        if let Some(why) = self.outdated().await? {
            return Ok(Some(why));
        }
        self.braked(repair).await
    }

    /// A newer layer has acted: what this one says of the network is not what stands.
    async fn outdated(&self) -> Result<Option<String>, Fault> {
        let Some(mine) = self.layer else { return Ok(None) };
        for topology in &self.network.topologies {
            let in_force = self.ledger.layer(&self.network.place, &topology.id).await?;
            if let Some((why, remedy)) = in_force.and_then(|in_force| older(mine, &in_force, &topology.id)) {
                return Ok(Some(format!("{why}; {remedy}")));
            }
        }
        Ok(None)
    }

    /// A person's order.
    async fn braked(&self, repair: &Repair) -> Result<Option<String>, Fault> {
        let now = self.clock.now();
        for topology in &self.network.topologies {
            // A pause is a topology's or one control's; an exemption is a resource's: which control asks does not matter.
            let Some(control) = ControlId::ALL.first() else { continue };
            let key = LoopKey { place: self.network.place.clone(), topology: topology.id.clone(), control: *control };
            let standing = self.ledger.standing(&key, now).await?;
            let paused = standing.in_force(Verb::Pause).find(|order| match &order.subject {
                Subject::Topology { topology: paused, control: _ } => *paused == topology.id,
                Subject::Resource(_) => false,
            });
            let ids = || repair.gone.values().flat_map(|gone| gone.physical_id.iter().chain(&gone.stand_in));
            let exempt = standing.in_force(Verb::Exempt).find(|order| match &order.subject {
                Subject::Resource(id) => ids().any(|touched| touched == id),
                Subject::Topology { .. } => false,
            });
            if let Some(order) = paused.or(exempt) {
                return Ok(Some(format!("held by {}: {}", order.by, order.reason)));
            }
        }
        Ok(None)
    }
}
