//! How the matches of an entry become words to hash, to mask and to compare, and back.
//!
//! Every kind of match is a value under a mask; a range besides is checked between its bounds, under the mask of
//! the prefix that all its values share.
//!
//! Invariant: two lists of matches that the same keys satisfy, written in any accepted form, encode alike.

use heddle_ir::{Bits, KeyMatch, MatchKind, Table, ValueSet};

use crate::error::UpdateError;
use crate::vectors::Nibble;

/// How entries that match the same key are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precedence {
    /// No two can match.
    Unique,
    /// The longest prefix wins; of several prefix keys, the greatest sum of lengths.
    LongestPrefix,
    /// The priority decides.
    Priority {
        /// Whether the larger number wins.
        largest_wins: bool,
    },
    /// It does not matter which.
    Any,
}

/// A key as the layout knows it.
#[derive(Clone, Debug)]
pub(crate) struct KeyPart {
    name: String,
    width: u32,
    kind: MatchKind,
    /// Its first word.
    at: usize,
    words: usize,
}

/// The keys of a table or value set.
#[derive(Clone, Debug)]
pub(crate) struct KeyLayout {
    /// `table` or `value set`, for errors.
    owner_kind: &'static str,
    /// Its name, for errors.
    owner: String,
    parts: Box<[KeyPart]>,
    /// Words of a key that is looked up.
    words: usize,
    /// Range keys: their first word, and how many.
    ranges: Box<[(usize, usize)]>,
    precedence: Precedence,
}

/// How the keys of a table whose one lpm key decides become one string of bits: the exact keys, then that one.
#[derive(Clone, Debug)]
pub(crate) struct PrefixShape {
    /// Width of the whole.
    width: u32,
    /// Of the lpm key alone, if there are exact ones: their width together.
    exact_bits: u32,
    /// First word, words and width of each key, the lpm key last.
    parts: Box<[(usize, usize, u32)]>,
    /// Bits that a key of one word is shifted by to the top of it; [`NO_WORD`] if the string is not such a key.
    word_shift: u32,
}

/// No shift of a word.
const NO_WORD: u32 = u64::BITS;

impl PrefixShape {
    /// Width of the whole: at most 128.
    pub(crate) fn width(&self) -> u32 {
        self.width
    }

    /// Bits before those of the lpm key.
    pub(crate) fn exact_bits(&self) -> u32 {
        self.exact_bits
    }

    /// Whether the string is one key of at most a word.
    #[inline]
    pub(crate) fn is_word(&self) -> bool {
        self.word_shift != NO_WORD
    }

    /// The key of [`PrefixShape::is_word`], at the top of a word.
    #[inline]
    pub(crate) fn word(&self, key: u64) -> u64 {
        key << (self.word_shift % NO_WORD)
    }

    /// The string, at the top of a number.
    #[inline]
    pub(crate) fn string(&self, key: &[u64]) -> u128 {
        if let ([low, high], [_]) = (key, &*self.parts) {
            return (u128::from(*high) << 64 | u128::from(*low)) << (u128::BITS - self.width);
        }
        let mut string = 0u128;
        for (at, words, width) in &self.parts {
            let limb = |i: usize| u128::from(key.get(at + i).copied().unwrap_or(0));
            let value = if *words > 1 { limb(1) << 64 | limb(0) } else { limb(0) };
            string = string.unbounded_shl(*width) | value;
        }
        string << (u128::BITS - self.width)
    }

    /// The words of a mask of so many bits of the lpm key and all of the others.
    pub(crate) fn mask(&self, words: usize, prefix_len: u32) -> Box<[u64]> {
        let mut mask = vec![0; words];
        for (i, (at, words, width)) in self.parts.iter().enumerate() {
            let is_lpm = i + 1 == self.parts.len();
            let bits = Bits::mask_prefix(*width, if is_lpm { prefix_len } else { *width });
            for (limb, to) in mask.iter_mut().skip(*at).take(*words).enumerate() {
                *to = bits.limb(limb);
            }
        }
        mask.into()
    }
}

/// Matches in words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Encoded {
    /// One: compared.
    pub(crate) mask: Box<[u64]>,
    /// The value under the mask, then low and high bound of every range.
    pub(crate) key: Box<[u64]>,
    /// Among entries that match, the larger wins.
    pub(crate) rank: u32,
}

