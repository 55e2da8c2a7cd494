//! What an observation of one VPC means: which of its things a declared endpoint is to have.

use super::{
    Desired, DesiredEndpoint, DesiredVpc, Dns, Kind, Observed, ObservedEndpoint, ObservedGroup, ObservedService,
    ObservedTable, ObservedVpc, Shape, change,
};
use crate::core::{
    EndpointName, GroupName, Place, ResourceId, ResourceKey, Seen, ServiceName, Standing, Unseen, VpcName, ZoneLetter,
};
use crate::network::EndpointTarget;
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};

/// One VPC in this plan.
pub(super) struct Facts<'a> {
    pub(super) place: &'a Place,
    pub(super) desired: &'a Desired,
    pub(super) name: &'a VpcName,
    pub(super) declared: &'a DesiredVpc,
    pub(super) standing: &'a Standing,
    pub(super) seen: &'a ObservedVpc,
    /// Those of a kind that can be declared, the oldest first.
    pub(super) endpoints: Vec<&'a ObservedEndpoint>,
    subnets: BTreeMap<Ipv4Net, &'a ResourceId>,
    /// `None`: not seen.
    tables: Option<Vec<&'a ObservedTable>>,
    /// `None`: not seen.
    groups: Option<BTreeMap<&'a GroupName, &'a ObservedGroup>>,
    pub(super) dns: Option<Dns>,
}

/// A declared endpoint, by the names of AWS.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a EndpointName,
    /// What a person calls it.
    pub(super) title: String,
    /// Under which its absence is told.
    pub(super) key: ResourceKey,
    /// The service's full name.
    pub(super) service: String,
    pub(super) kind: Kind,
    pub(super) declared: &'a DesiredEndpoint,
}

/// Ids of what is declared, and the declared things that are not there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) ids: BTreeSet<ResourceId>,
    pub(super) missing: Vec<String>,
}

impl<T: Into<ResourceId>> FromIterator<Result<T, String>> for Ids {
    fn from_iter<I: IntoIterator<Item = Result<T, String>>>(found: I) -> Self {
        let mut ids = Self::default();
        for one in found {
            match one {
                Ok(id) => _ = ids.ids.insert(id.into()),
                Err(missing) => ids.missing.push(missing),
            }
        }
        ids
    }
}

/// Why an endpoint service of the topology has no name here.
pub(super) enum NoService {
    /// It was not seen.
    Unseen,
    /// There is none.
    Absent,
    /// Several claim to be it.
    Several(Vec<String>),
}

impl<'a> Facts<'a> {
    pub(super) fn new(
        place: &'a Place,
        desired: &'a Desired,
        name: &'a VpcName,
        declared: &'a DesiredVpc,
        seen: &'a ObservedVpc,
        standing: &'a Standing,
    ) -> Option<Self> {
        let mut endpoints: Vec<&ObservedEndpoint> = all(&seen.endpoints)?;
        // What nobody can declare is nobody's business here, whatever is written on it.
        endpoints.retain(|endpoint| !matches!(endpoint.kind, Kind::Other(_)));
        endpoints.sort_by_key(|endpoint| (endpoint.created, &endpoint.id));
        let subnets = all(&seen.subnets)?.into_iter().map(|subnet| (subnet.cidr, &subnet.id)).collect();
        let groups = all(&seen.groups);
        Some(Self {
            place,
            desired,
            name,
            declared,
            standing,
            seen,
            endpoints,
            subnets,
            tables: all(&seen.tables),
            groups: groups.map(|groups| groups.into_iter().map(|group| (&group.name, group)).collect()),
            dns: seen.dns.present().copied(),
        })
    }

