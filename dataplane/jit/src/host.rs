#![allow(unsafe_code)] // Compiled code hands over addresses.
//! What compiled code calls: lookups and state, random numbers and hashes, and values too wide to be worth code.
//!
//! Every function takes the machine and words, and returns a word, so that one signature per number of arguments
//! serves all. Invariant: an address given here comes from compiled code, which takes it from the frame, the arena,
//! the constants or [`crate::machine::ZEROS`], with as many words behind it as the width or count given says.

use heddle_exec::hash::{Hasher, hash as hash_bytes};
use heddle_exec::{bitstring, random};
use heddle_ir::{
    BinaryOp, Bits, DigestId, HashAlgorithm, HeaderId, MeterId, MirrorSource, PreserveId, RegisterId,
    StackId, TableId, Ty, UnaryOp, ValueSetId,
};

use crate::machine::{Machine, Mirror};

/// What [`Host::Element`] gives for an index beyond its stack.
pub(crate) const NO_HEADER: u64 = u32::MAX as u64;

/// The words at an address.
///
/// # Safety
///
/// As many are there, and nothing changes them meanwhile.
unsafe fn words<'a>(address: u64, count: usize) -> &'a [u64] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(address as *const u64, count) }
}

/// The words at an address, to be written.
///
/// # Safety
///
/// As many are there, and nothing else looks at them meanwhile.
unsafe fn words_mut<'a>(address: u64, count: usize) -> &'a mut [u64] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts_mut(address as *mut u64, count) }
}

fn limb_count(width: u64) -> usize {
    width.div_ceil(64).max(1) as usize
}

/// A value of a width.
///
/// # Safety
///
/// As for [`words`].
unsafe fn bits(address: u64, width: u64) -> Bits {
    // SAFETY: the caller's promise.
    Bits::from_limbs(width as u32, unsafe { words(address, limb_count(width)) })
}

/// Stores a value, in as many limbs as its width takes.
///
/// # Safety
///
/// As for [`words_mut`].
unsafe fn store(address: u64, value: &Bits) {
    // SAFETY: the caller's promise.
    let to = unsafe { words_mut(address, value.limb_count()) };
    for (i, limb) in to.iter_mut().enumerate() {
        *limb = value.limb(i);
    }
}

/// Operators of two operands by number.
const BINARY: [BinaryOp; 22] = [
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::Mod,
    BinaryOp::SatAddU,
    BinaryOp::SatSubU,
    BinaryOp::SatAddS,
    BinaryOp::SatSubS,
    BinaryOp::And,
    BinaryOp::Or,
    BinaryOp::Xor,
    BinaryOp::Shl,
    BinaryOp::Shr,
    BinaryOp::Sar,
    BinaryOp::Eq,
    BinaryOp::Ne,
    BinaryOp::LtU,
    BinaryOp::LeU,
    BinaryOp::LtS,
    BinaryOp::LeS,
    BinaryOp::Concat,
];

/// The number of an operator.
pub(crate) fn binary_number(op: BinaryOp) -> u64 {
    BINARY.iter().position(|other| *other == op).unwrap_or(0) as u64
}

/// The number of an algorithm.
pub(crate) fn algorithm_number(algorithm: HashAlgorithm) -> u64 {
    match algorithm {
        HashAlgorithm::Crc32 => 0,
        HashAlgorithm::Crc32Custom => 1,
        HashAlgorithm::Crc16 => 2,
        HashAlgorithm::Crc16Custom => 3,
        HashAlgorithm::Random => 4,
        HashAlgorithm::Identity => 5,
        HashAlgorithm::Csum16 => 6,
        HashAlgorithm::Xor16 => 7,
    }
}

fn algorithm(number: u64) -> HashAlgorithm {
    const ALL: [HashAlgorithm; 8] = [
        HashAlgorithm::Crc32,
        HashAlgorithm::Crc32Custom,
        HashAlgorithm::Crc16,
        HashAlgorithm::Crc16Custom,
        HashAlgorithm::Random,
        HashAlgorithm::Identity,
        HashAlgorithm::Csum16,
        HashAlgorithm::Xor16,
    ];
    ALL[(number & 7) as usize]
}

macro_rules! count {
    () => { 0 };
    ($first:ident $($rest:ident)*) => { 1 + count!($($rest)*) };
}

