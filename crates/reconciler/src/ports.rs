//! What the loop needs of the world. Adapters live in `aws`; in-memory twins serve the tests.
//!
//! Architecture invariant: plan and observe runs are given [`Observe`] and [`LedgerRead`] only. There is no flag.

use crate::{
    Binding, Bindings, Bound, Candidate, Claimed, ClientToken, Fault, Hint, Intent, LayerMark, Lease, LoopKey,
    OutcomeEvent, Pinned, Record, StackMemory, Trail,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use topology::stacks::{Change, ChangeSet, ResourceDrift};
use topology::{
    Control, ControlId, Directive, Place, Receipt, ResourceId, Scope, Seen, Slot, StackId, Standing, Subject, Topology,
    TopologyId, Verb, VpcId, VpcName,
};

/// For how long an unsettled intent gives its token back. Whatever its call made has by then been seen by many sweeps.
pub const TOKEN_LIVES: SignedDuration = SignedDuration::from_hours(1);

/// For how long a claimed place is kept for somebody who is not seen to be in: whatever was done with it has by then been seen.
pub const CLAIM_LIVES: SignedDuration = SignedDuration::from_hours(1);

/// The time. An input everywhere else.
pub trait Clock: Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Reads one control's part of the network. Infallible: a failure is data ([`Seen::Unknown`]).
pub trait Observe<C: Control>: Sync {
    /// What AWS says now of what the scope covers.
    fn observe(&self, bound: &Bound, desired: &C::Desired, scope: &Scope) -> impl Future<Output = C::Observed> + Send;
}

/// Makes one change.
pub trait Apply<C: Control>: Sync {
    /// Does exactly what the action says. The token is the same after a crash as before it.
    fn apply(
        &self,
        place: &Place,
        action: &C::Action,
        token: &ClientToken,
    ) -> impl Future<Output = Result<Receipt, Fault>> + Send;
}

/// Finds out where things are.
pub trait Locate: Sync {
    /// The VPC of each id. `Absent`: AWS does not know it (any more). Ids of kinds that have no VPC may be left out.
    fn locate(
        &self,
        place: &Place,
        ids: &BTreeSet<ResourceId>,
    ) -> impl Future<Output = Result<BTreeMap<ResourceId, Seen<VpcId>>, Fault>> + Send;

    /// Every VPC whose tags claim the topology, every VPC that the document names by id or by a stack's resource, and every one of
    /// `pinned` that still exists: whoever takes the tag off a pinned VPC must not thereby switch its enforcement off.
    fn candidates(
        &self,
        place: &Place,
        topology: &Topology,
        pinned: &BTreeSet<VpcId>,
    ) -> impl Future<Output = Result<Vec<Candidate>, Fault>> + Send;
}

/// CloudFormation, as far as the guard asks.
pub trait Stacks: Sync {
    /// What the stack is doing. `None`: no such stack (deleted long ago).
    fn status(&self, place: &Place, stack: &StackId)
    -> impl Future<Output = Result<Option<StackStatus>, Fault>> + Send;
}

/// A stack's status, as far as the guard cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StackStatus {
    /// Not changing.
    Settled,
    /// Mid-operation; the AWS status, such as `UPDATE_IN_PROGRESS`.
    InProgress(String),
    /// Being deleted: nothing may be created in it.
    Deleting,
}

/// CloudFormation, as far as the stacks of networks are looked after.
pub trait NetworkStacks: Sync {
    /// The stack as it is. `None`: no such stack (any more).
    fn describe(
        &self,
        place: &Place,
        stack: &StackId,
    ) -> impl Future<Output = Result<Option<StackFacts>, Fault>> + Send;
    /// Starts drift detection; answers its id.
    fn detect_drift(&self, place: &Place, stack: &StackId) -> impl Future<Output = Result<String, Fault>> + Send;
    /// How a drift detection stands. `None`: CloudFormation knows it no more.
    fn detection(&self, place: &Place, id: &str)
    -> impl Future<Output = Result<Option<DetectionStatus>, Fault>> + Send;
    /// What the last one found: every resource that is not in sync.
    fn drifts(&self, place: &Place, stack: &StackId) -> impl Future<Output = Result<Vec<ResourceDrift>, Fault>> + Send;
    /// The template that the stack was last deployed with, as it was sent.
    fn template(&self, place: &Place, stack: &StackId) -> impl Future<Output = Result<String, Fault>> + Send;
    /// Makes a change set; answers its ARN. Asked again with the same token it makes no second one.
    fn create_change_set(
        &self,
        place: &Place,
        stack: &StackId,
        name: &str,
        change_set: &ChangeSet,
        facts: &StackFacts,
        token: &str,
    ) -> impl Future<Output = Result<String, Fault>> + Send;
    /// A change set of a stack as it is. `None`: there is none of that ARN.
    fn change_set(
        &self,
        place: &Place,
        stack: &StackId,
        id: &str,
    ) -> impl Future<Output = Result<Option<ChangeSetState>, Fault>> + Send;
    /// Executes it. Asked again with the same token it does nothing more.
    fn execute(
        &self,
        place: &Place,
        stack: &StackId,
        id: &str,
        token: &str,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Deletes it.
    fn discard(&self, place: &Place, stack: &StackId, id: &str) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// A stack, as far as its drift detection and its change sets depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackFacts {
    /// Its status as AWS writes it, such as `UPDATE_COMPLETE`.
    pub status: String,
    /// The keys of its parameters.
    pub parameters: Vec<String>,
    /// What was acknowledged when it was deployed.
    pub capabilities: Vec<String>,
    /// The service role that CloudFormation changes it with.
    pub role: Option<String>,
}

impl StackFacts {
    /// An operation is under way.
    pub fn is_moving(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS") && self.status != "REVIEW_IN_PROGRESS"
    }

