//! Which table each declared subnet uses.

use super::facts::{CONTROL, Facts, Home, Seat, TIER, TOPOLOGY, VPC, ZONE, label};
use super::planner::{Builder, Rank};
use super::reach::worst;
use super::tables::AllKept;
use super::{Change, DesiredSubnet};
use crate::core::{ControlId, ResourceId, Severity, Step, Thing};
use std::collections::BTreeMap;

/// Subnets that are gone: whoever made them makes them again.
pub(super) fn missing(builder: &mut Builder<'_>, facts: &Facts<'_>, missing: &[&DesiredSubnet]) {
    for tier in missing {
        let thing = builder.thing(&ResourceId::new(facts.vpc.id.as_str()), label(facts.name, tier));
        let summary = format!("the subnet {} is gone from {}", tier.cidr, facts.vpc.id);
        builder.drift(&thing, Severity::Drift, summary.clone());
        let remedy = "deploy the stack that holds it again (`plumb render` makes its template)".into();
        builder.held(&thing, summary, remedy);
    }
}

/// Takes each subnet to its own table. Answers the steps that do.
pub(super) fn keep<'a>(
    builder: &mut Builder<'a>,
    facts: &Facts<'a>,
    seats: &[Seat<'a>],
    kept: &AllKept<'a>,
) -> BTreeMap<&'a ResourceId, usize> {
    let mut moves = BTreeMap::new();
    let settling = builder.settling(facts, "rtb-");
    for seat in seats {
        let thing = builder.thing(&seat.subnet.id, label(facts.name, seat.tier));
        if let Some(association) = seat.association.filter(|_| !seat.is_home()) {
            builder.alias(association, &seat.subnet.id);
        }
        let open = seat.now.and_then(|now| worst(facts, seat.tier, now)) == Some(Severity::Exposure);
        let severity = if open { Severity::Exposure } else { Severity::Drift };
        match &seat.home {
            Home::InUse(_) => {}
            Home::Own(own) if seat.is_home() => replay(builder, facts, seat, own),
            Home::Own(own) => {
                builder.drift(&thing, severity, format!("{}, not its own route table {}", used(seat), own.id));
                let ready = kept.get(&own.id);
                if ready.is_some_and(|kept| kept.stays_open || (kept.unfit && !open)) {
                    builder.soon(format!("{}: {} still serves others that use it", thing.name, own.id));
                    continue;
                }
                let needs = ready.map(|kept| kept.contains.clone()).unwrap_or_default();
                replay(builder, facts, seat, own);
                let change = go_home(builder, facts, seat, &own.id, !open);
                let rank = if open { Rank::Contain } else { Rank::Move };
                let caveat = open.then(|| "flows by the other table's routes break".to_owned());
                let stack = seat.subnet.stack.clone();
                let step = Step { contains: open, needs, stack, caveat, ..Step::new(change) };
                moves.insert(&seat.subnet.id, builder.step(rank, step));
            }
            Home::Gone => {
                builder.drift(&thing, severity, format!("its own route table is gone; {}", used(seat)));
                if settling {
                    builder.soon("a route table was made a moment ago and is not shown yet".into());
                } else {
                    make(builder, facts, seat, open);
                }
            }
            Home::Several(ids) => {
                let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
                let summary =
                    format!("{}, and {} all bear the tags of its own route table", used(seat), ids.join(" and "));
                builder.drift(&thing, severity, summary.clone());
                let remedy = format!(
                    "take the tag from those that are not: aws ec2 delete-tags --tags Key={TIER} --resources {}",
                    ids.get(1..).unwrap_or_default().join(" ")
                );
                builder.held(&thing, summary, remedy);
            }
            Home::Unclear(why) => {
                builder.drift(&thing, severity, format!("it has no route table of its own: {why}"));
                let remedy = commands(facts, seat);
                builder.held(&thing, format!("which route table is its own cannot be told: {why}"), remedy);
            }
        }
    }
    moves
}

