//! What serde finds wrong, in words that say what to write instead.

use super::problem::{Draft, Span};
use serde::de::{self, Expected};
use std::fmt::{self, Display};

/// One error on its way to the nearest [`At`].
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) span: Option<Span>,
    pub(super) code: &'static str,
    pub(super) title: String,
    pub(super) help: Option<String>,
}

impl Fault {
    pub(super) fn new(code: &'static str, title: String) -> Self {
        Self { span: None, code, title, help: None }
    }

    pub(super) fn or_at(self, span: Span) -> Self {
        Self { span: self.span.or(Some(span)), ..self }
    }

    pub(super) fn into_draft(self, span: Span) -> Draft {
        let Self { span: own, code, title, help } = self;
        let draft = Draft::new(own.unwrap_or(span), code, title);
        match help {
            Some(help) => draft.help(help),
            None => draft,
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self::new("value", message.to_string())
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new("wrong-type", format!("expected {expected}, found {}", found_text(found)))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new("value", format!("expected {expected}, found {}", found_text(found)))
    }

    fn unknown_variant(word: &str, expected: &'static [&'static str]) -> Self {
        let mut fault = Self::new("unknown-word", format!("`{word}` is not a choice here"));
        fault.help = Some(choose(word, expected));
        fault
    }
}

fn found_text(found: de::Unexpected<'_>) -> String {
    match found {
        de::Unexpected::Unit | de::Unexpected::Option => "nothing".to_owned(),
        de::Unexpected::Map | de::Unexpected::StructVariant => "a mapping".to_owned(),
        de::Unexpected::Seq => "a list".to_owned(),
        de::Unexpected::Str(text) => format!("the text `{text}`"),
        de::Unexpected::Signed(number) => format!("the number `{number}`"),
        de::Unexpected::Unsigned(number) => format!("the number `{number}`"),
        de::Unexpected::Float(number) => format!("the number `{number}`"),
        de::Unexpected::Bool(value) => format!("`{value}`"),
        other => other.to_string(),
    }
}

/// "did you mean", or the whole choice.
pub(super) fn choose(word: &str, choices: &[&str]) -> String {
    let all = || choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
    match nearest(word, choices.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? The choice is: {}", all()),
        None => format!("write one of: {}", all()),
    }
}

/// The candidate that `word` was most likely meant to be.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A hostile document may hold words as long as itself, and the distance is quadratic.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase().replace('_', "-");
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 64)
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase().replace('_', "-")), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(word.len()) / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Keys that people know from elsewhere, by the struct in which they wrote them: what to write instead, and the key that
/// was meant where the value can stay as it is.
pub(super) fn known_from_elsewhere(place: &str, key: &str) -> Option<(&'static str, Option<&'static str>)> {
    Some(match (place, key) {
        ("IngressRule", "to" | "destination") => ("an ingress rule names its source: write `from`", Some("from")),
        ("EgressRule", "from" | "source") => ("an egress rule names its destination: write `to`", Some("to")),
        ("IngressRule", "source" | "cidr" | "group" | "security_group") => ("write `from`", Some("from")),
        ("EgressRule", "destination" | "cidr" | "group" | "security_group") => ("write `to`", Some("to")),
        ("IngressRule" | "EgressRule", "port" | "ports" | "from_port" | "to_port") => {
            ("write the protocol with its ports: `tcp: 443`, or `tcp: 8000-8100`", None)
        }
        ("IngressRule" | "EgressRule", "all") => ("write `protocol: all`", None),
        ("Vpc", "azs" | "zones") => ("write `availability_zones: [a, b]`", Some("availability_zones")),
        ("Vpc", "subnets") => {
            ("subnets belong to a tier: `tiers: { public: { route: internet, subnets: […] } }`", None)
        }
        _ => return None,
    })
}
