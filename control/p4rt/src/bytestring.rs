//! Numbers as P4Runtime writes them (section 8.3): big-endian, as short as the value allows.
//!
//! Invariant: what [`encode`] gives, [`decode`] takes and gives the same value for; nothing longer than needed is sent.

use heddle_ir::Bits;

use crate::status::Refusal;

/// Bytes of a value without leading zeros.
fn significant(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// Bits that a number takes.
fn width_of(significant: &[u8]) -> u64 {
    match significant.first() {
        None => 0,
        Some(first) => significant.len() as u64 * 8 - u64::from(first.leading_zeros()),
    }
}

/// Bytes that a message shows of a value.
const BYTES_SHOWN: usize = 20;

/// A number in hexadecimal.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}

/// Likewise, cut off where it would fill a screen.
fn shortened(bytes: &[u8]) -> String {
    match bytes.get(..BYTES_SHOWN) {
        Some(first) if bytes.len() > BYTES_SHOWN => {
            format!("{}... ({} bytes)", hexadecimal(first), bytes.len())
        }
        Some(_) | None => hexadecimal(bytes),
    }
}

/// A `bit<width>`.
///
/// # Errors
/// `OUT_OF_RANGE` for an empty string or a value of more bits.
pub(crate) fn decode(width: u32, bytes: &[u8]) -> Result<Bits, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::out_of_range("the byte string is empty; zero is the one byte 0x00"));
    }
    let significant = significant(bytes);
    let needed = width_of(significant);
    if needed > u64::from(width) {
        return Err(Refusal::out_of_range(format!(
            "the value {} takes {needed} bits, more than the {width} there are; send a smaller value",
            shortened(significant)
        )));
    }
    Ok(Bits::from_be_bytes(width, significant))
}

/// An `int<width>`, in two's complement.
///
/// # Errors
/// `OUT_OF_RANGE` for an empty string or a value that takes more bits.
pub(crate) fn decode_signed(width: u32, bytes: &[u8]) -> Result<Bits, Refusal> {
    let Some(first) = bytes.first() else {
        return Err(Refusal::out_of_range("the byte string is empty; zero is the one byte 0x00"));
    };
    let sign = if first & 0x80 == 0 { 0x00 } else { 0xff };
    let copies = bytes.iter().take_while(|byte| **byte == sign).count();
    let rest = bytes.get(copies..).unwrap_or_default();
    // The sign takes a bit of its own beside those that differ from it.
    let needed = match rest.first() {
        None => 1,
        Some(first) => rest.len() as u64 * 8 - u64::from((first ^ sign).leading_zeros()) + 1,
    };
    if needed > u64::from(width) {
        return Err(Refusal::out_of_range(format!(
            "the signed value {} takes {needed} bits, more than the {width} there are; send a smaller value",
            shortened(bytes)
        )));
    }
    let mut extended = vec![sign; (width.div_ceil(8) as usize).saturating_sub(rest.len())];
    extended.extend_from_slice(rest);
    Ok(Bits::from_be_bytes(width, &extended))
}

/// The shortest string of a `bit<width>`; one zero for zero.
pub fn encode(value: &Bits) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let significant = significant(&bytes);
    if significant.is_empty() { vec![0] } else { significant.to_vec() }
}

/// The shortest string of an `int<width>`.
pub(crate) fn encode_signed(value: &Bits) -> Vec<u8> {
    if !value.sign() {
        let mut bytes = encode(value);
        if bytes.first().is_some_and(|first| first & 0x80 != 0) {
            bytes.insert(0, 0);
        }
        return bytes;
    }
    let width = value.width().next_multiple_of(8);
    let bytes = value.resize(width, true).to_be_bytes();
    let copies = bytes.iter().take_while(|byte| **byte == 0xff).count();
    let rest = bytes.get(copies..).unwrap_or_default();
    match rest.first() {
        Some(first) if first & 0x80 != 0 => rest.to_vec(),
        Some(_) | None => [&[0xff], rest].concat(),
    }
}

#[cfg(test)]
mod tests {
    use heddle_p4rt_proto::rpc::Code;

    use super::*;

    /// The specification's tables of valid and invalid strings (section 8.3).
    #[test]
    fn strings_are_valid_as_the_specification_has_them() {
        for (width, value, bytes, is_shortest) in [
            (8, 99, &[0x63][..], true),
            (16, 99, &[0x00, 0x63], false),
            (16, 99, &[0x63], true),
            (16, 12_388, &[0x30, 0x64], true),
            (16, 12_388, &[0x00, 0x30, 0x64], false),
            (12, 99, &[0x00, 0x63], false),
            (12, 99, &[0x63], true),
            (12, 99, &[0x00, 0x00, 0x63], false),
        ] {
            let decoded = decode(width, bytes).expect("valid");
            assert_eq!(decoded, Bits::new(width, value), "{bytes:x?}");
            assert_eq!(encode(&decoded) == bytes, is_shortest, "{bytes:x?}");
        }
        for (width, bytes) in [
            (8, &[0x01, 0x63][..]),
            (8, &[]),
            (16, &[0x01, 0x00, 0x63]),
            (12, &[0x10, 0x63]),
            (12, &[0x01, 0x00, 0x63]),
            (12, &[0x00, 0x40, 0x63]),
        ] {
            assert_eq!(decode(width, bytes).expect_err("invalid").code, Code::OutOfRange, "{bytes:x?}");
        }
    }

    #[test]
    fn signed_strings_are_valid_as_the_specification_has_them() {
        for (width, value, bytes, is_shortest) in [
            (8, 99i128, &[0x63][..], true),
            (8, -99, &[0x9d], true),
            (8, -99, &[0xff, 0x9d], false),
            (12, -739, &[0xfd, 0x1d], true),
            (16, 0, &[0x00, 0x00], false),
            (16, 0, &[0x00], true),
            (16, -1, &[0xff], true),
            (16, 128, &[0x00, 0x80], true),
            (8, -128, &[0x80], true),
        ] {
            let decoded = decode_signed(width, bytes).expect("valid");
            assert_eq!(decoded, Bits::new(width, value as u128), "{bytes:x?}");
            assert_eq!(encode_signed(&decoded) == bytes, is_shortest, "{bytes:x?}");
        }
        for (width, bytes) in [(8, &[0x00, 0x9d][..]), (12, &[0x8d, 0x1d]), (16, &[])] {
            assert_eq!(
                decode_signed(width, bytes).expect_err("invalid").code,
                Code::OutOfRange,
                "{bytes:x?}"
            );
        }
    }

    #[test]
    fn wide_values_and_those_without_bits_go_both_ways() {
        let wide = Bits::ones(257);
        assert_eq!(decode(257, &encode(&wide)).expect("valid"), wide);
        assert_eq!(decode(256, &encode(&wide)).expect_err("one bit more").code, Code::OutOfRange);
        assert_eq!(encode(&Bits::zero(0)), [0]);
        assert_eq!(decode(0, &[0]).expect("zero"), Bits::zero(0));
    }
}
