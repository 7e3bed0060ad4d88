//! The preprocessor (P4-16 §6.2, and the C standard for what that leaves open): from files to one run of tokens.
//!
//! It works on tokens, never on text, so every token knows where it came from; one that a macro's body supplied
//! points at the macro's use. All work is bounded by [`Limits`]: whatever is included or expanded, and however
//! often, comes to an end with a diagnostic.

mod condition;
mod directive;
mod expansion;
mod text;

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::files::{Files, built_in, built_in_like};
use super::lexer::{LexError, Lexer};
use super::token::{Interner, Symbol, Token, TokenFlags, TokenKind};
use crate::diag::codes::*;
use crate::diag::{Diagnostic, Diagnostics};
use crate::source::{SourceMap, Span};
use expansion::{Context, Macro};

/// What the caller sets.
#[derive(Clone, Debug, Default)]
pub struct PreprocessorOptions {
    /// Where `#include` looks, in this order; `-I`.
    pub include_dirs: Vec<String>,
    /// Macros defined and undefined before the program begins, in this order; `-D` and `-U`.
    pub macros: Vec<MacroOption>,
    /// Bounds on the work done.
    pub limits: Limits,
}

/// A macro set from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MacroOption {
    /// `-D name=value`; without a value it is 1.
    Define(String, Option<String>),
    /// `-U name`
    Undefine(String),
}

/// Bounds on what a program may ask for.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Files open at once.
    pub include_depth_max: usize,
    /// Files included in all.
    pub include_count_max: usize,
    /// Bytes read in all, each time a file is included.
    pub input_bytes_max: usize,
    /// Tokens handed to the parser.
    pub token_count_max: usize,
    /// Tokens made by expanding macros.
    pub expansion_token_count_max: usize,
    /// Macro calls within arguments of macro calls.
    pub expansion_depth_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            include_depth_max: 100,
            include_count_max: 10_000,
            input_bytes_max: 256 << 20,
            token_count_max: 8 << 20,
            expansion_token_count_max: 2 << 20,
            expansion_depth_max: 100,
        }
    }
}

/// A program as one run of tokens, the last of which is [`TokenKind::Eof`].
#[derive(Debug)]
pub struct Preprocessed {
    /// The tokens.
    pub tokens: Vec<Token>,
    /// Their texts.
    pub interner: Interner,
}

/// Reads `main` and all that it includes.
pub fn preprocess(
    files: &dyn Files,
    main: &str,
    options: &PreprocessorOptions,
    map: &mut SourceMap,
    diags: &mut Diagnostics,
) -> Preprocessed {
    let mut interner = Interner::default();
    let dynamic = DYNAMIC_MACROS.iter().map(|&(name, kind)| (interner.intern(name), kind)).collect();
    let mut preprocessor = Preprocessor {
        files,
        options,
        map,
        diags,
        interner,
        sources: Vec::new(),
        contexts: Vec::new(),
        macros: HashMap::new(),
        dynamic,
        loaded: HashMap::new(),
        once: HashSet::new(),
        pending_flags: TokenFlags::default(),
        collecting: None,
        counter: 0,
        include_count: 0,
        input_bytes: 0,
        expansion_token_count: 0,
        expansion_depth: 0,
        stopped: false,
    };
    preprocessor.run(main)
}

/// Macros whose value is made at each use.
#[derive(Clone, Copy, Debug)]
enum Dynamic {
    File,
    Line,
    Date,
    Time,
    Counter,
    IncludeLevel,
}

const DYNAMIC_MACROS: &[(&str, Dynamic)] = &[
    ("__FILE__", Dynamic::File),
    ("__LINE__", Dynamic::Line),
    ("__DATE__", Dynamic::Date),
    ("__TIME__", Dynamic::Time),
    ("__COUNTER__", Dynamic::Counter),
    ("__INCLUDE_LEVEL__", Dynamic::IncludeLevel),
];

