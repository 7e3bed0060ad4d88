//! Values of fields and parameters, as people write and read them.
//!
//! Invariant: what is written by [`show`] for a field is read as the same value by [`parse`].

use anyhow::Context as _;
use heddle_p4rt::bytestring::{encode, hexadecimal};

/// A value of a field, as the protocol has it: the shortest big-endian bytes.
pub(crate) fn parse(field: &str, text: &str, bits: i32) -> anyhow::Result<Vec<u8>> {
    if bits <= 0 {
        // A string that the program translates.
        return Ok(text.as_bytes().to_vec());
    }
    let width = u32::try_from(bits).unwrap_or_default();
    let value = heddle_runtime::value::parse(text, width).with_context(|| field.to_owned())?;
    Ok(encode(&value))
}

/// A value for people: addresses as addresses, small numbers as numbers, others in hexadecimal.
pub(crate) fn show(value: &[u8], bits: i32) -> String {
    if bits <= 0 {
        return String::from_utf8_lossy(value).into_owned();
    }
    let width = usize::try_from(bits).unwrap_or(0).div_ceil(8);
    let mut padded = vec![0; width.saturating_sub(value.len())];
    padded.extend_from_slice(value);
    match (bits, padded.as_slice()) {
        (32, [a, b, c, d]) if *a != 0 => format!("{a}.{b}.{c}.{d}"),
        (48, [a, b, c, d, e, f]) => format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"),
        (128, octets) => match <[u8; 16]>::try_from(octets) {
            Ok(octets) => std::net::Ipv6Addr::from(octets).to_string(),
            Err(_) => hexadecimal(&padded),
        },
        (_, octets) if octets.len() <= 8 => {
            let number = octets.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
            if bits <= 16 || number < 1 << 16 { number.to_string() } else { format!("{number:#x}") }
        }
        (_, octets) => hexadecimal(octets),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_as_the_same_value() {
        let cases: [(&str, i32); 9] = [
            ("10.0.1.2", 32),
            ("7", 32),
            ("0", 9),
            ("511", 9),
            ("08:00:00:00:01:11", 48),
            ("2001:db8::1", 128),
            ("0x123456789abc", 64),
            ("65535", 16),
            ("eth0", 0),
        ];
        for (text, bits) in cases {
            let value = parse("f", text, bits).unwrap();
            assert_eq!(show(&value, bits), text);
            assert_eq!(parse("f", &show(&value, bits), bits).unwrap(), value);
        }
    }

    #[test]
    fn values_are_as_short_as_can_be() {
        assert_eq!(parse("f", "0", 48).unwrap(), [0]);
        assert_eq!(parse("f", "256", 48).unwrap(), [1, 0]);
        assert!(parse("port", "512", 9).unwrap_err().to_string().contains("port"));
    }
}