macro_rules! host_functions {
    ($(
        $(#[$doc:meta])*
        $name:ident = fn $function:ident($machine:ident $(, $arg:ident)*) $body:block
    )*) => {
        /// The functions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Host { $($(#[$doc])* $name,)* }

        impl Host {
            /// All of them, each at its own number.
            pub(crate) const ALL: &[Host] = &[$(Host::$name),*];

            /// The name that the linker knows it by.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Host::$name => concat!("heddle_", stringify!($function)),)* }
            }

            /// Arguments besides the machine.
            pub(crate) fn arity(self) -> usize {
                match self { $(Host::$name => count!($($arg)*),)* }
            }

            /// Where it is.
            pub(crate) fn address(self) -> *const u8 {
                match self {
                    $(Host::$name => {
                        $function as extern "C" fn(&mut Machine<'_, '_> $(, host_functions!(@word $arg))*) -> u64
                            as *const u8
                    })*
                }
            }
        }

        $(
            extern "C" fn $function($machine: &mut Machine<'_, '_> $(, $arg: u64)*) -> u64 { $body }
        )*
    };
    (@word $arg:ident) => { u64 };
}

host_functions! {
    /// Looks a key up. Gives what [`heddle_state::Match::action`] does.
    Lookup = fn lookup(m, table, key, count) {
        // SAFETY: the key was put into the arena.
        let key = unsafe { words(key, count as usize) };
        let table = TableId::from_u32(table as u32);
        let is_ahead = |keys: &[u64], lane: usize| keys.chunks_exact(key.len().max(1)).nth(lane) == Some(key);
        if let Some(found) = ahead(m, table, is_ahead) {
            return found;
        }
        m.lens.find_into(table, key, &mut m.found)
    }
    /// The same with a key of one word.
    LookupWord = fn lookup_word(m, table, key) {
        let table = TableId::from_u32(table as u32);
        if let Some(found) = ahead(m, table, |keys, lane| keys.get(lane) == Some(&key)) {
            return found;
        }
        m.lens.find_word_into(table, key, &mut m.found)
    }
    /// Picks a member of the group that was found. Gives what [`heddle_state::Match::action`] does.
    Select = fn select(m, hash) {
        let (state, snapshot) = (m.context.state, m.context.snapshot);
        m.found = state.select(snapshot, m.found.found(), hash).into();
        u64::from(m.found.action())
    }
    /// Notes that the entry that was found, if any, was hit.
    Touch = fn touch(m) {
        if m.found.is_hit() {
            m.context.state.touch(m.found.entry(), m.context.now_ns);
        }
        0
    }
    /// Counts in the entry whose action is running: the one that was found last, since only actions of its table do so.
    CountDirect = fn count_direct(m) {
        let (packets, bytes) = counted(m);
        m.context.state.count_direct(m.context.worker, m.found.entry(), packets, bytes);
        0
    }
    /// Meters in a cell.
    Meter = fn meter(m, meter, index) {
        let bytes = u64::from(m.intrinsics().packet_length);
        let (context, meter) = (&m.context, MeterId::from_u32(meter as u32));
        context.state.meter(context.snapshot, meter, index, bytes, context.now_ns) as u64
    }
    /// Meters in the entry whose action is running, as [`Host::CountDirect`].
    MeterDirect = fn meter_direct(m) {
        let bytes = u64::from(m.intrinsics().packet_length);
        let context = &m.context;
        context.state.meter_direct(context.snapshot, m.found.entry(), bytes, context.now_ns) as u64
    }
    /// Reads a register's cell of at most 64 bits.
    Register = fn register(m, register, index) {
        m.context.state.register(RegisterId::from_u32(register as u32), index)
    }
    /// Reads a register's cell.
    ReadRegister = fn read_register(m, register, index, to, count) {
        // SAFETY: the arena.
        let to = unsafe { words_mut(to, count as usize) };
        m.context.state.read_register(RegisterId::from_u32(register as u32), index, to);
        0
    }
    /// Writes a register's cell of at most 64 bits.
    SetRegister = fn set_register(m, register, index, value) {
        m.context.state.set_register(RegisterId::from_u32(register as u32), index, value);
        0
    }
    /// Writes a register's cell.
    WriteRegister = fn write_register(m, register, index, from, count) {
        // SAFETY: the arena, the frame or a constant.
        let from = unsafe { words(from, count as usize) };
        m.context.state.write_register(RegisterId::from_u32(register as u32), index, from);
        0
    }
    /// Begins an atomic section.
    EnterSection = fn enter_section(m, set) {
        m.section = m.program.atomic_sets.get(set as usize).map(|set| m.context.state.atomic_section(set));
        0
    }
    /// Ends it.
    LeaveSection = fn leave_section(m) {
        m.section = None;
        0
    }
    /// Hashes bytes, and the payload if asked.
    Hash = fn hash(m, number, data, len_bytes, payload) {
        // SAFETY: the arena.
        let data = unsafe { std::slice::from_raw_parts(data as *const u8, len_bytes as usize) };
        if payload == 0 {
            return hash_bytes(algorithm(number), data, m.context.random);
        }
        let mut hasher = Hasher::new(algorithm(number), m.context.random);
        hasher.update(data);
        hasher.update(payload_of(m));
        hasher.finish()
    }
    /// Begins data that is hashed piece by piece.
    HashBegin = fn hash_begin(m) {
        m.scratch.hashed.clear();
        0
    }
    /// A piece of it.
    HashPush = fn hash_push(m, from, width) {
        // SAFETY: the arena, the frame or a constant.
        let limbs = unsafe { words(from, limb_count(width)) };
        m.scratch.hashed.push_limbs(width as u32, |i| limbs.get(i).copied().unwrap_or(0));
        0
    }
    /// The hash of it.
    HashEnd = fn hash_end(m, number, payload) {
        let mut hasher = Hasher::new(algorithm(number), m.context.random);
        hasher.update(m.scratch.hashed.bytes());
        if payload != 0 {
            hasher.update(payload_of(m));
        }
        hasher.finish()
    }
    /// A random number of at most 64 bits.
    Random = fn random_word(m, low, high) {
        random::in_range_u64(m.context.random, low, high)
    }
    /// A wider one.
    RandomWide = fn random_wide(m, width, low, high, to) {
        // SAFETY: the arena, the frame or a constant.
        let (low, high) = unsafe { (bits(low, width), bits(high, width)) };
        let drawn = random::in_range(m.context.random, &low, &high);
        // SAFETY: the arena.
        unsafe { store(to, &drawn) }
        0
    }
    /// A value of a digest.
    DigestPush = fn digest_push(m, from, count) {
        // SAFETY: the arena, the frame or a constant.
        m.context.digests.words.extend_from_slice(unsafe { words(from, count as usize) });
        0
    }
    /// The end of a digest.
    DigestEnd = fn digest_end(m, digest) {
        let end = m.context.digests.words.len();
        m.context.digests.messages.push((DigestId::from_u32(digest as u32), end));
        0
    }
    /// Decides on a clone.
    Mirror = fn mirror(m, session, live, preserve) {
        let source = if live == 0 { MirrorSource::Received } else { MirrorSource::Live };
        let preserve = PreserveId::from_u32(preserve as u32);
        m.add_mirror(Mirror { session: session as u32, source, preserve });
        0
    }
    /// Makes the clones decided on of a packet that passes, now.
    MakeClones = fn make_clones(m) {
        m.make_clones();
        0
    }
    /// Says that the packet passes the gate of a port.
    TellLink = fn tell_link(m, port) {
        let wire_bytes = u64::from(m.intrinsics().packet_length);
        if let Some(sends) = &mut m.sends {
            sends(port as u32, wire_bytes);
        }
        0
    }
    /// Clears words of the frame.
    Clear = fn clear(m, first, count) {
        m.clear(first as usize, count as usize);
        0
    }
    /// Whether values are in a value set.
    InValueSet = fn in_value_set(m, set, from, count) {
        // SAFETY: the arena.
        let values = unsafe { words(from, count as usize) };
        let set = ValueSetId::from_u32(set as u32);
        u64::from(m.context.state.in_value_set(m.context.snapshot, set, values))
    }
    /// Makes room in the packet's new front.
    GrowFront = fn grow_front(m, len_bytes, more_bytes) {
        m.grow_front(len_bytes as usize, more_bytes as usize);
        0
    }
    /// Appends a header, which is valid, to the packet's new front of some length. Gives the length then.
    Emit = fn emit(m, header, len_bytes) {
        emit_header(m, HeaderId::from_u32(header as u32), len_bytes as usize) as u64
    }
    /// Appends a stack's element, if there is one and it is valid.
    EmitElement = fn emit_element(m, stack, index, len_bytes) {
        let Some(header) = element_of(m, stack, index) else { return len_bytes };
        let valid = m.program.layout.headers[header].word;
        // SAFETY: within the frame.
        if unsafe { *m.frame().add(valid) } == 0 {
            return len_bytes;
        }
        emit_header(m, header, len_bytes as usize) as u64
    }
    /// The header that a stack's index means.
    Element = fn element(m, stack, index) {
        element_of(m, stack, index).map_or(NO_HEADER, |header| u64::from(header.as_u32()))
    }
    /// Makes a header valid.
    SetValid = fn set_valid(m, header) {
        let Some(header) = header_of(header) else { return 0 };
        let (word, ty) = (m.program.layout.headers[header].word, m.program.layout.headers[header].ty);
        let count = m.program.layout.types[ty].words;
        // SAFETY: within the frame.
        let own = unsafe { words_mut(m.frame().add(word) as u64, count) };
        if own[0] == 0 {
            own.fill(0);
            own[0] = 1;
        }
        invalidate_siblings(m, header);
        0
    }
    /// Makes a header invalid.
    SetInvalid = fn set_invalid(m, header) {
        if let Some(header) = header_of(header) {
            invalidate(m, header);
        }
        0
    }
    /// Copies validity and fields.
    CopyHeader = fn copy_header(m, to, from) {
        let Some(to) = header_of(to) else { return 0 };
        let valid = header_of(from).filter(|from| {
            let word = m.program.layout.headers[*from].word;
            // SAFETY: within the frame.
            unsafe { *m.frame().add(word) != 0 }
        });
        match valid {
            Some(from) => {
                move_header(m, to, from);
                invalidate_siblings(m, to);
            }
            None => invalidate(m, to),
        }
        0
    }
    /// Moves a stack's elements up.
    PushFront = fn push_front(m, stack, count) {
        let program = m.program;
        let Some(stack) = program.program.stacks.get(StackId::from_u32(stack as u32)) else { return 0 };
        let elements = &stack.elements;
        let count = (count as usize).min(elements.len());
        for i in (count..elements.len()).rev() {
            move_header(m, elements[i], elements[i - count]);
        }
        elements[..count].iter().for_each(|element| invalidate(m, *element));
        0
    }
    /// Moves a stack's elements down.
    PopFront = fn pop_front(m, stack, count) {
        let program = m.program;
        let Some(stack) = program.program.stacks.get(StackId::from_u32(stack as u32)) else { return 0 };
        let elements = &stack.elements;
        let count = (count as usize).min(elements.len());
        let kept = elements.len() - count;
        for i in 0..kept {
            move_header(m, elements[i], elements[i + count]);
        }
        elements[kept..].iter().for_each(|element| invalidate(m, *element));
        0
    }
    /// Fills a header from a byte position of the packet and makes it valid. The bytes are there.
    Fill = fn fill(m, header, at_bytes, varbit_bits) {
        fill_header(m, HeaderId::from_u32(header as u32), at_bytes as usize, varbit_bits as u32);
        0
    }
    /// The same for a stack's element, if there is one.
    FillElement = fn fill_element(m, stack, index, at_bytes, varbit_bits) {
        if let Some(header) = element_of(m, stack, index) {
            fill_header(m, header, at_bytes as usize, varbit_bits as u32);
        }
        0
    }
    /// Bits of the packet from a byte position, as limbs.
    LoadBits = fn load_bits(m, at_bytes, width, to) {
        // SAFETY: the arena.
        let to = unsafe { words_mut(to, limb_count(width)) };
        bitstring::load_limbs(packet_of(m), 8 * at_bytes as usize, width as u32, to);
        0
    }
    /// Copies words, which may overlap.
    CopyWords = fn copy_words(_m, from, to, count) {
        // SAFETY: addresses of the frame, the arena or constants with as many words behind them.
        unsafe { std::ptr::copy(from as *const u64, to as *mut u64, count as usize) }
        0
    }
    /// Copies the limbs of a `varbit` of a length to one of a largest width; they may be the same.
    CopyVarbit = fn copy_varbit(_m, len_bits, from, width, to) {
        // SAFETY: the frame; a length is at most the largest.
        let value = unsafe { bits(from, len_bits.min(width)) };
        // SAFETY: the frame.
        let to = unsafe { words_mut(to, limb_count(width)) };
        for (i, limb) in to.iter_mut().enumerate() {
            *limb = value.limb(i);
        }
        0
    }
    /// Whether two `varbit`s, given by length and limbs, are equal.
    VarbitEqual = fn varbit_equal(_m, left_bits, left, right_bits, right) {
        if left_bits != right_bits {
            return 0;
        }
        // SAFETY: the frame or zeros; a length is at most the largest.
        let (left, right) = unsafe { (bits(left, left_bits), bits(right, right_bits)) };
        u64::from(left == right)
    }
    /// Two operands. Widths are the left one's above the right one's.
    Binary = fn binary(_m, op, widths, left, right, to) {
        // SAFETY: the arena, the frame or constants.
        let (left, right) = unsafe { (bits(left, widths >> 32), bits(right, widths & 0xffff_ffff)) };
        let op = BINARY[(op as usize).min(BINARY.len() - 1)];
        // SAFETY: the arena.
        unsafe { store(to, &op.apply(&left, &right)) }
        0
    }
    /// A comparison of two operands of one width.
    Compare = fn compare(_m, op, width, left, right) {
        // SAFETY: the arena, the frame or constants.
        let (left, right) = unsafe { (bits(left, width), bits(right, width)) };
        BINARY[(op as usize).min(BINARY.len() - 1)].apply(&left, &right).low_u64()
    }
    /// One operand.
    Unary = fn unary(_m, negate, width, operand, to) {
        // SAFETY: the arena, the frame or constants.
        let operand = unsafe { bits(operand, width) };
        let op = if negate == 0 { UnaryOp::Not } else { UnaryOp::Neg };
        let result = match op {
            UnaryOp::Not => operand.not(),
            UnaryOp::Neg => operand.neg(),
        };
        // SAFETY: the arena.
        unsafe { store(to, &result) }
        0
    }
    /// A slice.
    Slice = fn slice(_m, width, of, high, low, to) {
        // SAFETY: the arena, the frame or constants.
        let of = unsafe { bits(of, width) };
        // SAFETY: the arena.
        unsafe { store(to, &of.slice(high as u32, low as u32)) }
        0
    }
    /// Another width. Widths are the old one above the new one.
    Resize = fn resize(_m, widths, of, signed, to) {
        // SAFETY: the arena, the frame or constants.
        let of = unsafe { bits(of, widths >> 32) };
        // SAFETY: the arena.
        unsafe { store(to, &of.resize(widths as u32, signed != 0)) }
        0
    }
    /// Stores bits `high` to `low` into a value in place.
    StoreSlice = fn store_slice(_m, width, place, high, low, value) {
        // SAFETY: the frame; the value is in the arena, the frame or a constant.
        let (old, value) = unsafe { (bits(place, width), bits(value, high - low + 1)) };
        // SAFETY: the frame.
        unsafe { store(place, &old.with_slice(high as u32, low as u32, &value)) }
        0
    }
    /// A value as an index: all ones if it is too large for one.
    Index = fn index(_m, from, count) {
        // SAFETY: the arena, the frame or a constant.
        match unsafe { words(from, count as usize) } {
            [low, high @ ..] if high.iter().all(|limb| *limb == 0) => *low,
            _ => u64::MAX,
        }
    }
}

