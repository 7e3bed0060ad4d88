//! Tokens of the text form.
//!
//! Invariant: every character of the input is in one token, white space or a comment; a token knows where it
//! begins.

use crate::{Bits, BitsParseError};

use super::ParseError;
use super::word::{is_word_part, is_word_start};

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    Str(String),
    Number(u64),
    Sized(Bits),
    /// Punctuation.
    Mark(&'static str),
    End,
}

/// Longer ones before those they begin with.
const MARKS: [&str; 14] = ["&&&", "->", "..", ".", ":", ";", ",", "=", "/", "(", ")", "[", "]", "{"];
const CLOSING_BRACE: &str = "}";

impl Token {
    /// For "... but found".
    pub(super) fn describe(&self) -> String {
        match self {
            Token::Word(word) => format!("`{word}`"),
            Token::Str(_) => "a string".to_string(),
            Token::Number(number) => format!("`{number}`"),
            Token::Sized(bits) if bits.width() <= 128 => format!("`{bits}`"),
            Token::Sized(_) => "a constant".to_string(),
            Token::Mark(mark) => format!("`{mark}`"),
            Token::End => "the end".to_string(),
        }
    }
}

/// Where a token begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    line: u32,
    column: u32,
}

impl Position {
    pub(super) fn error(self, message: impl Into<String>) -> ParseError {
        ParseError { line: self.line, column: self.column, message: message.into() }
    }
}

/// Splits a text into tokens, one at a time.
pub(super) struct Lexer<'t> {
    rest: &'t str,
    position: Position,
    constant_bytes_left: u64,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Lexer<'t> {
        Lexer {
            rest: text,
            position: Position { line: 1, column: 1 },
            constant_bytes_left: super::CONSTANT_BYTES,
        }
    }

    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.rest.split_at(bytes);
        for c in skipped.chars() {
            if c == '\n' {
                self.position = Position { line: self.position.line.saturating_add(1), column: 1 };
            } else {
                self.position.column = self.position.column.saturating_add(1);
            }
        }
        self.rest = rest;
    }

    fn skip_blank(&mut self) {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.skip(blank);
            if !self.rest.starts_with("//") {
                return;
            }
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    /// Bytes of the beginning of the rest whose characters satisfy a condition.
    fn run(&self, of: impl Fn(char) -> bool) -> usize {
        self.rest.find(|c| !of(c)).unwrap_or(self.rest.len())
    }

    /// The next token and where it begins; [`Token::End`] for ever once the text is over.
    pub(super) fn token(&mut self) -> Result<(Position, Token), ParseError> {
        self.skip_blank();
        let begin = self.position;
        let Some(first) = self.rest.chars().next() else { return Ok((begin, Token::End)) };
        if is_word_start(first) {
            let (word, _) = self.rest.split_at(self.run(is_word_part));
            self.skip(word.len());
            return Ok((begin, Token::Word(word.to_string())));
        }
        if first.is_ascii_digit() {
            let (text, _) = self.rest.split_at(self.run(is_word_part));
            let token = self.number(begin, text)?;
            self.skip(text.len());
            return Ok((begin, token));
        }
        if first == '"' {
            return Ok((begin, Token::Str(self.string(begin)?)));
        }
        match MARKS.into_iter().chain([CLOSING_BRACE]).find(|mark| self.rest.starts_with(mark)) {
            Some(mark) => {
                self.skip(mark.len());
                Ok((begin, Token::Mark(mark)))
            }
            None => Err(begin.error(format!("`{}` has no meaning here", first.escape_debug()))),
        }
    }

    fn number(&mut self, begin: Position, text: &str) -> Result<Token, ParseError> {
        if let Some((width, value)) = text.split_once('w') {
            // Before anything is allocated for it.
            let width: u32 = width.parse().map_err(|_| begin.error(BitsParseError::NoWidth.to_string()))?;
            if width > 128 {
                let bytes = u64::from(width.div_ceil(8));
                self.constant_bytes_left = self
                    .constant_bytes_left
                    .checked_sub(bytes)
                    .ok_or_else(|| begin.error("the text's wide constants are too much together"))?;
            }
            return match Bits::parse(width, value) {
                Ok(bits) => Ok(Token::Sized(bits)),
                Err(error) => Err(begin.error(error.to_string())),
            };
        }
        let number = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        number.map(Token::Number).map_err(|_| begin.error(format!("`{text}` is no number of 64 bits")))
    }

    fn string(&mut self, begin: Position) -> Result<String, ParseError> {
        let unclosed = || begin.error("the string is not closed on its line");
        self.skip(1);
        let mut string = String::new();
        loop {
            let at = self.position;
            let c = self.rest.chars().next().ok_or_else(unclosed)?;
            match c {
                '\n' => return Err(unclosed()),
                '"' => {
                    self.skip(1);
                    return Ok(string);
                }
                '\\' => {
                    self.skip(1);
                    let escape = self.rest.chars().next().ok_or_else(unclosed)?;
                    let bad = || at.error("escapes are \\\" \\\\ \\n \\r \\t \\u{1f}");
                    string.push(match escape {
                        '"' | '\\' => escape,
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        'u' => {
                            let braced = self.rest.strip_prefix("u{").ok_or_else(bad)?;
                            let (digits, _) = braced.split_once('}').ok_or_else(bad)?;
                            let code = u32::from_str_radix(digits, 16).map_err(|_| bad())?;
                            // The digits and the braces; the `u` is skipped with any other escape's letter.
                            let length = digits.len() + 2;
                            let c = char::from_u32(code).ok_or_else(bad)?;
                            self.skip(length);
                            c
                        }
                        _ => return Err(bad()),
                    });
                    self.skip(1);
                }
                _ => {
                    string.push(c);
                    self.skip(c.len_utf8());
                }
            }
        }
    }
}
