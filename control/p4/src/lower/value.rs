//! Values and l-values, of any type: read from locations, taken apart, stored.
//!
//! Invariant: a [`Value`] is made of pure expressions; it means what these mean where it is used, so whoever keeps
//! one across a statement with effects has to [`Lowerer::pin`] it first.

use std::sync::Arc;

use heddle_ir as ir;
use heddle_ir::{Bits, Expr, HeaderRef, HeaderTypeId, Place, Stmt, VarId};

use super::fold;
use super::hazard::Slots;
use super::layout::{Location, Shape};
use super::{CValue, Lower, Lowerer, konst};
use crate::hir::Ty;
use crate::source::Span;

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A number, `bool`, `enum`, `error` or `varbit`.
    Scalar(Expr),
    /// A header.
    Header(HeaderValue, HeaderTypeId),
    /// A struct, tuple or list.
    Struct(Vec<Value>),
    /// A header union: all of its members.
    Union(Vec<Value>),
    /// A stack: its elements and, if it has one, its `nextIndex`.
    Stack(Vec<Value>, Option<Expr>),
    /// What exists at compile time only: a string, an `int`, an instance.
    Const(CValue),
    /// `{#}` of whatever type the context says.
    Invalid,
    /// Nothing: what a call without result gives.
    Void,
}

/// A header value.
#[derive(Clone, Debug)]
pub(crate) enum HeaderValue {
    /// What another header is.
    Copy(HeaderRef),
    /// Valid, with these flat fields.
    Fields(Vec<Expr>),
    /// Invalid.
    Invalid,
}

/// What can be assigned to.
#[derive(Clone, Debug)]
pub(crate) enum LValue {
    /// All of a location.
    Whole(Location),
    /// Bits of a scalar.
    Slice {
        /// Of what.
        place: Place,
        /// Most significant.
        high: u32,
        /// Least significant.
        low: u32,
    },
    /// Bits of a scalar from a place known at run time.
    PlusSlice {
        /// Of what.
        place: Place,
        /// Width of the scalar.
        of_width: u32,
        /// Least significant bit.
        low: Expr,
        /// How many.
        width: u32,
    },
    /// One of several, by an index known at run time. Beyond them: nothing is written, zero is read.
    OneOf {
        /// Which.
        index: Expr,
        /// The element at index 0, 1, ...
        options: Vec<LValue>,
    },
}

