//! What is remembered of groups between observations. A group's id, name and VPC never change, so that a warm observation needs
//! no describe to know them; whether it still exists, and its rules, are never remembered.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use topology::{GroupName, Place, ResourceId, StackId, VpcId};

/// A group, as far as `DescribeSecurityGroups` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupFacts {
    pub(crate) id: ResourceId,
    pub(crate) name: GroupName,
    pub(crate) vpc: VpcId,
    pub(crate) stack: Option<StackId>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// Every group of a VPC by id, as its last full listing said.
pub(crate) type VpcGroups = BTreeMap<ResourceId, GroupFacts>;

/// The groups of each VPC that was listed by this process. Clones share what they learn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups(Arc<RwLock<BTreeMap<(Place, VpcId), VpcGroups>>>);

impl Groups {
    /// The last listing of a VPC; `None` before the first.
    pub(crate) fn of(&self, place: &Place, vpc: &VpcId) -> Option<VpcGroups> {
        let groups = self.0.read().unwrap_or_else(PoisonError::into_inner);
        groups.get(&(place.clone(), vpc.clone())).cloned()
    }

    /// The VPC of a group that was seen in a listing.
    pub(crate) fn vpc(&self, place: &Place, group: &ResourceId) -> Option<VpcId> {
        let groups = self.0.read().unwrap_or_else(PoisonError::into_inner);
        groups
            .iter()
            .find(|((at, _), listed)| at == place && listed.contains_key(group))
            .map(|((_, vpc), _)| vpc.clone())
    }

    /// Replaces what was known of a VPC by a new full listing.
    pub(crate) fn learn(&self, place: &Place, vpc: &VpcId, listed: VpcGroups) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert((place.clone(), vpc.clone()), listed);
    }

    /// Forgets all of a place.
    pub(crate) fn forget_place(&self, place: &Place) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|(at, _), _| at != place);
    }

    /// Forgets a group that AWS does not know any more.
    pub(crate) fn forget(&self, place: &Place, group: &ResourceId) {
        let mut groups = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for ((at, _), listed) in groups.iter_mut() {
            if at == place {
                listed.remove(group);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_listing_replaces_the_old_one_and_places_do_not_mix() {
        let (home, away) = (Place::new("111122223333", "eu-west-1"), Place::new("111122223333", "us-east-1"));
        let vpc = VpcId::from("vpc-1");
        let facts = |id: &str| GroupFacts {
            id: id.into(),
            name: "alb".into(),
            vpc: vpc.clone(),
            stack: None,
            tags: BTreeMap::new(),
        };
        let groups = Groups::default();
        groups.clone().learn(&home, &vpc, [("sg-1".into(), facts("sg-1"))].into());
        assert_eq!(groups.vpc(&home, &"sg-1".into()), Some(vpc.clone()));
        assert_eq!(groups.vpc(&away, &"sg-1".into()), None);
        assert_eq!(groups.of(&away, &vpc), None);

        groups.learn(&home, &vpc, [("sg-2".into(), facts("sg-2"))].into());
        assert_eq!(groups.vpc(&home, &"sg-1".into()), None);
        groups.forget(&home, &"sg-2".into());
        assert_eq!(groups.of(&home, &vpc), Some(BTreeMap::new()));
        groups.forget_place(&away);
        assert!(groups.of(&home, &vpc).is_some());
        groups.forget_place(&home);
        assert_eq!(groups.of(&home, &vpc), None);
    }
}
