//! Match fields: of table entries and of value sets' members (section 9.1.1).

use heddle_ir::{Bits, KeyMatch, MatchKind};
use heddle_p4rt_proto::v1::FieldMatch;
use heddle_p4rt_proto::v1::field_match::{Exact, FieldMatchType, Lpm, Optional, Range, Ternary};

use super::Decoder;
use crate::schema::Field;
use crate::status::Refusal;
use crate::translation::{Coding, Translations};

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

fn given_name(given: &FieldMatchType) -> &'static str {
    match given {
        FieldMatchType::Exact(_) => "exact",
        FieldMatchType::Ternary(_) => "ternary",
        FieldMatchType::Lpm(_) => "lpm",
        FieldMatchType::Range(_) => "range",
        FieldMatchType::Optional(_) => "optional",
        FieldMatchType::Other(_) => "other",
    }
}

const LEAVE_OUT: &str = "a field that matches anything is left out of the list";

impl Decoder<'_> {
    /// The matches of all fields, in the program's order.
    pub(super) fn matches(
        &mut self,
        owner: &str,
        fields: &[Field],
        given: &[FieldMatch],
    ) -> Result<Vec<KeyMatch>, Refusal> {
        let mut matches: Vec<Option<KeyMatch>> = vec![None; fields.len()];
        for one in given {
            let found = fields.iter().zip(&mut matches).find(|(field, _)| field.id == one.field_id);
            let Some((field, slot)) = found else {
                let known: Vec<String> = fields.iter().map(|f| format!("{} (`{}`)", f.id, f.name)).collect();
                return Err(Refusal::invalid(format!(
                    "{owner} has no match field with id {}; its fields are {}",
                    one.field_id,
                    known.join(", ")
                )));
            };
            let at = |refusal: Refusal| refusal.at(format_args!("{owner}, field `{}`", field.name));
            if slot.is_some() {
                return Err(at(Refusal::invalid("the field is given twice; give it once")));
            }
            *slot = Some(self.field_match(field, one.field_match_type.as_ref()).map_err(at)?);
        }
        let matches = fields.iter().zip(matches).map(|(field, found)| match found {
            Some(found) => Ok(found),
            None if field.kind == MatchKind::Exact => Err(Refusal::invalid(format!(
                "{owner}, field `{}`: no value is given, and an exact field needs one",
                field.name
            ))),
            None => Ok(KeyMatch::Any),
        });
        matches.collect()
    }

    fn value(&mut self, field: &Field, bytes: &[u8]) -> Result<Bits, Refusal> {
        self.translations.decode(field.coding, field.width, bytes)
    }

    fn field_match(&mut self, field: &Field, given: Option<&FieldMatchType>) -> Result<KeyMatch, Refusal> {
        let Some(given) = given else {
            return Err(Refusal::invalid(format!(
                "no match is set; set {}, or leave the field out",
                kind_name(field.kind)
            )));
        };
        match (field.kind, given) {
            (MatchKind::Exact, FieldMatchType::Exact(Exact { value })) => {
                Ok(KeyMatch::Exact(self.value(field, value)?))
            }
            (MatchKind::Optional, FieldMatchType::Optional(Optional { value })) => {
                Ok(KeyMatch::Exact(self.value(field, value)?))
            }
            (MatchKind::Lpm, FieldMatchType::Lpm(lpm)) => self.lpm(field, lpm),
            (MatchKind::Ternary, FieldMatchType::Ternary(ternary)) => self.ternary(field, ternary),
            (MatchKind::Range, FieldMatchType::Range(range)) => self.range(field, range),
            (
                MatchKind::Exact
                | MatchKind::Optional
                | MatchKind::Lpm
                | MatchKind::Ternary
                | MatchKind::Range
                | MatchKind::Selector,
                given,
            ) => Err(Refusal::invalid(format!(
                "the field is matched as {}, and the match given is {}; set {} instead",
                kind_name(field.kind),
                given_name(given),
                kind_name(field.kind)
            ))),
        }
    }

    fn lpm(&mut self, field: &Field, lpm: &Lpm) -> Result<KeyMatch, Refusal> {
        let width = field.width;
        let prefix_len = match u32::try_from(lpm.prefix_len) {
            Ok(0) => return Err(Refusal::invalid(format!("the prefix has no bits; {LEAVE_OUT}"))),
            Ok(len) => len,
            Err(_) => {
                return Err(Refusal::invalid(format!("the prefix length {} is negative", lpm.prefix_len)));
            }
        };
        // What is translated can be matched as a whole only (section 18.1.3).
        let prefix_len = match field.coding {
            Coding::Plain => prefix_len,
            Coding::Mapped(_) => width,
        };
        if prefix_len > width {
            return Err(Refusal::invalid(format!(
                "the prefix has {prefix_len} bits, more than the field's {width}"
            )));
        }
        let value = self.value(field, &lpm.value)?;
        if value.and(&Bits::mask_prefix(width, prefix_len)) != value {
            return Err(Refusal::invalid(format!(
                "the value has bits set beyond its prefix of {prefix_len} bits; set them to zero"
            )));
        }
        Ok(KeyMatch::Lpm { value, prefix_len })
    }

    fn ternary(&mut self, field: &Field, ternary: &Ternary) -> Result<KeyMatch, Refusal> {
        let value = self.value(field, &ternary.value)?;
        let mask = match field.coding {
            Coding::Plain => {
                crate::bytestring::decode(field.width, &ternary.mask).map_err(|r| r.at("mask"))?
            }
            Coding::Mapped(_) if ternary.mask.iter().all(|byte| *byte == 0) => Bits::zero(field.width),
            Coding::Mapped(_) => Bits::ones(field.width),
        };
        if mask.is_zero() {
            return Err(Refusal::invalid(format!("the mask is zero; {LEAVE_OUT}")));
        }
        if value.and(&mask) != value {
            return Err(Refusal::invalid("the value has bits set where the mask has none; set them to zero"));
        }
        Ok(KeyMatch::Ternary { value, mask })
    }

    fn range(&mut self, field: &Field, range: &Range) -> Result<KeyMatch, Refusal> {
        let low = self.value(field, &range.low).map_err(|r| r.at("low"))?;
        let high = self.value(field, &range.high).map_err(|r| r.at("high"))?;
        if low.cmp_unsigned(&high).is_gt() {
            return Err(Refusal::invalid("the range begins above its end; give the smaller value as low"));
        }
        if low.is_zero() && high.is_ones() {
            return Err(Refusal::invalid(format!("the range has all values; {LEAVE_OUT}")));
        }
        if field.coding != Coding::Plain && low != high {
            return Err(Refusal::invalid("the field is translated, so that a range can have one value only"));
        }
        Ok(KeyMatch::Range { low, high })
    }
}

