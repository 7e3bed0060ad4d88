//! Register arrays, and the sections in which several of them change as one.
//!
//! A cell of at most 64 bits is one atomic word. A wider one has a version word before its limbs: odd while it is
//! written, so that readers never see half a write; a writer waits only for another that writes the same cell.
//!
//! Invariant: bits of a cell above the register's width are zero.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use crossbeam::utils::CachePadded;
use heddle_ir::{Bits, Probe, RegisterId};

use crate::cells::Cells;
use crate::key::word_count;
use crate::memory::{Array, NoMemory};

/// A register array.
pub(crate) struct Register {
    width: u32,
    size: u64,
    /// Words of a value.
    limbs: usize,
    /// Words of a cell: one more than the limbs if there are several.
    stride: usize,
    words: Array<AtomicU64>,
    /// Held by the `@atomic` section that is under way, if any.
    section: CachePadded<AtomicBool>,
    /// Reads and writes of wide cells that had to wait for a write of the same cell.
    waits: CachePadded<AtomicU64>,
}

/// Words of a cell.
pub(crate) fn cell_words(width: u32) -> usize {
    let limbs = word_count(width);
    if limbs == 1 { 1 } else { limbs + 1 }
}

/// Cells of a declared register: of [`Probe::Hold`] every worker has its own.
pub(crate) fn cell_count(declared: &heddle_ir::Register, workers: usize) -> u64 {
    let is_own = declared.control.name == Probe::Hold.name();
    declared.size.saturating_mul(if is_own { workers as u64 } else { 1 })
}

impl Register {
    /// All cells at the initial value.
    pub(crate) fn new(width: u32, size: u64, initial: &Bits) -> Result<Register, NoMemory> {
        let (limbs, stride) = (word_count(width), cell_words(width));
        let len = usize::try_from(size).ok().and_then(|s| s.checked_mul(stride)).ok_or(NoMemory)?;
        let words = Array::new(len)?;
        let register = Register {
            width,
            size,
            limbs,
            stride,
            words,
            section: CachePadded::default(),
            waits: CachePadded::default(),
        };
        if !initial.is_zero() {
            let initial: Vec<u64> = (0..limbs).map(|i| initial.limb(i)).collect();
            (0..size).for_each(|index| register.write(index, &initial));
        }
        Ok(register)
    }

