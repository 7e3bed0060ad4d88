//! The control plane's view of a program: P4Runtime's `P4Info`, as plain data.
//!
//! The shapes and names are those of `p4.config.v1` (p4info.proto, p4types.proto). [`P4Info::to_text`] writes the
//! protobuf text format as p4c lays it out, [`P4Info::to_json`] protobuf's JSON. Names, aliases and ids are computed
//! the way p4c computes them, so that controllers written against its output find what they look for.
//!
//! Invariant: every id is unique in the program and the one that the pipeline's object of that name carries.

mod build;
mod data_types;
mod notes;
mod symbols;
mod text;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// A program's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct P4Info {
    /// About the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pkg_info: Option<PkgInfo>,
    /// Tables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
    /// Actions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// Action profiles and selectors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub action_profiles: Vec<ActionProfile>,
    /// Counter arrays.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<Counter>,
    /// Counters of tables' entries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub direct_counters: Vec<DirectCounter>,
    /// Meter arrays.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub meters: Vec<Meter>,
    /// Meters of tables' entries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub direct_meters: Vec<DirectMeter>,
    /// Headers of packet-in and packet-out messages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub controller_packet_metadata: Vec<ControllerPacketMetadata>,
    /// Value sets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub value_sets: Vec<ValueSet>,
    /// Registers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub registers: Vec<Register>,
    /// Digests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<Digest>,
    /// Types that the objects mention. There, though perhaps empty, if there is any object that could mention one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type_info: Option<TypeInfo>,
}

/// About the program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PkgInfo {
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Its documentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<Documentation>,
    /// Other annotations of `main`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<String>,
    /// Its architecture.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub arch: String,
    /// Who made it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub organization: String,
    /// Whom to ask.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub contact: String,
    /// Where to read on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// What it expects of the platform, by property.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platform_properties: Vec<(String, i32)>,
    /// Structured annotations of `main`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub structured_annotations: Vec<StructuredAnnotation>,
}

/// Text from `@brief` and `@description`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Documentation {
    /// One line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub brief: String,
    /// All of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// What every object has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preamble {
    /// Unique in the program; the first byte says of what kind the object is.
    pub id: u32,
    /// Fully qualified.
    pub name: String,
    /// The shortest suffix of the name that no other object's name has.
    pub alias: String,
    /// Annotations, but for those that P4Runtime has a field for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<String>,
    /// Documentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<Documentation>,
    /// Structured annotations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub structured_annotations: Vec<StructuredAnnotation>,
}

/// `@name[...]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StructuredAnnotation {
    /// Without the `@`.
    pub name: String,
    /// What it says.
    pub body: StructuredBody,
}

/// What a structured annotation says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StructuredBody {
    /// Nothing.
    Empty,
    /// Values.
    Expressions(Vec<AnnotationValue>),
    /// Keys and values.
    Pairs(Vec<(String, AnnotationValue)>),
}

/// A value in a structured annotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AnnotationValue {
    /// A string.
    StringValue(String),
    /// A number.
    Int64Value(i64),
    /// A truth value.
    BoolValue(bool),
}

/// Annotations and documentation of something that is no object of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notes {
    /// Annotations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<String>,
    /// Documentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<Documentation>,
    /// Structured annotations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub structured_annotations: Vec<StructuredAnnotation>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// Id, names.
    pub preamble: Preamble,
    /// Its keys but for the selector's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_fields: Vec<MatchField>,
    /// Its actions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub action_refs: Vec<ActionRef>,
    /// Its default action, if that cannot be changed; else 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub const_default_action_id: u32,
    /// Its default action at the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_default_action: Option<TableActionCall>,
    /// Its action profile; else 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub implementation_id: u32,
    /// Its direct counter and meter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub direct_resource_ids: Vec<u32>,
    /// Entries it is guaranteed to hold.
    #[serde(serialize_with = "as_string")]
    pub size: i64,
    /// Whether entries can time out, which the control plane is told.
    #[serde(skip_serializing_if = "is_false")]
    pub idle_timeout: bool,
    /// Whether its entries cannot be changed.
    #[serde(skip_serializing_if = "is_false")]
    pub is_const_table: bool,
    /// Whether the program declares entries.
    #[serde(skip_serializing_if = "is_false")]
    pub has_initial_entries: bool,
}

/// A key, or a member of a value set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchField {
    /// Unique in the table.
    pub id: u32,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Annotations, documentation.
    #[serde(flatten)]
    pub notes: Notes,
    /// Its width; 0 if it is given as a string.
    #[serde(skip_serializing_if = "is_zero")]
    pub bitwidth: u32,
    /// How it is matched.
    pub match_type: MatchType,
    /// Its type, if that has a name of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
}

/// How a key is matched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MatchType {
    /// Equality.
    #[default]
    Exact,
    /// Longest prefix.
    Lpm,
    /// Value and mask.
    Ternary,
    /// Interval.
    Range,
    /// Equality or anything.
    Optional,
    /// Something else.
    Other(String),
}

/// An action in a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionRef {
    /// The action.
    pub id: u32,
    /// Annotations.
    #[serde(flatten)]
    pub notes: Notes,
    /// Where it can be used.
    pub scope: Scope,
}

/// Where an action of a table can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Scope {
    /// Anywhere.
    #[default]
    TableAndDefault,
    /// In entries.
    TableOnly,
    /// As default action.
    DefaultOnly,
}

/// An action with its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableActionCall {
    /// The action.
    pub action_id: u32,
    /// Parameter ids and values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<(u32, Vec<u8>)>,
}

