//! A VPC: its ranges, zones, tiers and NAT gateways.

use super::groups::Groups;
use super::{Around, Check, cidr, endpoints, flow_logs, groups, names, nat, routes, stacks, units};
use crate::core::{GroupName, TierName, ZoneLetter};
use crate::document::model::{self, Zone};
use crate::document::problem::{Draft, Span};
use crate::document::wrap::{At, Entry, Field};
use crate::network::{Dns, PublicIps, Route, Subnet, Tier, Vpc};
use crate::security_groups::DesiredVpc;
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Sizes that AWS allows, for VPCs and subnets alike
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html>).
const LARGEST: u8 = 16;
const SMALLEST: u8 = 28;

/// What AWS refuses for a VPC: "this network", loopback, link-local, multicast and what is beyond.
const RESERVED: [(Ipv4Addr, u8); 5] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// What a VPC may have that nobody routes to from outside: RFC 1918, RFC 6598, and the range for benchmarks (RFC 2544).
const PRIVATE: [(Ipv4Addr, u8); 5] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
];

/// Subnets a VPC. AWS allows 200 unless asked for more; the limit here bounds the search for overlaps.
const MOST_SUBNETS: usize = 1_000;

/// A VPC, and what the controls keep of it.
pub(super) struct Checked {
    pub(super) vpc: Option<Vpc>,
    pub(super) groups: Option<DesiredVpc>,
    pub(super) gateways: Option<crate::nat::DesiredVpc>,
}

/// Checks and resolves a VPC, its groups and its gateways.
pub(super) fn vpc(check: Check<'_>, around: &Around<'_>, name: &str, written: &model::Vpc, whole: Span) -> Checked {
    if let Some((id, span)) = written.id.read_at() {
        units::id(check, id, span, "vpc-", "a VPC");
    }
    let stack = stacks::vpc(check, name, written);
    let range = match &written.cidr {
        None => {
            check.missing(whole, "cidr", "10.0.0.0/16");
            None
        }
        Some(at) => at.get().and_then(|(text, span)| {
            let net = cidr::written(check, text.text(), span)?;
            size(check, "VPC", net, span);
            usable(check, net, span);
            Some((net, span))
        }),
    };
    let zones = match &written.availability_zones {
        None => {
            check.missing(whole, "availability_zones", "[a, b]");
            None
        }
        Some(at) => at.get().and_then(|(list, span)| zones(check, list, span)),
    };
    let tiers = tiers(check, written, range, zones.as_deref());
    let dns = written.dns.read().map_or(Dns::default(), |dns| routes::dns(check, dns));
    let internet_gateway = written.internet_gateway.read().copied();
    gateway(check, written, &tiers);
    let nat = nat::nat(check, around.environment, written, &tiers, zones.as_deref());
    let gateways = nat.as_ref().map(|nat| nat::desired(check, around, written, nat, &tiers, zones.as_deref()));
    let known = Groups::of(name, around, written);
    attached(check, &known, written);
    let (mut desired, group_descriptions) = groups::groups(check, &known, written);
    let endpoints = endpoints::endpoints(check, around, &known, written, &tiers);
    if let Some((range, _)) = range
        && endpoints::need_group(written)
    {
        endpoints::add_group(desired.get_or_insert_default(), range);
    }
    let flow_logs = flow_logs::flow_logs(check, around.id, name, written);
    let vpc = range.map(|(cidr, _)| Vpc {
        cidr,
        id: written.id.read().map(|id| id.as_str().into()),
        stack,
        availability_zones: zones.unwrap_or_default(),
        dns,
        internet_gateway,
        tiers,
        nat,
        flow_logs,
        endpoints,
        group_descriptions,
    });
    Checked { vpc, groups: desired, gateways }
}

fn size(check: Check<'_>, what: &str, net: Ipv4Net, span: Span) {
    let length = net.prefix_len();
    if !(LARGEST..=SMALLEST).contains(&length) {
        let nearest = length.clamp(LARGEST, SMALLEST);
        check.wrong(
            span,
            "cidr-size",
            format!("a {what} cannot be a /{length}: AWS allows /{LARGEST} to /{SMALLEST}"),
            format!("write `{}/{nearest}`, or another range of an allowed size", net.addr()),
        );
    }
}

