//! What the tiers' route tables may have besides, and what the `routes` control keeps.

use super::{Check, cidr, units};
use crate::core::TopologyId;
use crate::document::model;
use crate::document::problem::{Draft, Span};
use crate::document::wrap::{At, Field};
use crate::network::{Dns, ExtraRoute, State, TargetKind, Via};
use crate::routes::{Desired, DesiredSubnet, DesiredVpc};
use crate::{Vpc, VpcName};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;

/// Everywhere, in IPv4.
const DEFAULT: &str = "0.0.0.0/0";

/// The DNS attributes. AWS gives host names only where it resolves names
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html>).
pub(super) fn dns(check: Check<'_>, written: &model::Dns) -> Dns {
    let model::Dns { support, hostnames } = written;
    if let (Some((false, off)), Some((true, span))) = (support.read_at(), hostnames.read_at()) {
        check.push(
            Draft::new(span, "dns", "host names need the Amazon resolver, which is off")
                .related(off, "here")
                .help("write `support: true`, or `hostnames: false`"),
        );
    }
    Dns { support: support.read().copied(), hostnames: hostnames.read().copied() }
}

/// The routes that a tier's tables may have besides.
pub(super) fn extra(
    check: Check<'_>,
    written: &Option<At<Vec<At<model::ExtraRoute>>>>,
    route: Option<&model::Route>,
    vpc: Option<Ipv4Net>,
) -> Vec<ExtraRoute> {
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    let mut extra = vec![];
    for (model::ExtraRoute { to, via }, whole) in written.read().into_iter().flatten().filter_map(At::get) {
        if to.is_none() && via.is_none() {
            let help = "write `to: 10.8.0.0/16`, `via: transit-gateway`, or both";
            check.wrong(whole, "extra-route", "this allows any route to anything", help);
        }
        let target = via.read_at().and_then(|(text, span)| target(check, text.text(), span));
        let range = to.read_at().and_then(|(text, span)| Some((destination(check, text.text(), span)?, span)));
        if let Some((range, span)) = &range {
            if let Some(first) = seen.insert(range.clone(), *span) {
                check.push(
                    Draft::new(*span, "extra-route-twice", format!("routes to `{range}` are written twice"))
                        .related(first, "first here")
                        .help("a table has one route to a range: keep one of them"),
                );
            }
            fits(check, range, *span, target.as_ref(), route, vpc);
        }
        if let (Some(target), Some(span)) = (&target, via.place()) {
            leads(check, target, span, route, range.is_some());
        }
        if to.is_some() == range.is_some() && via.is_some() == target.is_some() {
            extra.push(ExtraRoute { to: range.map(|(range, _)| range), via: target });
        }
    }
    extra
}

fn destination(check: Check<'_>, text: &str, span: Span) -> Option<String> {
    if text.starts_with("pl-") {
        return units::id(check, text, span, "pl-", "a prefix list").map(|id| id.to_string());
    }
    let range = match text.contains(':') {
        true if !check.quoted(span) => {
            let title = format!("the IPv6 range `{text}` is not in quotes");
            let help = format!("YAML reads `:` as the end of a key; write \"{text}\"");
            check.wrong(span, "unquoted-ipv6", title, help);
            return None;
        }
        true => cidr::ipv6(text).map(|range| range.to_string()),
        false => cidr::ipv4(text).map(|range| range.to_string()),
    };
    range.map_err(|cidr::Wrong { code, title, help }| check.wrong(span, code, title, help)).ok()
}

fn target(check: Check<'_>, text: &str, span: Span) -> Option<Via> {
    if let Some((kind, _, _)) = TargetKind::ALL.iter().find(|(_, name, _)| *name == text) {
        return Some(Via::Kind(*kind));
    }
    let begins = text.split_once('-').map_or("", |(begins, _)| begins);
    if TargetKind::ALL.iter().any(|(_, _, prefix)| *prefix == begins) {
        return units::id(check, text, span, &format!("{begins}-"), "a route's target").map(Via::Id);
    }
    let help = match check.nearest(text, TargetKind::ALL.iter().map(|(_, name, _)| *name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "write a kind, such as `transit-gateway` or `peering`, or an id, such as `tgw-0123456789abcdef0`".into()
        }
    };
    check.wrong(span, "route-target", format!("`{text}` is nothing that a route can lead to"), help);
    None
}

