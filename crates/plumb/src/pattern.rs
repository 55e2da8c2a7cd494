//! EventBridge event patterns: which events would a rule let through?
//!
//! The operators are those of the EventBridge user guide, "Comparison operators for use in event patterns", and what it leaves open
//! is taken from `aws/event-ruler`, the matcher that AWS publishes. Only leaves match: a value of a pattern meets strings, numbers,
//! booleans and null, alone or in an array, never an object. So `exists: false` is true of a field that is missing, `{}` or `[]`.

mod operand;

use serde_json::{Map, Value};
use std::net::IpAddr;

/// Why AWS would refuse a pattern, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct PatternError {
    /// The place, such as `detail.eventName`; `pattern` for the whole.
    pub path: String,
    /// What is wrong there, and what to write.
    pub problem: String,
}

/// A pattern that AWS would accept.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Fields);

impl Pattern {
    /// Reads a pattern, as it stands under `EventPattern`.
    ///
    /// # Errors
    /// The first thing in it that EventBridge would refuse.
    pub fn parse(pattern: &Value) -> Result<Self, PatternError> {
        match pattern {
            Value::Object(map) => Ok(Self(Fields::parse(map, &Path::default())?)),
            _ => Err(Path::default().error("a pattern is a JSON object")),
        }
    }

    /// Whether the rule would let the event through.
    pub fn matches(&self, event: &Value) -> bool {
        self.0.matches(Some(event))
    }

    /// The fields that keep the event out, as paths; empty when it matches. `$or` stands for all its alternatives.
    pub fn unmet(&self, event: &Value) -> Vec<String> {
        let mut unmet = vec![];
        self.0.unmet(Some(event), &Path::default(), &mut unmet);
        unmet
    }
}

/// Every operator. An object under `$or` with one of these as a field makes `$or` an ordinary field name.
const OPERATORS: &[&str] =
    &["anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard"];

/// EventBridge compares numbers within these bounds only.
const NUMERIC_BOUND: f64 = 5.0e9;

/// All of these fields, and one of each group of alternatives.
#[derive(Clone, Debug, PartialEq)]
struct Fields {
    all: Vec<(String, Node)>,
    either: Vec<Fields>,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Inner(Fields),
    Leaf(Vec<Test>),
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Equals(Value),
    IgnoreCase(String),
    Prefix(Affix),
    Suffix(Affix),
    Wildcard(Vec<Piece>),
    Numeric(Vec<(Comparison, f64)>),
    Cidr(ipnet::IpNet),
    Exists(bool),
    AnythingBut(Vec<Test>),
}

#[derive(Clone, Debug, PartialEq)]
struct Affix {
    text: String,
    ignore_case: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Star,
    Char(char),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

#[derive(Clone, Debug, Default)]
struct Path(Vec<String>);

impl Path {
    fn at(&self, key: &str) -> Self {
        Self(self.0.iter().cloned().chain([key.to_owned()]).collect())
    }

    fn error(&self, problem: impl Into<String>) -> PatternError {
        PatternError { path: self.to_string(), problem: problem.into() }
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { f.write_str("pattern") } else { f.write_str(&self.0.join(".")) }
    }
}

impl Fields {
    fn parse(map: &Map<String, Value>, path: &Path) -> Result<Self, PatternError> {
        if map.is_empty() {
            return Err(path.error("an empty object matches nothing: name a field, or leave it out"));
        }
        let mut fields = Self { all: vec![], either: vec![] };
        for (key, value) in map {
            let here = path.at(key);
            match (value, alternatives(key, value)) {
                (_, Some(alternatives)) => {
                    for (position, alternative) in alternatives.into_iter().enumerate() {
                        fields.either.push(Self::parse(alternative, &here.at(&position.to_string()))?);
                    }
                }
                (Value::Object(inner), None) => {
                    fields.all.push((key.clone(), Node::Inner(Self::parse(inner, &here)?)));
                }
                (Value::Array(values), None) if !values.is_empty() => {
                    let tests = values.iter().map(|value| Test::parse(value, &here)).collect::<Result<_, _>>()?;
                    fields.all.push((key.clone(), Node::Leaf(tests)));
                }
                (Value::Array(_), None) => return Err(here.error("an empty array matches nothing: list a value")),
                _ => return Err(here.error("values stand in an array: write [value]")),
            }
        }
        Ok(fields)
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        // Fields of one pattern object must be met by one and the same element of an array of objects.
        match value {
            Some(Value::Array(items)) if items.iter().any(is_nested) => {
                items.iter().filter(|item| is_nested(item)).any(|item| self.matches(Some(item)))
            }
            _ => {
                self.all.iter().all(|(key, node)| node.matches(field(value, key)))
                    && (self.either.is_empty() || self.either.iter().any(|fields| fields.matches(value)))
            }
        }
    }

