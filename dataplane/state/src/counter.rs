//! Counters: cells of each worker's own, summed when read.
//!
//! Invariant: a worker's cell is written by that worker alone, so counting is a load and a store. What the control
//! plane writes is a base that the workers' cells are added to.

use std::sync::atomic::{AtomicU64, Ordering};

use heddle_ir::CounterUnit;

use crate::cells::Cells;
use crate::memory::{Array, NoMemory};
use crate::slots::Slots;
use crate::update::CounterValue;

/// Words of a cell.
pub(crate) fn cell_words(unit: CounterUnit) -> usize {
    match unit {
        CounterUnit::Packets | CounterUnit::Bytes => 1,
        CounterUnit::PacketsAndBytes => 2,
    }
}

/// Adds to a word that nobody else adds to.
#[inline]
fn add(word: &AtomicU64, amount: u64) {
    word.store(word.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}

/// Counts packets in the cell that begins with a word.
#[inline]
fn count<'a>(
    unit: CounterUnit,
    at: usize,
    packets: u64,
    bytes: u64,
    word: impl Fn(usize) -> Option<&'a AtomicU64>,
) {
    let (packets_at, bytes_at) = match unit {
        CounterUnit::Packets => (Some(at), None),
        CounterUnit::Bytes => (None, Some(at)),
        CounterUnit::PacketsAndBytes => (Some(at), Some(at + 1)),
    };
    if let Some(word) = packets_at.and_then(&word) {
        add(word, packets);
    }
    if let Some(word) = bytes_at.and_then(&word) {
        add(word, bytes);
    }
}

/// A value from the words of a cell.
fn value(unit: CounterUnit, word: impl Fn(usize) -> u64) -> CounterValue {
    match unit {
        CounterUnit::Packets => CounterValue { packets: word(0), bytes: 0 },
        CounterUnit::Bytes => CounterValue { packets: 0, bytes: word(0) },
        CounterUnit::PacketsAndBytes => CounterValue { packets: word(0), bytes: word(1) },
    }
}

/// The words of a cell from a value.
fn words(unit: CounterUnit, value: CounterValue) -> ([u64; 2], usize) {
    match unit {
        CounterUnit::Packets => ([value.packets, 0], 1),
        CounterUnit::Bytes => ([value.bytes, 0], 1),
        CounterUnit::PacketsAndBytes => ([value.packets, value.bytes], 2),
    }
}

/// An indirect counter.
pub(crate) struct Counter {
    unit: CounterUnit,
    size: u64,
    workers: Box<[Array<AtomicU64>]>,
    base: Array<AtomicU64>,
}

impl Counter {
    /// All zero.
    pub(crate) fn new(unit: CounterUnit, size: u64, workers: usize) -> Result<Counter, NoMemory> {
        let len = usize::try_from(size).ok().and_then(|s| s.checked_mul(cell_words(unit))).ok_or(NoMemory)?;
        let workers = (0..workers).map(|_| Array::new(len)).collect::<Result<_, _>>()?;
        Ok(Counter { unit, size, workers, base: Array::new(len)? })
    }

    /// Cells.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// A worker's cells for compiled code.
    pub(crate) fn cells(&self, worker: usize) -> Cells {
        self.workers.get(worker).map_or(Cells::NONE, |words| Cells::new(words, self.size))
    }

    /// Counts a packet. Out of range does nothing.
    #[inline]
    pub(crate) fn count(&self, worker: usize, index: u64, packets: u64, bytes: u64) {
        let (true, Some(cells)) = (index < self.size, self.workers.get(worker)) else { return };
        count(self.unit, index as usize * cell_words(self.unit), packets, bytes, |at| cells.get(at));
    }

    fn sum(&self, at: usize) -> u64 {
        let of = |cells: &Array<AtomicU64>| cells.get(at).map_or(0, |w| w.load(Ordering::Relaxed));
        self.workers.iter().map(of).fold(of(&self.base), u64::wrapping_add)
    }

    /// What was counted.
    pub(crate) fn value(&self, index: u64) -> Option<CounterValue> {
        let at = (index < self.size).then_some(index as usize * cell_words(self.unit))?;
        Some(value(self.unit, |word| self.sum(at + word)))
    }

    /// Sets a cell. Only the writer calls this; nothing that workers count meanwhile is lost.
    pub(crate) fn set(&self, index: u64, value: CounterValue) {
        if index >= self.size {
            return;
        }
        let (words, count) = words(self.unit, value);
        for (i, wanted) in words.iter().take(count).enumerate() {
            let at = index as usize * count + i;
            if let Some(base) = self.base.get(at) {
                add(base, wanted.wrapping_sub(self.sum(at)));
            }
        }
    }
}

