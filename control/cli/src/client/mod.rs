//! A client of a running switch: P4Runtime, and the switch's own service beside it.
//!
//! Invariant: names are looked up in the P4Info that the switch has now, and whatever is asked for fits it before
//! anything is sent.

pub(crate) mod complete;
pub(crate) mod matches;
pub(crate) mod names;
pub(crate) mod text;
pub(crate) mod values;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use heddle_daemon::proto::switch_client::SwitchClient;
use heddle_daemon::proto::{self};
use heddle_p4rt_proto::prost::Message as _;
use heddle_p4rt_proto::v1::get_forwarding_pipeline_config_request::ResponseType;
use heddle_p4rt_proto::v1::p4_runtime_client::P4RuntimeClient;
use heddle_p4rt_proto::v1::stream_message_request::Update as Say;
use heddle_p4rt_proto::v1::stream_message_response::Update as Heard;
use heddle_p4rt_proto::{rpc, v1};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use self::names::Names;

/// Where a switch is looked for unless told otherwise.
const ADDRESS: &str = "127.0.0.1:9559";
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a switch may take to see that a stream ends.
const CLOSE: Duration = Duration::from_secs(5);
/// Bytes of an answer at most.
const MESSAGE_BYTES: usize = 256 << 20;

/// Which switch, and as whom.
#[derive(Args, Clone, Debug)]
pub(crate) struct Target {
    /// The switch's address
    #[arg(long, value_name = "ADDR", default_value = ADDRESS, env = "HEDDLE_GRPC", global = true)]
    grpc: String,
    /// The switch's device number
    #[arg(long, value_name = "ID", default_value_t = 1, global = true)]
    device_id: u64,
    /// The role to act in; the one with all rights if none is given
    #[arg(long, default_value = "", hide_default_value = true, global = true)]
    role: String,
    /// The number to stand for election with: the highest is primary, and only the primary may change anything
    #[arg(long, value_name = "NUMBER", default_value_t = 1, global = true)]
    election_id: u128,
    /// Roots of the switch's certificate; given, the connection is by TLS
    #[arg(long, value_name = "FILE.pem", global = true)]
    tls_ca: Option<PathBuf>,
    /// Our certificate, where the switch wants one
    #[arg(long, value_name = "FILE.pem", requires = "tls_key", global = true)]
    tls_cert: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE.pem", global = true)]
    tls_key: Option<PathBuf>,
    /// The name in the switch's certificate, if it is another than the address
    #[arg(long, value_name = "NAME", global = true)]
    tls_name: Option<String>,
    /// Results as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Only say whether the switch would take it, and change nothing
    #[arg(long, global = true)]
    dry_run: bool,
}

/// A connection to a switch.
pub(crate) struct Client {
    runtime: Runtime,
    target: Target,
    p4runtime: P4RuntimeClient<Channel>,
    switch: SwitchClient<Channel>,
}

fn explain(status: &Status) -> anyhow::Error {
    let mut text = status.message().to_owned();
    if let Ok(details) = rpc::Status::decode(status.details()) {
        for (index, detail) in details.details.iter().enumerate() {
            if let Ok(error) = v1::Error::decode(detail.value.as_slice())
                && error.canonical_code != i32::from(Code::Ok)
            {
                text.push_str(&format!("\n  update {index}: {}", error.message));
            }
        }
    }
    if text.is_empty() {
        text = status.code().description().to_owned();
    }
    anyhow!(text)
}

impl Target {
    /// Of a switch whose names complete a line.
    pub(crate) fn for_completion(grpc: Option<String>, device_id: Option<String>) -> Target {
        let grpc = grpc.or_else(|| std::env::var("HEDDLE_GRPC").ok());
        Target {
            grpc: grpc.unwrap_or_else(|| ADDRESS.to_owned()),
            device_id: device_id.and_then(|id| id.parse().ok()).unwrap_or(1),
            role: String::new(),
            election_id: 1,
            tls_ca: None,
            tls_cert: None,
            tls_key: None,
            tls_name: None,
            json: false,
            dry_run: false,
        }
    }

    fn connector(&self) -> anyhow::Result<Option<(TlsConnector, ServerName<'static>)>> {
        let Some(ca) = &self.tls_ca else { return Ok(None) };
        let roots = heddle_daemon::roots(ca)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                let (chain, key) = heddle_daemon::identity(certificate, key)?;
                builder.with_client_auth_cert(chain, key)?
            }
            _ => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let host = self.grpc.rsplit_once(':').map_or(self.grpc.as_str(), |(host, _)| host);
        let name = self.tls_name.as_deref().unwrap_or(host).trim_matches(['[', ']']).to_owned();
        let name =
            ServerName::try_from(name).context("--tls-name: not a name that a certificate can have")?;
        Ok(Some((TlsConnector::from(Arc::new(config)), name)))
    }

    /// Connects.
    pub(crate) fn connect(&self) -> anyhow::Result<Client> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let connector = self.connector()?;
        let address = self.grpc.clone();
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .with_context(|| format!("--grpc {address}: expected HOST:PORT"))?
            .connect_timeout(CONNECT);
        let dial = tower::service_fn(move |_: http::Uri| {
            let (address, connector) = (address.clone(), connector.clone());
            async move {
                let tcp = tokio::net::TcpStream::connect(&address).await?;
                tcp.set_nodelay(true)?;
                let stream: Box<dyn Transport> = match connector {
                    Some((connector, name)) => Box::new(connector.connect(name, tcp).await?),
                    None => Box::new(tcp),
                };
                Ok::<_, std::io::Error>(TokioIo::new(stream))
            }
        });
        let channel = runtime.block_on(endpoint.connect_with_connector(dial)).with_context(|| {
            format!("{}: no switch answers; `heddle run PROG.p4 --p4runtime` serves one", self.grpc)
        })?;
        let p4runtime = P4RuntimeClient::new(channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES);
        let switch = SwitchClient::new(channel).max_decoding_message_size(MESSAGE_BYTES);
        Ok(Client { runtime, target: self.clone(), p4runtime, switch })
    }
}