fn used(seat: &Seat<'_>) -> String {
    let subnet = &seat.subnet.id;
    match (seat.now, seat.association) {
        (Some(now), Some(_)) => format!("{subnet} uses {}", now.id),
        (Some(now), None) => format!("{subnet} uses {}, the VPC's main route table", now.id),
        (None, _) => format!("{subnet} uses no route table"),
    }
}

fn go_home(builder: &Builder<'_>, facts: &Facts<'_>, seat: &Seat<'_>, to: &ResourceId, back: bool) -> Change {
    let subnet = builder.thing(&seat.subnet.id, label(facts.name, seat.tier));
    match seat.association.zip(seat.now) {
        Some((association, now)) => {
            Change::Move { subnet, association: association.clone(), from: now.id.clone(), to: to.clone(), back }
        }
        None => Change::Associate { subnet, to: to.clone(), back },
    }
}

fn make(builder: &mut Builder<'_>, facts: &Facts<'_>, seat: &Seat<'_>, contains: bool) {
    let change = table(builder.thing(&seat.subnet.id, label(facts.name, seat.tier)), facts, seat);
    let rank = if contains { Rank::Contain } else { Rank::Make };
    let stack = seat.subnet.stack.clone();
    let caveat = Some("the stack's own table stays missing to the stack until it is made again there".to_owned());
    builder.step(rank, Step { contains, stack, caveat, ..Step::new(change) });
}

fn table(subnet: Thing, facts: &Facts<'_>, seat: &Seat<'_>) -> Change {
    let (topology, tier, zone) = (&facts.desired.topology, &seat.tier.tier, &seat.tier.zone);
    let name = format!("{topology}-{}-{tier}-{zone}", facts.name);
    let tags = [
        ("Name", name.as_str()),
        (TOPOLOGY, topology.as_str()),
        (VPC, facts.name.as_str()),
        (TIER, tier.as_str()),
        (ZONE, zone.as_str()),
        (CONTROL, ControlId::Routes.name()),
    ];
    let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    Change::CreateTable { subnet, vpc: facts.vpc.id.clone(), tags }
}

/// A table with our tags that is not in the books, while the last call for its subnet has no answer on record: the same call, whose
/// token gives the same table, takes it into them.
fn replay(builder: &mut Builder<'_>, facts: &Facts<'_>, seat: &Seat<'_>, own: &super::ObservedTable) {
    let last = facts.standing.repairs.get(&seat.subnet.id).and_then(|repairs| repairs.last());
    let unanswered = last.is_some_and(|repair| repair.succeeded.is_none() && !repair.removed);
    if !unanswered || facts.ours(own) || !facts.says_ours(own) {
        return;
    }
    let subnet = builder.thing(&seat.subnet.id, label(facts.name, seat.tier));
    let summary =
        format!("{} has our tags and is not on record: asked for once more, AWS says whether we made it", own.id);
    builder.drift(&subnet, Severity::Advice, summary);
    let change = table(subnet, facts, seat);
    builder.step(Rank::Replay, Step { stack: seat.subnet.stack.clone(), ..Step::new(change) });
}

/// The commands that give a subnet a table of its own.
fn commands(facts: &Facts<'_>, seat: &Seat<'_>) -> String {
    let (topology, tier, zone) = (&facts.desired.topology, &seat.tier.tier, &seat.tier.zone);
    let tag = |key: &str, value: &str| format!("{{Key={key},Value={value}}}");
    let tags = [
        tag(TOPOLOGY, topology.as_str()),
        tag(VPC, facts.name.as_str()),
        tag(TIER, tier.as_str()),
        tag(ZONE, zone.as_str()),
    ];
    let make = format!(
        "table=$(aws ec2 create-route-table --vpc-id {} --tag-specifications 'ResourceType=route-table,Tags=[{}]' --query \
         RouteTable.RouteTableId --output text)",
        facts.vpc.id,
        tags.join(",")
    );
    match seat.association {
        Some(association) => format!(
            "{make} && aws ec2 replace-route-table-association --association-id {association} --route-table-id $table; or give \
             the right table these tags"
        ),
        None => format!(
            "{make} && aws ec2 associate-route-table --subnet-id {} --route-table-id $table; or give the right table these tags",
            seat.subnet.id
        ),
    }
}
