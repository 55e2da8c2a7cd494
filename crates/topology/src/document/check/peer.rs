//! The one grammar of a rule's other end: IPv4 range, IPv6 range in quotes, group name, `self`, `sg-…`,
//! `account/sg-…`, `pl-…`.

use super::cidr::{self, Wrong};
use super::groups::Groups;
use super::{Check, units};
use crate::document::problem::Span;
use crate::security_groups::DesiredPeer;

/// Resolves a peer within group `of`, or notes what is wrong with it.
///
/// On references that form a cycle: two groups may name each other, and a group may name itself, because on AWS a rule
/// belongs to a group that exists already; the rendered network has groups without rules, so nothing waits in a circle.
/// What is refused is a group that names *itself by its name*: that is how a copied rule looks, and `self` says that it
/// is meant. A YAML alias within its own anchor is refused by the parser.
pub(super) fn peer(check: Check<'_>, groups: &Groups<'_>, of: &str, text: &str, span: Span) -> Option<DesiredPeer> {
    let wrong = |code: &'static str, title: String, help: String| {
        check.wrong(span, code, title, help);
        None
    };
    let range = |Wrong { code, title, help }: Wrong| wrong(code, title, help);
    if text == "self" {
        return Some(DesiredPeer::Group(of.into()));
    }
    if let Some((account, group)) = text.split_once('/').filter(|(_, group)| group.starts_with("sg-")) {
        let account = units::account(check, account, span);
        let id = units::id(check, group, span, "sg-", "a security group")?;
        return Some(DesiredPeer::GroupId { account: Some(account?), id });
    }
    if text.starts_with("sg-") {
        let id = units::id(check, text, span, "sg-", "a security group")?;
        return Some(DesiredPeer::GroupId { account: None, id });
    }
    if text.starts_with("pl-") {
        return units::id(check, text, span, "pl-", "a prefix list").map(DesiredPeer::PrefixList);
    }
    if text.contains(':') {
        if !check.quoted(span) {
            return wrong(
                "unquoted-ipv6",
                format!("the IPv6 range `{text}` is not in quotes"),
                format!("YAML reads `:` as the end of a key; write \"{text}\""),
            );
        }
        return cidr::ipv6(text).map_or_else(range, |net| Some(DesiredPeer::Ipv6(net)));
    }
    let numeric = !text.is_empty() && text.split(['.', '/']).all(|part| part.bytes().all(|c| c.is_ascii_digit()));
    if numeric || (text.contains('/') && text.starts_with(|first: char| first.is_ascii_digit())) {
        return cidr::ipv4(text).map_or_else(range, |net| Some(DesiredPeer::Ipv4(net)));
    }
    if text == of {
        return wrong(
            "self-by-name",
            format!("group `{of}` refers to itself by its name"),
            "if its members shall reach each other write `self`; otherwise name the other group".to_owned(),
        );
    }
    if groups.names.contains(&text) {
        return Some(DesiredPeer::Group(text.into()));
    }
    if let Some(anywhere) = match text {
        "any" | "all" | "anywhere" | "internet" | "world" | "public" | "*" => {
            Some("`0.0.0.0/0` (and \"::/0\" in a rule of its own)")
        }
        _ => None,
    } {
        return wrong(
            "unknown-group",
            format!("no group is called `{text}`"),
            format!("for every address write {anywhere}"),
        );
    }
    if let Some(vpc) = groups.elsewhere(text) {
        return wrong(
            "unknown-group",
            format!("group `{text}` is in VPC `{vpc}`, not in this one"),
            "a group of another VPC is named by its id (`sg-…`), and only over a peering connection".to_owned(),
        );
    }
    let help = match check.nearest(text, groups.names.iter().copied().chain(["self"])) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write a range, `self`, `sg-…`, `pl-…`, or the name of a group under `security_groups` of this VPC"
            .to_owned(),
    };
    wrong("unknown-group", format!("no group of this VPC is called `{text}`"), help)
}
