//! What a piece of the checked program mentions: variables, calls, tables, instances.
//!
//! Invariant: a visitor sees every expression once, sub-expressions after the expression around them.

use std::ops::ControlFlow;

use crate::hir::{Block, Callee, Expr, ExprKind, Stmt, StmtKind, SwitchLabel, SwitchOn, VariableId};

type Flow = ControlFlow<()>;

/// Shows every expression of a block to `visit` until that breaks.
pub(crate) fn in_block(block: &Block, visit: &mut dyn FnMut(&Expr) -> Flow) -> Flow {
    in_stmts(&block.stmts, visit)
}

/// Shows every expression of some statements to `visit` until that breaks.
pub(crate) fn in_stmts(stmts: &[Stmt], visit: &mut dyn FnMut(&Expr) -> Flow) -> Flow {
    stmts.iter().try_for_each(|s| in_stmt(s, visit))
}

/// Shows every expression of a statement to `visit` until that breaks.
pub(crate) fn in_stmt(stmt: &Stmt, visit: &mut dyn FnMut(&Expr) -> Flow) -> Flow {
    match &stmt.kind {
        StmtKind::Declare(_, init) => init.iter().try_for_each(|e| in_expr(e, visit)),
        StmtKind::Instance(_) | StmtKind::Exit | StmtKind::Break | StmtKind::Continue => Flow::Continue(()),
        StmtKind::Assign { target, value, .. } => {
            in_expr(target, visit)?;
            in_expr(value, visit)
        }
        StmtKind::Call(call) => in_expr(call, visit),
        StmtKind::Block(block) => in_block(block, visit),
        StmtKind::If { cond, then, els } => {
            in_expr(cond, visit)?;
            in_block(then, visit)?;
            in_block(els, visit)
        }
        StmtKind::Switch { on, cases, default } => {
            match on {
                SwitchOn::Action(e) | SwitchOn::Value(e) => in_expr(e, visit)?,
            }
            for case in cases {
                for label in &case.labels {
                    if let SwitchLabel::Value(e) = label {
                        in_expr(e, visit)?;
                    }
                }
                in_block(&case.body, visit)?;
            }
            default.iter().try_for_each(|b| in_block(b, visit))
        }
        StmtKind::For { init, cond, update, body } => {
            in_stmts(init, visit)?;
            in_expr(cond, visit)?;
            in_stmts(update, visit)?;
            in_block(body, visit)
        }
        StmtKind::ForRange { low, high, body, .. } => {
            in_expr(low, visit)?;
            in_expr(high, visit)?;
            in_block(body, visit)
        }
        StmtKind::ForEach { collection, body, .. } => {
            in_expr(collection, visit)?;
            in_block(body, visit)
        }
        StmtKind::Return(value) => value.iter().try_for_each(|e| in_expr(e, visit)),
    }
}

/// Shows an expression and all in it to `visit` until that breaks.
pub(crate) fn in_expr(expr: &Expr, visit: &mut dyn FnMut(&Expr) -> Flow) -> Flow {
    visit(expr)?;
    match &expr.kind {
        ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::String(_)
        | ExprKind::Error(_)
        | ExprKind::EnumMember(..)
        | ExprKind::Variable(_)
        | ExprKind::Instance(_)
        | ExprKind::InvalidHeader
        | ExprKind::Default
        | ExprKind::ApplyHit(_)
        | ExprKind::ApplyMiss(_)
        | ExprKind::ApplyActionRun(_)
        | ExprKind::SizeOf(..) => Flow::Continue(()),
        ExprKind::Field(of, _)
        | ExprKind::Element(of, _)
        | ExprKind::StackNext(of)
        | ExprKind::StackLast(of)
        | ExprKind::StackLastIndex(of)
        | ExprKind::StackNextIndex(of)
        | ExprKind::Slice { of, .. }
        | ExprKind::Unary(_, of)
        | ExprKind::Cast(of)
        | ExprKind::IsValid(of) => in_expr(of, visit),
        ExprKind::Index(a, b) | ExprKind::Binary(_, a, b) | ExprKind::PlusSlice { of: a, low: b, .. } => {
            in_expr(a, visit)?;
            in_expr(b, visit)
        }
        ExprKind::Conditional(a, b, c) => {
            in_expr(a, visit)?;
            in_expr(b, visit)?;
            in_expr(c, visit)
        }
        ExprKind::Aggregate(of) => of.iter().try_for_each(|e| in_expr(e, visit)),
        ExprKind::Call(call) => {
            match &call.callee {
                Callee::Function(..) | Callee::ExternFunction(..) | Callee::Action(_) | Callee::Table(_) => {}
                Callee::Method { receiver, .. } => in_expr(receiver, visit)?,
                Callee::Apply(e)
                | Callee::SetValid(e)
                | Callee::SetInvalid(e)
                | Callee::PushFront(e, _)
                | Callee::PopFront(e, _) => in_expr(e, visit)?,
            }
            call.args.iter().filter_map(|a| a.expr.as_ref()).try_for_each(|e| in_expr(e, visit))
        }
    }
}

