//! From reports to what the world is told: every outcome on the bus, people only when it matters, and not twice.

mod page;

use crate::{
    Announced, Cause, Clock, Fault, Ledger, LoopKey, Metrics, Outbox, Outcome, OutcomeEvent, RefusedDocument, Report,
    Run, Served,
};
use jiff::{SignedDuration, Timestamp};
use page::{EXPOSED, FAILED, Hidden, News, Page, contained, hidden, kind_of};
use std::collections::{BTreeMap, BTreeSet};
use topology::{Drift, Place, ResourceKey, Severity, TopologyId};

/// Something that fights us is told again after this: within the window in which it un-trips.
const FLAPPING_AGAIN: SignedDuration = SignedDuration::from_mins(10);
/// A broken event path or a broken document is told once a day.
const BROKEN_AGAIN: SignedDuration = SignedDuration::from_hours(24);
/// How long a drift that is left standing counts as announced, so that the sweep does not call the event path blind.
const ANNOUNCED: SignedDuration = SignedDuration::from_hours(24);

/// Things that are claimed one by one, of each list; what is beyond is claimed as one. A claim is a write, and a flood of drifts must
/// not use up the time that is kept for recording. With flapping and blindness a report makes some twenty at most.
const CLAIMS: usize = 4;
/// Drifts of one look whose announcement is remembered: enough to tell a silent trail from a loud one.
const ANNOUNCEMENTS: usize = 6;

/// Tells about one run. Fills in `event_path_blind`, which needs the memory of what was announced.
pub(crate) async fn tell(
    report: &mut Report,
    swept: bool,
    ledger: &impl Ledger,
    outbox: &impl Outbox,
    clock: &impl Clock,
    run: &Run,
    metrics: &mut Metrics,
) {
    let say = Once { ledger, place: report.key.place.clone(), clock, deadline: run.deadline };
    let silent = unannounced(report, swept, &say).await;
    report.event_path_blind = !silent.is_empty();
    let mut events = vec![];
    let told = kind_of(report, swept);
    if let Some((kind, page)) = &told {
        let Page { always, news } = page;
        let mut page = *always;
        if *always {
            metrics.new_exposures += contained(report);
        }
        if let Some(news) = news {
            page |= claim(report, kind, news, &say, metrics).await > 0;
        }
        events.push(event(report, kind, headline(report), page));
    }
    // The worst outcome speaks for the whole; what it hides is told beside it.
    let kind = told.map(|(kind, _)| kind);
    for Hidden { kind, news, headline } in hidden(report, kind) {
        if claim(report, kind, &news, &say, metrics).await > 0 {
            events.push(event(report, kind, headline, true));
        }
    }
    let mut fighting = report.flapping.clone();
    fighting.dedup();
    if !fighting.is_empty() {
        let names = fighting.join(", ");
        let page = say.once(&format!("{}#Flapping#{names}", scope(&report.key)), FLAPPING_AGAIN).await;
        let by = who(report).map(|by| format!(", lately by {by}")).unwrap_or_default();
        let line = format!("{}: something keeps changing {names}{by}", subject(&report.key));
        events.push(event(report, "Flapping", line, page));
    }
    if report.retired {
        let id = &report.key.topology;
        let line = format!("{id} is retired, and nothing of Plumbline's is left: its stack can be deleted");
        let page = say.once(&format!("Topology Retired#{id}"), BROKEN_AGAIN).await;
        events.push(event(report, "Topology Retired", line, page));
    }
    if report.event_path_blind {
        // A sweep may overtake one event by chance; a second within a day is a broken path. The trail belongs to the place, not
        // to a topology: one page for all of them.
        let again = !say.once("Event Path Blind, suspected", BROKEN_AGAIN).await;
        let page = report.mode == "enforce" && again && say.once("Event Path Blind", BROKEN_AGAIN).await;
        metrics.event_path_blind += u64::from(page);
        let line = format!(
            "{}: no event announced the drift of {}; is a trail that logs management writes still on in {}?",
            subject(&report.key),
            silent.join(", "),
            report.key.place
        );
        events.push(event(report, "Event Path Blind", line, page));
    }
    send(&events, outbox, metrics).await;
}

