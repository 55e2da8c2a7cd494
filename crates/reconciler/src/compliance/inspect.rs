//! What one control sees, with the control forgotten: the same observation and the same plan as everywhere, looked at for drifts alone.

use crate::bind::{Binds, bind};
use crate::guard::pause;
use crate::locate::{Routes, route};
use crate::survey::surveyed;
use crate::{Bound, Clock, Eyes, Fault, Hint, LedgerRead, Locate, LoopKey, ReadPorts, Served, Target};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use topology::network::State;
use topology::{
    Control, ControlId, Directive, Drift, Held, Place, ResourceId, Standing, Subject, Topology, Unseen, Verb, VpcId,
};

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub enum Look<'a> {
    /// At one resource, wherever it belongs.
    Resource {
        /// Its account and Region.
        place: &'a Place,
        /// Its id.
        id: &'a ResourceId,
    },
    /// At all of one topology.
    Topology(&'a Topology),
}

/// Looks with the eyes of any control. The one implementation that matters has a line for each [`ControlId`].
pub trait Inspect: Sync {
    /// What the control sees there: one sight for each topology, none where no topology holds the resource.
    fn inspect(&self, control: ControlId, look: Look<'_>) -> impl Future<Output = Result<Vec<Sight>, Fault>> + Send;
}

/// What one control sees of one topology.
#[derive(Clone, Debug)]
pub struct Sight {
    pub(super) key: LoopKey,
    pub(super) vpcs: BTreeMap<String, VpcId>,
    pub(super) kept: BTreeMap<ResourceId, String>,
    pub(super) drifts: Vec<Drift>,
    /// What is not certain about the VPCs themselves.
    pub(super) unbound: Vec<Held>,
    pub(super) blind: Vec<Unseen>,
    /// A VPC that is there waits for a person to say whether it is meant: what is in it may be declared, and none of it was seen.
    pub(super) doubtful: bool,
    standing: Standing,
}

/// Looks with the eyes of one control; see [`Inspect`].
///
/// # Errors
/// When it cannot be told where a resource belongs or which VPC is which. What cannot be observed is part of the sight.
pub async fn inspect<C, E, L, K>(
    served: &Served,
    look: Look<'_>,
    ports: &ReadPorts<'_, E, L, K>,
) -> Result<Vec<Sight>, Fault>
where
    C: Control,
    E: Eyes<C>,
    L: LedgerRead,
    K: Clock,
{
    let errands = match look {
        Look::Topology(topology) => vec![(topology, BTreeSet::new())],
        Look::Resource { place, id } => located(served, place, id, ports).await?,
    };
    let mut sights = vec![];
    for (topology, hinted) in errands {
        sights.extend(sight::<C, _, _, _>(served, topology, hinted, ports).await?);
    }
    Ok(sights)
}

async fn located<'a, E: Locate>(
    served: &'a Served,
    place: &Place,
    id: &ResourceId,
    ports: &ReadPorts<'_, E, impl LedgerRead, impl Clock>,
) -> Result<Vec<(&'a Topology, BTreeSet<ResourceId>)>, Fault> {
    let hint = Hint {
        place: place.clone(),
        resources: BTreeSet::from([id.clone()]),
        topology: None,
        causes: vec![],
        first_seen: ports.clock.now(),
        attempt: 0,
        chain_since: None,
    };
    let Routes { errands, later, strangers: _ } = route(&[hint], served, ports.eyes, ports.ledger).await;
    if let Some((_, fault)) = later.into_iter().next() {
        return Err(fault);
    }
    let found = |errand: crate::locate::Errand| {
        let hinted = if errand.everything { BTreeSet::new() } else { errand.resources };
        Some((served.topologies.get(errand.topology)?, hinted))
    };
    Ok(errands.into_iter().filter_map(found).collect())
}