    fn unmet(&self, value: Option<&Value>, path: &Path, unmet: &mut Vec<String>) {
        if self.matches(value) {
            return;
        }
        let before = unmet.len();
        if !matches!(value, Some(Value::Array(_))) {
            for (key, node) in &self.all {
                let (value, here) = (field(value, key), path.at(key));
                match node {
                    Node::Inner(fields) => fields.unmet(value, &here, unmet),
                    Node::Leaf(_) if !node.matches(value) => unmet.push(here.to_string()),
                    Node::Leaf(_) => {}
                }
            }
            if !self.either.is_empty() && !self.either.iter().any(|fields| fields.matches(value)) {
                unmet.push(path.at("$or").to_string());
            }
        }
        if unmet.len() == before {
            unmet.push(path.to_string());
        }
    }
}

/// The alternatives of `$or`, where it is the operator: at least two objects, none of which uses an operator as a field.
fn alternatives<'a>(key: &str, value: &'a Value) -> Option<Vec<&'a Map<String, Value>>> {
    let objects: Vec<_> =
        value.as_array().filter(|_| key == "$or")?.iter().map(Value::as_object).collect::<Option<_>>()?;
    let operators = objects.iter().any(|object| object.keys().any(|key| OPERATORS.contains(&key.as_str())));
    (objects.len() > 1 && !operators).then_some(objects)
}

fn is_nested(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

fn field<'a>(value: Option<&'a Value>, key: &str) -> Option<&'a Value> {
    value.and_then(|value| value.get(key))
}

impl Node {
    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Inner(fields) => fields.matches(value),
            Self::Leaf(tests) => {
                let mut leaves = vec![];
                collect_leaves(value, &mut leaves);
                tests.iter().any(|test| match test {
                    Test::Exists(wanted) => leaves.is_empty() != *wanted,
                    test => leaves.iter().any(|leaf| test.matches(leaf)),
                })
            }
        }
    }
}

fn collect_leaves<'a>(value: Option<&'a Value>, leaves: &mut Vec<&'a Value>) {
    match value {
        None | Some(Value::Object(_)) => {}
        Some(Value::Array(items)) => items.iter().for_each(|item| collect_leaves(Some(item), leaves)),
        Some(leaf) => leaves.push(leaf),
    }
}

impl Test {
    fn parse(value: &Value, path: &Path) -> Result<Self, PatternError> {
        match value {
            Value::Array(_) => Err(path.error("an array in an array: list the values in one")),
            Value::Object(map) => {
                let mut entries = map.iter();
                match (entries.next(), entries.next()) {
                    (Some((operator, operand)), None) => Self::operator(operator, operand, &path.at(operator)),
                    _ => Err(path.error(format!("one operator an object; there are {}", map.len()))),
                }
            }
            scalar => Ok(Self::Equals(scalar.clone())),
        }
    }

