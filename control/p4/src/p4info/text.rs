//! The protobuf text format, laid out as protobuf's own printer does.

use std::fmt::Write as _;

use super::P4Info;
use super::message::Value;

impl P4Info {
    /// The protobuf text format, with the comments that name the message.
    pub fn to_text(&self) -> String {
        let mut out =
            "# proto-file: p4/config/v1/p4info.proto\n# proto-message: p4.config.v1.P4Info\n\n".to_owned();
        print(&self.fields(), 0, &mut out);
        out
    }
}

fn print(fields: &[(String, Value)], depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    for (name, value) in fields {
        // Writing to a string cannot fail.
        let _ = match value {
            Value::Message(inner) => {
                let _ = writeln!(out, "{indent}{name} {{");
                print(inner, depth + 1, out);
                writeln!(out, "{indent}}}")
            }
            Value::Bytes(bytes) => writeln!(out, "{indent}{name}: \"{}\"", escape(bytes)),
            Value::Number(number) => writeln!(out, "{indent}{name}: {number}"),
            Value::Flag(flag) => writeln!(out, "{indent}{name}: {flag}"),
            Value::Symbol(symbol) => writeln!(out, "{indent}{name}: {symbol}"),
        };
    }
}

/// As C does: octal for what cannot be printed.
fn escape(bytes: &[u8]) -> String {
    let mut out = String::new();
    for &byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' => out.push_str("\\\""),
            b'\'' => out.push_str("\\'"),
            b'\\' => out.push_str("\\\\"),
            0x20..0x7f => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\{byte:03o}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{MatchField, PkgInfo, Preamble, TypeInfo, ValueSet};
    use super::*;

    #[test]
    fn bytes_are_escaped_as_c_does() {
        assert_eq!(escape(b"a\"b\\\n\0\xff"), "a\\\"b\\\\\\n\\000\\377");
    }

    #[test]
    fn defaults_are_left_out() {
        let info = P4Info {
            pkg_info: Some(PkgInfo { arch: "v1model".to_owned(), ..PkgInfo::default() }),
            value_sets: vec![ValueSet {
                preamble: Preamble {
                    id: 1,
                    name: "p.vs".to_owned(),
                    alias: "vs".to_owned(),
                    ..Preamble::default()
                },
                matches: vec![MatchField { id: 1, bitwidth: 16, ..MatchField::default() }],
                size: 4,
            }],
            type_info: Some(TypeInfo::default()),
            ..P4Info::default()
        };
        expect_test::expect![[r#"
            # proto-file: p4/config/v1/p4info.proto
            # proto-message: p4.config.v1.P4Info

            pkg_info {
              arch: "v1model"
            }
            value_sets {
              preamble {
                id: 1
                name: "p.vs"
                alias: "vs"
              }
              match {
                id: 1
                bitwidth: 16
                match_type: EXACT
              }
              size: 4
            }
            type_info {
            }
        "#]]
        .assert_eq(&info.to_text());
    }
}
