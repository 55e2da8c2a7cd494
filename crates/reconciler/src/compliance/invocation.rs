//! What AWS Config sends to a rule's function
//! (<https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules_example-events.html>).

use crate::Error;
use crate::decode::envelope::{owned, place, text, time};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;
use topology::{Place, ResourceId, TopologyId};

/// An item that is larger than 256 KB comes as a summary; what is around it in an event is a few kilobytes.
const LARGEST: usize = 1024 * 1024;
/// The longest id and the longest type that an evaluation may name
/// (<https://docs.aws.amazon.com/config/latest/APIReference/API_Evaluation.html>).
const LONGEST_ID: usize = 768;
const LONGEST_TYPE: usize = 256;
/// A token that says that nothing is to be recorded, as AWS's own samples have it.
const TEST: &str = "TESTMODE";
/// The valid form, to copy.
const FORM: &str = r#"{"invokingEvent": "{\"messageType\": \"ScheduledNotification\", \"notificationCreationTime\": \"2026-11-20T03:00:00Z\"}", "resultToken": "TESTMODE", "accountId": "111122223333"}"#;

/// One invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invocation {
    pub(super) asked: Asked,
    /// The time of what AWS Config saw, which orders evaluations.
    pub(super) at: Timestamp,
    pub(super) rule: Option<String>,
    pub(super) token: String,
    /// Nothing is recorded: a person tries the function.
    pub(super) test: bool,
    /// Only these topologies; empty: all.
    pub(super) only: BTreeSet<TopologyId>,
}

/// What is to be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// One resource. `gone`: why nothing applies to it any more.
    Resource { place: Place, kind: String, id: ResourceId, gone: Option<&'static str> },
    /// Everything that is declared.
    Everything,
}

pub(super) fn read(event: &Value, now: Timestamp) -> Result<Invocation, Error> {
    let inner = event.get("invokingEvent").and_then(Value::as_str).ok_or_else(|| {
        let message = "this function answers AWS Config: it is invoked with `invokingEvent`, a text that holds JSON";
        Error::Hand { message: message.into(), valid: vec![FORM.into()] }
    })?;
    if inner.len() > LARGEST {
        return Err(Error::Refused(format!("an invoking event of {} bytes", inner.len())));
    }
    let inner: Value =
        serde_json::from_str(inner).map_err(|error| Error::Refused(format!("`invokingEvent` is not JSON: {error}")))?;
    let left = event.get("eventLeftScope").and_then(Value::as_bool) == Some(true);
    let message = text(&inner, "messageType").unwrap_or_default();
    let (asked, at) = match message {
        "ConfigurationItemChangeNotification" => item(&inner, "configurationItem", left, now)?,
        "OversizedConfigurationItemChangeNotification" => item(&inner, "configurationItemSummary", left, now)?,
        "ScheduledNotification" => (Asked::Everything, time(&inner, "notificationCreationTime", now)),
        other => {
            return Err(Error::Refused(format!("AWS Config message \"{other}\" is none that a rule is evaluated on")));
        }
    };
    let token = event.get("resultToken").and_then(Value::as_str).filter(|token| !token.is_empty()).unwrap_or(TEST);
    Ok(Invocation {
        asked,
        at: at.or_else(|| time(&inner, "notificationCreationTime", now)).unwrap_or(now),
        rule: owned(event, "configRuleName"),
        token: token.into(),
        test: token == TEST,
        only: parameters(event.get("ruleParameters"))?,
    })
}

fn item(event: &Value, field: &str, left: bool, now: Timestamp) -> Result<(Asked, Option<Timestamp>), Error> {
    let item = event.get(field).unwrap_or(&Value::Null);
    let lacks = |what: &str| Error::Refused(format!("`{field}` in the invoking event lacks {what}"));
    let within = |text: &&str, longest: usize| text.chars().count() <= longest;
    let plain = |field: &str| item.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let kind =
        plain("resourceType").filter(|kind| within(kind, LONGEST_TYPE)).ok_or_else(|| lacks("a resource type"))?;
    let id = plain("resourceId").filter(|id| within(id, LONGEST_ID)).ok_or_else(|| lacks("a resource id"))?;
    let place = place(item, "awsAccountId", "awsRegion").ok_or_else(|| lacks("an account and a Region"))?;
    // `ResourceDeleted`, `ResourceDeletedNotRecorded` and `ResourceNotRecorded` are the statuses in which there is nothing to judge
    // (<https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigurationItem.html>).
    let gone = match text(item, "configurationItemStatus").unwrap_or_default() {
        _ if left => Some("it left the scope of the rule"),
        "ResourceDeleted" | "ResourceDeletedNotRecorded" => Some("it was deleted"),
        "ResourceNotRecorded" => Some("it is not recorded"),
        _ if text(item, "changeType") == Some("DELETE") => Some("it was deleted"),
        _ => None,
    };
    let asked = Asked::Resource { place, kind: kind.into(), id: id.into(), gone };
    Ok((asked, time(item, "configurationItemCaptureTime", now)))
}

/// The parameters of the rule: a text that holds a JSON object, whose values are texts as well. Absent, empty, or `topologies`.
fn parameters(given: Option<&Value>) -> Result<BTreeSet<TopologyId>, Error> {
    let refused = |why: String| Error::Refused(format!("the parameters of the rule: {why}"));
    let form = r#"{"topologies": "three-tier, hipaa"}"#;
    let parameters = match given {
        None | Some(Value::Null) => return Ok(BTreeSet::new()),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(BTreeSet::new()),
        Some(Value::String(text)) => {
            serde_json::from_str(text).map_err(|error| refused(format!("no JSON ({error}); say {form}")))?
        }
        Some(other) => other.clone(),
    };
    let Value::Object(parameters) = parameters else { return Err(refused(format!("no object; say {form}"))) };
    let mut only = BTreeSet::new();
    for (name, value) in &parameters {
        let names = match (name.as_str(), value) {
            ("topologies", Value::String(text)) => text.split(',').map(str::trim).map(Some).collect(),
            ("topologies", Value::Array(items)) => items.iter().map(Value::as_str).collect::<Vec<_>>(),
            ("topologies", _) => vec![None],
            (other, _) => return Err(refused(format!("`{}` is unknown; say {form}", printable(other)))),
        };
        for name in names {
            let name = name
                .filter(|name| !name.is_empty())
                .ok_or_else(|| refused(format!("`topologies` names none; say {form}")))?;
            only.insert(printable(name).into());
        }
    }
    Ok(only)
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
