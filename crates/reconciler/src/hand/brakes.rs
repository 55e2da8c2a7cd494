//! Pause, resume, exempt, unexempt, a control's own decisions; rebind and the confirmed roll-back. What lets enforcement go on asks for a look at once.

use super::words::{cannot, done, half};
use super::{Answer, known};
use crate::{Binding, Clock, Error, Ledger, Locate, Outbox, Pinned, Served};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use topology::{ControlId, Directive, Place, ResourceId, Seen, Subject, TopologyId, Verb, VpcId, VpcName};

/// A person's order, to be put on record.
pub(super) struct Order<'a> {
    pub(super) verb: Verb,
    pub(super) subject: Subject,
    /// `None`: it stands.
    pub(super) lasts: Option<SignedDuration>,
    pub(super) reason: &'a str,
    pub(super) by: &'a str,
}

pub(super) async fn pause(
    served: &Served,
    topology: &TopologyId,
    order: Order<'_>,
    ledger: &impl Ledger,
    clock: &impl Clock,
) -> Result<Answer, Error> {
    let place = served.place_of(known(served, topology)?);
    set(&[place], order, ledger, clock).await.map(|(until, data)| done(format!("{topology} is paused{until}"), data))
}

pub(super) async fn exempt(
    served: &Served,
    resource: &ResourceId,
    order: Order<'_>,
    eyes: &impl Locate,
    ledger: &impl Ledger,
    clock: &impl Clock,
) -> Result<Answer, Error> {
    let places: Vec<Place> = served.places().into_iter().collect();
    let mut found = false;
    let mut certain = true;
    for place in &places {
        match eyes.locate(place, &BTreeSet::from([resource.clone()])).await {
            Ok(located) => found |= matches!(located.get(resource), Some(Seen::Present(_))),
            Err(_) => certain = false,
        }
    }
    let (until, data) = set(&places, order, ledger, clock).await?;
    // It may be meant for something that comes later, so it is set all the same.
    let note = if found || !certain { "" } else { " (AWS does not know it now: check the id)" };
    Ok(done(format!("{resource} is exempt{until}{note}"), data))
}

async fn set(
    places: &[Place],
    order: Order<'_>,
    ledger: &impl Ledger,
    clock: &impl Clock,
) -> Result<(String, Value), Error> {
    let Order { verb, subject, lasts, reason, by } = order;
    let since = clock.now();
    let end = |lasts| since.checked_add(lasts).map_err(|error| cannot(error.to_string()));
    let until = lasts.map(end).transpose()?;
    let directive = Directive { verb, subject, reason: reason.into(), by: by.into(), since, until };
    for place in places {
        ledger.direct(place, &directive).await?;
    }
    tracing::info!(?directive, "ordered");
    let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
    Ok((until, json!({ "directive": directive })))
}

pub(super) async fn resume(
    served: &Served,
    topology: &TopologyId,
    control: Option<ControlId>,
    reason: &str,
    ledger: &impl Ledger,
    outbox: &impl Outbox,
) -> Result<Answer, Error> {
    let place = served.place_of(known(served, topology)?);
    // Resuming a whole topology lifts the pauses of its single controls too.
    let every = [None].into_iter().chain(ControlId::ALL.iter().copied().map(Some));
    let controls: Vec<Option<ControlId>> = if control.is_some() { vec![control] } else { every.collect() };
    let mut lifted = vec![];
    for control in controls {
        let subject = Subject::Topology { topology: topology.clone(), control };
        lifted.extend(ledger.withdraw(&place, Verb::Pause, &subject).await?);
    }
    let whole = if control.is_some() { " (a pause of the whole topology may still stand: see status)" } else { "" };
    let summary = match lifted.is_empty() {
        true => format!("{topology} was not paused{whole}"),
        false => format!("{topology} is enforced again{whole}"),
    };
    look_at(&[(place, topology.clone())], "resumed", reason, summary, json!({ "lifted": lifted }), outbox).await
}

/// A decision that the control's plans understand: it looks again at once.
pub(super) async fn decide(
    served: &Served,
    resource: &ResourceId,
    order: Order<'_>,
    ledger: &impl Ledger,
    outbox: &impl Outbox,
    clock: &impl Clock,
) -> Result<Answer, Error> {
    let places: Vec<Place> = served.places().into_iter().collect();
    let (what, reason) = (word(order.verb), order.reason.to_owned());
    let (until, data) = set(&places, order, ledger, clock).await?;
    let everywhere = served.topologies.iter().map(|topology| (served.place_of(topology), topology.id.clone()));
    let topologies: Vec<(Place, TopologyId)> = everywhere.collect();
    let summary = format!("on record{until}: {what} {resource}");
    look_at(&topologies, what, &reason, summary, data, outbox).await
}

