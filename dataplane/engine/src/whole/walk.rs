//! A program's entry points, walked over what is known of a frame.
//!
//! Invariant: a [`State`] that comes out stands for every way that goes there, and all segments of a frame go the
//! same way, or the walk has ended with a [`Refusal`].

mod expression;
mod parser;
mod statement;
mod table;

use heddle_ir::{BodyId, Intrinsic, Origin, Program};
use heddle_ports::Shape;

use super::Refusal;
use super::frame::Frame;
use super::state::{Decided, Sent, State};
use super::value::{Bit, Value, of_bits, same};

type Result<T> = std::result::Result<T, Refusal>;

/// States, statements and slots that are looked at, at most: some 20 ms.
const COST_MAX: usize = 2_000_000;

/// States at one point of the program that differ in where headers came from.
const STATES_MAX: usize = 32;

/// Whether the segments of a frame of this shape need not be told apart.
pub(super) fn check(program: &Program, shape: Shape) -> Result<()> {
    let mut walk = Walk { program, frame: Frame::new(shape), cost: 0, origin: Origin::Normal, parsers: 0 };
    let Some(ingress) = program.ingress else { return Err(Refusal::NotFollowed) };
    let after = walk.entry(ingress, vec![State::new(program)], Origin::Normal)?;
    let Some(egress) = program.egress else { return Ok(()) };
    for origin in [Origin::Normal, Origin::Replicated] {
        let mut states = Vec::new();
        for mut state in after.iter().cloned() {
            let Decided { enqueue, replicate, transmit: _ } = state.decided;
            let is_taken = if origin == Origin::Normal { enqueue } else { replicate };
            if is_taken {
                state.decided = Decided::default();
                state.sent = Sent::Front;
                walk.merge(&mut states, state)?;
            }
        }
        for state in walk.entry(egress, states, origin)? {
            if state.decided.transmit {
                walk.check_sent(&state)?;
            }
        }
    }
    Ok(())
}

/// A walk.
struct Walk<'p> {
    program: &'p Program,
    frame: Frame,
    cost: usize,
    /// How the packet came to the entry point.
    origin: Origin,
    /// Parsers that call each other, to here.
    parsers: usize,
}

/// Where statements lead.
#[derive(Default)]
struct Ends {
    next: Vec<State>,
    breaks: Vec<State>,
    continues: Vec<State>,
    returns: Vec<State>,
    exits: Vec<State>,
    rejects: Vec<State>,
}

impl Walk<'_> {
    fn entry(&mut self, body: BodyId, states: Vec<State>, origin: Origin) -> Result<Vec<State>> {
        self.origin = origin;
        let program = self.program;
        let ends = self.block(&program.bodies[body].block, states)?;
        let Ends { next, breaks, continues, returns, exits, rejects } = ends;
        let mut all = next;
        for state in [breaks, continues, returns, exits, rejects].into_iter().flatten() {
            self.merge(&mut all, state)?;
        }
        Ok(all)
    }

    /// Pays for looking at so much.
    fn pay(&mut self, cost: usize) -> Result<()> {
        self.cost += cost;
        if self.cost > COST_MAX { Err(Refusal::TooLarge) } else { Ok(()) }
    }

    /// Adds a state to others at the same point of the program.
    fn merge(&mut self, states: &mut Vec<State>, state: State) -> Result<()> {
        self.pay(1 + state.size())?;
        let frame = self.frame;
        let count = states.len();
        match states.iter_mut().find(|other| other.is_like(&state)) {
            Some(other) => other.join(frame, state),
            None if count >= STATES_MAX => return Err(Refusal::TooLarge),
            None => states.push(state),
        }
        Ok(())
    }

    fn merge_all(&mut self, states: &mut Vec<State>, more: Vec<State>) -> Result<()> {
        more.into_iter().try_for_each(|state| self.merge(states, state))
    }

    /// Adds all ends of something but those that go on.
    fn absorb(&mut self, ends: &mut Ends, other: Ends) -> Result<Vec<State>> {
        let Ends { next, breaks, continues, returns, exits, rejects } = other;
        self.merge_all(&mut ends.breaks, breaks)?;
        self.merge_all(&mut ends.continues, continues)?;
        self.merge_all(&mut ends.returns, returns)?;
        self.merge_all(&mut ends.exits, exits)?;
        self.merge_all(&mut ends.rejects, rejects)?;
        Ok(next)
    }

    /// All ends of something.
    fn absorb_all(&mut self, ends: &mut Ends, other: Ends) -> Result<()> {
        let next = self.absorb(ends, other)?;
        self.merge_all(&mut ends.next, next)
    }

    /// Refuses what is not the same in all segments.
    fn same(&self, value: &[Bit]) -> Result<()> {
        if self.frame.any_different(value) { Err(Refusal::Depends) } else { Ok(()) }
    }

    /// Whether what was sent and the payload behind it make the frame again, from the IP header on.
    fn check_sent(&self, state: &State) -> Result<()> {
        let is_whole = match state.sent {
            Sent::Front => state.cursor <= self.frame.network_at(),
            Sent::To(end) => state.cursor == end,
        };
        if is_whole { Ok(()) } else { Err(Refusal::Order) }
    }

    fn intrinsic(&self, intrinsic: Intrinsic) -> Value {
        let width = intrinsic.width() as usize;
        match intrinsic {
            // What a segment finds before it are other segments.
            Intrinsic::PacketLength | Intrinsic::EnqueueDepth | Intrinsic::DequeueDepth => {
                vec![Bit::Differs; width].into()
            }
            Intrinsic::Origin => of_bits(&heddle_ir::Bits::new(width as u32, self.origin as u128)),
            // Segments arrive, wait and leave together, as packets of one batch do.
            Intrinsic::IngressPort
            | Intrinsic::EgressPort
            | Intrinsic::ReplicationId
            | Intrinsic::IngressTimeNs
            | Intrinsic::NowNs
            | Intrinsic::EnqueueTimeNs
            | Intrinsic::QueueId => same(width),
        }
    }
}
