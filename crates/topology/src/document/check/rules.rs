//! The rules of one direction of one group.

use super::Check;
use super::groups::Groups;
use super::peer::peer;
use crate::document::model::{EgressRule, Icmp, IngressRule, Peer, Ports, Protocol};
use crate::document::problem::{Draft, Span};
use crate::document::wrap::{At, Field};
use crate::security_groups::{self as desired, DesiredPeer, DesiredRule, Direction, Traffic};
use std::collections::BTreeMap;

/// Rules a group and direction, IPv4 and IPv6 each; a rule that references a group or a prefix list counts as one of
/// both (<https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>).
const MOST: usize = 60;

/// Both kinds of rule, seen alike.
pub(super) struct Written<'a> {
    tcp: &'a Option<At<Ports>>,
    udp: &'a Option<At<Ports>>,
    icmp: &'a Option<At<Icmp>>,
    icmpv6: &'a Option<At<Icmp>>,
    protocol: &'a Option<At<Protocol>>,
    peer: &'a Option<At<Peer>>,
    description: &'a Option<At<String>>,
}

impl<'a> Written<'a> {
    pub(super) fn ingress(rule: &'a IngressRule) -> Self {
        let IngressRule { tcp, udp, icmp, icmpv6, protocol, from, description } = rule;
        Self { tcp, udp, icmp, icmpv6, protocol, peer: from, description }
    }

    pub(super) fn egress(rule: &'a EgressRule) -> Self {
        let EgressRule { tcp, udp, icmp, icmpv6, protocol, to, description } = rule;
        Self { tcp, udp, icmp, icmpv6, protocol, peer: to, description }
    }
}

/// The rules that could be decoded, each with its place.
pub(super) fn written<'a, R>(list: &'a [At<R>], view: impl Fn(&'a R) -> Written<'a>) -> Vec<(Written<'a>, Span)> {
    list.iter().filter_map(|at| at.get()).map(|(rule, span)| (view(rule), span)).collect()
}

