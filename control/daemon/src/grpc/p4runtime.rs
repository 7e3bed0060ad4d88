//! P4Runtime's calls: brought to the daemon's thread, and its answers back.
//!
//! Invariant: nothing is decided here but who may speak for which role; what a call means is the core's affair.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use heddle_p4rt::proto::prost::Message as _;
use heddle_p4rt::proto::v1;
use heddle_p4rt::proto::v1::p4_runtime_server::P4Runtime;
use heddle_p4rt::proto::v1::stream_message_request::Update;
use heddle_p4rt::{ReadResponses, StreamId, Transmit};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Code, Request, Response, Status, Streaming};

use super::counts::Counts;
use super::peer::{Peer, SharedPeer};
use crate::call::{Ask, Caller, Gone, Inlet, outlet};

/// The service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) caller: Caller,
    pub(crate) counts: Arc<Counts>,
    pub(crate) streams_max: usize,
}

/// A status of the core as gRPC carries it, with the errors of single updates in its details.
pub(crate) fn status(status: &heddle_p4rt::Status) -> Status {
    let details = match status.details.is_empty() {
        true => Vec::new(),
        false => status.encode_to_vec(),
    };
    Status::with_details(Code::from(status.code), status.message.clone(), details.into())
}

impl From<Gone> for Status {
    fn from(_: Gone) -> Status {
        Status::unavailable("the switch is stopping")
    }
}

/// Who sent a request.
pub(crate) fn peer<T>(request: &Request<T>) -> Result<SharedPeer, Status> {
    let peer = request.extensions().get::<SharedPeer>();
    peer.cloned().ok_or_else(|| Status::internal("the connection is not known"))
}

fn answered<T>(answer: Result<Result<T, heddle_p4rt::Status>, Gone>) -> Result<Response<T>, Status> {
    answer?.map(Response::new).map_err(|error| status(&error))
}

#[tonic::async_trait]
impl P4Runtime for Service {
    async fn write(&self, request: Request<v1::WriteRequest>) -> Result<Response<v1::WriteResponse>, Status> {
        peer(&request)?.check_role(&request.get_ref().role)?;
        let request = Box::new(request.into_inner());
        answered(self.caller.ask(|reply| Ask::Write(request, reply)).await)
    }

    type ReadStream = Messages;

    async fn read(&self, request: Request<v1::ReadRequest>) -> Result<Response<Messages>, Status> {
        peer(&request)?.check_role(&request.get_ref().role)?;
        let request = Box::new(request.into_inner());
        answered(self.caller.ask(|reply| Ask::Read(request, reply)).await.map(|read| read.map(Messages)))
    }

    async fn set_forwarding_pipeline_config(
        &self,
        request: Request<v1::SetForwardingPipelineConfigRequest>,
    ) -> Result<Response<v1::SetForwardingPipelineConfigResponse>, Status> {
        peer(&request)?.check_role(&request.get_ref().role)?;
        let request = Box::new(request.into_inner());
        answered(self.caller.ask(|reply| Ask::SetPipeline(request, reply)).await)
    }

    async fn get_forwarding_pipeline_config(
        &self,
        request: Request<v1::GetForwardingPipelineConfigRequest>,
    ) -> Result<Response<v1::GetForwardingPipelineConfigResponse>, Status> {
        let request = request.into_inner();
        answered(self.caller.ask(|reply| Ask::GetPipeline(request, reply)).await)
    }

    type StreamChannelStream = Channel;

    async fn stream_channel(
        &self,
        request: Request<Streaming<v1::StreamMessageRequest>>,
    ) -> Result<Response<Channel>, Status> {
        let peer = peer(&request)?;
        let open = self.counts.streams.fetch_add(1, Ordering::Relaxed);
        let guard = OpenStream(Arc::clone(&self.counts));
        if open >= self.streams_max as u64 {
            self.counts.streams_refused.fetch_add(1, Ordering::Relaxed);
            return Err(Status::resource_exhausted(format!(
                "{open} streams are open, as many as this switch serves; close some first"
            )));
        }
        let (outlet, inlet) = outlet();
        let stream = self.caller.ask(|reply| Ask::OpenStream(outlet, reply)).await?;
        let caller = self.caller.clone();
        let channel = Channel { stream, inlet, caller: caller.clone(), end: None, _open: guard };
        tokio::spawn(listen(stream, request.into_inner(), peer, caller, Arc::clone(&self.counts)));
        Ok(Response::new(channel))
    }

    async fn capabilities(
        &self,
        request: Request<v1::CapabilitiesRequest>,
    ) -> Result<Response<v1::CapabilitiesResponse>, Status> {
        let request = request.into_inner();
        answered(self.caller.ask(|reply| Ask::Capabilities(request, reply)).await)
    }
}

/// Brings what a client says on its stream to the core, one message after the other, until either end has had enough.
async fn listen(
    stream: StreamId,
    mut messages: Streaming<v1::StreamMessageRequest>,
    peer: SharedPeer,
    caller: Caller,
    counts: Arc<Counts>,
) {
    while let Some(message) = messages.next().await {
        let Ok(message) = message else { break };
        counts.stream_messages.fetch_add(1, Ordering::Relaxed);
        if let Err(refusal) = check(&peer, &message) {
            let (code, message) = (refusal.code().into(), refusal.message().to_owned());
            let reason = heddle_p4rt::Status { code, message, details: Vec::new() };
            caller.tell_now(Ask::EndStream(stream, reason));
            return;
        }
        if caller.tell(Ask::StreamMessage(stream, Box::new(message))).await.is_err() {
            break;
        }
    }
    caller.tell_now(Ask::CloseStream(stream));
}

fn check(peer: &Peer, message: &v1::StreamMessageRequest) -> Result<(), Status> {
    match &message.update {
        Some(Update::Arbitration(arbitration)) => {
            peer.check_role(arbitration.role.as_ref().map_or("", |role| role.name.as_str()))
        }
        Some(Update::Packet(_) | Update::DigestAck(_) | Update::Other(_)) | None => Ok(()),
    }
}

/// What a read answers, made as fast as the client takes it.
#[derive(Debug)]
pub(crate) struct Messages(ReadResponses);

impl Stream for Messages {
    type Item = Result<v1::ReadResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(|response| response.map_err(|error| status(&error))))
    }
}

/// Counts an open stream as long as it is.
#[derive(Debug)]
struct OpenStream(Arc<Counts>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the core sends on a stream.
#[derive(Debug)]
pub(crate) struct Channel {
    stream: StreamId,
    inlet: Inlet,
    caller: Caller,
    /// Given out already: nothing follows.
    end: Option<()>,
    _open: OpenStream,
}

impl Stream for Channel {
    type Item = Result<v1::StreamMessageResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.end.is_some() {
            return Poll::Ready(None);
        }
        let Poll::Ready(message) = self.inlet.poll(context) else { return Poll::Pending };
        match message {
            Some((Transmit::Message(message), has_starved)) => {
                if has_starved {
                    self.caller.tell_now(Ask::Resume(self.stream));
                }
                Poll::Ready(Some(Ok(*message)))
            }
            Some((Transmit::Close(end), _)) => {
                self.end = Some(());
                let is_ok = end.code == i32::from(Code::Ok);
                Poll::Ready((!is_ok).then(|| Err(status(&end))))
            }
            None => Poll::Ready(None),
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        // The client is gone, or the stream is at its end; to the core it is the same.
        self.caller.tell_now(Ask::CloseStream(self.stream));
    }
}
