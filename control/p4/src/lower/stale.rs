//! Statements that read a header just made invalid, and those that write to one just before it is made valid.
//!
//! The value of a field of an invalid header is unspecified, and so is what is written to one (8.25). With BMv2 fields keep
//! what they hold whether the header is valid or not, and programs count on it:
//! `hdr.tunnel.setInvalid(); counter.count(hdr.tunnel.id);` and `hdr.tunnel.id = 7; hdr.tunnel.setValid();`. So assignments and
//! calls of extern objects that directly follow `setInvalid` and read fields of that header are done before it, and
//! what directly precedes `setValid` and writes to fields is done behind it.
//!
//! Invariant: a statement that is moved does nothing to the header but read or write its fields, and does not decide what runs.

use std::ops::ControlFlow;

use num_traits::ToPrimitive;

use super::Lowerer;
use super::mention::{has_effects, in_expr, in_stmt};
use crate::hir::{Call, Callee, Direction, Expr, ExprKind, Stmt, StmtKind, Ty, VariableId};
use crate::syntax::ast::CompositeKind;

/// Statements that are looked at behind an assignment. Every assignment looks, so time would grow with the square.
const LOOK_AHEAD_MAX: usize = 64;

/// A variable, or a field or element of one, however deep.
struct Path {
    variable: VariableId,
    parts: Vec<usize>,
}

impl Path {
    fn of(expr: &Expr) -> Option<Path> {
        if let ExprKind::Variable(variable) = &expr.kind {
            return Some(Path { variable: *variable, parts: Vec::new() });
        }
        let (of, part) = opened(expr)?;
        let mut path = Path::of(of)?;
        path.parts.push(part);
        Some(path)
    }

    /// What an assignment changes, or changes a part of.
    fn of_target(target: &Expr) -> Option<Path> {
        match &target.kind {
            ExprKind::Slice { of, .. } | ExprKind::PlusSlice { of, .. } => Path::of_target(of),
            _ => Path::of(target),
        }
    }

    /// Whether `other` is this, or part of this.
    fn holds(&self, other: &Path) -> bool {
        self.variable == other.variable && other.parts.starts_with(&self.parts)
    }
}

/// What an expression takes a part of, and which part.
fn opened(expr: &Expr) -> Option<(&Expr, usize)> {
    match &expr.kind {
        ExprKind::Field(of, field) => Some((of, *field)),
        ExprKind::Index(of, index) => match &index.kind {
            ExprKind::Int(index) => Some((of, index.to_usize()?)),
            _ => None,
        },
        _ => None,
    }
}

/// The header that a statement makes valid or invalid.
fn made(valid: bool, stmt: &Stmt) -> Option<&Expr> {
    let StmtKind::Call(Expr { kind: ExprKind::Call(call), .. }) = &stmt.kind else { return None };
    match &call.callee {
        Callee::SetInvalid(header) if !valid => Some(header),
        Callee::SetValid(header) if valid => Some(header),
        _ => None,
    }
}

/// What is done with a header.
#[derive(Default)]
struct Uses {
    mentioned: usize,
    opened: usize,
    reads: usize,
}

impl Uses {
    /// Counts an expression, the parts of which are counted by themselves.
    fn count(&mut self, expr: &Expr, header: &Path) -> ControlFlow<()> {
        // The header and what it is part of are mentioned to get at a field, or as a whole.
        self.mentioned += usize::from(Path::of(expr).is_some_and(|path| path.holds(header)));
        if let Some(of) = opened(expr).and_then(|(of, _)| Path::of(of)) {
            self.opened += usize::from(of.holds(header));
            self.reads += usize::from(header.holds(&of));
        }
        ControlFlow::Continue(())
    }

    /// How often a field of the header is read; none if anything else is done with it.
    fn reads(&self) -> Option<usize> {
        (self.mentioned == self.opened).then_some(self.reads)
    }
}

fn reads(stmt: &Stmt, header: &Path) -> Option<usize> {
    let mut uses = Uses::default();
    let _ = in_stmt(stmt, &mut |expr| uses.count(expr, header));
    uses.reads()
}

fn is_untouched_by(header: &Path, value: &Expr) -> bool {
    let mut uses = Uses::default();
    let _ = in_expr(value, &mut |expr| uses.count(expr, header));
    uses.reads() == Some(0)
}

