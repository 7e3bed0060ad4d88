//! What a user writes: files in TOML, and what is said when one is wrong.
//!
//! Invariant: a message names the file and the line of what it is about.

use serde::de::DeserializeOwned;

/// A topology or a job file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct SpecError {
    /// As it was given.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What is wrong, and what is wanted.
    pub message: String,
}

/// What was expected, in words for those who write files and not programs.
fn in_words(message: &str) -> String {
    let Some((told, expected)) = message.rsplit_once("expected ") else { return message.to_owned() };
    let wanted = match expected {
        "u64" | "usize" => "a whole number from 0",
        "u32" => "a whole number from 0 to 4294967295",
        "u16" => "a whole number from 0 to 65535",
        "f64" => "a number",
        other => other,
    };
    format!("{told}expected {wanted}")
}

/// A file under examination.
pub(crate) struct Source<'s> {
    pub(crate) file: &'s str,
    pub(crate) text: &'s str,
}

impl Source<'_> {
    /// Reads it into the structure of its kind.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, SpecError> {
        toml::from_str(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.wrong(at, in_words(error.message()))
        })
    }

    /// An error about what stands at a position.
    pub(crate) fn wrong(&self, at: usize, message: impl Into<String>) -> SpecError {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        SpecError { file: self.file.to_owned(), line, message: message.into() }
    }
}
