//! The forms that programs come in, told apart by what they hold, and the artifacts that `heddle compile` writes.
//!
//! Files and device configs are read by this alike; what P4 source may include is decided by whoever compiles it.

use heddle_ir::{Verified, Violation};
use serde::{Deserialize, Serialize};

/// The version of artifacts that `heddle compile` writes and switches read.
const ARTIFACT_VERSION: u32 = 1;
/// Violations that a message lists.
const VIOLATIONS_SHOWN: usize = 20;

/// What a program is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nothing is there.
    Nothing,
    /// The JSON of `p4c-bm2-ss`.
    Bmv2,
    /// JSON of another kind: an [`Artifact`], if anything.
    Artifact,
    /// The pipeline IR as text.
    Ir,
    /// A `p4.tmp.P4DeviceConfig` around one of the others.
    Wrapped,
    /// Anything else: P4 source, if it is text.
    Source,
}

impl Form {
    /// The form of these bytes.
    pub fn of(bytes: &[u8]) -> Form {
        let first =
            bytes.iter().position(|byte| !byte.is_ascii_whitespace()).map_or(&[][..], |at| &bytes[at..]);
        match (first, bytes) {
            ([], _) => Form::Nothing,
            ([b'{', ..], _) if heddle_bmv2::is_bmv2(bytes) => Form::Bmv2,
            ([b'{', ..], _) => Form::Artifact,
            // The tag of one of its fields, none of which begins a text.
            (_, [0x08 | 0x12 | 0x1a, ..]) => Form::Wrapped,
            (text, _) if text.starts_with(b"program ") => Form::Ir,
            (..) => Form::Source,
        }
    }
}

/// Why a program cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// BMv2's JSON, and something is wrong with it.
    #[error("BMv2's JSON: {0}")]
    Bmv2(#[from] heddle_bmv2::Error),
    /// JSON of no kind that is known.
    #[error(
        "JSON, but neither an artifact of `heddle compile` nor from `p4c-bm2-ss`: {0}; compile the P4 source again"
    )]
    NotArtifact(serde_json::Error),
    /// An artifact of another build.
    #[error(
        "an artifact of version {0}, and this build reads {ARTIFACT_VERSION}; compile the P4 source again"
    )]
    Version(u32),
    /// Not what IR text looks like.
    #[error("its pipeline: {0}")]
    Ir(#[from] heddle_ir::text::ParseError),
    /// A pipeline that breaks the IR's rules.
    #[error("not a valid pipeline: {}", shown(.0))]
    Invalid(Vec<Violation>),
}

fn shown(violations: &[Violation]) -> String {
    let shown: Vec<String> = violations.iter().take(VIOLATIONS_SHOWN).map(ToString::to_string).collect();
    shown.join("; ")
}

/// The loadable artifact: JSON, recognised by its `heddle_artifact` member.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Artifact {
    /// Version of this format.
    heddle_artifact: u32,
    /// What made it.
    compiler: String,
    /// The pipeline, as IR text: deep nesting is no trouble there, as it is in JSON.
    program: String,
    /// What controllers need to know, as protobuf's JSON.
    pub p4info: serde_json::Value,
}

impl Artifact {
    /// That of a program.
    pub fn new(program: &Verified, p4info: serde_json::Value) -> Artifact {
        Artifact {
            heddle_artifact: ARTIFACT_VERSION,
            compiler: format!("heddle {}", env!("CARGO_PKG_VERSION")),
            program: heddle_ir::text::print(program),
            p4info,
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// If the bytes are no artifact, or one of another version.
    pub fn read(bytes: &[u8]) -> Result<Artifact, FormError> {
        let artifact: Artifact = serde_json::from_slice(bytes).map_err(FormError::NotArtifact)?;
        match artifact.heddle_artifact {
            ARTIFACT_VERSION => Ok(artifact),
            other => Err(FormError::Version(other)),
        }
    }

    /// As it is written.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and numbers under names: nothing that JSON has no form for.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Its pipeline.
    ///
    /// # Errors
    /// If it is none.
    pub fn load(&self) -> Result<Verified, FormError> {
        ir(&self.program)
    }
}

/// Loads IR text.
///
/// # Errors
/// If it is none, or breaks the IR's rules.
pub fn ir(text: &str) -> Result<Verified, FormError> {
    heddle_ir::verify(heddle_ir::text::parse(text)?).map_err(FormError::Invalid)
}

/// Loads BMv2's JSON; the program is called `name`.
///
/// # Errors
/// If it says what `simple_switch` does not do. The error names the place.
pub fn bmv2(bytes: &[u8], name: &str) -> Result<Verified, FormError> {
    let options = heddle_bmv2::Options { name: name.to_owned(), ..heddle_bmv2::Options::default() };
    Ok(heddle_bmv2::load(bytes, &options)?)
}
