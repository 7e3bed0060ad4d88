//! Which segmentation-offloaded frames a program may be given whole: those of which it would make, one by one, just
//! what it makes of them all at once.
//!
//! The segments of a frame differ in few bits: lengths, IPv4's identification, sequence number, three flags,
//! checksums, and the payload. A program is walked once for every shape of frame ([`heddle_ports::Shape`]), over
//! values that know of each bit whether it is the same in all segments. The answer is no as soon as anything that
//! differs could decide something: a branch, a key, an index, a length; or would be kept (registers, meters), or
//! drawn by chance; or if a copy is made of the packet, which has to be one of each segment. What differs may only be
//! passed on where it was, with two exceptions: the IPv4 header checksum, computed anew over all that differs in
//! its header (or compared so), and counters, which count as many packets as the frame stands for.
//!
//! Invariant: a yes is a proof. Whatever isn't understood is a no, and costs nothing but speed.

mod frame;
mod state;
mod value;
mod walk;

use heddle_ir::Verified;
use heddle_ports::{Shape, Shapes};

/// Why the segments of a frame have to go through a program one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What it does depends on what differs.
    #[error("what it does depends on lengths, checksums or sequence numbers of single packets")]
    Depends,
    /// It takes more of the packet than the headers that are there for certain.
    #[error("it takes bytes behind TCP's fixed header")]
    TakesPayload,
    /// It changes what the segments are told apart by, or what a checksum covers that it would leave wrong.
    #[error("it changes what tells segments apart, or what TCP's checksum covers")]
    Changes,
    /// It sends headers in another order than they came, or leaves some out.
    #[error("it sends headers from IP on otherwise than they came")]
    Order,
    /// It remembers something of every packet.
    #[error("it uses meters, registers or queue depths for single packets")]
    Remembers,
    /// It draws random numbers.
    #[error("it draws random numbers for single packets")]
    Draws,
    /// It clones packets or has them come back.
    #[error("it clones, resubmits or recirculates packets")]
    Copies,
    /// It cuts packets.
    #[error("it truncates packets")]
    Truncates,
    /// It is more than could be looked through.
    #[error("it is too large to be looked through")]
    TooLarge,
    /// It does something that this analysis does not follow.
    #[error("it does something that is not followed, such as headers at an index known at run time only")]
    NotFollowed,
}

/// Whether a program may be given frames of a shape whole.
///
/// # Errors
/// Why it may not; the segments then go through it one by one.
pub fn may_carry_whole(program: &Verified, shape: Shape) -> Result<(), Refusal> {
    walk::check(program, shape)
}

/// The shapes of which a program may be given frames whole.
pub(crate) fn shapes(program: &Verified) -> Shapes {
    let may = |shape: &Shape| may_carry_whole(program, *shape).is_ok();
    Shape::ALL.into_iter().filter(may).fold(Shapes::NONE, Shapes::with)
}
