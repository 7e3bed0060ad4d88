//! What happens between the blocks of `simple_switch`, woven into the two entry points of a pipeline.
//!
//! The rules are those of behavioral-model's `docs/simple_switch.md`, with the differences that Heddle makes for P4
//! source (see `heddle_p4`'s v1model): `ingress_port` outlives resubmission and recirculation, a request made last
//! counts, a digest has the values of when it is sent, a priority without queue means the highest.

use std::collections::HashMap;

use heddle_ir::{
    BinaryOp, Bits, Block, Body, Callee, CounterId, Decision, DigestId, DropReason, Expr, Intrinsic, MeterId,
    MirrorSource, Origin, ParserId, Place, Preserve, PreserveId, ProfileId, Program, ProgramBuilder,
    RegisterId, Stmt, Ty, Var, VarId,
};
use heddle_p4::lower::{fold, written_vars};
use num_traits::ToPrimitive as _;

use crate::Options;
use crate::action::ActionRef;
use crate::calculation::{Calculation, ChecksumUse};
use crate::error::Lower;
use crate::json::Node;
use crate::layout::Layout;
use crate::number::Number;
use crate::objects::DirectMeter;
use crate::operand::constant;
use crate::parser::Errors;
use crate::table;

/// What a field of the standard metadata is at the start of a pass.
#[derive(Clone, Copy)]
enum Source {
    /// What the engine knows, cut to the field.
    Known(Intrinsic),
    /// A time in ns, in µs.
    Micros(Intrinsic),
    /// The time spent in the queue, in µs.
    QueueMicros,
    /// Zero.
    Zero,
}

type Fields = &'static [(&'static str, &'static str, Source)];

/// Before the parser.
const AT_INGRESS: Fields = &[
    ("standard_metadata", "ingress_port", Source::Known(Intrinsic::IngressPort)),
    ("standard_metadata", "packet_length", Source::Known(Intrinsic::PacketLength)),
    ("standard_metadata", "instance_type", Source::Known(Intrinsic::Origin)),
    ("intrinsic_metadata", "ingress_global_timestamp", Source::Micros(Intrinsic::IngressTimeNs)),
];

/// Before egress, of a clone whose metadata nobody carried along.
const AT_CLONE: Fields = &[
    ("standard_metadata", "ingress_port", Source::Known(Intrinsic::IngressPort)),
    ("standard_metadata", "packet_length", Source::Known(Intrinsic::PacketLength)),
    ("standard_metadata", "instance_type", Source::Known(Intrinsic::Origin)),
];

/// Before egress.
const AT_EGRESS: Fields = &[
    ("standard_metadata", "egress_port", Source::Known(Intrinsic::EgressPort)),
    ("standard_metadata", "egress_spec", Source::Zero),
    ("standard_metadata", "instance_type", Source::Known(Intrinsic::Origin)),
    ("standard_metadata", "packet_length", Source::Known(Intrinsic::PacketLength)),
    ("intrinsic_metadata", "egress_rid", Source::Known(Intrinsic::ReplicationId)),
    ("queueing_metadata", "enq_timestamp", Source::Micros(Intrinsic::EnqueueTimeNs)),
    ("queueing_metadata", "enq_qdepth", Source::Known(Intrinsic::EnqueueDepth)),
    ("queueing_metadata", "deq_timedelta", Source::QueueMicros),
    ("queueing_metadata", "deq_qdepth", Source::Known(Intrinsic::DequeueDepth)),
    ("queueing_metadata", "qid", Source::Known(Intrinsic::QueueId)),
    ("intrinsic_metadata", "egress_global_timestamp", Source::Micros(Intrinsic::NowNs)),
];

/// Fields that a program for `simple_switch` has to have.
const REQUIRED: [&str; 5] = ["ingress_port", "packet_length", "instance_type", "egress_spec", "egress_port"];

/// What a program can ask for, to happen at the end of the pass. The last request of a kind counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A clone.
    Clone,
    /// Ingress again.
    Resubmit,
    /// Ingress again, with the packet as deparsed.
    Recirculate,
}

