//! The control plane's view of a program: P4Runtime's `P4Info`, as plain data.
//!
//! The shapes and names are those of `p4.config.v1` (p4info.proto, p4types.proto). [`P4Info::to_text`] writes the
//! protobuf text format as p4c lays it out, [`P4Info::to_json`] protobuf's JSON, [`P4Info::to_bytes`] its wire format.
//! All three write the one tree that [`message`] makes; [`schema`] says how fields are numbered and typed. Names, aliases and ids are computed
//! the way p4c computes them, so that controllers written against its output find what they look for.
//!
//! Invariant: every id is unique in the program and the one that the pipeline's object of that name carries.

mod build;
mod data_types;
mod json;
mod message;
mod notes;
mod schema;
mod symbols;
mod text;
mod wire;

use std::collections::BTreeMap;

/// A program's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct P4Info {
    /// About the program.
    pub pkg_info: Option<PkgInfo>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Actions.
    pub actions: Vec<Action>,
    /// Action profiles and selectors.
    pub action_profiles: Vec<ActionProfile>,
    /// Counter arrays.
    pub counters: Vec<Counter>,
    /// Counters of tables' entries.
    pub direct_counters: Vec<DirectCounter>,
    /// Meter arrays.
    pub meters: Vec<Meter>,
    /// Meters of tables' entries.
    pub direct_meters: Vec<DirectMeter>,
    /// Headers of packet-in and packet-out messages.
    pub controller_packet_metadata: Vec<ControllerPacketMetadata>,
    /// Value sets.
    pub value_sets: Vec<ValueSet>,
    /// Registers.
    pub registers: Vec<Register>,
    /// Digests.
    pub digests: Vec<Digest>,
    /// Types that the objects mention. There, though perhaps empty, if there is any object that could mention one.
    pub type_info: Option<TypeInfo>,
}

/// About the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PkgInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its documentation.
    pub doc: Option<Documentation>,
    /// Other annotations of `main`.
    pub annotations: Vec<String>,
    /// Its architecture.
    pub arch: String,
    /// Who made it.
    pub organization: String,
    /// Whom to ask.
    pub contact: String,
    /// Where to read on.
    pub url: String,
    /// What it expects of the platform, by property.
    pub platform_properties: Vec<(String, i32)>,
    /// Structured annotations of `main`.
    pub structured_annotations: Vec<StructuredAnnotation>,
}

/// Text from `@brief` and `@description`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documentation {
    /// One line.
    pub brief: String,
    /// All of it.
    pub description: String,
}

/// What every object has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preamble {
    /// Unique in the program; the first byte says of what kind the object is.
    pub id: u32,
    /// Fully qualified.
    pub name: String,
    /// The shortest suffix of the name that no other object's name has.
    pub alias: String,
    /// Annotations, but for those that P4Runtime has a field for.
    pub annotations: Vec<String>,
    /// Documentation.
    pub doc: Option<Documentation>,
    /// Structured annotations.
    pub structured_annotations: Vec<StructuredAnnotation>,
}

/// `@name[...]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructuredAnnotation {
    /// Without the `@`.
    pub name: String,
    /// What it says.
    pub body: StructuredBody,
}

/// What a structured annotation says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StructuredBody {
    /// Nothing.
    Empty,
    /// Values.
    Expressions(Vec<AnnotationValue>),
    /// Keys and values.
    Pairs(Vec<(String, AnnotationValue)>),
}

/// A value in a structured annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnnotationValue {
    /// A string.
    StringValue(String),
    /// A number.
    Int64Value(i64),
    /// A truth value.
    BoolValue(bool),
}

/// Annotations and documentation of something that is no object of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Annotations.
    pub annotations: Vec<String>,
    /// Documentation.
    pub doc: Option<Documentation>,
    /// Structured annotations.
    pub structured_annotations: Vec<StructuredAnnotation>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Id, names.
    pub preamble: Preamble,
    /// Its keys but for the selector's.
    pub match_fields: Vec<MatchField>,
    /// Its actions.
    pub action_refs: Vec<ActionRef>,
    /// Its default action, if that cannot be changed; else 0.
    pub const_default_action_id: u32,
    /// Its default action at the beginning.
    pub initial_default_action: Option<TableActionCall>,
    /// Its action profile; else 0.
    pub implementation_id: u32,
    /// Its direct counter and meter.
    pub direct_resource_ids: Vec<u32>,
    /// Entries it is guaranteed to hold.
    pub size: i64,
    /// Whether entries can time out, which the control plane is told.
    pub idle_timeout: bool,
    /// Whether its entries cannot be changed.
    pub is_const_table: bool,
    /// Whether the program declares entries.
    pub has_initial_entries: bool,
}

/// A key, or a member of a value set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatchField {
    /// Unique in the table.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Annotations, documentation.
    pub notes: Notes,
    /// Its width; 0 if it is given as a string.
    pub bitwidth: u32,
    /// How it is matched.
    pub match_type: MatchType,
    /// Its type, if that has a name of its own.
    pub type_name: Option<String>,
}

