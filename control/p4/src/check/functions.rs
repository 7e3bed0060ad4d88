//! Functions and actions, with their bodies.

use std::sync::Arc;

use super::codes::*;
use super::parameters::{Owner, signature};
use super::scopes::{Entity, FunctionEntity};
use super::signatures::Signature;
use super::statements::Flow;
use super::{Checker, Place, Surroundings};
use crate::diag::Diagnostic;
use crate::hir::{self, Action, ActionId, Direction, Function, FunctionId, Ty, VariableKind};
use crate::syntax::ast::{self, BlockStmt, FunctionSignature, Ident};

impl Checker<'_> {
    /// Adds a function to those of its name.
    pub(super) fn declare_function(
        &mut self,
        name: &Ident,
        function: FunctionEntity,
        signature: &Signature,
    ) -> bool {
        let known = match self.scopes.find_here(&name.name).map(|binding| &binding.entity) {
            Some(Entity::Functions(functions)) => functions.clone(),
            _ => {
                self.declare(name, Entity::Functions(vec![function]));
                return true;
            }
        };
        let signatures: Vec<Arc<Signature>> = known
            .iter()
            .filter_map(|other| match other {
                FunctionEntity::Function(id) => self.functions[*id].clone(),
                FunctionEntity::Extern(id) => self.extern_functions[*id].clone(),
            })
            .collect();
        if !self.check_overload(&signatures, signature) {
            return false;
        }
        if let Some(binding) = self.scopes.find_here_mut(&name.name)
            && let Entity::Functions(functions) = &mut binding.entity
        {
            functions.push(function);
        }
        true
    }

    pub(super) fn function(&mut self, written: &ast::FunctionDecl, annotations: &[ast::Annotation]) {
        let name = &written.signature.name;
        // Within itself a function is not to be called; those of the same name that are declared already are.
        let hides_nothing = self.scopes.find_here(&name.name).is_none();
        if hides_nothing {
            self.declare(name, Entity::Open("a function"));
        }
        let id = self.function_body(&written.signature, &written.body, annotations, Place::Function);
        let Some(id) = id else { return };
        let Some(signature) = self.functions[id].clone() else { return };
        if hides_nothing {
            self.close(name, Entity::Functions(vec![FunctionEntity::Function(id)]));
        } else {
            self.declare_function(name, FunctionEntity::Function(id), &signature);
        }
    }

    /// Checks a function and its body.
    pub(super) fn function_body(
        &mut self,
        written: &FunctionSignature,
        body: &BlockStmt,
        annotations: &[ast::Annotation],
        place: Place,
    ) -> Option<FunctionId> {
        let decl = self.decl(&written.name, annotations);
        self.note_deprecated(&decl);
        let around = Surroundings { place, this: self.around.this, ..Surroundings::at(place) };
        self.scopes.enter();
        let type_params = self.type_params(&written.type_params);
        let ret = self.return_type(&written.ret);
        let params = self.parameters(&written.params, Owner::Function);
        let ids = self.bind_parameters(&params, VariableKind::Param);
        let signature = signature("function", &written.name, type_params.clone(), &params, ret.clone());
        let id = self.program.functions.push(Function {
            decl,
            type_params,
            params: ids,
            ret: ret.clone(),
            body: hir::Block::default(),
        });
        self.functions[id] = Some(signature);
        let around = Surroundings { ret: Some(ret.clone()), ..around };
        let (body, flow) = self.within(around, |c| c.block(body));
        self.scopes.leave();
        if flow == Flow::Continues && !matches!(ret, Ty::Void | Ty::Unknown) {
            let shown = self.show(&ret);
            self.emit(
                Diagnostic::error(
                    MISSING_RETURN,
                    written.name.span,
                    format!("the function `{}` does not return a value on every path", written.name.name),
                )
                .label(written.ret.span, format!("it returns a `{shown}`")),
            );
        }
        self.program.functions[id].body = body;
        Some(id)
    }

    /// An action, at top level or in a control.
    pub(super) fn action(&mut self, written: &ast::ActionDecl, annotations: &[ast::Annotation]) -> ActionId {
        let decl = self.decl(&written.name, annotations);
        self.note_deprecated(&decl);
        self.declare(&written.name, Entity::Open("an action"));
        let around = Surroundings { place: Place::Action, loop_depth: 0, ret: None, ..self.around.clone() };
        let control = self.around.control;
        self.scopes.enter();
        let params = self.parameters(&written.params, Owner::Action);
        let ids = self.bind_parameters(&params, VariableKind::Param);
        for ((param, _), id) in params.iter().zip(&ids) {
            if param.direction == Direction::None {
                self.action_data.insert(*id);
            }
        }
        let signature = signature("action", &written.name, Vec::new(), &params, Ty::Void);
        let id =
            self.program.actions.push(Action { decl, params: ids, body: hir::Block::default(), control });
        self.actions[id] = Some(signature);
        let (body, _) = self.within(around, |c| c.block(&written.body));
        self.scopes.leave();
        self.program.actions[id].body = body;
        self.close(&written.name, Entity::Action(id));
        id
    }
}
