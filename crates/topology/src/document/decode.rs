//! The second pass: a positioned tree into the serde types of [`super::model`].
//!
//! Decoding recovers wherever a type says [`At`]: what is wrong there is noted and its neighbours go on, so that one
//! reading finds everything. The collector travels with the deserializer; there is no global.

use super::problem::{Draft, Span};
use super::tree::{Key, Node, Value};
use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use std::cell::RefCell;
use std::fmt::{self, Display};

/// The names by which the wrappers below ask the deserializer for more than serde's data model has.
pub(super) const AT: &str = "@at";
pub(super) const FORM: &str = "@form";

/// What decoding found wrong so far.
#[derive(Debug)]
pub(super) struct Collector<'a> {
    pub(super) source: &'a str,
    pub(super) drafts: RefCell<Vec<Draft>>,
}

impl Collector<'_> {
    pub(super) fn push(&self, draft: Draft) {
        self.drafts.borrow_mut().push(draft);
    }
}

/// One error on its way to the nearest [`At`].
#[derive(Debug)]
pub(super) struct Fault {
    span: Option<Span>,
    code: &'static str,
    title: String,
    help: Option<String>,
}

impl Fault {
    fn new(code: &'static str, title: String) -> Self {
        Self { span: None, code, title, help: None }
    }

    fn or_at(self, span: Span) -> Self {
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

/// Keys that people know from elsewhere, by the struct in which they wrote them.
fn known_from_elsewhere(place: &str, key: &str) -> Option<&'static str> {
    Some(match (place, key) {
        ("IngressRule", "to" | "destination") => "an ingress rule names its source: write `from`",
        ("EgressRule", "from" | "source") => "an egress rule names its destination: write `to`",
        ("IngressRule", "source" | "cidr" | "cidr_blocks" | "group" | "security_group") => "write `from`",
        ("EgressRule", "cidr" | "cidr_blocks" | "group" | "security_group") => "write `to`",
        ("IngressRule" | "EgressRule", "port" | "ports" | "from_port" | "to_port") => {
            "write the protocol with its ports: `tcp: 443`, or `tcp: 8000-8100`"
        }
        ("IngressRule" | "EgressRule", "all") => "write `protocol: all`",
        ("Vpc", "azs" | "zones") => "write `availability_zones: [a, b]`",
        ("Vpc", "subnets") => "subnets belong to a tier: `tiers: { public: { route: internet, subnets: […] } }`",
        _ => return None,
    })
}

/// A deserializer over one node.
#[derive(Clone, Copy)]
pub(super) struct De<'a> {
    pub(super) node: &'a Node,
    pub(super) collector: &'a Collector<'a>,
}

impl<'a> De<'a> {
    fn wrong(&self, expected: &str) -> Fault {
        let raw = self.node.span.text(self.collector.source);
        let (found, help) = match &self.node.value {
            Value::Null => ("nothing".to_owned(), Some("give it a value, or remove the key".to_owned())),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                (format!("`{raw}`"), (expected == "text").then(|| format!("quote it: \"{raw}\"")))
            }
            Value::Text(text) => (format!("the text `{text}`"), None),
            Value::List(_) => ("a list".to_owned(), (expected == "text").then(|| "write one value".to_owned())),
            Value::Map(_) => ("a mapping".to_owned(), (expected == "text").then(|| "write one value".to_owned())),
        };
        Fault {
            span: Some(self.node.span),
            code: "wrong-type",
            title: format!("expected {expected}, found {found}"),
            help,
        }
    }

    fn text<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Text(text) => visitor.visit_str(text).map_err(|fault: Fault| fault.or_at(self.node.span)),
            _ => Err(self.wrong("text")),
        }
    }
}

