//! NAT gateways, and the windows in which routes that work may move.

use super::{Around, Check, units};
use crate::core::{ResourceId, TierName, ZoneLetter};
use crate::document::model::{self, Allocation, Duration, TimeOfDay};
use crate::document::problem::{Draft, Span};
use crate::document::wrap::{At, Entry, Field, Form};
use crate::nat::{DesiredAddress, DesiredVpc, Gateways, Routed};
use crate::network::{Environment, Nat, Route, State, Tier, Window};
use ipnet::Ipv4Net;
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// A replacement that lasted so long is good.
const FAIL_BACK_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// Whoever waits longer has decided not to go back.
const LONGEST_WATCH: u64 = 7 * 86_400;

/// Checks and resolves which NAT gateways a VPC has.
pub(super) fn nat(
    check: Check<'_>,
    environment: Environment,
    written: &model::Vpc,
    tiers: &BTreeMap<TierName, Tier>,
    zones: Option<&[ZoneLetter]>,
) -> Option<Nat> {
    let (nat, whole) = written.nat.read_at()?;
    let model::Nat { mode, tier, addresses: _, fail_back_after: _ } = nat;
    let Some(at) = mode else {
        check.missing(whole, "mode", "auto");
        return None;
    };
    let (mode, span) = at.get()?;
    let routed: Vec<&TierName> =
        tiers.iter().filter(|(_, tier)| tier.route == Route::Nat).map(|(name, _)| name).collect();
    if *mode == model::NatMode::None {
        if let Some(name) = routed.first() {
            check.wrong(
                span,
                "nat-none",
                format!("tier `{name}` routes through NAT, but there is none"),
                "write `mode: auto`, or `route: isolated` in that tier",
            );
        }
        return Some(Nat::None);
    }
    if routed.is_empty() {
        if *mode != model::NatMode::Auto {
            check.wrong(
                span,
                "nat-unused",
                "no tier routes through these NAT gateways",
                "write `mode: none`, or `route: nat` in the tiers that shall use them",
            );
        }
        return Some(Nat::None);
    }
    let declared = |name: &str| written.tiers.read().and_then(|named| named.0.iter().find(|entry| entry.name == name));
    if written.internet_gateway.read() != Some(&true) {
        check.wrong(
            span,
            "nat-without-internet-gateway",
            "NAT gateways need an internet gateway to reach the internet",
            "write `internet_gateway: true` in the VPC",
        );
    }
    if *mode == model::NatMode::Regional {
        if let Some((_, span)) = tier.read_at() {
            let help = "leave `tier` out, or write `mode: per-az`";
            check.wrong(span, "nat-tier", "a regional NAT gateway stands in no tier", help);
        }
        return Some(Nat::Regional);
    }
    let public: Vec<&TierName> =
        tiers.iter().filter(|(_, tier)| tier.route == Route::Internet).map(|(name, _)| name).collect();
    let home = match (tier.read_at(), public.as_slice()) {
        (Some((name, span)), _) => {
            if !public.iter().any(|tier| tier.as_str() == name) {
                let help = match check.nearest(name, public.iter().map(|tier| tier.as_str())) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "name a tier with `route: internet`".to_owned(),
                };
                let title = match declared(name) {
                    Some(_) => {
                        format!("tier `{name}` cannot hold NAT gateways: it does not route to the internet gateway")
                    }
                    None => format!("no tier is called `{name}`"),
                };
                check.wrong(span, "nat-tier", title, help);
                return None;
            }
            TierName::from(name.as_str())
        }
        (None, [only]) => (*only).clone(),
        (None, []) => {
            check.wrong(
                span,
                "nat-without-public-tier",
                "NAT gateways stand in a tier with `route: internet`, and there is none",
                "add such a tier with a subnet in each Availability Zone, or write `mode: regional`",
            );
            return None;
        }
        (None, [first, ..]) => {
            check.wrong(
                whole,
                "nat-tier",
                "several tiers route to the internet; the NAT gateways need one of them",
                format!("write `tier: {first}`, or another of them"),
            );
            return None;
        }
    };
    never(check, declared(home.as_str()), span);
    let home_zones: Vec<ZoneLetter> = tiers
        .get(&home)
        .map(|tier| tier.subnets.iter().map(|subnet| subnet.zone.clone()).collect())
        .unwrap_or_default();
    let single = match mode {
        model::NatMode::Single => true,
        model::NatMode::Auto => environment != Environment::Production,
        model::NatMode::PerAz | model::NatMode::Regional | model::NatMode::None => false,
    };
    if single {
        return Some(Nat::Zonal { tier: home, zones: home_zones.into_iter().take(1).collect() });
    }
    // Where a gateway is needed: the zones of the tiers that route through it.
    let needed: Vec<&ZoneLetter> = zones?
        .iter()
        .filter(|zone| {
            routed.iter().any(|name| {
                tiers.get(*name).is_some_and(|tier| tier.subnets.iter().any(|subnet| subnet.zone == **zone))
            })
        })
        .collect();
    for zone in needed.iter().filter(|zone| !home_zones.contains(zone)) {
        check.push(
            Draft::new(
                span,
                "nat-zone-without-public-subnet",
                format!("no public subnet for a NAT gateway in Availability Zone `{zone}`"),
            )
            .related(declared(home.as_str()).map_or(span, |entry| entry.name_span), "this tier holds the gateways")
            .help(format!("give tier `{home}` a subnet in zone `{zone}`, or write `mode: single`")),
        );
    }
    Some(Nat::Zonal { tier: home, zones: needed.into_iter().cloned().collect() })
}

