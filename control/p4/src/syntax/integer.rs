//! Integer literals (P4-16 §6.4.3.2).

use num_bigint::BigInt;

/// More digits than any width needs; converting them would take long.
const DIGIT_COUNT_MAX: usize = 20_000;

/// A literal's meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integer {
    /// Value; not negative.
    pub value: BigInt,
    /// Width and whether signed, if written.
    pub width: Option<(u32, bool)>,
    /// The base it is written in.
    pub base: u32,
}

/// Why a text is no integer literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// `0x`, `8w`
    #[error("there are no digits")]
    NoDigits,
    /// `0b12`
    #[error("`{0}` is no digit in base {1}")]
    BadDigit(char, u32),
    /// `12ab`
    #[error("`{0}` does not belong into an integer")]
    BadLetter(char),
    /// `99999999999w1`
    #[error("the width is too large")]
    WidthTooLarge,
    /// Longer than is sensible.
    #[error("the integer has too many digits")]
    TooLong,
}

/// Parses `[width (w|s)] [0x|0o|0d|0b] digits`, underscores among the digits.
pub fn parse(text: &str) -> Result<Integer, Problem> {
    let width_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (width, digits) = match text.as_bytes().get(width_end) {
        Some(&sign @ (b'w' | b's')) if width_end > 0 => {
            let width = text[..width_end].parse().map_err(|_| Problem::WidthTooLarge)?;
            (Some((width, sign == b's')), &text[width_end + 1..])
        }
        _ => (None, text),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'd' | b'D', ..] => (10, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        _ => (10, digits),
    };
    if let Some(bad) = digits.chars().find(|&c| c != '_' && !c.is_digit(base)) {
        return Err(if bad.is_ascii_hexdigit() && base != 10 || bad.is_ascii_digit() {
            Problem::BadDigit(bad, base)
        } else {
            Problem::BadLetter(bad)
        });
    }
    if digits.len() > DIGIT_COUNT_MAX {
        return Err(Problem::TooLong);
    }
    let digits: Vec<u8> = digits.bytes().filter(|&byte| byte != b'_').collect();
    match BigInt::parse_bytes(&digits, base) {
        Some(value) => Ok(Integer { value, width, base }),
        None => Err(Problem::NoDigits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> (u64, Option<(u32, bool)>) {
        let integer = parse(text).unwrap();
        (u64::try_from(&integer.value).unwrap(), integer.width)
    }

    #[test]
    fn literals_of_the_specification() {
        assert_eq!(value("32w255"), (255, Some((32, false))));
        assert_eq!(value("32w0d255"), (255, Some((32, false))));
        assert_eq!(value("32s0xFF"), (255, Some((32, true))));
        assert_eq!(value("8w0b_1010_1010"), (170, Some((8, false))));
        assert_eq!(value("16w0377"), (377, Some((16, false))));
        assert_eq!(value("16w0o377"), (255, Some((16, false))));
        assert_eq!(value("0"), (0, None));
        assert_eq!(value("1_000"), (1000, None));
        assert_eq!(value("0XfF"), (255, None));
    }

    #[test]
    fn malformed_literals() {
        assert_eq!(parse("0x"), Err(Problem::NoDigits));
        assert_eq!(parse("8w"), Err(Problem::NoDigits));
        assert_eq!(parse("8w_"), Err(Problem::NoDigits));
        assert_eq!(parse("0b12"), Err(Problem::BadDigit('2', 2)));
        assert_eq!(parse("0o8"), Err(Problem::BadDigit('8', 8)));
        assert_eq!(parse("12ab"), Err(Problem::BadLetter('a')));
        assert_eq!(parse("99999999999w1"), Err(Problem::WidthTooLarge));
        assert_eq!(parse(&"9".repeat(30_000)), Err(Problem::TooLong));
    }
}