/// Claims each of these; answers how many were not told of within their period.
async fn claim(
    report: &Report,
    kind: &str,
    news: &News,
    say: &Once<'_, impl Ledger, impl Clock>,
    metrics: &mut Metrics,
) -> u64 {
    let News { about, period } = news;
    let one_by_one = if about.len() > CLAIMS { CLAIMS - 1 } else { CLAIMS };
    let rest: Vec<&str> = about.iter().skip(one_by_one).map(String::as_str).collect();
    let rest = (!rest.is_empty()).then(|| rest.join("#"));
    let mut new = 0;
    for one in about.iter().take(one_by_one).chain(&rest) {
        if say.once(&format!("{}#{kind}#{one}", scope(&report.key)), *period).await {
            new += 1;
            match kind {
                FAILED => metrics.new_failures += 1,
                _ => metrics.new_exposures += u64::from(one.contains(EXPOSED)),
            }
        }
    }
    new
}

/// Tells that hints were given up on.
pub(crate) async fn tell_given_up(
    place: &Place,
    topology: Option<&TopologyId>,
    control: topology::ControlId,
    why: &str,
    outbox: &impl Outbox,
    metrics: &mut Metrics,
) {
    let name = topology.map_or_else(|| place.to_string(), ToString::to_string);
    let event = OutcomeEvent {
        detail_type: "Reconcile Failed".into(),
        place: place.clone(),
        topology: topology.cloned(),
        control: Some(control),
        headline: format!("{name} ({control}): given up on, see the dead-letter queue: {why}"),
        detail: serde_json::json!({ "topology": topology, "control": control, "why": why, "dead_lettered": true }),
        page: true,
    };
    send(&[event], outbox, metrics).await;
}

/// Tells of documents in the layer that were refused. The others stay enforced.
pub(crate) async fn tell_refused(
    served: &Served,
    ledger: &impl Ledger,
    outbox: &impl Outbox,
    clock: &impl Clock,
    metrics: &mut Metrics,
) {
    let say = Once { ledger, place: served.home.clone(), clock, deadline: None };
    let mut events = vec![];
    for RefusedDocument { file, topology, problems } in &served.refused {
        metrics.refused_documents += 1;
        events.push(OutcomeEvent {
            detail_type: "Topology Refused".into(),
            place: served.home.clone(),
            topology: topology.clone(),
            control: None,
            headline: format!("{file} is refused and not enforced; every other document stays enforced"),
            detail: serde_json::json!({ "topology": topology, "file": file, "problems": problems }),
            page: say.once(&format!("Topology Refused#{file}"), BROKEN_AGAIN).await,
        });
    }
    send(&events, outbox, metrics).await;
}

/// Tells of topologies that disappeared from the layer.
pub(crate) async fn tell_vanished(
    vanished: &[(Place, TopologyId)],
    ledger: &impl Ledger,
    outbox: &impl Outbox,
    clock: &impl Clock,
    metrics: &mut Metrics,
) {
    let mut events = vec![];
    for (place, id) in vanished {
        let say = Once { ledger, place: place.clone(), clock, deadline: None };
        events.push(OutcomeEvent {
            detail_type: "Topology Missing".into(),
            place: place.clone(),
            topology: Some(id.clone()),
            control: None,
            headline: format!("{id} is no longer among the readable documents: its network is left as it is, and unwatched"),
            detail: serde_json::json!({ "topology": id, "remedy": "bring the document back, or take this as the end of its enforcement" }),
            page: say.once(&format!("Topology Missing#{id}"), BROKEN_AGAIN).await,
        });
    }
    send(&events, outbox, metrics).await;
}

