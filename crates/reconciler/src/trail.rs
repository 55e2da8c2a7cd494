//! Whether API calls are announced at all: EventBridge gets them from CloudTrail, and only while a trail that covers the Region logs
//! management writes
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html>).
//!
//! Without one every event is lost, drift waits for the sweep, and nothing else would say so.

use crate::Fault;
use serde::Serialize;
use std::collections::BTreeSet;
use topology::Place;

/// The services whose calls wake a control: the `eventSource` of template.yaml's rules.
pub const EVENT_SOURCES: &[&str] = &[
    "ec2.amazonaws.com",
    "ecs.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "logs.amazonaws.com",
    "rds.amazonaws.com",
];

/// A trail that covers a Region: one of its own, or the shadow of one of another Region or of the organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    /// Its ARN: a shadow has no other name here.
    pub arn: String,
    /// Whether it is logging now.
    pub logging: Result<bool, Fault>,
    /// Which events it logs: those that any of these lets through.
    pub selectors: Result<Vec<EventSelector>, Fault>,
}

/// Which events a trail logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventSelector {
    /// An event selector (<https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html>).
    Basic {
        /// `IncludeManagementEvents`.
        management: bool,
        /// `ReadWriteType`: `All`, `WriteOnly` or `ReadOnly`.
        read_write: String,
        /// `ExcludeManagementEventSources`.
        excluded: BTreeSet<String>,
    },
    /// An advanced one: every field must let the event through
    /// (<https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html>).
    Advanced(Vec<FieldSelector>),
}

/// A field of an advanced event selector: one of the first three that are not empty must match, and none of the others may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    /// `eventCategory`, `readOnly`, `eventSource`, …
    pub field: String,
    /// `Equals`.
    pub equals: Vec<String>,
    /// `StartsWith`.
    pub starts_with: Vec<String>,
    /// `EndsWith`.
    pub ends_with: Vec<String>,
    /// `NotEquals`.
    pub not_equals: Vec<String>,
    /// `NotStartsWith`.
    pub not_starts_with: Vec<String>,
    /// `NotEndsWith`.
    pub not_ends_with: Vec<String>,
}

impl FieldSelector {
    fn admits(&self, value: &str) -> bool {
        let Self { field: _, equals, starts_with, ends_with, not_equals, not_starts_with, not_ends_with } = self;
        let is = |list: &[String]| list.iter().any(|one| one == value);
        let begins = |list: &[String]| list.iter().any(|one| value.starts_with(one.as_str()));
        let ends = |list: &[String]| list.iter().any(|one| value.ends_with(one.as_str()));
        let narrowed = !(equals.is_empty() && starts_with.is_empty() && ends_with.is_empty());
        let wanted = !narrowed || is(equals) || begins(starts_with) || ends(ends_with);
        wanted && !is(not_equals) && !begins(not_starts_with) && !ends(not_ends_with)
    }
}

impl EventSelector {
    /// Whether every management write of a service is logged. A field that CloudTrail may yet come to know for management events
    /// narrows them to nobody knows which: that is not every write.
    fn logs_writes_of(&self, source: &str) -> bool {
        match self {
            Self::Basic { management, read_write, excluded } => {
                *management && matches!(read_write.as_str(), "All" | "WriteOnly") && !excluded.contains(source)
            }
            Self::Advanced(fields) => {
                let admits = |field: &FieldSelector| match field.field.as_str() {
                    "eventCategory" => field.admits("Management"),
                    "readOnly" => field.admits("false"),
                    "eventSource" => field.admits(source),
                    _ => false,
                };
                fields.iter().any(|field| field.field == "eventCategory") && fields.iter().all(admits)
            }
        }
    }
}

/// Whether a place's API calls are announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Announced {
    /// Those of every service that a control listens to.
    Yes,
    /// Not all of them.
    No {
        /// Why, trail by trail.
        why: String,
        /// What a person can do.
        remedy: String,
    },
    /// Nobody can tell: that is not the same as yes.
    Unknown {
        /// What could not be seen.
        why: String,
        /// What a person can do.
        remedy: String,
    },
}

