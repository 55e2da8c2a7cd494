//! The ledger: one DynamoDB table that holds what the loop must remember.
//!
//! Every item has `pk` and `sk` (text), the whole of it under `body`, and beside it the few attributes that conditions compare.
//! `ttl` (seconds since 1970) only cleans: whatever expires is compared with the time that the caller gives.
//!
//! | pk | sk | what | kept |
//! |---|---|---|---|
//! | `place#A/R` | `topology#T` | a topology that was ever bound here | until its last VPC is gone, retired |
//! | `place#A/R` | `vpc#vpc-…` | who holds a VPC: topology and name | until it is gone, retired |
//! | `place#A/R` | `directive#VERB#SUBJECT` | what a person ordered | two days beyond its end |
//! | `place#A/R` | `said#WHAT` | said once already | a day beyond its period |
//! | `topology#A/R#T` | `vpc#NAME` | the pinned VPC of a name | until it is gone, retired |
//! | `place#A/R` | `stack#ARN` | what is remembered of a network's stack: drift detection, repair, what was done | for good |
//! | `topology#A/R#T` | `made` | when something was last made that the topology's stack may miss | for good |
//! | `topology#A/R#T` | `layer` | the highest layer version acted upon | for good |
//! | `topology#A/R#T` | `retired` | when nothing was left of which control of a retired topology | for good |
//! | `loop#A/R#T#CONTROL` | `lease` | who runs, until when, and when the last one ended | a day |
//! | `loop#A/R#T#CONTROL` | `claim#NAME` | who claimed one of a limited number of places, and when | 400 days |
//! | `loop#A/R#T#CONTROL` | `open#HASH` | the token of an unsettled intent, by its action | as the record |
//! | `loop#A/R#T#CONTROL` | `record#TOKEN` | an intent with what became of it | 400 days |
//! | `loop#A/R#T#CONTROL` | `repair#TOKEN` | of an intent, what every run asks: resource, run, removal, outcome | 3 hours |
//! | `loop#A/R#T#CONTROL` | `resource#ID` | an id that we created, other than a rule's | for good |
//!
//! A token begins with the time of its intent, so that records and repairs sort by time, and the last repairs and the created ids are
//! one range of one query. No record is in that range: an item is read and billed whole
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>), and how large a record
//! is, whoever made the drift decides.
//!
//! What cannot be read (a newer version's verb, an item that a person wrote) is skipped with a warning where it could only stop a run,
//! and shown as unreadable among the records.
//!
//! Architecture invariant: two items that must agree are written in one transaction, and every read is consistent.

mod bindings;
mod claims;
mod directives;
mod intents;
mod item;
mod keys;
mod leases;
mod read;
mod stacks;
mod table;

use aws_sdk_dynamodb::Client;
use jiff::{SignedDuration, Timestamp};
use reconciler::{
    Binding, Bindings, Claimed, ClientToken, Fault, Intent, LayerMark, Lease, Ledger, LedgerRead, LoopKey, Pinned,
    Record, StackMemory,
};
use std::collections::{BTreeMap, BTreeSet};
use table::Table;
use topology::{
    ControlId, Directive, Place, Receipt, ResourceId, Slot, StackId, Standing, Subject, TopologyId, Verb, VpcId,
    VpcName,
};

/// The ledger in a DynamoDB table with the keys `pk` and `sk`.
#[derive(Clone, Debug)]
pub struct DynamoLedger {
    table: Table,
}

impl DynamoLedger {
    /// Over a table. A client that can only read makes a ledger whose writes fail.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { table: Table::new(client, table.into()) }
    }
}

impl LedgerRead for DynamoLedger {
    async fn standing(&self, key: &LoopKey, now: Timestamp) -> Result<Standing, Fault> {
        read::standing(&self.table, key, now).await
    }

    async fn bindings(&self, place: &Place, topology: &TopologyId) -> Result<Bindings, Fault> {
        bindings::of(&self.table, place, topology).await
    }

    async fn holder(&self, place: &Place, vpc: &VpcId) -> Result<Option<(TopologyId, VpcName)>, Fault> {
        bindings::holder(&self.table, place, vpc).await
    }

