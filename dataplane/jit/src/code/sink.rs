//! Loads from the packet, moved to where their values are needed. A parser loads every field of a header where it finds
//! it, but most fields are asked for on few ways from there, and on the others they would only take registers. What is
//! asked for on ways that are rarely taken is loaded there once more. Cranelift moves what it computes, but no load.
//!
//! Invariant: a load moves only to where control comes from it anyway, in no loop, and to no place behind a change of the
//! packet.

use cranelift_codegen::ir::{AliasRegion, Block, BlockCall, Function, Inst, InstructionData, Opcode, Value};
use cranelift_entity::{EntitySet, SecondaryMap};

use super::sweep::is_pure;

/// Rarely taken blocks that load a value once more for themselves, at most.
const COPIES_MAX: usize = 4;

/// Whether an instruction reads or writes the packet.
fn touches_packet(func: &Function, inst: Inst, packet: AliasRegion) -> bool {
    let flags = func.dfg.insts[inst].memflags();
    flags.is_some_and(|flags| func.dfg.mem_flags[flags].alias_region() == Some(packet))
}

/// A function's instructions as this pass sees them.
struct Sinking {
    /// Values that are loaded from the packet, or computed from such.
    of_packet: EntitySet<Value>,
    /// Where they are used, once for each time.
    users: SecondaryMap<Value, Vec<Inst>>,
    /// Blocks to which nothing may be moved: in loops, or behind a change of the packet.
    closed: EntitySet<Block>,
}

/// Moves loads from a region of memory that is read, then changed, and not read again.
pub(super) fn sink(func: &mut Function, packet: AliasRegion) {
    let of_packet = of_packet(func, packet);
    part_edges(func, &of_packet);
    spread_cold(func);
    let Some(closed) = closed(func, packet) else { return };
    let mut sinking = Sinking { of_packet, users: SecondaryMap::new(), closed };
    let blocks: Vec<Block> = func.layout.blocks().collect();
    let insts: Vec<Inst> = blocks.iter().flat_map(|block| func.layout.block_insts(*block)).collect();
    for inst in &insts {
        sinking.note_uses(func, *inst);
    }
    // Users come behind what they use, and move first.
    for inst in insts.into_iter().rev() {
        if let [result] = *func.dfg.inst_results(inst)
            && sinking.of_packet.contains(result)
            && is_pure(func, inst)
        {
            sinking.settle(func, inst, result);
        }
    }
}

/// What is loaded from the packet, or computed from that and from nothing that may change.
fn of_packet(func: &Function, packet: AliasRegion) -> EntitySet<Value> {
    let mut all = EntitySet::new();
    for inst in func.layout.blocks().flat_map(|block| func.layout.block_insts(block)) {
        let [result] = *func.dfg.inst_results(inst) else { continue };
        let is_load = func.dfg.insts[inst].opcode() == Opcode::Load;
        let is_of_packet = match is_load {
            true => touches_packet(func, inst, packet),
            false => func.dfg.inst_values(inst).any(|value| all.contains(func.dfg.resolve_aliases(value))),
        };
        if is_of_packet && is_pure(func, inst) {
            all.insert(result);
        }
    }
    all
}

/// Gives ways between blocks that take such values along a block of their own, so that they are computed on that way.
fn part_edges(func: &mut Function, of_packet: &EntitySet<Value>) {
    let blocks: Vec<Block> = func.layout.blocks().collect();
    for block in blocks {
        let Some(last) = func.layout.last_inst(block) else { continue };
        let InstructionData::Brif { blocks: ways, .. } = func.dfg.insts[last] else { continue };
        for (number, way) in ways.into_iter().enumerate() {
            let args = way.args(&func.dfg.value_lists).filter_map(|arg| arg.as_value());
            if !args.into_iter().any(|arg| of_packet.contains(func.dfg.resolve_aliases(arg))) {
                continue;
            }
            let (between, to) = (func.dfg.make_block(), way.block(&func.dfg.value_lists));
            func.layout.insert_block_after(between, block);
            if func.layout.is_cold(to) {
                func.layout.set_cold(between);
            }
            let jump = InstructionData::Jump { opcode: Opcode::Jump, destination: way };
            let jump = func.dfg.make_inst(jump);
            func.layout.append_inst(jump, between);
            let way = BlockCall::new(between, [], &mut func.dfg.value_lists);
            if let InstructionData::Brif { blocks: ways, .. } = &mut func.dfg.insts[last] {
                ways[number] = way;
            }
        }
    }
}

