//! Cells of registers and counters, read and written where they are.
//!
//! Invariant: an index beyond the cells leads to a word of the machine's own, so that no branch is needed: reads give
//! zero there and writes do nothing that anyone sees.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use heddle_exec::Intrinsics;
use heddle_ir::{CounterId, CounterUnit, RegisterId};
use heddle_state::Cells;

use super::value::Val;
use super::{Coder, Limb};
use crate::machine::field;

const WORD_BYTES: u64 = 8;

impl Coder<'_, '_> {
    /// The value of a register's cell, of at most 64 bits.
    pub(super) fn register_in_place(&mut self, register: RegisterId, index: Limb) -> Value {
        let cell = self.cell(field::REGISTERS, register.as_u32(), index, WORD_BYTES, field::ZERO);
        self.builder.ins().load(types::I64, MemFlagsData::trusted(), cell, 0)
    }

    /// Sets a register's cell, of at most 64 bits, to a value of a width.
    pub(super) fn set_register_in_place(
        &mut self,
        register: RegisterId,
        index: Limb,
        value: Limb,
        width: u32,
    ) {
        let cut = self.resize(&Val::word(width, value), self.program().registers[register].width, false);
        let value = self.low_limb(&cut);
        let value = self.word_value(value);
        let cell = self.cell(field::REGISTERS, register.as_u32(), index, WORD_BYTES, field::SINK);
        self.builder.ins().store(MemFlagsData::trusted(), value, cell, 0);
    }

    /// Counts the packet in a cell of an indirect counter.
    pub(super) fn count_in_place(&mut self, counter: CounterId, index: Limb) {
        let unit = self.program().counters[counter].unit;
        let packets = (offset_of!(Intrinsics, packets), 0);
        let (words, counts) = match unit {
            CounterUnit::Packets => (1, vec![packets]),
            CounterUnit::Bytes => (1, vec![(offset_of!(Intrinsics, packet_length), 0)]),
            CounterUnit::PacketsAndBytes => {
                (2, vec![packets, (offset_of!(Intrinsics, packet_length), WORD_BYTES as i32)])
            }
        };
        let cell = self.cell(field::COUNTERS, counter.as_u32(), index, words * WORD_BYTES, field::SINK);
        let intrinsics = self.fetch(field::INTRINSICS);
        for (amount, at) in counts {
            let amount =
                self.builder.ins().load(types::I32, MemFlagsData::trusted(), intrinsics, amount as i32);
            let amount = self.builder.ins().uextend(types::I64, amount);
            let before = self.builder.ins().load(types::I64, MemFlagsData::trusted(), cell, at);
            let after = self.builder.ins().iadd(before, amount);
            self.builder.ins().store(MemFlagsData::trusted(), after, cell, at);
        }
    }

    /// The address of a cell, or of what stands for those that are not there.
    fn cell(&mut self, arrays: i32, number: u32, index: Limb, cell_bytes: u64, beyond: i32) -> Value {
        let arrays = self.fetch(arrays);
        let at = (number as usize * size_of::<Cells>()) as i32;
        let flags = MemFlagsData::trusted();
        let words = self.builder.ins().load(types::I64, flags, arrays, at + Cells::WORDS_OFFSET as i32);
        let count = self.builder.ins().load(types::I64, flags, arrays, at + Cells::COUNT_OFFSET as i32);
        let index = self.word_value(index);
        let is_there = self.builder.ins().icmp(IntCC::UnsignedLessThan, index, count);
        let offset = self.builder.ins().ishl_imm_u(index, i64::from(cell_bytes.trailing_zeros()));
        let cell = self.builder.ins().iadd(words, offset);
        let beyond = self.builder.ins().iadd_imm_s(self.machine, i64::from(beyond));
        self.builder.ins().select(is_there, cell, beyond)
    }
}
