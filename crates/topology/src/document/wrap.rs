//! Wrappers that keep positions and let decoding recover.

use super::decode::{AT, FORM};
use super::problem::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// A value with its place. `None`: what stands there is wrong, and has been noted.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) span: Span,
    pub(crate) value: Option<T>,
}

impl<T> At<T> {
    /// The value with its place, unless it is wrong.
    pub(crate) fn get(&self) -> Option<(&T, Span)> {
        self.value.as_ref().map(|value| (value, self.span))
    }
}

/// An optional field that was written and is right.
pub(crate) trait Field<T> {
    fn read(&self) -> Option<&T>;
    fn read_at(&self) -> Option<(&T, Span)>;
    fn place(&self) -> Option<Span>;
}

impl<T> Field<T> for Option<At<T>> {
    fn read(&self) -> Option<&T> {
        self.as_ref().and_then(|at| at.value.as_ref())
    }
    fn read_at(&self) -> Option<(&T, Span)> {
        self.as_ref().and_then(At::get)
    }
    fn place(&self) -> Option<Span> {
        self.as_ref().map(|at| at.span)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Parts<T> {
            type Value = At<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<At<T>, A::Error> {
                let lost = || de::Error::custom("a value without a place");
                let start: usize = parts.next_element()?.ok_or_else(lost)?;
                let end: usize = parts.next_element()?.ok_or_else(lost)?;
                Ok(At { span: Span::new(start, end), value: parts.next_element()? })
            }
        }
        deserializer.deserialize_newtype_struct(AT, Parts(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

/// A mapping from names that the author chose, in the order of the text. Decoding has dropped second uses of a name.
#[derive(Clone, Debug)]
pub(crate) struct Named<T>(pub(crate) Vec<Entry<T>>);

/// One entry of a [`Named`].
#[derive(Clone, Debug)]
pub(crate) struct Entry<T> {
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) value: At<T>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(vec![])
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for All<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut entries = vec![];
                while let Some(At { span, value }) = map.next_key::<At<String>>()? {
                    let at = map.next_value()?;
                    entries.push(Entry { name: value.unwrap_or_default(), name_span: span, value: at });
                }
                Ok(Named(entries))
            }
        }
        deserializer.deserialize_map(All(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("MapOf{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

/// A short form (a word) or a long one (a mapping).
#[derive(Clone, Debug)]
pub(crate) enum Form<S, L> {
    Short(S),
    Long(L),
}

impl<'de, S: Deserialize<'de>, L: Deserialize<'de>> Deserialize<'de> for Form<S, L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<S, L>(PhantomData<(S, L)>);
        impl<'de, S: Deserialize<'de>, L: Deserialize<'de>> Visitor<'de> for Either<S, L> {
            type Value = Form<S, L>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word or a mapping")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Form<S, L>, A::Error> {
                let lost = || de::Error::custom("a value without a form");
                let long: bool = parts.next_element()?.ok_or_else(lost)?;
                Ok(if long {
                    Form::Long(parts.next_element()?.ok_or_else(lost)?)
                } else {
                    Form::Short(parts.next_element()?.ok_or_else(lost)?)
                })
            }
        }
        deserializer.deserialize_newtype_struct(FORM, Either(PhantomData))
    }
}

impl<S: JsonSchema, L: JsonSchema> JsonSchema for Form<S, L> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("{}Or{}", S::schema_name(), L::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [generator.subschema_for::<S>(), generator.subschema_for::<L>()] })
    }
}

/// A scalar that may be written as a number or as text, kept as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Word(pub(crate) String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Word;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a word")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Word, E> {
                Ok(Word(value.to_string()))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Word, E> {
                Ok(Word(value.to_owned()))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}