/// A range that the tier's own route, or AWS, has decided about already. What stays within the VPC may be led through an appliance.
fn fits(
    check: Check<'_>,
    range: &str,
    span: Span,
    target: Option<&Via>,
    route: Option<&model::Route>,
    vpc: Option<Ipv4Net>,
) {
    let owner = match route {
        Some(model::Route::Internet) => Some("the internet gateway"),
        Some(model::Route::Nat) => Some("a NAT gateway"),
        Some(model::Route::Isolated) | None => None,
    };
    if let Some(owner) = owner.filter(|_| range == DEFAULT) {
        let title = format!("the default route of this tier leads to {owner}");
        check.wrong(span, "extra-route", title, "leave it out here, or write `route: isolated` in this tier");
    }
    let appliance = target.and_then(Via::kind).is_some_and(TargetKind::is_appliance);
    if !appliance && vpc.is_some_and(|vpc| vpc.to_string() == range) {
        let help = "leave it out: AWS routes within the VPC; a part of its range may be written";
        check.wrong(span, "extra-route", format!("`{range}` is the VPC itself"), help);
    }
}

/// The tier's `route` says which way to the internet it has; an extra route may not say otherwise.
fn leads(check: Check<'_>, target: &Via, span: Span, route: Option<&model::Route>, ranged: bool) {
    let kind = target.kind();
    let open = match kind {
        Some(TargetKind::InternetGateway | TargetKind::CarrierGateway) => route == Some(&model::Route::Internet),
        Some(TargetKind::EgressOnlyInternetGateway | TargetKind::NatGateway) => route != Some(&model::Route::Isolated),
        _ => true,
    };
    if !open {
        let title = "this tier has no such way to the internet";
        let help = "leave it out, or give the tier the `route` that it is meant to have";
        check.wrong(span, "extra-route", title, help);
    } else if !ranged && kind.is_some_and(|kind| kind.is_internet() || kind == TargetKind::NatGateway) {
        let help = "say where to: `to: \"::/0\"`, for one";
        check.wrong(span, "extra-route", "a way to the internet is declared without its range", help);
    }
}

/// What the `routes` control keeps. Of a topology that is retired nothing but what Plumbline made, which goes.
pub(super) fn desired(id: &TopologyId, state: State, vpcs: &BTreeMap<VpcName, Vpc>) -> Option<Desired> {
    let retired = state == State::Retired;
    let kept = vpcs.iter().filter_map(|(name, vpc)| {
        let Vpc {
            cidr: _,
            id: _,
            stack: _,
            availability_zones: _,
            dns,
            internet_gateway,
            tiers: _,
            nat,
            flow_logs: _,
            endpoints: _,
            group_descriptions: _,
        } = vpc;
        let subnets: Vec<DesiredSubnet> = (vpc.subnets())
            .map(|(tier, declared, subnet)| DesiredSubnet {
                tier: tier.clone(),
                cidr: subnet.cidr,
                zone: subnet.zone.clone(),
                route: declared.route,
                extra: declared.extra_routes.clone(),
                public_ips: declared.public_ips,
            })
            .collect();
        let says = !subnets.is_empty() || internet_gateway.is_some() || *dns != Dns::default();
        let kept = DesiredVpc { dns: *dns, internet_gateway: *internet_gateway, nat: nat.is_some(), subnets };
        says.then(|| (name.clone(), kept))
    });
    let vpcs: BTreeMap<VpcName, DesiredVpc> = kept.collect();
    (!vpcs.is_empty()).then(|| Desired { topology: id.clone(), retired, vpcs })
}