/// What a trail does about the writes of one service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Logs {
    Yes,
    No,
    Unknown,
}

fn logs(trail: &Trail, source: &str) -> Logs {
    let selected = trail.selectors.as_ref().map(|list| list.iter().any(|selector| selector.logs_writes_of(source)));
    match (&trail.logging, selected) {
        (Ok(false), _) | (_, Ok(false)) => Logs::No,
        (Ok(true), Ok(true)) => Logs::Yes,
        (Err(_), _) | (_, Err(_)) => Logs::Unknown,
    }
}

/// The whole decision, without asking anybody.
pub fn announced(place: &Place, trails: &Result<Vec<Trail>, Fault>) -> Announced {
    let trails = match trails {
        Ok(trails) => trails,
        Err(fault) => return unknown(vec![fault.to_string()]),
    };
    let by_any = |source: &str, wanted: Logs| trails.iter().any(|trail| logs(trail, source) == wanted);
    let lost: Vec<&str> = EVENT_SOURCES.iter().copied().filter(|source| !by_any(source, Logs::Yes)).collect();
    if lost.is_empty() {
        return Announced::Yes;
    }
    let surely: Vec<&str> = lost.iter().copied().filter(|source| !by_any(source, Logs::Unknown)).collect();
    if surely.is_empty() {
        let unseen = trails.iter().flat_map(|trail| {
            let faults = [trail.logging.as_ref().err(), trail.selectors.as_ref().err()];
            faults.into_iter().flatten().map(|fault| format!("{}: {fault}", trail.arn))
        });
        return unknown(unseen.collect());
    }
    let reasons = trails.iter().filter_map(|trail| Some(format!("{} {}", trail.arn, reason(trail, &surely)?)));
    let reasons: Vec<String> = reasons.collect();
    let why = match reasons.is_empty() {
        true => format!("no trail covers {place}"),
        false => reasons.join("; "),
    };
    Announced::No { why, remedy: remedy(trails) }
}

/// Why a trail does not help with these services.
fn reason(trail: &Trail, lost: &[&str]) -> Option<String> {
    if trail.logging == Ok(false) {
        return Some("is not logging".into());
    }
    let selectors = trail.selectors.as_ref().ok()?;
    let left_out = |source: &&&str| !selectors.iter().any(|selector| selector.logs_writes_of(source));
    let left_out: Vec<&str> = lost.iter().filter(left_out).copied().collect();
    match left_out.len() {
        0 => None,
        all if all == EVENT_SOURCES.len() => Some("does not log management writes".into()),
        _ => Some(format!("leaves out management writes of {}", left_out.join(", "))),
    }
}

fn remedy(trails: &[Trail]) -> String {
    let stopped = |trail: &&Trail| {
        let would = |source: &&str| {
            trail.selectors.as_ref().is_ok_and(|list| list.iter().any(|selector| selector.logs_writes_of(source)))
        };
        trail.logging == Ok(false) && EVENT_SOURCES.iter().all(would)
    };
    let running = |trail: &&Trail| trail.logging == Ok(true);
    if let Some(trail) = trails.iter().find(stopped) {
        return format!("in the trail's own Region: aws cloudtrail start-logging --name {}", trail.arn);
    }
    if let Some(trail) = trails.iter().find(running) {
        let selectors = r#"'[{"ReadWriteType":"WriteOnly","IncludeManagementEvents":true}]'"#;
        return format!(
            "let a trail log management writes; this replaces the selectors that it has: aws cloudtrail put-event-selectors \
             --trail-name {} --event-selectors {selectors}",
            trail.arn
        );
    }
    "create a trail and start it: aws cloudtrail create-trail --name management --s3-bucket-name … --is-multi-region-trail && aws \
     cloudtrail start-logging --name management"
        .into()
}

