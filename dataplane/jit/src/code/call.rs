//! Calls: what is compiled in place, what is called, and what has to be done on every way out.

use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::condcodes::IntCC;
use heddle_ir::Stmt;

use super::{Coder, Cond, Limb, Variant, Way, Ways};
use crate::machine::flow;
use crate::survey::Unit;

impl Coder<'_, '_> {
    /// Calls a unit, then copies out, even if the unit exits or rejects.
    pub(super) fn call(&mut self, unit: Unit, copy_out: &[Stmt]) {
        if copy_out.is_empty() {
            return self.enter(unit);
        }
        self.with_cleanup(
            &[Way::Exit, Way::Reject],
            |coder| coder.enter(unit),
            |coder| coder.block(copy_out),
        );
    }

    /// Runs a unit, in place or as a function.
    pub(super) fn enter(&mut self, unit: Unit) {
        if self.is_outlined(unit) {
            return self.call_function(unit);
        }
        self.inline(unit);
    }

    /// Whether a unit is a function of its own.
    pub(super) fn is_outlined(&self, unit: Unit) -> bool {
        match &self.both_passes {
            Some(plan) => plan.is_outlined(unit),
            None => self.assembly.plan.is_outlined(unit),
        }
    }

    /// Runs a unit in place. Nothing of its caller can be left from within but by exiting, rejecting and stopping.
    pub(super) fn inline(&mut self, unit: Unit) {
        let program = self.program();
        match unit {
            Unit::Action(action) => self.returning(|coder| coder.block(&program.actions[action].body)),
            Unit::Body(body) => self.returning(|coder| coder.block(&program.bodies[body].block)),
            Unit::Parser(parser) => self.parse(parser),
            Unit::Table(table, hit, action_run) => self.apply(table, hit, action_run),
        }
    }

    /// Runs code that can return.
    pub(super) fn returning(&mut self, run: impl FnOnce(&mut Self)) {
        let after = self.new_block();
        let outside = self.ways;
        self.ways[Way::Break as usize] = None;
        self.ways[Way::Continue as usize] = None;
        self.ways[Way::Return as usize] = Some(after);
        run(self);
        self.ways = outside;
        if !self.incoming.contains_key(&after) {
            // Nobody returned: straight on.
            return;
        }
        if self.reachable {
            self.jump(after, None);
        }
        self.start(after);
    }

    /// Runs code, then something on every way out of it that is listed, and behind it.
    pub(super) fn with_cleanup(
        &mut self,
        through: &[Way],
        run: impl FnOnce(&mut Self),
        mut clean_up: impl FnMut(&mut Self),
    ) {
        let outside: Ways = self.ways;
        let mut landings = Vec::new();
        for way in through {
            let Some(to) = outside[*way as usize] else { continue };
            let landing = self.cold_block();
            let word = way
                .has_word()
                .then(|| self.builder.append_block_param(landing, cranelift_codegen::ir::types::I64));
            self.ways[*way as usize] = Some(landing);
            landings.push((landing, word, to));
        }
        run(self);
        self.ways = outside;
        let after = self.new_block();
        if self.reachable {
            clean_up(self);
            if self.reachable {
                self.jump(after, None);
            }
        }
        for (landing, word, to) in landings {
            if self.start(landing) {
                clean_up(self);
                if self.reachable {
                    self.jump(to, word);
                }
            }
        }
        self.start(after);
    }

    fn call_function(&mut self, unit: Unit) {
        let variant = Variant { unit, in_parser: self.in_parser, in_atomic: self.in_atomic };
        let function = match self.units.get(&variant) {
            Some(function) => *function,
            None => {
                let function = self.assembly.unit_ref(variant, self.builder.func);
                self.units.insert(variant, function);
                function
            }
        };
        self.flush_emitted();
        self.hand_over();
        let call = self.builder.ins().call(function, &[self.machine, self.frame]);
        let result = self.builder.inst_results(call)[0];
        self.forget_frame();
        self.take_back();
        let (on, out) = (self.new_block(), self.cold_block());
        let Cond::Var(next) = self.compare(IntCC::Equal, Limb::Var(result), Limb::Const(flow::NEXT as u64))
        else {
            return;
        };
        self.branch(next, on, out);
        if self.start(out) {
            let kind = self.builder.ins().band_imm_u(result, 0xff);
            let word = self.builder.ins().ushr_imm_u(result, i64::from(flow::SHIFT));
            for (way, number) in [(Way::Exit, flow::EXIT), (Way::Reject, flow::REJECT)] {
                let Some(to) = self.ways[way as usize] else { continue };
                let other = Cond::Var(self.builder.ins().icmp_imm_u(IntCC::NotEqual, kind, number));
                self.unless(other, to, way.has_word().then_some(word));
            }
            self.leave(Way::Stop, Some(word));
        }
        self.start(on);
    }
}
