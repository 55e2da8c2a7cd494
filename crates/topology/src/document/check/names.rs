//! Names that the author chooses.

use super::Check;
use crate::document::problem::{Draft, Span};
use crate::document::wrap::Entry;
use std::collections::BTreeMap;

const LONGEST: usize = 63;

/// Names of topologies, VPCs, tiers and endpoint services: they become tag values, log-group names and logical ids.
pub(super) fn plain(check: Check<'_>, what: &str, name: &str, span: Span) -> bool {
    let fits = name.len() <= LONGEST
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !fits {
        let help = format!(
            "use lower-case letters, digits and `-`, beginning with a letter, at most {LONGEST} characters{}",
            plain_form(name).map_or(String::new(), |form| format!(": `{form}`"))
        );
        check.wrong(span, "name", format!("`{name}` cannot be a {what}"), help);
    }
    fits
}

fn plain_form(name: &str) -> Option<String> {
    let form: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let form = form.trim_matches('-');
    (form.starts_with(|first: char| first.is_ascii_lowercase()) && form.len() <= LONGEST).then(|| form.to_owned())
}

/// Names that differ only in case or punctuation: AWS compares group names without case, and people compare all names
/// without either.
pub(super) fn distinct<T>(check: Check<'_>, what: &str, entries: &[Entry<T>]) {
    let mut seen: BTreeMap<String, (&str, Span)> = BTreeMap::new();
    for Entry { name, name_span, .. } in entries {
        let key = name.to_lowercase().replace(['_', '.', ' '], "-");
        match seen.get(&key) {
            Some((other, first)) => check.push(
                Draft::new(*name_span, "name-clash", format!("the {what} names `{other}` and `{name}` are too alike"))
                    .related(*first, "the other one")
                    .help("give one of them a name that differs in more than case or punctuation"),
            ),
            None => {
                seen.insert(key, (name, *name_span));
            }
        }
    }
}

/// Group names: whatever AWS allows that does not look like another kind of peer.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>
pub(super) fn group(check: Check<'_>, name: &str, span: Span) {
    let wrong = |why: String, help: &str| check.wrong(span, "group-name", why, help);
    if name.eq_ignore_ascii_case("default") {
        return wrong(
            "`default` is the group that AWS makes in every VPC".to_owned(),
            "its name is reserved; declare a group of your own and put resources in it",
        );
    }
    if let Some(looks_like) = looks_like(name) {
        return wrong(
            format!("the group name `{name}` looks like {looks_like}"),
            "rules could not tell the two apart; choose a name such as `web` or `orders-db`",
        );
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._()#,@[]+=&;{}!$*-".contains(c);
    if name.is_empty() || name.len() > 255 || name.trim() != name || !name.chars().all(allowed) {
        wrong(
            format!("`{name}` cannot be a group name"),
            "use letters, digits, spaces and `._-()#,@[]+=&;{}!$*`, at most 255 characters",
        );
    }
}

/// What else a word could be where a peer is written.
fn looks_like(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    Some(if lower == "self" {
        "the peer `self`"
    } else if lower.starts_with("sg-") {
        "the id of a security group"
    } else if lower.starts_with("pl-") {
        "the id of a prefix list"
    } else if lower.contains("/sg-") {
        "a group of another account"
    } else if name.len() == 12 && digits(name) {
        "an account id"
    } else if name.contains(':') {
        "an IPv6 range"
    } else if name.contains('/') || name.split('.').all(digits) {
        "an IPv4 range"
    } else if matches!(lower.as_str(), "all" | "any") {
        "a range of everything"
    } else {
        return None;
    })
}
