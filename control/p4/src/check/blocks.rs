//! Controls with a body.

use super::codes::*;
use super::parameters::{Owner, signature};
use super::scopes::{Entity, TypeEntity};
use super::{BlockSignatures, Checker, Place, Surroundings};
use crate::diag::Diagnostic;
use crate::hir::{Block, Control, LocalDecl, Ty, VariableKind};
use crate::source::Span;
use crate::syntax::ast::{self, ControlDecl, DeclKind, Ident};

impl Checker<'_> {
    /// Reports type parameters of a parser or control with a body.
    pub(super) fn not_generic(&mut self, type_params: &[Ident], what: &str) {
        if let (Some(first), Some(last)) = (type_params.first(), type_params.last()) {
            let span: Span = first.span.to(last.span);
            self.emit(
                Diagnostic::error(
                    GENERIC_DECLARATION,
                    span,
                    format!("a {what} with a body cannot be generic"),
                )
                .help("use concrete types"),
            );
        }
    }

    /// `control C(...)(...) { ... apply { ... } }`
    pub(super) fn control(&mut self, written: &ControlDecl, annotations: &[ast::Annotation]) {
        let name = &written.signature.name;
        let decl = self.decl(name, annotations);
        self.note_deprecated(&decl);
        self.declare(name, Entity::Open("a control"));
        self.not_generic(&written.signature.type_params, "control");
        self.scopes.enter();
        self.type_params(&written.signature.type_params);
        let params = self.parameters(&written.signature.params, Owner::Control);
        let constructor_params = self.parameters(&written.constructor_params, Owner::ControlConstructor);
        let param_ids = self.bind_parameters(&params, VariableKind::Param);
        let constructor_ids = self.bind_parameters(&constructor_params, |_| VariableKind::ConstructorParam);
        let id = self.program.controls.push(Control {
            decl,
            params: param_ids,
            constructor_params: constructor_ids,
            locals: Vec::new(),
            actions: Vec::new(),
            tables: Vec::new(),
            body: Block::default(),
        });
        self.controls[id] = Some(BlockSignatures {
            apply: signature("control", name, Vec::new(), &params, Ty::Void),
            constructor: signature("constructor", name, Vec::new(), &constructor_params, Ty::Void),
        });
        let locals = std::mem::take(&mut self.locals);
        let around = Surroundings { control: Some(id), ..Surroundings::at(Place::ControlLocals) };
        self.scopes.enter();
        let outer = self.note_locals(&written.locals);
        self.within(around.clone(), |c| {
            for local in &written.locals {
                c.silencing(&local.annotations, |c| c.control_local(local));
            }
        });
        self.forget_locals(outer);
        let around = Surroundings { place: Place::ControlApply, ..around };
        let (body, _) = self.within(around, |c| c.block(&written.apply));
        self.scopes.leave();
        self.scopes.leave();
        let locals = std::mem::replace(&mut self.locals, locals);
        let control = &mut self.program.controls[id];
        control.locals = locals;
        control.body = body;
        self.close(name, Entity::Type(TypeEntity::Control(id)));
    }

    fn control_local(&mut self, local: &ast::Decl) {
        let annotations = &local.annotations;
        match &local.kind {
            DeclKind::Const(constant) => self.constant(constant, annotations),
            DeclKind::Variable(variable) => {
                let (id, init) = self.variable(variable, annotations);
                self.locals.push(LocalDecl::Variable(id, init));
            }
            DeclKind::Instantiation(instantiation) => {
                self.instantiation(instantiation, annotations, local.span);
            }
            DeclKind::Action(action) => {
                let action = self.action(action, annotations);
                if let Some(control) = self.around.control {
                    self.program.controls[control].actions.push(action);
                }
            }
            DeclKind::Table(table) => self.table(table, annotations),
            DeclKind::ValueSet(value_set) => {
                self.error(
                    INSTANTIATION_NOT_ALLOWED,
                    value_set.name.span,
                    "value sets are declared in parsers or at the top level",
                );
            }
            _ => self.error(MISPLACED_STATEMENT, local.span, "this cannot be declared in a control"),
        }
    }
}
