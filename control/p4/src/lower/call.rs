//! Calls: of functions, actions, controls and parsers, of methods and extern functions.
//!
//! A parameter is bound to its argument's own slots when nobody can tell the difference from copying (P4-16, calling
//! convention: copy in, copy out): the argument is a whole variable, field, header or struct; nothing else that is
//! written during the call overlaps it; and no later argument has effects. Otherwise the parameter has slots of its
//! own, with copies before and after the call. A callable is lowered once per way of binding, up to
//! [`SPECIALISATIONS_MAX`]; after that, and for controls whose tables have to look at one set of slots, it is lowered
//! with slots of its own.
//!
//! Invariant: an `out` parameter is zero, its headers invalid, when the body begins.

use hashbrown::HashMap;
use heddle_ir as ir;
use heddle_ir::{BinaryOp as IrBinary, Callee, Expr as IrExpr, Place, Stmt};

use super::fold;
use super::layout::{Location, SYMBOL_WIDTH, Shape};
use super::mention::{has_effects, is_written_at_once};
use super::names::qualified;
use super::place::is_path;
use super::{
    ActId, Activation, BaseId, BaseKey, Binding, CValue, InstId, InstKind, LValue, Lower, Lowerer, Reported,
    Specialisation, Value, annotation, codes, konst,
};
use crate::arch;
use crate::check::{WEIGHT_MAX, weight};
use crate::hir::{
    self, ActionId, Arg, Block, Direction, Expr, ExternFunction, FunctionId, LocalDecl, Ty, VariableId,
};
use crate::source::Span;

/// Ways of binding for which a callable is lowered anew.
pub(super) const SPECIALISATIONS_MAX: usize = 4;

/// How a parameter is bound.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum BindKey {
    /// To slots of its own.
    Own,
    /// To the argument's slots.
    Bound(Location),
    /// To a compile-time value.
    Const(CValue),
}

/// An argument, evaluated.
#[derive(Clone, Debug)]
pub(crate) enum Actual {
    /// A compile-time value, as an extern object is.
    Const(CValue),
    /// A value, and where it can be read as long as nothing is written there.
    In(Value, Option<Location>),
    /// An l-value, for `inout` and `out`.
    Ref(LValue),
    /// An l-value for `inout`, and the value that it had before later arguments could change it.
    Saved(LValue, Value),
    /// None: `_`, or left out.
    Absent,
}

/// A call of an extern function or method.
#[derive(Clone, Copy)]
pub(crate) struct ExternCall<'c> {
    /// What is called.
    pub(crate) decl: &'c ExternFunction,
    /// Type arguments.
    pub(crate) type_args: &'c [Ty],
    /// The object.
    pub(crate) receiver: Option<InstId>,
    /// Arguments.
    pub(crate) args: &'c [Arg],
    /// Where.
    pub(crate) span: Span,
}

/// What has slots and parameters.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Function(FunctionId, Vec<Ty>),
    /// What an instance has for an abstract method, in the parser or control that it is declared in.
    Method(Option<ActId>, FunctionId),
    Action(Option<ActId>, ActionId),
    Control(InstId, hir::ControlId),
    Parser(InstId, hir::ParserId),
}

