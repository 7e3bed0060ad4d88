//! Places: what an expression denotes, on the left of an assignment or as an `out` argument.
//!
//! Invariant: what an l-value denotes is decided once; whoever keeps one across other effects asks for its indices to be
//! kept in slots of their own.

use heddle_ir::{BinaryOp as IrBinary, Expr as IrExpr, HeaderRef, Place, Stmt, error_code};
use num_traits::ToPrimitive;

use super::fold;
use super::layout::{Location, SYMBOL_WIDTH};
use super::{Binding, LValue, Lower, Lowerer, konst};
use crate::hir::{Expr, ExprKind};

impl Lowerer<'_> {
    /// The location that an expression denotes, if it denotes one.
    pub(crate) fn try_location(&mut self, expr: &Expr) -> Lower<Option<Location>> {
        self.nested(expr.span, |l| l.location_inner(expr))
    }

    fn location_inner(&mut self, expr: &Expr) -> Lower<Option<Location>> {
        Ok(match &expr.kind {
            ExprKind::Variable(variable) => match self.binding(*variable) {
                Some(Binding::Place(location)) => Some(location.clone()),
                Some(Binding::Const(_)) => None,
                None => Some(self.own_storage(*variable)?),
            },
            ExprKind::Field(of, index) | ExprKind::Element(of, index) => match self.try_location(of)? {
                Some(location) => self.field_of(&location, *index),
                None => None,
            },
            ExprKind::Index(of, index) => match self.try_location(of)? {
                Some(Location::Stack(stack)) => {
                    let index = self.scalar(index)?;
                    Some(stack.at(&index))
                }
                // An array of something that is no header has a location for each element only.
                Some(Location::Struct(elements)) => {
                    match self.try_constant(index)?.and_then(|i| self.int_of(&i)) {
                        Some(index) => index.to_usize().and_then(|i| elements.get(i).cloned()),
                        None => None,
                    }
                }
                _ => None,
            },
            ExprKind::StackNext(of) => match self.try_location(of)? {
                Some(Location::Stack(stack)) => {
                    let next = IrExpr::Read(Place::Var(stack.next));
                    let size = konst(SYMBOL_WIDTH, stack.size().into());
                    self.verify_stack(fold::binary(IrBinary::LtU, next.clone(), size));
                    Some(stack.at(&next))
                }
                _ => None,
            },
            ExprKind::StackLast(of) => match self.try_location(of)? {
                Some(Location::Stack(stack)) => {
                    let next = IrExpr::Read(Place::Var(stack.next));
                    self.verify_stack(IrExpr::Binary(
                        IrBinary::Ne,
                        Box::new(next.clone()),
                        Box::new(konst(SYMBOL_WIDTH, 0)),
                    ));
                    let last = fold::binary(IrBinary::Sub, next, konst(SYMBOL_WIDTH, 1));
                    Some(stack.at(&last))
                }
                _ => None,
            },
            _ => None,
        })
    }

    /// `next` and `last` outside of a stack are parser errors (P4-16, operations on header stacks).
    fn verify_stack(&mut self, cond: IrExpr) {
        let error = konst(SYMBOL_WIDTH, error_code::STACK_OUT_OF_BOUNDS.into());
        self.emit(Stmt::Verify { cond, error });
    }

    /// What an expression on the left of an assignment, or an `out` argument, denotes. Indices known at run time are
    /// kept, so that nothing later can change what is denoted, if `keep` says so.
    pub(crate) fn lvalue(&mut self, expr: &Expr, keep: bool) -> Lower<LValue> {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Slice { of, high, low } => match self.lvalue(of, keep)? {
                LValue::Whole(Location::Scalar(place)) => Ok(LValue::Slice { place, high: *high, low: *low }),
                LValue::Slice { place, low: inner, .. } => {
                    Ok(LValue::Slice { place, high: high + inner, low: low + inner })
                }
                LValue::OneOf { index, options } => {
                    let mut slices = Vec::new();
                    for option in options {
                        match option {
                            LValue::Whole(Location::Scalar(place)) => {
                                slices.push(LValue::Slice { place, high: *high, low: *low });
                            }
                            _ => return self.unsupported(span, "assigning to this slice"),
                        }
                    }
                    Ok(LValue::OneOf { index, options: slices })
                }
                LValue::Whole(_) | LValue::PlusSlice { .. } => {
                    self.unsupported(span, "assigning to this slice")
                }
            },
            ExprKind::PlusSlice { of, low, width } => match self.lvalue(of, keep)? {
                LValue::Whole(Location::Scalar(place)) => {
                    let low = self.scalar(low)?;
                    let low = if keep { self.pin_scalar(low) } else { low };
                    let of_width = self.place_ty(&place).width();
                    Ok(LValue::PlusSlice { place, of_width, low, width: *width })
                }
                LValue::Whole(_) | LValue::Slice { .. } | LValue::PlusSlice { .. } | LValue::OneOf { .. } => {
                    self.unsupported(span, "assigning to this slice")
                }
            },
            // A cast that changes nothing at run time, as of a `type`.
            ExprKind::Cast(of) => self.lvalue(of, keep),
            _ => match self.try_location(expr)? {
                Some(location) if keep => Ok(LValue::Whole(self.keep_index(location))),
                Some(location) => Ok(LValue::Whole(location)),
                None => self.element_lvalue(expr, keep),
            },
        }
    }

    /// An element of an array at an index known at run time, or a part of it.
    fn element_lvalue(&mut self, expr: &Expr, keep: bool) -> Lower<LValue> {
        match &expr.kind {
            ExprKind::Index(of, index) => {
                if let LValue::Whole(Location::Struct(elements)) = self.lvalue(of, keep)? {
                    let index = self.scalar(index)?;
                    let index = if keep { self.pin_scalar(index) } else { index };
                    let options = elements.iter().map(|e| LValue::Whole(e.clone())).collect();
                    return Ok(LValue::OneOf { index, options });
                }
            }
            ExprKind::Field(of, field) | ExprKind::Element(of, field) => {
                if let LValue::OneOf { index, options } = self.lvalue(of, keep)? {
                    let parts: Option<Vec<LValue>> = options
                        .iter()
                        .map(|option| match option {
                            LValue::Whole(location) => self.field_of(location, *field).map(LValue::Whole),
                            LValue::Slice { .. } | LValue::PlusSlice { .. } | LValue::OneOf { .. } => None,
                        })
                        .collect();
                    if let Some(options) = parts {
                        return Ok(LValue::OneOf { index, options });
                    }
                }
            }
            _ => {}
        }
        self.unsupported(expr.span, "assigning to this")
    }

    /// A location whose indices are in slots of their own.
    pub(crate) fn keep_index(&mut self, location: Location) -> Location {
        match location {
            Location::Scalar(Place::Field(header, field)) => {
                Location::Scalar(Place::Field(self.keep_header_index(header), field))
            }
            Location::Header(header, ty) => Location::Header(self.keep_header_index(header), ty),
            Location::Union(members) => {
                // All members share one index.
                let mut kept: Option<IrExpr> = None;
                let mut out = Vec::with_capacity(members.len());
                for member in members.iter() {
                    out.push(match member {
                        Location::Header(HeaderRef::Element(stack, index), ty) => {
                            let index = match &kept {
                                Some(index) => index.clone(),
                                None => self.pin_scalar((**index).clone()),
                            };
                            kept = Some(index.clone());
                            Location::Header(HeaderRef::Element(*stack, Box::new(index)), *ty)
                        }
                        member => member.clone(),
                    });
                }
                Location::Union(out.into())
            }
            Location::Struct(fields) if fields.iter().any(has_index) => {
                Location::Struct(fields.iter().map(|f| self.keep_index(f.clone())).collect())
            }
            Location::Scalar(Place::Var(_)) | Location::Struct(_) | Location::Stack(_) => location,
        }
    }

    fn keep_header_index(&mut self, header: HeaderRef) -> HeaderRef {
        match header {
            HeaderRef::Element(stack, index) => HeaderRef::Element(stack, Box::new(self.pin_scalar(*index))),
            HeaderRef::One(_) => header,
        }
    }
}

fn has_index(location: &Location) -> bool {
    match location {
        Location::Scalar(Place::Field(header, _)) | Location::Header(header, _) => {
            matches!(header, HeaderRef::Element(..))
        }
        Location::Struct(fields) | Location::Union(fields) => fields.iter().any(has_index),
        Location::Scalar(Place::Var(_)) | Location::Stack(_) => false,
    }
}

/// Whether an expression can denote a location, judged by its form.
pub(crate) fn is_path(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Variable(_) => true,
        ExprKind::Field(of, _)
        | ExprKind::Element(of, _)
        | ExprKind::Index(of, _)
        | ExprKind::StackNext(of)
        | ExprKind::StackLast(of) => is_path(of),
        _ => false,
    }
}
