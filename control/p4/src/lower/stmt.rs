//! Statements.
//!
//! Invariant: what a statement emits does what the statement does, once; a loop has a bound.

use std::ops::ControlFlow;

use hashbrown::HashSet;
use heddle_ir as ir;
use heddle_ir::{BinaryOp as IrBinary, Bits, Expr as IrExpr, Place, Stmt as IrStmt};
use num_traits::ToPrimitive;

use super::fold;
use super::layout::{Location, SYMBOL_WIDTH};
use super::mention::{self, has_effects, is_written_first, mentions};
use super::{Binding, HeaderValue, LValue, Lower, Lowerer, Value, annotation, konst};
use crate::hir::{
    BinaryOp, Block, Expr, ExprKind, Stmt, StmtKind, SwitchCase, SwitchLabel, SwitchOn, VariableId,
};
use crate::source::Span;

/// Conditionals that nest in one another.
const CHAIN_MAX: usize = 64;

impl Lowerer<'_> {
    /// A block as the statements it becomes.
    pub(crate) fn block_of(&mut self, block: &Block) -> Lower<ir::Block> {
        self.in_block(|l| l.lower_block(block)).map(|(stmts, ())| stmts)
    }

    /// A block, `@atomic` or not. Goes on after a statement that cannot be lowered, so that all are reported.
    pub(crate) fn lower_block(&mut self, block: &Block) -> Lower<()> {
        if annotation(&block.annotations, "atomic").is_some() {
            let (stmts, ()) = self.in_block(|l| l.lower_stmts(&block.stmts))?;
            self.emit(IrStmt::Atomic(stmts));
            return Ok(());
        }
        self.lower_stmts(&block.stmts)
    }

    /// Statements in order.
    pub(crate) fn lower_stmts(&mut self, stmts: &[Stmt]) -> Lower<()> {
        let mut result = Ok(());
        let mut at = 0;
        while at < stmts.len() {
            let early = self.done_before(&stmts[at..]);
            let last = at + early.end - 1;
            let early = at + early.start..at + early.end;
            for i in early.clone().chain((at..=last).filter(|i| !early.contains(i))) {
                let (stmt, rest) = (&stmts[i], &stmts[i + 1..]);
                if let Err(reported) = self.nested(stmt.span, |l| l.stmt(stmt, rest)) {
                    result = Err(reported);
                }
                self.attribute(stmt.span);
            }
            at = last + 1;
        }
        result
    }

    fn stmt(&mut self, stmt: &Stmt, rest: &[Stmt]) -> Lower<()> {
        let span = stmt.span;
        self.check_size(span)?;
        match &stmt.kind {
            StmtKind::Declare(variable, init) => self.declare(*variable, init.as_ref(), rest, span),
            StmtKind::Instance(_) => Ok(()),
            StmtKind::Assign { target, op, value } => self.assign(target, *op, value, span),
            StmtKind::Call(call) => self.value(call).map(|_| ()),
            StmtKind::Block(block) => self.lower_block(block),
            StmtKind::If { cond, then, els } => self.if_else(cond, then, els),
            StmtKind::Switch { on, cases, default } => self.switch(on, cases, default.as_ref(), span),
            StmtKind::For { init, cond, update, body } => self.for_loop(init, cond, update, body),
            StmtKind::ForRange { variable, low, high, body } => {
                self.for_range(*variable, low, high, body, span)
            }
            StmtKind::ForEach { variable, collection, body } => {
                self.for_each(*variable, collection, body, span)
            }
            StmtKind::Return(value) => {
                if let Some(value_expr) = value {
                    let value = self.value(value_expr)?;
                    let ret = self.act_chain().find_map(|a| a.ret.clone());
                    match ret {
                        Some(ret) => self.store(&ret, value, span)?,
                        None => return self.unsupported(span, "returning a value here"),
                    }
                }
                self.emit(IrStmt::Return);
                Ok(())
            }
            StmtKind::Exit => {
                self.emit(IrStmt::Exit);
                Ok(())
            }
            StmtKind::Break => {
                self.emit(IrStmt::Break);
                Ok(())
            }
            StmtKind::Continue => {
                self.emit(IrStmt::Continue);
                Ok(())
            }
        }
    }

    /// Gives a variable its value; one without is zero, unless that can be seen by nobody.
    pub(crate) fn declare(
        &mut self,
        variable: VariableId,
        init: Option<&Expr>,
        rest: &[Stmt],
        span: Span,
    ) -> Lower<()> {
        let ty = self.hir.variables[variable].ty.clone();
        let value = match init {
            Some(init) => Some(self.value(init)?),
            None => None,
        };
        let location = self.own_storage(variable)?;
        self.bind(variable, Binding::Place(location.clone()));
        match value {
            Some(value) => self.store(&location, value, span),
            None if is_written_first(rest, variable) || self.runs_once() => Ok(()),
            None => {
                let value = self.default_value(&ty, span)?;
                self.store(&location, value, span)
            }
        }
    }

    fn assign(&mut self, target: &Expr, op: Option<BinaryOp>, value: &Expr, span: Span) -> Lower<()> {
        // The l-value is evaluated first: its index must survive what the value does.
        let dst = self.lvalue(target, has_effects(value))?;
        let Some(op) = op else {
            let value = self.value(value)?;
            let may_be_invalid = matches!(
                value,
                Value::Invalid | Value::Header(HeaderValue::Invalid | HeaderValue::Copy(_), _)
            );
            self.store_lvalue(&dst, value, span)?;
            if let (LValue::Whole(Location::Header(header, _)), true) = (&dst, may_be_invalid) {
                self.invalidate_siblings(header);
            }
            return Ok(());
        };
        let old = self.read_lvalue(&dst, span)?;
        let old = if has_effects(value) { self.pin(old) } else { old };
        let new = self.scalar(value)?;
        let old = self.scalar_of(old, span)?;
        let signed = self.is_signed(&target.ty);
        let result = self.arithmetic(op, old, new, signed, span)?;
        self.store_lvalue(&dst, Value::Scalar(result), span)
    }

    /// A conditional. Each `else if` nests in the one before, which the pipeline bears up to a depth: where a chain is longer,
    /// its rest stands behind, under the condition that none before was taken.
    fn if_else(&mut self, cond: &Expr, then: &Block, els: &Block) -> Lower<()> {
        let (mut arms, mut last) = (vec![(cond, then)], els);
        while let ([Stmt { kind: StmtKind::If { cond, then, els }, .. }], []) =
            (last.stmts.as_slice(), last.annotations.as_slice())
        {
            arms.push((cond, then));
            last = els;
        }
        let (first, rest) = arms.split_at(arms.len().min(CHAIN_MAX));
        if rest.is_empty() {
            return self.arms(first, &mut |l| l.lower_block(last));
        }
        let place = Place::Var(self.temp(1));
        let set = |value| IrStmt::Assign(place.clone(), konst(1, value));
        self.emit(set(0));
        let mut go_on = |l: &mut Self| {
            l.emit(set(1));
            Ok(())
        };
        self.arms(first, &mut go_on)?;
        let mut segments = rest.chunks(CHAIN_MAX).peekable();
        while let Some(segment) = segments.next() {
            let is_last = segments.peek().is_none();
            let (then, ()) = self.in_block(|l| {
                l.emit(set(0));
                match is_last {
                    true => l.arms(segment, &mut |l| l.lower_block(last)),
                    false => l.arms(segment, &mut go_on),
                }
            })?;
            self.emit(IrStmt::If { cond: IrExpr::Read(place.clone()), then, els: Vec::new() });
        }
        Ok(())
    }

    /// Conditionals, each in the `else` of the one before, and what is in that of the last.
    fn arms(&mut self, arms: &[(&Expr, &Block)], last: &mut dyn FnMut(&mut Self) -> Lower<()>) -> Lower<()> {
        let Some(((cond, then), more)) = arms.split_first() else { return last(self) };
        let cond = self.scalar(cond)?;
        if let Some(bits) = fold::as_const(&cond) {
            return if bits.is_zero() { self.arms(more, last) } else { self.lower_block(then) };
        }
        let then = self.block_of(then);
        let els = self.in_block(|l| l.arms(more, last)).map(|(els, ())| els);
        let (mut then, mut els, mut cond) = (then?, els?, cond);
        if then.is_empty() {
            if els.is_empty() {
                return Ok(());
            }
            (then, els, cond) = (els, then, fold::not(cond));
        }
        self.emit(IrStmt::If { cond, then, els });
        Ok(())
    }

    fn switch(
        &mut self,
        on: &SwitchOn,
        cases: &[SwitchCase],
        default: Option<&Block>,
        span: Span,
    ) -> Lower<()> {
        let (on, ty) = match on {
            SwitchOn::Action(expr) => (self.scalar(expr)?, None),
            SwitchOn::Value(expr) => (self.scalar(expr)?, Some(&expr.ty)),
        };
        let width = match ty {
            Some(ty) => self.width(ty, span)?,
            None => SYMBOL_WIDTH,
        };
        let mut result = Ok(());
        let mut seen: HashSet<Bits> = HashSet::new();
        let mut lowered = Vec::new();
        for case in cases {
            let mut labels = Vec::new();
            for label in &case.labels {
                let bits = match label {
                    SwitchLabel::Action(index) => Bits::new(width, *index as u128),
                    SwitchLabel::Value(expr) => {
                        let value = self.constant(expr)?;
                        self.bits_of_constant(&value, width, expr.span)?
                    }
                };
                if seen.insert(bits.clone()) {
                    labels.push(bits);
                }
            }
            match self.block_of(&case.body) {
                Ok(block) if !labels.is_empty() => lowered.push((labels, block)),
                Ok(_) => {}
                Err(reported) => result = Err(reported),
            }
        }
        let default = match default {
            Some(block) => self.block_of(block)?,
            None => Vec::new(),
        };
        result?;
        if let Some(bits) = fold::as_const(&on) {
            let taken =
                lowered.into_iter().find(|(labels, _)| labels.contains(bits)).map_or(default, |(_, b)| b);
            self.block.extend(taken);
            return Ok(());
        }
        self.emit(IrStmt::Switch { on, cases: lowered, default });
        Ok(())
    }

    fn for_loop(&mut self, init: &[Stmt], cond: &Expr, update: &[Stmt], body: &Block) -> Lower<()> {
        self.lower_stmts(init)?;
        self.in_loop(|l| {
            let (body, ()) = l.in_block(|l| {
                let cond = l.scalar(cond)?;
                l.emit(IrStmt::If { cond: fold::not(cond), then: vec![IrStmt::Break], els: Vec::new() });
                l.lower_block(body)
            })?;
            let (update, ()) = l.in_block(|l| l.lower_stmts(update))?;
            let bound = l.options.loop_bound;
            l.emit(IrStmt::Loop { bound, body, update });
            Ok(())
        })
    }

    fn for_range(
        &mut self,
        variable: VariableId,
        low: &Expr,
        high: &Expr,
        body: &Block,
        span: Span,
    ) -> Lower<()> {
        let ty = self.hir.variables[variable].ty.clone();
        let width = self.width(&ty, span)?;
        let signed = self.is_signed(&ty);
        let bounds = (self.try_constant(low)?, self.try_constant(high)?);
        let location = self.own_storage(variable)?;
        self.bind(variable, Binding::Place(location.clone()));
        let low_value = self.value(low)?;
        let low_value = self.cast(low_value, &low.ty, &ty, span)?;
        let low_value = if has_effects(high) { self.pin(low_value) } else { low_value };
        let high_value = self.value(high)?;
        let high_value = self.cast(high_value, &high.ty, &ty, span)?;
        let high_value = self.scalar_of(high_value, span)?;
        let high_value = self.pin_scalar(high_value);
        let low_value = self.scalar_of(low_value, span)?;
        // Rounds that there can be: from the ends if they are known, else from the width.
        let known = match bounds {
            (Some(a), Some(b)) => match (self.int_of(&a), self.int_of(&b)) {
                (Some(a), Some(b)) => (b - a + 1u32).max(0.into()).to_u64(),
                _ => None,
            },
            _ => None,
        };
        let most = known.unwrap_or(1u64.checked_shl(width).unwrap_or(u64::MAX));
        let bound = u32::try_from(most).unwrap_or(u32::MAX).min(self.options.loop_bound);
        if known == Some(0) {
            return Ok(());
        }
        // The body may assign to the variable, which does not change how often it runs.
        let assigned = self.is_assigned(body, variable);
        let counter =
            if assigned { Location::Scalar(Place::Var(self.temp(width))) } else { location.clone() };
        let Location::Scalar(counter_place) = counter.clone() else {
            return self.unsupported(span, "a loop variable of this type");
        };
        self.store(&counter, Value::Scalar(low_value), span)?;
        let count = IrExpr::Read(counter_place.clone());
        let (stmts, ()) = self.in_block(|l| {
            l.in_loop(|l| {
                let (body, ()) = l.in_block(|l| {
                    if assigned {
                        l.store(&location, Value::Scalar(count.clone()), span)?;
                    }
                    l.lower_block(body)
                })?;
                let update = vec![
                    IrStmt::If {
                        cond: fold::eq(count.clone(), high_value.clone()),
                        then: vec![IrStmt::Break],
                        els: Vec::new(),
                    },
                    IrStmt::Assign(
                        counter_place.clone(),
                        fold::binary(IrBinary::Add, count.clone(), konst(width, 1)),
                    ),
                ];
                l.emit(IrStmt::Loop { bound, body, update });
                Ok(())
            })
        })?;
        if known.is_some() {
            self.block.extend(stmts);
        } else {
            let op = if signed { IrBinary::LeS } else { IrBinary::LeU };
            self.emit(IrStmt::If { cond: fold::binary(op, count, high_value), then: stmts, els: Vec::new() });
        }
        Ok(())
    }

    /// A loop over a stack or list: its elements are taken by position.
    fn for_each(&mut self, variable: VariableId, collection: &Expr, body: &Block, span: Span) -> Lower<()> {
        let location = self.own_storage(variable)?;
        self.bind(variable, Binding::Place(location.clone()));
        let ty = self.hir.variables[variable].ty.clone();
        let stack = match super::place::is_path(collection) {
            true => match self.try_location(collection)? {
                Some(Location::Stack(stack)) => Some(stack),
                _ => None,
            },
            false => None,
        };
        // The collection is evaluated once: what the turns do to it is not seen by later ones.
        let stack = match stack {
            Some(stack) if may_change(body, collection) => {
                let value = self.read(&Location::Stack(stack));
                let name = self.local_name("collection");
                let copy = self.allocate(&collection.ty, &name, span)?;
                self.store(&copy, value, span)?;
                match copy {
                    Location::Stack(stack) => Some(stack),
                    _ => None,
                }
            }
            stack => stack,
        };
        let elements = match &stack {
            Some(stack) => stack.elements.iter().map(|e| self.read(e)).collect(),
            None => {
                let value = self.value(collection)?;
                let value = match value {
                    Value::Const(super::CValue::Tuple(values)) => {
                        let mut out = Vec::new();
                        for value in values {
                            out.push(self.value_of(value, &ty, span)?);
                        }
                        Value::Struct(out)
                    }
                    value => value,
                };
                match self.pin(value) {
                    Value::Struct(values) | Value::Stack(values, _) => values,
                    _ => return self.unsupported(span, "a loop over this value"),
                }
            }
        };
        let count = elements.len() as u32;
        if count == 0 {
            return Ok(());
        }
        let index = self.temp(SYMBOL_WIDTH);
        let at = IrExpr::Read(Place::Var(index));
        self.emit(IrStmt::Assign(Place::Var(index), konst(SYMBOL_WIDTH, 0)));
        self.in_loop(|l| {
            let (body, ()) = l.in_block(|l| {
                if let Some(stack) = &stack {
                    let element = l.read(&stack.element(&at));
                    l.store(&location, element, span)?;
                } else {
                    let mut cases = Vec::new();
                    for (i, element) in elements.iter().enumerate() {
                        let (block, ()) = l.in_block(|l| {
                            let element = match element {
                                Value::Const(value) => l.value_of(value.clone(), &ty, span)?,
                                element => element.clone(),
                            };
                            l.store(&location, element, span)
                        })?;
                        cases.push((vec![Bits::new(SYMBOL_WIDTH, i as u128)], block));
                    }
                    l.emit(IrStmt::Switch { on: at.clone(), cases, default: Vec::new() });
                }
                l.lower_block(body)
            })?;
            let last = konst(SYMBOL_WIDTH, u128::from(count - 1));
            let update = vec![
                IrStmt::If { cond: fold::eq(at.clone(), last), then: vec![IrStmt::Break], els: Vec::new() },
                IrStmt::Assign(
                    Place::Var(index),
                    fold::binary(IrBinary::Add, at.clone(), konst(SYMBOL_WIDTH, 1)),
                ),
            ];
            l.emit(IrStmt::Loop { bound: count, body, update });
            Ok(())
        })
    }

    /// Whether a block may change a variable: assigns to it, or passes it on as `out`.
    fn is_assigned(&self, block: &Block, variable: VariableId) -> bool {
        fn stmts(list: &[Stmt], variable: VariableId) -> bool {
            list.iter().any(|s| match &s.kind {
                StmtKind::Assign { target, .. } => mentions(target, variable),
                StmtKind::Block(b) => stmts(&b.stmts, variable),
                StmtKind::If { then, els, .. } => stmts(&then.stmts, variable) || stmts(&els.stmts, variable),
                StmtKind::Switch { cases, default, .. } => {
                    cases.iter().any(|c| stmts(&c.body.stmts, variable))
                        || default.iter().any(|b| stmts(&b.stmts, variable))
                }
                StmtKind::For { init, update, body, .. } => {
                    stmts(init, variable) || stmts(update, variable) || stmts(&body.stmts, variable)
                }
                StmtKind::ForRange { body, .. } | StmtKind::ForEach { body, .. } => {
                    stmts(&body.stmts, variable)
                }
                StmtKind::Declare(..)
                | StmtKind::Instance(_)
                | StmtKind::Call(_)
                | StmtKind::Return(_)
                | StmtKind::Exit
                | StmtKind::Break
                | StmtKind::Continue => false,
            })
        }
        let passed = mention::in_block(block, &mut |e| match &e.kind {
            ExprKind::Call(call) => {
                let writes = call.args.iter().any(|a| {
                    matches!(a.direction, crate::hir::Direction::Out | crate::hir::Direction::InOut)
                        && a.expr.as_ref().is_some_and(|e| mentions(e, variable))
                });
                if writes { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
            _ => ControlFlow::Continue(()),
        });
        stmts(&block.stmts, variable) || passed.is_break()
    }

    /// Copies a value into an l-value, as an assignment does.
    pub(crate) fn write_back(&mut self, dst: &LValue, from: &Location, span: Span) -> Lower<()> {
        let value = self.read(from);
        self.store_lvalue(dst, value, span)
    }
}

/// Whether a block may change what a path leads to. Whatever is called may.
fn may_change(block: &Block, path: &Expr) -> bool {
    let mut root = path;
    let variable = loop {
        match &root.kind {
            ExprKind::Variable(variable) => break *variable,
            ExprKind::Field(of, _)
            | ExprKind::Element(of, _)
            | ExprKind::Index(of, _)
            | ExprKind::StackNext(of)
            | ExprKind::StackLast(of) => root = of,
            _ => return true,
        }
    };
    fn writes(stmts: &[Stmt], variable: VariableId) -> bool {
        stmts.iter().any(|stmt| match &stmt.kind {
            StmtKind::Assign { target, .. } => mentions(target, variable),
            StmtKind::Block(block) => writes(&block.stmts, variable),
            StmtKind::If { then, els, .. } => writes(&then.stmts, variable) || writes(&els.stmts, variable),
            StmtKind::Switch { cases, default, .. } => {
                let mut blocks = cases.iter().map(|case| &case.body).chain(default);
                blocks.any(|block| writes(&block.stmts, variable))
            }
            StmtKind::For { init, update, body, .. } => {
                writes(init, variable) || writes(update, variable) || writes(&body.stmts, variable)
            }
            StmtKind::ForRange { body, .. } | StmtKind::ForEach { body, .. } => writes(&body.stmts, variable),
            StmtKind::Declare(..)
            | StmtKind::Instance(_)
            | StmtKind::Call(_)
            | StmtKind::Return(_)
            | StmtKind::Exit
            | StmtKind::Break
            | StmtKind::Continue => false,
        })
    }
    let calls = mention::in_block(block, &mut |e| match has_effects_itself(e) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    });
    calls.is_break() || writes(&block.stmts, variable)
}

/// Whether an expression runs something, its parts aside.
fn has_effects_itself(expr: &Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Call(_) | ExprKind::ApplyHit(_) | ExprKind::ApplyMiss(_) | ExprKind::ApplyActionRun(_)
    )
}