impl Lowerer<'_> {
    /// What is at a location.
    pub(crate) fn read(&self, location: &Location) -> Value {
        match location {
            Location::Scalar(place) => Value::Scalar(Expr::Read(place.clone())),
            Location::Header(header, ty) => Value::Header(HeaderValue::Copy(header.clone()), *ty),
            Location::Struct(fields) => Value::Struct(fields.iter().map(|f| self.read(f)).collect()),
            Location::Union(members) => Value::Union(members.iter().map(|m| self.read(m)).collect()),
            Location::Stack(stack) => Value::Stack(
                stack.elements.iter().map(|e| self.read(e)).collect(),
                Some(Expr::Read(Place::Var(stack.next))),
            ),
        }
    }

    /// The value of an l-value.
    pub(crate) fn read_lvalue(&mut self, lvalue: &LValue, span: Span) -> Lower<Value> {
        Ok(match lvalue {
            LValue::Whole(location) => self.read(location),
            LValue::Slice { place, high, low } => {
                let width = self.place_ty(place).width();
                Value::Scalar(fold::slice(Expr::Read(place.clone()), width, *high, *low))
            }
            LValue::PlusSlice { place, of_width, low, width } => {
                Value::Scalar(plus_slice(Expr::Read(place.clone()), *of_width, low.clone(), *width))
            }
            LValue::OneOf { index, options } => {
                let mut values = Vec::with_capacity(options.len());
                for option in options {
                    let value = self.read_lvalue(option, span)?;
                    values.push(self.scalar_of(value, span)?);
                }
                let Some(first) = values.first() else {
                    return self.unsupported(span, "an element of an empty array");
                };
                let picked = self.temp(self.expr_width(first));
                let index_width = self.expr_width(index);
                let store = |value: Expr| vec![Stmt::Assign(Place::Var(picked), value)];
                let cases = values
                    .into_iter()
                    .enumerate()
                    .filter(|(i, _)| fits(*i, index_width))
                    .map(|(i, value)| (vec![Bits::new(index_width, i as u128)], store(value)))
                    .collect();
                let default = store(konst(self.ir.vars[picked].ty.width(), 0));
                self.emit(Stmt::Switch { on: index.clone(), cases, default });
                Value::Scalar(Expr::Read(Place::Var(picked)))
            }
        })
    }

    /// The field of a location, if it is one of something that has fields.
    pub(crate) fn field_of(&self, location: &Location, field: usize) -> Option<Location> {
        match location {
            Location::Struct(fields) => fields.get(field).cloned(),
            Location::Union(members) => members.get(field).cloned(),
            Location::Header(header, ty) => self.header_fields(*ty).get(field).map(|t| t.locate(header)),
            Location::Scalar(_) | Location::Stack(_) => None,
        }
    }

    /// The field of a value.
    pub(crate) fn component(&mut self, value: Value, field: usize, span: Span) -> Lower<Value> {
        match value {
            Value::Struct(fields) | Value::Union(fields) => {
                if let Some(value) = fields.into_iter().nth(field) {
                    return Ok(value);
                }
            }
            Value::Const(CValue::Tuple(fields)) => {
                if let Some(value) = fields.into_iter().nth(field) {
                    return Ok(Value::Const(value));
                }
            }
            Value::Header(HeaderValue::Copy(header), ty) => {
                if let Some(tree) = self.header_fields(ty).get(field) {
                    return Ok(self.read(&tree.locate(&header)));
                }
            }
            Value::Header(HeaderValue::Fields(flat), ty) => {
                if let Some(tree) = self.header_fields(ty).get(field) {
                    return Ok(pick(tree, &flat));
                }
            }
            Value::Header(HeaderValue::Invalid, ty) => {
                let flat = self.zero_fields(ty);
                if let Some(tree) = self.header_fields(ty).get(field) {
                    return Ok(pick(tree, &flat));
                }
            }
            Value::Stack(elements, _) => {
                if let Some(value) = elements.into_iter().nth(field) {
                    return Ok(value);
                }
            }
            Value::Scalar(_) | Value::Const(_) | Value::Invalid | Value::Void => {}
        }
        self.unsupported(span, "taking a part of this value")
    }

    /// Zeros for all flat fields of a header type.
    pub(crate) fn zero_fields(&mut self, ty: HeaderTypeId) -> Vec<Expr> {
        let declared = self.header_fields(ty).iter().map(super::FieldTree::leaves).sum();
        let fields: Vec<ir::Ty> =
            self.ir.header_types[ty].fields.iter().take(declared).map(|f| f.ty).collect();
        fields.into_iter().map(|ty| self.zero(ty)).collect()
    }

    /// Zero, or the empty `varbit`.
    pub(crate) fn zero(&mut self, ty: ir::Ty) -> Expr {
        match ty {
            ir::Ty::Bits(w) => Expr::Const(Bits::zero(w)),
            ir::Ty::Varbit(w) => self.empty_varbit(w),
        }
    }

    /// The value that a type has by default: zeros, and invalid headers (P4-16, default values).
    pub(crate) fn default_value(&mut self, ty: &Ty, span: Span) -> Lower<Value> {
        Ok(match self.shape(ty, span)? {
            Shape::Scalar(ty) => Value::Scalar(self.zero(ty)),
            Shape::Header => Value::Header(HeaderValue::Invalid, self.header_type(ty, span)?),
            Shape::Struct(fields) => Value::Struct(self.default_values(fields, span)?),
            Shape::Union(fields) => Value::Union(self.default_values(fields, span)?),
            Shape::Stack(of, size) => {
                let mut elements = Vec::new();
                for _ in 0..size {
                    elements.push(self.default_value(&of, span)?);
                }
                Value::Stack(elements, Some(konst(super::layout::SYMBOL_WIDTH, 0)))
            }
            Shape::Nothing => Value::Void,
        })
    }

    fn default_values(&mut self, fields: Vec<(Arc<str>, Ty)>, span: Span) -> Lower<Vec<Value>> {
        fields.into_iter().map(|(_, ty)| self.default_value(&ty, span)).collect()
    }

    /// The one scalar that a value is.
    pub(crate) fn scalar_of(&mut self, value: Value, span: Span) -> Lower<Expr> {
        match value {
            Value::Scalar(expr) => Ok(expr),
            Value::Const(value) => self.untyped(&value, span),
            Value::Header(..)
            | Value::Struct(_)
            | Value::Union(_)
            | Value::Stack(..)
            | Value::Invalid
            | Value::Void => self.unsupported(span, "a compound value here"),
        }
    }

    /// All scalars of a value in order; of an invalid header, zeros.
    pub(crate) fn flatten(&mut self, value: Value, span: Span, into: &mut Vec<Expr>) -> Lower<()> {
        match value {
            Value::Scalar(expr) => into.push(expr),
            Value::Header(HeaderValue::Copy(header), ty) => {
                let count = self.ir.header_types[ty].fields.len();
                into.extend((0..count).map(|i| Expr::Read(Place::Field(header.clone(), i))));
            }
            Value::Header(HeaderValue::Fields(fields), _) => into.extend(fields),
            Value::Header(HeaderValue::Invalid, ty) => into.extend(self.zero_fields(ty)),
            Value::Struct(values) | Value::Union(values) | Value::Stack(values, _) => {
                for value in values {
                    self.flatten(value, span, into)?;
                }
            }
            Value::Const(CValue::Tuple(values)) => {
                for value in values {
                    self.flatten(Value::Const(value), span, into)?;
                }
            }
            Value::Const(value) => into.push(self.untyped(&value, span)?),
            Value::Void => {}
            Value::Invalid => return self.unsupported(span, "an invalid header of no known type"),
        }
        Ok(())
    }

    /// Copies a value's scalars and headers into new slots, so that no later statement can change it.
    pub(crate) fn pin(&mut self, value: Value) -> Value {
        match value {
            Value::Scalar(expr) => Value::Scalar(self.pin_scalar(expr)),
            Value::Header(HeaderValue::Copy(header), ty) => {
                let name = self.temp_name();
                let copy = HeaderRef::One(self.ir.headers.push(ir::Header { name, ty, union: None }));
                self.emit(Stmt::CopyHeader { dst: copy.clone(), src: header });
                Value::Header(HeaderValue::Copy(copy), ty)
            }
            Value::Header(HeaderValue::Fields(fields), ty) => {
                let fields = fields.into_iter().map(|f| self.pin_scalar(f)).collect();
                Value::Header(HeaderValue::Fields(fields), ty)
            }
            Value::Struct(values) => Value::Struct(values.into_iter().map(|v| self.pin(v)).collect()),
            Value::Union(values) => Value::Union(values.into_iter().map(|v| self.pin(v)).collect()),
            Value::Stack(values, next) => Value::Stack(
                values.into_iter().map(|v| self.pin(v)).collect(),
                next.map(|next| self.pin_scalar(next)),
            ),
            Value::Header(HeaderValue::Invalid, _) | Value::Const(_) | Value::Invalid | Value::Void => value,
        }
    }

    /// Copies an expression's value into a new slot unless it is a constant.
    pub(crate) fn pin_scalar(&mut self, expr: Expr) -> Expr {
        if let Expr::Const(_) = expr {
            return expr;
        }
        let ty = self.expr_ty(&expr);
        let name = self.temp_name();
        let var = self.new_var(name, ty);
        self.emit(Stmt::Assign(Place::Var(var), expr));
        Expr::Read(Place::Var(var))
    }

    /// The type of an IR expression.
    pub(crate) fn expr_ty(&self, expr: &Expr) -> ir::Ty {
        match expr {
            Expr::Const(bits) => ir::Ty::Bits(bits.width()),
            Expr::Read(place) => self.place_ty(place),
            Expr::Valid(_) => ir::Ty::Bits(1),
            Expr::Unary(_, of) => self.expr_ty(of),
            Expr::Binary(op, left, right) => match op {
                ir::BinaryOp::Eq
                | ir::BinaryOp::Ne
                | ir::BinaryOp::LtU
                | ir::BinaryOp::LeU
                | ir::BinaryOp::LtS
                | ir::BinaryOp::LeS => ir::Ty::Bits(1),
                ir::BinaryOp::Concat => {
                    ir::Ty::Bits(self.expr_ty(left).width().saturating_add(self.expr_ty(right).width()))
                }
                ir::BinaryOp::Add
                | ir::BinaryOp::Sub
                | ir::BinaryOp::Mul
                | ir::BinaryOp::Div
                | ir::BinaryOp::Mod
                | ir::BinaryOp::SatAddU
                | ir::BinaryOp::SatSubU
                | ir::BinaryOp::SatAddS
                | ir::BinaryOp::SatSubS
                | ir::BinaryOp::And
                | ir::BinaryOp::Or
                | ir::BinaryOp::Xor
                | ir::BinaryOp::Shl
                | ir::BinaryOp::Shr
                | ir::BinaryOp::Sar => self.expr_ty(left),
            },
            Expr::Slice { high, low, .. } => ir::Ty::Bits(high.saturating_sub(*low).saturating_add(1)),
            Expr::Resize { width, .. } => ir::Ty::Bits(*width),
            Expr::Mux { then, .. } => self.expr_ty(then),
            Expr::Intrinsic(intrinsic) => ir::Ty::Bits(intrinsic.width()),
        }
    }

    /// Width of an IR expression.
    pub(crate) fn expr_width(&self, expr: &Expr) -> u32 {
        self.expr_ty(expr).width()
    }

    /// Stores a value, of which parts may be read from what is written.
    pub(crate) fn store(&mut self, dst: &Location, value: Value, span: Span) -> Lower<()> {
        let value = match (dst, value) {
            // A single statement reads before it writes.
            (Location::Scalar(_), value)
            | (Location::Header(..), value @ Value::Header(HeaderValue::Copy(_), _)) => value,
            (dst, value) => {
                if is_read_of(dst, &value) {
                    return Ok(());
                }
                let mut written = Slots::default();
                written.add_written(dst, &self.ir);
                if written.is_read_by(&value, &self.ir) { self.pin(value) } else { value }
            }
        };
        self.store_disjoint(dst, value, span)
    }

    /// Stores a value of which no part is read from what is written.
    fn store_disjoint(&mut self, dst: &Location, value: Value, span: Span) -> Lower<()> {
        match (dst, value) {
            (Location::Scalar(place), value) => {
                let expr = self.scalar_as(value, place, span)?;
                if expr != Expr::Read(place.clone()) {
                    self.emit(Stmt::Assign(place.clone(), expr));
                }
            }
            (Location::Header(dst, ty), value) => self.store_header(dst, *ty, value, span)?,
            (Location::Union(members), Value::Invalid) => {
                for member in members.iter() {
                    self.store_disjoint(member, Value::Invalid, span)?;
                }
            }
            (Location::Struct(fields), Value::Const(CValue::Tuple(values)))
                if fields.len() == values.len() =>
            {
                for (field, value) in fields.iter().zip(values) {
                    self.store_disjoint(field, Value::Const(value), span)?;
                }
            }
            (Location::Struct(fields), Value::Struct(values))
            | (Location::Union(fields), Value::Union(values) | Value::Struct(values))
                if fields.len() == values.len() =>
            {
                for (field, value) in fields.iter().zip(values) {
                    self.store_disjoint(field, value, span)?;
                }
            }
            (Location::Stack(stack), Value::Stack(values, next)) if stack.elements.len() >= values.len() => {
                let given = values.len();
                for (element, value) in stack.elements.iter().zip(values) {
                    self.store_disjoint(element, value, span)?;
                }
                for element in stack.elements.iter().skip(given) {
                    self.store_disjoint(element, Value::Invalid, span)?;
                }
                if self.in_parser() {
                    let next = next.unwrap_or_else(|| konst(super::layout::SYMBOL_WIDTH, 0));
                    self.emit(Stmt::Assign(Place::Var(stack.next), next));
                }
            }
            (Location::Stack(stack), Value::Struct(values)) => {
                return self.store_disjoint(
                    &Location::Stack(stack.clone()),
                    Value::Stack(values, None),
                    span,
                );
            }
            _ => return self.unsupported(span, "storing this value here"),
        }
        Ok(())
    }

    fn store_header(&mut self, dst: &HeaderRef, ty: HeaderTypeId, value: Value, span: Span) -> Lower<()> {
        let value = match value {
            Value::Header(value, _) => value,
            Value::Invalid => HeaderValue::Invalid,
            // A list that stands for a header: valid, its elements the fields.
            other @ (Value::Struct(_) | Value::Const(CValue::Tuple(_))) => {
                let mut flat = Vec::new();
                self.flatten(other, span, &mut flat)?;
                HeaderValue::Fields(flat)
            }
            Value::Scalar(_) | Value::Union(_) | Value::Stack(..) | Value::Const(_) | Value::Void => {
                return self.unsupported(span, "storing this value in a header");
            }
        };
        match value {
            HeaderValue::Copy(src) => {
                if src != *dst {
                    self.emit(Stmt::CopyHeader { dst: dst.clone(), src });
                }
            }
            HeaderValue::Invalid => self.emit(Stmt::SetInvalid(dst.clone())),
            HeaderValue::Fields(fields) => {
                let expected = self.ir.header_types[ty].fields.len();
                if fields.len() != expected {
                    return self.unsupported(span, "a header value with another number of fields");
                }
                self.emit(Stmt::SetValid(dst.clone()));
                for (i, field) in fields.into_iter().enumerate() {
                    self.emit(Stmt::Assign(Place::Field(dst.clone(), i), field));
                }
            }
        }
        Ok(())
    }

    /// A member of a union that is made invalid, or is assigned an invalid header, leaves none that is valid (8.19). After a
    /// valid one has been assigned there is none other either.
    pub(crate) fn invalidate_siblings(&mut self, header: &HeaderRef) {
        let siblings: Vec<HeaderRef> = match header {
            HeaderRef::One(id) => {
                let members = self.ir.headers[*id].union.map(|union| &self.ir.unions[union].members);
                members.into_iter().flatten().filter(|m| *m != id).map(|m| HeaderRef::One(*m)).collect()
            }
            // The members of the unions in a stack are stacks beside each other, which share their `nextIndex`.
            HeaderRef::Element(stack, index) => {
                let next = self.ir.stacks[*stack].next;
                let beside = self.ir.stacks.iter().filter(|(id, s)| id != stack && s.next == next);
                beside.map(|(id, _)| HeaderRef::Element(id, index.clone())).collect()
            }
        };
        for sibling in siblings {
            self.emit(Stmt::SetInvalid(sibling));
        }
    }

    /// A scalar as it is stored at a place: compile-time numbers get the place's width.
    fn scalar_as(&mut self, value: Value, place: &Place, span: Span) -> Lower<Expr> {
        match value {
            Value::Const(CValue::Int(int)) => {
                Ok(Expr::Const(super::bits_of(&int, self.place_ty(place).width())))
            }
            value => self.scalar_of(value, span),
        }
    }

    /// Stores to an l-value.
    pub(crate) fn store_lvalue(&mut self, dst: &LValue, value: Value, span: Span) -> Lower<()> {
        match dst {
            LValue::Whole(location) => self.store(location, value, span),
            LValue::Slice { place, high, low } => {
                let value = self.scalar_of(value, span)?;
                let full = self.place_ty(place).width();
                if *low == 0 && *high + 1 == full {
                    self.emit(Stmt::Assign(place.clone(), value));
                } else {
                    self.emit(Stmt::AssignSlice { dst: place.clone(), high: *high, low: *low, value });
                }
                Ok(())
            }
            LValue::PlusSlice { place, of_width, low, width } => {
                // Bits beyond the end are lost, as they read as zero.
                let value = self.scalar_of(value, span)?;
                let value = fold::resize(value, *width, *of_width, false);
                let mask = Expr::Const(Bits::ones((*width).min(*of_width)).resize(*of_width, false));
                let shl = |e| fold::binary(ir::BinaryOp::Shl, e, low.clone());
                let kept = fold::and(Expr::Read(place.clone()), fold::unary(ir::UnaryOp::Not, shl(mask)));
                let new = fold::binary(ir::BinaryOp::Or, kept, shl(value));
                self.emit(Stmt::Assign(place.clone(), new));
                Ok(())
            }
            LValue::OneOf { index, options } => {
                let value = self.pin(value);
                let width = self.expr_width(index);
                let mut cases = Vec::new();
                for (i, option) in options.iter().enumerate() {
                    if !fits(i, width) {
                        break;
                    }
                    let (block, ()) = self.in_block(|l| l.store_lvalue(option, value.clone(), span))?;
                    cases.push((vec![Bits::new(width, i as u128)], block));
                }
                self.emit(Stmt::Switch { on: index.clone(), cases, default: Vec::new() });
                Ok(())
            }
        }
    }

    /// Whether two values of one type are equal. Invalid headers equal each other: their fields read as zero.
    pub(crate) fn equal(&mut self, left: Value, right: Value, span: Span) -> Lower<Expr> {
        let mut all = Vec::new();
        self.equalities(left, right, span, &mut all)?;
        Ok(fold::balanced(ir::BinaryOp::And, all, Expr::Const(Bits::bool(true))))
    }

    /// What has to hold for two values to be equal.
    fn equalities(&mut self, left: Value, right: Value, span: Span, all: &mut Vec<Expr>) -> Lower<()> {
        all.push(match (left, right) {
            (Value::Scalar(a), Value::Scalar(b)) => fold::eq(a, b),
            (Value::Struct(a), Value::Struct(b))
            | (Value::Union(a), Value::Union(b))
            | (Value::Stack(a, _), Value::Stack(b, _))
            | (Value::Stack(a, _), Value::Struct(b))
            | (Value::Struct(a), Value::Stack(b, _))
                if a.len() == b.len() =>
            {
                for (a, b) in a.into_iter().zip(b) {
                    self.equalities(a, b, span, all)?;
                }
                return Ok(());
            }
            (Value::Header(a, ty), Value::Header(b, _)) => {
                let valid = fold::eq(validity(&a), validity(&b));
                let (mut fields_a, mut fields_b) = (Vec::new(), Vec::new());
                let invalid = matches!(a, HeaderValue::Invalid) || matches!(b, HeaderValue::Invalid);
                all.push(valid);
                if invalid {
                    return Ok(());
                }
                self.flatten(Value::Header(a, ty), span, &mut fields_a)?;
                self.flatten(Value::Header(b, ty), span, &mut fields_b)?;
                all.extend(fields_a.into_iter().zip(fields_b).map(|(a, b)| fold::eq(a, b)));
                return Ok(());
            }
            (Value::Invalid, value) | (value, Value::Invalid) => fold::not(self.is_valid(value, span)?),
            (Value::Const(a), Value::Const(b)) => Expr::Const(Bits::bool(a == b)),
            (a, b) => {
                let a = self.scalar_of(a, span)?;
                let b = self.scalar_of(b, span)?;
                let width = self.expr_width(&a).max(self.expr_width(&b));
                let (wa, wb) = (self.expr_width(&a), self.expr_width(&b));
                fold::eq(fold::resize(a, wa, width, false), fold::resize(b, wb, width, false))
            }
        });
        Ok(())
    }

    /// Whether a header or union is valid.
    pub(crate) fn is_valid(&mut self, value: Value, span: Span) -> Lower<Expr> {
        match value {
            Value::Header(value, _) => Ok(validity(&value)),
            Value::Union(members) => {
                let mut any = Vec::with_capacity(members.len());
                for member in members {
                    any.push(self.is_valid(member, span)?);
                }
                Ok(fold::balanced(ir::BinaryOp::Or, any, Expr::Const(Bits::bool(false))))
            }
            Value::Invalid => Ok(Expr::Const(Bits::bool(false))),
            Value::Scalar(_) | Value::Struct(_) | Value::Stack(..) | Value::Const(_) | Value::Void => {
                self.unsupported(span, "the validity of this value")
            }
        }
    }

    /// The slot that a location is, if it is one.
    pub(crate) fn as_var(location: &Location) -> Option<VarId> {
        match location {
            Location::Scalar(Place::Var(var)) => Some(*var),
            _ => None,
        }
    }
}