/// The direct counter of a table: a cell per slot.
pub(crate) struct DirectCounter {
    unit: CounterUnit,
    workers: Box<[Slots<AtomicU64>]>,
    base: Slots<AtomicU64>,
}

impl DirectCounter {
    /// No cells.
    pub(crate) fn new(unit: CounterUnit, workers: usize) -> DirectCounter {
        DirectCounter { unit, workers: (0..workers).map(|_| Slots::new()).collect(), base: Slots::new() }
    }

    /// What it counts.
    pub(crate) fn unit(&self) -> CounterUnit {
        self.unit
    }

    /// Adds to a cell. Only the writer calls this.
    pub(crate) fn add(&self, slot: u32, value: CounterValue) {
        let (words, count) = words(self.unit, value);
        for (i, amount) in words.iter().take(count).enumerate() {
            if let Some(base) = self.base.get(slot as usize * count + i) {
                add(base, *amount);
            }
        }
    }

    /// Makes the cell of a slot be there. Only the writer calls this.
    pub(crate) fn ensure(&self, slot: u32) -> Result<(), NoMemory> {
        let words = cell_words(self.unit);
        for at in (0..words).map(|i| slot as usize * words + i) {
            self.workers.iter().chain([&self.base]).try_for_each(|cells| cells.ensure(at))?;
        }
        Ok(())
    }

    /// Counts a packet.
    #[inline]
    pub(crate) fn count(&self, worker: usize, slot: u32, packets: u64, bytes: u64) {
        let Some(cells) = self.workers.get(worker) else { return };
        count(self.unit, slot as usize * cell_words(self.unit), packets, bytes, |at| cells.get(at));
    }

    fn sum(&self, at: usize) -> u64 {
        let of = |cells: &Slots<AtomicU64>| cells.get(at).map_or(0, |w| w.load(Ordering::Relaxed));
        self.workers.iter().map(of).fold(of(&self.base), u64::wrapping_add)
    }

    /// What was counted.
    pub(crate) fn value(&self, slot: u32) -> CounterValue {
        let at = slot as usize * cell_words(self.unit);
        value(self.unit, |word| self.sum(at + word))
    }

    /// Sets a cell. Only the writer calls this.
    pub(crate) fn set(&self, slot: u32, value: CounterValue) {
        let (words, count) = words(self.unit, value);
        for (i, wanted) in words.iter().take(count).enumerate() {
            let at = slot as usize * count + i;
            if let Some(base) = self.base.get(at) {
                add(base, wanted.wrapping_sub(self.sum(at)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_summed_and_writes_lose_nothing() {
        for unit in [CounterUnit::Packets, CounterUnit::Bytes, CounterUnit::PacketsAndBytes] {
            let counter = Counter::new(unit, 3, 2).expect("memory");
            let of = |packets, bytes| match unit {
                CounterUnit::Packets => CounterValue { packets, bytes: 0 },
                CounterUnit::Bytes => CounterValue { packets: 0, bytes },
                CounterUnit::PacketsAndBytes => CounterValue { packets, bytes },
            };
            counter.count(0, 2, 1, 100);
            counter.count(1, 2, 1, 50);
            counter.count(1, 1, 1, 7);
            counter.count(1, 3, 1, 7);
            counter.count(2, 2, 1, 7);
            assert_eq!(counter.value(2), Some(of(2, 150)));
            assert_eq!(counter.value(1), Some(of(1, 7)));
            assert_eq!(counter.value(3), None);
            counter.set(2, CounterValue { packets: 1_000, bytes: 5 });
            assert_eq!(counter.value(2), Some(of(1_000, 5)));
            counter.count(0, 2, 1, 1);
            assert_eq!(counter.value(2), Some(of(1_001, 6)));
            assert_eq!(counter.value(1), Some(of(1, 7)));

            let direct = DirectCounter::new(unit, 2);
            direct.count(0, 70, 1, 9);
            assert_eq!(direct.value(70), CounterValue::default());
            direct.ensure(70).expect("memory");
            direct.count(0, 70, 1, 9);
            direct.count(1, 70, 1, 1);
            assert_eq!(direct.value(70), of(2, 10));
            direct.set(70, CounterValue::default());
            assert_eq!(direct.value(70), CounterValue::default());
        }
    }
}