/// A gateway has a public address, in the tier that it stands in.
fn never(check: Check<'_>, home: Option<&Entry<model::Tier>>, gateways: Span) {
    let Some(Entry { name, value, .. }) = home else { return };
    let ips = value.value.as_ref().and_then(|tier| tier.public_ips.read_at());
    if let Some((model::PublicIps::Never, span)) = ips {
        check.push(
            Draft::new(span, "public-ips", format!("tier `{name}` holds NAT gateways, which have public addresses"))
                .related(gateways, "the gateways")
                .help("write `public_ips: on-request`, or name another `tier` for the gateways"),
        );
    }
}

/// Addresses for gateways that can never be: no tier routes through NAT, or none of theirs can stand in that zone.
fn unused(check: Check<'_>, written: &model::Nat, nat: &Nat, tiers: &BTreeMap<TierName, Tier>) {
    let Some((entries, whole)) = written.addresses.read_at().filter(|(entries, _)| !entries.0.is_empty()) else {
        return;
    };
    match nat {
        Nat::None => {
            let help = "leave `addresses` out, or write `route: nat` in the tiers that shall use them";
            check.wrong(whole, "nat-addresses", "there is no NAT gateway that would have these addresses", help);
        }
        // Told where the addresses are read.
        Nat::Regional => {}
        Nat::Zonal { tier, zones: _ } => {
            let subnets = tiers.get(tier).map(|tier| tier.subnets.as_slice()).unwrap_or_default();
            let known = |name: &str| tiers.values().flat_map(|tier| &tier.subnets).any(|at| at.zone.as_str() == name);
            for Entry { name, name_span, .. } in &entries.0 {
                if known(name) && !subnets.iter().any(|subnet| subnet.zone.as_str() == name) {
                    check.wrong(
                        *name_span,
                        "nat-address-zone",
                        format!("no NAT gateway can stand in zone `{name}`: tier `{tier}` has no subnet there"),
                        format!("give tier `{tier}` a subnet in zone `{name}`, or remove this address"),
                    );
                }
            }
        }
    }
}

/// What the `nat` control keeps of a VPC. A topology that is retired keeps none of what Plumbline made.
pub(super) fn desired(
    check: Check<'_>,
    around: &Around<'_>,
    written: &model::Vpc,
    nat: &Nat,
    tiers: &BTreeMap<TierName, Tier>,
    zones: Option<&[ZoneLetter]>,
) -> DesiredVpc {
    let routed = tiers.iter().filter(|(_, tier)| tier.route == Route::Nat).flat_map(|(name, tier)| {
        let routed = |subnet: &crate::network::Subnet| Routed {
            tier: name.clone(),
            cidr: subnet.cidr,
            zone: subnet.zone.clone(),
        };
        tier.subnets.iter().map(routed)
    });
    let (gateways, homes): (_, Vec<(ZoneLetter, Ipv4Net)>) = match nat {
        Nat::None => (Gateways::None, vec![]),
        Nat::Regional => (Gateways::Regional, vec![]),
        Nat::Zonal { tier, zones } => {
            let subnets = tiers.get(tier).map(|tier| tier.subnets.as_slice()).unwrap_or_default();
            let homes = subnets.iter().map(|subnet| (subnet.zone.clone(), subnet.cidr));
            (Gateways::Zonal(zones.clone()), homes.collect())
        }
    };
    let fields = written.nat.read();
    if let Some(fields) = fields {
        unused(check, fields, nat, tiers);
    }
    DesiredVpc {
        gateways: if around.state == State::Retired { Gateways::None } else { gateways },
        homes,
        routed: routed.collect(),
        addresses: fields.map(|nat| addresses(check, nat, zones)).unwrap_or_default(),
        fail_back_after: fields.and_then(|nat| watched(check, &nat.fail_back_after)).unwrap_or(FAIL_BACK_AFTER),
    }
}

fn watched(check: Check<'_>, written: &Option<At<Duration>>) -> Option<SignedDuration> {
    let (text, span) = written.read_at()?;
    // Nothing else may be nothing.
    if text.text() == "0 minutes" {
        return Some(SignedDuration::ZERO);
    }
    let seconds = units::duration(check, text.text(), span)?;
    if seconds > LONGEST_WATCH {
        let help = "write `15 minutes`, or at most `7 days`";
        check.wrong(span, "fail-back", "routes would stay away from their own zone for too long", help);
    }
    i64::try_from(seconds).ok().map(SignedDuration::from_secs)
}

