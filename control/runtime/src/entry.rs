//! Entries, keys and actions from text: what runtime files and STF scripts share.

use heddle_ir::{Bits, Key, KeyMatch, MatchKind, TableId};
use heddle_state::ActionSpec;

use crate::names::{NameError, Names};
use crate::value::{self, ValueError};

/// Why an entry is refused before it reaches the switch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A name is unknown or ambiguous.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A key's value does not fit it.
    #[error("key `{key}` of table `{table}`: {error}")]
    Key {
        /// Table.
        table: String,
        /// Key.
        key: String,
        /// Why.
        error: KeyError,
    },
    /// An argument's value does not fit it.
    #[error("parameter `{param}` of action `{action}`: {error}")]
    Argument {
        /// Action.
        action: String,
        /// Parameter.
        param: String,
        /// Why.
        error: ValueError,
    },
    /// An argument is missing.
    #[error("action `{action}` has a parameter `{param}` that gets no value; {} is wanted", value::wanted(*.width))]
    MissingArgument {
        /// Action.
        action: String,
        /// Parameter.
        param: String,
        /// Its width in bits.
        width: u32,
    },
    /// A key is given twice.
    #[error("key `{key}` of table `{table}` is given twice")]
    DuplicateKey {
        /// Table.
        table: String,
        /// Key.
        key: String,
    },
    /// A key that must have a value has none.
    #[error("key `{key}` of table `{table}` is matched exactly and gets no value; {} is wanted", value::wanted(*.width))]
    MissingKey {
        /// Table.
        table: String,
        /// Key.
        key: String,
        /// Its width in bits.
        width: u32,
    },
}

/// Why a text is no match for a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The value is wrong.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The prefix length is wrong.
    #[error("`{text}` is no prefix length; 0 to {width} is wanted")]
    PrefixLength {
        /// As given.
        text: String,
        /// The key's width in bits.
        width: u32,
    },
    /// The notation belongs to another kind of match.
    #[error("`{text}` is not how {kind} key is written; {wanted} is wanted")]
    Notation {
        /// As given.
        text: String,
        /// `an exact`, `an lpm`, ...
        kind: &'static str,
        /// What to write.
        wanted: &'static str,
    },
}

fn notation(text: &str, kind: MatchKind) -> KeyError {
    let (kind, wanted) = match kind {
        MatchKind::Exact => ("an exact", "a value"),
        MatchKind::Lpm => ("an lpm", "`value/length`"),
        MatchKind::Ternary => ("a ternary", "`value&&&mask`, or digits with `*` for those not compared"),
        MatchKind::Range => ("a range", "`low..high`"),
        MatchKind::Optional => ("an optional", "a value, or nothing for any"),
        MatchKind::Selector => ("a selector", "nothing: it only chooses a member"),
    };
    KeyError::Notation { text: text.to_owned(), kind, wanted }
}

/// A key's match from text: a value, `value/length`, `value&&&mask`, `low..high`, or hexadecimal or binary
/// digits with `*`.
///
/// # Errors
/// [`KeyError`] if the text does not fit the key.
pub fn key_match(text: &str, key: &Key) -> Result<KeyMatch, KeyError> {
    let width = key.width;
    let full = |text: &str| value::parse(text, width);
    match key.kind {
        MatchKind::Selector => Err(notation(text, key.kind)),
        MatchKind::Exact => Ok(KeyMatch::Exact(full(text)?)),
        MatchKind::Optional if text == "*" => Ok(KeyMatch::Any),
        MatchKind::Optional => Ok(KeyMatch::Exact(full(text)?)),
        MatchKind::Lpm => {
            if let Some((address, length)) = text.split_once('/') {
                let wrong = || KeyError::PrefixLength { text: length.to_owned(), width };
                let prefix_len = match length.trim().parse() {
                    Ok(length) => length,
                    // A length in hexadecimal, or else a mask.
                    Err(_) => match value::parse(length, 32).map(|bits| bits.low_u64() as u32) {
                        Ok(length) if length <= width => length,
                        _ => full(length).ok().and_then(|mask| mask.prefix_len()).ok_or_else(wrong)?,
                    },
                };
                return lpm(full(address)?, prefix_len).ok_or_else(wrong);
            }
            let (value, mask) = starred(text, width)?;
            let prefix_len = mask.prefix_len().ok_or_else(|| notation(text, key.kind))?;
            lpm(value, prefix_len).ok_or_else(|| notation(text, key.kind))
        }
        MatchKind::Ternary => {
            let (value, mask) = match (text.split_once("&&&"), text.split_once('/')) {
                (Some((value, mask)), _) => (full(value)?, full(mask)?),
                (None, Some((value, length))) => {
                    let wrong = || KeyError::PrefixLength { text: length.to_owned(), width };
                    let length: u32 = length.trim().parse().map_err(|_| wrong())?;
                    if length > width {
                        return Err(wrong());
                    }
                    (full(value)?, Bits::mask_prefix(width, length))
                }
                (None, None) => starred(text, width)?,
            };
            Ok(ternary(value, mask))
        }
        MatchKind::Range => match text.split_once("..").or_else(|| text.split_once("->")) {
            Some((low, high)) => Ok(range(full(low)?, full(high)?)),
            None => {
                let value = full(text)?;
                Ok(range(value.clone(), value))
            }
        },
    }
}