/// Takes what was looked up ahead, if that is what is looked up now: in this table, by this packet's key.
#[inline]
fn ahead(m: &mut Machine<'_, '_>, table: TableId, is_key: impl FnOnce(&[u64], usize) -> bool) -> Option<u64> {
    let ahead = m.ahead.as_mut().filter(|ahead| ahead.table() == table)?;
    if !is_key(&m.scratch.keys, m.lane) {
        return None;
    }
    Some(ahead.take(m.lane, &mut m.found))
}

fn packet_of<'a>(m: &'a Machine<'_, '_>) -> &'a [u8] {
    let (bytes, len) = m.packet();
    // SAFETY: the packet is not changed before the pass ends.
    unsafe { std::slice::from_raw_parts(bytes, len) }
}

/// Packets and bytes that a counter counts.
fn counted(m: &Machine<'_, '_>) -> (u64, u64) {
    let intrinsics = m.intrinsics();
    (u64::from(intrinsics.packets), u64::from(intrinsics.packet_length))
}

fn payload_of<'a>(m: &Machine<'a, '_>) -> &'a [u8] {
    let (bytes, len) = m.packet();
    // SAFETY: the packet is not changed before the pass ends, for which the machine is borrowed.
    let packet: &'a [u8] = unsafe { std::slice::from_raw_parts(bytes, len) };
    packet.get(m.cursor_bytes()..).unwrap_or(&[])
}

