//! One message in, hints out. Lenient about everything that AWS sends, strict only about what we send ourselves; nothing that
//! an event says is ever acted upon, so a forged one is worth a look and no more.

mod cloudtrail;
pub(crate) mod envelope;
mod ids;
mod notice;
mod services;

use crate::{Cause, Error, Hint};
use envelope::{owned, place, text, time};
use ids::Found;
use jiff::Timestamp;
use serde_json::Value;
use topology::{ControlId, Place, ResourceId, TopologyId};

/// EventBridge delivers no more, and AWS's own parts of it are far smaller; a rule for `RunInstances` user data is not one of ours.
pub(crate) const LARGEST: usize = 256 * 1024;
/// A recheck of ours carries one hint a topology; a batch never serves this many.
const MOST_HINTS: usize = 500;

/// What a message turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// Look here.
    Look(Vec<Hint>),
    /// Understood, and nothing to look at: a failed call, a dry run, another control's request.
    NotAChange(String),
    /// Valid, but nothing that we know: worth one warning, and done with.
    Unknown(String),
}

/// Reads one message body. `home`: whose notices carry no place of their own. `Err` only for what will never be understood.
pub fn decode(control: ControlId, body: &str, home: &Place, now: Timestamp) -> Result<Decoded, Error> {
    if body.len() > LARGEST {
        return Err(Error::Refused(format!("{} bytes are more than EventBridge delivers ({LARGEST})", body.len())));
    }
    match serde_json::from_str::<Value>(body) {
        Ok(value @ Value::Object(_)) => decode_value(control, &value, home, now),
        Ok(Value::String(text)) => notice::decode_text(&text, home, now),
        Ok(_) => Err(Error::Refused("JSON, but not an object".into())),
        Err(error) if body.trim_start().starts_with(['{', '[']) => Err(Error::Refused(format!("broken JSON: {error}"))),
        Err(_) => notice::decode_text(body, home, now),
    }
}

/// The same for a message that is already JSON.
pub fn decode_value(control: ControlId, message: &Value, home: &Place, now: Timestamp) -> Result<Decoded, Error> {
    if message.get("plumbline").is_some() {
        return recheck(message, now);
    }
    if message.get("detail-type").is_some() || message.get("source").is_some() {
        return Ok(event(control, message, now));
    }
    if message.get("TopicArn").is_some() && message.get("Message").is_some() {
        return notice::decode_sns(control, message, home, now);
    }
    if message.get("messageType").is_some() {
        return Ok(config(message, None, now));
    }
    notice::decode_json(message, home, now)
}

/// The parts of an EventBridge event that every reader needs.
struct Envelope<'a> {
    place: Place,
    id: Option<String>,
    at: Timestamp,
    now: Timestamp,
    detail: &'a Value,
}

impl Envelope<'_> {
    /// Too many ids to believe are treated like none: the whole place is looked at, so that padding cannot hide a change.
    fn hint(&self, found: Found, causes: Vec<Cause>, first_seen: Timestamp) -> Hint {
        let resources = if found.overflow { Default::default() } else { found.ids };
        Hint { place: self.place.clone(), resources, topology: None, causes, first_seen, attempt: 0, chain_since: None }
    }
}

fn event(control: ControlId, event: &Value, now: Timestamp) -> Decoded {
    let kind = text(event, "detail-type").unwrap_or_default();
    let source = text(event, "source").unwrap_or_default();
    let Some(place) = place(event, "account", "region") else {
        return Decoded::Unknown(format!("event \"{kind}\" of \"{source}\" names no account and Region"));
    };
    let at = time(event, "time", now).unwrap_or(now);
    let envelope =
        Envelope { place, id: owned(event, "id"), at, now, detail: event.get("detail").unwrap_or(&Value::Null) };
    match (source, kind) {
        ("plumbline", "Reconcile Requested") => requested(control, &envelope),
        (
            _,
            "AWS API Call via CloudTrail" | "AWS Service Event via CloudTrail" | "AWS Console Action via CloudTrail",
        ) => cloudtrail::decode(&envelope),
        ("aws.config", _) => config(envelope.detail, Some(&envelope), now),
        ("aws.cloudformation", "CloudFormation Stack Status Change") => stack(&envelope),
        ("aws.events" | "aws.scheduler", "Scheduled Event") => {
            Decoded::Look(vec![envelope.hint(Found::default(), vec![], at)])
        }
        // It names a zone and no resource of ours, and is never believed: what is shifted is asked of AWS.
        ("aws.arc-zonal-shift", _) => Decoded::Look(vec![envelope.hint(Found::default(), vec![], at)]),
        _ => Decoded::Unknown(format!("event \"{kind}\" of \"{source}\" is none of ours")),
    }
}

