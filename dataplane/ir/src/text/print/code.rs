//! Writing statements, expressions and transitions.

use std::fmt::{self, Display};

use crate::{
    Block, Callee, Decision, Expr, HeaderRef, Keyset, Place, Program, SelectMatch, Stmt, Target, Transition,
};

use super::super::parse::fields_of;
use super::super::word::{Word, is_word};
use super::{List, Printer, Quoted};

/// An expression, place or header, which need the program for the names of fields.
pub(super) struct In<'p, T>(pub(super) &'p Program, pub(super) T);

impl Display for In<'_, &HeaderRef> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            HeaderRef::One(header) => header.fmt(f),
            HeaderRef::Element(stack, index) => write!(f, "{stack}[{}]", In(self.0, &**index)),
        }
    }
}

impl Display for In<'_, &Place> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Place::Var(var) => var.fmt(f),
            Place::Field(header, field) => {
                In(self.0, header).fmt(f)?;
                match field_name(self.0, header, *field) {
                    Some(name) => write!(f, ".{name}"),
                    None => write!(f, ".{field}"),
                }
            }
        }
    }
}

/// The name of a field, if it is a word and the field is the first of that name.
fn field_name<'p>(program: &'p Program, header: &HeaderRef, field: usize) -> Option<&'p str> {
    let fields = fields_of(program, header)?;
    let name = &fields.get(field)?.name;
    let first = fields.iter().position(|f| f.name == *name) == Some(field);
    (first && is_word(name)).then_some(name)
}

impl Display for In<'_, &Expr> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = |expr| In(self.0, expr);
        match self.1 {
            Expr::Const(bits) => bits.fmt(f),
            Expr::Read(place) => In(self.0, place).fmt(f),
            Expr::Valid(header) => write!(f, "valid {}", In(self.0, header)),
            Expr::Unary(op, of) => write!(f, "{}({})", op.word(), inner(&**of)),
            Expr::Binary(op, left, right) => {
                write!(f, "{}({}, {})", op.word(), inner(&**left), inner(&**right))
            }
            Expr::Slice { of, high, low } => write!(f, "slice({}, {high}, {low})", inner(&**of)),
            Expr::Resize { of, width, signed } => {
                let word = if *signed { "resize_signed" } else { "resize" };
                write!(f, "{word}({}, {width})", inner(&**of))
            }
            Expr::Mux { cond, then, els } => {
                write!(f, "mux({}, {}, {})", inner(&**cond), inner(&**then), inner(&**els))
            }
            Expr::Intrinsic(intrinsic) => f.write_str(intrinsic.word()),
        }
    }
}

impl Display for In<'_, &Keyset> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |expr| In(self.0, expr);
        match self.1 {
            Keyset::Value(value) => show(value).fmt(f),
            Keyset::Mask(value, mask) => write!(f, "{} &&& {}", show(value), show(mask)),
            Keyset::Range(low, high) => write!(f, "{} .. {}", show(low), show(high)),
            Keyset::RangeSigned(low, high) => write!(f, "signed {} .. {}", show(low), show(high)),
            Keyset::Any => f.write_str("any"),
            Keyset::ValueSet(value_set) => value_set.fmt(f),
        }
    }
}

/// A parser's target.
struct To(Target);

impl Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Target::State(state) => state.fmt(f),
            Target::Accept => f.write_str("accept"),
            Target::Reject => f.write_str("reject"),
        }
    }
}