impl<'de, 'a: 'de> Deserializer<'de> for De<'a> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let collector = self.collector;
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.iter().map(move |node| De { node, collector })))
            }
            Value::Map(entries) => {
                visitor.visit_map(Entries { entries: entries.iter(), fields: None, value: None, collector })
            }
        }
        .map_err(|fault| fault.or_at(self.node.span))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let help = match &self.node.value {
            Value::Bool(value) => return visitor.visit_bool(*value),
            // YAML 1.1 read these as booleans; YAML 1.2 does not.
            Value::Text(text) if matches!(text.to_lowercase().as_str(), "yes" | "on") => "write `true`",
            Value::Text(text) if matches!(text.to_lowercase().as_str(), "no" | "off") => "write `false`",
            _ => "write `true` or `false`, without quotes",
        };
        Err(Fault { help: Some(help.to_owned()), ..self.wrong("`true` or `false`") })
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Int(value) => visitor.visit_i64(*value),
            _ => Err(Fault { help: Some("write a number, without quotes".to_owned()), ..self.wrong("a whole number") }),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    /// A null is never "as if it were not written": it is reported where it stands.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        match name {
            AT => visitor.visit_seq(AtAccess { de: self, given: 0 }),
            FORM => visitor.visit_seq(FormAccess { de: self, given: 0 }),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::List(_) => self.deserialize_any(visitor),
            _ => Err(Fault {
                help: Some("write a list: `[…]`, or one `- …` a line".to_owned()),
                ..self.wrong("a list")
            }),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Map(_) => self.deserialize_any(visitor),
            Value::Null => Err(self.wrong("a mapping of names")),
            _ => {
                let help = "write a mapping: `name: …`, one a line; `{}` is an empty one";
                Err(Fault { help: Some(help.to_owned()), ..self.wrong("a mapping of names") })
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Value::Map(entries) = &self.node.value else {
            let fields = fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
            return Err(Fault { help: Some(format!("it may have: {fields}")), ..self.wrong("a mapping") });
        };
        let collector = self.collector;
        visitor
            .visit_map(Entries { entries: entries.iter(), fields: Some((name, fields)), value: None, collector })
            .map_err(|fault| fault.or_at(self.node.span))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Text(text) => visitor
                .visit_enum(IntoDeserializer::<Fault>::into_deserializer(text.as_str()))
                .map_err(|fault| fault.or_at(self.node.span)),
            _ => Err(Fault { help: Some(choose("", variants)), ..self.wrong("a word") }),
        }
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
        ignored_any
    }
}

impl<'de, 'a: 'de> IntoDeserializer<'de, Fault> for De<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The entries of a mapping. With `fields`, unknown keys are reported and passed over.
struct Entries<'a> {
    entries: std::slice::Iter<'a, (Key, Node)>,
    fields: Option<(&'static str, &'static [&'static str])>,
    value: Option<&'a Node>,
    collector: &'a Collector<'a>,
}

impl<'de, 'a: 'de> MapAccess<'de> for Entries<'a> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        for (key, value) in self.entries.by_ref() {
            if let Some((place, fields)) = self.fields
                && !fields.contains(&key.text.as_str())
            {
                let help =
                    known_from_elsewhere(place, &key.text).map_or_else(|| choose(&key.text, fields), str::to_owned);
                self.collector
                    .push(Draft::new(key.span, "unknown-key", format!("unknown key `{}`", key.text)).help(help));
                continue;
            }
            self.value = Some(value);
            return seed.deserialize(KeyDe(key)).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let node = self.value.take().ok_or_else(|| Fault::new("value", "a value without a key".to_owned()))?;
        seed.deserialize(De { node, collector: self.collector })
    }
}

/// A key is text, and may be asked where it stands.
struct KeyDe<'a>(&'a Key);

impl<'de, 'a: 'de> Deserializer<'de> for KeyDe<'a> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(&self.0.text).map_err(|fault: Fault| fault.or_at(self.0.span))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        if name == AT {
            visitor.visit_seq(KeyAccess { key: self.0, given: 0 })
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct KeyAccess<'a> {
    key: &'a Key,
    given: u8,
}

impl<'de, 'a: 'de> SeqAccess<'de> for KeyAccess<'a> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.given += 1;
        match self.given {
            1 => seed.deserialize(self.key.span.range().start.into_deserializer()).map(Some),
            2 => seed.deserialize(self.key.span.range().end.into_deserializer()).map(Some),
            3 => seed.deserialize(StrDeserializer::new(&self.key.text)).map(Some),
            _ => Ok(None),
        }
    }
}

/// Start, end, and the value unless it is wrong.
struct AtAccess<'a> {
    de: De<'a>,
    given: u8,
}

impl<'de, 'a: 'de> SeqAccess<'de> for AtAccess<'a> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.given += 1;
        let span = self.de.node.span;
        match self.given {
            1 => seed.deserialize(span.range().start.into_deserializer()).map(Some),
            2 => seed.deserialize(span.range().end.into_deserializer()).map(Some),
            3 => Ok(match seed.deserialize(self.de) {
                Ok(value) => Some(value),
                Err(fault) => {
                    self.de.collector.push(fault.into_draft(span));
                    None
                }
            }),
            _ => Ok(None),
        }
    }
}

/// Whether it is a mapping, and then the value.
struct FormAccess<'a> {
    de: De<'a>,
    given: u8,
}

impl<'de, 'a: 'de> SeqAccess<'de> for FormAccess<'a> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.given += 1;
        match self.given {
            1 => seed.deserialize(matches!(self.de.node.value, Value::Map(_)).into_deserializer()).map(Some),
            2 => seed.deserialize(self.de).map(Some),
            _ => Ok(None),
        }
    }
}