    /// Whether CloudFormation detects drift of a stack in this status
    /// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html>; after an import,
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html>).
    pub fn can_detect(&self) -> bool {
        const STATUSES: [&str; 5] = [
            "CREATE_COMPLETE",
            "UPDATE_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE",
            "UPDATE_ROLLBACK_FAILED",
            "IMPORT_COMPLETE",
        ];
        STATUSES.contains(&self.status.as_str())
    }
}

/// How a drift detection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DetectionStatus {
    /// CloudFormation is at it.
    InProgress,
    /// Its results are there.
    Complete,
    /// Some resources could not be compared, for this reason.
    Failed(String),
}

/// A change set as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSetState {
    /// `None`: it is being made. `Err`: it could not be, for this reason.
    pub made: Option<Result<(), String>>,
    /// Whether it was executed.
    pub execution: ExecutionState,
    /// What it would change: all of it.
    pub changes: Vec<Change>,
}

/// Whether a change set was executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionState {
    /// It may be.
    Available,
    /// It may not, now or ever: it is not made yet, or the stack was changed meanwhile.
    Unavailable,
    /// It is being.
    InProgress,
    /// It was.
    Complete,
    /// It was tried.
    Failed,
}

/// CloudTrail, as far as it decides whether API calls are announced.
pub trait Trails: Sync {
    /// Every trail that covers the place's Region, those of other Regions and of the organization included.
    fn trails(&self, place: &Place) -> impl Future<Output = Result<Vec<Trail>, Fault>> + Send;
}

/// What the loop remembers, read only.
pub trait LedgerRead: Sync {
    /// Directives in force or expired lately, repairs of the last hour, ids that we created.
    fn standing(&self, key: &LoopKey, now: Timestamp) -> impl Future<Output = Result<Standing, Fault>> + Send;
    /// The pinned VPCs of a topology.
    fn bindings(&self, place: &Place, topology: &TopologyId) -> impl Future<Output = Result<Bindings, Fault>> + Send;
    /// The topology and name that a VPC is pinned to.
    fn holder(
        &self,
        place: &Place,
        vpc: &VpcId,
    ) -> impl Future<Output = Result<Option<(TopologyId, VpcName)>, Fault>> + Send;
    /// The highest layer version acted upon.
    fn layer(
        &self,
        place: &Place,
        topology: &TopologyId,
    ) -> impl Future<Output = Result<Option<LayerMark>, Fault>> + Send;
    /// The latest records of a key, newest first, at most `limit`.
    fn records(&self, key: &LoopKey, limit: usize) -> impl Future<Output = Result<Vec<Record>, Fault>> + Send;
    /// The record of the action that created an id, if we did and it is still on record.
    fn maker(&self, key: &LoopKey, id: &ResourceId) -> impl Future<Output = Result<Option<Record>, Fault>> + Send;
    /// When something was last made for a topology that its stack may miss ([`topology::stacks::is_part_of_a_stack`]).
    fn made(
        &self,
        place: &Place,
        topology: &TopologyId,
    ) -> impl Future<Output = Result<Option<Timestamp>, Fault>> + Send;
    /// What is remembered of a stack.
    fn stack_memory(
        &self,
        place: &Place,
        stack: &StackId,
    ) -> impl Future<Output = Result<Option<StackMemory>, Fault>> + Send;
    /// Every topology that was ever bound in a place (to report one that disappeared from the layer).
    fn known(&self, place: &Place) -> impl Future<Output = Result<BTreeSet<TopologyId>, Fault>> + Send;
}

