//! New gateways and their addresses; what a crash left behind; what never came up.

use super::addresses::{self, Way};
use super::facts::{BECAUSE, CONTROL, Facts, Health, TOPOLOGY, VPC, ZONE};
use super::planner::{Builder, Rank};
use super::posts::{Post, lost};
use super::{Availability, Change, Failure, GatewayState, NewGateway, ObservedGateway, Thing};
use crate::core::{ResourceId, Severity, Step, ZoneLetter};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The first new try after a failure comes after this; each further one waits twice as long.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);
/// So many failures within the hour are no accident: a person looks at the cause, and the next try comes when AWS forgets them.
const ENOUGH: usize = 4;
/// A gateway that is pending for longer than this needs a person: looking again and again does not bring it.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);
/// For how long a failure counts.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);
/// Pending, active and deleting gateways in an Availability Zone, unless the quota was raised
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>).
const GATEWAYS_A_ZONE: usize = 5;

/// What a replay stands for: nothing else is made there meanwhile.
pub(super) struct Replayed {
    /// Zones for which an address is on its way into the books.
    pub(super) addresses: BTreeSet<String>,
    /// Addresses that are on their way into the books.
    pub(super) allocations: BTreeSet<ResourceId>,
}

/// The tags of what we make. Equal for equal purposes: by them a change is the same again after a crash.
pub(super) fn tags(facts: &Facts<'_>, zone: Option<&ZoneLetter>) -> BTreeMap<String, String> {
    let mut tags: BTreeMap<String, String> = [
        (TOPOLOGY, facts.desired.topology.to_string()),
        (VPC, facts.name.to_string()),
        (CONTROL, "nat".to_owned()),
        ("Name", format!("{}/{}", facts.desired.topology, facts.label(zone))),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    tags.extend(zone.map(|zone| (ZONE.to_owned(), zone.to_string())));
    tags
}

/// Those of our tags that a thing has, as it was given them.
fn given(tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let kept = [TOPOLOGY, VPC, CONTROL, ZONE, BECAUSE, "Name"];
    tags.iter()
        .filter(|(key, _)| kept.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// What bears our tags, and the ledger does not know, while the last call there has no answer on record: the same call again gives the
/// same thing (its token is the same), and this time it is written down. Without that it could never be taken away.
pub(super) fn replay(builder: &mut Builder<'_>, facts: &Facts<'_>) -> Replayed {
    let mut replayed = Replayed { addresses: BTreeSet::new(), allocations: BTreeSet::new() };
    let vpc = ResourceId::new(facts.id.as_str());
    for gateway in facts.gateways.iter().copied() {
        let live = matches!(gateway.state, GatewayState::Pending | GatewayState::Available);
        if !live || facts.standing.created.contains_key(&gateway.id) || !facts.tagged(&gateway.tags) {
            continue;
        }
        let zone = facts.zone(gateway);
        let home = gateway.subnet.clone().unwrap_or_else(|| vpc.clone());
        let allocation = gateway.addresses.first().and_then(|used| used.allocation.clone());
        let new = match (gateway.availability, &gateway.subnet, allocation) {
            (Availability::Regional, _, _) => NewGateway::Regional { vpc: facts.id.clone() },
            (Availability::Zonal, Some(subnet), Some(allocation)) => {
                NewGateway::Zonal { subnet: subnet.clone(), allocation }
            }
            (Availability::Zonal, _, _) => continue,
        };
        let thing = builder.thing(&gateway.id, facts.label(zone));
        if facts.unanswered(&home) {
            let summary = "it bears this topology's tags, and the call that made it has no answer on record".into();
            builder.drift(&thing, Severity::Drift, summary);
            let home = builder.thing(&home, facts.label(zone));
            let change = Change::CreateGateway { home, gateway: new, tags: given(&gateway.tags) };
            let caveat = Some(format!("asked again with the same token, which gives {}", gateway.id));
            builder.step(Rank::Replay, Step { caveat, ..Step::new(change) });
        } else {
            let summary = "it bears this topology's tags, and the ledger does not know it: it is never deleted".into();
            builder.drift(&thing, Severity::Advice, summary);
        }
    }
    for address in facts.addresses.iter().flatten() {
        if facts.standing.created.contains_key(&address.allocation) || !facts.tagged(&address.tags) {
            continue;
        }
        let zone = address.tags.get(ZONE).cloned().unwrap_or_default();
        let name = facts.label(Some(&ZoneLetter::new(zone.as_str())));
        let thing = builder.thing(&address.allocation, name.clone());
        if facts.unanswered(&vpc) && !replayed.addresses.contains(&zone) {
            let summary = "it bears this topology's tags, and the call that made it has no answer on record".into();
            builder.drift(&thing, Severity::Drift, summary);
            let change = Change::AllocateAddress { vpc: builder.thing(&vpc, name), tags: given(&address.tags) };
            let caveat = Some(format!("asked again with the same token, which gives {}", address.allocation));
            builder.step(Rank::Replay, Step { caveat, ..Step::new(change) });
            replayed.addresses.insert(zone);
            replayed.allocations.insert(address.allocation.clone());
        } else {
            let summary = format!(
                "{} bears this topology's tags, and the ledger does not know it: it is never released (if nobody needs it: aws \
                 ec2 release-address --allocation-id {})",
                address.public_ip, address.allocation
            );
            builder.drift(&thing, Severity::Advice, summary);
        }
    }
    replayed
}

/// Ours that never came up are deleted: they keep their address.
pub(super) fn clean(builder: &mut Builder<'_>, facts: &Facts<'_>) {
    for gateway in &facts.gateways {
        if gateway.state != GatewayState::Failed || !facts.ours(&gateway.id, &gateway.tags) {
            continue;
        }
        let thing = builder.thing(&gateway.id, facts.label(facts.zone(gateway)));
        // It failed by itself: no call could have announced it.
        builder.drift(&thing, Severity::Advice, format!("it failed: {}", said(gateway)));
        let caveat = Some(format!("it failed: {}", said(gateway)));
        let change = Change::DeleteGateway { gateway: thing };
        builder.step(Rank::Clean, Step { stack: gateway.stack.clone(), caveat, ..Step::new(change) });
    }
}

fn said(gateway: &ObservedGateway) -> String {
    match &gateway.failure {
        Some(Failure { code, message }) if message.is_empty() => code.clone(),
        Some(Failure { code, message }) => format!("{code} ({message})"),
        None => "AWS does not say why".to_owned(),
    }
}

/// Makes what a post lacks, as far as that can be done now.
pub(super) fn make(
    builder: &mut Builder<'_>,
    facts: &Facts<'_>,
    post: &Post<'_>,
    settling: &BTreeSet<ResourceId>,
    replayed: &Replayed,
    missing: usize,
) {
    if post.keeper.is_some() {
        return;
    }
    let zone = post.zone.as_ref();
    let name = facts.label(zone);
    if let Some(coming) = post.coming {
        if builder.now().duration_since(coming.created) > LONGEST {
            let thing = builder.thing(&coming.id, name);
            builder.drift(&thing, Severity::Drift, format!("it has been pending since {}", coming.created));
            let why = format!("AWS has not finished it since {}: a NAT gateway takes minutes", coming.created);
            let remedy = format!(
                "see the AWS Health Dashboard; to have another one made: aws ec2 delete-nat-gateway --nat-gateway-id {}",
                coming.id
            );
            builder.held(&thing, why, remedy);
        } else {
            builder.soon(format!("{name} ({}) is on its way", coming.id));
        }
        return;
    }
    let vpc = ResourceId::new(facts.id.as_str());
    let gone = lost(facts, zone);
    let place = zone.map_or_else(|| facts.id.to_string(), |zone| format!("zone {zone}"));
    let thing = builder.thing(gone.as_ref().unwrap_or(&vpc), name.clone());
    let other = zone.and_then(|zone| misfit(facts, zone));
    let summary = match (&gone, other) {
        (_, Some(other)) => format!("{place} has {}, which works and has not the address that is declared", other.id),
        (Some(id), None) => format!("{place} has no NAT gateway that works: {id} is {}", state(facts, id)),
        (None, None) => format!("{place} has no NAT gateway that works"),
    };
    builder.drift(&thing, Severity::Drift, summary);
    if !settling.is_empty() {
        let ids = settling.iter().map(ResourceId::as_str).collect::<Vec<_>>().join(" and ");
        builder.soon(format!("AWS made {ids} and does not show it yet"));
        return;
    }
    if let Some((until, why)) = held_back(builder, facts, zone, &thing) {
        builder.wait(until, why);
        return;
    }
    let because = match (&gone, &post.stands_in_for) {
        (_, Some(zone)) => format!("stands in for {zone}"),
        (Some(id), None) => format!("replaces {id}"),
        (None, None) => "declared".to_owned(),
    };
    let mut tags = tags(facts, zone);
    tags.insert(BECAUSE.to_owned(), because);
    let Some(zone) = zone else {
        let home = builder.thing(&vpc, name);
        let gateway = NewGateway::Regional { vpc: facts.id.clone() };
        builder.step(Rank::Make, Step::new(Change::CreateGateway { home, gateway, tags }));
        return;
    };
    let Some(home) = home(builder, facts, zone, &thing) else { return };
    let stack = home.stack.clone();
    match addresses::way(facts, zone, replayed) {
        Way::Use(_) if facts.refused(&home.id) && crowded(facts, zone).is_some() => {
            let why = format!("AWS refused the gateway lately: zone {zone} has {} of this VPC", live(facts, zone));
            let remedy = format!(
                "if it is the quota of NAT gateways an Availability Zone (L-FE5A380F), raise it to {} at least; then run it by hand, or \
                 wait for the next sweep",
                live(facts, zone) + 1
            );
            builder.held(&thing, why, remedy);
        }
        Way::Use(allocation) => {
            let gateway = NewGateway::Zonal { subnet: home.id.clone(), allocation };
            let change = Change::CreateGateway { home: builder.thing(&home.id, name), gateway, tags };
            builder.step(Rank::Make, Step { stack, caveat: crowded(facts, zone), ..Step::new(change) });
        }
        Way::Allocate if facts.refused(&vpc) => {
            let have = facts.addresses.as_ref().map_or(0, Vec::len);
            let why =
                format!("AWS refused an address lately: {name} needs one, and the account has {have} in the Region");
            let remedy = format!(
                "if it is the quota of Elastic IP addresses (L-0263D0A3), raise it to {} at least; then run it by hand, or wait for the \
                 next sweep",
                have + missing
            );
            builder.held(&thing, why, remedy);
        }
        Way::Allocate => {
            let change =
                Change::AllocateAddress { vpc: builder.thing(&vpc, name), tags: self::tags(facts, Some(zone)) };
            let all = facts.addresses.as_ref().map_or(0, Vec::len) + builder.allocations();
            let caveat = format!(
                "address number {} of the account in the Region (the quota is 5 unless it was raised)",
                all + 1
            );
            builder.step(Rank::Make, Step { stack, caveat: Some(caveat), ..Step::new(change) });
        }
        Way::Wait(why) => builder.soon(why),
        Way::Held(why, remedy) => builder.held(&thing, why, remedy),
        // That the addresses could not be seen is said once.
        Way::Unseen => {}
    }
}

/// A gateway in a zone that works, and does not count there for want of the declared address.
fn misfit<'a>(facts: &Facts<'a>, zone: &ZoneLetter) -> Option<&'a ObservedGateway> {
    let works = |gateway: &&ObservedGateway| matches!(facts.health(gateway), Health::Good | Health::Away);
    let here = |gateway: &&ObservedGateway| facts.zone(gateway) == Some(zone) && !facts.suits(gateway);
    facts.gateways.iter().copied().filter(works).find(here)
}

fn state(facts: &Facts<'_>, id: &ResourceId) -> &'static str {
    match facts.gateway(id).map(|gateway| (gateway.state, facts.health(gateway))) {
        Some((GatewayState::Deleting, _)) => "being deleted",
        Some((_, Health::Cut)) => "cut off: no live route leads from its subnet to the internet",
        Some(_) | None => "deleted",
    }
}

/// The declared public subnet of a zone, if a gateway can work in it.
fn home<'a>(
    builder: &mut Builder<'_>,
    facts: &Facts<'a>,
    zone: &ZoneLetter,
    thing: &Thing,
) -> Option<&'a super::ObservedSubnet> {
    let declared = facts.home(zone);
    let Some(home) = declared.and_then(|cidr| facts.at(cidr)) else {
        let cidr = declared.map(|cidr| cidr.to_string()).unwrap_or_default();
        let why = format!("the public subnet {cidr} of zone {zone} is gone: no gateway can stand there");
        builder.held(thing, why, "deploy the stack that holds it again (`plumb render` makes its template)".into());
        return None;
    };
    if !facts.live(&home.id) {
        let why = format!(
            "no live route leads from {}, the public subnet of zone {zone}, to an internet gateway: a gateway there would not work",
            home.id
        );
        let remedy = match facts.table_of(&home.id) {
            Some((table, _)) => format!(
                "attach an internet gateway to {} and route to it: aws ec2 create-route --route-table-id {} \
                 --destination-cidr-block 0.0.0.0/0 --gateway-id igw-…",
                facts.id, table.id
            ),
            None => format!("give {} a route table that leads to an internet gateway", home.id),
        };
        builder.held(thing, why, remedy);
        return None;
    }
    Some(home)
}

