//! Arguments: which parameter each one is for, their types, and the type arguments that follow from them (sections
//! on calling convention and on method invocations and function calls).

use super::Checker;
use super::codes::*;
use super::conversion::Wanted;
use super::inference::{Fit, Inference, contains, firm, give_up, is_list, refresh, substitute};
use super::signatures::{Parameter, Signature};
use super::types::count;
use crate::diag::Diagnostic;
use crate::hir::{Arg, Direction, Expr, ExprKind, Ty, TypeParamId};
use crate::source::Span;
use crate::syntax::ast::{self, Argument, Ident, TypeKind, TypeRef};

/// What a call turned out to be.
#[derive(Debug)]
pub(super) struct CheckedCall {
    /// In parameter order.
    pub(super) args: Vec<Arg>,
    /// Of the callee's own type parameters.
    pub(super) type_args: Vec<Ty>,
    /// Of the type parameters around the callee: those of an extern or package.
    pub(super) outer_args: Vec<Ty>,
    /// Result.
    pub(super) ret: Ty,
}

/// The type parameters around a callee, and their arguments.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outer<'a> {
    /// Parameters.
    pub(super) params: &'a [TypeParamId],
    /// What is known of the arguments; all unknown if empty.
    pub(super) args: &'a [Ty],
}

/// What is special about the arguments of a kind of callee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Parameters without direction take compile-time values.
    Ordinary,
    /// Parameters without direction take any value.
    Action,
    /// Constructors may be called in the arguments, and types need not be determined by them.
    Constructor,
    /// As [`Manner::Constructor`], where type arguments may stay unknown.
    Package,
}

