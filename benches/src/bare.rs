//! The forwarder written by hand without any engine: a loop over packets in memory, which nothing that moves packets
//! between ports can beat.
//!
//! Invariant: the same frames in buffers of the same size and number as [`crate::rig::Rig`] has, in batches of as many.

use std::time::Instant;

use heddle_exec::Verdict;
use heddle_ir::DropReason;
use heddle_packet::{Packet, PortId};

use crate::baseline::Router;
use crate::rig::{BATCH, Burst};

/// A router with its packets.
pub struct Bare {
    router: Router,
    frames: Vec<Vec<u8>>,
    packets: Vec<(Packet, Verdict)>,
}

impl Bare {
    /// A router that forwards frames, repeated in order until there are `count`.
    pub fn new(router: Router, frames: &[(PortId, Vec<u8>)], count: usize) -> Bare {
        let frames: Vec<_> = frames.iter().map(|(_, bytes)| bytes.clone()).cycle().take(count).collect();
        let packet = |bytes: &Vec<u8>| (Packet::from_bytes(bytes), Verdict::Drop(DropReason::NoDecision));
        let packets = frames.iter().map(packet).collect();
        Bare { router, frames, packets }
    }

    /// Forwards every frame once.
    pub fn burst(&mut self) -> Burst {
        for ((packet, _), bytes) in self.packets.iter_mut().zip(&self.frames) {
            packet.fill(bytes);
        }
        let begun = Instant::now();
        for batch in self.packets.chunks_mut(BATCH) {
            self.router.forward(batch);
        }
        let took = begun.elapsed();
        let out =
            self.packets.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Enqueue { .. })).count();
        Burst { took, out: out as u64 }
    }
}
