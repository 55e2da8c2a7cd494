//! Bringing a stack back in line where its topology says `stack_repair: execute`: one change set at a time, each read before it is
//! executed, each step written down before it is taken. What is awaited is awaited by the next sweep or event.

use super::bars::{FRESH, NO_LEAVE};
use super::words::{FAILED, HELD, MENDED};
use super::{Desk, Mending, Network, StackMemory};
use crate::{ChangeSetState, Clock, ExecutionState, Fault, FaultClass, Ledger, NetworkStacks, Outbox, StackFacts};
use jiff::SignedDuration;
use serde_json::json;
use topology::stacks::{Repair, ResourceDrift, Stage, StandIn, judge, unsure};

/// A change set is made within minutes; one that is not by then never will be.
const MADE_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// After a failure a person is meant to look first.
const RETRY: SignedDuration = SignedDuration::from_hours(24);
/// A repair that waits is told again after this.
const HELD_AGAIN: SignedDuration = SignedDuration::from_hours(24);

impl<S: NetworkStacks, L: Ledger, O: Outbox, K: Clock> Desk<'_, S, L, O, K> {
    /// Begins a repair, or says why it is left to a person.
    pub(super) async fn begin_mending(
        &mut self,
        memory: &mut StackMemory,
        repair: Repair,
        drifts: &[ResourceDrift],
        stand_ins: &[StandIn],
        headline: String,
    ) -> Result<String, Fault> {
        if !self.asked_for() {
            return Ok(headline);
        }
        let now = self.clock.now();
        let open = unsure(drifts, stand_ins);
        if !open.is_empty() {
            let open: Vec<&str> = open.iter().map(|id| id.as_str()).collect();
            return Ok(format!("{headline}; not repaired yet: nothing on record stands in for {}", open.join(", ")));
        }
        if memory.not_before.is_some_and(|until| now < until) {
            return Ok(format!("{headline}; the last repair failed, and a person is meant to look first"));
        }
        let Some(stage) = repair.stages().first().copied() else { return Ok(headline) };
        // Not begun: one that has begun is found anew after hours, and there would be a detection for each time.
        if !self.care.may_repair {
            return self.wait_for_a_person(&repair, stage, NO_LEAVE).await;
        }
        // A template that is to be taken apart is kept whole before anything is done.
        let template = match stage {
            Stage::Revert => None,
            Stage::Release | Stage::Adopt => {
                Some(self.stacks.template(&self.network.place, &self.network.stack).await?)
            }
        };
        let token = token(&repair, now);
        let begun = Some(now);
        memory.mending =
            Some(Mending { repair, stage, template, token, change_set: None, executed: false, since: now, begun });
        memory.note(now, format!("repair begun: {headline}"), None);
        self.keep(memory).await?;
        self.mend(memory, false).await
    }

    /// Takes a repair as far as it goes without waiting.
    pub(super) async fn mend(&mut self, memory: &mut StackMemory, at_once: bool) -> Result<String, Fault> {
        loop {
            let Some(mending) = memory.mending.clone() else { return Ok("in line".into()) };
            let now = self.clock.now();
            if memory.not_before.is_some_and(|until| now < until && !at_once) && mending.change_set.is_none() {
                return Ok("the last change set failed, and a person is meant to look first".into());
            }
            let Some(facts) = self.stacks.describe(&self.network.place, &self.network.stack).await? else {
                memory.mending = None;
                memory.note(now, "the stack is gone", None);
                self.keep(memory).await?;
                return Ok("there is no such stack any more".into());
            };
            if facts.is_moving() {
                return Ok(format!("the stack is in {}", facts.status));
            }
            if let Some(why) = self.moot(&mending) {
                return self.let_go(memory, &mending, why).await;
            }
            let next = match (&mending.change_set, mending.executed) {
                (Some(change_set), true) => self.executed(memory, &mending, &facts, change_set).await?,
                (Some(change_set), false) => self.read_change_set(memory, &mending, &facts, change_set).await?,
                (None, _) => self.make_change_set(memory, &mending, &facts).await?,
            };
            if let Some(said) = next {
                return Ok(said);
            }
        }
    }

    /// `None`: go on at once.
    async fn make_change_set(
        &mut self,
        memory: &mut StackMemory,
        mending: &Mending,
        facts: &StackFacts,
    ) -> Result<Option<String>, Fault> {
        if let Some(why) = self.barred(&mending.repair).await? {
            return self.wait_for_a_person(&mending.repair, mending.stage, &why).await.map(Some);
        }
        if facts.role.is_none() {
            let why = "the stack has no service role, and Plumbline's own may change no network through CloudFormation; deploy the \
                       stack with --role-arn once";
            return self.wait_for_a_person(&mending.repair, mending.stage, why).await.map(Some);
        }
        let change_set = match mending.repair.change_set(mending.stage, mending.template.as_deref()) {
            Ok(change_set) => change_set,
            Err(error) => return self.failed(memory, mending, &error.to_string()).await.map(Some),
        };
        let (place, stack) = (self.network.place.clone(), self.network.stack.clone());
        let name = name(mending);
        memory.note(self.clock.now(), format!("change set {name} intended"), None);
        self.keep(memory).await?;
        match self.stacks.create_change_set(&place, &stack, &name, &change_set, facts, &mending.token).await {
            Ok(id) => {
                memory.note(self.clock.now(), format!("change set {name} made"), Some(&id));
                memory.mending = Some(Mending { change_set: Some(id), since: self.clock.now(), ..mending.clone() });
                self.keep(memory).await?;
                Ok(None)
            }
            Err(fault) if fault.is_retryable() => Err(fault),
            Err(fault) => self.failed(memory, mending, &fault.to_string()).await.map(Some),
        }
    }

    async fn read_change_set(
        &mut self,
        memory: &mut StackMemory,
        mending: &Mending,
        facts: &StackFacts,
        change_set: &str,
    ) -> Result<Option<String>, Fault> {
        let Network { place, stack, .. } = &self.network;
        let Some(state) = self.stacks.change_set(place, stack, change_set).await? else {
            return self
                .failed(memory, mending, "the change set is gone: somebody else changed the stack")
                .await
                .map(Some);
        };
        let ChangeSetState { made, execution, changes } = state;
        match made {
            None if self.clock.now().duration_since(mending.since) < MADE_WITHIN => {
                return Ok(Some("the change set is being made".into()));
            }
            None => return self.discard(memory, mending, change_set, "it was not made within an hour").await.map(Some),
            // Nothing to do is what a repair ends with.
            Some(Err(why)) if nothing_to_do(&why) && mending.stage == Stage::Revert => {
                self.drop_change_set(change_set).await;
                return self.next(memory, mending).await;
            }
            Some(Err(why)) => return self.discard(memory, mending, change_set, &why).await.map(Some),
            Some(Ok(())) => {}
        }
        if self.clock.now().duration_since(mending.since) > FRESH {
            self.make_anew(memory, mending, change_set, "it is too old to be executed").await?;
            return Ok(None);
        }
        let problems = judge(&mending.repair, mending.stage, &changes);
        if !problems.is_empty() {
            let why = format!("it would change more than it is for: {}", problems.join("; "));
            return self.discard(memory, mending, change_set, &why).await.map(Some);
        }
        if execution != ExecutionState::Available {
            return self.discard(memory, mending, change_set, "it cannot be executed any more").await.map(Some);
        }
        if let Some(why) = self.barred(&mending.repair).await? {
            // When it may be executed, the network may be another one than it was made for.
            self.make_anew(memory, mending, change_set, &why).await?;
            return self.wait_for_a_person(&mending.repair, mending.stage, &why).await.map(Some);
        }
        tracing::info!(stack = %self.network.stack, status = facts.status, change_set, "executing");
        memory.note(self.clock.now(), format!("execution of {} intended", name(mending)), Some(change_set));
        memory.mending = Some(Mending { executed: true, since: self.clock.now(), ..mending.clone() });
        self.keep(memory).await?;
        self.execute(memory, mending, change_set).await.map(Some)
    }

    async fn execute(
        &mut self,
        memory: &mut StackMemory,
        mending: &Mending,
        change_set: &str,
    ) -> Result<String, Fault> {
        match self.stacks.execute(&self.network.place, &self.network.stack, change_set, &mending.token).await {
            Ok(()) => Ok(format!("{} is being executed", name(mending))),
            // Whether it was taken shows at the next look.
            Err(fault) if fault.is_retryable() => Err(fault),
            Err(fault) => self.discard(memory, mending, change_set, &fault.to_string()).await,
        }
    }

    async fn executed(
        &mut self,
        memory: &mut StackMemory,
        mending: &Mending,
        facts: &StackFacts,
        change_set: &str,
    ) -> Result<Option<String>, Fault> {
        let Network { place, stack, .. } = &self.network;
        let state = self.stacks.change_set(place, stack, change_set).await?;
        let done = match state.map(|state| state.execution) {
            Some(ExecutionState::Complete) => true,
            Some(ExecutionState::InProgress) => return Ok(Some("the change set is being executed".into())),
            // The call never arrived, and by now it is as any other change set that waited: read and judged before anything else.
            Some(ExecutionState::Available) if self.clock.now().duration_since(mending.since) > FRESH => {
                memory.mending = Some(Mending { executed: false, ..mending.clone() });
                self.keep(memory).await?;
                return Ok(None);
            }
            // The call never arrived. Asked again with the same token, under the same brakes.
            Some(ExecutionState::Available) => {
                if let Some(why) = self.barred(&mending.repair).await? {
                    return self.wait_for_a_person(&mending.repair, mending.stage, &why).await.map(Some);
                }
                return self.execute(memory, mending, change_set).await.map(Some);
            }
            Some(ExecutionState::Failed | ExecutionState::Unavailable) => false,
            // Not told of any more: the stack's own status says how the last operation ended.
            None => ["UPDATE_COMPLETE", "IMPORT_COMPLETE"].contains(&facts.status.as_str()),
        };
        if !done {
            let why = format!("{} failed: the stack is in {}", name(mending), facts.status);
            return self.failed(memory, mending, &why).await.map(Some);
        }
        memory.note(self.clock.now(), format!("{} executed: {}", name(mending), facts.status), Some(change_set));
        self.next(memory, mending).await
    }

    /// The next change set, or the end.
    async fn next(&mut self, memory: &mut StackMemory, mending: &Mending) -> Result<Option<String>, Fault> {
        let now = self.clock.now();
        if let Some(stage) = mending.repair.after(mending.stage) {
            let token = token(&mending.repair, now);
            let mending = Mending { stage, token, change_set: None, executed: false, since: now, ..mending.clone() };
            memory.mending = Some(mending);
            self.keep(memory).await?;
            return Ok(None);
        }
        memory.mending = None;
        memory.not_before = None;
        // Success is what is seen, not what was answered: the next sweep detects drift anew.
        memory.detected = None;
        memory.note(now, "repaired", None);
        self.keep(memory).await?;
        let stack = self.network.stack.clone();
        let headline = format!("stack {} is in line with the network again", stack.stack_name());
        let detail = json!({ "stack": stack, "repair": mending.repair, "log": memory.log });
        self.tell(MENDED, headline.clone(), detail, None).await;
        Ok(Some(headline))
    }

    /// Nothing is undone and nothing goes on.
    async fn wait_for_a_person(&mut self, repair: &Repair, stage: Stage, why: &str) -> Result<String, Fault> {
        let stack = self.network.stack.clone();
        let headline = format!("repair of stack {} waits: {why}", stack.stack_name());
        let commands = self.commands(repair).await?;
        let detail = json!({ "stack": stack, "why": why, "stage": stage, "repair": repair, "commands": commands });
        self.tell(HELD, headline.clone(), detail, Some((format!("{stack}#{why}"), HELD_AGAIN))).await;
        Ok(headline)
    }

    /// What a repair is for is found anew, or is not there any more.
    async fn let_go(&mut self, memory: &mut StackMemory, mending: &Mending, why: &str) -> Result<String, Fault> {
        if let Some(change_set) = &mending.change_set {
            self.drop_change_set(change_set).await;
        }
        memory.mending = None;
        memory.detected = None;
        memory.note(self.clock.now(), format!("let go: {why}"), mending.change_set.as_deref());
        self.keep(memory).await?;
        Ok(format!("the repair is let go, and drift is detected anew: {why}"))
    }

    /// The same change set is made again when it may be executed.
    async fn make_anew(
        &mut self,
        memory: &mut StackMemory,
        mending: &Mending,
        change_set: &str,
        why: &str,
    ) -> Result<(), Fault> {
        let now = self.clock.now();
        self.drop_change_set(change_set).await;
        memory.note(now, format!("change set {} dropped: {why}", name(mending)), Some(change_set));
        let token = token(&mending.repair, now);
        memory.mending = Some(Mending { token, change_set: None, executed: false, since: now, ..mending.clone() });
        self.keep(memory).await
    }

    async fn discard(
        &mut self,
        memory: &mut StackMemory,
        mending: &Mending,
        change_set: &str,
        why: &str,
    ) -> Result<String, Fault> {
        self.drop_change_set(change_set).await;
        self.failed(memory, mending, &format!("change set {}: {why}", name(mending))).await
    }

    /// One that is left over does no harm, and is told in the log.
    async fn drop_change_set(&self, change_set: &str) {
        if let Err(fault) = self.stacks.discard(&self.network.place, &self.network.stack, change_set).await {
            tracing::warn!(stack = %self.network.stack, change_set, %fault, "a change set is left over");
        }
    }

    /// Told at once, and tried again after a person had a day to look. A stack that was already taken apart keeps its repair: only that
    /// knows its template.
    async fn failed(&mut self, memory: &mut StackMemory, mending: &Mending, why: &str) -> Result<String, Fault> {
        let now = self.clock.now();
        let stack = self.network.stack.clone();
        let commands = self.commands(&mending.repair).await?;
        memory.note(now, why, mending.change_set.as_deref());
        memory.not_before = Some(
            now.saturating_add(RETRY)
                .map_err(|error| Fault::new("the clock", FaultClass::Terminal, error.to_string()))?,
        );
        let apart = mending.stage != Stage::Release && mending.template.is_some();
        memory.mending = apart.then(|| Mending {
            token: token(&mending.repair, now),
            change_set: None,
            executed: false,
            since: now,
            ..mending.clone()
        });
        self.keep(memory).await?;
        self.metrics.new_failures += 1;
        let headline = format!("stack {} was not repaired: {why}", stack.stack_name());
        let detail = json!({
            "stack": stack, "why": why, "stage": mending.stage, "repair": mending.repair, "commands": commands, "log": memory.log,
        });
        self.tell(FAILED, headline.clone(), detail, None).await;
        Ok(headline)
    }
}

/// Unique to a repair and its begin: a change set's name must be, within its stack.
fn token(repair: &Repair, now: jiff::Timestamp) -> String {
    format!("plumbline-{:x}-{}", now.as_microsecond().max(0), repair.gone.len())
}

fn name(mending: &Mending) -> String {
    format!("{}-{}", mending.token, mending.stage.name())
}

/// How CloudFormation says that a change set is empty
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html>).
fn nothing_to_do(why: &str) -> bool {
    why.contains("didn't contain changes") || why.contains("No updates are to be performed")
}
