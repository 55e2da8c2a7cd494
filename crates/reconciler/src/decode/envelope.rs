//! Reading JSON that may be anything.

use jiff::Timestamp;
use serde_json::Value;
use topology::Place;

/// The longest text that is kept of what an event says of its caller.
const LONGEST: usize = 512;

/// A text field that is there and not empty, cut to a sensible length. AWS writes an absent text as `""`, `{}` or null.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    let text = value.get(field)?.as_str().filter(|text| !text.is_empty())?;
    Some(text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text))
}

/// The same to keep and to show: whoever wrote it must not write to a person's terminal.
pub(crate) fn owned(value: &Value, field: &str) -> Option<String> {
    text(value, field).map(|text| text.chars().filter(|c| !c.is_control()).collect())
}

/// An account id: twelve digits, as text or, where AWS coerced it, as a number that lost its leading zeros.
pub(super) fn account(value: &Value, field: &str) -> Option<String> {
    let digits = match value.get(field)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => format!("{:012}", number.as_u64()?),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// A Region's code.
pub(super) fn region<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text(value, field).filter(|region| region.len() <= 32 && region.chars().all(plain))
}

/// An account field and a Region field together.
pub(crate) fn place(value: &Value, account_field: &str, region_field: &str) -> Option<Place> {
    Some(Place::new(account(value, account_field)?, region(value, region_field)?))
}

/// The account and Region of an ARN.
pub(super) fn place_of_arn(arn: &str) -> Option<Place> {
    let mut parts = arn.splitn(6, ':').skip(3);
    let (region, account) = (parts.next()?, parts.next()?);
    let twelve = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    (twelve && !region.is_empty()).then(|| Place::new(account, region))
}

/// A time that is not in the future: what is measured from it must not be negative.
pub(crate) fn time(value: &Value, field: &str, now: Timestamp) -> Option<Timestamp> {
    text(value, field)?.parse::<Timestamp>().ok().map(|at| at.min(now))
}
