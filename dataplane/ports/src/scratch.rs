//! Room for one frame of any size that was read by a system call of its own.
//!
//! Invariant: the frame stays as it was read until it is cleared, so that it can be cut over several calls. It was
//! read into a packet that can be handed on as it is, if it fits into one; only what doesn't is copied.

use std::io::IoSliceMut;

use heddle_packet::Packet;

use crate::frame::VLAN_TAG_BYTES;
use crate::offload::{
    Intake, LARGE_BYTES, OFFLOADED_BYTES_MAX, Offloaded, Sink, VNET_HEADER_BYTES, VnetHeader,
};

/// Holds no frame or one.
#[derive(Debug)]
pub(crate) struct Scratch {
    header: [u8; VNET_HEADER_BYTES],
    /// The frame, or its beginning.
    packet: Packet,
    /// What did not fit, at its place in the frame; and then all of the frame.
    spill: Box<[u8]>,
    held: Option<Held>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    header: VnetHeader,
    len: usize,
    tag: Option<[u8; VLAN_TAG_BYTES]>,
}

impl Scratch {
    /// Pages that no frame reaches are never touched.
    pub(crate) fn new() -> Self {
        Self {
            header: [0; VNET_HEADER_BYTES],
            packet: Packet::with_capacity(LARGE_BYTES),
            spill: vec![0; OFFLOADED_BYTES_MAX].into_boxed_slice(),
            held: None,
        }
    }

    /// Where to read an offload header and a frame to, one after the other; what was held is forgotten.
    pub(crate) fn space(&mut self) -> [IoSliceMut<'_>; 3] {
        self.held = None;
        self.packet.reset();
        let space = self.packet.receive_space();
        let spill = &mut self.spill[space.len()..];
        [IoSliceMut::new(&mut self.header), IoSliceMut::new(space), IoSliceMut::new(spill)]
    }

    /// Holds the first `len` bytes of the space. False if they are too few to hold an offload header.
    pub(crate) fn hold(&mut self, len: usize, tag: Option<[u8; VLAN_TAG_BYTES]>) -> bool {
        let Some(len) = len.checked_sub(VNET_HEADER_BYTES).filter(|len| *len <= OFFLOADED_BYTES_MAX) else {
            return false;
        };
        let fitted = self.packet.capacity().min(len);
        self.packet.set_received(fitted);
        if fitted < len {
            self.spill[..fitted].copy_from_slice(self.packet.bytes());
        }
        self.held = Some(Held { header: VnetHeader::parse(&self.header), len, tag });
        true
    }

    /// The frame that is held.
    pub(crate) fn frame(&self) -> Option<Offloaded<'_>> {
        let Held { header, len, tag } = self.held?;
        let bytes = if len > self.packet.len() { self.spill.get(..len)? } else { self.packet.bytes() };
        Some(Offloaded { header, bytes, tag })
    }

    /// Appends the packets of the frame that is held while there is room, and forgets it once all are. False if some
    /// are left.
    pub(crate) fn take(&mut self, intake: &mut Intake, sink: &mut Sink<'_>) -> bool {
        let Some(frame) = self.frame() else { return true };
        let fits = frame.bytes.len() == self.packet.len();
        let is_done = match intake.whole(&frame).filter(|_| fits) {
            Some(segmentation) => {
                let tag = frame.tag;
                intake.take_whole(&mut self.packet, tag, segmentation, sink)
            }
            None => intake.take(&frame, sink),
        };
        if is_done {
            self.held = None;
        }
        is_done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(scratch: &mut Scratch, bytes: &[u8]) {
        let mut left = bytes;
        for mut space in scratch.space() {
            let (now, later) = left.split_at(left.len().min(space.len()));
            space[..now.len()].copy_from_slice(now);
            left = later;
        }
        assert!(left.is_empty());
    }

    #[test]
    fn holds_what_was_read_until_it_is_read_over() {
        let mut scratch = Scratch::new();
        assert!(scratch.frame().is_none());
        read(&mut scratch, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]);
        assert!(!scratch.hold(VNET_HEADER_BYTES - 1, None));
        assert!(scratch.hold(VNET_HEADER_BYTES + 3, Some([0x81, 0, 0, 1])));
        let frame = scratch.frame().unwrap();
        assert_eq!((frame.bytes, frame.tag), (&[1, 2, 3][..], Some([0x81, 0, 0, 1])));
        assert_eq!(frame.header, VnetHeader::PLAIN);
        let _space = scratch.space();
        assert!(scratch.frame().is_none());
    }

    #[test]
    fn a_frame_that_fits_no_packet_is_held_all_the_same() {
        let mut scratch = Scratch::new();
        let frame: Vec<u8> = (0..LARGE_BYTES + 1_000).map(|n| (n % 251) as u8).collect();
        read(&mut scratch, &[&[0; VNET_HEADER_BYTES][..], &frame].concat());
        assert!(scratch.hold(VNET_HEADER_BYTES + frame.len(), None));
        assert_eq!(scratch.frame().unwrap().bytes, frame);
    }
}