/// Whether evaluating an expression can do more than give a value.
pub(crate) fn has_effects(expr: &Expr) -> bool {
    in_expr(expr, &mut |e| match e.kind {
        ExprKind::Call(_) | ExprKind::ApplyHit(_) | ExprKind::ApplyMiss(_) | ExprKind::ApplyActionRun(_) => {
            Flow::Break(())
        }
        _ => Flow::Continue(()),
    })
    .is_break()
}

/// Whether an expression mentions a variable.
pub(crate) fn mentions(expr: &Expr, variable: VariableId) -> bool {
    in_expr(expr, &mut |e| is(e, variable)).is_break()
}

fn is(expr: &Expr, variable: VariableId) -> Flow {
    match expr.kind {
        ExprKind::Variable(v) if v == variable => Flow::Break(()),
        _ => Flow::Continue(()),
    }
}

/// Statements after a declaration that are looked at. Every declaration looks, so time would grow with the square.
const LOOK_AHEAD_MAX: usize = 256;

/// Whether what follows a declaration gives the variable a value before anything can read it.
pub(crate) fn is_written_first(stmts: &[Stmt], variable: VariableId) -> bool {
    for (i, stmt) in stmts.iter().enumerate() {
        if i == LOOK_AHEAD_MAX {
            return false;
        }
        let mut count = 0usize;
        let _ = in_stmt(stmt, &mut |e| {
            if is(e, variable).is_break() {
                count += 1;
            }
            Flow::Continue(())
        });
        if count == 0 {
            match stmt.kind {
                // Whatever these jump to may read it in another round.
                StmtKind::Break | StmtKind::Continue => return false,
                _ => continue,
            }
        }
        return count == 1 && writes_all(stmt, variable);
    }
    true
}

/// Whether the first thing that a body does to a parameter is to overwrite it whole, and nothing before can leave the
/// body.
pub(crate) fn is_written_at_once(stmts: &[Stmt], variable: VariableId) -> bool {
    let simple = stmts
        .iter()
        .take_while(|s| match &s.kind {
            StmtKind::Declare(_, Some(e)) => !has_effects(e),
            StmtKind::Declare(_, None) => true,
            StmtKind::Assign { target, value, .. } => !has_effects(target) && !has_effects(value),
            _ => false,
        })
        .count();
    let (before, after) = stmts.split_at(simple);
    let mentioned = |s: &Stmt| in_stmt(s, &mut |e| is(e, variable)).is_break();
    match before.iter().position(mentioned) {
        Some(first) => is_written_first(&before[first..=first], variable),
        None => {
            after.first().is_some_and(|s| mentioned(s) && is_written_first(std::slice::from_ref(s), variable))
        }
    }
}

/// Whether a statement that mentions the variable once overwrites it whole and does not read it.
fn writes_all(stmt: &Stmt, variable: VariableId) -> bool {
    match &stmt.kind {
        StmtKind::Assign { target, op: None, .. } => is(target, variable).is_break(),
        StmtKind::Call(Expr { kind: ExprKind::Call(call), .. }) => call.args.iter().any(|arg| {
            arg.direction == crate::hir::Direction::Out
                && arg.expr.as_ref().is_some_and(|e| is(e, variable).is_break())
        }),
        _ => false,
    }
}