/// A longest-prefix match, in canonical form: no bits beyond the prefix.
pub fn lpm(value: Bits, prefix_len: u32) -> Option<KeyMatch> {
    let width = value.width();
    match prefix_len {
        0 => Some(KeyMatch::Any),
        n if n <= width => {
            let value = value.and(&Bits::mask_prefix(width, n));
            Some(KeyMatch::Lpm { value, prefix_len: n })
        }
        _ => None,
    }
}

/// A ternary match in canonical form: no bits outside the mask.
pub fn ternary(value: Bits, mask: Bits) -> KeyMatch {
    if mask.is_zero() { KeyMatch::Any } else { KeyMatch::Ternary { value: value.and(&mask), mask } }
}

/// A range.
pub fn range(low: Bits, high: Bits) -> KeyMatch {
    if low.is_zero() && high.is_ones() { KeyMatch::Any } else { KeyMatch::Range { low, high } }
}

/// Digits of which those written `*` are not compared. Without a star everything is.
fn starred(text: &str, width: u32) -> Result<(Bits, Bits), ValueError> {
    if !text.contains('*') {
        return Ok((value::parse(text, width)?, Bits::ones(width)));
    }
    let digit_ones = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => 'f',
        Some("0b") => '1',
        Some("0o") => '7',
        _ => return Err(ValueError::Malformed { text: text.to_owned(), width }),
    };
    let (prefix, digits) = text.split_at(2);
    // Leading stars may reach beyond the width; they compare nothing there either.
    let digits = digits.trim_start_matches('*');
    let fill = |star: char, other: Option<char>| -> String {
        let each = digits.chars().map(|c| if c == '*' { star } else { other.unwrap_or(c) });
        prefix.chars().chain(['0']).chain(each).collect()
    };
    let value = value::parse(&fill('0', None), width)?;
    // The mask's first digit may reach beyond the width where the value's does not.
    let mask = value::parse(&fill('0', Some(digit_ones)), width + 3)?.resize(width, false);
    Ok((value, mask))
}

/// All matches of an entry, from those keys that are given. Keys left out match anything; an exact key left out
/// is an error, or zero if `exact_default`.
///
/// # Errors
/// [`EntryError`] naming the key.
pub fn matches<M>(
    names: Names<'_>,
    table: TableId,
    given: impl IntoIterator<Item = (String, M)>,
    exact_default: bool,
    mut to_match: impl FnMut(M, &Key) -> Result<KeyMatch, KeyError>,
) -> Result<Vec<KeyMatch>, EntryError> {
    let definition = &names.program().tables[table];
    let mut found: Vec<Option<KeyMatch>> = vec![None; definition.keys.len()];
    for (name, value) in given {
        let position = names.key(table, &name)?;
        let key = &definition.keys[position];
        let matched = to_match(value, key).map_err(|error| EntryError::Key {
            table: definition.control.name.clone(),
            key: key.name.clone(),
            error,
        })?;
        if found[position].replace(matched).is_some() {
            let (table, key) = (definition.control.name.clone(), key.name.clone());
            return Err(EntryError::DuplicateKey { table, key });
        }
    }
    let keys = definition.keys.iter().zip(found).filter(|(key, _)| key.kind != MatchKind::Selector);
    keys.map(|(key, given)| match given {
        Some(given) => Ok(given),
        None if key.kind != MatchKind::Exact => Ok(KeyMatch::Any),
        None if exact_default => Ok(KeyMatch::Exact(Bits::zero(key.width))),
        None => Err(EntryError::MissingKey {
            table: definition.control.name.clone(),
            key: key.name.clone(),
            width: key.width,
        }),
    })
    .collect()
}

