//! Tokens and their texts.
//!
//! A token is small and copied freely; its text is a [`Symbol`] of an [`Interner`]. What a token points at is not
//! always what it says: one that comes out of a macro points at the macro's use.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::source::Span;

macro_rules! token_kinds {
    ($($keyword:ident = $keyword_text:literal,)* ; $($mark:ident = $mark_text:literal,)*) => {
        /// Kinds of token.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum TokenKind {
            $(#[doc = concat!("`", $keyword_text, "`")] $keyword,)*
            $(#[doc = concat!("`", $mark_text, "`")] $mark,)*
            /// A name that is no keyword; before keywords are told apart, any word.
            Ident,
            /// An integer literal, well-formed or not.
            Int,
            /// A string literal, with its quotes.
            String,
            /// A character that begins no token.
            Unknown,
            /// The end of the text.
            Eof,
        }

        /// Every keyword, in the order of the symbols that an interner starts with.
        const KEYWORDS: &[(TokenKind, &str)] = &[$((TokenKind::$keyword, $keyword_text),)*];

        impl TokenKind {
            /// How keywords and marks are written; how other kinds are called.
            pub fn text(self) -> &'static str {
                match self {
                    $(TokenKind::$keyword => $keyword_text,)*
                    $(TokenKind::$mark => $mark_text,)*
                    TokenKind::Ident => "name",
                    TokenKind::Int => "integer",
                    TokenKind::String => "string",
                    TokenKind::Unknown => "unknown character",
                    TokenKind::Eof => "end of file",
                }
            }
        }
    };
}

token_kinds! {
    Abstract = "abstract",
    Action = "action",
    Actions = "actions",
    Apply = "apply",
    Bool = "bool",
    Bit = "bit",
    Break = "break",
    Const = "const",
    Continue = "continue",
    Control = "control",
    Default = "default",
    Else = "else",
    Entries = "entries",
    Enum = "enum",
    Error = "error",
    Exit = "exit",
    Extern = "extern",
    False = "false",
    For = "for",
    Header = "header",
    HeaderUnion = "header_union",
    If = "if",
    In = "in",
    InOut = "inout",
    IntType = "int",
    Key = "key",
    List = "list",
    MatchKind = "match_kind",
    Out = "out",
    Parser = "parser",
    Package = "package",
    Priority = "priority",
    Return = "return",
    Select = "select",
    State = "state",
    StringType = "string",
    Struct = "struct",
    Switch = "switch",
    Table = "table",
    This = "this",
    Transition = "transition",
    True = "true",
    Tuple = "tuple",
    Type = "type",
    Typedef = "typedef",
    Varbit = "varbit",
    ValueSet = "value_set",
    Void = "void",
    Underscore = "_",
    ;
    Mask = "&&&",
    Dots = "...",
    Range = "..",
    Shl = "<<",
    AndAnd = "&&",
    OrOr = "||",
    EqEq = "==",
    NotEq = "!=",
    GreaterEq = ">=",
    LessEq = "<=",
    PlusPlus = "++",
    Plus = "+",
    SatPlus = "|+|",
    Minus = "-",
    SatMinus = "|-|",
    Star = "*",
    Slash = "/",
    Percent = "%",
    Pipe = "|",
    Ampersand = "&",
    Caret = "^",
    Tilde = "~",
    LeftParen = "(",
    RightParen = ")",
    LeftBracket = "[",
    RightBracket = "]",
    LeftBrace = "{",
    RightBrace = "}",
    InvalidHeader = "{#}",
    Less = "<",
    Greater = ">",
    Not = "!",
    Colon = ":",
    Comma = ",",
    Question = "?",
    Dot = ".",
    Assign = "=",
    AssignPlus = "+=",
    AssignMinus = "-=",
    AssignStar = "*=",
    AssignSlash = "/=",
    AssignPercent = "%=",
    AssignAmpersand = "&=",
    AssignPipe = "|=",
    AssignCaret = "^=",
    AssignShl = "<<=",
    AssignShr = ">>=",
    AssignSatPlus = "|+|=",
    AssignSatMinus = "|-|=",
    Semicolon = ";",
    At = "@",
    Hash = "#",
    HashHash = "##",
}

