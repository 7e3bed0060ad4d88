//! Tables: any entry may be found, the same for all segments.

use heddle_ir::{HashAlgorithm, TableId, VarId};

use super::super::Refusal;
use super::super::state::State;
use super::super::value::same;
use super::{Ends, Result, Walk};

impl Walk<'_> {
    pub(super) fn apply(
        &mut self,
        table: TableId,
        hit: Option<VarId>,
        action_run: Option<VarId>,
        mut state: State,
    ) -> Result<Ends> {
        let program = self.program;
        let table = &program.tables[table];
        for key in &table.keys {
            self.same(&self.value(&state, &key.expr))?;
        }
        let selector = table.profile.and_then(|profile| program.profiles[profile].selector.as_ref());
        if selector.is_some_and(|selector| selector.algorithm == HashAlgorithm::Random) {
            return Err(Refusal::Draws);
        }
        for var in [hit, action_run].into_iter().flatten() {
            state.forget_var(var);
        }
        let mut ends = Ends::default();
        for of_table in &table.actions {
            self.pay(1 + state.size())?;
            let action = &program.actions[of_table.action];
            let mut called = Ends::default();
            let before = self.block(&of_table.copy_in, vec![state.clone()])?;
            let mut states = self.absorb(&mut called, before)?;
            for state in &mut states {
                for param in &action.params {
                    let width = state.var(param.var).len();
                    state.set_var(param.var, same(width));
                }
            }
            let through = self.block(&action.body, states)?;
            let through = self.returned(through)?;
            self.absorb_all(&mut called, through)?;
            let called = self.copied_out(&of_table.copy_out, called)?;
            self.absorb_all(&mut ends, called)?;
        }
        // An entry whose group has no members runs none.
        if table.profile.is_some() || table.actions.is_empty() {
            self.merge(&mut ends.next, state)?;
        }
        Ok(ends)
    }
}
