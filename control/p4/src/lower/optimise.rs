//! Removal of what nobody can observe, once a program is lowered.
//!
//! * A slot that only ever gets zero is zero: a frame begins so.
//! * What is stored in a slot that nobody reads need not be stored.
//! * Choices whose outcome is known are made; small bodies stand where they were called; nothing is caught where
//!   nothing exits.
//! * Slots and bodies that are left without use are renumbered away.
//!
//! Invariant: packets, counters, registers, digests and traces are those of the program as it was.

use cranelift_entity::{EntityRef, PrimaryMap, SecondaryMap};
use heddle_ir::{
    ActionId, Block, BodyId, Callee, Expr, HeaderRef, Place, PreserveId, Program, Stmt, TableId, Ty, UnaryOp,
    VarId,
};

use super::Origins;
use super::fold;
use super::walk::{self, Part};
use crate::source::Span;

/// Statements up to which a body stands where it is called.
const INLINE_MAX: usize = 4;

/// Rounds after which what is left is left.
const ROUNDS_MAX: usize = 16;

/// Simplifies a program that comes from no source in place.
pub fn without_origins(program: &mut Program) {
    let mut origins = Origins::default();
    origins.extend(program, Span::default());
    run(program, &mut origins);
}

/// Simplifies a program in place, and keeps the origins of its parts with them.
pub(super) fn run(program: &mut Program, origins: &mut Origins) {
    inline_bodies(program);
    drop_catches(program);
    for _ in 0..ROUNDS_MAX {
        let usage = Usage::of(program);
        let mut changed = zero_reads(program, &usage);
        direct_elements(program);
        changed |= drop_dead(program, &usage);
        if !changed {
            break;
        }
    }
    compact_bodies(program, origins);
    compact_preserves(program);
    compact_vars(program, origins);
}

/// How slots are used.
#[derive(Default)]
struct Usage {
    read: SecondaryMap<VarId, bool>,
    /// Gets something else than zero.
    written: SecondaryMap<VarId, bool>,
}

impl Usage {
    fn of(program: &mut Program) -> Usage {
        let mut usage = Usage::default();
        walk::exprs(program, &mut |expr| {
            walk::sub_exprs(expr, &mut |e| {
                if let Expr::Read(Place::Var(var)) = e {
                    usage.read[*var] = true;
                }
            });
        });
        walk::blocks(program, &mut |block| {
            walk::stmts(block, &mut |stmt| {
                let zero = matches!(stmt,
                    Stmt::Assign(_, Expr::Const(bits)) | Stmt::AssignSlice { value: Expr::Const(bits), .. }
                        if bits.is_zero());
                walk::parts(stmt, &mut |part| {
                    if let Part::Def(var) | Part::DefSlice(var) = part {
                        usage.written[*var] |= !zero;
                    }
                });
            });
        });
        for action in program.actions.values() {
            action.params.iter().for_each(|p| usage.written[p.var] = true);
        }
        program.parsers.values().for_each(|p| usage.written[p.error] = true);
        usage
    }
}

/// Puts zero for what only ever gets zero.
fn zero_reads(program: &mut Program, usage: &Usage) -> bool {
    let zero: SecondaryMap<VarId, bool> = {
        let mut map = SecondaryMap::new();
        for (var, slot) in program.vars.iter() {
            map[var] = !usage.written[var] && usage.read[var] && matches!(slot.ty, Ty::Bits(_));
        }
        map
    };
    let widths: Vec<u32> = program.vars.values().map(|v| v.ty.width()).collect();
    let mut changed = false;
    walk::exprs(program, &mut |expr| {
        walk::sub_exprs(expr, &mut |e| {
            if let Expr::Read(Place::Var(var)) = e
                && zero[*var]
            {
                let width = widths.get(var.index()).copied().unwrap_or(0);
                *e = fold::konst(width, 0);
                changed = true;
            }
        });
        walk::sub_exprs(expr, &mut refold);
    });
    changed
}

/// Names elements of stacks directly where the index has become known.
fn direct_elements(program: &mut Program) {
    let stacks = std::mem::take(&mut program.stacks);
    let direct = |header: &mut HeaderRef| {
        if let HeaderRef::Element(stack, index) = header
            && let Expr::Const(bits) = &**index
            && let Some(id) =
                bits.to_u64().and_then(|i| stacks[*stack].elements.get(usize::try_from(i).ok()?))
        {
            *header = HeaderRef::One(*id);
        }
    };
    walk::exprs(program, &mut |expr| {
        walk::sub_exprs(expr, &mut |e| {
            if let Expr::Read(Place::Field(header, _)) | Expr::Valid(header) = e {
                direct(header);
            }
        });
    });
    walk::blocks(program, &mut |block| {
        walk::stmts(block, &mut |stmt| {
            walk::parts(stmt, &mut |part| {
                if let Part::Header(header) = part {
                    direct(header);
                }
            });
        });
    });
    program.stacks = stacks;
}

