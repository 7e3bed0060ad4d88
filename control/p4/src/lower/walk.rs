//! Walking over IR that has been made: every part of a statement, every expression, every block.
//!
//! Invariant: what is visited is everything there is; each match names every variant.

use heddle_ir::{
    Block, Callee, Decision, Expr, HeaderRef, Keyset, Place, PreserveId, Program, SelectMatch, Stmt,
    Transition, VarId,
};

/// A direct part of a statement.
pub(crate) enum Part<'s> {
    /// An expression that is evaluated.
    Expr(&'s mut Expr),
    /// A header that is read or written.
    Header(&'s mut HeaderRef),
    /// A scalar slot that gets a new value, all of it.
    Def(&'s mut VarId),
    /// A scalar slot of which some bits get a new value.
    DefSlice(&'s mut VarId),
    /// A block inside.
    Block(&'s mut Block),
    /// What is called.
    Callee(&'s mut Callee),
    /// What is kept.
    Preserve(&'s mut PreserveId),
}

fn place<'s>(place: &'s mut Place, whole: bool, visit: &mut dyn FnMut(Part<'s>)) {
    match place {
        Place::Var(var) => visit(if whole { Part::Def(var) } else { Part::DefSlice(var) }),
        Place::Field(header, _) => visit(Part::Header(header)),
    }
}

/// Shows all direct parts of a statement.
pub(crate) fn parts<'s>(stmt: &'s mut Stmt, visit: &mut dyn FnMut(Part<'s>)) {
    match stmt {
        Stmt::Assign(dst, value) => {
            place(dst, true, visit);
            visit(Part::Expr(value));
        }
        Stmt::AssignSlice { dst, value, .. } => {
            place(dst, false, visit);
            visit(Part::Expr(value));
        }
        Stmt::SetValid(header) | Stmt::SetInvalid(header) | Stmt::Emit(header) => visit(Part::Header(header)),
        Stmt::CopyHeader { dst, src } => {
            visit(Part::Header(dst));
            visit(Part::Header(src));
        }
        Stmt::PushFront(..)
        | Stmt::PopFront(..)
        | Stmt::Break
        | Stmt::Continue
        | Stmt::Return
        | Stmt::Exit => {}
        Stmt::If { cond, then, els } => {
            visit(Part::Expr(cond));
            visit(Part::Block(then));
            visit(Part::Block(els));
        }
        Stmt::Switch { on, cases, default } => {
            visit(Part::Expr(on));
            for (_, block) in cases {
                visit(Part::Block(block));
            }
            visit(Part::Block(default));
        }
        Stmt::Loop { body, update, .. } => {
            visit(Part::Block(body));
            visit(Part::Block(update));
        }
        Stmt::Catch(block) | Stmt::Atomic(block) => visit(Part::Block(block)),
        Stmt::Apply { hit, action_run, .. } => {
            if let Some(var) = hit {
                visit(Part::Def(var));
            }
            if let Some(var) = action_run {
                visit(Part::Def(var));
            }
        }
        Stmt::Call { callee, copy_out } => {
            visit(Part::Callee(callee));
            visit(Part::Block(copy_out));
        }
        Stmt::Extract { header, varbit_bits } => {
            visit(Part::Header(header));
            if let Some(bits) = varbit_bits {
                visit(Part::Expr(bits));
            }
        }
        Stmt::Lookahead(var) => visit(Part::Def(var)),
        Stmt::Advance(bits) => visit(Part::Expr(bits)),
        Stmt::Verify { cond, error } => {
            visit(Part::Expr(cond));
            visit(Part::Expr(error));
        }
        Stmt::Count { index, .. } => {
            if let Some(index) = index {
                visit(Part::Expr(index));
            }
        }
        Stmt::Meter { index, color, .. } => {
            if let Some(index) = index {
                visit(Part::Expr(index));
            }
            visit(Part::Def(color));
        }
        Stmt::RegisterRead { index, dst, .. } => {
            visit(Part::Expr(index));
            visit(Part::Def(dst));
        }
        Stmt::RegisterWrite { index, value, .. } => {
            visit(Part::Expr(index));
            visit(Part::Expr(value));
        }
        Stmt::Hash { dst, data, .. } => {
            visit(Part::Def(dst));
            data.iter_mut().for_each(|e| visit(Part::Expr(e)));
        }
        Stmt::Random { dst, low, high } => {
            visit(Part::Def(dst));
            visit(Part::Expr(low));
            visit(Part::Expr(high));
        }
        Stmt::Digest { values, .. } => values.iter_mut().for_each(|e| visit(Part::Expr(e))),
        Stmt::Log { args, .. } => args.iter_mut().for_each(|e| visit(Part::Expr(e))),
        Stmt::Assert { cond, .. } => visit(Part::Expr(cond)),
        Stmt::Truncate(length) => visit(Part::Expr(length)),
        Stmt::Mirror { session, preserve, .. } => {
            visit(Part::Expr(session));
            visit(Part::Preserve(preserve));
        }
        Stmt::Decide(decision) => match decision {
            Decision::Enqueue { port, queue } => {
                visit(Part::Expr(port));
                visit(Part::Expr(queue));
            }
            Decision::Replicate { group, queue } => {
                visit(Part::Expr(group));
                visit(Part::Expr(queue));
            }
            Decision::Resubmit(preserve) | Decision::Recirculate(preserve) => visit(Part::Preserve(preserve)),
            Decision::Transmit | Decision::Drop(_) => {}
        },
    }
}

/// Shows all statements of a block, inner ones after the one around them.
pub(crate) fn stmts(block: &mut Block, visit: &mut dyn FnMut(&mut Stmt)) {
    for stmt in block {
        visit(stmt);
        parts(stmt, &mut |part| {
            if let Part::Block(inner) = part {
                stmts(inner, visit);
            }
        });
    }
}

/// Shows all blocks of a program that are in no other block.
pub(crate) fn blocks(program: &mut Program, visit: &mut dyn FnMut(&mut Block)) {
    program.actions.values_mut().for_each(|a| visit(&mut a.body));
    for table in program.tables.values_mut() {
        for action in &mut table.actions {
            visit(&mut action.copy_in);
            visit(&mut action.copy_out);
        }
    }
    program.bodies.values_mut().for_each(|b| visit(&mut b.block));
    for parser in program.parsers.values_mut() {
        parser.states.values_mut().for_each(|s| visit(&mut s.block));
    }
}

/// Shows all expressions of a program that are in no other expression.
pub(crate) fn exprs(program: &mut Program, visit: &mut dyn FnMut(&mut Expr)) {
    blocks(program, &mut |block| stmts(block, &mut |stmt| stmt_exprs(stmt, visit)));
    for table in program.tables.values_mut() {
        table.keys.iter_mut().for_each(|k| visit(&mut k.expr));
    }
    for parser in program.parsers.values_mut() {
        for state in parser.states.values_mut() {
            match &mut state.transition {
                Transition::Goto(_) => {}
                Transition::Select { on, cases } => {
                    on.iter_mut().for_each(&mut *visit);
                    for case in cases {
                        match &mut case.matches {
                            SelectMatch::ValueSet(_) => {}
                            SelectMatch::Each(keys) => keys.iter_mut().for_each(|k| keyset_exprs(k, visit)),
                        }
                    }
                }
            }
        }
    }
}

fn keyset_exprs(keyset: &mut Keyset, visit: &mut dyn FnMut(&mut Expr)) {
    match keyset {
        Keyset::Value(a) => visit(a),
        Keyset::Mask(a, b) | Keyset::Range(a, b) | Keyset::RangeSigned(a, b) => {
            visit(a);
            visit(b);
        }
        Keyset::Any | Keyset::ValueSet(_) => {}
    }
}

/// Shows the expressions that a statement itself evaluates, those that index headers among them.
pub(crate) fn stmt_exprs(stmt: &mut Stmt, visit: &mut dyn FnMut(&mut Expr)) {
    parts(stmt, &mut |part| match part {
        Part::Expr(expr) => visit(expr),
        Part::Header(HeaderRef::Element(_, index)) => visit(index),
        Part::Header(HeaderRef::One(_))
        | Part::Def(_)
        | Part::DefSlice(_)
        | Part::Block(_)
        | Part::Callee(_)
        | Part::Preserve(_) => {}
    });
}

/// Shows an expression and all in it, inner ones first.
pub(crate) fn sub_exprs(expr: &mut Expr, visit: &mut dyn FnMut(&mut Expr)) {
    match expr {
        Expr::Const(_) | Expr::Intrinsic(_) | Expr::Read(Place::Var(_)) => {}
        Expr::Read(Place::Field(header, _)) | Expr::Valid(header) => match header {
            HeaderRef::One(_) => {}
            HeaderRef::Element(_, index) => sub_exprs(index, visit),
        },
        Expr::Unary(_, of) | Expr::Slice { of, .. } | Expr::Resize { of, .. } => sub_exprs(of, visit),
        Expr::Binary(_, a, b) => {
            sub_exprs(a, visit);
            sub_exprs(b, visit);
        }
        Expr::Mux { cond, then, els } => {
            sub_exprs(cond, visit);
            sub_exprs(then, visit);
            sub_exprs(els, visit);
        }
    }
    visit(expr);
}