/// Tells of places whose API calls are not announced, or of which nobody can tell.
pub(crate) async fn tell_silent(
    places: &[(Place, Announced)],
    ledger: &impl Ledger,
    outbox: &impl Outbox,
    clock: &impl Clock,
    metrics: &mut Metrics,
) {
    let mut events = vec![];
    for (place, heard) in places {
        let (kind, headline, why, remedy) = match heard {
            Announced::Yes => continue,
            Announced::No { why, remedy } => {
                metrics.trails_missing += 1;
                tracing::error!(%place, why, "API calls are not announced: drift waits for the sweep");
                let headline = format!(
                    "API calls in {place} are not announced: drift there waits for the sweep, and nobody is named for it: {why}; {remedy}"
                );
                ("Trail Missing", headline, why, remedy)
            }
            Announced::Unknown { why, remedy } => {
                metrics.trails_unknown += 1;
                tracing::warn!(%place, why, "it cannot be told whether API calls are announced");
                let headline =
                    format!("it cannot be told whether a trail announces the API calls in {place}: {why}; {remedy}");
                ("Trail Unknown", headline, why, remedy)
            }
        };
        let say = Once { ledger, place: place.clone(), clock, deadline: None };
        events.push(OutcomeEvent {
            detail_type: kind.into(),
            place: place.clone(),
            topology: None,
            control: None,
            headline,
            detail: serde_json::json!({ "account": place.account, "region": place.region, "why": why, "remedy": remedy }),
            page: say.once(kind, BROKEN_AGAIN).await,
        });
    }
    send(&events, outbox, metrics).await;
}

async fn send(events: &[OutcomeEvent], outbox: &impl Outbox, metrics: &mut Metrics) {
    if events.is_empty() {
        return;
    }
    if let Err(fault) = outbox.publish(events).await {
        // The network is right and on record; the metric raises an alarm in place of the event.
        metrics.unpublished += events.len() as u64;
        for event in events {
            tracing::error!(detail_type = event.detail_type, headline = event.headline, %fault, "not published");
        }
    }
}

struct Once<'a, L, K> {
    ledger: &'a L,
    place: Place,
    clock: &'a K,
    deadline: Option<Timestamp>,
}

impl<L: Ledger, K: Clock> Once<'_, L, K> {
    /// When the ledger cannot say whether it was said, or there is no time to ask, it is said: twice is better than never.
    async fn once(&self, what: &str, period: SignedDuration) -> bool {
        self.claim(what, period).await.unwrap_or(true)
    }

    async fn claim(&self, what: &str, period: SignedDuration) -> Result<bool, Fault> {
        let now = self.clock.now();
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            return Err(Fault::new("say_once", crate::FaultClass::Retryable, "the function's time is up"));
        }
        self.ledger.say_once(&self.place, what, now, period).await
    }
}

/// Names of what drifted without an event that told of it, now or before. A drift that is left standing and was told of is
/// remembered, by what it is: another drift of the same resource needs an announcement of its own.
async fn unannounced(report: &Report, swept: bool, say: &Once<'_, impl Ledger, impl Clock>) -> Vec<String> {
    let standing = !matches!(report.overall, Outcome::Applied | Outcome::InSync);
    // Somebody else is at work on it, perhaps because of the very event: whoever looks again can tell.
    let undecided = matches!(report.overall, Outcome::Converging { .. })
        && report.actions.iter().all(|action| action.outcome != Outcome::Applied);
    if (swept && undecided) || (!swept && !standing) {
        return vec![];
    }
    let mut drifted: BTreeMap<&ResourceKey, Vec<(usize, &Drift)>> = BTreeMap::new();
    for (at, drift) in report.drifts.iter().enumerate().filter(|(_, drift)| drift.severity > Severity::Advice) {
        drifted.entry(&drift.resource).or_default().push((at, drift));
    }
    // What was put back is over.
    let period = if standing { ANNOUNCED } else { SignedDuration::ZERO };
    let mut silent = BTreeSet::new();
    let mut claims = 0;
    for (resource, drifts) in drifted {
        if claims >= ANNOUNCEMENTS {
            break;
        }
        let caused = drifts.iter().any(|(at, _)| report.causes.contains_key(at));
        let mut known = false;
        for (_, drift) in &drifts {
            let what = format!("{}#announced#{}#{}", scope(&report.key), resource.id, drift.summary);
            // A failed claim must not raise a false alarm about the trail.
            known |= !say.claim(&what, period).await.unwrap_or(false);
            claims += 1;
            if (known && swept) || claims >= ANNOUNCEMENTS {
                break;
            }
        }
        // Nor must the first look under a new declaration.
        if swept && !caused && !known && !report.fresh {
            silent.extend(drifts.first().map(|(_, drift)| drift.name.clone()));
        }
    }
    silent.into_iter().collect()
}

