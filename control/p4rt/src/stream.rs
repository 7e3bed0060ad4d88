//! Streams: what waits to be sent on each, bounded.
//!
//! Invariant: a stream is named as ready once between two times that it was found empty; after its end nothing is sent.

use std::collections::{BTreeMap, VecDeque};

use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::stream_message_response::Update;

use crate::status::Status;

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

/// What a controller said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) role: String,
    pub(crate) election_id: Option<u128>,
}

#[derive(Debug, Default)]
struct Stream {
    waiting: VecDeque<Transmit>,
    /// Whether its owner knows that something waits.
    is_told: bool,
    membership: Option<Membership>,
    is_closed: bool,
}

/// All streams.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    streams: BTreeMap<StreamId, Stream>,
    next: u64,
    ready: VecDeque<StreamId>,
    /// Messages that wait at most, for each.
    limit: usize,
    /// Messages that found no room.
    dropped: u64,
}

impl Streams {
    pub(crate) fn new(limit: usize) -> Streams {
        Streams { limit: limit.max(1), ..Streams::default() }
    }

    pub(crate) fn open(&mut self) -> StreamId {
        self.next += 1;
        let id = StreamId(self.next);
        self.streams.insert(id, Stream::default());
        id
    }

    /// What its controller is, while it is open.
    pub(crate) fn membership(&self, id: StreamId) -> Option<&Membership> {
        self.streams.get(&id).filter(|stream| !stream.is_closed)?.membership.as_ref()
    }

    pub(crate) fn is_open(&self, id: StreamId) -> bool {
        self.streams.get(&id).is_some_and(|stream| !stream.is_closed)
    }

    pub(crate) fn set_membership(&mut self, id: StreamId, membership: Membership) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.membership = Some(membership);
        }
    }

    /// Open streams of a role.
    pub(crate) fn of_role<'a>(&'a self, role: &'a str) -> impl Iterator<Item = (StreamId, &'a Membership)> {
        self.streams.iter().filter(|(_, stream)| !stream.is_closed).filter_map(move |(id, stream)| {
            let membership = stream.membership.as_ref()?;
            (membership.role == role).then_some((*id, membership))
        })
    }

    fn tell(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(&id)
            && !stream.is_told
        {
            stream.is_told = true;
            self.ready.push_back(id);
        }
    }

    /// Queues a message. What is about the controller itself always finds room: it takes the place of what was said of
    /// it before.
    pub(crate) fn send(&mut self, id: StreamId, update: Update) {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| !stream.is_closed) else { return };
        if stream.waiting.len() >= self.limit {
            if !matches!(update, Update::Arbitration(_)) {
                self.dropped += 1;
                return;
            }
            let is_arbitration = |waiting: &Transmit| match waiting {
                Transmit::Message(message) => matches!(message.update, Some(Update::Arbitration(_))),
                Transmit::Close(_) => false,
            };
            let before = stream.waiting.len();
            stream.waiting.retain(|waiting| !is_arbitration(waiting));
            if stream.waiting.len() == before {
                stream.waiting.pop_front();
                self.dropped += 1;
            }
        }
        let message = v1::StreamMessageResponse { update: Some(update) };
        stream.waiting.push_back(Transmit::Message(Box::new(message)));
        self.tell(id);
    }

    /// Ends a stream from our side; what waits is not sent any more.
    pub(crate) fn end(&mut self, id: StreamId, status: Status) {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| !stream.is_closed) else { return };
        stream.is_closed = true;
        stream.waiting.clear();
        stream.waiting.push_back(Transmit::Close(status));
        self.tell(id);
    }

    /// What the controller of a stream was that has been ended.
    pub(crate) fn ended_membership(&self, id: StreamId) -> Option<Membership> {
        self.streams.get(&id).filter(|stream| stream.is_closed)?.membership.clone()
    }

    /// Forgets a stream that its controller has ended. What it was, if it was open.
    pub(crate) fn forget(&mut self, id: StreamId) -> Option<Membership> {
        let stream = self.streams.remove(&id)?;
        stream.membership.filter(|_| !stream.is_closed)
    }

    pub(crate) fn take_ready(&mut self) -> Option<StreamId> {
        self.ready.pop_front()
    }

    pub(crate) fn poll(&mut self, id: StreamId) -> Option<Transmit> {
        let stream = self.streams.get_mut(&id)?;
        let next = stream.waiting.pop_front();
        match &next {
            Some(Transmit::Close(_)) => drop(self.streams.remove(&id)),
            Some(Transmit::Message(_)) => {}
            None => stream.is_told = false,
        }
        next
    }

    /// Messages that found no room so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}
