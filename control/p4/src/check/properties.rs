//! What follows from a type's structure: size, whether its values can be compared, where it may stand.
//!
//! Remembered per type, so that types that share parts are looked through once.

use super::Checker;
use super::inference::substitute;
use crate::hir::{Composite, CompositeId, Ty};
use crate::syntax::ast::CompositeKind;

/// What is known of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Properties {
    /// Smallest and largest size in bits, if it has one.
    pub(super) size: Option<(u64, u64)>,
    /// Whether `==` is defined.
    pub(super) is_comparable: bool,
    /// Whether it has a default value.
    pub(super) has_default: bool,
    /// Whether it mentions a type parameter.
    pub(super) is_generic: bool,
    /// How many `varbit` it contains.
    pub(super) varbit_count: u64,
    /// Whether it can be part of a struct in a header.
    pub(super) fits_header: bool,
}

impl Properties {
    const UNKNOWN: Properties = Properties {
        size: None,
        is_comparable: true,
        has_default: true,
        is_generic: false,
        varbit_count: 0,
        fits_header: true,
    };

    const OPAQUE: Properties = Properties {
        size: None,
        is_comparable: false,
        has_default: false,
        is_generic: false,
        varbit_count: 0,
        fits_header: false,
    };

    fn sized(bits: u64) -> Properties {
        Properties { size: Some((bits, bits)), ..Properties::UNKNOWN }
    }

    /// Of a sequence of both.
    fn and(self, other: Properties) -> Properties {
        Properties {
            size: self.size.zip(other.size).map(|(a, b)| (a.0.saturating_add(b.0), a.1.saturating_add(b.1))),
            is_comparable: self.is_comparable && other.is_comparable,
            has_default: self.has_default && other.has_default,
            is_generic: self.is_generic || other.is_generic,
            varbit_count: self.varbit_count.saturating_add(other.varbit_count),
            fits_header: self.fits_header && other.fits_header,
        }
    }

    /// Of one or the other.
    fn or(self, other: Properties) -> Properties {
        Properties {
            size: self.size.zip(other.size).map(|(a, b)| (a.0.max(b.0), a.1.max(b.1))),
            ..self.and(other)
        }
    }

    fn times(self, count: u32) -> Properties {
        let count = u64::from(count);
        Properties {
            size: self.size.map(|(a, b)| (a.saturating_mul(count), b.saturating_mul(count))),
            varbit_count: self.varbit_count.saturating_mul(count),
            ..self
        }
    }
}

impl Checker<'_> {
    /// What is known of a type.
    pub(super) fn properties_of(&mut self, ty: &Ty) -> Properties {
        match ty {
            Ty::Unknown | Ty::Infer(_) => Properties::UNKNOWN,
            Ty::Bool => Properties::sized(1),
            Ty::Bit(w) | Ty::Int(w) => Properties::sized(u64::from(*w)),
            Ty::Varbit(w) => Properties {
                size: Some((0, u64::from(*w))),
                varbit_count: 1,
                fits_header: false,
                ..Properties::UNKNOWN
            },
            Ty::InfInt | Ty::String | Ty::Error => Properties { fits_header: false, ..Properties::UNKNOWN },
            Ty::MatchKind => Properties { has_default: false, fits_header: false, ..Properties::UNKNOWN },
            Ty::Enum(id) => match self.program.types.enums[*id].underlying.clone() {
                Some(underlying) => self.properties_of(&underlying),
                None => Properties { fits_header: false, ..Properties::UNKNOWN },
            },
            Ty::New(id) => {
                let underlying = self.program.types.new_types[*id].underlying.clone();
                self.properties_of(&underlying)
            }
            Ty::Stack(element, size) => {
                let fits_header = !self.is_header_like(element);
                let all = self.properties_of(element).times(*size);
                Properties { fits_header: all.fits_header && fits_header, ..all }
            }
            Ty::List(element) => {
                Properties { has_default: false, fits_header: false, ..self.properties_of(element) }
            }
            Ty::Set(_) => Properties::OPAQUE,
            Ty::Tuple(elements) => {
                let all = elements
                    .iter()
                    .fold(Properties::sized(0), |all, element| all.and(self.properties_of(element)));
                Properties { fits_header: false, ..all }
            }
            Ty::AnonymousStruct(fields) => {
                fields.iter().fold(Properties::sized(0), |all, (_, ty)| all.and(self.properties_of(ty)))
            }
            Ty::InvalidHeader | Ty::Dots => Properties::UNKNOWN,
            Ty::Param(_) => Properties { is_comparable: false, is_generic: true, ..Properties::UNKNOWN },
            Ty::Composite(id, _) => {
                if let Some(known) = self.properties.get(ty) {
                    return *known;
                }
                // What refers to itself has been reported; the placeholder ends the search.
                self.properties.insert(ty.clone(), Properties::UNKNOWN);
                let kind = self.program.types.composites[*id].kind;
                let count = self.program.types.composites[*id].fields.len();
                let mut all = Properties::sized(0);
                for field in 0..count {
                    let field = self.field_type(ty, field);
                    let field = self.properties_of(&field);
                    all = if kind == CompositeKind::HeaderUnion { all.or(field) } else { all.and(field) };
                }
                all.fits_header &= kind == CompositeKind::Struct;
                self.properties.insert(ty.clone(), all);
                all
            }
            Ty::Void
            | Ty::Extern(..)
            | Ty::Parser(_)
            | Ty::Control(_)
            | Ty::Block(..)
            | Ty::Package(..)
            | Ty::ApplyResult(_)
            | Ty::Callable => Properties::OPAQUE,
        }
    }

    /// The declaration and type arguments of a struct, header or union.
    pub(super) fn composite(&self, ty: &Ty) -> Option<(CompositeId, &Composite)> {
        match ty {
            Ty::Composite(id, _) => Some((*id, &self.program.types.composites[*id])),
            _ => None,
        }
    }

    /// Which kind of composite it is, if it is one.
    pub(super) fn composite_kind(&self, ty: &Ty) -> Option<CompositeKind> {
        self.composite(ty).map(|(_, composite)| composite.kind)
    }

    /// Whether it is a header or a header union.
    pub(super) fn is_header_like(&self, ty: &Ty) -> bool {
        matches!(self.composite_kind(ty), Some(CompositeKind::Header | CompositeKind::HeaderUnion))
    }

    /// The type of a field of a struct, header or union, type arguments filled in.
    pub(super) fn field_type(&self, ty: &Ty, field: usize) -> Ty {
        let Ty::Composite(id, args) = ty else { return Ty::Unknown };
        let composite = &self.program.types.composites[*id];
        match composite.fields.get(field) {
            Some(field) => substitute(&field.ty, &composite.type_params, args),
            None => Ty::Unknown,
        }
    }

    /// What a `type` is made of at bottom; the type itself if it is none.
    pub(super) fn without_new<'t>(&'t self, mut ty: &'t Ty) -> &'t Ty {
        while let Ty::New(id) = ty {
            ty = &self.program.types.new_types[*id].underlying;
        }
        ty
    }

    /// The type that the values of a serializable enum have.
    pub(super) fn enum_underlying(&self, ty: &Ty) -> Option<&Ty> {
        match ty {
            Ty::Enum(id) => self.program.types.enums[*id].underlying.as_ref(),
            _ => None,
        }
    }
}
