//! From hints to topologies: an event about a group or a gateway names no VPC.

use crate::bind::Named;
use crate::{Fault, Hint, LedgerRead, Locate, Served};
use std::collections::{BTreeMap, BTreeSet};
use topology::{Place, ResourceId, Seen, Topology, Unseen, VpcId};

/// One topology to be reconciled, and which of the hints ask for it.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    /// Its position in [`Served::topologies`].
    pub(crate) topology: usize,
    pub(crate) place: Place,
    /// Positions of the hints that led here.
    pub(crate) hints: BTreeSet<usize>,
    /// What they name within it; empty: everything.
    pub(crate) resources: BTreeSet<ResourceId>,
    /// One of them asks for everything.
    pub(crate) everything: bool,
}

/// Where all hints of a batch lead.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    pub(crate) errands: Vec<Errand>,
    /// Hints that could not be located now: positions and why.
    pub(crate) later: Vec<(BTreeSet<usize>, Fault)>,
    /// Hints that lead nowhere, with the warning.
    pub(crate) strangers: Vec<(usize, String)>,
}

impl Routes {
    fn add(&mut self, topology: usize, place: &Place, hint: usize, resources: BTreeSet<ResourceId>) {
        let known = self.errands.iter().position(|errand| errand.topology == topology);
        let at = known.unwrap_or_else(|| {
            self.errands.push(Errand {
                topology,
                place: place.clone(),
                hints: BTreeSet::new(),
                resources: BTreeSet::new(),
                everything: false,
            });
            self.errands.len() - 1
        });
        if let Some(errand) = self.errands.get_mut(at) {
            errand.hints.insert(hint);
            errand.everything |= resources.is_empty();
            errand.resources.extend(resources);
        }
    }
}

impl Served {
    /// Where a topology lives: what it says, else the function's own account and Region.
    pub fn place_of(&self, topology: &Topology) -> Place {
        Place {
            account: topology.account.clone().unwrap_or_else(|| self.home.account.clone()),
            region: topology.region.clone().unwrap_or_else(|| self.home.region.clone()),
        }
    }

    /// The topologies of a place, with their positions.
    pub(crate) fn at<'a>(&'a self, place: &'a Place) -> impl Iterator<Item = (usize, &'a Topology)> {
        self.topologies.iter().enumerate().filter(move |(_, topology)| self.place_of(topology) == *place)
    }

    /// The VPCs of the same place that other topologies name by their ids.
    pub(crate) fn named_by_others(&self, topology: &Topology) -> Named {
        let place = self.place_of(topology);
        let others = self.at(&place).filter(|(_, other)| other.id != topology.id);
        let named = others.flat_map(|(_, other)| other.vpcs.iter().map(|(name, vpc)| (&other.id, name, vpc)));
        named.filter_map(|(id, name, vpc)| Some((vpc.id.clone()?, (id.clone(), name.clone())))).collect()
    }

    /// Every account and Region that is served, the own one included.
    pub(crate) fn places(&self) -> BTreeSet<Place> {
        self.topologies.iter().map(|topology| self.place_of(topology)).chain([self.home.clone()]).collect()
    }
}

/// Sorts hints by topology. Ids are located once a place, however many hints name them.
pub(crate) async fn route(hints: &[Hint], served: &Served, eyes: &impl Locate, ledger: &impl LedgerRead) -> Routes {
    let mut routes = Routes::default();
    let mut by_id: BTreeMap<&Place, BTreeSet<usize>> = BTreeMap::new();
    for (at, hint) in hints.iter().enumerate() {
        let place = &hint.place;
        if served.at(place).next().is_none() {
            routes.strangers.push((at, format!("no topology is served in {place}")));
        } else if let Some(id) = &hint.topology {
            match served.at(place).find(|(_, topology)| topology.id == *id) {
                Some((topology, _)) => routes.add(topology, place, at, hint.resources.clone()),
                None => routes.strangers.push((at, format!("topology {id} is not served in {place}"))),
            }
        } else if hint.resources.is_empty() {
            served.at(place).for_each(|(topology, _)| routes.add(topology, place, at, BTreeSet::new()));
        } else {
            by_id.entry(place).or_default().insert(at);
        }
    }
    for (place, positions) in by_id {
        if let Err(fault) = route_ids(place, &positions, hints, served, eyes, ledger, &mut routes).await {
            routes.later.push((positions, fault));
        }
    }
    routes
}

