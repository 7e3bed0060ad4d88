//! The state machine itself.

use std::collections::VecDeque;

use bytes::Bytes;
use heddle_ir::{Bits, DigestId, Verified};
use heddle_p4rt_proto::v1;
use heddle_state::State;
use std::sync::Arc;

use crate::config::Config;
use crate::status::{Refusal, Status};
use crate::switch::Switch;

/// A stream that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u64);

/// What a stream is to send.
#[derive(Clone, Debug, PartialEq)]
pub enum Transmit {
    /// A message.
    Message(Box<v1::StreamMessageResponse>),
    /// Its end: the call ends with this status, and the stream is closed already.
    Close(Status),
}

/// A program that runs without having come by [`Core::set_forwarding_pipeline_config`].
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// What controllers are told about it, with the device config and a cookie if there are any.
    pub config: v1::ForwardingPipelineConfig,
    /// The program.
    pub program: Verified,
    /// The state that packets see.
    pub state: Arc<State>,
}

/// What came of the updates of a [`v1::WriteRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// What the call ends with: its response, or the status with an error per update.
    pub result: Result<v1::WriteResponse, Status>,
    /// By update: whether it was applied. Empty if none was tried.
    pub applied: Vec<bool>,
}

/// The messages that answer a [`v1::ReadRequest`]. Owns what it needs: the core may be used meanwhile.
#[derive(Debug, Default)]
pub struct ReadResponses {
    ready: VecDeque<v1::ReadResponse>,
    end: Option<Status>,
}

impl Iterator for ReadResponses {
    /// A message, or, as the last, what was wrong with some of the request's entities.
    type Item = Result<v1::ReadResponse, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        self.ready.pop_front().map(Ok).or_else(|| self.end.take().map(Err))
    }
}

/// A device as controllers see it.
#[derive(Debug)]
pub struct Core<S> {
    config: Config,
    switch: S,
}

fn not_yet() -> Refusal {
    Refusal::unimplemented("not served yet")
}

/// Set-up.
impl<S: Switch> Core<S> {
    /// A device without a program.
    pub fn new(config: Config, switch: S) -> Core<S> {
        Core { config, switch }
    }

    /// Serves a program that runs already.
    ///
    /// # Errors
    /// If P4Info and program do not fit each other.
    pub fn adopt(&mut self, _pipeline: Pipeline) -> Result<(), Refusal> {
        Err(not_yet())
    }

    /// The set-up.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The switch.
    pub fn switch(&self) -> &S {
        &self.switch
    }

    /// The switch.
    pub fn switch_mut(&mut self) -> &mut S {
        &mut self.switch
    }

    /// The state that packets see; none without a program.
    pub fn state(&self) -> Option<&Arc<State>> {
        None
    }
}

/// Streams. A stream's owner sends what [`Core::poll_transmit`] has for it, at the pace of its client.
impl<S: Switch> Core<S> {
    /// A controller has opened a stream. Nothing is known of it before its first message.
    pub fn open_stream(&mut self, _now_ns: u64) -> StreamId {
        StreamId(0)
    }

    /// A controller has sent a message.
    pub fn stream_message(&mut self, _now_ns: u64, _stream: StreamId, _message: v1::StreamMessageRequest) {}

    /// A controller has closed its stream, or is gone. Does nothing if the core has closed it.
    pub fn close_stream(&mut self, _now_ns: u64, _stream: StreamId) {}

    /// A stream that had nothing to send when last polled and has now; each is named once.
    pub fn take_ready(&mut self) -> Option<StreamId> {
        None
    }

    /// The next that a stream is to send; nothing after [`Transmit::Close`].
    pub fn poll_transmit(&mut self, _stream: StreamId) -> Option<Transmit> {
        None
    }
}

/// Calls.
impl<S: Switch> Core<S> {
    /// Applies updates for the primary of a role (section 12).
    pub fn write(&mut self, _now_ns: u64, _request: &v1::WriteRequest) -> Written {
        Written { result: Err(not_yet().into()), applied: Vec::new() }
    }

    /// Applies updates of the switch's own: what a store brings back, or a file gives. Nobody has to be primary.
    pub fn write_locally(
        &mut self,
        _now_ns: u64,
        _updates: &[v1::Update],
        _atomicity: v1::write_request::Atomicity,
    ) -> Written {
        Written { result: Err(not_yet().into()), applied: Vec::new() }
    }

    /// Says what updates would come to without applying any of them. Nobody has to be primary.
    pub fn validate(&self, _updates: &[v1::Update]) -> Result<v1::WriteResponse, Status> {
        Err(not_yet().into())
    }

    /// Reads entities (section 13).
    ///
    /// # Errors
    /// If nothing can be read at all. What is wrong with single entities comes last, after what could be read.
    pub fn read(&self, _now_ns: u64, _request: &v1::ReadRequest) -> Result<ReadResponses, Status> {
        Err(not_yet().into())
    }

    /// Verifies, saves or commits a program for the primary of a role (section 14).
    ///
    /// # Errors
    /// As the specification has them.
    pub fn set_forwarding_pipeline_config(
        &mut self,
        _now_ns: u64,
        _request: &v1::SetForwardingPipelineConfigRequest,
    ) -> Result<v1::SetForwardingPipelineConfigResponse, Status> {
        Err(not_yet().into())
    }

    /// The same for the switch's own purposes. Nobody has to be primary.
    ///
    /// # Errors
    /// As for controllers.
    pub fn set_pipeline_locally(
        &mut self,
        _now_ns: u64,
        _action: v1::set_forwarding_pipeline_config_request::Action,
        _config: Option<&v1::ForwardingPipelineConfig>,
    ) -> Result<(), Status> {
        Err(not_yet().into())
    }

    /// What runs (section 15).
    ///
    /// # Errors
    /// For another device, and, as BMv2 has it, while there is no program.
    pub fn get_forwarding_pipeline_config(
        &self,
        _request: &v1::GetForwardingPipelineConfigRequest,
    ) -> Result<v1::GetForwardingPipelineConfigResponse, Status> {
        Err(not_yet().into())
    }

    /// What is spoken (section 17).
    ///
    /// # Errors
    /// For another device.
    pub fn capabilities(
        &self,
        _request: &v1::CapabilitiesRequest,
    ) -> Result<v1::CapabilitiesResponse, Status> {
        Err(not_yet().into())
    }
}

/// What happens in the switch.
impl<S: Switch> Core<S> {
    /// A packet came out of the controller's port.
    pub fn packet_in(&mut self, _now_ns: u64, _packet: Bytes) {}

    /// The program made a digest.
    pub fn digest(&mut self, _now_ns: u64, _digest: DigestId, _values: Vec<Bits>) {}

    /// A port came up or went down.
    pub fn port(&mut self, _now_ns: u64, _port: u32, _is_up: bool) {}

    /// It is as late as [`Core::poll_timeout`] said, or later.
    pub fn handle_timeout(&mut self, _now_ns: u64) {}

    /// When [`Core::handle_timeout`] is to be called next, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<u64> {
        None
    }
}
