//! Values as people write them: decimal, hexadecimal (`0x`), binary (`0b`), octal (`0o`) and negative numbers,
//! MAC, IPv4 and IPv6 addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use heddle_ir::Bits;

/// Why a text is no value of a width.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not a number or address.
    #[error("`{text}` is not a value; {wanted} is wanted, such as `10`, `0x0a`, `08:00:00:00:01:11`, `10.0.0.1` or `2001:db8::1`", wanted = wanted(*.width))]
    Malformed {
        /// As given.
        text: String,
        /// Width wanted in bits.
        width: u32,
    },
    /// A number too large, or an address of another width.
    #[error("`{text}` does not fit; {} is wanted", wanted(*.width))]
    TooWide {
        /// As given.
        text: String,
        /// Width wanted in bits.
        width: u32,
    },
}

/// How a value of a width is described to people.
pub fn wanted(width: u32) -> String {
    match width {
        0..=63 => format!("a {width}-bit value (0 to {})", (1u64 << width) - 1),
        _ => format!("a {width}-bit value"),
    }
}

/// Parses a value of `width` bits.
///
/// # Errors
/// [`ValueError`] if `text` is no value, or one too wide.
pub fn parse(text: &str, width: u32) -> Result<Bits, ValueError> {
    let malformed = || ValueError::Malformed { text: text.to_owned(), width };
    let too_wide = || ValueError::TooWide { text: text.to_owned(), width };
    let trimmed = text.trim();

    if let Some(mac) = parse_mac(trimmed) {
        return exact_width(&mac, width).ok_or_else(too_wide);
    }
    if let Ok(address) = trimmed.parse::<Ipv4Addr>() {
        return exact_width(&address.octets(), width).ok_or_else(too_wide);
    }
    if trimmed.contains(':')
        && let Ok(address) = trimmed.parse::<Ipv6Addr>()
    {
        return exact_width(&address.octets(), width).ok_or_else(too_wide);
    }

    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        _ => (10, lower.as_str()),
    };
    if digits.is_empty() {
        return Err(malformed());
    }
    // Wide enough to see an overflow of any width: four bits for each digit.
    let room = width.saturating_add(8).max(72);
    let limit = Bits::ones(width).resize(room, false);
    let radix_bits = Bits::new(room, u128::from(radix));
    let mut value = Bits::zero(room);
    for digit in digits.chars().filter(|c| *c != '_') {
        let digit = digit.to_digit(radix).ok_or_else(malformed)?;
        value = value.mul(&radix_bits).add(&Bits::new(room, u128::from(digit)));
        if value.cmp_unsigned(&limit).is_gt() {
            return Err(too_wide());
        }
    }
    if negative {
        // The smallest is the sign bit alone.
        let smallest = Bits::new(room, 1).shl(&Bits::new(32, u128::from(width.saturating_sub(1))));
        if value.cmp_unsigned(&smallest).is_gt() {
            return Err(too_wide());
        }
        return Ok(value.resize(width, false).neg());
    }
    Ok(value.resize(width, false))
}

/// An address as a value of at least its own width; wider fields get zeros in front.
fn exact_width(bytes: &[u8], width: u32) -> Option<Bits> {
    let own = Bits::from_be_bytes(8 * bytes.len() as u32, bytes);
    let fits = own.width() - own.leading_zeros() <= width;
    fits.then(|| own.resize(width, false))
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut mac = [0u8; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut mac {
        let part = parts.next()?;
        if part.is_empty() || part.len() > 2 {
            return None;
        }
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_notation() {
        assert_eq!(parse("10", 9), Ok(Bits::new(9, 10)));
        assert_eq!(parse("0x1F", 8), Ok(Bits::new(8, 31)));
        assert_eq!(parse("0b101", 3), Ok(Bits::new(3, 5)));
        assert_eq!(parse("-1", 8), Ok(Bits::new(8, 255)));
        assert_eq!(parse("08:00:00:00:01:11", 48), Ok(Bits::new(48, 0x0800_0000_0111)));
        assert_eq!(parse("10.0.1.1", 32), Ok(Bits::new(32, 0x0a00_0101)));
        assert_eq!(parse("2001:db8::1", 128), Ok(Bits::new(128, 0x2001_0db8 << 96 | 1)));
        assert_eq!(parse("10.0.1.1", 128), Ok(Bits::new(128, 0x0a00_0101)));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(matches!(parse("512", 9), Err(ValueError::TooWide { .. })));
        assert!(matches!(parse("-129", 8), Err(ValueError::TooWide { .. })));
        assert!(matches!(parse("10.0.0.1", 9), Err(ValueError::TooWide { .. })));
        assert!(matches!(parse("ten", 9), Err(ValueError::Malformed { .. })));
        assert!(matches!(parse("0x", 9), Err(ValueError::Malformed { .. })));
        assert!(matches!(parse("", 9), Err(ValueError::Malformed { .. })));
    }

    proptest! {
        #[test]
        fn decimal_and_hexadecimal_agree(value: u64, width in 64u32..200) {
            let bits = Bits::new(width, u128::from(value));
            prop_assert_eq!(parse(&value.to_string(), width), Ok(bits.clone()));
            prop_assert_eq!(parse(&format!("{value:#x}"), width), Ok(bits));
        }

        #[test]
        fn any_text_is_answered(text: String, width in 0u32..300) {
            let _ = parse(&text, width);
        }
    }
}
