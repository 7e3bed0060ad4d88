//! Captures built by hand, in both byte orders, and bytes at random.

use proptest::prelude::*;

use super::*;

fn w16(value: u16, big: bool) -> [u8; 2] {
    if big { value.to_be_bytes() } else { value.to_le_bytes() }
}

fn w32(value: u32, big: bool) -> [u8; 4] {
    if big { value.to_be_bytes() } else { value.to_le_bytes() }
}

fn pcap_header(magic: u32, link_type: u32, big: bool) -> Vec<u8> {
    let mut bytes = w32(magic, big).to_vec();
    bytes.extend(w16(2, big));
    bytes.extend(w16(4, big));
    bytes.extend([0; 8]);
    bytes.extend(w32(65_535, big));
    bytes.extend(w32(link_type, big));
    bytes
}

fn pcap_record(seconds: u32, fraction: u32, wire_len: u32, data: &[u8], big: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in [seconds, fraction, data.len() as u32, wire_len] {
        bytes.extend(w32(value, big));
    }
    bytes.extend(data);
    bytes
}

fn block(kind: u32, body: &[u8], big: bool) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let len = w32((12 + body.len() + padding) as u32, big);
    [&w32(kind, big)[..], &len, body, &vec![0; padding], &len].concat()
}

fn section(big: bool) -> Vec<u8> {
    let mut body = w32(0x1a2b_3c4d, big).to_vec();
    body.extend(w16(1, big));
    body.extend(w16(0, big));
    body.extend([0xff; 8]);
    block(PCAPNG_SECTION_HEADER, &body, big)
}

fn interface(link_type: u16, snap: u32, resolution: u8, offset_s: i64, big: bool) -> Vec<u8> {
    let mut body = w16(link_type, big).to_vec();
    body.extend([0, 0]);
    body.extend(w32(snap, big));
    for (code, value) in [(9, &[resolution][..]), (14, &offset_s.to_le_bytes()[..])] {
        let mut value = value.to_vec();
        if big {
            value.reverse();
        }
        body.extend(w16(code, big));
        body.extend(w16(value.len() as u16, big));
        value.resize(value.len().next_multiple_of(4), 0);
        body.extend(value);
    }
    body.extend([0; 4]);
    block(1, &body, big)
}

fn enhanced(interface: u32, ticks: u64, wire_len: u32, data: &[u8], big: bool) -> Vec<u8> {
    let mut body = Vec::new();
    for value in [interface, (ticks >> 32) as u32, ticks as u32, data.len() as u32, wire_len] {
        body.extend(w32(value, big));
    }
    body.extend(data);
    block(6, &body, big)
}

/// Bytes, length on the wire, time.
type Captured = (Vec<u8>, usize, u64);

/// All packets, and the error if it ends with one.
fn read_all(bytes: &[u8]) -> (Vec<Captured>, Option<String>) {
    let mut packets = Vec::new();
    let mut reader = match CaptureReader::new("in.pcap", bytes) {
        Ok(reader) => reader,
        Err(error) => return (packets, Some(error.to_string())),
    };
    loop {
        match reader.next_record() {
            Ok(Some(record)) => packets.push((record.bytes.to_vec(), record.wire_len, record.time_ns)),
            Ok(None) => return (packets, None),
            Err(error) => {
                assert!(matches!(reader.next_record(), Ok(None)), "nothing after an error");
                return (packets, Some(error.to_string()));
            }
        }
    }
}

#[test]
fn pcap_in_both_orders_and_resolutions() {
    for big in [false, true] {
        for (magic, fraction) in [(0xa1b2_c3d4, 500), (0xa1b2_3c4d, 500_000)] {
            let mut file = pcap_header(magic, 1, big);
            file.extend(pcap_record(10, fraction, 1_500, &[1, 2, 3], big));
            file.extend(pcap_record(11, 0, 2, &[4, 5], big));
            let expected = vec![(vec![1, 2, 3], 1_500, 10_000_500_000), (vec![4, 5], 2, 11_000_000_000)];
            assert_eq!(read_all(&file), (expected, None), "{magic:x} {big}");
        }
    }
}