/// Requests of one kind: a slot says which one was made last, by one plus its position.
#[derive(Debug, Default)]
struct Requests {
    slot: Option<VarId>,
    /// What the packet keeps, and whether ingress and egress ask for it.
    made: Vec<(Preserve, [bool; 2])>,
}

impl Requests {
    /// Positions of those that can have been made in these stages.
    fn in_stages(&self, stages: [bool; 2]) -> Vec<usize> {
        let made = |i: &usize| self.made[*i].1.iter().zip(stages).any(|(made, asked)| *made && asked);
        (0..self.made.len()).filter(made).collect()
    }
}

/// Bits of a slot that says which request was made.
const REQUEST_WIDTH: u32 = 16;

/// State of lowering one document.
pub(crate) struct Lowerer<'a> {
    pub(crate) options: &'a Options,
    pub(crate) ir: Program,
    pub(crate) layout: Layout<'a>,
    pub(crate) errors: Errors,
    /// The block being made.
    pub(crate) block: Block,
    /// Parameters of the action being lowered.
    pub(crate) locals: Vec<Number>,
    /// Whether a parser's state is being lowered.
    pub(crate) in_parser: bool,
    /// Whether ingress and egress run what is being lowered.
    pub(crate) stages: [bool; 2],
    pub(crate) temps: u32,
    pub(crate) last_id: u32,
    pub(crate) counters: HashMap<&'a str, CounterId>,
    /// By table.
    pub(crate) direct_counters: HashMap<&'a str, CounterId>,
    pub(crate) meters: HashMap<&'a str, MeterId>,
    pub(crate) direct_meters: HashMap<&'a str, DirectMeter>,
    pub(crate) registers: HashMap<&'a str, RegisterId>,
    pub(crate) profiles: HashMap<&'a str, (ProfileId, Option<Node<'a>>)>,
    pub(crate) calculations: HashMap<&'a str, Calculation<'a>>,
    pub(crate) field_lists: HashMap<u64, Node<'a>>,
    pub(crate) digests: HashMap<u64, (DigestId, Node<'a>)>,
    pub(crate) actions: HashMap<u64, ActionRef>,
    /// The first id of every name.
    pub(crate) action_names: HashMap<&'a str, u64>,
    pub(crate) value_set_sources: HashMap<&'a str, Node<'a>>,
    pub(crate) value_sets: HashMap<&'a str, heddle_ir::ValueSetId>,
    requests: [Requests; 3],
    /// The session of the clone asked for.
    session: Option<VarId>,
}

/// Lowers a document.
pub(crate) fn lower<'a>(root: &Node<'a>, options: &'a Options) -> Lower<Program> {
    version(root)?;
    let mut builder = ProgramBuilder::new(&options.name);
    builder.architecture("v1model");
    let mut ir = builder.finish();
    let layout = Layout::read(root, &mut ir)?;
    let errors = Errors::read(root, &mut ir.errors)?;
    let mut l = Lowerer {
        options,
        ir,
        layout,
        errors,
        block: Vec::new(),
        locals: Vec::new(),
        in_parser: false,
        stages: [true; 2],
        temps: 0,
        last_id: 0,
        counters: HashMap::new(),
        direct_counters: HashMap::new(),
        meters: HashMap::new(),
        direct_meters: HashMap::new(),
        registers: HashMap::new(),
        profiles: HashMap::new(),
        calculations: HashMap::new(),
        field_lists: HashMap::new(),
        digests: HashMap::new(),
        actions: HashMap::new(),
        action_names: HashMap::new(),
        value_set_sources: HashMap::new(),
        value_sets: HashMap::new(),
        requests: Default::default(),
        session: None,
    };
    for field in REQUIRED {
        if l.layout.intrinsic("standard_metadata", field).is_none() {
            return root.get("headers")?.wrong(format!(
                "simple_switch needs a metadata field `standard_metadata.{field}`, and there is none"
            ));
        }
    }
    l.build(root)?;
    Ok(l.ir)
}

