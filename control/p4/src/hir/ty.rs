//! Types of the checked program.

use std::sync::Arc;

use cranelift_entity::{PrimaryMap, entity_impl};
use hashbrown::HashMap;
use num_bigint::BigInt;

use super::{ControlId, Decl, ExternFunction, ExternParam, ParserId};
use crate::syntax::ast::CompositeKind;

ids! {
    /// A struct, header or header union declaration.
    CompositeId = "composite";
    /// An enum declaration.
    EnumId = "enum";
    /// A `type` declaration.
    NewTypeId = "newtype";
    /// An extern declaration.
    ExternId = "extern";
    /// A package type declaration.
    PackageId = "package";
    /// A parser type or control type declaration.
    BlockTypeId = "block_type";
    /// A type parameter.
    TypeParamId = "type_param";
}

/// Declarations of types.
#[derive(Clone, Debug, Default)]
pub struct Types {
    /// Structs, headers, unions.
    pub composites: PrimaryMap<CompositeId, Composite>,
    /// Enums.
    pub enums: PrimaryMap<EnumId, Enum>,
    /// `type`s.
    pub new_types: PrimaryMap<NewTypeId, NewType>,
    /// Externs.
    pub externs: PrimaryMap<ExternId, Extern>,
    /// Packages.
    pub packages: PrimaryMap<PackageId, Package>,
    /// Parser and control types.
    pub block_types: PrimaryMap<BlockTypeId, BlockType>,
    /// Type parameters: their names.
    pub type_params: PrimaryMap<TypeParamId, Arc<str>>,
}

/// A type. Typedefs are resolved away.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ty {
    /// What an error has been reported for: compatible with everything. Without an error, `_` in a declaration, and a
    /// type argument of a package that nothing determines and nothing needs.
    Unknown,
    /// `void`
    Void,
    /// `bool`
    Bool,
    /// `string`
    String,
    /// `error`
    Error,
    /// `match_kind`
    MatchKind,
    /// `int`
    InfInt,
    /// `bit<w>`
    Bit(u32),
    /// `int<w>`
    Int(u32),
    /// `varbit<w>`
    Varbit(u32),
    /// An enum, serializable or not.
    Enum(EnumId),
    /// A struct, header or union, with type arguments.
    Composite(CompositeId, Arc<[Ty]>),
    /// An array; of headers or unions, a header stack. Arrays of externs are aggregates of instances.
    Stack(Arc<Ty>, u32),
    /// `tuple<...>`; also the type of `{a, b}` where nothing else is expected.
    Tuple(Arc<[Ty]>),
    /// The type of `{a = 1}` where nothing else is expected.
    AnonymousStruct(Arc<[(Arc<str>, Ty)]>),
    /// `list<T>`
    List(Arc<Ty>),
    /// A set of values, as in keysets.
    Set(Arc<Ty>),
    /// `{#}` where nothing else is expected.
    InvalidHeader,
    /// `...` where nothing else is expected.
    Dots,
    /// `type`.
    New(NewTypeId),
    /// An extern, with type arguments.
    Extern(ExternId, Arc<[Ty]>),
    /// A parser declaration.
    Parser(ParserId),
    /// A control declaration.
    Control(ControlId),
    /// A parser or control type, with type arguments.
    Block(BlockTypeId, Arc<[Ty]>),
    /// A package, with type arguments.
    Package(PackageId, Arc<[Ty]>),
    /// A type parameter of the declaration around.
    Param(TypeParamId),
    /// An unknown to be inferred; never left once checking is done.
    Infer(u32),
    /// What `t.apply()` gives.
    ApplyResult(super::TableId),
    /// What a function, action or method name is before it is called.
    Callable,
}

/// A struct, header or union.
#[derive(Clone, Debug)]
pub struct Composite {
    /// Name, place.
    pub decl: Decl,
    /// Which.
    pub kind: CompositeKind,
    /// Type parameters.
    pub type_params: Vec<TypeParamId>,
    /// Fields; their types may mention the parameters.
    pub fields: Fields,
}

/// Fields in the order in which they are declared, no two of one name; found by position or by name.
#[derive(Clone, Debug)]
pub struct Fields {
    declared: Vec<Field>,
    positions: HashMap<Arc<str>, usize>,
}

impl From<Vec<Field>> for Fields {
    fn from(declared: Vec<Field>) -> Fields {
        let positions = declared.iter().enumerate().map(|(i, field)| (field.decl.name.clone(), i)).collect();
        Fields { declared, positions }
    }
}

impl std::ops::Deref for Fields {
    type Target = [Field];

    fn deref(&self) -> &[Field] {
        &self.declared
    }
}

impl Fields {
    /// Which field has this name.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }
}

/// A field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Name, place.
    pub decl: Decl,
    /// Type.
    pub ty: Ty,
}

/// An enum.
#[derive(Clone, Debug)]
pub struct Enum {
    /// Name, place.
    pub decl: Decl,
    /// `bit<w>`, `int<w>` or a `type` of these, if serializable.
    pub underlying: Option<Ty>,
    /// Members and, if serializable, their values.
    pub members: Vec<(Arc<str>, Option<BigInt>)>,
}

/// A `type`.
#[derive(Clone, Debug)]
pub struct NewType {
    /// Name, place, annotations (`@p4runtime_translation`).
    pub decl: Decl,
    /// What it is made of.
    pub underlying: Ty,
}

/// An extern.
#[derive(Clone, Debug)]
pub struct Extern {
    /// Name, place.
    pub decl: Decl,
    /// Type parameters.
    pub type_params: Vec<TypeParamId>,
    /// Constructors.
    pub constructors: Vec<ExternFunction>,
    /// Methods, overloads each by itself.
    pub methods: Vec<ExternFunction>,
}

/// A package.
#[derive(Clone, Debug)]
pub struct Package {
    /// Name, place.
    pub decl: Decl,
    /// Type parameters.
    pub type_params: Vec<TypeParamId>,
    /// Constructor parameters.
    pub params: Vec<ExternParam>,
}

/// A parser or control type.
#[derive(Clone, Debug)]
pub struct BlockType {
    /// Name, place.
    pub decl: Decl,
    /// Whether it is a parser type.
    pub is_parser: bool,
    /// Type parameters.
    pub type_params: Vec<TypeParamId>,
    /// Parameters.
    pub params: Vec<ExternParam>,
}