/// The list of fields that an entry gives; without those that match anything.
pub(crate) fn matches_of(
    translations: &Translations,
    fields: &[Field],
    matches: &[KeyMatch],
) -> Vec<FieldMatch> {
    let fields = fields.iter().zip(matches).filter_map(|(field, found)| {
        let encode = |value: &Bits| translations.encode(field.coding, value);
        let mask = |mask: &Bits| crate::bytestring::encode(mask);
        let given = match found {
            KeyMatch::Any => return None,
            KeyMatch::Exact(value) => match field.kind {
                MatchKind::Exact | MatchKind::Selector => {
                    FieldMatchType::Exact(Exact { value: encode(value) })
                }
                MatchKind::Optional => FieldMatchType::Optional(Optional { value: encode(value) }),
                MatchKind::Lpm => {
                    FieldMatchType::Lpm(Lpm { value: encode(value), prefix_len: value.width() as i32 })
                }
                MatchKind::Ternary => FieldMatchType::Ternary(Ternary {
                    value: encode(value),
                    mask: mask(&Bits::ones(value.width())),
                }),
                MatchKind::Range => FieldMatchType::Range(Range { low: encode(value), high: encode(value) }),
            },
            KeyMatch::Lpm { value, prefix_len } => {
                FieldMatchType::Lpm(Lpm { value: encode(value), prefix_len: *prefix_len as i32 })
            }
            KeyMatch::Ternary { value, mask: bits } => {
                FieldMatchType::Ternary(Ternary { value: encode(value), mask: mask(bits) })
            }
            KeyMatch::Range { low, high } => {
                FieldMatchType::Range(Range { low: encode(low), high: encode(high) })
            }
        };
        Some(FieldMatch { field_id: field.id, field_match_type: Some(given) })
    });
    fields.collect()
}

/// Whether two lists of matches are the same, however they are written.
pub(crate) fn same_matches(a: &[KeyMatch], b: &[KeyMatch]) -> bool {
    let canonical = |found: &KeyMatch| match found {
        KeyMatch::Exact(value) => (value.clone(), Bits::ones(value.width()), value.clone()),
        KeyMatch::Lpm { value, prefix_len } => {
            (value.clone(), Bits::mask_prefix(value.width(), *prefix_len), value.clone())
        }
        KeyMatch::Ternary { value, mask } => (value.clone(), mask.clone(), value.clone()),
        KeyMatch::Range { low, high } => (low.clone(), Bits::zero(low.width()), high.clone()),
        KeyMatch::Any => (Bits::zero(0), Bits::zero(0), Bits::zero(0)),
    };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || canonical(a) == canonical(b))
}