async fn sight<C, E, L, K>(
    served: &Served,
    topology: &Topology,
    hinted: BTreeSet<ResourceId>,
    ports: &ReadPorts<'_, E, L, K>,
) -> Result<Option<Sight>, Fault>
where
    C: Control,
    E: Eyes<C>,
    L: LedgerRead,
    K: Clock,
{
    let ReadPorts { eyes, ledger, clock } = *ports;
    // Of a retired network nothing is declared any more.
    let declared = C::desired(topology).filter(|_| topology.state != State::Retired);
    let Some(desired) = declared else { return Ok(None) };
    let place = served.place_of(topology);
    let now = clock.now();
    let others = served.named_by_others(topology);
    let Binds { bound, pins: _, learned: _, held, gone: _ } =
        bind(&place, topology, &others, true, eyes, ledger, now).await?;
    let doubtful = doubtful(&place, topology, &bound, &held, eyes).await?;
    let key = LoopKey { place, topology: topology.id.clone(), control: C::ID };
    let vpcs = bound.vpcs.iter().map(|(name, vpc)| (name.to_string(), vpc.clone())).collect();
    let mut sight = Sight {
        key: key.clone(),
        vpcs,
        kept: BTreeMap::new(),
        drifts: vec![],
        unbound: held,
        blind: vec![],
        doubtful,
        standing: Standing::at(now),
    };
    if bound.vpcs.is_empty() {
        return Ok(Some(sight));
    }
    let target = Target {
        topology,
        key,
        bound,
        hinted,
        causes: vec![],
        first_seen: None,
        by_hand: false,
        reason: None,
        layer: served.layer.clone(),
    };
    if let Some((survey, observed)) = surveyed::<C>(&target, eyes, ledger, clock).await? {
        sight.kept = C::kept(desired, &observed);
        sight.drifts = survey.plan.drifts;
        sight.blind = survey.plan.blind;
        sight.standing = survey.standing;
    }
    Ok(Some(sight))
}

/// Of a VPC that is gone it is certain what is in it.
async fn doubtful(
    place: &Place,
    topology: &Topology,
    bound: &Bound,
    held: &[Held],
    eyes: &impl Locate,
) -> Result<bool, Fault> {
    let open = held.iter().filter(|held| !bound.vpcs.keys().any(|name| name.as_str() == held.name));
    let ids = open.map(|held| held.resource.id.as_str()).filter(|id| id.starts_with("vpc-"));
    let ids: BTreeSet<VpcId> = ids.map(VpcId::from).collect();
    if ids.is_empty() {
        return Ok(false);
    }
    let there = eyes.candidates(place, topology, &ids).await?;
    Ok(there.iter().any(|candidate| ids.contains(&candidate.vpc)))
}

impl Sight {
    /// The resources that a drift is about. One of something that nobody evaluates, or that is missing, is about what holds that: by its
    /// name, which begins with the holder's; what has no such holder is about every VPC of the topology, so that no drift is lost.
    pub(super) fn about(&self, drift: &Drift) -> BTreeSet<ResourceId> {
        let Drift { resource, name, severity: _, summary: _ } = drift;
        let mut about = BTreeSet::from([resource.id.clone()]);
        if self.kept.contains_key(&resource.id) {
            return about;
        }
        let within =
            |holder: &str| name.strip_prefix(holder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let holder = self.kept.iter().filter(|(_, holder)| within(holder)).max_by_key(|(_, holder)| holder.len());
        let vpc = || self.vpcs.iter().find(|(vpc, _)| within(vpc)).map(|(_, id)| ResourceId::from(id.as_str()));
        match holder.map(|(id, _)| id.clone()).or_else(vpc) {
            Some(holder) => _ = about.insert(holder),
            None => about.extend(self.vpcs.values().map(|vpc| ResourceId::from(vpc.as_str()))),
        }
        about
    }

    /// What keeps a drift from being mended, if a person does: an order is no compliance. Who ordered it is in the ledger.
    pub(super) fn brake(&self, drift: &Drift) -> Option<String> {
        let exempt = Subject::Resource(drift.resource.id.clone());
        let exempt = self.standing.in_force(Verb::Exempt).find(|directive| directive.subject == exempt);
        let paused = || pause(&self.key, &self.standing).map(|directive| ordered("paused", directive));
        exempt.map(|directive| ordered("exempt", directive)).or_else(paused)
    }
}

/// An order in few words: an annotation has room for 256 characters.
fn ordered(what: &str, directive: &Directive) -> String {
    let Directive { verb: _, subject: _, reason, by: _, since: _, until } = directive;
    let second = |until: Timestamp| Timestamp::from_second(until.as_second()).unwrap_or(until);
    let until = until.map(|until| format!(" until {}", second(until))).unwrap_or_default();
    format!("{what}{until}: {reason}")
}
