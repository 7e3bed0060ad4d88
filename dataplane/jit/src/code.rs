//! From a unit of the program to a function of Cranelift's IR.
//!
//! One file per noun: [`limb`] words and conditions, [`value`] expressions, [`arithmetic`] operators, [`place`] where
//! scalars lie, [`wire`] bits of packets, [`header`] headers, [`statement`] statements, [`call`] calls and what leaves
//! them, [`parser`] parsers, [`table`] tables, [`through`] both passes in one function, [`stay`] headers that stay in
//! the packet there, [`scout`] the way to a lookup, [`cell`] registers and counters, [`checksum`] sums of what lies in packets,
//! [`sweep`] loads that nobody needs,
//! [`sink`] loads that are needed on few ways.
//!
//! Invariants: a block is started only after every jump to it has been written, but for the heads of loops; what
//! is known at its start is what all of those jumps agree on. The frame holds every slot that is not promoted as
//! soon as it is written, and promoted ones when the pass ends.

mod arithmetic;
mod call;
mod cell;
mod checksum;
mod header;
mod limb;
mod parser;
mod place;
mod scout;
mod sink;
mod statement;
mod stay;
mod sweep;
mod table;
mod through;
mod value;
mod wire;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use cranelift_codegen::ir::{
    AliasRegion, AliasRegionData, Block, BlockArg, FuncRef, InstBuilder, MemFlagsData, Type, Value, types,
};
use cranelift_frontend::{FunctionBuilder, Variable};
use heddle_exec::Entry;
use heddle_exec::layout::Layout;
use heddle_ir::{Program, TableId, Ty, VarId};

use crate::assembly::Assembly;
use crate::host::Host;
use crate::machine::{field, flow};
use crate::plan::Start;
use crate::survey::Unit;
pub(crate) use limb::{Cond, Limb};
pub(crate) use parser::{order as parser_order, targets};
pub(crate) use value::{Val, limb_count};

/// Limbs of the widest value that is computed in registers.
pub(crate) const INLINE_LIMBS_MAX: usize = 8;
/// Words of which something is known at most; beyond that all is forgotten, to bound the time of compiling.
const KNOWN_MAX: usize = 2_048;

/// The number that stands for the parsers' position among the words of the frame.
const CURSOR: u32 = u32::MAX;
/// The number that stands for the length of the packet's new front.
const FRONT_LEN: u32 = u32::MAX - 1;

/// A unit with what its surroundings decide of its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Variant {
    pub(crate) unit: Unit,
    /// Whether a parser is running, so that a parser called rejects that one too.
    pub(crate) in_parser: bool,
    /// Whether an atomic section is under way.
    pub(crate) in_atomic: bool,
}

/// What a function is made for.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    /// A pass.
    Entry(Entry, heddle_ir::BodyId),
    /// Both passes, one after the other.
    Through(Rc<crate::plan::Through>),
    /// The key of a table, ahead of the packet's passes.
    Scout(Rc<crate::plan::Through>, TableId),
    /// Being called.
    Unit(Variant),
}

/// How control can leave what it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Break,
    Continue,
    Return,
    Exit,
    /// With a code.
    Reject,
    /// With the number of a drop reason.
    Stop,
}

impl Way {
    const ALL: [Way; 6] = [Way::Break, Way::Continue, Way::Return, Way::Exit, Way::Reject, Way::Stop];

    /// Whether the block that it leads to takes a word.
    fn has_word(self) -> bool {
        match self {
            Way::Break | Way::Continue | Way::Return | Way::Exit => false,
            Way::Reject | Way::Stop => true,
        }
    }
}

/// Where the ways lead.
type Ways = [Option<Block>; 6];

/// What is known of words of the frame. Cheap to clone.
#[derive(Clone, Debug, Default)]
struct Known(Rc<HashMap<u32, Limb>>);

impl Known {
    fn get(&self, word: u32) -> Option<Limb> {
        self.0.get(&word).copied()
    }

    fn set(&mut self, word: u32, limb: Limb) {
        let words = Rc::make_mut(&mut self.0);
        if words.len() >= KNOWN_MAX {
            words.clear();
        }
        words.insert(word, limb);
    }

    /// Keeps what another knows too.
    fn meet(&mut self, other: &Known) {
        if !Rc::ptr_eq(&self.0, &other.0) {
            Rc::make_mut(&mut self.0).retain(|word, limb| other.0.get(word) == Some(limb));
        }
    }

