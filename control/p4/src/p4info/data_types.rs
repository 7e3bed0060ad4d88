//! Types as P4Info describes them.
//!
//! Invariant: a type that is referred to by name has an entry of that name in [`TypeInfo`].

use std::sync::Arc;

use num_traits::ToPrimitive;

use super::{BitstringType, DataType, NewType, Representation, SerializableEnum, TypeInfo};
use crate::hir::{self, AnnotationBody, ExprKind, NewTypeId, Ty};
use crate::lower::{Lowerer, annotation, annotation_string, bits_of};
use crate::syntax::ast::{AnnotationTokenKind, CompositeKind};

/// What `@p4runtime_translation` says.
pub(super) struct Translation {
    pub(super) uri: String,
    /// None: a string.
    pub(super) bitwidth: Option<u32>,
}

impl Lowerer<'_> {
    /// The name that the control plane knows a type by.
    pub(super) fn type_name(&self, decl: &hir::Decl) -> String {
        let given = annotation(&decl.annotations, "name").and_then(annotation_string);
        given.unwrap_or_else(|| decl.name.to_string()).trim_start_matches('.').to_owned()
    }

    /// The name of a `type`, if it is one.
    pub(super) fn new_type_name(&self, ty: &Ty) -> Option<String> {
        match ty {
            Ty::New(id) => Some(self.hir.types.new_types[*id].decl.name.to_string()),
            _ => None,
        }
    }

    pub(super) fn translation(&self, id: NewTypeId) -> Option<Translation> {
        let found = annotation(&self.hir.types.new_types[id].decl.annotations, "p4runtime_translation")?;
        let uri = annotation_string(found)?;
        let bitwidth = match &found.body {
            // `@p4runtime_translation("uri", 32)`, `("uri", bit<32>)` or `("uri", string)`.
            AnnotationBody::Unstructured(tokens) => {
                let rest = tokens.iter().skip_while(|t| t.kind != AnnotationTokenKind::String).skip(1);
                rest.filter_map(|t| match &t.kind {
                    AnnotationTokenKind::Integer(int) => int.to_u32(),
                    AnnotationTokenKind::String
                    | AnnotationTokenKind::Word
                    | AnnotationTokenKind::Punctuation => None,
                })
                .next()
            }
            AnnotationBody::Expressions(exprs) => exprs.iter().skip(1).find_map(|e| match &e.kind {
                ExprKind::Int(int) => int.to_u32(),
                _ => None,
            }),
            AnnotationBody::Empty | AnnotationBody::Pairs(_) => None,
        };
        Some(Translation { uri, bitwidth })
    }

    /// Bits of a value as the control plane gives it; 0 for one that it gives as a string.
    pub(super) fn control_width(&self, ty: &Ty) -> u32 {
        match ty {
            Ty::New(id) => match self.translation(*id) {
                Some(translation) => translation.bitwidth.unwrap_or(0),
                // What the type is made of may be translated itself; that is for those who use it as such.
                None => self.control_width(&self.strip(ty)),
            },
            Ty::Bool => 1,
            Ty::Bit(width) | Ty::Int(width) | Ty::Varbit(width) => *width,
            Ty::Enum(id) => match &self.hir.types.enums[*id].underlying {
                Some(underlying) => self.control_width(underlying),
                // Given by name.
                None => 0,
            },
            _ => 0,
        }
    }

    /// Describes a type, and by name all that it mentions.
    pub(super) fn data_type(&self, ty: &Ty, info: &mut TypeInfo) -> Option<DataType> {
        Some(match ty {
            Ty::Bool => DataType::Bool,
            Ty::Bit(width) => DataType::Bitstring(BitstringType::Bit(*width)),
            Ty::Int(width) => DataType::Bitstring(BitstringType::Int(*width)),
            Ty::Varbit(width) => DataType::Bitstring(BitstringType::Varbit(*width)),
            Ty::Error => {
                info.error = Some(self.hir.errors.iter().map(|e| e.to_string()).collect());
                DataType::Error
            }
            Ty::Enum(id) => self.enum_type(*id, info),
            Ty::New(id) => {
                self.new_type(*id, info)?;
                DataType::NewType(self.type_name(&self.hir.types.new_types[*id].decl))
            }
            Ty::Tuple(members) => {
                DataType::Tuple(members.iter().map(|m| self.data_type(m, info)).collect::<Option<_>>()?)
            }
            Ty::Composite(id, args) => {
                let composite = &self.hir.types.composites[*id];
                let name = self.specialised_name(&composite.decl, args);
                self.composite_type(ty, composite.kind, &name, info)?;
                match composite.kind {
                    CompositeKind::Struct => DataType::Struct(name),
                    CompositeKind::Header => DataType::Header(name),
                    CompositeKind::HeaderUnion => DataType::HeaderUnion(name),
                }
            }
            Ty::Stack(of, size) => match self.data_type(of, info)? {
                DataType::Header(name) => DataType::HeaderStack(name, *size),
                DataType::HeaderUnion(name) => DataType::HeaderUnionStack(name, *size),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// p4c names a generic struct's specialisation by its arguments.
    fn specialised_name(&self, decl: &hir::Decl, args: &Arc<[Ty]>) -> String {
        let mut name = self.type_name(decl);
        for arg in args.iter() {
            name.push('_');
            match arg {
                Ty::Bit(width) => name.push_str(&format!("bit{width}")),
                Ty::Int(width) => name.push_str(&format!("int{width}")),
                Ty::Bool => name.push_str("bool"),
                Ty::Composite(id, _) => name.push_str(&self.hir.types.composites[*id].decl.name),
                Ty::New(id) => name.push_str(&self.hir.types.new_types[*id].decl.name),
                Ty::Enum(id) => name.push_str(&self.hir.types.enums[*id].decl.name),
                _ => name.push_str("type"),
            }
        }
        name
    }

    fn enum_type(&self, id: hir::EnumId, info: &mut TypeInfo) -> DataType {
        let decl = &self.hir.types.enums[id];
        let name = self.type_name(&decl.decl);
        match &decl.underlying {
            None => {
                let members = decl.members.iter().map(|(name, _)| name.to_string()).collect();
                info.enums.insert(name.clone(), members);
                DataType::Enum(name)
            }
            Some(underlying) => {
                let width = self.strip(underlying);
                let width = match width {
                    Ty::Bit(width) | Ty::Int(width) => width,
                    _ => 0,
                };
                let members = decl
                    .members
                    .iter()
                    .map(|(name, value)| {
                        let bytes = value.as_ref().map_or(Vec::new(), |v| bits_of(v, width).to_be_bytes());
                        (name.to_string(), bytes)
                    })
                    .collect();
                let ty = SerializableEnum { bitwidth: width, members };
                info.serializable_enums.insert(name.clone(), ty);
                DataType::SerializableEnum(name)
            }
        }
    }

    fn new_type(&self, id: NewTypeId, info: &mut TypeInfo) -> Option<()> {
        let decl = &self.hir.types.new_types[id].decl;
        let name = self.type_name(decl);
        if info.new_types.contains_key(&name) {
            return Some(());
        }
        let underlying = self.strip(&Ty::New(id));
        let original = self.data_type(&underlying, info)?;
        let representation = match self.translation(id) {
            Some(translation) => {
                Representation::TranslatedType { uri: translation.uri, sdn_bitwidth: translation.bitwidth }
            }
            None => Representation::OriginalType(original),
        };
        let notes = super::notes::notes(&decl.annotations, &["p4runtime_translation"]);
        info.new_types.insert(name, NewType { representation, notes });
        Some(())
    }

    fn composite_type(&self, ty: &Ty, kind: CompositeKind, name: &str, info: &mut TypeInfo) -> Option<()> {
        let fields = self.fields(ty);
        match kind {
            CompositeKind::Struct => {
                if info.structs.contains_key(name) {
                    return Some(());
                }
                let mut members = Vec::new();
                for (field, ty) in fields {
                    members.push((field.to_string(), self.data_type(&ty, info)?));
                }
                info.structs.insert(name.to_owned(), members);
            }
            CompositeKind::Header => {
                if info.headers.contains_key(name) {
                    return Some(());
                }
                let mut members = Vec::new();
                for (field, ty) in fields {
                    self.header_members(&field, &ty, &mut members);
                }
                info.headers.insert(name.to_owned(), members);
            }
            CompositeKind::HeaderUnion => {
                if info.header_unions.contains_key(name) {
                    return Some(());
                }
                let mut members = Vec::new();
                for (field, ty) in fields {
                    if let DataType::Header(header) = self.data_type(&ty, info)? {
                        members.push((field.to_string(), header));
                    }
                }
                info.header_unions.insert(name.to_owned(), members);
            }
        }
        Some(())
    }

    /// A header's field, structs in it flattened.
    fn header_members(&self, name: &str, ty: &Ty, into: &mut Vec<(String, BitstringType)>) {
        match self.strip(ty) {
            Ty::Bit(width) => into.push((name.to_owned(), BitstringType::Bit(width))),
            Ty::Int(width) => into.push((name.to_owned(), BitstringType::Int(width))),
            Ty::Varbit(width) => into.push((name.to_owned(), BitstringType::Varbit(width))),
            Ty::Bool => into.push((name.to_owned(), BitstringType::Bit(1))),
            ty @ Ty::Enum(_) => into.push((name.to_owned(), BitstringType::Bit(self.control_width(&ty)))),
            ty => {
                for (field, ty) in self.fields(&ty) {
                    self.header_members(&format!("{name}.{field}"), &ty, into);
                }
            }
        }
    }
}
