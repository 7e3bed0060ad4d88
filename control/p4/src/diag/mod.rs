//! Diagnostics: what is wrong with a program, as data.
//!
//! Every stage emits [`Diagnostic`]s into one [`Diagnostics`] and goes on. Text is made of them only at the edge,
//! in [`render`](Diagnostic::render) for people and [`to_json`](Diagnostic::to_json) for tools. What a code means
//! is written down in [`codes`]; each stage keeps its own section of that list.

pub mod codes;
pub(crate) mod likeness;
mod render;

use std::fmt;

use hashbrown::HashSet;

pub use codes::CodeInfo;
pub use render::Style;

use crate::source::Span;

/// The stable name of a kind of diagnostic, such as `E0203`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The program has a meaning, but perhaps not the one intended.
    Warning,
    /// The program has no meaning, or none that can be compiled.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// A remark at a place in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What; may be empty for the primary one.
    pub text: String,
    /// Whether this is the place that the message is about.
    pub primary: bool,
}

/// Advice on how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Help {
    /// In words.
    pub text: String,
    /// What to write in place of what.
    pub replacement: Option<(Span, String)>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// In one line, without a full stop.
    pub message: String,
    /// Places; the first is primary. None if it is about no place.
    pub labels: Vec<Label>,
    /// Background.
    pub notes: Vec<String>,
    /// Advice.
    pub help: Vec<Help>,
}

impl Diagnostic {
    /// An error about `span`; [`Span::default`] if it is about no place.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, Severity::Error, span, message.into())
    }

    /// A warning about `span`.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, Severity::Warning, span, message.into())
    }

    fn new(code: Code, severity: Severity, span: Span, message: String) -> Diagnostic {
        let labels = match span.is_nowhere() {
            true => Vec::new(),
            false => vec![Label { span, text: String::new(), primary: true }],
        };
        Diagnostic { code, severity, message, labels, notes: Vec::new(), help: Vec::new() }
    }

    /// Says something at the primary place itself.
    pub fn primary_label(mut self, text: impl Into<String>) -> Diagnostic {
        if let Some(label) = self.labels.first_mut() {
            label.text = text.into();
        }
        self
    }

    /// Points at another place; dropped if that is nowhere.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        if !span.is_nowhere() {
            self.labels.push(Label { span, text: text.into(), primary: false });
        }
        self
    }

    /// Adds background.
    pub fn note(mut self, text: impl Into<String>) -> Diagnostic {
        self.notes.push(text.into());
        self
    }

    /// Adds advice.
    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help.push(Help { text: text.into(), replacement: None });
        self
    }

    /// Adds advice that says what to write in place of `span`; an empty span inserts.
    pub fn suggest(
        mut self,
        text: impl Into<String>,
        span: Span,
        replacement: impl Into<String>,
    ) -> Diagnostic {
        self.help.push(Help { text: text.into(), replacement: Some((span, replacement.into())) });
        self
    }

    /// What the message is about.
    pub fn span(&self) -> Span {
        self.labels.first().map_or(Span::default(), |label| label.span)
    }
}

/// How many errors, and how many warnings, are kept.
const KEPT_MAX: usize = 200;

/// The findings about one program, in the order in which they were made.
///
/// The same finding made twice is kept once. Past a couple of hundred errors, or of warnings, the rest is counted
/// and no longer kept.
#[derive(Debug, Default)]
pub struct Diagnostics {
    kept: Vec<Diagnostic>,
    seen: HashSet<(Code, Span, String)>,
    silenced: HashSet<String>,
    warnings_are_errors: bool,
    error_count: usize,
    warning_count: usize,
}

impl Diagnostics {
    /// None yet.
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    /// Drops warnings of this kind from now on; named by code or by name. False if there is no such warning.
    pub fn silence(&mut self, name: &str) -> bool {
        match codes::find(name) {
            Some(info) if info.is_warning() => {
                self.silenced.insert(info.code.0.to_owned());
                true
            }
            _ => false,
        }
    }

    /// Makes errors of warnings from now on.
    pub fn deny_warnings(&mut self) {
        self.warnings_are_errors = true;
    }