/// Resolves the rules of one direction.
pub(super) fn direction(
    check: Check<'_>,
    groups: &Groups<'_>,
    of: &str,
    direction: Direction,
    list: &[(Written<'_>, Span)],
    whole: Span,
) -> Vec<DesiredRule> {
    let mut rules: Vec<DesiredRule> = vec![];
    let mut seen: BTreeMap<(Traffic, DesiredPeer), Span> = BTreeMap::new();
    for (written, span) in list {
        let Some(rule) = rule(check, groups, of, direction, written, *span) else { continue };
        let DesiredRule { traffic, peer, description: _ } = &rule;
        if let Some(first) = seen.get(&(*traffic, peer.clone())) {
            check.push(
                Draft::new(*span, "duplicate-rule", format!("group `{of}` has this rule twice"))
                    .related(*first, "first here")
                    .help("AWS tells rules apart by protocol, ports and peer, not by description; keep one of the two"),
            );
            continue;
        }
        seen.insert((*traffic, peer.clone()), *span);
        rules.push(rule);
    }
    let word = match direction {
        Direction::Ingress => "inbound",
        Direction::Egress => "outbound",
    };
    let of_family = |other: fn(&DesiredPeer) -> bool| rules.iter().filter(|rule| !other(&rule.peer)).count();
    for (family, count) in [
        ("IPv4", of_family(|peer| matches!(peer, DesiredPeer::Ipv6(_)))),
        ("IPv6", of_family(|peer| matches!(peer, DesiredPeer::Ipv4(_)))),
    ] {
        if count > MOST {
            check.wrong(
                whole,
                "too-many-rules",
                format!("group `{of}` has {count} {word} rules for {family}; AWS allows {MOST}"),
                "rules that name a group or a prefix list count for both families; put ranges into a prefix list, or split the group",
            );
        }
    }
    rules
}

fn rule(
    check: Check<'_>,
    groups: &Groups<'_>,
    of: &str,
    direction: Direction,
    written: &Written<'_>,
    span: Span,
) -> Option<DesiredRule> {
    let Written { tcp, udp, icmp, icmpv6, protocol, peer: other, description: text } = written;
    let traffic = [
        tcp.as_ref().map(|at| at.get().and_then(|(at, span)| ports(check, desired::Protocol::Tcp, at, span))),
        udp.as_ref().map(|at| at.get().and_then(|(at, span)| ports(check, desired::Protocol::Udp, at, span))),
        icmp.as_ref().map(|at| at.get().and_then(|(at, span)| messages(check, desired::Protocol::Icmp, at, span))),
        icmpv6.as_ref().map(|at| at.get().and_then(|(at, span)| messages(check, desired::Protocol::Icmpv6, at, span))),
        protocol.as_ref().map(|at| at.get().and_then(|(at, span)| number(check, at, span))),
    ];
    let given: Vec<Option<Traffic>> = traffic.into_iter().flatten().collect();
    match given.len() {
        0 => check.wrong(
            span,
            "rule-protocol",
            "this rule names no protocol",
            "write exactly one of `tcp: 443`, `udp: 53`, `icmp: all`, `icmpv6: all`, `protocol: all`",
        ),
        1 => {}
        _ => check.wrong(
            span,
            "rule-protocol",
            "this rule names more than one protocol",
            "a rule has exactly one of `tcp`, `udp`, `icmp`, `icmpv6` and `protocol`; write one rule for each",
        ),
    }
    if let Some((text, span)) = text.read_at() {
        description(check, text, span);
    }
    if other.is_none() {
        let (key, end) = match direction {
            Direction::Ingress => ("from", "source"),
            Direction::Egress => ("to", "destination"),
        };
        check.wrong(span, "missing-key", format!("this rule has no {end}"), format!("write `{key}: …`"));
    }
    let peer = other.read_at().and_then(|(text, span)| peer(check, groups, of, text.text(), span));
    let (Some(Some(traffic)), Some(peer)) = (given.first().copied(), peer) else { return None };
    Some(DesiredRule { traffic, peer, description: text.read().cloned() })
}

fn ports(check: Check<'_>, protocol: desired::Protocol, ports: &Ports, span: Span) -> Option<Traffic> {
    let text = ports.text();
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let number =
        |text: &str| (!text.is_empty() && text.bytes().all(|c| c.is_ascii_digit())).then(|| text.parse::<u64>().ok());
    let (Some(from), Some(to)) = (number(from), number(to)) else {
        let help = match text {
            "all" | "any" | "*" | "-1" => "write `0-65535`",
            _ => "write one port (`443`) or a range (`8000-8100`); several ports are several rules",
        };
        check.wrong(span, "port", format!("`{text}` is not a port or a range of ports"), help);
        return None;
    };
    let (Some(Ok(from)), Some(Ok(to))) = (from.map(u16::try_from), to.map(u16::try_from)) else {
        check.wrong(span, "port-out-of-range", format!("`{text}` is beyond the last port"), "ports go from 0 to 65535");
        return None;
    };
    if from > to {
        check.wrong(
            span,
            "ports-reversed",
            format!("the range `{text}` runs backwards"),
            format!("write `{to}-{from}`"),
        );
        return None;
    }
    Some(Traffic { protocol, ports: desired::Ports::Range { from, to } })
}

fn messages(check: Check<'_>, protocol: desired::Protocol, icmp: &Icmp, span: Span) -> Option<Traffic> {
    let text = icmp.text();
    if text == "all" {
        return Some(Traffic { protocol, ports: desired::Ports::All });
    }
    let (kind, code) = text.split_once('/').map_or((text, None), |(kind, code)| (kind, Some(code)));
    let kind = kind.parse::<u8>().ok();
    let code = code.map(|code| code.parse::<u8>().ok());
    match (kind, code) {
        (Some(kind), None) => Some(Traffic { protocol, ports: desired::Ports::Icmp { kind, code: None } }),
        (Some(kind), Some(Some(code))) => {
            Some(Traffic { protocol, ports: desired::Ports::Icmp { kind, code: Some(code) } })
        }
        _ => {
            check.wrong(
                span,
                "icmp",
                format!("`{text}` is not an ICMP type"),
                "write a type (`8`), a type and a code (`3/4`), or `all`; both go from 0 to 255",
            );
            None
        }
    }
}

fn number(check: Check<'_>, protocol: &Protocol, span: Span) -> Option<Traffic> {
    let text = protocol.text();
    let named = |key: &str, value: &str| {
        let help = format!("write `{key}: {value}` instead of `protocol: {text}`");
        check.wrong(span, "protocol", format!("protocol `{text}` has a key of its own"), help);
        None
    };
    let protocol = match text {
        "all" => desired::Protocol::All,
        "-1" => return named("protocol", "all"),
        "tcp" | "6" => return named("tcp", "443"),
        "udp" | "17" => return named("udp", "53"),
        "icmp" | "1" => return named("icmp", "all"),
        "icmpv6" | "58" => return named("icmpv6", "all"),
        _ => match text.parse::<u8>() {
            Ok(number) => desired::Protocol::Number(number),
            Err(_) => {
                check.wrong(
                    span,
                    "protocol",
                    format!("`{text}` is not a protocol"),
                    "write `all`, or a protocol's IANA number from 0 to 255 (ESP is 50)",
                );
                return None;
            }
        },
    };
    Some(Traffic { protocol, ports: desired::Ports::All })
}

/// Descriptions of groups and rules: at most 255 characters of a set that AWS names
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html>).
pub(super) fn description(check: Check<'_>, text: &str, span: Span) {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(*c);
    if let Some(odd) = text.chars().find(|c| !allowed(c)) {
        check.wrong(
            span,
            "description",
            format!("AWS does not take the character `{}` in a description", odd.escape_debug()),
            "use letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`",
        );
    }
    if text.chars().count() > 255 {
        check.wrong(span, "description", "this description is too long", "AWS keeps at most 255 characters");
    }
}