fn element_of(m: &Machine<'_, '_>, stack: u64, index: u64) -> Option<HeaderId> {
    let stack = m.program.program.stacks.get(StackId::from_u32(stack as u32))?;
    stack.elements.get(usize::try_from(index).ok()?).copied()
}

fn header_of(number: u64) -> Option<HeaderId> {
    (number != NO_HEADER).then(|| HeaderId::from_u32(number as u32))
}

fn invalidate(m: &mut Machine<'_, '_>, header: HeaderId) {
    let word = m.program.layout.headers[header].word;
    // SAFETY: within the frame.
    unsafe { *m.frame().add(word) = 0 }
}

fn invalidate_siblings(m: &mut Machine<'_, '_>, header: HeaderId) {
    let program = m.program;
    if let Some(union) = program.program.headers[header].union {
        for member in program.program.unions[union].members.iter().filter(|member| **member != header) {
            invalidate(m, *member);
        }
    }
}

fn move_header(m: &mut Machine<'_, '_>, to: HeaderId, from: HeaderId) {
    let layout = &m.program.layout;
    let (to, from) = (&layout.headers[to], &layout.headers[from]);
    let (to, from, count) = (to.word, from.word, layout.types[from.ty].words);
    let frame = m.frame();
    // SAFETY: both lie within the frame, being of one type.
    unsafe { std::ptr::copy(frame.add(from), frame.add(to), count) }
}

