//! Expressions: evaluation order made explicit (P4-16, expression evaluation order).
//!
//! Invariant: the value returned is made of pure expressions that hold until the next statement is emitted; all
//! effects of the expression have been emitted before it is returned, left to right.

use heddle_ir as ir;
use heddle_ir::{BinaryOp as IrBinary, Bits, Expr as IrExpr, Place, Stmt, UnaryOp as IrUnary};

use super::fold;
use super::layout::{Location, SYMBOL_WIDTH, Shape};

use super::mention::has_effects;
use super::place::is_path;
use super::value::{fits, plus_slice};
use super::{Binding, CValue, HeaderValue, Lower, Lowerer, Value, bits_of, konst};
use crate::hir::{BinaryOp, Expr, ExprKind, Ty, UnaryOp};
use crate::source::Span;

impl Lowerer<'_> {
    /// The one scalar that an expression gives.
    pub(crate) fn scalar(&mut self, expr: &Expr) -> Lower<IrExpr> {
        let value = self.value(expr)?;
        self.scalar_of(value, expr.span)
    }

    /// Several expressions in order; the earlier ones keep their values whatever the later ones do.
    pub(crate) fn values<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) -> Lower<Vec<Value>> {
        let exprs: Vec<&Expr> = exprs.into_iter().collect();
        let mut values = Vec::with_capacity(exprs.len());
        let disturbed = exprs.iter().rposition(|e| has_effects(e)).unwrap_or(0);
        for (i, expr) in exprs.iter().enumerate() {
            let value = self.value(expr)?;
            values.push(if i < disturbed { self.pin(value) } else { value });
        }
        Ok(values)
    }

    /// Two scalars in order.
    fn scalars(&mut self, left: &Expr, right: &Expr) -> Lower<(IrExpr, IrExpr)> {
        let left_value = self.scalar(left)?;
        let left_value = if has_effects(right) { self.pin_scalar(left_value) } else { left_value };
        Ok((left_value, self.scalar(right)?))
    }

    /// The value of an expression.
    pub(crate) fn value(&mut self, expr: &Expr) -> Lower<Value> {
        self.nested(expr.span, |l| l.value_inner(expr))
    }

    fn value_inner(&mut self, expr: &Expr) -> Lower<Value> {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Bool(bool) => Ok(Value::Scalar(IrExpr::Const(Bits::bool(*bool)))),
            ExprKind::Int(int) => match self.strip(&expr.ty) {
                Ty::InfInt => Ok(Value::Const(CValue::Int(int.clone()))),
                ty => {
                    let width = self.width(&ty, span)?;
                    Ok(Value::Scalar(IrExpr::Const(bits_of(int, width))))
                }
            },
            ExprKind::String(text) => Ok(Value::Const(CValue::String(text.clone()))),
            ExprKind::Error(member) => {
                Ok(Value::Scalar(konst(SYMBOL_WIDTH, self.error_code(*member).into())))
            }
            ExprKind::EnumMember(id, member) => self.value_of(CValue::Enum(*id, *member), &expr.ty, span),
            ExprKind::Variable(variable) => match self.binding(*variable).cloned() {
                Some(Binding::Place(location)) => Ok(self.read(&location)),
                Some(Binding::Const(value)) => self.value_of(value, &expr.ty, span),
                None => {
                    let location = self.own_storage(*variable)?;
                    Ok(self.read(&location))
                }
            },
            ExprKind::Instance(instance) => {
                Ok(Value::Const(CValue::Instance(self.instance_here(*instance)?)))
            }
            ExprKind::Field(of, index) | ExprKind::Element(of, index) => {
                if is_path(of)
                    && let Some(location) = self.try_location(of)?
                {
                    if let Some(field) = self.field_of(&location, *index) {
                        return Ok(self.read(&field));
                    }
                    let value = self.read(&location);
                    return self.component(value, *index, span);
                }
                let value = self.value(of)?;
                let value = self.component(value, *index, span)?;
                self.typed(value, &expr.ty, span)
            }
            ExprKind::Index(..)
            | ExprKind::StackNext(_)
            | ExprKind::StackLast(_)
            | ExprKind::StackLastIndex(_)
            | ExprKind::StackNextIndex(_) => self.stack_value(expr),
            ExprKind::Slice { of, high, low } => {
                let operand = self.scalar(of)?;
                let width = self.expr_width(&operand);
                Ok(Value::Scalar(fold::slice(operand, width, *high, *low)))
            }
            ExprKind::PlusSlice { of, low, width } => {
                let (operand, low) = self.scalars(of, low)?;
                let of_width = self.expr_width(&operand);
                Ok(Value::Scalar(plus_slice(operand, of_width, low, *width)))
            }
            ExprKind::Unary(op, of) => {
                if self.strip(&expr.ty) == Ty::InfInt {
                    return Ok(Value::Const(self.constant(expr)?));
                }
                let operand = self.scalar(of)?;
                Ok(Value::Scalar(match op {
                    UnaryOp::LogicalNot | UnaryOp::BitNot => fold::unary(IrUnary::Not, operand),
                    UnaryOp::Neg => fold::unary(IrUnary::Neg, operand),
                    UnaryOp::Plus => operand,
                }))
            }
            ExprKind::Binary(..) => self.binary(expr),
            ExprKind::Conditional(cond, then, els) => self.conditional(expr, cond, then, els),
            ExprKind::Cast(of) => {
                let value = self.value(of)?;
                self.cast(value, &of.ty, &expr.ty, span)
            }
            ExprKind::Aggregate(elements) => self.aggregate(expr, elements),
            ExprKind::InvalidHeader => match self.shape(&expr.ty, span)? {
                Shape::Header | Shape::Union(_) => self.default_value(&expr.ty, span),
                Shape::Scalar(_) | Shape::Struct(_) | Shape::Stack(..) | Shape::Nothing => Ok(Value::Invalid),
            },
            ExprKind::Default => self.default_value(&expr.ty, span),
            ExprKind::Call(call) => self.call(call, span),
            ExprKind::ApplyHit(table) => Ok(Value::Scalar(self.apply_hit(*table, span)?)),
            ExprKind::ApplyMiss(table) => {
                let hit = self.apply_hit(*table, span)?;
                Ok(Value::Scalar(fold::not(hit)))
            }
            ExprKind::ApplyActionRun(table) => Ok(Value::Scalar(self.apply_action_run(*table, span)?)),
            ExprKind::IsValid(of) => {
                let value = self.value(of)?;
                Ok(Value::Scalar(self.is_valid(value, span)?))
            }
            ExprKind::SizeOf(..) => {
                let value = self.constant(expr)?;
                self.value_of(value, &expr.ty, span)
            }
        }
    }

    /// A compile-time part of a value, as a value of its type.
    fn typed(&mut self, value: Value, ty: &Ty, span: Span) -> Lower<Value> {
        match value {
            Value::Const(value) => self.value_of(value, ty, span),
            value => Ok(value),
        }
    }

    fn aggregate(&mut self, expr: &Expr, elements: &[Expr]) -> Lower<Value> {
        let span = expr.span;
        let values = self.values(elements)?;
        match self.shape(&expr.ty, span)? {
            Shape::Header => {
                let mut flat = Vec::new();
                for value in values {
                    self.flatten(value, span, &mut flat)?;
                }
                Ok(Value::Header(HeaderValue::Fields(flat), self.header_type(&expr.ty, span)?))
            }
            Shape::Stack(..) => Ok(Value::Stack(values, None)),
            Shape::Union(_) => Ok(Value::Union(values)),
            Shape::Struct(_) | Shape::Nothing => Ok(Value::Struct(values)),
            Shape::Scalar(_) => self.unsupported(span, "a list as a scalar"),
        }
    }

    /// An operator of two operands. Chains of them grow to the left and may be long, so that one is walked here.
    fn binary(&mut self, expr: &Expr) -> Lower<Value> {
        let mut chain = Vec::new();
        let mut first = expr;
        while let ExprKind::Binary(op, left, right) = &first.kind {
            let compile_time = self.strip(&first.ty) == Ty::InfInt
                || (self.strip(&left.ty) == Ty::InfInt && self.strip(&right.ty) == Ty::InfInt);
            if compile_time {
                break;
            }
            chain.push((*op, &**left, &**right, first.span));
            first = left;
        }
        let mut value = match first.kind {
            // A number that is known at compile time.
            ExprKind::Binary(..) => {
                let constant = self.constant(first)?;
                self.value_of(constant, &first.ty, first.span)?
            }
            _ => self.value(first)?,
        };
        for (length, (op, left, right, span)) in chain.into_iter().rev().enumerate() {
            let combined = self.combine(op, value, left, right, span)?;
            // No expression may get too deep for an executor.
            let combined =
                if length % CHAIN_MAX == CHAIN_MAX - 1 { self.pin_scalar(combined) } else { combined };
            value = Value::Scalar(combined);
        }
        Ok(value)
    }

    fn combine(
        &mut self,
        op: BinaryOp,
        value: Value,
        left: &Expr,
        right: &Expr,
        span: Span,
    ) -> Lower<IrExpr> {
        match op {
            BinaryOp::And | BinaryOp::Or => {
                let value = self.scalar_of(value, left.span)?;
                return self.short_circuit(value, right, op == BinaryOp::And);
            }
            BinaryOp::Eq | BinaryOp::Ne => {
                let value = if has_effects(right) { self.pin(value) } else { value };
                let other = self.value(right)?;
                let equal = self.equal(value, other, span)?;
                return Ok(if op == BinaryOp::Ne { fold::not(equal) } else { equal });
            }
            _ => {}
        }
        let a = self.scalar_of(value, left.span)?;
        let a = if has_effects(right) { self.pin_scalar(a) } else { a };
        let b = self.scalar(right)?;
        let signed = self.is_signed(&left.ty);
        self.arithmetic(op, a, b, signed, span)
    }

    /// Two operands put together by an operator that evaluates both.
    pub(crate) fn arithmetic(
        &mut self,
        op: BinaryOp,
        a: IrExpr,
        b: IrExpr,
        signed: bool,
        span: Span,
    ) -> Lower<IrExpr> {
        let pick = |s: IrBinary, u: IrBinary| if signed { s } else { u };
        let (op, swap) = match op {
            BinaryOp::Mul => (IrBinary::Mul, false),
            BinaryOp::Div if !signed => (IrBinary::Div, false),
            BinaryOp::Mod if !signed => (IrBinary::Mod, false),
            BinaryOp::Div | BinaryOp::Mod => return self.unsupported(span, "division of signed numbers"),
            BinaryOp::Add => (IrBinary::Add, false),
            BinaryOp::Sub => (IrBinary::Sub, false),
            BinaryOp::SatAdd => (pick(IrBinary::SatAddS, IrBinary::SatAddU), false),
            BinaryOp::SatSub => (pick(IrBinary::SatSubS, IrBinary::SatSubU), false),
            BinaryOp::Shl => (IrBinary::Shl, false),
            BinaryOp::Shr => (pick(IrBinary::Sar, IrBinary::Shr), false),
            BinaryOp::Le => (pick(IrBinary::LeS, IrBinary::LeU), false),
            BinaryOp::Ge => (pick(IrBinary::LeS, IrBinary::LeU), true),
            BinaryOp::Lt => (pick(IrBinary::LtS, IrBinary::LtU), false),
            BinaryOp::Gt => (pick(IrBinary::LtS, IrBinary::LtU), true),
            BinaryOp::Ne => (IrBinary::Ne, false),
            BinaryOp::Eq => (IrBinary::Eq, false),
            BinaryOp::BitAnd | BinaryOp::And => (IrBinary::And, false),
            BinaryOp::BitXor => (IrBinary::Xor, false),
            BinaryOp::BitOr | BinaryOp::Or => (IrBinary::Or, false),
            BinaryOp::Concat => (IrBinary::Concat, false),
        };
        Ok(if swap { fold::binary(op, b, a) } else { fold::binary(op, a, b) })
    }

    /// `&&` (`full` is true) or `||`: the right operand is evaluated only if the left one is `full`.
    fn short_circuit(&mut self, a: IrExpr, right: &Expr, full: bool) -> Lower<IrExpr> {
        let op = if full { IrBinary::And } else { IrBinary::Or };
        if let Some(bits) = fold::as_const(&a) {
            return if bits.is_zero() == full { Ok(a) } else { self.scalar(right) };
        }
        let (stmts, b) = self.in_block(|l| l.scalar(right))?;
        if stmts.is_empty() {
            return Ok(fold::binary(op, a, b));
        }
        let result = self.temp(1);
        self.emit(Stmt::Assign(Place::Var(result), a));
        let read = IrExpr::Read(Place::Var(result));
        let mut block = stmts;
        block.push(Stmt::Assign(Place::Var(result), b));
        let cond = if full { read.clone() } else { fold::not(read.clone()) };
        self.emit(Stmt::If { cond, then: block, els: Vec::new() });
        Ok(read)
    }

    fn conditional(&mut self, expr: &Expr, cond: &Expr, then: &Expr, els: &Expr) -> Lower<Value> {
        let span = expr.span;
        let cond = self.scalar(cond)?;
        if let Some(bits) = fold::as_const(&cond) {
            return self.value(if bits.is_zero() { els } else { then });
        }
        let (mut then_block, then_value) = self.in_block(|l| l.value(then))?;
        let (mut els_block, els_value) = self.in_block(|l| l.value(els))?;
        if then_block.is_empty()
            && els_block.is_empty()
            && let Shape::Scalar(ir::Ty::Bits(_)) = self.shape(&expr.ty, span)?
        {
            let (a, b) = (self.scalar_of(then_value, span)?, self.scalar_of(els_value, span)?);
            return Ok(Value::Scalar(fold::mux(cond, a, b)));
        }
        if let Shape::Nothing = self.shape(&expr.ty, span)? {
            return self.unsupported(span, "a choice at run time between compile-time values");
        }
        let name = self.temp_name();
        let result = self.allocate(&expr.ty, &name, span)?;
        let (more, ()) = self.in_block(|l| l.store(&result, then_value, span))?;
        then_block.extend(more);
        let (more, ()) = self.in_block(|l| l.store(&result, els_value, span))?;
        els_block.extend(more);
        self.emit(Stmt::If { cond, then: then_block, els: els_block });
        Ok(self.read(&result))
    }

    /// A value of one type as a value of another.
    pub(crate) fn cast(&mut self, value: Value, from: &Ty, to: &Ty, span: Span) -> Lower<Value> {
        let (from, to) = (self.strip(from), self.strip(to));
        if from == to {
            return Ok(value);
        }
        match self.shape(&to, span)? {
            Shape::Scalar(ir::Ty::Varbit(_)) => Ok(value),
            Shape::Scalar(ir::Ty::Bits(width)) => {
                let expr = match value {
                    Value::Const(value) => {
                        return Ok(Value::Scalar(IrExpr::Const(self.bits_of_constant(&value, width, span)?)));
                    }
                    value => self.scalar_of(value, span)?,
                };
                let signed = self.is_signed(&from);
                let old = self.expr_width(&expr);
                if to == Ty::Bool && old != 1 {
                    return Ok(Value::Scalar(fold::not(fold::eq(expr, IrExpr::Const(Bits::zero(old))))));
                }
                Ok(Value::Scalar(fold::resize(expr, old, width, signed)))
            }
            Shape::Struct(fields) => self.cast_fields(value, &from, &fields, span).map(Value::Struct),
            Shape::Header => {
                if let Value::Header(..) = value {
                    return Ok(value);
                }
                if let Value::Invalid = value {
                    return self.default_value(&to, span);
                }
                let fields = self.fields(&to);
                let values = self.cast_fields(value, &from, &fields, span)?;
                let mut flat = Vec::new();
                for value in values {
                    self.flatten(value, span, &mut flat)?;
                }
                Ok(Value::Header(HeaderValue::Fields(flat), self.header_type(&to, span)?))
            }
            Shape::Union(_) => match value {
                Value::Invalid => self.default_value(&to, span),
                value => Ok(value),
            },
            Shape::Stack(of, size) => match value {
                Value::Struct(values) => {
                    let element_tys: Vec<Ty> = self.fields(&from).into_iter().map(|(_, ty)| ty).collect();
                    let mut elements = Vec::new();
                    for (i, value) in values.into_iter().enumerate() {
                        let from = element_tys.get(i).cloned().unwrap_or_else(|| (*of).clone());
                        elements.push(self.cast(value, &from, &of, span)?);
                    }
                    while elements.len() < size as usize {
                        elements.push(self.default_value(&of, span)?);
                    }
                    Ok(Value::Stack(elements, None))
                }
                value => Ok(value),
            },
            Shape::Nothing => Ok(value),
        }
    }

    fn cast_fields(
        &mut self,
        value: Value,
        from: &Ty,
        fields: &[(std::sync::Arc<str>, Ty)],
        span: Span,
    ) -> Lower<Vec<Value>> {
        let from_fields = self.fields(from);
        let mut values = Vec::with_capacity(fields.len());
        for (i, (name, to)) in fields.iter().enumerate() {
            // A struct expression may name its fields in another order than the type declares them.
            let position = match from {
                Ty::AnonymousStruct(_) => from_fields.iter().position(|(n, _)| n == name).unwrap_or(i),
                _ => i,
            };
            let part = self.component(value.clone(), position, span)?;
            let from = from_fields.get(position).map_or_else(|| to.clone(), |(_, ty)| ty.clone());
            values.push(match part {
                Value::Const(value) => self.value_of(value, to, span)?,
                part => self.cast(part, &from, to, span)?,
            });
        }
        Ok(values)
    }

    fn stack_value(&mut self, expr: &Expr) -> Lower<Value> {
        let span = expr.span;
        match &expr.kind {
            ExprKind::StackLastIndex(of) | ExprKind::StackNextIndex(of) => {
                let Some(Location::Stack(stack)) = self.try_location(of)? else {
                    return self.unsupported(span, "an index of a stack that is not a variable");
                };
                let next = IrExpr::Read(Place::Var(stack.next));
                Ok(Value::Scalar(match &expr.kind {
                    ExprKind::StackLastIndex(_) => fold::binary(IrBinary::Sub, next, konst(SYMBOL_WIDTH, 1)),
                    _ => next,
                }))
            }
            ExprKind::Index(of, index) => {
                // The index may have effects; the stack denoted cannot change by them.
                if let Some(location) = self.try_location(expr)? {
                    return Ok(self.read(&location));
                }
                let value = self.value(of)?;
                let value = if has_effects(index) { self.pin(value) } else { value };
                let index_value = self.scalar(index)?;
                self.pick_element(value, index_value, &expr.ty, span)
            }
            _ => match self.try_location(expr)? {
                Some(location) => Ok(self.read(&location)),
                None => self.unsupported(span, "an element of a stack that is not a variable"),
            },
        }
    }

    /// An element of a stack or list that lives nowhere.
    fn pick_element(&mut self, value: Value, index: IrExpr, ty: &Ty, span: Span) -> Lower<Value> {
        let elements = match value {
            Value::Stack(elements, _) | Value::Struct(elements) => elements,
            _ => return self.unsupported(span, "an element of this value"),
        };
        if let Some(bits) = fold::as_const(&index) {
            let element = bits.to_u64().and_then(|i| elements.into_iter().nth(usize::try_from(i).ok()?));
            return match element {
                Some(value) => self.typed(value, ty, span),
                None => self.default_value(ty, span),
            };
        }
        let name = self.temp_name();
        let result = self.allocate(ty, &name, span)?;
        let width = self.expr_width(&index);
        let mut cases = Vec::new();
        for (i, element) in elements.into_iter().enumerate() {
            if !fits(i, width) {
                break;
            }
            let (block, ()) = self.in_block(|l| l.store(&result, element, span))?;
            cases.push((vec![Bits::new(width, i as u128)], block));
        }
        let default = self.default_value(ty, span)?;
        let (default, ()) = self.in_block(|l| l.store(&result, default, span))?;
        self.emit(Stmt::Switch { on: index, cases, default });
        Ok(self.read(&result))
    }
}

/// Operators after which a chain of them gets a slot for what it has come to.
const CHAIN_MAX: usize = 64;
