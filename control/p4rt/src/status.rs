//! How calls end: canonical codes, and refusals that name object, field, value and remedy.
//!
//! Invariant: a [`Status`] of a batch has one `p4.v1.Error` per element in its details, in order (sections 9 and 12.3).

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
    /// A refusal.
    pub fn new(code: Code, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into() }
    }

    /// `INVALID_ARGUMENT`
    pub fn invalid(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::InvalidArgument, message)
    }

    /// `NOT_FOUND`
    pub fn not_found(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::NotFound, message)
    }

    /// `PERMISSION_DENIED`
    pub fn denied(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::PermissionDenied, message)
    }

    /// `OUT_OF_RANGE`
    pub fn out_of_range(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::OutOfRange, message)
    }

    /// `UNIMPLEMENTED`
    pub fn unimplemented(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::Unimplemented, message)
    }

    /// `FAILED_PRECONDITION`
    pub fn precondition(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::FailedPrecondition, message)
    }

    /// `RESOURCE_EXHAUSTED`
    pub fn exhausted(message: impl Into<String>) -> Refusal {
        Refusal::new(Code::ResourceExhausted, message)
    }

    /// Puts the place in front of the message.
    pub fn at(self, place: impl fmt::Display) -> Refusal {
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
pub fn of_batch(what: &str, results: &[Result<(), Refusal>]) -> Option<Status> {
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