/// An action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Action {
    /// Id, names.
    pub preamble: Preamble,
    /// Its data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Param>,
}

/// A parameter of an action, or a field of a controller header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Param {
    /// Unique in the action.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Annotations, documentation.
    #[serde(flatten)]
    pub notes: Notes,
    /// Its width; 0 if it is given as a string.
    #[serde(skip_serializing_if = "is_zero")]
    pub bitwidth: u32,
    /// Its type, if that has a name of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
}

/// An action profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionProfile {
    /// Id, names.
    pub preamble: Preamble,
    /// Tables whose actions live there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub table_ids: Vec<u32>,
    /// Whether it has groups.
    #[serde(skip_serializing_if = "is_false")]
    pub with_selector: bool,
    /// Members it is guaranteed to hold.
    #[serde(serialize_with = "as_string")]
    pub size: i64,
    /// Largest group; 0 for no limit of its own.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_group_size: u32,
    /// What sizes count, if the program says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_semantics: Option<SizeSemantics>,
}

/// What the size of a selector counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SizeSemantics {
    /// Weights of members.
    SumOfWeights,
    /// Members, each of at most this weight.
    SumOfMembers(u32),
}

/// What is counted or metered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Packets.
    #[default]
    Packets,
    /// Both.
    Both,
}

/// A counter array.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counter {
    /// Id, names.
    pub preamble: Preamble,
    /// What it counts.
    pub unit: Unit,
    /// Cells.
    #[serde(serialize_with = "as_string")]
    pub size: i64,
    /// Type of the index, if that has a name of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_type_name: Option<String>,
}

/// A counter of a table's entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectCounter {
    /// Id, names.
    pub preamble: Preamble,
    /// What it counts.
    pub unit: Unit,
    /// The table.
    pub direct_table_id: u32,
}

/// A meter array.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Meter {
    /// Id, names.
    pub preamble: Preamble,
    /// What its rates are of.
    pub unit: Unit,
    /// Cells.
    #[serde(serialize_with = "as_string")]
    pub size: i64,
    /// Type of the index, if that has a name of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_type_name: Option<String>,
}

/// A meter of a table's entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectMeter {
    /// Id, names.
    pub preamble: Preamble,
    /// What its rates are of.
    pub unit: Unit,
    /// The table.
    pub direct_table_id: u32,
}

/// The header of packet-in or packet-out messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ControllerPacketMetadata {
    /// Id, names.
    pub preamble: Preamble,
    /// Its fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<Param>,
}

/// A value set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ValueSet {
    /// Id, names.
    pub preamble: Preamble,
    /// Its members.
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<MatchField>,
    /// Entries it is guaranteed to hold.
    pub size: i32,
}

/// A register array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Register {
    /// Id, names.
    pub preamble: Preamble,
    /// What a cell holds.
    pub type_spec: DataType,
    /// Cells.
    pub size: i32,
    /// Type of the index, if that has a name of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_type_name: Option<String>,
}

/// A digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Digest {
    /// Id, names.
    pub preamble: Preamble,
    /// Its data.
    pub type_spec: DataType,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DataType {
    /// A number.
    Bitstring(BitstringType),
    /// `bool`
    Bool,
    /// A tuple.
    Tuple(Vec<DataType>),
    /// A struct, by name.
    Struct(String),
    /// A header, by name.
    Header(String),
    /// A header union, by name.
    HeaderUnion(String),
    /// A stack of headers.
    HeaderStack(String, u32),
    /// A stack of header unions.
    HeaderUnionStack(String, u32),
    /// An enum without values, by name.
    Enum(String),
    /// `error`
    Error,
    /// An enum with values, by name.
    SerializableEnum(String),
    /// A `type`, by name.
    NewType(String),
}

/// A number's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum BitstringType {
    /// `bit<w>`
    Bit(u32),
    /// `int<w>`
    Int(u32),
    /// `varbit<w>`
    Varbit(u32),
}

/// Types by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeInfo {
    /// Structs: members.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub structs: BTreeMap<String, Vec<(String, DataType)>>,
    /// Headers: members.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Vec<(String, BitstringType)>>,
    /// Header unions: members, and their headers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub header_unions: BTreeMap<String, Vec<(String, String)>>,
    /// Enums without values: members.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub enums: BTreeMap<String, Vec<String>>,
    /// Members of `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Vec<String>>,
    /// Enums with values: width, members with values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub serializable_enums: BTreeMap<String, SerializableEnum>,
    /// `type`s.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub new_types: BTreeMap<String, NewType>,
}

/// An enum with values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SerializableEnum {
    /// Bits of a value.
    pub bitwidth: u32,
    /// Members with their values.
    pub members: Vec<(String, Vec<u8>)>,
}

/// A `type`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewType {
    /// What it stands for.
    pub representation: Representation,
    /// Annotations.
    #[serde(flatten)]
    pub notes: Notes,
}

/// What a `type` stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Representation {
    /// The type it is made of.
    OriginalType(DataType),
    /// Something that the controller knows in another form.
    TranslatedType {
        /// Which translation.
        uri: String,
        /// Bits that the controller uses; none: a string.
        sdn_bitwidth: Option<u32>,
    },
}

fn as_string<S: Serializer>(value: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    // Protobuf's JSON writes 64-bit numbers as strings.
    serializer.serialize_str(&value.to_string())
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

fn is_false(value: &bool) -> bool {
    !*value
}