/// The format's major version is 2.
fn version(root: &Node<'_>) -> Lower<()> {
    let Some(version) = root.opt("__meta__").and_then(|meta| meta.opt("version")) else { return Ok(()) };
    let [major, _minor] = version.tuple()?;
    match major.number()? {
        2 => Ok(()),
        other => version.wrong(format!("version 2 of the format is read here, not {other}")),
    }
}

impl<'a> Lowerer<'a> {
    /// Adds a statement.
    pub(crate) fn emit(&mut self, stmt: Stmt) {
        self.block.push(stmt);
    }

    /// What is emitted meanwhile.
    pub(crate) fn in_block(&mut self, f: impl FnOnce(&mut Self) -> Lower<()>) -> Lower<Block> {
        let outer = std::mem::take(&mut self.block);
        let result = f(self);
        let block = std::mem::replace(&mut self.block, outer);
        result.map(|()| block)
    }

    /// A slot.
    pub(crate) fn new_var(&mut self, name: String, ty: Ty) -> VarId {
        self.ir.vars.push(Var { name, ty })
    }

    fn build(&mut self, root: &Node<'a>) -> Lower<()> {
        self.ir.ports = self.port_numbers();
        self.read_calculations(root)?;
        self.read_objects(root)?;
        self.read_actions(root, &table::usage(root)?)?;
        self.stages = [true; 2];
        let (error, reported) = self.error_slot();
        let parser = self.parser(root, error)?;
        let report = |l: &mut Self| {
            if let Some(slot) = reported {
                let width = l.ir.vars[slot].ty.width();
                let code = Number::unsigned(l.errors.outward(Expr::read(error)), 32);
                l.emit(Stmt::Assign(Place::Var(slot), code.to(width)));
            }
        };
        let verify = self.in_block(|l| l.checksums(root, ChecksumUse::Verify))?;
        let ingress = self.pipeline(root, "ingress")?;
        let egress = self.pipeline(root, "egress")?;
        let update = self.in_block(|l| l.checksums(root, ChecksumUse::Update))?;
        let order = self.deparser_order(root)?;

        let received = self.received_clones(parser);
        let block = self.in_block(|l| {
            l.set(AT_INGRESS);
            l.emit(Stmt::call(parser));
            report(l);
            l.block.extend(verify);
            l.run("ingress control", ingress);
            l.after_ingress(&received);
            Ok(())
        })?;
        self.ir.ingress = Some(self.ir.bodies.push(Body { name: "ingress".to_owned(), block }));
        let block = self.in_block(|l| {
            l.before_egress(parser, &received, report)?;
            l.set(AT_EGRESS);
            l.run("egress control", egress);
            let emits = order.into_iter().map(Stmt::emit).collect();
            l.after_egress([update, emits].concat())
        })?;
        self.ir.egress = Some(self.ir.bodies.push(Body { name: "egress".to_owned(), block }));
        Ok(())
    }

    /// Where the parser stores its error, and the field that it is then copied to, if any.
    fn error_slot(&mut self) -> (VarId, Option<VarId>) {
        match self.layout.intrinsic("standard_metadata", "parser_error") {
            Some(slot) if self.ir.vars[slot].ty == Ty::Bits(32) && self.errors.are_alike() => (slot, None),
            slot => (self.new_var("parser.parser_error".to_owned(), Ty::Bits(32)), slot),
        }
    }

    /// Runs a pipeline; an `exit` in it leaves that pipeline only.
    fn run(&mut self, name: &str, block: Block) {
        let body = self.ir.bodies.push(Body { name: name.to_owned(), block });
        self.emit(Stmt::Catch(vec![Stmt::call(body)]));
    }

