//! From text to tokens, one file at a time (P4-16 §6.4).
//!
//! The same tokens serve the preprocessor and the parser. Words are not yet told apart into names and keywords,
//! and numbers are taken whole, well-formed or not, so that text in skipped groups is never complained about.
//! A backslash before the end of a line joins it with the next (§6.2), also inside a word.

use std::sync::Arc;

use super::token::{Interner, Symbol, Token, TokenFlags, TokenKind};
use crate::source::Span;

/// What is wrong with a text, lexically.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexError {
    /// A comment that is not closed; its opening.
    UnterminatedComment(Span),
    /// A string that is not closed; its opening.
    UnterminatedString(Span),
}

/// A position in a file, and what follows it.
#[derive(Debug)]
pub struct Lexer {
    text: Arc<str>,
    base: u32,
    at: usize,
    line_start: bool,
    /// A quote without a partner was met: from then on strings end with their line, so that no text is searched
    /// for a closing quote twice.
    quote_unpaired: bool,
    error: Option<LexError>,
}

impl Lexer {
    /// Over `text`, whose first byte has position `base`.
    pub fn new(text: Arc<str>, base: u32) -> Lexer {
        Lexer { text, base, at: 0, line_start: true, quote_unpaired: false, error: None }
    }

    /// What was wrong with the last token.
    pub fn take_error(&mut self) -> Option<LexError> {
        self.error.take()
    }

    /// Position of the next byte.
    pub fn position(&self) -> u32 {
        self.base + self.at as u32
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Length of the backslash and line end at offset `at`, if they are there.
    fn splice_length(&self, at: usize) -> Option<usize> {
        match self.text.as_bytes().get(at..)? {
            [b'\\', b'\n', ..] => Some(2),
            [b'\\', b'\r', b'\n', ..] => Some(3),
            _ => None,
        }
    }

    fn span_from(&self, start: usize) -> Span {
        Span { start: self.base + start as u32, end: self.position() }
    }

    /// The next token; [`TokenKind::Eof`] again and again at the end.
    pub fn next_token(&mut self, interner: &mut Interner) -> Token {
        let spaced = self.skip_blank();
        let flags = TokenFlags::default()
            .with(TokenFlags::SPACED, spaced)
            .with(TokenFlags::LINE_START, std::mem::take(&mut self.line_start));
        let start = self.at;
        let first = self.byte(0);
        let (kind, symbol) = match first {
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => (TokenKind::Ident, self.word(interner)),
            b'0'..=b'9' => (TokenKind::Int, self.word(interner)),
            b'"' => {
                self.string();
                let text = self.text.get(start..self.at).unwrap_or_default();
                let symbol = match text.contains("\\\n") || text.contains("\\\r\n") {
                    true => interner.intern(&text.replace("\\\r\n", "").replace("\\\n", "")),
                    false => interner.intern(text),
                };
                (TokenKind::String, symbol)
            }
            0 if self.at_end() => {
                // The end of a file ends its last line, too.
                let flags = flags.with(TokenFlags::LINE_START, true);
                let symbol = Symbol::EMPTY;
                return Token { kind: TokenKind::Eof, flags, symbol, span: self.span_from(start) };
            }
            _ => match mark(first, self.byte(1), self.byte(2), self.byte(3)) {
                Some((kind, length)) => {
                    self.at += length;
                    (kind, Symbol::EMPTY)
                }
                None => {
                    let length =
                        self.text.get(start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
                    self.at += length;
                    (TokenKind::Unknown, interner.intern(self.text.get(start..self.at).unwrap_or_default()))
                }
            },
        };
        Token { kind, flags, symbol, span: self.span_from(start) }
    }

    /// The next token, if it is on the same line; else nothing is taken.
    pub fn next_on_line(&mut self, interner: &mut Interner) -> Option<Token> {
        let (at, line_start) = (self.at, self.line_start);
        let token = self.next_token(interner);
        if token.starts_line() {
            (self.at, self.line_start, self.error) = (at, line_start, None);
            return None;
        }
        Some(token)
    }

    /// Skips white space and comments. Whether there was any.
    fn skip_blank(&mut self) -> bool {
        let start = self.at;
        loop {
            match self.byte(0) {
                b'\n' => {
                    self.line_start = true;
                    self.at += 1;
                }
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b'/' if self.byte(1) == b'/' => self.skip_to_line_end(),
                b'/' if self.byte(1) == b'*' => self.skip_block_comment(),
                b'\\' => match self.splice_length(self.at) {
                    Some(length) => self.at += length,
                    None => break,
                },
                _ => break,
            }
        }
        self.at > start
    }

    /// To the line end that no backslash takes back, and not past it.
    fn skip_to_line_end(&mut self) {
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
                self.at = self.text.len();
                return;
            };
            let line = rest.get(..length).unwrap_or_default();
            let spliced = line.ends_with(b"\\") || line.ends_with(b"\\\r");
            self.at += length;
            if !spliced {
                return;
            }
            self.at += 1;
        }
    }

