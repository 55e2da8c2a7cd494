//! What the observation of one VPC means: which subnet uses which table, and which one is its own.

use super::{Desired, DesiredSubnet, DesiredVpc, ObservedRoute, ObservedSubnet, ObservedTable};
use crate::core::{ResourceId, Standing, VpcName};
use crate::network::Route;
use crate::render;
use std::collections::{BTreeMap, BTreeSet};

/// The tag that says which topology a thing belongs to.
pub(super) const TOPOLOGY: &str = "plumbline:topology";
/// The tag that says which of its VPCs.
pub(super) const VPC: &str = "plumbline:vpc";
/// The tag that says which tier a table is of.
pub(super) const TIER: &str = "plumbline:tier";
/// The tag that says which Availability Zone a table is for.
pub(super) const ZONE: &str = "plumbline:zone";
/// The tag that says which control made it.
pub(super) const CONTROL: &str = "plumbline:control";
/// The tag that CloudFormation writes, and nobody else can: the place of a resource in its template.
pub(super) const LOGICAL_ID: &str = "aws:cloudformation:logical-id";

/// One VPC of a topology, declared and observed.
pub(super) struct Facts<'a> {
    pub(super) desired: &'a Desired,
    pub(super) name: &'a VpcName,
    pub(super) declared: &'a DesiredVpc,
    pub(super) standing: &'a Standing,
    pub(super) vpc: &'a super::ObservedVpc,
    pub(super) ranges: &'a BTreeSet<String>,
    /// Sorted by id, like the tables.
    pub(super) subnets: Vec<&'a ObservedSubnet>,
    pub(super) tables: Vec<&'a ObservedTable>,
    /// The internet gateway that is attached, or about to be.
    pub(super) internet: Option<ResourceId>,
    pub(super) seating: Seating<'a>,
}

/// Who uses which table, looked up often.
#[derive(Default)]
pub(super) struct Seating<'a> {
    /// By subnet: its table, and its association unless that is the main one.
    used: BTreeMap<&'a ResourceId, (&'a ObservedTable, Option<&'a ResourceId>)>,
    /// By table.
    users: BTreeMap<&'a ResourceId, Vec<&'a ObservedSubnet>>,
}

impl<'a> Seating<'a> {
    pub(super) fn of(subnets: &[&'a ObservedSubnet], tables: &[&'a ObservedTable]) -> Self {
        let own: BTreeMap<&'a ResourceId, (&'a ObservedTable, &'a ResourceId)> = (tables.iter())
            .copied()
            .flat_map(|table| table.subnets.iter().map(move |(subnet, association)| (subnet, (table, association))))
            .collect();
        let main = tables.iter().copied().find(|table| table.main);
        let mut seating = Self::default();
        for subnet in subnets.iter().copied() {
            let used = match own.get(&subnet.id) {
                Some((table, association)) => Some((*table, Some(*association))),
                None => main.map(|table| (table, None)),
            };
            if let Some((table, association)) = used {
                seating.used.insert(&subnet.id, (table, association));
                seating.users.entry(&table.id).or_default().push(subnet);
            }
        }
        seating
    }
}

/// How a table is known to be a subnet's own. The greatest is the surest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    /// Its tags say so, which anybody who may write tags can write.
    Tagged,
    /// Plumbline made it, by the ledger and its tags.
    Made,
    /// CloudFormation made it, in the stack of the subnet, as `plumb render` wrote it.
    Stack,
}

/// The table that a subnet shall use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Home<'a> {
    /// This one.
    Own(&'a ObservedTable),
    /// It had one of its own, which is gone.
    Gone,
    /// Several say that they are it.
    Several(Vec<&'a ResourceId>),
    /// Nobody says which: the one that it uses will do.
    InUse(&'a ObservedTable),
    /// Nobody says which, and the one that it uses will not do.
    Unclear(String),
}

/// A declared subnet that exists, with the table that it uses and the one that it shall use.
pub(super) struct Seat<'a> {
    pub(super) tier: &'a DesiredSubnet,
    pub(super) subnet: &'a ObservedSubnet,
    /// The table that it uses.
    pub(super) now: Option<&'a ObservedTable>,
    /// Its association; `None`: it uses the VPC's main table.
    pub(super) association: Option<&'a ResourceId>,
    pub(super) home: Home<'a>,
}

impl<'a> Seat<'a> {
    /// The table that is kept for it, if there is one.
    pub(super) fn kept(&self) -> Option<&'a ObservedTable> {
        match &self.home {
            Home::Own(table) | Home::InUse(table) => Some(table),
            Home::Gone | Home::Several(_) | Home::Unclear(_) => None,
        }
    }

    /// Whether it uses the table that is kept for it.
    pub(super) fn is_home(&self) -> bool {
        self.now.is_some() && self.now.map(|table| &table.id) == self.kept().map(|table| &table.id)
    }
}

