//! Room for one frame of any size that was read by a system call of its own.
//!
//! Invariant: the frame stays as it was read until it is cleared, so that it can be cut over several calls.

use crate::frame::VLAN_TAG_BYTES;
use crate::offload::{OFFLOADED_BYTES_MAX, Offloaded, VNET_HEADER_BYTES, VnetHeader};

/// Holds no frame or one.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// Offload header and frame.
    bytes: Box<[u8]>,
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
        Self { bytes: vec![0; VNET_HEADER_BYTES + OFFLOADED_BYTES_MAX].into_boxed_slice(), held: None }
    }

    /// Where to read an offload header and a frame to; what was held is forgotten.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.held = None;
        &mut self.bytes
    }

    /// Holds the first `len` bytes of the space. False if they are too few to hold an offload header.
    pub(crate) fn hold(&mut self, len: usize, tag: Option<[u8; VLAN_TAG_BYTES]>) -> bool {
        self.held = self.bytes.get(..len).and_then(|read| read.first_chunk()).map(|header| Held {
            header: VnetHeader::parse(header),
            len,
            tag,
        });
        self.held.is_some()
    }

    /// The frame that is held.
    pub(crate) fn frame(&self) -> Option<Offloaded<'_>> {
        let held = self.held?;
        let bytes = self.bytes.get(VNET_HEADER_BYTES..held.len)?;
        Some(Offloaded { header: held.header, bytes, tag: held.tag })
    }

    /// Forgets it.
    pub(crate) fn clear(&mut self) {
        self.held = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_read_until_cleared() {
        let mut scratch = Scratch::new();
        assert!(scratch.frame().is_none());
        scratch.space()[..VNET_HEADER_BYTES + 3].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]);
        assert!(!scratch.hold(VNET_HEADER_BYTES - 1, None));
        assert!(scratch.hold(VNET_HEADER_BYTES + 3, Some([0x81, 0, 0, 1])));
        let frame = scratch.frame().unwrap();
        assert_eq!((frame.bytes, frame.tag), (&[1, 2, 3][..], Some([0x81, 0, 0, 1])));
        assert_eq!(frame.header, VnetHeader::PLAIN);
        scratch.clear();
        assert!(scratch.frame().is_none());
    }
}
