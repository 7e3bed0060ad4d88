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

use crate::form::{self, Artifact, Form, FormError};
use crate::status::Refusal;

/// A program, and its P4Info if what it came as says what that is.
#[derive(Clone, Debug)]
pub struct Device {
    /// The program.
    pub program: Verified,
    /// Made by our own compiler from P4 source.
    pub p4info: Option<P4Info>,
}

/// The name that source goes by in messages.
const SOURCE_NAME: &str = "p4_device_config.p4";
/// What a program is called that came without a name.
const PROGRAM_NAME: &str = "main";

fn refused(what: &str) -> Refusal {
    Refusal::invalid(format!("p4_device_config: {what}"))
}

/// Loads a device config.
///
/// # Errors
/// `INVALID_ARGUMENT`, with the diagnostics if it is P4 source that does not compile.
pub fn load(bytes: &[u8]) -> Result<Device, Refusal> {
    match Form::of(bytes) {
        Form::Nothing => Err(refused(
            "it is empty; give P4 source, an artifact of `heddle compile`, or the JSON of `p4c-bm2-ss`",
        )),
        Form::Bmv2 => without_p4info(form::bmv2(bytes, PROGRAM_NAME)),
        Form::Artifact => without_p4info(Artifact::read(bytes).and_then(|artifact| artifact.load())),
        Form::Ir => without_p4info(form::ir(text(bytes)?)),
        Form::Source => source(text(bytes)?),
        Form::Wrapped => {
            let wrapped = P4DeviceConfig::decode(bytes)
                .map_err(|error| refused(&format!("no P4DeviceConfig: {error}")))?;
            match Form::of(&wrapped.device_data) {
                Form::Wrapped => Err(refused("a P4DeviceConfig within another")),
                _ => load(&wrapped.device_data),
            }
        }
    }
}

fn without_p4info(program: Result<Verified, FormError>) -> Result<Device, Refusal> {
    let program = program.map_err(|error| refused(&error.to_string()))?;
    Ok(Device { program, p4info: None })
}

fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|_| {
        refused(
            "neither text nor a P4DeviceConfig; give P4 source, an artifact of `heddle compile`, or the JSON of \
             `p4c-bm2-ss`",
        )
    })
}

/// Compiles P4 source. It sees the built-in includes and no file of the switch's.
fn source(text: &str) -> Result<Device, Refusal> {
    let files = MemoryFiles::new().with(SOURCE_NAME, text);
    let options = CompileOptions {
        lower: LowerOptions { name: PROGRAM_NAME.to_owned(), ..LowerOptions::default() },
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