impl Printer<'_> {
    pub(super) fn transition(&mut self, transition: &Transition) {
        let program = self.program;
        match transition {
            Transition::Goto(target) => self.line(format_args!("transition {};", To(*target))),
            Transition::Select { on, cases } => {
                let values = List(on.iter().map(|expr| In(program, expr)));
                self.start(format_args!("transition select ({values})"));
                self.open();
                for case in cases {
                    let to = To(case.target);
                    match &case.matches {
                        SelectMatch::ValueSet(value_set) => self.line(format_args!("{value_set}: {to};")),
                        SelectMatch::Each(keysets) => {
                            let keysets = List(keysets.iter().map(|keyset| In(program, keyset)));
                            self.line(format_args!("({keysets}): {to};"));
                        }
                    }
                }
                self.close();
                self.end_line();
            }
        }
    }

    /// From the brace on the line begun to the closing brace, whose line does not end.
    pub(super) fn block(&mut self, block: &Block) {
        if block.is_empty() {
            self.more(" {}");
            return;
        }
        self.open();
        self.stmts(block);
        self.close();
    }

    pub(super) fn stmts(&mut self, block: &Block) {
        for stmt in block {
            self.start("");
            self.stmt(stmt);
            self.end_line();
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        let program = self.program;
        let show = |expr| In(program, expr);
        let header = |header| In(program, header);
        let place = |place| In(program, place);
        match stmt {
            Stmt::Assign(dst, value) => self.more(format_args!("{} = {};", place(dst), show(value))),
            Stmt::AssignSlice { dst, high, low, value } => {
                self.more(format_args!("{}[{high}:{low}] = {};", place(dst), show(value)));
            }
            Stmt::SetValid(of) => self.more(format_args!("set_valid {};", header(of))),
            Stmt::SetInvalid(of) => self.more(format_args!("set_invalid {};", header(of))),
            Stmt::CopyHeader { dst, src } => {
                self.more(format_args!("copy_header {}, {};", header(dst), header(src)));
            }
            Stmt::PushFront(stack, count) => self.more(format_args!("push_front {stack}, {count};")),
            Stmt::PopFront(stack, count) => self.more(format_args!("pop_front {stack}, {count};")),
            Stmt::If { cond, then, els } => self.conditional(cond, then, els),
            Stmt::Switch { on, cases, default } => {
                self.more(format_args!("switch {}", show(on)));
                self.open();
                for (labels, block) in cases {
                    self.start("case");
                    if !labels.is_empty() {
                        self.more(format_args!(" {}", List(labels.iter())));
                    }
                    self.block(block);
                    self.end_line();
                }
                if !default.is_empty() {
                    self.start("default");
                    self.block(default);
                    self.end_line();
                }
                self.close();
            }
            Stmt::Loop { bound, body, update } => {
                self.more(format_args!("loop {bound}"));
                self.block(body);
                if !update.is_empty() {
                    self.more(" update");
                    self.block(update);
                }
            }
            Stmt::Break => self.more("break;"),
            Stmt::Continue => self.more("continue;"),
            Stmt::Return => self.more("return;"),
            Stmt::Exit => self.more("exit;"),
            Stmt::Catch(block) => {
                self.more("catch");
                self.block(block);
            }
            Stmt::Atomic(block) => {
                self.more("atomic");
                self.block(block);
            }
            Stmt::Apply { table, hit, action_run } => {
                self.more(format_args!("apply {table}"));
                if let Some(hit) = hit {
                    self.more(format_args!(" hit {hit}"));
                }
                if let Some(action_run) = action_run {
                    self.more(format_args!(" action_run {action_run}"));
                }
                self.more(";");
            }
            Stmt::Call { callee, copy_out } => {
                self.more("call ");
                match callee {
                    Callee::Action(id) => self.more(id),
                    Callee::Body(id) => self.more(id),
                    Callee::Parser(id) => self.more(id),
                }
                if copy_out.is_empty() {
                    self.more(";");
                } else {
                    self.more(" copy_out");
                    self.block(copy_out);
                }
            }
            Stmt::Extract { header: into, varbit_bits } => {
                self.more(format_args!("extract {}", header(into)));
                if let Some(bits) = varbit_bits {
                    self.more(format_args!(", {}", show(bits)));
                }
                self.more(";");
            }
            Stmt::Lookahead(var) => self.more(format_args!("lookahead {var};")),
            Stmt::Advance(bits) => self.more(format_args!("advance {};", show(bits))),
            Stmt::Verify { cond, error } => {
                self.more(format_args!("verify {}, {};", show(cond), show(error)))
            }
            Stmt::Emit(of) => self.more(format_args!("emit {};", header(of))),
            Stmt::Count { counter, index } => match index {
                Some(index) => self.more(format_args!("count {counter}[{}];", show(index))),
                None => self.more(format_args!("count {counter};")),
            },
            Stmt::Meter { meter, index, color } => match index {
                Some(index) => self.more(format_args!("meter {meter}[{}] -> {color};", show(index))),
                None => self.more(format_args!("meter {meter} -> {color};")),
            },
            Stmt::RegisterRead { register, index, dst } => {
                self.more(format_args!("read {register}[{}] -> {dst};", show(index)));
            }
            Stmt::RegisterWrite { register, index, value } => {
                self.more(format_args!("write {register}[{}], {};", show(index), show(value)));
            }
            Stmt::Hash { algorithm, dst, data, payload } => {
                let data = List(data.iter().map(show));
                let payload = if *payload { " payload" } else { "" };
                self.more(format_args!("hash {} ({data}){payload} -> {dst};", algorithm.word()));
            }
            Stmt::Random { dst, low, high } => {
                self.more(format_args!("random {}, {} -> {dst};", show(low), show(high)));
            }
            Stmt::Digest { digest, values } => {
                self.more(format_args!("digest {digest} ({});", List(values.iter().map(show))));
            }
            Stmt::Log { format, args } => {
                self.more(format_args!("log {} ({});", Quoted(format), List(args.iter().map(show))));
            }
            Stmt::Assert { cond, message } => {
                self.more(format_args!("assert {} {};", show(cond), Quoted(message)));
            }
            Stmt::Truncate(bytes) => self.more(format_args!("truncate {};", show(bytes))),
            Stmt::Mirror { session, source, preserve } => {
                self.more(format_args!("mirror {} {}, {preserve};", source.word(), show(session)));
            }
            Stmt::Decide(decision) => match decision {
                Decision::Enqueue { port, queue } => {
                    self.more(format_args!("enqueue {}, {};", show(port), show(queue)));
                }
                Decision::Replicate { group, queue } => {
                    self.more(format_args!("replicate {}, {};", show(group), show(queue)));
                }
                Decision::Resubmit(preserve) => self.more(format_args!("resubmit {preserve};")),
                Decision::Recirculate(preserve) => self.more(format_args!("recirculate {preserve};")),
                Decision::Transmit => self.more("transmit;"),
                Decision::Drop(reason) => self.more(format_args!("drop {};", reason.word())),
            },
        }
    }

    /// An `if` alone in an `else` is written on its line.
    fn conditional(&mut self, cond: &Expr, then: &Block, els: &Block) {
        let (mut cond, mut then, mut els) = (cond, then, els);
        loop {
            self.more(format_args!("if {}", In(self.program, cond)));
            self.block(then);
            match &els[..] {
                [] => return,
                [Stmt::If { cond: next_cond, then: next_then, els: next_els }] => {
                    self.more(" else ");
                    (cond, then, els) = (next_cond, next_then, next_els);
                }
                _ => {
                    self.more(" else");
                    self.block(els);
                    return;
                }
            }
        }
    }
}
