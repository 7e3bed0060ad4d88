//! Calls of functions, actions and `apply`: which one is meant, and whether it may be called from here.

use std::sync::Arc;

use super::arguments::{Manner, Outer};
use super::codes::*;
use super::constants::{Literal, literal};
use super::members::Operand;
use super::scopes::{Entity, FunctionEntity};
use super::signatures::Signature;
use super::{Checker, Place};
use crate::diag::Diagnostic;
use crate::hir::{ActionId, Arg, Call, Callee, Expr, ExprKind, Ty};
use crate::source::Span;
use crate::syntax::ast::{self, Argument, Ident, TypeKind, TypeRef};

/// What is called, for the rules on what may be called from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// A parser's `apply`.
    Parser,
    /// A control's `apply`.
    Control,
    /// A table's `apply`.
    Table,
    /// An extern function or method.
    Extern,
    /// An action.
    Action,
    /// A function.
    Function,
}

impl Checker<'_> {
    /// A call. Its type is [`Ty::Void`] if it returns nothing.
    pub(super) fn call(
        &mut self,
        callee: &ast::Expr,
        type_args: &[TypeRef],
        args: &[Argument],
        span: Span,
    ) -> Expr {
        match &callee.kind {
            ast::ExprKind::Paren(inner) => self.call(inner, type_args, args, span),
            ast::ExprKind::Name { dotted, name } => self.call_name(*dotted, name, type_args, args, span),
            ast::ExprKind::Type(ty) => match &ty.kind {
                TypeKind::Named { dotted, name, args: written } if written.is_empty() => {
                    self.call_name(*dotted, name, type_args, args, span)
                }
                TypeKind::Named { dotted, name, args: written } => {
                    self.call_name(*dotted, name, written, args, span)
                }
                _ => {
                    let ty = self.resolve_type(ty);
                    let shown = self.show(&ty);
                    self.not_callable(callee.span, &format!("the type `{shown}` has no constructor"), args)
                }
            },
            ast::ExprKind::Member(of, name) => self.call_member(of, name, type_args, args, span),
            _ => {
                self.expr(callee);
                self.not_callable(callee.span, "this cannot be called", args)
            }
        }
    }

    fn not_callable(&mut self, span: Span, message: &str, args: &[Argument]) -> Expr {
        self.error(NOT_CALLABLE, span, message);
        self.check_unused_arguments(args);
        self.broken(span)
    }

    /// Looks through arguments whose call is in error already.
    pub(super) fn check_unused_arguments(&mut self, args: &[Argument]) {
        for value in args.iter().filter_map(|arg| arg.value.as_ref()) {
            self.expr(value);
        }
    }

    fn call_name(
        &mut self,
        dotted: bool,
        name: &Ident,
        type_args: &[TypeRef],
        args: &[Argument],
        span: Span,
    ) -> Expr {
        let Some((entity, declared)) = self.lookup(name, dotted) else {
            self.check_unused_arguments(args);
            return self.broken(span);
        };
        match entity {
            Entity::Functions(functions) => self.call_function(&functions, name, type_args, args, span),
            Entity::Action(id) => {
                if !type_args.is_empty() {
                    self.error(TYPE_ARGUMENT_COUNT, span, "actions are not generic");
                }
                self.call_action(id, args, span)
            }
            Entity::Type(entity) => self.constructor_call(&entity, name, type_args, args, span),
            Entity::Open(kind) => {
                self.emit(
                    Diagnostic::error(
                        RECURSIVE_DECLARATION,
                        name.span,
                        format!("`{}` calls itself", name.name),
                    )
                    .label(declared, format!("{kind} that is being declared"))
                    .note("P4 has no recursion"),
                );
                self.check_unused_arguments(args);
                self.broken(span)
            }
            Entity::Broken => {
                self.check_unused_arguments(args);
                self.broken(span)
            }
            other => {
                let mut diagnostic = Diagnostic::error(
                    NOT_CALLABLE,
                    name.span,
                    format!("`{}` is {} and cannot be called", name.name, other.kind()),
                )
                .label(declared, "declared here");
                if matches!(other, Entity::Table(_) | Entity::Instance(_)) {
                    diagnostic =
                        diagnostic.help(format!("call one of its methods, as in `{}.apply()`", name.name));
                }
                self.emit(diagnostic);
                self.check_unused_arguments(args);
                self.broken(span)
            }
        }
    }

    /// Which of several signatures arguments of this number or these names fit (section on extern objects).
    pub(super) fn choose(
        &mut self,
        signatures: &[Arc<Signature>],
        name: &Ident,
        args: &[Argument],
    ) -> Option<usize> {
        if signatures.len() == 1 {
            return Some(0);
        }
        let fitting: Vec<usize> =
            signatures.iter().enumerate().filter(|(_, s)| s.accepts(args)).map(|(i, _)| i).collect();
        if let [only] = fitting.as_slice() {
            return Some(*only);
        }
        let message = match fitting.len() {
            0 => format!("no `{}` takes these arguments", name.name),
            _ => format!("more than one `{}` takes arguments of this number or these names", name.name),
        };
        let mut diagnostic = Diagnostic::error(NO_MATCHING_OVERLOAD, name.span, message);
        for signature in signatures.iter().take(5) {
            let names: Vec<&str> = signature.params.iter().map(|param| &*param.name).collect();
            diagnostic = diagnostic.label(signature.span, format!("takes ({})", names.join(", ")));
        }
        self.emit(diagnostic);
        self.check_unused_arguments(args);
        None
    }

    fn call_function(
        &mut self,
        functions: &[FunctionEntity],
        name: &Ident,
        type_args: &[TypeRef],
        args: &[Argument],
        span: Span,
    ) -> Expr {
        let signatures: Vec<Arc<Signature>> = functions
            .iter()
            .filter_map(|function| match function {
                FunctionEntity::Function(id) => self.functions[*id].clone(),
                FunctionEntity::Extern(id) => self.extern_functions[*id].clone(),
            })
            .collect();
        let Some(chosen) = self.choose(&signatures, name, args) else { return self.broken(span) };
        let (Some(signature), Some(function)) = (signatures.get(chosen), functions.get(chosen)) else {
            return self.broken(span);
        };
        if let Some(message) = self.deprecated.get(&signature.span).cloned() {
            self.warn_deprecated(name, signature.span, &message);
        }
        let is_extern = matches!(function, FunctionEntity::Extern(_));
        let is_assertion = is_extern && &*name.name == "static_assert";
        if !is_assertion {
            self.may_call(if is_extern { Called::Extern } else { Called::Function }, name.span);
        }
        if is_extern && &*name.name == "verify" && !self.allows_verify() {
            self.error(CALL_NOT_ALLOWED, name.span, "`verify` can only be called in a parser");
        }
        let Some(call) =
            self.check_call(signature, Outer::default(), type_args, args, Manner::Ordinary, span)
        else {
            return self.broken(span);
        };
        if is_assertion && let Some(value) = self.static_assertion(&call.args, span) {
            return value;
        }
        let callee = match function {
            FunctionEntity::Function(id) => Callee::Function(*id, call.type_args),
            FunctionEntity::Extern(id) => Callee::ExternFunction(*id, call.type_args),
        };
        Expr { kind: ExprKind::Call(Box::new(Call { callee, args: call.args })), ty: call.ret, span }
    }

    fn allows_verify(&self) -> bool {
        self.around.place.in_parser() || self.around.place == Place::Function
    }

    /// `static_assert(check, message)`, decided at once where all is known.
    fn static_assertion(&mut self, args: &[Arg], span: Span) -> Option<Expr> {
        let check = args.first()?.expr.as_ref()?;
        let Some(Literal::Bool(holds)) = literal(check) else { return None };
        if !holds {
            let message = match args.get(1).and_then(|arg| arg.expr.as_ref()).and_then(literal) {
                Some(Literal::String(text)) => format!("static assertion failed: {text}"),
                _ => "static assertion failed".to_owned(),
            };
            self.emit(Diagnostic::error(STATIC_ASSERTION, span, message).label(check.span, "this is false"));
        }
        Some(Expr { kind: ExprKind::Bool(true), ty: Ty::Bool, span })
    }

    /// A direct call of an action: all parameters are given, those without direction as if they were `in`.
    fn call_action(&mut self, id: ActionId, args: &[Argument], span: Span) -> Expr {
        self.may_call(Called::Action, span);
        let Some(signature) = self.actions[id].clone() else { return self.broken(span) };
        let Some(call) = self.check_call(&signature, Outer::default(), &[], args, Manner::Action, span)
        else {
            return self.broken(span);
        };
        Expr {
            kind: ExprKind::Call(Box::new(Call { callee: Callee::Action(id), args: call.args })),
            ty: Ty::Void,
            span,
        }
    }

    fn call_member(
        &mut self,
        of: &ast::Expr,
        name: &Ident,
        type_args: &[TypeRef],
        args: &[Argument],
        span: Span,
    ) -> Expr {
        let is_size =
            matches!(&*name.name, "minSizeInBits" | "minSizeInBytes" | "maxSizeInBits" | "maxSizeInBytes");
        let unevaluated = self.unevaluated;
        self.unevaluated |= is_size;
        let operand = self.receiver(of);
        self.unevaluated = unevaluated;
        match operand {
            Operand::Broken => {
                self.check_unused_arguments(args);
                self.broken(span)
            }
            Operand::Table(id) => self.apply_table(id, name, args, span),
            Operand::Type(ty) => match (&ty, &*name.name) {
                (Ty::Parser(_) | Ty::Control(_), "apply") => {
                    if !type_args.is_empty() {
                        self.error(
                            TYPE_ARGUMENT_COUNT,
                            span,
                            "parsers and controls with a body are not generic",
                        );
                    }
                    let Some(instance) = self.direct_instance(&ty, of.span) else {
                        self.check_unused_arguments(args);
                        return self.broken(span);
                    };
                    self.apply_block(instance, args, span)
                }
                (Ty::Block(..), "apply") => {
                    let shown = self.show(&ty);
                    self.not_callable(
                        of.span,
                        &format!("`{shown}` is a type without a body and cannot be applied"),
                        args,
                    )
                }
                _ => self.size_method(&ty, name, args, span).unwrap_or_else(|| {
                    let shown = self.show(&ty);
                    self.emit(
                        Diagnostic::error(
                            UNKNOWN_MEMBER,
                            name.span,
                            format!("the type `{shown}` has no method `{}`", name.name),
                        )
                        .label(of.span, format!("this is the type `{shown}`")),
                    );
                    self.check_unused_arguments(args);
                    self.broken(span)
                }),
            },
            Operand::Value(receiver) => self.call_method(receiver, name, type_args, args, span),
        }
    }

    /// What a method is called on; a constructor call makes an instance for this one purpose.
    fn receiver(&mut self, of: &ast::Expr) -> Operand {
        let constructs = match &of.kind {
            ast::ExprKind::Call { callee, .. } => match &callee.kind {
                ast::ExprKind::Type(_) => true,
                ast::ExprKind::Name { name, .. } => matches!(
                    self.scopes.find_declared(&name.name).map(|binding| &binding.entity),
                    Some(Entity::Type(_))
                ),
                _ => false,
            },
            _ => false,
        };
        if !constructs {
            return self.operand(of);
        }
        let saved = std::mem::replace(&mut self.around.in_constructor_arguments, true);
        let operand = self.operand(of);
        self.around.in_constructor_arguments = saved;
        operand
    }

    fn apply_table(&mut self, id: crate::hir::TableId, name: &Ident, args: &[Argument], span: Span) -> Expr {
        if &*name.name != "apply" {
            self.error(
                UNKNOWN_MEMBER,
                name.span,
                format!("a table has no method `{}`, only `apply`", name.name),
            );
            self.check_unused_arguments(args);
            return self.broken(span);
        }
        self.may_call(Called::Table, span);
        if let Some(first) = args.first() {
            self.error(WRONG_ARGUMENTS, first.span, "`apply` of a table takes no arguments");
            self.check_unused_arguments(args);
        }
        Expr {
            kind: ExprKind::Call(Box::new(Call { callee: Callee::Table(id), args: Vec::new() })),
            ty: Ty::ApplyResult(id),
            span,
        }
    }

    /// `apply` of an instance of a parser or control.
    pub(super) fn apply_block(&mut self, receiver: Expr, args: &[Argument], span: Span) -> Expr {
        let Some((is_parser, signature, type_args)) = self.block_signature(&receiver.ty) else {
            self.check_unused_arguments(args);
            return self.broken(span);
        };
        self.may_call(if is_parser { Called::Parser } else { Called::Control }, span);
        let outer = Outer { params: &signature.type_params.clone(), args: &type_args };
        let own = Signature { type_params: Vec::new(), ..(*signature).clone() };
        let Some(call) = self.check_call(&own, outer, &[], args, Manner::Ordinary, span) else {
            return self.broken(span);
        };
        Expr {
            kind: ExprKind::Call(Box::new(Call { callee: Callee::Apply(receiver), args: call.args })),
            ty: Ty::Void,
            span,
        }
    }

    /// Whether something may be called from here; reported if not (last table in the appendix on restrictions on
    /// calls).
    pub(super) fn may_call(&mut self, called: Called, span: Span) -> bool {
        let place = self.around.place;
        if called == Called::Table && self.around.in_action_arguments {
            self.error(
                CALL_NOT_ALLOWED,
                span,
                "no table can be applied in the arguments of an action of a table",
            );
            return false;
        }
        let (what, allowed, hint) = match called {
            Called::Parser => {
                ("parsers", place == Place::ParserState, "parsers are applied in parser states")
            }
            Called::Control => {
                ("controls", place == Place::ControlApply, "controls are applied in `apply` blocks")
            }
            Called::Table => ("tables", place == Place::ControlApply, "tables are applied in `apply` blocks"),
            Called::Action => (
                "actions",
                matches!(place, Place::ControlApply | Place::Action),
                "actions are called from `apply` blocks and from actions",
            ),
            Called::Extern => (
                "extern functions and methods",
                place != Place::TopLevel,
                "there is nothing to run it at compile time",
            ),
            Called::Function => {
                ("functions", place != Place::TopLevel, "there is nothing to run it at compile time")
            }
        };
        if !allowed {
            self.emit(
                Diagnostic::error(
                    CALL_NOT_ALLOWED,
                    span,
                    format!("{what} cannot be called {}", place.name()),
                )
                .note(hint),
            );
        }
        allowed
    }
}