impl Lowerer<'_> {
    /// Calls something. Gives its result.
    pub(crate) fn call(&mut self, call: &hir::Call, span: Span) -> Lower<Value> {
        match &call.callee {
            hir::Callee::Function(id, type_args) => {
                let type_args = type_args.iter().map(|t| self.subst(t)).collect();
                self.invoke(Target::Function(*id, type_args), &call.args, span)
            }
            hir::Callee::Action(id) => {
                let parent = match self.hir.actions[*id].control {
                    Some(_) => self.container(),
                    None => None,
                };
                if let Some(inst) = self.act.and_then(|a| self.acts[a].inst) {
                    self.direct_actions.push((inst, *id));
                }
                self.invoke(Target::Action(parent, *id), &call.args, span)
            }
            hir::Callee::Apply(receiver) => {
                let CValue::Instance(inst) = self.constant(receiver)? else {
                    return self.unsupported(span, "applying this");
                };
                match self.insts[inst].kind {
                    InstKind::Control(id) => self.invoke(Target::Control(inst, id), &call.args, span),
                    InstKind::Parser(id) => self.invoke(Target::Parser(inst, id), &call.args, span),
                    InstKind::Extern(..) | InstKind::Package => self.unsupported(span, "applying this"),
                }
            }
            hir::Callee::Table(table) => {
                self.apply_table(*table, None, None, span)?;
                Ok(Value::Void)
            }
            hir::Callee::ExternFunction(id, type_args) => {
                let type_args: Vec<Ty> = type_args.iter().map(|t| self.subst(t)).collect();
                let decl = &self.hir.extern_functions[*id];
                self.calls_extern_functions |= !self.in_parser();
                let call = ExternCall { decl, type_args: &type_args, receiver: None, args: &call.args, span };
                arch::call_function(self, &call)
            }
            hir::Callee::Method { receiver, extern_id, method, type_args } => {
                let type_args: Vec<Ty> = type_args.iter().map(|t| self.subst(t)).collect();
                let externs = &self.hir.types.externs[*extern_id];
                let Some(decl) = externs.methods.get(*method) else {
                    return self.unsupported(span, "this method");
                };
                let receiver = match self.constant(receiver)? {
                    CValue::Instance(inst) => Some(inst),
                    _ => None,
                };
                if let Some(inst) = receiver
                    && let Some(target) = self.implementation(inst, decl)
                {
                    return self.invoke(target, &call.args, span);
                }
                let call = ExternCall { decl, type_args: &type_args, receiver, args: &call.args, span };
                arch::call_method(self, &externs.decl.name, &call)
            }
            hir::Callee::SetValid(of) | hir::Callee::SetInvalid(of) => {
                let valid = matches!(call.callee, hir::Callee::SetValid(_));
                let Some(Location::Header(header, _)) = self.try_location(of)? else {
                    return self.unsupported(span, "the validity of this");
                };
                if valid {
                    self.emit(Stmt::SetValid(header));
                } else {
                    self.emit(Stmt::SetInvalid(header.clone()));
                    self.invalidate_siblings(&header);
                }
                Ok(Value::Void)
            }
            hir::Callee::PushFront(of, count) => self.shift_stack(of, *count, true, span),
            hir::Callee::PopFront(of, count) => self.shift_stack(of, *count, false, span),
        }
    }

    fn shift_stack(&mut self, of: &Expr, count: u32, push: bool, span: Span) -> Lower<Value> {
        let Some(Location::Stack(stack)) = self.try_location(of)? else {
            return self.unsupported(span, "shifting this");
        };
        for (column, _) in &stack.columns {
            self.emit(if push { Stmt::PushFront(*column, count) } else { Stmt::PopFront(*column, count) });
        }
        // Outside of parsers nobody can read `nextIndex`.
        if self.in_parser() {
            let next = IrExpr::Read(Place::Var(stack.next));
            let (size, by) = (konst(SYMBOL_WIDTH, stack.size().into()), konst(SYMBOL_WIDTH, count.into()));
            let new = if push {
                let sum = fold::binary(IrBinary::SatAddU, next, by);
                fold::mux(fold::binary(IrBinary::LtU, size.clone(), sum.clone()), size, sum)
            } else {
                fold::binary(IrBinary::SatSubU, next, by)
            };
            self.emit(Stmt::Assign(Place::Var(stack.next), new));
        }
        Ok(Value::Void)
    }

    /// The activation of the parser or control around.
    pub(crate) fn container(&self) -> Option<ActId> {
        let mut at = self.act;
        while let Some(act) = at {
            if self.acts[act].inst.is_some() {
                return Some(act);
            }
            at = self.acts[act].parent;
        }
        None
    }

    /// What an instance has for an abstract method.
    fn implementation(&self, inst: InstId, method: &ExternFunction) -> Option<Target> {
        if !method.is_abstract {
            return None;
        }
        let (methods, owner) = (&self.hir.instances[self.insts[inst].hir].methods, self.insts[inst].parent);
        let (_, function) = methods.iter().find(|(name, _)| *name == method.decl.name)?;
        // Of an instance at the top level nothing is around. What is around another one is being applied: whoever else
        // has the instance was given it by its owner.
        let Some(owner) = owner else { return Some(Target::Method(None, *function)) };
        let around = self.active.iter().rev().find(|act| self.acts[**act].inst == Some(owner))?;
        Some(Target::Method(Some(*around), *function))
    }

    /// The arguments of a call, evaluated in order.
    pub(crate) fn actuals(&mut self, args: &[Arg]) -> Lower<Vec<Actual>> {
        let mut actuals = vec![Actual::Absent; args.len()];
        let effective = args.iter().filter(|arg| arg.expr.as_ref().is_some_and(has_effects));
        let last_effect = effective.map(|arg| arg.place).max();
        for i in hir::evaluation_order(args) {
            let arg = &args[i];
            let disturbed = last_effect.is_some_and(|place| place > arg.place);
            let Some(expr) = &arg.expr else { continue };
            actuals[i] = match arg.direction {
                Direction::InOut if disturbed => {
                    let lvalue = self.lvalue(expr, true)?;
                    let value = self.read_lvalue(&lvalue, expr.span)?;
                    Actual::Saved(lvalue, self.pin(value))
                }
                Direction::InOut | Direction::Out => Actual::Ref(self.lvalue(expr, true)?),
                Direction::In | Direction::None => self.actual_in(expr, disturbed)?,
            };
        }
        Ok(actuals)
    }

    fn actual_in(&mut self, expr: &Expr, disturbed: bool) -> Lower<Actual> {
        if let Shape::Nothing = self.shape(&expr.ty, expr.span)?
            && let Some(value) = self.try_constant(expr)?
        {
            return Ok(Actual::Const(value));
        }
        if is_path(expr)
            && let Some(location) = self.try_location(expr)?
        {
            if disturbed {
                let value = self.read(&location);
                return Ok(Actual::In(self.pin(value), None));
            }
            let location = self.keep_index(location);
            return Ok(Actual::In(self.read(&location), Some(location)));
        }
        let value = self.value(expr)?;
        Ok(Actual::In(if disturbed { self.pin(value) } else { value }, None))
    }

    fn invoke(&mut self, target: Target, args: &[Arg], span: Span) -> Lower<Value> {
        self.check_size(span)?;
        let key = match &target {
            Target::Function(id, tys) => {
                if tys.iter().any(|ty| weight(ty, WEIGHT_MAX) >= WEIGHT_MAX) {
                    return self.error(
                        codes::TOO_LARGE,
                        span,
                        "the type arguments of this call are too large",
                    );
                }
                BaseKey::Function(*id, tys.clone())
            }
            Target::Method(parent, id) => BaseKey::Method(*parent, *id),
            Target::Action(parent, id) => BaseKey::Action(*parent, *id),
            Target::Control(inst, _) | Target::Parser(inst, _) => BaseKey::Inst(*inst),
        };
        let base = self.base(key);
        if self.is_active(base) {
            return self.error(codes::RECURSION, span, "this calls itself, directly or by way of others");
        }
        let params = match &target {
            Target::Function(id, _) | Target::Method(_, id) => self.hir.functions[*id].params.clone(),
            Target::Action(_, id) => self.hir.actions[*id].params.clone(),
            Target::Control(_, id) => self.hir.controls[*id].params.clone(),
            Target::Parser(_, id) => self.hir.parsers[*id].params.clone(),
        };
        let actuals = self.actuals(args)?;
        let keys = self.plan(&target, base, args, &actuals, span)?;
        let spec = self.specialise(&target, base, &params, keys, span)?;

        let mut copy_out = Vec::new();
        for i in hir::evaluation_order(args) {
            let (param, arg) = (params[i], &args[i]);
            if spec.keys[i] != BindKey::Own {
                continue;
            }
            let own = self.storage_in(spec.act, param)?;
            match &actuals[i] {
                Actual::In(value, _) => self.store(&own, value.clone(), span)?,
                Actual::Ref(lvalue) => {
                    if arg.direction == Direction::InOut {
                        let value = self.read_lvalue(lvalue, span)?;
                        self.store(&own, value, span)?;
                    }
                    let (block, ()) = self.in_block(|l| l.write_back(lvalue, &own, span))?;
                    copy_out.extend(block);
                }
                Actual::Saved(lvalue, value) => {
                    self.store(&own, value.clone(), span)?;
                    let (block, ()) = self.in_block(|l| l.write_back(lvalue, &own, span))?;
                    copy_out.extend(block);
                }
                Actual::Absent if arg.direction != Direction::Out => {
                    let ty = self.hir.variables[param].ty.clone();
                    let act = spec.act;
                    let value = self.in_act(act, |l| l.default_value(&ty, span))?;
                    self.store(&own, value, span)?;
                }
                Actual::Const(_) | Actual::Absent => {}
            }
        }
        self.emit(Stmt::Call { callee: spec.callee, copy_out });
        Ok(match self.results.get(&base) {
            Some(location) => self.read(location),
            None => Value::Void,
        })
    }

    /// The callable with its parameters bound this way, lowered now if it was not before.
    fn specialise(
        &mut self,
        target: &Target,
        base: BaseId,
        params: &[VariableId],
        keys: Vec<BindKey>,
        span: Span,
    ) -> Lower<Specialisation> {
        if let Some(spec) = self.specialisations.get(&base).and_then(|s| s.iter().find(|s| s.keys == keys)) {
            return Ok(spec.clone());
        }
        if let Target::Control(inst, _) | Target::Parser(inst, _) = target {
            self.applied.insert(*inst);
        }
        let act = self.activate(target, base, params, &keys)?;
        let callee = self.in_callable(act, span, |l| {
            let outer = std::mem::replace(&mut l.once, false);
            let result = l.lower_target(target, act);
            l.once = outer;
            result
        })?;
        let spec = Specialisation { keys, callee, act };
        self.specialisations.entry(base).or_default().push(spec.clone());
        Ok(spec)
    }

    fn activate(
        &mut self,
        target: &Target,
        base: BaseId,
        params: &[VariableId],
        keys: &[BindKey],
    ) -> Lower<ActId> {
        let (parent, inst, in_parser) = match target {
            Target::Function(..) => (None, None, true),
            Target::Method(parent, _) => (*parent, None, parent.is_none_or(|p| self.acts[p].in_parser)),
            Target::Action(parent, _) => (*parent, None, false),
            Target::Control(inst, _) => (None, Some(*inst), false),
            Target::Parser(inst, _) => (None, Some(*inst), true),
        };
        let name = match target {
            Target::Function(id, _) => self.hir.functions[*id].decl.name.to_string(),
            Target::Method(parent, id) => {
                let prefix = parent.map_or(String::new(), |p| self.acts[p].name.clone());
                qualified(&prefix, &self.hir.functions[*id].decl)
            }
            Target::Action(parent, id) => {
                let prefix = parent.map_or(String::new(), |p| self.acts[p].name.clone());
                qualified(&prefix, &self.hir.actions[*id].decl)
            }
            Target::Control(inst, _) | Target::Parser(inst, _) => self.insts[*inst].name.clone(),
        };
        let types: HashMap<_, _> = match target {
            Target::Function(id, tys) => {
                self.hir.functions[*id].type_params.iter().copied().zip(tys.iter().cloned()).collect()
            }
            Target::Method(..) | Target::Action(..) | Target::Control(..) | Target::Parser(..) => {
                HashMap::new()
            }
        };
        let act = self.new_act(Activation {
            parent,
            base,
            name,
            inst,
            types,
            bindings: HashMap::new(),
            ret: None,
            in_parser,
        });
        for (param, key) in params.iter().zip(keys) {
            let binding = match key {
                BindKey::Own => match self.storage_in(act, *param) {
                    Ok(location) => Binding::Place(location),
                    Err(Reported) => return Err(Reported),
                },
                BindKey::Bound(location) => Binding::Place(location.clone()),
                BindKey::Const(value) => Binding::Const(value.clone()),
            };
            self.acts[act].bindings.insert(*param, binding);
        }
        if let Target::Function(id, _) | Target::Method(_, id) = target {
            let function = &self.hir.functions[*id];
            if function.ret != Ty::Void {
                let ret = match self.results.get(&base) {
                    Some(location) => location.clone(),
                    None => {
                        let (ty, span) = (function.ret.clone(), function.decl.span);
                        let name = format!("{}.result", function.decl.name);
                        let location = self.in_act(act, |l| l.allocate(&ty, &name, span))?;
                        self.results.insert(base, location.clone());
                        location
                    }
                };
                self.acts[act].ret = Some(ret);
            }
        }
        Ok(act)
    }

    fn lower_target(&mut self, target: &Target, act: ActId) -> Lower<Callee> {
        let name = self.acts[act].name.clone();
        let span;
        let block = match target {
            Target::Function(id, _) | Target::Method(_, id) => {
                let function = &self.hir.functions[*id];
                span = function.decl.span;
                self.callable_block(&function.params, &function.body)?
            }
            Target::Action(_, id) => {
                let action = &self.hir.actions[*id];
                span = action.decl.span;
                self.callable_block(&action.params, &action.body)?
            }
            Target::Control(_, id) => {
                span = self.hir.controls[*id].decl.span;
                self.control_block(*id, true)?
            }
            Target::Parser(inst, id) => return self.lower_parser(*inst, *id, true).map(Callee::Parser),
        };
        let body = self.ir.bodies.push(ir::Body { name, block });
        self.attribute(span);
        Ok(Callee::Body(body))
    }

    /// The body of a function or action, behind the resetting of its `out` parameters.
    pub(crate) fn callable_block(&mut self, params: &[VariableId], body: &Block) -> Lower<ir::Block> {
        let (mut block, ()) = self.in_block(|l| {
            l.reset_out_params(params, Some(body))?;
            l.lower_block(body)
        })?;
        if let Some(Stmt::Return) = block.last() {
            block.pop();
        }
        Ok(block)
    }

    /// The body of a control, its variables first.
    pub(crate) fn control_block(&mut self, control: hir::ControlId, reset_out: bool) -> Lower<ir::Block> {
        let decl = &self.hir.controls[control];
        let (mut block, ()) = self.in_block(|l| {
            if reset_out {
                l.reset_out_params(&decl.params, None)?;
            }
            l.declare_locals(&decl.locals)?;
            l.lower_block(&decl.body)
        })?;
        if let Some(Stmt::Return) = block.last() {
            block.pop();
        }
        if annotation(&decl.decl.annotations, "atomic").is_some() {
            block = vec![Stmt::Atomic(block)];
        }
        Ok(block)
    }

    /// The variables of a parser or control.
    pub(crate) fn declare_locals(&mut self, locals: &[LocalDecl]) -> Lower<()> {
        for local in locals {
            if let LocalDecl::Variable(variable, init) = local {
                let span = self.hir.variables[*variable].decl.span;
                self.declare_member(*variable, init.as_ref(), span)?;
            }
        }
        Ok(())
    }

    fn declare_member(&mut self, variable: VariableId, init: Option<&Expr>, span: Span) -> Lower<()> {
        // Actions and tables may read it, whatever the statements that follow do.
        let location = self.own_storage(variable)?;
        self.bind(variable, Binding::Place(location.clone()));
        let ty = self.hir.variables[variable].ty.clone();
        match init {
            Some(init) => {
                let value = self.value(init)?;
                self.store(&location, value, span)
            }
            None if self.runs_once() => Ok(()),
            None => {
                let value = self.default_value(&ty, span)?;
                self.store(&location, value, span)
            }
        }
    }

    /// `out` parameters begin as zero, their headers as invalid.
    pub(crate) fn reset_out_params(&mut self, params: &[VariableId], body: Option<&Block>) -> Lower<()> {
        for param in params {
            let decl = &self.hir.variables[*param];
            if decl.kind != hir::VariableKind::Param(Direction::Out)
                || body.is_some_and(|body| is_written_at_once(&body.stmts, *param))
            {
                continue;
            }
            let (ty, span) = (decl.ty.clone(), decl.decl.span);
            if let Some(Binding::Place(location)) = self.binding(*param).cloned() {
                let value = self.default_value(&ty, span)?;
                self.store(&location, value, span)?;
            }
        }
        Ok(())
    }

    /// Lowers a parser or control that the architecture runs itself, its parameters bound as it says. The slots are
    /// those of a frame just begun: nothing is reset.
    pub(crate) fn top_level_block(&mut self, inst: InstId, bindings: &[Binding]) -> Lower<Callee> {
        let base = self.base(BaseKey::Inst(inst));
        let (params, span, in_parser) = match self.insts[inst].kind {
            InstKind::Control(id) => {
                (self.hir.controls[id].params.clone(), self.hir.controls[id].decl.span, false)
            }
            InstKind::Parser(id) => {
                (self.hir.parsers[id].params.clone(), self.hir.parsers[id].decl.span, true)
            }
            InstKind::Extern(..) | InstKind::Package => {
                let span = self.hir.instances[self.insts[inst].hir].decl.span;
                return self.unsupported(span, "this as a block of the architecture");
            }
        };
        let name = self.insts[inst].name.clone();
        let act = self.new_act(Activation {
            parent: None,
            base,
            name: name.clone(),
            inst: Some(inst),
            types: HashMap::new(),
            bindings: params.iter().copied().zip(bindings.iter().cloned()).collect(),
            ret: None,
            in_parser,
        });
        self.applied.insert(inst);
        let outer = std::mem::replace(&mut self.once, true);
        let kind = self.insts[inst].kind;
        let result = self.in_callable(act, span, |l| match kind {
            InstKind::Parser(id) => l.lower_parser(inst, id, false).map(Callee::Parser),
            InstKind::Control(id) => {
                let block = l.control_block(id, false)?;
                let body = l.ir.bodies.push(ir::Body { name, block });
                l.attribute(span);
                Ok(Callee::Body(body))
            }
            InstKind::Extern(..) | InstKind::Package => Err(Reported),
        });
        self.once = outer;
        result
    }

    /// The value of an argument that is only read.
    pub(crate) fn in_arg(&mut self, actual: Option<&Actual>, span: Span) -> Lower<Value> {
        match actual {
            Some(Actual::In(value, _) | Actual::Saved(_, value)) => Ok(value.clone()),
            Some(Actual::Const(value)) => Ok(Value::Const(value.clone())),
            Some(Actual::Ref(lvalue)) => {
                let lvalue = lvalue.clone();
                self.read_lvalue(&lvalue, span)
            }
            Some(Actual::Absent) | None => self.unsupported(span, "leaving out this argument"),
        }
    }

    /// The scalar that an argument is.
    pub(crate) fn scalar_arg(&mut self, actual: Option<&Actual>, span: Span) -> Lower<IrExpr> {
        let value = self.in_arg(actual, span)?;
        self.scalar_of(value, span)
    }

    /// Stores what a call gives to an `out` argument.
    pub(crate) fn store_out(&mut self, actual: Option<&Actual>, value: Value, span: Span) -> Lower<()> {
        match actual {
            Some(Actual::Ref(lvalue) | Actual::Saved(lvalue, _)) => {
                let lvalue = lvalue.clone();
                self.store_lvalue(&lvalue, value, span)
            }
            Some(Actual::Absent) | None => Ok(()),
            Some(Actual::In(..) | Actual::Const(_)) => {
                self.unsupported(span, "an argument that is no variable")
            }
        }
    }
}
