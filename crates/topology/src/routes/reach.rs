//! What a route means to the subnets of a tier.

use super::facts::Facts;
use super::{DesiredSubnet, LOCAL, ObservedRoute, ObservedTable, Origin};
use crate::core::{ResourceId, Severity};
use crate::network::{ExtraRoute, Route, TargetKind, Via};

/// Everywhere, in IPv4.
pub(super) const DEFAULT: &str = "0.0.0.0/0";

/// What a route is to a tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Is {
    /// It may stay: declared, allowed, or not ours to judge.
    Fine,
    /// The document says where this one leads, and it leads elsewhere.
    Astray { to: ResourceId, severity: Severity },
    /// The document does not know it.
    Undeclared(Severity),
}

/// What it is.
pub(super) fn judge(facts: &Facts<'_>, tier: &DesiredSubnet, route: &ObservedRoute) -> Is {
    let ObservedRoute { destination, target, blackhole: _, origin } = route;
    let kind = TargetKind::of(target.as_str());
    let endpoint = destination.starts_with("pl-") && kind == Some(TargetKind::VpcEndpoint);
    if *origin == Origin::Others || endpoint {
        return Is::Fine;
    }
    let here = tier.extra.iter().find(|extra| extra.to.as_ref() == Some(destination));
    if target.as_str() == LOCAL || *origin == Origin::Table || facts.ranges.contains(destination) {
        return within(here, target, kind);
    }
    if destination == DEFAULT {
        match tier.route {
            Route::Internet => {
                // Where none is known, the gateway itself is what is missing.
                return match facts.internet.as_ref().filter(|gateway| *gateway != target) {
                    None => Is::Fine,
                    Some(gateway) => Is::Astray { to: gateway.clone(), severity: Severity::Drift },
                };
            }
            // Whose it is otherwise, and where it leads, is for `nat` to say, or for nobody.
            Route::Nat => {
                return match kind {
                    Some(TargetKind::InternetGateway | TargetKind::CarrierGateway) => {
                        Is::Undeclared(Severity::Exposure)
                    }
                    _ => Is::Fine,
                };
            }
            Route::Isolated => {}
        }
    }
    let severity = severity(tier.route, destination, kind);
    if let Some((_, to)) = here.and_then(kept) {
        return if target == to { Is::Fine } else { Is::Astray { to: to.clone(), severity } };
    }
    let anywhere = tier.extra.iter().filter(|extra| extra.to.is_none());
    let allowed = here.into_iter().chain(anywhere).any(|extra| covers(extra, target, kind));
    if allowed { Is::Fine } else { Is::Undeclared(severity) }
}

/// What a route within the VPC is. AWS made it `local`, and it cannot be deleted: it leads there, or through the appliance that the
/// document puts in between.
fn within(here: Option<&ExtraRoute>, target: &ResourceId, kind: Option<TargetKind>) -> Is {
    let appliance = here.filter(|extra| extra.via.as_ref().and_then(Via::kind).is_some_and(TargetKind::is_appliance));
    match appliance.and_then(kept) {
        Some((_, to)) if to != target => Is::Astray { to: to.clone(), severity: Severity::Drift },
        Some(_) => Is::Fine,
        None if target.as_str() == LOCAL || appliance.is_some_and(|extra| covers(extra, target, kind)) => Is::Fine,
        None => Is::Astray { to: LOCAL.into(), severity: Severity::Drift },
    }
}

/// A route that is kept: the document says where to and to which target.
pub(super) fn kept(extra: &ExtraRoute) -> Option<(&String, &ResourceId)> {
    match extra {
        ExtraRoute { to: Some(to), via: Some(Via::Id(id)) } => Some((to, id)),
        ExtraRoute { to: _, via: _ } => None,
    }
}

fn covers(extra: &ExtraRoute, target: &ResourceId, kind: Option<TargetKind>) -> bool {
    match &extra.via {
        None => !kind.is_some_and(TargetKind::is_internet),
        Some(Via::Kind(declared)) => kind == Some(*declared),
        Some(Via::Id(id)) => target == id,
    }
}

/// How much an undeclared route matters: whether it is a way from or to the internet that the tier's `route` does not give.
fn severity(route: Route, destination: &str, kind: Option<TargetKind>) -> Severity {
    let open = match kind {
        Some(TargetKind::InternetGateway | TargetKind::CarrierGateway) => {
            route != Route::Internet || destination.contains(':')
        }
        Some(TargetKind::EgressOnlyInternetGateway) => route != Route::Internet,
        Some(TargetKind::NatGateway) => route == Route::Isolated,
        _ => false,
    };
    if open { Severity::Exposure } else { Severity::Drift }
}

/// The worst that a table does to a subnet of a tier; `None`: nothing that the tier must not have.
pub(super) fn worst(facts: &Facts<'_>, tier: &DesiredSubnet, table: &ObservedTable) -> Option<Severity> {
    table.routes.iter().filter_map(|route| bad(facts, tier, route)).max()
}

fn bad(facts: &Facts<'_>, tier: &DesiredSubnet, route: &ObservedRoute) -> Option<Severity> {
    match judge(facts, tier, route) {
        Is::Fine => None,
        Is::Astray { to: _, severity } | Is::Undeclared(severity) => Some(severity),
    }
}

/// The first way that a table gives and the tier must not have.
pub(super) fn exposure<'t>(
    facts: &Facts<'_>,
    tier: &DesiredSubnet,
    table: &'t ObservedTable,
) -> Option<&'t ObservedRoute> {
    table.routes.iter().find(|route| bad(facts, tier, route) == Some(Severity::Exposure))
}

/// Whether a subnet of a tier may have a route that is about to be made.
pub(super) fn may(facts: &Facts<'_>, tier: &DesiredSubnet, destination: &str, to: &ResourceId) -> bool {
    let route = ObservedRoute {
        destination: destination.to_owned(),
        target: to.clone(),
        blackhole: false,
        origin: Origin::Written,
    };
    judge(facts, tier, &route) == Is::Fine
}

/// The route for 0.0.0.0/0: of several, the one that somebody wrote is the one that is followed
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html>).
pub(super) fn default_of(table: &ObservedTable) -> Option<&ObservedRoute> {
    let defaults = table.routes.iter().filter(|route| route.destination == DEFAULT);
    defaults.min_by_key(|route| route.origin == Origin::Others)
}

/// Whether one range holds the other, or it cannot be told.
pub(super) fn overlap(left: &str, right: &str) -> bool {
    match (left.parse::<ipnet::IpNet>(), right.parse::<ipnet::IpNet>()) {
        (Ok(left), Ok(right)) => left.contains(&right) || right.contains(&left),
        _ => true,
    }
}
