//! Device configs: programs in whatever form they come, told apart by what they hold (chapter 7).
//!
//! P4 source, Heddle's artifact, BMv2's JSON and IR text, each as it is or wrapped in a `p4.tmp.P4DeviceConfig`.

use heddle_ir::Verified;
use heddle_p4::diag::Style;
use heddle_p4::lower::LowerOptions;
use heddle_p4::{CompileOptions, MemoryFiles};
use heddle_p4rt_proto::config::P4Info;
use heddle_p4rt_proto::prost::Message as _;
use heddle_p4rt_proto::tmp::P4DeviceConfig;
use serde::Deserialize;

use crate::status::Refusal;

/// A program, and its P4Info if what it came as says what that is.
#[derive(Clone, Debug)]
pub struct Device {
    /// The program.
    pub program: Verified,
    /// Made by our own compiler from P4 source.
    pub p4info: Option<P4Info>,
}

/// What is read of an artifact.
#[derive(Deserialize)]
struct Artifact {
    heddle_artifact: u32,
    /// IR text.
    program: String,
}

/// The version of artifacts that `heddle compile` writes and switches read.
pub const ARTIFACT_VERSION: u32 = 1;
/// The name that source goes by in messages.
const SOURCE_NAME: &str = "p4_device_config.p4";

fn refused(what: &str) -> Refusal {
    Refusal::invalid(format!("p4_device_config: {what}"))
}

/// Loads a device config.
///
/// # Errors
/// `INVALID_ARGUMENT`, with the diagnostics if it is P4 source that does not compile.
pub fn load(bytes: &[u8]) -> Result<Device, Refusal> {
    let first = bytes.iter().position(|byte| !byte.is_ascii_whitespace()).map_or(&[][..], |at| &bytes[at..]);
    if first.is_empty() {
        return Err(refused(
            "it is empty; give P4 source, an artifact of `heddle compile`, or the JSON of `p4c-bm2-ss`",
        ));
    }
    if heddle_bmv2::is_bmv2(bytes) {
        let options = heddle_bmv2::Options::default();
        let program =
            heddle_bmv2::load(bytes, &options).map_err(|error| refused(&format!("BMv2's JSON: {error}")))?;
        return Ok(Device { program, p4info: None });
    }
    if first.starts_with(b"{") {
        return artifact(bytes);
    }
    // The tag of one of its fields, none of which begins a text.
    if [0x08, 0x12, 0x1a].contains(&bytes[0]) {
        let wrapped =
            P4DeviceConfig::decode(bytes).map_err(|error| refused(&format!("no P4DeviceConfig: {error}")))?;
        if wrapped.device_data.first().is_some_and(|byte| [0x08, 0x12, 0x1a].contains(byte)) {
            return Err(refused("a P4DeviceConfig within another"));
        }
        return load(&wrapped.device_data);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(refused(
            "neither text nor a P4DeviceConfig; give P4 source, an artifact of `heddle compile`, or the JSON of \
             `p4c-bm2-ss`",
        ));
    };
    if first.starts_with(b"program ") { ir(text) } else { source(text) }
}

fn artifact(bytes: &[u8]) -> Result<Device, Refusal> {
    let artifact: Artifact = serde_json::from_slice(bytes).map_err(|error| {
        refused(&format!("JSON, but neither an artifact of `heddle compile` nor from `p4c-bm2-ss`: {error}"))
    })?;
    if artifact.heddle_artifact != ARTIFACT_VERSION {
        return Err(refused(&format!(
            "an artifact of version {}, and this switch reads {ARTIFACT_VERSION}; compile the P4 source again",
            artifact.heddle_artifact
        )));
    }
    ir(&artifact.program)
}

fn ir(text: &str) -> Result<Device, Refusal> {
    let program = heddle_ir::text::parse(text).map_err(|error| refused(&format!("its pipeline: {error}")))?;
    let program = heddle_ir::verify(program).map_err(|violations| {
        let first: Vec<String> = violations.iter().take(5).map(ToString::to_string).collect();
        refused(&format!("not a valid pipeline: {}", first.join("; ")))
    })?;
    Ok(Device { program, p4info: None })
}

/// Compiles P4 source. It sees the built-in includes and no file of the switch's.
fn source(text: &str) -> Result<Device, Refusal> {
    let files = MemoryFiles::new().with(SOURCE_NAME, text);
    let options = CompileOptions {
        lower: LowerOptions { name: "main".to_owned(), ..LowerOptions::default() },
        ..CompileOptions::default()
    };
    let compilation = heddle_p4::compile(&files, SOURCE_NAME, &options);
    let Some(output) = compilation.output else {
        let told = compilation.diagnostics.render(&compilation.source_map, Style::Plain);
        return Err(refused(&format!("P4 source that does not compile:\n{told}")));
    };
    let p4info = P4Info::decode(output.p4info.to_bytes().as_slice()).map_err(|error| {
        Refusal::new(heddle_p4rt_proto::rpc::Code::Internal, format!("our own P4Info: {error}"))
    })?;
    Ok(Device { program: output.verified, p4info: Some(p4info) })
}
