//! Parsers: every way through their states.

use heddle_ir::{Expr, HeaderRef, Keyset, ParserId, SelectCase, SelectMatch, Target, Transition, VarId};

use super::super::Refusal;
use super::super::state::{Header, Place, State, Validity};
use super::super::value::{Bit, Value, to_bits};
use super::expression::Named;
use super::{Ends, Result, Walk};

/// Whether values are in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Never,
    Maybe,
    Always,
}

impl Walk<'_> {
    /// Ends in `next` where the parser accepts, and in `rejects` where it rejects.
    pub(super) fn parse(&mut self, parser: ParserId, state: State) -> Result<Ends> {
        let program = self.program;
        let of = &program.parsers[parser];
        let mut ends = Ends::default();
        let mut ways = vec![(of.start, state, 0)];
        while let Some((at, state, steps)) = ways.pop() {
            let mut after = Ends::default();
            let through = self.block(&of.states[at].block, vec![state])?;
            let mut on = self.absorb(&mut after, through)?;
            for state in [after.breaks, after.continues, after.returns].into_iter().flatten() {
                self.merge(&mut on, state)?;
            }
            self.merge_all(&mut ends.exits, after.exits)?;
            self.merge_all(&mut ends.rejects, after.rejects)?;
            for state in on {
                for target in self.targets(&state, &of.states[at].transition)? {
                    self.pay(1 + state.size())?;
                    match target {
                        Some(Target::State(next)) if steps < of.step_bound => {
                            ways.push((next, state.clone(), steps + 1));
                        }
                        Some(Target::Accept) => self.merge(&mut ends.next, state.clone())?,
                        Some(Target::State(_) | Target::Reject) | None => {
                            self.merge(&mut ends.rejects, state.clone())?;
                        }
                    }
                }
            }
        }
        for state in &mut ends.rejects {
            state.forget_var(of.error);
        }
        Ok(ends)
    }

    /// Where a transition may lead; `None` for no case.
    fn targets(&self, state: &State, transition: &Transition) -> Result<Vec<Option<Target>>> {
        match transition {
            Transition::Goto(target) => Ok(vec![Some(*target)]),
            Transition::Select { on, cases } => {
                let on: Vec<Value> = on.iter().map(|expr| self.value(state, expr)).collect();
                let mut targets = Vec::new();
                for SelectCase { matches, target } in cases {
                    match self.matches(state, &on, matches)? {
                        Match::Never => {}
                        Match::Maybe => targets.push(Some(*target)),
                        Match::Always => {
                            targets.push(Some(*target));
                            return Ok(targets);
                        }
                    }
                }
                targets.push(None);
                Ok(targets)
            }
        }
    }

    fn matches(&self, state: &State, on: &[Value], matches: &SelectMatch) -> Result<Match> {
        match matches {
            SelectMatch::Each(keysets) => {
                let each: Vec<_> = on
                    .iter()
                    .zip(keysets)
                    .map(|(value, keyset)| self.contains(state, value, keyset))
                    .collect();
                // One that never holds decides, whatever the others depend on.
                if each.contains(&Ok(Match::Never)) {
                    return Ok(Match::Never);
                }
                let each: Vec<_> = each.into_iter().collect::<Result<_>>()?;
                Ok(if each.contains(&Match::Maybe) { Match::Maybe } else { Match::Always })
            }
            SelectMatch::ValueSet(_) => {
                on.iter().try_for_each(|value| self.same(value))?;
                Ok(Match::Maybe)
            }
        }
    }

    fn contains(&self, state: &State, value: &[Bit], keyset: &Keyset) -> Result<Match> {
        let decided = |bit: Bit| match bit {
            Bit::One => Ok(Match::Always),
            Bit::Zero => Ok(Match::Never),
            bit => self.same(&[bit]).map(|()| Match::Maybe),
        };
        match keyset {
            Keyset::Any => Ok(Match::Always),
            Keyset::Value(one) => decided(self.frame.equal(value, &self.value(state, one))),
            Keyset::Mask(one, mask) => {
                let (one, mask) = (self.value(state, one), self.value(state, mask));
                let masked = |of: &[Bit]| -> Value {
                    let pairs = of.iter().zip(mask.iter());
                    pairs.map(|(&bit, &mask)| if mask == Bit::Zero { Bit::Zero } else { bit }).collect()
                };
                if to_bits(&mask).is_none() {
                    [value, &one, &mask].into_iter().try_for_each(|value| self.same(value))?;
                    return Ok(Match::Maybe);
                }
                decided(self.frame.equal(&masked(value), &masked(&one)))
            }
            Keyset::Range(low, high) | Keyset::RangeSigned(low, high) => {
                let (low, high) = (self.value(state, low), self.value(state, high));
                if let (Keyset::Range(..), Some(value), Some(low), Some(high)) =
                    (keyset, to_bits(value), to_bits(&low), to_bits(&high))
                {
                    let is_in = low.cmp_unsigned(&value).is_le() && value.cmp_unsigned(&high).is_le();
                    return Ok(if is_in { Match::Always } else { Match::Never });
                }
                [value, &low, &high].into_iter().try_for_each(|value| self.same(value))?;
                Ok(Match::Maybe)
            }
            Keyset::ValueSet(_) => self.same(value).map(|()| Match::Maybe),
        }
    }

    /// So many bits of the frame from the cursor on.
    fn ahead(&self, state: &State, bits: usize) -> Result<Value> {
        (state.cursor..state.cursor + bits)
            .map(|at| self.frame.bit(at).ok_or(Refusal::TakesPayload))
            .collect::<Result<_>>()
    }

    pub(super) fn extract(
        &mut self,
        state: &mut State,
        header: &HeaderRef,
        varbit_bits: Option<&Expr>,
    ) -> Result<()> {
        if let Some(bits) = varbit_bits {
            // A header with options in it is followed where it has none.
            let bits = to_bits(&self.value(state, bits)).ok_or(Refusal::NotFollowed)?;
            if !bits.is_zero() {
                return Err(Refusal::NotFollowed);
            }
        }
        let (Named::One(header), _) = self.named(state, header) else { return Err(Refusal::NotFollowed) };
        let ty = &self.program.header_types[self.program.headers[header].ty];
        let bits = self.ahead(state, ty.fixed_width() as usize)?;
        let place = Place::At(state.cursor);
        state.cursor += bits.len();
        state.set_header(self.program, header, Header { valid: Validity::Yes, place, bits });
        Ok(())
    }

    pub(super) fn lookahead(&self, state: &mut State, var: VarId) -> Result<()> {
        let bits = self.ahead(state, state.var(var).len())?;
        state.set_var(var, bits);
        Ok(())
    }

    pub(super) fn advance(&self, state: &mut State, bits: &Expr) -> Result<()> {
        let bits = to_bits(&self.value(state, bits)).and_then(|bits| bits.to_u64());
        let bits = bits.and_then(|bits| usize::try_from(bits).ok()).ok_or(Refusal::NotFollowed)?;
        if bits % 8 != 0 || bits > 1 << 16 {
            return Err(Refusal::NotFollowed);
        }
        self.ahead(state, bits)?;
        state.cursor += bits;
        Ok(())
    }
}
