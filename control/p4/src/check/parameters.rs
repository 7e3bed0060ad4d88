//! Parameters: which types and directions are allowed for what, default values, `@optional`.

use std::sync::Arc;

use super::Checker;
use super::annotations::has;
use super::codes::*;
use super::conversion::Wanted;
use super::inference::contains;
use super::scopes::Entity;
use super::signatures::{Parameter, Signature};
use crate::diag::Diagnostic;
use crate::hir::{Decl, Direction, ExternParam, Ty, TypeParamId, Variable, VariableId, VariableKind};
use crate::syntax::ast::{self, Ident};

/// What has the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A function with a body.
    Function,
    /// An extern function or method.
    Extern,
    /// A parser, at run time.
    Parser,
    /// A control, at run time.
    Control,
    /// A parser type.
    ParserType,
    /// A control type.
    ControlType,
    /// An action.
    Action,
    /// The constructor of an extern.
    ExternConstructor,
    /// The constructor of a parser.
    ParserConstructor,
    /// The constructor of a control.
    ControlConstructor,
    /// A package.
    Package,
}

impl Owner {
    fn is_constructor(self) -> bool {
        matches!(
            self,
            Owner::ExternConstructor | Owner::ParserConstructor | Owner::ControlConstructor | Owner::Package
        )
    }

    fn allows_optional(self) -> bool {
        matches!(
            self,
            Owner::Extern
                | Owner::ParserType
                | Owner::ControlType
                | Owner::ExternConstructor
                | Owner::Package
        )
    }

    fn name(self) -> &'static str {
        match self {
            Owner::Function => "a function",
            Owner::Extern => "an extern",
            Owner::Parser | Owner::ParserType => "a parser",
            Owner::Control | Owner::ControlType => "a control",
            Owner::Action => "an action",
            Owner::ExternConstructor => "the constructor of an extern",
            Owner::ParserConstructor => "the constructor of a parser",
            Owner::ControlConstructor => "the constructor of a control",
            Owner::Package => "a package",
        }
    }

    /// Whether a parameter may have such a type (tables in the appendix on restrictions on calls).
    fn allows(self, ty: &Ty, is_parser_type: bool) -> bool {
        match ty {
            Ty::Package(..) => self == Owner::Package,
            // Types of parsers and controls can be parameters, those that have a body cannot.
            Ty::Parser(_) | Ty::Control(_) => false,
            Ty::Block(..) if is_parser_type => matches!(self, Owner::Package | Owner::ParserConstructor),
            Ty::Block(..) => matches!(self, Owner::Package | Owner::ControlConstructor),
            Ty::Extern(..) => self != Owner::Action,
            Ty::Void | Ty::Set(_) => false,
            Ty::InfInt | Ty::String => self != Owner::Action,
            _ => true,
        }
    }
}

