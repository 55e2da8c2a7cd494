//! Rules that other writers keep: declared so (`foreign_rules`), or known by the marks of a well-known controller.

use super::{ForeignRule, ObservedPeer, ObservedRule};

/// Marks of the AWS Load Balancer Controller and of the older Kubernetes cloud provider. They put rules on the groups of nodes
/// and pods, and put them back when somebody removes them
/// (<https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/security_groups/>).
const DESCRIPTION_MARKS: [&str; 2] = ["elbv2.k8s.aws/", "kubernetes.io/rule/nlb/"];
const TAG_MARK: &str = "elbv2.k8s.aws/";

/// Who seems to keep a rule, and what to write to say that it may.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    /// The writer, as people call it.
    pub(super) writer: &'static str,
    /// The item for `foreign_rules`.
    pub(super) item: String,
}

/// The mark of a well-known controller on a rule, if it has one. Anybody can write these: they make us ask, never allow.
pub(super) fn mark(rule: &ObservedRule) -> Option<Mark> {
    let ObservedRule { id: _, direction: _, traffic: _, peer: _, peer_vpc: _, description, tags } = rule;
    if let Some(description) = description {
        if description.starts_with(DESCRIPTION_MARKS[0]) {
            let item = format!("{{ description: {description:?} }}");
            return Some(Mark { writer: "the AWS Load Balancer Controller", item });
        }
        if description.starts_with(DESCRIPTION_MARKS[1]) {
            let item = format!("{{ description: \"{}*\" }}", DESCRIPTION_MARKS[1]);
            return Some(Mark { writer: "the Kubernetes cloud provider for AWS", item });
        }
    }
    tags.iter().find(|(key, _)| key.starts_with(TAG_MARK)).map(|(key, value)| Mark {
        writer: "the AWS Load Balancer Controller",
        item: format!("{{ tag: {:?} }}", format!("{key}={value}")),
    })
}

/// Whether a rule is declared foreign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// A `foreign_rules` item matches.
    Yes,
    /// None does.
    No,
    /// One would, if the group that it names were known.
    Unknown,
}

/// Matches a rule against the `foreign_rules` of its group. `resolve` answers the peer of an item's `group`: `None` when it is
/// not known now, `Some(None)` when there is no such group.
pub(super) fn matches(
    rule: &ObservedRule,
    peer: &ObservedPeer,
    items: &[ForeignRule],
    resolve: impl Fn(&ForeignRule) -> Option<Option<ObservedPeer>>,
) -> Foreign {
    let mut verdict = Foreign::No;
    for item in items {
        let ForeignRule { description, tag, group } = item;
        if description.is_none() && tag.is_none() && group.is_none() {
            continue; // Says nothing, so it matches nothing: it must not open the whole group.
        }
        let text = rule.description.as_deref().unwrap_or_default();
        if description.as_ref().is_some_and(|pattern| !glob(pattern, text)) {
            continue;
        }
        let tagged = |(key, pattern): &(String, String)| rule.tags.get(key).is_some_and(|value| glob(pattern, value));
        if tag.as_ref().is_some_and(|wanted| !tagged(wanted)) {
            continue;
        }
        if group.is_none() {
            return Foreign::Yes;
        }
        match resolve(item) {
            Some(Some(wanted)) if wanted == *peer => return Foreign::Yes,
            Some(_) => {}
            None => {
                if matches!(peer, ObservedPeer::Group { account: None, id: _ }) {
                    verdict = Foreign::Unknown;
                }
            }
        }
    }
    verdict
}

/// `*` stands for any run of characters; everything else for itself. Linear in time but for the last star's retries.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    let mut rest = rest;
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}
