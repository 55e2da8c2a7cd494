//! Accounts, Regions, ids, lengths of time and dates.

use super::Check;
use crate::core::{AccountId, Region, ResourceId};
use crate::document::problem::Span;
use jiff::Timestamp;

/// Whether the text is an account id.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|c| c.is_ascii_digit())
}

pub(super) fn account(check: Check<'_>, text: &str, span: Span) -> Option<AccountId> {
    if is_account(text) {
        return Some(text.into());
    }
    check.wrong(
        span,
        "account",
        format!("`{text}` is not an account id"),
        "an account id has twelve digits, in quotes: \"111122223333\"",
    );
    None
}

pub(super) fn region(check: Check<'_>, text: &str, span: Span) -> Option<Region> {
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_lowercase());
    let fits = match parts.as_slice() {
        [area, middle @ .., number] => {
            area.len() == 2
                && word(area)
                && !middle.is_empty()
                && middle.iter().all(word)
                && !number.is_empty()
                && number.bytes().all(|c| c.is_ascii_digit())
        }
        _ => false,
    };
    if fits {
        return Some(text.into());
    }
    let zone = text
        .strip_suffix(|last: char| last.is_ascii_lowercase())
        .filter(|rest| rest.ends_with(|c: char| c.is_ascii_digit()));
    let help = match zone {
        Some(region) => format!("that names an Availability Zone; write its Region: `{region}`"),
        None => "write a Region's code, such as `eu-west-1`".to_owned(),
    };
    check.wrong(span, "region", format!("`{text}` is not a Region"), help);
    None
}

/// `prefix` and 8 or 17 hexadecimal digits.
pub(super) fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        (rest.len() == 8 || rest.len() == 17) && rest.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
    })
}

pub(super) fn id(check: Check<'_>, text: &str, span: Span, prefix: &str, what: &str) -> Option<ResourceId> {
    if is_id(text, prefix) {
        return Some(text.into());
    }
    check.wrong(
        span,
        "id",
        format!("`{text}` is not the id of {what}"),
        format!("write `{prefix}` and the 8 or 17 hexadecimal digits that AWS shows"),
    );
    None
}

/// A length of time in seconds.
pub(super) fn duration(check: Check<'_>, text: &str, span: Span) -> Option<u64> {
    let wrong = |help: String| {
        check.wrong(span, "duration", format!("`{text}` is not a length of time"), help);
        None
    };
    let number_ends = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(number_ends);
    let Ok(count) = number.parse::<u32>() else {
        return wrong("write a number and a unit, such as `30 days`".to_owned());
    };
    let (seconds, name) = match unit.trim() {
        "second" | "seconds" | "s" => (1, "second"),
        "minute" | "minutes" | "m" | "min" => (60, "minute"),
        "hour" | "hours" | "h" => (3_600, "hour"),
        "day" | "days" | "d" => (86_400, "day"),
        "week" | "weeks" | "w" => (7 * 86_400, "week"),
        "year" | "years" | "y" => (365 * 86_400, "year"),
        "" => return wrong(format!("it has no unit; write `{count} days`, or whichever is meant")),
        _ => return wrong("the units are seconds, minutes, hours, days, weeks and years".to_owned()),
    };
    let plural = if count == 1 { "" } else { "s" };
    let written = format!("{count} {name}{plural}");
    if !matches!(text.split_once(' '), Some((_, unit)) if unit.trim_end_matches('s') == name) {
        return wrong(format!("write the unit out: `{written}`"));
    }
    if count == 0 {
        return wrong("it must be longer than nothing".to_owned());
    }
    Some(u64::from(count) * seconds)
}

/// A point in time, RFC 3339.
pub(super) fn timestamp(check: Check<'_>, text: &str, span: Span) -> Option<Timestamp> {
    match text.parse::<Timestamp>() {
        Ok(timestamp) => Some(timestamp),
        Err(_) => {
            let date = text.get(..10).filter(|date| date.parse::<jiff::civil::Date>().is_ok());
            let help = match date {
                Some(date) => format!("write date, time and offset: `{date}T00:00:00Z`"),
                None => "write date, time and offset: `2027-03-31T00:00:00Z`".to_owned(),
            };
            check.wrong(span, "date", format!("`{text}` is not a point in time as RFC 3339 writes it"), help);
            None
        }
    }
}