    fn forget(&mut self, mut is_forgotten: impl FnMut(u32) -> bool) {
        if self.0.keys().any(|word| is_forgotten(*word)) {
            Rc::make_mut(&mut self.0).retain(|word, _| !is_forgotten(*word));
        }
    }
}

/// Writes one function.
pub(crate) struct Coder<'a, 'f> {
    assembly: &'a mut Assembly,
    builder: FunctionBuilder<'f>,
    program: Rc<heddle_ir::Verified>,
    layout: Rc<Layout>,
    machine: Value,
    frame: Value,
    bytes: Value,
    len_bytes: Value,
    arena: Value,
    constants: Value,
    packet_region: AliasRegion,
    frame_region: AliasRegion,
    hosts: HashMap<Host, FuncRef>,
    units: HashMap<Variant, FuncRef>,
    /// Slots in registers, and the two pseudo words.
    variables: HashMap<u32, Variable>,
    /// Those of them that were written.
    written: BTreeSet<u32>,
    known: Known,
    /// What is known at the start of a block that was jumped to.
    incoming: HashMap<Block, Known>,
    /// Whether control can be here.
    reachable: bool,
    ways: Ways,
    in_parser: bool,
    in_atomic: bool,
    /// Words of the arena in use.
    arena_used: usize,
    /// Of a function of both passes.
    through: Option<through::State>,
    /// The plan of such a function, or of one that goes the same way to find a key.
    both_passes: Option<Rc<crate::plan::Through>>,
    /// The table that is all that this is about, of a function that finds a key.
    scouted: Option<TableId>,
    /// Whether the pass is over behind the statement being written.
    at_end: bool,
    /// Headers that stay in the packet.
    staying: stay::Staying,
    /// Headers emitted that nobody has put into the packet's new front yet.
    emitted: Vec<through::Emitted>,
    /// Where in the packet values were loaded from.
    sources: HashMap<Value, wire::Source>,
    /// Sums that were computed for checksums.
    sums: Vec<checksum::Sum>,
    /// Conditions by their values as numbers.
    truths: HashMap<Value, Value>,
}

impl<'a, 'f> Coder<'a, 'f> {
    /// Writes the function for a purpose.
    pub(crate) fn write(assembly: &'a mut Assembly, mut builder: FunctionBuilder<'f>, purpose: Purpose) {
        let start = builder.create_block();
        builder.append_block_params_for_function_params(start);
        builder.switch_to_block(start);
        builder.seal_block(start);
        let (machine, frame) = (builder.block_params(start)[0], builder.block_params(start)[1]);
        let region = |builder: &mut FunctionBuilder<'_>, user_id, description: &'static str| {
            builder
                .func
                .dfg
                .alias_regions
                .insert(AliasRegionData { user_id, description: description.into() })
        };
        let packet_region = region(&mut builder, 0, "packet");
        let frame_region = region(&mut builder, 1, "frame");
        let fixed = MemFlagsData::trusted().with_readonly().with_can_move();
        let mut fetch = |offset| builder.ins().load(types::I64, fixed, machine, offset);
        let (bytes, len_bytes) = (fetch(field::BYTES), fetch(field::LEN_BYTES));
        let (arena, constants) = (fetch(field::ARENA), fetch(field::CONSTANTS));
        let (program, layout) = (Rc::clone(&assembly.program), Rc::clone(&assembly.layout));
        let mut coder = Coder {
            assembly,
            builder,
            program,
            layout,
            machine,
            frame,
            bytes,
            len_bytes,
            arena,
            constants,
            packet_region,
            frame_region,
            hosts: HashMap::new(),
            units: HashMap::new(),
            variables: HashMap::new(),
            written: BTreeSet::new(),
            known: Known::default(),
            incoming: HashMap::new(),
            reachable: true,
            ways: [None; 6],
            in_parser: false,
            in_atomic: false,
            arena_used: 0,
            through: None,
            both_passes: None,
            scouted: None,
            at_end: false,
            staying: stay::Staying::default(),
            emitted: Vec::new(),
            sources: HashMap::new(),
            sums: Vec::new(),
            truths: HashMap::new(),
        };
        match purpose {
            Purpose::Entry(entry, body) => coder.entry(entry, body),
            Purpose::Through(plan) => coder.through(plan),
            Purpose::Scout(plan, table) => coder.scout(plan, table),
            Purpose::Unit(variant) => coder.unit(variant),
        }
        let config = coder.assembly.frontend_config();
        coder.builder.seal_all_blocks();
        sweep::sweep(coder.builder.func);
        sink::sink(coder.builder.func, coder.packet_region);
        coder.builder.finalize(config);
    }

