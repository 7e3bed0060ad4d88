//! Compile-time values: constructor arguments, entries, sizes, and everything computed from them.
//!
//! Invariant: a value of a sized type is within the range of that type.

use std::sync::Arc;

use heddle_ir::{Bits, Expr as IrExpr};
use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{ToPrimitive, Zero};

use super::layout::{SYMBOL_WIDTH, Shape};
use super::{Binding, InstId, Lower, Lowerer, Value, bits_of, codes};
use crate::hir::{BinaryOp, EnumId, Expr, ExprKind, SizeOf, Ty, UnaryOp};
use crate::source::Span;

/// A compile-time value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CValue {
    /// `bool`
    Bool(bool),
    /// A number.
    Int(BigInt),
    /// `string`
    String(Arc<str>),
    /// An `error`.
    Error(usize),
    /// A member of an enum.
    Enum(EnumId, usize),
    /// An instance.
    Instance(InstId),
    /// The packet being parsed or deparsed.
    Packet,
    /// A struct, tuple or list.
    Tuple(Vec<CValue>),
}

impl Lowerer<'_> {
    /// The compile-time value of an expression, reported if it is none.
    pub(crate) fn constant(&mut self, expr: &Expr) -> Lower<CValue> {
        match self.try_constant(expr)? {
            Some(value) => Ok(value),
            None => self.error(codes::NOT_CONSTANT, expr.span, "this has to be known at compile time"),
        }
    }

    /// The compile-time number that an expression is.
    pub(crate) fn constant_int(&mut self, expr: &Expr) -> Lower<BigInt> {
        let value = self.constant(expr)?;
        match self.int_of(&value) {
            Some(int) => Ok(int),
            None => {
                self.error(codes::NOT_CONSTANT, expr.span, "this has to be a number known at compile time")
            }
        }
    }

    /// A size: a compile-time number that is not negative.
    pub(crate) fn constant_size(&mut self, expr: &Expr) -> Lower<u64> {
        let int = self.constant_int(expr)?;
        match int.to_u64() {
            Some(size) => Ok(size),
            None => self.error(codes::NOT_CONSTANT, expr.span, "this is no size"),
        }
    }

    /// The number that a value is.
    pub(crate) fn int_of(&self, value: &CValue) -> Option<BigInt> {
        match value {
            CValue::Int(int) => Some(int.clone()),
            CValue::Bool(bool) => Some(BigInt::from(u8::from(*bool))),
            CValue::Enum(id, member) => {
                let decl = &self.hir.types.enums[*id];
                let (_, value) = decl.members.get(*member)?;
                if decl.underlying.is_some() { value.clone() } else { None }
            }
            CValue::String(_)
            | CValue::Error(_)
            | CValue::Instance(_)
            | CValue::Packet
            | CValue::Tuple(_) => None,
        }
    }

    /// A compile-time value as the IR holds values of a type.
    pub(crate) fn value_of(&mut self, value: CValue, ty: &Ty, span: Span) -> Lower<Value> {
        Ok(match self.shape(ty, span)? {
            Shape::Scalar(scalar) => {
                Value::Scalar(IrExpr::Const(self.bits_of_constant(&value, scalar.width(), span)?))
            }
            Shape::Struct(fields) => match value {
                CValue::Tuple(values) if values.len() == fields.len() => {
                    let mut out = Vec::new();
                    for (value, (_, ty)) in values.into_iter().zip(fields) {
                        out.push(self.value_of(value, &ty, span)?);
                    }
                    Value::Struct(out)
                }
                value => Value::Const(value),
            },
            Shape::Header => match value {
                CValue::Tuple(values) => {
                    let fields = self.fields(ty);
                    let mut out = Vec::new();
                    for (value, (_, ty)) in values.into_iter().zip(fields) {
                        let value = self.value_of(value, &ty, span)?;
                        self.flatten(value, span, &mut out)?;
                    }
                    Value::Header(super::HeaderValue::Fields(out), self.header_type(ty, span)?)
                }
                value => Value::Const(value),
            },
            Shape::Union(_) | Shape::Stack(..) | Shape::Nothing => Value::Const(value),
        })
    }

    /// A compile-time value as bits of a width.
    pub(crate) fn bits_of_constant(&mut self, value: &CValue, width: u32, span: Span) -> Lower<Bits> {
        match value {
            CValue::Error(member) => Ok(Bits::new(width, self.error_code(*member).into())),
            CValue::Enum(id, member) if self.hir.types.enums[*id].underlying.is_none() => {
                Ok(Bits::new(width, *member as u128))
            }
            value => match self.int_of(value) {
                Some(int) => Ok(bits_of(&int, width)),
                None => self.unsupported(span, "this compile-time value at run time"),
            },
        }
    }

    /// A compile-time value that no type gives a width, as an expression.
    pub(crate) fn untyped(&mut self, value: &CValue, span: Span) -> Lower<IrExpr> {
        Ok(IrExpr::Const(match value {
            CValue::Bool(bool) => Bits::bool(*bool),
            CValue::Int(int) => {
                // Amounts to shift by and indices: unsigned, of any width.
                let width = u32::try_from(int.bits()).unwrap_or(u32::MAX).clamp(1, 4096);
                bits_of(int, width)
            }
            CValue::Error(_) | CValue::Enum(..) => self.bits_of_constant(value, SYMBOL_WIDTH, span)?,
            CValue::String(_) | CValue::Instance(_) | CValue::Packet | CValue::Tuple(_) => {
                return self.unsupported(span, "this compile-time value at run time");
            }
        }))
    }

    /// The compile-time value of an expression, if it has one.
    pub(crate) fn try_constant(&mut self, expr: &Expr) -> Lower<Option<CValue>> {
        self.nested(expr.span, |l| l.evaluate(expr))
    }

    fn evaluate(&mut self, expr: &Expr) -> Lower<Option<CValue>> {
        Ok(match &expr.kind {
            ExprKind::Bool(bool) => Some(CValue::Bool(*bool)),
            ExprKind::Int(int) => Some(CValue::Int(int.clone())),
            ExprKind::String(text) => Some(CValue::String(text.clone())),
            ExprKind::Error(code) => Some(CValue::Error(*code)),
            ExprKind::EnumMember(id, member) => Some(CValue::Enum(*id, *member)),
            ExprKind::Variable(variable) => match self.binding(*variable) {
                Some(Binding::Const(value)) => Some(value.clone()),
                Some(Binding::Place(_)) | None => None,
            },
            ExprKind::Instance(instance) => Some(CValue::Instance(self.instance_here(*instance)?)),
            ExprKind::Field(of, index) | ExprKind::Element(of, index) => match self.try_constant(of)? {
                Some(CValue::Tuple(values)) => values.into_iter().nth(*index),
                _ => None,
            },
            ExprKind::Aggregate(elements) => {
                let mut values = Vec::new();
                for element in elements {
                    match self.try_constant(element)? {
                        Some(value) => values.push(value),
                        None => return Ok(None),
                    }
                }
                Some(CValue::Tuple(values))
            }
            ExprKind::Unary(op, of) => match self.try_constant(of)? {
                Some(value) => self.unary_constant(*op, value, &expr.ty),
                None => None,
            },
            ExprKind::Binary(op, left, right) => {
                let Some(a) = self.try_constant(left)? else { return Ok(None) };
                match (op, &a) {
                    (BinaryOp::And, CValue::Bool(false)) | (BinaryOp::Or, CValue::Bool(true)) => {
                        return Ok(Some(a));
                    }
                    _ => {}
                }
                let Some(b) = self.try_constant(right)? else { return Ok(None) };
                self.binary_constant(*op, a, b, (&left.ty, &right.ty, &expr.ty))
            }
            ExprKind::Conditional(cond, then, els) => match self.try_constant(cond)? {
                Some(CValue::Bool(true)) => self.try_constant(then)?,
                Some(CValue::Bool(false)) => self.try_constant(els)?,
                _ => None,
            },
            ExprKind::Cast(of) => match self.try_constant(of)? {
                Some(value) => self.cast_constant(value, &expr.ty)?,
                None => None,
            },
            ExprKind::Slice { of, high, low } => {
                let width = high.saturating_sub(*low).saturating_add(1);
                let int = self.try_constant(of)?.and_then(|value| self.int_of(&value));
                int.map(|int| CValue::Int(modulo(int >> *low, width)))
            }
            ExprKind::SizeOf(ty, which) => {
                self.size_of(ty, *which, expr.span)?.map(|n| CValue::Int(n.into()))
            }
            ExprKind::Index(..)
            | ExprKind::StackNext(_)
            | ExprKind::StackLast(_)
            | ExprKind::StackLastIndex(_)
            | ExprKind::StackNextIndex(_)
            | ExprKind::PlusSlice { .. }
            | ExprKind::InvalidHeader
            | ExprKind::Default
            | ExprKind::Call(_)
            | ExprKind::ApplyHit(_)
            | ExprKind::ApplyMiss(_)
            | ExprKind::ApplyActionRun(_)
            | ExprKind::IsValid(_) => None,
        })
    }

    fn unary_constant(&self, op: UnaryOp, value: CValue, ty: &Ty) -> Option<CValue> {
        if let (UnaryOp::LogicalNot, CValue::Bool(bool)) = (op, &value) {
            return Some(CValue::Bool(!bool));
        }
        let int = self.int_of(&value)?;
        Some(self.wrapped(
            match op {
                UnaryOp::Neg => -int,
                UnaryOp::Plus => int,
                UnaryOp::BitNot => -int - 1,
                UnaryOp::LogicalNot => return None,
            },
            ty,
        ))
    }

    fn binary_constant(
        &self,
        op: BinaryOp,
        a: CValue,
        b: CValue,
        (left_ty, right_ty, ty): (&Ty, &Ty, &Ty),
    ) -> Option<CValue> {
        match (op, &a, &b) {
            (BinaryOp::And, CValue::Bool(a), CValue::Bool(b)) => return Some(CValue::Bool(*a && *b)),
            (BinaryOp::Or, CValue::Bool(a), CValue::Bool(b)) => return Some(CValue::Bool(*a || *b)),
            (BinaryOp::Eq, a, b) if self.int_of(a).is_none() => return Some(CValue::Bool(a == b)),
            (BinaryOp::Ne, a, b) if self.int_of(a).is_none() => return Some(CValue::Bool(a != b)),
            _ => {}
        }
        let (x, y) = (self.int_of(&a)?, self.int_of(&b)?);
        let bool = |b| Some(CValue::Bool(b));
        let int = match op {
            BinaryOp::Mul => x * y,
            BinaryOp::Div => (!y.is_zero()).then(|| x.div_floor(&y))?,
            BinaryOp::Mod => (!y.is_zero()).then(|| x.mod_floor(&y))?,
            BinaryOp::Add => x + y,
            BinaryOp::Sub => x - y,
            BinaryOp::SatAdd => return self.saturated(x + y, ty),
            BinaryOp::SatSub => return self.saturated(x - y, ty),
            // A shift by more than any width there is empties the operand.
            BinaryOp::Shl => x << y.to_u32().filter(|n| *n <= 1 << 20)?,
            BinaryOp::Shr => x >> y.to_u32().unwrap_or(u32::MAX),
            BinaryOp::Le => return bool(x <= y),
            BinaryOp::Ge => return bool(x >= y),
            BinaryOp::Lt => return bool(x < y),
            BinaryOp::Gt => return bool(x > y),
            BinaryOp::Ne => return bool(x != y),
            BinaryOp::Eq => return bool(x == y),
            BinaryOp::BitAnd => x & y,
            BinaryOp::BitXor => x ^ y,
            BinaryOp::BitOr => x | y,
            BinaryOp::Concat => {
                let (Ty::Bit(_) | Ty::Int(_), Ty::Bit(w) | Ty::Int(w)) =
                    (self.strip(left_ty), self.strip(right_ty))
                else {
                    return None;
                };
                (x << w) + modulo(y, w)
            }
            BinaryOp::And | BinaryOp::Or => return None,
        };
        Some(self.wrapped(int, ty))
    }

    /// A number brought into the range of its type.
    fn wrapped(&self, int: BigInt, ty: &Ty) -> CValue {
        CValue::Int(match self.strip(ty) {
            Ty::Bit(w) => modulo(int, w),
            Ty::Int(w) => signed(int, w),
            _ => int,
        })
    }

    fn saturated(&self, int: BigInt, ty: &Ty) -> Option<CValue> {
        let (low, high) = match self.strip(ty) {
            Ty::Bit(w) => (BigInt::zero(), (BigInt::from(1) << w) - 1),
            Ty::Int(w) if w > 0 => (-(BigInt::from(1) << (w - 1)), (BigInt::from(1) << (w - 1)) - 1),
            _ => return None,
        };
        Some(CValue::Int(int.clamp(low, high)))
    }

    fn cast_constant(&mut self, value: CValue, to: &Ty) -> Lower<Option<CValue>> {
        Ok(match (self.strip(to), value) {
            (Ty::Bool, value) => self.int_of(&value).map(|int| CValue::Bool(!int.is_zero())),
            (to @ (Ty::Bit(_) | Ty::Int(_) | Ty::InfInt), value) => {
                self.int_of(&value).map(|int| self.wrapped(int, &to))
            }
            (Ty::Enum(id), value) => {
                let decl = &self.hir.types.enums[id];
                match (&decl.underlying, self.int_of(&value)) {
                    (Some(_), Some(int)) => {
                        match decl.members.iter().position(|(_, v)| v.as_ref() == Some(&int)) {
                            Some(member) => Some(CValue::Enum(id, member)),
                            None => Some(CValue::Int(int)),
                        }
                    }
                    _ => Some(value),
                }
            }
            (to, CValue::Tuple(values)) => {
                let fields = self.fields(&to);
                if fields.len() != values.len() {
                    return Ok(Some(CValue::Tuple(values)));
                }
                let mut out = Vec::new();
                for (value, (_, ty)) in values.into_iter().zip(fields) {
                    match self.cast_constant(value, &ty)? {
                        Some(value) => out.push(value),
                        None => return Ok(None),
                    }
                }
                Some(CValue::Tuple(out))
            }
            (_, value) => Some(value),
        })
    }

    /// A type's size, as `minSizeInBits` and its like count it (P4-16, operations on headers).
    fn size_of(&mut self, ty: &Ty, which: SizeOf, span: Span) -> Lower<Option<u64>> {
        let Some((min, max)) = self.size_bits(ty, span)? else { return Ok(None) };
        Ok(Some(match which {
            SizeOf::MinBits => min,
            SizeOf::MinBytes => min.div_ceil(8),
            SizeOf::MaxBits => max,
            SizeOf::MaxBytes => max.div_ceil(8),
        }))
    }

    fn size_bits(&mut self, ty: &Ty, span: Span) -> Lower<Option<(u64, u64)>> {
        Ok(match self.shape(ty, span)? {
            Shape::Scalar(heddle_ir::Ty::Bits(w)) => Some((w.into(), w.into())),
            Shape::Scalar(heddle_ir::Ty::Varbit(w)) => Some((0, w.into())),
            Shape::Header | Shape::Struct(_) => {
                let mut sum = (0u64, 0u64);
                for (_, ty) in self.fields(ty) {
                    let Some((min, max)) = self.size_bits(&ty, span)? else { return Ok(None) };
                    sum = (sum.0.saturating_add(min), sum.1.saturating_add(max));
                }
                Some(sum)
            }
            // The smallest and the largest member; an invalid one counts as empty for neither.
            Shape::Union(members) => {
                let mut bounds: Option<(u64, u64)> = None;
                for (_, ty) in members {
                    let Some((min, max)) = self.size_bits(&ty, span)? else { return Ok(None) };
                    bounds = Some(bounds.map_or((min, max), |(a, b)| (a.min(min), b.max(max))));
                }
                bounds
            }
            Shape::Stack(of, size) => self
                .size_bits(&of, span)?
                .map(|(min, max)| (min.saturating_mul(size.into()), max.saturating_mul(size.into()))),
            Shape::Nothing => None,
        })
    }
}

/// The lowest `width` bits as a number that is not negative.
fn modulo(int: BigInt, width: u32) -> BigInt {
    int.mod_floor(&(BigInt::from(1) << width))
}

/// The lowest `width` bits as a two's complement number.
fn signed(int: BigInt, width: u32) -> BigInt {
    if width == 0 {
        return BigInt::zero();
    }
    let low = modulo(int, width);
    let half = BigInt::from(1) << (width - 1);
    if low >= half { low - (half << 1u32) } else { low }
}
