//! Security groups.

use super::{Around, Check, names, peer, rules};
use crate::core::GroupName;
use crate::document::model::{ForeignRule, SecurityGroup, Undeclared, Vpc};
use crate::document::problem::{Draft, Span};
use crate::document::wrap::{At, Entry, Field};
use crate::security_groups::{self as desired, DesiredGroup, DesiredPeer, DesiredVpc, Direction};
use std::collections::BTreeMap;

/// The group that endpoints without one of their own get.
pub(super) const FOR_ENDPOINTS: &str = "vpc-endpoints";

/// The groups that a rule of one VPC may name.
pub(super) struct Groups<'a> {
    pub(super) names: Vec<&'a str>,
    vpc: &'a str,
    around: &'a Around<'a>,
}

impl<'a> Groups<'a> {
    pub(super) fn of(vpc: &'a str, around: &'a Around<'a>, written: &'a Vpc) -> Self {
        Self { names: names(written), vpc, around }
    }

    /// Notes a name that no group of this VPC has.
    pub(super) fn known(&self, check: Check<'_>, name: &str, span: Span) {
        if self.names.contains(&name) {
            return;
        }
        let help = match check.nearest(name, self.names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name a group under `security_groups` of this VPC".to_owned(),
        };
        check.wrong(span, "unknown-group", format!("no group of this VPC is called `{name}`"), help);
    }

    /// The other VPC that has a group of this name.
    pub(super) fn elsewhere(&self, name: &str) -> Option<&str> {
        let mut others = self.around.groups.iter().filter(|(vpc, _)| **vpc != self.vpc);
        others.find(|(_, groups)| groups.contains(&name)).map(|(vpc, _)| *vpc)
    }
}

/// The names of the groups that a VPC has, the one for endpoints included where it is made.
pub(super) fn names(vpc: &Vpc) -> Vec<&str> {
    let mut names: Vec<&str> = vpc
        .security_groups
        .read()
        .map(|named| named.0.iter().map(|entry| entry.name.as_str()).collect())
        .unwrap_or_default();
    if super::endpoints::need_group(vpc) && !names.contains(&FOR_ENDPOINTS) {
        names.push(FOR_ENDPOINTS);
    }
    names
}

/// The declared groups of a VPC; `None` when the section is left out and no endpoint needs a group.
pub(super) fn groups(
    check: Check<'_>,
    groups: &Groups<'_>,
    written: &Vpc,
) -> (Option<DesiredVpc>, BTreeMap<GroupName, String>) {
    let mut descriptions = BTreeMap::new();
    let undeclared = match written.undeclared_security_groups.read() {
        None | Some(Undeclared::Ignore) => desired::Undeclared::Ignore,
        Some(Undeclared::Report) => desired::Undeclared::Report,
    };
    let Some(named) = written.security_groups.read() else {
        let managed = undeclared == desired::Undeclared::Report;
        return (managed.then(|| DesiredVpc { groups: BTreeMap::new(), undeclared }), descriptions);
    };
    names::distinct(check, "group", &named.0);
    let mut resolved = BTreeMap::new();
    for Entry { name, name_span, value } in &named.0 {
        names::group(check, name, *name_span);
        let Some(SecurityGroup { description, optional, ingress, egress, foreign_rules }) = &value.value else {
            continue;
        };
        if let Some((text, span)) = description.read_at() {
            rules::description(check, text, span);
            descriptions.insert(GroupName::from(name.as_str()), text.clone());
        }
        let group = DesiredGroup {
            optional: optional.read().copied().unwrap_or_default(),
            ingress: ingress.read_at().map(|(list, span)| {
                let list = rules::written(list, rules::Written::ingress);
                rules::direction(check, groups, name, Direction::Ingress, &list, span)
            }),
            egress: egress.read_at().map(|(list, span)| {
                let list = rules::written(list, rules::Written::egress);
                rules::direction(check, groups, name, Direction::Egress, &list, span)
            }),
            foreign_rules: foreign_rules
                .read()
                .map(|list| list.iter().filter_map(|at| foreign(check, groups, name, at)).collect())
                .unwrap_or_default(),
        };
        resolved.insert(GroupName::from(name.as_str()), group);
    }
    (Some(DesiredVpc { groups: resolved, undeclared }), descriptions)
}

/// A mark of another writer. It must name something: a pattern of nothing but `*` would cover every rule, and so also
/// those that admit public addresses, which are never foreign.
fn foreign(check: Check<'_>, groups: &Groups<'_>, of: &str, at: &At<ForeignRule>) -> Option<desired::ForeignRule> {
    let ForeignRule { description, tag, group } = at.value.as_ref()?;
    if description.is_none() && tag.is_none() && group.is_none() {
        check.wrong(
            at.span,
            "foreign-rule-empty",
            "this mark would cover every rule, public ones included",
            "say what marks the other tool's rules: `description`, `tag` or `group`",
        );
    }
    let broad = |text: &str, span: Span| {
        if text.chars().filter(|c| c.is_alphanumeric()).count() < 3 {
            check.wrong(
                span,
                "foreign-rule-broad",
                format!("`{text}` would cover almost any rule, public ones included"),
                "write at least three letters or digits of what marks the other tool's rules, such as `elbv2.k8s.aws/*`",
            );
        }
    };
    if let Some((text, span)) = description.read_at() {
        broad(text, span);
    }
    let tag = tag.read_at().and_then(|(text, span)| {
        let parts = text.split_once('=').filter(|(key, _)| !key.is_empty() && !key.contains('*'));
        let Some((key, value)) = parts else {
            check.wrong(
                span,
                "foreign-rule-tag",
                format!("`{text}` does not name a tag"),
                "write `key=value`, or `key=*` for any value; the key has no `*`",
            );
            return None;
        };
        broad(key, span);
        Some((key.to_owned(), value.to_owned()))
    });
    let group = group.read_at().and_then(|(text, span)| {
        let peer = peer::peer(check, groups, of, text.text(), span)?;
        match peer {
            DesiredPeer::Group(_) | DesiredPeer::GroupId { .. } => Some(peer),
            DesiredPeer::Ipv4(_) | DesiredPeer::Ipv6(_) | DesiredPeer::PrefixList(_) => {
                check.push(
                    Draft::new(span, "foreign-rule-public", "foreign rules never cover address ranges")
                        .help("ranges may be public; declare such a rule under `ingress` or `egress`"),
                );
                None
            }
        }
    });
    Some(desired::ForeignRule { description: description.read().cloned(), tag, group })
}
