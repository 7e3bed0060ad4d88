//! Types as written, made into types; and which types may stand where.

use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::Checker;
use super::codes::*;
use super::inference::{contains, weight};
use super::scopes::{Entity, TypeEntity};
use crate::diag::Diagnostic;
use crate::hir::{Ty, TypeParamId};
use crate::source::Span;
use crate::syntax::ast::{self, CompositeKind, Expr, Ident, TypeKind, TypeRef};

/// Widest `bit<w>`, `int<w>`, `varbit<w>`.
pub(super) const WIDTH_MAX: u32 = 65_535;
/// Longest header stack or array.
pub(super) const STACK_MAX: u32 = 65_535;
/// Most parts of a type.
pub(crate) const WEIGHT_MAX: usize = 2_000;

impl Checker<'_> {
    /// The type that is written. [`Ty::Unknown`] for `_` and after an error.
    pub(super) fn resolve_type(&mut self, written: &TypeRef) -> Ty {
        let ty = self.deeper(written.span, |c| c.resolve_type_inner(written)).unwrap_or(Ty::Unknown);
        if weight(&ty, WEIGHT_MAX) >= WEIGHT_MAX {
            self.error(TYPE_TOO_LARGE, written.span, "this type has too many parts");
            return Ty::Unknown;
        }
        ty
    }

    /// The type that is written, where `_` cannot stand.
    pub(super) fn resolve_complete_type(&mut self, written: &TypeRef) -> Ty {
        if let Some(span) = dont_care(written) {
            self.emit(
                Diagnostic::error(CANNOT_INFER, span, "`_` cannot stand here: nothing determines the type")
                    .help("write the type"),
            );
            return Ty::Unknown;
        }
        self.resolve_type(written)
    }

    fn resolve_type_inner(&mut self, written: &TypeRef) -> Ty {
        match &written.kind {
            TypeKind::Bool => Ty::Bool,
            TypeKind::Error => {
                if self.program.errors.is_empty() {
                    self.emit(
                        Diagnostic::error(
                            CORE_DECLARATION_MISSING,
                            written.span,
                            "no `error` is declared, so there is no type `error`",
                        )
                        .help("add `#include <core.p4>`"),
                    );
                    return Ty::Unknown;
                }
                Ty::Error
            }
            TypeKind::MatchKind => Ty::MatchKind,
            TypeKind::String => Ty::String,
            TypeKind::Void => Ty::Void,
            TypeKind::DontCare => Ty::Unknown,
            TypeKind::InfInt => Ty::InfInt,
            TypeKind::Bit(None) => Ty::Bit(1),
            TypeKind::Bit(Some(width)) => self.width(width, 0).map_or(Ty::Unknown, Ty::Bit),
            TypeKind::Int(width) => self.width(width, 1).map_or(Ty::Unknown, Ty::Int),
            TypeKind::Varbit(width) => self.width(width, 0).map_or(Ty::Unknown, Ty::Varbit),
            TypeKind::Named { dotted, name, args } => self.named_type(*dotted, name, args, written.span),
            TypeKind::Array(element, size) => {
                let ty = self.resolve_complete_type(element);
                let size = self.stack_size(size);
                if !self.check_array_element(&ty, element.span) {
                    return Ty::Unknown;
                }
                match size {
                    Some(size) if ty != Ty::Unknown => Ty::Stack(Arc::new(ty), size),
                    _ => Ty::Unknown,
                }
            }
            TypeKind::Tuple(elements) => {
                let mut types = Vec::new();
                for element in elements {
                    let ty = self.resolve_type(element);
                    let fits = self.check_element(&ty, element.span, "a tuple", "a component", None);
                    types.push(if fits { ty } else { Ty::Unknown });
                }
                Ty::Tuple(types.into())
            }
            TypeKind::List(element) => {
                let ty = self.resolve_type(element);
                if matches!(
                    ty,
                    Ty::Void
                        | Ty::Extern(..)
                        | Ty::Parser(_)
                        | Ty::Control(_)
                        | Ty::Block(..)
                        | Ty::Package(..)
                ) || (matches!(&ty, Ty::Stack(inner, _) if !self.is_header_like(inner) && **inner != Ty::Unknown))
                {
                    let shown = self.show(&ty);
                    self.error(
                        INVALID_ELEMENT_TYPE,
                        element.span,
                        format!("a list cannot have elements of type `{shown}`"),
                    );
                    return Ty::Unknown;
                }
                Ty::List(Arc::new(ty))
            }
        }
    }

    fn named_type(&mut self, dotted: bool, name: &Ident, args: &[TypeRef], span: Span) -> Ty {
        let Some((entity, declared)) = self.lookup(name, dotted) else {
            for arg in args {
                self.resolve_type(arg);
            }
            return Ty::Unknown;
        };
        let args: Vec<(Ty, Span)> = args.iter().map(|arg| (self.type_argument(arg), arg.span)).collect();
        match entity {
            Entity::Type(entity) => self.specialize(&entity, name, args, span),
            Entity::Open(kind) => {
                self.emit(
                    Diagnostic::error(
                        RECURSIVE_DECLARATION,
                        name.span,
                        format!("`{}` refers to itself in its own declaration", name.name),
                    )
                    .label(declared, format!("{kind} that is being declared")),
                );
                Ty::Unknown
            }
            Entity::Broken => Ty::Unknown,
            other => {
                self.emit(
                    Diagnostic::error(
                        WRONG_KIND_OF_NAME,
                        name.span,
                        format!("`{}` is {}, not a type", name.name, other.kind()),
                    )
                    .label(declared, "declared here"),
                );
                Ty::Unknown
            }
        }
    }

    /// A type argument: packages, parsers and controls cannot be ones.
    fn type_argument(&mut self, written: &TypeRef) -> Ty {
        let ty = self.resolve_type(written);
        self.check_type_argument(ty, written.span)
    }

    /// Refuses types that cannot be type arguments.
    pub(super) fn check_type_argument(&mut self, ty: Ty, span: Span) -> Ty {
        if matches!(ty, Ty::Parser(_) | Ty::Control(_) | Ty::Package(..) | Ty::Block(..)) {
            let shown = self.show(&ty);
            self.error(TYPE_NOT_ALLOWED, span, format!("`{shown}` cannot be a type argument"));
            return Ty::Unknown;
        }
        ty
    }

    /// A type entity with its type arguments.
    pub(super) fn specialize(
        &mut self,
        entity: &TypeEntity,
        name: &Ident,
        args: Vec<(Ty, Span)>,
        span: Span,
    ) -> Ty {
        let types = &self.program.types;
        let (wanted, declared) = match entity {
            TypeEntity::Plain(_) => (0, Span::default()),
            TypeEntity::Composite(id) => {
                (types.composites[*id].type_params.len(), types.composites[*id].decl.span)
            }
            TypeEntity::Extern(id) => (types.externs[*id].type_params.len(), types.externs[*id].decl.span),
            TypeEntity::Package(id) => (types.packages[*id].type_params.len(), types.packages[*id].decl.span),
            TypeEntity::Block(id) => {
                (types.block_types[*id].type_params.len(), types.block_types[*id].decl.span)
            }
            TypeEntity::Parser(id) => (0, self.program.parsers[*id].decl.span),
            TypeEntity::Control(id) => (0, self.program.controls[*id].decl.span),
        };
        if args.len() != wanted {
            self.type_argument_count(name, wanted, args.len(), span, declared);
            return Ty::Unknown;
        }
        let args: Arc<[Ty]> = args.into_iter().map(|(ty, _)| ty).collect();
        match entity {
            TypeEntity::Plain(ty) => ty.clone(),
            TypeEntity::Composite(id) => {
                let ty = Ty::Composite(*id, args.clone());
                if !args.is_empty() {
                    self.check_specialized_fields(&ty, span);
                }
                ty
            }
            TypeEntity::Extern(id) => {
                let ty = Ty::Extern(*id, args);
                self.check_specialized_extern(&ty, span);
                ty
            }
            TypeEntity::Package(id) => Ty::Package(*id, args),
            TypeEntity::Block(id) => Ty::Block(*id, args),
            TypeEntity::Parser(id) => Ty::Parser(*id),
            TypeEntity::Control(id) => Ty::Control(*id),
        }
    }

    /// Reports a wrong number of type arguments.
    pub(super) fn type_argument_count(
        &mut self,
        name: &Ident,
        wanted: usize,
        given: usize,
        span: Span,
        declared: Span,
    ) {
        let message = match (wanted, given) {
            (0, _) => format!("`{}` is not generic", name.name),
            (_, 0) => format!("`{}` is generic and needs {}", name.name, count(wanted, "type argument")),
            _ => format!("`{}` takes {}, {given} given", name.name, count(wanted, "type argument")),
        };
        self.emit(Diagnostic::error(TYPE_ARGUMENT_COUNT, span, message).label(declared, "declared here"));
    }

    /// Makes type parameters and binds their names.
    pub(super) fn type_params(&mut self, names: &[Ident]) -> Vec<TypeParamId> {
        let mut params = Vec::new();
        for name in names {
            let id = self.program.types.type_params.push(name.name.clone());
            self.declare_as(name, Entity::Type(TypeEntity::Plain(Ty::Param(id))), true);
            params.push(id);
        }
        params
    }

    /// A width.
    fn width(&mut self, written: &Expr, min: u32) -> Option<u32> {
        let value = self.local_constant(written, "a width")?;
        self.width_value(&value, min, written.span)
    }

    fn width_value(&mut self, value: &BigInt, min: u32, span: Span) -> Option<u32> {
        match value.to_u32() {
            Some(width) if width >= min && width <= WIDTH_MAX => return Some(width),
            Some(0) => self.error(INVALID_WIDTH, span, "a signed integer needs at least one bit"),
            _ if *value < BigInt::ZERO => {
                self.error(INVALID_WIDTH, span, format!("a width cannot be negative, and this is {value}"));
            }
            _ => self.error(INVALID_WIDTH, span, format!("widths up to {WIDTH_MAX} bits are supported")),
        }
        None
    }

    pub(super) fn stack_size(&mut self, written: &Expr) -> Option<u32> {
        let value = self.local_constant(written, "the size of an array or header stack")?;
        match value.to_u32() {
            Some(size) if size <= STACK_MAX => return Some(size),
            _ if value < BigInt::ZERO => {
                self.error(
                    INVALID_WIDTH,
                    written.span,
                    format!("a size cannot be negative, and this is {value}"),
                );
            }
            _ => self.error(INVALID_WIDTH, written.span, format!("sizes up to {STACK_MAX} are supported")),
        }
        None
    }

    fn check_array_element(&mut self, ty: &Ty, span: Span) -> bool {
        let fits = match ty {
            Ty::InfInt | Ty::String | Ty::Void | Ty::MatchKind | Ty::Error => false,
            Ty::Parser(_) | Ty::Control(_) | Ty::Block(..) | Ty::Package(..) => false,
            Ty::Tuple(_) | Ty::List(_) => false,
            Ty::Stack(inner, _) => !self.is_header_like(inner),
            _ => true,
        };
        if !fits {
            let shown = self.show(ty);
            self.error(INVALID_ELEMENT_TYPE, span, format!("there are no arrays of `{shown}`"));
        }
        fits
    }

    /// Whether a type can be an element of a composite; reported if not (section on type nesting rules).
    pub(super) fn check_element(
        &mut self,
        ty: &Ty,
        span: Span,
        container: &str,
        element: &str,
        kind: Option<CompositeKind>,
    ) -> bool {
        let fits = match kind {
            // Constants may be tuples of what no variable can be.
            None => !matches!(
                ty,
                Ty::Void
                    | Ty::List(_)
                    | Ty::Extern(..)
                    | Ty::Parser(_)
                    | Ty::Control(_)
                    | Ty::Block(..)
                    | Ty::Package(..)
            ),
            Some(CompositeKind::Struct) => !matches!(
                ty,
                Ty::InfInt
                    | Ty::Void
                    | Ty::String
                    | Ty::MatchKind
                    | Ty::List(_)
                    | Ty::Extern(..)
                    | Ty::Parser(_)
                    | Ty::Control(_)
                    | Ty::Block(..)
                    | Ty::Package(..)
            ),
            Some(CompositeKind::Header) => self.fits_header(ty),
            Some(CompositeKind::HeaderUnion) => {
                matches!(ty, Ty::Param(_) | Ty::Unknown | Ty::Infer(_))
                    || self.composite_kind(ty) == Some(CompositeKind::Header)
            }
        };
        if !fits {
            let shown = self.show(ty);
            let mut diagnostic = Diagnostic::error(
                INVALID_ELEMENT_TYPE,
                span,
                format!("{container} cannot have {element} of type `{shown}`"),
            );
            if *ty == Ty::InfInt {
                diagnostic = diagnostic.help("`int` has no width: write it, as in `bit<32>` or `int<32>`");
            } else if kind == Some(CompositeKind::Header) {
                diagnostic = match ty {
                    Ty::Enum(_) => diagnostic.help("give the enum an underlying type, as in `enum bit<8> E { ... }`"),
                    _ => diagnostic.note(
                        "headers have an exact layout: bits, varbits, booleans, serializable enums and structs of \
                         these",
                    ),
                };
            }
            self.emit(diagnostic);
        }
        fits
    }

    fn fits_header(&mut self, ty: &Ty) -> bool {
        matches!(ty, Ty::Varbit(_)) || self.properties_of(ty).fits_header
    }

    /// Checks the fields of a generic composite once its type arguments are known.
    fn check_specialized_fields(&mut self, ty: &Ty, span: Span) {
        let Some((_, composite)) = self.composite(ty) else { return };
        let (kind, count) = (composite.kind, composite.fields.len());
        for i in 0..count {
            let Some((_, composite)) = self.composite(ty) else { return };
            let Some(field) = composite.fields.get(i) else { return };
            if !contains(&field.ty, &|ty| matches!(ty, Ty::Param(_))) {
                continue;
            }
            let (name, container) = (field.decl.name.clone(), container_name(kind));
            let concrete = self.field_type(ty, i);
            if !self.check_element(&concrete, span, container, &format!("the field `{name}`"), Some(kind))
                || !self.check_substituted(&concrete, span)
            {
                return;
            }
        }
    }

    /// Checks stacks that type arguments have completed.
    fn check_substituted(&mut self, ty: &Ty, span: Span) -> bool {
        match ty {
            Ty::Stack(element, _) => {
                self.check_array_element(&element.clone(), span)
                    && self.check_substituted(&element.clone(), span)
            }
            Ty::Tuple(elements) => {
                let elements = elements.clone();
                elements.iter().all(|ty| {
                    self.check_element(ty, span, "a tuple", "a component", None)
                        && self.check_substituted(ty, span)
                })
            }
            _ => true,
        }
    }

    /// Checks the signatures of an extern's methods once its type arguments are known.
    pub(super) fn check_specialized_extern(&mut self, ty: &Ty, span: Span) {
        let Ty::Extern(id, args) = ty else { return };
        if args.is_empty() {
            return;
        }
        let params = self.program.types.externs[*id].type_params.clone();
        let methods = self.externs[*id].methods.clone();
        for method in methods {
            for param in &method.params {
                let concrete = super::inference::substitute(&param.ty, &params, args);
                if concrete != param.ty && !self.check_substituted_parameter(&concrete, param.direction, span)
                {
                    return;
                }
            }
        }
    }

    /// Checks a parameter's type that type arguments have completed.
    pub(super) fn check_substituted_parameter(
        &mut self,
        ty: &Ty,
        direction: ast::Direction,
        span: Span,
    ) -> bool {
        if direction != ast::Direction::None && matches!(ty, Ty::String | Ty::InfInt | Ty::Extern(..)) {
            let shown = self.show(ty);
            self.error(
                TYPE_NOT_ALLOWED,
                span,
                format!("this makes a parameter with direction of type `{shown}`, which can have none"),
            );
            return false;
        }
        self.check_substituted(ty, span)
    }
}

/// With its article, for messages.
pub(super) fn container_name(kind: CompositeKind) -> &'static str {
    match kind {
        CompositeKind::Header => "a header",
        CompositeKind::Struct => "a struct",
        CompositeKind::HeaderUnion => "a header union",
    }
}

/// `1 thing`, `2 things`.
pub(super) fn count(n: usize, thing: &str) -> String {
    match n {
        0 => format!("no {thing}s"),
        1 => format!("1 {thing}"),
        _ => format!("{n} {thing}s"),
    }
}

/// Where a type as written contains `_`.
fn dont_care(written: &TypeRef) -> Option<Span> {
    match &written.kind {
        TypeKind::DontCare => Some(written.span),
        TypeKind::Named { args, .. } | TypeKind::Tuple(args) => args.iter().find_map(dont_care),
        TypeKind::Array(element, _) | TypeKind::List(element) => dont_care(element),
        _ => None,
    }
}
