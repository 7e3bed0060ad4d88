//! What is known of conditions before any code is written.
//!
//! Invariant: what is said of a condition holds whenever it is asked for by a packet that the facts are about.

use std::collections::BTreeSet;

use heddle_ir::{BinaryOp, Expr, Intrinsic, Origin, Place, UnaryOp, VarId};

/// What is known of packets.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// How they came to the entry points.
    origin: Option<Origin>,
    /// Slots that never hold anything but zero.
    zeros: BTreeSet<VarId>,
}

impl Facts {
    /// Of packets that have just arrived, in a program that gives no slot but these anything but zero.
    pub(crate) fn of_arrivals(zeros: BTreeSet<VarId>) -> Facts {
        Facts { origin: Some(Origin::Normal), zeros }
    }

    /// Whether a condition holds, if that is known.
    pub(crate) fn holds(&self, cond: &Expr) -> Option<bool> {
        match cond {
            Expr::Unary(UnaryOp::Not, of) => self.holds(of).map(|held| !held),
            Expr::Binary(op @ (BinaryOp::And | BinaryOp::Or), left, right) => {
                let decides = *op == BinaryOp::Or;
                match (self.holds(left), self.holds(right)) {
                    (Some(held), _) | (_, Some(held)) if held == decides => Some(held),
                    (Some(_), Some(_)) => Some(!decides),
                    _ => None,
                }
            }
            Expr::Binary(op @ (BinaryOp::Eq | BinaryOp::Ne), left, right) => {
                let is_same = self.number(left)? == self.number(right)?;
                Some(is_same == (*op == BinaryOp::Eq))
            }
            Expr::Const(_)
            | Expr::Read(_)
            | Expr::Unary(UnaryOp::Neg, _)
            | Expr::Binary(..)
            | Expr::Slice { .. }
            | Expr::Resize { .. }
            | Expr::Mux { .. }
            | Expr::Intrinsic(_) => self.number(cond).map(|number| number != 0),
            Expr::Valid(_) => None,
        }
    }

    /// What an expression of at most 64 bits is, if that is known.
    pub(crate) fn number(&self, expr: &Expr) -> Option<u64> {
        match expr {
            Expr::Const(value) => (value.width() <= u64::BITS).then(|| value.low_u64()),
            Expr::Intrinsic(Intrinsic::Origin) => self.origin.map(|origin| origin as u64),
            Expr::Read(Place::Var(var)) => self.zeros.contains(var).then_some(0),
            Expr::Slice { of, .. } | Expr::Resize { of, .. } => self.number(of).filter(|number| *number == 0),
            Expr::Intrinsic(_)
            | Expr::Read(Place::Field(..))
            | Expr::Valid(_)
            | Expr::Unary(..)
            | Expr::Binary(..)
            | Expr::Mux { .. } => None,
        }
    }
}