/// Folds an expression whose parts may have become constants.
fn refold(expr: &mut Expr) {
    let is_const = |e: &Expr| matches!(e, Expr::Const(_));
    let taken = |e: &mut Expr| std::mem::replace(e, fold::konst(0, 0));
    let new = match expr {
        Expr::Unary(op @ (UnaryOp::Not | UnaryOp::Neg), of) if is_const(of) => fold::unary(*op, taken(of)),
        Expr::Binary(op, a, b) if is_const(a) || is_const(b) => {
            let op = *op;
            fold::binary(op, taken(a), taken(b))
        }
        Expr::Slice { of, high, low } if is_const(of) => {
            let (high, low) = (*high, *low);
            fold::slice(taken(of), u32::MAX, high, low)
        }
        Expr::Resize { of, width, signed } if is_const(of) => {
            let (width, signed) = (*width, *signed);
            fold::resize(taken(of), u32::MAX, width, signed)
        }
        Expr::Mux { cond, then, els } if is_const(cond) => {
            let (then, els) = (taken(then), taken(els));
            fold::mux(taken(cond), then, els)
        }
        Expr::Const(_)
        | Expr::Read(_)
        | Expr::Valid(_)
        | Expr::Unary(..)
        | Expr::Binary(..)
        | Expr::Slice { .. }
        | Expr::Resize { .. }
        | Expr::Mux { .. }
        | Expr::Intrinsic(_) => return,
    };
    *expr = new;
}

/// Drops statements without effect.
fn drop_dead(program: &mut Program, usage: &Usage) -> bool {
    let empty: SecondaryMap<BodyId, bool> = {
        let mut map = SecondaryMap::new();
        for (id, body) in program.bodies.iter() {
            map[id] = body.block.is_empty();
        }
        map
    };
    let mut changed = false;
    walk::blocks(program, &mut |block| changed |= drop_in(block, usage, &empty));
    changed
}

fn drop_in(block: &mut Block, usage: &Usage, empty: &SecondaryMap<BodyId, bool>) -> bool {
    let mut changed = false;
    let mut out = Vec::with_capacity(block.len());
    for mut stmt in std::mem::take(block) {
        walk::parts(&mut stmt, &mut |part| {
            if let Part::Block(inner) = part {
                changed |= drop_in(inner, usage, empty);
            }
        });
        let dead = |var: &VarId| !usage.read[*var];
        match stmt {
            Stmt::Assign(Place::Var(var), _) | Stmt::AssignSlice { dst: Place::Var(var), .. }
                if dead(&var) =>
            {
                changed = true;
            }
            Stmt::RegisterRead { dst, .. } | Stmt::Hash { dst, .. } | Stmt::Random { dst, .. }
                if dead(&dst) =>
            {
                changed = true;
            }
            Stmt::Apply { table, hit, action_run } => {
                let (kept_hit, kept_run) =
                    (hit.filter(|var| !dead(var)), action_run.filter(|var| !dead(var)));
                changed |= kept_hit != hit || kept_run != action_run;
                out.push(Stmt::Apply { table, hit: kept_hit, action_run: kept_run });
            }
            Stmt::If { cond: Expr::Const(bits), then, els } => {
                changed = true;
                out.extend(if bits.is_zero() { els } else { then });
            }
            Stmt::If { cond, then, els } => {
                if then.is_empty() && els.is_empty() {
                    changed = true;
                } else if then.is_empty() {
                    out.push(Stmt::If { cond: fold::not(cond), then: els, els: then });
                } else {
                    out.push(Stmt::If { cond, then, els });
                }
            }
            Stmt::Switch { on: Expr::Const(bits), cases, default } => {
                changed = true;
                out.extend(cases.into_iter().find(|(l, _)| l.contains(&bits)).map_or(default, |(_, b)| b));
            }
            Stmt::Switch { on, mut cases, default } => {
                if default.is_empty() {
                    let before = cases.len();
                    cases.retain(|(_, b)| !b.is_empty());
                    changed |= cases.len() != before;
                }
                if cases.is_empty() {
                    changed = true;
                    out.extend(default);
                } else {
                    out.push(Stmt::Switch { on, cases, default });
                }
            }
            Stmt::Verify { cond: Expr::Const(bits), .. } if !bits.is_zero() => changed = true,
            Stmt::Catch(inner) | Stmt::Atomic(inner) if inner.is_empty() => changed = true,
            Stmt::Call { callee: Callee::Body(body), copy_out } if empty[body] => {
                changed = true;
                out.extend(copy_out);
            }
            Stmt::Assign(..)
            | Stmt::AssignSlice { .. }
            | Stmt::SetValid(_)
            | Stmt::SetInvalid(_)
            | Stmt::CopyHeader { .. }
            | Stmt::PushFront(..)
            | Stmt::PopFront(..)
            | Stmt::Loop { .. }
            | Stmt::Break
            | Stmt::Continue
            | Stmt::Return
            | Stmt::Exit
            | Stmt::Catch(_)
            | Stmt::Call { .. }
            | Stmt::Extract { .. }
            | Stmt::Lookahead(_)
            | Stmt::Advance(_)
            | Stmt::Verify { .. }
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
            | Stmt::Decide(_) => out.push(stmt),
        }
    }
    *block = out;
    changed
}

