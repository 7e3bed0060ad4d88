//! Names, numbers and types of the fields of `p4.config.v1` that are written: p4info.proto and p4types.proto of
//! P4Runtime 1.5.
//!
//! Invariant: every field that [`super::message`] makes is here; a test holds them against protobuf's own parser.

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) shape: Shape,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Message(&'static [Field]),
    /// A type in a tuple, which is the one message that contains itself.
    DataType,
    /// `int32` or `uint32`.
    Number,
    /// `int64`
    Long,
    Text,
    Bytes,
    Flag,
    Enum(&'static [(&'static str, u64)]),
}

impl Kind {
    /// The fields of a message.
    pub(super) fn message(self) -> Option<&'static [Field]> {
        match self {
            Message(fields) => Some(fields),
            DataType => Some(DATA_TYPE),
            Number | Long | Text | Bytes | Flag | Enum(_) => None,
        }
    }
}

/// How often it is there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    One,
    Many,
    Map,
}

/// A field by name.
pub(super) fn field<'m>(message: &'m [Field], name: &str) -> Option<&'m Field> {
    message.iter().find(|field| field.name == name)
}

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { name, number, kind, shape: Shape::One }
}

const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { name, number, kind, shape: Shape::Many }
}

const fn map(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { name, number, kind, shape: Shape::Map }
}

use Kind::{Bytes, DataType, Enum, Flag, Long, Message, Number, Text};

pub(super) static P4INFO: &[Field] = &[
    one(1, "pkg_info", Message(PKG_INFO)),
    many(2, "tables", Message(TABLE)),
    many(3, "actions", Message(ACTION)),
    many(4, "action_profiles", Message(ACTION_PROFILE)),
    many(5, "counters", Message(COUNTER)),
    many(6, "direct_counters", Message(COUNTER_DIRECT)),
    many(7, "meters", Message(METER)),
    many(8, "direct_meters", Message(METER_DIRECT)),
    many(9, "controller_packet_metadata", Message(CONTROLLER_PACKET_METADATA)),
    many(10, "value_sets", Message(VALUE_SET)),
    many(11, "registers", Message(REGISTER)),
    many(12, "digests", Message(DIGEST)),
    one(200, "type_info", Message(TYPE_INFO)),
];

static PKG_INFO: &[Field] = &[
    one(1, "name", Text),
    one(2, "version", Text),
    one(3, "doc", Message(DOCUMENTATION)),
    many(4, "annotations", Text),
    one(5, "arch", Text),
    one(6, "organization", Text),
    one(7, "contact", Text),
    one(8, "url", Text),
    many(9, "structured_annotations", Message(STRUCTURED_ANNOTATION)),
    one(11, "platform_properties", Message(PLATFORM_PROPERTIES)),
];

static PLATFORM_PROPERTIES: &[Field] = &[
    one(1, "multicast_group_table_size", Number),
    one(2, "multicast_group_table_total_replicas", Number),
    one(3, "multicast_group_table_max_replicas_per_entry", Number),
];

static DOCUMENTATION: &[Field] = &[one(1, "brief", Text), one(2, "description", Text)];

static STRUCTURED_ANNOTATION: &[Field] = &[
    one(1, "name", Text),
    one(2, "expression_list", Message(EXPRESSION_LIST)),
    one(3, "kv_pair_list", Message(KEY_VALUE_PAIR_LIST)),
];

static EXPRESSION_LIST: &[Field] = &[many(1, "expressions", Message(EXPRESSION))];

static EXPRESSION: &[Field] =
    &[one(1, "string_value", Text), one(2, "int64_value", Long), one(3, "bool_value", Flag)];

static KEY_VALUE_PAIR_LIST: &[Field] = &[many(1, "kv_pairs", Message(KEY_VALUE_PAIR))];

static KEY_VALUE_PAIR: &[Field] = &[one(1, "key", Text), one(2, "value", Message(EXPRESSION))];

static PREAMBLE: &[Field] = &[
    one(1, "id", Number),
    one(2, "name", Text),
    one(3, "alias", Text),
    many(4, "annotations", Text),
    one(5, "doc", Message(DOCUMENTATION)),
    many(6, "structured_annotations", Message(STRUCTURED_ANNOTATION)),
];