/// What the loop remembers, with writing.
pub trait Ledger: LedgerRead {
    /// Pins a VPC to a name, if neither is pinned otherwise. `rebind` overrides the name's old pin, never another topology's.
    fn pin(
        &self,
        place: &Place,
        topology: &TopologyId,
        name: &VpcName,
        binding: &Binding,
        rebind: bool,
    ) -> impl Future<Output = Result<Pinned, Fault>> + Send;
    /// Takes a pin back, if it is still this one, and with the last of a topology that it was ever bound here.
    fn unpin(
        &self,
        place: &Place,
        topology: &TopologyId,
        name: &VpcName,
        binding: &Binding,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Notes whether nothing of one control is left of a retired topology; answers of which controls that was noted before, and when
    /// last.
    fn retire(
        &self,
        key: &LoopKey,
        nothing_left: bool,
        at: Timestamp,
    ) -> impl Future<Output = Result<BTreeMap<ControlId, Timestamp>, Fault>> + Send;
    /// Raises the layer mark if it is higher than what is there (`force`: sets it, a confirmed roll-back); answers the mark in force.
    fn raise_layer(
        &self,
        place: &Place,
        topology: &TopologyId,
        mark: &LayerMark,
        force: bool,
    ) -> impl Future<Output = Result<LayerMark, Fault>> + Send;
    /// Takes the lease if nobody holds one that has not expired at `now`. `None`: somebody does.
    fn lease(
        &self,
        key: &LoopKey,
        owner: &str,
        now: Timestamp,
        lasts: SignedDuration,
    ) -> impl Future<Output = Result<Option<Lease>, Fault>> + Send;
    /// Writes the intent, on condition that the lease still stands at `intent.at`. An unsettled intent for the same action gives
    /// its old token back if it was intended within [`TOKEN_LIVES`]; an older or a settled one never does, for its resource may be
    /// long dead. `Ok(None)`: the lease was lost, nothing may be done.
    fn intend(&self, lease: &Lease, intent: &Intent)
    -> impl Future<Output = Result<Option<ClientToken>, Fault>> + Send;
    /// Claims a place for `slot.holder`, on condition that the lease still stands at `now`. Taken are the places of whoever is live,
    /// and of whoever claimed one within [`CLAIM_LIVES`]. A holder that is in keeps its place, whatever `at_most` has become. Of two
    /// that race for the last place, one is refused.
    fn claim(&self, lease: &Lease, slot: &Slot, now: Timestamp) -> impl Future<Output = Result<Claimed, Fault>> + Send;
    /// Stores what became of it. Not called after a retryable fault: nobody knows whether the call took effect, so the intent
    /// stays unsettled and its token is used again.
    fn settle(
        &self,
        key: &LoopKey,
        token: &ClientToken,
        result: &Result<Receipt, Fault>,
        inverse: Option<serde_json::Value>,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Gives the lease back, if it is still ours.
    fn release(&self, lease: Lease, at: Timestamp) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Puts a directive on record, replacing one of the same verb and subject.
    fn direct(&self, place: &Place, directive: &Directive) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Takes a directive back; answers the one that stood.
    fn withdraw(
        &self,
        place: &Place,
        verb: Verb,
        subject: &Subject,
    ) -> impl Future<Output = Result<Option<Directive>, Fault>> + Send;
    /// Notes that something was made for a topology that its stack may miss.
    fn note_made(
        &self,
        place: &Place,
        topology: &TopologyId,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Writes what is remembered of a stack, if what is there is of the version before. `false`: it is not.
    fn remember_stack(
        &self,
        place: &Place,
        stack: &StackId,
        memory: &StackMemory,
    ) -> impl Future<Output = Result<bool, Fault>> + Send;
    /// Claims the right to say something once within a period (a repeated page, an alarm). `true`: say it. A period of zero ends what
    /// was claimed before: what it spoke of is over, and will be news again.
    fn say_once(
        &self,
        place: &Place,
        what: &str,
        now: Timestamp,
        period: SignedDuration,
    ) -> impl Future<Output = Result<bool, Fault>> + Send;
}

/// What goes out.
pub trait Outbox: Sync {
    /// Sends hints to this control's own queue, to be looked at after `delay` (SQS: at most 900 seconds).
    fn resend(&self, hints: &[Hint], delay: SignedDuration) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Puts hints aside for a person: the dead-letter queue, with the reason.
    fn dead_letter(&self, hints: &[Hint], why: &str) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Publishes outcome events; those with `page` also go to people.
    fn publish(&self, events: &[OutcomeEvent]) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Asks controls to look (`Reconcile Requested`): every control of the named topologies. Failed entries are resent.
    fn request(&self, topologies: &[(Place, TopologyId)], why: &str) -> impl Future<Output = Result<(), Fault>> + Send;
}
