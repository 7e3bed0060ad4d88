//! Which slots are touched: whether what one part writes another reads.
//!
//! Invariant: the sets are supersets of what can be touched at run time; an element of a stack at an index known
//! at run time stands for all of them, a member of a union for its siblings too.

use hashbrown::HashSet;
use heddle_ir::{Callee, Expr, HeaderId, HeaderRef, Place, Program, VarId};

use super::layout::Location;
use super::value::{HeaderValue, LValue, Value};
use super::walk::{self, Part};

/// Scalars and headers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    pub(crate) vars: HashSet<VarId>,
    pub(crate) headers: HashSet<HeaderId>,
}

impl Slots {
    /// Adds what writing all of a location can change.
    pub(crate) fn add_written(&mut self, location: &Location, ir: &Program) {
        match location {
            Location::Scalar(Place::Var(var)) => {
                self.vars.insert(*var);
            }
            Location::Scalar(Place::Field(header, _)) | Location::Header(header, _) => {
                self.add_header(header, ir)
            }
            Location::Struct(fields) | Location::Union(fields) => {
                fields.iter().for_each(|f| self.add_written(f, ir));
            }
            Location::Stack(stack) => {
                self.vars.insert(stack.next);
                stack.elements.iter().for_each(|e| self.add_written(e, ir));
            }
        }
    }

    /// Adds what writing to an l-value can change.
    pub(crate) fn add_lvalue(&mut self, lvalue: &LValue, ir: &Program) {
        match lvalue {
            LValue::Whole(location) => self.add_written(location, ir),
            LValue::Slice { place, .. } | LValue::PlusSlice { place, .. } => {
                self.add_written(&Location::Scalar(place.clone()), ir);
            }
            LValue::OneOf { options, .. } => options.iter().for_each(|o| self.add_lvalue(o, ir)),
        }
    }

    fn add_header(&mut self, header: &HeaderRef, ir: &Program) {
        match header {
            HeaderRef::One(id) => self.add_one(*id, ir),
            HeaderRef::Element(stack, _) => {
                for id in &ir.stacks[*stack].elements {
                    self.add_one(*id, ir);
                }
            }
        }
    }

    fn add_one(&mut self, id: HeaderId, ir: &Program) {
        match ir.headers[id].union {
            Some(union) => self.headers.extend(ir.unions[union].members.iter().copied()),
            None => {
                self.headers.insert(id);
            }
        }
    }

    /// Whether anything is in both.
    pub(crate) fn overlaps(&self, other: &Slots) -> bool {
        !self.vars.is_disjoint(&other.vars) || !self.headers.is_disjoint(&other.headers)
    }

    /// Whether a value reads any of these.
    pub(crate) fn is_read_by(&self, value: &Value, ir: &Program) -> bool {
        match value {
            Value::Scalar(expr) => self.is_read_by_expr(expr, ir),
            Value::Header(HeaderValue::Copy(header), _) => self.is_read_by_header(header, ir),
            Value::Header(HeaderValue::Fields(fields), _) => {
                fields.iter().any(|f| self.is_read_by_expr(f, ir))
            }
            Value::Struct(values) | Value::Union(values) => values.iter().any(|v| self.is_read_by(v, ir)),
            Value::Stack(values, next) => {
                values.iter().any(|v| self.is_read_by(v, ir))
                    || next.as_ref().is_some_and(|next| self.is_read_by_expr(next, ir))
            }
            Value::Header(HeaderValue::Invalid, _) | Value::Const(_) | Value::Invalid | Value::Void => false,
        }
    }

    /// Whether a header reference reads any of these.
    pub(crate) fn is_read_by_header(&self, header: &HeaderRef, ir: &Program) -> bool {
        match header {
            HeaderRef::One(id) => self.headers.contains(id),
            HeaderRef::Element(stack, index) => {
                ir.stacks[*stack].elements.iter().any(|id| self.headers.contains(id))
                    || self.is_read_by_expr(index, ir)
            }
        }
    }

    /// Whether an expression reads any of these.
    pub(crate) fn is_read_by_expr(&self, expr: &Expr, ir: &Program) -> bool {
        match expr {
            Expr::Const(_) | Expr::Intrinsic(_) => false,
            Expr::Read(Place::Var(var)) => self.vars.contains(var),
            Expr::Read(Place::Field(header, _)) | Expr::Valid(header) => self.is_read_by_header(header, ir),
            Expr::Unary(_, of) | Expr::Slice { of, .. } | Expr::Resize { of, .. } => {
                self.is_read_by_expr(of, ir)
            }
            Expr::Binary(_, a, b) => self.is_read_by_expr(a, ir) || self.is_read_by_expr(b, ir),
            Expr::Mux { cond, then, els } => {
                self.is_read_by_expr(cond, ir)
                    || self.is_read_by_expr(then, ir)
                    || self.is_read_by_expr(els, ir)
            }
        }
    }
}

/// Scalar slots that calling something can change, but for those of the tables and actions that it runs.
pub fn written_vars(ir: &Program, callee: Callee) -> HashSet<VarId> {
    let mut vars = HashSet::new();
    let mut seen = HashSet::new();
    let mut work = vec![callee];
    while let Some(callee) = work.pop() {
        if !seen.insert(callee) {
            continue;
        }
        let mut blocks = match callee {
            Callee::Action(id) => vec![ir.actions[id].body.clone()],
            Callee::Body(id) => vec![ir.bodies[id].block.clone()],
            Callee::Parser(id) => ir.parsers[id].states.values().map(|s| s.block.clone()).collect(),
        };
        for block in &mut blocks {
            walk::stmts(block, &mut |stmt| {
                walk::parts(stmt, &mut |part| match part {
                    Part::Def(var) | Part::DefSlice(var) => {
                        vars.insert(*var);
                    }
                    Part::Callee(callee) => work.push(*callee),
                    Part::Expr(_) | Part::Header(_) | Part::Block(_) | Part::Preserve(_) => {}
                });
            });
        }
    }
    vars
}
