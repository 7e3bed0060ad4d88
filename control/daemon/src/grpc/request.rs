//! The body of a call's request, with a time by which it has to be there.
//!
//! Invariant: a request that trickles in holds its place among the calls in flight for so long and no longer.

use std::error::Error;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::Status;

/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(60);

/// A body that is there in time, or ends with an error.
pub(crate) struct Request {
    body: Incoming,
    late: Pin<Box<Sleep>>,
}

impl Request {
    /// One that begins to arrive now.
    pub(crate) fn new(body: Incoming) -> Request {
        Request { body, late: Box::pin(sleep(ARRIVAL)) }
    }
}

impl Body for Request {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        self.late.as_mut().poll(context).map(|()| {
            let message = format!("the request was not complete after {} seconds", ARRIVAL.as_secs());
            Some(Err(Status::deadline_exceeded(message).into()))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