    fn program(&self) -> Rc<heddle_ir::Verified> {
        Rc::clone(&self.program)
    }

    fn entry(&mut self, entry: Entry, body: heddle_ir::BodyId) {
        let program = self.program();
        let promoted: Vec<_> =
            self.assembly.plan.promoted(entry).iter().map(|(var, how)| (*var, *how)).collect();
        for pseudo in [CURSOR, FRONT_LEN] {
            let variable = self.builder.declare_var(types::I64);
            self.variables.insert(pseudo, variable);
        }
        let cursor = match entry {
            Entry::Ingress => Limb::Const(0),
            Entry::Egress => Limb::Var(self.fetch(field::CURSOR_BYTES)),
        };
        self.write_word(CURSOR, cursor);
        self.write_word(FRONT_LEN, Limb::Const(0));
        for (var, how) in &promoted {
            for word in self.words_of(*var) {
                let limb = match how.start {
                    Start::Zero => Limb::Const(0),
                    Start::Frame => Limb::Var(self.load_frame(word)),
                };
                let variable = self.builder.declare_var(types::I64);
                self.variables.insert(word, variable);
                self.write_word(word, limb);
            }
        }
        self.written.clear();
        if entry == Entry::Ingress {
            self.assume_new_packet(&program);
        }
        let (done, stopped) = (self.builder.create_block(), self.builder.create_block());
        let reason = self.builder.append_block_param(stopped, types::I64);
        self.ways[Way::Return as usize] = Some(done);
        self.ways[Way::Exit as usize] = Some(done);
        self.ways[Way::Stop as usize] = Some(stopped);
        self.block(&program.bodies[body].block);
        if self.reachable {
            self.jump(done, None);
        }
        let end = self.builder.create_block();
        let flow = self.builder.append_block_param(end, types::I64);
        if self.start(done) {
            let next = self.constant(flow::NEXT as u64);
            self.jump(end, Some(next));
        }
        if self.start(stopped) {
            let flow = self.leaving(flow::STOP, reason);
            self.jump(end, Some(flow));
        }
        if self.start(end) {
            let outliving = promoted.iter().filter(|(_, how)| how.outlives);
            let words: Vec<u32> = outliving.flat_map(|(var, _)| self.words_of(*var)).collect();
            for word in words {
                if self.written.contains(&word) {
                    let limb = self.read_word(word);
                    self.store_frame(word, limb);
                }
            }
            self.hand_over();
            self.builder.ins().return_(&[flow]);
        }
    }

    /// A packet that arrives has no headers but what was preserved.
    fn assume_new_packet(&mut self, program: &Program) {
        let preserved: BTreeSet<_> =
            program.preserves.values().flat_map(|preserve| preserve.headers.iter().copied()).collect();
        for (header, _) in program.headers.iter().take(KNOWN_MAX / 4) {
            if !preserved.contains(&header) {
                let word = self.layout.headers[header].word as u32;
                self.known.set(word, Limb::Const(0));
            }
        }
    }

    fn unit(&mut self, variant: Variant) {
        for pseudo in [CURSOR, FRONT_LEN] {
            let variable = self.builder.declare_var(types::I64);
            self.variables.insert(pseudo, variable);
        }
        self.take_back();
        self.in_parser = variant.in_parser;
        self.in_atomic = variant.in_atomic;
        let mut blocks = [None; 6];
        for way in [Way::Exit, Way::Reject, Way::Stop] {
            let block = self.builder.create_block();
            if way.has_word() {
                self.builder.append_block_param(block, types::I64);
            }
            blocks[way as usize] = Some(block);
        }
        self.ways = blocks;
        self.inline(variant.unit);
        let end = self.builder.create_block();
        let flow = self.builder.append_block_param(end, types::I64);
        if self.reachable {
            let next = self.constant(flow::NEXT as u64);
            self.jump(end, Some(next));
        }
        for (way, kind) in [(Way::Exit, flow::EXIT), (Way::Reject, flow::REJECT), (Way::Stop, flow::STOP)] {
            let Some(block) = blocks[way as usize] else { continue };
            if self.start(block) {
                let word = self.builder.block_params(block).first().copied();
                let flow = match word {
                    Some(word) => self.leaving(kind, word),
                    None => self.constant(kind as u64),
                };
                self.jump(end, Some(flow));
            }
        }
        if self.start(end) {
            self.hand_over();
            self.builder.ins().return_(&[flow]);
        }
    }

