//! The way of packets from one worker to another, and of spare storage back.
//!
//! Invariant: packets come out in the order in which they went in; for every packet taken out the taker owes one
//! spare, so that traffic in one direction does not empty one worker's pools into the other's.

use rtrb::{Consumer, Producer, PushError, RingBuffer};

use crate::job::{Spare, Transfer};

/// The end that sends packets.
#[derive(Debug)]
pub(crate) struct RingOut {
    packets: Producer<Transfer>,
    spares: Consumer<Spare>,
}

/// The end that receives packets.
#[derive(Debug)]
pub(crate) struct RingIn {
    packets: Consumer<Transfer>,
    spares: Producer<Spare>,
    owed: usize,
}

/// A ring for so many packets.
pub(crate) fn ring(packets: usize) -> (RingOut, RingIn) {
    let (packets_in, packets_out) = RingBuffer::new(packets);
    let (spares_in, spares_out) = RingBuffer::new(packets);
    let ring_out = RingOut { packets: packets_in, spares: spares_out };
    (ring_out, RingIn { packets: packets_out, spares: spares_in, owed: 0 })
}

impl RingOut {
    /// Sends a packet.
    ///
    /// # Errors
    /// The packet comes back if the ring is full.
    pub(crate) fn push(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.packets.push(transfer).map_err(|PushError::Full(transfer)| transfer)
    }

    /// Storage that came back.
    pub(crate) fn spare(&mut self) -> Option<Spare> {
        self.spares.pop().ok()
    }
}

impl RingIn {
    /// Packets to be taken now.
    pub(crate) fn len(&self) -> usize {
        self.packets.slots()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// The generation of the next packet.
    pub(crate) fn next_generation(&self) -> Option<u64> {
        self.packets.peek().ok().map(|transfer| transfer.job.facts.generation)
    }

    /// The next packet.
    pub(crate) fn pop(&mut self) -> Option<Transfer> {
        let transfer = self.packets.pop().ok()?;
        self.owed += 1;
        Some(transfer)
    }

    /// Pays what is owed with what `spare` gives, while it gives.
    pub(crate) fn pay(&mut self, mut spare: impl FnMut() -> Option<Spare>) {
        // The other end can hold no more than the ring does; beyond that nothing is owed.
        self.owed = self.owed.min(self.spares.slots());
        while self.owed > 0
            && let Some(spare) = spare()
        {
            self.owed -= 1;
            if self.spares.push(spare).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use heddle_exec::{Frame, Intrinsics, Verdict, Work};
    use heddle_packet::Packet;

    use super::*;
    use crate::job::{Facts, Job};

    fn transfer(tag: u32) -> Transfer {
        let work = Work {
            packet: Packet::from_bytes(&[0; 60]),
            frame: Frame::default(),
            parsed_bytes: 0,
            intrinsics: Intrinsics::default(),
            verdict: Verdict::Transmit,
            truncate_bytes: None,
        };
        Transfer { job: Job { work, facts: Facts::new(u64::from(tag)) }, port: 0, queue: tag }
    }

    #[test]
    fn packets_keep_their_order_and_a_full_ring_gives_them_back() {
        let (mut ring_out, mut ring_in) = ring(2);
        assert!(ring_out.push(transfer(1)).is_ok() && ring_out.push(transfer(2)).is_ok());
        assert_eq!(ring_out.push(transfer(3)).map_err(|transfer| transfer.queue), Err(3));
        assert_eq!((ring_in.len(), ring_in.next_generation()), (2, Some(1)));
        assert_eq!(ring_in.pop().map(|transfer| transfer.queue), Some(1));
        assert_eq!(ring_in.pop().map(|transfer| transfer.queue), Some(2));
        assert!(ring_in.is_empty() && ring_in.pop().is_none());
    }

    #[test]
    fn as_many_spares_go_back_as_packets_came() {
        let (mut ring_out, mut ring_in) = ring(4);
        for tag in 0..3 {
            assert!(ring_out.push(transfer(tag)).is_ok());
            ring_in.pop();
        }
        let spare = || Some(Spare { packet: Packet::with_capacity(0), frame: None });
        ring_in.pay(|| None);
        ring_in.pay(spare);
        ring_in.pay(spare);
        assert_eq!(std::iter::from_fn(|| ring_out.spare()).count(), 3);
    }
}
