//! Parsers with a body: states, transitions, value sets.

use cranelift_entity::PrimaryMap;
use hashbrown::HashMap;
use std::sync::Arc;

use super::codes::*;
use super::inference::{firm, is_list};
use super::parameters::{Owner, signature};
use super::scopes::{Entity, TypeEntity, most_like};
use super::{BlockSignatures, Checker, Place, Surroundings};
use crate::diag::Diagnostic;
use crate::hir::{
    Block, KeysetKind, LocalDecl, Parser, SelectCase, State, StateId, Target, Transition, Ty, ValueSet,
    ValueSetId, VariableKind,
};
use crate::source::Span;
use crate::syntax::ast::{self, DeclKind, Ident, ParserDecl, ParserState, ValueSetDecl};

/// The states of a parser by name; a name may be that of a state in error.
type States = HashMap<Arc<str>, StateId>;

impl Checker<'_> {
    /// `parser P(...)(...) { ... state start { ... } }`
    pub(super) fn parser(&mut self, written: &ParserDecl, annotations: &[ast::Annotation]) {
        let name = &written.signature.name;
        let decl = self.decl(name, annotations);
        self.note_deprecated(&decl);
        self.declare(name, Entity::Open("a parser"));
        self.not_generic(&written.signature.type_params, "parser");
        self.scopes.enter();
        self.type_params(&written.signature.type_params);
        let params = self.parameters(&written.signature.params, Owner::Parser);
        let constructor_params = self.parameters(&written.constructor_params, Owner::ParserConstructor);
        let param_ids = self.bind_parameters(&params, VariableKind::Param);
        let constructor_ids = self.bind_parameters(&constructor_params, |_| VariableKind::ConstructorParam);
        let id = self.program.parsers.push(Parser {
            decl,
            params: param_ids,
            constructor_params: constructor_ids,
            locals: Vec::new(),
            value_sets: Vec::new(),
            states: PrimaryMap::new(),
            start: None,
        });
        self.parsers[id] = Some(BlockSignatures {
            apply: signature("parser", name, Vec::new(), &params, Ty::Void),
            constructor: signature("constructor", name, Vec::new(), &constructor_params, Ty::Void),
        });
        let locals = std::mem::take(&mut self.locals);
        let around = Surroundings { parser: Some(id), ..Surroundings::at(Place::ParserLocals) };
        self.scopes.enter();
        self.within(around.clone(), |c| {
            for local in &written.locals {
                c.silencing(&local.annotations, |c| c.parser_local(local));
            }
        });
        let states = self.declare_states(written);
        let around = Surroundings { place: Place::ParserState, ..around };
        let checked = self.within(around, |c| {
            let mut checked = PrimaryMap::new();
            for state in &written.states {
                let state = c.silencing(&state.annotations, |c| c.state(state, &states));
                checked.push(state);
            }
            checked
        });
        self.scopes.leave();
        self.scopes.leave();
        let start = states.get("start").copied();
        if start.is_none() {
            self.emit(
                Diagnostic::error(
                    PARSER_STATES,
                    name.span,
                    format!("the parser `{}` has no state `start`", name.name),
                )
                .note("`start` is where parsing begins"),
            );
        }
        if let Some(start) = start
            && !reaches_end(&checked, start)
        {
            self.emit(
                Diagnostic::error(
                    PARSER_STATES,
                    name.span,
                    format!("the parser `{}` never reaches `accept` or `reject`", name.name),
                )
                .help("give one of its loops a way out"),
            );
        }
        let locals = std::mem::replace(&mut self.locals, locals);
        let parser = &mut self.program.parsers[id];
        parser.locals = locals;
        parser.states = checked;
        parser.start = start;
        self.close(name, Entity::Type(TypeEntity::Parser(id)));
    }

    fn parser_local(&mut self, local: &ast::Decl) {
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
            DeclKind::ValueSet(value_set) => {
                let id = self.value_set(value_set, annotations);
                if let Some(parser) = self.around.parser {
                    self.program.parsers[parser].value_sets.push(id);
                }
            }
            _ => self.error(MISPLACED_STATEMENT, local.span, "this cannot be declared in a parser"),
        }
    }

    /// Gives the names of states their meaning, ahead of their bodies.
    fn declare_states(&mut self, written: &ParserDecl) -> States {
        let mut states = States::new();
        for (i, state) in written.states.iter().enumerate() {
            let name = &state.name;
            if matches!(&*name.name, "accept" | "reject") {
                self.error(
                    PARSER_STATES,
                    name.span,
                    format!("the state `{}` is built in and cannot be declared", name.name),
                );
                continue;
            }
            self.declare(name, Entity::State);
            states.entry(name.name.clone()).or_insert(StateId::from_u32(i as u32));
        }
        states
    }

    fn state(&mut self, written: &ParserState, states: &States) -> State {
        let decl = self.decl(&written.name, &written.annotations);
        let (stmts, transition) = self.scoped(|c| {
            let (stmts, _) = c.statements(&written.stmts);
            let transition = match &written.transition {
                None => {
                    let name = &written.name;
                    let message = format!("the state `{}` ends in `reject`, without saying so", name.name);
                    let help = "write `transition reject;`, or `transition accept;` if parsing is done";
                    c.emit(Diagnostic::warning(IMPLIED_REJECT, name.span, message).help(help));
                    Transition::Goto(Target::Reject)
                }
                Some(ast::Transition::Goto(target)) => Transition::Goto(c.target(target, states)),
                Some(ast::Transition::Select { on, cases, span }) => c.select(on, cases, *span, states),
            };
            (stmts, transition)
        });
        State { decl, body: Block { stmts, annotations: Vec::new() }, transition }
    }

    fn target(&mut self, name: &Ident, states: &States) -> Target {
        if let Some(id) = states.get(&name.name) {
            return Target::State(*id);
        }
        match &*name.name {
            "accept" => return Target::Accept,
            "reject" => return Target::Reject,
            _ => {}
        }
        let mut diagnostic = match self.scopes.find(&name.name) {
            Some(binding) => Diagnostic::error(
                WRONG_KIND_OF_NAME,
                name.span,
                format!("`{}` is {}, not a state", name.name, binding.entity.kind()),
            )
            .label(binding.span, "declared here"),
            None => Diagnostic::error(UNKNOWN_NAME, name.span, format!("there is no state `{}`", name.name)),
        };
        let built_in: [Arc<str>; 2] = ["accept".into(), "reject".into()];
        if let Some(like) = most_like(&name.name, states.keys().chain(&built_in)) {
            diagnostic = diagnostic.suggest(format!("did you mean `{like}`?"), name.span, &**like);
        }
        self.emit(diagnostic);
        Target::Reject
    }

    fn select(
        &mut self,
        on: &[ast::Expr],
        cases: &[ast::SelectCase],
        span: Span,
        states: &States,
    ) -> Transition {
        let mut values = Vec::new();
        for value in on {
            let value = self.value(value);
            let value = match &value.ty {
                Ty::AnonymousStruct(fields) if is_list(fields) => {
                    let ty = firm(&value.ty);
                    self.convert(value, &ty)
                }
                _ => value,
            };
            if !self.is_selectable(&value.ty) {
                let shown = self.show(&value.ty);
                let mut diagnostic = Diagnostic::error(
                    SELECT,
                    value.span,
                    format!("`select` cannot be on a value of type `{shown}`"),
                );
                if value.ty == Ty::InfInt {
                    diagnostic = diagnostic.help("give it a width, as in `8w5`");
                }
                self.emit(diagnostic);
                let broken = self.broken(value.span);
                values.push(broken);
                continue;
            }
            values.push(value);
        }
        let types: Vec<Ty> = values.iter().map(|value| value.ty.clone()).collect();
        let mut checked = Vec::new();
        let mut catches_all: Option<Span> = None;
        for case in cases {
            let target = self.target(&case.target, states);
            let Some(keys) = self.keyset(&case.keys, &types, super::keysets::Context::Select) else {
                continue;
            };
            if let Some(previous) = catches_all {
                self.emit(
                    Diagnostic::warning(UNREACHABLE_CASE, case.span, "this case is never reached")
                        .label(previous, "this one takes everything"),
                );
            } else if keys.iter().all(|key| matches!(key.kind, KeysetKind::Any)) {
                catches_all = Some(case.span);
            }
            checked.push(SelectCase { keys, target, span: case.span });
        }
        Transition::Select { on: values, cases: checked, span }
    }

    /// Whether a `select` can be on values of this type (section on select expressions).
    fn is_selectable(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Bit(_) | Ty::Int(_) | Ty::Bool | Ty::Enum(_) | Ty::Error | Ty::Unknown | Ty::New(_) => true,
            Ty::Tuple(types) => types.iter().all(|ty| self.is_selectable(ty)),
            _ => false,
        }
    }

    /// `value_set<T>(size) name;`
    pub(super) fn value_set(
        &mut self,
        written: &ValueSetDecl,
        annotations: &[ast::Annotation],
    ) -> ValueSetId {
        let decl = self.decl(&written.name, annotations);
        let element = self.resolve_complete_type(&written.element);
        let element = match self.is_value_set_element(&element) {
            true => element,
            false => {
                let shown = self.show(&element);
                self.error(
                    INVALID_ELEMENT_TYPE,
                    written.element.span,
                    format!("a value set cannot have elements of type `{shown}`"),
                );
                Ty::Unknown
            }
        };
        let size = self.value(&written.size);
        let numeric = matches!(size.ty, Ty::InfInt | Ty::Bit(_) | Ty::Int(_) | Ty::Unknown);
        if !numeric {
            let shown = self.show(&size.ty);
            self.error(
                MISMATCHED_TYPES,
                size.span,
                format!("a size has to be a number, and this is `{shown}`"),
            );
        } else if !self.is_compile_time_known(&size) {
            self.not_constant(&size, "the size of a value set");
        }
        let id = self.program.value_sets.push(ValueSet { decl, element, size });
        self.declare(&written.name, Entity::ValueSet(id));
        id
    }

    fn is_value_set_element(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Composite(id, _) => {
                let composite = &self.program.types.composites[*id];
                composite.kind == ast::CompositeKind::Struct
                    && (0..composite.fields.len()).all(|i| self.is_value_set_element(&self.field_type(ty, i)))
            }
            Ty::Tuple(types) => types.iter().all(|ty| self.is_value_set_element(ty)),
            _ => self.is_selectable(ty),
        }
    }
}

/// Whether a parser can end. A `select` without a case for everything can, as it may find no match.
fn reaches_end(states: &PrimaryMap<StateId, State>, start: StateId) -> bool {
    let mut seen: HashMap<StateId, ()> = HashMap::new();
    let mut pending = vec![start];
    while let Some(id) = pending.pop() {
        if seen.insert(id, ()).is_some() {
            continue;
        }
        let Some(state) = states.get(id) else { return true };
        let mut targets = Vec::new();
        match &state.transition {
            Transition::Goto(target) => targets.push(*target),
            Transition::Select { cases, .. } => {
                let takes_all =
                    cases.iter().any(|case| case.keys.iter().all(|key| matches!(key.kind, KeysetKind::Any)));
                if !takes_all {
                    return true;
                }
                targets.extend(cases.iter().map(|case| case.target));
            }
        }
        for target in targets {
            match target {
                Target::State(id) => pending.push(id),
                Target::Accept | Target::Reject => return true,
            }
        }
    }
    false
}