/// Words of a value.
pub(crate) fn word_count(width: u32) -> usize {
    (width.div_ceil(64) as usize).max(1)
}

/// P4's name of a match kind.
fn kind_name(kind: MatchKind) -> &'static str {
    match kind {
        MatchKind::Exact => "exact",
        MatchKind::Lpm => "lpm",
        MatchKind::Ternary => "ternary",
        MatchKind::Range => "range",
        MatchKind::Optional => "optional",
        MatchKind::Selector => "selector",
    }
}

/// What a form of match is called.
fn match_name(m: &KeyMatch) -> &'static str {
    match m {
        KeyMatch::Exact(_) => "a value",
        KeyMatch::Lpm { .. } => "a prefix",
        KeyMatch::Ternary { .. } => "a value and mask",
        KeyMatch::Range { .. } => "a range",
        KeyMatch::Any => "anything",
    }
}

/// Words of a key that a table is searched by, as [`crate::TableReader::key_words`] has it.
pub fn key_words(table: &Table) -> usize {
    KeyLayout::of_table(table).words()
}

impl KeyLayout {
    fn new<'a>(
        owner_kind: &'static str,
        owner: &str,
        keys: impl Iterator<Item = (&'a str, u32, MatchKind)>,
        precedence: impl FnOnce(&[KeyPart]) -> Precedence,
    ) -> KeyLayout {
        let mut words = 0;
        let mut parts = Vec::new();
        for (name, width, kind) in keys {
            let part = KeyPart { name: name.to_string(), width, kind, at: words, words: word_count(width) };
            words += part.words;
            parts.push(part);
        }
        let ranges = parts.iter().filter(|p| p.kind == MatchKind::Range).map(|p| (p.at, p.words)).collect();
        let precedence = precedence(&parts);
        KeyLayout { owner_kind, owner: owner.to_string(), parts: parts.into(), words, ranges, precedence }
    }

    /// Of a table: its keys but for those that only feed a selector.
    pub(crate) fn of_table(table: &Table) -> KeyLayout {
        let keys = table.keys.iter().filter(|k| k.kind != MatchKind::Selector);
        let keys = keys.map(|k| (k.name.as_str(), k.width, k.kind));
        KeyLayout::new("table", &table.control.name, keys, |parts| {
            let has = |kinds: &[MatchKind]| parts.iter().any(|p| kinds.contains(&p.kind));
            if has(&[MatchKind::Ternary, MatchKind::Range, MatchKind::Optional]) {
                Precedence::Priority { largest_wins: table.largest_priority_wins }
            } else if has(&[MatchKind::Lpm]) {
                Precedence::LongestPrefix
            } else {
                Precedence::Unique
            }
        })
    }

    /// Of a value set.
    pub(crate) fn of_value_set(value_set: &ValueSet) -> KeyLayout {
        let keys = value_set.keys.iter().map(|(name, width, kind)| (name.as_str(), *width, *kind));
        KeyLayout::new("value set", &value_set.control.name, keys, |parts| {
            if parts.iter().all(|p| p.kind == MatchKind::Exact) {
                Precedence::Unique
            } else {
                Precedence::Any
            }
        })
    }

    /// How keys become strings of bits of which the longest prefix wins, if one lpm key among exact ones decides and
    /// they have at most 128 bits together.
    pub(crate) fn prefix_shape(&self) -> Option<PrefixShape> {
        let mut parts: Vec<&KeyPart> = self.parts.iter().collect();
        parts.sort_by_key(|part| part.kind == MatchKind::Lpm);
        let (last, exact) = parts.split_last()?;
        let fits = self.precedence == Precedence::LongestPrefix
            && last.width > 0
            && exact.iter().all(|part| part.kind == MatchKind::Exact);
        let exact_bits = exact.iter().map(|part| u64::from(part.width)).sum::<u64>();
        let width = exact_bits + u64::from(last.width);
        (fits && width <= u64::from(u128::BITS)).then(|| PrefixShape {
            width: width as u32,
            exact_bits: exact_bits as u32,
            word_shift: NO_WORD.checked_sub(width as u32).filter(|_| exact.is_empty()).unwrap_or(NO_WORD),
            parts: parts.iter().map(|part| (part.at, part.words, part.width)).collect(),
        })
    }