/// How a key is matched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionRef {
    /// The action.
    pub id: u32,
    /// Annotations.
    pub notes: Notes,
    /// Where it can be used.
    pub scope: Scope,
}

/// Where an action of a table can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableActionCall {
    /// The action.
    pub action_id: u32,
    /// Parameter ids and values.
    pub arguments: Vec<(u32, Vec<u8>)>,
}

/// An action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// Id, names.
    pub preamble: Preamble,
    /// Its data.
    pub params: Vec<Param>,
}

/// A parameter of an action, or a field of a controller header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Param {
    /// Unique in the action.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Annotations, documentation.
    pub notes: Notes,
    /// Its width; 0 if it is given as a string.
    pub bitwidth: u32,
    /// Its type, if that has a name of its own.
    pub type_name: Option<String>,
}

/// An action profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionProfile {
    /// Id, names.
    pub preamble: Preamble,
    /// Tables whose actions live there.
    pub table_ids: Vec<u32>,
    /// Whether it has groups.
    pub with_selector: bool,
    /// Members it is guaranteed to hold.
    pub size: i64,
    /// Largest group; 0 for no limit of its own.
    pub max_group_size: u32,
    /// What sizes count, if the program says.
    pub size_semantics: Option<SizeSemantics>,
}

/// What the size of a selector counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeSemantics {
    /// Weights of members.
    SumOfWeights,
    /// Members, each of at most this weight.
    SumOfMembers(u32),
}

/// What is counted or metered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// Id, names.
    pub preamble: Preamble,
    /// What it counts.
    pub unit: Unit,
    /// Cells.
    pub size: i64,
    /// Type of the index, if that has a name of its own.
    pub index_type_name: Option<String>,
}

/// A counter of a table's entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectCounter {
    /// Id, names.
    pub preamble: Preamble,
    /// What it counts.
    pub unit: Unit,
    /// The table.
    pub direct_table_id: u32,
}

/// How a meter tells its colours apart, from the annotation of that name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MeterType {
    /// RFC 2698.
    #[default]
    TwoRateThreeColor,
    /// RFC 2697.
    SingleRateThreeColor,
    /// RFC 2697 without an excess burst.
    SingleRateTwoColor,
}

/// A meter array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// Id, names.
    pub preamble: Preamble,
    /// What its rates are of.
    pub unit: Unit,
    /// How it tells its colours apart.
    pub meter_type: MeterType,
    /// Cells.
    pub size: i64,
    /// Type of the index, if that has a name of its own.
    pub index_type_name: Option<String>,
}

/// A meter of a table's entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectMeter {
    /// Id, names.
    pub preamble: Preamble,
    /// What its rates are of.
    pub unit: Unit,
    /// How it tells its colours apart.
    pub meter_type: MeterType,
    /// The table.
    pub direct_table_id: u32,
}

/// The header of packet-in or packet-out messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControllerPacketMetadata {
    /// Id, names.
    pub preamble: Preamble,
    /// Its fields.
    pub metadata: Vec<Param>,
}

/// A value set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueSet {
    /// Id, names.
    pub preamble: Preamble,
    /// Its members.
    pub matches: Vec<MatchField>,
    /// Entries it is guaranteed to hold.
    pub size: i32,
}

/// A register array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Id, names.
    pub preamble: Preamble,
    /// What a cell holds.
    pub type_spec: DataType,
    /// Cells.
    pub size: i32,
    /// Type of the index, if that has a name of its own.
    pub index_type_name: Option<String>,
}

/// A digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Id, names.
    pub preamble: Preamble,
    /// Its data.
    pub type_spec: DataType,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitstringType {
    /// `bit<w>`
    Bit(u32),
    /// `int<w>`
    Int(u32),
    /// `varbit<w>`
    Varbit(u32),
}

/// Types by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeInfo {
    /// Structs: members.
    pub structs: BTreeMap<String, Vec<(String, DataType)>>,
    /// Headers: members.
    pub headers: BTreeMap<String, Vec<(String, BitstringType)>>,
    /// Header unions: members, and their headers.
    pub header_unions: BTreeMap<String, Vec<(String, String)>>,
    /// Enums without values: members.
    pub enums: BTreeMap<String, Vec<String>>,
    /// Members of `error`.
    pub error: Option<Vec<String>>,
    /// Enums with values: width, members with values.
    pub serializable_enums: BTreeMap<String, SerializableEnum>,
    /// `type`s.
    pub new_types: BTreeMap<String, NewType>,
}

/// An enum with values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SerializableEnum {
    /// Bits of a value.
    pub bitwidth: u32,
    /// Members with their values.
    pub members: Vec<(String, Vec<u8>)>,
}

/// A `type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewType {
    /// What it stands for.
    pub representation: Representation,
    /// Annotations.
    pub notes: Notes,
}

/// What a `type` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
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
