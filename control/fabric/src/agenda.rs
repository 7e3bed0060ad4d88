//! What is due when: events in order of time and, at one time, in the order in which they were put there.
//!
//! A calendar (Brown, Communications of the ACM 31, 1988): what is due soon lies by the slice of time that it is due in, unsorted
//! until its slice has come; what is due later lies in a heap until its slice is one of those. Most of a fabric's events
//! are due within a packet's way through it, so that putting one there and taking it out are a few instructions, however many there are.
//!
//! Invariant: nothing is put in for a time before that of what was taken out last, and everything in `soon` is due in the slice
//! that has come, which `soon` has in descending order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A slice is so many nanoseconds long, as a power of two; and so many slices are looked at, a power of two as well.
const SLICE_SHIFT: u32 = 3;
const SLICES: usize = 1 << 13;
const WORDS: usize = SLICES / 64;

#[derive(Debug)]
struct Due<E> {
    time_ns: u64,
    sequence: u64,
    event: E,
}

impl<E> Due<E> {
    fn key(&self) -> (u64, u64) {
        (self.time_ns, self.sequence)
    }
}

impl<E> PartialEq for Due<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Due<E> {}

impl<E> PartialOrd for Due<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Due<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Events of a kind.
#[derive(Debug)]
pub(crate) struct Agenda<E> {
    sequence: u64,
    /// Number of the slice that has come: its times shifted.
    slice: u64,
    soon: Vec<Due<E>>,
    /// By the low bits of their numbers, the slices after it.
    slices: Vec<Vec<Due<E>>>,
    /// Which of them hold anything.
    occupied: [u64; WORDS],
    later: BinaryHeap<Reverse<Due<E>>>,
}

impl<E> Agenda<E> {
    pub(crate) fn new() -> Self {
        Self {
            sequence: 0,
            slice: 0,
            soon: Vec::new(),
            slices: (0..SLICES).map(|_| Vec::new()).collect(),
            occupied: [0; WORDS],
            later: BinaryHeap::new(),
        }
    }

    /// Puts in what is due at a time.
    pub(crate) fn put(&mut self, time_ns: u64, event: E) {
        self.sequence += 1;
        let due = Due { time_ns, sequence: self.sequence, event };
        let slice = time_ns >> SLICE_SHIFT;
        if slice <= self.slice {
            let at = self.soon.partition_point(|other| *other > due);
            self.soon.insert(at, due);
        } else if slice - self.slice < SLICES as u64 {
            self.put_into(slice, due);
        } else {
            self.later.push(Reverse(due));
        }
    }

    /// Takes out what is due first, with its time.
    pub(crate) fn take(&mut self) -> Option<(u64, E)> {
        if self.soon.is_empty() {
            self.turn();
        }
        self.soon.pop().map(|due| (due.time_ns, due.event))
    }

    fn put_into(&mut self, slice: u64, due: Due<E>) {
        let index = slice as usize % SLICES;
        self.occupied[index / 64] |= 1 << (index % 64);
        self.slices[index].push(due);
    }

    /// Goes on to the next slice that holds anything.
    fn turn(&mut self) {
        let of_later = self.later.peek().map(|Reverse(due)| due.time_ns >> SLICE_SHIFT);
        let Some(next) = self.next_occupied().into_iter().chain(of_later).min() else { return };
        self.slice = next;
        let index = next as usize % SLICES;
        self.occupied[index / 64] &= !(1 << (index % 64));
        std::mem::swap(&mut self.soon, &mut self.slices[index]);
        // What was too far off may not be any more.
        while let Some(Reverse(due)) = self.later.peek()
            && (due.time_ns >> SLICE_SHIFT) - next < SLICES as u64
        {
            let Some(Reverse(due)) = self.later.pop() else { break };
            match due.time_ns >> SLICE_SHIFT {
                slice if slice == next => self.soon.push(due),
                slice => self.put_into(slice, due),
            }
        }
        self.soon.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// The number of the first slice after this one that holds anything.
    fn next_occupied(&self) -> Option<u64> {
        let first = self.slice as usize % SLICES + 1;
        // From the one after this on, round to this one.
        let ahead = (0..=WORDS).find_map(|turn| {
            let word = (first / 64 + turn) % WORDS;
            let seen = match turn {
                0 => self.occupied[word] & (u64::MAX << (first % 64)),
                _ => self.occupied[word],
            };
            (seen != 0).then(|| word * 64 + seen.trailing_zeros() as usize)
        });
        ahead.map(|index| self.slice + 1 + ((index + SLICES - first % SLICES) % SLICES) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_order_of_time_then_of_putting() {
        let mut random = fastrand::Rng::with_seed(7);
        let (mut agenda, mut heap) = (Agenda::new(), BinaryHeap::new());
        let (mut now_ns, mut number) = (0u64, 0u64);
        for round in 0..200_000 {
            // As long as the first half lasts there are more put in than taken out; none are left at the end.
            for _ in 0..random.usize(..if round < 100_000 { 4 } else { 2 }) {
                let ahead_ns = match random.u32(..10) {
                    0 => 0,
                    1..=7 => random.u64(..2_000),
                    8 => random.u64(..200_000),
                    _ => random.u64(..50_000_000),
                };
                number += 1;
                agenda.put(now_ns + ahead_ns, number);
                heap.push(Reverse((now_ns + ahead_ns, number)));
            }
            let taken = agenda.take();
            assert_eq!(taken, heap.pop().map(|Reverse(due)| due));
            now_ns = taken.map_or(now_ns, |(time_ns, _)| time_ns);
        }
        while let Some(Reverse(due)) = heap.pop() {
            assert_eq!(agenda.take(), Some(due));
        }
        assert_eq!(agenda.take(), None);
    }
}