async fn route_ids(
    place: &Place,
    positions: &BTreeSet<usize>,
    hints: &[Hint],
    served: &Served,
    eyes: &impl Locate,
    ledger: &impl LedgerRead,
    routes: &mut Routes,
) -> Result<(), Fault> {
    let of = |at: &usize| hints.get(*at);
    let ids: BTreeSet<ResourceId> = positions.iter().filter_map(of).flat_map(|hint| hint.resources.clone()).collect();
    let unlocated = ids.iter().filter(|id| !id.as_str().starts_with("vpc-")).cloned().collect::<BTreeSet<_>>();
    let mut located = match unlocated.is_empty() {
        true => BTreeMap::new(),
        false => eyes.locate(place, &unlocated).await?,
    };
    for id in ids.difference(&unlocated) {
        located.insert(id.clone(), Seen::Present(VpcId::from(id.as_str())));
    }
    let mut owners = Owners::default();
    // Decided before anything is routed: a fault half-way must not leave some hints both routed and re-sent.
    let mut decided = vec![];
    for at in positions {
        let Some(hint) = of(at) else { continue };
        let mut mine: BTreeMap<usize, BTreeSet<ResourceId>> = BTreeMap::new();
        let (mut absent, mut foreign, mut unknown) = (vec![], vec![], false);
        let taken_away = hint.causes.iter().any(|cause| takes_away(&cause.event_name));
        let specific = hint.resources.iter().filter(|id| !id.as_str().starts_with("vpc-"));
        let specific = specific.filter_map(|id| located.get(id)?.present()).collect::<BTreeSet<_>>();
        for id in &hint.resources {
            match located.get(id) {
                // A VPC that is named beside something within it only says where that is.
                Some(Seen::Present(vpc)) if id.as_str() == vpc.as_str() && specific.contains(vpc) => {}
                Some(Seen::Present(vpc)) => match owners.of(vpc, place, served, eyes, ledger).await? {
                    Some(topology) => {
                        // What is gone (and still remembered where it was) shows only when its VPC is looked at whole.
                        let look_at = if taken_away { ResourceId::from(vpc.as_str()) } else { id.clone() };
                        mine.entry(topology).or_default().insert(look_at);
                    }
                    None => foreign.push(format!("{id} ({vpc})")),
                },
                Some(Seen::Absent) => absent.push(id.to_string()),
                Some(Seen::Unknown(Unseen::Failed { retryable: true, why })) => {
                    return Err(Fault::new("locate", crate::FaultClass::Retryable, why.clone()));
                }
                Some(Seen::Unknown(_)) | None => unknown = true,
            }
        }
        // Nobody can say any more where a deleted thing was, whatever else was named beside it; nor, where nothing else says so,
        // where a new one is that AWS does not show yet, or what an id of another kind belongs to: look everywhere here.
        let deleted = !absent.is_empty() && taken_away;
        let made = !absent.is_empty() && hint.causes.iter().any(|cause| makes(&cause.event_name));
        let alone = mine.is_empty() && foreign.is_empty();
        if deleted || (alone && (made || (unknown && absent.is_empty()))) {
            mine = served.at(place).map(|(topology, _)| (topology, BTreeSet::new())).collect();
        }
        decided.push((*at, mine, absent, foreign));
    }
    for (at, mine, absent, foreign) in decided {
        if mine.is_empty() {
            let named = absent.into_iter().map(|id| format!("{id} (not known to AWS)")).chain(foreign);
            let named = named.take(10).collect::<Vec<_>>().join(", ");
            routes.strangers.push((at, format!("no topology holds {named} in {place}")));
        }
        mine.into_iter().for_each(|(topology, resources)| routes.add(topology, place, at, resources));
    }
    Ok(())
}

fn takes_away(event_name: &str) -> bool {
    ["Delete", "Detach", "Disassociate", "Release", "Terminate"].iter().any(|verb| event_name.starts_with(verb))
}

fn makes(event_name: &str) -> bool {
    ["Create", "Allocate"].iter().any(|verb| event_name.starts_with(verb))
}

/// Who holds a VPC, asked once a batch.
#[derive(Default)]
struct Owners {
    known: BTreeMap<VpcId, Option<usize>>,
    claimed: Option<Vec<(usize, VpcId)>>,
}

impl Owners {
    async fn of(
        &mut self,
        vpc: &VpcId,
        place: &Place,
        served: &Served,
        eyes: &impl Locate,
        ledger: &impl LedgerRead,
    ) -> Result<Option<usize>, Fault> {
        if let Some(known) = self.known.get(vpc) {
            return Ok(*known);
        }
        let owner = match ledger.holder(place, vpc).await? {
            Some((id, _)) => served.at(place).find(|(_, topology)| topology.id == id).map(|(at, _)| at),
            None => self.claim(vpc, place, served, eyes, ledger).await?,
        };
        self.known.insert(vpc.clone(), owner);
        Ok(owner)
    }

    /// Nobody holds it: does a topology that is not fully bound yet claim it?
    async fn claim(
        &mut self,
        vpc: &VpcId,
        place: &Place,
        served: &Served,
        eyes: &impl Locate,
        ledger: &impl LedgerRead,
    ) -> Result<Option<usize>, Fault> {
        if self.claimed.is_none() {
            let mut claimed = vec![];
            for (at, topology) in served.at(place) {
                let pinned = ledger.bindings(place, &topology.id).await?;
                if topology.vpcs.keys().all(|name| pinned.contains_key(name)) {
                    continue;
                }
                let candidates = eyes.candidates(place, topology, &BTreeSet::new()).await?;
                claimed.extend(candidates.into_iter().map(|candidate| (at, candidate.vpc)));
            }
            self.claimed = Some(claimed);
        }
        Ok(self.claimed.iter().flatten().find(|(_, claimed)| claimed == vpc).map(|(at, _)| *at))
    }
}