impl TokenKind {
    /// Whether it is a word that the grammar accepts wherever any `name` may stand: `actions`, `apply`,
    /// `entries`, `key`, `priority`, `state`, `type` and `list` besides identifiers (P4-16, grammar, `name`).
    pub fn is_name(self) -> bool {
        self == TokenKind::List || self.is_non_type_name()
    }

    /// The same without `list`, which begins a type (grammar, `nonTypeName`).
    pub fn is_non_type_name(self) -> bool {
        matches!(
            self,
            TokenKind::Ident
                | TokenKind::Actions
                | TokenKind::Apply
                | TokenKind::Entries
                | TokenKind::Key
                | TokenKind::Priority
                | TokenKind::State
                | TokenKind::Type
        )
    }

    /// Whether it is a word: a keyword or an identifier.
    pub fn is_word(self) -> bool {
        self == TokenKind::Ident || (self as usize) < KEYWORDS.len()
    }

    /// The keyword that `symbol` is, if it is one.
    pub fn keyword(symbol: Symbol) -> Option<TokenKind> {
        KEYWORDS.get(symbol.0 as usize).map(|&(kind, _)| kind)
    }
}

/// An interned text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(u32);

impl Symbol {
    /// The empty text.
    pub const EMPTY: Symbol = Symbol(KEYWORDS.len() as u32);

    /// As an index: symbols are numbered densely from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Texts, each held once. Keywords are its first symbols.
#[derive(Debug)]
pub struct Interner {
    symbols: HashMap<Arc<str>, Symbol>,
    texts: Vec<Arc<str>>,
}

impl Default for Interner {
    fn default() -> Interner {
        let mut interner = Interner { symbols: HashMap::new(), texts: Vec::new() };
        for &(_, text) in KEYWORDS {
            interner.intern(text);
        }
        interner.intern("");
        interner
    }
}

impl Interner {
    /// The symbol of `text`.
    pub fn intern(&mut self, text: &str) -> Symbol {
        if let Some(&symbol) = self.symbols.get(text) {
            return symbol;
        }
        let symbol = Symbol(self.texts.len() as u32);
        let text: Arc<str> = text.into();
        self.texts.push(text.clone());
        self.symbols.insert(text, symbol);
        symbol
    }

    /// The text of `symbol`.
    pub fn text(&self, symbol: Symbol) -> &Arc<str> {
        &self.texts[symbol.index()]
    }

    /// How many symbols there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Never: keywords are always in it.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

/// A token.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// What.
    pub kind: TokenKind,
    /// How it stands among its neighbours.
    pub flags: TokenFlags,
    /// Its text, for words, literals and unknown characters; of no meaning for marks.
    pub symbol: Symbol,
    /// Where.
    pub span: Span,
}

impl Token {
    /// Its text.
    pub fn text<'a>(&self, interner: &'a Interner) -> &'a str {
        match self.kind {
            TokenKind::Ident | TokenKind::Int | TokenKind::String | TokenKind::Unknown => {
                interner.text(self.symbol)
            }
            TokenKind::Eof => "",
            kind => kind.text(),
        }
    }

    /// Whether it is the first of its line.
    pub fn starts_line(&self) -> bool {
        self.flags.has(TokenFlags::LINE_START)
    }

    /// Whether anything separates it from the token before.
    pub fn is_spaced(&self) -> bool {
        self.flags.has(TokenFlags::SPACED)
    }
}

/// How a token stands among its neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenFlags(u8);

impl TokenFlags {
    /// First of its line.
    pub const LINE_START: TokenFlags = TokenFlags(1);
    /// White space or a comment before it.
    pub const SPACED: TokenFlags = TokenFlags(2);
    /// Named a macro while that macro was being expanded; never to be expanded again.
    pub const PAINTED: TokenFlags = TokenFlags(4);

    /// Whether all of `other` are set.
    pub fn has(self, other: TokenFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// With `other`, set or cleared.
    pub fn with(self, other: TokenFlags, set: bool) -> TokenFlags {
        TokenFlags(if set { self.0 | other.0 } else { self.0 & !other.0 })
    }
}
