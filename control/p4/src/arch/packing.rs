//! Values as runs of bits: what `lookahead` gives and what registers hold.
//!
//! Invariant: fields follow each other as in a header, the first one most significant; packing what was unpacked
//! gives the same bits.

use heddle_ir as ir;
use heddle_ir::{BinaryOp, Bits, Expr, VarId};

use crate::hir::Ty;
use crate::lower::{HeaderValue, Lower, Lowerer, Shape, Value, fold};
use crate::source::Span;

impl Lowerer<'_> {
    /// How many bits a value of a type is.
    pub(crate) fn packed_width(&mut self, ty: &Ty, span: Span) -> Lower<u32> {
        match self.shape(ty, span)? {
            Shape::Scalar(ir::Ty::Bits(width)) => Ok(width),
            Shape::Header | Shape::Struct(_) => {
                let mut sum = 0u32;
                for (_, ty) in self.fields(ty) {
                    sum = sum.saturating_add(self.packed_width(&ty, span)?);
                }
                Ok(sum)
            }
            Shape::Stack(of, size) => Ok(self.packed_width(&of, span)?.saturating_mul(size)),
            Shape::Scalar(ir::Ty::Varbit(_)) | Shape::Union(_) | Shape::Nothing => {
                self.unsupported(span, "a value of this type as a run of bits")
            }
        }
    }

    /// The value of a type that a slot's bits are.
    pub(crate) fn unpack(&mut self, ty: &Ty, from: VarId, span: Span) -> Lower<Value> {
        let mut rest = self.ir.vars[from].ty.width();
        self.unpack_at(ty, from, &mut rest, span)
    }

    fn unpack_at(&mut self, ty: &Ty, from: VarId, rest: &mut u32, span: Span) -> Lower<Value> {
        Ok(match self.shape(ty, span)? {
            Shape::Scalar(ir::Ty::Bits(0)) => Value::Scalar(Expr::Const(Bits::zero(0))),
            Shape::Scalar(ir::Ty::Bits(width)) => {
                let all = self.ir.vars[from].ty.width();
                *rest = rest.saturating_sub(width);
                Value::Scalar(fold::slice(Expr::Read(ir::Place::Var(from)), all, *rest + width - 1, *rest))
            }
            Shape::Struct(fields) => {
                let mut values = Vec::new();
                for (_, ty) in fields {
                    values.push(self.unpack_at(&ty, from, rest, span)?);
                }
                Value::Struct(values)
            }
            Shape::Header => {
                let id = self.header_type(ty, span)?;
                let mut flat = Vec::new();
                for (_, ty) in self.fields(ty) {
                    let value = self.unpack_at(&ty, from, rest, span)?;
                    self.flatten(value, span, &mut flat)?;
                }
                Value::Header(HeaderValue::Fields(flat), id)
            }
            Shape::Stack(of, size) => {
                let mut values = Vec::new();
                for _ in 0..size {
                    values.push(self.unpack_at(&of, from, rest, span)?);
                }
                Value::Stack(values, None)
            }
            Shape::Scalar(ir::Ty::Varbit(_)) | Shape::Union(_) | Shape::Nothing => {
                return self.unsupported(span, "a value of this type as a run of bits");
            }
        })
    }

    /// A value as a run of bits.
    pub(crate) fn pack(&mut self, value: Value, span: Span) -> Lower<Expr> {
        let mut flat = Vec::new();
        self.flatten(value, span, &mut flat)?;
        Ok(fold::balanced(BinaryOp::Concat, flat, Expr::Const(Bits::zero(0))))
    }
}
