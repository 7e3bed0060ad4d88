//! Capture files of arbitrary bytes, pcap and pcapng.
#![no_main]

use heddle_ports::capture::CaptureReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(mut reader) = CaptureReader::new("fuzz", data) else { return };
    while let Ok(Some(record)) = reader.next_record() {
        assert!(record.bytes.len() <= data.len(), "more bytes than the file has");
    }
});
