//! A fabric part by part: what one part does for a while, then the next, as if all had gone on together.
//!
//! What a part sends another is under way for as long as the cable is long. So for that long no part can tell what the
//! others do (Chandy and Misra, Communications of the ACM 24, 1981), and each may do all that it has to do in such a window at
//! once, while its state and the code that it takes are near the processor, instead of coming back for every packet.
//!
//! Invariant: events of a part happen in the order in which they would if all events were in one agenda, and everything that
//! waits when a window ends waits in that order. For that, what is put in during a window for later is put in when it ends, in
//! the order of the events that did so; and so numbers are given out that tell it. A window is not longer than a list of its
//! nanoseconds may be.

use crate::agenda::Agenda;

/// When among the events of one time: a number that only grows, or, of what was put in during the window under way, its
/// position among what its part has put in.
#[derive(Clone, Copy, Debug)]
enum Order {
    Number(u64),
    Put(u32),
}

/// An event that a part has done in the window under way.
#[derive(Debug)]
struct Done {
    time_ns: u64,
    order: Order,
    /// The first of what it has put in, among what its part has.
    puts_from: u32,
}

/// What was put in during the window under way.
#[derive(Debug)]
struct Put<E> {
    time_ns: u64,
    part: u32,
    /// None: its part has it already.
    event: Option<E>,
    /// 0 until what has put it in is in order.
    number: u64,
}

/// What a part has done and put in during the window under way, each in order.
#[derive(Debug)]
struct Log<E> {
    done: Vec<Done>,
    puts: Vec<Put<E>>,
}

/// The agendas of all parts.
#[derive(Debug)]
pub(crate) struct Windows<E> {
    agendas: Vec<Agenda<(Order, E)>>,
    logs: Vec<Log<E>>,
    /// The last that was given out.
    number: u64,
    /// The part whose turn it is in the window under way, and when that ends.
    turn: Option<usize>,
    end_ns: u64,
    /// By nanosecond of the window that is being ended, the parts that have done anything then, with the position of what is not
    /// in order yet.
    moments: Vec<Vec<(usize, usize)>>,
}

impl<E> Windows<E> {
    pub(crate) fn new(parts: usize) -> Self {
        Self {
            agendas: (0..parts).map(|_| Agenda::new()).collect(),
            logs: (0..parts).map(|_| Log { done: Vec::new(), puts: Vec::new() }).collect(),
            number: 0,
            turn: None,
            end_ns: 0,
            moments: Vec::new(),
        }
    }