/// Puts small straight bodies where they are called.
fn inline_bodies(program: &mut Program) {
    let mut small: SecondaryMap<BodyId, Option<Block>> = SecondaryMap::new();
    for (id, body) in program.bodies.iter_mut() {
        let mut count = 0;
        let mut plain = true;
        walk::stmts(&mut body.block, &mut |stmt| {
            count += 1;
            plain &= !matches!(stmt, Stmt::Return | Stmt::Exit | Stmt::Call { .. } | Stmt::Apply { .. });
        });
        if plain && count <= INLINE_MAX {
            small[id] = Some(body.block.clone());
        }
    }
    walk::blocks(program, &mut |block| inline_in(block, &small));
}

fn inline_in(block: &mut Block, small: &SecondaryMap<BodyId, Option<Block>>) {
    let mut out = Vec::with_capacity(block.len());
    for mut stmt in std::mem::take(block) {
        walk::parts(&mut stmt, &mut |part| {
            if let Part::Block(inner) = part {
                inline_in(inner, small);
            }
        });
        match stmt {
            Stmt::Call { callee: Callee::Body(body), copy_out } if small[body].is_some() => {
                out.extend(small[body].iter().flatten().cloned());
                out.extend(copy_out);
            }
            stmt => out.push(stmt),
        }
    }
    *block = out;
}

/// What can leave by [`Stmt::Exit`].
#[derive(Default)]
struct Exits {
    bodies: SecondaryMap<BodyId, bool>,
    actions: SecondaryMap<ActionId, bool>,
    tables: SecondaryMap<TableId, bool>,
}

impl Exits {
    fn of(program: &mut Program) -> Exits {
        let mut exits = Exits::default();
        // Callees come to know before callers at the latest after as many rounds as calls nest.
        loop {
            let mut changed = false;
            let mut set = |known: &mut bool, found: bool| {
                changed |= found && !*known;
                *known |= found;
            };
            for (id, action) in program.actions.iter_mut() {
                let found = exits.has(&mut action.body);
                set(&mut exits.actions[id], found);
            }
            for (id, table) in program.tables.iter() {
                let found = table.actions.iter().any(|a| exits.actions[a.action]);
                set(&mut exits.tables[id], found);
            }
            for (id, body) in program.bodies.iter_mut() {
                let found = exits.has(&mut body.block);
                set(&mut exits.bodies[id], found);
            }
            if !changed {
                return exits;
            }
        }
    }

    fn has(&self, block: &mut Block) -> bool {
        let mut found = false;
        walk::stmts(block, &mut |stmt| {
            found |= *stmt == Stmt::Exit;
            if let Stmt::Apply { table, .. } = stmt {
                found |= self.tables[*table];
            }
            if let Stmt::Call { callee, .. } = stmt {
                found |= match callee {
                    Callee::Body(id) => self.bodies[*id],
                    Callee::Action(id) => self.actions[*id],
                    Callee::Parser(_) => false,
                };
            }
        });
        found
    }
}

/// Where nothing exits nothing need be caught.
fn drop_catches(program: &mut Program) {
    let exits = Exits::of(program);
    for body in program.bodies.values_mut() {
        uncatch(&mut body.block, &exits);
    }
}

fn uncatch(block: &mut Block, exits: &Exits) {
    let mut out = Vec::with_capacity(block.len());
    for mut stmt in std::mem::take(block) {
        walk::parts(&mut stmt, &mut |part| {
            if let Part::Block(inner) = part {
                uncatch(inner, exits);
            }
        });
        match stmt {
            Stmt::Catch(mut inner) => match exits.has(&mut inner) {
                true => out.push(Stmt::Catch(inner)),
                false => out.extend(inner),
            },
            stmt => out.push(stmt),
        }
    }
    *block = out;
}