trait Transport: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Transport for T {}

/// A stream on which we are primary.
pub(crate) struct Primary {
    say: mpsc::Sender<v1::StreamMessageRequest>,
    heard: tonic::Streaming<v1::StreamMessageResponse>,
}

impl Client {
    /// The P4Info of the program that runs, by name.
    pub(crate) fn names(&mut self) -> anyhow::Result<Names> {
        let config = self.pipeline(ResponseType::P4infoAndCookie)?;
        Ok(Names::new(config.p4info.context("the switch runs a program without P4Info")?))
    }

    /// The program that runs.
    pub(crate) fn pipeline(&mut self, what: ResponseType) -> anyhow::Result<v1::ForwardingPipelineConfig> {
        let request = v1::GetForwardingPipelineConfigRequest {
            device_id: self.target.device_id,
            response_type: what.into(),
        };
        let response = self.runtime.block_on(self.p4runtime.get_forwarding_pipeline_config(request));
        let response = response.map_err(|status| explain(&status))?.into_inner();
        response.config.context("the switch has no program; `heddle pipeline load` gives it one")
    }

    /// Reads entities.
    pub(crate) fn read(
        &mut self,
        entities: Vec<v1::entity::Entity>,
    ) -> anyhow::Result<Vec<v1::entity::Entity>> {
        let entities = entities.into_iter().map(|entity| v1::Entity { entity: Some(entity) }).collect();
        let request =
            v1::ReadRequest { device_id: self.target.device_id, role: self.target.role.clone(), entities };
        let p4runtime = &mut self.p4runtime;
        self.runtime.block_on(async {
            let mut responses =
                p4runtime.read(request).await.map_err(|status| explain(&status))?.into_inner();
            let mut read = Vec::new();
            while let Some(response) = responses.message().await.map_err(|status| explain(&status))? {
                read.extend(response.entities.into_iter().filter_map(|entity| entity.entity));
            }
            Ok(read)
        })
    }

    fn election_id(&self) -> v1::Uint128 {
        let id = self.target.election_id;
        v1::Uint128 { high: (id >> 64) as u64, low: id as u64 }
    }

    /// Opens a stream and stands for election on it.
    pub(crate) fn primary(&mut self) -> anyhow::Result<Primary> {
        let (say, said) = mpsc::channel(64);
        let role = (!self.target.role.is_empty())
            .then(|| v1::Role { name: self.target.role.clone(), ..v1::Role::default() });
        let arbitration = v1::MasterArbitrationUpdate {
            device_id: self.target.device_id,
            role,
            election_id: Some(self.election_id()),
            status: None,
        };
        let p4runtime = &mut self.p4runtime;
        let election_id = self.target.election_id;
        self.runtime.block_on(async {
            let message = v1::StreamMessageRequest { update: Some(Say::Arbitration(arbitration)) };
            say.send(message).await.map_err(|_| anyhow!("the stream is closed"))?;
            let said = tokio_stream::wrappers::ReceiverStream::new(said);
            let heard = p4runtime.stream_channel(said).await.map_err(|status| explain(&status))?;
            let mut heard = heard.into_inner();
            loop {
                let message = heard.message().await.map_err(|status| explain(&status))?;
                let Some(message) = message else { bail!("the switch closed the stream") };
                let Some(Heard::Arbitration(update)) = message.update else { continue };
                let is_primary = update.status.as_ref().is_none_or(|status| status.code == i32::from(Code::Ok));
                if is_primary {
                    return Ok(Primary { say, heard });
                }
                let primary = update.election_id.unwrap_or_default();
                let primary = u128::from(primary.high) << 64 | u128::from(primary.low);
                bail!(
                    "another controller is primary, by election id {primary}, and ours is {election_id}; --election-id {} \
                     takes over from it",
                    primary.saturating_add(1)
                );
            }
        })
    }

    /// Applies updates all or none, or says only whether the switch would.
    pub(crate) fn write(&mut self, updates: Vec<v1::Update>) -> anyhow::Result<()> {
        if self.target.dry_run {
            return self.validate(updates);
        }
        let primary = self.primary()?;
        let written = self.write_as(&primary, updates);
        // What the stream says matters no more.
        let _ = self.finish(primary);
        written
    }

