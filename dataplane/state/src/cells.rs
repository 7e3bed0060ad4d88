#![allow(unsafe_code)] // Addresses that compiled code reads are shared between threads.
//! Where the cells of registers and counters are, in a form that compiled code reads.
//!
//! Invariant: what is said here is true for as long as the state is there: arrays neither move nor change their size.

use std::mem::offset_of;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use heddle_ir::RegisterId;

use crate::counter::Counter;
use crate::register::Register;

/// An array of words: a register of at most 64 bits with one a cell, or one worker's part of an indirect counter with
/// one or two a cell ([`heddle_ir::CounterUnit`]: packets before bytes).
///
/// Words are read and written like atomics, without any order. Those of a counter are written by its worker alone.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Cells {
    words: *const AtomicU64,
    count: u64,
}

// SAFETY: a shared reference to atomics by another name.
unsafe impl Send for Cells {}
// SAFETY: as above.
unsafe impl Sync for Cells {}

impl Cells {
    /// No cells: what is reached by its own functions only.
    pub const NONE: Cells = Cells { words: ptr::null(), count: 0 };
    /// Where the address of the first word is: a pointer.
    pub const WORDS_OFFSET: usize = offset_of!(Cells, words);
    /// Where the number of cells is: a `u64`. Only those below it are there.
    pub const COUNT_OFFSET: usize = offset_of!(Cells, count);

    pub(crate) fn new(words: &[AtomicU64], count: u64) -> Cells {
        Cells { words: words.as_ptr(), count }
    }
}

/// The cells of a whole state.
#[derive(Debug, Default)]
pub(crate) struct CellMap {
    /// By worker, then by register; the last for workers beyond the last, which have no cells of their own.
    registers: Box<[Box<[Cells]>]>,
    /// By worker, then by counter.
    counters: Box<[Box<[Cells]>]>,
    /// By counter, for workers beyond the last.
    no_counters: Box<[Cells]>,
}

impl CellMap {
    pub(crate) fn new(
        registers: &[Arc<Register>],
        own: Option<RegisterId>,
        counters: &[Option<Arc<Counter>>],
        workers: usize,
    ) -> CellMap {
        let registers_of = |worker: usize| {
            let cells = registers.iter().zip(0..).map(|(register, id)| match own {
                Some(own) if own.as_u32() == id => register.cells_of(worker),
                _ => register.cells(),
            });
            cells.collect()
        };
        let of_worker = |worker: usize| {
            let cells = |counter: &Option<Arc<Counter>>| {
                counter.as_ref().map_or(Cells::NONE, |counter| counter.cells(worker))
            };
            counters.iter().map(cells).collect()
        };
        CellMap {
            registers: (0..=workers).map(registers_of).collect(),
            counters: (0..workers).map(of_worker).collect(),
            no_counters: counters.iter().map(|_| Cells::NONE).collect(),
        }
    }

    pub(crate) fn registers(&self, worker: usize) -> &[Cells] {
        self.registers.get(worker).or(self.registers.last()).map_or(&[], |registers| registers)
    }

    pub(crate) fn counters(&self, worker: usize) -> &[Cells] {
        self.counters.get(worker).unwrap_or(&self.no_counters)
    }
}