/// Renumbers bodies that are called or are entry points; the others go.
fn compact_bodies(program: &mut Program, origins: &mut Origins) {
    let mut used: SecondaryMap<BodyId, bool> = SecondaryMap::new();
    let mut work: Vec<BodyId> = program.ingress.into_iter().chain(program.egress).collect();
    // Bodies are lowered after what they call: everything else that calls counts as reached.
    let mut calls: SecondaryMap<BodyId, Vec<BodyId>> = SecondaryMap::new();
    for (id, body) in program.bodies.iter_mut() {
        calls[id] = called(&mut body.block);
    }
    for action in program.actions.values_mut() {
        work.extend(called(&mut action.body));
    }
    for table in program.tables.values_mut() {
        for action in &mut table.actions {
            work.extend(called(&mut action.copy_in));
            work.extend(called(&mut action.copy_out));
        }
    }
    for parser in program.parsers.values_mut() {
        for state in parser.states.values_mut() {
            work.extend(called(&mut state.block));
        }
    }
    while let Some(id) = work.pop() {
        if !used[id] {
            used[id] = true;
            work.extend(calls[id].iter().copied());
        }
    }
    let mut numbers: SecondaryMap<BodyId, Option<BodyId>> = SecondaryMap::new();
    let mut kept = PrimaryMap::new();
    let old_origins = std::mem::take(&mut origins.bodies);
    for (id, body) in std::mem::take(&mut program.bodies) {
        if used[id] {
            numbers[id] = Some(kept.push(body));
            origins.bodies.push(old_origins[id]);
        }
    }
    program.bodies = kept;
    walk::blocks(program, &mut |block| {
        walk::stmts(block, &mut |stmt| {
            if let Stmt::Call { callee: Callee::Body(id), .. } = stmt
                && let Some(new) = numbers[*id]
            {
                *id = new;
            }
        });
    });
    program.ingress = program.ingress.and_then(|id| numbers[id]);
    program.egress = program.egress.and_then(|id| numbers[id]);
}

fn called(block: &mut Block) -> Vec<BodyId> {
    let mut ids = Vec::new();
    walk::stmts(block, &mut |stmt| {
        if let Stmt::Call { callee: Callee::Body(id), .. } = stmt {
            ids.push(*id);
        }
    });
    ids
}

/// Renumbers what outlives a pass: only what is referred to, and of that only slots that are read.
fn compact_preserves(program: &mut Program) {
    let usage = Usage::of(program);
    let mut old = std::mem::take(&mut program.preserves);
    for preserve in old.values_mut() {
        preserve.vars.retain(|var| usage.read[*var]);
    }
    let mut numbers: SecondaryMap<PreserveId, Option<PreserveId>> = SecondaryMap::new();
    let mut kept: PrimaryMap<PreserveId, _> = PrimaryMap::new();
    walk::blocks(program, &mut |block| {
        walk::stmts(block, &mut |stmt| {
            walk::parts(stmt, &mut |part| {
                if let Part::Preserve(id) = part {
                    let new = match numbers[*id] {
                        Some(new) => new,
                        None => kept.push(old[*id].clone()),
                    };
                    numbers[*id] = Some(new);
                    *id = new;
                }
            });
        });
    });
    program.preserves = kept;
}

/// Renumbers slots that anything refers to; the others go.
fn compact_vars(program: &mut Program, origins: &mut Origins) {
    let mut used: SecondaryMap<VarId, bool> = SecondaryMap::new();
    on_vars(program, &mut |var| used[*var] = true);
    let mut numbers: SecondaryMap<VarId, Option<VarId>> = SecondaryMap::new();
    let mut kept = PrimaryMap::new();
    let old_origins = std::mem::take(&mut origins.vars);
    for (id, var) in std::mem::take(&mut program.vars) {
        if used[id] {
            numbers[id] = Some(kept.push(var));
            origins.vars.push(old_origins[id]);
        }
    }
    program.vars = kept;
    on_vars(program, &mut |var| {
        if let Some(new) = numbers[*var] {
            *var = new;
        }
    });
}

/// Shows every mention of a slot.
fn on_vars(program: &mut Program, visit: &mut dyn FnMut(&mut VarId)) {
    walk::exprs(program, &mut |expr| {
        walk::sub_exprs(expr, &mut |e| {
            if let Expr::Read(Place::Var(var)) = e {
                visit(var);
            }
        });
    });
    walk::blocks(program, &mut |block| {
        walk::stmts(block, &mut |stmt| {
            walk::parts(stmt, &mut |part| {
                if let Part::Def(var) | Part::DefSlice(var) = part {
                    visit(var);
                }
            });
        });
    });
    for action in program.actions.values_mut() {
        action.params.iter_mut().for_each(|p| visit(&mut p.var));
    }
    program.parsers.values_mut().for_each(|p| visit(&mut p.error));
    program.stacks.values_mut().for_each(|s| visit(&mut s.next));
    for preserve in program.preserves.values_mut() {
        preserve.vars.iter_mut().for_each(&mut *visit);
    }
}
