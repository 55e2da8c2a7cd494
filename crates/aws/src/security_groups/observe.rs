//! Observing groups with as few calls as the question allows. A warm look at one group is a single describe of its rules.

use super::groups::{GroupFacts, VpcGroups};
use super::listing::Rules;
use crate::errors::unseen;
use crate::network::Network;
use reconciler::{Bound, Fault, Observe};
use std::collections::{BTreeMap, BTreeSet};
use topology::security_groups::{
    Desired, DesiredPeer, DesiredVpc, Observed, ObservedGroup, ObservedPeer, ObservedRule, ObservedVpc, SecurityGroups,
    Undeclared, UndeclaredGroup,
};
use topology::{AccountId, GroupName, Place, ResourceId, Scope, Seen, Unseen, VpcId, VpcName};

impl Observe<SecurityGroups> for Network {
    async fn observe(&self, bound: &Bound, desired: &Desired, scope: &Scope) -> Observed {
        let mut looks: BTreeMap<&VpcName, Look<'_>> = desired
            .vpcs
            .iter()
            .filter_map(|(name, desired)| {
                let vpc = bound.vpcs.get(name)?;
                Some((name, Look::new(vpc, desired, scope, self.groups.of(&bound.place, vpc))))
            })
            .collect();
        let looked = self.look(&bound.place, scope, &mut looks).await;
        let vpcs = desired.vpcs.keys().map(|name| {
            let seen = match (looks.get(name), &looked) {
                // Not bound: not to be looked at, and not to be touched.
                (None, _) => Seen::Unknown(Unseen::OutOfScope),
                (Some(look), Err(fault)) if look.wanted() => Seen::Unknown(unseen(fault)),
                (Some(look), Err(_)) => Seen::Present(look.assemble(&BTreeMap::new())),
                (Some(look), Ok(rules)) => Seen::Present(look.assemble(rules)),
            };
            (name.clone(), seen)
        });
        Observed { vpcs: vpcs.collect() }
    }
}

impl Network {
    /// Fills in the looks and answers the rules of every group that is looked at. The first failure ends it: an answer in part is
    /// no answer.
    async fn look(
        &self,
        place: &Place,
        scope: &Scope,
        looks: &mut BTreeMap<&VpcName, Look<'_>>,
    ) -> Result<BTreeMap<ResourceId, Rules>, Fault> {
        // A hinted group that no listing knows may be new, and may stand in any of the VPCs.
        let strange = match scope {
            Scope::Everything => false,
            Scope::Only(ids) => ids
                .iter()
                .any(|id| id.as_str().starts_with("sg-") && !looks.values().any(|look| look.listing.contains_key(id))),
        };
        for look in looks.values_mut() {
            look.in_question = look.whole || strange || look.hinted.iter().any(|id| look.listing.contains_key(id));
        }
        self.list(place, looks, |look| look.whole || strange || (look.in_question && !look.listed)).await?;

        let targets: BTreeSet<ResourceId> = looks.values().flat_map(Look::targets).cloned().collect();
        let rules = if targets.is_empty() { BTreeMap::new() } else { self.describe_rules(place, &targets).await? };

        // No rule in the answer: the group is empty, or gone. Only a describe of the group itself tells.
        let doubtful: BTreeSet<&ResourceId> = looks
            .values()
            .filter(|look| !look.fresh)
            .flat_map(|look| look.targets().filter(|id| !rules.contains_key(*id)))
            .collect();
        if !doubtful.is_empty() {
            let there = self.describe_groups(place, "group-id", doubtful.iter().map(|id| id.as_str())).await?;
            let there: BTreeSet<&ResourceId> = there.iter().map(|facts| &facts.id).collect();
            let gone: BTreeSet<ResourceId> = doubtful.into_iter().filter(|id| !there.contains(id)).cloned().collect();
            for look in looks.values_mut() {
                look.gone.extend(gone.iter().filter(|id| look.listing.contains_key(*id)).cloned());
            }
            for id in &gone {
                self.groups.forget(place, id);
            }
        }
        self.list(place, looks, |look| look.outdated(&place.account, &rules)).await?;
        Ok(rules)
    }

    /// Lists the VPCs of the looks that need it, in one call for all of them.
    async fn list(
        &self,
        place: &Place,
        looks: &mut BTreeMap<&VpcName, Look<'_>>,
        needed: impl Fn(&Look<'_>) -> bool,
    ) -> Result<(), Fault> {
        let vpcs: BTreeSet<VpcId> = looks.values().filter(|look| needed(look)).map(|look| look.vpc.clone()).collect();
        if vpcs.is_empty() {
            return Ok(());
        }
        let mut listed = self.list_groups(place, &vpcs).await?;
        for look in looks.values_mut() {
            if let Some(listing) = listed.remove(look.vpc) {
                look.listing = listing;
                look.listed = true;
                look.fresh = true;
            }
        }
        Ok(())
    }
}

/// One VPC during one observation.
#[derive(Debug)]
struct Look<'a> {
    vpc: &'a VpcId,
    desired: &'a DesiredVpc,
    /// Every declared group is looked at.
    whole: bool,
    /// The groups that the scope names, wherever they are.
    hinted: BTreeSet<ResourceId>,
    /// The groups of the VPC, from memory until `fresh`.
    listing: VpcGroups,
    /// The VPC was listed at some time.
    listed: bool,
    /// It was listed by this observation.
    fresh: bool,
    /// Something of it is looked at.
    in_question: bool,
    /// Groups of the listing that turned out to be gone.
    gone: BTreeSet<ResourceId>,
}

