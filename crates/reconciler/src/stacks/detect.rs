//! Drift detection: started on its own schedule, read when CloudFormation is done, told as advice.

use super::words::{DRIFT, advice_detail, doubt, headline};
use super::{Desk, Detection, StackMemory};
use crate::{Clock, DetectionStatus, Fault, Ledger, NetworkStacks, Outbox};
use jiff::SignedDuration;
use std::collections::BTreeSet;
use topology::ResourceId;
use topology::stacks::{Advice, DriftStatus, ResourceDrift, StandIn, advise, contested, repair};

/// A detection that has not ended by then has been forgotten: CloudFormation keeps no more than it says
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackDriftDetectionStatus.html>).
const PATIENCE: SignedDuration = SignedDuration::from_hours(2);
/// The same findings are told to people again after this.
pub(super) const AGAIN: SignedDuration = SignedDuration::from_hours(24);
/// After something of Plumbline's own was made: by then what else is being put back is there, too.
const SETTLES: SignedDuration = SignedDuration::from_mins(2);

/// What drifts mean, and by what.
struct Reading {
    stand_ins: Vec<StandIn>,
    contested: BTreeSet<ResourceId>,
    advice: Vec<Advice>,
}

impl<S: NetworkStacks, L: Ledger, O: Outbox, K: Clock> Desk<'_, S, L, O, K> {
    /// Whether it is time: by the schedule, or because something was made that the stack may miss.
    pub(super) fn due(&self, memory: &StackMemory, at_once: bool) -> bool {
        let now = self.clock.now();
        let Some(every) = self.care.detect_every else { return at_once };
        let Some(last) = memory.detected else { return true };
        let made = self.network.made.is_some_and(|made| made > last && now.duration_since(made) >= SETTLES);
        at_once || made || now.duration_since(last) >= every
    }

    /// Starts a detection, unless the stack is changing: then its end, which is an event, is the time to look.
    pub(super) async fn detect(&mut self, memory: &mut StackMemory) -> Result<String, Fault> {
        let (place, stack) = (&self.network.place, &self.network.stack);
        let Some(facts) = self.stacks.describe(place, stack).await? else {
            return Ok("there is no such stack any more".into());
        };
        if !facts.can_detect() {
            return Ok(format!("{}: no drift detection now", facts.status));
        }
        let id = self.stacks.detect_drift(place, stack).await?;
        let now = self.clock.now();
        memory.detection = Some(Detection { id, since: now });
        memory.detected = Some(now);
        self.keep(memory).await?;
        // CloudFormation is often done by the time that it has answered; if not, an event or the next sweep comes back to it.
        Ok("drift detection started".into())
    }

    /// Reads a detection that has ended.
    pub(super) async fn read_detection(
        &mut self,
        mut memory: StackMemory,
        detection: &Detection,
    ) -> Result<String, Fault> {
        let (place, stack) = (self.network.place.clone(), self.network.stack.clone());
        let age = self.clock.now().duration_since(detection.since);
        match self.stacks.detection(&place, &detection.id).await? {
            Some(DetectionStatus::InProgress) if age < PATIENCE => Ok("drift detection is under way".into()),
            Some(DetectionStatus::Failed(why)) => {
                // What could be compared was; what not is among the results, with the reason. It is told, and repairs nothing: what
                // a change set would meet is known in part.
                let drifts = self.stacks.drifts(&place, &stack).await?;
                let Reading { stand_ins: _, contested, advice } = self.reading(&drifts).await?;
                memory.detection = None;
                self.keep(&mut memory).await?;
                let gone = drifts.iter().filter(|drift| drift.status == DriftStatus::Deleted);
                let gone: Vec<&str> = gone.map(|drift| drift.logical_id.as_str()).collect();
                let seen = match gone.is_empty() {
                    true => String::new(),
                    false => format!("; gone is {}{}", gone.join(", "), doubt(&contested)),
                };
                let headline =
                    format!("drift of stack {} could not be detected whole: {why}{seen}", stack.stack_name());
                let once = format!("{stack}#failed#{}", gone.join("#"));
                let detail = serde_json::json!({ "stack": stack, "why": why, "drifts": drifts, "advice": advice });
                self.tell(DRIFT, headline, detail, Some((once, AGAIN))).await;
                Ok(format!("drift detection failed: {why}"))
            }
            Some(DetectionStatus::Complete) => {
                let drifts = self.stacks.drifts(&place, &stack).await?;
                let before = memory.version;
                memory.detection = None;
                // Until all of it was told, the detection is not forgotten: a fault on the way has it read again.
                let said = self.found(&mut memory, drifts).await?;
                if memory.version == before {
                    self.keep(&mut memory).await?;
                }
                Ok(said)
            }
            Some(DetectionStatus::InProgress) | None => {
                memory.detection = None;
                self.keep(&mut memory).await?;
                Ok("the drift detection was forgotten by CloudFormation; the next one is due as planned".into())
            }
        }
    }

    async fn found(&mut self, memory: &mut StackMemory, drifts: Vec<ResourceDrift>) -> Result<String, Fault> {
        let stack = self.network.stack.clone();
        if drifts.is_empty() {
            return Ok("in sync".into());
        }
        let Reading { stand_ins, contested, advice } = self.reading(&drifts).await?;
        // Change sets would be for a guess.
        let wanted = repair(&stack, &drifts, &stand_ins).filter(|_| contested.is_empty());
        let commands = match &wanted {
            Some(repair) => self.commands(repair).await?,
            None => vec![],
        };
        let open = advice.iter().any(|advice| !advice.kept);
        let deleted = drifts.iter().any(|drift| drift.status == DriftStatus::Deleted);
        let said: Vec<String> = advice.iter().map(ToString::to_string).collect();
        let headline = format!("{}{}", headline(&stack, &advice), doubt(&contested));
        let detail = advice_detail(&stack, &advice, &commands);
        let once = format!("{stack}#{}", said.join("#"));
        // Properties alone wake nobody: the bus has them.
        match deleted && open {
            true => self.tell(DRIFT, headline.clone(), detail, Some((once, AGAIN))).await,
            false => self.tell_quietly(DRIFT, headline.clone(), detail).await,
        }
        match wanted {
            Some(repair) => self.begin_mending(memory, repair, &drifts, &stand_ins, headline).await,
            None => Ok(headline),
        }
    }

    /// What would stand in for more than one stands in for none.
    async fn reading(&self, drifts: &[ResourceDrift]) -> Result<Reading, Fault> {
        let mut stand_ins = self.stand_ins(drifts).await?;
        let contested = contested(&stand_ins);
        stand_ins.retain(|it| !contested.contains(&it.id));
        let of = |drift: &ResourceDrift| stand_ins.iter().find(|it: &&StandIn| it.logical_id == drift.logical_id);
        let advice = drifts.iter().map(|drift| advise(drift, of(drift))).collect();
        Ok(Reading { stand_ins, contested, advice })
    }
}
