//! What every kind of port must know of an Ethernet frame: how long it may be and where its VLAN tag goes.

/// Bytes of an Ethernet header without tags.
pub(crate) const ETHERNET_BYTES: usize = 14;

/// Bytes of one VLAN tag.
pub(crate) const VLAN_TAG_BYTES: usize = 4;

/// How many frames before its turn a received frame is asked for, so that the misses of several overlap: the processor that
/// the device or the sender ran on has written it. Two gained half as much.
pub(crate) const FRAMES_AHEAD: usize = 8;

/// How much of it: a short frame, or the headers of a long one.
pub(crate) const FRONT_BYTES: usize = 64;

/// How often the MTU of an interface is looked up again; it may be changed while a port is attached.
pub(crate) const MTU_INTERVAL_NS: u64 = 100_000_000;

/// Whether a frame of `wire_len` bytes may leave by an interface with this MTU. One VLAN tag is not counted,
/// as the kernel doesn't.
#[inline]
pub(crate) fn fits_mtu(frame: &[u8], wire_len: usize, mtu_bytes: usize) -> bool {
    let untagged_bytes_max = mtu_bytes + ETHERNET_BYTES;
    wire_len <= untagged_bytes_max || wire_len <= untagged_bytes_max + VLAN_TAG_BYTES && is_tagged(frame)
}

/// Whether the outermost EtherType is a VLAN tag's.
pub(crate) fn is_tagged(frame: &[u8]) -> bool {
    matches!(frame.get(12..14), Some([0x81, 0x00] | [0x88, 0xa8]))
}

/// Copies a frame with a tag put behind its addresses. `tagged` is longer than `frame` by the tag, and `frame`
/// holds at least its addresses.
pub(crate) fn insert_tag(frame: &[u8], tag: [u8; VLAN_TAG_BYTES], tagged: &mut [u8]) {
    const ADDRESSES_BYTES: usize = 12;
    let (addresses, rest) = frame.split_at(ADDRESSES_BYTES);
    tagged[..ADDRESSES_BYTES].copy_from_slice(addresses);
    tagged[ADDRESSES_BYTES..ADDRESSES_BYTES + VLAN_TAG_BYTES].copy_from_slice(&tag);
    tagged[ADDRESSES_BYTES + VLAN_TAG_BYTES..].copy_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tag_does_not_count_against_the_mtu() {
        let mut frame = vec![0; 118];
        assert!(fits_mtu(&frame, 114, 100));
        assert!(!fits_mtu(&frame, 115, 100));
        frame[12] = 0x81;
        assert!(fits_mtu(&frame, 118, 100));
        assert!(!fits_mtu(&frame, 119, 100));
    }
}