/// After failures, the next try waits; after many, a person is asked meanwhile.
fn held_back(
    builder: &mut Builder<'_>,
    facts: &Facts<'_>,
    zone: Option<&ZoneLetter>,
    thing: &Thing,
) -> Option<(Timestamp, String)> {
    let now = builder.now();
    let failed = |gateway: &&&ObservedGateway| {
        // Somebody else's failures say nothing of ours: they must hold nothing back.
        gateway.failure.is_some()
            && facts.made_by_us(&gateway.id)
            && facts.zone(gateway) == zone
            && (zone.is_some() || gateway.availability == Availability::Regional)
            && now.duration_since(gateway.created) < REMEMBERED
    };
    let failures: Vec<_> = facts.gateways.iter().filter(failed).collect();
    let last = failures.iter().max_by_key(|gateway| (gateway.created, &gateway.id))?;
    let said = said(last);
    if failures.len() >= ENOUGH {
        let code = last.failure.as_ref().map(|failure| failure.code.as_str()).unwrap_or_default();
        let why = format!("{} gateways failed within the hour, the last with {said}", failures.len());
        builder.held(thing, why, cure(code).into());
    }
    let doubled = PATIENCE.checked_mul(1 << (failures.len() - 1).min(10)).unwrap_or(REMEMBERED);
    let rest = if failures.len() >= ENOUGH { REMEMBERED } else { doubled };
    let next = last.created.saturating_add(rest).unwrap_or(Timestamp::MAX);
    (now < next).then(|| (next, format!("{} failed with {said}; the next try is at {next}", thing.name)))
}