    /// When the first event of all is due. Between windows.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.agendas.iter().filter_map(Agenda::next_ns).min()
    }

    /// Begins a part's turn in a window that ends before a time.
    pub(crate) fn begin(&mut self, part: usize, end_ns: u64) {
        (self.turn, self.end_ns) = (Some(part), end_ns);
    }

    /// The next event of the part whose turn it is, with its time; `None` when there are no more in this window.
    pub(crate) fn take(&mut self) -> Option<(u64, E)> {
        let part = self.turn?;
        let (time_ns, (order, event)) = self.agendas[part].take_before(self.end_ns)?;
        let Log { done, puts } = &mut self.logs[part];
        done.push(Done { time_ns, order, puts_from: puts.len() as u32 });
        Some((time_ns, event))
    }

    /// What the part whose turn it is will be given next, unless something is put in for before it.
    pub(crate) fn following(&self) -> Option<&E> {
        let (_, event) = self.agendas[self.turn?].first()?;
        Some(event)
    }

    /// Puts in what is due at a time: in a window for the part whose turn it is, or for any when the window is over.
    pub(crate) fn put(&mut self, part: usize, time_ns: u64, event: E) {
        let Some(turn) = self.turn else {
            self.number += 1;
            return self.agendas[part].put(time_ns, (Order::Number(self.number), event));
        };
        let puts = &mut self.logs[turn].puts;
        let mut put = Put { time_ns, part: part as u32, event: None, number: 0 };
        if time_ns < self.end_ns {
            debug_assert_eq!(part, turn, "a part is told of what another does before it can be");
            self.agendas[part].put(time_ns, (Order::Put(puts.len() as u32), event));
        } else {
            put.event = Some(event);
        }
        puts.push(put);
    }

    /// Ends the window: numbers what was put in, and hands over what is due later, as if all parts had gone on together.
    pub(crate) fn end(&mut self) {
        self.turn = None;
        let begins = self.logs.iter().filter_map(|log| log.done.first());
        let Some(begin_ns) = begins.map(|done| done.time_ns).min() else { return };
        for (part, log) in self.logs.iter().enumerate() {
            let mut before_ns = None;
            for (at, done) in log.done.iter().enumerate() {
                if before_ns != Some(done.time_ns) {
                    before_ns = Some(done.time_ns);
                    let moment = (done.time_ns - begin_ns) as usize;
                    if moment >= self.moments.len() {
                        self.moments.resize_with(moment + 1, Vec::new);
                    }
                    self.moments[moment].push((part, at));
                }
            }
        }
        let (mut moments, mut known) = (std::mem::take(&mut self.moments), Vec::new());
        for heads in &mut moments {
            // What an event has put in for its own time is in order after all that was known before it.
            while !heads.is_empty() {
                heads.retain_mut(|(part, at)| self.take_known(*part, at, &mut known));
                known.sort_unstable();
                for (_, part, at) in known.drain(..) {
                    self.hand_over(part, at);
                }
            }
        }
        self.moments = moments;
        for Log { done, puts } in &mut self.logs {
            done.clear();
            puts.clear();
        }
    }

    /// Takes the events of a part from a position on that are of one time, by their numbers, up to the first that has none yet.
    /// Whether there is one.
    fn take_known(&self, part: usize, at: &mut usize, known: &mut Vec<(u64, usize, usize)>) -> bool {
        let Log { done, puts } = &self.logs[part];
        let time_ns = done[*at].time_ns;
        while let Some(event) = done.get(*at).filter(|event| event.time_ns == time_ns) {
            let number = match event.order {
                Order::Number(number) => number,
                Order::Put(position) => puts[position as usize].number,
            };
            if number == 0 {
                return true;
            }
            known.push((number, part, *at));
            *at += 1;
        }
        false
    }

    /// Numbers what an event has put in, and hands it over.
    fn hand_over(&mut self, part: usize, at: usize) {
        let Log { done, puts } = &mut self.logs[part];
        let puts_to = done.get(at + 1).map_or(puts.len(), |next| next.puts_from as usize);
        for put in &mut puts[done[at].puts_from as usize..puts_to] {
            self.number += 1;
            put.number = self.number;
            if let Some(event) = put.event.take() {
                self.agendas[put.part as usize].put(put.time_ns, (Order::Number(self.number), event));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: usize = 5;
    const CABLE_NS: u64 = 40;

    /// What an event with a number leads to, by that number: parts, times and numbers.
    fn follows(part: usize, time_ns: u64, number: u64) -> Vec<(usize, u64, u64)> {
        let mut random = fastrand::Rng::with_seed(number);
        let count = if time_ns > 20_000 { 0 } else { random.u64(..3).max(random.u64(..2)) };
        let one = |n| match random.u32(..3) {
            0 => (part, time_ns + random.u64(..30), number.wrapping_mul(3).wrapping_add(n)),
            1 => (part, time_ns + random.u64(..5_000), number.wrapping_mul(3).wrapping_add(n)),
            _ => (
                random.usize(..PARTS),
                time_ns + CABLE_NS + random.u64(..4),
                number.wrapping_mul(3).wrapping_add(n),
            ),
        };
        (0..count).map(one).collect()
    }

    /// By part, its events in order.
    fn together() -> Vec<Vec<(u64, u64)>> {
        let (mut agenda, mut seen) = (Agenda::new(), vec![Vec::new(); PARTS]);
        for number in 0..50u64 {
            agenda.put(number % 3, (number as usize % PARTS, number));
        }
        while let Some((time_ns, (part, number))) = agenda.take_before(u64::MAX) {
            seen[part].push((time_ns, number));
            for (part, time_ns, number) in follows(part, time_ns, number) {
                agenda.put(time_ns, (part, number));
            }
        }
        seen
    }

    fn in_windows(longest_ns: u64) -> Vec<Vec<(u64, u64)>> {
        let (mut windows, mut seen) = (Windows::new(PARTS), vec![Vec::new(); PARTS]);
        for number in 0..50u64 {
            windows.put(number as usize % PARTS, number % 3, number);
        }
        while let Some(begin_ns) = windows.next_ns() {
            for (part, seen) in seen.iter_mut().enumerate() {
                windows.begin(part, begin_ns + longest_ns);
                while let Some((time_ns, number)) = windows.take() {
                    seen.push((time_ns, number));
                    for (part, time_ns, number) in follows(part, time_ns, number) {
                        windows.put(part, time_ns, number);
                    }
                }
            }
            windows.end();
        }
        seen
    }

    #[test]
    fn part_by_part_is_as_all_together() {
        let together = together();
        assert!(together.iter().map(Vec::len).sum::<usize>() > 2_000, "hardly anything happens");
        for longest_ns in [1, 7, CABLE_NS] {
            assert_eq!(in_windows(longest_ns), together);
        }
    }
}