    fn set(&mut self, fields: Fields) {
        let micros = |ns: Expr| fold::binary(BinaryOp::Div, ns, Expr::constant(64, 1000));
        for (header, field, source) in fields {
            let Some(var) = self.layout.intrinsic(header, field) else { continue };
            let width = self.ir.vars[var].ty.width();
            let value = match source {
                Source::Known(known) => fold::resize((*known).into(), known.width(), width, false),
                Source::Micros(known) => fold::resize(micros((*known).into()), 64, width, false),
                Source::QueueMicros => {
                    let spent = Expr::from(Intrinsic::NowNs) - Expr::from(Intrinsic::EnqueueTimeNs);
                    fold::resize(micros(spent), 64, width, false)
                }
                Source::Zero => Expr::Const(Bits::zero(width)),
            };
            self.emit(Stmt::Assign(Place::Var(var), value));
        }
    }

    /// A metadata field in `width` bits; zero if the program has none.
    fn intrinsic_read(&self, header: &str, field: &str, width: u32) -> Expr {
        match self.layout.intrinsic(header, field) {
            Some(var) => fold::resize(Expr::read(var), self.ir.vars[var].ty.width(), width, false),
            None => Expr::Const(Bits::zero(width)),
        }
    }

    /// How many ports a packet can be sent to: all that `egress_spec` holds, but for one that means "drop" at their end.
    fn port_numbers(&self) -> Option<u32> {
        let spec = self.layout.intrinsic("standard_metadata", "egress_spec")?;
        heddle_ir::port_numbers(self.ir.vars[spec].ty.width(), self.options.drop_port.into())
    }

    /// Whether the packet is to be dropped.
    fn is_dropped(&self) -> Expr {
        let spec = self.intrinsic_read("standard_metadata", "egress_spec", 32);
        fold::eq(spec, Expr::constant(32, self.options.drop_port.into()))
    }

    /// Makes a request that keeps the fields of a list, and a session for a clone.
    pub(crate) fn request(
        &mut self,
        kind: Request,
        list: Option<&Node<'a>>,
        session: Option<Expr>,
    ) -> Lower<()> {
        let keep = match list {
            Some(list) => self.field_list(list)?,
            None => Preserve::default(),
        };
        let slot = match self.requests[kind as usize].slot {
            Some(slot) => slot,
            None => {
                let name = ["$clone", "$resubmit", "$recirculate"][kind as usize];
                self.new_var(name.to_owned(), Ty::Bits(REQUEST_WIDTH))
            }
        };
        let requests = &mut self.requests[kind as usize];
        requests.slot = Some(slot);
        let index = match requests.made.iter().position(|(known, _)| *known == keep) {
            Some(index) => index,
            None => {
                requests.made.push((keep, [false; 2]));
                requests.made.len() - 1
            }
        };
        for (made, here) in requests.made[index].1.iter_mut().zip(self.stages) {
            *made |= here;
        }
        if let Some(session) = session {
            let slot = match self.session {
                Some(slot) => slot,
                None => self.new_var("$clone_session".to_owned(), Ty::Bits(32)),
            };
            self.session = Some(slot);
            self.emit(Stmt::Assign(Place::Var(slot), session));
        }
        self.emit(Stmt::Assign(Place::Var(slot), Expr::Const(request_label(index))));
        Ok(())
    }

    /// The slots of a field list. Fields of headers are not kept: the next pass parses them again.
    fn field_list(&self, list: &Node<'a>) -> Lower<Preserve> {
        let id = constant(list)?.and_then(|n| n.to_u64());
        let elements = match id.and_then(|id| self.field_lists.get(&id)) {
            Some(elements) => elements.items()?,
            None if id == Some(0) => Vec::new(),
            None => return list.wrong("the constant id of a field list is expected here"),
        };
        let mut keep = Preserve::default();
        for element in elements {
            let (kind, value) = element.typed()?;
            if kind != "field" {
                continue;
            }
            let [header, field] = value.tuple()?;
            self.layout.field(&header, &field)?;
            if let Some(var) = self.layout.slot(header.text()?, field.text()?)
                && !keep.vars.contains(&var)
            {
                keep.vars.push(var);
            }
        }
        Ok(keep)
    }

