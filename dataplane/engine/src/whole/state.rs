//! What is known of a packet's slots and headers at a point of the program.

use std::rc::Rc;

use heddle_ir::{HeaderId, HeaderType, HeaderTypeId, Program, StackId, Ty, VarId};

use super::frame::Frame;
use super::value::{Bit, Value, same, zeros};

/// Whether a header is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    No,
    Maybe,
    Yes,
}

/// Where a header came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Not from the frame.
    Added,
    /// From this bit of the frame.
    At(usize),
    /// From here or there.
    Lost,
}

/// A header. Its `varbit` field has no bits here: no header with one that isn't empty is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) valid: Validity,
    pub(super) place: Place,
    pub(super) bits: Value,
}

/// How far sending has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Nothing from the IP header on.
    Front,
    /// Everything from there to this bit.
    To(usize),
}

/// What may have been decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) enqueue: bool,
    pub(super) replicate: bool,
    pub(super) transmit: bool,
}

/// A point on one or more ways through the program.
#[derive(Clone, Debug)]
pub(super) struct State {
    vars: Vec<Value>,
    headers: Vec<Rc<Header>>,
    /// What the parser has taken, in bits.
    pub(super) cursor: usize,
    pub(super) sent: Sent,
    pub(super) decided: Decided,
}

impl State {
    /// A packet that has just arrived: all slots zero.
    pub(super) fn new(program: &Program) -> Self {
        let vars = program.vars.values().map(|var| zeros(var.ty.width() as usize)).collect();
        let header = |ty: HeaderTypeId| {
            let bits = zeros(program.header_types[ty].fixed_width() as usize);
            Rc::new(Header { valid: Validity::No, place: Place::Added, bits })
        };
        let headers = program.headers.values().map(|of| header(of.ty)).collect();
        Self { vars, headers, cursor: 0, sent: Sent::Front, decided: Decided::default() }
    }

    /// How much there is to copy of it.
    pub(super) fn size(&self) -> usize {
        self.vars.len() + self.headers.len()
    }

    pub(super) fn var(&self, var: VarId) -> &Value {
        &self.vars[var.as_u32() as usize]
    }

    pub(super) fn set_var(&mut self, var: VarId, value: Value) {
        self.vars[var.as_u32() as usize] = value;
    }

    /// Gives a slot any value that is the same in all segments.
    pub(super) fn forget_var(&mut self, var: VarId) {
        let width = self.var(var).len();
        self.set_var(var, same(width));
    }

    pub(super) fn header(&self, header: HeaderId) -> &Header {
        &self.headers[header.as_u32() as usize]
    }

    pub(super) fn header_mut(&mut self, header: HeaderId) -> &mut Header {
        Rc::make_mut(&mut self.headers[header.as_u32() as usize])
    }

    /// Replaces a header. A valid one makes the others of its union invalid.
    pub(super) fn set_header(&mut self, program: &Program, header: HeaderId, to: Header) {
        let is_valid = to.valid;
        self.headers[header.as_u32() as usize] = Rc::new(to);
        let union = program.headers[header].union.filter(|_| is_valid != Validity::No);
        for &other in union.map_or(&[][..], |union| &program.unions[union].members) {
            if other != header && self.header(other).valid != Validity::No {
                self.header_mut(other).valid =
                    if is_valid == Validity::Yes { Validity::No } else { Validity::Maybe };
            }
        }
    }

    /// Moves a stack's elements to higher indices, or to lower ones by a negative number.
    pub(super) fn shift(&mut self, program: &Program, stack: StackId, by: isize) {
        let elements = &program.stacks[stack].elements;
        let before: Vec<_> =
            elements.iter().map(|header| Rc::clone(&self.headers[header.as_u32() as usize])).collect();
        for (index, header) in elements.iter().enumerate() {
            let from = index.checked_add_signed(-by).and_then(|from| before.get(from));
            self.headers[header.as_u32() as usize] = from.cloned().unwrap_or_else(|| {
                let bits = zeros(before[index].bits.len());
                Rc::new(Header { valid: Validity::No, place: Place::Added, bits })
            });
        }
    }

    /// What a field reads as: zero in an invalid header.
    pub(super) fn field(&self, program: &Program, frame: Frame, header: HeaderId, field: usize) -> Value {
        let ty = &program.header_types[program.headers[header].ty];
        let of = self.header(header);
        match (range(ty, field), of.valid) {
            (None, _) => same(ty.fields.get(field).map_or(0, |field| field.ty.width() as usize)),
            (Some((_, len)), Validity::No) => zeros(len),
            (Some((at, len)), Validity::Yes) => of.bits[at..at + len].into(),
            (Some((at, len)), Validity::Maybe) => {
                of.bits[at..at + len].iter().map(|&bit| frame.join(bit, Bit::Zero)).collect()
            }
        }
    }

    /// Whether the two can be told from each other by where headers came from, which [`State::join`] forgets.
    pub(super) fn is_like(&self, other: &State) -> bool {
        let same_place = |(one, other): (&Rc<Header>, &Rc<Header>)| one.place == other.place;
        self.cursor == other.cursor
            && self.sent == other.sent
            && self.headers.iter().zip(&other.headers).all(same_place)
    }

    /// A point on the ways of both.
    pub(super) fn join(&mut self, frame: Frame, other: State) {
        for (one, other) in self.vars.iter_mut().zip(&other.vars) {
            if !Rc::ptr_eq(one, other) {
                *one = frame.join_values(one, other);
            }
        }
        for (one, other) in self.headers.iter_mut().zip(other.headers) {
            if Rc::ptr_eq(one, &other) || *one == other {
                continue;
            }
            if one.valid == Validity::No {
                // Nothing reads its bits.
                let valid = if other.valid == Validity::No { Validity::No } else { Validity::Maybe };
                *one = Rc::new(Header { valid, ..Header::clone(&other) });
                continue;
            }
            let joined = Rc::make_mut(one);
            if other.valid == Validity::No {
                joined.valid = Validity::Maybe;
                continue;
            }
            if joined.valid != other.valid {
                joined.valid = Validity::Maybe;
            }
            if joined.place != other.place {
                joined.place = Place::Lost;
            }
            joined.bits = frame.join_values(&joined.bits, &other.bits);
        }
        self.decided.enqueue |= other.decided.enqueue;
        self.decided.replicate |= other.decided.replicate;
        self.decided.transmit |= other.decided.transmit;
    }
}

/// Where a field lies among the bits of its header, and how many it has. None for a `varbit`.
pub(super) fn range(ty: &HeaderType, field: usize) -> Option<(usize, usize)> {
    let width = |ty: Ty| if let Ty::Bits(width) = ty { width as usize } else { 0 };
    let at = ty.fields.iter().take(field).map(|field| width(field.ty)).sum();
    match ty.fields.get(field)?.ty {
        Ty::Bits(width) => Some((at, width as usize)),
        Ty::Varbit(_) => None,
    }
}