static TABLE: &[Field] = &[
    one(1, "preamble", Message(PREAMBLE)),
    many(2, "match_fields", Message(MATCH_FIELD)),
    many(3, "action_refs", Message(ACTION_REF)),
    one(4, "const_default_action_id", Number),
    one(5, "initial_default_action", Message(TABLE_ACTION_CALL)),
    one(6, "implementation_id", Number),
    many(7, "direct_resource_ids", Number),
    one(8, "size", Long),
    one(9, "idle_timeout_behavior", Enum(&[("NO_TIMEOUT", 0), ("NOTIFY_CONTROL", 1)])),
    one(10, "is_const_table", Flag),
    one(11, "has_initial_entries", Flag),
];

static MATCH_FIELD: &[Field] = &[
    one(1, "id", Number),
    one(2, "name", Text),
    many(3, "annotations", Text),
    one(4, "bitwidth", Number),
    one(5, "match_type", Enum(&[("EXACT", 2), ("LPM", 3), ("TERNARY", 4), ("RANGE", 5), ("OPTIONAL", 6)])),
    one(6, "doc", Message(DOCUMENTATION)),
    one(7, "other_match_type", Text),
    one(8, "type_name", Message(NAMED_TYPE)),
    many(9, "structured_annotations", Message(STRUCTURED_ANNOTATION)),
];

static NAMED_TYPE: &[Field] = &[one(1, "name", Text)];

static ACTION_REF: &[Field] = &[
    one(1, "id", Number),
    many(2, "annotations", Text),
    one(3, "scope", Enum(&[("TABLE_AND_DEFAULT", 0), ("TABLE_ONLY", 1), ("DEFAULT_ONLY", 2)])),
    many(4, "structured_annotations", Message(STRUCTURED_ANNOTATION)),
];

static TABLE_ACTION_CALL: &[Field] = &[one(1, "action_id", Number), many(4, "arguments", Message(ARGUMENT))];

static ARGUMENT: &[Field] = &[one(2, "param_id", Number), one(3, "value", Bytes)];

static ACTION: &[Field] = &[one(1, "preamble", Message(PREAMBLE)), many(2, "params", Message(ACTION_PARAM))];

static ACTION_PARAM: &[Field] = &[
    one(1, "id", Number),
    one(2, "name", Text),
    many(3, "annotations", Text),
    one(4, "bitwidth", Number),
    one(5, "doc", Message(DOCUMENTATION)),
    one(6, "type_name", Message(NAMED_TYPE)),
    many(7, "structured_annotations", Message(STRUCTURED_ANNOTATION)),
];

static ACTION_PROFILE: &[Field] = &[
    one(1, "preamble", Message(PREAMBLE)),
    many(2, "table_ids", Number),
    one(3, "with_selector", Flag),
    one(4, "size", Long),
    one(5, "max_group_size", Number),
    one(6, "sum_of_weights", Message(&[])),
    one(7, "sum_of_members", Message(&[one(1, "max_member_weight", Number)])),
];

static COUNTER_SPEC: &[Field] = &[one(1, "unit", Enum(&[("BYTES", 1), ("PACKETS", 2), ("BOTH", 3)]))];

static METER_SPEC: &[Field] = &[
    one(1, "unit", Enum(&[("BYTES", 1), ("PACKETS", 2)])),
    one(2, "type", Enum(&[("SINGLE_RATE_THREE_COLOR", 1), ("SINGLE_RATE_TWO_COLOR", 2)])),
];

static COUNTER: &[Field] = &[
    one(1, "preamble", Message(PREAMBLE)),
    one(2, "spec", Message(COUNTER_SPEC)),
    one(3, "size", Long),
    one(4, "index_type_name", Message(NAMED_TYPE)),
];

static COUNTER_DIRECT: &[Field] = &[
    one(1, "preamble", Message(PREAMBLE)),
    one(2, "spec", Message(COUNTER_SPEC)),
    one(3, "direct_table_id", Number),
];

static METER: &[Field] = &[
    one(1, "preamble", Message(PREAMBLE)),
    one(2, "spec", Message(METER_SPEC)),
    one(3, "size", Long),
    one(4, "index_type_name", Message(NAMED_TYPE)),
];

static METER_DIRECT: &[Field] = &[
    one(1, "preamble", Message(PREAMBLE)),
    one(2, "spec", Message(METER_SPEC)),
    one(3, "direct_table_id", Number),
];

static CONTROLLER_PACKET_METADATA: &[Field] =
    &[one(1, "preamble", Message(PREAMBLE)), many(2, "metadata", Message(PACKET_METADATA))];