    /// What follows if a request of this kind was made in these stages: one block per thing that the packet keeps.
    fn on_request(
        &self,
        kind: Request,
        stages: [bool; 2],
        preserves: &[PreserveId],
        block: impl Fn(PreserveId) -> Block,
        otherwise: Block,
    ) -> Block {
        let requests = &self.requests[kind as usize];
        let (Some(slot), made) = (requests.slot, requests.in_stages(stages)) else { return otherwise };
        match made.as_slice() {
            [] => otherwise,
            [one] => vec![Stmt::If {
                cond: fold::eq(Expr::read(slot), Expr::Const(request_label(*one))),
                then: block(preserves[*one]),
                els: otherwise,
            }],
            many => vec![Stmt::Switch {
                on: Expr::read(slot),
                cases: many.iter().map(|i| (vec![request_label(*i)], block(preserves[*i]))).collect(),
                default: otherwise,
            }],
        }
    }

    /// What the requests of a kind keep, by position, with `more`.
    fn preserves(&mut self, kind: Request, more: &Preserve) -> Vec<PreserveId> {
        let made = self.requests[kind as usize].made.iter();
        let keeps: Vec<Preserve> = made
            .map(|(keep, _)| Preserve {
                vars: [keep.vars.clone(), more.vars.clone()].concat(),
                headers: [keep.headers.clone(), more.headers.clone()].concat(),
            })
            .collect();
        keeps.into_iter().map(|keep| self.ir.preserves.push(keep)).collect()
    }

    fn mirror(&self, source: MirrorSource) -> impl Fn(PreserveId) -> Block + use<> {
        let session = self.session.map_or(Expr::constant(32, 0), Expr::read);
        move |preserve| vec![Stmt::Mirror { session: session.clone(), source, preserve }]
    }

    fn received_clones(&mut self, parser: ParserId) -> ReceivedClones {
        let requests = &self.requests[Request::Clone as usize];
        let made = requests.in_stages([true, false]);
        let Some(slot) = requests.slot else { return ReceivedClones::default() };
        let written = written_vars(&self.ir, Callee::Parser(parser));
        let mut vars: Vec<VarId> = Vec::new();
        for index in &made {
            for var in &requests.made[*index].0.vars {
                if (written.contains(var) || self.is_set_at_clone(*var)) && !vars.contains(var) {
                    vars.push(*var);
                }
            }
        }
        let mut saved = Vec::new();
        for var in vars {
            let Var { name, ty } = self.ir.vars[var].clone();
            saved.push((var, self.new_var(format!("{name}.kept"), ty)));
        }
        // Which request it was has to come along, if what it keeps is put back.
        let mut more = Preserve::default();
        if !saved.is_empty() {
            more.vars.push(slot);
        }
        let preserves = self.preserves(Request::Clone, &more);
        ReceivedClones { made, preserves, saved }
    }

    /// Whether a clone's metadata are set before it is parsed; its type stays that of a clone.
    fn is_set_at_clone(&self, var: VarId) -> bool {
        AT_CLONE.iter().any(|(header, field, _)| {
            *field != "instance_type" && self.layout.intrinsic(header, field) == Some(var)
        })
    }

    /// `simple_switch`, after-ingress pseudocode: clone; then resubmit, else multicast, else drop, else unicast.
    fn after_ingress(&mut self, received: &ReceivedClones) {
        let ingress = [true, false];
        let clones = self.on_request(
            Request::Clone,
            ingress,
            &received.preserves,
            self.mirror(MirrorSource::Received),
            Vec::new(),
        );
        let queue = self.intrinsic_read("intrinsic_metadata", "priority", 32);
        let group = self.intrinsic_read("intrinsic_metadata", "mcast_grp", 32);
        let port = self.intrinsic_read("standard_metadata", "egress_spec", 32);
        let unicast = vec![Stmt::If {
            cond: self.is_dropped(),
            then: vec![Stmt::drop(DropReason::IngressDrop)],
            els: vec![Stmt::Decide(Decision::Enqueue { port, queue: queue.clone() })],
        }];
        let forward = match &group {
            Expr::Const(_) => unicast,
            group => vec![Stmt::If {
                cond: fold::not(fold::eq(group.clone(), Expr::constant(32, 0))),
                then: vec![Stmt::Decide(Decision::Replicate { group: group.clone(), queue })],
                els: unicast,
            }],
        };
        let preserves = self.preserves(Request::Resubmit, &Preserve::default());
        let decision = self.on_request(
            Request::Resubmit,
            ingress,
            &preserves,
            |preserve| vec![Stmt::Decide(Decision::Resubmit(preserve))],
            forward,
        );
        self.block.extend(clones);
        self.block.extend(decision);
    }

