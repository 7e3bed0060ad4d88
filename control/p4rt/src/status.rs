//! How calls end: canonical codes, and refusals that name object, field, value and remedy.
//!
//! Invariant: a [`Status`] of a batch has one `p4.v1.Error` per element in its details, in order (chapter 10, section 12.3).

use std::fmt;

use heddle_p4rt_proto::prost::Message as _;
use heddle_p4rt_proto::rpc::Code;
use heddle_p4rt_proto::{Any, ERROR_TYPE_URL, v1};

pub use heddle_p4rt_proto::rpc::Status;

/// Where the codes of [`v1::Error`] beyond the canonical ones would come from.
pub const ERROR_SPACE: &str = "heddle";

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The canonical code that the specification gives.
    pub code: Code,
    /// What, where, and what would be accepted.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::InvalidArgument, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::NotFound, message)
    }

    pub(crate) fn denied(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::PermissionDenied, message)
    }

    pub(crate) fn out_of_range(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::OutOfRange, message)
    }

    pub(crate) fn unimplemented(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::Unimplemented, message)
    }

    pub(crate) fn precondition(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::FailedPrecondition, message)
    }

    pub(crate) fn exhausted(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::ResourceExhausted, message)
    }

    /// Puts the place in front of the message.
    pub(crate) fn at(self, place: impl fmt::Display) -> Refusal {
        Refusal { code: self.code, message: format!("{place}: {}", self.message) }
    }

    /// Of a whole call.
    pub fn into_status(self) -> Status {
        Status { code: self.code.into(), message: self.message, details: Vec::new() }
    }

    fn to_error(&self) -> v1::Error {
        v1::Error {
            canonical_code: self.code.into(),
            message: self.message.clone(),
            space: ERROR_SPACE.to_owned(),
            code: 0,
            details: None,
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        refusal.into_status()
    }
}

/// The status of a batch whose elements ended so; `None` if all succeeded.
///
/// The code is `UNKNOWN`, and what befell each element is in the details. The message has the first refusal as well,
/// for clients that look no further.
pub(crate) fn of_batch(what: &str, results: &[Result<(), Refusal>]) -> Option<Status> {
    let failed = results.iter().filter(|result| result.is_err()).count();
    let (index, first) =
        results.iter().enumerate().find_map(|(index, result)| Some((index, result.as_ref().err()?)))?;
    let details = results.iter().map(|result| {
        let error = match result {
            Ok(()) => v1::Error::default(),
            Err(refusal) => refusal.to_error(),
        };
        Any { type_url: ERROR_TYPE_URL.to_owned(), value: error.encode_to_vec() }
    });
    Some(Status {
        code: Code::Unknown.into(),
        message: format!("{failed} of {} {what} failed; number {index}: {}", results.len(), first.message),
        details: details.collect(),
    })
}
