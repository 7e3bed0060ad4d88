//! Diagnostics as text for people and as JSON for tools.
//!
//! The only place that knows what a diagnostic looks like.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use serde_json::{Value, json};

use super::{Diagnostic, Diagnostics, Severity, codes};
use crate::source::{Excerpt, SourceMap, Span};

/// How text is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without escape sequences.
    Plain,
    /// With ANSI colours.
    Coloured,
}

impl Style {
    fn renderer(self) -> Renderer {
        match self {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
        }
    }
}

impl Diagnostic {
    /// As text, in several lines, the last one ended.
    pub fn render(&self, map: &SourceMap, style: Style) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut main = Group::with_title(level.primary_title(self.message.as_str()).id(self.code.0));
        for snippet in self.snippets(map) {
            main = main.element(snippet);
        }
        for note in &self.notes {
            main = main.element(Level::NOTE.message(note.as_str()));
        }
        let mut groups = Vec::new();
        let mut patches = Vec::new();
        for help in &self.help {
            let patch = help.replacement.as_ref().and_then(|(span, text)| {
                let excerpt = map.excerpt(*span, 0)?;
                let range = within(&excerpt, *span)?;
                Some(source(excerpt).patch(Patch::new(range, text.as_str())))
            });
            match patch {
                Some(patch) => patches.push(Level::HELP.secondary_title(help.text.as_str()).element(patch)),
                None => main = main.element(Level::HELP.message(help.text.as_str())),
            }
        }
        groups.push(main);
        groups.append(&mut patches);
        let mut text = style.renderer().render(&groups);
        text.push('\n');
        text
    }

    /// One excerpt per file that labels point into, the one with the primary label first.
    fn snippets<'a>(&'a self, map: &'a SourceMap) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
        let mut done = vec![false; self.labels.len()];
        let mut snippets = Vec::new();
        for (at, label) in self.labels.iter().enumerate() {
            let Some(excerpt) = map.excerpt(label.span, 0).filter(|_| !done[at]) else { continue };
            let mut whole = label.span;
            let group: Vec<usize> = (at..self.labels.len())
                .filter(|&other| !done[other])
                .filter(|&other| {
                    let near = map.excerpt(self.labels[other].span, 0);
                    near.is_some_and(|near| {
                        near.file == excerpt.file && same_region(map, label.span, self.labels[other].span)
                    })
                })
                .collect();
            for &member in &group {
                whole = whole.to(self.labels[member].span);
                done[member] = true;
            }
            let Some(excerpt) = map.excerpt(whole, 0) else { continue };
            let mut snippet = source(excerpt.clone());
            for label in group.iter().map(|&member| &self.labels[member]) {
                let Some(range) = within(&excerpt, label.span) else { continue };
                let kind = if label.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                let text = Some(label.text.as_str()).filter(|text| !text.is_empty());
                snippet = snippet.annotation(kind.span(range).label(text));
            }
            snippets.push(snippet);
        }
        snippets
    }

    /// As JSON: `code`, `name`, `severity`, `message`, `labels`, `notes`, `help`; places are given as `file`,
    /// `line`, `column`, `end_line`, `end_column`, from 1, columns in characters.
    pub fn to_json(&self, map: &SourceMap) -> Value {
        let labels: Vec<Value> = self
            .labels
            .iter()
            .map(|label| {
                let mut value = place(map, label.span);
                value["text"] = json!(label.text);
                value["primary"] = json!(label.primary);
                value
            })
            .collect();
        let help: Vec<Value> = self
            .help
            .iter()
            .map(|help| {
                let replacement = help.replacement.as_ref().map(|(span, text)| {
                    let mut value = place(map, *span);
                    value["text"] = json!(text);
                    value
                });
                json!({ "text": help.text, "replacement": replacement })
            })
            .collect();
        json!({
            "code": self.code.0,
            "name": codes::find(self.code.0).map(|info| info.name),
            "severity": self.severity.to_string(),
            "message": self.message,
            "labels": labels,
            "notes": self.notes,
            "help": help,
        })
    }
}

impl Diagnostics {
    /// All of them as text, with a closing line if some were not kept.
    pub fn render(&self, map: &SourceMap, style: Style) -> String {
        let mut text = String::new();
        for diagnostic in self {
            text.push_str(&diagnostic.render(map, style));
            text.push('\n');
        }
        if self.dropped_count() > 0 {
            let title = format!("{} more findings are not shown", self.dropped_count());
            text.push_str(&style.renderer().render(&[Group::with_title(Level::NOTE.primary_title(title))]));
            text.push('\n');
        }
        text
    }

    /// All of them as a JSON array.
    pub fn to_json(&self, map: &SourceMap) -> Value {
        Value::Array(self.iter().map(|diagnostic| diagnostic.to_json(map)).collect())
    }
}

fn same_region(map: &SourceMap, a: Span, b: Span) -> bool {
    match (map.excerpt(a, usize::MAX / 4), map.excerpt(b, usize::MAX / 4)) {
        (Some(a), Some(b)) => a.start == b.start && a.file == b.file,
        _ => false,
    }
}

fn source<'a, T: Clone>(excerpt: Excerpt<'a>) -> Snippet<'a, T> {
    Snippet::source(excerpt.text).line_start(excerpt.line as usize).path(excerpt.file.to_string())
}

/// `span` relative to the excerpt, on character boundaries.
fn within(excerpt: &Excerpt<'_>, span: Span) -> Option<Range<usize>> {
    let from = span.start.checked_sub(excerpt.start)? as usize;
    let to = (span.end.checked_sub(excerpt.start)? as usize).min(excerpt.text.len());
    (from <= to && excerpt.text.is_char_boundary(from) && excerpt.text.is_char_boundary(to))
        .then_some(from..to)
}

fn place(map: &SourceMap, span: Span) -> Value {
    let clamped = map.clamp(span).map_or(span, |(_, span)| span);
    match (map.lookup(clamped.start), map.lookup(clamped.end)) {
        (Some(start), Some(end)) => json!({
            "file": start.file.as_ref(),
            "line": start.line,
            "column": start.column,
            "end_line": end.line,
            "end_column": end.column,
        }),
        _ => json!({ "file": null }),
    }
}
