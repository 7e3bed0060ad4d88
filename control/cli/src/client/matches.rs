//! Entries of tables: keys, actions and what is attached to them, from and to text.
//!
//! Invariant: everything that a user writes is checked against the P4Info before it is sent, by names and widths; the
//! rest is for the switch to refuse.

use anyhow::{Context as _, bail};
use heddle_p4rt_proto::config::match_field::{Match, MatchType};
use heddle_p4rt_proto::config::{self};
use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::field_match::FieldMatchType as Field;
use heddle_p4rt_proto::v1::table_action::Type;

use super::names::{Named as _, Names};
use super::values::{parse, show};

fn kind(field: &config::MatchField) -> MatchType {
    match field.r#match {
        Some(Match::MatchType(kind)) => MatchType::try_from(kind).unwrap_or(MatchType::Unspecified),
        Some(Match::OtherMatchType(_)) | None => MatchType::Unspecified,
    }
}

fn prefix_mask(bits: i32, length: i32) -> Vec<u8> {
    let (bits, length) = (usize::try_from(bits).unwrap_or(0), usize::try_from(length).unwrap_or(0));
    let octets = bits.div_ceil(8);
    let pad = octets * 8 - bits;
    (0..octets)
        .map(|octet| {
            (0..8).fold(0u8, |byte, bit| {
                let position = octet * 8 + bit;
                byte << 1 | u8::from(position >= pad && position - pad < length)
            })
        })
        .collect()
}

/// Cuts a value to a mask, and to its shortest form.
fn masked(value: &[u8], mask: &[u8]) -> Vec<u8> {
    let missing = mask.len().saturating_sub(value.len());
    let padded = std::iter::repeat_n(0, missing).chain(value.iter().copied());
    let cut: Vec<u8> = padded.zip(mask).map(|(value, mask)| value & mask).collect();
    let zeros = cut.iter().take_while(|byte| **byte == 0).count();
    cut[zeros.min(cut.len().saturating_sub(1))..].to_vec()
}

fn shortest(value: Vec<u8>) -> Vec<u8> {
    let zeros = value.iter().take_while(|byte| **byte == 0).count();
    value[zeros.min(value.len().saturating_sub(1))..].to_vec()
}

/// `KEY=VALUE` for a table.
fn field(table: &config::Table, text: &str) -> anyhow::Result<v1::FieldMatch> {
    let Some((name, value)) = text.split_once('=') else {
        bail!("`{text}`: expected KEY=VALUE");
    };
    let is_named = |field: &&config::MatchField| {
        field.name == name || field.name.strip_suffix(name).is_some_and(|before| before.ends_with('.'))
    };
    let Some(field) = table.match_fields.iter().find(is_named) else {
        let keys: Vec<&str> = table.match_fields.iter().map(|field| field.name.as_str()).collect();
        bail!("table `{}` has no key `{name}`; its keys are {}", table.name(), keys.join(", "));
    };
    let bits = field.bitwidth;
    let one = |text: &str| parse(&field.name, text, bits);
    let wanted = |form: &str| format!("key `{}`: expected {form}, not `{value}`", field.name);
    let matched = match kind(field) {
        MatchType::Exact => Field::Exact(v1::field_match::Exact { value: one(value)? }),
        MatchType::Optional => Field::Optional(v1::field_match::Optional { value: one(value)? }),
        MatchType::Lpm => {
            let (value, length) = value.split_once('/').unwrap_or((value, ""));
            let prefix_len = match length {
                "" => bits,
                length => length.parse().with_context(|| wanted("VALUE/LENGTH"))?,
            };
            let value = masked(&one(value)?, &prefix_mask(bits, prefix_len));
            Field::Lpm(v1::field_match::Lpm { value, prefix_len })
        }
        MatchType::Ternary => {
            let (value, mask) = match (value.split_once("&&&"), value.split_once('/')) {
                (Some((value, mask)), _) => (one(value)?, one(mask)?),
                (None, Some((value, length))) => {
                    let length = length.parse().with_context(|| wanted("VALUE/LENGTH or VALUE&&&MASK"))?;
                    (one(value)?, shortest(prefix_mask(bits, length)))
                }
                (None, None) => (one(value)?, shortest(prefix_mask(bits, bits))),
            };
            Field::Ternary(v1::field_match::Ternary { value: masked(&value, &mask), mask })
        }
        MatchType::Range => {
            let (low, high) = value.split_once("..").unwrap_or((value, value));
            Field::Range(v1::field_match::Range { low: one(low)?, high: one(high)? })
        }
        MatchType::Unspecified => bail!("key `{}` is matched in a way that is not known here", field.name),
    };
    Ok(v1::FieldMatch { field_id: field.id, field_match_type: Some(matched) })
}

