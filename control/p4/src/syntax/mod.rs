//! From text to syntax tree: files, preprocessor, lexer, parser.
//!
//! Nothing here knows what a name means; the parser only knows which names are types, since the grammar depends
//! on it. Work and memory are linear in the tokens of the program, and bounded by [`Limits`].

pub mod ast;
pub mod dump;
pub mod files;
pub mod integer;
pub mod lexer;
pub mod parser;
pub mod preprocessor;
pub mod token;

pub use files::{DiskFiles, Files, MemoryFiles};
pub use preprocessor::{Limits, MacroOption, PreprocessorOptions};

use crate::diag::Diagnostics;
use crate::source::SourceMap;
use ast::SourceUnit;

/// Reads and parses the program in `main` and all that it includes.
///
/// The tree holds what could be parsed; whether that is all of it, `diags` tells.
pub fn parse(
    files: &dyn Files,
    main: &str,
    options: &PreprocessorOptions,
    map: &mut SourceMap,
    diags: &mut Diagnostics,
) -> SourceUnit {
    let preprocessed = preprocessor::preprocess(files, main, options, map, diags);
    parser::parse(&preprocessed, diags)
}
