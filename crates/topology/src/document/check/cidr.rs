//! IPv4 and IPv6 ranges.

use super::Check;
use crate::document::problem::Span;
use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What is wrong with a range, and what to write instead.
pub(super) struct Wrong {
    pub(super) code: &'static str,
    pub(super) title: String,
    pub(super) help: String,
}

/// A canonical IPv4 range.
pub(super) fn ipv4(text: &str) -> Result<Ipv4Net, Wrong> {
    let invalid =
        |help: &str| Wrong { code: "cidr", title: format!("`{text}` is not an IPv4 range"), help: help.to_owned() };
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Err(invalid(&format!("a range has a prefix length; for this one address write `{address}/32`")));
    }
    let Ok(net) = text.parse::<Ipv4Net>() else {
        return Err(invalid("write four numbers up to 255 and a prefix length up to 32, such as `10.0.0.0/16`"));
    };
    let canonical = net.trunc();
    if net != canonical || canonical.to_string() != text {
        return Err(Wrong {
            code: "cidr-not-canonical",
            title: format!("`{text}` has bits set behind its prefix length"),
            help: format!("AWS keeps the canonical form: write `{canonical}`"),
        });
    }
    Ok(canonical)
}

/// A canonical IPv6 range in its shortest spelling.
pub(super) fn ipv6(text: &str) -> Result<Ipv6Net, Wrong> {
    let invalid =
        |help: &str| Wrong { code: "cidr", title: format!("`{text}` is not an IPv6 range"), help: help.to_owned() };
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Err(invalid(&format!("a range has a prefix length; for this one address write \"{address}/128\"")));
    }
    let Ok(net) = text.parse::<Ipv6Net>() else {
        return Err(invalid("write an IPv6 prefix and its length up to 128, such as \"2001:db8::/32\""));
    };
    let canonical = net.trunc();
    if canonical.to_string() != text {
        return Err(Wrong {
            code: "cidr-not-canonical",
            title: format!("`{text}` is not the canonical form of this IPv6 range"),
            help: format!("AWS keeps the canonical form: write \"{canonical}\""),
        });
    }
    Ok(canonical)
}

/// The range of a VPC or a subnet at its place.
pub(super) fn written(check: Check<'_>, text: &str, span: Span) -> Option<Ipv4Net> {
    match ipv4(text) {
        Ok(net) => Some(net),
        Err(_) if text.parse::<Ipv4Addr>().is_ok() => {
            let help = format!("give it a prefix length from 16 to 28, such as `{text}/24`");
            check.wrong(span, "cidr", format!("`{text}` is an address, not a range"), help);
            None
        }
        Err(Wrong { code, title, help }) => {
            check.wrong(span, code, title, help);
            None
        }
    }
}