/// Refuses what AWS refuses, and public space: AWS takes that, but hosts in it cannot reach whom it belongs to, and rules that
/// admit it would count as inside.
fn usable(check: Check<'_>, net: Ipv4Net, span: Span) {
    let within = |(base, length): &(Ipv4Addr, u8)| Ipv4Net::new(*base, *length).is_ok_and(|range| range.contains(&net));
    let help = "write a range of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10, such as `10.0.0.0/16`";
    if RESERVED.iter().any(within) {
        check.wrong(span, "cidr-reserved", format!("a VPC cannot have `{net}`: the range is reserved"), help);
    } else if !PRIVATE.iter().any(within) {
        check.wrong(span, "cidr-public", format!("`{net}` is public address space, which may be somebody's"), help);
    }
}

fn zones(check: Check<'_>, list: &[At<Zone>], whole: Span) -> Option<Vec<ZoneLetter>> {
    if list.is_empty() {
        check.wrong(whole, "no-zone", "no Availability Zone is named", "write their letters: `[a, b]`");
    }
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    let mut zones = vec![];
    for (zone, span) in list.iter().filter_map(At::get) {
        let text = zone.text();
        if text.len() != 1 || !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            let last = text.chars().last().filter(char::is_ascii_lowercase).filter(|_| text.contains('-'));
            let help = last
                .map_or("write one letter, such as `a`".to_owned(), |last| format!("write the letter only: `{last}`"));
            check.wrong(span, "zone", format!("`{text}` is not the letter of an Availability Zone"), help);
        }
        if let Some(first) = seen.insert(text, span) {
            check.push(
                Draft::new(span, "zone-twice", format!("Availability Zone `{text}` is named twice"))
                    .related(first, "first here")
                    .help("name each zone once; subnets of a tier stand in different zones"),
            );
        }
        zones.push(ZoneLetter::from(text));
    }
    (zones.len() == list.len()).then_some(zones)
}