fn unknown(unseen: Vec<String>) -> Announced {
    let remedy = "let the sweep's role call cloudtrail:DescribeTrails, cloudtrail:GetTrailStatus and cloudtrail:GetEventSelectors, and \
                  look at the trails yourself meanwhile";
    Announced::Unknown { why: unseen.join("; "), remedy: remedy.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FaultClass;

    const ARN: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/management";

    fn place() -> Place {
        Place::new("111122223333", "eu-west-1")
    }

    fn denied(operation: &str) -> Fault {
        Fault::new(operation, FaultClass::Terminal, "not authorized")
    }

    fn basic(management: bool, read_write: &str, excluded: &[&str]) -> EventSelector {
        let excluded = excluded.iter().map(ToString::to_string).collect();
        EventSelector::Basic { management, read_write: read_write.into(), excluded }
    }

    fn field(name: &str, equals: &[&str], not_equals: &[&str]) -> FieldSelector {
        let list = |values: &[&str]| values.iter().map(ToString::to_string).collect();
        FieldSelector { field: name.into(), equals: list(equals), not_equals: list(not_equals), ..Default::default() }
    }

    fn management(rest: &[FieldSelector]) -> EventSelector {
        EventSelector::Advanced([&[field("eventCategory", &["Management"], &[])], rest].concat())
    }

    fn trail(logging: Result<bool, Fault>, selectors: Result<Vec<EventSelector>, Fault>) -> Trail {
        Trail { arn: ARN.into(), logging, selectors }
    }

    /// `yes`, `no` or `unknown`, with the reason.
    fn said(trails: Result<Vec<Trail>, Fault>) -> String {
        match announced(&place(), &trails) {
            Announced::Yes => "yes".into(),
            Announced::No { why, .. } => format!("no: {}", why.replace(ARN, "it")),
            Announced::Unknown { why, .. } => format!("unknown: {}", why.replace(ARN, "it")),
        }
    }

    #[test]
    fn a_selector_must_let_every_write_through() {
        let starts = |name: &str, with: &str| FieldSelector {
            field: name.into(),
            starts_with: vec![with.into()],
            ..FieldSelector::default()
        };
        let not_ends = |name: &str, with: &str| FieldSelector {
            field: name.into(),
            not_ends_with: vec![with.into()],
            ..FieldSelector::default()
        };
        for (selector, expected) in [
            (basic(true, "All", &[]), "yes"),
            (basic(true, "WriteOnly", &[]), "yes"),
            (basic(true, "All", &["kms.amazonaws.com", "rdsdata.amazonaws.com"]), "yes"),
            (basic(true, "ReadOnly", &[]), "no: it does not log management writes"),
            (basic(true, "SomethingNew", &[]), "no: it does not log management writes"),
            (basic(false, "All", &[]), "no: it does not log management writes"),
            (basic(true, "All", &["ec2.amazonaws.com"]), "no: it leaves out management writes of ec2.amazonaws.com"),
            (management(&[]), "yes"),
            (management(&[field("readOnly", &["false"], &[])]), "yes"),
            (management(&[field("readOnly", &[], &["true"])]), "yes"),
            (management(&[field("readOnly", &["true"], &[])]), "no: it does not log management writes"),
            (management(&[field("readOnly", &[], &["false"])]), "no: it does not log management writes"),
            (management(&[field("eventSource", &[], &["kms.amazonaws.com", "rdsdata.amazonaws.com"])]), "yes"),
            (
                management(&[field("eventSource", &[], &["ec2.amazonaws.com", "logs.amazonaws.com"])]),
                "no: it leaves out management writes of ec2.amazonaws.com, logs.amazonaws.com",
            ),
            (management(&[field("eventSource", &["kms.amazonaws.com"], &[])]), "no: it does not log management writes"),
            (
                management(&[starts("eventSource", "e")]),
                "no: it leaves out management writes of logs.amazonaws.com, rds.amazonaws.com",
            ),
            (management(&[not_ends("eventSource", ".example.com")]), "yes"),
            (management(&[not_ends("eventSource", "amazonaws.com")]), "no: it does not log management writes"),
            // Fields that trails do not know for management events today.
            (management(&[field("eventName", &[], &["RunInstances"])]), "no: it does not log management writes"),
            (
                EventSelector::Advanced(vec![field("eventCategory", &["Data"], &[])]),
                "no: it does not log management writes",
            ),
            (
                EventSelector::Advanced(vec![field("readOnly", &["false"], &[])]),
                "no: it does not log management writes",
            ),
            (EventSelector::Advanced(vec![]), "no: it does not log management writes"),
        ] {
            assert_eq!(said(Ok(vec![trail(Ok(true), Ok(vec![selector.clone()]))])), expected, "{selector:?}");
        }
    }

    #[test]
    fn any_selector_of_any_trail_will_do_and_they_add_up() {
        let (all, none) = (basic(true, "All", &[]), basic(false, "All", &[]));
        assert_eq!(said(Ok(vec![trail(Ok(true), Ok(vec![none.clone(), all.clone()]))])), "yes");
        assert_eq!(said(Ok(vec![trail(Ok(false), Ok(vec![all.clone()])), trail(Ok(true), Ok(vec![all]))])), "yes");
        let only = |source: &str| management(&[field("eventSource", &[source], &[])]);
        let halves = |sources: &[&str]| trail(Ok(true), Ok(sources.iter().map(|source| only(source)).collect()));
        assert_eq!(said(Ok(vec![halves(&EVENT_SOURCES[..2]), halves(&EVENT_SOURCES[2..])])), "yes");
        assert_eq!(
            said(Ok(vec![trail(Ok(true), Ok(vec![none.clone()])), trail(Ok(false), Ok(vec![none]))])),
            "no: it does not log management writes; it is not logging"
        );
    }

    #[test]
    fn no_trail_and_a_trail_that_was_stopped_are_told() {
        assert_eq!(said(Ok(vec![])), "no: no trail covers 111122223333/eu-west-1");
        let all = || Ok(vec![basic(true, "All", &[])]);
        assert_eq!(said(Ok(vec![trail(Ok(false), all())])), "no: it is not logging");
        // Whatever else could not be seen of it.
        assert_eq!(said(Ok(vec![trail(Ok(false), Err(denied("GetEventSelectors")))])), "no: it is not logging");
        let remedies = |trails| match announced(&place(), &Ok(trails)) {
            Announced::No { remedy, .. } => remedy,
            other => panic!("{other:?}"),
        };
        assert!(remedies(vec![trail(Ok(false), all())]).ends_with(&format!("start-logging --name {ARN}")));
        let reads = trail(Ok(true), Ok(vec![basic(true, "ReadOnly", &[])]));
        assert!(remedies(vec![reads]).contains(&format!("put-event-selectors --trail-name {ARN}")));
        assert!(remedies(vec![]).contains("create-trail"));
    }

    #[test]
    fn what_cannot_be_seen_is_never_fine() {
        let all = || Ok(vec![basic(true, "All", &[])]);
        assert_eq!(said(Err(denied("DescribeTrails"))), "unknown: DescribeTrails failed: not authorized");
        assert_eq!(
            said(Ok(vec![trail(Err(denied("GetTrailStatus")), all())])),
            "unknown: it: GetTrailStatus failed: not authorized"
        );
        assert_eq!(
            said(Ok(vec![trail(Ok(true), Err(denied("GetEventSelectors")))])),
            "unknown: it: GetEventSelectors failed: not authorized"
        );
        // A trail that is seen to log all makes good for one that is not seen; one that is seen to log nothing hides nothing.
        let unseen = || trail(Err(denied("GetTrailStatus")), Err(denied("GetEventSelectors")));
        assert_eq!(said(Ok(vec![unseen(), trail(Ok(true), all())])), "yes");
        assert!(said(Ok(vec![unseen(), trail(Ok(false), all())])).starts_with("unknown"));
        let reads = trail(Err(denied("GetTrailStatus")), Ok(vec![basic(true, "ReadOnly", &[])]));
        assert_eq!(said(Ok(vec![reads])), "no: it does not log management writes");
    }
}
