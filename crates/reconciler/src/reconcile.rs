//! One control on one topology: the layer rule, the binding, and the mode that picks the function.

use crate::bind::{Binds, bind, pin};
use crate::enforce::{enforce, older};
use crate::survey::look;
use crate::{
    Cause, Clock, Eyes, Fault, Hands, Ledger, LedgerRead, LoopKey, Outcome, Ports, ReadPorts, Report, Run, Served,
    Settings, Target,
};
use jiff::Timestamp;
use std::collections::BTreeSet;
use topology::{Control, Held, Mode, ResourceId, Topology};

/// What one reconcile is asked to do.
pub(crate) struct Ask {
    /// Ids to look at; empty: everything.
    pub(crate) resources: BTreeSet<ResourceId>,
    pub(crate) causes: Vec<Cause>,
    pub(crate) first_seen: Option<Timestamp>,
    /// A person asks for it: then the document's mode does not keep it from acting.
    pub(crate) by_hand: bool,
    /// Why, where that was said.
    pub(crate) reason: Option<String>,
    /// Ask AWS even for pinned VPCs.
    pub(crate) verify: bool,
}

/// As the document's mode says. `None`: the topology says nothing of this control.
pub(crate) async fn reconcile<C, E, H, L, O, K>(
    served: &Served,
    topology: &Topology,
    ask: Ask,
    ports: &Ports<'_, E, H, L, O, K>,
    settings: &Settings,
    run: &Run,
) -> Result<Option<Report>, Fault>
where
    C: Control,
    E: Eyes<C>,
    H: Hands<C>,
    L: Ledger,
    K: Clock,
{
    if (topology.mode(C::ID) == Mode::Observe && !ask.by_hand) || C::desired(topology).is_none() {
        return only_look::<C, _, _, _>(served, topology, ask, "observe", None, &ports.read(), settings).await;
    }
    let place = served.place_of(topology);
    let in_force = ports.ledger.layer(&place, &topology.id).await?;
    if let (Some(mine), Some(in_force)) = (&served.layer, &in_force)
        && let Some((why, remedy)) = older(mine, in_force, &topology.id)
    {
        let barred = Some((why, remedy));
        return only_look::<C, _, _, _>(served, topology, ask, "enforce", barred, &ports.read(), settings).await;
    }
    let mut binds = bind(&place, topology, ask.verify, ports.eyes, ports.ledger, ports.clock.now()).await?;
    let fresh = !binds.pins.is_empty() || (served.layer.is_some() && served.layer != in_force);
    pin(&mut binds, ports.ledger).await?;
    let Some((target, held)) = target::<C>(served, topology, ask, binds) else { return Ok(None) };
    if target.bound.vpcs.is_empty() {
        return Ok(Some(unbound::<C>(&target, "enforce", held, ports.clock.now())));
    }
    let report = enforce::<C>(&target, ports.hands, ports.ledger, ports.clock, settings, run).await?;
    Ok(report.map(|report| with_held(Report { fresh, ..report }, held)))
}

/// Only looks. `mode`: `observe` by the document, `plan` by hand; `enforce` where `barred` says why it may not do more.
pub(crate) async fn only_look<C, E, L, K>(
    served: &Served,
    topology: &Topology,
    ask: Ask,
    mode: &str,
    barred: Option<(String, String)>,
    ports: &ReadPorts<'_, E, L, K>,
    settings: &Settings,
) -> Result<Option<Report>, Fault>
where
    C: Control,
    E: Eyes<C>,
    L: LedgerRead,
    K: Clock,
{
    if C::desired(topology).is_none() {
        return Ok(None);
    }
    let place = served.place_of(topology);
    let binds = bind(&place, topology, ask.verify, ports.eyes, ports.ledger, ports.clock.now()).await?;
    let Some((target, held)) = target::<C>(served, topology, ask, binds) else { return Ok(None) };
    if target.bound.vpcs.is_empty() {
        return Ok(Some(unbound::<C>(&target, mode, held, ports.clock.now())));
    }
    let report = look::<C>(&target, mode, barred, ports.eyes, ports.ledger, ports.clock, &settings.limits).await?;
    Ok(report.map(|report| with_held(report, held)))
}

fn target<'a, C: Control>(
    served: &Served,
    topology: &'a Topology,
    ask: Ask,
    binds: Binds,
) -> Option<(Target<'a>, Vec<Held>)> {
    C::desired(topology)?;
    let Ask { resources, causes, first_seen, by_hand, reason, verify: _ } = ask;
    let Binds { bound, pins: _, learned: _, held } = binds;
    let key = LoopKey { place: bound.place.clone(), topology: topology.id.clone(), control: C::ID };
    let layer = served.layer.clone();
    Some((Target { topology, key, bound, hinted: resources, causes, first_seen, by_hand, reason, layer }, held))
}

/// Nothing is bound, so nothing is looked at.
fn unbound<C: Control>(target: &Target<'_>, mode: &str, held: Vec<Held>, now: Timestamp) -> Report {
    let empty = topology::Plan::<C::Action>::default();
    with_held(crate::survey::begin(target, mode, &empty, now), held)
}

/// Adds what the binding holds. It outranks only success: what is bound was still worked upon.
fn with_held(mut report: Report, held: Vec<Held>) -> Report {
    if let (Some(first), Outcome::InSync | Outcome::Applied | Outcome::Planned) = (held.first(), &report.overall) {
        report.overall = Outcome::Held { why: first.why.clone(), remedy: first.remedy.clone() };
    }
    report.by_order &= held.is_empty();
    report.held.extend(held);
    report
}