impl Lowerer<'_> {
    /// Which of some statements are to be done before the first, which is done next; all up to them belong together.
    pub(super) fn done_before(&self, stmts: &[Stmt]) -> std::ops::Range<usize> {
        let writes = self.writes_ahead(stmts);
        if writes > 0 {
            return writes..writes + 1;
        }
        1..self.reads_of_stale(stmts) + 1
    }

    /// How many of the statements after the first one read what it makes invalid.
    fn reads_of_stale(&self, stmts: &[Stmt]) -> usize {
        let Some((first, rest)) = stmts.split_first() else { return 0 };
        let Some(header) = made(false, first).and_then(Path::of) else { return 0 };
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
        self.is_of_plain_object(call)
            && call.args.iter().all(|arg| match &arg.expr {
                None => true,
                Some(expr) if arg.direction == Direction::In || arg.direction == Direction::None => {
                    !has_effects(expr)
                }
                Some(expr) => Path::of(expr).is_some_and(|path| !header.holds(&path)),
            })
    }

    /// Whether a call is one of a method that is not the program's own, of an object that neither parses nor deparses.
    fn is_of_plain_object(&self, call: &Call) -> bool {
        let Callee::Method { extern_id, method, .. } = &call.callee else { return false };
        let object = &self.hir.types.externs[*extern_id];
        !matches!(object.decl.name.as_ref(), "packet_in" | "packet_out")
            && object.methods.get(*method).is_some_and(|method| !method.is_abstract)
    }

    /// Where the header becomes valid that the first of some statements, and perhaps others, write to; 0 if it does not.
    fn writes_ahead(&self, stmts: &[Stmt]) -> usize {
        let Some(first) = stmts.first().and_then(|stmt| self.written(stmt)).and_then(Path::of_target) else {
            return 0;
        };
        let ahead = stmts.iter().take(LOOK_AHEAD_MAX);
        let writes = ahead.take_while(|stmt| self.written(stmt).is_some()).count();
        let Some(made) = stmts.get(writes).and_then(|stmt| made(true, stmt)) else { return 0 };
        let Some(header) = Path::of(made).filter(|_| !self.is_member_of_union(made)) else { return 0 };
        let is_part = |path: &Path| header.holds(path) && path.parts.len() > header.parts.len();
        let is_apart = |target: &Expr| {
            !has_effects(target)
                && Path::of_target(target)
                    .is_some_and(|path| is_part(&path) || !(path.holds(&header) || header.holds(&path)))
        };
        let is_plain = |value: &Expr| !has_effects(value) && is_untouched_by(&header, value);
        let may_move = |stmt: &Stmt| match &stmt.kind {
            StmtKind::Assign { target, op: None, value } => is_apart(target) && is_plain(value),
            StmtKind::Call(Expr { kind: ExprKind::Call(call), .. }) => call.args.iter().all(|arg| {
                let Some(expr) = &arg.expr else { return true };
                if arg.direction == Direction::Out { is_apart(expr) } else { is_plain(expr) }
            }),
            _ => false,
        };
        let all = is_part(&first) && stmts[..writes].iter().all(may_move);
        if all { writes } else { 0 }
    }

    /// What a statement does nothing else than write to.
    fn written<'s>(&self, stmt: &'s Stmt) -> Option<&'s Expr> {
        match &stmt.kind {
            StmtKind::Assign { target, .. } => Some(target),
            StmtKind::Call(Expr { kind: ExprKind::Call(call), .. })
                if matches!(call.callee, Callee::ExternFunction(..)) || self.is_of_plain_object(call) =>
            {
                let mut out = call.args.iter().filter(|arg| arg.direction == Direction::Out);
                out.next().and_then(|arg| arg.expr.as_ref())
            }
            _ => None,
        }
    }

    /// Whether making a header valid makes others invalid.
    fn is_member_of_union(&self, header: &Expr) -> bool {
        let ExprKind::Field(of, _) = &header.kind else { return false };
        let Ty::Composite(id, _) = self.strip(&of.ty) else { return false };
        self.hir.types.composites[id].kind == CompositeKind::HeaderUnion
    }
}