impl Checker<'_> {
    /// The argument of each parameter. Misfits are reported.
    pub(super) fn bind_arguments<'t>(
        &mut self,
        signature: &Signature,
        arguments: &'t [Argument],
        span: Span,
    ) -> Option<Vec<Option<&'t Argument>>> {
        let mut bound: Vec<Option<&Argument>> = vec![None; signature.params.len()];
        let named = arguments.iter().filter(|argument| argument.name.is_some()).count();
        if named > 0 && named < arguments.len() {
            let odd = arguments
                .iter()
                .find(|argument| argument.name.is_none())
                .map_or(span, |argument| argument.span);
            self.error(WRONG_ARGUMENTS, odd, "either all arguments are named or none is");
            return None;
        }
        let callee = format!("the {} `{}`", signature.what, signature.name);
        for (i, argument) in arguments.iter().enumerate() {
            let position = match &argument.name {
                None => i,
                Some(name) => match signature.params.iter().position(|param| param.name == name.name) {
                    Some(position) => position,
                    None => {
                        let like =
                            super::scopes::most_like(&name.name, signature.params.iter().map(|p| &p.name));
                        let mut diagnostic = Diagnostic::error(
                            WRONG_ARGUMENTS,
                            name.span,
                            format!("{callee} has no parameter `{}`", name.name),
                        )
                        .label(signature.span, "declared here");
                        if let Some(like) = like {
                            diagnostic =
                                diagnostic.suggest(format!("did you mean `{like}`?"), name.span, &**like);
                        }
                        self.emit(diagnostic);
                        return None;
                    }
                },
            };
            match bound.get_mut(position) {
                None => {
                    self.emit(
                        Diagnostic::error(
                            WRONG_ARGUMENTS,
                            argument.span,
                            format!(
                                "{callee} takes {}, and {} given",
                                count(signature.params.len(), "argument"),
                                if arguments.len() == 1 {
                                    "1 is".to_owned()
                                } else {
                                    format!("{} are", arguments.len())
                                }
                            ),
                        )
                        .label(signature.span, "declared here"),
                    );
                    return None;
                }
                Some(Some(previous)) => {
                    let previous = previous.span;
                    self.emit(
                        Diagnostic::error(
                            WRONG_ARGUMENTS,
                            argument.span,
                            "this parameter is given more than one argument",
                        )
                        .label(previous, "given here first"),
                    );
                    return None;
                }
                Some(slot) => *slot = Some(argument),
            }
        }
        for (param, bound) in signature.params.iter().zip(&bound) {
            if bound.is_none() && !param.may_be_left_out() {
                self.emit(
                    Diagnostic::error(
                        WRONG_ARGUMENTS,
                        span,
                        format!("no argument is given for the parameter `{}` of {callee}", param.name),
                    )
                    .label(param.span, "this parameter"),
                );
                return None;
            }
        }
        Some(bound)
    }

    /// Checks a call of something with this signature.
    pub(super) fn check_call(
        &mut self,
        signature: &Signature,
        outer: Outer<'_>,
        type_args: &[TypeRef],
        arguments: &[Argument],
        manner: Manner,
        span: Span,
    ) -> Option<CheckedCall> {
        let bound = self.bind_arguments(signature, arguments, span);
        let mut inference = Inference::default();
        let outer_args: Vec<Ty> = match outer.args.is_empty() {
            true => outer.params.iter().map(|_| inference.fresh()).collect(),
            false => outer.args.iter().map(|ty| refresh(ty, &mut inference)).collect(),
        };
        let own_args = self.own_type_arguments(signature, type_args, &mut inference, span)?;
        let params: Vec<TypeParamId> = outer.params.iter().chain(&signature.type_params).copied().collect();
        let args: Vec<Ty> = outer_args.iter().chain(&own_args).cloned().collect();
        let types: Vec<Ty> =
            signature.params.iter().map(|param| substitute(&param.ty, &params, &args)).collect();
        if !type_args.is_empty() {
            for (param, ty) in signature.params.iter().zip(&types) {
                if *ty != param.ty && !self.check_substituted_parameter(&ty.clone(), param.direction, span) {
                    return None;
                }
            }
        }

        // Arguments are looked at in the order in which they are evaluated.
        let saved = std::mem::replace(
            &mut self.around.in_constructor_arguments,
            matches!(manner, Manner::Constructor | Manner::Package),
        );
        let Some(bound) = bound else {
            for value in arguments.iter().filter_map(|argument| argument.value.as_ref()) {
                self.expr(value);
            }
            self.around.in_constructor_arguments = saved;
            return None;
        };
        let mut values: Vec<Option<Expr>> = Vec::with_capacity(bound.len());
        let mut all_fit = true;
        for ((param, ty), argument) in signature.params.iter().zip(&types).zip(&bound) {
            let Some(argument) = argument else {
                values.push(None);
                continue;
            };
            let Some(written) = &argument.value else {
                if param.direction != Direction::Out {
                    self.emit(
                        Diagnostic::error(
                            WRONG_ARGUMENTS,
                            argument.span,
                            "`_` can only stand for an `out` parameter, whose value is not wanted",
                        )
                        .label(param.span, "this parameter"),
                    );
                    all_fit = false;
                }
                values.push(None);
                continue;
            };
            let mut value = self.value(written);
            if param.is_out() && matches!(written.kind, ast::ExprKind::Cast(..)) {
                // One to the type that the operand has leaves no trace, and is no storage all the same.
                let (ty, span) = (value.ty.clone(), value.span);
                value = Expr { kind: ExprKind::Cast(Box::new(value)), ty, span };
            }
            all_fit &= self.check_argument(signature, param, ty, &value, manner, &mut inference);
            values.push(Some(value));
        }
        self.around.in_constructor_arguments = saved;
        if !all_fit {
            return None;
        }
        // Defaults take part in inference where no argument does.
        for ((param, ty), value) in signature.params.iter().zip(&types).zip(&mut values) {
            if let (None, Some(default)) = (&value, &param.default) {
                self.unify(&mut inference, ty, &default.ty, Fit::Assign);
                *value = Some((**default).clone());
            }
        }

        // What only left out parameters mention does not matter.
        let may_stay_unknown = manner == Manner::Package
            || signature.params.iter().zip(&bound).any(|(param, bound)| param.is_optional && bound.is_none());
        for (id, ty) in params.iter().zip(&args) {
            if !self.check_inferred(*id, ty, &inference, may_stay_unknown, signature, span) {
                return None;
            }
        }
        if type_args.is_empty() && !params.is_empty() {
            for (param, ty) in signature.params.iter().zip(&types) {
                let settled = inference.resolve(ty);
                if matches!(ty, Ty::Infer(_))
                    && matches!(settled, Ty::String)
                    && param.direction != Direction::None
                {
                    self.emit(
                        Diagnostic::error(
                            TYPE_NOT_ALLOWED,
                            span,
                            format!("a `string` cannot be passed for the parameter `{}`", param.name),
                        )
                        .label(param.span, "it has a direction"),
                    );
                    return None;
                }
            }
        }
        let settle = |ty: &Ty| firm(&give_up(&inference.resolve(ty)));
        let mut checked = Vec::with_capacity(values.len());
        // Those left out have default values and are evaluated last: they have no effects.
        let place = |bound: &Option<&Argument>| {
            let written = bound.and_then(|bound| arguments.iter().position(|a| std::ptr::eq(a, bound)));
            written.unwrap_or(arguments.len())
        };
        for (((param, ty), value), bound) in signature.params.iter().zip(&types).zip(values).zip(&bound) {
            let ty = settle(ty);
            let expr = value.map(|value| match param.is_out() {
                true => value,
                false => {
                    let what = format!("the parameter `{}`", param.name);
                    self.coerce(value, &ty, &Wanted { what: &what, declared: param.span })
                }
            });
            checked.push(Arg { expr, direction: param.direction, place: place(bound) });
        }
        Some(CheckedCall {
            args: checked,
            type_args: own_args.iter().map(settle).collect(),
            outer_args: outer_args.iter().map(settle).collect(),
            ret: settle(&substitute(&signature.ret, &params, &args)),
        })
    }

    fn own_type_arguments(
        &mut self,
        signature: &Signature,
        written: &[TypeRef],
        inference: &mut Inference,
        span: Span,
    ) -> Option<Vec<Ty>> {
        if written.is_empty() {
            return Some(signature.type_params.iter().map(|_| inference.fresh()).collect());
        }
        if written.len() != signature.type_params.len() {
            let name = Ident { name: signature.name.clone(), span };
            let at = written.iter().fold(written.first().map_or(span, |ty| ty.span), |at, ty| at.to(ty.span));
            self.type_argument_count(&name, signature.type_params.len(), written.len(), at, signature.span);
            return None;
        }
        let mut types = Vec::new();
        for ty in written {
            types.push(match ty.kind {
                TypeKind::DontCare => inference.fresh(),
                _ => {
                    let resolved = self.resolve_type(ty);
                    if resolved == Ty::Void && signature.what != "method" {
                        self.error(TYPE_NOT_ALLOWED, ty.span, "`void` cannot be a type argument here");
                        return None;
                    }
                    let resolved = self.check_type_argument(resolved, ty.span);
                    refresh(&resolved, inference)
                }
            });
        }
        Some(types)
    }

    fn check_argument(
        &mut self,
        signature: &Signature,
        param: &Parameter,
        ty: &Ty,
        value: &Expr,
        manner: Manner,
        inference: &mut Inference,
    ) -> bool {
        if value.ty == Ty::Unknown {
            return false;
        }
        if matches!(value.ty, Ty::ApplyResult(_) | Ty::Callable) {
            let shown = self.show(&value.ty);
            self.error(TYPE_NOT_ALLOWED, value.span, format!("a value of type `{shown}` cannot be passed"));
            return false;
        }
        if matches!(ty, Ty::Infer(_)) && matches!(manner, Manner::Ordinary | Manner::Action) {
            let is_refused = match value.ty {
                Ty::Extern(..) => param.direction != Direction::None,
                Ty::Parser(_) | Ty::Control(_) | Ty::Block(..) | Ty::Package(..) => true,
                _ => false,
            };
            if is_refused {
                let shown = self.show(&value.ty);
                self.emit(
                    Diagnostic::error(
                        TYPE_NOT_ALLOWED,
                        value.span,
                        format!("an instance of `{shown}` cannot be passed as a value"),
                    )
                    .label(param.span, "the parameter"),
                );
                return false;
            }
        }
        if param.is_out() {
            let direction = if param.direction == Direction::Out { "out" } else { "inout" };
            let why = format!("the `{direction}` parameter `{}` is written to", param.name);
            if !self.require_lvalue(value, &why) {
                return false;
            }
            if !self.unify(inference, ty, &value.ty, Fit::Exact) {
                let (from, to) = (self.show(&value.ty), self.show(&inference.resolve(ty)));
                self.emit(
                    Diagnostic::error(
                        MISMATCHED_TYPES,
                        value.span,
                        format!("the parameter `{}` has type `{to}`, and this is `{from}`", param.name),
                    )
                    .primary_label(format!("expected `{to}`, found `{from}`"))
                    .label(param.span, "the parameter is declared here")
                    .note("what is passed `out` or `inout` has to have the parameter's very type"),
                );
                return false;
            }
            return true;
        }
        let becomes_int = *ty == Ty::InfInt && self.becomes_int(value);
        if !becomes_int && !self.unify(inference, ty, &value.ty, Fit::Assign) {
            let to = give_up(&inference.resolve(ty));
            let what = format!("the parameter `{}`", param.name);
            // The misfit may be in what is still unknown, where the types print alike.
            let value = value.clone();
            if self.is_assignable(&to, &value.ty) {
                let from = self.show(&value.ty);
                self.emit(
                    Diagnostic::error(
                        MISMATCHED_TYPES,
                        value.span,
                        format!("`{from}` does not fit what the other arguments make of {what}"),
                    )
                    .label(param.span, "declared here"),
                );
            } else {
                self.coerce(value, &to, &Wanted { what: &what, declared: param.span });
            }
            return false;
        }
        if param.direction == Direction::None && manner != Manner::Action && !self.is_static_argument(value) {
            self.emit(
                Diagnostic::error(
                    NOT_CONSTANT,
                    value.span,
                    format!(
                        "the parameter `{}` of `{}` has no direction and takes a compile-time known value",
                        param.name, signature.name
                    ),
                )
                .label(param.span, "declared here"),
            );
            return false;
        }
        true
    }

    /// Checks what was found out about a type parameter.
    fn check_inferred(
        &mut self,
        id: TypeParamId,
        arg: &Ty,
        inference: &Inference,
        may_stay_unknown: bool,
        signature: &Signature,
        span: Span,
    ) -> bool {
        if !matches!(arg, Ty::Infer(_)) && inference.is_settled(arg) {
            return true;
        }
        let resolved = inference.resolve(arg);
        let name = self.program.types.type_params[id].clone();
        if !inference.is_settled(&resolved) {
            if may_stay_unknown {
                return true;
            }
            self.emit(
                Diagnostic::error(
                    CANNOT_INFER,
                    span,
                    format!(
                        "nothing determines the type `{name}` of the {} `{}`",
                        signature.what, signature.name
                    ),
                )
                .label(signature.span, "declared here")
                .help(format!("write it: `{}<...>(...)`", signature.name)),
            );
            return false;
        }
        if contains(&resolved, &|ty| matches!(ty, Ty::InfInt)) && matches!(arg, Ty::Infer(_)) {
            self.emit(
                Diagnostic::error(
                    UNKNOWN_WIDTH,
                    span,
                    format!("the arguments make `{name}` a type that contains `int`, which has no width"),
                )
                .label(signature.span, "declared here")
                .help("write a width into the literals, as in `8w5`"),
            );
            return false;
        }
        let is_open = |ty: &Ty| match ty {
            Ty::InvalidHeader | Ty::Dots => true,
            Ty::AnonymousStruct(fields) => !is_list(fields),
            _ => false,
        };
        if contains(&resolved, &is_open) {
            self.emit(
                Diagnostic::error(CANNOT_INFER, span, format!("nothing determines the type `{name}`"))
                    .label(signature.span, "declared here")
                    .help("cast the argument, as in `(T){ ... }`"),
            );
            return false;
        }
        true
    }
}
