//! One control on one topology: the layer rule, the binding, and the mode that picks the function.

use crate::bind::{Binds, bind, pin};
use crate::enforce::{enforce, older};
use crate::survey::look;
use crate::{
    Cause, Clock, Eyes, Fault, Hands, Ledger, LedgerRead, LoopKey, Outcome, Ports, ReadPorts, Report, Run, Served,
    Settings, Target,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use topology::network::State;
use topology::{Control, ControlId, Held, Mode, ResourceId, Topology};

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
    let mut binds = bind(
        &place,
        topology,
        &served.named_by_others(topology),
        ask.verify,
        ports.eyes,
        ports.ledger,
        ports.clock.now(),
    )
    .await?;
    let fresh = !binds.pins.is_empty() || (served.layer.is_some() && served.layer != in_force);
    pin(&mut binds, ports.ledger).await?;
    let Some((target, held)) = target::<C>(served, topology, ask, binds) else { return Ok(None) };
    let report = match target.bound.vpcs.is_empty() {
        true => Some(unbound::<C>(&target, "enforce", held, ports.clock.now())),
        false => enforce::<C>(&target, ports.hands, ports.ledger, ports.clock, settings, run)
            .await?
            .map(|report| with_held(Report { fresh, ..report }, held)),
    };
    match report {
        Some(report) if topology.state == State::Retired => {
            let whole = target.hinted.is_empty();
            Ok(Some(left(report, topology, whole, ports.ledger, ports.clock.now()).await))
        }
        report => Ok(report),
    }
}

/// Whether a control leaves something in a network that its stack does not know of.
fn makes(control: ControlId) -> bool {
    match control {
        ControlId::SecurityGroups
        | ControlId::FlowLogs
        | ControlId::Nat
        | ControlId::PrivateLink
        | ControlId::Routes
        | ControlId::Endpoints => true,
        ControlId::Exposure => false,
    }
}

/// What one control says of a retired topology counts so long: each sweep says it anew, and they are an hour apart at most.
const SAID: SignedDuration = SignedDuration::from_hours(2);

/// Says whether anything of Plumbline's is left of a retired topology. `whole`: all of it was looked at.
async fn left(mut report: Report, topology: &Topology, whole: bool, ledger: &impl Ledger, now: Timestamp) -> Report {
    let own = report.key.control;
    if !makes(own) {
        return report;
    }
    let clean = matches!(report.overall, Outcome::InSync | Outcome::Applied) && report.held.is_empty();
    if clean && !whole {
        return report;
    }
    let noted = match ledger.retire(&report.key, clean, now).await {
        Ok(noted) => noted,
        Err(fault) => {
            tracing::warn!(topology = %topology.id, control = %own, %fault, "not noted what is left");
            return report;
        }
    };
    if !clean {
        return report;
    }
    let lately = |control: &ControlId| noted.get(control).is_some_and(|at| now.duration_since(*at) <= SAID);
    let kept =
        ControlId::ALL.iter().filter(|control| topology.keeps(**control) && makes(**control) && **control != own);
    let waits: Vec<&str> = kept.filter(|control| !lately(control)).map(|control| control.name()).collect();
    report.retired = waits.is_empty() && !lately(&own);
    report.notes.push(match waits.is_empty() {
        true => format!("{} is retired, and nothing of Plumbline's is left: its stack can be deleted", topology.id),
        false => format!(
            "{} is retired, and nothing of {own} is left; before its stack can be deleted: {}",
            topology.id,
            waits.join(", ")
        ),
    });
    report
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
    let binds = bind(
        &place,
        topology,
        &served.named_by_others(topology),
        ask.verify,
        ports.eyes,
        ports.ledger,
        ports.clock.now(),
    )
    .await?;
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
    let Binds { bound, pins: _, learned: _, held, gone: _ } = binds;
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