/// Macros that are there from the start. Programs for several targets ask for `__TARGET_BMV2__`.
const PREDEFINED: &str = "#define __HEDDLE__ 1\n#define __TARGET_BMV2__ 1\n";

struct Preprocessor<'a> {
    files: &'a dyn Files,
    options: &'a PreprocessorOptions,
    map: &'a mut SourceMap,
    diags: &'a mut Diagnostics,
    interner: Interner,
    /// Files being read, the innermost last.
    sources: Vec<Source>,
    /// Tokens to be read before the innermost file goes on, the next ones last.
    contexts: Vec<Context>,
    macros: HashMap<Symbol, Rc<Macro>>,
    dynamic: HashMap<Symbol, Dynamic>,
    /// Files already read, by path.
    loaded: HashMap<Arc<str>, Loaded>,
    /// Files that said `#pragma once`.
    once: HashSet<Arc<str>>,
    /// What the next token takes over from a macro that expanded to nothing.
    pending_flags: TokenFlags,
    /// The macro whose arguments are being collected.
    collecting: Option<Span>,
    counter: u64,
    include_count: usize,
    input_bytes: usize,
    expansion_token_count: usize,
    expansion_depth: usize,
    /// A limit was exceeded: nothing more is read.
    stopped: bool,
}

#[derive(Clone, Debug)]
struct Loaded {
    text: Arc<str>,
    span: Span,
}

/// A file being read.
struct Source {
    lexer: Lexer,
    path: Arc<str>,
    is_built_in: bool,
    conditionals: Vec<Conditional>,
}

/// An `#if` that is open.
struct Conditional {
    opening: Span,
    /// Whether one of its groups was taken.
    taken: bool,
    else_seen: Option<Span>,
}