impl<'a> Facts<'a> {
    /// The table that a subnet uses, with its association.
    pub(super) fn table_of(&self, subnet: &ResourceId) -> Option<(&'a ObservedTable, Option<&'a ResourceId>)> {
        self.seating.used.get(subnet).copied()
    }

    /// The subnets that use a table.
    pub(super) fn users(&self, table: &ObservedTable) -> impl Iterator<Item = &'a ObservedSubnet> {
        self.seating.users.get(&table.id).into_iter().flatten().copied()
    }

    /// The declared subnets that exist, in the order of the document, and those that do not.
    pub(super) fn seats(&self) -> (Vec<Seat<'a>>, Vec<&'a DesiredSubnet>) {
        let mut missing = vec![];
        let mut found = vec![];
        for tier in &self.declared.subnets {
            match self.subnets.iter().copied().find(|subnet| subnet.cidr == tier.cidr) {
                Some(subnet) => found.push((tier, subnet)),
                None => missing.push(tier),
            }
        }
        let mut claimed: BTreeMap<&ResourceId, Vec<(Claim, &'a ObservedTable)>> =
            found.iter().map(|(tier, subnet)| (&subnet.id, self.claims(tier, subnet))).collect();
        // A table that is surely one subnet's own is no other's, whatever tags were written on it.
        let mut surest: BTreeMap<&ResourceId, Claim> = BTreeMap::new();
        for (claim, table) in claimed.values().flatten() {
            let known = surest.entry(&table.id).or_insert(*claim);
            *known = (*known).max(*claim);
        }
        claimed.values_mut().for_each(|claims| claims.retain(|(claim, table)| surest.get(&table.id) == Some(claim)));
        let seats = found.iter().map(|(tier, subnet)| {
            let used = self.table_of(&subnet.id);
            let now = used.map(|(table, _)| table);
            Seat {
                tier,
                subnet,
                now,
                association: used.and_then(|(_, association)| association),
                home: self.home(tier, subnet, now, &found, &claimed),
            }
        });
        (seats.collect(), missing)
    }

    fn home(
        &self,
        tier: &DesiredSubnet,
        subnet: &ObservedSubnet,
        now: Option<&'a ObservedTable>,
        found: &[(&'a DesiredSubnet, &'a ObservedSubnet)],
        claimed: &BTreeMap<&ResourceId, Vec<(Claim, &'a ObservedTable)>>,
    ) -> Home<'a> {
        let claims = claimed.get(&subnet.id).map(Vec::as_slice).unwrap_or_default();
        let surest = claims.iter().map(|(claim, _)| *claim).max();
        let best: Vec<&'a ObservedTable> =
            claims.iter().filter(|(claim, _)| Some(*claim) == surest).map(|(_, table)| *table).collect();
        if let Some(used) = best.iter().find(|table| now.is_some_and(|now| now.id == table.id)) {
            return Home::Own(used);
        }
        match (best.as_slice(), surest) {
            ([], _) => {}
            ([one], _) => return Home::Own(one),
            // Two of ours: either will do, and the other one goes.
            ([first, ..], Some(Claim::Made)) => return Home::Own(first),
            ([..], _) => return Home::Several(best.into_iter().map(|table| &table.id).collect()),
        }
        if self.is_rendered(tier, subnet) {
            return Home::Gone;
        }
        let Some(now) = now else { return Home::Unclear("it has no route table".into()) };
        let others = claimed.iter().filter(|(id, _)| **id != &subnet.id);
        if others.flat_map(|(_, claims)| claims).any(|(_, table)| table.id == now.id) {
            return Home::Unclear(format!("{} is the table of another subnet", now.id));
        }
        for user in self.users(now) {
            match found.iter().find(|(_, declared)| declared.id == user.id) {
                None => return Home::Unclear(format!("{} also serves {}, which is not declared", now.id, user.id)),
                Some((other, _)) if !alike(tier, other) => {
                    return Home::Unclear(format!("{} also serves {}, which is declared otherwise", now.id, user.id));
                }
                Some(_) => {}
            }
        }
        Home::InUse(now)
    }

    /// Whether the subnet was made with a table of its own. The stack alone says nothing: one that people wrote may hold a whole
    /// network with one table for all of a tier.
    fn is_rendered(&self, tier: &DesiredSubnet, subnet: &ObservedSubnet) -> bool {
        let is = |key: &str, value: &str| subnet.tags.get(key).is_some_and(|tag| tag == value);
        let logical = render::subnet_id(self.name, tier.tier.as_str(), tier.zone.as_str());
        let tagged = self.is_tagged(&subnet.tags) && is(TIER, tier.tier.as_str());
        let made = subnet.stack.is_some() && subnet.stack == self.vpc.stack && is(LOGICAL_ID, &logical);
        tagged || made
    }

    /// The tables that say that they are a subnet's own.
    fn claims(&self, tier: &DesiredSubnet, subnet: &ObservedSubnet) -> Vec<(Claim, &'a ObservedTable)> {
        let (tier_name, zone) = (tier.tier.as_str(), tier.zone.as_str());
        let logical = render::table_id(self.name, tier_name, zone);
        let claim = |table: &&'a ObservedTable| {
            let is = |key: &str, value: &str| table.tags.get(key).is_some_and(|tag| tag == value);
            if table.stack.is_some() && table.stack == subnet.stack && is(LOGICAL_ID, &logical) {
                return Some((Claim::Stack, *table));
            }
            let named = table.tags.get(ZONE).is_none_or(|tag| tag == zone);
            let tagged = self.is_tagged(&table.tags) && is(TIER, tier_name) && named && !table.main;
            tagged.then(|| (if self.ours(table) { Claim::Made } else { Claim::Tagged }, *table))
        };
        self.tables.iter().filter_map(claim).collect()
    }

    /// Whether tags name this VPC of this topology.
    pub(super) fn is_tagged(&self, tags: &BTreeMap<String, String>) -> bool {
        tags.get(TOPOLOGY).is_some_and(|tag| tag == self.desired.topology.as_str())
            && tags.get(VPC).is_none_or(|tag| tag == self.name.as_str())
    }

    /// Whether Plumbline made a table: the ledger has its id, and its tags agree. A tag alone is no proof.
    pub(super) fn ours(&self, table: &ObservedTable) -> bool {
        self.standing.created.contains_key(&table.id) && self.says_ours(table)
    }

    /// Whether its tags say so.
    pub(super) fn says_ours(&self, table: &ObservedTable) -> bool {
        self.is_tagged(&table.tags) && table.tags.get(CONTROL).is_some_and(|tag| tag == "routes")
    }

    /// Whether the default route of a table belongs to the control `nat`: a subnet of a `nat` tier uses it.
    pub(super) fn is_nats(&self, table: &ObservedTable) -> bool {
        let behind = |subnet: &ObservedSubnet| {
            let declared = self.declared.subnets.iter().find(|tier| tier.cidr == subnet.cidr);
            declared.is_some_and(|tier| tier.route == Route::Nat)
        };
        self.declared.nat && self.users(table).any(behind)
    }

    /// Where a subnet goes out through NAT now, if that works.
    pub(super) fn way_out(&self, table: &'a ObservedTable) -> Option<&'a ObservedRoute> {
        super::reach::default_of(table).filter(|route| route.target.as_str().starts_with("nat-") && !route.blackhole)
    }
}

/// Whether two subnets may use one table.
fn alike(left: &DesiredSubnet, right: &DesiredSubnet) -> bool {
    left.route == right.route && left.extra == right.extra
}

/// What a person calls a subnet and its table.
pub(super) fn label(vpc: &VpcName, tier: &DesiredSubnet) -> String {
    format!("{vpc}/{}-{}", tier.tier, tier.zone)
}
