//! Why a document is no program.

use heddle_ir::Violation;

/// Why a document is no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not JSON at all, or nests deeper than any compiler's output.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// A part is missing, of another form, or refers to what is not there.
    #[error("{path}: {what}")]
    Wrong {
        /// Where, as `pipelines[0].tables[3].key[1].target`.
        path: String,
        /// What is wrong with it, and what was expected.
        what: String,
    },
    /// What it says makes no pipeline.
    #[error("not a valid pipeline: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Violation>),
}

/// A part of a program, or why there is none.
pub(crate) type Lower<T> = Result<T, Error>;
