//! Protobuf's JSON: names in lowerCamelCase, 64-bit numbers as strings, bytes in base64, maps as objects.

use serde_json::{Map, Value as Json};

use super::P4Info;
use super::message::Value;
use super::schema::{Field, Kind, P4INFO, Shape, field};

impl P4Info {
    /// JSON, as protobuf's own printer writes it.
    pub fn to_json(&self) -> Json {
        object(&self.fields(), P4INFO)
    }
}

fn object(fields: &[(String, Value)], message: &[Field]) -> Json {
    let mut object = Map::new();
    for (name, value) in fields {
        let Some(field) = field(message, name) else { continue };
        let name = lower_camel_case(name);
        match field.shape {
            Shape::One => {
                object.insert(name, scalar(value, field.kind));
            }
            Shape::Many => {
                if let Json::Array(values) = object.entry(name).or_insert_with(|| Json::Array(Vec::new())) {
                    values.push(scalar(value, field.kind));
                }
            }
            Shape::Map => {
                let (Value::Message(entry), Some(of)) = (value, field.kind.message()) else { continue };
                let mut parts = scalar_parts(entry, of);
                let (Some(Json::String(key)), Some(value)) = (parts.remove("key"), parts.remove("value"))
                else {
                    continue;
                };
                if let Json::Object(entries) = object.entry(name).or_insert_with(|| Json::Object(Map::new()))
                {
                    entries.insert(key, value);
                }
            }
        }
    }
    Json::Object(object)
}

fn scalar_parts(entry: &[(String, Value)], of: &[Field]) -> Map<String, Json> {
    match object(entry, of) {
        Json::Object(parts) => parts,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => Map::new(),
    }
}

fn scalar(value: &Value, kind: Kind) -> Json {
    match value {
        Value::Message(fields) => kind.message().map_or(Json::Null, |message| object(fields, message)),
        Value::Bytes(bytes) if matches!(kind, Kind::Bytes) => Json::String(base64(bytes)),
        Value::Bytes(bytes) => Json::String(String::from_utf8_lossy(bytes).into_owned()),
        Value::Number(number) if matches!(kind, Kind::Long) => Json::String(number.to_string()),
        Value::Number(number) => Json::from(*number),
        Value::Flag(flag) => Json::Bool(*flag),
        Value::Symbol(symbol) => Json::from(*symbol),
    }
}

fn lower_camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            out.push(match i <= chunk.len() {
                true => char::from(ALPHABET[(group >> (18 - 6 * i) & 63) as usize]),
                false => '=',
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_in_base64() {
        // The test vectors of RFC 4648, section 10.
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn names_are_in_lower_camel_case() {
        assert_eq!(lower_camel_case("const_default_action_id"), "constDefaultActionId");
    }
}
