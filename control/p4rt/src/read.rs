//! Answers to reads: in messages of bounded size, kept encoded until they are sent (section 13).
//!
//! Invariant: all entities of one answer are read under one lock of the core, so that every write is in it or not.

use std::collections::VecDeque;

use heddle_p4rt_proto::prost::Message as _;
use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity as Kind;

use crate::status::{Refusal, Status};

/// The messages that answer a [`v1::ReadRequest`]. Owns what it needs: the core may be used meanwhile.
#[derive(Debug, Default)]
pub struct ReadResponses {
    ready: VecDeque<Vec<u8>>,
    end: Option<Status>,
}

impl ReadResponses {
    pub(crate) fn new(pages: Pages, end: Option<Status>) -> ReadResponses {
        ReadResponses { ready: pages.finish(), end }
    }
}

impl Iterator for ReadResponses {
    /// A message, or, as the last, what was wrong with some of the request's entities.
    type Item = Result<v1::ReadResponse, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(page) = self.ready.pop_front() else { return self.end.take().map(Err) };
        let decoded = v1::ReadResponse::decode(page.as_slice());
        Some(decoded.map_err(|error| {
            Refusal::new(heddle_p4rt_proto::rpc::Code::Internal, format!("our own message: {error}"))
                .into_status()
        }))
    }
}

/// Entities that are gathered.
#[derive(Debug)]
pub(crate) struct Pages {
    limit: usize,
    full: VecDeque<Vec<u8>>,
    page: Vec<u8>,
}

/// The key of `entities` in a `ReadResponse`: field 1, with a length.
const ENTITIES: u8 = 1 << 3 | 2;

impl Pages {
    pub(crate) fn new(limit: usize) -> Pages {
        Pages { limit, full: VecDeque::new(), page: Vec::new() }
    }

    pub(crate) fn push(&mut self, kind: Kind) {
        let entity = v1::Entity { entity: Some(kind) };
        let length = entity.encoded_len();
        if !self.page.is_empty() && self.page.len() + length + 6 > self.limit {
            self.full.push_back(std::mem::take(&mut self.page));
        }
        self.page.push(ENTITIES);
        // A vector takes as much as it is given.
        let _ = entity.encode_length_delimited(&mut self.page);
    }

    fn finish(mut self) -> VecDeque<Vec<u8>> {
        if !self.page.is_empty() || self.full.is_empty() {
            self.full.push_back(self.page);
        }
        self.full
    }
}
