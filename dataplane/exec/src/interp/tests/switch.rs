//! Programs built in a few words, and a switch to run them on.

use heddle_ir::{
    Action, ActionId, ActionParam, BinaryOp, Bits, Block, Body, BodyId, ControlName, Decision, Expr, Header,
    HeaderField, HeaderId, HeaderRef, HeaderType, HeaderTypeId, Origin, Parser, ParserId, Place, PreserveId,
    Program, Stack, StackId, State as ParserState, StateId, Stmt, Target, Transition, Ty, Union, UnionId,
    Var, VarId, verify,
};
use heddle_packet::{Packet, Pool};
use heddle_state::State;

use crate::trace::TextSink;
use crate::{
    Clone, Context, DigestBuffer, Entry, Executor, Frame, FramePool, Interpreter, Intrinsics, Verdict, Work,
};

pub(super) fn constant(width: u32, value: u128) -> Expr {
    Expr::Const(Bits::new(width, value))
}

pub(super) fn read(var: VarId) -> Expr {
    Expr::Read(Place::Var(var))
}

pub(super) fn field(header: HeaderId, index: usize) -> Place {
    Place::Field(HeaderRef::One(header), index)
}

pub(super) fn read_field(header: HeaderId, index: usize) -> Expr {
    Expr::Read(field(header, index))
}

pub(super) fn valid(header: HeaderId) -> Expr {
    Expr::Valid(HeaderRef::One(header))
}

pub(super) fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary(op, Box::new(left), Box::new(right))
}

pub(super) fn element(stack: StackId, index: Expr) -> HeaderRef {
    HeaderRef::Element(stack, Box::new(index))
}

pub(super) fn set(var: VarId, value: Expr) -> Stmt {
    Stmt::Assign(Place::Var(var), value)
}

pub(super) fn set_field(header: HeaderId, index: usize, value: Expr) -> Stmt {
    Stmt::Assign(field(header, index), value)
}

pub(super) fn extract(header: HeaderId) -> Stmt {
    Stmt::Extract { header: HeaderRef::One(header), varbit_bits: None }
}

pub(super) fn emit(header: HeaderId) -> Stmt {
    Stmt::Emit(HeaderRef::One(header))
}

pub(super) fn when(cond: Expr, then: Block) -> Stmt {
    Stmt::If { cond, then, els: vec![] }
}

pub(super) fn call(callee: heddle_ir::Callee) -> Stmt {
    Stmt::Call { callee, copy_out: vec![] }
}

pub(super) fn enqueue(port: u32) -> Stmt {
    Stmt::Decide(Decision::Enqueue { port: constant(32, port.into()), queue: constant(32, 0) })
}

/// `x = x + 1`
pub(super) fn increment(var: VarId, width: u32) -> Stmt {
    set(var, binary(BinaryOp::Add, read(var), constant(width, 1)))
}

pub(super) fn control(name: &str) -> ControlName {
    ControlName { name: name.to_string(), id: 0, hidden: false }
}

