//! Statements, and whether control can reach what follows them.

use super::codes::*;
use super::conversion::Wanted;
use super::inference::{contains, is_list};
use super::operators::symbol;
use super::scopes::Entity;
use super::{Checker, Place};
use crate::diag::Diagnostic;
use crate::hir::{Block, Decl, Expr, ExprKind, Stmt, StmtKind, Ty, Variable, VariableId, VariableKind};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, BlockStmt, DeclKind, ForCollection, Ident, TypeRef};

/// Whether control goes on behind a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// It may.
    Continues,
    /// It never does: all paths return or exit.
    Ends,
}

impl Flow {
    /// Of one or the other.
    pub(super) fn or(self, other: Flow) -> Flow {
        if self == Flow::Ends && other == Flow::Ends { Flow::Ends } else { Flow::Continues }
    }
}

impl Checker<'_> {
    /// A block, in a scope of its own.
    pub(super) fn block(&mut self, written: &BlockStmt) -> (Block, Flow) {
        self.silencing(&written.annotations, |c| {
            let annotations = c.annotations(&written.annotations);
            let (stmts, flow) = c.scoped(|c| c.statements(&written.stmts));
            (Block { stmts, annotations }, flow)
        })
    }

    /// Statements in the scope around.
    pub(super) fn statements(&mut self, written: &[ast::Stmt]) -> (Vec<Stmt>, Flow) {
        let mut stmts = Vec::with_capacity(written.len());
        let mut flow = Flow::Continues;
        for stmt in written {
            if self.statement(stmt, &mut stmts) == Flow::Ends {
                flow = Flow::Ends;
            }
        }
        (stmts, flow)
    }

    /// A statement that stands as the body of another one.
    fn body(&mut self, written: &ast::Stmt) -> (Block, Flow) {
        if let ast::StmtKind::Block(block) = &written.kind {
            return self.block(block);
        }
        let mut stmts = Vec::new();
        let flow = self.scoped(|c| c.statement(written, &mut stmts));
        (Block { stmts, annotations: Vec::new() }, flow)
    }

    fn statement(&mut self, written: &ast::Stmt, out: &mut Vec<Stmt>) -> Flow {
        let span = written.span;
        let mut flow = Flow::Continues;
        let kind = match &written.kind {
            ast::StmtKind::Empty => return Flow::Continues,
            ast::StmtKind::Decl(decl) => match self.local_declaration(decl) {
                Some(kind) => kind,
                None => return Flow::Continues,
            },
            ast::StmtKind::Assign { target, op, value } => match self.assignment(target, *op, value, span) {
                Some(kind) => kind,
                None => return Flow::Continues,
            },
            ast::StmtKind::Call(call) => match self.call_statement(call) {
                Some(kind) => kind,
                None => return Flow::Continues,
            },
            ast::StmtKind::Block(block) => {
                let (block, ends) = self.block(block);
                flow = ends;
                StmtKind::Block(block)
            }
            ast::StmtKind::If { .. } => {
                let (kind, ends) = self.conditional_statement(written);
                flow = ends;
                kind
            }
            ast::StmtKind::Switch { on, cases } => {
                if self.around.place == Place::ParserState {
                    self.error(
                        MISPLACED_STATEMENT,
                        span,
                        "`switch` cannot be used in a parser: use `transition select`",
                    );
                }
                let (kind, ends) = self.switch(on, cases, span);
                flow = ends;
                match kind {
                    Some(kind) => kind,
                    None => return flow,
                }
            }
            ast::StmtKind::For { annotations, init, cond, update, body } => {
                self.annotations(annotations);
                self.for_loop(init, cond, update, body)
            }
            ast::StmtKind::ForIn { annotations, ty, name, collection, body } => {
                self.annotations(annotations);
                match self.for_in(ty, name, collection, body) {
                    Some(kind) => kind,
                    None => return Flow::Continues,
                }
            }
            ast::StmtKind::Return(value) => {
                flow = Flow::Ends;
                match self.return_statement(value.as_ref(), span) {
                    Some(kind) => kind,
                    None => return flow,
                }
            }
            ast::StmtKind::Exit => {
                match self.around.place {
                    Place::ControlApply | Place::Action => {}
                    place => self.error(
                        MISPLACED_STATEMENT,
                        span,
                        format!("`exit` cannot be used {}", place.name()),
                    ),
                }
                flow = Flow::Ends;
                StmtKind::Exit
            }
            ast::StmtKind::Break | ast::StmtKind::Continue => {
                let is_break = matches!(written.kind, ast::StmtKind::Break);
                if self.around.loop_depth == 0 {
                    let word = if is_break { "break" } else { "continue" };
                    self.error(MISPLACED_STATEMENT, span, format!("`{word}` can only be used in a loop"));
                }
                if is_break { StmtKind::Break } else { StmtKind::Continue }
            }
        };
        out.push(Stmt { kind, span });
        flow
    }

    /// A chain of `if`, `else if`, `else`, from the last one back, as such chains may be long.
    fn conditional_statement(&mut self, written: &ast::Stmt) -> (StmtKind, Flow) {
        let mut links = Vec::new();
        let mut at = written;
        let last = loop {
            let ast::StmtKind::If { cond, then, els } = &at.kind else {
                break Some(self.body(at));
            };
            let cond = self.value(cond);
            let cond =
                self.coerce(cond, &Ty::Bool, &Wanted { what: "a condition", declared: Span::default() });
            let then = self.body(then);
            links.push((cond, then, at.span));
            match els {
                Some(els) => at = els,
                None => break None,
            }
        };
        let (mut els, mut flow) = last.unwrap_or((Block::default(), Flow::Continues));
        let mut result = None;
        while let Some((cond, (then, then_flow), span)) = links.pop() {
            flow = flow.or(then_flow);
            let kind = StmtKind::If { cond, then, els };
            if links.is_empty() {
                result = Some(kind);
                break;
            }
            els = Block { stmts: vec![Stmt { kind, span }], annotations: Vec::new() };
        }
        (result.unwrap_or(StmtKind::Block(Block::default())), flow)
    }

    /// A declaration in a body.
    fn local_declaration(&mut self, decl: &ast::Decl) -> Option<StmtKind> {
        self.silencing(&decl.annotations, |c| match &decl.kind {
            DeclKind::Variable(variable) => {
                let (id, init) = c.variable(variable, &decl.annotations);
                Some(StmtKind::Declare(id, init))
            }
            DeclKind::Const(constant) => {
                c.constant(constant, &decl.annotations);
                None
            }
            DeclKind::Instantiation(instantiation) => {
                let id = c.instantiation(instantiation, &decl.annotations, decl.span)?;
                Some(StmtKind::Instance(id))
            }
            _ => {
                c.error(MISPLACED_STATEMENT, decl.span, "this cannot be declared here");
                None
            }
        })
    }

    /// Declares a variable. Its initial value cannot mention it.
    pub(super) fn variable(
        &mut self,
        written: &ast::VariableDecl,
        annotations: &[ast::Annotation],
    ) -> (VariableId, Option<Expr>) {
        let ty = self.resolve_complete_type(&written.ty);
        let ty = self.check_variable_type(ty, &written.ty, &written.name);
        let init = written.init.as_ref().map(|init| {
            let value = self.value(init);
            let what = format!("the variable `{}`", written.name.name);
            self.coerce(value, &ty, &Wanted { what: &what, declared: written.name.span })
        });
        let decl = self.decl(&written.name, annotations);
        let id = self.new_variable(decl, ty);
        self.declare(&written.name, Entity::Variable(id));
        (id, init)
    }

    fn new_variable(&mut self, decl: Decl, ty: Ty) -> VariableId {
        self.program.variables.push(Variable { decl, ty, kind: VariableKind::Local })
    }

    /// Refuses types that no variable can have.
    fn check_variable_type(&mut self, ty: Ty, written: &TypeRef, name: &Ident) -> Ty {
        let is_instance =
            matches!(ty, Ty::Parser(_) | Ty::Control(_) | Ty::Block(..) | Ty::Package(..) | Ty::Extern(..));
        let is_static = contains(&ty, &|ty| {
            matches!(ty, Ty::InfInt | Ty::String | Ty::MatchKind | Ty::Void | Ty::List(_))
        });
        if !is_instance && !is_static {
            return ty;
        }
        let shown = self.show(&ty);
        let mut diagnostic = Diagnostic::error(
            TYPE_NOT_ALLOWED,
            written.span.to(name.span),
            format!("there are no variables of type `{shown}`"),
        );
        if is_instance {
            diagnostic = diagnostic.help(format!("to make an instance, write `{shown}(...) {};`", name.name));
        } else if ty == Ty::InfInt {
            diagnostic = diagnostic.help("give it a width, as in `int<32>`, or make it a `const`");
        } else {
            diagnostic = diagnostic.help("make it a `const`");
        }
        self.emit(diagnostic);
        Ty::Unknown
    }

    fn assignment(
        &mut self,
        target: &ast::Expr,
        op: Option<BinaryOp>,
        value: &ast::Expr,
        span: Span,
    ) -> Option<StmtKind> {
        let target = self.value(target);
        let value = self.value(value);
        if !self.require_lvalue(&target, "this is assigned to") {
            return None;
        }
        if matches!(
            target.ty,
            Ty::Extern(..) | Ty::Parser(_) | Ty::Control(_) | Ty::Block(..) | Ty::Package(..)
        ) {
            let shown = self.show(&target.ty);
            self.error(
                TYPE_NOT_ALLOWED,
                target.span,
                format!("instances of `{shown}` cannot be assigned to"),
            );
            return None;
        }
        let wanted = Wanted { what: "what is assigned to", declared: Span::default() };
        let value = match op {
            None => self.coerce(value, &target.ty, &wanted),
            Some(op) => {
                if target.ty == Ty::Unknown || value.ty == Ty::Unknown {
                    return None;
                }
                let reading = Expr { span: target.span, ..target.clone() };
                let result = self.binary(op, reading, value, span);
                if result.ty == Ty::Unknown {
                    return None;
                }
                if result.ty != target.ty {
                    let (from, to) = (self.show(&result.ty), self.show(&target.ty));
                    self.error(
                        MISMATCHED_TYPES,
                        span,
                        format!("`{}=` gives `{from}` here, and `{to}` is assigned to", symbol(op)),
                    );
                    return None;
                }
                match result.kind {
                    ExprKind::Binary(_, _, right) => *right,
                    // Nothing else comes of a target, which is never constant.
                    _ => return None,
                }
            }
        };
        Some(StmtKind::Assign { target, op, value })
    }

    /// A call whose result, if any, is not used.
    fn call_statement(&mut self, written: &ast::Expr) -> Option<StmtKind> {
        let expr = self.expr(written);
        if expr.ty == Ty::Unknown {
            return None;
        }
        match expr.kind {
            ExprKind::Call(_) => Some(StmtKind::Call(expr)),
            // Built-in methods without effect: `h.isValid();`, `static_assert(...);`.
            _ => None,
        }
    }

    fn return_statement(&mut self, value: Option<&ast::Expr>, span: Span) -> Option<StmtKind> {
        let value = value.map(|value| self.value(value));
        if self.around.place.in_parser() {
            self.error(
                MISPLACED_STATEMENT,
                span,
                "`return` cannot be used in a parser: use `transition accept`",
            );
            return None;
        }
        match (self.around.ret.clone(), value) {
            (None | Some(Ty::Void), Some(value)) => {
                self.error(
                    MISPLACED_STATEMENT,
                    value.span,
                    "nothing is returned here, so `return` takes no value",
                );
                None
            }
            (None | Some(Ty::Void), None) => Some(StmtKind::Return(None)),
            (Some(ty), None) => {
                let shown = self.show(&ty);
                self.error(
                    MISPLACED_STATEMENT,
                    span,
                    format!("a value of type `{shown}` has to be returned"),
                );
                None
            }
            (Some(ty), Some(value)) => {
                let value =
                    self.coerce(value, &ty, &Wanted { what: "the result", declared: Span::default() });
                Some(StmtKind::Return(Some(value)))
            }
        }
    }

    fn looping<R>(&mut self, body: impl FnOnce(&mut Self) -> R) -> R {
        self.around.loop_depth += 1;
        let result = body(self);
        self.around.loop_depth -= 1;
        result
    }

    fn for_loop(
        &mut self,
        init: &[ast::Stmt],
        cond: &ast::Expr,
        update: &[ast::Stmt],
        body: &ast::Stmt,
    ) -> StmtKind {
        self.scoped(|c| {
            let (init, _) = c.statements(init);
            let cond = c.value(cond);
            let cond = c.coerce(cond, &Ty::Bool, &Wanted { what: "a condition", declared: Span::default() });
            let (update, _) = c.statements(update);
            let (body, _) = c.looping(|c| c.body(body));
            StmtKind::For { init, cond, update, body }
        })
    }

    fn for_in(
        &mut self,
        ty: &TypeRef,
        name: &Ident,
        collection: &ForCollection,
        body: &ast::Stmt,
    ) -> Option<StmtKind> {
        let written = ty;
        let ty = self.resolve_complete_type(written);
        let what = format!("the variable `{}`", name.name);
        let wanted = Wanted { what: &what, declared: name.span };
        match collection {
            ForCollection::Range(low, high) => {
                let ty = self.check_variable_type(ty, written, name);
                let (low, high) = (self.value(low), self.value(high));
                if !matches!(ty, Ty::Bit(_) | Ty::Int(_) | Ty::Unknown) {
                    let shown = self.show(&ty);
                    self.error(
                        MISMATCHED_TYPES,
                        written.span,
                        format!("a range consists of numbers, not of `{shown}`"),
                    );
                }
                let (low, high) = (self.coerce(low, &ty, &wanted), self.coerce(high, &ty, &wanted));
                let (variable, body) = self.for_body(ty, name, body);
                Some(StmtKind::ForRange { variable, low, high, body })
            }
            ForCollection::Expr(collection) => {
                let collection = self.value(collection);
                let ty = match &collection.ty {
                    Ty::List(_) => ty,
                    _ => self.check_variable_type(ty, written, name),
                };
                let collection = match &collection.ty {
                    Ty::Unknown => collection,
                    Ty::Stack(element, _) | Ty::List(element) => {
                        if **element != ty && ty != Ty::Unknown {
                            let (from, to) = (self.show(element), self.show(&ty));
                            self.error(
                                MISMATCHED_TYPES,
                                collection.span,
                                format!("{what} has type `{to}`, and the elements have type `{from}`"),
                            );
                        }
                        collection
                    }
                    Ty::AnonymousStruct(fields) if is_list(fields) => {
                        let list = Ty::List(std::sync::Arc::new(ty.clone()));
                        self.coerce(collection, &list, &wanted)
                    }
                    other => {
                        let shown = self.show(other);
                        self.emit(
                            Diagnostic::error(
                                UNDEFINED_OPERATION,
                                collection.span,
                                format!("a loop goes over a range, a stack, an array or a list, not over `{shown}`"),
                            )
                            .help("a range is written `a .. b`"),
                        );
                        self.broken(collection.span)
                    }
                };
                let (variable, body) = self.for_body(ty, name, body);
                Some(StmtKind::ForEach { variable, collection, body })
            }
        }
    }

    fn for_body(&mut self, ty: Ty, name: &Ident, body: &ast::Stmt) -> (VariableId, Block) {
        self.scoped(|c| {
            let decl = Decl { name: name.name.clone(), span: name.span, annotations: Vec::new() };
            let variable = c.new_variable(decl, ty);
            c.declare(name, Entity::Variable(variable));
            let (body, _) = c.looping(|c| c.body(body));
            (variable, body)
        })
    }
}