    fn skip_block_comment(&mut self) {
        let start = self.at;
        self.at += 2;
        match self.text.get(self.at..).and_then(|rest| rest.find("*/")) {
            Some(length) => self.at += length + 2,
            None => {
                let opening = Span { start: self.base + start as u32, end: self.position() };
                self.error = Some(LexError::UnterminatedComment(opening));
                self.at = self.text.len();
            }
        }
    }

    /// Letters, digits and underscores.
    fn word(&mut self, interner: &mut Interner) -> Symbol {
        let start = self.at;
        self.skip_word();
        let continues = |lexer: &Lexer| {
            let length = lexer.splice_length(lexer.at)?;
            is_word(lexer.byte(length)).then_some(length)
        };
        let Some(mut length) = continues(self) else {
            return interner.intern(self.text.get(start..self.at).unwrap_or_default());
        };
        // A word cut in two by the end of a line.
        let mut whole = self.text.get(start..self.at).unwrap_or_default().to_owned();
        loop {
            self.at += length;
            let part = self.at;
            self.skip_word();
            whole.push_str(self.text.get(part..self.at).unwrap_or_default());
            match continues(self) {
                Some(next) => length = next,
                None => return interner.intern(&whole),
            }
        }
    }

    fn skip_word(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|&byte| !is_word(byte)).unwrap_or(rest.len());
    }

    /// To behind the quote that an even number of backslashes precedes (§6.4.3.3); strings may span lines.
    fn string(&mut self) {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        let mut line_end = None;
        loop {
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return;
                }
                Some(b'\\') => at += 2,
                Some(b'\n') if self.quote_unpaired => break,
                Some(byte) => {
                    if *byte == b'\n' && line_end.is_none() {
                        line_end = Some(at);
                    }
                    at += 1;
                }
                None => break,
            }
        }
        self.quote_unpaired = true;
        self.error = Some(LexError::UnterminatedString(Span {
            start: self.base + start as u32,
            end: self.base + start as u32 + 1,
        }));
        // What closes a call at the end of the line is most likely meant to.
        let end = line_end.unwrap_or(at).min(bytes.len());
        let is_closing = |byte: &u8| matches!(byte, b')' | b']' | b'}' | b';' | b',' | b' ' | b'\t' | b'\r');
        let closing = bytes[start + 1..end].iter().rev().take_while(|byte| is_closing(byte)).count();
        self.at = end - closing;
    }

    /// The rest of the line, as written, without the line end; lines joined by backslashes are one.
    pub fn rest_of_line(&mut self) -> (String, Span) {
        let start = self.at;
        self.skip_to_line_end();
        let text = self.text.get(start..self.at).unwrap_or_default();
        (text.replace("\\\r\n", " ").replace("\\\n", " ").trim().to_owned(), self.span_from(start))
    }

    /// Skips blanks within the line, then takes `<...>` whole if it comes next: the name between the brackets.
    pub fn header_name(&mut self) -> Option<(String, Span)> {
        while matches!(self.byte(0), b' ' | b'\t') {
            self.at += 1;
        }
        if self.byte(0) != b'<' {
            return None;
        }
        let line = self.text.get(self.at..)?.lines().next()?;
        let length = line.find('>')?;
        let name = line.get(1..length)?.to_owned();
        let start = self.at;
        self.at += length + 1;
        Some((name, self.span_from(start)))
    }

    /// Skips to the next `#` that is first of its line, past whatever else there is. False at the end of the file.
    ///
    /// Strings in skipped text end with their line, so that a lone quote in prose swallows no directive.
    pub fn skip_to_directive(&mut self) -> bool {
        loop {
            self.skip_blank();
            if std::mem::take(&mut self.line_start) && self.byte(0) == b'#' {
                return true;
            }
            if self.at_end() {
                return false;
            }
            self.skip_text_of_line();
        }
    }

    /// To the next comment or line end.
    fn skip_text_of_line(&mut self) {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        let mut quoted = false;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'\n'
                    if bytes
                        .get(..at)
                        .is_none_or(|line| !line.ends_with(b"\\") && !line.ends_with(b"\\\r")) =>
                {
                    break;
                }
                b'"' => quoted = !quoted,
                b'\\' if quoted && bytes.get(at + 1).is_some_and(|&next| next != b'\n') => at += 1,
                b'/' if !quoted && matches!(bytes.get(at + 1), Some(b'/' | b'*')) => break,
                _ => {}
            }
            at += 1;
        }
        self.at = at.min(bytes.len());
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The longest mark that begins with these bytes, and its length.
fn mark(first: u8, second: u8, third: u8, fourth: u8) -> Option<(TokenKind, usize)> {
    use TokenKind::*;
    Some(match (first, second, third, fourth) {
        (b'|', b'+', b'|', b'=') => (AssignSatPlus, 4),
        (b'|', b'-', b'|', b'=') => (AssignSatMinus, 4),
        (b'|', b'+', b'|', _) => (SatPlus, 3),
        (b'|', b'-', b'|', _) => (SatMinus, 3),
        (b'|', b'|', ..) => (OrOr, 2),
        (b'|', b'=', ..) => (AssignPipe, 2),
        (b'|', ..) => (Pipe, 1),
        (b'&', b'&', b'&', _) => (Mask, 3),
        (b'&', b'&', ..) => (AndAnd, 2),
        (b'&', b'=', ..) => (AssignAmpersand, 2),
        (b'&', ..) => (Ampersand, 1),
        (b'.', b'.', b'.', _) => (Dots, 3),
        (b'.', b'.', ..) => (Range, 2),
        (b'.', ..) => (Dot, 1),
        (b'<', b'<', b'=', _) => (AssignShl, 3),
        (b'<', b'<', ..) => (Shl, 2),
        (b'<', b'=', ..) => (LessEq, 2),
        (b'<', ..) => (Less, 1),
        // `>>` stays two tokens: only the parser knows whether it shifts or closes two lists of type arguments.
        (b'>', b'>', b'=', _) => (AssignShr, 3),
        (b'>', b'=', ..) => (GreaterEq, 2),
        (b'>', ..) => (Greater, 1),
        (b'{', b'#', b'}', _) => (InvalidHeader, 3),
        (b'{', ..) => (LeftBrace, 1),
        (b'+', b'+', ..) => (PlusPlus, 2),
        (b'+', b'=', ..) => (AssignPlus, 2),
        (b'+', ..) => (Plus, 1),
        (b'-', b'=', ..) => (AssignMinus, 2),
        (b'-', ..) => (Minus, 1),
        (b'*', b'=', ..) => (AssignStar, 2),
        (b'*', ..) => (Star, 1),
        (b'/', b'=', ..) => (AssignSlash, 2),
        (b'/', ..) => (Slash, 1),
        (b'%', b'=', ..) => (AssignPercent, 2),
        (b'%', ..) => (Percent, 1),
        (b'^', b'=', ..) => (AssignCaret, 2),
        (b'^', ..) => (Caret, 1),
        (b'=', b'=', ..) => (EqEq, 2),
        (b'=', ..) => (Assign, 1),
        (b'!', b'=', ..) => (NotEq, 2),
        (b'!', ..) => (Not, 1),
        (b'#', b'#', ..) => (HashHash, 2),
        (b'#', ..) => (Hash, 1),
        (b'}', ..) => (RightBrace, 1),
        (b'~', ..) => (Tilde, 1),
        (b'(', ..) => (LeftParen, 1),
        (b')', ..) => (RightParen, 1),
        (b'[', ..) => (LeftBracket, 1),
        (b']', ..) => (RightBracket, 1),
        (b':', ..) => (Colon, 1),
        (b',', ..) => (Comma, 1),
        (b'?', ..) => (Question, 1),
        (b';', ..) => (Semicolon, 1),
        (b'@', ..) => (At, 1),
        _ => return None,
    })
}
