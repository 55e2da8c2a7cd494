//! The second pass: a positioned tree into the serde types of [`super::model`].
//!
//! Decoding recovers wherever a type says [`At`]: what is wrong there is noted and its neighbours go on, so that one
//! reading finds everything. The collector travels with the deserializer; there is no global.

use super::fault::{Fault, choose, known_from_elsewhere, nearest};
use super::problem::Draft;
use super::tree::{Key, Node, Value};
use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use std::cell::RefCell;

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
            Value::Map(entries) => visitor.visit_map(Entries::new(entries, None, collector)),
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
            .visit_map(Entries::new(entries, Some((name, fields)), collector))
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

/// The entries of a mapping. With `fields`, an unknown key is reported; if it is clear which one was meant, its value is
/// read as that one's, so that a slip of the pen is one problem and not also a missing key.
struct Entries<'a> {
    entries: std::slice::Iter<'a, (Key, Node)>,
    fields: Option<(&'static str, &'static [&'static str])>,
    /// Known keys that are written, or that another value stands in for.
    taken: Vec<&'a str>,
    value: Option<&'a Node>,
    collector: &'a Collector<'a>,
}

impl<'a> Entries<'a> {
    fn new(
        entries: &'a [(Key, Node)],
        fields: Option<(&'static str, &'static [&'static str])>,
        collector: &'a Collector<'a>,
    ) -> Self {
        let known = |key: &&str| fields.is_some_and(|(_, fields)| fields.contains(key));
        let taken = entries.iter().map(|(key, _)| key.text.as_str()).filter(known).collect();
        Self { entries: entries.iter(), fields, taken, value: None, collector }
    }

    /// Reports an unknown key, and says which one was meant.
    fn unknown(&mut self, key: &Key, place: &str, fields: &'static [&'static str]) -> Option<&'static str> {
        let (help, meant) = match known_from_elsewhere(place, &key.text) {
            Some((help, meant)) => (help.to_owned(), meant),
            None => (choose(&key.text, fields), nearest(&key.text, fields.iter().copied())),
        };
        let draft = Draft::new(key.span, "unknown-key", format!("unknown key `{}`", key.text));
        self.collector.push(draft.help(help));
        let meant = meant.filter(|meant| !self.taken.contains(meant))?;
        self.taken.push(meant);
        Some(meant)
    }
}

impl<'de, 'a: 'de> MapAccess<'de> for Entries<'a> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        while let Some((key, value)) = self.entries.next() {
            let known = self.fields.is_none_or(|(_, fields)| fields.contains(&key.text.as_str()));
            if known {
                self.value = Some(value);
                return seed.deserialize(KeyDe(key)).map(Some);
            }
            if let Some((place, fields)) = self.fields
                && let Some(meant) = self.unknown(key, place, fields)
            {
                self.value = Some(value);
                return seed.deserialize(StrDeserializer::new(meant)).map(Some);
            }
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
