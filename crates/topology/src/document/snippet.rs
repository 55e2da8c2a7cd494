//! Problems as a person reads them: the lines of the document, with the place underlined.

use super::problem::{Problem, Problems, Span};
use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet};
use std::fmt::Write;

/// How many problems are shown with their lines; the rest, of a document that is broken throughout, in a line each.
const SHOWN: usize = 100;

/// How far apart, in bytes, two places may be to share a snippet.
const NEAR: usize = 8_000;

impl Problems {
    /// Every problem, and a count at the end. The first hundred are shown with the lines of the document, further ones in
    /// a line each. `coloured` adds ANSI styles.
    pub fn render(&self, coloured: bool) -> String {
        let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for problem in self.iter().take(SHOWN) {
            text.push_str(&self.show(&renderer, problem));
            text.push_str("\n\n");
        }
        for Problem { at, code, title, .. } in self.iter().skip(SHOWN) {
            let title: String = title.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "error[{code}] {}:{}:{}: {title}", at.file, at.line, at.column);
        }
        let count = self.count();
        let plural = if count == 1 { "" } else { "s" };
        let _ = write!(text, "{count} problem{plural}");
        text
    }

    fn show(&self, renderer: &Renderer, problem: &Problem) -> String {
        let Problem { at, code, title, text: _, label, help, related } = problem;
        let mut group = Level::ERROR
            .primary_title(title.as_str())
            .id(*code)
            .elements(std::iter::empty::<Snippet<'_, Annotation<'_>>>());
        // Places near each other share one snippet; only the lines between them are handed over, so that a long document
        // with many problems costs what it shows.
        let mut places = vec![(at, label, AnnotationKind::Primary)];
        places.extend(related.iter().map(|related| (&related.at, &related.label, AnnotationKind::Context)));
        while let Some((first, _, _)) = places.first().copied() {
            let file = first.file.as_str();
            let source = self.sources.get(file).map_or("", |source| source.as_ref());
            let (here, elsewhere): (Vec<_>, Vec<_>) = places.iter().copied().partition(|(at, _, _)| {
                at.file == file && at.span.range().start.abs_diff(first.span.range().start) <= NEAR
            });
            let start = here.iter().map(|(at, _, _)| line_start(source, at.span)).min().unwrap_or_default();
            let end = here.iter().map(|(at, _, _)| line_end(source, at.span)).max().unwrap_or_default();
            let line = here.iter().map(|(at, _, _)| at.line).min().unwrap_or(1);
            let window = source.get(start..end).unwrap_or_default();
            let annotations = here.iter().map(|(at, label, kind)| {
                let range = at.span.range();
                kind.span(range.start - start..range.end - start).label(label.as_str())
            });
            group = group.element(Snippet::source(window).path(file).line_start(line).annotations(annotations));
            places = elsewhere;
        }
        if let Some(help) = help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

fn line_start(source: &str, span: Span) -> usize {
    source.get(..span.range().start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1)
}

fn line_end(source: &str, span: Span) -> usize {
    let end = span.range().end;
    source.get(end..).and_then(|after| after.find('\n')).map_or(source.len(), |at| end + at)
}