static PACKET_METADATA: &[Field] = &[
    one(1, "id", Number),
    one(2, "name", Text),
    many(3, "annotations", Text),
    one(4, "bitwidth", Number),
    one(5, "type_name", Message(NAMED_TYPE)),
    many(6, "structured_annotations", Message(STRUCTURED_ANNOTATION)),
];

static VALUE_SET: &[Field] =
    &[one(1, "preamble", Message(PREAMBLE)), many(2, "match", Message(MATCH_FIELD)), one(3, "size", Number)];

static REGISTER: &[Field] = &[
    one(1, "preamble", Message(PREAMBLE)),
    one(2, "type_spec", Message(DATA_TYPE)),
    one(3, "size", Number),
    one(4, "index_type_name", Message(NAMED_TYPE)),
];

static DIGEST: &[Field] = &[one(1, "preamble", Message(PREAMBLE)), one(2, "type_spec", Message(DATA_TYPE))];

static DATA_TYPE: &[Field] = &[
    one(1, "bitstring", Message(BITSTRING)),
    one(2, "bool", Message(&[])),
    one(3, "tuple", Message(&[many(1, "members", DataType)])),
    one(4, "struct", Message(NAMED_TYPE)),
    one(5, "header", Message(NAMED_TYPE)),
    one(6, "header_union", Message(NAMED_TYPE)),
    one(7, "header_stack", Message(&[one(1, "header", Message(NAMED_TYPE)), one(2, "size", Number)])),
    one(
        8,
        "header_union_stack",
        Message(&[one(1, "header_union", Message(NAMED_TYPE)), one(2, "size", Number)]),
    ),
    one(9, "enum", Message(NAMED_TYPE)),
    one(10, "error", Message(&[])),
    one(11, "serializable_enum", Message(NAMED_TYPE)),
    one(12, "new_type", Message(NAMED_TYPE)),
];

static BITSTRING: &[Field] = &[
    one(1, "bit", Message(&[one(1, "bitwidth", Number)])),
    one(2, "int", Message(&[one(1, "bitwidth", Number)])),
    one(3, "varbit", Message(&[one(1, "max_bitwidth", Number)])),
];

static TYPE_INFO: &[Field] = &[
    map(1, "structs", Message(&[one(1, "key", Text), one(2, "value", Message(STRUCT))])),
    map(2, "headers", Message(&[one(1, "key", Text), one(2, "value", Message(HEADER))])),
    map(3, "header_unions", Message(&[one(1, "key", Text), one(2, "value", Message(HEADER_UNION))])),
    map(4, "enums", Message(&[one(1, "key", Text), one(2, "value", Message(PLAIN_ENUM))])),
    one(5, "error", Message(&[many(1, "members", Text)])),
    map(
        6,
        "serializable_enums",
        Message(&[one(1, "key", Text), one(2, "value", Message(SERIALIZABLE_ENUM))]),
    ),
    map(7, "new_types", Message(&[one(1, "key", Text), one(2, "value", Message(NEW_TYPE))])),
];

static STRUCT: &[Field] =
    &[many(1, "members", Message(&[one(1, "name", Text), one(2, "type_spec", Message(DATA_TYPE))]))];

static HEADER: &[Field] =
    &[many(1, "members", Message(&[one(1, "name", Text), one(2, "type_spec", Message(BITSTRING))]))];

static HEADER_UNION: &[Field] =
    &[many(1, "members", Message(&[one(1, "name", Text), one(2, "header", Message(NAMED_TYPE))]))];

static PLAIN_ENUM: &[Field] = &[many(1, "members", Message(&[one(1, "name", Text)]))];

static SERIALIZABLE_ENUM: &[Field] = &[
    one(1, "underlying_type", Message(&[one(1, "bitwidth", Number)])),
    many(2, "members", Message(&[one(1, "name", Text), one(2, "value", Bytes)])),
];

static NEW_TYPE: &[Field] = &[
    one(1, "original_type", Message(DATA_TYPE)),
    one(2, "translated_type", Message(TRANSLATION)),
    many(3, "annotations", Text),
    many(4, "structured_annotations", Message(STRUCTURED_ANNOTATION)),
];

static TRANSLATION: &[Field] =
    &[one(1, "uri", Text), one(2, "sdn_bitwidth", Number), one(3, "sdn_string", Message(&[]))];
