//! How a [`Change`] is named, shown and taken back.

use super::{Change, Edit, NewEndpoint, PolicyEdit, swap};
use crate::core::{Action, Effect, Field, Inverse, Receipt, ResourceId, ResourceKey};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

impl Action for Change {
    fn resource(&self) -> ResourceKey {
        match self {
            Self::Create { key, name: _, endpoint: _, tags: _, stand_in: _ } => key.clone(),
            Self::Modify { endpoint, name: _, edit: _, zones: _ }
            | Self::Delete { endpoint, name: _, key: _, was: _, tags: _ } => endpoint.clone(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Create { key: _, name, endpoint: _, tags: _, stand_in: _ }
            | Self::Modify { endpoint: _, name, edit: _, zones: _ }
            | Self::Delete { endpoint: _, name, key: _, was: _, tags: _ } => name.clone(),
        }
    }

    fn field(&self) -> Field {
        match self {
            Self::Create { .. } | Self::Delete { .. } => Field::Endpoint,
            Self::Modify { .. } => Field::EndpointSettings,
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Create { .. } => Effect::Add,
            Self::Modify { .. } => Effect::Change,
            Self::Delete { .. } => Effect::Remove,
        }
    }

    fn inverse(&self, receipt: &Receipt) -> Inverse<Self> {
        let Receipt { created, request_id: _, already } = receipt;
        if *already {
            return Inverse::None("it was so before the call: nothing was changed".into());
        }
        match self {
            Self::Create { key, name, endpoint, tags, stand_in: _ } => match created.first() {
                None => {
                    Inverse::None("AWS answered without an id, so that it is not known which endpoint is ours".into())
                }
                Some(id) => Inverse::Exact(Self::Delete {
                    endpoint: key.place.key(id.clone()),
                    name: name.clone(),
                    key: key.clone(),
                    was: endpoint.clone(),
                    tags: tags.clone(),
                }),
            },
            Self::Modify { endpoint, name, edit, zones } => {
                let (name, zones) = (name.clone(), zones.clone());
                let back = Self::Modify { endpoint: endpoint.clone(), name, edit: edit.reversed(), zones };
                if edit.remove_subnets.is_empty() {
                    Inverse::Exact(back)
                } else {
                    Inverse::Compensating(back, "the network interfaces come back with other addresses".into())
                }
            }
            Self::Delete { endpoint: _, name, key, was, tags } => Inverse::Compensating(
                Self::Create {
                    key: key.clone(),
                    name: name.clone(),
                    endpoint: was.clone(),
                    tags: tags.clone(),
                    stand_in: None,
                },
                "the endpoint comes back with a new id and new addresses, and without private DNS".into(),
            ),
        }
    }

    /// Not always the whole: what a failed part would make dangerous is left to the next look. A part bears no zones, as a change that
    /// only adds or only removes does, so that one which failed is known when the next look plans it.
    fn split(&self) -> Vec<Self> {
        let Self::Modify { endpoint, name, edit, zones } = self else { return vec![] };
        let part = |edit| Self::Modify { endpoint: endpoint.clone(), name: name.clone(), edit, zones: BTreeMap::new() };
        swap::parts(edit, zones).into_iter().map(part).collect()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { key: _, name, endpoint, tags: _, stand_in: _ } => write!(f, "create {name}: {endpoint}"),
            Self::Modify { endpoint, name, edit, zones: _ } => write!(f, "{name}: in {}, {edit}", endpoint.id),
            Self::Delete { endpoint, name, key: _, was, tags: _ } => {
                write!(f, "delete our endpoint {} ({name}): {was}", endpoint.id)
            }
        }
    }
}

impl fmt::Display for NewEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vpc, service, kind, tables, subnets, groups, policy } = self;
        write!(f, "{kind} endpoint to {service} in {vpc}")?;
        for (what, ids) in [("route tables", tables), ("subnets", subnets), ("groups", groups)] {
            if !ids.is_empty() {
                write!(f, ", {what} {}", and(ids))?;
            }
        }
        if policy.is_some() {
            write!(f, ", with its policy")?;
        }
        Ok(())
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            add_tables,
            remove_tables,
            add_subnets,
            remove_subnets,
            add_groups,
            remove_groups,
            policy,
            private_dns,
        } = self;
        let lists = [
            ("add route tables", add_tables),
            ("add subnets", add_subnets),
            ("add groups", add_groups),
            ("remove route tables", remove_tables),
            ("remove subnets", remove_subnets),
            ("remove groups", remove_groups),
        ];
        let mut words: Vec<String> =
            lists.iter().filter(|(_, ids)| !ids.is_empty()).map(|(what, ids)| format!("{what} {}", and(ids))).collect();
        match policy {
            None => {}
            Some(PolicyEdit { to: Some(_), before: _ }) => words.push("put the declared policy back".into()),
            Some(PolicyEdit { to: None, before: _ }) => words.push("reset the policy".into()),
        }
        match private_dns {
            None => {}
            Some(true) => words.push("switch private DNS on".into()),
            Some(false) => words.push("switch private DNS off".into()),
        }
        f.write_str(&words.join("; "))
    }
}

/// Ids as a list in words.
pub(super) fn and(ids: &BTreeSet<ResourceId>) -> String {
    ids.iter().map(ResourceId::as_str).collect::<Vec<_>>().join(" and ")
}
