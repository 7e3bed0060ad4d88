//! Statements (P4-16 §12).

use super::declarations::Place;
use super::scope::Binding;
use super::{Parsed, Parser, Reported};
use crate::diag::Diagnostic;
use crate::diag::codes::*;
use crate::diag::likeness::most_like;
use crate::source::Span;
use crate::syntax::ast::*;
use crate::syntax::token::{Token, TokenKind};

/// How many tokens are looked at for `x++;`.
const INCREMENT_LENGTH_MAX: usize = 16;

/// Methods that are called without arguments, as statements.
const METHODS: &[&str] = &["apply", "setValid", "setInvalid", "count"];

/// Words that begin a statement and may be misspelt.
const KEYWORDS: &[&str] = &["transition", "return", "switch"];

/// What a statement stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context {
    /// A control or function.
    Any,
    /// An action, which the next member of its control may follow.
    Action,
    /// A parser's state, where `switch`, loops, `return` and `exit` are not statements (`parserStatement`).
    ParserState,
}

/// `if (cond) then`
struct Branch {
    start: Span,
    cond: Expr,
    then: Box<Stmt>,
}

/// What stands in the parentheses of a `for`.
enum ForHead {
    /// `T x in collection`
    Each { ty: TypeRef, name: Ident, collection: ForCollection },
    /// `init; cond; update`
    While { init: Vec<Stmt>, cond: Expr, update: Vec<Stmt> },
}

