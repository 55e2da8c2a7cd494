//! The first pass: YAML text into a tree whose every node knows where it stands.

use super::problem::{Draft, Span};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::MergeKeyPolicy;
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};
use std::fmt;

/// The longest document that is read at all.
const MAX_BYTES: usize = 1024 * 1024;
/// The longest line, in bytes: diagnostics show whole lines.
const MAX_LINE: usize = 10_000;
/// Nodes, aliases expanded.
const MAX_NODES: usize = 100_000;
/// Nesting: the document needs 8, an endpoint policy a few more. Bounds the recursion of both passes.
const MAX_DEPTH: usize = 32;
/// Aliases: some people share a list of rules.
const MAX_ALIASES: usize = 1_000;

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// What YAML can say.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) span: Span,
    pub(super) text: String,
}

/// Reads one YAML document. Duplicate keys, merge keys and odd keys are noted in `drafts` and the rest goes on; only
/// text that is not YAML at all gives no tree.
pub(super) fn parse(text: &str, drafts: &mut Vec<Draft>) -> Option<Node> {
    if text.len() > MAX_BYTES {
        drafts.push(Draft::new(Span::at(0), "too-large", format!("the document has {} bytes", text.len())).help(
            format!("a topology document has at most {MAX_BYTES} bytes; split the network into several topologies"),
        ));
        return None;
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.len() > MAX_LINE {
            let draft = Draft::new(Span::at(start), "too-large", format!("this line has {} bytes", line.len()));
            drafts.push(
                draft.help(format!("a line has at most {MAX_LINE} bytes; write lists and mappings over several lines")),
            );
            return None;
        }
        start += line.len();
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_depth: MAX_DEPTH,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_recorded_anchor_events: MAX_NODES,
            max_recorded_anchor_bytes: MAX_BYTES,
            max_documents: 1,
            max_total_scalar_bytes: 4 * MAX_BYTES,
            max_total_comment_bytes: MAX_BYTES,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Some(Builder { text, drafts }.node(raw)),
        Err(error) => {
            let span = error.location().map_or(Span::at(0), |location| span_of(text, location));
            drafts.push(refusal(span, &error.without_snippet().to_string()));
            None
        }
    }
}

/// What the parser says, in the words of somebody who writes a topology.
fn refusal(span: Span, message: &str) -> Draft {
    if message.contains("budget breached: Documents") || message.contains("multiple YAML documents") {
        return Draft::new(span, "yaml", "a second document begins here").help("write one topology a file");
    }
    if message.contains("budget breached") || message.contains("limit") {
        let title = "this is larger, deeper or more repetitive than a topology can be";
        return Draft::new(span, "too-large", title).help(format!(
            "a document has at most {MAX_NODES} values with their aliases expanded, {MAX_DEPTH} levels and {MAX_ALIASES} aliases"
        ));
    }
    if message.contains("recursive references") {
        return Draft::new(span, "yaml", "this alias is within the value that it stands for")
            .help("write the value out; an alias can only repeat what was written before it");
    }
    // The parser appends its own "at line 3, column 4", which the diagnostic already shows.
    let message = message.split(" at line ").next().unwrap_or(message);
    Draft::new(span, "yaml", format!("this is not YAML: {message}"))
        .help("compare with a topology that holds; text with `: `, ` #` or a leading `*`, `&`, `[`, `{` needs quotes")
}

struct Builder<'a> {
    text: &'a str,
    drafts: &'a mut Vec<Draft>,
}

impl Builder<'_> {
    fn node(&mut self, raw: Spanned<Raw>) -> Node {
        let mut span = span_of(self.text, raw.referenced);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Bool(value) => Value::Bool(value),
            Raw::Int(value) => Value::Int(value),
            Raw::Float(value) => Value::Float(value),
            Raw::Text(value) => Value::Text(value),
            Raw::List(items) => {
                let items: Vec<Node> = items.into_iter().map(|item| self.node(item)).collect();
                span = items.last().map_or(span, |last| span.to(last.span));
                Value::List(items)
            }
            Raw::Map(entries) => {
                let mut kept: Vec<(Key, Node)> = Vec::with_capacity(entries.len());
                let mut first = std::collections::BTreeMap::new();
                for (key, value) in entries {
                    let value = self.node(value);
                    span = span.to(value.span);
                    let Some(key) = self.key(key) else { continue };
                    if let Some(earlier) = first.get(&key.text) {
                        let draft = Draft::new(key.span, "duplicate-key", format!("`{}` is written twice", key.text));
                        self.drafts.push(draft.related(*earlier, "first here").help("keep one of the two"));
                        continue;
                    }
                    first.insert(key.text.clone(), key.span);
                    kept.push((key, value));
                }
                Value::Map(kept)
            }
        };
        Node { span, value }
    }

    fn key(&mut self, raw: Spanned<Raw>) -> Option<Key> {
        let span = span_of(self.text, raw.referenced);
        let text = match raw.value {
            Raw::Text(text) => text,
            Raw::Null | Raw::Bool(_) | Raw::Int(_) | Raw::Float(_) => span.text(self.text).to_owned(),
            Raw::List(_) | Raw::Map(_) => {
                self.drafts.push(Draft::new(span, "odd-key", "a key must be a word").help("write `name: …`"));
                return None;
            }
        };
        if text == "<<" {
            let draft = Draft::new(span, "merge-key", "merge keys (`<<`) are not read");
            self.drafts.push(draft.help("write the keys out, or share a whole value with an anchor and an alias"));
            return None;
        }
        Some(Key { span, text })
    }
}

/// The place in bytes. The parser gives bytes for most things and only line and column for some errors.
fn span_of(text: &str, location: Location) -> Span {
    let span = location.span();
    if let (Some(start), Some(length)) = (span.byte_offset(), span.byte_len()) {
        let (start, length) = (start as usize, length as usize);
        return Span::new(start, start.saturating_add(length)).within(text);
    }
    let line = usize::try_from(location.line()).unwrap_or(1).max(1);
    let column = usize::try_from(location.column()).unwrap_or(1).max(1);
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let offset = rest.char_indices().nth(column - 1).map_or(rest.len(), |(offset, _)| offset);
    Span::at(start + offset).within(text)
}

enum Raw {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
                Ok(Raw::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
                Ok(Raw::Int(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
                Ok(i64::try_from(value).map_or(Raw::Float(value as f64), Raw::Int))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
                Ok(Raw::Float(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
                Ok(Raw::Text(value.to_owned()))
            }
            fn visit_string<E>(self, value: String) -> Result<Raw, E> {
                Ok(Raw::Text(value))
            }
            fn visit_unit<E>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }
            fn visit_none<E>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
                let mut items = vec![];
                while let Some(item) = access.next_element()? {
                    items.push(item);
                }
                Ok(Raw::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
                let mut entries = vec![];
                while let Some(entry) = access.next_entry()? {
                    entries.push(entry);
                }
                Ok(Raw::Map(entries))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
