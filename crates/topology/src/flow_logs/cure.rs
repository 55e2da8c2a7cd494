//! A flow log of ours that is as declared and whose records do not arrive.
//!
//! AWS answers FlowLogAlreadyExists to an equal one, so it cannot be replaced create-first; and what is wrong is mostly beside it.
//! So: what can be cured is cured (the log group). A second one of ours, the *probe*, is made to the same place with the other
//! aggregation interval, which AWS takes: it records meanwhile, and shows whether delivery works for a flow log made now. When AWS
//! recovers by itself, the probe is surplus and goes. When the probe delivers and ours still does not, ours is deleted and made
//! again, and the probe goes when the new one is seen: at no time do both not record. When the probe fails as well, the cause is a
//! person's to remove, and the failed probe stays for a day, which is what keeps another from being tried before.

use super::planner::{Builder, Group};
use super::spec::Wanted;
use super::vpc::{Context, create, delete, is_failed, said};
use super::{Delivery, ObservedLog, Purpose, Spec, advice, tags};
use crate::core::{Severity, Standing};
use jiff::{SignedDuration, Timestamp};

/// A flow log is replaced, and a probe tried again, at most this often. By hand at any time.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);
/// Records are delivered within about ten minutes of the interval's end
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-basics.html>): a SUCCESS that is younger proves nothing.
const DELIVERY: SignedDuration = SignedDuration::from_mins(10);
/// CloudWatch Logs takes less than is sent: another flow log would only send more.
const RATE_LIMITED: &str = "Rate limited";

/// The same flow log with the other aggregation interval.
pub(super) fn probe_of(spec: &Spec) -> Spec {
    let interval_seconds = if spec.interval_seconds == 60 { 600 } else { 60 };
    Spec { interval_seconds, ..spec.clone() }
}

pub(super) fn is_probe(wanted: &Wanted, log: &ObservedLog) -> bool {
    let probe = Wanted { name: wanted.name.clone(), spec: probe_of(&wanted.spec) };
    log.active && log.spec.records_like(&probe.spec) && probe.delivers_like(&log.spec.destination)
}

pub(super) fn plan(builder: &mut Builder<'_>, context: &Context<'_>, wanted: &Wanted, failed: &ObservedLog) {
    let Wanted { name, spec: _ } = wanted;
    let cause = said(failed);
    let summary = format!("it is ACTIVE, but its records do not arrive: {cause}");
    builder.drift(builder.place.key(failed.id.clone()), name, Severity::Drift, summary);
    // Delivered by the role that it has: the function may not have been told of any.
    let same = Wanted { name: name.clone(), spec: failed.spec.clone() };
    let standing = builder.standing;
    let fresh = tags::is_replacement(failed) && !due(failed, standing);
    // Somebody else's shows it as well, and AWS would take no equal one beside it.
    let mut probes: Vec<&ObservedLog> = context.active();
    probes.retain(|log| is_probe(&same, log));
    if probes.iter().any(|log| context.is_unheard(log)) {
        // It is asked for once more.
        return;
    }
    let help = advice::let_in(&failed.spec, builder.place);
    let Some(probe) = probes.iter().find(|log| !is_failed(log)).or(probes.first()) else {
        if matches!(&failed.delivery, Delivery::Failed { why: Some(why) } if why.contains(RATE_LIMITED)) {
            let remedy =
                "ask for a higher quota of CloudWatch Logs, or declare less: `traffic: reject`, fewer fields".into();
            builder.hold(&failed.id, name, cause, remedy);
        } else if fresh {
            let why = format!("it was made again less than a day ago, and fails again. {cause}");
            builder.hold(&failed.id, name, why, help);
        } else {
            let probe = Wanted { name: name.clone(), spec: probe_of(&failed.spec) };
            let caveat = format!("it records meanwhile, and goes when {} delivers or is made again", failed.id);
            let purpose = Purpose::Probe { of: failed.id.clone() };
            create(builder, context, &probe, purpose, tags::stands_in_for(&failed.id), Some(caveat));
        }
        return;
    };
    match &probe.delivery {
        Delivery::Failed { why: _ } => {
            let why = format!("neither it nor {}, which goes to the same place, delivers. {}", probe.id, said(probe));
            if due(probe, standing) && context.is_ours(probe) {
                // The next plan makes another.
                delete(builder, context, name, probe);
            } else {
                builder.hold(&failed.id, name, why, help);
            }
        }
        Delivery::Success | Delivery::Unreported if standing.now < proven(probe, standing) => {
            let why = format!("whether AWS delivers again shows on {}, which records meanwhile", probe.id);
            builder.wait(proven(probe, standing), why);
        }
        Delivery::Unreported => {
            let why = format!("AWS says nothing of the delivery of {}, which goes to the same place", probe.id);
            builder.hold(&failed.id, name, why, help);
        }
        Delivery::Success if fresh => {
            let why = format!("it was made again less than a day ago; {} records instead", probe.id);
            builder.hold(&failed.id, name, why, help);
        }
        // Without its log group it could not be made again.
        Delivery::Success if !matches!(builder.group(&same.spec.destination), Group::Ready) => {}
        Delivery::Success => {
            let gone = delete(builder, context, name, failed);
            let more = tags::instead_of(&probe.id);
            let then = if context.is_ours(probe) { ", and goes once this one is seen" } else { "" };
            let caveat = format!("{} records meanwhile{then}", probe.id);
            if let Some(made) = create(builder, context, &same, Purpose::Declared, more, Some(caveat)) {
                builder.needs(made, gone);
            }
        }
    }
}

fn age(log: &ObservedLog, standing: &Standing) -> SignedDuration {
    let made = log.created.or_else(|| standing.created.get(&log.id).copied()).unwrap_or(standing.now);
    standing.now.duration_since(made)
}

fn due(log: &ObservedLog, standing: &Standing) -> bool {
    standing.by_hand || age(log, standing) >= AGAIN
}

/// From when on SUCCESS means that records arrived.
fn proven(probe: &ObservedLog, standing: &Standing) -> Timestamp {
    let interval = SignedDuration::from_secs(probe.spec.interval_seconds.into());
    let left = interval.saturating_add(DELIVERY).saturating_sub(age(probe, standing));
    standing.now.checked_add(left).unwrap_or(standing.now)
}
