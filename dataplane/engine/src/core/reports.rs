//! What a core tells the control side: packets for the controller, digests, events, and the numbers that no
//! packet carries.
//!
//! Invariant: nothing here waits, and what does not fit into a channel is counted.

use bytes::Bytes;
use heddle_ir::Bits;
use heddle_packet::Packet;
use heddle_ports::cut;

use super::{Core, Run, Running};
use crate::event::{DigestMessage, Event, PacketIn};
use crate::reason::Reason;

/// Busy steps between two looks at what the kernel lost; idle steps all look.
const MISSED_STEPS: u64 = 1_024;

impl Core {
    pub(super) fn tell(&self, event: Event) {
        if self.shared.events.try_send(event).is_err() {
            self.cells().events_lost.add(1);
        }
    }

    /// Sends the digests of the last run to the control side. These allocate: they leave the packet path.
    pub(super) fn deliver_digests(&mut self, run: &Run<'_, '_>, running: &Running<'_>) {
        if self.digests.messages.is_empty() {
            return;
        }
        let program = running.pipeline.executor.program();
        let mut start = 0;
        for &(digest, end) in &self.digests.messages {
            let words = self.digests.words.get(start..end).unwrap_or_default();
            start = end;
            if self.shared.digests.is_full() {
                self.cells().digests_lost.add(1);
                continue;
            }
            let mut rest = words;
            let fields =
                program.digests.get(digest).map(|digest| digest.fields.as_slice()).unwrap_or_default();
            let values = fields.iter().map(|&(_, width)| {
                let limbs = width.div_ceil(64).max(1) as usize;
                let (value, after) = rest.split_at(limbs.min(rest.len()));
                rest = after;
                Bits::from_limbs(width, value)
            });
            let message = DigestMessage { digest, values: values.collect(), time_ns: run.now_ns };
            if self.shared.digests.try_send(message).is_err() {
                self.cells().digests_lost.add(1);
            }
        }
        self.digests.messages.clear();
        self.digests.words.clear();
    }

    /// Hands a packet to the control plane, or counts it as lost.
    pub(super) fn deliver(&mut self, run: &Run<'_, '_>, position: usize, packet: Packet) {
        if packet.segmentation.is_some() {
            let mut segments = Vec::with_capacity(packet.segments());
            cut(&packet, &mut self.pool, |segment| segments.push(segment));
            self.pool.give(packet);
            for segment in segments {
                self.deliver(run, position, segment);
            }
            return;
        }
        let wire_len = packet.wire_len;
        let sent = !self.shared.packet_ins.is_full()
            && self
                .shared
                .packet_ins
                .try_send(PacketIn {
                    bytes: Bytes::copy_from_slice(packet.bytes()),
                    wire_len,
                    ingress_port: packet.ingress_port,
                    arrival_ns: packet.arrival_ns,
                    time_ns: run.now_ns,
                })
                .is_ok();
        if !sent {
            self.lose_packet(position, Reason::ControllerFull, packet);
            return;
        }
        let cells = self.port_cells(position);
        cells.tx_packets.add(1);
        cells.tx_bytes.add(wire_len as u64);
        self.pool.give(packet);
    }

    /// What readers of the statistics want to know of a worker and no packet tells.
    pub(super) fn report(&mut self, run: &Run<'_, '_>) {
        let cells = &self.shared.cells[self.worker];
        cells.steps.add(1);
        if self.moved == 0 || cells.steps.get().is_multiple_of(MISSED_STEPS) {
            for of in &mut self.queues {
                let Some(queue) = &of.queue else { continue };
                let stats = queue.stats();
                let port = &cells.ports[of.port];
                port.rx_missed.add(stats.rx_missed.saturating_sub(of.missed));
                port.rx_invalid.add(stats.rx_invalid.saturating_sub(of.invalid));
                (of.missed, of.invalid) = (stats.rx_missed, stats.rx_invalid);
            }
        }
        if self.moved == 0 {
            cells.exhausted.set(u64::from(self.is_exhausted()));
        } else {
            cells.exhausted.set(0);
        }
        if run.retiring.is_some() {
            let old = self.holds_before(run.current.generation);
            cells.oldest_generation.set(run.current.generation - u64::from(old));
        }
        let cells = self.cells();
        for (cell, count) in cells.ring_received.iter().zip(self.transferred) {
            if count > 0 {
                cell.add(count);
            }
        }
        self.transferred = [0; 2];
    }

    /// Whether any packet waits that another pipeline than the current one began.
    fn holds_before(&self, generation: u64) -> bool {
        self.loops.iter().any(|job| job.facts.generation < generation)
            || self.backlog.iter().any(|&position| {
                self.egress[position].as_ref().is_some_and(|egress| egress.holds_before(generation))
            })
    }
}
