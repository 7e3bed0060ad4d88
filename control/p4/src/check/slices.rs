//! Slices: `[high:low]` and `[low +: width]`.

use num_bigint::{BigInt, Sign};
use num_traits::ToPrimitive;

use super::Checker;
use super::codes::*;
use super::constants::{Literal, literal, slice};
use super::types::WIDTH_MAX;
use crate::diag::Diagnostic;
use crate::hir::{Expr, ExprKind, Ty};
use crate::source::Span;

fn made(kind: ExprKind, ty: Ty, span: Span) -> Expr {
    Expr { kind, ty, span }
}

impl Checker<'_> {
    /// `of[high:low]`.
    pub(super) fn slice(&mut self, of: Expr, high: Expr, low: Expr, span: Span) -> Expr {
        let Some((of, width)) = self.sliced(of, span) else { return self.broken(span) };
        let (high, low) = (self.bit_index(&high), self.bit_index(&low));
        let (Some((high, high_span)), Some((low, low_span))) = (high, low) else { return self.broken(span) };
        if low > high {
            self.emit(
                Diagnostic::error(
                    OUT_OF_RANGE,
                    span,
                    format!("the lower bound {low} is above the upper bound {high}"),
                )
                .label(high_span, "upper bound")
                .label(low_span, "lower bound")
                .help("a slice is written `[high:low]`"),
            );
            return self.broken(span);
        }
        self.fixed_slice(of, width, high, low, high_span, span)
    }

    fn fixed_slice(
        &mut self,
        of: Expr,
        width: Option<u32>,
        high: u32,
        low: u32,
        high_span: Span,
        span: Span,
    ) -> Expr {
        if let Some(width) = width
            && high >= width
        {
            self.emit(
                Diagnostic::error(
                    OUT_OF_RANGE,
                    high_span,
                    format!("bit {high} is beyond the width of {width} bits"),
                )
                .label(of.span, format!("has {width} bits, 0 to {}", width.saturating_sub(1))),
            );
            return self.broken(span);
        }
        if !self.require_known_ints(&[&of]) {
            return self.broken(span);
        }
        let ty = Ty::Bit(high - low + 1);
        if let Some(Literal::Int(value)) = literal(&of) {
            return made(ExprKind::Int(slice(&value, high, low)), ty, span);
        }
        let of = match of.ty {
            Ty::InfInt => {
                let at = of.span;
                made(ExprKind::Cast(Box::new(of)), Ty::Bit(high + 1), at)
            }
            _ => of,
        };
        made(ExprKind::Slice { of: Box::new(of), high, low }, ty, span)
    }

    /// `of[low +: width]`.
    pub(super) fn plus_slice(&mut self, of: Expr, low: Expr, width: Expr, span: Span) -> Expr {
        let Some((of, of_width)) = self.sliced(of, span) else { return self.broken(span) };
        let Some((width, width_span)) = self.bit_index(&width) else { return self.broken(span) };
        let low = self.decay(low);
        if low.ty == Ty::Unknown {
            return self.broken(span);
        }
        if !matches!(low.ty, Ty::Bit(_) | Ty::Int(_) | Ty::InfInt) {
            let shown = self.show(&low.ty);
            self.error(
                MISMATCHED_TYPES,
                low.span,
                format!("the bounds of a slice are numbers, and this is `{shown}`"),
            );
            return self.broken(span);
        }
        if self.int_value(&low).is_some() {
            let Some((low, low_span)) = self.bit_index(&low) else { return self.broken(span) };
            if width == 0 {
                if of_width.is_some_and(|of_width| low > of_width) {
                    self.error(OUT_OF_RANGE, low_span, format!("bit {low} is beyond the width"));
                    return self.broken(span);
                }
                return made(ExprKind::Int(BigInt::ZERO), Ty::Bit(0), span);
            }
            let Some(high) = low.checked_add(width - 1).filter(|high| *high < WIDTH_MAX) else {
                self.error(OUT_OF_RANGE, width_span, "the slice ends beyond all supported widths");
                return self.broken(span);
            };
            return self.fixed_slice(of, of_width, high, low, width_span, span);
        }
        if let Ty::Int(w) = low.ty {
            self.emit(
                Diagnostic::error(
                    MISMATCHED_TYPES,
                    low.span,
                    "the lower bound of a slice has to be unsigned where it is not constant",
                )
                .help(format!("cast it: `(bit<{w}>)`")),
            );
            return self.broken(span);
        }
        if of_width.is_some_and(|of_width| width > of_width) {
            self.error(
                OUT_OF_RANGE,
                width_span,
                format!("the slice is wider than what it is of: {width} bits"),
            );
            return self.broken(span);
        }
        if !self.require_known_ints(&[&low, &of]) {
            return self.broken(span);
        }
        let low = if low.ty == Ty::InfInt {
            let at = low.span;
            made(ExprKind::Cast(Box::new(low)), Ty::Bit(32), at)
        } else {
            low
        };
        if of.ty == Ty::InfInt {
            self.error(UNKNOWN_WIDTH, of.span, "a slice with a variable bound needs an operand with a width");
            return self.broken(span);
        }
        made(ExprKind::PlusSlice { of: Box::new(of), low: Box::new(low), width }, Ty::Bit(width), span)
    }

    /// What is sliced, with its width.
    fn sliced(&mut self, of: Expr, span: Span) -> Option<(Expr, Option<u32>)> {
        let of = self.decay(of);
        match of.ty {
            Ty::Unknown => None,
            Ty::Bit(w) | Ty::Int(w) => Some((of, Some(w))),
            Ty::InfInt => Some((of, None)),
            _ => {
                let shown = self.show(&of.ty);
                self.emit(
                    Diagnostic::error(UNDEFINED_OPERATION, span, format!("there are no slices of `{shown}`"))
                        .label(of.span, format!("this is `{shown}`")),
                );
                None
            }
        }
    }

    /// A bound or the width of a slice.
    fn bit_index(&mut self, index: &Expr) -> Option<(u32, Span)> {
        let value = self.constant_int(index, "a bound of a slice")?;
        match value.to_u32() {
            Some(value) if value < WIDTH_MAX => Some((value, index.span)),
            _ if value.sign() == Sign::Minus => {
                self.error(
                    OUT_OF_RANGE,
                    index.span,
                    format!("a bound of a slice cannot be negative, and this is {value}"),
                );
                None
            }
            _ => {
                self.error(OUT_OF_RANGE, index.span, format!("widths up to {WIDTH_MAX} bits are supported"));
                None
            }
        }
    }
}