/// The blocks that follow one.
fn successors(func: &Function, block: Block) -> Vec<Block> {
    let Some(last) = func.layout.last_inst(block) else { return Vec::new() };
    let ways = func.dfg.insts[last].branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables);
    ways.iter().map(|way| way.block(&func.dfg.value_lists)).collect()
}

/// Has blocks that rarely taken ones alone lead to taken for such.
fn spread_cold(func: &mut Function) {
    let mut warm = EntitySet::new();
    warm.extend(func.layout.entry_block());
    let blocks: Vec<Block> = func.layout.blocks().collect();
    for block in blocks {
        // The head of a loop comes before what jumps back to it, and is led to from before.
        if !warm.contains(block) {
            func.layout.set_cold(block);
        } else if !func.layout.is_cold(block) {
            successors(func, block).into_iter().for_each(|next| {
                warm.insert(next);
            });
        }
    }
}

/// Blocks to which nothing may be moved. None if the packet is changed in a loop. Blocks lie in the order in which control
/// comes to them, but for the ways back to the heads of loops.
fn closed(func: &Function, packet: AliasRegion) -> Option<EntitySet<Block>> {
    let blocks: Vec<Block> = func.layout.blocks().collect();
    let mut positions: SecondaryMap<Block, usize> = SecondaryMap::new();
    for (position, block) in blocks.iter().enumerate() {
        positions[*block] = position;
    }
    let (mut closed, mut changed) = (EntitySet::new(), EntitySet::new());
    for (position, block) in blocks.iter().enumerate() {
        let changes =
            |inst| func.dfg.insts[inst].opcode() == Opcode::Store && touches_packet(func, inst, packet);
        let is_changed = changed.contains(*block) || func.layout.block_insts(*block).any(changes);
        for next in successors(func, *block) {
            if positions[next] <= position {
                if is_changed {
                    return None;
                }
                blocks[positions[next]..=position].iter().for_each(|block| {
                    closed.insert(*block);
                });
            }
            if is_changed {
                changed.insert(next);
                closed.insert(next);
            }
        }
    }
    Some(closed)
}

impl Sinking {
    fn note_uses(&mut self, func: &Function, user: Inst) {
        for value in func.dfg.inst_values(user) {
            let value = func.dfg.resolve_aliases(value);
            if self.of_packet.contains(value) {
                self.users[value].push(user);
            }
        }
    }

    /// Has a value computed where it is used: in each block that is rarely taken, and else where its only other use is.
    fn settle(&mut self, func: &mut Function, inst: Inst, value: Value) {
        let Some(own) = func.layout.inst_block(inst) else { return };
        let users = std::mem::take(&mut self.users[value]);
        let mut places: Vec<(Block, Vec<Inst>)> = Vec::new();
        for user in users {
            let Some(block) = func.layout.inst_block(user) else { continue };
            match places.iter_mut().find(|(place, _)| *place == block) {
                Some((_, users)) => users.push(user),
                None => places.push((block, vec![user])),
            }
        }
        let is_open = |block: Block| block != own && !self.closed.contains(block);
        let (mut cold, mut warm): (Vec<_>, Vec<_>) =
            places.into_iter().partition(|(block, _)| is_open(*block) && func.layout.is_cold(*block));
        if cold.len() > COPIES_MAX {
            warm.append(&mut cold);
        }
        let moves = warm.len() == 1 && is_open(warm[0].0);
        if moves {
            cold.append(&mut warm);
        }
        for (block, users) in cold {
            self.copy_to(func, inst, value, block, users);
        }
        if warm.is_empty() {
            func.layout.remove_inst(inst);
        } else {
            self.users[value] = warm.into_iter().flat_map(|(_, users)| users).collect();
        }
    }

    /// Computes a value once more at the beginning of a block, for those of its instructions that use it.
    fn copy_to(&mut self, func: &mut Function, inst: Inst, value: Value, block: Block, users: Vec<Inst>) {
        let Some(first) = func.layout.first_inst(block) else { return };
        let copy = func.dfg.clone_inst(inst);
        func.layout.insert_inst(copy, first);
        let copied = func.dfg.first_result(copy);
        for user in &users {
            let aliases: Vec<Value> = func.dfg.inst_values(*user).collect();
            let resolved = aliases.into_iter().map(|used| match func.dfg.resolve_aliases(used) {
                used if used == value => copied,
                _ => used,
            });
            let resolved: Vec<Value> = resolved.collect();
            func.dfg.overwrite_inst_values(*user, resolved.into_iter());
        }
        self.of_packet.insert(copied);
        self.users[copied] = users;
        self.note_uses(func, copy);
    }
}
