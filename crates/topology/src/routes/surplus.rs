//! What goes of what was made here: tables that the ledger and their tags call ours.

use super::facts::{Facts, Seat};
use super::planner::{Builder, Rank};
use super::{Change, ObservedTable};
use crate::core::{Severity, Step};

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
        let mut needs = vec![];
        for (subnet, association) in &table.subnets {
            let subnet = builder.thing(subnet, format!("{}/{subnet}", facts.name));
            let change = Change::Disassociate { subnet, association: association.clone(), from: table.id.clone() };
            needs.push(builder.step(Rank::Move, Step { stack: facts.vpc.stack.clone(), ..Step::new(change) }));
        }
        let change = Change::DeleteTable { table: thing };
        builder.step(Rank::Remove, Step { needs, stack: facts.vpc.stack.clone(), ..Step::new(change) });
    }
}