    /// What a function returns that is left in a way with a word.
    fn leaving(&mut self, kind: i64, word: Value) -> Value {
        let shifted = self.builder.ins().ishl_imm_u(word, i64::from(flow::SHIFT));
        self.builder.ins().bor_imm_u(shifted, kind)
    }

    /// Gives the machine what this function holds of it.
    fn hand_over(&mut self) {
        let (cursor, front_len) = (self.read_word(CURSOR), self.read_word(FRONT_LEN));
        let (cursor, front_len) = (self.word_value(cursor), self.word_value(front_len));
        self.put(field::CURSOR_BYTES, cursor);
        self.put(field::FRONT_LEN, front_len);
    }

    /// Takes it back.
    fn take_back(&mut self) {
        let cursor = self.fetch(field::CURSOR_BYTES);
        self.write_word(CURSOR, Limb::Var(cursor));
        let front_len = self.fetch(field::FRONT_LEN);
        self.write_word(FRONT_LEN, Limb::Var(front_len));
    }

    /// A field of the machine.
    fn fetch(&mut self, offset: i32) -> Value {
        self.builder.ins().load(types::I64, MemFlagsData::trusted(), self.machine, offset)
    }

    /// A field of the machine of 32 bits.
    fn fetch_half(&mut self, offset: i32) -> Value {
        let half = self.builder.ins().load(types::I32, MemFlagsData::trusted(), self.machine, offset);
        self.builder.ins().uextend(types::I64, half)
    }

    /// Sets a field of the machine.
    fn put(&mut self, offset: i32, value: Value) {
        self.builder.ins().store(MemFlagsData::trusted(), value, self.machine, offset);
    }

    fn constant(&mut self, value: u64) -> Value {
        self.builder.ins().iconst(types::I64, value as i64)
    }

