//! Methods: of extern objects, and those that the language gives to headers, stacks and types.

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::arguments::{Manner, Outer};
use super::calls::Called;
use super::codes::*;
use super::scopes::most_like;
use super::{Checker, Place};
use crate::diag::Diagnostic;
use crate::hir::{Call, Callee, Expr, ExprKind, SizeOf, Ty};
use crate::source::Span;
use crate::syntax::ast::{Argument, CompositeKind, Ident, TypeRef};

impl Checker<'_> {
    /// `receiver.name(args)`.
    pub(super) fn call_method(
        &mut self,
        receiver: Expr,
        name: &Ident,
        type_args: &[TypeRef],
        args: &[Argument],
        span: Span,
    ) -> Expr {
        match &receiver.ty {
            Ty::Unknown => {
                self.check_unused_arguments(args);
                return self.broken(span);
            }
            Ty::Extern(..) => return self.call_extern_method(receiver, name, type_args, args, span),
            Ty::Parser(_) | Ty::Control(_) | Ty::Block(..) => {
                if &*name.name == "apply" {
                    return self.apply_block(receiver, args, span);
                }
                let shown = self.show(&receiver.ty);
                self.error(
                    UNKNOWN_MEMBER,
                    name.span,
                    format!("`{shown}` has no method `{}`, only `apply`", name.name),
                );
                self.check_unused_arguments(args);
                return self.broken(span);
            }
            _ => {}
        }
        let kind = self.composite_kind(&receiver.ty);
        let is_header = kind == Some(CompositeKind::Header);
        let is_header_stack = matches!(&receiver.ty, Ty::Stack(element, _) if self.is_header_like(element));
        let call = |callee| ExprKind::Call(Box::new(Call { callee, args: Vec::new() }));
        let (kind, ty) = match &*name.name {
            "isValid" if is_header || kind == Some(CompositeKind::HeaderUnion) => {
                self.no_arguments(name, type_args, args);
                (ExprKind::IsValid(Box::new(receiver)), Ty::Bool)
            }
            "setValid" | "setInvalid" if is_header => {
                self.no_arguments(name, type_args, args);
                if !self.require_lvalue(&receiver, &format!("`{}` writes to its header", name.name)) {
                    return self.broken(span);
                }
                let callee = if &*name.name == "setValid" {
                    Callee::SetValid(receiver)
                } else {
                    Callee::SetInvalid(receiver)
                };
                (call(callee), Ty::Void)
            }
            "push_front" | "pop_front" if is_header_stack => {
                if !self.require_lvalue(&receiver, &format!("`{}` writes to its stack", name.name)) {
                    return self.broken(span);
                }
                let Some(amount) = self.stack_shift(name, args, span) else { return self.broken(span) };
                let callee = match &*name.name {
                    "push_front" => Callee::PushFront(receiver, amount),
                    _ => Callee::PopFront(receiver, amount),
                };
                (call(callee), Ty::Void)
            }
            _ => {
                let ty = receiver.ty.clone();
                if let Some(size) = self.size_method(&ty, name, args, span) {
                    return size;
                }
                return self.unknown_method(&receiver, name, args, span);
            }
        };
        Expr { kind, ty, span }
    }

    fn unknown_method(&mut self, receiver: &Expr, name: &Ident, args: &[Argument], span: Span) -> Expr {
        let shown = self.show(&receiver.ty);
        let mut diagnostic =
            Diagnostic::error(UNKNOWN_MEMBER, name.span, format!("`{shown}` has no method `{}`", name.name))
                .label(receiver.span, format!("this is `{shown}`"));
        let kind = self.composite_kind(&receiver.ty);
        match (&*name.name, kind) {
            ("setValid" | "setInvalid", Some(CompositeKind::HeaderUnion)) => {
                diagnostic = diagnostic.help("call it on one of the headers of the union");
            }
            ("isValid" | "setValid" | "setInvalid", Some(CompositeKind::Struct)) => {
                diagnostic = diagnostic.note("only headers are valid or invalid");
            }
            _ => {}
        }
        self.emit(diagnostic);
        self.check_unused_arguments(args);
        self.broken(span)
    }

    fn no_arguments(&mut self, name: &Ident, type_args: &[TypeRef], args: &[Argument]) {
        if let Some(first) = args.first() {
            self.error(WRONG_ARGUMENTS, first.span, format!("`{}` takes no arguments", name.name));
            self.check_unused_arguments(args);
        }
        if let Some(first) = type_args.first() {
            self.error(TYPE_ARGUMENT_COUNT, first.span, format!("`{}` is not generic", name.name));
        }
    }

    /// The argument of `push_front` and `pop_front`: positive and known.
    fn stack_shift(&mut self, name: &Ident, args: &[Argument], span: Span) -> Option<u32> {
        let value = match args {
            [Argument { name: None, value: Some(value), .. }] => value,
            [Argument { name: Some(param), value: Some(value), .. }] if &*param.name == "count" => value,
            _ => {
                self.error(WRONG_ARGUMENTS, span, format!("`{}` takes one argument, `count`", name.name));
                self.check_unused_arguments(args);
                return None;
            }
        };
        let amount = self.local_constant(value, &format!("the argument of `{}`", name.name))?;
        match amount.to_u32() {
            Some(amount) if amount > 0 => Some(amount),
            None if amount > BigInt::ZERO => Some(u32::MAX),
            _ => {
                self.error(
                    OUT_OF_RANGE,
                    value.span,
                    format!("the argument of `{}` has to be positive, and this is {amount}", name.name),
                );
                None
            }
        }
    }

    fn call_extern_method(
        &mut self,
        receiver: Expr,
        name: &Ident,
        type_args: &[TypeRef],
        args: &[Argument],
        span: Span,
    ) -> Expr {
        let Ty::Extern(id, outer_args) = receiver.ty.clone() else { return self.broken(span) };
        let candidates: Vec<(usize, _)> = self.externs[id]
            .methods
            .iter()
            .enumerate()
            .filter(|(_, method)| method.name == name.name)
            .map(|(i, method)| (i, method.clone()))
            .collect();
        if candidates.is_empty() {
            let like =
                most_like(&name.name, self.externs[id].methods.iter().map(|method| &method.name)).cloned();
            let (shown, declared) = (self.show(&receiver.ty), self.program.types.externs[id].decl.span);
            let mut diagnostic = Diagnostic::error(
                UNKNOWN_MEMBER,
                name.span,
                format!("`{shown}` has no method `{}`", name.name),
            )
            .label(declared, "declared here");
            if let Some(like) = like {
                diagnostic = diagnostic.suggest(format!("did you mean `{like}`?"), name.span, &*like);
            }
            self.emit(diagnostic);
            self.check_unused_arguments(args);
            return self.broken(span);
        }
        self.may_call(Called::Extern, name.span);
        let in_control =
            matches!(self.around.place, Place::ControlLocals | Place::ControlApply | Place::Action);
        if in_control && &*self.program.types.externs[id].decl.name == "packet_in" {
            let message = format!("`{}` takes from a packet and belongs to parsers", name.name);
            let diagnostic = Diagnostic::error(CALL_NOT_ALLOWED, name.span, message)
                .note("a packet that is too short ends a parser in `reject`, which controls do not have");
            self.emit(diagnostic);
        }
        let signatures: Vec<_> = candidates.iter().map(|(_, signature)| signature.clone()).collect();
        let Some(chosen) = self.choose(&signatures, name, args) else { return self.broken(span) };
        let Some((method, signature)) = candidates.get(chosen) else { return self.broken(span) };
        if let Some(message) = self.deprecated.get(&signature.span).cloned() {
            self.warn_deprecated(name, signature.span, &message);
        }
        let params = self.program.types.externs[id].type_params.clone();
        let outer = Outer { params: &params, args: &outer_args };
        let Some(call) = self.check_call(signature, outer, type_args, args, Manner::Ordinary, span) else {
            return self.broken(span);
        };
        self.check_core_method(id, &signature.name, &call.args, &call.type_args, span);
        let callee = Callee::Method { receiver, extern_id: id, method: *method, type_args: call.type_args };
        Expr { kind: ExprKind::Call(Box::new(Call { callee, args: call.args })), ty: call.ret, span }
    }

    /// What `core.p4` says of the types that its methods work on, in comments alone: `extract` takes headers,
    /// `lookahead` types of fixed size, `emit` what consists of headers.
    fn check_core_method(
        &mut self,
        id: crate::hir::ExternId,
        method: &str,
        args: &[crate::hir::Arg],
        type_args: &[Ty],
        span: Span,
    ) {
        let Some(ty) = type_args.first().cloned() else { return };
        if ty == Ty::Unknown || self.properties_of(&ty).is_generic {
            return;
        }
        let shown = self.show(&ty);
        let message = match (&*self.program.types.externs[id].decl.name, method, args.len()) {
            ("packet_in", "extract", 1) => match self.composite_kind(&ty) {
                Some(CompositeKind::Header) if self.properties_of(&ty).varbit_count == 0 => return,
                Some(CompositeKind::Header) => {
                    format!("`{shown}` has a `varbit` field, whose size `extract` takes as second argument")
                }
                _ => format!("`extract` fills in a header, and this is `{shown}`"),
            },
            ("packet_in", "extract", 2) => match self.composite_kind(&ty) {
                Some(CompositeKind::Header) if self.properties_of(&ty).varbit_count == 1 => return,
                Some(CompositeKind::Header) => {
                    format!(
                        "`extract` with two arguments takes a header with one `varbit` field, unlike `{shown}`"
                    )
                }
                _ => format!("`extract` fills in a header, and this is `{shown}`"),
            },
            ("packet_in", "lookahead", _) => match self.properties_of(&ty).size {
                Some((min, max)) if min == max => return,
                _ => format!("`lookahead` needs a type of fixed size, unlike `{shown}`"),
            },
            ("packet_out", "emit", _) => {
                if self.is_emittable(&ty) {
                    return;
                }
                format!("`emit` writes headers, and structs and stacks of headers, unlike `{shown}`")
            }
            _ => return,
        };
        let at = args.first().and_then(|arg| arg.expr.as_ref()).map_or(span, |expr| expr.span);
        let mut diagnostic = Diagnostic::error(MISMATCHED_TYPES, at, message);
        if let Some((_, composite)) = self.composite(&ty) {
            for field in composite.fields.iter().filter(|field| matches!(field.ty, Ty::Varbit(_))) {
                diagnostic = diagnostic.label(field.decl.span, "of variable size");
            }
        }
        self.emit(diagnostic);
    }

    fn is_emittable(&mut self, ty: &Ty) -> bool {
        match ty {
            Ty::Stack(element, _) => self.is_header_like(element),
            Ty::Composite(id, _) if self.composite_kind(ty) == Some(CompositeKind::Struct) => {
                let count = self.program.types.composites[*id].fields.len();
                (0..count).all(|i| {
                    let field = self.field_type(ty, i);
                    self.is_emittable(&field)
                })
            }
            Ty::Tuple(elements) => {
                let elements = elements.clone();
                elements.iter().all(|element| self.is_emittable(element))
            }
            Ty::Unknown => true,
            _ => self.is_header_like(ty),
        }
    }

    /// `minSizeInBits` and the like of a type; nothing if it is another method (section on compile-time size
    /// determination).
    pub(super) fn size_method(
        &mut self,
        ty: &Ty,
        name: &Ident,
        args: &[Argument],
        span: Span,
    ) -> Option<Expr> {
        let kind = match &*name.name {
            "minSizeInBits" => SizeOf::MinBits,
            "minSizeInBytes" => SizeOf::MinBytes,
            "maxSizeInBits" => SizeOf::MaxBits,
            "maxSizeInBytes" => SizeOf::MaxBytes,
            _ => return None,
        };
        self.no_arguments(name, &[], args);
        if *ty == Ty::Unknown {
            return Some(self.broken(span));
        }
        let properties = self.properties_of(ty);
        if properties.is_generic {
            return Some(Expr { kind: ExprKind::SizeOf(ty.clone(), kind), ty: Ty::InfInt, span });
        }
        let Some((min, max)) = properties.size else {
            let shown = self.show(ty);
            self.error(
                UNDEFINED_OPERATION,
                span,
                format!("`{shown}` has no size that is known at compile time"),
            );
            return Some(self.broken(span));
        };
        let size = match kind {
            SizeOf::MinBits => min,
            SizeOf::MinBytes => min.div_ceil(8),
            SizeOf::MaxBits => max,
            SizeOf::MaxBytes => max.div_ceil(8),
        };
        Some(Expr { kind: ExprKind::Int(BigInt::from(size)), ty: Ty::InfInt, span })
    }
}