impl Preprocessor<'_> {
    fn run(&mut self, main: &str) -> Preprocessed {
        self.define_from_text("<predefined>", PREDEFINED.to_owned());
        let mut text = String::new();
        for option in &self.options.macros {
            match option {
                MacroOption::Define(name, Some(value)) => text.push_str(&format!("#define {name} {value}\n")),
                MacroOption::Define(name, None) => text.push_str(&format!("#define {name} 1\n")),
                MacroOption::Undefine(name) => text.push_str(&format!("#undef {name}\n")),
            }
        }
        if !text.is_empty() {
            self.define_from_text("<command line>", text);
        }
        let mut tokens = Vec::new();
        match self.files.read(main) {
            Ok(bytes) => {
                self.load(main.into(), bytes, false, Span::default());
                self.read_all(&mut tokens);
            }
            Err(error) => self.emit(Diagnostic::error(
                FILE_NOT_READ,
                Span::default(),
                format!("cannot read `{main}`: {}", plain(&error)),
            )),
        }
        if tokens.last().is_none_or(|token: &Token| token.kind != TokenKind::Eof) {
            let end = self.map.files().last().map_or(Span::default(), |file| file.span().after());
            let flags = TokenFlags::LINE_START;
            tokens.push(Token { kind: TokenKind::Eof, flags, symbol: Symbol::EMPTY, span: end });
        }
        Preprocessed { tokens, interner: std::mem::take(&mut self.interner) }
    }

    fn read_all(&mut self, tokens: &mut Vec<Token>) {
        loop {
            let mut token = self.next_expanded();
            if token.kind == TokenKind::Ident
                && let Some(keyword) = TokenKind::keyword(token.symbol)
            {
                token.kind = keyword;
            }
            if tokens.len() >= self.options.limits.token_count_max && token.kind != TokenKind::Eof {
                let message = "the program has too many tokens";
                self.stop(Diagnostic::error(INPUT_TOO_LARGE, token.span, message));
                continue;
            }
            tokens.push(token);
            if token.kind == TokenKind::Eof {
                return;
            }
        }
    }

    /// Carries out the directives in a text that is no file.
    fn define_from_text(&mut self, name: &str, text: String) {
        let length = text.len();
        self.load(name.into(), text.into_bytes(), true, Span::default());
        self.input_bytes -= length.min(self.input_bytes);
        while self.next_raw().kind != TokenKind::Eof {}
        self.sources.clear();
    }

    fn emit(&mut self, diagnostic: Diagnostic) {
        self.diags.emit(diagnostic);
    }

    /// Reports, and reads nothing more.
    fn stop(&mut self, diagnostic: Diagnostic) {
        if !self.stopped {
            self.emit(diagnostic);
        }
        self.stopped = true;
        self.contexts.clear();
    }

    /// The next token before expansion. Directives are carried out on the way.
    fn next_raw(&mut self) -> Token {
        loop {
            if let Some(context) = self.contexts.last_mut() {
                if let Some(token) = context.next() {
                    return token;
                }
                if context.is_barrier {
                    return self.end_token();
                }
                self.contexts.pop();
                continue;
            }
            if self.stopped {
                return self.end_token();
            }
            let Some(source) = self.sources.last_mut() else { return self.end_token() };
            let token = source.lexer.next_token(&mut self.interner);
            if let Some(error) = source.lexer.take_error() {
                self.report_lexical(error);
            }
            match token.kind {
                TokenKind::Hash if token.starts_line() => self.directive(token),
                TokenKind::Eof => {
                    self.close_conditionals();
                    if self.sources.len() == 1 {
                        return token;
                    }
                    self.sources.pop();
                }
                TokenKind::String => return self.string_without_skipped_lines(token),
                _ => return token,
            }
        }
    }

    fn end_token(&self) -> Token {
        let at = self.sources.last().map_or(0, |source| source.lexer.position());
        let span = Span { start: at, end: at };
        Token { kind: TokenKind::Eof, flags: TokenFlags::LINE_START, symbol: Symbol::EMPTY, span }
    }

    fn report_lexical(&mut self, error: LexError) {
        self.emit(match error {
            LexError::UnterminatedComment(span) => {
                Diagnostic::error(UNTERMINATED, span, "this comment is not closed")
                    .help("close it with `*/`; comments do not nest")
            }
            LexError::UnterminatedString(span) => {
                Diagnostic::error(UNTERMINATED, span, "this string is not closed")
                    .help("close it with `\"`; a quote inside a string is written `\\\"`")
            }
        });
    }

    /// Begins to read a file, perhaps one read before.
    fn load(&mut self, path: Arc<str>, bytes: Vec<u8>, is_built_in: bool, from: Span) {
        let (text, invalid_at) = match String::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                (String::from_utf8_lossy(error.as_bytes()).into_owned(), Some(at))
            }
        };
        // A byte order mark is no part of the text.
        let text: Arc<str> = text.strip_prefix('\u{feff}').unwrap_or(&text).into();
        match self.map.add_file(path.clone(), text.clone()) {
            Ok(span) => {
                if let Some(at) = invalid_at {
                    let at = span.start.saturating_add(at as u32).min(span.end);
                    self.emit(
                        Diagnostic::warning(
                            NOT_UTF_8,
                            Span { start: at, end: at },
                            format!("`{path}` is not UTF-8"),
                        )
                        .primary_label("first bytes that are not"),
                    );
                }
                self.loaded.insert(path.clone(), Loaded { text, span });
                self.open(path, is_built_in, from);
            }
            Err(error) => self.stop(Diagnostic::error(INPUT_TOO_LARGE, from, error.to_string())),
        }
    }

    /// Begins to read a file that is loaded.
    fn open(&mut self, path: Arc<str>, is_built_in: bool, from: Span) {
        let Some(Loaded { text, span }) = self.loaded.get(&path).cloned() else { return };
        self.include_count += 1;
        self.input_bytes = self.input_bytes.saturating_add(text.len());
        let limits = &self.options.limits;
        let problem = if self.sources.len() >= limits.include_depth_max {
            Some((INCLUDE_TOO_DEEP, format!("files are included {} deep", limits.include_depth_max)))
        } else if self.include_count > limits.include_count_max {
            Some((INPUT_TOO_LARGE, format!("more than {} files are included", limits.include_count_max)))
        } else if self.input_bytes > limits.input_bytes_max {
            Some((INPUT_TOO_LARGE, format!("more than {} bytes are read", limits.input_bytes_max)))
        } else {
            None
        };
        if let Some((code, message)) = problem {
            let diagnostic = Diagnostic::error(code, from, message);
            let diagnostic = match code == INCLUDE_TOO_DEEP {
                true => {
                    diagnostic.help("does a file include itself? `#pragma once` at its top prevents that")
                }
                false => diagnostic,
            };
            return self.stop(diagnostic);
        }
        let lexer = Lexer::new(text, span.start);
        self.sources.push(Source { lexer, path, is_built_in, conditionals: Vec::new() });
    }

    /// Finds the file that an `#include` names and begins to read it.
    fn include(&mut self, name: &str, span: Span, is_angled: bool) {
        let (beside, from_built_in) = match self.sources.last() {
            Some(source) => {
                let directory = source.path.rfind('/').map_or("", |slash| &source.path[..=slash]);
                (directory.to_owned(), source.is_built_in)
            }
            None => (String::new(), false),
        };
        if name.is_empty() {
            return self.emit(Diagnostic::error(MALFORMED_DIRECTIVE, span, "the file name is empty"));
        }
        let mut candidates = Vec::new();
        if name.starts_with('/') {
            candidates.push(name.to_owned());
        } else {
            if !is_angled && !from_built_in {
                candidates.push(format!("{beside}{}", name.strip_prefix("./").unwrap_or(name)));
            }
            for directory in &self.options.include_dirs {
                let slash = if directory.is_empty() || directory.ends_with('/') { "" } else { "/" };
                candidates.push(format!("{directory}{slash}{name}"));
            }
        }
        // A built-in file means the built-in files beside it.
        if from_built_in && !is_angled && self.include_built_in(name, span) {
            return;
        }
        for path in candidates {
            if self.once.contains(path.as_str()) {
                return;
            }
            if self.loaded.contains_key(path.as_str()) {
                return self.open(path.into(), false, span);
            }
            match self.files.read(&path) {
                Ok(bytes) => return self.load(path.into(), bytes, false, span),
                Err(error) if is_absence(&error) => {}
                Err(error) => {
                    let message = format!("cannot read `{path}`: {}", plain(&error));
                    return self.emit(Diagnostic::error(FILE_NOT_READ, span, message));
                }
            }
        }
        if self.include_built_in(name, span) {
            return;
        }
        let mut diagnostic = Diagnostic::error(FILE_NOT_READ, span, format!("there is no file `{name}`"));
        if !self.options.include_dirs.is_empty() {
            let list = self.options.include_dirs.join("`, `");
            diagnostic = diagnostic.note(format!("include directories: `{list}`"));
        }
        diagnostic = match built_in_like(name) {
            Some(like) => diagnostic.help(format!("did you mean `#include <{like}>`?")),
            None => diagnostic.help("`-I DIRECTORY` adds a directory to look in"),
        };
        self.emit(diagnostic);
    }

    fn include_built_in(&mut self, name: &str, span: Span) -> bool {
        let Some(text) = built_in(name) else { return false };
        let path: Arc<str> = format!("<{name}>").into();
        if self.once.contains(&path) {
            return true;
        }
        match self.loaded.contains_key(&path) {
            true => self.open(path, true, span),
            false => self.load(path, text.into(), true, span),
        }
        true
    }
}

/// Whether another directory may still have the file.
fn is_absence(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::*;
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory | InvalidInput | InvalidFilename)
}

/// What the system said, without its number.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_lowercase(),
        None => text,
    }
}
