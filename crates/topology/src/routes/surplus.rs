//! What goes of what was made here: tables that the ledger and their tags call ours.

use super::facts::{Facts, Seat};
use super::planner::{Builder, Rank};
use super::reach::exposure;
use super::{Change, ObservedRoute, ObservedTable};
use crate::core::{ResourceId, Severity, Step};
use crate::network::destination_option;

/// Ours that is nobody's own and that nothing uses.
pub(super) fn tables(builder: &mut Builder<'_>, facts: &Facts<'_>, seats: &[Seat<'_>]) {
    let kept = |table: &ObservedTable| {
        seats.iter().any(|seat| match &seat.home {
            super::facts::Home::Several(ids) => ids.contains(&&table.id),
            _ => seat.kept().is_some_and(|kept| kept.id == table.id),
        })
    };
    for table in &facts.tables {
        if !facts.ours(table) || table.main || kept(table) || !table.subnets.is_empty() {
            continue;
        }
        let thing = builder.thing(&table.id, format!("{}/{}", facts.name, table.id));
        builder.drift(&thing, Severity::Drift, "ours, and no subnet needs it any more".into());
        let step = Step { stack: facts.vpc.stack.clone(), ..Step::new(Change::DeleteTable { table: thing }) };
        builder.step(Rank::Remove, step);
    }
}

/// Everything of ours: the subnets go back to the VPC's main table, so that the network's stack can be deleted.
pub(super) fn retire(builder: &mut Builder<'_>, facts: &Facts<'_>) {
    for table in facts.tables.iter().filter(|table| facts.ours(table) && !table.main) {
        let thing = builder.thing(&table.id, format!("{}/{}", facts.name, table.id));
        builder.drift(&thing, Severity::Drift, "ours, and the topology is retired".into());
        let (mut needs, mut stays) = (vec![], false);
        for (subnet, association) in &table.subnets {
            if let Some((main, route)) = opens(facts, subnet) {
                hold(builder, facts, table, (subnet, association), (main, route));
                stays = true;
                continue;
            }
            let subnet = builder.thing(subnet, format!("{}/{subnet}", facts.name));
            let change = Change::Disassociate { subnet, association: association.clone(), from: table.id.clone() };
            needs.push(builder.step(Rank::Move, Step { stack: facts.vpc.stack.clone(), ..Step::new(change) }));
        }
        if stays {
            continue;
        }
        let change = Change::DeleteTable { table: thing };
        builder.step(Rank::Remove, Step { needs, stack: facts.vpc.stack.clone(), ..Step::new(change) });
    }
}

/// The route of the main table that a declared subnet must not have. It falls on that table when it loses its own.
fn opens<'a>(facts: &Facts<'a>, subnet: &ResourceId) -> Option<(&'a ObservedTable, &'a ObservedRoute)> {
    let main = facts.tables.iter().copied().find(|table| table.main)?;
    let subnet = facts.subnets.iter().copied().find(|known| known.id == *subnet)?;
    let tier = facts.declared.subnets.iter().find(|tier| tier.cidr == subnet.cidr)?;
    Some((main, exposure(facts, tier, main)?))
}

/// A topology that goes opens nothing on its way out.
fn hold(
    builder: &mut Builder<'_>,
    facts: &Facts<'_>,
    table: &ObservedTable,
    (subnet, association): (&ResourceId, &ResourceId),
    (main, route): (&ObservedTable, &ObservedRoute),
) {
    let ObservedRoute { destination, target, blackhole: _, origin: _ } = route;
    let why = format!(
        "without it {subnet} would use {}, the VPC's main route table, where {destination} leads to {target}",
        main.id
    );
    let range = destination_option(destination);
    let remedy = format!(
        "if nobody needs that way: aws ec2 delete-route --route-table-id {} {range} {destination}; or give {subnet} another table: \
         aws ec2 replace-route-table-association --association-id {association} --route-table-id rtb-…; or delete the subnet with \
         its stack ({} goes by itself then)",
        main.id, table.id
    );
    let thing = builder.thing(subnet, format!("{}/{subnet}", facts.name));
    builder.held(&thing, why, remedy);
}