    /// Reads and writes of cells of more than 64 bits that had to wait for a write of the same cell.
    pub(crate) fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    fn count_wait(&self, waited: bool) {
        if waited {
            self.waits.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Its cells for compiled code; none if they are wider than a word.
    pub(crate) fn cells(&self) -> Cells {
        if self.stride == 1 { Cells::new(&self.words, self.size) } else { Cells::NONE }
    }

    /// A worker's own cells of [`Probe::Hold`], as [`Register::cells`].
    pub(crate) fn cells_of(&self, worker: usize) -> Cells {
        let count = Probe::Hold.cells();
        let from = worker * count as usize;
        self.words.get(from..from + count as usize).map_or(Cells::NONE, |words| Cells::new(words, count))
    }

    /// Cells.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The bits of a limb that belong to the value.
    #[inline]
    fn limb_mask(&self, limb: usize) -> u64 {
        match (self.width as usize).saturating_sub(limb * 64) {
            bits @ 0..64 => (1 << bits) - 1,
            _ => u64::MAX,
        }
    }

    #[inline]
    fn cell(&self, index: u64) -> Option<&[AtomicU64]> {
        if index >= self.size {
            return None;
        }
        let from = index as usize * self.stride;
        self.words.get(from..from + self.stride)
    }

    /// The word of a cell of at most 64 bits.
    #[inline]
    pub(crate) fn word(&self, index: u64) -> Option<&AtomicU64> {
        if self.stride == 1 { self.words.get(usize::try_from(index).ok()?) } else { None }
    }

    /// The low limb of a cell.
    #[inline]
    pub(crate) fn get(&self, index: u64) -> u64 {
        match self.word(index) {
            Some(word) => word.load(Ordering::Relaxed),
            None => {
                let mut value = [0];
                self.read(index, &mut value);
                value[0]
            }
        }
    }

    /// Sets a cell of at most 64 bits, or the low limb of a wider one and the others to zero.
    #[inline]
    pub(crate) fn set(&self, index: u64, value: u64) {
        match self.word(index) {
            Some(word) => word.store(value & self.limb_mask(0), Ordering::Relaxed),
            None => self.write(index, &[value]),
        }
    }

    /// Reads a cell; zeros out of range and beyond the width.
    pub(crate) fn read(&self, index: u64, value: &mut [u64]) {
        value.fill(0);
        match self.cell(index) {
            None => {}
            Some([word]) => {
                if let Some(low) = value.first_mut() {
                    *low = word.load(Ordering::Relaxed);
                }
            }
            Some([version, limbs @ ..]) => {
                let mut waited = false;
                loop {
                    let before = version.load(Ordering::Acquire);
                    if before % 2 == 0 {
                        for (to, limb) in value.iter_mut().zip(limbs) {
                            *to = limb.load(Ordering::Relaxed);
                        }
                        fence(Ordering::Acquire);
                        if version.load(Ordering::Relaxed) == before {
                            return self.count_wait(waited);
                        }
                    }
                    waited = true;
                    std::hint::spin_loop();
                }
            }
            Some([]) => {}
        }
    }

    /// Writes a cell, cut off or extended with zeros; out of range does nothing.
    pub(crate) fn write(&self, index: u64, value: &[u64]) {
        let limb = |i: usize| value.get(i).copied().unwrap_or(0) & self.limb_mask(i);
        match self.cell(index) {
            None | Some([]) => {}
            Some([word]) => word.store(limb(0), Ordering::Relaxed),
            Some([version, limbs @ ..]) => {
                let mut before = version.load(Ordering::Relaxed);
                let mut waited = false;
                loop {
                    if before % 2 == 0 {
                        match version.compare_exchange_weak(
                            before,
                            before.wrapping_add(1),
                            Ordering::Acquire,
                            Ordering::Relaxed,
                        ) {
                            Ok(_) => break,
                            Err(now) => before = now,
                        }
                    } else {
                        waited = true;
                        std::hint::spin_loop();
                        before = version.load(Ordering::Relaxed);
                    }
                }
                // No limb may be seen before the odd version.
                fence(Ordering::Release);
                for (i, word) in limbs.iter().enumerate() {
                    word.store(limb(i), Ordering::Relaxed);
                }
                version.store(before.wrapping_add(2), Ordering::Release);
                self.count_wait(waited);
            }
        }
    }

    /// The value of a cell.
    pub(crate) fn value(&self, index: u64) -> Option<Bits> {
        if index >= self.size {
            return None;
        }
        let mut limbs = vec![0; self.limbs];
        self.read(index, &mut limbs);
        Some(Bits::from_limbs(self.width, &limbs))
    }
}

/// The registers of an `@atomic` section, made once when a program is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AtomicSet {
    /// Ascending and without duplicates, so that two sections can never wait for each other.
    registers: Vec<RegisterId>,
}

impl FromIterator<RegisterId> for AtomicSet {
    fn from_iter<I: IntoIterator<Item = RegisterId>>(registers: I) -> AtomicSet {
        let mut registers: Vec<RegisterId> = registers.into_iter().collect();
        registers.sort_unstable();
        registers.dedup();
        AtomicSet { registers }
    }
}

impl AtomicSet {
    /// The registers, ascending.
    pub fn registers(&self) -> &[RegisterId] {
        &self.registers
    }
}

/// An `@atomic` section under way; ends when dropped.
#[must_use]
pub struct AtomicSection<'s> {
    registers: &'s [Arc<Register>],
    set: &'s AtomicSet,
}

impl<'s> AtomicSection<'s> {
    /// Waits until no other section holds a register of the set. Counts one wait if there was any.
    pub(crate) fn enter(
        registers: &'s [Arc<Register>],
        set: &'s AtomicSet,
        waits: &AtomicU64,
    ) -> AtomicSection<'s> {
        let mut waited = false;
        for register in set.registers.iter().filter_map(|id| registers.get(id.as_u32() as usize)) {
            while register
                .section
                .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
                .is_err()
            {
                if register.section.load(Ordering::Relaxed) {
                    waited = true;
                    std::hint::spin_loop();
                }
            }
        }
        if waited {
            waits.fetch_add(1, Ordering::Relaxed);
        }
        AtomicSection { registers, set }
    }
}

