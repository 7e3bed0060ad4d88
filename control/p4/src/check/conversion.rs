//! From one type to another: implicit casts, explicit ones, and the meaning of lists in braces, `{#}` and `...`.

use std::sync::Arc;

use num_bigint::{BigInt, Sign};
use num_traits::{One, Zero};

use super::Checker;
use super::codes::*;
use super::constants::{Literal, fits, literal, wrap};
use super::inference::{DOTS_FIELD, Fit, Inference, is_list, substitute};
use super::types::count;
use crate::diag::Diagnostic;

use crate::hir::{BinaryOp, Expr, ExprKind, NewType, Ty, UnaryOp};
use crate::source::Span;

/// What wants a value to be of a certain type, for messages.
#[derive(Clone, Debug)]
pub(super) struct Wanted<'a> {
    /// As in "`x` has type ...".
    pub(super) what: &'a str,
    /// Where it is declared.
    pub(super) declared: Span,
}

/// What an element of a list in braces has to be: its name, for messages, and its type.
type Target = (String, Ty);

impl Checker<'_> {
    /// The expression as a value of type `to`, implicit casts inserted. A misfit is reported.
    pub(super) fn coerce(&mut self, expr: Expr, to: &Ty, wanted: &Wanted<'_>) -> Expr {
        if expr.ty == *to {
            return expr;
        }
        if *to == Ty::Unknown || expr.ty == Ty::Unknown {
            return Expr { ty: to.clone(), ..expr };
        }
        if *to == Ty::InfInt && self.becomes_int(&expr) {
            let span = expr.span;
            return self.fold_cast(expr, to, span);
        }
        if !self.is_assignable(to, &expr.ty) {
            self.mismatch(&expr, to, wanted);
            return self.broken(expr.span);
        }
        self.convert(expr, to)
    }

    /// Whether a number with a width can stand where an `int` is needed: only if it is known.
    pub(super) fn becomes_int(&self, expr: &Expr) -> bool {
        let is_number =
            matches!(expr.ty, Ty::Bit(_) | Ty::Int(_)) || self.enum_underlying(&expr.ty).is_some();
        is_number && self.is_static_argument(expr)
    }

    /// Reports that a value is not of the type that is needed, as precisely as the parts of the value allow.
    fn mismatch(&mut self, expr: &Expr, to: &Ty, wanted: &Wanted<'_>) {
        if let (ExprKind::Aggregate(elements), Some(targets)) = (&expr.kind, self.targets(expr, to)) {
            match targets {
                Ok(targets) => {
                    for (element, (name, target)) in elements.iter().zip(&targets) {
                        if element.ty != Ty::Dots && !self.is_assignable(target, &element.ty) {
                            self.mismatch(element, target, &Wanted { what: name, declared: wanted.declared });
                            return;
                        }
                    }
                }
                Err(message) => {
                    let shown = self.show(to);
                    self.emit(
                        Diagnostic::error(
                            MISMATCHED_TYPES,
                            expr.span,
                            format!("this does not fit `{shown}`: {message}"),
                        )
                        .label(wanted.declared, format!("{} is declared here", wanted.what)),
                    );
                    return;
                }
            }
        }
        let (from, target) = (self.show(&expr.ty), self.show(to));
        let mut diagnostic = Diagnostic::error(
            MISMATCHED_TYPES,
            expr.span,
            format!("{} has type `{target}`, and this is `{from}`", wanted.what),
        )
        .primary_label(format!("expected `{target}`, found `{from}`"))
        .label(wanted.declared, format!("{} is declared here", wanted.what));
        if self.can_cast(to, &expr.ty) {
            diagnostic = diagnostic.help(format!("convert it with a cast: `({target})`"));
        } else if let (Ty::Bit(_), Ty::Int(w)) | (Ty::Int(_), Ty::Bit(w)) = (to, &expr.ty) {
            let middle = self.show(&if matches!(to, Ty::Bit(_)) { Ty::Bit(*w) } else { Ty::Int(*w) });
            diagnostic =
                diagnostic.help(format!("change sign and width one after the other: `({target})({middle})`"));
        } else if matches!((to, &expr.ty), (Ty::Bool, Ty::Bit(_) | Ty::Int(_) | Ty::InfInt)) {
            diagnostic = diagnostic.help("compare it, as in `x != 0`: numbers are not conditions in P4");
        } else if matches!((to, &expr.ty), (Ty::Bool, Ty::ApplyResult(_))) {
            diagnostic = diagnostic.help("`.hit` says whether an entry matched, as in `t.apply().hit`");
        } else if matches!((to, &expr.ty), (Ty::Block(..), Ty::Control(_) | Ty::Parser(_))) {
            diagnostic = self.explain_conformance(diagnostic, to, &expr.ty);
        }
        self.emit(diagnostic);
    }

    /// Says which parameter of a parser or control does not fit the type that an architecture wants.
    fn explain_conformance(&self, diagnostic: Diagnostic, to: &Ty, from: &Ty) -> Diagnostic {
        let Some((wanted, given)) = self.block_signature(to).zip(self.block_signature(from)) else {
            return diagnostic;
        };
        if wanted.0 != given.0 {
            return diagnostic.note("one is a parser, the other a control");
        }
        let (args, wanted, given) = (wanted.2, wanted.1, given.1);
        if wanted.params.len() != given.params.len() {
            return diagnostic
                .label(given.span, format!("has {}", count(given.params.len(), "parameter")))
                .label(wanted.span, format!("has {}", count(wanted.params.len(), "parameter")));
        }
        for (a, b) in wanted.params.iter().zip(&given.params) {
            if a.direction != b.direction {
                return diagnostic
                    .label(b.span, "the direction of this parameter differs")
                    .label(a.span, "from that of this one");
            }
            let ty = substitute(&a.ty, &wanted.type_params, &args);
            if !self.unify(&mut Inference::default(), &ty, &b.ty, Fit::Exact) {
                let (want, have) = (self.show(&ty), self.show(&b.ty));
                return diagnostic
                    .label(b.span, format!("this parameter is `{have}`"))
                    .label(a.span, format!("and this one wants `{want}`"));
            }
        }
        diagnostic.label(given.span, "has these parameters").label(wanted.span, "wants other ones")
    }

    /// What each element of a list in braces has to be, with its name; or why there can be no such list.
    fn targets(&self, expr: &Expr, to: &Ty) -> Option<Result<Vec<Target>, String>> {
        let numbered = |types: &mut dyn Iterator<Item = Ty>| {
            types.enumerate().map(|(i, ty)| (format!("element {i}"), ty)).collect::<Vec<_>>()
        };
        let (targets, thing) = match (&expr.ty, to) {
            (Ty::AnonymousStruct(given), Ty::Tuple(types)) if is_list(given) => {
                (numbered(&mut types.iter().cloned()), "component")
            }
            (Ty::AnonymousStruct(given), Ty::List(element)) if is_list(given) => {
                (numbered(&mut given.iter().map(|_| (**element).clone())), "element")
            }
            (Ty::AnonymousStruct(given), Ty::Stack(element, size)) if is_list(given) => {
                (numbered(&mut (0..*size).map(|_| (**element).clone())), "element")
            }
            (Ty::AnonymousStruct(given), Ty::Composite(id, _)) if is_list(given) => {
                let fields = &self.program.types.composites[*id].fields;
                let targets = fields
                    .iter()
                    .enumerate()
                    .map(|(i, field)| (format!("the field `{}`", field.decl.name), self.field_type(to, i)))
                    .collect();
                (targets, "field")
            }
            (Ty::AnonymousStruct(given), Ty::Composite(id, _)) => {
                let composite = &self.program.types.composites[*id];
                let mut targets = Vec::new();
                for (name, _) in given.iter() {
                    if &**name == DOTS_FIELD {
                        targets.push((String::new(), Ty::Dots));
                        continue;
                    }
                    match composite.fields.named(name) {
                        Some(i) => targets.push((format!("the field `{name}`"), self.field_type(to, i))),
                        None => return Some(Err(format!("it has no field `{name}`"))),
                    }
                }
                let has_dots = given.last().is_some_and(|(name, _)| &**name == DOTS_FIELD);
                let missing = composite
                    .fields
                    .iter()
                    .find(|field| !given.iter().any(|(name, _)| *name == field.decl.name));
                return match missing {
                    Some(field) if !has_dots => {
                        Some(Err(format!("the field `{}` has no value", field.decl.name)))
                    }
                    _ => Some(Ok(targets)),
                };
            }
            _ => return None,
        };
        let Ty::AnonymousStruct(given) = &expr.ty else { return None };
        let explicit = given.iter().filter(|(_, ty)| *ty != Ty::Dots).count();
        let has_dots = explicit < given.len();
        if explicit > targets.len() || (explicit < targets.len() && !has_dots) {
            return Some(Err(format!(
                "it has {}, and {} given",
                count(targets.len(), thing),
                match explicit {
                    0 => "none is".to_owned(),
                    1 => "1 is".to_owned(),
                    n => format!("{n} are"),
                }
            )));
        }
        Some(Ok(targets))
    }

    /// The expression as a value of type `to`, to which it can be assigned.
    pub(super) fn convert(&mut self, expr: Expr, to: &Ty) -> Expr {
        if expr.ty == *to {
            return expr;
        }
        let span = expr.span;
        let retyped = |kind| Expr { kind, ty: to.clone(), span };
        match (expr.kind, to) {
            (ExprKind::Int(value), Ty::Bit(_) | Ty::Int(_)) => {
                retyped(ExprKind::Int(self.truncate(&value, to, span)))
            }
            (ExprKind::EnumMember(id, index), Ty::Bit(_) | Ty::Int(_)) => {
                let value =
                    self.program.types.enums[id].members.get(index).and_then(|(_, value)| value.clone());
                retyped(ExprKind::Int(value.unwrap_or_default()))
            }
            (ExprKind::Aggregate(elements), _) if matches!(expr.ty, Ty::AnonymousStruct(_)) => {
                self.convert_aggregate(elements, &expr.ty, to, span)
            }
            (ExprKind::Default, _) if expr.ty == Ty::Dots => self.default_value(to, span),
            (ExprKind::InvalidHeader, _) => retyped(ExprKind::InvalidHeader),
            (ExprKind::Conditional(cond, a, b), _) => {
                let (a, b) = (self.convert(*a, to), self.convert(*b, to));
                retyped(ExprKind::Conditional(cond, Box::new(a), Box::new(b)))
            }
            // Instances stay what they are; the signature has been compared.
            (kind, Ty::Extern(..) | Ty::Block(..) | Ty::Package(..) | Ty::Parser(_) | Ty::Control(_)) => {
                Expr { kind, ty: expr.ty, span }
            }
            (kind, Ty::Unknown) => retyped(kind),
            (kind, _) if expr.ty == Ty::Unknown => retyped(kind),
            // Section 8.25 wants a cast; p4c does without, and programs such as SONiC's depend on it.
            (kind, Ty::New(id)) if expr.ty == Ty::InfInt => {
                let NewType { decl, underlying } = self.program.types.new_types[*id].clone();
                self.emit(
                    Diagnostic::warning(
                        INT_AS_NEW_TYPE,
                        span,
                        format!("a number becomes a `{}` without a cast", decl.name),
                    )
                    .help(format!("write `({})` before it", decl.name)),
                );
                let inner = self.convert(Expr { kind, ty: Ty::InfInt, span }, &underlying);
                retyped(ExprKind::Cast(Box::new(inner)))
            }
            (kind, Ty::Bit(_) | Ty::Int(_)) if expr.ty == Ty::InfInt => {
                self.narrow(Expr { kind, ty: Ty::InfInt, span }, to)
            }
            (kind, _) => retyped(ExprKind::Cast(Box::new(Expr { kind, ty: expr.ty, span }))),
        }
    }

    fn convert_aggregate(&mut self, elements: Vec<Expr>, from: &Ty, to: &Ty, span: Span) -> Expr {
        let targets: Vec<Ty> = match to {
            Ty::Composite(id, _) => {
                let count = self.program.types.composites[*id].fields.len();
                (0..count).map(|i| self.field_type(to, i)).collect()
            }
            Ty::Tuple(types) => types.to_vec(),
            Ty::Stack(element, size) => vec![(**element).clone(); *size as usize],
            Ty::List(element) => vec![(**element).clone(); elements.len()],
            _ => return Expr { kind: ExprKind::Aggregate(elements), ty: from.clone(), span },
        };
        let mut slots: Vec<Option<Expr>> = targets.iter().map(|_| None).collect();
        let names = match (from, to) {
            (Ty::AnonymousStruct(names), Ty::Composite(id, _)) if !is_list(names) => {
                Some((names, &self.program.types.composites[*id].fields))
            }
            _ => None,
        };
        let positions: Vec<Option<usize>> = match names {
            Some((names, fields)) => names.iter().map(|(name, _)| fields.named(name)).collect(),
            None => (0..elements.len()).map(Some).collect(),
        };
        let names_missing = matches!(from, Ty::AnonymousStruct(names) if is_list(names));
        let mut dots = span;
        for (element, position) in elements.into_iter().zip(positions) {
            if element.ty == Ty::Dots {
                dots = element.span;
                // `a = ...` fills in the one field, a final `...` all that are left.
                if names_missing || position.is_none() {
                    continue;
                }
            }
            if let Some(slot) = position.and_then(|i| slots.get_mut(i)) {
                *slot = Some(element);
            }
        }
        let elements = slots
            .into_iter()
            .zip(&targets)
            .map(|(slot, target)| match slot {
                Some(element) => self.convert(element, target),
                None => self.default_value(target, dots),
            })
            .collect();
        Expr { kind: ExprKind::Aggregate(elements), ty: to.clone(), span }
    }

    /// What `...` means as a value of this type (section on default values).
    pub(super) fn default_value(&mut self, ty: &Ty, span: Span) -> Expr {
        let kind = match ty {
            Ty::InfInt | Ty::Bit(_) | Ty::Int(_) => ExprKind::Int(BigInt::ZERO),
            Ty::Bool => ExprKind::Bool(false),
            Ty::String => ExprKind::String(Arc::from("")),
            Ty::Error => match self.program.errors.iter().position(|name| &**name == "NoError") {
                Some(index) => ExprKind::Error(index),
                None => {
                    self.emit(
                        Diagnostic::error(
                            CORE_DECLARATION_MISSING,
                            span,
                            "the default value of `error` is `error.NoError`, which is not declared",
                        )
                        .help("add `#include <core.p4>`"),
                    );
                    ExprKind::Default
                }
            },
            Ty::Enum(id) => match self.enum_underlying(ty) {
                Some(_) => return self.enum_value(*id, BigInt::ZERO, span),
                None => ExprKind::EnumMember(*id, 0),
            },
            Ty::New(id) => {
                let underlying = self.program.types.new_types[*id].underlying.clone();
                ExprKind::Cast(Box::new(self.default_value(&underlying, span)))
            }
            _ if self.is_header_like(ty) => ExprKind::InvalidHeader,
            _ => {
                if !self.properties_of(ty).has_default {
                    let shown = self.show(ty);
                    self.error(DEFAULT_VALUE, span, format!("`{shown}` has no default value"));
                }
                ExprKind::Default
            }
        };
        Expr { kind, ty: ty.clone(), span }
    }

    /// The member of a serializable enum with this value, or the unnamed value.
    pub(super) fn enum_value(&self, id: crate::hir::EnumId, value: BigInt, span: Span) -> Expr {
        let members = &self.program.types.enums[id].members;
        let kind = match members.iter().position(|(_, member)| member.as_ref() == Some(&value)) {
            Some(index) => ExprKind::EnumMember(id, index),
            None => ExprKind::Int(value),
        };
        Expr { kind, ty: Ty::Enum(id), span }
    }

    /// Cuts a constant to a type's width, with a warning if that changes it.
    pub(super) fn truncate(&mut self, value: &BigInt, ty: &Ty, span: Span) -> BigInt {
        let wrapped = wrap(value, ty);
        if !fits(value, ty) {
            // All ones in `int<w>` is written `0xFF` as often as `-1`.
            let shown = self.show(ty);
            let message = match (ty, value.sign()) {
                (Ty::Bit(_), Sign::Minus) => {
                    format!("the negative constant {value} becomes {wrapped} as `{shown}`")
                }
                _ if value.bits() > 128 => format!("the constant is cut off to fit `{shown}`"),
                _ => format!("the constant {value} does not fit `{shown}` and becomes {wrapped}"),
            };
            self.emit(Diagnostic::warning(LITERAL_TRUNCATED, span, message));
        }
        wrapped
    }

    /// A serializable enum as its underlying type; anything else as it is.
    pub(super) fn decay(&mut self, expr: Expr) -> Expr {
        match self.enum_underlying(&expr.ty).cloned() {
            Some(underlying) => self.convert(expr, &underlying),
            None => expr,
        }
    }

    /// `(to) expr`, as the program writes it.
    pub(super) fn cast(&mut self, expr: Expr, to: &Ty, span: Span) -> Expr {
        if *to == Ty::Unknown || expr.ty == Ty::Unknown {
            return Expr { kind: expr.kind, ty: to.clone(), span };
        }
        if !self.is_cast_target(to) {
            let shown = self.show(to);
            self.error(INVALID_CAST, span, format!("there are no casts to `{shown}`"));
            return self.broken(span);
        }
        if expr.ty == *to {
            return Expr { span, ..expr };
        }
        if self.is_assignable(to, &expr.ty) {
            // A cast that is written says that bits may get lost.
            return match &expr.kind {
                ExprKind::Int(value) => Expr {
                    kind: ExprKind::Int(self.truncate(&value.clone(), to, span)),
                    ty: to.clone(),
                    span,
                },
                _ => Expr { span, ..self.convert(expr, to) },
            };
        }
        if !self.can_cast(to, &expr.ty) {
            if let ExprKind::Aggregate(_) = &expr.kind {
                self.mismatch(&expr, to, &Wanted { what: "the type of the cast", declared: Span::default() });
                return self.broken(span);
            }
            let (from, target) = (self.show(&expr.ty), self.show(to));
            let mut diagnostic =
                Diagnostic::error(INVALID_CAST, span, format!("`{from}` cannot be cast to `{target}`"));
            if matches!((to, &expr.ty), (Ty::Bool, Ty::Bit(_) | Ty::Int(_))) {
                diagnostic = diagnostic.help("compare it, as in `x != 0`");
            }
            if let (Ty::Bit(_), Ty::Int(w)) | (Ty::Int(_), Ty::Bit(w)) = (to, &expr.ty) {
                let middle = self.show(&if matches!(to, Ty::Bit(_)) { Ty::Bit(*w) } else { Ty::Int(*w) });
                diagnostic = diagnostic
                    .note("a cast changes the width or the sign, not both")
                    .help(format!("write two casts: `({target})({middle})`"));
            }
            self.emit(diagnostic);
            return self.broken(span);
        }
        self.fold_cast(expr, to, span)
    }

    /// Whether casts to this type exist at all.
    fn is_cast_target(&self, to: &Ty) -> bool {
        matches!(
            to,
            Ty::Bool
                | Ty::InfInt
                | Ty::Bit(_)
                | Ty::Int(_)
                | Ty::Enum(_)
                | Ty::New(_)
                | Ty::Composite(..)
                | Ty::Stack(..)
                | Ty::List(_)
                | Ty::Tuple(_)
                | Ty::Param(_)
                | Ty::String
                | Ty::Error
        )
    }

    /// Whether an explicit cast is legal (section on explicit casts); implicit ones are too.
    fn can_cast(&self, to: &Ty, from: &Ty) -> bool {
        if self.is_assignable(to, from) {
            return self.is_cast_target(to);
        }
        match (to, from) {
            // Each is cast to what the other is made of, in steps if need be.
            (Ty::New(_), Ty::New(_)) if self.is_made_of(from, to) || self.is_made_of(to, from) => true,
            (Ty::New(id), _) => {
                let underlying = &self.program.types.new_types[*id].underlying;
                self.is_assignable(underlying, from)
                    || (matches!(underlying, Ty::New(_)) && self.can_cast(underlying, from))
            }
            (_, Ty::New(id)) => {
                let underlying = &self.program.types.new_types[*id].underlying;
                underlying == to || (matches!(underlying, Ty::New(_)) && self.can_cast(to, underlying))
            }
            (Ty::Enum(_), Ty::Enum(_)) => match (self.enum_underlying(to), self.enum_underlying(from)) {
                (Some(to), Some(from)) => self.can_cast(to, from),
                _ => false,
            },
            (Ty::Enum(_), Ty::Bit(_) | Ty::Int(_) | Ty::InfInt) => {
                self.enum_underlying(to).is_some_and(|to| self.can_cast(to, from))
            }
            (Ty::Bit(_) | Ty::Int(_) | Ty::InfInt | Ty::Bool, Ty::Enum(_)) => {
                self.enum_underlying(from).is_some_and(|from| self.can_cast(to, from))
            }
            (Ty::Bit(_), Ty::Bit(_)) | (Ty::Int(_), Ty::Int(_)) => true,
            (Ty::Bit(a), Ty::Int(b)) | (Ty::Int(a), Ty::Bit(b)) => a == b,
            (Ty::Bit(1), Ty::Bool) | (Ty::Bool, Ty::Bit(1)) => true,
            (Ty::Bool, Ty::InfInt) => true,
            (Ty::InfInt, Ty::Bit(_) | Ty::Int(_)) => true,
            _ => false,
        }
    }

    /// Whether a `type` is made of another one, at any remove.
    fn is_made_of(&self, ty: &Ty, of: &Ty) -> bool {
        let mut at = ty;
        while let Ty::New(id) = at {
            at = &self.program.types.new_types[*id].underlying;
            if at == of {
                return true;
            }
        }
        false
    }

    /// An `int` that is no literal as `bit<w>` or `int<w>`.
    ///
    /// There is no `int` at run time. Sums, differences and products of numbers with a width can be computed
    /// modulo 2^w as well, where nothing but w bits of them is used.
    fn narrow(&mut self, expr: Expr, to: &Ty) -> Expr {
        if self.is_compile_time_known(&expr) {
            let span = expr.span;
            return Expr { kind: ExprKind::Cast(Box::new(expr)), ty: to.clone(), span };
        }
        // The left spine is walked, as chains of operators are long on that side.
        let mut spine = Vec::new();
        let mut at = expr;
        let mut result = loop {
            let span = at.span;
            match at.kind {
                ExprKind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul), left, right) => {
                    spine.push((op, *right, span));
                    at = *left;
                }
                kind => break self.narrow_leaf(Expr { kind, ty: at.ty, span }, to),
            }
        };
        while let Some((op, right, span)) = spine.pop() {
            let right = self.convert(right, to);
            result = self.binary(op, result, right, span);
        }
        result
    }

    fn narrow_leaf(&mut self, expr: Expr, to: &Ty) -> Expr {
        let span = expr.span;
        match (expr.kind, to) {
            (ExprKind::Cast(of), Ty::Bit(w) | Ty::Int(w)) if matches!(of.ty, Ty::Bit(_) | Ty::Int(_)) => {
                // The width changes by the source's sign, then the sign is dropped.
                let middle = if matches!(of.ty, Ty::Bit(_)) { Ty::Bit(*w) } else { Ty::Int(*w) };
                let resized = self.cast(*of, &middle, span);
                self.cast(resized, to, span)
            }
            (ExprKind::Int(value), _) => Expr { kind: ExprKind::Int(wrap(&value, to)), ty: to.clone(), span },
            (ExprKind::Unary(UnaryOp::Neg, of), _) => {
                let of = self.convert(*of, to);
                self.unary(UnaryOp::Neg, of, span)
            }
            (ExprKind::Binary(BinaryOp::Shl, left, amount), _) => {
                let left = self.convert(*left, to);
                self.binary(BinaryOp::Shl, left, *amount, span)
            }
            (kind, _) => {
                let expr = Expr { kind, ty: Ty::InfInt, span };
                if self.is_compile_time_known(&expr) {
                    return Expr { kind: ExprKind::Cast(Box::new(expr)), ty: to.clone(), span };
                }
                self.not_constant(&expr, "this operation on `int`");
                self.broken(span)
            }
        }
    }

    /// Carries out a legal cast, on constants at once.
    fn fold_cast(&mut self, expr: Expr, to: &Ty, span: Span) -> Expr {
        let made = |kind| Expr { kind, ty: to.clone(), span };
        if let Ty::New(id) = to {
            let underlying = self.program.types.new_types[*id].underlying.clone();
            let inner = if expr.ty == underlying { expr } else { self.cast(expr, &underlying, span) };
            return made(ExprKind::Cast(Box::new(inner)));
        }
        if let Ty::New(id) = &expr.ty {
            let underlying = self.program.types.new_types[*id].underlying.clone();
            let inner = match expr.kind {
                ExprKind::Cast(inner) if inner.ty == underlying => *inner,
                kind => Expr {
                    kind: ExprKind::Cast(Box::new(Expr { kind, ty: expr.ty, span })),
                    ty: underlying,
                    span,
                },
            };
            return self.cast(inner, to, span);
        }
        if let (Ty::Enum(id), Some(underlying)) = (to, self.enum_underlying(to).cloned()) {
            let inner = self.cast(expr, &underlying, span);
            return match self.int_value(&inner) {
                Some(value) if inner.ty == underlying => self.enum_value(*id, value, span),
                _ => made(ExprKind::Cast(Box::new(inner))),
            };
        }
        let expr = self.decay(expr);
        if expr.ty == *to {
            return Expr { span, ..expr };
        }
        match (literal(&expr), to) {
            (Some(Literal::Int(value)), Ty::Bool) => {
                if !value.is_zero() && !value.is_one() {
                    self.error(
                        INVALID_CAST,
                        span,
                        format!("only 0 and 1 can be cast to `bool`, and this is {value}"),
                    );
                    return self.broken(span);
                }
                made(ExprKind::Bool(value.is_one()))
            }
            (Some(Literal::Bool(value)), Ty::Bit(_)) => made(ExprKind::Int(BigInt::from(u8::from(value)))),
            (Some(Literal::Int(value)), Ty::Bit(_) | Ty::Int(_)) => made(ExprKind::Int(wrap(&value, to))),
            (Some(Literal::Int(value)), Ty::InfInt) => made(ExprKind::Int(value)),
            (_, Ty::Bit(_) | Ty::Int(_)) if expr.ty == Ty::InfInt => Expr { span, ..self.narrow(expr, to) },
            (_, Ty::Bool) if expr.ty == Ty::InfInt && !self.is_compile_time_known(&expr) => {
                self.not_constant(&expr, "an `int` that is cast to `bool`");
                self.broken(span)
            }
            _ => made(ExprKind::Cast(Box::new(expr))),
        }
    }
}
