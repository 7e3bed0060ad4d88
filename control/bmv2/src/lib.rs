//! BMv2's JSON, as `p4c-bm2-ss` writes it for `simple_switch`, as a front end to the pipeline IR.
//!
//! The format is behavioral-model's `docs/JSON_format.md`. A document goes through [`json`], which reads it by path,
//! and is lowered part by part: [`layout`] gives headers and metadata their slots, [`number`] turns arithmetic of
//! unbounded integers into arithmetic of fixed width, [`action`] and [`jumps`] lower primitives, [`parser`],
//! [`table`] and [`pipeline`] what their names say, and [`switch`] weaves in what happens between the blocks.
//!
//! Invariant: a document gives a verified pipeline or an [`Error`] that names the place; nothing panics, whatever it
//! is fed. What the document leaves open is decided as for P4 source: see `heddle_p4`'s v1model.

mod action;
mod calculation;
mod error;
mod json;
mod jumps;
mod layout;
mod number;
mod objects;
mod operand;
mod parser;
mod pipeline;
mod primitive;
mod switch;
mod table;

use heddle_ir::{Program, Verified};

pub use error::Error;

/// How to lower.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the program is called; usually the file's stem.
    pub name: String,
    /// The port that means "drop".
    pub drop_port: u32,
    /// Whether the pipeline is simplified. Its meaning is the same either way.
    pub optimise: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { name: "main".to_owned(), drop_port: 511, optimise: true }
    }
}

/// Whether a text looks like BMv2's JSON: an object with pipelines and header types.
pub fn is_bmv2(text: &[u8]) -> bool {
    let has = |key: &[u8]| text.windows(key.len()).any(|part| part == key);
    text.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
        && has(b"\"header_types\"")
        && has(b"\"pipelines\"")
}

/// Lowers a document.
///
/// # Errors
/// If it is not BMv2's JSON, or says what `simple_switch` does not do. The error names the place.
pub fn lower(text: &[u8], options: &Options) -> Result<Program, Error> {
    let document = json::parse(text)?;
    let mut program = switch::lower(&json::Node::root(&document), options)?;
    if options.optimise {
        heddle_p4::lower::optimise(&mut program);
    }
    Ok(program)
}

/// Lowers and verifies a document.
///
/// # Errors
/// As [`lower`] has them, or if the pipeline breaks the IR's rules.
pub fn load(text: &[u8], options: &Options) -> Result<Verified, Error> {
    heddle_ir::verify(lower(text, options)?).map_err(Error::Invalid)
}
