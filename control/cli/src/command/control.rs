//! Options of a switch that controllers are served by: where, whom, and what is kept.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use heddle_daemon::{ControlSettings, RoleMap, ServerSettings, StateSettings, TlsFiles};
use heddle_ir::Verified;
use heddle_p4rt::form::Artifact;
use heddle_p4rt::{SdnValue, TranslationConfig};
use heddle_p4rt_proto::{FILE_DESCRIPTOR_SET, config, v1};
use prost_reflect::{DescriptorPool, DynamicMessage};

use crate::executor::Engine;
use crate::exit::UsageError;

/// Where P4Runtime is served unless told otherwise: for this host alone.
const ADDRESS: &str = "127.0.0.1:9559";

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Serve P4Runtime on this address; 127.0.0.1:9559 if none is given
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = ADDRESS)]
    p4runtime: Option<SocketAddr>,
    /// Start without a program: a controller sets it
    #[arg(long, requires = "p4runtime", conflicts_with = "program")]
    no_pipeline: bool,
    /// The number by which controllers name this switch
    #[arg(long, value_name = "ID", default_value_t = 1)]
    device_id: u64,
    /// What controllers call values of a type that the program translates, by the type's URI or its name (may be
    /// repeated)
    #[arg(long = "translate", value_name = "URI=NAME:NUMBER,...")]
    translations: Vec<String>,
    /// The port by which packets come from and go to controllers
    #[arg(long, value_name = "PORT", default_value_t = 510)]
    cpu_port: u32,
    /// Serve statistics to Prometheus on this address
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// Keep program, entries, groups, meters, registers and ports in this folder, and begin with what is there
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Acknowledge a change only once the disk has it, so that it survives loss of power
    #[arg(long, requires = "state")]
    state_sync: bool,
    /// The server's certificate: serve by TLS only; read again when it changes
    #[arg(long, value_name = "FILE.pem", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE.pem", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Roots of clients' certificates: let in only those who have one
    #[arg(long, value_name = "FILE.pem", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// Roles of the client whose certificate is for a name; once one is given, others have none (may be repeated)
    #[arg(long = "client-role", value_name = "NAME=ROLE,...", requires = "tls_client_ca")]
    client_roles: Vec<String>,
    /// Bytes of a request at most
    #[arg(long, value_name = "BYTES", default_value_t = 128 << 20)]
    max_message_bytes: usize,
    /// Connections of controllers at most
    #[arg(long, value_name = "COUNT", default_value_t = 1024)]
    max_connections: usize,
    /// Streams of controllers at most
    #[arg(long, value_name = "COUNT", default_value_t = 1024)]
    max_streams: usize,
    /// Table entries, action profile members and groups at most; as many as the program's sizes allow if not given
    #[arg(long, value_name = "COUNT")]
    max_entries: Option<u64>,
    /// Calls a second on one connection at most; as many as it can if not given
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    max_call_rate: Option<u32>,
}

impl Options {
    /// Whether there is a control plane.
    pub(crate) fn is_wanted(&self) -> bool {
        self.p4runtime.is_some() || self.metrics.is_some() || self.state.is_some()
    }

    fn server(&self, address: SocketAddr) -> anyhow::Result<ServerSettings> {
        let mut roles = RoleMap::default();
        for text in &self.client_roles {
            roles.add(text).map_err(|error| UsageError(format!("--client-role {error}")))?;
        }
        let tls = self.tls_cert.clone().zip(self.tls_key.clone());
        let tls = tls.map(|(certificate, key)| TlsFiles {
            certificate,
            key,
            client_ca: self.tls_client_ca.clone(),
        });
        Ok(ServerSettings {
            tls,
            roles,
            message_bytes: self.max_message_bytes,
            connections: self.max_connections,
            streams: self.max_streams,
            calls_per_second: self.max_call_rate,
            ..ServerSettings::new(address)
        })
    }

    /// What the daemon is told; none if nothing of it is wanted.
    pub(crate) fn settings(&self, engine: Engine) -> anyhow::Result<Option<ControlSettings>> {
        if !self.is_wanted() {
            return Ok(None);
        }
        let core = heddle_p4rt::Config {
            device_id: self.device_id,
            controller_port: self.cpu_port,
            streams_per_role: self.max_streams,
            entries_max: self.max_entries,
            translations: self.translations.iter().map(|text| translation(text)).collect::<Result<_, _>>()?,
            ..heddle_p4rt::Config::default()
        };
        let folder = self.state.clone();
        Ok(Some(ControlSettings {
            core,
            make_executor: Arc::new(move |program: Verified| {
                engine.executor(program).map_err(|error| format!("{error:#}"))
            }),
            server: self.p4runtime.map(|address| self.server(address)).transpose()?,
            metrics: self.metrics,
            state: folder.map(|folder| StateSettings { folder, sync: self.state_sync }),
        }))
    }
}

/// `URI=NAME:NUMBER,...`. A name that is a number is that for types whose values are numbers to controllers as well.
fn translation(text: &str) -> Result<TranslationConfig, UsageError> {
    let wrong = |what: &str| UsageError(format!("--translate {text}: {what}; expected URI=NAME:NUMBER,..."));
    let (uri, listed) = text.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
    let mut pairs = Vec::new();
    for pair in listed.split(',') {
        let (name, number) = pair.rsplit_once(':').ok_or_else(|| wrong(&format!("`{pair}` has no `:`")))?;
        let number: u64 = number.parse().map_err(|_| wrong(&format!("`{number}` is no number")))?;
        pairs.extend(name.parse().ok().map(|name| (SdnValue::Number(name), number)));
        pairs.push((SdnValue::Text(name.to_owned()), number));
    }
    Ok(TranslationConfig { uri: uri.to_owned(), pairs })
}

/// P4Info out of protobuf's JSON.
pub(crate) fn p4info(json: &serde_json::Value) -> anyhow::Result<config::P4Info> {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).context("P4Runtime's own descriptors")?;
    let message = pool.get_message_by_name("p4.config.v1.P4Info").context("P4Runtime's own descriptors")?;
    let message = DynamicMessage::deserialize(message, json).context("P4Info")?;
    Ok(message.transcode_to()?)
}

/// P4Info in whatever form a file holds it: protobuf's text, its JSON, or its bytes.
pub(crate) fn p4info_file(path: &std::path::Path) -> anyhow::Result<config::P4Info> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).with_context(|| format!("{name}: cannot be read"))?;
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') {
        let json = serde_json::from_slice(&bytes).with_context(|| format!("{name}: not JSON"))?;
        return p4info(&json).with_context(|| name);
    }
    if let Ok(text) = std::str::from_utf8(&bytes) {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).context("P4Runtime's own descriptors")?;
        let message =
            pool.get_message_by_name("p4.config.v1.P4Info").context("P4Runtime's own descriptors")?;
        if let Ok(message) = DynamicMessage::parse_text_format(message, text) {
            return Ok(message.transcode_to()?);
        }
    }
    heddle_p4rt_proto::prost::Message::decode(bytes.as_slice())
        .with_context(|| format!("{name}: not P4Info, neither as text nor as JSON nor as bytes"))
}

/// A program as a controller would set it.
pub(crate) fn described(
    program: &Verified,
    p4info_json: &serde_json::Value,
) -> anyhow::Result<v1::ForwardingPipelineConfig> {
    Ok(v1::ForwardingPipelineConfig {
        p4info: Some(p4info(p4info_json)?),
        p4_device_config: Artifact::new(program, p4info_json.clone()).to_bytes(),
        cookie: None,
    })
}
