//! What is asked of the daemon's thread from outside, and how it is brought there.
//!
//! Invariant: a call holds its place among those that wait until it is answered, and there are only so many places, so
//! that whoever asks faster than the daemon answers waits where it costs the daemon nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam::channel::{Receiver, Sender, unbounded};
use heddle_p4rt::proto::v1;
use heddle_p4rt::{ReadResponses, Status, StreamId, Transmit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::proto;

/// Calls and messages of streams that may wait for the daemon.
const PLACES: usize = 1024;

/// Where an answer goes. Whoever asked may be gone by then.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// What is asked.
pub(crate) enum Ask {
    OpenStream(Outlet, Reply<StreamId>),
    StreamMessage(StreamId, Box<v1::StreamMessageRequest>),
    /// A stream that had no room has some again.
    Resume(StreamId),
    CloseStream(StreamId),
    /// A stream that is not to go on.
    EndStream(StreamId, Status),
    Write(Box<v1::WriteRequest>, Reply<Result<v1::WriteResponse, Status>>),
    Read(Box<v1::ReadRequest>, Reply<Result<ReadResponses, Status>>),
    SetPipeline(
        Box<v1::SetForwardingPipelineConfigRequest>,
        Reply<Result<v1::SetForwardingPipelineConfigResponse, Status>>,
    ),
    GetPipeline(
        v1::GetForwardingPipelineConfigRequest,
        Reply<Result<v1::GetForwardingPipelineConfigResponse, Status>>,
    ),
    Capabilities(v1::CapabilitiesRequest, Reply<Result<v1::CapabilitiesResponse, Status>>),
    Validate(Box<proto::ValidateRequest>, Reply<Result<proto::ValidateResponse, Status>>),
    ListPorts(Reply<proto::ListPortsResponse>),
    AddPort(proto::AddPortRequest, Reply<Result<proto::AddPortResponse, Status>>),
    RemovePort(proto::RemovePortRequest, Reply<Result<proto::RemovePortResponse, Status>>),
    Stats(Reply<proto::GetStatsResponse>),
    Reload(Reply<Result<proto::ReloadResponse, Status>>),
}

/// Something asked, with its place.
pub(crate) struct Call {
    pub(crate) ask: Ask,
    /// Given up when the call is dropped. None for what must never wait, of which there is at most one for each stream.
    _place: Option<OwnedSemaphorePermit>,
}

/// The daemon is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

/// Brings calls to the daemon.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    calls: Sender<Call>,
    places: Arc<Semaphore>,
}

/// A way to the daemon, and its end there.
pub(crate) fn line() -> (Caller, Receiver<Call>) {
    let (calls, received) = unbounded();
    (Caller { calls, places: Arc::new(Semaphore::new(PLACES)) }, received)
}

impl Caller {
    /// Asks once there is a place.
    pub(crate) async fn tell(&self, ask: Ask) -> Result<(), Gone> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Gone)?;
        self.calls.send(Call { ask, _place: Some(place) }).map_err(|_| Gone)
    }

    /// Asks at once, whether or not there is a place: for what a stream says of itself.
    pub(crate) fn tell_now(&self, ask: Ask) {
        // If the daemon is gone, so is what this is about.
        let _ = self.calls.send(Call { ask, _place: None });
    }

    /// Asks and waits for the answer.
    pub(crate) async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, Gone> {
        let (reply, answer) = oneshot::channel();
        self.tell(ask(reply)).await?;
        answer.await.map_err(|_| Gone)
    }
}

/// The daemon's end of what a stream sends.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) messages: mpsc::Sender<Transmit>,
    /// Whether something waits in the core because there was no room here.
    pub(crate) starved: Arc<AtomicBool>,
}

/// The stream's end.
#[derive(Debug)]
pub(crate) struct Inlet {
    messages: mpsc::Receiver<Transmit>,
    starved: Arc<AtomicBool>,
}

/// A way from the daemon to a stream's client, with room for a few messages: what waits beyond them waits in the core,
/// which knows what to drop.
pub(crate) fn outlet() -> (Outlet, Inlet) {
    let (sender, receiver) = mpsc::channel(32);
    let starved = Arc::new(AtomicBool::new(false));
    (Outlet { messages: sender, starved: Arc::clone(&starved) }, Inlet { messages: receiver, starved })
}

impl Inlet {
    /// The next message, and whether the daemon should be told that there is room again.
    pub(crate) fn poll(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<(Transmit, bool)>> {
        self.messages
            .poll_recv(context)
            .map(|message| message.map(|message| (message, self.starved.swap(false, Ordering::AcqRel))))
    }
}