    /// A declared endpoint with its service's full name.
    pub(super) fn wanted(
        &self,
        name: &'a EndpointName,
        declared: &'a DesiredEndpoint,
        observed: &'a Observed,
    ) -> Result<Wanted<'a>, NoService> {
        let service = match (declared.service_name(&self.place.region), &declared.service) {
            (Some(name), _) => name,
            (None, EndpointTarget::Own(own)) => own_service(own, observed)?.name.clone(),
            (None, EndpointTarget::Aws(_) | EndpointTarget::Named(_)) => return Err(NoService::Unseen),
        };
        let kind = match declared.shape {
            Shape::Gateway { .. } => Kind::Gateway,
            Shape::Interface { .. } => Kind::Interface,
        };
        Ok(Wanted { name, title: self.title(name), key: self.key(name), service, kind, declared })
    }

    pub(super) fn title(&self, endpoint: &EndpointName) -> String {
        format!("{}/{endpoint}", self.name)
    }

    pub(super) fn key(&self, endpoint: &EndpointName) -> ResourceKey {
        self.place.key(change::endpoint_key(&self.seen.id, endpoint))
    }

    /// The subnets of these ranges.
    pub(super) fn subnets(&self, ranges: &BTreeSet<Ipv4Net>) -> Ids {
        let find = |range: &Ipv4Net| self.subnets.get(range).map(|id| (*id).clone());
        ranges.iter().map(|range| find(range).ok_or_else(|| format!("subnet {range}"))).collect()
    }

    /// The route tables of the subnets of these ranges. `None`: the tables were not seen.
    pub(super) fn tables(&self, ranges: &BTreeSet<Ipv4Net>) -> Option<Ids> {
        let tables = self.tables.as_ref()?;
        let table = |range: &Ipv4Net| {
            let subnet = self.subnets.get(range).ok_or_else(|| format!("subnet {range}"))?;
            let of = tables.iter().find(|table| table.subnets.contains(*subnet));
            of.map(|table| table.id.clone()).ok_or_else(|| format!("a route table of subnet {subnet} ({range})"))
        };
        Some(ranges.iter().map(table).collect())
    }

    /// The subnets of no declared tier.
    pub(super) fn strangers(&self) -> impl Iterator<Item = (&Ipv4Net, &'a ResourceId)> {
        let declared = &self.declared.subnets;
        let strange = self.subnets.iter().filter(move |(range, _)| !declared.contains(*range));
        strange.map(|(range, id)| (range, *id))
    }

    /// The zones of these subnets, as far as they were seen.
    pub(super) fn zones(&self, subnets: BTreeSet<ResourceId>) -> BTreeMap<ResourceId, ZoneLetter> {
        let known = self.seen.subnets.present().into_iter().flatten().filter(|known| subnets.contains(&known.id));
        known.map(|subnet| (subnet.id.clone(), subnet.zone.clone())).collect()
    }

    /// A route table that is known and serves what is associated with it, and nothing else.
    pub(super) fn serving(&self, table: &ResourceId) -> Option<&'a ObservedTable> {
        let known = self.tables.iter().flatten().copied().find(|known| known.id == *table)?;
        (!known.main && !known.subnets.is_empty()).then_some(known)
    }

    /// Those of these subnets that are of no declared tier.
    pub(super) fn undeclared(&self, subnets: &BTreeSet<ResourceId>) -> BTreeSet<ResourceId> {
        let declared: BTreeSet<&ResourceId> =
            self.declared.subnets.iter().filter_map(|range| self.subnets.get(range).copied()).collect();
        subnets.iter().filter(|id| !declared.contains(id)).cloned().collect()
    }

    /// The groups of these names. `None`: the groups were not seen.
    pub(super) fn groups(&self, names: &BTreeSet<GroupName>) -> Option<Ids> {
        let groups = self.groups.as_ref()?;
        let find = |name: &GroupName| groups.get(name).map(|group| group.id.clone());
        Some(names.iter().map(|name| find(name).ok_or_else(|| format!("security group {name}"))).collect())
    }

    /// A group by its name.
    pub(super) fn group(&self, name: &GroupName) -> Option<&'a ObservedGroup> {
        self.groups.as_ref()?.get(name).copied()
    }
}

/// The service of the topology: the one that its stack made before any other that claims to be it.
pub(super) fn own_service<'a>(name: &ServiceName, observed: &'a Observed) -> Result<&'a ObservedService, NoService> {
    let candidates: &[ObservedService] = match observed.services.get(name) {
        Some(Seen::Present(candidates)) => candidates,
        Some(Seen::Absent) => &[],
        Some(Seen::Unknown(_)) | None => return Err(NoService::Unseen),
    };
    let stacked: Vec<&ObservedService> = candidates.iter().filter(|service| service.stack.is_some()).collect();
    let all: Vec<&ObservedService> = candidates.iter().collect();
    match (stacked.as_slice(), all.as_slice()) {
        ([only], _) | ([], [only]) => Ok(only),
        (_, []) => Err(NoService::Absent),
        (_, several) => Err(NoService::Several(several.iter().map(|service| service.id.to_string()).collect())),
    }
}

/// All of an answer; `None`: there was no answer.
fn all<T>(seen: &Seen<Vec<T>>) -> Option<Vec<&T>> {
    match seen {
        Seen::Present(all) => Some(all.iter().collect()),
        Seen::Absent => Some(vec![]),
        Seen::Unknown(Unseen::OutOfScope | Unseen::Failed { .. }) => None,
    }
}
