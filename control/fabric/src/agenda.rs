//! What is due when: events in order of time and, at one time, in the order in which they were put there.
//!
//! A calendar (Brown, Communications of the ACM 31, 1988) with a day for every nanosecond: what is due soon is in the list of
//! its nanosecond, what is due later lies in a heap until its nanosecond is one of those. Most of a fabric's events are due
//! within a packet's way through it, so that putting one there and taking it out are a few instructions, however many there
//! are, and nothing is ever sorted.
//!
//! Invariant: nothing is put in for a time before that of what was taken out last; the lists hold what is due from then on and
//! less than [`DAYS`] later, each in the order in which it was put in, and the heap what is due after that. When the first of
//! all is due is always known.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Nanoseconds that have lists: as many as there are bits in words of which one word can say which hold any.
const DAYS: usize = 1 << 10;
const WORDS: usize = DAYS / 64;
const _: () = assert!(WORDS == u16::BITS as usize);
/// The end of a list.
const NONE: u32 = u32::MAX;

/// What is due far off.
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

/// A list of what is due in one nanosecond: positions of its first and last note.
#[derive(Clone, Copy, Debug)]
struct Day {
    first: u32,
    last: u32,
}

/// An event in a list, or a vacant place in the list of those.
#[derive(Debug)]
struct Note<E> {
    event: Option<E>,
    next: u32,
}

/// Events of a kind.
#[derive(Debug)]
pub(crate) struct Agenda<E> {
    /// When what was taken out last was due.
    now_ns: u64,
    /// When the first of all is due.
    next_ns: Option<u64>,
    /// By the low bits of the time.
    days: Box<[Day]>,
    /// Which of them hold anything, and which words of that.
    occupied: [u64; WORDS],
    words: u16,
    notes: Vec<Note<E>>,
    vacant: u32,
    later: BinaryHeap<Reverse<Due<E>>>,
    /// Of what is in the heap.
    sequence: u64,
}

impl<E> Agenda<E> {
    pub(crate) fn new() -> Self {
        Self {
            now_ns: 0,
            next_ns: None,
            days: vec![Day { first: NONE, last: NONE }; DAYS].into_boxed_slice(),
            occupied: [0; WORDS],
            words: 0,
            notes: Vec::new(),
            vacant: NONE,
            later: BinaryHeap::new(),
            sequence: 0,
        }
    }

    /// Puts in what is due at a time.
    pub(crate) fn put(&mut self, time_ns: u64, event: E) {
        debug_assert!(time_ns >= self.now_ns, "{time_ns} is over at {}", self.now_ns);
        if time_ns.saturating_sub(self.now_ns) < DAYS as u64 {
            self.note(time_ns, event);
        } else {
            self.sequence += 1;
            self.later.push(Reverse(Due { time_ns, sequence: self.sequence, event }));
        }
        if self.next_ns.is_none_or(|next_ns| time_ns < next_ns) {
            self.next_ns = Some(time_ns);
        }
    }

    /// When the first of all is due.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.next_ns
    }

    /// What is due first of all; none if it lies in the heap.
    pub(crate) fn first(&self) -> Option<&E> {
        let day = self.days[self.next_ns? as usize % DAYS];
        self.notes.get(day.first as usize)?.event.as_ref()
    }

    /// Takes out what is due first, with its time, if that is before a time.
    pub(crate) fn take_before(&mut self, end_ns: u64) -> Option<(u64, E)> {
        let next_ns = self.next_ns.filter(|next_ns| *next_ns < end_ns)?;
        if next_ns != self.now_ns {
            self.turn_to(next_ns);
        }
        let day = next_ns as usize % DAYS;
        let Day { first, last } = &mut self.days[day];
        let taken = *first;
        let Note { event, next } = &mut self.notes[taken as usize];
        let event = event.take();
        *first = std::mem::replace(next, self.vacant);
        self.vacant = taken;
        if *first == NONE {
            *last = NONE;
            let word = &mut self.occupied[day / 64];
            *word &= !(1 << (day % 64));
            self.words &= !(u16::from(*word == 0) << (day / 64));
            let of_later = self.later.peek().map(|Reverse(due)| due.time_ns);
            // What lies in the heap is due after all that is in lists.
            self.next_ns = self.next_occupied().or(of_later);
        }
        event.map(|event| (self.now_ns, event))
    }

    /// Puts an event at the end of the list of a day.
    fn note(&mut self, time_ns: u64, event: E) {
        let note = Note { event: Some(event), next: NONE };
        let at = match self.notes.get_mut(self.vacant as usize) {
            Some(place) => {
                let at = std::mem::replace(&mut self.vacant, place.next);
                *place = note;
                at
            }
            None => {
                self.notes.push(note);
                self.notes.len() as u32 - 1
            }
        };
        let day = time_ns as usize % DAYS;
        let Day { first, last } = &mut self.days[day];
        let before = std::mem::replace(last, at);
        if before == NONE {
            *first = at;
            self.occupied[day / 64] |= 1 << (day % 64);
            self.words |= 1 << (day / 64);
        } else {
            self.notes[before as usize].next = at;
        }
    }

    /// Goes on to the next day that holds anything.
    fn turn_to(&mut self, next_ns: u64) {
        self.now_ns = next_ns;
        // What was too far off may not be any more. It was put in before anything that will be put in now.
        while let Some(Reverse(due)) = self.later.peek()
            && due.time_ns - self.now_ns < DAYS as u64
        {
            let Some(Reverse(due)) = self.later.pop() else { break };
            self.note(due.time_ns, due.event);
        }
    }

    /// The first day from this one on that holds anything.
    fn next_occupied(&self) -> Option<u64> {
        let today = self.now_ns as usize % DAYS;
        let in_word = self.occupied[today / 64] >> (today % 64);
        if in_word != 0 {
            return Some(self.now_ns + u64::from(in_word.trailing_zeros()));
        }
        // The words after that one, and in the end what comes round to be before today in it.
        let after = self.words.rotate_right(today as u32 / 64 + 1);
        if after == 0 {
            return None;
        }
        let word = (today / 64 + 1 + after.trailing_zeros() as usize) % WORDS;
        let day = word * 64 + self.occupied[word].trailing_zeros() as usize;
        Some(self.now_ns + ((day + DAYS - today) % DAYS) as u64)
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
            let taken = agenda.take_before(u64::MAX);
            assert_eq!(taken, heap.pop().map(|Reverse(due)| due));
            now_ns = taken.map_or(now_ns, |(time_ns, _)| time_ns);
        }
        while let Some(Reverse(due)) = heap.pop() {
            assert_eq!(agenda.take_before(due.0), None);
            assert_eq!(agenda.take_before(u64::MAX), Some(due));
        }
        assert_eq!(agenda.take_before(u64::MAX), None);
    }
}
