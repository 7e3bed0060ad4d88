//! Loads that nobody needs. A parser loads every field of a header where it finds it; those that the program never
//! looks at go away here, since Cranelift keeps a load whose result is not used.
//!
//! Invariant: what is removed has no effect but its results, and nobody uses those.

use cranelift_codegen::ir::{Function, Inst, Opcode, Value};
use cranelift_entity::SecondaryMap;

/// Whether an instruction has no effect but its results. No load of compiled code traps.
pub(super) fn is_pure(func: &Function, inst: Inst) -> bool {
    let opcode = func.dfg.insts[inst].opcode();
    match opcode {
        Opcode::Load => true,
        _ => {
            !opcode.is_terminator()
                && !opcode.is_branch()
                && !opcode.is_call()
                && !opcode.can_load()
                && !opcode.can_store()
                && !opcode.can_trap()
                && !opcode.other_side_effects()
        }
    }
}

/// Removes what nobody uses.
pub(super) fn sweep(func: &mut Function) {
    let mut uses: SecondaryMap<Value, u32> = SecondaryMap::new();
    let mut insts: Vec<Inst> = Vec::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            insts.push(inst);
            for value in func.dfg.inst_values(inst) {
                uses[func.dfg.resolve_aliases(value)] += 1;
            }
        }
    }
    // Uses come behind what they use, so that most goes in one round.
    loop {
        let mut removed = false;
        insts.reverse();
        insts.retain(|inst| {
            let results = func.dfg.inst_results(*inst);
            if results.is_empty() || !is_pure(func, *inst) || results.iter().any(|result| uses[*result] > 0) {
                return true;
            }
            for value in func.dfg.inst_values(*inst) {
                uses[func.dfg.resolve_aliases(value)] -= 1;
            }
            func.layout.remove_inst(*inst);
            removed = true;
            false
        });
        insts.reverse();
        if !removed {
            return;
        }
    }
}