#[test]
fn pcapng_in_both_orders_with_sections_and_clocks() {
    for big in [false, true] {
        let mut file = section(big);
        file.extend(interface(1, 0, 6, 0, big));
        file.extend(interface(1, 0, 9, 5, big));
        // 2^-10 seconds.
        file.extend(interface(1, 0, 0x8a, 0, big));
        file.extend(enhanced(0, 1_000_001, 60, &[1; 5], big));
        file.extend(enhanced(1, 7, 6, &[2; 6], big));
        file.extend(enhanced(2, 1_536, 3, &[3; 3], big));
        // A block of a type that is not known.
        file.extend(block(0x4000_0001, &[9; 7], big));
        // A section in the other order, whose simple packet is cut to the interface's snap length.
        file.extend(section(!big));
        file.extend(interface(1, 4, 6, 0, !big));
        file.extend(block(3, &[&w32(9, !big)[..], &[4; 4]].concat(), !big));
        let expected = vec![
            (vec![1; 5], 60, 1_000_001_000),
            (vec![2; 6], 6, 5_000_000_007),
            (vec![3; 3], 3, 1_500_000_000),
            (vec![4; 4], 9, 1_500_000_000),
        ];
        assert_eq!(read_all(&file), (expected, None), "{big}");
    }
}

#[test]
fn errors_say_where_what_and_what_to_do() {
    let good = [pcap_header(0xa1b2_c3d4, 1, false), pcap_record(0, 0, 4, &[1; 4], false)].concat();
    let too_long = [&good[..], &pcap_record(0, 0, 4, &[1; 4], false)[..8], &[0xff; 8]].concat();
    let stranger = [section(false), enhanced(3, 0, 1, &[1], false)].concat();
    for (file, packets, expected) in [
        (&[][..], 0, "in.pcap: the file is empty"),
        (&[0x1f, 0x8b, 8, 0, 0], 0, "in.pcap: the file is packed with gzip; unpack it first"),
        (b"hello, world", 0, "in.pcap: this is no pcap or pcapng file; convert it with `editcap"),
        (
            &pcap_header(0xa1b2_c3d4, 113, false),
            0,
            "in.pcap: link type 113 instead of Ethernet (1); capture on",
        ),
        (&good[..30], 0, "in.pcap: packet 1: the file ends within it; what comes before is sound"),
        (&[&good[..], &good[24..42]].concat(), 1, "in.pcap: packet 2: the file ends within it"),
        (&too_long, 1, "in.pcap: packet 2: claims 4294967295 bytes"),
        (&stranger, 0, "in.pcap: packet 1: belongs to interface 3, which the file does not describe"),
    ] {
        let (read, error) = read_all(file);
        let error = error.unwrap();
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(read.len(), packets, "{error}");
    }
}

#[test]
fn what_is_written_is_read_again() {
    let mut file = Vec::new();
    let mut writer = CaptureWriter::new(&mut file).unwrap();
    let record = Record { bytes: &[1, 2, 3], wire_len: 9_000, time_ns: 1_700_000_000_123_456_789 };
    writer.write_record(&record).unwrap();
    writer.write_record(&Record { bytes: &[], wire_len: 0, time_ns: 5 }).unwrap();
    writer.flush().unwrap();
    let expected = vec![(vec![1, 2, 3], 9_000, 1_700_000_000_123_456_789), (vec![], 0, 5)];
    assert_eq!(read_all(&file), (expected, None));
}

fn valid_file() -> impl Strategy<Value = Vec<u8>> {
    (any::<bool>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..90)).prop_map(
        |(big, is_ng, data)| {
            let mut file = if is_ng {
                [section(big), interface(1, 0, 9, -3, big), enhanced(0, 9, 80, &data, big), section(!big)]
                    .concat()
            } else {
                pcap_header(0xa1b2_c3d4, 1, big)
            };
            if !is_ng {
                file.extend(pcap_record(1, 2, 80, &data, big));
                file.extend(pcap_record(1, 2, 80, &data, big));
            }
            file
        },
    )
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_all(&bytes);
    }

    #[test]
    fn damaged_files_never_panic(
        mut file in valid_file(),
        damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6),
        cut in any::<usize>(),
    ) {
        let len = file.len();
        for (at, value) in damage {
            file[at % len] = value;
        }
        file.truncate(cut % (2 * len));
        read_all(&file);
    }
}