pub(super) async fn withdraw(
    served: &Served,
    verb: Verb,
    resource: &ResourceId,
    reason: &str,
    ledger: &impl Ledger,
    outbox: &impl Outbox,
) -> Result<Answer, Error> {
    let subject = Subject::Resource(resource.clone());
    let (mut lifted, mut topologies) = (vec![], vec![]);
    for place in served.places() {
        if let Some(directive) = ledger.withdraw(&place, verb, &subject).await? {
            lifted.push(directive);
            topologies.extend(served.at(&place).map(|(_, topology)| (place.clone(), topology.id.clone())));
        }
    }
    let what = word(verb);
    let summary = match (lifted.is_empty(), verb) {
        (true, _) => format!("there was no {what} of {resource}"),
        (false, Verb::Exempt) => format!("{resource} is enforced again"),
        (false, _) => format!("withdrawn: {what} {resource}"),
    };
    let why = format!("{what} withdrawn");
    look_at(&topologies, &why, reason, summary, json!({ "lifted": lifted }), outbox).await
}

fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Pause => "pause",
        Verb::Exempt => "exemption",
        Verb::Approve => "approve",
        Verb::Reject => "reject",
        Verb::Evacuate => "evacuate",
    }
}

#[allow(clippy::too_many_arguments, reason = "the fields of the request and its ports")]
pub(super) async fn rebind(
    served: &Served,
    topology: &TopologyId,
    name: &VpcName,
    to: &VpcId,
    reason: &str,
    eyes: &impl Locate,
    ledger: &impl Ledger,
    outbox: &impl Outbox,
    clock: &impl Clock,
) -> Result<Answer, Error> {
    let declared = known(served, topology)?;
    let place = served.place_of(declared);
    let Some(vpc) = declared.vpcs.get(name) else {
        let names: Vec<&str> = declared.vpcs.keys().map(|name| name.as_str()).collect();
        return Err(cannot(format!("{topology} has no VPC called {name}: {} are declared", names.join(", "))));
    };
    if let Some(id) = vpc.id.as_ref().filter(|id| *id != to) {
        return Err(cannot(format!("the document names {id} for {name}: change the document first")));
    }
    let candidates = eyes.candidates(&place, declared, &BTreeSet::from([to.clone()])).await?;
    let Some(found) = candidates.into_iter().find(|candidate| candidate.vpc == *to) else {
        return Err(cannot(format!("AWS does not know {to} in {place}")));
    };
    if found.cidr != vpc.cidr.to_string() {
        return Err(cannot(format!("{to} has {}, but {name} is declared with {}", found.cidr, vpc.cidr)));
    }
    if let Some(of) = vpc.stack.as_ref().filter(|_| !found.of_stack.contains(name)) {
        return Err(cannot(format!(
            "the document says that {name} is {of}, and that is not {to}: change the document first"
        )));
    }
    let binding = Binding { vpc: to.clone(), cidr: found.cidr, stack: found.stack, at: clock.now() };
    match ledger.pin(&place, topology, name, &binding, true).await? {
        Pinned::Yes => {}
        Pinned::VpcTaken(other, held_as) => return Err(cannot(format!("{to} is {held_as} of {other} already"))),
        Pinned::NameTaken(other) => return Err(cannot(format!("{name} was bound to {} meanwhile", other.vpc))),
    }
    tracing::info!(%topology, vpc = %name, %to, reason, "rebound");
    let summary = format!("{name} of {topology} is {to} from now on");
    look_at(&[(place, topology.clone())], "rebound", reason, summary, json!({ "binding": binding }), outbox).await
}

pub(super) async fn confirm_rollback(
    served: &Served,
    topology: &TopologyId,
    reason: &str,
    ledger: &impl Ledger,
    outbox: &impl Outbox,
) -> Result<Answer, Error> {
    let place = served.place_of(known(served, topology)?);
    let Some(mine) = &served.layer else { return Err(cannot("this function has its topologies from no layer")) };
    let before = ledger.layer(&place, topology).await?;
    let mark = ledger.raise_layer(&place, topology, mine, true).await?;
    let from = before.as_ref().map_or_else(|| "none".to_owned(), |mark| mark.version.to_string());
    tracing::info!(%topology, from, to = mark.version, reason, "roll-back confirmed");
    let summary = format!("{topology} acts on layer version {} from now on (it was {from})", mark.version);
    let data = json!({ "before": before, "layer": mark });
    look_at(&[(place, topology.clone())], "roll-back confirmed", reason, summary, data, outbox).await
}

async fn look_at(
    topologies: &[(Place, TopologyId)],
    what: &str,
    reason: &str,
    summary: String,
    data: Value,
    outbox: &impl Outbox,
) -> Result<Answer, Error> {
    if topologies.is_empty() {
        return Ok(done(summary, data));
    }
    match outbox.request(topologies, &format!("{what}: {reason}")).await {
        Ok(()) => Ok(done(summary, data)),
        Err(fault) => Ok(half(&format!("{summary}, at the next sweep"), &fault)),
    }
}