    /// The name of the table or value set.
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    /// Words of a key that is looked up.
    #[inline]
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// Words of an entry's key at most: those of the value and of the ranges' bounds.
    pub(crate) fn entry_words(&self) -> usize {
        self.words + self.ranges.iter().map(|(_, words)| 2 * words).sum::<usize>()
    }

    /// How entries that match the same key are told apart.
    pub(crate) fn precedence(&self) -> Precedence {
        self.precedence
    }

    /// Whether the value looked up is in the ranges whose bounds follow an entry's value.
    #[inline]
    pub(crate) fn in_ranges(&self, key: &[u64], mut bounds: &[u64]) -> bool {
        for (at, words) in &self.ranges {
            let (Some((low, rest)), Some(value)) =
                (bounds.split_at_checked(*words), key.get(*at..at + words))
            else {
                return false;
            };
            let Some((high, rest)) = rest.split_at_checked(*words) else { return false };
            bounds = rest;
            // Limbs are little-endian, so numbers compare from their last limb.
            if value.iter().rev().lt(low.iter().rev()) || value.iter().rev().gt(high.iter().rev()) {
                return false;
            }
        }
        true
    }

    /// Whether there are range keys.
    pub(crate) fn has_ranges(&self) -> bool {
        !self.ranges.is_empty()
    }

    /// The nibbles of a key: of every key the highest one, then the next of every key that has one, and so on, so that
    /// those that tell entries apart come early.
    pub(crate) fn nibbles(&self) -> Box<[Nibble]> {
        let count = |part: &KeyPart| part.width.div_ceil(Nibble::BITS);
        let most = self.parts.iter().map(count).max().unwrap_or(0);
        let mut nibbles = Vec::new();
        for from_top in 0..most {
            for part in &self.parts {
                if let Some(number) = count(part).checked_sub(from_top + 1) {
                    let bit = number * Nibble::BITS;
                    let word = part.at as u32 + bit / u64::BITS;
                    nibbles.push(Nibble { word, shift: bit % u64::BITS });
                }
            }
        }
        nibbles.into()
    }

    /// Whether an entry of a mask and key may match a key with a value in a nibble. Of a range, which is checked
    /// besides, the nibble where its bounds part is the last that counts.
    pub(crate) fn admits(&self, mask: &[u64], key: &[u64], nibble: Nibble, value: usize) -> bool {
        let own_mask = nibble.of(mask);
        if (nibble.of(key) ^ value) & own_mask != 0 {
            return false;
        }
        let word = nibble.word as usize;
        let mut bounds = self.words;
        for (at, words) in &self.ranges {
            if (*at..at + words).contains(&word) {
                return self.range_admits(mask, key, (*at, *words, bounds), nibble, value);
            }
            bounds += 2 * words;
        }
        true
    }

    /// [`KeyLayout::admits`] for the range key of some words, whose bounds begin at another.
    fn range_admits(
        &self,
        mask: &[u64],
        key: &[u64],
        (at, words, bounds): (usize, usize, usize),
        nibble: Nibble,
        value: usize,
    ) -> bool {
        let word = nibble.word as usize;
        let width = self.parts.iter().find(|part| part.at == at).map_or(0, |part| part.width);
        let above = ((word - at) as u32 * u64::BITS + nibble.shift).saturating_add(Nibble::BITS);
        let masked = |bit: u32| {
            mask.get(at + (bit / u64::BITS) as usize).is_some_and(|word| word >> (bit % u64::BITS) & 1 != 0)
        };
        // Masks of ranges are prefixes: if the bit above is not common to the bounds, this nibble is below where they
        // part.
        if above < width && !masked(above) {
            return true;
        }
        let bound = |from: usize| {
            let word = from + word - at;
            Nibble { word: word as u32, shift: nibble.shift }.of(key)
        };
        (bound(bounds)..=bound(bounds + words)).contains(&value)
    }