fn scope(key: &LoopKey) -> String {
    format!("{}#{}", key.topology, key.control)
}

fn subject(key: &LoopKey) -> String {
    format!("{} ({})", key.topology, key.control)
}

fn event(report: &Report, kind: &str, headline: String, page: bool) -> OutcomeEvent {
    OutcomeEvent {
        detail_type: kind.into(),
        place: report.key.place.clone(),
        topology: Some(report.key.topology.clone()),
        control: Some(report.key.control),
        headline,
        detail: serde_json::to_value(report).unwrap_or_default(),
        page,
    }
}

/// One line for a person: what, how bad, who, and what became of it.
pub(crate) fn headline(report: &Report) -> String {
    let name = subject(&report.key);
    let exposures = report.drifts.iter().filter(|drift| drift.severity == Severity::Exposure).count();
    let worst = report.drifts.iter().max_by_key(|drift| drift.severity);
    let what = match (worst, report.drifts.len()) {
        (None, _) => String::new(),
        (Some(drift), 1) => format!("{}: {} ({})", drift.name, drift.summary, drift.severity),
        (Some(drift), all) if exposures > 0 => {
            let others = count(all - 1, "other difference");
            format!("{}: {} ({}, and {others})", drift.name, drift.summary, count(exposures, "exposure"))
        }
        (Some(drift), all) => format!("{}: {}, and {} more", drift.name, drift.summary, all - 1),
    };
    let by = who(report).map(|by| format!(" by {by}")).unwrap_or_default();
    let of = |wanted: Outcome| report.actions.iter().filter(|action| action.outcome == wanted).count();
    let (applied, planned) = (of(Outcome::Applied), of(Outcome::Planned));
    let became = match &report.overall {
        Outcome::InSync => return format!("{name}: in sync"),
        Outcome::Planned => {
            let notes: String = report.notes.iter().map(|note| format!("; {note}")).collect();
            format!("{} planned, nothing changed ({} mode){notes}", actions(planned), report.mode)
        }
        Outcome::Applied => format!("put back with {} and verified", actions(applied)),
        Outcome::Converging { recheck_after: _, why } => format!("{} done, looked at again: {why}", actions(applied)),
        Outcome::Held { why, remedy } => format!("held: {why}; {remedy}"),
        Outcome::Skipped { why } => format!("skipped: {why}"),
        Outcome::Failed(fault) => format!("{} done, then {fault}", actions(applied)),
    };
    match what.is_empty() {
        true => format!("{name}: {became}"),
        false => format!("{name}: {what}{by}; {became}"),
    }
}

fn actions(number: usize) -> String {
    count(number, "action")
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn who(report: &Report) -> Option<String> {
    report.causes.values().flatten().max_by_key(|cause| cause.at).map(person)
}

/// A caller as a person would name it.
pub(crate) fn person(cause: &Cause) -> String {
    let principal = &cause.principal;
    let name = principal.arn.clone().unwrap_or_else(|| principal.kind.clone());
    let through = cause.invoked_by.as_ref().map(|service| format!(" through {service}")).unwrap_or_default();
    format!("{name}{through} ({})", cause.event_name)
}