/// An action with its arguments by name.
///
/// # Errors
/// [`EntryError`] naming action and parameter.
pub fn action<'v>(
    names: Names<'_>,
    table: TableId,
    name: &str,
    args: impl IntoIterator<Item = (&'v str, String)>,
) -> Result<ActionSpec, EntryError> {
    let action = names.action(table, name)?;
    let definition = &names.program().actions[action];
    let mut values: Vec<Option<Bits>> = vec![None; definition.params.len()];
    for (param, text) in args {
        let position = names.param(action, param)?;
        let width = names.program().vars[definition.params[position].var].ty.width();
        let parsed = value::parse(&text, width).map_err(|error| EntryError::Argument {
            action: definition.control.name.clone(),
            param: param.to_owned(),
            error,
        })?;
        values[position] = Some(parsed);
    }
    let args = definition.params.iter().zip(values).map(|(param, value)| {
        value.ok_or_else(|| EntryError::MissingArgument {
            action: definition.control.name.clone(),
            param: param.name.clone(),
            width: names.program().vars[param.var].ty.width(),
        })
    });
    Ok(ActionSpec { action, args: args.collect::<Result<_, _>>()? })
}

/// Whether entries of the table carry a priority.
pub fn has_priority(names: Names<'_>, table: TableId) -> bool {
    names.program().tables[table]
        .keys
        .iter()
        .any(|key| matches!(key.kind, MatchKind::Ternary | MatchKind::Range | MatchKind::Optional))
}

#[cfg(test)]
mod tests {
    use heddle_ir::Expr;

    use super::*;

    fn key(kind: MatchKind, width: u32) -> Key {
        Key { name: "k".into(), expr: Expr::Const(Bits::zero(width)), width, kind }
    }

    #[test]
    fn notations_of_every_kind() {
        let bits = |v| Bits::new(16, v);
        assert_eq!(key_match("0x0a01", &key(MatchKind::Exact, 16)), Ok(KeyMatch::Exact(bits(0x0a01))));
        assert_eq!(
            key_match("0x0a01/8", &key(MatchKind::Lpm, 16)),
            Ok(KeyMatch::Lpm { value: bits(0x0a00), prefix_len: 8 })
        );
        for length in ["0x8", "0xff00"] {
            assert_eq!(
                key_match(&format!("0x0a01/{length}"), &key(MatchKind::Lpm, 16)),
                Ok(KeyMatch::Lpm { value: bits(0x0a00), prefix_len: 8 })
            );
        }
        assert!(key_match("0x0a01/0xf0f0", &key(MatchKind::Lpm, 16)).is_err());
        assert_eq!(
            key_match("0x0a**", &key(MatchKind::Lpm, 16)),
            Ok(KeyMatch::Lpm { value: bits(0x0a00), prefix_len: 8 })
        );
        assert_eq!(
            key_match("0x**01", &key(MatchKind::Ternary, 16)),
            Ok(KeyMatch::Ternary { value: bits(1), mask: bits(0xff) })
        );
        assert_eq!(
            key_match("5&&&4", &key(MatchKind::Ternary, 16)),
            Ok(KeyMatch::Ternary { value: bits(4), mask: bits(4) })
        );
        assert_eq!(
            key_match("7", &key(MatchKind::Range, 16)),
            Ok(KeyMatch::Range { low: bits(7), high: bits(7) })
        );
        assert_eq!(key_match("0..65535", &key(MatchKind::Range, 16)), Ok(KeyMatch::Any));
        assert_eq!(key_match("*", &key(MatchKind::Optional, 16)), Ok(KeyMatch::Any));
        assert!(key_match("0x*1", &key(MatchKind::Lpm, 16)).is_err());
        assert!(key_match("1/17", &key(MatchKind::Lpm, 16)).is_err());
        assert!(key_match("1", &key(MatchKind::Selector, 16)).is_err());
    }

    #[test]
    fn stars_at_an_odd_width() {
        // Nine bits: the first hexadecimal digit has only one of them.
        assert_eq!(
            key_match("0x1**", &key(MatchKind::Ternary, 9)),
            Ok(KeyMatch::Ternary { value: Bits::new(9, 0x100), mask: Bits::new(9, 0x100) })
        );
        assert!(key_match("0x2**", &key(MatchKind::Ternary, 9)).is_err());
    }
}