    fn frame_flags(&self) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(Some(self.frame_region))
    }

    fn packet_flags(&self) -> MemFlagsData {
        MemFlagsData::new().with_trap_code(None).with_alias_region(Some(self.packet_region))
    }

    fn load_frame(&mut self, word: u32) -> Value {
        let flags = self.frame_flags();
        let (base, offset) = self.frame_address(word);
        self.builder.ins().load(types::I64, flags, base, offset)
    }

    fn store_frame(&mut self, word: u32, limb: Limb) {
        let flags = self.frame_flags();
        let value = self.word_value(limb);
        let (base, offset) = self.frame_address(word);
        self.builder.ins().store(flags, value, base, offset);
    }

    /// A frame is at most 8 Mbit, a word per slot: no offset is beyond 31 bits, since slots without width are
    /// bounded by the memory that the program itself takes.
    fn frame_address(&mut self, word: u32) -> (Value, i32) {
        match i32::try_from(u64::from(word) * 8) {
            Ok(offset) => (self.frame, offset),
            Err(_) => (self.builder.ins().iadd_imm_u(self.frame, i64::from(word) * 8), 0),
        }
    }

    fn word_value(&mut self, limb: Limb) -> Value {
        match limb {
            Limb::Const(value) => self.constant(value),
            Limb::Var(value) => value,
        }
    }

    /// The words of a scalar slot, the length of a `varbit` included.
    fn words_of(&self, var: VarId) -> Vec<u32> {
        let slot = self.layout.vars[var];
        let length = match slot.ty {
            Ty::Bits(_) => 0,
            Ty::Varbit(_) => 1,
        };
        (slot.word..slot.word + length + slot.limb_count()).map(|word| word as u32).collect()
    }

    fn read_word(&mut self, word: u32) -> Limb {
        if let Some(limb) = self.known.get(word) {
            return limb;
        }
        let limb = match self.variables.get(&word) {
            Some(variable) => Limb::Var(self.builder.use_var(*variable)),
            None => match self.read_in_packet(word) {
                Some(limb) => limb,
                None => Limb::Var(self.load_frame(word)),
            },
        };
        self.known.set(word, limb);
        limb
    }

    fn write_word(&mut self, word: u32, limb: Limb) {
        match self.variables.get(&word).copied() {
            Some(variable) => {
                let value = self.word_value(limb);
                self.builder.def_var(variable, value);
                self.written.insert(word);
            }
            None => {
                self.store_frame(word, limb);
                self.leave_packet(word);
            }
        }
        self.known.set(word, limb);
    }

    /// Forgets words that something else may have written.
    fn forget(&mut self, words: std::ops::Range<usize>) {
        self.known.forget(|word| words.contains(&(word as usize)));
    }

    /// Forgets all that a function called may have written.
    fn forget_frame(&mut self) {
        let (variables, staying) = (&self.variables, &self.staying);
        self.known.forget(|word| {
            !variables.contains_key(&word)
                && !(checksum::SUMS..FRONT_LEN).contains(&word)
                && !staying.has_word(word)
        });
    }

    fn new_block(&mut self) -> Block {
        self.builder.create_block()
    }

    /// A block that is rarely run.
    fn cold_block(&mut self) -> Block {
        let block = self.builder.create_block();
        self.builder.set_cold_block(block);
        block
    }

    fn arrive(&mut self, at: Block) {
        match self.incoming.get_mut(&at) {
            Some(known) => known.meet(&self.known),
            None => {
                self.incoming.insert(at, self.known.clone());
            }
        }
    }

    fn jump(&mut self, to: Block, word: Option<Value>) {
        self.flush_emitted();
        self.arrive(to);
        let args: Vec<BlockArg> = word.into_iter().map(BlockArg::from).collect();
        self.builder.ins().jump(to, &args);
        self.reachable = false;
    }

    /// To one block or another, neither of which takes a word.
    fn branch(&mut self, cond: Value, then: Block, els: Block) {
        self.flush_emitted();
        self.arrive(then);
        self.arrive(els);
        self.builder.ins().brif(cond, then, &[], els, &[]);
        self.reachable = false;
    }

    /// On if the condition holds, else to a block that takes a word.
    fn unless(&mut self, cond: Cond, to: Block, word: Option<Value>) {
        match cond {
            Cond::Const(true) => {}
            Cond::Const(false) => self.jump(to, word),
            Cond::Var(cond) => {
                self.flush_emitted();
                let on = self.new_block();
                self.arrive(on);
                self.arrive(to);
                let args: Vec<BlockArg> = word.into_iter().map(BlockArg::from).collect();
                self.builder.ins().brif(cond, on, &[], to, &args);
                self.reachable = false;
                self.start(on);
            }
        }
    }

    /// Goes on in a block, if anything jumped to it.
    fn start(&mut self, block: Block) -> bool {
        debug_assert!(!self.reachable, "the block before has not ended");
        let Some(known) = self.incoming.remove(&block) else { return false };
        self.builder.switch_to_block(block);
        self.builder.seal_block(block);
        self.known = known;
        self.reachable = true;
        true
    }

    /// Goes on in a block that will be jumped to from behind.
    fn start_loop(&mut self, block: Block) {
        self.jump(block, None);
        self.incoming.remove(&block);
        self.builder.switch_to_block(block);
        self.known = Known::default();
        self.reachable = true;
    }

    /// Leaves in a way that is open here: the program was verified.
    fn leave(&mut self, way: Way, word: Option<Value>) {
        match self.ways[way as usize] {
            Some(block) => self.jump(block, word),
            None => debug_assert!(false, "there is no way out by {way:?}"),
        }
    }

    /// Calls the host.
    fn host(&mut self, host: Host, args: &[Value]) -> Value {
        debug_assert_eq!(args.len(), host.arity(), "{host:?}");
        let function = match self.hosts.get(&host) {
            Some(function) => *function,
            None => {
                let function = self.assembly.host_ref(host, self.builder.func);
                self.hosts.insert(host, function);
                function
            }
        };
        let mut all = vec![self.machine];
        all.extend_from_slice(args);
        let call = self.builder.ins().call(function, &all);
        self.builder.inst_results(call)[0]
    }

    /// Words of the arena, until the statement ends.
    fn arena_words(&mut self, count: usize) -> usize {
        let at = self.arena_used;
        self.arena_used += count;
        self.assembly.arena_words = self.assembly.arena_words.max(self.arena_used);
        at
    }

    fn arena_address(&mut self, word: usize) -> Value {
        self.builder.ins().iadd_imm_u(self.arena, 8 * word as i64)
    }

    /// Narrow integer types by their bytes.
    fn int_type(bytes: usize) -> Type {
        match bytes {
            1 => types::I8,
            2 => types::I16,
            4 => types::I32,
            _ => types::I64,
        }
    }
}