/// What a person can do about a failure
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html>).
fn cure(code: &str) -> &'static str {
    match code {
        "InsufficientFreeAddressesInSubnet" => "free a private address in the public subnet: each gateway needs one",
        "Gateway.NotAttached" => "attach an internet gateway to the VPC",
        "InvalidAllocationID.NotFound" => "name an address that exists under `nat.addresses`, or none",
        "Resource.AlreadyAssociated" => "take the address off what uses it, or name another under `nat.addresses`",
        "InvalidSubnetID.NotFound" => "deploy the stack that holds the public subnet again",
        _ => "see the message of AWS, and the Personal Health Dashboard; it is tried again within the hour",
    }
}

/// Gateways in a zone that count against its quota, as far as they are of this VPC.
fn live(facts: &Facts<'_>, zone: &ZoneLetter) -> usize {
    let counts = |state| matches!(state, GatewayState::Pending | GatewayState::Available | GatewayState::Deleting);
    facts.gateways.iter().filter(|gateway| counts(gateway.state) && facts.zone(gateway) == Some(zone)).count()
}

/// What the quota of gateways in a zone may refuse.
fn crowded(facts: &Facts<'_>, zone: &ZoneLetter) -> Option<String> {
    let here = live(facts, zone);
    (here >= GATEWAYS_A_ZONE).then(|| {
        format!(
            "zone {zone} then has {} gateways of this VPC ({GATEWAYS_A_ZONE} unless the quota was raised)",
            here + 1
        )
    })
}