/// `of[low +: width]`: bits beyond the operand read as zero.
pub(crate) fn plus_slice(of: Expr, of_width: u32, low: Expr, width: u32) -> Expr {
    let shifted = fold::binary(ir::BinaryOp::Shr, of, low);
    if width <= of_width && width > 0 {
        fold::slice(shifted, of_width, width - 1, 0)
    } else {
        fold::resize(shifted, of_width, width, false)
    }
}

/// Whether an index can be told apart in that many bits.
pub(crate) fn fits(index: usize, width: u32) -> bool {
    width >= usize::BITS || index >> width == 0
}

fn validity(value: &HeaderValue) -> Expr {
    match value {
        HeaderValue::Copy(header) => Expr::Valid(header.clone()),
        HeaderValue::Fields(_) => Expr::Const(Bits::bool(true)),
        HeaderValue::Invalid => Expr::Const(Bits::bool(false)),
    }
}

/// The part of a header's flat fields that a declared field is.
fn pick(tree: &super::FieldTree, flat: &[Expr]) -> Value {
    match tree {
        super::FieldTree::Leaf(index) => match flat.get(*index) {
            Some(expr) => Value::Scalar(expr.clone()),
            None => Value::Void,
        },
        super::FieldTree::Node(fields) => Value::Struct(fields.iter().map(|f| pick(f, flat)).collect()),
    }
}

/// Whether a value is what is at a location anyway.
fn is_read_of(location: &Location, value: &Value) -> bool {
    match (location, value) {
        (Location::Scalar(place), Value::Scalar(Expr::Read(read))) => place == read,
        (Location::Header(header, _), Value::Header(HeaderValue::Copy(read), _)) => header == read,
        (Location::Struct(fields), Value::Struct(values))
        | (Location::Union(fields), Value::Union(values)) => {
            fields.len() == values.len() && fields.iter().zip(values).all(|(f, v)| is_read_of(f, v))
        }
        (Location::Stack(stack), Value::Stack(values, Some(next))) => {
            *next == Expr::Read(Place::Var(stack.next))
                && stack.elements.len() == values.len()
                && stack.elements.iter().zip(values).all(|(e, v)| is_read_of(e, v))
        }
        _ => false,
    }
}
