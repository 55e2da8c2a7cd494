//! What is wrong with a document, and where.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A range of bytes in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    pub(super) fn at(start: usize) -> Self {
        Self { start, end: start }
    }

    /// From the start of this to the end of `last`.
    pub(super) fn to(self, last: Self) -> Self {
        Self::new(self.start, self.end.max(last.end))
    }

    pub(super) fn text(self, source: &str) -> &str {
        source.get(self.start..self.end).unwrap_or_default()
    }

    /// Cut down to what `source` really has, on character boundaries.
    pub(super) fn within(self, source: &str) -> Self {
        let floor = |mut at: usize| {
            at = at.min(source.len());
            while !source.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        Self::new(floor(self.start), floor(self.end))
    }

    /// Only its first line, without trailing blanks: a diagnostic points, it does not reprint.
    pub(super) fn first_line(self, source: &str) -> Self {
        let text = self.text(source);
        let line = text.split('\n').next().unwrap_or_default().trim_end();
        Self::new(self.start, self.start + line.len())
    }

    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.start..self.end
    }
}

/// A problem before it is bound to a file.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    span: Span,
    code: &'static str,
    title: String,
    label: String,
    help: Option<String>,
    related: Vec<(Span, String)>,
}

impl Draft {
    /// Titles quote the document, whose words may be as long as itself: they are cut.
    pub(super) fn new(span: Span, code: &'static str, title: impl Into<String>) -> Self {
        const LONGEST: usize = 400;
        let mut title: String = title.into();
        if let Some((end, _)) = title.char_indices().nth(LONGEST) {
            title.truncate(end);
            title.push('…');
        }
        Self { span, code, title, label: String::new(), help: None, related: vec![] }
    }

    /// A few words beside the offending text.
    pub(super) fn label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// What to write instead.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Another place of the same document that has to do with it.
    pub(super) fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }
}

/// A position in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The file as it was named to the reader.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    #[serde(skip)]
    pub(super) span: Span,
}

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where.
    #[serde(flatten)]
    pub at: Position,
    /// What kind, such as `cidr-outside-vpc`. Stable: tools may match on it.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub title: String,
    /// The offending text (its first line).
    pub text: String,
    /// A few words that are shown beside the offending text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Other places that have to do with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
}

/// Another place that has to do with a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Related {
    /// Where.
    #[serde(flatten)]
    pub at: Position,
    /// What it has to do with it.
    pub label: String,
}

/// Everything that is wrong with a document: never empty, in the order of the text. `Display` shows each problem with
/// its lines, without colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    list: Vec<Problem>,
    pub(super) sources: BTreeMap<String, Arc<str>>,
}

impl Problems {
    pub(super) fn new(file: &str, text: &str, drafts: Vec<Draft>) -> Self {
        let source: Arc<str> = text.into();
        let mut problems = Self { list: vec![], sources: BTreeMap::from([(file.to_owned(), source)]) };
        let lines = Lines::new(text);
        for Draft { span, code, title, label, help, related } in drafts {
            let at = lines.position(file, text, span);
            let related = related
                .into_iter()
                .map(|(span, label)| Related { at: lines.position(file, text, span), label })
                .collect();
            problems.list.push(Problem { text: at.span.text(text).to_owned(), at, code, title, label, help, related });
        }
        problems.list.sort_by(|left, right| (&left.at, left.code).cmp(&(&right.at, right.code)));
        problems.list.dedup();
        problems
    }

    /// Adds a place in another document to every problem.
    pub(super) fn relate(&mut self, file: &str, text: &str, span: Span, label: &str) {
        let at = Lines::new(text).position(file, text, span);
        for problem in &mut self.list {
            problem.related.push(Related { at: at.clone(), label: label.to_owned() });
        }
        self.sources.insert(file.to_owned(), text.into());
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.list.append(&mut other.list);
        self.sources.append(&mut other.sources);
    }

    /// The problems, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// How many there are: at least one.
    pub fn count(&self) -> usize {
        self.list.len()
    }
}

impl Serialize for Problems {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.list.serialize(serializer)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// Where each line begins.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    fn position(&self, file: &str, text: &str, span: Span) -> Position {
        let span = span.within(text).first_line(text);
        let line = self.0.partition_point(|start| *start <= span.start);
        let start = self.0.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = text.get(start..span.start).unwrap_or_default().chars().count() + 1;
        Position { file: file.to_owned(), line, column, span }
    }
}