    fn operator(operator: &str, operand: &Value, path: &Path) -> Result<Self, PatternError> {
        match (operator, operand) {
            ("exists", Value::Bool(wanted)) => Ok(Self::Exists(*wanted)),
            ("exists", _) => Err(path.error("true or false")),
            ("numeric", Value::Array(parts)) => operand::numeric(parts, path).map(Self::Numeric),
            ("numeric", _) => Err(path.error("an array such as [\">\", 0, \"<=\", 5]")),
            ("cidr", Value::String(text)) => operand::cidr(text, path).map(Self::Cidr),
            ("cidr", _) => Err(path.error("a CIDR as text, such as \"10.0.0.0/24\"")),
            ("anything-but", operand) => operand::anything_but(operand, path).map(Self::AnythingBut),
            (text_operator, operand) => Self::text(text_operator, operand, path),
        }
    }

    /// The operators that compare text, which may also stand under `anything-but`.
    fn text(operator: &str, operand: &Value, path: &Path) -> Result<Self, PatternError> {
        match (operator, operand) {
            ("equals-ignore-case", Value::String(text)) => Ok(Self::IgnoreCase(text.to_lowercase())),
            ("prefix", operand) => operand::affix(operand, path).map(Self::Prefix),
            ("suffix", operand) => operand::affix(operand, path).map(Self::Suffix),
            ("wildcard", Value::String(text)) => operand::wildcard(text, path).map(Self::Wildcard),
            ("equals-ignore-case" | "wildcard", _) => Err(path.error("text")),
            _ => Err(path.error(format!("unknown operator; there are {}", OPERATORS.join(", ")))),
        }
    }

    fn matches(&self, leaf: &Value) -> bool {
        match (self, leaf) {
            // Numbers are compared as they are written: the user guide says that 300 and 300.0 are not equal.
            (Self::Equals(Value::Number(wanted)), Value::Number(number)) => wanted.to_string() == number.to_string(),
            (Self::Equals(wanted), leaf) => wanted == leaf,
            (Self::IgnoreCase(wanted), Value::String(text)) => *wanted == text.to_lowercase(),
            (Self::Prefix(affix), Value::String(text)) => affix.compare(text, |text, affix| text.starts_with(affix)),
            (Self::Suffix(affix), Value::String(text)) => affix.compare(text, |text, affix| text.ends_with(affix)),
            (Self::Wildcard(pieces), Value::String(text)) => glob(pieces, text),
            (Self::Numeric(comparisons), Value::Number(number)) => number.as_f64().is_some_and(|number| {
                number.abs() <= NUMERIC_BOUND && comparisons.iter().all(|(how, bound)| how.holds(number, *bound))
            }),
            (Self::Cidr(net), Value::String(text)) => {
                text.parse::<IpAddr>().is_ok_and(|address| net.contains(&address))
            }
            (Self::AnythingBut(tests), leaf) => !tests.iter().any(|test| test.matches(leaf)),
            // `exists` is about the field as a whole and is decided before any leaf is looked at.
            (Self::Exists(wanted), _) => *wanted,
            (
                Self::IgnoreCase(_)
                | Self::Prefix(_)
                | Self::Suffix(_)
                | Self::Wildcard(_)
                | Self::Numeric(_)
                | Self::Cidr(_),
                _,
            ) => false,
        }
    }
}

impl Affix {
    fn compare(&self, text: &str, how: impl Fn(&str, &str) -> bool) -> bool {
        let Self { text: affix, ignore_case } = self;
        if *ignore_case { how(&text.to_lowercase(), &affix.to_lowercase()) } else { how(text, affix) }
    }
}

impl Comparison {
    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Less => number < bound,
            Self::AtMost => number <= bound,
            Self::Equal => number == bound,
            Self::AtLeast => number >= bound,
            Self::More => number > bound,
        }
    }
}

/// Greedy with one point to come back to, the last star: linear in practice, quadratic at worst, never exponential.
fn glob(pieces: &[Piece], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut piece, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pieces.get(piece) {
            Some(Piece::Star) => {
                star = Some((piece, at));
                piece += 1;
            }
            Some(Piece::Char(char)) if text.get(at) == Some(char) => {
                piece += 1;
                at += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    piece = after + 1;
                    at = from + 1;
                }
                None => return false,
            },
        }
    }
    pieces.iter().skip(piece).all(|piece| *piece == Piece::Star)
}