impl Checker<'_> {
    /// Checks parameters, without giving their names a meaning yet.
    pub(super) fn parameters(&mut self, params: &[ast::Param], owner: Owner) -> Vec<(Parameter, Decl)> {
        let mut checked = Vec::new();
        let mut seen_without_direction = None;
        for param in params {
            let ty = self.resolve_parameter_type(param, owner);
            let decl = self.decl(&param.name, &param.annotations);
            let is_optional = has(&decl.annotations, "optional");
            if owner.is_constructor() && param.direction != Direction::None {
                self.error(
                    PARAMETER_DIRECTION,
                    param.span,
                    "the parameters of constructors are compile-time values and have no direction",
                );
            }
            if owner == Owner::Action {
                match param.direction {
                    Direction::None => seen_without_direction = Some(param.name.span),
                    _ => {
                        if let Some(before) = seen_without_direction {
                            self.emit(
                                Diagnostic::error(
                                    ACTION_PARAMETERS,
                                    param.name.span,
                                    "the parameters of an action that have no direction stand last",
                                )
                                .label(before, "this one has no direction")
                                .note("those without direction are set by the control plane"),
                            );
                        }
                    }
                }
            }
            if is_optional && !owner.allows_optional() {
                self.error(
                    ANNOTATION,
                    param.span,
                    format!("the parameters of {} cannot be `@optional`", owner.name()),
                );
            }
            let default = param
                .default
                .as_ref()
                .and_then(|default| self.parameter_default(param, default, &ty, is_optional));
            let parameter = Parameter {
                name: param.name.name.clone(),
                span: param.name.span,
                direction: param.direction,
                ty,
                default,
                is_optional,
            };
            checked.push((parameter, decl));
        }
        checked
    }

    fn resolve_parameter_type(&mut self, param: &ast::Param, owner: Owner) -> Ty {
        let ty = match owner {
            // Packages speak of parsers and controls whose types do not matter to them.
            Owner::Package
            | Owner::ParserConstructor
            | Owner::ControlConstructor
            | Owner::ExternConstructor => self.resolve_type(&param.ty),
            _ => self.resolve_complete_type(&param.ty),
        };
        let is_parser_type = matches!(&ty, Ty::Block(id, _) if self.program.types.block_types[*id].is_parser);
        if !owner.allows(&ty, is_parser_type) {
            let shown = self.show(&ty);
            let code = if owner == Owner::Action { ACTION_PARAMETERS } else { TYPE_NOT_ALLOWED };
            self.error(
                code,
                param.span,
                format!("`{}`: {} cannot have parameters of type `{shown}`", param.name.name, owner.name()),
            );
            return Ty::Unknown;
        }
        let directionless =
            matches!(ty, Ty::Extern(..) | Ty::String | Ty::InfInt | Ty::MatchKind | Ty::List(_))
                || matches!(&ty, Ty::Stack(element, _) if matches!(**element, Ty::Extern(..)));
        if directionless && param.direction != Direction::None {
            let shown = self.show(&ty);
            self.emit(
                Diagnostic::error(
                    PARAMETER_DIRECTION,
                    param.span,
                    format!("a parameter of type `{shown}` cannot have a direction"),
                )
                .help("leave the direction out"),
            );
            return Ty::Unknown;
        }
        ty
    }

    fn parameter_default(
        &mut self,
        param: &ast::Param,
        default: &ast::Expr,
        ty: &Ty,
        is_optional: bool,
    ) -> Option<Arc<crate::hir::Expr>> {
        if matches!(param.direction, Direction::Out | Direction::InOut) {
            self.error(
                DEFAULT_VALUE,
                default.span,
                format!("the parameter `{}` passes a value out and cannot have a default", param.name.name),
            );
            return None;
        }
        if is_optional {
            self.error(
                DEFAULT_VALUE,
                default.span,
                format!("the parameter `{}` is `@optional` and cannot have a default", param.name.name),
            );
            return None;
        }
        let saved = std::mem::replace(&mut self.around.in_constructor_arguments, true);
        let value = self.value(default);
        self.around.in_constructor_arguments = saved;
        if !self.is_compile_time_known(&value) {
            self.not_constant(&value, "a default value");
            return None;
        }
        if contains(ty, &|ty| matches!(ty, Ty::Param(_))) {
            return Some(Arc::new(value));
        }
        let what = format!("the parameter `{}`", param.name.name);
        let value = self.coerce(value, ty, &Wanted { what: &what, declared: param.name.span });
        Some(Arc::new(value))
    }

    /// Makes variables of parameters and gives their names a meaning.
    pub(super) fn bind_parameters(
        &mut self,
        params: &[(Parameter, Decl)],
        kind: impl Fn(Direction) -> VariableKind,
    ) -> Vec<VariableId> {
        let mut ids = Vec::new();
        for (param, decl) in params {
            let id = self.program.variables.push(Variable {
                decl: decl.clone(),
                ty: param.ty.clone(),
                kind: kind(param.direction),
            });
            let name = Ident { name: param.name.clone(), span: param.span };
            self.declare_as(&name, Entity::Variable(id), true);
            ids.push(id);
        }
        ids
    }

    /// Reports parameters that share a name, where there is no body to bind them for.
    pub(super) fn distinct_parameters(&mut self, params: &[(Parameter, Decl)]) {
        self.scoped(|c| {
            for (param, _) in params {
                let name = Ident { name: param.name.clone(), span: param.span };
                if let Some(previous) = c.scopes.find_here(&name.name) {
                    let span = previous.span;
                    c.duplicate(&name, span, "a parameter");
                } else {
                    c.scopes.bind(&name.name, Entity::Broken, name.span, false);
                }
            }
        });
    }
}

/// A signature over checked parameters.
pub(super) fn signature(
    what: &'static str,
    name: &Ident,
    type_params: Vec<TypeParamId>,
    params: &[(Parameter, Decl)],
    ret: Ty,
) -> Arc<Signature> {
    Arc::new(Signature {
        what,
        name: name.name.clone(),
        span: name.span,
        type_params,
        params: params.iter().map(|(param, _)| param.clone()).collect(),
        ret,
    })
}

/// Parameters without variables, as declarations without bodies have them.
pub(super) fn extern_params(params: &[(Parameter, Decl)]) -> Vec<ExternParam> {
    params
        .iter()
        .map(|(param, decl)| ExternParam {
            decl: decl.clone(),
            direction: param.direction,
            ty: param.ty.clone(),
            optional: param.may_be_left_out(),
        })
        .collect()
}