    /// The words of an entry's matches, or what is wrong with them.
    pub(crate) fn encode(&self, matches: &[KeyMatch], priority: Option<u32>) -> Result<Encoded, UpdateError> {
        if matches.len() != self.parts.len() {
            return Err(UpdateError::MatchCount {
                kind: self.owner_kind,
                name: self.owner.clone(),
                keys: self.parts.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", "),
                wanted: self.parts.len(),
                given: matches.len(),
            });
        }
        if self.parts.is_empty() {
            return Err(UpdateError::NoKeys { kind: self.owner_kind, name: self.owner.clone() });
        }
        let mut mask = Vec::with_capacity(self.words);
        let mut key = Vec::with_capacity(self.entry_words());
        let mut bounds = Vec::new();
        let mut prefix_sum = 0u32;
        let mut first_prefix = None;
        for (part, m) in self.parts.iter().zip(matches) {
            let (value, part_mask) = self.value_and_mask(part, m)?;
            if part.kind == MatchKind::Lpm {
                let prefix_len = part_mask.count_ones();
                prefix_sum = prefix_sum.saturating_add(prefix_len);
                first_prefix.get_or_insert(prefix_len);
            }
            if part.kind == MatchKind::Range {
                let (low, high) = match m {
                    KeyMatch::Range { low, high } => (low.clone(), high.clone()),
                    KeyMatch::Exact(value) => (value.clone(), value.clone()),
                    KeyMatch::Any | KeyMatch::Lpm { .. } | KeyMatch::Ternary { .. } => {
                        (Bits::zero(part.width), Bits::ones(part.width))
                    }
                };
                bounds.extend(
                    (0..part.words).map(|i| low.limb(i)).chain((0..part.words).map(|i| high.limb(i))),
                );
            }
            mask.extend((0..part.words).map(|i| part_mask.limb(i)));
            key.extend((0..part.words).map(|i| value.limb(i) & part_mask.limb(i)));
        }
        key.extend(bounds);
        // With several prefixes the longer together win; of equals, the one whose first is longer.
        let prefixes = self.parts.iter().filter(|part| part.kind == MatchKind::Lpm).count();
        let prefix_rank = match first_prefix {
            Some(first) if prefixes > 1 => prefix_sum.min(0xffff) << 16 | first.min(0xffff),
            Some(_) | None => prefix_sum,
        };
        let rank = self.rank(prefix_rank, priority)?;
        Ok(Encoded { mask: mask.into(), key: key.into(), rank })
    }

    fn rank(&self, prefix_rank: u32, priority: Option<u32>) -> Result<u32, UpdateError> {
        match (self.precedence, priority) {
            (Precedence::Priority { largest_wins: true }, Some(priority)) => Ok(priority),
            (Precedence::Priority { largest_wins: false }, Some(priority)) => Ok(u32::MAX - priority),
            (Precedence::Priority { .. }, None) => {
                let needs = |p: &&KeyPart| {
                    matches!(p.kind, MatchKind::Ternary | MatchKind::Range | MatchKind::Optional)
                };
                let (key, kind) =
                    self.parts.iter().find(needs).map_or(("", MatchKind::Ternary), |p| (&p.name, p.kind));
                Err(UpdateError::MissingPriority {
                    table: self.owner.clone(),
                    key: key.to_string(),
                    kind: kind_name(kind),
                })
            }
            (Precedence::LongestPrefix, None) => Ok(prefix_rank),
            (Precedence::Unique | Precedence::Any, None) => Ok(0),
            (Precedence::LongestPrefix | Precedence::Unique | Precedence::Any, Some(_)) => {
                Err(UpdateError::UnwantedPriority { table: self.owner.clone() })
            }
        }
    }

    /// The priority that a rank was made of, if it was.
    pub(crate) fn priority(&self, rank: u32) -> Option<u32> {
        match self.precedence {
            Precedence::Priority { largest_wins: true } => Some(rank),
            Precedence::Priority { largest_wins: false } => Some(u32::MAX - rank),
            Precedence::LongestPrefix | Precedence::Unique | Precedence::Any => None,
        }
    }

    /// One key's match as a value under a mask.
    fn value_and_mask(&self, part: &KeyPart, m: &KeyMatch) -> Result<(Bits, Bits), UpdateError> {
        let width = part.width;
        let check = |value: &Bits| {
            if value.width() == width {
                return Ok(());
            }
            let what = format!("key `{}`", part.name);
            Err(UpdateError::Width { what, of: self.owner.clone(), wanted: width, given: value.width() })
        };
        let not_canonical =
            |mask| UpdateError::NotCanonical { table: self.owner.clone(), key: part.name.clone(), mask };
        match (part.kind, m) {
            (
                MatchKind::Exact
                | MatchKind::Lpm
                | MatchKind::Ternary
                | MatchKind::Range
                | MatchKind::Optional,
                KeyMatch::Exact(value),
            ) => {
                check(value)?;
                Ok((value.clone(), Bits::ones(width)))
            }
            (MatchKind::Lpm | MatchKind::Ternary, KeyMatch::Lpm { value, prefix_len }) => {
                check(value)?;
                if *prefix_len > width {
                    return Err(UpdateError::PrefixTooLong {
                        table: self.owner.clone(),
                        key: part.name.clone(),
                        width,
                        given: *prefix_len,
                    });
                }
                let mask = Bits::mask_prefix(width, *prefix_len);
                if value.and(&mask) != *value {
                    return Err(not_canonical("prefix"));
                }
                Ok((value.clone(), mask))
            }
            (MatchKind::Ternary, KeyMatch::Ternary { value, mask }) => {
                check(value)?;
                check(mask)?;
                if value.and(mask) != *value {
                    return Err(not_canonical("mask"));
                }
                Ok((value.clone(), mask.clone()))
            }
            (MatchKind::Range, KeyMatch::Range { low, high }) => {
                check(low)?;
                check(high)?;
                if low.cmp_unsigned(high).is_gt() {
                    return Err(UpdateError::EmptyRange {
                        table: self.owner.clone(),
                        key: part.name.clone(),
                    });
                }
                // Every value of the range begins with what its bounds begin with.
                let mask = Bits::mask_prefix(width, low.xor(high).leading_zeros());
                Ok((low.and(&mask), mask))
            }
            (MatchKind::Lpm | MatchKind::Ternary | MatchKind::Range | MatchKind::Optional, KeyMatch::Any) => {
                Ok((Bits::zero(width), Bits::zero(width)))
            }
            (
                MatchKind::Exact
                | MatchKind::Lpm
                | MatchKind::Ternary
                | MatchKind::Range
                | MatchKind::Optional
                | MatchKind::Selector,
                given,
            ) => Err(UpdateError::MatchKind {
                table: self.owner.clone(),
                key: part.name.clone(),
                wanted: kind_name(part.kind),
                given: match_name(given),
            }),
        }
    }

    /// The matches that were encoded as `key` under `mask`, in canonical form.
    pub(crate) fn decode(&self, mask: &[u64], key: &[u64]) -> Vec<KeyMatch> {
        let (values, mut bounds) = key.split_at(self.words.min(key.len()));
        let bits = |part: &KeyPart, words: &[u64]| {
            Bits::from_limbs(part.width, words.get(part.at..part.at + part.words).unwrap_or(&[]))
        };
        let mut matches = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let value = bits(part, values);
            let mask = bits(part, mask);
            matches.push(match part.kind {
                MatchKind::Exact | MatchKind::Selector => KeyMatch::Exact(value),
                MatchKind::Lpm => match mask.count_ones() {
                    0 if part.width > 0 => KeyMatch::Any,
                    prefix_len => KeyMatch::Lpm { value, prefix_len },
                },
                MatchKind::Ternary if mask.is_zero() => KeyMatch::Any,
                MatchKind::Ternary => KeyMatch::Ternary { value, mask },
                MatchKind::Optional if mask.is_zero() => KeyMatch::Any,
                MatchKind::Optional => KeyMatch::Exact(value),
                MatchKind::Range => {
                    let (low, rest) = bounds.split_at(part.words.min(bounds.len()));
                    let (high, rest) = rest.split_at(part.words.min(rest.len()));
                    bounds = rest;
                    let (low, high) = (Bits::from_limbs(part.width, low), Bits::from_limbs(part.width, high));
                    if low.is_zero() && high.is_ones() {
                        KeyMatch::Any
                    } else {
                        KeyMatch::Range { low, high }
                    }
                }
            });
        }
        matches
    }
}
