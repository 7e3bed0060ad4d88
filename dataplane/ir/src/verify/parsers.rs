//! Parsers: their states, transitions and bounds.

use crate::{Expr, Keyset, MatchKind, Parser, ParserId, SelectMatch, Target, Transition, Ty, ValueSetId};

use super::calls::Unit;
use super::{Checker, Rule, limit};

impl Checker<'_> {
    pub(super) fn parsers(&mut self) {
        for (id, parser) in &self.program.parsers {
            self.within_part(id, &parser.name, |c| c.parser(id, parser));
        }
    }

    fn parser(&mut self, id: ParserId, parser: &Parser) {
        self.within("start", |c| c.index(&parser.states, parser.start));
        self.var_of("error", parser.error, Ty::Bits(32));
        self.bound("steps", parser.step_bound, limit::STEP_BOUND);
        for (state_id, state) in &parser.states {
            self.within(format_args!("{state_id} {}", state.name), |c| {
                c.block_of(Unit::Parser(id), &state.block);
                c.within("transition", |c| c.transition(parser, &state.transition));
            });
        }
    }

    fn transition(&mut self, parser: &Parser, transition: &Transition) {
        match transition {
            Transition::Goto(target) => self.target(parser, *target),
            Transition::Select { on, cases } => {
                // Of what has no type nothing more can be said.
                let types: Vec<Option<Ty>> =
                    on.iter().map(|expr| self.typed(|t| t.fixed("the value", expr).map(Ty::Bits))).collect();
                for (i, case) in cases.iter().enumerate() {
                    self.within(format_args!("case {i}"), |c| {
                        c.target(parser, case.target);
                        match &case.matches {
                            SelectMatch::Each(keysets) => c.keysets(&types, keysets),
                            SelectMatch::ValueSet(value_set) => c.value_set_use(&types, *value_set),
                        }
                    });
                }
            }
        }
    }

    fn target(&mut self, parser: &Parser, target: Target) {
        match target {
            Target::State(state) => {
                self.index(&parser.states, state);
            }
            Target::Accept | Target::Reject => {}
        }
    }

    fn keysets(&mut self, types: &[Option<Ty>], keysets: &[Keyset]) {
        let what = format_args!("{} values, and {} keysets", types.len(), keysets.len());
        self.require(types.len() == keysets.len(), Rule::Select, what);
        for (i, keyset) in keysets.iter().enumerate() {
            let ty = types.get(i).copied().flatten();
            self.within(format_args!("keyset {i}"), |c| c.keyset(ty, keyset));
        }
    }

    fn keyset(&mut self, ty: Option<Ty>, keyset: &Keyset) {
        let mut of_type = |expr: &Expr| {
            self.typed(|t| match ty {
                Some(ty) => t.exactly("the value", expr, ty),
                None => {
                    t.expr(expr);
                }
            });
        };
        match keyset {
            Keyset::Value(value) => of_type(value),
            Keyset::Mask(one, other) | Keyset::Range(one, other) | Keyset::RangeSigned(one, other) => {
                of_type(one);
                of_type(other);
            }
            Keyset::Any => {}
            Keyset::ValueSet(value_set) => self.value_set_use(&[ty], *value_set),
        }
    }

    fn value_set_use(&mut self, types: &[Option<Ty>], value_set: ValueSetId) {
        let program = self.program;
        if !self.index(&program.value_sets, value_set) {
            return;
        }
        let keys: &[(String, u32, MatchKind)] = &program.value_sets[value_set].keys;
        let what = format_args!("{} values, and {} keys of {value_set}", types.len(), keys.len());
        self.require(types.len() == keys.len(), Rule::Select, what);
        for ((name, width, _), ty) in keys.iter().zip(types) {
            if let Some(ty) = ty {
                let what = format_args!("key `{name}` of {value_set} has {width} bits and the value is {ty}");
                self.require(*ty == Ty::Bits(*width), Rule::Select, what);
            }
        }
    }

    pub(super) fn bound(&mut self, what: &'static str, bound: u32, max: u32) {
        self.within(what, |c| {
            c.require(bound > 0, Rule::Bound, "the bound is zero");
            c.require(bound <= max, Rule::Limit, format_args!("a bound of {bound} is more than {max}"));
        });
    }
}
