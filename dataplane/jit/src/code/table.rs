//! Tables: key, lookup, the member of a group, the action.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, MemFlagsData, types};
use heddle_ir::{ActionCall, Bits, Expr, MatchKind, Table, TableId, VarId};
use heddle_state::{DeclaredEntry, Match};

use super::value::{limb_count, limb_mask};
use super::{Coder, Cond, Limb, Val, Way};
use crate::host::Host;
use crate::machine::field;
use crate::plan::fixed_entries;
use crate::survey::Unit;

/// Where an action's data comes from.
#[derive(Clone, Copy)]
enum Data<'p> {
    /// The entry found.
    Found,
    /// The program.
    Const(&'p [Bits]),
}

impl Coder<'_, '_> {
    pub(super) fn apply(&mut self, id: TableId, hit: Option<VarId>, action_run: Option<VarId>) {
        let program = self.program();
        let table = &program.tables[id];
        if let Some(entries) = fixed_entries(table) {
            return self.apply_fixed(table, &entries, hit, action_run);
        }
        let action = self.look_up(id, table);
        if let Some(hit) = hit {
            let is_hit = self.is_hit();
            self.set_var(hit, is_hit);
        }
        if let Some(action_run) = action_run {
            // Nothing to run is the number of the actions.
            let (action, count) = (self.word_value(action), self.constant(table.actions.len() as u64));
            let number = self.builder.ins().umin(action, count);
            self.set_var(action_run, Limb::Var(number));
        }
        let after = self.new_block();
        let blocks: Vec<Block> = table.actions.iter().map(|_| self.new_block()).collect();
        let labels = blocks.iter().enumerate().map(|(i, block)| (i as u64, *block));
        self.dispatch_word(action, labels, after);
        for (i, block) in blocks.into_iter().enumerate() {
            if self.start(block) {
                if let Some(action_run) = action_run {
                    let word = self.layout.vars[action_run].word as u32;
                    self.known.set(word, Limb::Const(i as u64));
                }
                self.run_action(table, i, Data::Found);
                if self.reachable {
                    self.jump(after, None);
                }
            }
        }
        self.start(after);
    }

    /// Applies a table that nobody can change: its key is compared with each entry in turn.
    fn apply_fixed(
        &mut self,
        table: &Table,
        entries: &[DeclaredEntry],
        hit: Option<VarId>,
        action_run: Option<VarId>,
    ) {
        let run = |coder: &mut Self, call: &ActionCall, is_hit: bool| {
            if let Some(hit) = hit {
                coder.set_var(hit, Limb::Const(u64::from(is_hit)));
            }
            if let Some(action_run) = action_run {
                coder.set_var(action_run, Limb::Const(call.action as u64));
            }
            coder.run_action(table, call.action, Data::Const(&call.args));
        };
        if entries.is_empty() {
            return run(self, &table.default_action, false);
        }
        // The words of the key, and which of their bits there are.
        let mut words: Vec<(Limb, u64)> = Vec::new();
        for key in table.keys.iter().filter(|key| key.kind != MatchKind::Selector) {
            let value = self.value(&key.expr);
            let limbs = value.in_registers().unwrap_or(&[]).iter().enumerate();
            words.extend(limbs.map(|(i, limb)| (*limb, limb_mask(key.width, i))));
        }
        let after = self.new_block();
        for entry in entries {
            let mut matches = Cond::Const(true);
            for ((limb, all), (mask, value)) in words.iter().zip(&entry.words) {
                let masked =
                    if mask & all == *all { *limb } else { self.limb_and(*limb, Limb::Const(*mask)) };
                let is_same = self.compare(IntCC::Equal, masked, Limb::Const(*value));
                matches = self.both(matches, is_same);
            }
            let next = self.new_block();
            match matches {
                Cond::Const(false) => continue,
                Cond::Const(true) => {}
                Cond::Var(matches) => {
                    let then = self.new_block();
                    self.branch(matches, then, next);
                    self.start(then);
                }
            }
            run(self, &table.entries[entry.index].action, true);
            if self.reachable {
                self.jump(after, None);
            }
            if !self.start(next) {
                break;
            }
        }
        if self.reachable {
            run(self, &table.default_action, false);
            if self.reachable {
                self.jump(after, None);
            }
        }
        self.start(after);
    }

    /// Whether the last lookup found an entry.
    fn is_hit(&mut self) -> Limb {
        let slot = self.fetch_half(field::FOUND + Match::SLOT_OFFSET as i32);
        let is_hit = self.nonzero(Limb::Var(slot));
        self.truth(is_hit)
    }

