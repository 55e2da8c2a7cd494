//! The ledger, in memory: the same conditions as the table's, under one lock.

use jiff::{SignedDuration, Timestamp};
use reconciler::{
    Binding, Bindings, CLAIM_LIVES, Claimed, ClientToken, Fault, FaultClass, Intent, LayerMark, Lease, LoopKey, Pinned,
    Record, StackMemory, TOKEN_LIVES,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use topology::{
    ControlId, Directive, Effect, Place, Receipt, Repair, ResourceId, Slot, StackId, Standing, Subject, TopologyId,
    Verb, VpcId, VpcName,
};

#[derive(Debug, Default)]
struct Tables {
    bindings: BTreeMap<(Place, TopologyId), Bindings>,
    layers: BTreeMap<(Place, TopologyId), LayerMark>,
    leases: BTreeMap<LoopKey, (String, Timestamp)>,
    released: BTreeMap<LoopKey, Timestamp>,
    records: Vec<Record>,
    directives: Vec<(Place, Directive)>,
    said: BTreeMap<(Place, String), Timestamp>,
    retired: BTreeMap<(Place, TopologyId), BTreeMap<ControlId, Timestamp>>,
    /// When each place was claimed, by what the places are of.
    slots: BTreeMap<(LoopKey, String), BTreeMap<ResourceId, Timestamp>>,
    made: BTreeMap<(Place, TopologyId), Timestamp>,
    stacks: BTreeMap<(Place, StackId), StackMemory>,
    faults: BTreeMap<&'static str, Fault>,
    writes: Vec<&'static str>,
    tokens: u64,
}

/// A ledger that lives as long as it does.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Tables>);

impl Ledger {
    /// The next call of an operation (`standing`, `lease`, `intend`, `settle`…) fails once with this.
    pub fn fail_next(&self, operation: &'static str, fault: Fault) {
        self.guard().faults.insert(operation, fault);
    }

    /// The writes since the last call, by operation.
    pub fn take_writes(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.guard().writes)
    }

    /// Who holds the lease, expired or not.
    pub fn holder_of(&self, key: &LoopKey) -> Option<String> {
        self.guard().leases.get(key).map(|(owner, _)| owner.clone())
    }

    fn guard(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, operation: &'static str) -> Result<MutexGuard<'_, Tables>, Fault> {
        let mut tables = self.guard();
        match tables.faults.remove(operation) {
            Some(fault) => Err(fault),
            None => Ok(tables),
        }
    }

    fn write(&self, operation: &'static str) -> Result<MutexGuard<'_, Tables>, Fault> {
        let mut tables = self.read(operation)?;
        tables.writes.push(operation);
        Ok(tables)
    }
}

impl Tables {
    fn stands(&self, lease: &Lease, at: Timestamp) -> bool {
        self.leases
            .get(&lease.key)
            .is_some_and(|(owner, expires)| *owner == lease.owner && *expires == lease.expires && at < *expires)
    }

    fn holder(&self, place: &Place, vpc: &VpcId) -> Option<(TopologyId, VpcName)> {
        self.bindings.iter().filter(|((at, _), _)| at == place).find_map(|((_, topology), bindings)| {
            let name = bindings.iter().find(|(_, binding)| binding.vpc == *vpc)?.0;
            Some((topology.clone(), name.clone()))
        })
    }
}

impl reconciler::LedgerRead for Ledger {
    async fn standing(&self, key: &LoopKey, now: Timestamp) -> Result<Standing, Fault> {
        let tables = self.read("standing")?;
        let ours = |(place, directive): &&(Place, Directive)| {
            *place == key.place
                && match &directive.subject {
                    Subject::Topology { topology, control: _ } => *topology == key.topology,
                    Subject::Resource(_) => true,
                }
        };
        let directives = tables.directives.iter().filter(ours).map(|(_, directive)| directive.clone()).collect();
        let since = now.saturating_sub(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MIN);
        let mut repairs: BTreeMap<ResourceId, Vec<Repair>> = BTreeMap::new();
        let mut created = BTreeMap::new();
        for record in tables.records.iter().filter(|record| record.key == *key) {
            let at = record.settled.unwrap_or(record.intent.at);
            if at > since {
                repairs.entry(record.intent.resource.id.clone()).or_default().push(Repair {
                    at,
                    run: record.intent.run.clone(),
                    removed: record.intent.effect == Effect::Remove,
                    succeeded: record.result.as_ref().map(Result::is_ok),
                });
            }
            if let Some(Ok(receipt)) = &record.result
                && let Ok(receipt) = serde_json::from_value::<Receipt>(receipt.clone())
            {
                let ids = receipt.created.into_iter().filter(|id| !id.as_str().starts_with("sgr-"));
                created.extend(ids.map(|id| (id, at)));
            }
        }
        repairs.values_mut().for_each(|repairs| repairs.sort_by_key(|repair| repair.at));
        Ok(Standing { now, directives, repairs, created, by_hand: false })
    }

    async fn bindings(&self, place: &Place, topology: &TopologyId) -> Result<Bindings, Fault> {
        let tables = self.read("bindings")?;
        Ok(tables.bindings.get(&(place.clone(), topology.clone())).cloned().unwrap_or_default())
    }

    async fn holder(&self, place: &Place, vpc: &VpcId) -> Result<Option<(TopologyId, VpcName)>, Fault> {
        Ok(self.read("holder")?.holder(place, vpc))
    }

    async fn layer(&self, place: &Place, topology: &TopologyId) -> Result<Option<LayerMark>, Fault> {
        Ok(self.read("layer")?.layers.get(&(place.clone(), topology.clone())).cloned())
    }

    async fn records(&self, key: &LoopKey, limit: usize) -> Result<Vec<Record>, Fault> {
        let tables = self.read("records")?;
        let newest_first = tables.records.iter().rev().filter(|record| record.key == *key);
        Ok(newest_first.take(limit).cloned().collect())
    }

    async fn maker(&self, key: &LoopKey, id: &ResourceId) -> Result<Option<Record>, Fault> {
        let tables = self.read("maker")?;
        let made = |record: &&Record| {
            record.key == *key
                && record.result.as_ref().and_then(|result| result.as_ref().ok()).is_some_and(|receipt| {
                    serde_json::from_value::<Receipt>(receipt.clone()).is_ok_and(|receipt| receipt.created.contains(id))
                })
        };
        Ok(tables.records.iter().rev().find(made).filter(|_| !id.as_str().starts_with("sgr-")).cloned())
    }

    async fn made(&self, place: &Place, topology: &TopologyId) -> Result<Option<Timestamp>, Fault> {
        Ok(self.read("made")?.made.get(&(place.clone(), topology.clone())).copied())
    }

    async fn stack_memory(&self, place: &Place, stack: &StackId) -> Result<Option<StackMemory>, Fault> {
        Ok(self.read("stack_memory")?.stacks.get(&(place.clone(), stack.clone())).cloned())
    }

    async fn known(&self, place: &Place) -> Result<BTreeSet<TopologyId>, Fault> {
        let tables = self.read("known")?;
        Ok(tables.bindings.keys().filter(|(at, _)| at == place).map(|(_, topology)| topology.clone()).collect())
    }
}

impl reconciler::Ledger for Ledger {
    async fn pin(
        &self,
        place: &Place,
        topology: &TopologyId,
        name: &VpcName,
        binding: &Binding,
        rebind: bool,
    ) -> Result<Pinned, Fault> {
        let mut tables = self.write("pin")?;
        if let Some((holder, held_as)) = tables.holder(place, &binding.vpc)
            && (holder != *topology || held_as != *name)
        {
            return Ok(Pinned::VpcTaken(holder, held_as));
        }
        let bindings = tables.bindings.entry((place.clone(), topology.clone())).or_default();
        match bindings.get(name) {
            Some(known) if !rebind && known.vpc == binding.vpc && known.cidr == binding.cidr => Ok(Pinned::Yes),
            Some(known) if !rebind => Ok(Pinned::NameTaken(known.clone())),
            _ => {
                bindings.insert(name.clone(), binding.clone());
                Ok(Pinned::Yes)
            }
        }
    }

    async fn unpin(
        &self,
        place: &Place,
        topology: &TopologyId,
        name: &VpcName,
        binding: &Binding,
    ) -> Result<(), Fault> {
        let mut tables = self.write("unpin")?;
        let key = (place.clone(), topology.clone());
        if let Some(bindings) = tables.bindings.get_mut(&key) {
            if bindings.get(name).is_some_and(|known| known.vpc == binding.vpc) {
                bindings.remove(name);
            }
            if bindings.is_empty() {
                tables.bindings.remove(&key);
            }
        }
        Ok(())
    }

    async fn retire(
        &self,
        key: &LoopKey,
        nothing_left: bool,
        at: Timestamp,
    ) -> Result<BTreeMap<ControlId, Timestamp>, Fault> {
        let mut tables = self.write("retire")?;
        let noted = tables.retired.entry((key.place.clone(), key.topology.clone())).or_default();
        let before = noted.clone();
        match nothing_left {
            true => noted.insert(key.control, at),
            false => noted.remove(&key.control),
        };
        Ok(before)
    }

    async fn raise_layer(
        &self,
        place: &Place,
        topology: &TopologyId,
        mark: &LayerMark,
        force: bool,
    ) -> Result<LayerMark, Fault> {
        let mut tables = self.write("raise_layer")?;
        let known = tables.layers.entry((place.clone(), topology.clone())).or_insert_with(|| mark.clone());
        if force || (known.layer == mark.layer && known.version < mark.version) {
            *known = mark.clone();
        }
        Ok(known.clone())
    }

    async fn lease(
        &self,
        key: &LoopKey,
        owner: &str,
        now: Timestamp,
        lasts: SignedDuration,
    ) -> Result<Option<Lease>, Fault> {
        let mut tables = self.write("lease")?;
        if tables.leases.get(key).is_some_and(|(_, expires)| now < *expires) {
            return Ok(None);
        }
        let expires = now.saturating_add(lasts).unwrap_or(Timestamp::MAX);
        tables.leases.insert(key.clone(), (owner.to_owned(), expires));
        let last_released = tables.released.get(key).copied();
        Ok(Some(Lease { key: key.clone(), owner: owner.to_owned(), expires, last_released }))
    }

    async fn intend(&self, lease: &Lease, intent: &Intent) -> Result<Option<ClientToken>, Fault> {
        let mut tables = self.write("intend")?;
        if !tables.stands(lease, intent.at) {
            return Ok(None);
        }
        let same = |record: &&Record| {
            record.key == lease.key
                && record.result.is_none()
                && record.intent.action == intent.action
                && intent.at.duration_since(record.intent.at) <= TOKEN_LIVES
        };
        if let Some(unsettled) = tables.records.iter().find(same) {
            return Ok(Some(unsettled.token.clone()));
        }
        tables.tokens += 1;
        let token = ClientToken(format!("token-{}", tables.tokens));
        tables.records.push(Record {
            token: token.clone(),
            key: lease.key.clone(),
            intent: intent.clone(),
            result: None,
            inverse: None,
            settled: None,
        });
        Ok(Some(token))
    }

    async fn claim(&self, lease: &Lease, slot: &Slot, now: Timestamp) -> Result<Claimed, Fault> {
        let mut tables = self.write("claim")?;
        if !tables.stands(lease, now) {
            return Ok(Claimed::LeaseLost);
        }
        let Slot { name, holder, at_most, live } = slot;
        let holders = tables.slots.entry((lease.key.clone(), name.clone())).or_default();
        let in_already = holders.contains_key(holder) || live.contains(holder);
        let mut taken = live.clone();
        let lately = |at: &Timestamp| now.duration_since(*at) <= CLAIM_LIVES;
        taken.extend(holders.iter().filter(|(_, at)| lately(at)).map(|(id, _)| id.clone()));
        taken.remove(holder);
        if !in_already && taken.len() >= *at_most as usize {
            return Ok(Claimed::Full(taken));
        }
        holders.retain(|id, _| taken.contains(id));
        holders.insert(holder.clone(), now);
        Ok(Claimed::Yes)
    }

    async fn settle(
        &self,
        key: &LoopKey,
        token: &ClientToken,
        result: &Result<Receipt, Fault>,
        inverse: Option<serde_json::Value>,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let mut tables = self.write("settle")?;
        let Some(record) = tables.records.iter_mut().find(|record| record.key == *key && record.token == *token) else {
            return Err(Fault::new("settle", FaultClass::Terminal, "no such intent"));
        };
        if record.settled.is_some() {
            return Ok(());
        }
        record.result =
            Some(result.clone().map(|receipt| serde_json::to_value(receipt).unwrap_or(serde_json::Value::Null)));
        record.inverse = inverse;
        record.settled = Some(at);
        Ok(())
    }

    async fn release(&self, lease: Lease, at: Timestamp) -> Result<(), Fault> {
        let mut tables = self.write("release")?;
        if tables
            .leases
            .get(&lease.key)
            .is_some_and(|(owner, expires)| *owner == lease.owner && *expires == lease.expires)
        {
            tables.leases.remove(&lease.key);
            tables.released.insert(lease.key, at);
        }
        Ok(())
    }

    async fn direct(&self, place: &Place, directive: &Directive) -> Result<(), Fault> {
        let mut tables = self.write("direct")?;
        tables
            .directives
            .retain(|(at, known)| at != place || known.verb != directive.verb || known.subject != directive.subject);
        tables.directives.push((place.clone(), directive.clone()));
        Ok(())
    }

    async fn withdraw(&self, place: &Place, verb: Verb, subject: &Subject) -> Result<Option<Directive>, Fault> {
        let mut tables = self.write("withdraw")?;
        let found = tables
            .directives
            .iter()
            .position(|(at, known)| at == place && known.verb == verb && known.subject == *subject);
        Ok(found.map(|at| tables.directives.remove(at).1))
    }

    async fn note_made(&self, place: &Place, topology: &TopologyId, at: Timestamp) -> Result<(), Fault> {
        self.write("note_made")?.made.insert((place.clone(), topology.clone()), at);
        Ok(())
    }

    async fn remember_stack(&self, place: &Place, stack: &StackId, memory: &StackMemory) -> Result<bool, Fault> {
        let mut tables = self.write("remember_stack")?;
        let key = (place.clone(), stack.clone());
        let before = tables.stacks.get(&key).map_or(0, |known| known.version);
        if before + 1 != memory.version {
            return Ok(false);
        }
        tables.stacks.insert(key, memory.clone());
        Ok(true)
    }

    async fn say_once(&self, place: &Place, what: &str, now: Timestamp, period: SignedDuration) -> Result<bool, Fault> {
        let mut tables = self.write("say_once")?;
        let until = tables.said.entry((place.clone(), what.to_owned())).or_insert(Timestamp::MIN);
        if now < *until {
            if period.is_zero() {
                *until = now;
            }
            return Ok(false);
        }
        *until = now.saturating_add(period).unwrap_or(Timestamp::MAX);
        Ok(true)
    }
}