impl<'a> Look<'a> {
    fn new(vpc: &'a VpcId, desired: &'a DesiredVpc, scope: &Scope, remembered: Option<VpcGroups>) -> Self {
        let hinted = match scope {
            Scope::Everything => BTreeSet::new(),
            Scope::Only(ids) => ids.iter().filter(|id| id.as_str().starts_with("sg-")).cloned().collect(),
        };
        Self {
            vpc,
            desired,
            whole: scope.covers(vpc.as_str()),
            hinted,
            listed: remembered.is_some(),
            listing: remembered.unwrap_or_default(),
            fresh: false,
            in_question: false,
            gone: BTreeSet::new(),
        }
    }

    /// Whether a failure leaves something unseen that was asked for.
    fn wanted(&self) -> bool {
        self.in_question || self.whole
    }

    /// The declared groups whose rules are asked for.
    fn targets(&self) -> impl Iterator<Item = &ResourceId> {
        self.listing
            .values()
            .filter(|facts| self.desired.groups.contains_key(&facts.name))
            .map(|facts| &facts.id)
            .filter(|id| self.whole || self.hinted.contains(*id))
    }

    fn named(&self, name: &GroupName) -> Option<&GroupFacts> {
        self.listing.values().find(|facts| facts.name == *name && !self.gone.contains(&facts.id))
    }

    /// Whether memory is not good enough. An observed rule references a group that it lacks: one that was created since, be it anew
    /// under the name of one that is gone, and taking it for a stranger would cut a declared path. Or it lacks a group that a declared
    /// rule names: a required one must be looked for; an optional one that no rule references has no path to be cut.
    fn outdated(&self, account: &AccountId, rules: &BTreeMap<ResourceId, Rules>) -> bool {
        if self.fresh || !self.in_question {
            return false;
        }
        if self.references_unknown(account, rules) {
            return true;
        }
        let looked_at = |name: &GroupName| self.named(name).is_some_and(|facts| self.hinted.contains(&facts.id));
        let mut missing = self
            .desired
            .groups
            .iter()
            .filter(|(name, _)| looked_at(name))
            .flat_map(|(_, group)| group.ingress.iter().chain(&group.egress).flatten())
            .filter_map(|rule| match &rule.peer {
                DesiredPeer::Group(name) => Some(name),
                DesiredPeer::Ipv4(_)
                | DesiredPeer::Ipv6(_)
                | DesiredPeer::PrefixList(_)
                | DesiredPeer::GroupId { account: _, id: _ } => None,
            })
            .filter(|name| self.named(name).is_none());
        let required = |name: &GroupName| self.desired.groups.get(name).is_none_or(|group| !group.optional);
        missing.any(required)
    }

    fn references_unknown(&self, own: &AccountId, rules: &BTreeMap<ResourceId, Rules>) -> bool {
        self.targets().filter_map(|id| rules.get(id)?.as_ref().ok()).flatten().any(|rule| match &rule.peer {
            ObservedPeer::Group { account, id } => {
                let here = rule.peer_vpc.as_ref().is_none_or(|vpc| vpc == self.vpc);
                here && account.as_ref().is_none_or(|account| account == own) && !self.listing.contains_key(id)
            }
            ObservedPeer::Ipv4(_) | ObservedPeer::Ipv6(_) | ObservedPeer::PrefixList(_) => false,
        })
    }

    fn assemble(&self, rules: &BTreeMap<ResourceId, Rules>) -> ObservedVpc {
        let mut groups = BTreeMap::new();
        let mut ids = BTreeMap::new();
        let mut stacked = BTreeSet::new();
        for (name, desired) in &self.desired.groups {
            let facts = self.named(name);
            let gone = self.listing.values().any(|facts| facts.name == *name && self.gone.contains(&facts.id));
            let id = match facts {
                Some(facts) => Seen::Present(facts.id.clone()),
                None if self.fresh || gone || (self.listed && desired.optional) => Seen::Absent,
                None => Seen::Unknown(Unseen::OutOfScope),
            };
            let group = match facts {
                Some(facts) if self.whole || self.hinted.contains(&facts.id) => present(facts, rules.get(&facts.id)),
                Some(_) => Seen::Unknown(Unseen::OutOfScope),
                None if self.fresh || gone => Seen::Absent,
                None => Seen::Unknown(Unseen::OutOfScope),
            };
            if facts.is_some_and(|facts| facts.stack.is_some()) {
                stacked.insert(name.clone());
            }
            ids.insert(name.clone(), id);
            groups.insert(name.clone(), group);
        }
        let undeclared = match self.desired.undeclared {
            Undeclared::Report if self.fresh => self
                .listing
                .values()
                .filter(|facts| !self.desired.groups.contains_key(&facts.name))
                .map(|facts| UndeclaredGroup { id: facts.id.clone(), name: facts.name.clone() })
                .collect(),
            Undeclared::Report | Undeclared::Ignore => vec![],
        };
        ObservedVpc { id: self.vpc.clone(), groups, ids, stacked, undeclared }
    }
}

/// A group that exists: without an entry it has no rule at all.
fn present(facts: &GroupFacts, rules: Option<&Rules>) -> Seen<ObservedGroup> {
    let GroupFacts { id, name: _, vpc, stack, tags } = facts;
    let rules = match rules {
        None => vec![],
        Some(Ok(rules)) => rules
            .iter()
            .cloned()
            .map(|rule| ObservedRule { peer_vpc: rule.peer_vpc.filter(|peer| peer != vpc), ..rule })
            .collect(),
        Some(Err(unreadable)) => {
            return Seen::Unknown(Unseen::Failed { retryable: false, why: unreadable.to_string() });
        }
    };
    Seen::Present(ObservedGroup { id: id.clone(), rules, stack: stack.clone(), tags: tags.clone() })
}

#[cfg(test)]
mod tests;
