//! Reading programs: statements, expressions and transitions.

use crate::verify::limit;
use crate::{
    BinaryOp, Bits, Block, Callee, Decision, Expr, HeaderId, HeaderRef, Intrinsic, Keyset, Place, SelectCase,
    SelectMatch, StackId, Stmt, Target, Transition, UnaryOp, ValueSetId, VarId,
};

use super::super::lexer::Token;
use super::super::word::Word;
use super::{Parsed, Reader, fields_of};

impl Reader<'_> {
    /// A block with its braces.
    pub(super) fn block(&mut self) -> Parsed<Block> {
        self.nest()?;
        self.mark("{")?;
        let mut block = Vec::new();
        while !self.take_mark("}")? {
            block.push(self.stmt()?);
        }
        self.block_depth -= 1;
        Ok(block)
    }

    /// Goes one block deeper.
    fn nest(&mut self) -> Parsed<()> {
        if self.block_depth >= limit::NESTING {
            return Err(self.position.error(format!("blocks nest more than {} deep", limit::NESTING)));
        }
        self.block_depth += 1;
        Ok(())
    }

    fn block_after(&mut self, word: &str) -> Parsed<Block> {
        if self.take_word(word)? { self.block() } else { Ok(Vec::new()) }
    }

    /// A statement with its semicolon, if it has one.
    ///
    /// What nests is read by methods of its own, here and for expressions: the stack then holds, for every
    /// level, what that level needs and no more.
    pub(super) fn stmt(&mut self) -> Parsed<Stmt> {
        let Token::Word(word) = &self.token else { return Err(self.unexpected("a statement")) };
        if is_place(word) {
            return self.assignment();
        }
        match word.as_str() {
            "if" => self.conditional(),
            "switch" => self.switch(),
            "loop" => self.repetition(),
            "catch" => self.catch(),
            "atomic" => self.atomic(),
            "call" => self.call(),
            _ => self.flat_stmt(),
        }
    }

    fn repetition(&mut self) -> Parsed<Stmt> {
        self.word("loop")?;
        let bound = self.number()?;
        let body = self.block()?;
        Ok(Stmt::Loop { bound, body, update: self.block_after("update")? })
    }

    fn catch(&mut self) -> Parsed<Stmt> {
        self.word("catch")?;
        Ok(Stmt::Catch(self.block()?))
    }

    fn atomic(&mut self) -> Parsed<Stmt> {
        self.word("atomic")?;
        Ok(Stmt::Atomic(self.block()?))
    }

    /// A statement without blocks.
    fn flat_stmt(&mut self) -> Parsed<Stmt> {
        let position = self.position;
        let word = self.any_word("a statement")?;
        let stmt = match word.as_str() {
            "set_valid" => Stmt::SetValid(self.header_ref()?),
            "set_invalid" => Stmt::SetInvalid(self.header_ref()?),
            "copy_header" => {
                let dst = self.header_ref()?;
                self.mark(",")?;
                Stmt::CopyHeader { dst, src: self.header_ref()? }
            }
            "push_front" => {
                let stack = self.index()?;
                self.mark(",")?;
                Stmt::PushFront(stack, self.number()?)
            }
            "pop_front" => {
                let stack = self.index()?;
                self.mark(",")?;
                Stmt::PopFront(stack, self.number()?)
            }
            "break" => Stmt::Break,
            "continue" => Stmt::Continue,
            "return" => Stmt::Return,
            "exit" => Stmt::Exit,
            "apply" => {
                let table = self.index()?;
                let hit = if self.take_word("hit")? { Some(self.index()?) } else { None };
                let action_run = if self.take_word("action_run")? { Some(self.index()?) } else { None };
                Stmt::Apply { table, hit, action_run }
            }
            "extract" => {
                let header = self.header_ref()?;
                let varbit_bits = if self.take_mark(",")? { Some(self.expr()?) } else { None };
                Stmt::Extract { header, varbit_bits }
            }
            "lookahead" => Stmt::Lookahead(self.index()?),
            "advance" => Stmt::Advance(self.expr()?),
            "verify" => {
                let (cond, error) = self.two_exprs()?;
                Stmt::Verify { cond, error }
            }
            "emit" => Stmt::Emit(self.header_ref()?),
            "count" => Stmt::Count { counter: self.index()?, index: self.cell()? },
            "meter" => Stmt::Meter { meter: self.index()?, index: self.cell()?, color: self.result()? },
            "read" => {
                let register = self.index()?;
                self.mark("[")?;
                let index = self.expr()?;
                self.mark("]")?;
                Stmt::RegisterRead { register, index, dst: self.result()? }
            }
            "write" => {
                let register = self.index()?;
                self.mark("[")?;
                let index = self.expr()?;
                self.mark("]")?;
                self.mark(",")?;
                Stmt::RegisterWrite { register, index, value: self.expr()? }
            }
            "hash" => {
                let (algorithm, data) = (self.one_of()?, self.exprs()?);
                let payload = self.take_word("payload")?;
                Stmt::Hash { algorithm, data, payload, dst: self.result()? }
            }
            "random" => {
                let (low, high) = self.two_exprs()?;
                Stmt::Random { low, high, dst: self.result()? }
            }
            "digest" => Stmt::Digest { digest: self.index()?, values: self.exprs()? },
            "log" => Stmt::Log { format: self.string()?, args: self.exprs()? },
            "assert" => Stmt::Assert { cond: self.expr()?, message: self.string()? },
            "truncate" => Stmt::Truncate(self.expr()?),
            "mirror" => {
                let (source, session) = (self.one_of()?, self.expr()?);
                self.mark(",")?;
                Stmt::Mirror { session, source, preserve: self.index()? }
            }
            "enqueue" => {
                let (port, queue) = self.two_exprs()?;
                Stmt::Decide(Decision::Enqueue { port, queue })
            }
            "replicate" => {
                let (group, queue) = self.two_exprs()?;
                Stmt::Decide(Decision::Replicate { group, queue })
            }
            "resubmit" => Stmt::Decide(Decision::Resubmit(self.index()?)),
            "recirculate" => Stmt::Decide(Decision::Recirculate(self.index()?)),
            "transmit" => Stmt::Decide(Decision::Transmit),
            "drop" => Stmt::Decide(Decision::Drop(self.one_of()?)),
            _ => return Err(position.error(format!("`{word}` begins no statement"))),
        };
        self.mark(";")?;
        Ok(stmt)
    }

    fn assignment(&mut self) -> Parsed<Stmt> {
        let dst = self.place()?;
        let mut slice = None;
        if self.take_mark("[")? {
            let high = self.number()?;
            self.mark(":")?;
            slice = Some((high, self.number()?));
            self.mark("]")?;
        }
        self.mark("=")?;
        let value = self.expr()?;
        self.mark(";")?;
        Ok(match slice {
            Some((high, low)) => Stmt::AssignSlice { dst, high, low, value },
            None => Stmt::Assign(dst, value),
        })
    }

    /// An `else if` nests as deep as if it were written with braces.
    fn conditional(&mut self) -> Parsed<Stmt> {
        self.word("if")?;
        let cond = self.expr()?;
        let then = self.block()?;
        let els = if !self.take_word("else")? {
            Vec::new()
        } else if self.at_word("if") {
            self.chained_conditional()?
        } else {
            self.block()?
        };
        Ok(Stmt::If { cond, then, els })
    }

    fn chained_conditional(&mut self) -> Parsed<Block> {
        self.nest()?;
        let block = vec![self.conditional()?];
        self.block_depth -= 1;
        Ok(block)
    }

    fn switch(&mut self) -> Parsed<Stmt> {
        self.word("switch")?;
        let on = self.expr()?;
        let mut cases = Vec::new();
        self.mark("{")?;
        while self.take_word("case")? {
            let labels = self.labels()?;
            cases.push((labels, self.block()?));
        }
        let default = self.block_after("default")?;
        self.mark("}")?;
        Ok(Stmt::Switch { on, cases, default })
    }

    fn labels(&mut self) -> Parsed<Vec<Bits>> {
        let mut labels = Vec::new();
        while !self.at_mark("{") {
            if !labels.is_empty() {
                self.mark(",")?;
            }
            labels.push(self.bits()?);
        }
        Ok(labels)
    }

    fn call(&mut self) -> Parsed<Stmt> {
        self.word("call")?;
        let callee = self.callee()?;
        if self.take_word("copy_out")? {
            return Ok(Stmt::Call { callee, copy_out: self.block()? });
        }
        self.mark(";")?;
        Ok(Stmt::Call { callee, copy_out: Vec::new() })
    }

    fn callee(&mut self) -> Parsed<Callee> {
        if let Some(action) = self.take_index()? {
            Ok(Callee::Action(action))
        } else if let Some(body) = self.take_index()? {
            Ok(Callee::Body(body))
        } else if let Some(parser) = self.take_index()? {
            Ok(Callee::Parser(parser))
        } else {
            Err(self.unexpected("an action, body or parser"))
        }
    }

    fn cell(&mut self) -> Parsed<Option<Expr>> {
        if !self.take_mark("[")? {
            return Ok(None);
        }
        let index = self.expr()?;
        self.mark("]")?;
        Ok(Some(index))
    }

    fn result(&mut self) -> Parsed<VarId> {
        self.mark("->")?;
        self.index()
    }

    fn two_exprs(&mut self) -> Parsed<(Expr, Expr)> {
        let first = self.expr()?;
        self.mark(",")?;
        Ok((first, self.expr()?))
    }

    fn exprs(&mut self) -> Parsed<Vec<Expr>> {
        self.mark("(")?;
        self.list(")", Self::expr)
    }

    pub(super) fn header_ref(&mut self) -> Parsed<HeaderRef> {
        if let Some(header) = self.take_index()? {
            return Ok(HeaderRef::One(header));
        }
        let Some(stack) = self.take_index()? else {
            return Err(self.unexpected("a header like `hdr0` or `stack0[..]`"));
        };
        self.mark("[")?;
        let index = self.expr()?;
        self.mark("]")?;
        Ok(HeaderRef::Element(stack, Box::new(index)))
    }

    fn place(&mut self) -> Parsed<Place> {
        if let Some(var) = self.take_index()? {
            return Ok(Place::Var(var));
        }
        let header = self.header_ref()?;
        self.mark(".")?;
        let position = self.position;
        if !matches!(self.token, Token::Word(_)) {
            return Ok(Place::Field(header, self.number()?));
        }
        let name = self.any_word("a field")?;
        let found = match fields_of(&self.program, &header) {
            Some(fields) => fields.iter().position(|field| field.name == name),
            None => return Err(position.error("fields have names only where their header is declared above")),
        };
        let field = found.ok_or_else(|| position.error(format!("there is no field `{name}`")))?;
        Ok(Place::Field(header, field))
    }

    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        if self.expression_depth >= limit::EXPRESSION_DEPTH {
            let max = limit::EXPRESSION_DEPTH;
            return Err(self.position.error(format!("expressions nest more than {max} deep")));
        }
        self.expression_depth += 1;
        let expr = self.expr_within_depth()?;
        self.expression_depth -= 1;
        Ok(expr)
    }

    fn expr_within_depth(&mut self) -> Parsed<Expr> {
        let word = match &self.token {
            Token::Sized(_) => return Ok(Expr::Const(self.bits()?)),
            Token::Word(word) if is_place(word) => return Ok(Expr::Read(self.place()?)),
            Token::Word(word) => word,
            Token::Str(_) | Token::Number(_) | Token::Mark(_) | Token::End => {
                return Err(self.unexpected("an expression"));
            }
        };
        if let Some(op) = BinaryOp::from_word(word) {
            return self.binary(op);
        }
        if let Some(op) = UnaryOp::from_word(word) {
            return self.unary(op);
        }
        if let Some(intrinsic) = Intrinsic::from_word(word) {
            self.advance()?;
            return Ok(Expr::Intrinsic(intrinsic));
        }
        match word.as_str() {
            "valid" => self.valid(),
            "slice" => self.slice(),
            "resize" => self.resize(false),
            "resize_signed" => self.resize(true),
            "mux" => self.mux(),
            _ => Err(self.position.error(format!("`{word}` begins no expression"))),
        }
    }

    /// What begins every operator: its word, the parenthesis and the first operand.
    fn operator(&mut self) -> Parsed<Box<Expr>> {
        self.advance()?;
        self.mark("(")?;
        Ok(Box::new(self.expr()?))
    }

    fn next_operand(&mut self) -> Parsed<Box<Expr>> {
        self.mark(",")?;
        Ok(Box::new(self.expr()?))
    }

    fn next_number(&mut self) -> Parsed<u32> {
        self.mark(",")?;
        self.number()
    }

    fn unary(&mut self, op: UnaryOp) -> Parsed<Expr> {
        let of = self.operator()?;
        self.mark(")")?;
        Ok(Expr::Unary(op, of))
    }

    fn binary(&mut self, op: BinaryOp) -> Parsed<Expr> {
        let left = self.operator()?;
        let right = self.next_operand()?;
        self.mark(")")?;
        Ok(Expr::Binary(op, left, right))
    }

    fn valid(&mut self) -> Parsed<Expr> {
        self.advance()?;
        Ok(Expr::Valid(self.header_ref()?))
    }

    fn slice(&mut self) -> Parsed<Expr> {
        let of = self.operator()?;
        let (high, low) = (self.next_number()?, self.next_number()?);
        self.mark(")")?;
        Ok(Expr::Slice { of, high, low })
    }

    fn resize(&mut self, signed: bool) -> Parsed<Expr> {
        let of = self.operator()?;
        let width = self.next_number()?;
        self.mark(")")?;
        Ok(Expr::Resize { of, width, signed })
    }

    fn mux(&mut self) -> Parsed<Expr> {
        let cond = self.operator()?;
        let then = self.next_operand()?;
        let els = self.next_operand()?;
        self.mark(")")?;
        Ok(Expr::Mux { cond, then, els })
    }

    pub(super) fn transition(&mut self) -> Parsed<Transition> {
        self.word("transition")?;
        if !self.take_word("select")? {
            let target = self.target()?;
            self.mark(";")?;
            return Ok(Transition::Goto(target));
        }
        let on = self.exprs()?;
        let mut cases = Vec::new();
        self.mark("{")?;
        while !self.take_mark("}")? {
            let matches = match self.take_index::<ValueSetId>()? {
                Some(value_set) => SelectMatch::ValueSet(value_set),
                None => {
                    self.mark("(")?;
                    SelectMatch::Each(self.list(")", Self::keyset)?)
                }
            };
            self.mark(":")?;
            let target = self.target()?;
            self.mark(";")?;
            cases.push(SelectCase { matches, target });
        }
        Ok(Transition::Select { on, cases })
    }

    fn target(&mut self) -> Parsed<Target> {
        if self.take_word("accept")? {
            Ok(Target::Accept)
        } else if self.take_word("reject")? {
            Ok(Target::Reject)
        } else if let Some(state) = self.take_index()? {
            Ok(Target::State(state))
        } else {
            Err(self.unexpected("a state, `accept` or `reject`"))
        }
    }

    fn keyset(&mut self) -> Parsed<Keyset> {
        if self.take_word("any")? {
            return Ok(Keyset::Any);
        }
        if let Some(value_set) = self.take_index()? {
            return Ok(Keyset::ValueSet(value_set));
        }
        if self.take_word("signed")? {
            let low = self.expr()?;
            self.mark("..")?;
            return Ok(Keyset::RangeSigned(low, self.expr()?));
        }
        let value = self.expr()?;
        if self.take_mark("&&&")? {
            Ok(Keyset::Mask(value, self.expr()?))
        } else if self.take_mark("..")? {
            Ok(Keyset::Range(value, self.expr()?))
        } else {
            Ok(Keyset::Value(value))
        }
    }
}

/// Whether a word is the index of something that has a value.
fn is_place(word: &str) -> bool {
    Reader::index_in::<VarId>(word).is_some()
        || Reader::index_in::<HeaderId>(word).is_some()
        || Reader::index_in::<StackId>(word).is_some()
}
