//! What can be called, as calls see it: type parameters, parameters with their defaults, result.

use std::sync::Arc;

use super::Checker;
use crate::hir::{Direction, Expr, Ty, TypeParamId};
use crate::source::Span;

/// A callable thing's signature.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    /// What it is, for messages: `function`, `method`, `constructor`.
    pub(super) what: &'static str,
    /// Its name.
    pub(super) name: Arc<str>,
    /// Of the name.
    pub(super) span: Span,
    /// Type parameters.
    pub(super) type_params: Vec<TypeParamId>,
    /// Parameters.
    pub(super) params: Vec<Parameter>,
    /// Result; [`Ty::Void`] if none.
    pub(super) ret: Ty,
}

/// A parameter, as calls see it.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    /// Name.
    pub(super) name: Arc<str>,
    /// Of the name.
    pub(super) span: Span,
    /// Direction.
    pub(super) direction: Direction,
    /// Type.
    pub(super) ty: Ty,
    /// Default value.
    pub(super) default: Option<Arc<Expr>>,
    /// Whether it is `@optional`.
    pub(super) is_optional: bool,
}

impl Parameter {
    /// Whether a call need not give it.
    pub(super) fn may_be_left_out(&self) -> bool {
        self.is_optional || self.default.is_some()
    }

    /// Whether it passes a value out.
    pub(super) fn is_out(&self) -> bool {
        matches!(self.direction, Direction::Out | Direction::InOut)
    }
}

impl Signature {
    /// Whether arguments of this number or these names fit.
    pub(super) fn accepts(&self, arguments: &[crate::syntax::ast::Argument]) -> bool {
        if arguments.len() > self.params.len() {
            return false;
        }
        let is_given = |position: usize, param: &Parameter| match arguments.first() {
            Some(first) if first.name.is_some() => arguments
                .iter()
                .any(|argument| argument.name.as_ref().is_some_and(|name| name.name == param.name)),
            _ => position < arguments.len(),
        };
        let names_known = arguments.iter().all(|argument| match &argument.name {
            Some(name) => self.params.iter().any(|param| param.name == name.name),
            None => true,
        });
        names_known
            && self.params.iter().enumerate().all(|(i, param)| is_given(i, param) || param.may_be_left_out())
    }
}

impl Checker<'_> {
    /// Whether it is a parser, the `apply` signature, and the type arguments of a parser, control or type of
    /// these.
    pub(super) fn block_signature(&self, ty: &Ty) -> Option<(bool, Arc<Signature>, Arc<[Ty]>)> {
        match ty {
            Ty::Parser(id) => Some((true, self.parsers[*id].as_ref()?.apply.clone(), Arc::new([]))),
            Ty::Control(id) => Some((false, self.controls[*id].as_ref()?.apply.clone(), Arc::new([]))),
            Ty::Block(id, args) => {
                let is_parser = self.program.types.block_types[*id].is_parser;
                Some((is_parser, self.block_types[*id].clone()?, args.clone()))
            }
            _ => None,
        }
    }
}