/// A program under construction.
pub(super) struct Fixture {
    pub(super) program: Program,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let errors = [
            "NoError",
            "PacketTooShort",
            "NoMatch",
            "StackOutOfBounds",
            "HeaderTooShort",
            "ParserTimeout",
            "ParserInvalidArgument",
        ];
        let errors = errors.map(String::from).to_vec();
        Self { program: Program { name: "test".to_string(), errors, ..Program::default() } }
    }

    pub(super) fn var(&mut self, name: &str, width: u32) -> VarId {
        self.program.vars.push(Var { name: name.to_string(), ty: Ty::Bits(width) })
    }

    pub(super) fn header_type(&mut self, name: &str, fields: &[(&str, Ty)]) -> HeaderTypeId {
        let fields =
            fields.iter().map(|(name, ty)| HeaderField { name: name.to_string(), ty: *ty }).collect();
        self.program.header_types.push(HeaderType { name: name.to_string(), fields })
    }

    pub(super) fn header(&mut self, name: &str, ty: HeaderTypeId) -> HeaderId {
        self.program.headers.push(Header { name: name.to_string(), ty, union: None })
    }

    /// A header of one field.
    pub(super) fn simple_header(&mut self, name: &str, width: u32) -> HeaderId {
        let ty = self.header_type(name, &[("f", Ty::Bits(width))]);
        self.header(name, ty)
    }

    pub(super) fn stack(&mut self, name: &str, ty: HeaderTypeId, size: usize) -> (StackId, VarId) {
        let next = self.var(&format!("{name}.nextIndex"), 32);
        let elements = (0..size).map(|i| self.header(&format!("{name}[{i}]"), ty)).collect();
        (self.program.stacks.push(Stack { name: name.to_string(), elements, next }), next)
    }

    pub(super) fn union(&mut self, name: &str, members: &[HeaderTypeId]) -> (UnionId, Vec<HeaderId>) {
        let union = self.program.unions.push(Union { name: name.to_string(), members: vec![] });
        let members: Vec<HeaderId> = members
            .iter()
            .enumerate()
            .map(|(i, ty)| {
                let name = format!("{name}.m{i}");
                self.program.headers.push(Header { name, ty: *ty, union: Some(union) })
            })
            .collect();
        self.program.unions[union].members.clone_from(&members);
        (union, members)
    }

    pub(super) fn body(&mut self, name: &str, block: Block) -> BodyId {
        self.program.bodies.push(Body { name: name.to_string(), block })
    }

    pub(super) fn action(&mut self, name: &str, params: &[VarId], body: Block) -> ActionId {
        let params =
            params.iter().map(|var| ActionParam { name: self.program.vars[*var].name.clone(), var: *var });
        let params = params.collect();
        self.program.actions.push(Action { control: control(name), params, body })
    }

    /// A parser of these states; its error slot comes with it.
    pub(super) fn parser(&mut self, name: &str, states: Vec<(Block, Transition)>) -> (ParserId, VarId) {
        let error = self.var(&format!("{name}.error"), 32);
        let mut parser = Parser {
            name: name.to_string(),
            states: cranelift_entity::PrimaryMap::new(),
            start: StateId::from_u32(0),
            error,
            step_bound: 32,
        };
        for (i, (block, transition)) in states.into_iter().enumerate() {
            parser.states.push(ParserState { name: format!("s{i}"), block, transition });
        }
        (self.program.parsers.push(parser), error)
    }

    pub(super) fn preserve(&mut self, vars: &[VarId], headers: &[HeaderId]) -> PreserveId {
        self.program.preserves.push(heddle_ir::Preserve { vars: vars.to_vec(), headers: headers.to_vec() })
    }

    pub(super) fn ingress(&mut self, block: Block) {
        self.program.ingress = Some(self.body("ingress", block));
    }

    pub(super) fn egress(&mut self, block: Block) {
        self.program.egress = Some(self.body("egress", block));
    }

    /// A switch that runs the program. Entry points not given do nothing.
    pub(super) fn switch(mut self) -> Switch {
        if self.program.ingress.is_none() {
            self.ingress(vec![]);
        }
        if self.program.egress.is_none() {
            self.egress(vec![]);
        }
        let program = verify(self.program).expect("the program is correct");
        let state = State::new(&program, 1).expect("the state fits");
        let interpreter = Interpreter::new(program);
        let frames = FramePool::new(interpreter.frame_words(), 0);
        Switch {
            interpreter,
            state,
            frames,
            pool: Pool::new(4),
            now_ns: 0,
            random: 1,
            clones: vec![],
            digests: DigestBuffer::default(),
            trace: String::new(),
        }
    }
}

/// What a parser does when a state has nothing to choose.
pub(super) fn accept() -> Transition {
    Transition::Goto(Target::Accept)
}

