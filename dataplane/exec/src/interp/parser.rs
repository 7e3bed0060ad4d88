//! Parsers: states, transitions, and what takes bits from the packet (P4-16, "Packet parsing").

use heddle_ir::{
    Bits, Expr, HeaderRef, Keyset, ParserId, SelectMatch, StateId, Target, Transition, ValueSetId, VarId,
    error_code,
};

use super::pass::{Flow, Pass};
use super::statement::returned;
use crate::bitstring;
use crate::trace::Event;

impl Pass<'_, '_> {
    /// Runs a parser. Ends in [`Flow::Next`] if it accepts, and in [`Flow::Reject`] with the code it stored if it
    /// rejects.
    pub(super) fn parse(&mut self, id: ParserId) -> Flow {
        self.tell(&Event::ParserEntered { parser: id });
        let flow = self.states(id);
        let Flow::Reject(code) = flow else { return flow };
        let parser = &self.program().parsers[id];
        if let Some(code) = code {
            self.set_var(parser.error, u64::from(code));
        }
        let error = self.load(self.layout().vars[parser.error]).low_u64() as u32;
        self.tell(&Event::ParserRejected { parser: id, error });
        Flow::Reject(Some(error))
    }

    fn states(&mut self, id: ParserId) -> Flow {
        let parser = &self.program().parsers[id];
        let mut state = parser.start;
        let mut steps = 0;
        loop {
            self.tell(&Event::StateEntered { parser: id, state });
            match returned(self.block(&parser.states[state].block)) {
                Flow::Next => {}
                other => return other,
            }
            match self.transition(id, state) {
                Some(Target::State(_)) if steps >= parser.step_bound => {
                    return Flow::Reject(Some(error_code::PARSER_TIMEOUT));
                }
                Some(Target::State(next)) => state = next,
                Some(Target::Accept) => return Flow::Next,
                Some(Target::Reject) => return Flow::Reject(None),
                None => return Flow::Reject(Some(error_code::NO_MATCH)),
            }
            steps += 1;
        }
    }

    /// Where a state goes; nowhere if no case matches.
    fn transition(&mut self, parser: ParserId, state: StateId) -> Option<Target> {
        // Taken out so that the keysets can be evaluated meanwhile; given back for its storage.
        let mut on = std::mem::take(&mut self.scratch.selected);
        on.clear();
        let target = match &self.program().parsers[parser].states[state].transition {
            Transition::Goto(target) => Some(*target),
            Transition::Select { on: exprs, cases } => {
                on.extend(exprs.iter().map(|expr| self.value(expr)));
                let case = cases.iter().find(|case| match &case.matches {
                    SelectMatch::Each(keysets) => {
                        on.iter().zip(keysets).all(|(value, keyset)| self.contains(keyset, value))
                    }
                    SelectMatch::ValueSet(value_set) => self.in_value_set(*value_set, &on),
                });
                case.map(|case| case.target)
            }
        };
        self.tell(&Event::Transition { parser, on: &on, target });
        self.scratch.selected = on;
        target
    }

    fn contains(&self, keyset: &Keyset, value: &Bits) -> bool {
        match keyset {
            Keyset::Value(one) => self.value(one) == *value,
            Keyset::Mask(one, mask) => {
                let mask = self.value(mask);
                self.value(one).and(&mask) == value.and(&mask)
            }
            Keyset::Range(low, high) => {
                self.value(low).cmp_unsigned(value).is_le() && value.cmp_unsigned(&self.value(high)).is_le()
            }
            Keyset::RangeSigned(low, high) => {
                self.value(low).cmp_signed(value).is_le() && value.cmp_signed(&self.value(high)).is_le()
            }
            Keyset::Any => true,
            Keyset::ValueSet(value_set) => self.in_value_set(*value_set, std::slice::from_ref(value)),
        }
    }

    fn in_value_set(&self, value_set: ValueSetId, values: &[Bits]) -> bool {
        /// Limbs of what is selected on, for nearly every program.
        const LIMBS: usize = 8;
        let mut limbs = [0; LIMBS];
        let count = values.iter().map(Bits::limb_count).sum();
        let (state, snapshot) = (self.context.state, self.context.snapshot);
        let each = values.iter().flat_map(Bits::limbs);
        if count <= LIMBS {
            limbs.iter_mut().zip(each).for_each(|(to, limb)| *to = limb);
            state.in_value_set(snapshot, value_set, &limbs[..count])
        } else {
            state.in_value_set(snapshot, value_set, &each.collect::<Vec<_>>())
        }
    }

    /// Whether the packet has so many more bits.
    fn has_bits(&self, bits: u64) -> bool {
        let held = 8 * self.packet.len() as u64;
        bits <= held.saturating_sub(self.cursor_bits as u64)
    }

    pub(super) fn extract(&mut self, header: &HeaderRef, varbit_bits: Option<&Expr>) -> Flow {
        let varbit_bits = varbit_bits.map_or(0, |bits| self.value_u32(bits));
        let Some(ty) = self.header_type(header) else { return Flow::Next };
        let layout = &self.layout().types[ty];
        let bits = u64::from(layout.fixed_bits) + u64::from(varbit_bits);
        if !varbit_bits.is_multiple_of(8) {
            return Flow::Reject(Some(error_code::PARSER_INVALID_ARGUMENT));
        }
        if !self.has_bits(bits) {
            return Flow::Reject(Some(error_code::PACKET_TOO_SHORT));
        }
        if varbit_bits > layout.varbit_bits_max {
            return Flow::Reject(Some(error_code::HEADER_TOO_SHORT));
        }
        let at = self.cursor_bits;
        self.cursor_bits += bits as usize;
        if let Some(header) = self.header(header) {
            self.read_header(header, at, varbit_bits);
            if self.context.trace.is_some() {
                let fields = self.fields(header);
                self.tell(&Event::HeaderExtracted { header, fields: &fields });
            }
        }
        Flow::Next
    }

    pub(super) fn lookahead(&mut self, var: VarId) -> Flow {
        let slot = self.layout().vars[var];
        let width = slot.ty.width();
        if !self.has_bits(u64::from(width)) {
            return Flow::Reject(Some(error_code::PACKET_TOO_SHORT));
        }
        let words = &mut self.frame.words[slot.limbs()..slot.limbs() + slot.limb_count()];
        bitstring::load_limbs(self.packet.bytes(), self.cursor_bits, width, words);
        Flow::Next
    }

    pub(super) fn advance(&mut self, bits: &Expr) -> Flow {
        let bits = self.value_u32(bits);
        if !bits.is_multiple_of(8) {
            return Flow::Reject(Some(error_code::PARSER_INVALID_ARGUMENT));
        }
        if !self.has_bits(u64::from(bits)) {
            return Flow::Reject(Some(error_code::PACKET_TOO_SHORT));
        }
        self.cursor_bits += bits as usize;
        Flow::Next
    }
}
