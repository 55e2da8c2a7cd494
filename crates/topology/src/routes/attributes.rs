//! Attributes of VPCs and subnets. Neither call has a dry run, and each takes one attribute.

use super::facts::{Facts, Seat, label};
use super::planner::{Builder, Rank};
use super::{Change, DnsAttribute, ObservedDns};
use crate::core::{ResourceId, Seen, Severity, Step};
use crate::network::{Dns, PublicIps, Route, TargetKind};

/// DNS support and host names. AWS gives host names only where it resolves names: support comes first, and goes last.
pub(super) fn dns(builder: &mut Builder<'_>, facts: &Facts<'_>) {
    let (Dns { support, hostnames }, seen) = (facts.declared.dns, &facts.vpc.dns);
    let ObservedDns { support: support_now, hostnames: hostnames_now } = seen;
    let support_step = attribute(builder, facts, DnsAttribute::Support, support, support_now);
    let hostnames_step = attribute(builder, facts, DnsAttribute::Hostnames, hostnames, hostnames_now);
    if let (Some((support, on)), Some((hostnames, _))) = (support_step, hostnames_step) {
        let (step, other) = if on { (hostnames, support) } else { (support, hostnames) };
        builder.needs(step, other);
    }
}

fn attribute(
    builder: &mut Builder<'_>,
    facts: &Facts<'_>,
    attribute: DnsAttribute,
    declared: Option<bool>,
    seen: &Seen<bool>,
) -> Option<(usize, bool)> {
    let on = declared?;
    match seen {
        Seen::Present(now) if *now == on => None,
        Seen::Present(_) => {
            let vpc = builder.thing(&ResourceId::new(facts.vpc.id.as_str()), facts.name.as_str());
            builder.drift(
                &vpc,
                Severity::Drift,
                format!("{attribute}: {}", if on { "off, and shall be on" } else { "on, and shall be off" }),
            );
            let change = Change::Dns { vpc, attribute, on };
            let step = Step { stack: facts.vpc.stack.clone(), ..Step::new(change) };
            Some((builder.step(Rank::Set, step), on))
        }
        Seen::Absent => {
            builder.blind(true, format!("{}, {attribute}: AWS did not say", facts.name));
            None
        }
        Seen::Unknown(unseen) => {
            builder.unseen(&format!("{}, {attribute}", facts.name), unseen);
            None
        }
    }
}

/// Whether what is launched gets a public address.
pub(super) fn public_addresses(builder: &mut Builder<'_>, facts: &Facts<'_>, seats: &[Seat<'_>]) {
    for seat in seats {
        let Seat { tier, subnet, now, association: _, home: _ } = seat;
        let on = match tier.public_ips {
            None => continue,
            Some(PublicIps::OnLaunch) => true,
            Some(PublicIps::Never | PublicIps::OnRequest) => false,
        };
        if subnet.public_on_launch == on {
            continue;
        }
        let thing = builder.thing(&subnet.id, label(facts.name, tier));
        let open = now.iter().flat_map(|table| &table.routes).any(|route| {
            TargetKind::of(route.target.as_str()) == Some(TargetKind::InternetGateway) && !route.blackhole
        });
        let (severity, summary) = match on {
            true => (Severity::Drift, "what is launched gets no public address"),
            // Without a way to the internet, an address alone reaches nothing.
            false if open || tier.route == Route::Internet => {
                (Severity::Exposure, "what is launched gets a public address, which the internet reaches")
            }
            false => (Severity::Drift, "what is launched gets a public address"),
        };
        builder.drift(&thing, severity, summary.into());
        let contains = severity == Severity::Exposure;
        let change = Change::PublicOnLaunch { subnet: thing, on };
        let rank = if contains { Rank::Contain } else { Rank::Set };
        let caveat = contains.then(|| "what was launched meanwhile keeps its address until it is stopped".to_owned());
        builder.step(rank, Step { contains, caveat, stack: subnet.stack.clone(), ..Step::new(change) });
    }
}