    /// Takes a finding.
    pub fn emit(&mut self, mut diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Warning {
            if self.silenced.contains(diagnostic.code.0) {
                return;
            }
            if self.warnings_are_errors {
                diagnostic.severity = Severity::Error;
            }
        }
        let count = match diagnostic.severity {
            Severity::Error => &mut self.error_count,
            Severity::Warning => &mut self.warning_count,
        };
        if *count >= KEPT_MAX {
            *count += 1;
            return;
        }
        if self.seen.insert((diagnostic.code, diagnostic.span(), diagnostic.message.clone())) {
            *count += 1;
            self.kept.push(diagnostic);
        }
    }

    /// Whether there is an error among them.
    pub fn has_errors(&self) -> bool {
        self.error_count > 0
    }

    /// How many errors were found, kept or not.
    pub fn error_count(&self) -> usize {
        self.error_count
    }

    /// How many warnings were found, kept or not.
    pub fn warning_count(&self) -> usize {
        self.warning_count
    }

    /// How many findings were counted but not kept.
    pub fn dropped_count(&self) -> usize {
        self.error_count + self.warning_count - self.kept.len()
    }

    /// Those kept.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.kept.iter()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::codes::*;
    use super::*;
    use crate::source::SourceMap;

    #[test]
    fn counts_caps_and_deduplicates() {
        let mut diags = Diagnostics::new();
        for at in 1..=300 {
            diags.emit(Diagnostic::error(UNEXPECTED_TOKEN, Span { start: at, end: at + 1 }, "x"));
        }
        diags.emit(Diagnostic::error(UNEXPECTED_TOKEN, Span { start: 1, end: 2 }, "x"));
        assert_eq!((diags.error_count(), diags.iter().count(), diags.dropped_count()), (301, 200, 101));

        let mut diags = Diagnostics::new();
        let twice = Diagnostic::warning(USER_WARNING, Span { start: 1, end: 2 }, "x");
        diags.emit(twice.clone());
        diags.emit(twice.clone());
        assert_eq!((diags.warning_count(), diags.has_errors()), (1, false));

        let mut diags = Diagnostics::new();
        assert!(
            diags.silence("user-warning") && !diags.silence("unexpected-token") && !diags.silence("zork")
        );
        diags.emit(twice.clone());
        assert!(diags.is_empty());

        let mut diags = Diagnostics::new();
        diags.deny_warnings();
        diags.emit(twice);
        assert!(diags.has_errors());
    }

    #[test]
    fn renders_like_rustc() {
        let mut map = SourceMap::new();
        let file = map.add_file("a.p4", "const bit<8> x = 1\nconst bit<8> y = 2;\n").unwrap();
        let end = Span { start: file.start + 18, end: file.start + 18 };
        let diagnostic = Diagnostic::error(UNEXPECTED_TOKEN, end, "expected `;`, found `const`")
            .primary_label("expected `;`")
            .label(Span { start: file.start + 19, end: file.start + 24 }, "unexpected")
            .note("declarations end in `;`")
            .suggest("add it", end, ";");
        expect![[r#"
            error[E0201]: expected `;`, found `const`
             --> a.p4:1:19
              |
            1 | const bit<8> x = 1
              |                   ^ expected `;`
            2 | const bit<8> y = 2;
              | ----- unexpected
              |
              = note: declarations end in `;`
            help: add it
              |
            1 | const bit<8> x = 1;
              |                   +
        "#]]
        .assert_eq(&diagnostic.render(&map, Style::Plain));
        expect![[r#"{"code":"E0201","name":"unexpected-token","severity":"error","message":"expected `;`, found `const`","labels":[{"file":"a.p4","line":1,"column":19,"end_line":1,"end_column":19,"text":"expected `;`","primary":true},{"file":"a.p4","line":2,"column":1,"end_line":2,"end_column":6,"text":"unexpected","primary":false}],"notes":["declarations end in `;`"],"help":[{"text":"add it","replacement":{"file":"a.p4","line":1,"column":19,"end_line":1,"end_column":19,"text":";"}}]}"#]]
        .assert_eq(&diagnostic.to_json(&map).to_string());
    }
}