    fn validate(&mut self, updates: Vec<v1::Update>) -> anyhow::Result<()> {
        let request = proto::ValidateRequest { device_id: self.target.device_id, updates };
        self.runtime.block_on(self.switch.validate(request)).map_err(|status| explain(&status))?;
        eprintln!("the switch would take it; nothing was changed");
        Ok(())
    }

    /// Likewise, on a stream that is open.
    pub(crate) fn write_as(&mut self, _: &Primary, updates: Vec<v1::Update>) -> anyhow::Result<()> {
        if self.target.dry_run {
            return self.validate(updates);
        }
        let request = v1::WriteRequest {
            device_id: self.target.device_id,
            role: self.target.role.clone(),
            election_id: Some(self.election_id()),
            updates,
            atomicity: v1::write_request::Atomicity::RollbackOnError.into(),
            ..v1::WriteRequest::default()
        };
        self.runtime.block_on(self.p4runtime.write(request)).map_err(|status| explain(&status))?;
        Ok(())
    }

    /// Sets the program.
    pub(crate) fn set_pipeline(
        &mut self,
        action: v1::set_forwarding_pipeline_config_request::Action,
        config: v1::ForwardingPipelineConfig,
    ) -> anyhow::Result<()> {
        use v1::set_forwarding_pipeline_config_request::Action;
        let primary = self.primary()?;
        let action = if self.target.dry_run { Action::Verify } else { action };
        let request = v1::SetForwardingPipelineConfigRequest {
            device_id: self.target.device_id,
            role: self.target.role.clone(),
            election_id: Some(self.election_id()),
            action: action.into(),
            config: Some(config),
            ..v1::SetForwardingPipelineConfigRequest::default()
        };
        let set = self.p4runtime.set_forwarding_pipeline_config(request);
        let set = self.runtime.block_on(set).map_err(|status| explain(&status));
        let _ = self.finish(primary);
        set.map(drop)
    }

    /// Says something on a stream.
    pub(crate) fn say(&mut self, primary: &mut Primary, update: Say) -> anyhow::Result<()> {
        let message = v1::StreamMessageRequest { update: Some(update) };
        self.runtime.block_on(primary.say.send(message)).map_err(|_| anyhow!("the switch closed the stream"))
    }

    /// The next that is heard on a stream; none once the switch has closed it.
    pub(crate) fn hear(&mut self, primary: &mut Primary) -> anyhow::Result<Option<Heard>> {
        let message = self.runtime.block_on(primary.heard.message()).map_err(|status| explain(&status))?;
        Ok(message.and_then(|message| message.update))
    }

    /// Ends a stream, and waits until the switch has seen that: whoever comes next may stand with the same number.
    ///
    /// # Errors
    /// What the switch found wrong with what was said on the stream.
    pub(crate) fn finish(&mut self, primary: Primary) -> anyhow::Result<()> {
        let Primary { say, mut heard } = primary;
        drop(say);
        let rest = async {
            let mut found = Ok(());
            while let Some(message) = heard.message().await.map_err(|status| explain(&status))? {
                if let Some(Heard::Error(error)) = message.update {
                    found = found.and(Err(anyhow!(error.message)));
                }
            }
            found
        };
        self.runtime.block_on(async { tokio::time::timeout(CLOSE, rest).await }).unwrap_or(Ok(()))
    }

    /// A number of the device, for what is said on streams.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.target.dry_run
    }

    /// The ports.
    pub(crate) fn ports(&mut self) -> anyhow::Result<Vec<proto::Port>> {
        let listed = self.runtime.block_on(self.switch.list_ports(proto::ListPortsRequest {}));
        Ok(listed.map_err(|status| explain(&status))?.into_inner().ports)
    }

    /// Attaches a port.
    pub(crate) fn add_port(&mut self, spec: &str) -> anyhow::Result<Option<proto::Port>> {
        let request = proto::AddPortRequest { spec: spec.to_owned() };
        let added = self.runtime.block_on(self.switch.add_port(request));
        Ok(added.map_err(|status| explain(&status))?.into_inner().port)
    }

    /// Detaches a port.
    pub(crate) fn remove_port(&mut self, id: u32) -> anyhow::Result<()> {
        let removed = self.runtime.block_on(self.switch.remove_port(proto::RemovePortRequest { id }));
        removed.map_err(|status| explain(&status)).map(drop)
    }

    /// What happened so far.
    pub(crate) fn stats(&mut self) -> anyhow::Result<proto::GetStatsResponse> {
        let stats = self.runtime.block_on(self.switch.get_stats(proto::GetStatsRequest {}));
        Ok(stats.map_err(|status| explain(&status))?.into_inner())
    }

    /// Has the switch read its program again.
    pub(crate) fn reload(&mut self) -> anyhow::Result<proto::ReloadResponse> {
        let reloaded = self.runtime.block_on(self.switch.reload(proto::ReloadRequest {}));
        Ok(reloaded.map_err(|status| explain(&status))?.into_inner())
    }
}