    async fn layer(&self, place: &Place, topology: &TopologyId) -> Result<Option<LayerMark>, Fault> {
        bindings::layer(&self.table, place, topology).await
    }

    async fn records(&self, key: &LoopKey, limit: usize) -> Result<Vec<Record>, Fault> {
        read::records(&self.table, key, limit).await
    }

    async fn maker(&self, key: &LoopKey, id: &ResourceId) -> Result<Option<Record>, Fault> {
        read::maker(&self.table, key, id).await
    }

    async fn made(&self, place: &Place, topology: &TopologyId) -> Result<Option<Timestamp>, Fault> {
        stacks::made(&self.table, place, topology).await
    }

    async fn stack_memory(&self, place: &Place, stack: &StackId) -> Result<Option<StackMemory>, Fault> {
        stacks::memory(&self.table, place, stack).await
    }

    async fn known(&self, place: &Place) -> Result<BTreeSet<TopologyId>, Fault> {
        bindings::known(&self.table, place).await
    }
}

impl Ledger for DynamoLedger {
    async fn pin(
        &self,
        place: &Place,
        topology: &TopologyId,
        name: &VpcName,
        binding: &Binding,
        rebind: bool,
    ) -> Result<Pinned, Fault> {
        bindings::pin(&self.table, place, topology, name, binding, rebind).await
    }

    async fn unpin(
        &self,
        place: &Place,
        topology: &TopologyId,
        name: &VpcName,
        binding: &Binding,
    ) -> Result<(), Fault> {
        bindings::unpin(&self.table, place, topology, name, binding).await
    }

    async fn retire(
        &self,
        key: &LoopKey,
        nothing_left: bool,
        at: Timestamp,
    ) -> Result<BTreeMap<ControlId, Timestamp>, Fault> {
        bindings::retire(&self.table, key, nothing_left, at).await
    }

    async fn raise_layer(
        &self,
        place: &Place,
        topology: &TopologyId,
        mark: &LayerMark,
        force: bool,
    ) -> Result<LayerMark, Fault> {
        bindings::raise_layer(&self.table, place, topology, mark, force).await
    }

    async fn lease(
        &self,
        key: &LoopKey,
        owner: &str,
        now: Timestamp,
        lasts: SignedDuration,
    ) -> Result<Option<Lease>, Fault> {
        leases::lease(&self.table, key, owner, now, lasts).await
    }

    async fn intend(&self, lease: &Lease, intent: &Intent) -> Result<Option<ClientToken>, Fault> {
        intents::intend(&self.table, lease, intent).await
    }

    async fn claim(&self, lease: &Lease, slot: &Slot, now: Timestamp) -> Result<Claimed, Fault> {
        claims::claim(&self.table, lease, slot, now).await
    }

    async fn settle(
        &self,
        key: &LoopKey,
        token: &ClientToken,
        result: &Result<Receipt, Fault>,
        inverse: Option<serde_json::Value>,
        at: Timestamp,
    ) -> Result<(), Fault> {
        intents::settle(&self.table, key, token, result, inverse, at).await
    }

    async fn release(&self, lease: Lease, at: Timestamp) -> Result<(), Fault> {
        leases::release(&self.table, lease, at).await
    }

    async fn direct(&self, place: &Place, directive: &Directive) -> Result<(), Fault> {
        directives::direct(&self.table, place, directive).await
    }

    async fn withdraw(&self, place: &Place, verb: Verb, subject: &Subject) -> Result<Option<Directive>, Fault> {
        directives::withdraw(&self.table, place, verb, subject).await
    }

    async fn note_made(&self, place: &Place, topology: &TopologyId, at: Timestamp) -> Result<(), Fault> {
        stacks::note_made(&self.table, place, topology, at).await
    }

    async fn remember_stack(&self, place: &Place, stack: &StackId, memory: &StackMemory) -> Result<bool, Fault> {
        stacks::remember(&self.table, place, stack, memory).await
    }

    async fn say_once(&self, place: &Place, what: &str, now: Timestamp, period: SignedDuration) -> Result<bool, Fault> {
        leases::say_once(&self.table, place, what, now, period).await
    }
}