    /// The position of the action to run; a larger number if there is none.
    fn look_up(&mut self, id: TableId, table: &Table) -> Limb {
        let keys = table.keys.iter().filter(|key| key.kind != MatchKind::Selector);
        let arena_used = self.arena_used;
        let keys: Vec<Val> = keys.map(|key| self.value(&key.expr)).collect();
        let number = self.constant(u64::from(id.as_u32()));
        let action = match &keys[..] {
            [key] if key.in_registers().is_some_and(|limbs| limbs.len() == 1) => {
                let key = self.low_limb(key);
                let key = self.word_value(key);
                self.host(Host::LookupWord, &[number, key])
            }
            _ => {
                let count = keys.iter().map(|key| limb_count(key.width)).sum();
                let at = self.put_together(keys.iter().cloned(), count);
                let (key, count) = (self.arena_address(at), self.constant(count as u64));
                self.host(Host::Lookup, &[number, key, count])
            }
        };
        self.arena_used = arena_used;
        if table.idle_timeout {
            self.host(Host::Touch, &[]);
        }
        if table.profile.is_none() {
            return Limb::Var(action);
        }
        let select = Limb::Const(u64::from(Match::SELECT));
        let needs = self.compare(IntCC::Equal, Limb::Var(action), select);
        let Cond::Var(needs) = needs else { return Limb::Var(action) };
        let chosen = self.builder.declare_var(types::I64);
        self.builder.def_var(chosen, action);
        let (selects, after) = (self.new_block(), self.new_block());
        self.branch(needs, selects, after);
        if self.start(selects) {
            let hash = self.selector_hash(table);
            let hash = self.word_value(hash);
            let action = self.host(Host::Select, &[hash]);
            self.builder.def_var(chosen, action);
            self.jump(after, None);
        }
        self.start(after);
        Limb::Var(self.builder.use_var(chosen))
    }

    /// The hash of the table's selector keys, cut to the selector's width.
    fn selector_hash(&mut self, table: &Table) -> Limb {
        let program = self.program();
        let selector = table.profile.and_then(|profile| program.profiles[profile].selector.as_ref());
        let Some(selector) = selector else { return Limb::Const(0) };
        let keys = table.keys.iter().filter(|key| key.kind == MatchKind::Selector);
        let keys: Vec<Expr> = keys.map(|key| key.expr.clone()).collect();
        let arena_used = self.arena_used;
        let hash = self.hash(selector.algorithm, &keys, false);
        self.arena_used = arena_used;
        let width = selector.width.min(64);
        let cut = self.resize(&Val::word(64, hash), width, false);
        self.low_limb(&cut)
    }

    /// Runs an action with the copies around it. What its copy-in calls may exit: then only its copy-out runs.
    fn run_action(&mut self, table: &Table, position: usize, data: Data<'_>) {
        let program = self.program();
        let of_table = &table.actions[position];
        let action = &program.actions[of_table.action];
        let run = |coder: &mut Self| {
            coder.block(&of_table.copy_in);
            if !coder.reachable {
                return;
            }
            match data {
                Data::Const(args) => {
                    for (param, arg) in action.params.iter().zip(args) {
                        let value = coder.value(&Expr::Const(arg.clone()));
                        coder.store_var(param.var, &value);
                    }
                }
                Data::Found if action.params.is_empty() => {}
                Data::Found => coder.load_data(&action.params),
            }
            coder.enter(Unit::Action(of_table.action));
        };
        if of_table.copy_out.is_empty() {
            return run(self);
        }
        self.with_cleanup(&[Way::Exit, Way::Reject], run, |coder| coder.block(&of_table.copy_out));
    }

    /// Fetches the data of the entry found, of which there is as much as the parameters take.
    fn load_data(&mut self, params: &[heddle_ir::ActionParam]) {
        let args = self.fetch(field::FOUND + Match::ARGS_OFFSET as i32);
        let mut next = 0;
        for param in params {
            let width = self.layout.vars[param.var].ty.width();
            let count = limb_count(width);
            let value = if count > super::INLINE_LIMBS_MAX {
                let address = self.builder.ins().iadd_imm_u(args, 8 * next as i64);
                Val { width, repr: super::value::Repr::Memory(address) }
            } else {
                let flags = MemFlagsData::trusted();
                let limbs = (0..count).map(|i| {
                    let offset = 8 * (next + i) as i32;
                    Limb::Var(self.builder.ins().load(types::I64, flags, args, offset))
                });
                Val::limbs(width, limbs.collect())
            };
            self.store_var(param.var, &value);
            next += count;
        }
    }
}
