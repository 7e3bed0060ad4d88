//! Statements that read a header just made invalid.
//!
//! The value of a field of an invalid header is unspecified (8.25). BMv2 gives what the field last held, and programs count
//! on it: `hdr.tunnel.setInvalid(); counter.count(hdr.tunnel.id);`. So assignments and calls of extern objects that directly
//! follow `setInvalid` and read fields of that header are done before it.
//!
//! Invariant: a statement that is moved reads fields of the header, does nothing else to it, and does not decide what runs.

use std::ops::ControlFlow;

use super::Lowerer;
use super::mention::{has_effects, in_stmt};
use crate::hir::{Call, Callee, Direction, Expr, ExprKind, Stmt, StmtKind, VariableId};

/// A variable, or a field of a field of one.
struct Path {
    variable: VariableId,
    fields: Vec<usize>,
}

impl Path {
    fn of(expr: &Expr) -> Option<Path> {
        match &expr.kind {
            ExprKind::Variable(variable) => Some(Path { variable: *variable, fields: Vec::new() }),
            ExprKind::Field(of, field) => {
                let mut path = Path::of(of)?;
                path.fields.push(*field);
                Some(path)
            }
            _ => None,
        }
    }

    /// Whether `other` is this, or part of this.
    fn holds(&self, other: &Path) -> bool {
        self.variable == other.variable && other.fields.starts_with(&self.fields)
    }
}

/// The header that a statement makes invalid.
fn made_invalid(stmt: &Stmt) -> Option<Path> {
    let StmtKind::Call(Expr { kind: ExprKind::Call(call), .. }) = &stmt.kind else { return None };
    match &call.callee {
        Callee::SetInvalid(header) => Path::of(header),
        _ => None,
    }
}

/// How often a statement reads a field of a header; none if it does anything else with it.
fn reads(stmt: &Stmt, header: &Path) -> Option<usize> {
    let (mut mentioned, mut opened, mut reads) = (0usize, 0usize, 0usize);
    let _ = in_stmt(stmt, &mut |expr| {
        // The header and what it is part of are mentioned to get at a field, or as a whole.
        mentioned += usize::from(Path::of(expr).is_some_and(|path| path.holds(header)));
        if let ExprKind::Field(of, _) = &expr.kind
            && let Some(of) = Path::of(of)
        {
            opened += usize::from(of.holds(header));
            reads += usize::from(header.holds(&of));
        }
        ControlFlow::Continue(())
    });
    (mentioned == opened).then_some(reads)
}

impl Lowerer<'_> {
    /// How many of the statements after the first one are to be done before it.
    pub(super) fn reads_of_stale(&self, stmts: &[Stmt]) -> usize {
        let Some((first, rest)) = stmts.split_first() else { return 0 };
        let Some(header) = made_invalid(first) else { return 0 };
        let mut moved = 0;
        for (index, stmt) in rest.iter().enumerate() {
            match reads(stmt, &header).filter(|_| self.may_move(stmt, &header)) {
                None => break,
                Some(0) => {}
                Some(_) => moved = index + 1,
            }
        }
        moved
    }

    fn may_move(&self, stmt: &Stmt, header: &Path) -> bool {
        match &stmt.kind {
            StmtKind::Assign { target, value, .. } => {
                !has_effects(target)
                    && !has_effects(value)
                    && Path::of(target).is_some_and(|target| !header.holds(&target))
            }
            StmtKind::Call(Expr { kind: ExprKind::Call(call), .. }) => self.is_plain_method(call, header),
            _ => false,
        }
    }

    /// Whether a call is one of an extern object that neither parses nor deparses, and gives no field of the header a value.
    fn is_plain_method(&self, call: &Call, header: &Path) -> bool {
        let Callee::Method { extern_id, .. } = &call.callee else { return false };
        let name = self.hir.types.externs[*extern_id].decl.name.as_ref();
        !matches!(name, "packet_in" | "packet_out")
            && call.args.iter().all(|arg| match &arg.expr {
                None => true,
                Some(expr) if arg.direction == Direction::In || arg.direction == Direction::None => {
                    !has_effects(expr)
                }
                Some(expr) => Path::of(expr).is_some_and(|path| !header.holds(&path)),
            })
    }
}
