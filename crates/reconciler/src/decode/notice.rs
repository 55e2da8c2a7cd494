//! SNS notices. A PrivateLink notice's body is undocumented: it is a poke, scanned for ids and never believed.

use super::envelope::{place_of_arn, text, time};
use super::ids::Found;
use super::{Decoded, decode_value, poke};
use crate::Error;
use jiff::Timestamp;
use serde_json::Value;
use topology::{ControlId, Place};

/// The SNS envelope: `Message` is text, and may itself be JSON from AWS Config or EventBridge. What an endpoint service tells is
/// worth a look however it is worded: nothing that it says would have been believed.
pub(super) fn decode_sns(control: ControlId, sns: &Value, home: &Place, now: Timestamp) -> Result<Decoded, Error> {
    let place = text(sns, "TopicArn").and_then(place_of_arn).unwrap_or_else(|| home.clone());
    let at = time(sns, "Timestamp", now).unwrap_or(now);
    let message = sns.get("Message").and_then(Value::as_str).unwrap_or_default();
    let decoded = match serde_json::from_str::<Value>(message) {
        // One envelope within another, and no more: what is inside is not searched for a third.
        Ok(inner @ Value::Object(_)) if inner.get("TopicArn").is_none() && inner.get("plumbline").is_none() => {
            decode_value(control, &inner, &place, now)
        }
        _ => decode_text(message, &place, at),
    };
    match decoded {
        Err(Error::Refused(_)) | Ok(Decoded::Unknown(_)) if control == ControlId::PrivateLink => {
            Ok(Decoded::Look(vec![poke(place, [], at)]))
        }
        decoded => decoded,
    }
}

/// JSON of no known form, such as a raw notice: endpoint ids make it a poke.
pub(super) fn decode_json(message: &Value, home: &Place, now: Timestamp) -> Result<Decoded, Error> {
    let mut found = Found::default();
    found.collect(message);
    Ok(look(found, home, now).unwrap_or_else(|| Decoded::Unknown("JSON that is no event of ours".into())))
}

/// Plain text.
pub(super) fn decode_text(text: &str, home: &Place, at: Timestamp) -> Result<Decoded, Error> {
    let mut found = Found::default();
    found.text(text);
    look(found, home, at).ok_or_else(|| Error::Refused("neither JSON nor a notice that names an endpoint".into()))
}

fn look(found: Found, place: &Place, at: Timestamp) -> Option<Decoded> {
    let overflow = found.overflow;
    let mut ids = found.ids.into_iter().filter(|id| id.as_str().starts_with("vpce-")).peekable();
    ids.peek()?;
    let ids = if overflow { vec![] } else { ids.collect() };
    Some(Decoded::Look(vec![poke(place.clone(), ids, at)]))
}
