//! A running `heddle` and a client of it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity;
use heddle_p4rt_proto::v1::p4_runtime_client::P4RuntimeClient;
use heddle_p4rt_proto::v1::stream_message_request::Update as Say;
use heddle_p4rt_proto::v1::update::Type;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tonic::transport::{Channel, Endpoint};

/// How long anything may take before the test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn heddle(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heddle"))
        .args(args)
        .current_dir(top())
        .env("NO_COLOR", "1")
        .output()
        .expect("heddle starts")
}

/// A `heddle run` that serves.
pub(crate) struct Switch {
    child: Child,
    lines: Receiver<String>,
    pub(crate) log: Vec<String>,
    pub(crate) address: SocketAddr,
}

impl Switch {
    /// Starts it on a port that the system chooses, and waits until it serves.
    pub(crate) fn start(args: &[&str]) -> Switch {
        Switch::try_start(args).unwrap_or_else(|log| panic!("it ended before it served:\n{}", log.join("\n")))
    }

    /// Likewise, or gives what it said.
    pub(crate) fn try_start(args: &[&str]) -> Result<Switch, Vec<String>> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_heddle"))
            .arg("run")
            .args(args)
            .args(["--p4runtime", "127.0.0.1:0"])
            .current_dir(top())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("heddle starts");
        let stderr = child.stderr.take().expect("standard error is piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut log = Vec::new();
        let mut address = None;
        loop {
            let Ok(line) = lines.recv_timeout(PATIENCE) else {
                let _ = child.kill();
                let _ = child.wait();
                return Err(log);
            };
            log.push(line.clone());
            if let Some((_, served)) = line.split_once("serving P4Runtime on ") {
                address = served.parse().ok();
            }
            if line.starts_with("running")
                && let Some(address) = address
            {
                return Ok(Switch { child, lines, log, address });
            }
        }
    }

    /// Waits for a line that contains `text`.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => self.log.push(line),
                Err(_) => panic!("it did not say `{text}`:\n{}", self.log.join("\n")),
            }
        }
    }

    /// Runs a tool against it.
    pub(crate) fn tool(&self, args: &[&str]) -> Output {
        let address = self.address.to_string();
        heddle(&[args, &["--grpc", address.as_str()]].concat())
    }

    /// Runs a tool that has to succeed; gives its standard output.
    pub(crate) fn tool_says(&self, args: &[&str]) -> String {
        let output = self.tool(args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "heddle {args:?} failed:\n{out}{err}\n{}", self.log.join("\n"));
        out
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as nobody should.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
    }

    /// Ends it as a user would.
    pub(crate) fn stop(mut self) {
        self.signal("-TERM");
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}:\n{}", self.log.join("\n"));
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A controller that is primary.
pub(crate) struct Controller {
    pub(crate) runtime: Runtime,
    pub(crate) client: P4RuntimeClient<Channel>,
    say: mpsc::Sender<v1::StreamMessageRequest>,
    heard: tonic::Streaming<v1::StreamMessageResponse>,
}

pub(crate) fn arbitration(election_id: u64) -> v1::StreamMessageRequest {
    let election_id = Some(v1::Uint128 { high: 0, low: election_id });
    let update = v1::MasterArbitrationUpdate { device_id: 1, election_id, ..Default::default() };
    v1::StreamMessageRequest { update: Some(Say::Arbitration(update)) }
}

pub(crate) async fn connect(address: SocketAddr) -> P4RuntimeClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    P4RuntimeClient::new(endpoint.connect().await.expect("it serves")).max_decoding_message_size(256 << 20)
}

impl Controller {
    pub(crate) fn new(address: SocketAddr) -> Controller {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (client, say, heard) = runtime.block_on(async {
            let mut client = connect(address).await;
            let (say, said) = mpsc::channel(16);
            say.send(arbitration(1)).await.expect("the stream is open");
            let said = tokio_stream::wrappers::ReceiverStream::new(said);
            let mut heard = client.stream_channel(said).await.expect("a stream").into_inner();
            heard.message().await.expect("an answer");
            (client, say, heard)
        });
        Controller { runtime, client, say, heard }
    }

    pub(crate) fn write(&mut self, updates: Vec<v1::Update>) -> Result<(), tonic::Status> {
        let request = v1::WriteRequest {
            device_id: 1,
            election_id: Some(v1::Uint128 { high: 0, low: 1 }),
            updates,
            atomicity: v1::write_request::Atomicity::RollbackOnError.into(),
            ..Default::default()
        };
        self.runtime.block_on(self.client.write(request)).map(drop)
    }

    /// Sends a packet by the program's controller header, whose fields are numbered from 1.
    pub(crate) fn packet_out(&mut self, payload: Vec<u8>, fields: &[&[u8]]) {
        let metadata = fields
            .iter()
            .zip(1..)
            .map(|(value, metadata_id)| v1::PacketMetadata { metadata_id, value: value.to_vec() });
        let packet = v1::PacketOut { payload: payload.into(), metadata: metadata.collect() };
        let message = v1::StreamMessageRequest { update: Some(Say::Packet(packet)) };
        self.runtime.block_on(self.say.send(message)).expect("the stream is open");
    }

    /// The next that the switch says on the stream.
    pub(crate) fn hear(&mut self) -> v1::stream_message_response::Update {
        let next = async { tokio::time::timeout(PATIENCE, self.heard.message()).await };
        let message = self.runtime.block_on(next).expect("it says something").expect("the stream goes on");
        message.and_then(|message| message.update).expect("a message says something")
    }

    pub(crate) fn read(&mut self, entity: Entity) -> Vec<Entity> {
        let entities = vec![v1::Entity { entity: Some(entity) }];
        let request = v1::ReadRequest { device_id: 1, entities, ..Default::default() };
        self.runtime.block_on(async {
            let mut responses = self.client.read(request).await.expect("a read").into_inner();
            let mut entities = Vec::new();
            while let Some(response) = responses.message().await.expect("a response") {
                entities.extend(response.entities.into_iter().filter_map(|entity| entity.entity));
            }
            entities
        })
    }

    pub(crate) fn p4info(&mut self) -> heddle_p4rt_proto::config::P4Info {
        let request = v1::GetForwardingPipelineConfigRequest { device_id: 1, response_type: 0 };
        let response = self.runtime.block_on(self.client.get_forwarding_pipeline_config(request));
        response.expect("a program").into_inner().config.and_then(|config| config.p4info).expect("P4Info")
    }
}

pub(crate) fn update(kind: Type, entity: Entity) -> v1::Update {
    v1::Update { r#type: kind.into(), entity: Some(v1::Entity { entity: Some(entity) }) }
}