impl Drop for AtomicSection<'_> {
    fn drop(&mut self) {
        for register in self.set.registers.iter().filter_map(|id| self.registers.get(id.as_u32() as usize)) {
            register.section.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_cells_are_cut_to_their_width() {
        let register = Register::new(12, 4, &Bits::new(12, 0xabc)).expect("memory");
        assert_eq!(register.get(3), 0xabc);
        register.set(3, 0xf_1234);
        assert_eq!(register.get(3), 0x234);
        register.set(4, 1);
        assert_eq!(register.get(4), 0);
        assert_eq!(register.value(3), Some(Bits::new(12, 0x234)));
        assert_eq!(register.value(4), None);
        assert!(register.word(3).is_some() && register.word(4).is_none());
        let nothing = Register::new(0, 2, &Bits::zero(0)).expect("memory");
        nothing.set(1, 5);
        assert_eq!(nothing.get(1), 0);
        let whole = Register::new(64, 2, &Bits::ones(64)).expect("memory");
        assert_eq!(whole.get(0), u64::MAX);
    }

    #[test]
    fn wide_cells_keep_their_width() {
        let register = Register::new(100, 2, &Bits::zero(100)).expect("memory");
        register.write(1, &[u64::MAX, u64::MAX, 7]);
        let mut value = [9; 4];
        register.read(1, &mut value);
        assert_eq!(value, [u64::MAX, (1 << 36) - 1, 0, 0]);
        register.read(0, &mut value);
        assert_eq!(value, [0; 4]);
        register.write(2, &[1]);
        register.read(2, &mut value);
        assert_eq!(value, [0; 4]);
        assert_eq!(register.get(1), u64::MAX);
        assert!(register.word(1).is_none());
    }

    #[test]
    fn wide_cells_are_never_seen_half_written() {
        let register = Register::new(256, 1, &Bits::zero(256)).expect("memory");
        std::thread::scope(|scope| {
            for writer in 1..3u64 {
                let register = &register;
                scope.spawn(move || (0..20_000u64).for_each(|i| register.write(0, &[i * 2 + writer; 4])));
            }
            for _ in 0..20_000 {
                let mut value = [0; 4];
                register.read(0, &mut value);
                assert!(value.iter().all(|limb| *limb == value[0]), "{value:?}");
            }
        });
    }

    #[test]
    fn waiting_for_a_wide_cell_is_counted() {
        let register = Register::new(256, 1, &Bits::zero(256)).expect("memory");
        register.write(0, &[1; 4]);
        assert_eq!(register.waits(), 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Until somebody had to wait, which the loop below sees to.
                while register.waits() == 0 {
                    let mut value = [0; 4];
                    register.read(0, &mut value);
                    assert!(value.iter().all(|limb| *limb == value[0]), "{value:?}");
                }
            });
            let mut round = 0u64;
            while register.waits() == 0 {
                round += 1;
                register.write(0, &[round; 4]);
            }
        });
        assert!(register.waits() > 0);
    }

    #[test]
    fn sections_exclude_each_other() {
        let register = || Arc::new(Register::new(32, 1, &Bits::zero(32)).expect("memory"));
        let registers = [register(), register()];
        let waits = AtomicU64::new(0);
        let (a, b) = (RegisterId::from_u32(0), RegisterId::from_u32(1));
        std::thread::scope(|scope| {
            for order in [[a, b], [b, a]] {
                let (registers, waits) = (&registers, &waits);
                scope.spawn(move || {
                    let set: AtomicSet = order.into_iter().chain(order).collect();
                    assert_eq!(set.registers(), [a, b]);
                    for _ in 0..20_000 {
                        let section = AtomicSection::enter(registers, &set, waits);
                        let next = registers[0].get(0) + 1;
                        assert_eq!(registers[1].get(0) + 1, next);
                        registers[0].set(0, next);
                        registers[1].set(0, next);
                        drop(section);
                    }
                });
            }
        });
        assert_eq!(registers[0].get(0), 40_000);
    }
}
