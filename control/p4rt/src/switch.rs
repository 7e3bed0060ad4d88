//! What the core needs of the switch that it stands for.
//!
//! Invariant: the core writes to the [`State`] that it was given last, and to no other.

use std::sync::Arc;

use bytes::Bytes;
use heddle_ir::Verified;
use heddle_state::{Kept, State};

/// A switch: the engine, or something like it in tests. Called while the core is, so it should be quick about it.
pub trait Switch {
    /// Workers that count for themselves: what [`State::new`] asks for.
    fn workers(&self) -> usize;

    /// Runs a program on a state of its own from the next packet on; what ran before ends with the packets under way.
    ///
    /// # Errors
    /// What stands in the way. What ran before then goes on.
    fn replace(&mut self, program: &Verified, state: Arc<State>) -> Result<(), SwitchError>;

    /// Runs a program from the next packet on, with a state that takes over from the running one what both programs
    /// have. Only asked for while a program runs.
    ///
    /// # Errors
    /// What stands in the way. What ran before then goes on.
    fn reload(&mut self, program: &Verified) -> Result<(Arc<State>, Kept), SwitchError>;

    /// Takes a packet into ingress as coming from the controller's port.
    ///
    /// # Errors
    /// If too many wait; the packet is not taken.
    fn inject(&mut self, packet: Bytes) -> Result<(), SwitchError>;

    /// Whether there is a port of this number. A switch that does not know denies nothing.
    fn has_port(&self, port: u32) -> bool;
}

/// Why the switch did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    /// Not now: packets of the program before are still under way, or a queue is full. Asking again helps.
    #[error("{0}; try again")]
    Busy(String),
    /// Not this program.
    #[error("{0}")]
    Refused(String),
}