pub(super) fn goto(state: u32) -> Transition {
    Transition::Goto(Target::State(StateId::from_u32(state)))
}

/// A program with all that it runs in.
pub(super) struct Switch {
    pub(super) interpreter: Interpreter,
    pub(super) state: State,
    frames: FramePool,
    pool: Pool,
    pub(super) now_ns: u64,
    pub(super) random: u64,
    pub(super) clones: Vec<Clone>,
    pub(super) digests: DigestBuffer,
    /// Trace of the last traced run.
    pub(super) trace: String,
}

impl Switch {
    /// A packet that has just arrived by port 1.
    pub(super) fn arrived(&mut self, bytes: &[u8]) -> Work {
        let packet = Packet::from_bytes(bytes);
        Work {
            intrinsics: Intrinsics {
                ingress_port: 1,
                packet_length: packet.wire_len as u32,
                ..Intrinsics::default()
            },
            packet,
            frame: Frame::new(self.interpreter.frame_words()),
            parsed_bytes: 0,
            verdict: Verdict::Drop(heddle_ir::DropReason::NoDecision),
            truncate_bytes: None,
        }
    }

    pub(super) fn run(&mut self, entry: Entry, batch: &mut [Work]) {
        self.run_traced(entry, batch, false);
    }

    fn run_traced(&mut self, entry: Entry, batch: &mut [Work], traced: bool) {
        let mut sink = TextSink::new(self.interpreter.program().program(), String::new());
        let snapshot = self.state.pin();
        let mut context = Context {
            state: &self.state,
            snapshot: &snapshot,
            worker: 0,
            now_ns: self.now_ns,
            random: &mut self.random,
            pool: &mut self.pool,
            frames: &mut self.frames,
            clones: &mut self.clones,
            digests: &mut self.digests,
            trace: if traced { Some(&mut sink) } else { None },
        };
        self.interpreter.run(entry, &mut context, batch);
        if traced {
            self.trace = sink.finish().expect("a String takes every line");
        }
    }

    /// Runs a packet through ingress.
    pub(super) fn ingress(&mut self, bytes: &[u8]) -> Work {
        let mut work = [self.arrived(bytes)];
        self.run(Entry::Ingress, &mut work);
        let [work] = work;
        work
    }

    /// Runs a packet through ingress and returns the trace.
    pub(super) fn trace_ingress(&mut self, bytes: &[u8]) -> (Work, &str) {
        let mut work = [self.arrived(bytes)];
        self.run_traced(Entry::Ingress, &mut work, true);
        let [work] = work;
        (work, &self.trace)
    }

    /// Runs a packet that left a queue through egress.
    pub(super) fn egress(&mut self, work: Work) -> Work {
        let mut work = [work];
        self.run(Entry::Egress, &mut work);
        let [work] = work;
        work
    }

    pub(super) fn trace_egress(&mut self, work: Work) -> (Work, &str) {
        let mut work = [work];
        self.run_traced(Entry::Egress, &mut work, true);
        let [work] = work;
        (work, &self.trace)
    }

    /// Runs a packet through ingress and egress.
    pub(super) fn both(&mut self, bytes: &[u8]) -> Work {
        let mut work = self.ingress(bytes);
        work.intrinsics.origin = Origin::Normal;
        self.egress(work)
    }

    pub(super) fn var(&self, work: &Work, var: VarId) -> Bits {
        let slot = self.interpreter.layout.vars[var];
        let limbs = slot.limbs();
        Bits::from_limbs(slot.ty.width(), &work.frame.words[limbs..limbs + slot.limb_count()])
    }

    /// A slot's value as a number.
    pub(super) fn number(&self, work: &Work, var: VarId) -> u64 {
        self.var(work, var).to_u64().expect("it fits")
    }

    pub(super) fn is_valid(&self, work: &Work, header: HeaderId) -> bool {
        work.frame.words[self.interpreter.layout.headers[header].word] != 0
    }
}