fn fill_header(m: &mut Machine<'_, '_>, header: HeaderId, at_bytes: usize, varbit_bits: u32) {
    let program = m.program;
    let slot = &program.layout.headers[header];
    let ty = &program.layout.types[slot.ty];
    // SAFETY: within the frame, which is no part of the packet.
    let own = unsafe { words_mut(m.frame().add(slot.word) as u64, ty.words) };
    own[0] = 1;
    let len_bytes = ty.fixed_bits as usize / 8;
    let lies_in = packet_of(m).get(at_bytes..at_bytes + len_bytes).unwrap_or(&[]);
    if program.loads.take(slot.ty, lies_in, own) {
        return invalidate_siblings(m, header);
    }
    let mut at = 8 * at_bytes;
    for field in &slot.fields {
        let width = match field.ty {
            Ty::Bits(width) => width,
            Ty::Varbit(_) => {
                own[field.word - slot.word] = u64::from(varbit_bits);
                varbit_bits
            }
        };
        let limbs = field.limbs() - slot.word;
        bitstring::load_limbs(packet_of(m), at, width, &mut own[limbs..limbs + field.limb_count()]);
        at += width as usize;
    }
    invalidate_siblings(m, header);
}

/// Appends a header; gives the front's length then.
fn emit_header(m: &mut Machine<'_, '_>, header: HeaderId, len_bytes: usize) -> usize {
    let program = m.program;
    let slot = &program.layout.headers[header];
    let count = program.layout.types[slot.ty].words;
    // SAFETY: within the frame.
    let own = unsafe { words(m.frame().add(slot.word) as u64, count) };
    let string = &mut m.scratch.hashed;
    string.clear();
    for field in &slot.fields {
        let width = match field.ty {
            Ty::Bits(width) => width,
            Ty::Varbit(max) => (own[field.word - slot.word] as u32).min(max),
        };
        let limbs = &own[field.limbs() - slot.word..];
        string.push_limbs(width, |limb| limbs[limb]);
    }
    let appended = string.bytes().len();
    m.grow_front(len_bytes, appended);
    let scratch = &mut *m.scratch;
    scratch.front[len_bytes..len_bytes + appended].copy_from_slice(scratch.hashed.bytes());
    len_bytes + appended
}