/// Anyone may put such an event on the bus: it is worth a look, and nothing else.
fn requested(control: ControlId, envelope: &Envelope<'_>) -> Decoded {
    let detail = envelope.detail;
    match text(detail, "control") {
        Some(name) if name != control.name() => return Decoded::NotAChange(format!("asked of {name}")),
        _ => {}
    }
    let mut hint = envelope.hint(Found::default(), vec![], envelope.at);
    hint.place = place(detail, "account", "region").unwrap_or(hint.place);
    hint.topology = text(detail, "topology").map(TopologyId::from);
    Decoded::Look(vec![hint])
}

/// AWS Config: item changes, oversized ones without their configuration, compliance changes. From the bus or from a topic.
fn config(detail: &Value, envelope: Option<&Envelope<'_>>, now: Timestamp) -> Decoded {
    let message = text(detail, "messageType").unwrap_or_default();
    let compliant = detail.pointer("/newEvaluationResult/complianceType").and_then(Value::as_str) == Some("COMPLIANT");
    let item = match message {
        "ComplianceChangeNotification" if compliant => return Decoded::NotAChange("compliant again".into()),
        "ComplianceChangeNotification" => detail,
        "ConfigurationItemChangeNotification" => detail.get("configurationItem").unwrap_or(&Value::Null),
        "OversizedConfigurationItemChangeNotification" => {
            detail.get("configurationItemSummary").unwrap_or(&Value::Null)
        }
        "ScheduledNotification" => &Value::Null,
        other => return Decoded::Unknown(format!("AWS Config message \"{other}\" is none of ours")),
    };
    let Some(place) =
        envelope.map(|envelope| envelope.place.clone()).or_else(|| place(item, "awsAccountId", "awsRegion"))
    else {
        return Decoded::Unknown(format!("AWS Config message \"{message}\" names no account and Region"));
    };
    // The item names its own resource first; what it is related to (peer groups, interfaces) would only widen the look.
    let mut found = Found::default();
    found.text(text(item, "resourceId").unwrap_or_default());
    let gone = text(item, "configurationItemStatus").is_some_and(|status| status.starts_with("ResourceDeleted"));
    if gone {
        // AWS does not know it any more, and neither does anybody know where it was; its relations may still tell.
        let mut around = Found::default();
        around.collect(item.get("relationships").unwrap_or(&Value::Null));
        found.ids.append(&mut around.ids);
        found.ids.retain(|id| id.as_str().starts_with("vpc-"));
    } else if found.ids.is_empty() {
        found.collect(item);
    }
    let at = time(item, "configurationItemCaptureTime", now).or(envelope.map(|envelope| envelope.at)).unwrap_or(now);
    let from = Envelope { place, id: None, at, now, detail };
    Decoded::Look(vec![from.hint(found, vec![], at)])
}

/// A stack that settled lets go of what its changes held.
fn stack(envelope: &Envelope<'_>) -> Decoded {
    match stack_settled(envelope.detail) {
        true => Decoded::Look(vec![envelope.hint(Found::default(), vec![], envelope.at)]),
        false => Decoded::NotAChange("the stack is still changing".into()),
    }
}

/// Whether a stack event's status is a final one: every status that does not end in `_IN_PROGRESS`
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>).
pub(crate) fn stack_settled(detail: &Value) -> bool {
    let status = detail.pointer("/status-details/status").and_then(Value::as_str).unwrap_or_default();
    !status.is_empty() && !status.ends_with("_IN_PROGRESS")
}

/// Our own delayed message. Whoever may send to the queue can write one, so it is bounded like everything else.
fn recheck(message: &Value, now: Timestamp) -> Result<Decoded, Error> {
    let hints = message.get("hints").cloned().unwrap_or(Value::Null);
    let mut hints: Vec<Hint> = serde_json::from_value(hints)
        .map_err(|error| Error::Refused(format!("a recheck that is not ours: {error}")))?;
    if hints.len() > MOST_HINTS {
        return Err(Error::Refused(format!("a recheck with {} hints", hints.len())));
    }
    for hint in &mut hints {
        hint.first_seen = hint.first_seen.min(now);
        hint.chain_since = hint.chain_since.map(|since| since.min(now));
    }
    Ok(Decoded::Look(hints))
}

/// The body of a recheck message, as [`decode`] reads it back.
pub fn recheck_body(hints: &[Hint]) -> String {
    serde_json::json!({ "plumbline": "hints", "hints": hints }).to_string()
}

fn poke(place: Place, ids: impl IntoIterator<Item = ResourceId>, at: Timestamp) -> Hint {
    Hint {
        place,
        resources: ids.into_iter().collect(),
        topology: None,
        causes: vec![],
        first_seen: at,
        attempt: 0,
        chain_since: None,
    }
}
