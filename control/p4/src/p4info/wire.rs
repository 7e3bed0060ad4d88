//! Protobuf's wire format.

use super::P4Info;
use super::message::Value;
use super::schema::{Field, Kind, P4INFO, Shape, field};

/// Wire types.
const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;

impl P4Info {
    /// The serialized message.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        message(&self.fields(), P4INFO, &mut out);
        out
    }
}

fn message(fields: &[(String, Value)], of: &[Field], out: &mut Vec<u8>) {
    let mut rest = fields;
    while let Some(((name, value), after)) = rest.split_first() {
        rest = after;
        let Some(field) = field(of, name) else { continue };
        let tag = |wire: u64| u64::from(field.number) << 3 | wire;
        match value {
            Value::Message(inner) => {
                let Some(inner_type) = field.kind.message() else { continue };
                let mut bytes = Vec::new();
                message(inner, inner_type, &mut bytes);
                varint(tag(LENGTH_DELIMITED), out);
                delimited(&bytes, out);
            }
            Value::Bytes(bytes) => {
                varint(tag(LENGTH_DELIMITED), out);
                delimited(bytes, out);
            }
            // Repeated numbers are packed; they stand side by side.
            Value::Number(first) if matches!(field.shape, Shape::Many) => {
                let mut bytes = Vec::new();
                varint(*first as u64, &mut bytes);
                while let Some(((next, Value::Number(number)), after)) = rest.split_first()
                    && next == name
                {
                    varint(*number as u64, &mut bytes);
                    rest = after;
                }
                varint(tag(LENGTH_DELIMITED), out);
                delimited(&bytes, out);
            }
            Value::Number(number) => {
                varint(tag(VARINT), out);
                varint(*number as u64, out);
            }
            Value::Flag(flag) => {
                varint(tag(VARINT), out);
                varint(u64::from(*flag), out);
            }
            Value::Symbol(symbol) => {
                let Kind::Enum(members) = field.kind else { continue };
                let Some((_, number)) = members.iter().find(|(member, _)| member == symbol) else { continue };
                varint(tag(VARINT), out);
                varint(*number, out);
            }
        }
    }
}

fn delimited(bytes: &[u8], out: &mut Vec<u8>) {
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::super::{ActionProfile, Preamble};
    use super::*;

    #[test]
    fn repeated_numbers_are_packed() {
        let preamble = Preamble { id: 1, ..Preamble::default() };
        let profile = ActionProfile { preamble, table_ids: vec![5, 300], ..ActionProfile::default() };
        let info = P4Info { action_profiles: vec![profile], ..P4Info::default() };
        // action_profiles { preamble { id } table_ids }
        assert_eq!(info.to_bytes(), [0x22, 9, 0x0a, 2, 8, 1, 0x12, 3, 5, 0xac, 0x02]);
    }
}