    /// Clones of received packets are parsed now; what they keep is put back over what the parser does.
    fn before_egress(
        &mut self,
        parser: ParserId,
        received: &ReceivedClones,
        report: impl Fn(&mut Self),
    ) -> Lower<()> {
        let Some(slot) = self.requests[Request::Clone as usize].slot else { return Ok(()) };
        if !received.made.is_empty() {
            let copy = |to: VarId, from: VarId| Stmt::assign(to, from);
            let then = self.in_block(|l| {
                for (var, kept) in &received.saved {
                    l.emit(copy(*kept, *var));
                }
                l.set(AT_CLONE);
                l.emit(Stmt::call(parser));
                report(l);
                if !received.saved.is_empty() {
                    let mut cases = Vec::new();
                    for index in &received.made {
                        let vars = &l.requests[Request::Clone as usize].made[*index].0.vars;
                        let kept = received.saved.iter().filter(|(v, _)| vars.contains(v));
                        cases.push((vec![request_label(*index)], kept.map(|(v, k)| copy(*v, *k)).collect()));
                    }
                    l.emit(Stmt::Switch { on: Expr::read(slot), cases, default: Vec::new() });
                }
                Ok(())
            })?;
            let origin = Expr::from(Intrinsic::Origin);
            let is_clone = fold::eq(origin, Expr::constant(32, Origin::CloneOfReceived as u128));
            self.emit(Stmt::when(is_clone, then));
            // Ingress's request has been served.
            self.emit(Stmt::Assign(Place::Var(slot), Expr::Const(Bits::zero(REQUEST_WIDTH))));
        }
        Ok(())
    }

    /// `simple_switch`, after-egress pseudocode: clone; then drop, else deparse and recirculate or transmit.
    fn after_egress(&mut self, mut kept: Block) -> Lower<()> {
        // A clone of what is sent has its headers as they are; metadata only as far as asked for.
        let live = Preserve {
            vars: self.ir.stacks.values().map(|stack| stack.next).collect(),
            headers: self.ir.headers.keys().collect(),
        };
        if !self.requests[Request::Clone as usize].in_stages([false, true]).is_empty() {
            let preserves = self.preserves(Request::Clone, &live);
            let mirror = self.mirror(MirrorSource::Live);
            let clones = self.on_request(Request::Clone, [false, true], &preserves, mirror, Vec::new());
            self.block.extend(clones);
        }
        let preserves = self.preserves(Request::Recirculate, &Preserve::default());
        kept.extend(self.on_request(
            Request::Recirculate,
            [true; 2],
            &preserves,
            |preserve| vec![Stmt::Decide(Decision::Recirculate(preserve))],
            vec![Stmt::transmit()],
        ));
        let cond = self.is_dropped();
        self.emit(Stmt::If { cond, then: vec![Stmt::drop(DropReason::EgressDrop)], els: kept });
        Ok(())
    }
}

/// What a slot holds if this request was made last.
fn request_label(index: usize) -> Bits {
    Bits::new(REQUEST_WIDTH, index as u128 + 1)
}

/// What clones of received packets keep.
#[derive(Debug, Default)]
struct ReceivedClones {
    /// The requests that ingress can make.
    made: Vec<usize>,
    /// By request.
    preserves: Vec<PreserveId>,
    /// Slots that the clone's parser would overwrite, and where they are kept meanwhile.
    saved: Vec<(VarId, VarId)>,
}