fn addresses(check: Check<'_>, nat: &model::Nat, zones: Option<&[ZoneLetter]>) -> BTreeMap<ZoneLetter, DesiredAddress> {
    let Some((entries, whole)) = nat.addresses.read_at() else { return BTreeMap::new() };
    if nat.mode.read() == Some(&model::NatMode::Regional) && !entries.0.is_empty() {
        check.wrong(
            whole,
            "nat-addresses",
            "a regional NAT gateway has addresses that AWS owns",
            "leave `addresses` out, or write `mode: per-az`",
        );
    }
    super::names::distinct(check, "Availability Zone", &entries.0);
    let mut resolved = BTreeMap::new();
    let mut seen: BTreeMap<DesiredAddress, Span> = BTreeMap::new();
    for Entry { name, name_span, value } in &entries.0 {
        if let Some(zones) = zones
            && !zones.iter().any(|zone| zone.as_str() == name)
        {
            let letters: Vec<&str> = zones.iter().map(ZoneLetter::as_str).collect();
            check.wrong(
                *name_span,
                "nat-address-zone",
                format!("`{name}` is not an Availability Zone of the VPC"),
                format!("write one of {}", letters.join(", ")),
            );
        }
        let Some((form, span)) = value.get() else { continue };
        let Some(address) = address(check, form, span) else { continue };
        if let Some(first) = seen.insert(address.clone(), span) {
            check.push(
                Draft::new(span, "nat-address-twice", "two gateways cannot have the same address")
                    .related(first, "the other one")
                    .help("give each Availability Zone an address of its own"),
            );
        }
        resolved.insert(ZoneLetter::from(name.as_str()), address);
    }
    resolved
}

fn address(check: Check<'_>, form: &Form<Allocation, model::AddressTag>, whole: Span) -> Option<DesiredAddress> {
    let (tag, span) = match form {
        Form::Short(id) => {
            let id: ResourceId = units::id(check, id.text(), whole, "eipalloc-", "an Elastic IP address")?;
            return Some(DesiredAddress::Allocation(id));
        }
        Form::Long(model::AddressTag { tag: Some(at) }) => at.get()?,
        Form::Long(model::AddressTag { tag: None }) => {
            check.missing(whole, "tag", "Name=partner-address");
            return None;
        }
    };
    match tag.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => {
            Some(DesiredAddress::Tag { key: key.to_owned(), value: value.to_owned() })
        }
        _ => {
            let help = "write its key and its value: `tag: Name=partner-address`";
            check.wrong(span, "nat-address-tag", format!("`{tag}` does not name a tag"), help);
            None
        }
    }
}

/// Checks and resolves the maintenance windows of a topology.
pub(super) fn maintenance(check: Check<'_>, written: &Option<At<Vec<At<model::Maintenance>>>>) -> Vec<Window> {
    let mut windows = vec![];
    for (window, whole) in written.read().into_iter().flatten().filter_map(At::get) {
        let model::Maintenance { days, from, lasts } = window;
        let opening = match from {
            None => {
                check.missing(whole, "from", "\"02:00\"");
                None
            }
            Some(at) => at.get().and_then(|(text, span)| time_of_day(check, text, span)),
        };
        let length = match lasts {
            None => {
                check.missing(whole, "for", "2 hours");
                None
            }
            Some(at) => at.get().and_then(|(text, span)| length(check, text, span)),
        };
        let days = match days {
            None => {
                check.missing(whole, "days", "[sun]");
                continue;
            }
            Some(at) => {
                if at.value.as_ref().is_some_and(Vec::is_empty) {
                    check.wrong(at.span, "no-day", "this window never opens", "name its days: `[sat, sun]`");
                }
                at.value.iter().flatten()
            }
        };
        let (Some(opening), Some(length)) = (opening, length) else { continue };
        windows.extend(days.filter_map(|day| day.value).map(|day| Window::new(day as u8, opening, length)));
    }
    windows.sort();
    windows.dedup();
    windows
}

fn time_of_day(check: Check<'_>, text: &TimeOfDay, span: Span) -> Option<u32> {
    let text = text.text();
    let two = |part: &str, most: u32| {
        let digits = part.len() == 2 && part.bytes().all(|c| c.is_ascii_digit());
        part.parse::<u32>().ok().filter(|number| digits && *number <= most)
    };
    let time = text.split_once(':').and_then(|(hours, minutes)| Some((two(hours, 23)?, two(minutes, 59)?)));
    if time.is_none() {
        let help = "write hours and minutes in UTC, quoted: `from: \"02:00\"`";
        check.wrong(span, "time-of-day", format!("`{text}` is not a time of day"), help);
    }
    time.map(|(hours, minutes)| hours * 3_600 + minutes * 60)
}

fn length(check: Check<'_>, text: &Duration, span: Span) -> Option<u32> {
    let seconds = units::duration(check, text.text(), span)?;
    if seconds > u64::from(Window::LONGEST) {
        check.wrong(span, "window-length", "a window is open for a day at most", "name more days, or write `24 hours`");
        return None;
    }
    u32::try_from(seconds).ok()
}
