//! Tables: key, lookup, the member of a group, the action.

use heddle_ir::{Bits, MatchKind, ProfileId, Table, TableAction, TableId, VarId};
use heddle_state::Found;

use super::pass::{Flow, Pass};
use super::statement::returned;
use crate::hash::Hasher;
use crate::trace::Event;

impl Pass<'_, '_> {
    pub(super) fn apply(&mut self, id: TableId, hit: Option<VarId>, action_run: Option<VarId>) -> Flow {
        let table = &self.program().tables[id];
        let (state, snapshot) = (self.context.state, self.context.snapshot);
        self.scratch.words.clear();
        for key in table.keys.iter().filter(|key| key.kind != MatchKind::Selector) {
            let value = self.value(&key.expr);
            self.scratch.words.extend(value.limbs());
        }
        let mut found = state.lookup(snapshot, id, &self.scratch.words);
        if found.needs_selection() {
            found = state.select(snapshot, found, self.selector_hash(table));
        }
        if found.hit && table.idle_timeout {
            state.touch(found.entry, self.context.now_ns);
        }
        let action = found.action.and_then(|action| table.actions.get(action));
        if self.context.trace.is_some() {
            self.tell_applied(id, table, action, found);
        }
        if let Some(hit) = hit {
            self.set_var(hit, u64::from(found.hit));
        }
        if let Some(action_run) = action_run {
            self.set_var(action_run, found.action.unwrap_or(table.actions.len()) as u64);
        }
        match action {
            Some(action) => self.run_action(action, found),
            None => Flow::Next,
        }
    }

    /// The hash of the table's selector keys, cut to the selector's width.
    fn selector_hash(&mut self, table: &Table) -> u64 {
        let selector =
            table.profile.and_then(|profile: ProfileId| self.program().profiles[profile].selector.as_ref());
        let Some(selector) = selector else { return 0 };
        self.scratch.hashed.clear();
        for key in table.keys.iter().filter(|key| key.kind == MatchKind::Selector) {
            let value = self.value(&key.expr);
            self.scratch.hashed.push_limbs(value.width(), |i| value.limb(i));
        }
        let mut hasher = Hasher::new(selector.algorithm, self.context.random);
        hasher.update(self.scratch.hashed.bytes());
        Bits::new(selector.width.min(64), u128::from(hasher.finish())).low_u64()
    }

    fn run_action(&mut self, of_table: &TableAction, found: Found<'_>) -> Flow {
        let action = &self.program().actions[of_table.action];
        let caller = self.running.replace(found.entry);
        let mut flow = self.block(&of_table.copy_in);
        if flow == Flow::Next {
            let mut args = found.args;
            for param in &action.params {
                let slot = self.layout().vars[param.var];
                let Some((limbs, rest)) = args.split_at_checked(slot.limb_count()) else { break };
                self.frame.words[slot.limbs()..slot.limbs() + limbs.len()].copy_from_slice(limbs);
                args = rest;
            }
            flow = returned(self.block(&action.body));
        }
        let flow = self.copy_out(&of_table.copy_out, flow);
        self.running = caller;
        flow
    }

    fn tell_applied(&mut self, id: TableId, table: &Table, action: Option<&TableAction>, found: Found<'_>) {
        let keys: Vec<Bits> = table.keys.iter().map(|key| self.value(&key.expr)).collect();
        let mut limbs = found.args;
        let mut args = Vec::new();
        for param in action.map_or(&[][..], |of_table| &self.program().actions[of_table.action].params) {
            let slot = self.layout().vars[param.var];
            let (value, rest) = limbs.split_at_checked(slot.limb_count()).unwrap_or((limbs, &[]));
            args.push(Bits::from_limbs(slot.ty.width(), value));
            limbs = rest;
        }
        let action = action.map(|of_table| of_table.action);
        self.tell(&Event::TableApplied { table: id, keys: &keys, hit: found.hit, action, args: &args });
    }
}
