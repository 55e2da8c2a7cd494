//! What the observation of one VPC means: which gateways work, which zones are not to be relied upon, what is ours.

use super::{
    Availability, Desired, DesiredAddress, DesiredVpc, GatewayState, ObservedAddress, ObservedGateway, ObservedSubnet,
    ObservedTable,
};
use crate::core::{Directive, Place, ResourceId, Standing, Subject, Verb, VpcId, VpcName, ZoneLetter};
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The tag that says which topology a thing belongs to.
pub(super) const TOPOLOGY: &str = "plumbline:topology";
/// The tag that says which of its VPCs.
pub(super) const VPC: &str = "plumbline:vpc";
/// The tag that says which control made it.
pub(super) const CONTROL: &str = "plumbline:control";
/// The tag that says which Availability Zone it is for.
pub(super) const ZONE: &str = "plumbline:zone";
/// The tag that says why a gateway was made. Whoever forges it changes only when routes that work are moved.
pub(super) const BECAUSE: &str = "plumbline:because";

/// What AWS refused is not tried again before a sweep has passed.
const REFUSED: SignedDuration = SignedDuration::from_mins(14);

/// One VPC of a topology, declared and observed.
pub(super) struct Facts<'a> {
    pub(super) place: &'a Place,
    pub(super) desired: &'a Desired,
    pub(super) name: &'a VpcName,
    pub(super) declared: &'a DesiredVpc,
    pub(super) standing: &'a Standing,
    pub(super) id: &'a VpcId,
    /// Sorted by id, like all of these.
    pub(super) gateways: Vec<&'a ObservedGateway>,
    pub(super) subnets: Vec<&'a ObservedSubnet>,
    pub(super) tables: Vec<&'a ObservedTable>,
    /// `None`: they could not be seen.
    pub(super) addresses: Option<Vec<&'a ObservedAddress>>,
    /// Zones that are not to be relied upon now, with who says so.
    pub(super) away: BTreeMap<ZoneLetter, String>,
    /// Whether it is known which zones AWS moves traffic away from.
    pub(super) away_known: bool,
}

/// How far a gateway can be relied upon for the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Health {
    /// It works.
    Good,
    /// It works, and its zone is not to be relied upon.
    Away,
    /// It is on its way, where it will work.
    Coming,
    /// It never came up.
    Failed,
    /// It is there, and no live route leads from its subnet to the internet.
    Cut,
    /// It is gone, or going.
    Gone,
    /// It is private: it was never meant to lead out.
    Private,
}

