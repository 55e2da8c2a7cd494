//! How a [`Change`] is named, shown, taken back and split.

use super::{Change, Direction, GroupRef, KnownRule, ObservedPeer, RuleSpec};
use crate::core::{Action, Effect, Field, Inverse, Receipt, ResourceKey};
use std::fmt;

/// More rules than this are counted rather than listed: a line must stay readable at night. The ledger keeps them all.
const LISTED: usize = 4;

/// Into how many parts a refused batch is split.
const PARTS: usize = 10;

impl Change {
    /// The group that it changes.
    pub fn group(&self) -> &GroupRef {
        match self {
            Self::Authorize { group, direction: _, rules: _ }
            | Self::Revoke { group, direction: _, rules: _ }
            | Self::Redescribe { group, direction: _, rules: _ } => group,
        }
    }

    /// Which way the rules that it changes go.
    pub fn direction(&self) -> Direction {
        match self {
            Self::Authorize { group: _, direction, rules: _ }
            | Self::Revoke { group: _, direction, rules: _ }
            | Self::Redescribe { group: _, direction, rules: _ } => *direction,
        }
    }

    /// How many rules it changes.
    pub fn len(&self) -> usize {
        match self {
            Self::Authorize { group: _, direction: _, rules } => rules.len(),
            Self::Revoke { group: _, direction: _, rules } => rules.len(),
            Self::Redescribe { group: _, direction: _, rules } => rules.len(),
        }
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Action for Change {
    fn resource(&self) -> ResourceKey {
        self.group().key.clone()
    }

    fn name(&self) -> String {
        self.group().name.clone()
    }

    fn field(&self) -> Field {
        Field::SecurityGroupRules
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Authorize { .. } => Effect::Add,
            Self::Revoke { .. } => Effect::Remove,
            Self::Redescribe { .. } => Effect::Change,
        }
    }

    fn inverse(&self, receipt: &Receipt) -> Inverse<Self> {
        let Receipt { created, request_id: _, already } = receipt;
        if *already {
            return Inverse::None("it was so before the call: nothing was changed".into());
        }
        match self {
            Self::Authorize { group, direction, rules } => {
                if created.len() != rules.len() {
                    return Inverse::None(format!(
                        "AWS answered with {} rule ids for {} rules, so that it is not known which rules are ours",
                        created.len(),
                        rules.len()
                    ));
                }
                let rules = created.iter().zip(rules);
                let rules = rules.map(|(id, spec)| KnownRule { id: id.clone(), spec: spec.clone() }).collect();
                Inverse::Exact(Self::Revoke { group: group.clone(), direction: *direction, rules })
            }
            Self::Revoke { group, direction, rules } => {
                let rules = rules.iter().map(|KnownRule { id: _, spec }| spec.clone()).collect();
                Inverse::Compensating(
                    Self::Authorize { group: group.clone(), direction: *direction, rules },
                    "the rules come back with new rule ids and without their tags".into(),
                )
            }
            Self::Redescribe { group, direction, rules } => {
                let rules = rules.iter().map(|(rule, now)| {
                    let KnownRule { id, spec: RuleSpec { traffic, peer, description } } = rule;
                    let spec = RuleSpec {
                        traffic: *traffic,
                        peer: peer.clone(),
                        description: (!now.is_empty()).then(|| now.clone()),
                    };
                    (KnownRule { id: id.clone(), spec }, description.clone().unwrap_or_default())
                });
                Inverse::Exact(Self::Redescribe { group: group.clone(), direction: *direction, rules: rules.collect() })
            }
        }
    }

    fn split(&self) -> Vec<Self> {
        if self.len() < 2 {
            return vec![];
        }
        // One bad rule of a thousand then costs some thirty calls, not a thousand.
        let size = self.len().div_ceil(PARTS);
        match self {
            Self::Authorize { group, direction, rules } => rules
                .chunks(size)
                .map(|rules| Self::Authorize { group: group.clone(), direction: *direction, rules: rules.to_vec() })
                .collect(),
            Self::Revoke { group, direction, rules } => rules
                .chunks(size)
                .map(|rules| Self::Revoke { group: group.clone(), direction: *direction, rules: rules.to_vec() })
                .collect(),
            Self::Redescribe { group, direction, rules } => rules
                .chunks(size)
                .map(|rules| Self::Redescribe { group: group.clone(), direction: *direction, rules: rules.to_vec() })
                .collect(),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, rules): (_, Vec<String>) = match self {
            Self::Authorize { group, direction, rules } => {
                ("authorize", rules.iter().map(|spec| spec_text(group, *direction, spec)).collect())
            }
            Self::Revoke { group, direction, rules } => {
                ("revoke", rules.iter().map(|rule| known_text(group, *direction, rule)).collect())
            }
            Self::Redescribe { group, direction, rules } => (
                "describe",
                rules
                    .iter()
                    .map(|(rule, now)| {
                        let was = rule.spec.description.as_deref().unwrap_or_default();
                        format!("{} as {now:?}, was {was:?}", known_text(group, *direction, rule))
                    })
                    .collect(),
            ),
        };
        let GroupRef { key, name } = self.group();
        let direction = self.direction();
        match rules.as_slice() {
            [only] => write!(f, "{verb} {direction} {only} on {name} ({})", key.id),
            many => {
                write!(f, "{verb} {} {direction} rules on {name} ({}): ", many.len(), key.id)?;
                f.write_str(&many.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", "))?;
                match many.len().saturating_sub(LISTED) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
        }
    }
}

fn spec_text(group: &GroupRef, direction: Direction, spec: &RuleSpec) -> String {
    let RuleSpec { traffic, peer, description: _ } = spec;
    let preposition = direction.preposition();
    match peer {
        ObservedPeer::Group { account: _, id } if *id == group.key.id => format!("{traffic} {preposition} self"),
        peer => format!("{traffic} {preposition} {peer}"),
    }
}

fn known_text(group: &GroupRef, direction: Direction, rule: &KnownRule) -> String {
    let KnownRule { id, spec } = rule;
    format!("{} ({id})", spec_text(group, direction, spec))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;
    use crate::security_groups::Traffic;
    use std::collections::VecDeque;

    #[test]
    fn what_was_so_before_the_call_is_not_ours_to_take_back() {
        let group = GroupRef { key: Place::new("111122223333", "eu-west-1").key("sg-1"), name: "main/alb".into() };
        let peer = ObservedPeer::PrefixList("pl-1".into());
        let spec = RuleSpec { traffic: Traffic::tcp(22, 22), peer, description: None };
        let rules = vec![KnownRule { id: "sgr-1".into(), spec }];
        let revoke = Change::Revoke { group, direction: Direction::Ingress, rules };
        let gone = Receipt { already: true, ..Receipt::default() };
        assert!(matches!(revoke.inverse(&gone), Inverse::None(_)), "undoing it would open the port again");
        assert!(!matches!(revoke.inverse(&Receipt::default()), Inverse::None(_)));
    }

    #[test]
    fn one_bad_rule_of_a_thousand_is_found_in_few_calls() {
        let group = GroupRef { key: Place::new("111122223333", "eu-west-1").key("sg-1"), name: "main/alb".into() };
        let spec = |port| RuleSpec {
            traffic: Traffic::tcp(port, port),
            peer: ObservedPeer::PrefixList("pl-1".into()),
            description: None,
        };
        let rules = |change: &Change| match change {
            Change::Authorize { group: _, direction: _, rules } => rules.clone(),
            Change::Revoke { .. } | Change::Redescribe { .. } => vec![],
        };
        let whole = Change::Authorize { group, direction: Direction::Ingress, rules: (1..=1000).map(spec).collect() };
        let (mut queue, mut calls, mut done, mut refused) = (VecDeque::from([whole]), 0, 0, vec![]);
        while let Some(change) = queue.pop_front() {
            calls += 1;
            match (rules(&change).contains(&spec(537)), change.split()) {
                (true, parts) if parts.is_empty() => refused.extend(rules(&change)),
                (true, parts) => queue.extend(parts),
                (false, _) => done += change.len(),
            }
        }
        assert_eq!((done, refused), (999, vec![spec(537)]));
        assert!(calls <= 31, "{calls} calls");
    }
}
