//! How the subnets of an endpoint move when AWS does not take it in one call.
//!
//! AWS takes one subnet an Availability Zone (<https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html>), and does
//! not say what it makes of one that comes beside one of its zone that goes. Refused, zones that are free get theirs first. Then one zone
//! is swapped, and the next look, which sees how that went, goes on: never more than one zone is without a network interface, and never all.

use super::Edit;
use crate::core::{ResourceId, ZoneLetter};
use std::collections::{BTreeMap, BTreeSet};

/// What may be done of an edit now, call by call, when AWS refused it as a whole; the rest is for the next look. `zones` are those of
/// the subnets that come, go and stay. Empty: nothing may be.
pub(super) fn parts(edit: &Edit, zones: &BTreeMap<ResourceId, ZoneLetter>) -> Vec<Edit> {
    let (coming, going) = (&edit.add_subnets, &edit.remove_subnets);
    if coming.is_empty() || going.is_empty() {
        return vec![];
    }
    let in_place_of = |id: &ResourceId| {
        let zone = zones.get(id)?;
        going.iter().find(|old| zones.get(*old) == Some(zone))
    };
    let free: BTreeSet<ResourceId> = coming.iter().filter(|id| in_place_of(id).is_none()).cloned().collect();
    let first = Edit { add_subnets: free, remove_subnets: BTreeSet::new(), ..edit.clone() };
    if !first.add_subnets.is_empty() {
        return vec![first];
    }
    let mut parts = vec![];
    if !first.is_empty() {
        parts.push(first);
    }
    let swap = coming.iter().find_map(|new| Some((new, in_place_of(new)?)));
    if let Some((new, old)) = swap
        && zones.keys().any(|id| id != old && !coming.contains(id))
    {
        parts.push(Edit { remove_subnets: [old.clone()].into(), ..Edit::default() });
        parts.push(Edit { add_subnets: [new.clone()].into(), ..Edit::default() });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Subnets by name, such as `a1`: the first letter is the zone.
    fn ids(names: &[&str]) -> BTreeSet<ResourceId> {
        names.iter().map(|name| ResourceId::from(*name)).collect()
    }

    /// What each part adds and removes.
    fn calls(stay: &[&str], coming: &[&str], going: &[&str]) -> Vec<(BTreeSet<ResourceId>, BTreeSet<ResourceId>)> {
        let edit = Edit { add_subnets: ids(coming), remove_subnets: ids(going), ..Edit::default() };
        let all = [stay, coming, going].concat();
        let zones: BTreeMap<ResourceId, ZoneLetter> =
            all.into_iter().map(|name| (ResourceId::from(name), ZoneLetter::from(&name[..1]))).collect();
        parts(&edit, &zones).into_iter().map(|part| (part.add_subnets, part.remove_subnets)).collect()
    }

    #[test]
    fn zones_that_are_free_come_first_and_by_themselves() {
        assert_eq!(calls(&[], &["a2", "c2"], &["a1", "b1"]), [(ids(&["c2"]), ids(&[]))]);
        assert_eq!(calls(&[], &["a2"], &["b1"]), [(ids(&["a2"]), ids(&[]))]);
    }

    #[test]
    fn one_zone_is_swapped_while_another_serves() {
        let swap = [(ids(&[]), ids(&["a1"])), (ids(&["a2"]), ids(&[]))];
        assert_eq!(calls(&[], &["a2", "b2"], &["a1", "b1"]), swap);
        assert_eq!(calls(&["c1"], &["a2"], &["a1"]), swap);
        assert_eq!(calls(&[], &["a2"], &["a1", "b1"]), swap);
    }

    #[test]
    fn the_only_subnet_does_not_go_before_another_is_there() {
        assert!(calls(&[], &["a2"], &["a1"]).is_empty());
        assert_eq!(calls(&[], &["a2", "b2"], &["a1"]), [(ids(&["b2"]), ids(&[]))]);
    }

    #[test]
    fn what_else_differs_does_not_wait_for_the_swap() {
        let edit = Edit {
            add_subnets: ids(&["a2"]),
            remove_subnets: ids(&["a1"]),
            private_dns: Some(false),
            ..Edit::default()
        };
        let zones = BTreeMap::from(["a1", "a2"].map(|name| (ResourceId::from(name), ZoneLetter::from("a"))));
        assert_eq!(parts(&edit, &zones), [Edit { private_dns: Some(false), ..Edit::default() }]);
        assert!(parts(&Edit { add_subnets: ids(&[]), ..edit }, &zones).is_empty());
    }
}
