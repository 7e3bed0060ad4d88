//! A walk over all that a block is made of, in no order that matters.
//!
//! Invariant: every statement, expression and slot that running the block can touch is shown, but for what it
//! calls.

use heddle_ir::{Decision, Expr, HeaderRef, Keyset, Place, SelectMatch, Stmt, Transition, VarId};

/// A part of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'p> {
    /// A statement, before its parts.
    Stmt(&'p Stmt),
    /// An expression, before its parts.
    Expr,
    /// A scalar slot that is read or written.
    Var(VarId),
    /// A header that is read, written or asked for.
    Header(&'p HeaderRef),
}

/// Shows every part of a block.
pub(crate) fn block<'p>(block: &'p [Stmt], seen: &mut dyn FnMut(Part<'p>)) {
    block_where(block, &|_| None, seen);
}

/// Shows every part of a block but for what a condition keeps from being run of which it is known whether it holds.
pub(crate) fn block_where<'p>(
    block: &'p [Stmt],
    holds: &dyn Fn(&Expr) -> Option<bool>,
    seen: &mut dyn FnMut(Part<'p>),
) {
    block.iter().for_each(|stmt| self::stmt(stmt, holds, seen));
}

/// Shows an expression and its parts.
pub(crate) fn expr<'p>(expr: &'p Expr, seen: &mut dyn FnMut(Part<'p>)) {
    seen(Part::Expr);
    match expr {
        Expr::Const(_) | Expr::Intrinsic(_) => {}
        Expr::Read(place) => self::place(place, seen),
        Expr::Valid(header) => self::header(header, seen),
        Expr::Unary(_, of) | Expr::Slice { of, .. } | Expr::Resize { of, .. } => self::expr(of, seen),
        Expr::Binary(_, left, right) => {
            self::expr(left, seen);
            self::expr(right, seen);
        }
        Expr::Mux { cond, then, els } => {
            self::expr(cond, seen);
            self::expr(then, seen);
            self::expr(els, seen);
        }
    }
}

fn place<'p>(place: &'p Place, seen: &mut dyn FnMut(Part<'p>)) {
    match place {
        Place::Var(var) => seen(Part::Var(*var)),
        Place::Field(header, _) => self::header(header, seen),
    }
}

fn header<'p>(header: &'p HeaderRef, seen: &mut dyn FnMut(Part<'p>)) {
    seen(Part::Header(header));
    match header {
        HeaderRef::One(_) => {}
        HeaderRef::Element(_, index) => expr(index, seen),
    }
}

fn stmt<'p>(stmt: &'p Stmt, holds: &dyn Fn(&Expr) -> Option<bool>, seen: &mut dyn FnMut(Part<'p>)) {
    seen(Part::Stmt(stmt));
    let block = |inner, seen: &mut dyn FnMut(Part<'p>)| block_where(inner, holds, seen);
    match stmt {
        Stmt::Assign(dst, value) | Stmt::AssignSlice { dst, value, .. } => {
            place(dst, seen);
            expr(value, seen);
        }
        Stmt::SetValid(of) | Stmt::SetInvalid(of) | Stmt::Emit(of) => header(of, seen),
        Stmt::CopyHeader { dst, src } => {
            header(dst, seen);
            header(src, seen);
        }
        Stmt::PushFront(..)
        | Stmt::PopFront(..)
        | Stmt::Break
        | Stmt::Continue
        | Stmt::Return
        | Stmt::Exit => {}
        Stmt::If { cond, then, els } => {
            expr(cond, seen);
            let held = holds(cond);
            if held != Some(false) {
                block(then, seen);
            }
            if held != Some(true) {
                block(els, seen);
            }
        }
        Stmt::Switch { on, cases, default } => {
            expr(on, seen);
            cases.iter().for_each(|(_, case)| block(case, seen));
            block(default, seen);
        }
        Stmt::Loop { bound: _, body, update } => {
            block(body, seen);
            block(update, seen);
        }
        Stmt::Catch(inner) | Stmt::Atomic(inner) => block(inner, seen),
        Stmt::Apply { table: _, hit, action_run } => {
            hit.iter().chain(action_run).for_each(|var| seen(Part::Var(*var)));
        }
        Stmt::Call { callee: _, copy_out } => block(copy_out, seen),
        Stmt::Extract { header: of, varbit_bits } => {
            header(of, seen);
            varbit_bits.iter().for_each(|bits| expr(bits, seen));
        }
        Stmt::Lookahead(var) => seen(Part::Var(*var)),
        Stmt::Advance(of) | Stmt::Truncate(of) => expr(of, seen),
        Stmt::Verify { cond, error } => {
            expr(cond, seen);
            expr(error, seen);
        }
        Stmt::Count { counter: _, index } => index.iter().for_each(|index| expr(index, seen)),
        Stmt::Meter { meter: _, index, color } => {
            index.iter().for_each(|index| expr(index, seen));
            seen(Part::Var(*color));
        }
        Stmt::RegisterRead { register: _, index, dst } => {
            expr(index, seen);
            seen(Part::Var(*dst));
        }
        Stmt::RegisterWrite { register: _, index, value } => {
            expr(index, seen);
            expr(value, seen);
        }
        Stmt::Hash { algorithm: _, dst, data, payload: _ } => {
            data.iter().for_each(|value| expr(value, seen));
            seen(Part::Var(*dst));
        }
        Stmt::Random { dst, low, high } => {
            expr(low, seen);
            expr(high, seen);
            seen(Part::Var(*dst));
        }
        Stmt::Digest { digest: _, values } => values.iter().for_each(|value| expr(value, seen)),
        Stmt::Log { format: _, args } => args.iter().for_each(|arg| expr(arg, seen)),
        Stmt::Assert { cond, message: _ } => expr(cond, seen),
        Stmt::Mirror { session, source: _, preserve: _ } => expr(session, seen),
        Stmt::Decide(decision) => match decision {
            Decision::Enqueue { port: first, queue: second }
            | Decision::Replicate { group: first, queue: second } => {
                expr(first, seen);
                expr(second, seen);
            }
            Decision::Resubmit(_) | Decision::Recirculate(_) | Decision::Transmit | Decision::Drop(_) => {}
        },
    }
}

/// Shows what a transition selects on and compares with.
pub(crate) fn transition<'p>(transition: &'p Transition, seen: &mut dyn FnMut(Part<'p>)) {
    match transition {
        Transition::Goto(_) => {}
        Transition::Select { on, cases } => {
            on.iter().for_each(|value| expr(value, seen));
            for case in cases {
                match &case.matches {
                    SelectMatch::ValueSet(_) => {}
                    SelectMatch::Each(keysets) => keysets.iter().for_each(|keyset| match keyset {
                        Keyset::Value(one) => expr(one, seen),
                        Keyset::Mask(one, other)
                        | Keyset::Range(one, other)
                        | Keyset::RangeSigned(one, other) => {
                            expr(one, seen);
                            expr(other, seen);
                        }
                        Keyset::Any | Keyset::ValueSet(_) => {}
                    }),
                }
            }
        }
    }
}

/// The slot that a statement gives a value, if it gives one any; by its own, not by what is within it or called.
pub(crate) fn written(stmt: &Stmt) -> [Option<VarId>; 2] {
    match stmt {
        Stmt::Assign(Place::Var(var), _) | Stmt::AssignSlice { dst: Place::Var(var), .. } => {
            [Some(*var), None]
        }
        Stmt::Apply { hit, action_run, .. } => [*hit, *action_run],
        Stmt::Lookahead(var)
        | Stmt::Meter { color: var, .. }
        | Stmt::RegisterRead { dst: var, .. }
        | Stmt::Hash { dst: var, .. }
        | Stmt::Random { dst: var, .. } => [Some(*var), None],
        Stmt::Assign(Place::Field(..), _)
        | Stmt::AssignSlice { dst: Place::Field(..), .. }
        | Stmt::SetValid(_)
        | Stmt::SetInvalid(_)
        | Stmt::CopyHeader { .. }
        | Stmt::PushFront(..)
        | Stmt::PopFront(..)
        | Stmt::If { .. }
        | Stmt::Switch { .. }
        | Stmt::Loop { .. }
        | Stmt::Break
        | Stmt::Continue
        | Stmt::Return
        | Stmt::Exit
        | Stmt::Catch(_)
        | Stmt::Call { .. }
        | Stmt::Extract { .. }
        | Stmt::Advance(_)
        | Stmt::Verify { .. }
        | Stmt::Emit(_)
        | Stmt::Count { .. }
        | Stmt::RegisterWrite { .. }
        | Stmt::Atomic(_)
        | Stmt::Digest { .. }
        | Stmt::Log { .. }
        | Stmt::Assert { .. }
        | Stmt::Truncate(_)
        | Stmt::Mirror { .. }
        | Stmt::Decide(_) => [None, None],
    }
}