fn tiers(
    check: Check<'_>,
    written: &model::Vpc,
    vpc: Option<(Ipv4Net, Span)>,
    vpc_zones: Option<&[ZoneLetter]>,
) -> BTreeMap<TierName, Tier> {
    let entries = written.tiers.read().map(|named| named.0.as_slice()).unwrap_or_default();
    names::distinct(check, "tier", entries);
    let mut tiers = BTreeMap::new();
    let mut ranges: Vec<(Ipv4Net, Span)> = vec![];
    for Entry { name, name_span, value } in entries {
        names::plain(check, "tier name", name, *name_span);
        let Some(model::Tier { route, subnets, availability_zones, public_ips, extra_routes, security_groups }) =
            &value.value
        else {
            continue;
        };
        if route.is_none() {
            check.missing(*name_span, "route", "internet");
        }
        let own = availability_zones.read_at().and_then(|(list, span)| zones(check, list, span));
        if let (Some((list, _)), Some(vpc_zones)) = (availability_zones.read_at(), vpc_zones) {
            for (zone, span) in list.iter().filter_map(At::get) {
                if !vpc_zones.iter().any(|known| known.as_str() == zone.text()) {
                    check.wrong(
                        span,
                        "zone-outside-vpc",
                        format!("Availability Zone `{}` is not one of the VPC's", zone.text()),
                        "add it to the VPC's `availability_zones`, or leave it out here",
                    );
                }
            }
        }
        let zones = if availability_zones.is_some() { own } else { vpc_zones.map(<[_]>::to_vec) };
        let list = match subnets {
            None => {
                check.missing(*name_span, "subnets", "[10.0.0.0/20, 10.0.16.0/20]");
                continue;
            }
            Some(at) => at,
        };
        let Some((list, span)) = list.get() else { continue };
        if let Some(zones) = &zones
            && zones.len() != list.len()
        {
            let letters: Vec<&str> = zones.iter().map(ZoneLetter::as_str).collect();
            check.wrong(
                span,
                "subnet-count",
                format!(
                    "tier `{name}` has {} for {}",
                    counted(list.len(), "subnet"),
                    counted(zones.len(), "Availability Zone")
                ),
                format!("write one range for each of {}, in this order", letters.join(", ")),
            );
        }
        let mut resolved = vec![];
        for (at, zone) in list.iter().zip(zones.into_iter().flatten().map(Some).chain(std::iter::repeat(None))) {
            let Some((text, span)) = at.get() else { continue };
            let Some(net) = cidr::written(check, text.text(), span) else { continue };
            if ranges.len() == MOST_SUBNETS {
                let help = format!("AWS allows 200 unless asked for more; {MOST_SUBNETS} are read");
                check.wrong(span, "too-many-subnets", "this VPC has too many subnets", help);
                return tiers;
            }
            subnet(check, net, span, vpc, &ranges);
            ranges.push((net, span));
            if let Some(zone) = zone {
                resolved.push(Subnet { cidr: net, zone });
            }
        }
        let tier = Tier {
            route: match route.read() {
                Some(model::Route::Internet) => Route::Internet,
                Some(model::Route::Nat) => Route::Nat,
                Some(model::Route::Isolated) | None => Route::Isolated,
            },
            subnets: resolved,
            public_ips: public_ips.read().map(|ips| match ips {
                model::PublicIps::Never => PublicIps::Never,
                model::PublicIps::OnRequest => PublicIps::OnRequest,
                model::PublicIps::OnLaunch => PublicIps::OnLaunch,
            }),
            extra_routes: routes::extra(check, extra_routes, route.read(), vpc.map(|(range, _)| range)),
            security_groups: security_groups
                .read()
                .map(|list| list.iter().filter_map(At::get).map(|(name, _)| GroupName::from(name.as_str())).collect()),
        };
        if let (Some(PublicIps::OnLaunch), Some((route, span))) = (tier.public_ips, route.read_at())
            && *route != model::Route::Internet
        {
            check.push(
                Draft::new(
                    public_ips.place().unwrap_or(span),
                    "public-ips",
                    "public addresses where no route leads to the internet",
                )
                .related(span, "the tier's default route")
                .help("write `public_ips: never`, or `route: internet`"),
            );
        }
        tiers.insert(TierName::from(name.as_str()), tier);
    }
    tiers
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn subnet(check: Check<'_>, net: Ipv4Net, span: Span, vpc: Option<(Ipv4Net, Span)>, earlier: &[(Ipv4Net, Span)]) {
    size(check, "subnet", net, span);
    if let Some((range, place)) = vpc
        && !range.contains(&net)
    {
        check.push(
            Draft::new(span, "cidr-outside-vpc", format!("subnet `{net}` is outside the VPC's range `{range}`"))
                .label("outside")
                .related(place, "the VPC's range")
                .help(format!("write a range between {} and {}", range.network(), range.broadcast())),
        );
    }
    // One overlap is told a subnet: with the first range that it meets.
    if let Some((other, place)) = earlier.iter().find(|(other, _)| other.contains(&net) || net.contains(other)) {
        let title = if *other == net {
            format!("subnet `{net}` is written twice")
        } else {
            format!("subnet `{net}` overlaps `{other}`")
        };
        check.push(
            Draft::new(span, "subnets-overlap", title)
                .label(format!("{} to {}", net.network(), net.broadcast()))
                .related(*place, format!("{} to {}", other.network(), other.broadcast()))
                .help("write a range that no other subnet uses"),
        );
    }
}

/// What a tier says of the groups in it names groups of the VPC.
fn attached(check: Check<'_>, groups: &Groups<'_>, written: &model::Vpc) {
    for Entry { name, value, .. } in written.tiers.read().map(|named| named.0.as_slice()).unwrap_or_default() {
        let Some((list, whole)) = value.value.as_ref().and_then(|tier| tier.security_groups.read_at()) else {
            continue;
        };
        if list.is_empty() {
            check.wrong(
                whole,
                "tier-without-group",
                format!("everything in tier `{name}` carries some group"),
                "name the groups that things in it carry, or leave `security_groups` out",
            );
        }
        for (group, span) in list.iter().filter_map(At::get) {
            groups.known(check, group, span);
        }
    }
}

/// A tier that routes to the internet gateway needs one.
fn gateway(check: Check<'_>, written: &model::Vpc, tiers: &BTreeMap<TierName, Tier>) {
    if written.internet_gateway.read() == Some(&true) {
        return;
    }
    for Entry { name, value, .. } in written.tiers.read().map(|named| named.0.as_slice()).unwrap_or_default() {
        let internet = tiers.get(name.as_str()).is_some_and(|tier| tier.route == Route::Internet);
        let place = value.value.as_ref().and_then(|tier| tier.route.place());
        if let (true, Some(span)) = (internet, place) {
            let draft = Draft::new(
                span,
                "no-internet-gateway",
                format!("tier `{name}` routes to an internet gateway that the VPC does not have"),
            );
            let draft = written.internet_gateway.place().map_or(draft.clone(), |place| draft.related(place, "here"));
            check.push(draft.help("write `internet_gateway: true` in the VPC, or another `route` here"));
        }
    }
}
