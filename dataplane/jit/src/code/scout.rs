//! The way to a lookup: the key by which a packet will be looked up in a table, found without doing anything else.
//!
//! It is a guess, for whoever compares it with the key that is asked for in the end: other tables, functions and
//! statements that do or depend on more than the packet's headers are left out, and where one way alone leads to the
//! table it is taken without asking.
//!
//! Invariant: nothing that anyone sees changes; of the machine the frame, the arena and the key alone.

use std::rc::Rc;

use cranelift_codegen::ir::{InstBuilder, MemFlagsData};
use heddle_ir::{Block, Callee, MatchKind, Stmt, TableId};

use super::{Coder, Way};
use crate::machine::{field, flow};
use crate::plan::Through;
use crate::visit::{self, Part};

impl Coder<'_, '_> {
    pub(super) fn scout(&mut self, plan: Rc<Through>, table: TableId) {
        let program = self.program();
        self.begin_in_registers(&plan);
        self.scouted = Some(table);
        let (done, stopped) = (self.builder.create_block(), self.builder.create_block());
        self.builder.append_block_param(stopped, cranelift_codegen::ir::types::I64);
        self.ways[Way::Return as usize] = Some(done);
        self.ways[Way::Exit as usize] = Some(done);
        self.ways[Way::Stop as usize] = Some(stopped);
        self.block(&program.bodies[plan.ingress].block);
        if self.reachable {
            self.jump(done, None);
        }
        for block in [done, stopped] {
            if self.start(block) {
                self.give(flow::NEXT);
            }
        }
    }

    /// A statement on the way to a table. False if it is to be written as any other.
    pub(super) fn scout_stmt(&mut self, table: TableId, stmt: &Stmt) -> bool {
        match stmt {
            Stmt::Apply { table: applied, .. } => {
                if *applied == table {
                    self.give_key(table);
                }
                true
            }
            Stmt::If { cond, then, els } => {
                let leads = self.leads(then, table);
                if leads == self.leads(els, table) {
                    return false;
                }
                self.assume(cond, leads);
                self.block(if leads { then } else { els });
                true
            }
            Stmt::Switch { on: _, cases, default } => {
                let blocks = cases.iter().map(|(_, block)| block).chain([default]);
                let leading: Vec<&Block> = blocks.filter(|block| self.leads(block, table)).collect();
                if let [block] = leading[..] {
                    self.block(block);
                }
                leading.len() == 1
            }
            Stmt::Call { callee, .. } => self.is_outlined((*callee).into()),
            Stmt::Assign(..)
            | Stmt::AssignSlice { .. }
            | Stmt::SetValid(_)
            | Stmt::SetInvalid(_)
            | Stmt::CopyHeader { .. }
            | Stmt::PushFront(..)
            | Stmt::PopFront(..)
            | Stmt::Break
            | Stmt::Continue
            | Stmt::Return
            | Stmt::Exit
            | Stmt::Catch(_)
            | Stmt::Extract { .. }
            | Stmt::Lookahead(_)
            | Stmt::Advance(_)
            | Stmt::Verify { .. } => false,
            Stmt::Loop { .. }
            | Stmt::Emit(_)
            | Stmt::Count { .. }
            | Stmt::Meter { .. }
            | Stmt::RegisterRead { .. }
            | Stmt::RegisterWrite { .. }
            | Stmt::Atomic(_)
            | Stmt::Hash { .. }
            | Stmt::Random { .. }
            | Stmt::Digest { .. }
            | Stmt::Log { .. }
            | Stmt::Assert { .. }
            | Stmt::Truncate(_)
            | Stmt::Mirror { .. }
            | Stmt::Decide(_) => true,
        }
    }

    /// Whether a table is applied in a block.
    fn leads(&self, block: &[Stmt], table: TableId) -> bool {
        let program = self.program();
        let mut open = vec![block];
        while let Some(block) = open.pop() {
            let mut applies = false;
            visit::block(block, &mut |part| match part {
                Part::Stmt(Stmt::Apply { table: applied, .. }) => applies |= *applied == table,
                Part::Stmt(Stmt::Call { callee: Callee::Body(body), .. }) => {
                    open.push(&program.bodies[*body].block);
                }
                Part::Stmt(_) | Part::Expr | Part::Var(_) | Part::Header(_) => {}
            });
            if applies {
                return true;
            }
        }
        false
    }

    /// Ends with the key of a table as it is now.
    fn give_key(&mut self, table: TableId) {
        let program = self.program();
        let keys = program.tables[table].keys.iter().filter(|key| key.kind != MatchKind::Selector);
        let to = self.fetch(field::KEY_AHEAD);
        let mut at = 0;
        for key in keys {
            let value = self.value(&key.expr);
            for limb in value.in_registers().unwrap_or(&[]).to_vec() {
                let word = self.word_value(limb);
                self.builder.ins().store(MemFlagsData::trusted(), word, to, at);
                at += 8;
            }
        }
        self.give(flow::NEXT);
    }
}