impl<'a> Facts<'a> {
    pub(super) fn gateway(&self, id: &ResourceId) -> Option<&'a ObservedGateway> {
        self.gateways.iter().copied().find(|gateway| gateway.id == *id)
    }

    pub(super) fn subnet(&self, id: &ResourceId) -> Option<&'a ObservedSubnet> {
        self.subnets.iter().copied().find(|subnet| subnet.id == *id)
    }

    /// The subnet of a declared range.
    pub(super) fn at(&self, cidr: Ipv4Net) -> Option<&'a ObservedSubnet> {
        self.subnets.iter().copied().find(|subnet| subnet.cidr == cidr)
    }

    /// The public subnet for a gateway in a zone, as declared.
    pub(super) fn home(&self, zone: &ZoneLetter) -> Option<Ipv4Net> {
        self.declared.homes.iter().find(|(home, _)| home == zone).map(|(_, cidr)| *cidr)
    }

    /// The table that a subnet uses, and whether it is its own or the VPC's main one.
    pub(super) fn table_of(&self, subnet: &ResourceId) -> Option<(&'a ObservedTable, bool)> {
        let own = self.tables.iter().copied().find(|table| table.subnets.contains_key(subnet));
        let main = || self.tables.iter().copied().find(|table| table.main).map(|table| (table, false));
        own.map(|table| (table, true)).or_else(main)
    }

    /// Whether a live route leads from a subnet to an internet gateway. AWS calls the route a black hole once that is detached.
    pub(super) fn live(&self, subnet: &ResourceId) -> bool {
        let default = self.table_of(subnet).and_then(|(table, _)| table.default.as_ref());
        default.is_some_and(|route| route.target.as_str().starts_with("igw-") && !route.blackhole)
    }

    /// Where a zonal gateway stands; `None` for a regional one.
    pub(super) fn zone(&self, gateway: &ObservedGateway) -> Option<&'a ZoneLetter> {
        Some(&self.subnet(gateway.subnet.as_ref()?)?.zone)
    }

    pub(super) fn health(&self, gateway: &ObservedGateway) -> Health {
        let connected = match gateway.availability {
            Availability::Regional => true,
            Availability::Zonal => gateway.subnet.as_ref().is_some_and(|subnet| self.live(subnet)),
        };
        match gateway.state {
            GatewayState::Deleting | GatewayState::Deleted => Health::Gone,
            GatewayState::Failed => Health::Failed,
            _ if !gateway.public => Health::Private,
            _ if !connected => Health::Cut,
            GatewayState::Pending => Health::Coming,
            GatewayState::Available => match self.zone(gateway) {
                Some(zone) if self.away.contains_key(zone) => Health::Away,
                _ => Health::Good,
            },
        }
    }

    /// What a route's target is worth. A gateway that AWS does not show any more is gone.
    pub(super) fn health_of(&self, id: &ResourceId) -> Health {
        self.gateway(id).map_or(Health::Gone, |gateway| self.health(gateway))
    }

    /// Whether anything goes by a table.
    pub(super) fn is_used(&self, table: &ObservedTable) -> bool {
        table.main || !table.subnets.is_empty()
    }

    /// How many routes lead to a gateway, in any table of the VPC that is used, whatever their destination.
    pub(super) fn routes_to(&self, id: &ResourceId) -> usize {
        let count = |table: &&ObservedTable| {
            let default = usize::from(table.default.as_ref().is_some_and(|route| route.target == *id));
            default + table.others.iter().filter(|route| route.target == *id).count()
        };
        self.tables.iter().filter(|table| self.is_used(table)).map(count).sum()
    }

    /// The tag alone is no proof: anyone who may create tags can copy it. The ledger knows what was made.
    pub(super) fn ours(&self, id: &ResourceId, tags: &BTreeMap<String, String>) -> bool {
        self.made_by_us(id) && self.tagged(tags)
    }

    pub(super) fn tagged(&self, tags: &BTreeMap<String, String>) -> bool {
        self.tagged_for(self.name, tags)
    }

    /// Whether a thing bears the tags of what we make for a VPC of this topology.
    pub(super) fn tagged_for(&self, vpc: &VpcName, tags: &BTreeMap<String, String>) -> bool {
        let is = |key: &str, value: &str| tags.get(key).is_some_and(|tag| tag == value);
        is(TOPOLOGY, self.desired.topology.as_str()) && is(VPC, vpc.as_str()) && is(CONTROL, "nat")
    }

    /// Whether the last thing that was tried on a resource has no answer on record: the run crashed, or the answer was lost.
    pub(super) fn unanswered(&self, id: &ResourceId) -> bool {
        let last = self.standing.repairs.get(id).and_then(|repairs| repairs.last());
        last.is_some_and(|repair| repair.succeeded.is_none() && !repair.removed)
    }

    /// Whether AWS refused what was tried last on a resource, so lately that the same again would only be refused again. A person who
    /// asks has seen to it.
    pub(super) fn refused(&self, id: &ResourceId) -> bool {
        let last = self.standing.repairs.get(id).and_then(|repairs| repairs.last());
        let lately = |at: Timestamp| self.standing.now.duration_since(at) < REFUSED;
        !self.standing.by_hand
            && last.is_some_and(|repair| repair.succeeded == Some(false) && !repair.removed && lately(repair.at))
    }

    /// Whether we deleted it ourselves, as far as that is remembered.
    pub(super) fn removed_by_us(&self, id: &ResourceId) -> bool {
        let repairs = self.standing.repairs.get(id).map(Vec::as_slice).unwrap_or_default();
        repairs.iter().any(|repair| repair.removed && repair.succeeded != Some(false))
    }

    /// The address that a document names for a zone, among those that there are.
    pub(super) fn declared_address(&self, zone: &ZoneLetter) -> Option<Result<&'a ObservedAddress, String>> {
        let declared = self.declared.addresses.get(zone)?;
        let addresses = self.addresses.as_ref()?;
        let matches = |address: &&ObservedAddress| names(declared, address);
        let said = match declared {
            DesiredAddress::Allocation(id) => id.to_string(),
            DesiredAddress::Tag { key, value } => format!("an address with the tag {key}={value}"),
        };
        let found: Vec<&ObservedAddress> = addresses.iter().copied().filter(matches).collect();
        Some(match found.as_slice() {
            [one] => Ok(one),
            [] => Err(format!("{said}, which the topology names for zone {zone}, does not exist here")),
            [..] => Err(format!("{} addresses have the tag that names the one of zone {zone}", found.len())),
        })
    }

    /// Whether the document names an address, for any zone of any VPC: then it stays, whoever made it.
    pub(super) fn is_named(&self, address: &ObservedAddress) -> bool {
        let mut declared = self.desired.vpcs.values().flat_map(|vpc| vpc.addresses.values());
        declared.any(|declared| names(declared, address))
    }

    /// Whether the ledger says that we made it: enough to use it, or to wait for it, and not to take it away.
    pub(super) fn made_by_us(&self, id: &ResourceId) -> bool {
        self.standing.created.contains_key(id)
    }

    /// Whether a gateway has the address that is declared for its zone. What cannot be told is no reason for another gateway.
    pub(super) fn suits(&self, gateway: &ObservedGateway) -> bool {
        match self.zone(gateway).and_then(|zone| self.declared_address(zone)) {
            Some(Ok(address)) => {
                gateway.addresses.iter().any(|used| used.allocation.as_ref() == Some(&address.allocation))
            }
            Some(Err(_)) | None => true,
        }
    }

    /// The public addresses of a gateway, as they are shown.
    pub(super) fn egress(&self, id: &ResourceId) -> Option<String> {
        let ips: BTreeSet<&str> =
            self.gateway(id)?.addresses.iter().filter_map(|used| used.public_ip.as_deref()).collect();
        (!ips.is_empty()).then(|| ips.into_iter().collect::<Vec<_>>().join(" and "))
    }

    /// When the latest order to leave a zone ended, as far as it is on record.
    pub(super) fn back_since(&self, zone: &ZoneLetter) -> Option<Timestamp> {
        let here = |directive: &&Directive| match &directive.subject {
            Subject::Resource(id) => self.subnets.iter().any(|subnet| subnet.zone == *zone && subnet.zone_id == *id),
            Subject::Topology { .. } => false,
        };
        let ended = self.standing.directives.iter().filter(|directive| directive.verb == Verb::Evacuate).filter(here);
        ended.filter_map(|directive| directive.until).filter(|until| *until <= self.standing.now).max()
    }

    /// What a person calls the gateway of a zone, or a regional one.
    pub(super) fn label(&self, zone: Option<&ZoneLetter>) -> String {
        match zone {
            Some(zone) => format!("{}/nat-{zone}", self.name),
            None => format!("{}/nat", self.name),
        }
    }
}

fn names(declared: &DesiredAddress, address: &ObservedAddress) -> bool {
    match declared {
        DesiredAddress::Allocation(id) => address.allocation == *id,
        DesiredAddress::Tag { key, value } => address.tags.get(key) == Some(value),
    }
}
