//! Why a program could not be compiled.

/// Why a program could not be compiled. No verified program of a reasonable size meets any of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JitError {
    /// This processor or system cannot run compiled code.
    #[error("this machine cannot run compiled programs: {reason}")]
    Host {
        /// What the code generator says.
        reason: String,
    },
    /// A function is beyond what the code generator can do.
    #[error("the program cannot be compiled: {reason}")]
    Code {
        /// What the code generator says.
        reason: String,
    },
}