impl Parser<'_> {
    /// `blockStatement`. `annotations`: those already taken.
    pub(super) fn block(&mut self, annotations: Vec<Annotation>) -> Parsed<BlockStmt> {
        self.block_in(annotations, Context::Any)
    }

    pub(super) fn block_in(
        &mut self,
        mut annotations: Vec<Annotation>,
        context: Context,
    ) -> Parsed<BlockStmt> {
        annotations.append(&mut self.annotations()?);
        let start = annotations.first().map_or(self.here(), |annotation| annotation.span);
        let open = self.expect(TokenKind::LeftBrace)?;
        let mut stmts = Vec::new();
        self.scopes.open();
        self.nested(|parser| {
            let is_next = |parser: &Self| context == Context::Action && parser.begins_next_member();
            let element = |parser: &mut Self| parser.statement_or_declaration(context, &mut stmts).map(Some);
            parser.braced_before(open, is_next, element)
        })?;
        self.scopes.close();
        Ok(BlockStmt { annotations, stmts, span: self.span_from(start) })
    }

    /// Whether what comes next stands in a control, behind an action whose `}` is missing.
    fn begins_next_member(&self) -> bool {
        match self.kind() {
            TokenKind::Action | TokenKind::Table => true,
            TokenKind::Apply => self.kind_ahead(1) == TokenKind::LeftBrace,
            _ => false,
        }
    }

    /// `statementOrDeclaration`, or `parserStatement`, added to `stmts`.
    ///
    /// Statements are large: what recurses hands them on by reference or in boxes, to keep its frames small.
    pub(super) fn statement_or_declaration(&mut self, context: Context, stmts: &mut Vec<Stmt>) -> Parsed<()> {
        let start = self.here();
        let annotations = self.annotations()?;
        if self.is_at(TokenKind::Const) || self.declaration_ahead() {
            stmts.push(self.block_declaration(annotations, start)?);
        } else {
            stmts.push(*self.statement_after(annotations, start, context)?);
        }
        Ok(())
    }

    /// `constantDeclaration`, `variableDeclaration` or `instantiation`, its annotations taken.
    fn block_declaration(&mut self, annotations: Vec<Annotation>, start: Span) -> Parsed<Stmt> {
        let kind = match self.kind() {
            TokenKind::Const => self.constant()?,
            _ => self.declaration_after_type(Place::Block)?,
        };
        let span = self.span_from(start);
        Ok(Stmt { kind: StmtKind::Decl(Box::new(Decl { annotations, kind, span })), span })
    }

    /// Whether what comes next declares a variable or an instance.
    fn declaration_ahead(&self) -> bool {
        let token = self.peek();
        if Self::begins_keyword_type(token.kind) {
            return true;
        }
        if self.type_begins_at(self.at) {
            // `T.apply()` and `T<A>.apply()` are statements.
            return match self.type_end(self.at, false) {
                Some(end) => self.token_at(end).kind != TokenKind::Dot,
                None => true,
            };
        }
        // A name before a name: the type is not declared, which is for the checker to say.
        let name = self.at + usize::from(token.kind == TokenKind::Dot);
        if self.token_at(name).kind != TokenKind::Ident {
            return false;
        }
        match self.token_at(name + 1).kind {
            TokenKind::Ident => true,
            TokenKind::Less => {
                self.type_end(self.at, true).is_some_and(|end| self.token_at(end).kind == TokenKind::Ident)
            }
            _ => false,
        }
    }

    /// `statement`: where a declaration would have no scope.
    fn statement(&mut self, context: Context) -> Parsed<Box<Stmt>> {
        if self.is_at(TokenKind::Const) || self.declaration_ahead() {
            return Err(self.declaration_as_statement());
        }
        let start = self.here();
        let annotations = self.annotations()?;
        self.nested(|parser| parser.statement_after(annotations, start, context))
    }

    fn declaration_as_statement(&mut self) -> Reported {
        let message = "expected a statement, found a declaration";
        let diagnostic =
            Diagnostic::error(MISPLACED, self.here(), message).help("put it into a block: `{ ... }`");
        self.report(diagnostic)
    }

    /// A statement, its annotations taken.
    fn statement_after(
        &mut self,
        annotations: Vec<Annotation>,
        start: Span,
        context: Context,
    ) -> Parsed<Box<Stmt>> {
        match self.kind() {
            TokenKind::LeftBrace => self.block_statement(annotations, context),
            TokenKind::For if context != Context::ParserState => self.for_loop(annotations, start),
            kind => {
                if let Some(first) = annotations.first() {
                    self.misplaced_annotation(first.span);
                }
                match kind {
                    TokenKind::If => self.conditional(context),
                    TokenKind::Switch if context != Context::ParserState => self.switch(),
                    _ => self.simple_statement(context),
                }
            }
        }
    }

    fn misplaced_annotation(&mut self, span: Span) {
        let message = "annotations belong to blocks, loops and declarations, not to other statements";
        self.diags.emit(Diagnostic::error(MISPLACED, span, message).help("put the statement into a block"));
    }

    fn block_statement(&mut self, annotations: Vec<Annotation>, context: Context) -> Parsed<Box<Stmt>> {
        let block = self.block_in(annotations, context)?;
        Ok(Box::new(Stmt { span: block.span, kind: StmtKind::Block(block) }))
    }

    /// A statement without statements inside.
    fn simple_statement(&mut self, context: Context) -> Parsed<Box<Stmt>> {
        let token = self.peek();
        if let Some(diagnostic) = self.no_statement(token, context) {
            return Err(self.report(diagnostic));
        }
        let kind = match token.kind {
            TokenKind::Semicolon => {
                self.bump();
                StmtKind::Empty
            }
            TokenKind::Return => {
                self.bump();
                let value = match self.kind() {
                    TokenKind::Semicolon => None,
                    _ => Some(self.expression()?),
                };
                self.expect_semicolon()?;
                StmtKind::Return(value)
            }
            TokenKind::Exit | TokenKind::Break | TokenKind::Continue => {
                self.bump();
                self.expect_semicolon()?;
                match token.kind {
                    TokenKind::Exit => StmtKind::Exit,
                    TokenKind::Break => StmtKind::Break,
                    _ => StmtKind::Continue,
                }
            }
            _ => {
                let kind = self.assignment_or_call()?;
                if let StmtKind::Call(call) = &kind
                    && let Some(diagnostic) = self.unknown_loop(call)
                {
                    return Err(self.report(diagnostic));
                }
                self.expect_semicolon()?;
                kind
            }
        };
        Ok(Box::new(Stmt { kind, span: self.span_from(token.span) }))
    }

    /// What is wrong with a statement that begins with `token`, if that is known from the token alone.
    fn no_statement(&self, token: Token, context: Context) -> Option<Diagnostic> {
        let misplaced = |place: &str, help: &str| {
            let message = format!("`{}` {place}", token.kind.text());
            Some(Diagnostic::error(MISPLACED, token.span, message).help(help))
        };
        match token.kind {
            TokenKind::Switch if context == Context::ParserState => {
                misplaced("in a parser state", "`transition select` chooses between states")
            }
            TokenKind::For if context == Context::ParserState => {
                misplaced("in a parser state", "a state that goes back to itself makes a loop")
            }
            TokenKind::Return | TokenKind::Exit if context == Context::ParserState => {
                misplaced("in a parser state", "`transition accept` and `transition reject` end parsing")
            }
            TokenKind::Action | TokenKind::Table => {
                misplaced("in a block of statements", "declare it in the control, before `apply`")
            }
            TokenKind::Transition => {
                misplaced("outside of a state", "a state may end in one `transition`, behind its statements")
            }
            TokenKind::Else => Some(
                Diagnostic::error(UNEXPECTED_TOKEN, token.span, "`else` without an `if` before it").help(
                    "is there a `;` behind the statement of the `if`, or are braces missing around several?",
                ),
            ),
            _ => None,
        }
    }

    /// `while (...) {`, which P4 does not have.
    fn unknown_loop(&self, call: &Expr) -> Option<Diagnostic> {
        let ExprKind::Call { callee, .. } = &call.kind else { return None };
        match &callee.kind {
            ExprKind::Name { name, .. } if &*name.name == "while" && self.is_at(TokenKind::LeftBrace) => {
                Some(
                    Diagnostic::error(UNEXPECTED_TOKEN, callee.span, "P4 has no `while`")
                        .help("write `for (; condition; ) { ... }`"),
                )
            }
            _ => None,
        }
    }

    /// `x++;` or `x--;`, which P4 does not have: where the operator is, and what to write for it.
    fn increment_ahead(&self) -> Option<(Span, &'static str)> {
        let end = (self.at..self.at + INCREMENT_LENGTH_MAX).find(|&at| {
            matches!(
                self.token_at(at).kind,
                TokenKind::Semicolon | TokenKind::LeftBrace | TokenKind::RightBrace | TokenKind::Eof
            )
        })?;
        if self.token_at(end).kind != TokenKind::Semicolon || end < self.at + 2 {
            return None;
        }
        let (before, last) = (self.token_at(end - 2), self.token_at(end - 1));
        match (before.kind, last.kind) {
            (_, TokenKind::PlusPlus) => Some((last.span, " += 1")),
            (TokenKind::Minus, TokenKind::Minus) => Some((before.span.to(last.span), " -= 1")),
            _ => None,
        }
    }

    /// `assignmentOrMethodCallStatementWithoutSemicolon`
    fn assignment_or_call(&mut self) -> Parsed<StmtKind> {
        let start = self.peek();
        let is_operand =
            matches!(start.kind, TokenKind::LeftParen | TokenKind::Dot | TokenKind::This | TokenKind::Error)
                || start.kind.is_name();
        if !is_operand {
            return Err(self.unexpected("a statement"));
        }
        if let Some((span, instead)) = self.increment_ahead() {
            let diagnostic =
                Diagnostic::error(UNEXPECTED_TOKEN, span, "P4 has no operators that count up or down")
                    .suggest("add or subtract 1", span, instead);
            return Err(self.report(diagnostic));
        }
        let target = self.statement_expression()?;
        let op = match self.kind() {
            TokenKind::Assign => None,
            TokenKind::AssignStar => Some(BinaryOp::Mul),
            TokenKind::AssignSlash => Some(BinaryOp::Div),
            TokenKind::AssignPercent => Some(BinaryOp::Mod),
            TokenKind::AssignPlus => Some(BinaryOp::Add),
            TokenKind::AssignMinus => Some(BinaryOp::Sub),
            TokenKind::AssignSatPlus => Some(BinaryOp::SatAdd),
            TokenKind::AssignSatMinus => Some(BinaryOp::SatSub),
            TokenKind::AssignShl => Some(BinaryOp::Shl),
            TokenKind::AssignShr => Some(BinaryOp::Shr),
            TokenKind::AssignAmpersand => Some(BinaryOp::BitAnd),
            TokenKind::AssignPipe => Some(BinaryOp::BitOr),
            TokenKind::AssignCaret => Some(BinaryOp::BitXor),
            _ => return self.call_statement(target),
        };
        if let ExprKind::Binary(..) | ExprKind::Unary(..) | ExprKind::Conditional(..) = target.kind {
            let diagnostic =
                Diagnostic::error(UNEXPECTED_TOKEN, target.span, "this expression cannot be assigned to");
            return Err(self.report(diagnostic));
        }
        self.bump();
        let value = self.expression()?;
        Ok(StmtKind::Assign { target, op, value })
    }

    /// A statement that is an expression has to be a call.
    fn call_statement(&mut self, target: Expr) -> Parsed<StmtKind> {
        if let ExprKind::Call { .. } = target.kind {
            return Ok(StmtKind::Call(target));
        }
        // `foo bar` or the like: the next token is what surprises.
        let ends = matches!(self.kind(), TokenKind::Semicolon | TokenKind::RightBrace | TokenKind::Eof);
        let diagnostic = match &target.kind {
            ExprKind::Binary(BinaryOp::Eq, ..) => {
                Diagnostic::error(ASSIGNMENT_OPERATOR, target.span, "a comparison is not a statement")
                    .help("to assign, write `=`")
            }
            _ if ends => {
                let diagnostic =
                    Diagnostic::error(UNEXPECTED_TOKEN, target.span, "this expression is not a statement");
                match &target.kind {
                    ExprKind::Member(_, name) if METHODS.contains(&&*name.name) => {
                        diagnostic.suggest("to call it, add `()`", target.span.after(), "()")
                    }
                    _ => diagnostic
                        .help("a statement assigns or calls: `target = value;` or `name(arguments);`"),
                }
            }
            ExprKind::Name { name, .. } => {
                let diagnostic = self.mismatch(UNEXPECTED_TOKEN, "`=` or `(`");
                match most_like(&name.name, KEYWORDS.iter()) {
                    Some(&keyword) => {
                        diagnostic.suggest(format!("did you mean `{keyword}`?"), name.span, keyword)
                    }
                    None => diagnostic,
                }
            }
            _ => self.mismatch(UNEXPECTED_TOKEN, "`=` or `(`"),
        };
        Err(self.report(diagnostic))
    }

    /// `conditionalStatement`. A chain of `else if` is taken in a loop, so that it does not nest.
    fn conditional(&mut self, context: Context) -> Parsed<Box<Stmt>> {
        let depth = self.depth;
        let mut chain = Vec::new();
        let last = self.conditional_chain(context, &mut chain);
        self.depth = depth;
        let last = last?;
        Ok(self.conditional_tree(chain, last))
    }

    /// The branches of an `if`, and the statement behind the last `else`.
    fn conditional_chain(&mut self, context: Context, chain: &mut Vec<Branch>) -> Parsed<Option<Box<Stmt>>> {
        loop {
            // Either `if`, or what stands for `else if`.
            let start = self.bump().span;
            let cond = self.condition(start)?;
            let then = self.statement(context)?;
            chain.push(Branch { start, cond, then });
            if let Some(elif) = self.misspelt_else_if() {
                self.report_else_if(elif);
            } else if self.eat(TokenKind::Else).is_none() {
                return Ok(None);
            } else if !self.is_at(TokenKind::If) {
                return self.statement(context).map(Some);
            }
            self.depth += 1;
            if self.depth >= super::HEIGHT_MAX {
                return Err(self.too_deep());
            }
        }
    }

    fn conditional_tree(&self, chain: Vec<Branch>, mut last: Option<Box<Stmt>>) -> Box<Stmt> {
        let end = self.last_span();
        for Branch { start, cond, then } in chain.into_iter().rev() {
            let kind = StmtKind::If { cond, then, els: last };
            last = Some(Box::new(Stmt { kind, span: start.to(end) }));
        }
        last.unwrap_or_else(|| Box::new(Stmt { kind: StmtKind::Empty, span: end }))
    }

    /// `"(" expression ")"` before a body; an error node if there is something wrong with it.
    fn condition(&mut self, start: Span) -> Parsed<Expr> {
        let cond = self.head(Self::expression)?;
        Ok(cond.unwrap_or(Expr { kind: ExprKind::Error, span: start }))
    }

    fn report_else_if(&mut self, elif: Token) {
        let message = format!("P4 has no `{}`", self.text(elif));
        let diagnostic = Diagnostic::error(UNEXPECTED_TOKEN, elif.span, message).suggest(
            "write `else if`",
            elif.span,
            "else if",
        );
        self.report(diagnostic);
    }

    /// The word behind the statement of an `if` with which other languages go on.
    fn misspelt_else_if(&self) -> Option<Token> {
        let token = self.peek();
        let is_else_if = ["elif", "elseif", "elsif"].iter().any(|word| self.is_word(token, word));
        (is_else_if && self.kind_ahead(1) == TokenKind::LeftParen).then_some(token)
    }

    /// `switchStatement`
    fn switch(&mut self) -> Parsed<Box<Stmt>> {
        let start = self.expect(TokenKind::Switch)?.span;
        let on = self.condition(start)?;
        let open = self.expect(TokenKind::LeftBrace)?;
        let cases = self.nested(|parser| parser.braced(open, Self::switch_case))?;
        Ok(Box::new(Stmt { kind: StmtKind::Switch { on, cases }, span: self.span_from(start) }))
    }

    /// `switchCase`
    fn switch_case(&mut self) -> Parsed<Option<SwitchCase>> {
        let start = self.here();
        let label = self.switch_label()?;
        let span = self.span_from(start);
        self.expect(TokenKind::Colon)?;
        let has_body = matches!(self.kind(), TokenKind::LeftBrace | TokenKind::At);
        let body = match has_body {
            true => Some(self.block(Vec::new())?),
            false => None,
        };
        Ok(Some(SwitchCase { label, body, span }))
    }

    /// `switchLabel`; nothing for `default`.
    fn switch_label(&mut self) -> Parsed<Option<Expr>> {
        let token = self.peek();
        if token.kind == TokenKind::LeftBrace {
            return Err(self.unexpected("a label"));
        }
        if self.is_word(token, "case") && self.kind_ahead(1) != TokenKind::Colon {
            let diagnostic = Diagnostic::error(UNEXPECTED_TOKEN, token.span, "P4 has no `case`")
                .help("a label stands alone: `LABEL: { ... }`");
            self.report(diagnostic);
            self.bump();
        }
        match self.eat(TokenKind::Default) {
            Some(_) => Ok(None),
            None => self.expression().map(Some),
        }
    }

    /// `forStatement`, its annotations taken.
    fn for_loop(&mut self, annotations: Vec<Annotation>, start: Span) -> Parsed<Box<Stmt>> {
        self.expect(TokenKind::For)?;
        self.scopes.open();
        let head = self.head(Self::for_head)?.map(Box::new);
        let body = self.statement(Context::Any)?;
        self.scopes.close();
        Ok(self.for_statement(annotations, head, body, start))
    }

    fn for_statement(
        &self,
        annotations: Vec<Annotation>,
        head: Option<Box<ForHead>>,
        body: Box<Stmt>,
        start: Span,
    ) -> Box<Stmt> {
        let kind = match head.map(|head| *head) {
            Some(ForHead::Each { ty, name, collection }) => {
                StmtKind::ForIn { annotations, ty, name, collection, body }
            }
            Some(ForHead::While { init, cond, update }) => {
                StmtKind::For { annotations, init, cond, update, body }
            }
            None => StmtKind::Empty,
        };
        Box::new(Stmt { kind, span: self.span_from(start) })
    }

    /// What stands in the parentheses of a `for`.
    fn for_head(&mut self) -> Parsed<ForHead> {
        let mut init = Vec::new();
        while !self.is_at(TokenKind::Semicolon) {
            let start = self.here();
            let annotations = self.annotations()?;
            if self.kind().is_name() && self.kind_ahead(1) == TokenKind::In {
                let diagnostic =
                    Diagnostic::error(EXPECTED_TYPE, start, "the variable of this loop has no type")
                        .help("write it before the name, as in `for (bit<8> i in 1 .. 3)`");
                return Err(self.report(diagnostic));
            }
            if !self.declaration_ahead() {
                let kind = self.assignment_or_call()?;
                init.push(Stmt { kind, span: self.span_from(start) });
            } else {
                let ty = self.type_ref()?;
                let is_in = self.kind().is_name() && self.kind_ahead(1) == TokenKind::In;
                if is_in && init.is_empty() {
                    let name = self.declared_name(Binding::Value)?;
                    self.bump();
                    let collection = self.for_collection()?;
                    return Ok(ForHead::Each { ty, name, collection });
                }
                let kind = DeclKind::Variable(self.variable(ty)?);
                let span = self.span_from(start);
                let decl = Decl { annotations, kind, span };
                init.push(Stmt { kind: StmtKind::Decl(Box::new(decl)), span });
            }
            if self.eat(TokenKind::Comma).is_none() {
                break;
            }
        }
        self.expect(TokenKind::Semicolon)?;
        let cond = self.expression()?;
        self.expect(TokenKind::Semicolon)?;
        let mut update = Vec::new();
        while !self.is_at(TokenKind::RightParen) {
            let start = self.here();
            let kind = self.assignment_or_call()?;
            update.push(Stmt { kind, span: self.span_from(start) });
            if self.eat(TokenKind::Comma).is_none() {
                break;
            }
        }
        Ok(ForHead::While { init, cond, update })
    }

    /// `forCollectionExpr`
    fn for_collection(&mut self) -> Parsed<ForCollection> {
        let first = self.expression()?;
        match self.eat(TokenKind::Range) {
            Some(_) => Ok(ForCollection::Range(first, self.expression()?)),
            None => Ok(ForCollection::Expr(first)),
        }
    }
}