/// `KEY=VALUE`s for a table. Keys that are left out match everything, where that can be.
pub(crate) fn fields(table: &config::Table, texts: &[String]) -> anyhow::Result<Vec<v1::FieldMatch>> {
    let fields: Vec<v1::FieldMatch> =
        texts.iter().map(|text| field(table, text)).collect::<anyhow::Result<_>>()?;
    for wanted in table.match_fields.iter().filter(|field| kind(field) == MatchType::Exact) {
        if fields.iter().all(|field| field.field_id != wanted.id) {
            bail!("table `{}` needs a value for key `{}`", table.name(), wanted.name);
        }
    }
    Ok(fields)
}

/// An action with `PARAM=VALUE`s.
pub(crate) fn action(action: &config::Action, texts: &[String]) -> anyhow::Result<v1::Action> {
    let mut params = Vec::new();
    for text in texts {
        let Some((name, value)) = text.split_once('=') else { bail!("`{text}`: expected PARAM=VALUE") };
        let Some(param) = action.params.iter().find(|param| param.name == name) else {
            let all: Vec<&str> = action.params.iter().map(|param| param.name.as_str()).collect();
            bail!("action `{}` has no parameter `{name}`; it has {}", action.name(), all.join(", "));
        };
        let value = parse(&param.name, value, param.bitwidth)?;
        params.push(v1::action::Param { param_id: param.id, value });
    }
    for wanted in &action.params {
        if params.iter().all(|param| param.param_id != wanted.id) {
            bail!("action `{}` needs a value for `{}`", action.name(), wanted.name);
        }
    }
    Ok(v1::Action { action_id: action.id(), params })
}

/// A match for people.
pub(crate) fn show_field(table: Option<&config::Table>, matched: &v1::FieldMatch) -> String {
    let declared =
        table.and_then(|table| table.match_fields.iter().find(|field| field.id == matched.field_id));
    let (name, bits) =
        declared.map_or((matched.field_id.to_string(), 64), |field| (field.name.clone(), field.bitwidth));
    let value = match &matched.field_match_type {
        Some(Field::Exact(exact)) => show(&exact.value, bits),
        Some(Field::Optional(optional)) => show(&optional.value, bits),
        Some(Field::Lpm(lpm)) => format!("{}/{}", show(&lpm.value, bits), lpm.prefix_len),
        Some(Field::Ternary(ternary)) => {
            format!("{}&&&{}", show(&ternary.value, bits), show(&ternary.mask, bits))
        }
        Some(Field::Range(range)) => format!("{}..{}", show(&range.low, bits), show(&range.high, bits)),
        Some(Field::Other(_)) | None => "?".to_owned(),
    };
    format!("{name}={value}")
}

/// An action for people.
pub(crate) fn show_action(names: &Names, action: &v1::Action) -> String {
    let declared = names.action_by_id(action.action_id);
    let params: Vec<String> = action
        .params
        .iter()
        .map(|param| {
            let known = declared.and_then(|action| action.params.iter().find(|p| p.id == param.param_id));
            match known {
                Some(known) => format!("{}={}", known.name, show(&param.value, known.bitwidth)),
                None => format!("{}={}", param.param_id, show(&param.value, 64)),
            }
        })
        .collect();
    let name = declared.map_or_else(|| action.action_id.to_string(), |action| action.name().to_owned());
    format!("{name}({})", params.join(", "))
}

/// What an entry does, for people.
pub(crate) fn show_table_action(names: &Names, action: Option<&v1::TableAction>) -> String {
    match action.and_then(|action| action.r#type.as_ref()) {
        Some(Type::Action(action)) => show_action(names, action),
        Some(Type::ActionProfileMemberId(member)) => format!("member {member}"),
        Some(Type::ActionProfileGroupId(group)) => format!("group {group}"),
        Some(Type::ActionProfileActionSet(set)) => {
            let one = |action: &v1::ActionProfileAction| {
                let text = action.action.as_ref().map(|a| show_action(names, a)).unwrap_or_default();
                format!("{text}*{}", action.weight)
            };
            set.action_profile_actions.iter().map(one).collect::<Vec<_>>().join(" | ")
        }
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_begin_at_the_highest_bit_of_the_field() {
        assert_eq!(prefix_mask(32, 24), [255, 255, 255, 0]);
        assert_eq!(prefix_mask(9, 9), [1, 255]);
        assert_eq!(prefix_mask(9, 1), [1, 0]);
        assert_eq!(masked(&[10, 0, 1, 7], &[255, 255, 255, 0]), [10, 0, 1, 0]);
        assert_eq!(masked(&[7], &[255, 255]), [7]);
    }
}
